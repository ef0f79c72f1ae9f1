//! Time as text.

use omega_time::{
    Bbt, BbtError, ClockTime, Frames, Part, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeLength,
    TimePoint, TimeSignature, TimeTextError,
};
use proptest::prelude::*;

fn map() -> TempoMap {
    let tempo = [TempoPoint::constant(Ticks(0), Tempo::DEFAULT)];
    let meters = [(1, TimeSignature::COMMON).into(), (3, TimeSignature::new(3, 8).unwrap()).into()];
    TempoMap::new(SampleRate::HZ_48000, &tempo, &meters).unwrap()
}

fn musical(ticks: i64) -> TimePoint {
    TimePoint::Musical(Ticks(ticks))
}

fn absolute(frames: i64) -> TimePoint {
    TimePoint::Absolute(Frames(frames))
}

#[test]
fn every_form_means_what_the_table_says() {
    let q = 80_640;
    for (text, point) in [
        ("1|1|0", musical(0)),
        ("2|3|0040000", musical(6 * q + 40_000)),
        ("2|3|40000", musical(6 * q + 40_000)),
        ("2|3", musical(6 * q)),
        ("3|3|1", musical(9 * q + 1)),
        ("0|4|80639", musical(-1)),
        ("-1|1|0", musical(-8 * q)),
        ("960t", musical(960)),
        ("-960t", musical(-960)),
        ("123456f", absolute(123_456)),
        ("-0f", absolute(0)),
        ("1:02.5", absolute(3_000_000)),
        ("01:02:03.250", absolute(3_723 * 48_000 + 12_000)),
        ("-0:01", absolute(-48_000)),
        ("90:00", absolute(5_400 * 48_000)),
        ("12.5s", absolute(600_000)),
        ("3600s", absolute(172_800_000)),
        ("  5s ", absolute(240_000)),
        // To the nearest frame: 1/96000 s is half a frame and goes later, on both sides of the start.
        ("0.00001041666666666s", absolute(0)),
        ("0.000010416666666667s", absolute(1)),
        ("0.00003125s", absolute(2)),
        ("-0.00003125s", absolute(-1)),
    ] {
        assert_eq!(map().parse_point(text), Ok(point), "{text:?}");
    }
}

