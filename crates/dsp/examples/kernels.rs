//! Prints the time of each kernel at each level: nanoseconds per frame of one channel, best of many runs.
//!
//! `cargo run --release -p omega-dsp --example kernels`
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program at a desk: it prints and looks at the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use omega_dsp::kernels::{Kernels, MixInput, Ramp};
use omega_dsp::pan::PanLaw;
use omega_dsp::simd::Level;

const BLOCK: usize = 256;
const RUNS: usize = 200;
const CALLS: usize = 50;

/// Best time of a call, in ns.
fn best(mut call: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / CALLS as f64);
    }
    best
}

/// One line of the table: `frames` per call at each level.
fn row(name: &str, frames: usize, mut call: impl FnMut(Kernels)) {
    print!("{name:28}");
    for level in Level::ALL.into_iter().filter(|level| level.available()) {
        let kernels = Kernels::new(level);
        print!(" {:9.3}", best(|| call(kernels)) / frames as f64);
    }
    println!();
}

fn buffers() {
    let src = vec![0.25_f32; BLOCK];
    let mut buf = vec![0.5_f32; BLOCK];
    row("gain", BLOCK, |k| k.gain(black_box(&mut buf), 0.999_999));
    let ramp = Ramp { from: 0.99, to: 1.01, position: 0, length: 1000 };
    row("gain_ramp", BLOCK, |k| k.gain_ramp(black_box(&mut buf), ramp));
    buf.fill(0.5);
    row("copy", BLOCK, |k| k.copy(black_box(&mut buf), &src));
    row("add", BLOCK, |k| k.add(black_box(&mut buf), &src));
    row("peak", BLOCK, |k| {
        black_box(k.peak(black_box(&src)));
    });
    row("peak_and_sum_squares", BLOCK, |k| {
        black_box(k.peak_and_sum_squares(black_box(&src)));
    });
    row("is_silent (zeros)", BLOCK, |k| {
        black_box(k.is_silent(black_box(&[0.0; BLOCK])));
    });
    row("is_finite", BLOCK, |k| {
        black_box(k.is_finite(black_box(&src)));
    });
    let (mut left, mut right) = (src.clone(), src.clone());
    row("pan_mono, −3 dB", BLOCK, |k| k.pan_mono(PanLaw::Minus3, black_box(&src), &mut left, &mut right));
    row("width, stereo", BLOCK, |k| k.width(black_box(&mut left), &mut right, 1.0));
    let mut interleaved = vec![0.0; 2 * BLOCK];
    row("interleave, stereo", BLOCK, |k| k.interleave(black_box(&mut interleaved), &[&src, &buf]));
    row("deinterleave, stereo", BLOCK, |k| {
        k.deinterleave(&mut [&mut left, &mut right], black_box(&interleaved));
    });
    row("log2", BLOCK, |k| {
        buf.fill(0.3);
        k.log2(black_box(&mut buf));
    });
    row("exp2", BLOCK, |k| {
        buf.fill(0.3);
        k.exp2(black_box(&mut buf));
    });
}

fn mixes() {
    for count in [8, 64] {
        let signals = vec![vec![0.25_f32; BLOCK]; count];
        let constant: Vec<_> = signals.iter().map(|s| MixInput::constant(s, 0.7)).collect();
        let varying: Vec<_> = signals.iter().map(|s| MixInput::per_sample(s, s)).collect();
        let mut dst = vec![0.0; BLOCK];
        let frames = BLOCK * count;
        row(&format!("mix {count}, a gain each"), frames, |k| k.mix(black_box(&mut dst), &constant));
        row(&format!("mix {count}, gains per sample"), frames, |k| k.mix(black_box(&mut dst), &varying));
        row(&format!("mix_f64 {count}, a gain each"), frames, |k| k.mix_f64(black_box(&mut dst), &constant));
    }
}

fn main() {
    print!("{:28}", "ns per frame and channel");
    for level in Level::ALL.into_iter().filter(|level| level.available()) {
        print!(" {:>9}", level.name());
    }
    println!();
    buffers();
    mixes();
}
