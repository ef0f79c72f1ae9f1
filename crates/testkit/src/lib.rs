//! Integration harness: graph generators, oracles, seeded faults.
//!
//! - [`drive`]: runs one processor over any cut into blocks, without an engine.
//! - [`guarded`]: holds a processor to the rules of the audio thread.
//! - [`processors`]: processors with a known answer, for tests of whatever runs processors.
//! - [`random`]: a small seeded generator, so that a failing case can be told by its seed.
//! - [`graphs`]: random graphs and the oracle of their sound.
//! - [`rig`]: an engine driven by hand.

pub mod drive;
pub mod graphs;
pub mod guarded;
pub mod processors;
pub mod random;
pub mod rig;
