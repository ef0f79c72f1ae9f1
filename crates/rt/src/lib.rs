//! Real-time primitives: everything the audio thread may use to own memory and to talk to other threads.
//!
//! | module | what it is | audio thread |
//! |---|---|---|
//! | [`owned`] | [`Owned`], [`Shared`], [`AlignedBuffer`]: heap values made elsewhere | uses, never makes or drops |
//! | [`pool`] | [`BlockPool`]: fixed-size blocks, lock-free, O(1) | takes and gives back |
//! | [`fifo`] | [`Producer`]/[`Consumer`]: every message counts, single or batched | both ends, wait-free |
//! | [`latest`] | latest-value cells and [`AtomicF32`]: only the newest value counts | both ends, wait-free |
//! | [`meter`] | [`PeakCell`]: peaks and energies for meters; [`LoadCell`]: shares of time | writes |
//! | [`pages`] | [`PagePool`](pages::PagePool): pages of samples that others fill anew | reads |
//! | [`reclaim`] | [`Reclaim`]/[`Reclaimer`]: what is dropped elsewhere | gives away, wait-free |
//! | [`resident`] | who keeps buffers and pools in main memory | – |
//! | [`pcm`] | [`PcmSource`]: recorded audio that another thread pages in | reads |
//! | [`faults`] | mistakes that proofs make on purpose | constants that are false |
//! | [`tape`] | frames and their places on the time line, to whoever keeps them | writes, wait-free |
//! | [`denormals`] | [`FlushDenormals`] | enters at each callback |
//! | [`guard`] | counts allocations, frees and locks inside an [`RtScope`] | enters at each callback |
//!
//! # A value's life
//!
//! Made off the audio thread as a `Box` → [`Owned`] → sent through a [FIFO](fifo) → used by the audio thread → given
//! to [`Reclaim`] → dropped by the [`Reclaimer`]. The audio thread never sees its birth or its death:
//!
//! ```
//! use omega_rt::{FlushDenormals, Owned, RtScope, fifo::fifo, reclaim::reclaim};
//!
//! let (mut to_audio, mut inbox) = fifo::<Owned<[f32]>>(4);
//! let (mut outbox, mut reclaimer) = reclaim::<Owned<[f32]>>(4);
//! let mut audio = {
//!     let mut curve = Owned::<[f32]>::default();
//!     move |block: &mut [f32]| {
//!         let _scope = RtScope::enter();
//!         let _flush = FlushDenormals::enter();
//!         // Something new is taken on only if there is room for what it replaces.
//!         if outbox.has_room() {
//!             if let Some(new) = inbox.pop() {
//!                 let _sent = outbox.send(std::mem::replace(&mut curve, new));
//!             }
//!         }
//!         block.iter_mut().zip(&*curve).for_each(|(sample, gain)| *sample *= gain);
//!     }
//! };
//! to_audio.push(Owned::from(vec![0.5; 256].into_boxed_slice())).expect("there is room");
//! let mut block = [1.0; 256];
//! audio(&mut block);
//! assert_eq!((block[255], reclaimer.collect()), (0.5, 1));
//! ```
//!
//! # Invariants
//!
//! Each is held by the test named with it; those in `tests/loom.rs` in every interleaving of up to three preemptions
//! and every order that the memory model allows, and each of those models must also find its own seeded fault.
//!
//! - **An [`Owned`] value is not used after it was given away**: under `--cfg loom` each tells the model when it is read,
//!   written and freed, so that what is built on this crate can be modelled as it is (the engine's `tests/loom.rs`).
//! - **Nothing waits.** There is no lock in this crate but the one that [`guard`] counts. FIFOs, cells and reclaim are
//!   wait-free; the pool is lock-free, and its cache keeps it out of most operations.
//! - **A block has one owner at a time**, and what one owner wrote happened before the next owner's turn
//!   (`a_block_has_one_owner_at_a_time`, `batches_move_whole_while_others_take_and_give_back`; without the change
//!   counter the model finds the ABA fault).
//! - **A latest value arrives whole and never goes back** (`latest_value_is_whole_and_never_older`).
//! - **What is given away is dropped once, elsewhere, in order** (`reclaim_drops_each_value_once_on_the_other_side`).
//! - **No meter update is lost or counted twice** (`meter_readings_lose_nothing_and_are_never_torn`).
//! - **A page is never filled while it is read**, and an identity that is out of date is noticed
//!   (`a_page_is_never_filled_under_a_reader`).
//! - **Full and empty are values**: a full FIFO gives the value back, an empty pool is `None`. Nothing here panics on
//!   the audio thread.
//! - **Memory is there**: pools, buffers and FIFOs touch their pages when made
//!   (`the_pages_of_pools_buffers_and_fifos_are_there_before_their_first_use`).
//!
//! # Proving it
//!
//! ```sh
//! cargo test -p omega-rt
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p omega-rt --release --test loom
//! cargo run --release -p omega-rt --example primitives       # what it costs here
//! ```
//!
//! The same structures between real threads under ThreadSanitizer: `examples/threads.rs` has the commands.
//!
//! # What allocates
//!
//! [`fifo::fifo`], [`latest::latest_value`], [`reclaim::reclaim`], [`BlockPool::new`](pool::BlockPool::new) and
//! [`standard`](pool::BlockPool::standard), [`AlignedBuffer::zeroed`], [`RamPcm::new`] and its `clone` prepare, off the
//! audio thread. The last end of a FIFO, cell or reclaim ring to go frees it: keep one end off the audio thread until
//! the other is gone.
#![no_std]

pub mod denormals;
pub mod faults;
pub mod fifo;
pub mod guard;
pub mod latest;
mod lines;
pub mod meter;
pub mod notes;
pub mod owned;
pub mod pages;
pub mod pcm;
pub mod pool;
pub mod reclaim;
pub mod resident;
mod sync;
pub mod tape;

pub use denormals::FlushDenormals;
pub use fifo::{Consumer, Producer};
pub use guard::{RtCounts, RtScope};
pub use latest::{AtomicF32, LatestReader, LatestWriter};
pub use meter::{LoadCell, LoadReading, MeterReading, PeakCell};
pub use owned::{AlignedBuffer, Owned, Shared};
pub use pcm::{PcmSource, RamPcm};
pub use pool::{Block, BlockPool, PoolBox, PoolCache, SampleBlock};
pub use reclaim::{Reclaim, Reclaimer};
