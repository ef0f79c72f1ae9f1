//! Audio hardware behind one function: [`open`] takes a [`StreamConfig`] and an [`AudioCallback`] and gives a
//! [`Stream`]. This crate knows callbacks, not graphs.
//!
//! # Life of a stream
//! 1. [`prepare`] opens the hardware: [`Prepared::info`] tells its true rate and period, nothing is called yet.
//! 2. [`Prepared::start`] starts calling ([`open`] does both).
//! 3. While it runs, [`Stream::stats`] reads what was counted, [`Stream::events`] tells what happens from outside.
//! 4. [`Stream::stop`] gives the callback back, after a server's death too.
//!
//! ```
//! use std::time::Duration;
//! use omega_audio_io::{Backend, IoBlock, StreamConfig, open};
//! let config = StreamConfig { backend: Backend::Timer, period: Some(64), ..StreamConfig::default() };
//! let mut blocks = 0;
//! let stream = open(&config, Box::new(move |_: &mut IoBlock<'_>| blocks += 1))?;
//! assert_eq!((stream.info().rate, stream.info().period), (48_000, 64));
//! assert_eq!(stream.events().wait(Duration::from_millis(5)), None);
//! assert!(stream.stop().is_some());
//! # Ok::<(), omega_audio_io::OpenError>(())
//! ```
//!
//! # Where the callback runs
//! | backend | thread | period |
//! |---|---|---|
//! | [`Backend::Jack`] | JACK's own real-time thread, inputs and outputs in one callback | the server's, exact |
//! | [`Backend::System`] | the system's for the output, made real-time; inputs come over from theirs | a wish: blocks have any length |
//! | [`Backend::Timer`] | ours, made real-time, waking at absolute deadlines | any, exact |
//! | [`Backend::Virtual`] | the caller's | any, random on request |
// Nightly only, and only where RealtimeSanitizer was asked for: every other build is untouched.
#![cfg_attr(rtsan, feature(sanitize))]

mod backend;
#[cfg(any(feature = "system", feature = "testing", test))]
mod bridge;
mod callback;
mod clock;
mod config;
pub mod doctor;
mod edge;
mod events;
mod hardware;
mod histogram;
mod jack;
#[cfg(any(feature = "system", feature = "testing", test))]
mod lock;
mod memory;
mod midi;
mod planar;
mod priority;
mod reblock;
mod resampler;
mod runner;
mod seam;
mod shared;
mod stats;
mod stream;
mod system;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;
mod virtual_clock;

pub use backend::{AudioBackend, prepare};
pub use callback::{AudioCallback, HardwareTime, IoBlock, IoFlags, MAX_CHANNELS, MAX_PERIOD};
pub use clock::nanoseconds;
pub use config::{Backend, Connect, JackOptions, OpenError, RATES, StreamConfig, System};
pub use events::{Event, EventReader};
pub use hardware::{
    BackendReport, BackendState, HardwareDevice, HardwarePort, Offer, PortDirection, PortKind, hardware,
};
pub use histogram::Timing;
pub use jack::Jack;
pub use memory::{LockError, Locked, lock_in_memory};
pub use midi::{MAX_MIDI, MidiEvent, MidiInputs, midi_inputs};
pub use priority::Priority;
pub use reblock::Reblock;
pub use stats::Stats;
pub use stream::{Latency, Prepared, Stream, StreamInfo};
pub use timer::Timer;
pub use virtual_clock::{BlockSizes, VirtualClock};

/// Opens the hardware and starts calling `callback`.
///
/// # Errors
/// As [`prepare`] and [`Prepared::start`].
pub fn open(config: &StreamConfig, callback: Box<dyn AudioCallback>) -> Result<Stream, OpenError> {
    prepare(config)?.start(callback)
}

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: omega_rt::guard::CountingAllocator = omega_rt::guard::CountingAllocator;
