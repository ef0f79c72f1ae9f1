//! Clips: stretches of media on a track.

use omega_time::{Frames, TimePoint};

use super::fact::{facts, words};
use super::values::{gain_db, name, not_negative, positive};
use super::{Colour, MediaId, TakeId, TrackId};

words! {
    /// How a fade runs from silence to full level (a fade-out is its mirror). `x` is the position within it, 0 to 1.
    pub enum FadeShape {
        /// Gain `x`: two such fades that cross keep the level of equal signals.
        Linear = "linear",
        /// Gain `sin(x·π/2)`: two such fades that cross keep the power of different signals.
        EqualPower = "equal-power",
        /// Gain `3x² − 2x³`: starts and ends flat, and crosses like linear.
        SCurve = "s-curve",
        /// Gain `(1000ˣ − 1) / 999`: starts slowly, in nearly even steps of level over 60 dB.
        Slow = "slow",
        /// The mirror of slow, `1 − slow(1 − x)`: starts fast.
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
    /// Whether a clip repeats a stretch of its media, the loop.
    pub struct ClipLoop {
        /// It does.
        pub on: bool = false;
        /// The frame of the media that the loop starts with.
        pub start: Frames [not_negative] = Frames(0);
        /// Its frames; at 0 nothing repeats.
        pub length: Frames [not_negative] = Frames(0);
    }
}

impl ClipLoop {
    /// No repetition.
    #[must_use]
    pub fn off() -> Self {
        Self { on: false, start: Frames(0), length: Frames(0), extra: Default::default() }
    }

    /// A loop over so many frames of the media from `start` on.
    #[must_use]
    pub fn over(start: Frames, length: Frames) -> Self {
        Self { on: true, start, length, extra: Default::default() }
    }
}

facts! {
    /// A clip: `clips.<id>`. Its frame `n`, from 0 to `length − 1`, plays the frame [`Clip::media_frame`] of its media;
    /// where the media has no such frame, it is silent.
    pub struct Clip {
        /// The track that plays it.
        pub track: TrackId;
        /// The take of that track that it is in; heard only where the comp names that. Without take it is always heard.
        pub take: Option<TakeId> = None;
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
    /// The frame of the media that frame `n` of this clip plays, `n` from 0 to `length − 1`.
    ///
    /// It is `offset + n`. With a loop it is `start + (offset − start + n) mod length` of the loop: the clip starts at its
    /// offset, which counts as within the loop. A reversed clip plays the same material backwards: its frame `n` is
    /// what frame `length − 1 − n` would be. It can lie outside the media. Real-time safe.
    #[must_use]
    pub fn media_frame(&self, n: Frames) -> Frames {
        let n = if self.reverse { self.length - Frames(1) - n } else { n };
        self.looped(self.offset + n)
    }

    /// A frame of the media, brought into the loop where there is one.
    pub(crate) fn looped(&self, frame: Frames) -> Frames {
        let ClipLoop { on, start, length, .. } = self.looping;
        if on && length > Frames(0) { start + Frames((frame - start).0.rem_euclid(length.0)) } else { frame }
    }

    /// A clip of `length` frames of `media` from its start, on `track` at `position`, with defaults for the rest.
    #[must_use]
    pub fn new(track: TrackId, media: MediaId, position: TimePoint, length: Frames) -> Self {
        Self {
            track,
            take: None,
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
