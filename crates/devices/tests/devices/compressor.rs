//! The compressor.

use std::f64::consts::PI;

use omega_devices::registry;
use omega_dsp::math::{self, to_f32};
use omega_dsp::simd::Level;
use omega_processor::{PrepareConfig, Processor, Status};
use omega_testkit::drive::{Job, Outcome, Track, drive, even_cuts};

use crate::job;

const KEY: &str = "omega.compressor";
const RATE: u32 = 48_000;

fn device(rate: u32, channels: usize) -> Box<dyn Processor> {
    let config = PrepareConfig { sample_rate: rate, inputs: channels, outputs: channels };
    registry::build(KEY, &config, Level::detect()).expect("the compressor")
}

fn compressor_job(input: Vec<Vec<f32>>, values: &[(&str, f64)]) -> Job {
    let changes: Vec<(&str, Track)> =
        values.iter().map(|(name, value)| (*name, Track::Constant(to_f32(*value)))).collect();
    job(KEY, input, &changes)
}

fn run(rate: u32, job: &Job) -> Outcome {
    drive(&mut *device(rate, job.input.len()), job, &even_cuts(256, job.frames))
}

fn sine(frequency: f64, level_db: f64, rate: u32, frames: u32) -> Vec<f32> {
    let amplitude = math::db_to_gain(level_db);
    let step = 2.0 * PI * frequency / f64::from(rate);
    (0..frames).map(|i| to_f32(amplitude * math::sin(step * f64::from(i)))).collect()
}

/// A constant that jumps from one level to another after a second.
fn jump(from_db: f64, to_db: f64, rate: u32, frames: u32) -> Vec<f32> {
    (0..frames).map(|i| to_f32(math::db_to_gain(if i < rate { from_db } else { to_db }))).collect()
}

/// The published curve (Giannoulis, Massberg, Reiss, eq. 4): gain in dB for a level in dB.
fn curve_db(level: f64, threshold: f64, ratio: f64, knee: f64) -> f64 {
    let over = level - threshold;
    if 2.0 * over <= -knee {
        0.0
    } else if 2.0 * over < knee {
        (1.0 / ratio - 1.0) * (over + knee / 2.0) * (over + knee / 2.0) / (2.0 * knee)
    } else {
        (1.0 / ratio - 1.0) * over
    }
}

fn peak_db(samples: &[f32]) -> f64 {
    math::gain_to_db(f64::from(samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()))))
}

#[test]
fn the_static_curve_is_within_a_tenth_of_a_decibel() {
    for (threshold, ratio, knee) in
        [(-20.0, 4.0, 0.0), (-24.0, 2.0, 12.0), (-12.0, 20.0, 6.0), (-30.0, 100.0, 3.0)]
    {
        for level in [-40.0, -30.0, -22.0, -18.0, -12.0, -6.0, 0.0] {
            for (detector, offset) in [(0.0, 0.0), (1.0, -3.0103)] {
                let values =
                    [("threshold", threshold), ("ratio", ratio), ("knee", knee), ("detector", detector)];
                let tone = sine(997.0, level, RATE, 3 * RATE);
                let outcome = run(RATE, &compressor_job(vec![tone], &values));
                let gain = peak_db(&outcome.output[0][2 * RATE as usize..]) - level;
                let expected = curve_db(level + offset, threshold, ratio, knee);
                assert!((gain - expected).abs() < 0.1, "{values:?} at {level} dB: {gain} not {expected}");
            }
        }
    }
}

/// Seconds from the jump until the gain has done 1 − 1/e of its way in dB.
fn time_constant(rate: u32, values: &[(&str, f64)], from_db: f64, to_db: f64) -> f64 {
    let key = jump(from_db, to_db, rate, 4 * rate);
    let outcome = run(rate, &compressor_job(vec![key.clone()], values));
    let gain: Vec<f64> =
        outcome.output[0].iter().zip(&key).map(|(y, x)| math::gain_to_db(f64::from(y / x))).collect();
    let (start, finish) = (gain[rate as usize - 1], gain[4 * rate as usize - 1]);
    let goal = finish + (start - finish) * math::exp(-1.0);
    let reached = gain[rate as usize..].iter().position(|g| (g - goal) * (finish - start) >= 0.0);
    reached.expect("the gain gets there") as f64 / f64::from(rate)
}

#[test]
fn attack_and_release_are_within_a_twentieth() {
    for rate in [44_100, 96_000] {
        for (attack, release) in [(8.0, 120.0), (50.0, 600.0)] {
            let values = [("threshold", -30.0), ("knee", 0.0), ("attack", attack), ("release", release)];
            let measured = 1000.0 * time_constant(rate, &values, -50.0, -3.0);
            assert!((measured / attack - 1.0).abs() < 0.05, "attack {attack} ms at {rate}: {measured}");
            // The release begins when the hold (5 to 10 ms) is over.
            let measured = 1000.0 * time_constant(rate, &values, -3.0, -50.0);
            let late = measured - release;
            assert!((late - 7.5).abs() < 2.5 + 0.05 * release, "release {release} ms at {rate}: {measured}");
        }
    }
}

