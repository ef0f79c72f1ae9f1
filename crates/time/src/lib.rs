//! Exact time: frames, ticks, sample rates, tempo maps and time signatures.
//!
//! There are two integer axes: [`Frames`] at the session's rate and musical [`Ticks`]. Everything on the time line
//! is stored on one of them ([`TimePoint`]) and never as a converted copy.
//!
//! The crate is `no_std`: its values are plain and can be used on the audio thread.
#![no_std]

mod as_text;
mod meter;
mod point;
mod rate;
mod tempo;
mod units;

pub use meter::{Bbt, TimeSignature, TimeSignatureError};
pub use point::{TimeBase, TimePoint, TimeRange, TimeRangeError};
pub use rate::{SampleRate, SampleRateError};
pub use tempo::{Tempo, TempoError};
pub use units::{Frames, TICKS_PER_QUARTER, Ticks};
