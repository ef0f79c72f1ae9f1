//! The tempo map against the definition of its ideal, computed with unbounded rational numbers.

use num_bigint::BigInt;
use num_rational::BigRational;
use omega_time::{
    FramePosition, Frames, Ramp, SampleRate, TICKS_PER_QUARTER, Tempo, TempoMap, TempoPoint, Ticks,
    TimeSignature,
};
use proptest::prelude::*;

fn whole(n: impl Into<BigInt>) -> BigRational {
    BigRational::from_integer(n.into())
}

/// Seconds of a quarter note.
fn period(tempo: Tempo) -> BigRational {
    BigRational::new(BigInt::from(60) * tempo.denominator(), tempo.numerator().into())
}

/// The ideal position in frames: the trapezoid area under the period, point by point.
fn ideal(rate: SampleRate, points: &[TempoPoint], tick: Ticks) -> BigRational {
    let mut seconds = whole(0);
    for (i, point) in points.iter().enumerate() {
        let next = points.get(i + 1);
        let starts = if i == 0 { tick.min(Ticks::ZERO) } else { point.tick };
        let until = next.map_or(tick, |n| n.tick.min(tick));
        if i > 0 && until <= starts {
            break;
        }
        let ramp = point.ramp == Ramp::Linear && tick > Ticks::ZERO;
        let (from, to) = (period(point.tempo), next.map(|n| period(n.tempo)));
        let at_end = match (to, next) {
            (Some(to), Some(next)) if ramp => {
                let part = BigRational::new(
                    (until - point.tick).get().into(),
                    (next.tick - point.tick).get().into(),
                );
                &from + (to - &from) * part
            }
            _ => from.clone(),
        };
        let quarters = if tick < Ticks::ZERO { tick } else { until - starts };
        seconds += (from + at_end) / whole(2) * whole(quarters.get()) / whole(TICKS_PER_QUARTER);
        if tick < Ticks::ZERO {
            break;
        }
    }
    seconds * whole(rate.hz())
}

fn exact(position: FramePosition) -> BigRational {
    BigRational::new(position.to_bits().into(), BigInt::from(1) << 64)
}

fn tempo() -> impl Strategy<Value = Tempo> {
    prop_oneof![
        (1u32..=1000).prop_map(|bpm| Tempo::bpm(bpm).unwrap()),
        (1_000u64..=1_000_000).prop_map(|milli| Tempo::new(milli, 1_000).unwrap()),
        (60_000u32..=16_777_215).prop_map(|micros| Tempo::from_micros_per_quarter(micros).unwrap()),
        // Terms near 2³², where the widths of the integers are used up.
        (4_294_900_000u64..=4_294_967_295, 4_294_967..=4_294_900_000u64)
            .prop_map(|(n, d)| Tempo::new(n, d).unwrap()),
    ]
}

/// Sorted points with steps from one tick to 2³⁵.
fn points() -> impl Strategy<Value = Vec<TempoPoint>> {
    let step = prop_oneof![1i64..200, 1i64..1_000_000, (0u32..=35).prop_map(|n| 1i64 << n)];
    prop::collection::vec((step, tempo(), any::<bool>()), 1..8).prop_map(|parts| {
        let mut tick = Ticks::ZERO;
        let mut points = Vec::new();
        for (step, tempo, linear) in parts {
            points.push(TempoPoint { tick, tempo, ramp: if linear { Ramp::Linear } else { Ramp::Constant } });
            tick += Ticks(step);
        }
        points
    })
}

fn rate() -> impl Strategy<Value = SampleRate> {
    prop_oneof![Just(8_000u32), Just(44_100), Just(48_000), Just(384_000), 8_000u32..=384_000]
        .prop_map(|hz| SampleRate::new(hz).unwrap())
}

fn any_tick() -> impl Strategy<Value = Ticks> {
    prop_oneof![-100_000i64..1_000_000, -(1i64 << 46)..=1 << 46, (0u32..46).prop_map(|n| 1i64 << n)]
        .prop_map(Ticks)
}

/// A tick between, on or beside the points.
fn tick_in(points: &[TempoPoint], choose: prop::sample::Index, near: i64, far: Ticks) -> Ticks {
    match choose.index(points.len() + 1) {
        i if i < points.len() => points[i].tick + Ticks(near),
        _ => far,
    }
}

