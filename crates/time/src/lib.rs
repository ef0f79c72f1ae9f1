//! Exact time: frames, ticks, sample rates, tempo maps and time signatures.
//!
//! There are two integer axes: [`Frames`] at the session's rate and musical [`Ticks`]. Everything on the time line
//! is stored on one of them ([`TimePoint`]) and never as a converted copy.
//!
//! The crate is `no_std`: its values are plain and can be used on the audio thread.
#![no_std]

mod as_text;
mod curve;
mod edit;
mod map;
mod meter;
mod meter_map;
mod point;
mod position;
mod rate;
mod tempo;
mod text;
mod units;

pub use map::{Ramp, TempoMap, TempoMapError, TempoPoint};
pub use meter::{Bbt, TimeSignature, TimeSignatureError};
pub use meter_map::{BbtError, MeterError, MeterPoint};
pub use point::{TimeBase, TimeLength, TimePoint, TimeRange, TimeRangeError};
pub use position::{FramePosition, TickPosition};
pub use rate::{SampleRate, SampleRateError};
pub use tempo::{Tempo, TempoError};
pub use text::{ClockTime, Part, TimeTextError};
pub use units::{Frames, TICKS_PER_QUARTER, Ticks};
