//! Clips: stretches of media, or of notes, on a track.

use std::ops::{Add, Sub};

use omega_time::{Frames, TempoMap, Ticks, TimePoint};
use serde_json::Value;

use super::fact::{Fact, Fault, Reader, facts, words};
use super::values::{gain_db, name, not_negative};
use super::{Colour, Controls, MediaId, Notes, TakeId, TrackId};

/// A place within the material of a clip, or a length of it: in frames of its media, or in ticks where it is a clip of notes.
///
/// The operators saturate. Real-time safe.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Extent(pub i64);

impl Extent {
    /// As frames of a clip of media.
    #[must_use]
    pub const fn frames(self) -> Frames {
        Frames(self.0)
    }

    /// As ticks of a clip of notes.
    #[must_use]
    pub const fn ticks(self) -> Ticks {
        Ticks(self.0)
    }
}

impl From<Frames> for Extent {
    fn from(frames: Frames) -> Self {
        Self(frames.0)
    }
}

impl From<Ticks> for Extent {
    fn from(ticks: Ticks) -> Self {
        Self(ticks.0)
    }
}

impl Add for Extent {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Extent {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Fact for Extent {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        Frames::read(value, at).map(Self::from)
    }
    fn write(&self) -> Value {
        Value::from(self.0)
    }
}

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
    /// Whether a clip repeats a stretch of its material, the loop.
    pub struct ClipLoop {
        /// It does.
        pub on: bool = false;
        /// The place in the material that the loop starts with.
        pub start: Extent = Extent(0);
        /// Its length; at 0 nothing repeats.
        pub length: Extent [not_below_zero] = Extent(0);
    }
}

fn not_below_zero(length: &Extent) -> Result<(), String> {
    if length.0 >= 0 { Ok(()) } else { Err(format!("{} is out of range: 0 or more", length.0)) }
}

impl ClipLoop {
    /// No repetition.
    #[must_use]
    pub fn off() -> Self {
        Self { on: false, start: Extent(0), length: Extent(0), extra: Default::default() }
    }

    /// A loop over so much of the material from `start` on.
    #[must_use]
    pub fn over(start: impl Into<Extent>, length: impl Into<Extent>) -> Self {
        Self { on: true, start: start.into(), length: length.into(), extra: Default::default() }
    }
}

