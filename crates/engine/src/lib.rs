//! Executes a schedule on the audio thread.
//!
//! [`Executor::process`] is the whole audio cycle: it takes commands, walks the [`Program`]'s steps for stretches of at
//! most [`MAX_BLOCK`](omega_processor::MAX_BLOCK) frames, and reports through FIFOs and latest-value cells. It allocates,
//! locks, waits and frees nothing; nothing in it can panic. All that is built or freed is built and freed by
//! [`prepare`], which is the only module of this crate that can name an allocation.
//!
//! - [`Timeline`]: where each frame lies on the time line, for nodes behind any latency.
//! - [`Lane`]: automation, evaluated at absolute frames.
//! - [`prepare::Conductor`]: hands schedules over while sound goes on, and takes the old ones back.
#![no_std]
#![forbid(unsafe_code)]

mod command;
mod delay;
mod executor;
mod fault;
mod keys;
mod lane;
mod level;
mod mix;
mod outside;
pub mod prepare;
mod program;
mod slab;
mod slot;
mod timeline;

pub use command::{Command, EngineEvent, EngineStatus};
pub use executor::{Clock, Executor, STRIKES};
pub use fault::{Fault, PARTING, RUNAWAY};
pub use lane::{Lane, LanePoint, LaneShape};
pub use outside::{Outside, Planar, Slices};
pub use program::Program;
pub use timeline::{LoopRange, MAX_POSITION, MIN_LOOP, RecordRange, Timeline};

/// Distance in samples between neighbouring channel buffers: a block and one cache line, so that buffers do not all
/// begin at the same place in a page.
pub(crate) const STRIDE: usize = omega_processor::MAX_BLOCK + 16;

/// Frames over which an edit is cross-faded (10 ms at 48 kHz). A number of frames, not of milliseconds, so that it does
/// not depend on anything.
pub const FADE: i64 = 480;

/// Frames over which the outside is faded out before, and in after, a locate while rolling.
pub const DECLICK: i64 = 256;
