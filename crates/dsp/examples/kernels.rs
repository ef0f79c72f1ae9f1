//! Prints the time of each kernel at each level: nanoseconds per frame of one channel, best of many runs.
//!
//! `cargo run --release -p omega-dsp --example kernels`
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program at a desk: it prints and looks at the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use omega_dsp::dynamics::{Ballistics, Curve, Detector, Dynamics, Node, Settings, Times};
use omega_dsp::filter::{ChannelLane, Section, Shape, design};
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

/// The sections of a stereo cascade.
fn sections(count: usize) -> [Vec<Section>; 2] {
    let bell = |i: usize| Section::new(design(Shape::Bell(2.0), 100.0 * (i + 1) as f64, 0.9, 48_000.0));
    let cascade: Vec<_> = (0..count).map(bell).collect();
    [cascade.clone(), cascade]
}

/// The rival: biquads in transposed direct form II, eight lanes, two sections a pass, as the compiler vectorises them.
mod biquads {
    pub type State = [[f32; 8]; 2];

    #[inline(always)]
    fn step([b0, b1, b2, a1, a2]: [f32; 5], [s1, s2]: &mut State, x: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| {
            let y = b0 * x[i] + s1[i];
            s1[i] = b1 * x[i] - a1 * y + s2[i];
            s2[i] = b2 * x[i] - a2 * y;
            y
        })
    }

    #[inline(always)]
    fn run(frames: &mut [[f32; 8]], coefficients: &[[f32; 5]], states: &mut [State]) {
        for (c, s) in coefficients.chunks_exact(2).zip(states.chunks_exact_mut(2)) {
            let (mut first, mut second) = (s[0], s[1]);
            for frame in frames.iter_mut() {
                *frame = step(c[1], &mut second, step(c[0], &mut first, *frame));
            }
            (s[0], s[1]) = (first, second);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(frames: &mut [[f32; 8]], coefficients: &[[f32; 5]], states: &mut [State]) {
        run(frames, coefficients, states);
    }

    pub fn cascade(avx: bool, frames: &mut [[f32; 8]], coefficients: &[[f32; 5]], states: &mut [State]) {
        #[cfg(target_arch = "x86_64")]
        if avx {
            #[allow(unsafe_code, reason = "entry into code compiled for AVX2")]
            // SAFETY: asked for only where the level is available.
            return unsafe { avx2(frames, coefficients, states) };
        }
        run(frames, coefficients, states);
    }
}

fn cascades() {
    let (mut left, mut right) = (vec![0.1_f32; BLOCK], vec![0.2_f32; BLOCK]);
    for count in [1, 2, 4, 8, 16] {
        let [mut l, mut r] = sections(count);
        let name = format!("{count} sections, one stereo");
        row(&name, 2 * BLOCK, |k| {
            left.fill(0.1);
            right.fill(0.2);
            k.cascade_stereo(black_box(&mut left), &mut right, [&mut l, &mut r]);
        });
    }
    let mut frames = vec![[0.1_f32; 8]; BLOCK];
    let planar = vec![vec![0.1_f32; BLOCK]; 8];
    for count in [1, 2, 3, 4, 8] {
        let mut cascades: Vec<_> = (0..8).map(|_| sections(count)[0].clone()).collect();
        row(&format!("{count} sections, eight lanes"), 8 * BLOCK, |k| {
            let mut slices = cascades.iter_mut().map(Vec::as_mut_slice);
            let mut slices = std::array::from_fn(|_| slices.next().unwrap_or_default());
            frames.fill([0.1; 8]);
            k.cascade_lanes(black_box(&mut frames), &mut slices);
        });
    }
    for count in [1, 4, 8] {
        let mut cascades: Vec<_> = (0..8).map(|_| sections(count)[0].clone()).collect();
        let mut channels = planar.clone();
        row(&format!("{count} sections, eight channels"), 8 * BLOCK, |k| {
            channels.iter_mut().for_each(|channel| channel.fill(0.1));
            let pairs = channels.iter_mut().zip(&mut cascades);
            let mut lanes: Vec<_> =
                pairs.map(|(samples, sections)| ChannelLane { samples, sections }).collect();
            k.cascade_channels(black_box(&mut lanes));
        });
    }
    let peak = [1.01_f32, -1.98, 0.975, -1.98, 0.985];
    let mut states = vec![biquads::State::default(); 4];
    row("4 plain biquads, eight lanes", 8 * BLOCK, |k| {
        frames.fill([0.1; 8]);
        biquads::cascade(k.level() == Level::Avx2, black_box(&mut frames), &[peak; 4], &mut states);
    });
    let slices: Vec<&[f32]> = planar.iter().map(Vec::as_slice).collect();
    row("eight channels into lanes", 8 * BLOCK, |k| {
        k.interleave(frames.as_flattened_mut(), black_box(&slices));
    });
    let mut out = planar.clone();
    let mut slices: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    row("eight lanes into channels", 8 * BLOCK, |k| {
        k.deinterleave(&mut slices, black_box(frames.as_flattened()));
    });
}

fn dynamics() {
    let settings = Settings {
        detector: Detector::Peak,
        curve: Curve::new(-20.0, 4.0, 6.0),
        ballistics: Ballistics::new(
            Times { attack: 0.01, release: 0.1, hold: 0.005, average: 0.01 },
            48_000.0,
        ),
        dry: 0.0,
        wet: 1.0,
    };
    let key = vec![0.3_f32; BLOCK];
    let keys: [&[f32]; 2] = [&key, &key];
    for count in [1, 4, 8] {
        let mut states = vec![Dynamics::new(); count];
        let mut factors = vec![vec![0.0_f32; BLOCK]; count];
        row(&format!("dynamics, {count} stereo"), 2 * BLOCK * count, |k| {
            let pairs = states.iter_mut().zip(&mut factors);
            let node = |(dynamics, factors)| Node { dynamics, settings: &settings, key: &keys, factors };
            let mut nodes: Vec<Node<'_>> =
                pairs.map(|(d, f): (_, &mut Vec<f32>)| node((d, &mut f[..]))).collect();
            k.dynamics(0, black_box(&mut nodes));
        });
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
    cascades();
    dynamics();
}
