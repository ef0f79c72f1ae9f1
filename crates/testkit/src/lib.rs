//! Integration harness: graph generators, oracles, seeded faults.
//!
//! - [`drive`]: runs one processor over any cut into blocks, without an engine.
//! - [`processors`]: processors with a known answer, for tests of whatever runs processors.
//! - [`random`]: a small seeded generator, so that a failing case can be told by its seed.

pub mod drive;
pub mod processors;
pub mod random;
