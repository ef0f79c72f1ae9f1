//! Where clips lie on the time line, in frames, and how places change their base.

use std::collections::{BTreeMap, BTreeSet};

use omega_time::{Frames, TempoMap, TimeBase, TimePoint};

use crate::model::{Clip, Control, ControlKind, Controls, Extent, Note, Notes};

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
    clip.end(map)
}

/// How far a place on the time line lies behind a clip's start, as the clip measures its material.
pub(crate) fn behind_start(map: &TempoMap, clip: &Clip, at: TimePoint) -> Extent {
    if clip.has_notes() {
        (map.tick_of(at) - map.tick_of(clip.position)).into()
    } else {
        (map.frame_of(at) - start(map, clip)).into()
    }
}

/// The place on the time line that lies so far behind a clip's start, in the unit in which the clip measures its material.
pub(crate) fn place_behind(map: &TempoMap, clip: &Clip, by: Extent) -> TimePoint {
    if clip.has_notes() {
        TimePoint::Musical(map.tick_of(clip.position) + by.ticks())
    } else {
        TimePoint::Absolute(start(map, clip) + by.frames())
    }
}

/// Takes so much away from the start of a clip's material, or gives it back (negative), without moving it.
/// `None` where the media has nothing before.
pub(crate) fn cut_start(clip: &mut Clip, by: Extent) -> Option<()> {
    let offset = if clip.reverse { clip.offset } else { clip.looped(clip.offset + by) };
    resize(clip, clip.length - by, offset)
}

/// Takes so much away from the end of a clip's material, or gives it back (negative).
pub(crate) fn cut_end(clip: &mut Clip, by: Extent) -> Option<()> {
    let offset = if clip.reverse { clip.looped(clip.offset + by) } else { clip.offset };
    resize(clip, clip.length - by, offset)
}

fn resize(clip: &mut Clip, length: Extent, offset: Extent) -> Option<()> {
    if length < Extent(1) || (offset < Extent(0) && !clip.has_notes()) {
        return None;
    }
    (clip.length, clip.offset) = (length, offset);
    clip.fade_in.length = clip.fade_in.length.min(length.frames());
    clip.fade_out.length = clip.fade_out.length.min(length.frames());
    Some(())
}

/// Parts a clip at a place inside it. The left part stays in `clip`, the right one is returned; together they play what the
/// clip played, but for the fades at the seam, and for notes that sound across it, which end there. `None` where the place is
/// not inside.
pub(crate) fn split(map: &TempoMap, clip: &mut Clip, at: TimePoint) -> Option<Clip> {
    let position = in_base(map, at, clip.position.base());
    let left = behind_start(map, clip, position);
    if left < Extent(1) || left >= clip.length {
        return None;
    }
    let mut right = clip.clone();
    let whole = clip.length;
    cut_start(&mut right, left)?;
    cut_end(clip, whole - left)?;
    right.position = position;
    right.fade_in.length = Frames(0);
    clip.fade_out.length = Frames(0);
    if clip.has_notes() && !clip.looping.on {
        part_notes(clip, &mut right);
    }
    Some(right)
}

/// Gives each of two parts of a clip of notes what starts in it, and the right one what its controllers were at the seam.
fn part_notes(left: &mut Clip, right: &mut Clip) {
    let seam = right.offset.ticks();
    let (before, behind): (Vec<Note>, Vec<Note>) =
        left.notes.all().iter().cloned().partition(|note| note.at < seam);
    (left.notes, right.notes) = (Notes::new(before), Notes::new(behind));
    let (before, mut behind): (Vec<Control>, Vec<Control>) =
        left.controls.all().iter().cloned().partition(|control| control.at < seam);
    let set_at_seam: BTreeSet<(u8, ControlKind)> = behind
        .iter()
        .take_while(|control| control.at == seam)
        .map(|control| (control.channel, control.kind))
        .collect();
    let last: BTreeMap<(u8, ControlKind), &Control> =
        before.iter().map(|control| ((control.channel, control.kind), control)).collect();
    let held = last.into_iter().filter(|(what, _)| !set_at_seam.contains(what));
    behind.extend(held.map(|(_, control)| Control { at: seam, ..control.clone() }));
    (left.controls, right.controls) = (Controls::new(before), Controls::new(behind));
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
                    (clip.reverse, clip.looping, clip.offset) = (reverse, looping, Extent(7));
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
