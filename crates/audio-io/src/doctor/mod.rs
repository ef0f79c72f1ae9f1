//! What on this machine stands in the way of audio without dropouts, and how to mend it: for `omega doctor`.
//!
//! [`Readings`] are taken from the system once, then [`diagnose`] judges them and nothing else, so that every judgement
//! can be tested without the machine it is about.

mod readings;
mod rules;

pub use readings::{Cpu, JackReading, Kernel, Limit, LimitsFile, Preemption, Readings, Sound, SystemReading};
pub use rules::diagnose;

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was examined, in a word or two.
    pub topic: &'static str,
    /// How bad it is.
    pub state: State,
    /// What was found, in a sentence.
    pub what: String,
    /// The exact steps that mend it, commands in backticks. Empty when all is well.
    pub how_to_mend: String,
}

/// How bad it is. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// All is well.
    Ok,
    /// It works, with dropouts under load or with something missing.
    Warning,
    /// Expect dropouts, or silence.
    Problem,
}

/// Examines this machine. Starts a thread and makes it real-time to see if that is allowed, asks for a JACK server, reads
/// files; changes nothing. Takes well below a second, several if a server hangs.
#[must_use]
pub fn examine() -> Vec<Finding> {
    diagnose(&Readings::take())
}
