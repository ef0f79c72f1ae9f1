//! What the two halves of a plugin know of each other: numbers that either may look at, at any time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use omega_processor::Status;

/// Why a plugin was taken out of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It put out NaN or infinity.
    NotFinite,
    /// It put out more than +60 dBFS.
    Runaway,
    /// It said that it cannot process.
    Refused,
    /// Its worker wrote what makes no sense.
    Nonsense,
    /// Its worker ended: the plugin crashed.
    Crashed,
    /// It did not come back from a call.
    Hung,
    /// It could not be made again.
    Lost,
}

impl Trouble {
    const ALL: [Self; 7] = [
        Self::NotFinite,
        Self::Runaway,
        Self::Refused,
        Self::Nonsense,
        Self::Crashed,
        Self::Hung,
        Self::Lost,
    ];

    /// As [`Status::Failed`] carries it.
    #[must_use]
    pub fn code(self) -> u32 {
        Self::ALL.iter().position(|known| *known == self).map_or(0, |at| 1 + u32::try_from(at).unwrap_or(0))
    }

    /// From [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.get((code as usize).checked_sub(1)?).copied()
    }

    pub(crate) fn status(self) -> Status {
        Status::Failed(self.code())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "put out values that are no numbers (NaN or infinity)",
            Self::Runaway => "put out more than +60 dBFS",
            Self::Refused => "said that it cannot process",
            Self::Nonsense => "sent what makes no sense",
            Self::Crashed => "crashed",
            Self::Hung => "did not come back from a call",
            Self::Lost => "could not be made again",
        })
    }
}

/// See the [module](self). `→` says who writes.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Keeper → audio: how many instances there have been. Another one has to be told everything again.
    pub generation: AtomicU32,
    /// Keeper → audio: the plugin's own latency in frames.
    pub latency: AtomicU32,
    /// Keeper → audio: the plugin asks to be processed although nothing comes in.
    pub wake: AtomicBool,
    /// Main → audio: what the plugin was told of values may not be what it has any more.
    pub retell: AtomicBool,
    /// Keeper → audio: no reply will ever come again.
    pub lost: AtomicBool,
    /// Audio → keeper: requests so far.
    pub submitted: AtomicU32,
    /// Audio → keeper: what is wrong with the instance of this generation; zero for nothing.
    trouble: AtomicU32,
    trouble_generation: AtomicU32,
    /// Audio → keeper: quanta whose reply was not there in time.
    pub late: AtomicU32,
    /// Audio → keeper: what is heard is the input.
    pub bypassed: AtomicBool,
    /// Audio → keeper: the audio half was dropped.
    pub gone: AtomicBool,
}

impl Health {
    /// Audio: the instance of that generation has to go. Real-time safe.
    pub(crate) fn complain(&self, generation: u32, trouble: Trouble) {
        self.trouble_generation.store(generation, Ordering::Relaxed);
        self.trouble.store(trouble.code(), Ordering::Release);
    }

    /// Keeper: what was complained about since the last call, if it is of the instance that runs.
    pub(crate) fn take_complaint(&self) -> Option<Trouble> {
        let code = self.trouble.swap(0, Ordering::Acquire);
        let of = self.trouble_generation.load(Ordering::Relaxed);
        Trouble::from_code(code).filter(|_| of == self.generation.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;

    #[test]
    fn every_trouble_has_a_code_and_words_of_its_own() {
        for (n, trouble) in Trouble::ALL.iter().enumerate() {
            assert_eq!(Trouble::from_code(trouble.code()), Some(*trouble));
            assert!(Trouble::ALL[..n].iter().all(|other| other.to_string() != trouble.to_string()));
        }
        assert_eq!((Trouble::from_code(0), Trouble::from_code(99)), (None, None));
    }

    #[test]
    fn a_complaint_about_an_instance_that_is_gone_is_not_heard() {
        let health = Health::default();
        health.complain(0, Trouble::NotFinite);
        health.generation.store(1, Ordering::Relaxed);
        assert_eq!(health.take_complaint(), None);
        health.complain(1, Trouble::Runaway);
        assert_eq!((health.take_complaint(), health.take_complaint()), (Some(Trouble::Runaway), None));
    }
}
