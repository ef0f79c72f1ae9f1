//! Sends from a track to a bus.

use omega_time::Frames;

use super::fact::facts;
use super::values::{delay, gain_db, pan};
use super::{OrderKey, TrackId};

facts! {
    /// A send: `sends.<id>`.
    pub struct Send {
        /// Where it comes from.
        pub track: TrackId;
        /// The bus, return, cue bus or master it goes to.
        pub target: TrackId;
        /// Where it stands among the sends of its track.
        pub order: OrderKey = OrderKey::default();
        /// Its gain, −144 (silence) to 48 dB. A parameter.
        pub gain_db: f64 [gain_db] = 0.0;
        /// Pan or balance, −1 (left) to 1 (right), with the law of its track. A parameter.
        pub pan: f64 [pan] = 0.0;
        /// Taken before the fader and the mute, after the devices.
        pub pre: bool = false;
        /// Silenced. A parameter.
        pub mute: bool = false;
        /// A feedback send: it may close a cycle, and arrives so many frames (1 or more) later.
        pub feedback_delay: Option<Frames> [feedback] = None;
    }
}

#[allow(clippy::ref_option, reason = "a check of a field gets a reference to the field's own type")]
fn feedback(frames: &Option<Frames>) -> Result<(), String> {
    match frames {
        Some(frames) if frames.0 < 1 => {
            Err(format!("a feedback delay of {} frames is out of range: 1 or more", frames.0))
        }
        Some(frames) => delay(frames),
        None => Ok(()),
    }
}

impl Send {
    /// A post-fader send at 0 dB.
    #[must_use]
    pub fn new(track: TrackId, target: TrackId) -> Self {
        Self {
            track,
            target,
            order: OrderKey::default(),
            gain_db: 0.0,
            pan: 0.0,
            pre: false,
            mute: false,
            feedback_delay: None,
            extra: Default::default(),
        }
    }
}

impl Send {
    /// Whether both lie between the same ends at the same point of the chain: one cable, laid twice.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        (&self.track, &self.target, self.pre) == (&other.track, &other.target, other.pre)
            && self.feedback_delay.is_some() == other.feedback_delay.is_some()
    }
}
