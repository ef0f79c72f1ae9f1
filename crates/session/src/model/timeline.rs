//! What lies on the time line beside clips.

use omega_time::{Ramp, Tempo, TempoMap, Ticks, TimePoint, TimeSignature};

use super::fact::facts;
use super::values::name;
use super::{Colour, limits};

facts! {
    /// A named place: `markers.<id>`.
    pub struct Marker {
        /// Where it is.
        pub at: TimePoint;
        /// Its name, up to 1,000 characters.
        pub name: String [name] = String::new();
        /// Its colour.
        pub colour: Option<Colour> = None;
    }
}

impl Marker {
    /// A marker with this name.
    #[must_use]
    pub fn new(at: TimePoint, name: &str) -> Self {
        Self { at, name: name.to_owned(), colour: None, extra: Default::default() }
    }
}

facts! {
    /// A change of tempo: `tempo.<id>`. The first one holds from the start on, wherever it is; without any it is 120 BPM.
    pub struct TempoPoint {
        /// Where it is, from 0. No two are at one place.
        pub at: Ticks [tempo_tick];
        /// The tempo from here on, 1 to 1,000 BPM.
        pub tempo: Tempo;
        /// How it goes on to the next point.
        pub ramp: Ramp = Ramp::Constant;
    }
}

impl TempoPoint {
    /// A tempo that holds from `at` on.
    #[must_use]
    pub fn new(at: Ticks, tempo: Tempo) -> Self {
        Self { at, tempo, ramp: Ramp::Constant, extra: Default::default() }
    }
}

facts! {
    /// A change of time signature: `meter.<id>`. The first one holds from the first bar on, wherever it is; without any it
    /// is 4/4.
    pub struct MeterPoint {
        /// The bar that it begins with, from 1. No two begin with one bar.
        pub bar: i64 [bar];
        /// The time signature from here on.
        pub signature: TimeSignature;
    }
}

fn bar(bar: &i64) -> Result<(), String> {
    let last = limits::MAX_BAR;
    if (1..=last).contains(bar) { Ok(()) } else { Err(format!("bar {bar} is out of range: 1 to {last}")) }
}

fn tempo_tick(at: &Ticks) -> Result<(), String> {
    let last = TempoMap::MAX_TICK;
    if (Ticks::ZERO..=last).contains(at) {
        Ok(())
    } else {
        Err(format!("tick {} is out of range: a tempo begins at 0 to {}", at.0, last.0))
    }
}

impl MeterPoint {
    /// A time signature that holds from this bar on.
    #[must_use]
    pub fn new(bar: i64, signature: TimeSignature) -> Self {
        Self { bar, signature, extra: Default::default() }
    }
}
