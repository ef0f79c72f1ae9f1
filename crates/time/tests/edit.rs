//! Inserting and deleting time.

use omega_time::{
    FramePosition, MeterPoint, Ramp, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeSignature,
};
use proptest::prelude::*;

fn bpm(bpm: u32) -> Tempo {
    Tempo::bpm(bpm).unwrap()
}

fn q(n: i64) -> Ticks {
    Ticks::quarters(n)
}

fn build(tempo: &[TempoPoint], meters: &[(i64, u32)]) -> TempoMap {
    let meters: Vec<MeterPoint> =
        meters.iter().map(|&(bar, n)| (bar, TimeSignature::new(n, 4).unwrap()).into()).collect();
    TempoMap::new(SampleRate::HZ_48000, tempo, &meters).unwrap()
}

fn tempo_of(map: &TempoMap) -> Vec<TempoPoint> {
    map.tempo_points().collect()
}

fn meters_of(map: &TempoMap) -> Vec<(i64, u32)> {
    map.meter_points().map(|p| (p.bar, p.signature.numerator())).collect()
}

/// The time between two ticks in frames.
fn between(map: &TempoMap, from: Ticks, to: Ticks) -> f64 {
    (map.to_frames_exact(to) - map.to_frames_exact(from)).to_f64()
}

#[test]
fn points_after_an_insertion_move_and_those_before_stay() {
    let (a, b, c) = (
        TempoPoint::constant(q(0), bpm(120)),
        TempoPoint::constant(q(8), bpm(90)),
        TempoPoint::linear(q(16), bpm(60)),
    );
    let map = build(&[a, b, c], &[(1, 4), (3, 3)]);
    let wider = map.insert_time(q(8), q(4)).unwrap();
    assert_eq!(tempo_of(&wider), [a, TempoPoint { tick: q(12), ..b }, TempoPoint { tick: q(20), ..c }]);
    assert_eq!(meters_of(&wider), [(1, 4), (4, 3)]);
    // The inserted time has the tempo before it.
    assert_eq!(wider.tempo_at(q(10)), bpm(120));
    assert_eq!(tempo_of(&wider.delete_time(q(8), q(4)).unwrap()), tempo_of(&map));
    assert_eq!(meters_of(&wider.delete_time(q(8), q(4)).unwrap()), meters_of(&map));
}

#[test]
fn an_insertion_into_a_ramp_parts_it() {
    let map = build(&[TempoPoint::linear(q(0), bpm(60)), TempoPoint::constant(q(8), bpm(120))], &[(1, 4)]);
    let wider = map.insert_time(q(4), q(10)).unwrap();
    // Half-way the period is 0.75 s: 80 BPM.
    assert_eq!(
        tempo_of(&wider),
        [
            TempoPoint::linear(q(0), bpm(60)),
            TempoPoint::constant(q(4), bpm(80)),
            TempoPoint::linear(q(14), bpm(80)),
            TempoPoint::constant(q(18), bpm(120)),
        ]
    );
    assert_eq!(between(&wider, q(0), q(4)), between(&map, q(0), q(4)));
    assert_eq!(between(&wider, q(14), q(30)), between(&map, q(4), q(20)));
}

#[test]
fn an_insertion_at_the_end_of_a_ramp_lets_it_arrive() {
    let map = build(&[TempoPoint::linear(q(0), bpm(60)), TempoPoint::constant(q(8), bpm(120))], &[(1, 4)]);
    let wider = map.insert_time(q(8), q(4)).unwrap();
    assert_eq!(wider.to_frames_exact(q(8)), map.to_frames_exact(q(8)));
    assert_eq!(wider.tempo_at(q(9)), bpm(120));
}

#[test]
fn an_insertion_at_the_start_moves_everything() {
    let map =
        build(&[TempoPoint::linear(q(0), bpm(60)), TempoPoint::constant(q(8), bpm(120))], &[(1, 4), (3, 3)]);
    let wider = map.insert_time(q(0), q(4)).unwrap();
    assert_eq!(
        tempo_of(&wider),
        [
            TempoPoint::constant(q(0), bpm(60)),
            TempoPoint::linear(q(4), bpm(60)),
            TempoPoint::constant(q(12), bpm(120)),
        ]
    );
    assert_eq!(meters_of(&wider), [(1, 4), (4, 3)]);
    let plain = build(&[TempoPoint::constant(q(0), bpm(60))], &[(1, 4)]);
    assert_eq!(tempo_of(&plain.insert_time(Ticks(-5), q(4)).unwrap()), tempo_of(&plain));
}

#[test]
fn a_deletion_takes_its_points_and_keeps_what_follows() {
    let map = build(
        &[
            TempoPoint::constant(q(0), bpm(120)),
            TempoPoint::constant(q(4), bpm(90)),
            TempoPoint::constant(q(6), bpm(70)),
            TempoPoint::constant(q(12), bpm(60)),
        ],
        &[(1, 4), (2, 2), (4, 3)],
    );
    let shorter = map.delete_time(q(4), q(4)).unwrap();
    assert_eq!(
        tempo_of(&shorter),
        [
            TempoPoint::constant(q(0), bpm(120)),
            TempoPoint::constant(q(4), bpm(70)),
            TempoPoint::constant(q(8), bpm(60)),
        ]
    );
    assert_eq!(meters_of(&shorter), [(1, 4), (2, 3)]);
    let all = map.delete_time(q(0), Ticks(1 << 46)).unwrap();
    assert_eq!((tempo_of(&all), meters_of(&all)), (vec![TempoPoint::constant(q(0), bpm(60))], vec![(1, 3)]));
}

