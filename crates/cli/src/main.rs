//! The omega command line.
fn main() {}