#[test]
fn the_look_ahead_is_the_latency_and_lets_the_gain_come_first() {
    let mut impulse = vec![0.0; 4000];
    impulse[100] = 0.001;
    for ahead in [0.0, 0.02, 1.0, 5.0, 20.0] {
        let mut compressor = device(RATE, 1);
        let job = compressor_job(vec![impulse.clone()], &[("lookahead", ahead)]);
        let outcome = drive(&mut *compressor, &job, &even_cuts(100, job.frames));
        let latency = compressor.latency();
        assert_eq!(f64::from(latency), math::round(ahead * 48.0));
        assert_eq!(outcome.latencies.last().map_or(0, |(_, latency)| *latency), latency);
        assert!(outcome.latencies.len() <= 1, "told once");
        let heard: Vec<usize> = (0..4000).filter(|i| outcome.output[0][*i] != 0.0).collect();
        assert_eq!(heard, [100 + latency as usize]);
    }
    let overshoot = |ahead: f64| {
        let values =
            [("lookahead", ahead), ("attack", 1.0), ("threshold", -20.0), ("ratio", 100.0), ("knee", 0.0)];
        let outcome = run(RATE, &compressor_job(vec![jump(-60.0, 0.0, RATE, 2 * RATE)], &values));
        peak_db(&outcome.output[0]) - peak_db(&outcome.output[0][RATE as usize + 24_000..])
    };
    assert!(overshoot(0.0) > 19.0, "without it the jump comes through: {}", overshoot(0.0));
    assert!(overshoot(6.0) < 0.1, "with it the gain is there before the jump: {}", overshoot(6.0));
}

#[test]
fn the_side_chain_is_what_is_detected() {
    let (quiet, loud) = (sine(500.0, -40.0, RATE, 2 * RATE), sine(300.0, 0.0, RATE, 2 * RATE));
    let values = [("threshold", -20.0), ("ratio", 4.0), ("knee", 0.0)];
    let ducked = Job { side: vec![loud.clone()], ..compressor_job(vec![quiet.clone(); 2], &values) };
    for output in &run(RATE, &ducked).output {
        assert!((peak_db(&output[RATE as usize..]) + 40.0 + 15.0).abs() < 0.1);
    }
    let free = Job { side: vec![quiet], ..compressor_job(vec![loud.clone(); 2], &values) };
    for output in &run(RATE, &free).output {
        assert!(
            output.iter().zip(&loud).all(|(y, x)| y.to_bits() == x.to_bits()),
            "a quiet key changes no bit"
        );
    }
}

#[test]
fn all_channels_get_the_same_gain() {
    let (left, right) = (sine(440.0, 0.0, RATE, RATE), sine(440.0, -30.0, RATE, RATE));
    let outcome = run(RATE, &compressor_job(vec![left, right], &[("knee", 0.0)]));
    let [left, right] = &outcome.output[..] else { panic!("two channels") };
    assert!((peak_db(&left[24_000..]) - peak_db(&right[24_000..]) - 30.0).abs() < 0.01);
}

#[test]
fn make_up_and_mix_do_what_they_say() {
    let tone = sine(997.0, 0.0, RATE, RATE);
    let settled = |values: &[(&str, f64)]| {
        let values: Vec<_> = [("threshold", -20.0), ("knee", 0.0)].iter().chain(values).copied().collect();
        run(RATE, &compressor_job(vec![tone.clone()], &values)).output.remove(0)
    };
    assert!((peak_db(&settled(&[("makeup", 9.0)])[24_000..]) + 15.0 - 9.0).abs() < 0.1);
    let half = math::gain_to_db(0.5 + 0.5 * math::db_to_gain(-15.0));
    assert!((peak_db(&settled(&[("mix", 0.5)])[24_000..]) - half).abs() < 0.1);
    for same in [settled(&[("mix", 0.0)]), settled(&[("ratio", 1.0)])] {
        assert!(same.iter().zip(&tone).all(|(y, x)| y.to_bits() == x.to_bits()), "no bit changes");
    }
}

#[test]
fn a_change_of_the_look_ahead_is_told_and_does_not_click() {
    let tone = sine(100.0, -6.0, RATE, RATE);
    // From nothing (nothing is remembered then) at the crest of the tone, on while little is remembered, and back.
    let ahead = |i: usize| match i {
        0..12_128 => 0.0,
        12_128..13_000 => 1.0,
        13_000..24_000 => 19.0,
        24_000..36_000 => 0.0,
        _ => 5.0,
    };
    let values =
        [("lookahead", Track::Frames((0..48_000).map(ahead).collect())), ("ratio", Track::Constant(1.0))];
    let outcome = run(RATE, &job(KEY, vec![tone], &values));
    assert_eq!(outcome.latencies, [(12_032, 48), (12_800, 912), (23_808, 0), (35_840, 240)]);
    let bend = |x: &[f32]| (x[2] - 2.0 * x[1] + x[0]).abs();
    let sharpest = outcome.output[0].windows(3).map(bend).fold(0.0, f32::max);
    assert!(sharpest < 0.003, "{sharpest}");
    let delayed = |at: usize, by: usize| {
        let wrong = |i: &usize| (outcome.output[0][*i] - sine(100.0, -6.0, RATE, RATE)[*i - by]).abs() > 1e-6;
        assert_eq!((at..at + 200).find(wrong), None, "{by} frames at {at}");
    };
    for (at, by) in [(11_000, 0), (12_700, 48), (23_000, 912), (35_000, 0), (47_000, 240)] {
        delayed(at, by);
    }
}

#[test]
fn it_rests_after_its_look_ahead_and_its_release() {
    let mut input = vec![0.0; 96_000];
    input[..2000].fill(0.9);
    let job = compressor_job(vec![input; 2], &[("lookahead", 5.0), ("makeup", 6.0)]);
    let outcome = run(RATE, &job);
    assert_eq!(outcome.statuses.last(), Some(&Status::Silent));
    assert!(outcome.output[0][2000 + 240..].iter().all(|x| x.to_bits() == 0));
    assert!(outcome.output[0][1999 + 240] != 0.0);
}