facts! {
    /// A clip: `clips.<id>`, of media or of notes.
    ///
    /// Its material is measured in frames of its media, or in ticks where it holds notes; so are its length, its offset and its
    /// loop. It lies on the time line from its position on, and reads its material from its offset on, along its loop where it
    /// has one ([`Clip::material`]).
    ///
    /// Frame `n` of a clip of media, from 0 to `length − 1`, plays the frame [`Clip::media_frame`] of it; where the media has
    /// no such frame, it is silent. A clip of notes has no gain and no fades, and does not play backwards. Its notes are
    /// placed in ticks and follow the tempo, also where its start is tied to the clock. A note that starts outside of what
    /// the clip reads is not heard, and one that goes on beyond its end, or the loop's, ends there.
    pub struct Clip [Clip::kind_fault] {
        /// The track that plays it.
        pub track: TrackId;
        /// The take of that track that it is in; heard only where the comp names that. Without take it is always heard.
        pub take: Option<TakeId> = None;
        /// What it plays; none where it holds notes.
        pub media: Option<MediaId>;
        /// Its name, up to 1,000 characters; the media's name is shown where it is empty.
        pub name: String [name] = String::new();
        /// Its colour; that of the track where there is none.
        pub colour: Option<Colour> = None;
        /// Where it starts. Its time base says whether it moves with the tempo.
        pub position: TimePoint;
        /// How much of its material it plays: 1 frame or tick or more.
        pub length: Extent;
        /// The place in its material that it starts with; 0 or more in media.
        pub offset: Extent = Extent(0);
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
        /// Its notes.
        pub notes: Notes = Notes::default();
        /// Its controller points.
        pub controls: Controls = Controls::default();
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
        self.material(n.into()).frames()
    }

    /// As [`Clip::media_frame`], of any clip: the place in its material that lies `n` behind its start.
    #[must_use]
    pub fn material(&self, n: Extent) -> Extent {
        let n = if self.reverse { self.length - Extent(1) - n } else { n };
        self.looped(self.offset + n)
    }

    /// A place in the material, brought into the loop where there is one.
    pub(crate) fn looped(&self, place: Extent) -> Extent {
        let ClipLoop { on, start, length, .. } = self.looping;
        if on && length > Extent(0) { start + Extent((place - start).0.rem_euclid(length.0)) } else { place }
    }

    /// Whether it holds notes instead of media.
    #[must_use]
    pub fn has_notes(&self) -> bool {
        self.media.is_none()
    }

    /// The first frame after it, on the time line.
    #[must_use]
    pub fn end(&self, map: &TempoMap) -> Frames {
        if self.has_notes() {
            map.to_frame(map.tick_of(self.position) + self.length.ticks())
        } else {
            map.frame_of(self.position) + self.length.frames()
        }
    }

    /// A clip of `length` frames of `media` from its start, on `track` at `position`, with defaults for the rest.
    #[must_use]
    pub fn new(track: TrackId, media: MediaId, position: TimePoint, length: Frames) -> Self {
        Self::with(track, Some(media), position, length.into())
    }

    /// A clip of `length` ticks for notes, which it does not have yet, on `track` at `position`.
    #[must_use]
    pub fn of_notes(track: TrackId, position: TimePoint, length: Ticks) -> Self {
        Self::with(track, None, position, length.into())
    }

    fn with(track: TrackId, media: Option<MediaId>, position: TimePoint, length: Extent) -> Self {
        Self {
            track,
            take: None,
            media,
            name: String::new(),
            colour: None,
            position,
            length,
            offset: Extent(0),
            gain_db: 0.0,
            fade_in: Fade::none(),
            fade_out: Fade::none(),
            reverse: false,
            looping: ClipLoop::off(),
            notes: Notes::default(),
            controls: Controls::default(),
            mute: false,
            extra: Default::default(),
        }
    }

    /// What does not fit a clip of its kind.
    fn kind_fault(&self) -> Result<(), Fault> {
        let unit = if self.has_notes() { "ticks" } else { "frames" };
        let fault = |path: &str, what: String| Err(Fault { path: path.to_owned(), what });
        if self.length < Extent(1) {
            return fault("length", format!("{} {unit} are out of range: 1 or more", self.length.0));
        }
        if !self.has_notes() {
            return match (self.offset.0, self.looping.start.0) {
                (offset @ ..0, _) => fault("offset", format!("{offset} frames are out of range: 0 or more")),
                (_, start @ ..0) => {
                    fault("looping.start", format!("{start} frames are out of range: 0 or more"))
                }
                _ if !self.notes.all().is_empty() => fault(
                    "notes",
                    "a clip of media holds no notes; its media is null in one that does".to_owned(),
                ),
                _ if !self.controls.all().is_empty() => {
                    fault("controls", "a clip of media holds no controller points".to_owned())
                }
                _ => Ok(()),
            };
        }
        let no = |path: &str, what: &str| fault(path, format!("a clip of notes has no {what}"));
        match self {
            Self { reverse: true, .. } => {
                fault("reverse", "a clip of notes does not play backwards".to_owned())
            }
            Self { gain_db, .. } if *gain_db != 0.0 => no("gain_db", "gain; its notes have velocities"),
            Self { fade_in, .. } if fade_in.length != Frames(0) => no("fade_in", "fades"),
            Self { fade_out, .. } if fade_out.length != Frames(0) => no("fade_out", "fades"),
            _ => Ok(()),
        }
    }
}
