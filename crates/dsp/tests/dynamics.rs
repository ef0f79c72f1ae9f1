//! Dynamics: all levels and cuts give the bytes of the reference; curve, attack and release are those of the theory.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests allocate, and their numbers are small"
)]

mod common;

use std::f64::consts::PI;

use common::{assert_same, scalar, signal, vector_levels};
use omega_dsp::dynamics::{Ballistics, CELL, Curve, Detector, Dynamics, Node, Settings, Times};
use omega_dsp::kernels::Kernels;
use omega_dsp::math;

const RATE: f64 = 48_000.0;
const TIMES: Times = Times { attack: 0.01, release: 0.1, hold: 0.005, average: 0.01 };

fn settings(threshold: f64, ratio: f64, knee: f64) -> Settings {
    Settings {
        detector: Detector::Peak,
        curve: Curve::new(threshold, ratio, knee),
        ballistics: Ballistics::new(TIMES, RATE),
        dry: 0.0,
        wet: 1.0,
    }
}

/// Different settings for each index, among them both detectors and wild values.
fn various(index: usize) -> Settings {
    let i = index as f64;
    Settings {
        detector: if index % 3 == 1 { Detector::Rms } else { Detector::Peak },
        curve: Curve::new(-30.0 + 3.0 * i, 1.0 + i * i, 2.0 * (i % 4.0)),
        ballistics: Ballistics::new(
            Times { attack: 0.0003 * i, release: 0.01 + 0.01 * i, hold: 0.0004 * i, average: 0.002 * i },
            RATE,
        ),
        dry: 0.1 * i as f32,
        wet: 1.5 - 0.1 * i as f32,
    }
}

/// A signal of bursts: `channels` of them, different for each seed.
fn bursts(frames: usize, channels: usize, seed: u64) -> Vec<Vec<f32>> {
    (0..channels as u64)
        .map(|c| {
            let shape =
                |i: usize| if (i / (150 + 13 * seed as usize)).is_multiple_of(3) { 1.0 } else { 0.003 };
            signal(frames, 10 * seed + c).into_iter().enumerate().map(|(i, x)| x * shape(i)).collect()
        })
        .collect()
}

struct Bank {
    keys: Vec<Vec<Vec<f32>>>,
    settings: Vec<Settings>,
}

impl Bank {
    fn new(nodes: usize, frames: usize) -> Self {
        let keys = (0..nodes).map(|n| bursts(frames, 1 + n % 3, n as u64)).collect();
        Self { keys, settings: (0..nodes).map(various).collect() }
    }

    /// Factors of all nodes, for a cut into blocks and a first frame, and the states at the end.
    fn run(&self, kernels: Kernels, cuts: &[usize], clock: i64) -> (Vec<Vec<f32>>, Vec<Dynamics>) {
        let mut states = vec![Dynamics::new(); self.keys.len()];
        let mut factors: Vec<Vec<f32>> = self.keys.iter().map(|key| vec![9.0; key[0].len()]).collect();
        let mut at = 0;
        for cut in cuts {
            let end = at + cut;
            let keys: Vec<Vec<&[f32]>> =
                self.keys.iter().map(|key| key.iter().map(|channel| &channel[at..end]).collect()).collect();
            let nodes = states.iter_mut().zip(&self.settings).zip(&keys).zip(&mut factors);
            let mut nodes: Vec<Node<'_>> = nodes
                .map(|(((dynamics, settings), key), factors)| Node {
                    dynamics,
                    settings,
                    key,
                    factors: &mut factors[at..end],
                })
                .collect();
            kernels.dynamics(clock + at as i64, &mut nodes);
            at = end;
        }
        (factors, states)
    }
}

fn cuts(frames: usize, blocks: &[usize]) -> Vec<usize> {
    let (mut cuts, mut left) = (Vec::new(), frames);
    for block in blocks.iter().cycle() {
        if left == 0 {
            return cuts;
        }
        let block = (*block).min(left);
        cuts.push(block);
        left -= block;
    }
    cuts
}