#[test]
fn a_ramp_cut_by_a_deletion_keeps_its_time_on_both_sides() {
    let map = build(&[TempoPoint::linear(q(0), bpm(60)), TempoPoint::constant(q(16), bpm(240))], &[(1, 4)]);
    let shorter = map.delete_time(q(4), q(8)).unwrap();
    // One tick of the ramp is held: far below a frame.
    assert!((between(&shorter, q(0), q(4)) - between(&map, q(0), q(4))).abs() < 1e-3);
    assert!((between(&shorter, q(4), q(20)) - between(&map, q(12), q(28))).abs() < 1e-3);
    assert_eq!(shorter.tempo_at(q(4)), map.tempo_at(q(12)));
    assert_eq!(shorter.tempo_points().len(), 4);
    // A cut one tick after the ramp's own point leaves no room for a ramp.
    let close = map.delete_time(Ticks(1), q(8)).unwrap();
    assert_eq!(close.tempo_points().next().unwrap().ramp, Ramp::Constant);
}

#[test]
fn meters_go_to_the_next_bar_line_when_the_length_is_no_whole_bar() {
    let map = build(&[TempoPoint::constant(q(0), bpm(120))], &[(1, 4), (3, 3), (4, 5)]);
    assert_eq!(meters_of(&map.insert_time(q(1), q(1)).unwrap()), [(1, 4), (4, 3), (5, 5)]);
    // The 3/4 bar is squeezed out: its line and that of the 5/4 after it are the same.
    assert_eq!(meters_of(&map.delete_time(q(4), q(5)).unwrap()), [(1, 4), (2, 3), (3, 5)]);
    assert_eq!(meters_of(&map.delete_time(q(5), q(5)).unwrap()), [(1, 4), (3, 5)]);
}

#[test]
fn absurd_lengths_are_refused_or_do_nothing() {
    let map = build(
        &[TempoPoint::constant(q(0), bpm(120)), TempoPoint::constant(q(4), bpm(90))],
        &[(1, 4), (2, 3)],
    );
    for length in [0, -1, i64::MIN] {
        assert_eq!(tempo_of(&map.insert_time(q(1), Ticks(length)).unwrap()), tempo_of(&map));
        assert_eq!(tempo_of(&map.delete_time(q(1), Ticks(length)).unwrap()), tempo_of(&map));
    }
    for at in [i64::MIN, 0, q(2).get(), i64::MAX] {
        assert!(map.delete_time(Ticks(at), Ticks::MAX).is_ok(), "{at}");
    }
    assert!(map.insert_time(q(2), Ticks::MAX).is_err());
    assert!(map.insert_time(Ticks::MAX, q(2)).is_ok());
}

fn points() -> impl Strategy<Value = Vec<TempoPoint>> {
    prop::collection::vec((1i64..500_000, 20u32..400, any::<bool>()), 1..8).prop_map(|parts| {
        let mut tick = Ticks::ZERO;
        let mut points = Vec::new();
        for (step, tempo, linear) in parts {
            points.push(TempoPoint {
                tick,
                tempo: bpm(tempo),
                ramp: if linear { Ramp::Linear } else { Ramp::Constant },
            });
            tick += Ticks(step);
        }
        points
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Distances within what was before the edit, and within what was after it, are kept.
    #[test]
    fn time_outside_the_edit_is_kept(
        points in points(), at in 0i64..2_000_000, length in 1i64..1_000_000, a in 0.0f64..1.0, b in 0i64..2_000_000,
    ) {
        let map = build(&points, &[(1, 4), (2, 3), (9, 7)]);
        let (at, length) = (Ticks(at), Ticks(length));
        #[allow(clippy::cast_possible_truncation, reason = "a part of a tick below 2,000,000")]
        let before = Ticks((at.get() as f64 * a) as i64);
        // A parted ramp keeps its tempo to 3 · 10⁻¹⁰ and one held tick.
        let close = |x: f64, y: f64| (x - y).abs() < 1e-2;
        let wider = map.insert_time(at, length).unwrap();
        prop_assert!(close(between(&wider, Ticks(0), before), between(&map, Ticks(0), before)));
        let (from, to) = (at + length, at + length + Ticks(b));
        prop_assert!(close(between(&wider, from, to), between(&map, at, at + Ticks(b))));
        let inside = between(&wider, at, at + length);
        let reached = if map.tempo_points().any(|p| p.tick == at) && at > Ticks(0) && !arrives(&points, at) {
            map.frames_per_quarter(at - Ticks(1))
        } else {
            map.frames_per_quarter(at)
        };
        prop_assert!(close(inside, reached * length.as_quarters_f64()), "{inside}");

        let shorter = map.delete_time(at, length).unwrap();
        prop_assert!(close(between(&shorter, Ticks(0), before), between(&map, Ticks(0), before)));
        let end = at + length;
        prop_assert!(close(between(&shorter, at, at + Ticks(b)), between(&map, end, end + Ticks(b))));

        let back = wider.delete_time(at, length).unwrap();
        for tick in [Ticks(0), before, at, at + Ticks(b)] {
            let error = back.to_frames_exact(tick) - map.to_frames_exact(tick);
            prop_assert!(error.to_f64().abs() < 1e-2);
            if points.iter().all(|p| p.ramp == Ramp::Constant) {
                prop_assert_eq!(error, FramePosition::ZERO);
            }
        }
    }
}

/// Whether a ramp arrives at the point at a tick.
fn arrives(points: &[TempoPoint], at: Ticks) -> bool {
    points.iter().rev().find(|p| p.tick < at).is_some_and(|p| p.ramp == Ramp::Linear)
}
