//! A tempo map is read on the audio thread: nothing of it may allocate, free or lock.

use omega_rt::guard::{CountingAllocator, RtScope};
use omega_time::{
    FramePosition, Frames, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimePoint, TimeRange,
    TimeSignature,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn map() -> TempoMap {
    let tempo: Vec<TempoPoint> = (0..1_000)
        .map(|n| {
            let bpm = Tempo::bpm(40 + u32::try_from(n * 7 % 300).unwrap()).unwrap();
            let tick = Ticks::quarters(n * 3);
            if n % 2 == 0 { TempoPoint::linear(tick, bpm) } else { TempoPoint::constant(tick, bpm) }
        })
        .collect();
    let meter = [(1, TimeSignature::COMMON).into(), (9, TimeSignature::new(7, 8).unwrap()).into()];
    TempoMap::new(SampleRate::HZ_48000, &tempo, &meter).unwrap()
}

#[test]
fn reading_a_tempo_map_allocates_frees_and_locks_nothing() {
    let map = map();
    let scope = RtScope::enter();
    let mut sum = 0i64;
    for n in -1_000..4_000 {
        let tick = Ticks(n * 60_011);
        let position = map.to_frames_exact(tick);
        let bbt = map.to_bbt(tick);
        sum ^= map.to_ticks_exact(position + FramePosition::EPSILON).tick.get();
        sum ^= map.to_frame(tick).get() ^ map.to_tick(Frames(n * 17_001)).get();
        sum ^= map.bbt_to_tick(bbt).map_or(0, Ticks::get) ^ map.beat_at_or_after(tick).0.get();
        sum ^= map.bar_at_or_after(tick).1.bar ^ i64::from(map.tempo_at(tick).numerator());
        sum ^= i64::from(map.signature_at(tick).numerator());
        let quarters = map.to_quarters_f64(Frames(n)) + map.frames_per_quarter(tick) + map.to_frame_f64(tick);
        sum ^= i64::from(quarters > 0.0);
        let range = TimeRange::Musical { start: tick, end: tick + Ticks(1) };
        sum ^= map.frames_of(range).start.get() ^ map.tick_of(TimePoint::Absolute(Frames(n))).get();
        sum ^= i64::from(map.parse_point("5|3|0").is_ok() ^ map.parse_length("1:02.5", tick).is_ok());
    }
    let counts = scope.counts();
    std::hint::black_box(sum);
    drop(scope);
    assert!(counts.is_clean(), "{counts:?}");

    // The guard was awake: making a map is seen.
    let scope = RtScope::enter();
    let made = map.insert_time(Ticks(0), Ticks(1));
    let counts = scope.counts();
    drop(scope);
    assert!(made.is_ok() && counts.allocations > 0);
}