#[test]
fn all_levels_and_cuts_give_the_bytes_of_the_reference() {
    const FRAMES: usize = 1500;
    for nodes in [1, 2, 5, 8, 11] {
        let bank = Bank::new(nodes, FRAMES);
        for clock in [0, 3, 8, -5, 1_000_007] {
            let (expected, states) = bank.run(scalar(), &[FRAMES], clock);
            for kernels in vector_levels().into_iter().chain([scalar()]) {
                for blocks in [&[FRAMES][..], &[1], &[7], &[8], &[64], &[256], &[1, 100, 3, 256, 40]] {
                    let (factors, other) = bank.run(kernels, &cuts(FRAMES, blocks), clock);
                    for (a, b) in factors.iter().zip(&expected) {
                        assert_same(a, b, &format!("{nodes} nodes, blocks {blocks:?}, {}", kernels.level()));
                    }
                    assert_eq!(other, states);
                }
            }
        }
    }
}

#[test]
fn a_node_gives_the_same_bytes_alone_and_in_company() {
    let bank = Bank::new(8, 1000);
    let (together, _) = bank.run(Kernels::detect(), &[1000], 0);
    for (n, together) in together.iter().enumerate() {
        let alone = Bank { keys: vec![bank.keys[n].clone()], settings: vec![bank.settings[n]] };
        assert_same(&alone.run(Kernels::detect(), &[1000], 0).0[0], together, "alone");
    }
}

#[test]
fn keys_that_are_too_short_count_as_silence() {
    let loud = [1.0; 50];
    let run = |kernels: Kernels| {
        let mut dynamics = Dynamics::new();
        let mut factors = vec![0.0; 100];
        let settings = settings(-20.0, 4.0, 0.0);
        let key = [&loud[..]];
        kernels.dynamics(
            0,
            &mut [Node { dynamics: &mut dynamics, settings: &settings, key: &key, factors: &mut factors }],
        );
        factors
    };
    let expected = run(scalar());
    vector_levels().into_iter().for_each(|k| assert_same(&run(k), &expected, "short key"));
    let mut dynamics = Dynamics::new();
    let mut factors = [3.0; 20];
    let node =
        Node { dynamics: &mut dynamics, settings: &settings(0.0, 2.0, 0.0), key: &[], factors: &mut factors };
    Kernels::detect().dynamics(5, &mut [node]);
    assert_eq!(factors, [1.0; 20]);
}

/// The published curve, in dB and f64.
fn curve_db(level: f64, threshold: f64, ratio: f64, knee: f64) -> f64 {
    let over = level - threshold;
    let output = if 2.0 * over < -knee || knee == 0.0 && over <= 0.0 {
        level
    } else if 2.0 * over.abs() <= knee {
        level + (1.0 / ratio - 1.0) * (over + knee / 2.0).powi(2) / (2.0 * knee)
    } else {
        threshold + over / ratio
    };
    output - level
}

#[test]
fn the_curve_is_the_published_one() {
    for (threshold, ratio, knee) in [
        (-20.0, 4.0, 0.0),
        (-18.0, 2.0, 12.0),
        (-6.0, f64::INFINITY, 6.0),
        (0.0, 1.0, 3.0),
        (-40.0, 1.5, 0.1),
    ] {
        let curve = Curve::new(threshold, ratio, knee);
        for step in -900..=200_i32 {
            let level = f64::from(step) / 10.0;
            let (expected, got) = (curve_db(level, threshold, ratio, knee), curve.gain_db(level));
            assert!(
                (got - expected).abs() < 1e-4,
                "{threshold} {ratio} {knee} at {level}: {got} not {expected}"
            );
        }
    }
}

