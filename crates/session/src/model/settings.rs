//! Facts of the session as a whole.

use omega_time::{SampleRate, Ticks, TimeRange};

use super::Metronome;
use super::fact::{facts, words};
use super::values::{long_text, name};

words! {
    /// How buses sum; part of what a render is.
    pub enum BusPrecision {
        /// In 32-bit floating point.
        F32 = "f32",
        /// In 64-bit floating point, rounded once.
        F64 = "f64",
    }
}

facts! {
    /// A range that can be switched on.
    pub struct RangeSetting {
        /// It is on.
        pub on: bool = false;
        /// The range.
        pub range: TimeRange = TimeRange::Musical { start: Ticks(0), end: Ticks(0) };
    }
}

impl RangeSetting {
    /// Switched off and empty.
    #[must_use]
    pub fn off() -> Self {
        let range = TimeRange::Musical { start: Ticks(0), end: Ticks(0) };
        Self { on: false, range, extra: Default::default() }
    }
}

facts! {
    /// Facts of the session as a whole: `session`.
    pub struct Settings {
        /// The session's name.
        pub name: String [name] = String::new();
        /// Notes for people.
        pub notes: String [long_text] = String::new();
        /// Its rate. Everything absolute counts frames at this rate.
        pub sample_rate: SampleRate;
        /// How buses sum.
        pub bus_precision: BusPrecision = BusPrecision::F32;
        /// Where playing wraps.
        pub loop_range: RangeSetting = RangeSetting::off();
        /// Where armed tracks record.
        pub punch_range: RangeSetting = RangeSetting::off();
        /// The click that players play to.
        pub metronome: Metronome = Metronome::off();
    }
}

impl Settings {
    /// A session with this name and rate.
    #[must_use]
    pub fn new(name: &str, sample_rate: SampleRate) -> Self {
        Self {
            name: name.to_owned(),
            notes: String::new(),
            sample_rate,
            bus_precision: BusPrecision::F32,
            loop_range: RangeSetting::off(),
            punch_range: RangeSetting::off(),
            metronome: Metronome::off(),
            extra: Default::default(),
        }
    }
}
