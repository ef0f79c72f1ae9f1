//! The equaliser.

use std::f64::consts::PI;

use omega_devices::registry;
use omega_dsp::math;
use omega_dsp::simd::Level;
use omega_processor::{PrepareConfig, Processor, Status, Tail};
use omega_testkit::drive::{Job, Outcome, Track, drive, even_cuts};

use crate::job;

const KEY: &str = "omega.eq";

/// A band: shape, frequency, gain, Q.
type Band = (usize, f64, f64, f64);

const BELL: usize = 0;
const LOW_SHELF: usize = 1;
const HIGH_SHELF: usize = 2;
const LOW_CUT: [usize; 3] = [3, 4, 5];
const HIGH_CUT: [usize; 3] = [6, 7, 8];
const BAND_PASS: usize = 9;
const NOTCH: usize = 10;

fn constant(value: f64) -> Track {
    Track::Constant(math::to_f32(value))
}

/// Parameters of bands that are on, and the output's gain.
fn settings(bands: &[Band], gain: f64) -> Vec<(String, Track)> {
    let mut changes = vec![("gain".to_owned(), constant(gain))];
    for (number, (shape, frequency, gain, q)) in (1..).zip(bands) {
        for (name, value) in
            [("on", 1.0), ("shape", *shape as f64), ("freq", *frequency), ("gain", *gain), ("q", *q)]
        {
            changes.push((format!("band{number}.{name}"), constant(value)));
        }
    }
    changes
}

fn eq_job(input: Vec<Vec<f32>>, changes: &[(String, Track)]) -> Job {
    let changes: Vec<(&str, Track)> = changes.iter().map(|(name, track)| (&**name, track.clone())).collect();
    job(KEY, input, &changes)
}

fn device(rate: u32, channels: usize) -> Box<dyn Processor> {
    let config = PrepareConfig { sample_rate: rate, inputs: channels, outputs: channels };
    registry::build(KEY, &config, Level::detect()).expect("the equaliser")
}

fn run(rate: u32, job: &Job) -> Outcome {
    drive(&mut *device(rate, job.input.len()), job, &even_cuts(256, job.frames))
}

/// The level of a biquad `b / a` on the unit circle.
fn biquad_db(b: [f64; 3], a: [f64; 3], angle: f64) -> f64 {
    let power = |c: [f64; 3]| {
        let re = c[0] + c[1] * math::cos(angle) + c[2] * math::cos(2.0 * angle);
        let im = c[1] * math::sin(angle) + c[2] * math::sin(2.0 * angle);
        re * re + im * im
    };
    10.0 * math::log10(power(b) / power(a))
}

/// The cookbook's curve of a band (R. Bristow-Johnson), with Butterworth's Q for cuts.
fn target_db((shape, f0, gain, q): Band, rate: f64, f: f64) -> f64 {
    let (w, angle) = (2.0 * PI * f0 / rate, 2.0 * PI * f / rate);
    let cos = math::cos(w);
    let alpha = |q: f64| math::sin(w) / (2.0 * q);
    let root = math::powf(10.0, gain / 40.0);
    let cut = |sections: usize, sign: f64| {
        // sign −1: low pass, +1: high pass.
        let half = (1.0 + sign * cos) / 2.0;
        let section = |index: usize| {
            let q = 1.0 / (2.0 * math::sin((2 * index + 1) as f64 * PI / (4 * sections) as f64));
            let a = [1.0 + alpha(q), -2.0 * cos, 1.0 - alpha(q)];
            biquad_db([half, -sign * 2.0 * half, half], a, angle)
        };
        (0..sections).map(section).sum()
    };
    match shape {
        BELL => {
            let (up, down) = (alpha(q) * root, alpha(q) / root);
            biquad_db([1.0 + up, -2.0 * cos, 1.0 - up], [1.0 + down, -2.0 * cos, 1.0 - down], angle)
        }
        LOW_SHELF | HIGH_SHELF => {
            // The high shelf is the low shelf with z replaced by −z.
            let (cos, angle) = if shape == LOW_SHELF { (cos, angle) } else { (-cos, PI - angle) };
            let (plus, minus, bend) = (root + 1.0, root - 1.0, 2.0 * math::sqrt(root) * alpha(q));
            let b = [plus - minus * cos + bend, 2.0 * (minus - plus * cos), plus - minus * cos - bend];
            let a = [plus + minus * cos + bend, -2.0 * (minus + plus * cos), plus + minus * cos - bend];
            biquad_db(b.map(|b| b * root), a, angle)
        }
        BAND_PASS => {
            let alpha = alpha(q);
            biquad_db([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * cos, 1.0 - alpha], angle)
        }
        NOTCH => {
            let alpha = alpha(q);
            biquad_db([1.0, -2.0 * cos, 1.0], [1.0 + alpha, -2.0 * cos, 1.0 - alpha], angle)
        }
        3..=5 => cut(1 << (shape - 3), 1.0),
        _ => cut(1 << (shape - 6), -1.0),
    }
}

