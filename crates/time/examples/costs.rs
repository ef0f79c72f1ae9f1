//! What reading a tempo map costs: `cargo run --release -p omega-time --example costs`.

use std::hint::black_box;
use std::time::Instant;

use omega_time::{Frames, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeSignature};

fn map(points: i64, ramps: bool) -> TempoMap {
    let tempo: Vec<TempoPoint> = (0..points)
        .map(|n| {
            let tempo = Tempo::from_bpm_f64(60.0 + (n * 37 % 1_000) as f64 * 0.137).expect("a tempo");
            let tick = Ticks::quarters(n * 4);
            if ramps { TempoPoint::linear(tick, tempo) } else { TempoPoint::constant(tick, tempo) }
        })
        .collect();
    TempoMap::new(SampleRate::HZ_48000, &tempo, &[(1, TimeSignature::COMMON).into()]).expect("a map")
}

/// Nanoseconds of one call: the best of several rounds, which is what the code costs undisturbed.
fn cost(call: impl Fn(i64)) -> f64 {
    const CALLS: i64 = 20_000;
    let round = || {
        let begun = Instant::now();
        (0..CALLS).for_each(|n| call(n * 7_919));
        begun.elapsed().as_nanos() as f64 / CALLS as f64
    };
    (0..20).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("{:<24} {:>10} {:>10} {:>10} {:>10}", "ns a call", "to_frame", "to_tick", "quarters", "to_bbt");
    for (points, ramps) in [(1, false), (1_000, false), (1_000, true), (65_000, true)] {
        let map = map(points, ramps);
        let name = format!("{points} points{}", if ramps { ", ramps" } else { "" });
        println!(
            "{name:<24} {:>10.0} {:>10.0} {:>10.0} {:>10.0}",
            cost(|n| _ = black_box(map.to_frame(Ticks(n)))),
            cost(|n| _ = black_box(map.to_tick(Frames(n)))),
            cost(|n| _ = black_box(map.to_quarters_f64(Frames(n)))),
            cost(|n| _ = black_box(map.to_bbt(Ticks(n)))),
        );
    }
}
