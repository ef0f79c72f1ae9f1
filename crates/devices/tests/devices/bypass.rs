//! The bypass.

use omega_testkit::drive::{Job, Track};

use crate::{job, run};

const KEY: &str = "omega.bypass";

const WET: [f32; 4] = [0.5, -0.0, f32::NAN, 0.0];
const DRY: [f32; 4] = [-0.25, 1.0, 0.75, -0.0];

fn with(bypass: Track, dry: &[Vec<f32>]) -> Vec<Vec<u32>> {
    let job = job(KEY, vec![WET.to_vec(), WET.to_vec()], &[("bypass", bypass)]);
    run(KEY, 2, &Job { side: dry.to_vec(), ..job }).bits()
}

fn bits(channel: [f32; 4]) -> Vec<Vec<u32>> {
    vec![channel.map(f32::to_bits).to_vec(); 2]
}

#[test]
fn both_ends_pass_exactly_one_side() {
    let dry = [DRY.to_vec(), DRY.to_vec()];
    for wet in [0.0, -1.0, f32::NAN] {
        assert_eq!(with(Track::Constant(wet), &dry), bits(WET), "even what the other side could not undo");
        assert_eq!(with(Track::Constant(wet), &[]), bits(WET));
    }
    for bypassed in [1.0, 2.0] {
        assert_eq!(with(Track::Constant(bypassed), &dry), bits(DRY));
        assert_eq!(with(Track::Constant(bypassed), &[]), bits([0.0; 4]), "nothing connected is silence");
        assert_eq!(with(Track::Constant(bypassed), &dry[..1])[1], bits([0.0; 4])[1], "channel by channel");
    }
}

#[test]
fn between_the_ends_both_are_heard_in_their_share() {
    let halves = vec![vec![1.0; 4]; 2];
    let shares = Track::Frames(vec![0.0, 0.25, 0.5, 1.0]);
    let job = Job { side: vec![vec![-3.0; 4]; 2], ..job(KEY, halves.clone(), &[("bypass", shares.clone())]) };
    assert_eq!(run(KEY, 2, &job).output, vec![vec![1.0, 0.0, -1.0, -3.0]; 2]);
    let alone = Job { side: Vec::new(), ..job };
    assert_eq!(run(KEY, 2, &alone).output, vec![vec![1.0, 0.75, 0.5, 0.0]; 2], "dry counts as silence");
    let still = self::job(KEY, halves, &[("bypass", Track::Constant(0.25))]);
    assert_eq!(run(KEY, 2, &still).output, vec![vec![0.75; 4]; 2]);
}