/// The level of an impulse response at a frequency.
fn level_db(response: &[f32], rate: f64, f: f64) -> f64 {
    // A phasor turned sample by sample: exact enough over 10⁵ steps in f64, and quick.
    let (step_re, step_im) = (math::cos(2.0 * PI * f / rate), math::sin(2.0 * PI * f / rate));
    let (mut re, mut im, mut p, mut q) = (0.0, 0.0, 1.0, 0.0);
    for sample in response {
        re += f64::from(*sample) * p;
        im += f64::from(*sample) * q;
        (p, q) = (p * step_re - q * step_im, p * step_im + q * step_re);
    }
    10.0 * math::log10(re * re + im * im)
}

/// Worst deviation from the target where the target is not far down.
fn deviation(rate: u32, bands: &[Band], gain: f64) -> f64 {
    let mut impulse = vec![0.0; rate as usize];
    impulse[0] = 1.0;
    let outcome = run(rate, &eq_job(vec![impulse], &settings(bands, gain)));
    let rate = f64::from(rate);
    let mut worst: f64 = 0.0;
    for index in 0..40 {
        let f = 12.0 * math::powf(1.2, f64::from(index));
        let target = gain + bands.iter().map(|band| target_db(*band, rate, f)).sum::<f64>();
        if f < 0.47 * rate && target > -70.0 {
            worst = worst.max((level_db(&outcome.output[0], rate, f) - target).abs());
        }
    }
    worst
}

#[test]
fn every_shape_is_within_a_twentieth_of_a_decibel_of_its_curve() {
    let shapes =
        [BELL, LOW_SHELF, HIGH_SHELF].into_iter().chain(LOW_CUT).chain(HIGH_CUT).chain([BAND_PASS, NOTCH]);
    for shape in shapes {
        for (frequency, gain, q) in [(60.0, 9.0, 0.7), (1000.0, -12.0, 3.0), (9000.0, 6.0, 1.0)] {
            let band = (shape, frequency, gain, q);
            let worst = deviation(48_000, &[band], 0.0);
            assert!(worst < 0.05, "{band:?}: {worst} dB off");
        }
    }
}

#[test]
fn eight_bands_are_within_a_twentieth_of_a_decibel_at_all_rates() {
    let bands = [
        (LOW_CUT[2], 30.0, 0.0, 0.7),
        (LOW_SHELF, 120.0, 5.0, 0.7),
        (BELL, 250.0, -6.0, 2.0),
        (BELL, 800.0, 3.0, 0.4),
        (BELL, 2500.0, -10.0, 8.0),
        (BELL, 6000.0, 4.5, 1.4),
        (HIGH_SHELF, 9000.0, -4.0, 0.6),
        (HIGH_CUT[1], 18_000.0, 0.0, 0.7),
    ];
    for rate in [44_100, 48_000, 96_000, 192_000] {
        let worst = deviation(rate, &bands, -3.0);
        assert!(worst < 0.05, "at {rate}: {worst} dB off");
    }
}

#[test]
fn a_sine_comes_out_at_the_level_of_the_curve() {
    for (f, band) in [(100.0, (LOW_SHELF, 200.0, 12.0, 0.7)), (1000.0, (BELL, 1100.0, -18.0, 1.0))] {
        let sine = |i: usize| math::to_f32(0.5 * math::sin(2.0 * PI * f * i as f64 / 48_000.0));
        let input: Vec<f32> = (0..48_000).map(sine).collect();
        let outcome = run(48_000, &eq_job(vec![input.clone(), input], &settings(&[band], 0.0)));
        for output in &outcome.output {
            let peak = output[24_000..].iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
            let db = math::gain_to_db(f64::from(peak) / 0.5);
            assert!((db - target_db(band, 48_000.0, f)).abs() < 0.05, "{f} Hz: {db}");
        }
    }
}