/// Factors of one node over a key.
fn factors(key: &[f32], settings: &Settings) -> Vec<f32> {
    let (mut dynamics, mut factors) = (Dynamics::new(), vec![0.0; key.len()]);
    Kernels::detect()
        .dynamics(0, &mut [Node { dynamics: &mut dynamics, settings, key: &[key], factors: &mut factors }]);
    factors
}

fn db(x: f32) -> f64 {
    math::gain_to_db(f64::from(x))
}

fn sine(frequency: f64, level_db: f64, frames: usize) -> Vec<f32> {
    let amplitude = math::db_to_gain(level_db);
    (0..frames).map(|i| (amplitude * (2.0 * PI * frequency * i as f64 / RATE).sin()) as f32).collect()
}

#[test]
fn a_steady_tone_settles_on_the_curve() {
    for frequency in [120.0, 997.0, 5003.0] {
        for level in [-50.0, -24.0, -18.0, -9.0, 0.0, 6.0] {
            for (ratio, knee) in [(4.0, 0.0), (2.0, 10.0), (20.0, 6.0)] {
                let mut settings = settings(-20.0, ratio, knee);
                let key = sine(frequency, level, 48_000);
                let settled = |settings: &Settings, expected: f64| {
                    for factor in &factors(&key, settings)[40_000..] {
                        let error = (db(*factor) - expected).abs();
                        assert!(error < 0.1, "{frequency} Hz {level} dB {:?}: {error}", settings.detector);
                    }
                };
                settled(&settings, curve_db(level, -20.0, ratio, knee));
                settings.detector = Detector::Rms;
                settings.ballistics = Ballistics::new(Times { average: 0.1, ..TIMES }, RATE);
                settled(&settings, curve_db(level - 3.0103, -20.0, ratio, knee));
            }
        }
    }
}

/// Frames from the jump of a steady level until the gain has done 1 − 1/e of its way in dB.
fn time_constant(settings: &Settings, from_db: f64, to_db: f64) -> f64 {
    let (jump, end) = (48_000, 144_000);
    let key: Vec<f32> =
        (0..end).map(|i| math::db_to_gain(if i < jump { from_db } else { to_db }) as f32).collect();
    let factors = factors(&key, settings);
    let (start, finish) = (db(factors[jump]), db(factors[end - 1]));
    let goal = finish + (start - finish) * (-1.0_f64).exp();
    let reached = factors[jump..].iter().position(|f| (db(*f) - goal) * (finish - start) >= 0.0);
    reached.expect("the gain gets there") as f64
}

#[test]
fn attack_and_release_take_their_time() {
    for (attack, release) in [(0.005, 0.05), (0.02, 0.2), (0.1, 0.4)] {
        for (ratio, knee) in [(4.0, 0.0), (2.0, 6.0)] {
            let times = Times { attack, release, hold: 0.0, average: 0.0 };
            let settings =
                Settings { ballistics: Ballistics::new(times, RATE), ..settings(-20.0, ratio, knee) };
            // A cell until the level is known and half a cell of the straight line.
            let measured = time_constant(&settings, -60.0, 0.0) - 12.0;
            assert!((measured / RATE / attack - 1.0).abs() < 0.03, "attack {attack}: {measured} frames");
            let measured = time_constant(&settings, 0.0, -60.0) - 12.0;
            assert!((measured / RATE / release - 1.0).abs() < 0.02, "release {release}: {measured} frames");
        }
    }
}

#[test]
fn the_hold_delays_the_release_by_one_to_two_hold_times() {
    let times = Times { hold: 0.02, ..TIMES };
    let settings = Settings { ballistics: Ballistics::new(times, RATE), ..settings(-20.0, 4.0, 0.0) };
    let mut key = vec![1.0; 48_000];
    key.extend(vec![0.0; 4800]);
    let factors = factors(&key, &settings);
    let settled = factors[47_000];
    let moved = factors[48_000..].iter().position(|f| *f > settled * 1.0001).unwrap();
    assert!((960..=1920 + 2 * CELL).contains(&moved), "{moved}");
}

