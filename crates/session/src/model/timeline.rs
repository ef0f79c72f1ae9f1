//! What lies on the time line beside clips.

use omega_time::{Tempo, Ticks, TimePoint, TimeSignature};

use super::Colour;
use super::fact::facts;
use super::values::name;

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
    /// A change of tempo: `tempo.<id>`. Before the first one the first one holds; without any it is 120 BPM.
    pub struct TempoPoint {
        /// Where it is. No two are at one place.
        pub at: Ticks;
        /// The tempo from here on, 1 to 1,000 BPM.
        pub tempo: Tempo;
        /// The tempo runs to that of the next point, linearly in quarter-note period over ticks.
        pub ramp: bool = false;
    }
}

impl TempoPoint {
    /// A tempo that holds from `at` on.
    #[must_use]
    pub fn new(at: Ticks, tempo: Tempo) -> Self {
        Self { at, tempo, ramp: false, extra: Default::default() }
    }
}

facts! {
    /// A change of time signature: `meter.<id>`. It begins a bar, cutting the one before short where it falls inside.
    /// Before the first one the first one holds; without any it is 4/4.
    pub struct MeterPoint {
        /// Where it is. No two are at one place.
        pub at: Ticks;
        /// The time signature from here on.
        pub signature: TimeSignature;
    }
}

impl MeterPoint {
    /// A time signature that holds from `at` on.
    #[must_use]
    pub fn new(at: Ticks, signature: TimeSignature) -> Self {
        Self { at, signature, extra: Default::default() }
    }
}
