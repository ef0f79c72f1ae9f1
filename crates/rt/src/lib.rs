//! Real-time primitives: everything the audio thread may use to own memory and to talk to other threads.
//!
//! | module | what it is | audio thread |
//! |---|---|---|
//! | [`owned`] | [`Owned`], [`AlignedBuffer`]: heap values made elsewhere | use, never make or drop |
//! | [`fifo`] | [`Producer`]/[`Consumer`]: every message counts, single or batched | both ends, wait-free |
//! | [`guard`] | counts allocations, frees and locks inside an [`RtScope`] | enter at each callback |
#![no_std]

pub mod fifo;
pub mod guard;
pub mod owned;

pub use fifo::{Consumer, Producer};
pub use guard::{RtCounts, RtScope};
pub use owned::{AlignedBuffer, Owned};
