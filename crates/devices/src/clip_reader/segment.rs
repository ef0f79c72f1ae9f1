//! One stretch of a source on the time line: plain data.

use omega_rt::Shared;

use crate::curves;

/// Names a source within one clip reader: equal numbers mean the same samples.
pub type SourceId = u64;

/// How the gain of a fade travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FadeShape {
    /// A straight line. Two crossing fades sum up to constant amplitude.
    Linear,
    /// A quarter of a sine. Two crossing fades sum up to constant power.
    EqualPower,
    /// 3x² − 2x³: begins and ends level; two crossing fades sum up to constant amplitude.
    SCurve,
    /// (1000ˣ − 1) / 999: nearly even steps of level over 60 dB.
    Exponential,
    /// 1 − (1000¹⁻ˣ − 1) / 999: [`Exponential`](Self::Exponential) upside down, rises fast.
    Fast,
}

impl FadeShape {
    /// Gain after the share `x` of the way from silence (0) to full level (1); clamped outside.
    #[must_use]
    pub fn gain(self, x: f32) -> f32 {
        match self {
            Self::Linear => x.clamp(0.0, 1.0),
            Self::EqualPower => curves::quarter_sine(x),
            Self::SCurve => curves::smooth_step(x),
            Self::Exponential => curves::exponential(x),
            Self::Fast => curves::inverted_exponential(x),
        }
    }
}

/// A fade at one end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fade {
    /// Frames; zero for none.
    pub length: i64,
    /// Travel of the gain.
    pub shape: FadeShape,
}

impl Fade {
    /// No fade.
    pub const NONE: Self = Self { length: 0, shape: FadeShape::Linear };

    /// Gain at `distance` frames from the end of the segment that fades: silent at 0, full from `length` on.
    #[must_use]
    pub fn gain(self, distance: i64) -> f32 {
        if distance >= self.length {
            return 1.0;
        }
        self.shape.gain(distance as f32 / self.length as f32)
    }
}

/// Which channel of the source each output channel takes.
#[derive(Clone, Debug)]
pub enum ChannelMap {
    /// Each output takes the source's channel of the same number, if there is one.
    Straight,
    /// All outputs take this channel: a mono clip on a wider track.
    Single(u16),
    /// Output `n` takes the channel at index `n`; none where there is `None`, or nothing.
    Listed(Shared<[Option<u16>]>),
}

impl ChannelMap {
    /// The channel of the source that an output takes.
    #[must_use]
    pub fn source_channel(&self, output: usize) -> Option<usize> {
        match self {
            Self::Straight => Some(output),
            Self::Single(channel) => Some(usize::from(*channel)),
            Self::Listed(list) => list.get(output).copied().flatten().map(usize::from),
        }
    }
}

impl PartialEq for ChannelMap {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Straight, Self::Straight) => true,
            (Self::Single(a), Self::Single(b)) => a == b,
            (Self::Listed(a), Self::Listed(b)) => a[..] == b[..],
            _ => false,
        }
    }
}

/// How a segment is cut out of a longer stretch: the fades of that run over all of it, and the cuts have fades of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Frames of the stretch before the segment: the segment's fade-in begins that much earlier. Not negative.
    pub before: i64,
    /// Frames of the stretch behind the segment: its fade-out ends that much later. Not negative.
    pub behind: i64,
    /// At the segment's first frame, beside its own fade-in.
    pub fade_in: Fade,
    /// At the segment's end, beside its own fade-out.
    pub fade_out: Fade,
    /// Frames of the cut's fade-in that lie before the segment. Not negative.
    pub risen: i64,
    /// Frames of the cut's fade-out that lie behind the segment. Not negative.
    pub left: i64,
}

impl Cut {
    /// Not cut: the segment is all there is.
    pub const NONE: Self =
        Self { before: 0, behind: 0, fade_in: Fade::NONE, fade_out: Fade::NONE, risen: 0, left: 0 };
}

