//! Takes of a track, and the comp: which of them sounds where.

use omega_time::{Frames, TimePoint};

use super::fact::facts;
use super::values::name;
use super::{Colour, OrderKey, TakeId, TrackId, limits};

/// Frames of the cross-fade where a comp goes from one take to another, unless a span says otherwise: 10 ms at 48 kHz.
pub const COMP_FADE: Frames = Frames(480);

facts! {
    /// A take: `takes.<id>`. Its clips, those whose `take` names it, are heard where the comp of its track says so, and
    /// nowhere else.
    pub struct Take {
        /// The audio track that it is one of.
        pub track: TrackId;
        /// Where it stands among the takes of its track.
        pub order: OrderKey = OrderKey::default();
        /// Its name, up to 1,000 characters.
        pub name: String [name] = String::new();
        /// Its colour; that of the track where there is none.
        pub colour: Option<Colour> = None;
        /// Silent, also where the comp names it.
        pub mute: bool = false;
    }
}

impl Take {
    /// A take of a track.
    #[must_use]
    pub fn new(track: TrackId, name: &str) -> Self {
        let (order, name) = (OrderKey::default(), name.to_owned());
        Self { track, order, name, colour: None, mute: false, extra: Default::default() }
    }
}

facts! {
    /// A span of a track's comp: `comp.<id>`. Over it one take sounds.
    ///
    /// Spans of a track do not overlap. Where two touch and name different takes, the sound goes from one to the other by
    /// an equal-power cross-fade with its middle at the seam. See [`Project::heard_on`](super::Project::heard_on).
    pub struct CompSpan {
        /// The track.
        pub track: TrackId;
        /// What sounds; a take of that track.
        pub take: TakeId;
        /// Where it starts. Its time base says whether it moves with the tempo.
        pub start: TimePoint;
        /// Its frames, 1 to 2⁵⁰.
        pub length: Frames [span_length];
        /// Frames of the fade at its start; also of the one at its end where no other span touches it.
        pub fade: Frames [fade_length] = COMP_FADE;
    }
}

impl CompSpan {
    /// A span with the usual fade.
    #[must_use]
    pub fn new(track: TrackId, take: TakeId, start: TimePoint, length: Frames) -> Self {
        Self { track, take, start, length, fade: COMP_FADE, extra: Default::default() }
    }
}

fn span_length(frames: &Frames) -> Result<(), String> {
    if (1..=limits::MAX_TIME).contains(&frames.0) {
        Ok(())
    } else {
        Err(format!("{} frames are out of range: 1 to {}", frames.0, limits::MAX_TIME))
    }
}

fn fade_length(frames: &Frames) -> Result<(), String> {
    if (0..=limits::MAX_COMP_FADE).contains(&frames.0) {
        Ok(())
    } else {
        Err(format!("a fade of {} frames is out of range: 0 to {}", frames.0, limits::MAX_COMP_FADE))
    }
}