#[test]
fn what_is_no_time_is_refused_with_its_reason() {
    use TimeTextError as E;
    let common = TimeSignature::COMMON;
    for (text, error) in [
        ("", E::Empty),
        (" ", E::Empty),
        ("-", E::Empty),
        ("12", E::Form),
        ("12.5", E::Form),
        ("hello", E::Form),
        ("1|2|3|4", E::Form),
        ("1:2:3:4", E::Form),
        ("1|", E::Number(Part::Beat)),
        ("|1", E::Number(Part::Bar)),
        ("1|1|x", E::Number(Part::Tick)),
        ("1|-1|0", E::Number(Part::Beat)),
        ("1|4294967297|0", E::Number(Part::Beat)),
        ("1|1|99999999999", E::Number(Part::Tick)),
        ("--5f", E::Number(Part::Frame)),
        ("+5f", E::Number(Part::Frame)),
        ("f", E::Number(Part::Frame)),
        ("9999999999999999999f", E::Number(Part::Frame)),
        ("999999999999999999f", E::Range),
        ("-999999999999999999t", E::Range),
        ("t", E::Number(Part::Tick)),
        ("x:00", E::Number(Part::Minutes)),
        ("x:00:00", E::Number(Part::Hours)),
        ("1:", E::Number(Part::Seconds)),
        ("1:.5", E::Number(Part::Seconds)),
        ("1:5.", E::Number(Part::Seconds)),
        ("1.2.3s", E::Number(Part::Seconds)),
        ("NaNs", E::Number(Part::Seconds)),
        ("1e9s", E::Number(Part::Seconds)),
        ("999999999999999999:00:00", E::Range),
        ("999999999999999999:00.999999999999999999", E::Range),
        ("0.1234567890123456789s", E::Decimals),
        ("1:60", E::Sixty { part: Part::Seconds, value: 60 }),
        ("1:60:00", E::Sixty { part: Part::Minutes, value: 60 }),
        ("1|5|0", E::Bbt(BbtError::Beat { bar: 1, beat: 5, signature: common })),
        ("1|1|80640", E::Bbt(BbtError::Tick { tick: 80_640, signature: common })),
        ("99999999999999|1|0", E::Bbt(BbtError::Range(99_999_999_999_999))),
        ("١f", E::Number(Part::Frame)),
        ("1|\u{0}|0", E::Number(Part::Beat)),
    ] {
        assert_eq!(map().parse_point(text), Err(error), "{text:?}");
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(map().parse_point("1:75").unwrap_err().to_string(), "the second count is 0 to 59, not 75");
}

#[test]
fn a_length_counts_from_zero_and_takes_the_meters_it_passes() {
    let q = 80_640;
    let length = |text: &str, start: i64| map().parse_length(text, Ticks(start));
    let ticks = |n: i64| Ok(TimeLength::Musical(Ticks(n)));
    assert_eq!(length("1|0|0", 0), ticks(4 * q));
    assert_eq!(length("1", 0), Err(TimeTextError::Form));
    assert_eq!(length("3|0", 0), ticks(8 * q + 3 * q / 2));
    assert_eq!(length("1|0|0", 8 * q), ticks(3 * q / 2));
    assert_eq!(length("2|1|7", q), ticks(8 * q + q / 2 + 7));
    assert_eq!(length("0|1|0", -q), ticks(q));
    assert_eq!(length("48000f", 5), Ok(TimeLength::Absolute(Frames(48_000))));
    assert_eq!(length("0:01.5", 5), Ok(TimeLength::Absolute(Frames(72_000))));
    assert_eq!(length("960t", 5), ticks(960));
    for negative in ["-1|0|0", "-1t", "-1f", "-1s"] {
        assert_eq!(length(negative, 0), Err(TimeTextError::NegativeLength), "{negative}");
    }
    assert!(matches!(length("99999999999999|0|0", 0), Err(TimeTextError::Bbt(BbtError::Range(_)))));
    assert_eq!(length("0|4294967295|0", 0), Err(TimeTextError::Range));
}

#[test]
fn clock_text_shows_milliseconds() {
    let show = |frame| ClockTime { frame: Frames(frame), rate: SampleRate::HZ_44100 }.to_string();
    assert_eq!(show(0), "00:00:00.000");
    assert_eq!(show(44_099), "00:00:00.999");
    assert_eq!(show(-44_100 * 3_661), "-01:01:01.000");
    assert_eq!(show(i64::MIN).chars().next(), Some('-'));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_can_be_typed(tick in -(1i64 << 40)..1 << 40, frame in -(1i64 << 50)..1 << 50) {
        let map = map();
        let bbt: Bbt = map.to_bbt(Ticks(tick));
        prop_assert_eq!(map.parse_point(&bbt.to_string()), Ok(musical(tick)));
        prop_assert_eq!(map.parse_point(&Ticks(tick).to_string()), Ok(musical(tick)));
        prop_assert_eq!(map.parse_point(&Frames(frame).to_string()), Ok(absolute(frame)));
        // A clock shows whole milliseconds; typed back it is that millisecond's frame.
        let clock = ClockTime { frame: Frames(frame), rate: map.rate() };
        let Ok(TimePoint::Absolute(typed)) = map.parse_point(&clock.to_string()) else { panic!("{clock}") };
        prop_assert!((typed - Frames(frame)).abs() < Frames(48));
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,12}", mixed in "[-0-9|:.stf ]{0,30}") {
        let map = map();
        for text in [&text, &mixed] {
            let _ = (map.parse_point(text), map.parse_length(text, Ticks(7)));
            let _ = (text.parse::<Tempo>(), text.parse::<TimeSignature>());
        }
    }
}