#[test]
fn a_new_equaliser_changes_no_bit_and_rests() {
    let input = vec![vec![0.3, -0.0, f32::MIN_POSITIVE, -3.5e7], vec![0.7; 4]];
    let outcome = run(48_000, &eq_job(input.clone(), &[]));
    for (out, input) in outcome.output.iter().flatten().zip(input.iter().flatten()) {
        assert_eq!(out.to_bits(), input.to_bits());
    }
    let silence = run(48_000, &eq_job(vec![vec![0.0; 600]; 2], &[]));
    assert_eq!(silence.statuses[1..], [Status::Silent; 2]);
}

#[test]
fn it_falls_silent_after_its_tail_and_stays_at_zero() {
    let bands = [(LOW_CUT[2], 20.0, 0.0, 0.7), (BELL, 40.0, 12.0, 10.0), (LOW_SHELF, 100.0, 6.0, 0.1)];
    let rate = 48_000;
    let mut input = vec![0.0; 20 * 48_000];
    input[..1000].fill(0.5);
    let mut eq = device(rate, 1);
    let job = eq_job(vec![input], &settings(&bands, 0.0));
    let outcome = drive(&mut *eq, &job, &even_cuts(256, job.frames));
    let Tail::Frames(tail) = eq.tail() else { panic!("a bound is known") };
    assert!(tail > 48_000, "the slow pole of a flat shelf and the high Q count: {tail}");
    let after = &outcome.output[0][1000 + tail as usize..];
    let peak = after.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    assert!(peak < 1e-5, "{peak} after {tail} frames");
    assert_eq!(outcome.statuses.last(), Some(&Status::Silent));
}

#[test]
fn switching_bands_and_shapes_does_not_click() {
    // A steady low tone, so that whatever is bright is a click.
    let tone: Vec<f32> = (0..48_000)
        .map(|i| math::to_f32(0.5 * math::sin(2.0 * PI * 60.0 * f64::from(i) / 48_000.0)))
        .collect();
    let switch = |values: [f32; 4]| Track::Frames((0..48_000).map(|i| values[i / 12_000]).collect());
    let mut changes = settings(&[(BELL, 100.0, 12.0, 1.0), (LOW_SHELF, 300.0, -6.0, 0.7)], 0.0);
    changes.push(("band1.on".to_owned(), switch([0.0, 1.0, 1.0, 0.0])));
    changes.push(("band2.shape".to_owned(), switch([1.0, 1.0, 5.0, 0.0])));
    let outcome = run(48_000, &eq_job(vec![tone.clone()], &changes));
    let output = &outcome.output[0];
    // Third differences weigh with the cube of the frequency: those of the tone are far down.
    let bend = |x: &[f32]| (x[3] - x[0] - 3.0 * (x[2] - x[1])).abs();
    let sharpest = output.windows(4).skip(100).map(bend).fold(0.0, f32::max);
    assert!(sharpest < 0.02, "{sharpest}");
    let level = |from: usize| output[from..from + 2400].iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    assert!(level(21_000) > 1.5 * level(9000), "the switch does something");
}

#[test]
fn automation_moves_the_curve() {
    let frames = 48_000;
    let input: Vec<f32> = (0..frames)
        .map(|i| math::to_f32(0.1 * math::sin(2.0 * PI * 1000.0 * f64::from(i) / 48_000.0)))
        .collect();
    let gain: Vec<f32> = (0..frames).map(|i| if i < 24_000 { -12.0 } else { 12.0 }).collect();
    let mut changes = settings(&[(BELL, 1000.0, 0.0, 1.0)], 0.0);
    changes.push(("band1.gain".to_owned(), Track::Frames(gain)));
    let outcome = run(48_000, &eq_job(vec![input], &changes));
    for (range, db) in [(12_000..23_900, -12.0), (36_000..47_900, 12.0)] {
        let peak = outcome.output[0][range].iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
        assert!((math::gain_to_db(f64::from(peak) / 0.1) - db).abs() < 0.05, "{db} dB: {peak}");
    }
}

#[test]
fn the_first_values_count_at_once_wherever_the_clock_stands() {
    let mut impulse = vec![0.0; 600];
    impulse[0] = 1.0;
    let at = |clock: i64| {
        let mut job = eq_job(vec![impulse.clone()], &settings(&[(BELL, 1000.0, 12.0, 1.0)], 0.0));
        job.transport.clock = clock;
        run(48_000, &job).bits()
    };
    assert!(f32::from_bits(at(0)[0][0]) > 1.05, "the first frame is filtered");
    for clock in [1, 5, 31, -7] {
        assert!(at(clock) == at(0), "clock {clock}");
    }
}

#[test]
fn it_has_no_latency() {
    assert_eq!(device(48_000, 2).latency(), 0);
}
