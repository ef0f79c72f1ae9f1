//! Processors with a known answer: sources that depend on the time line only, effects with a latency or a tail, probes
//! that tell what reached them, and seeded faults.
//!
//! All of them give the same samples for any cut into blocks, and keep the audio thread's rules, except the faults,
//! which break exactly the one that they are named after.

mod effects;
mod faults;
mod probes;
mod sources;

pub use effects::{Echo, LatencyNode, MAX_LATENCY, SideSum};
pub use faults::{AllocatingNode, FailingNode, NanNode};
pub use probes::{Counting, Counts, EventProbe, ParamProbe, Recorder, Recording};
pub use sources::{Clock, Constant, Impulse, Noise, Ramp, Sine};
