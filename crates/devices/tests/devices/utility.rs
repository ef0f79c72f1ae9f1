//! The utility.

use omega_dsp::math;
use omega_testkit::drive::Track;

use crate::{job, run};

const KEY: &str = "omega.utility";

fn stereo() -> Vec<Vec<f32>> {
    vec![vec![0.5, -0.25, 1.0, 0.0], vec![0.125, 0.5, -1.0, 0.0]]
}

fn with(changes: &[(&str, f32)]) -> Vec<Vec<f32>> {
    let changes: Vec<_> = changes.iter().map(|(name, value)| (*name, Track::Constant(*value))).collect();
    run(KEY, 2, &job(KEY, stereo(), &changes)).output
}

#[test]
fn defaults_change_nothing() {
    assert_eq!(with(&[]), stereo());
}

#[test]
fn each_parameter_does_what_it_says() {
    let [l, r] = stereo().try_into().expect("two");
    let each = |f: fn(f32, f32) -> (f32, f32)| -> Vec<Vec<f32>> {
        let (left, right) = l.iter().zip(&r).map(|(l, r)| f(*l, *r)).unzip();
        vec![left, right]
    };
    assert_eq!(with(&[("swap", 1.0)]), each(|l, r| (r, l)));
    assert_eq!(with(&[("invert_left", 1.0)]), each(|l, r| (-l, r)));
    assert_eq!(with(&[("invert_right", 1.0)]), each(|l, r| (l, -r)));
    assert_eq!(with(&[("mono", 1.0)]), each(|l, r| ((l + r) / 2.0, (l + r) / 2.0)));
    assert_eq!(with(&[("width", 0.0)]), with(&[("mono", 1.0)]));
    assert_eq!(with(&[("width", 2.0)]), each(|l, r| (1.5 * l - 0.5 * r, 1.5 * r - 0.5 * l)));
    assert_eq!(with(&[("mono", 1.0), ("width", 2.0)]), with(&[("mono", 1.0)]));
    let swapped_first = with(&[("swap", 1.0), ("invert_left", 1.0)]);
    assert_eq!(swapped_first, each(|l, r| (-r, l)), "swap comes before the phase");
}

#[test]
fn gain_is_in_decibels_and_its_bottom_is_silence() {
    for db in [-100.0, -20.0, 6.0, 24.0] {
        let gain = math::db_to_gain(f64::from(db));
        for (out, input) in with(&[("gain", db)]).iter().flatten().zip(stereo().iter().flatten()) {
            assert!((f64::from(*out) - f64::from(*input) * gain).abs() <= 2e-6 * gain);
        }
    }
    assert!(with(&[("gain", -144.0)]).iter().flatten().all(|sample| sample.to_bits() == 0));
}

#[test]
fn one_channel_goes_to_both_and_more_than_two_get_gain_and_phase_only() {
    let from_mono = vec![vec![0.5; 4], vec![0.0; 4]];
    let out = run(KEY, 1, &job(KEY, from_mono, &[("invert_right", Track::Constant(1.0))])).output;
    assert_eq!(out, [vec![0.5; 4], vec![-0.5; 4]]);
    let three = vec![vec![0.5; 4], vec![0.25; 4], vec![1.0; 4]];
    let changes = [("invert_right", Track::Constant(1.0)), ("width", Track::Constant(0.0))];
    assert_eq!(run(KEY, 3, &job(KEY, three, &changes)).output, [vec![0.5; 4], vec![-0.25; 4], vec![1.0; 4]]);
}
