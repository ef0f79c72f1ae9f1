//! Tempo maps by example: limits, hostile points, bars and beats.

use omega_time::{
    Bbt, BbtError, FramePosition, Frames, MeterError, MeterPoint, Ramp, SampleRate, Tempo, TempoMap,
    TempoMapError, TempoPoint, Ticks, TimePoint, TimeRange, TimeSignature,
};
use proptest::prelude::*;

fn signature(text: &str) -> TimeSignature {
    text.parse().unwrap()
}

fn meters(points: &[(i64, &str)]) -> Vec<MeterPoint> {
    points.iter().map(|&(bar, text)| (bar, signature(text)).into()).collect()
}

fn plain(points: &[TempoPoint]) -> Result<TempoMap, TempoMapError> {
    TempoMap::new(SampleRate::HZ_48000, points, &meters(&[(1, "4/4")]))
}

fn with_meters(points: &[(i64, &str)]) -> Result<TempoMap, TempoMapError> {
    let tempo = [TempoPoint::constant(Ticks(0), Tempo::DEFAULT)];
    TempoMap::new(SampleRate::HZ_48000, &tempo, &meters(points))
}

fn at(tick: i64) -> TempoPoint {
    TempoPoint::constant(Ticks(tick), Tempo::DEFAULT)
}

#[test]
fn a_quarter_at_120_is_half_a_second_at_every_rate() {
    for hz in [8_000, 44_100, 48_000, 96_000, 384_000] {
        let map = TempoMap::constant(SampleRate::new(hz).unwrap(), Tempo::DEFAULT, TimeSignature::COMMON);
        for quarters in [-7, -1, 0, 1, 2, 1_000_000] {
            assert_eq!(
                map.to_frames_exact(Ticks::quarters(quarters)),
                Frames(quarters * i64::from(hz) / 2).into()
            );
        }
    }
}

#[test]
fn half_way_between_two_frames_is_the_later_one() {
    // At 44.1 kHz and 100 BPM a tick is 0.328125 frames: 16 ticks are 5.25 frames, 32 are 10.5.
    let map = TempoMap::constant(SampleRate::HZ_44100, Tempo::bpm(100).unwrap(), TimeSignature::COMMON);
    assert_eq!(map.to_frames_exact(Ticks(32)), FramePosition::new(Frames(10), 1 << 63));
    assert_eq!((map.to_frame(Ticks(32)), map.to_frame(Ticks(-32))), (Frames(11), Frames(-10)));
    assert_eq!(map.to_frame_f64(Ticks(-32)), -10.5);
}

#[test]
fn hostile_points_are_refused_by_name() {
    let order = |index, tick| TempoMapError::Order { index, tick: Ticks(tick) };
    assert_eq!(plain(&[]).unwrap_err(), TempoMapError::Start);
    assert_eq!(plain(&[at(1)]).unwrap_err(), TempoMapError::Start);
    assert_eq!(plain(&[at(-1), at(0)]).unwrap_err(), TempoMapError::Start);
    assert_eq!(plain(&[at(0), at(5), at(5)]).unwrap_err(), order(2, 5));
    assert_eq!(plain(&[at(0), at(5), at(4)]).unwrap_err(), order(2, 4));
    assert_eq!(plain(&[at(0), at(i64::MIN)]).unwrap_err(), order(1, i64::MIN));
    for far in [(1 << 46) + 1, i64::MAX] {
        assert_eq!(
            plain(&[at(0), at(far)]).unwrap_err(),
            TempoMapError::Range { index: 1, tick: Ticks(far) }
        );
    }
    assert!(plain(&[at(0), at(1 << 46)]).is_ok());
    let many: Vec<_> = (0..=65_536).map(at).collect();
    assert_eq!(plain(&many).unwrap_err(), TempoMapError::TooManyPoints(65_537));
    assert!(plain(&many[1..]).is_err() && plain(&many[..65_536]).is_ok());
    let ramp = |length| plain(&[TempoPoint::linear(Ticks(0), Tempo::MIN), at(length)]);
    assert!(ramp(1 << 36).is_ok());
    assert_eq!(
        ramp((1 << 36) + 1).unwrap_err(),
        TempoMapError::RampTooLong { index: 0, length: Ticks((1 << 36) + 1) }
    );
    assert_eq!(
        plain(&[at(0), at(5), at(4)]).unwrap_err().to_string(),
        "tempo point 2 at tick 4 is not after the point before it"
    );
}

#[test]
fn hostile_meters_are_refused_by_name() {
    let meter = |points: &[(i64, &str)]| with_meters(points).unwrap_err();
    assert_eq!(meter(&[]), MeterError::Start.into());
    assert_eq!(meter(&[(0, "4/4")]), MeterError::Start.into());
    assert_eq!(meter(&[(1, "4/4"), (1, "3/4")]), MeterError::Order { index: 1, bar: 1 }.into());
    assert_eq!(meter(&[(1, "4/4"), (i64::MIN, "3/4")]), MeterError::Order { index: 1, bar: i64::MIN }.into());
    for far in [1 << 40, i64::MAX] {
        assert_eq!(meter(&[(1, "99/1"), (far, "3/4")]), MeterError::Range { index: 1, bar: far }.into());
    }
    let many: Vec<_> = (1..=65_537).map(|bar| (bar, "1/64")).collect();
    assert_eq!(meter(&many), MeterError::TooManyPoints(65_537).into());
}