#[test]
fn the_gain_of_a_frame_depends_on_the_past_only() {
    let key = bursts(2000, 1, 3).remove(0);
    let settings = settings(-30.0, 8.0, 3.0);
    let whole = factors(&key, &settings);
    for cut in [100, 777, 1504] {
        let mut other = key.clone();
        other[cut..].iter_mut().for_each(|x| *x = 4.0 - *x);
        assert_eq!(factors(&other, &settings)[..=cut], whole[..=cut]);
    }
}

#[test]
fn it_comes_to_rest_after_silence_and_only_then_says_so() {
    for detector in [Detector::Peak, Detector::Rms] {
        let settings = Settings { detector, ..settings(-30.0, 8.0, 3.0) };
        let mut dynamics = Dynamics::new();
        assert!(dynamics.is_at_rest(&settings));
        let mut clock = 0;
        let mut run = |dynamics: &mut Dynamics, key: &[f32]| {
            let mut factors = vec![0.0; key.len()];
            Kernels::detect().dynamics(
                clock,
                &mut [Node { dynamics, settings: &settings, key: &[key], factors: &mut factors }],
            );
            clock += key.len() as i64;
            factors
        };
        run(&mut dynamics, &[1.0; 100]);
        assert!(!dynamics.is_at_rest(&settings));
        let mut blocks = 0;
        while !dynamics.is_at_rest(&settings) {
            run(&mut dynamics, &[0.0; 256]);
            blocks += 1;
            assert!(blocks * 256 < 48_000 * 3, "within 3 s: {dynamics:?}");
        }
        let before = dynamics;
        assert!(run(&mut dynamics, &[0.0; 999]).iter().all(|f| *f == 1.0));
        assert_eq!(dynamics.state().map(f32::to_bits), before.state().map(f32::to_bits));
    }
}

#[test]
fn a_saved_state_goes_on_with_the_same_bytes() {
    let bank = Bank::new(3, 1000);
    let (whole, _) = bank.run(Kernels::detect(), &[1000], 0);
    let half = |range: std::ops::Range<usize>| {
        let keys =
            bank.keys.iter().map(|key| key.iter().map(|c| c[range.clone()].to_vec()).collect()).collect();
        Bank { keys, settings: bank.settings.clone() }
    };
    let (_, states) = half(0..437).run(Kernels::detect(), &[437], 0);
    let rest = half(437..1000);
    for (n, state) in states.into_iter().enumerate() {
        let mut dynamics = Dynamics::from_state(state.state());
        let mut factors = vec![0.0; 563];
        let key: Vec<&[f32]> = rest.keys[n].iter().map(Vec::as_slice).collect();
        let node =
            Node { dynamics: &mut dynamics, settings: &bank.settings[n], key: &key, factors: &mut factors };
        Kernels::detect().dynamics(437, &mut [node]);
        assert_same(&factors, &whole[n][437..], "restored");
    }
}

#[test]
fn wild_samples_and_settings_never_leave_it_broken() {
    let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, 0.0];
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300];
    for detector in [Detector::Peak, Detector::Rms] {
        for a in numbers {
            let times = Times { attack: a, release: 0.01, hold: 0.0, average: 0.001 };
            let settings = Settings {
                detector,
                curve: Curve::new(a, a, a),
                ballistics: Ballistics::new(times, a),
                dry: 0.0,
                wet: 1.0,
            };
            let mut key: Vec<f32> = wild.iter().copied().cycle().take(500).collect();
            key.extend(vec![0.0; 500]);
            let factors = factors(&key, &settings);
            assert!(factors.iter().all(|f| f.is_finite() && *f >= 0.0), "{a}");
        }
    }
    let settings = settings(-20.0, 4.0, 0.0);
    let mut key = vec![f32::NAN; 100];
    key.extend(vec![1e-3; 96_000]);
    assert!((db(*factors(&key, &settings).last().unwrap())).abs() < 1e-3, "recovers");
}
