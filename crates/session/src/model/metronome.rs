//! The click that players play to.

use super::Output;
use super::fact::facts;
use super::values::gain_db;

facts! {
    /// The metronome: `session.metronome`. It is heard while playing, never in a render, wherever it is routed.
    pub struct Metronome {
        /// It clicks whenever the time line rolls; without, in count-ins only.
        pub on: bool = false;
        /// Where it is heard: hardware outputs, or a cue bus, a bus or the master.
        pub output: Output = Metronome::outputs();
        /// Its level, −144 (silence) to 48 dB.
        pub level_db: f64 [gain_db] = -6.0;
    }
}

impl Metronome {
    /// Switched off, on the first two hardware outputs.
    #[must_use]
    pub fn off() -> Self {
        Self { on: false, output: Self::outputs(), level_db: -6.0, extra: Default::default() }
    }

    fn outputs() -> Output {
        Output::Hardware(vec![0, 1])
    }
}