#[test]
fn absurd_places_are_held_at_the_ends_without_overflow() {
    let fast = SampleRate::MAX;
    let slow_ramp =
        [TempoPoint::linear(Ticks(0), Tempo::MAX), TempoPoint::constant(Ticks(1 << 36), Tempo::MIN)];
    let maps = [
        TempoMap::constant(fast, Tempo::MIN, TimeSignature::COMMON),
        TempoMap::constant(SampleRate::MIN, Tempo::MAX, TimeSignature::COMMON),
        TempoMap::new(fast, &slow_ramp, &meters(&[(1, "99/1"), (2, "1/64")])).unwrap(),
    ];
    for map in &maps {
        for tick in [i64::MIN, -(1 << 47), 1 << 47, i64::MAX] {
            let end = Ticks(tick.signum() << 46);
            assert_eq!(map.to_frames_exact(Ticks(tick)), map.to_frames_exact(end));
            assert!(map.to_frame(end).abs() < TempoMap::MAX_FRAME);
            assert_eq!(map.to_bbt(Ticks(tick)), map.to_bbt(end));
            assert_eq!(map.tempo_at(Ticks(tick)), map.tempo_at(end));
            let _ = (map.beat_at_or_after(Ticks(tick)), map.bar_at_or_after(Ticks(tick)));
            assert!(map.frames_per_quarter(Ticks(tick)) > 0.0);
        }
        assert_eq!(map.to_tick(Frames::MIN), -TempoMap::MAX_TICK);
        assert_eq!(map.to_tick(Frames::MAX), TempoMap::MAX_TICK);
        for bits in [i128::MIN, i128::MAX, i128::MIN + 1] {
            let there = map.to_ticks_exact(FramePosition::from_bits(bits));
            assert_eq!(there.tick.abs(), TempoMap::MAX_TICK);
        }
        assert!(map.to_quarters_f64(Frames::MAX).is_finite());
    }
}

#[test]
fn before_the_start_the_first_tempo_holds_even_before_a_ramp() {
    let map = plain(&[TempoPoint::linear(Ticks(0), Tempo::bpm(60).unwrap()), at(80_640)]).unwrap();
    assert_eq!(map.to_frame(Ticks::quarters(-10)), Frames(-480_000));
    assert_eq!(map.to_tick(Frames(-480_000)), Ticks::quarters(-10));
    assert_eq!(map.tempo_at(Ticks(-1)), Tempo::bpm(60).unwrap());
}

#[test]
fn a_ramp_at_the_last_point_holds_its_tempo() {
    let ramp = plain(&[TempoPoint::linear(Ticks(0), Tempo::DEFAULT)]).unwrap();
    assert_eq!(ramp.to_frame(Ticks::quarters(100)), Frames(2_400_000));
    assert_eq!(ramp.tempo_points().next().unwrap().ramp, Ramp::Linear);
}

#[test]
fn points_are_given_back_as_they_came() {
    let points = [at(0), TempoPoint::linear(Ticks(7), Tempo::MAX), at(9)];
    let given = [(1, "4/4"), (3, "7/8"), (4, "7/8")];
    let map = TempoMap::new(SampleRate::HZ_48000, &points, &meters(&given)).unwrap();
    assert!(map.tempo_points().eq(points));
    assert!(map.meter_points().eq(meters(&given)));
    assert_eq!(map.tempo_points().len(), 3);
}

#[test]
fn points_and_ranges_convert_only_where_they_must() {
    let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::DEFAULT, TimeSignature::COMMON);
    assert_eq!(map.frame_of(TimePoint::Absolute(Frames(77))), Frames(77));
    assert_eq!(map.frame_of(TimePoint::Musical(Ticks::quarters(1))), Frames(24_000));
    assert_eq!(map.tick_of(TimePoint::Absolute(Frames(24_000))), Ticks::quarters(1));
    let range = TimeRange::Musical { start: Ticks(0), end: Ticks::quarters(4) };
    assert_eq!(map.frames_of(range), Frames(0)..Frames(96_000));
}

#[test]
fn bars_and_beats_follow_the_meter_and_count_back_before_bar_one() {
    let map = with_meters(&[(1, "4/4"), (3, "7/8"), (5, "3/2")]).unwrap();
    let q = 80_640;
    for (tick, bar, beat, rest) in [
        (0, 1, 1, 0),
        (q - 1, 1, 1, 80_639),
        (7 * q, 2, 4, 0),
        (8 * q, 3, 1, 0),
        (8 * q + 6 * q / 2 + 5, 3, 7, 5),
        (8 * q + 7 * q / 2, 4, 1, 0),
        (15 * q - 1, 4, 7, 40_319),
        (15 * q, 5, 1, 0),
        (15 * q + 5 * q, 5, 3, 80_640),
        (21 * q, 6, 1, 0),
        (-1, 0, 4, 80_639),
        (-4 * q, 0, 1, 0),
        (-4 * q - 1, -1, 4, 80_639),
    ] {
        let bbt = Bbt { bar, beat, tick: rest };
        assert_eq!(map.to_bbt(Ticks(tick)), bbt, "tick {tick}");
        assert_eq!(map.bbt_to_tick(bbt), Ok(Ticks(tick)), "{bbt}");
    }
    assert_eq!(map.signature_at(Ticks(8 * q - 1)), signature("4/4"));
    assert_eq!(map.signature_at(Ticks(8 * q)), signature("7/8"));
}

