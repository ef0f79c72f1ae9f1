//! Where clips lie on the time line, in frames, and how places change their base.

use omega_time::{Frames, TempoMap, TimeBase, TimePoint};

use crate::model::Clip;

/// A place in another base. From frames to ticks it is the last tick that is not after the frame.
pub(crate) fn in_base(map: &TempoMap, point: TimePoint, base: TimeBase) -> TimePoint {
    match base {
        TimeBase::Musical => TimePoint::Musical(map.tick_of(point)),
        TimeBase::Absolute => TimePoint::Absolute(map.frame_of(point)),
    }
}

/// The frame that a clip starts with.
pub(crate) fn start(map: &TempoMap, clip: &Clip) -> Frames {
    map.frame_of(clip.position)
}

/// The first frame after a clip.
pub(crate) fn end(map: &TempoMap, clip: &Clip) -> Frames {
    start(map, clip) + clip.length
}

/// Takes so many frames away from the start of a clip's material, or gives them back (negative), without moving it.
/// `None` where the media has nothing before.
pub(crate) fn cut_start(clip: &mut Clip, frames: Frames) -> Option<()> {
    let offset = if clip.reverse { clip.offset } else { clip.looped(clip.offset + frames) };
    resize(clip, clip.length - frames, offset)
}

/// Takes so many frames away from the end of a clip's material, or gives them back (negative).
pub(crate) fn cut_end(clip: &mut Clip, frames: Frames) -> Option<()> {
    let offset = if clip.reverse { clip.looped(clip.offset + frames) } else { clip.offset };
    resize(clip, clip.length - frames, offset)
}

fn resize(clip: &mut Clip, length: Frames, offset: Frames) -> Option<()> {
    if length < Frames(1) || offset < Frames(0) {
        return None;
    }
    (clip.length, clip.offset) = (length, offset);
    clip.fade_in.length = clip.fade_in.length.min(length);
    clip.fade_out.length = clip.fade_out.length.min(length);
    Some(())
}

/// Parts a clip at a place inside it. The left part stays in `clip`, the right one is returned; together they play what the
/// clip played, but for the fades at the seam. `None` where the place is not inside.
pub(crate) fn split(map: &TempoMap, clip: &mut Clip, at: TimePoint) -> Option<Clip> {
    let position = in_base(map, at, clip.position.base());
    let left = map.frame_of(position) - start(map, clip);
    if left < Frames(1) || left >= clip.length {
        return None;
    }
    let mut right = clip.clone();
    let whole = clip.length;
    cut_start(&mut right, left)?;
    cut_end(clip, whole - left)?;
    right.position = position;
    right.fade_in.length = Frames(0);
    clip.fade_out.length = Frames(0);
    Some(right)
}

#[cfg(test)]
mod tests {
    use omega_time::{SampleRate, Tempo, TimeSignature};

    use super::*;
    use crate::model::{ClipLoop, MediaId, TrackId};

    /// The media frames that a clip plays, by place on the time line.
    fn heard(map: &TempoMap, clip: &Clip) -> Vec<(i64, i64)> {
        let first = start(map, clip).0;
        (0..clip.length.0).map(|n| (first + n, clip.media_frame(Frames(n)).0)).collect()
    }

    #[test]
    fn parts_play_what_the_whole_played_forwards_backwards_and_in_loops() {
        let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::bpm(97).unwrap(), TimeSignature::COMMON);
        let mut cases = 0;
        for base in [TimeBase::Musical, TimeBase::Absolute] {
            for reverse in [false, true] {
                for looping in [
                    ClipLoop::off(),
                    ClipLoop::over(Frames(5), Frames(3)),
                    ClipLoop::over(Frames(1), Frames(9)),
                ] {
                    let position = in_base(&map, TimePoint::Absolute(Frames(1_000)), base);
                    let mut clip = Clip::new(
                        TrackId::new("t").unwrap(),
                        MediaId::new("m").unwrap(),
                        position,
                        Frames(20),
                    );
                    (clip.reverse, clip.looping, clip.offset) = (reverse, looping, Frames(7));
                    let whole = heard(&map, &clip);
                    for at in 1_001..1_020 {
                        let mut left = clip.clone();
                        let right = split(&map, &mut left, TimePoint::Absolute(Frames(at))).unwrap();
                        let both: Vec<_> =
                            heard(&map, &left).into_iter().chain(heard(&map, &right)).collect();
                        let loops = clip.looping.on;
                        let same = |a: &(i64, i64), b: &(i64, i64)| a.0 == b.0 && a.1 == b.1;
                        assert!(
                            whole.iter().zip(&both).all(|(a, b)| same(a, b)),
                            "{at} {loops} {reverse}\n{whole:?}\n{both:?}"
                        );
                        assert_eq!(left.length + right.length, clip.length);
                        cases += 1;
                    }
                    for at in [999, 1_000, 1_020, 1_021] {
                        assert!(split(&map, &mut clip.clone(), TimePoint::Absolute(Frames(at))).is_none());
                    }
                }
            }
        }
        assert_eq!(cases, 12 * 19);
    }

    #[test]
    fn where_a_tick_is_longer_than_a_frame_a_split_falls_on_a_tick() {
        let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::MIN, TimeSignature::COMMON);
        let position = TimePoint::Musical(omega_time::Ticks(10));
        let mut left =
            Clip::new(TrackId::new("t").unwrap(), MediaId::new("m").unwrap(), position, Frames(1_000));
        let whole = heard(&map, &left);
        let at = TimePoint::Absolute(start(&map, &left) + Frames(100));
        let right = split(&map, &mut left, at).unwrap();
        let both: Vec<_> = heard(&map, &left).into_iter().chain(heard(&map, &right)).collect();
        assert_eq!(both, whole);
    }
}
