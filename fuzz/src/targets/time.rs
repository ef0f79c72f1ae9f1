//! Times, tempos, time signatures and tempo maps, as people type them and as sessions store them.

use omega_time::{
    FramePosition, Frames, MeterPoint, Ramp, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeLength,
    TimePoint, TimeSignature,
};

use super::Target;

/// What is typed.
pub const TEXT: Target = Target {
    name: "time-text",
    about: "times, tempos and time signatures as text",
    seeds: texts,
    words: &[b"|", b":", b"t", b"f", b"s", b"-", b".", b"/", b"0040000", b" ", b"\xd9\xa3"],
    feed: text,
};

/// What a damaged document might hold.
pub const MAP: Target = Target {
    name: "tempo-map",
    about: "tempo and meter points, and inserting and deleting time",
    seeds: maps,
    words: &[],
    feed: map,
};

fn texts() -> Vec<Vec<u8>> {
    let texts = [
        "5|3|0",
        "-2|1|40320",
        "1:02.5",
        "12:34:56.789012345678901234",
        "12.5s",
        "48000f",
        "960t",
        "120",
        "119.98",
        "40000/333",
        "7/8",
        "4/4",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Tempo changes, ramps and changes of meter.
fn song() -> TempoMap {
    let tempo = [
        TempoPoint::linear(Ticks(0), Tempo::MIN),
        TempoPoint::constant(Ticks::quarters(7), Tempo::MAX),
        TempoPoint::constant(Ticks::quarters(9), Tempo::DEFAULT),
    ];
    let meter = [(1, 5, 8), (4, 4, 4), (900, 99, 64)].map(|(bar, upper, lower)| {
        let signature = TimeSignature::new(upper, lower).expect("a time signature");
        MeterPoint { bar, signature }
    });
    TempoMap::new(SampleRate::HZ_44100, &tempo, &meter).expect("a tempo map")
}

/// What is understood is on the time line, and is shown as a text that means the same.
fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let map = song();
    match map.parse_point(&text) {
        Ok(point @ TimePoint::Musical(tick)) => {
            assert!(tick.abs() <= TempoMap::MAX_TICK);
            assert_eq!(map.parse_point(&tick.to_string()), Ok(point));
            assert_eq!(map.parse_point(&map.to_bbt(tick).to_string()), Ok(point));
        }
        Ok(point @ TimePoint::Absolute(frame)) => {
            assert!(frame.abs() <= TempoMap::MAX_FRAME);
            assert_eq!(map.parse_point(&frame.to_string()), Ok(point));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // Any length from any start either fits on the time line or is refused.
    let start = Ticks(i64::from(bytes.first().copied().unwrap_or(0)) << 38);
    match map.parse_length(&text, start) {
        Ok(TimeLength::Musical(ticks)) => assert!(ticks >= Ticks::ZERO && ticks <= TempoMap::MAX_TICK * 2),
        Ok(TimeLength::Absolute(frames)) => assert!(frames >= Frames::ZERO && frames <= TempoMap::MAX_FRAME),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(tempo) = text.parse::<Tempo>() {
        assert!(tempo >= Tempo::MIN && tempo <= Tempo::MAX);
        assert_eq!(tempo.to_string().parse::<Tempo>(), Ok(tempo), "a tempo that is written must read back");
    }
    if let Ok(signature) = text.parse::<TimeSignature>() {
        assert_eq!(signature.to_string().parse::<TimeSignature>(), Ok(signature), "so must a time signature");
    }
}

/// As [`read_map`] reads them: rate, place, length, then points.
fn maps() -> Vec<Vec<u8>> {
    let number = |n: u32| {
        let mut bytes = n.to_be_bytes();
        bytes[0] = 0;
        bytes
    };
    let point = |tick, bpm: (u32, u32), ramp: u8, bar, signature: [u8; 2]| {
        [&number(tick)[..], &number(bpm.0), &number(bpm.1), &[ramp], &number(bar), &signature].concat()
    };
    let points = [
        point(0, (120, 1), 0, 1, [4, 4]),
        point(80_640, (133_333, 1_000), 1, 2, [7, 8]),
        point(300_000, (60, 1), 1, 9, [3, 2]),
        point(400_000, (999, 1), 0, 10, [1, 64]),
    ];
    let head = [number(48_000), number(200_000), number(80_640)].concat();
    (1..=points.len()).map(|count| [head.clone(), points[..count].concat()].concat()).collect()
}

/// A map that is accepted keeps its promises, also when time is inserted or deleted.
fn map(bytes: &[u8]) {
    let Some((map, at, length)) = read_map(bytes) else { return };
    hold(&map, at);
    for edited in [map.insert_time(at, length), map.delete_time(at, length)].into_iter().flatten() {
        hold(&edited, at);
    }
}

/// A map, a place and a length, if the bytes make some.
fn read_map(bytes: &[u8]) -> Option<(TempoMap, Ticks, Ticks)> {
    let mut bytes = Numbers(bytes);
    let rate = SampleRate::new(u32::try_from(bytes.next()).ok()?).ok()?;
    let (at, length) = (Ticks(bytes.next()), Ticks(bytes.next()));
    let (mut tempo, mut meter) = (Vec::new(), Vec::new());
    while !bytes.0.is_empty() && tempo.len() < 64 {
        let tick = Ticks(bytes.next());
        let bpm = Tempo::new(bytes.next().unsigned_abs(), bytes.next().unsigned_abs());
        let ramp = if bytes.byte() & 1 == 0 { Ramp::Constant } else { Ramp::Linear };
        let bar = bytes.next();
        let signature = TimeSignature::new(bytes.byte().into(), bytes.byte().into());
        tempo.extend(bpm.ok().map(|tempo| TempoPoint { tick, tempo, ramp }));
        meter.extend(signature.ok().map(|signature| MeterPoint { bar, signature }));
    }
    Some((TempoMap::new(rate, &tempo, &meter).ok()?, at, length))
}

fn hold(map: &TempoMap, at: Ticks) {
    for tick in map.tempo_points().map(|point| point.tick).chain([at]) {
        let tick = tick.clamp(-TempoMap::MAX_TICK, TempoMap::MAX_TICK - Ticks(1));
        let position = map.to_frames_exact(tick);
        let back = map.to_ticks_exact(position);
        assert_eq!((back.tick, back.rest), (tick, FramePosition::ZERO));
        assert!(map.to_frames_exact(tick + Ticks(1)) > position);
        assert!(map.to_frame(tick).abs() < TempoMap::MAX_FRAME);
        assert!(map.tempo_at(tick) >= Tempo::MIN && map.tempo_at(tick) <= Tempo::MAX);
        let bbt = map.to_bbt(tick);
        assert!(bbt.beat >= 1 && bbt.beat <= map.signature_at(tick).numerator());
        // Before the start, a bar may begin before the map.
        assert!(map.bbt_to_tick(bbt).map_or(tick < Ticks::ZERO, |back| back == tick));
    }
}

/// Numbers off a byte string: small ones take four bytes, large ones nine. The end gives zeros.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn next(&mut self) -> i64 {
        let length = if self.byte() < 128 { 3 } else { 8 };
        (0..length).fold(0, |number, _| (number << 8) | i64::from(self.byte()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_maps_with_all_their_points() {
        for (index, seed) in maps().iter().enumerate() {
            let (map, at, length) = read_map(seed).expect("a map");
            assert_eq!((map.tempo_points().len(), map.meter_points().len()), (index + 1, index + 1));
            assert_eq!((at, length), (Ticks(200_000), Ticks(80_640)));
        }
    }
}
