//! Clips: stretches of media on a track.

use omega_time::{Frames, TimePoint};

use super::fact::{facts, words};
use super::values::{gain_db, name, not_negative, positive};
use super::{Colour, MediaId, TrackId};

words! {
    /// How a fade runs from silence to full level (a fade-out is its mirror). `x` is the position within it, 0 to 1.
    pub enum FadeShape {
        /// Gain `x`: two such fades that cross keep the level of equal signals.
        Linear = "linear",
        /// Gain `sin(x·π/2)`: two such fades that cross keep the power of different signals.
        EqualPower = "equal-power",
        /// Gain `(1 − cos(x·π)) / 2`: starts and ends flat, and crosses like linear.
        SCurve = "s-curve",
        /// Gain `x³`: starts slowly, close to what the ear takes for even.
        Slow = "slow",
        /// Gain `1 − (1 − x)³`: starts fast.
        Fast = "fast",
    }
}

facts! {
    /// A fade at one end of a clip.
    pub struct Fade {
        /// Its frames; 0 is no fade.
        pub length: Frames [not_negative] = Frames(0);
        /// How it runs.
        pub shape: FadeShape = FadeShape::Linear;
    }
}

impl Fade {
    /// No fade.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Frames(0), FadeShape::Linear)
    }

    /// A fade of so many frames.
    #[must_use]
    pub fn new(length: Frames, shape: FadeShape) -> Self {
        Self { length, shape, extra: Default::default() }
    }
}

facts! {
    /// Whether a clip repeats its material.
    pub struct ClipLoop {
        /// It does: after `length` frames of material the clip goes on from `offset` again.
        pub on: bool = false;
        /// Frames of material that repeat, 1 or more where `on`.
        pub length: Frames [not_negative] = Frames(0);
    }
}

impl ClipLoop {
    /// No repetition.
    #[must_use]
    pub fn off() -> Self {
        Self { on: false, length: Frames(0), extra: Default::default() }
    }
}

facts! {
    /// A clip: `clips.<id>`. Frame `n` of a clip that neither loops nor is reversed is frame `offset + n` of its media;
    /// where the media has no such frame, it is silence.
    ///
    /// With a loop, `n` counts modulo the loop's length. A reversed clip plays the same material backwards: frame `n`
    /// is what frame `length − 1 − n` of the clip would be.
    pub struct Clip {
        /// The track that plays it.
        pub track: TrackId;
        /// What it plays.
        pub media: MediaId;
        /// Its name, up to 1,000 characters; the media's name is shown where it is empty.
        pub name: String [name] = String::new();
        /// Its colour; that of the track where there is none.
        pub colour: Option<Colour> = None;
        /// Where it starts. Its time base says whether it moves with the tempo.
        pub position: TimePoint;
        /// How long it is, 1 frame or more.
        pub length: Frames [positive];
        /// The frame of the media that it starts with.
        pub offset: Frames [not_negative] = Frames(0);
        /// Gain before the track's devices, −144 (silence) to 48 dB.
        pub gain_db: f64 [gain_db] = 0.0;
        /// The fade at its start. Where both fades together are longer than the clip, both apply and multiply.
        pub fade_in: Fade = Fade::none();
        /// The fade at its end.
        pub fade_out: Fade = Fade::none();
        /// Plays backwards.
        pub reverse: bool = false;
        /// Repeats its material.
        pub looping: ClipLoop = ClipLoop::off();
        /// Silent.
        pub mute: bool = false;
    }
}

impl Clip {
    /// A clip of `length` frames of `media` from its start, on `track` at `position`, with defaults for the rest.
    #[must_use]
    pub fn new(track: TrackId, media: MediaId, position: TimePoint, length: Frames) -> Self {
        Self {
            track,
            media,
            name: String::new(),
            colour: None,
            position,
            length,
            offset: Frames(0),
            gain_db: 0.0,
            fade_in: Fade::none(),
            fade_out: Fade::none(),
            reverse: false,
            looping: ClipLoop::off(),
            mute: false,
            extra: Default::default(),
        }
    }
}
