//! One pure function: a project becomes a graph specification.
