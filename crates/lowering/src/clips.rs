//! Clips on a track become segments of a play list, all in frames.

use omega_devices::clip_reader::{ChannelMap, Fade, FadeShape, Segment, SourceId};
use omega_session::model::{self, Clip, Media, MediaId};
use omega_time::{TempoMap, TimePoint};

use crate::ids;

/// The name under which the play lists know a media file.
#[must_use]
pub fn source_id(media: &MediaId) -> SourceId {
    ids::number(media.as_str())
}

/// The segment that plays `clip` on a track of `channels` channels.
pub(crate) fn segment(clip: &Clip, media: &Media, channels: u16, tempo: &TempoMap) -> Segment {
    let start = match clip.position {
        TimePoint::Musical(ticks) => tempo.to_frame(ticks).0,
        TimePoint::Absolute(frames) => frames.0,
    };
    let length = clip.length.0;
    let looped = clip.looping.on && clip.looping.length.0 > 0;
    #[allow(clippy::cast_possible_truncation, reason = "a gain is kept in single precision")]
    let gain = libm::pow(10.0, clip.gain_db / 20.0) as f32;
    Segment {
        channels: if media.channels == 1 && channels > 1 {
            ChannelMap::Single(0)
        } else {
            ChannelMap::Straight
        },
        gain,
        fade_in: fade(&clip.fade_in, length),
        fade_out: fade(&clip.fade_out, length),
        reverse: clip.reverse,
        repeat: if looped { clip.looping.length.0.max(omega_devices::clip_reader::MIN_REPEAT) } else { 0 },
        muted: clip.mute,
        ..Segment::new(source_id(&clip.media), start, length, clip.offset.0)
    }
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