fn map(rate: SampleRate, points: &[TempoPoint]) -> TempoMap {
    TempoMap::new(rate, points, &[(1, TimeSignature::COMMON).into()]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tick_lies_where_the_ideal_lies_to_the_last_bit_of_the_grid(
        rate in rate(), points in points(), choose: prop::sample::Index, near in -3i64..4, far in any_tick(),
    ) {
        let map = map(rate, &points);
        let tick = tick_in(&points, choose, near, far);
        let (position, ideal) = (map.to_frames_exact(tick), ideal(rate, &points, tick));
        // Rounded to the nearest multiple of 2⁻⁶⁴.
        let half_unit = BigRational::new(1.into(), BigInt::from(1) << 65);
        let error = exact(position) - &ideal;
        prop_assert!(error <= half_unit && -error <= half_unit, "{position} for {ideal}");
        // Half up to the nearest frame, of the ideal itself.
        let rounded = (&ideal + BigRational::new(1.into(), 2.into())).floor().to_integer();
        prop_assert_eq!(BigInt::from(map.to_frame(tick).get()), rounded);
        prop_assert!((map.to_frame_f64(tick) - position.to_f64()).abs() == 0.0);
    }

    #[test]
    fn the_tick_of_a_frame_is_the_last_one_that_does_not_ideally_lie_after_it(
        rate in rate(), points in points(), choose: prop::sample::Index, near in -3i64..4, far in any_tick(),
    ) {
        let map = map(rate, &points);
        let frame = map.to_frame(tick_in(&points, choose, near, far)) + Frames(near);
        let tick = map.to_tick(frame);
        if tick.abs() < TempoMap::MAX_TICK {
            let frame = whole(frame.get());
            prop_assert!(ideal(rate, &points, tick) <= frame);
            prop_assert!(ideal(rate, &points, tick + Ticks(1)) > frame);
        }
    }

    #[test]
    fn exact_positions_go_there_and_back_without_loss(
        rate in rate(), points in points(), choose: prop::sample::Index, near in -3i64..4, far in any_tick(), bits: i64,
    ) {
        let map = map(rate, &points);
        let tick = tick_in(&points, choose, near, far);
        let position = map.to_frames_exact(tick);
        let back = map.to_ticks_exact(position);
        prop_assert_eq!((back.tick, back.rest), (tick, FramePosition::ZERO));
        // One unit of the grid before a tick belongs to the tick before.
        if tick > -TempoMap::MAX_TICK {
            prop_assert_eq!(map.to_ticks_exact(position - FramePosition::EPSILON).tick, tick - Ticks(1));
        }
        // Any position at all.
        let anywhere = position + FramePosition::from_bits(i128::from(bits) << 8);
        let there = map.to_ticks_exact(anywhere);
        prop_assert_eq!(map.to_frames_exact(there.tick) + there.rest, anywhere);
        if there.tick.abs() < TempoMap::MAX_TICK {
            prop_assert!(there.rest >= FramePosition::ZERO);
            prop_assert!(map.to_frames_exact(there.tick + Ticks(1)) > anywhere);
        }
    }

    #[test]
    fn later_ticks_lie_later(
        rate in rate(), points in points(), choose: prop::sample::Index, near in -3i64..4, far in any_tick(),
        step in prop_oneof![Just(1i64), 1i64..1_000_000],
    ) {
        let map = map(rate, &points);
        let tick = tick_in(&points, choose, near, far);
        let later = (tick + Ticks(step)).min(TempoMap::MAX_TICK);
        if later > tick {
            prop_assert!(map.to_frames_exact(later) > map.to_frames_exact(tick));
            prop_assert!(map.to_frame(later) >= map.to_frame(tick));
        }
    }

    #[test]
    fn a_tempo_inside_a_ramp_is_the_ideal_one(
        rate in rate(), points in points(), choose: prop::sample::Index, at in 0.0f64..1.0,
    ) {
        let map = map(rate, &points);
        let i = choose.index(points.len());
        let (point, Some(next)) = (points[i], points.get(i + 1)) else { return Ok(()) };
        #[allow(clippy::cast_possible_truncation, reason = "a part of the length")]
        let x = ((next.tick - point.tick).get() as f64 * at) as i64;
        let part = x as f64 / (next.tick - point.tick).get() as f64;
        let (from, to) = (1.0 / point.tempo.as_bpm_f64(), 1.0 / next.tempo.as_bpm_f64());
        let ideal = 1.0 / if point.ramp == Ramp::Linear { from + (to - from) * part } else { from };
        let tick = point.tick + Ticks(x);
        let tempo = map.tempo_at(tick).as_bpm_f64();
        prop_assert!((tempo / ideal - 1.0).abs() < 1e-9, "{tempo} for {ideal}");
        let quarter = f64::from(rate.hz()) * 60.0 / ideal;
        prop_assert!((map.frames_per_quarter(tick) / quarter - 1.0).abs() < 1e-9);
    }

    #[test]
    fn quarters_agree_with_ticks(rate in rate(), points in points(), far in any_tick()) {
        let map = map(rate, &points);
        let frame = map.to_frame(far);
        let quarters = map.to_quarters_f64(frame);
        let spacing = (map.to_tick(frame).get() as f64 / TICKS_PER_QUARTER as f64, 1.0 / TICKS_PER_QUARTER as f64);
        if map.to_tick(frame).abs() < TempoMap::MAX_TICK {
            prop_assert!(quarters >= spacing.0 && quarters <= spacing.0 + spacing.1 * 1.000_001 + spacing.0.abs() * 1e-15);
        }
    }
}

/// The ramp as a sum over its ticks, which knows nothing of the closed form.
#[test]
fn a_ramp_is_the_numerical_integral_of_its_period() {
    let rate = SampleRate::HZ_44100;
    for (from, to, length) in [("60", "240", 80_640), ("997.5", "1", 5_003), ("133.333", "90", 20_000)] {
        let (from, to): (Tempo, Tempo) = (from.parse().unwrap(), to.parse().unwrap());
        let map = map(rate, &[TempoPoint::linear(Ticks(0), from), TempoPoint::constant(Ticks(length), to)]);
        let (p0, p1) = (60.0 / from.as_bpm_f64(), 60.0 / to.as_bpm_f64());
        let mut seconds = 0.0;
        for tick in 0..length {
            // The mid-point rule is exact for a line.
            seconds += (p0 + (p1 - p0) * (tick as f64 + 0.5) / length as f64) / TICKS_PER_QUARTER as f64;
            let frames = seconds * rate.as_f64();
            let error = (map.to_frame_f64(Ticks(tick + 1)) - frames).abs();
            assert!(error < 1e-8 * (1.0 + frames), "{from} to {to} at {tick}: {error}");
        }
    }
}

/// Whatever the tempos before it, a place that is ideally a whole frame is that frame with nothing beside it.
#[test]
fn whole_frames_stay_whole_over_thousands_of_points() {
    // 7 quarters at 70 BPM, 13 at 130 and so on: every stretch takes n/(10n) minutes, 6 s, in which no tick is whole.
    let mut points = Vec::new();
    let mut tick = Ticks::ZERO;
    for n in (7..97).cycle().take(20_000) {
        points.push(TempoPoint::constant(tick, Tempo::bpm(10 * n).unwrap()));
        tick += Ticks::quarters(i64::from(n));
    }
    let map = map(SampleRate::HZ_44100, &points);
    for (i, point) in (0i64..).zip(&points) {
        assert_eq!(map.to_frames_exact(point.tick), Frames(i * 6 * 44_100).into());
        assert_eq!(map.to_tick(Frames(i * 6 * 44_100)), point.tick);
        assert_eq!(
            map.to_tick(Frames(i * 6 * 44_100 - 1)),
            map.to_tick(map.to_frame(point.tick) - Frames(1))
        );
    }
    // Thirds of a frame do not add up to more or less, either.
    let thirds: Vec<TempoPoint> = (0..30_001)
        .map(|i| {
            TempoPoint::constant(Ticks(i * 1_344), Tempo::bpm(if i % 2 == 0 { 900 } else { 450 }).unwrap())
        })
        .collect();
    let map = self::map(SampleRate::new(44_101).unwrap(), &thirds);
    // 44101/900 + 44101/450 frames = 44101/300 in two steps; 300 pairs are whole.
    assert_eq!(map.to_frames_exact(Ticks(1_344 * 2 * 300 * 50)), Frames(44_101 * 50).into());
}

#[test]
fn a_point_that_changes_nothing_changes_nothing() {
    let tempo: Tempo = "133.333".parse().unwrap();
    let plain = TempoMap::constant(SampleRate::HZ_44100, tempo, TimeSignature::COMMON);
    let parted: Vec<_> = (0..500).map(|i| TempoPoint::linear(Ticks(i * 10_007), tempo)).collect();
    let parted = map(SampleRate::HZ_44100, &parted);
    for tick in (-10_000..6_000_000).step_by(9_973).map(Ticks) {
        assert_eq!(plain.to_frames_exact(tick), parted.to_frames_exact(tick));
    }
}