/// A stretch of a source on the time line, all in frames at the session's rate.
///
/// The segment plays the frames `offset .. offset + span` of its source, where the span is `repeat` if that is above zero, else
/// `length`. A reversed segment plays that same range from its end; a repeated one plays it again and again until
/// `length` is reached, each time in the same direction. What lies outside the source is silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Time-line frame at which it begins; may be negative.
    pub start: i64,
    /// Frames that it sounds, above zero.
    pub length: i64,
    /// Its source.
    pub source: SourceId,
    /// First frame of the source's range; may be negative.
    pub offset: i64,
    /// Channels of the source that are heard.
    pub channels: ChannelMap,
    /// Linear gain, finite.
    pub gain: f32,
    /// From silence at the first frame to full level `fade_in.length` frames later.
    pub fade_in: Fade,
    /// The fade-in's mirror image: full level `fade_out.length` frames before the end, silence at the end.
    pub fade_out: Fade,
    /// Plays from the end of the range to its beginning.
    pub reverse: bool,
    /// Frames after which the range is played again; zero for never.
    pub repeat: i64,
    /// Frames of the range that were played before the segment begins; zero where it does not repeat.
    pub phase: i64,
    /// How it is cut out of a longer stretch.
    pub cut: Cut,
    /// Keeps its place (and its source), but is not heard.
    pub muted: bool,
}

impl Segment {
    /// `length` frames of `source` from `offset` on, beginning at `start`: unity gain, no fades, straight channels.
    #[must_use]
    pub const fn new(source: SourceId, start: i64, length: i64, offset: i64) -> Self {
        Self {
            start,
            length,
            source,
            offset,
            channels: ChannelMap::Straight,
            gain: 1.0,
            fade_in: Fade::NONE,
            fade_out: Fade::NONE,
            reverse: false,
            repeat: 0,
            phase: 0,
            cut: Cut::NONE,
            muted: false,
        }
    }

    /// One past the last time-line frame.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.start.saturating_add(self.length)
    }

    /// Gain at `frame` frames after the start: clip gain times fade-in times fade-out times the fades of the cuts, in this order.
    #[must_use]
    pub fn gain_at(&self, frame: i64) -> f32 {
        let (cut, left) = (&self.cut, self.length - frame);
        let own = self.gain * self.fade_in.gain(frame + cut.before) * self.fade_out.gain(left + cut.behind);
        own * cut.fade_in.gain(frame + cut.risen) * cut.fade_out.gain(left + cut.left)
    }

    /// No fade touches the frames `begin..end` after the start.
    pub(super) fn level(&self, begin: i64, end: i64) -> bool {
        let (cut, left) = (&self.cut, self.length - (end - 1));
        begin + cut.before >= self.fade_in.length
            && begin + cut.risen >= cut.fade_in.length
            && left + cut.behind >= self.fade_out.length
            && left + cut.left >= cut.fade_out.length
    }

    /// Where the source is read for `frames` frames from `frame` frames after the start on, in the order in which they are
    /// heard: the lowest frame and the number of each run of neighbours.
    pub fn source_ranges(&self, frame: i64, frames: usize) -> impl Iterator<Item = (i64, usize)> {
        let end = frame.saturating_add(i64::try_from(frames).unwrap_or(i64::MAX)).min(self.length);
        let mut at = frame.max(0);
        core::iter::from_fn(move || {
            let left = usize::try_from(end - at).ok().filter(|left| *left > 0)?;
            let run = self.run(at, left);
            at += i64::try_from(run.frames.max(1)).unwrap_or(1);
            Some((run.first, run.frames))
        })
    }

    /// The longest run of neighbouring source frames from `frame` frames after the start on, `frames` at most.
    pub(super) fn run(&self, frame: i64, frames: usize) -> Run {
        // Both are above zero in a list that was built; this way the division cannot fail in any other either.
        let span = if self.repeat > 0 { self.repeat } else { self.length.max(1) };
        let phase = frame.saturating_add(self.phase).rem_euclid(span);
        let left = usize::try_from(span - phase).unwrap_or(usize::MAX);
        let frames = frames.min(left);
        let count = i64::try_from(frames).unwrap_or(0);
        let first = if self.reverse { self.offset + (span - phase - count) } else { self.offset + phase };
        Run { first, frames, reverse: self.reverse }
    }
}

/// Neighbouring frames of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The lowest frame.
    pub first: i64,
    /// How many.
    pub frames: usize,
    /// The highest comes first.
    pub reverse: bool,
}

impl Run {
    /// The frame that is heard first.
    pub fn entry(&self) -> i64 {
        let last = i64::try_from(self.frames).unwrap_or(1) - 1;
        if self.reverse { self.first + last } else { self.first }
    }

    /// 1 forwards, −1 backwards.
    pub fn direction(&self) -> i32 {
        if self.reverse { -1 } else { 1 }
    }
}
