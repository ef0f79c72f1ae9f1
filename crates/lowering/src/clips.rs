//! Clips on a track become segments of a play list, all in frames.

use omega_devices::clip_reader::{ChannelMap, Cut, Fade, FadeShape, Segment, SourceId};
use omega_session::model::{self, Clip, CompEdge, Heard, Media, MediaId};
use omega_time::TempoMap;

use crate::ids;

/// The name under which the play lists know a media file.
#[must_use]
pub fn source_id(media: &MediaId) -> SourceId {
    ids::number(media.as_str())
}

/// The segment that plays what is heard of `clip` on a track of `channels` channels.
pub(crate) fn segment(
    heard: &Heard,
    clip: &Clip,
    (source, media): (&MediaId, &Media),
    channels: u16,
    tempo: &TempoMap,
) -> Segment {
    let length = heard.end - heard.start;
    let before = heard.start - tempo.frame_of(clip.position);
    let behind = clip.length.frames() - before - length;
    let (start, length, before, behind) = (heard.start.0, length.0, before.0, behind.0);
    #[allow(clippy::cast_possible_truncation, reason = "a gain is kept in single precision")]
    let gain = libm::pow(10.0, clip.gain_db / 20.0) as f32;
    let (offset, repeat, phase) = range(clip, before, behind);
    Segment {
        channels: if media.channels == 1 && channels > 1 {
            ChannelMap::Single(0)
        } else {
            ChannelMap::Straight
        },
        gain,
        fade_in: fade(&clip.fade_in, clip.length.0),
        fade_out: fade(&clip.fade_out, clip.length.0),
        reverse: clip.reverse,
        repeat,
        phase,
        cut: Cut {
            before,
            behind,
            fade_in: seam(heard.fade_in),
            fade_out: seam(heard.fade_out),
            risen: heard.fade_in.outside.0,
            left: heard.fade_out.outside.0,
        },
        muted: heard.muted,
        ..Segment::new(source_id(source), start, length, offset)
    }
}

/// Where a segment reads that leaves out `before` frames of a clip's start and `behind` of its end: its offset, the length of
/// its loop (0 for none) and where in that it begins. Frame for frame it is [`Clip::media_frame`].
fn range(clip: &Clip, before: i64, behind: i64) -> (i64, i64, i64) {
    let (offset, looping) = (clip.offset.0, &clip.looping);
    if !looping.on || looping.length.0 < 1 {
        return (offset.saturating_add(if clip.reverse { behind } else { before }), 0, 0);
    }
    let repeat = looping.length.0.max(omega_devices::clip_reader::MIN_REPEAT);
    // What a document says may be as large as a number can be.
    let into = i128::from(offset) - i128::from(looping.start.0) + i128::from(before);
    // A reversed segment reads its loop from the end, and its first frame is the last one that the clip would have played.
    let played = if clip.reverse { i128::from(before) * 2 - into - i128::from(clip.length.0) } else { into };
    let phase = i64::try_from(played.rem_euclid(i128::from(repeat))).unwrap_or(0);
    (looping.start.0, repeat, phase)
}

/// The fade of a cut.
fn seam(edge: CompEdge) -> Fade {
    Fade { length: edge.length.0, shape: FadeShape::EqualPower }
}

fn fade(fade: &model::Fade, length: i64) -> Fade {
    let shape = match fade.shape {
        model::FadeShape::Linear => FadeShape::Linear,
        model::FadeShape::EqualPower => FadeShape::EqualPower,
        model::FadeShape::SCurve => FadeShape::SCurve,
        model::FadeShape::Slow => FadeShape::Exponential,
        model::FadeShape::Fast => FadeShape::Fast,
    };
    Fade { length: fade.length.0.clamp(0, length), shape }
}
