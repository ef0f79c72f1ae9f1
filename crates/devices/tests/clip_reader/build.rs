//! What a play list refuses, off the audio thread.

use omega_devices::clip_reader::{
    Cut, Fade, FadeShape, MAX_SEGMENTS, MAX_SOUNDING, MAX_SOURCES, PlayList, PlayListError, Segment,
};
use omega_rt::{Owned, PcmSource, RamPcm};

fn refused(segments: Vec<Segment>) -> PlayListError {
    PlayList::build(segments, Vec::new()).expect_err("refused")
}

#[test]
fn clips_that_make_no_sense_are_refused_by_number() {
    let good = Segment::new(0, 0, 100, 0);
    let refuse = |bad: Segment| refused(vec![good.clone(), bad]);
    let far = i64::MAX;
    for bad in [
        Segment { length: 0, ..good.clone() },
        Segment { length: -5, ..good.clone() },
        Segment { length: far, ..good.clone() },
        Segment { start: far, ..good.clone() },
        Segment { start: i64::MIN, ..good.clone() },
        Segment { start: 1 << 60, ..good.clone() },
        Segment { offset: far, ..good.clone() },
        Segment { offset: i64::MIN, ..good.clone() },
        Segment { phase: 1, ..good.clone() },
        Segment { phase: 50, repeat: 50, ..good.clone() },
        Segment { phase: -1, repeat: 50, ..good.clone() },
        Segment { cut: Cut { before: -1, ..Cut::NONE }, ..good.clone() },
        Segment { cut: Cut { behind: far, ..Cut::NONE }, ..good.clone() },
    ] {
        assert_eq!(refuse(bad), PlayListError::Range(1));
    }
    for gain in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(refuse(Segment { gain, ..good.clone() }), PlayListError::Gain(1));
    }
    for length in [-1, far, i64::MIN] {
        let fade = Fade { length, shape: FadeShape::Linear };
        assert_eq!(refuse(Segment { fade_in: fade, ..good.clone() }), PlayListError::Fade(1));
        assert_eq!(refuse(Segment { fade_out: fade, ..good.clone() }), PlayListError::Fade(1));
        for cut in [Cut { fade_in: fade, ..Cut::NONE }, Cut { fade_out: fade, ..Cut::NONE }] {
            assert_eq!(refuse(Segment { cut, ..good.clone() }), PlayListError::Fade(1));
        }
    }
    for repeat in [-1, 1, 31, i64::MIN] {
        assert_eq!(refuse(Segment { repeat, ..good.clone() }), PlayListError::Repeat(1));
    }
    assert!(refuse(Segment { repeat: far, ..good.clone() }).to_string().starts_with("clip 1: "));
    let short = Segment { length: 20, repeat: 20, ..good };
    assert!(PlayList::build(vec![short], Vec::new()).is_ok(), "a loop that never comes round may be short");
}

#[test]
fn more_than_a_block_can_bear_is_refused_and_just_enough_is_not() {
    let side_by_side = |count: usize, step: usize| -> Vec<Segment> {
        (0..count).map(|n| Segment::new(0, i64::try_from(n * step).expect("small"), 1, 0)).collect()
    };
    assert!(PlayList::build(side_by_side(MAX_SOUNDING, 0), Vec::new()).is_ok());
    assert_eq!(
        refused(side_by_side(MAX_SOUNDING + 1, 0)),
        PlayListError::TooDense { frame: 0, count: MAX_SOUNDING + 1 }
    );
    assert!(PlayList::build(side_by_side(1000, 4), Vec::new()).is_ok(), "64 starts in any 256 frames");
    assert!(matches!(refused(side_by_side(1000, 3)), PlayListError::TooDense { count: 65, .. }));
    assert_eq!(
        refused(side_by_side(MAX_SEGMENTS + 1, 1000)),
        PlayListError::TooManySegments(MAX_SEGMENTS + 1)
    );
    let many = (0..=MAX_SOURCES as u64).map(|id| Segment::new(id, 0, 1, 0)).collect();
    assert_eq!(refused(many), PlayListError::TooManySources(MAX_SOURCES + 1));
}

#[test]
fn sources_are_named_once_and_kept_even_if_nobody_plays_them() {
    let source = || {
        let boxed: Box<dyn PcmSource> = Box::new(RamPcm::new([]));
        Owned::from(boxed)
    };
    let twice = PlayList::build(Vec::new(), vec![(4, source()), (4, source())]);
    assert_eq!(twice.expect_err("refused"), PlayListError::DuplicateSource(4));
    let muted = Segment { muted: true, ..Segment::new(7, 0, 10, 0) };
    let list = PlayList::build(vec![muted, Segment::new(2, 0, 10, 0)], vec![(4, source())]).expect("good");
    assert_eq!(list.sources().collect::<Vec<_>>(), [2, 4, 7]);
    assert_eq!(list.segments().count(), 1);
}
