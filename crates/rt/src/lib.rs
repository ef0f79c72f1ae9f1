//! Real-time primitives: everything the audio thread may use to own memory and to talk to other threads.
//!
//! | module | what it is | audio thread |
//! |---|---|---|
//! | [`owned`] | [`Owned`], [`Shared`], [`AlignedBuffer`]: heap values made elsewhere | use, never make or drop |
//! | [`fifo`] | [`Producer`]/[`Consumer`]: every message counts, single or batched | both ends, wait-free |
//! | [`latest`] | latest-value cells and [`AtomicF32`]: only the newest value counts | both ends, wait-free |
//! | [`meter`] | [`PeakCell`]: peaks and energies for meters | writes, wait-free |
//! | [`pcm`] | [`PcmSource`]: recorded audio that another thread pages in | reads |
//! | [`pool`] | [`BlockPool`]: fixed-size blocks, lock-free, O(1) | takes and gives back |
//! | [`reclaim`] | [`Reclaim`]/[`Reclaimer`]: what is dropped elsewhere | gives away, wait-free |
//! | [`denormals`] | [`FlushDenormals`] | enter at each callback |
//! | [`guard`] | counts allocations, frees and locks inside an [`RtScope`] | enter at each callback |
#![no_std]

pub mod denormals;
pub mod fifo;
pub mod guard;
pub mod latest;
mod lines;
pub mod meter;
pub mod owned;
pub mod pcm;
pub mod pool;
pub mod reclaim;
#[cfg(any(loom, seeded_faults))]
pub mod sync;
#[cfg(not(any(loom, seeded_faults)))]
mod sync;

pub use denormals::FlushDenormals;
pub use fifo::{Consumer, Producer};
pub use guard::{RtCounts, RtScope};
pub use latest::{AtomicF32, LatestReader, LatestWriter};
pub use meter::{MeterReading, PeakCell};
pub use owned::{AlignedBuffer, Owned, Shared};
pub use pcm::{PcmSource, RamPcm};
pub use pool::{Block, BlockPool, PoolBox, PoolCache, SampleBlock};
pub use reclaim::{Reclaim, Reclaimer};