#[test]
fn places_that_do_not_exist_are_refused() {
    let map = with_meters(&[(1, "4/4"), (3, "7/8")]).unwrap();
    let ask = |bar, beat, tick| map.bbt_to_tick(Bbt { bar, beat, tick }).unwrap_err();
    assert_eq!(ask(1, 5, 0), BbtError::Beat { bar: 1, beat: 5, signature: signature("4/4") });
    assert_eq!(ask(1, 0, 0), BbtError::Beat { bar: 1, beat: 0, signature: signature("4/4") });
    assert_eq!(ask(3, 1, 40_320), BbtError::Tick { tick: 40_320, signature: signature("7/8") });
    for far in [i64::MIN, 1 << 40, i64::MAX] {
        assert_eq!(ask(far, 1, 0), BbtError::Range(far));
    }
    assert_eq!(ask(1, 5, 0).to_string(), "bar 1 is in 4/4: its beats are 1 to 4, not 5");
}

#[test]
fn a_metronome_walks_every_beat_once() {
    let map = with_meters(&[(1, "3/4"), (2, "5/8"), (4, "4/4")]).unwrap();
    let mut beats = Vec::new();
    let mut tick = Ticks(1);
    while beats.len() < 16 {
        let (line, bbt) = map.beat_at_or_after(tick);
        assert!(line >= tick && bbt.tick == 0 && map.bbt_to_tick(bbt) == Ok(line));
        beats.push((bbt.bar, bbt.beat));
        tick = line + Ticks(1);
    }
    let mut expected = vec![(1, 2), (1, 3)];
    expected.extend([2, 3].iter().flat_map(|&bar| (1..=5).map(move |beat| (bar, beat))));
    expected.extend((1..=4).map(|beat| (4, beat)));
    assert_eq!(beats, expected);
    assert_eq!(map.bar_at_or_after(Ticks(1)).1, Bbt { bar: 2, beat: 1, tick: 0 });
    assert_eq!(map.bar_at_or_after(Ticks(-1)), (Ticks(0), Bbt { bar: 1, beat: 1, tick: 0 }));
}

#[test]
fn values_are_stored_as_text_and_plain_numbers() {
    let point = TempoPoint::linear(Ticks(5), "97.5".parse().unwrap());
    let text = serde_json::to_string(&point).unwrap();
    assert_eq!(text, r#"{"tick":5,"tempo":"97.5","ramp":"linear"}"#);
    assert_eq!(serde_json::from_str::<TempoPoint>(&text).unwrap(), point);
    let meter: MeterPoint = serde_json::from_str(r#"{"bar":3,"signature":"7/8"}"#).unwrap();
    assert_eq!(meter, meters(&[(3, "7/8")])[0]);
    let at = TimePoint::Absolute(Frames(-3));
    assert_eq!(serde_json::to_string(&at).unwrap(), r#"{"absolute":-3}"#);
    for bad in [
        r#"{"tick":5,"tempo":"0"}"#,
        r#"{"tick":5,"tempo":120}"#,
        r#"{"tick":5.5,"tempo":"120"}"#,
        r#"{"tick":1e30,"tempo":"120"}"#,
    ] {
        assert!(serde_json::from_str::<TempoPoint>(bad).is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<SampleRate>("7999").is_err());
    assert_eq!(serde_json::from_str::<SampleRate>("44100").unwrap(), SampleRate::HZ_44100);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_has_one_bar_beat_and_tick(
        steps in prop::collection::vec((1i64..2_000, 1u32..=99, 0u32..=6), 1..20), tick in -(1i64 << 46)..=1 << 46,
    ) {
        let mut bar = 1;
        let mut points = Vec::new();
        for (step, numerator, power) in steps {
            points.push((bar, TimeSignature::new(numerator, 1 << power).unwrap()).into());
            bar += step;
        }
        let tempo = [TempoPoint::constant(Ticks(0), Tempo::DEFAULT)];
        let map = TempoMap::new(SampleRate::HZ_48000, &tempo, &points).unwrap();
        for tick in [tick, tick >> 16, tick >> 24].map(Ticks) {
            let bbt = map.to_bbt(tick);
            prop_assert!(bbt.beat >= 1 && bbt.beat <= map.signature_at(tick).numerator());
            match map.bbt_to_tick(bbt) {
                Ok(back) => prop_assert_eq!(back, tick),
                // Only a bar that begins before the map.
                Err(error) => prop_assert!(error == BbtError::Range(bbt.bar) && tick < Ticks(-(1 << 45))),
            }
        }
    }
}
