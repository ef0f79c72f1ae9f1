//! The fader, the send and the pan.

use omega_dsp::math;
use omega_processor::Status;
use omega_testkit::drive::Track;

use crate::{job, run};

const FRAMES: usize = 300;

fn ones(channels: usize) -> Vec<Vec<f32>> {
    vec![vec![1.0; FRAMES]; channels]
}

/// Gains `[left, right]` at a pan position, by the book.
fn law(index: usize, position: f64) -> [f64; 2] {
    let angle = (1.0 + position) * core::f64::consts::FRAC_PI_4;
    let power = [math::cos(angle), math::sin(angle)];
    let voltage = [(1.0 - position) / 2.0, (1.0 + position) / 2.0];
    match index {
        0 => [(1.0 - position).min(1.0), (1.0 + position).min(1.0)],
        1 => power,
        2 => [math::sqrt((power[0] * voltage[0]).abs()), math::sqrt((power[1] * voltage[1]).abs())],
        _ => voltage,
    }
}

#[test]
fn a_new_fader_changes_no_bit() {
    let input = vec![vec![0.1, -0.0, f32::MIN_POSITIVE, -3.5e7], vec![0.7; 4]];
    for key in ["omega.fader", "omega.send", "omega.pan"] {
        let outcome = run(key, 2, &job(key, input.clone(), &[]));
        for (out, input) in outcome.output.iter().flatten().zip(input.iter().flatten()) {
            assert_eq!(out.to_bits(), input.to_bits());
        }
    }
}

#[test]
fn volume_is_in_decibels_and_its_bottom_is_silence() {
    for (db, status) in
        [(-143.9, Status::Sound), (-60.0, Status::Sound), (-6.0, Status::Sound), (12.0, Status::Sound)]
    {
        let outcome = run("omega.fader", 3, &job("omega.fader", ones(3), &[("volume", Track::Constant(db))]));
        let exact = math::db_to_gain(f64::from(db));
        for sample in outcome.output.iter().flatten() {
            assert!((f64::from(*sample) / exact - 1.0).abs() < 2e-6, "{db} dB: {sample}");
        }
        assert_eq!(outcome.statuses, [status; 2]);
    }
    let poisoned = vec![vec![f32::NAN; FRAMES], vec![-1.0; FRAMES]];
    for (name, value) in [("volume", -144.0), ("mute", 1.0), ("solo_mute", 1.0)] {
        let job = job("omega.fader", poisoned.clone(), &[(name, Track::Constant(value))]);
        let outcome = run("omega.fader", 2, &job);
        assert!(outcome.bits().iter().flatten().all(|bits| *bits == 0), "{name}: +0 whatever comes in");
        assert_eq!(outcome.statuses, [Status::Silent; 2]);
    }
}

#[test]
fn pan_follows_the_chosen_law_from_mono_and_on_stereo() {
    for index in 0..4u16 {
        for step in -20..=20i8 {
            let position = f32::from(step) / 20.0;
            let changes = [("pan", Track::Constant(position)), ("law", Track::Constant(f32::from(index)))];
            let exact = law(index.into(), position.into());
            let mut from_mono = ones(2);
            from_mono[1].fill(0.0);
            let mono = run("omega.pan", 1, &job("omega.pan", from_mono, &changes)).output;
            let stereo = run("omega.pan", 2, &job("omega.pan", ones(2), &changes)).output;
            let centre = law(index.into(), 0.0)[0];
            for side in 0..2 {
                assert!((f64::from(mono[side][9]) - exact[side]).abs() < 1e-6, "law {index} at {position}");
                let balance = exact[side] / centre;
                assert!((f64::from(stereo[side][9]) - balance).abs() < 1e-6, "law {index} at {position}");
            }
            let wide = run("omega.pan", 3, &job("omega.pan", ones(3), &changes)).output;
            assert!(wide.iter().flatten().all(|sample| *sample == 1.0), "no pan on three channels");
        }
    }
}

#[test]
fn the_balance_law_is_the_linear_one_to_the_bit() {
    for step in -8..=8i8 {
        let position = f32::from(step) / 10.0;
        let changes = [("pan", Track::Constant(position)), ("volume", Track::Constant(-3.098_039_2))];
        let output = run("omega.fader", 2, &job("omega.fader", ones(2), &changes)).output;
        let centre = run("omega.fader", 2, &job("omega.fader", ones(2), &changes[1..])).output[0][0];
        assert!((centre - 0.7).abs() < 1e-6);
        assert_eq!(output[0][0], 1f32.min(1.0 - position) * centre);
        assert_eq!(output[1][0], 1f32.min(1.0 + position) * centre);
    }
}

#[test]
fn switches_turn_along_their_ramp_and_invert_turns_the_phase() {
    let ramp: Vec<f32> = (0..FRAMES).map(|frame| (frame as f32 / 240.0).min(1.0)).collect();
    for (name, depth) in [("mute", 1.0), ("solo_mute", 1.0), ("invert", 2.0)] {
        let job = job("omega.fader", ones(2), &[(name, Track::Frames(ramp.clone()))]);
        let output = run("omega.fader", 2, &job).output;
        for (sample, switch) in output[1].iter().zip(&ramp) {
            assert!((sample - (1.0 - depth * switch)).abs() < 1e-6, "{name}");
        }
    }
    let inverted = run("omega.fader", 2, &job("omega.fader", ones(2), &[("invert", Track::Constant(1.0))]));
    assert!(inverted.output.iter().flatten().all(|sample| *sample == -1.0));
    let mut zeros = ones(2);
    zeros[0].fill(0.0);
    let inverted = run("omega.fader", 2, &job("omega.fader", zeros, &[("invert", Track::Constant(1.0))]));
    assert!(inverted.output[0].iter().all(|sample| sample.to_bits() == 0), "silence stays +0");
}

#[test]
fn a_live_switch_takes_five_milliseconds() {
    use omega_processor::Smoothing;
    let descriptor = omega_devices::registry::descriptor("omega.fader").expect("there");
    for name in ["mute", "solo_mute", "invert"] {
        let info = &descriptor.params[descriptor.param_index(name).expect("there")];
        assert_eq!(info.smoothing, Smoothing::Linear(5.0));
    }
}
