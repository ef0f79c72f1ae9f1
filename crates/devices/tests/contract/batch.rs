//! A batch gives the bytes of separate calls.

use omega_devices::registry;
use omega_dsp::simd::Level;
use omega_processor::{Processor, Status};
use omega_rt::RtScope;
use omega_testkit::drive::{Job, Track, drive, drive_batch, random_cuts};
use omega_testkit::random::Random;

use crate::{config, job, state};

/// Devices and jobs of a batch: all of one shape, begun at the same frame; most have constant parameters, as is usual.
fn batch(random: &mut Random, key: &str, shape: (usize, usize), frames: usize) -> Vec<Job> {
    let descriptor = registry::descriptor(key).expect("a device of the registry");
    let count = 1 + random.index(8);
    let clock = random.within(-1000, 1000);
    let mut jobs: Vec<Job> = (0..count).map(|_| job(random, &descriptor, shape, frames)).collect();
    for job in &mut jobs {
        job.side.clear();
        job.transport.clock = clock;
        if !random.once_in(4) {
            for track in &mut job.params {
                if let Track::Frames(values) = track {
                    *track = Track::Constant(values[0]);
                }
            }
        }
    }
    jobs
}

#[test]
fn a_batch_gives_the_bytes_states_and_statuses_of_separate_calls() {
    let frames = 1500;
    for descriptor in registry::all() {
        let key = &*descriptor.key;
        for seed in 0..12 {
            let mut random = Random::new(seed);
            let shape = [(1, 1), (2, 2), (1, 2), (2, 2), (3, 3)][random.index(5)];
            let jobs = batch(&mut random, key, shape, frames);
            let build = |level| -> Vec<Box<dyn Processor>> {
                jobs.iter().map(|_| registry::build(key, &config(shape), level).expect("a device")).collect()
            };
            if build(Level::Scalar)[0].batch().is_none() {
                continue;
            }
            let cuts = random_cuts(&mut random, frames);
            let mut alone = build(Level::Scalar);
            let expected: Vec<_> =
                alone.iter_mut().zip(&jobs).map(|(device, job)| drive(&mut **device, job, &cuts)).collect();
            for level in Level::ALL {
                let mut devices = build(level);
                let outcomes = drive_batch(&mut devices, &jobs, &cuts, |_, _| false);
                for (lane, (outcome, expected)) in outcomes.iter().zip(&expected).enumerate() {
                    let what =
                        format!("{key}, seed {seed}, {shape:?}, {level}, lane {lane} of {}", jobs.len());
                    assert!(outcome.bits() == expected.bits(), "{what}");
                    assert_eq!(outcome.statuses, expected.statuses, "{what}");
                    assert_eq!(outcome.latencies, expected.latencies, "{what}");
                }
                for (device, alone) in devices.iter().zip(&alone) {
                    assert!(state(&**device) == state(&**alone), "{key}, seed {seed}, {level}: states");
                }
            }
        }
    }
}

#[test]
fn empty_lanes_and_foreign_processors_are_no_trouble() {
    for descriptor in registry::all() {
        let key = &*descriptor.key;
        let mut random = Random::new(5);
        let jobs: Vec<Job> = (0..3).map(|_| job(&mut random, &descriptor, (2, 2), 600)).collect();
        let build = |key: &str| registry::build(key, &config((2, 2)), Level::detect()).expect("a device");
        let mut devices = vec![build(key), build("omega.utility"), build(key)];
        if devices[0].batch().is_none() {
            continue;
        }
        let outcomes =
            drive_batch(&mut devices, &jobs, &[256, 256, 88], |lane, index| lane == 0 && index > 0);
        assert_eq!(outcomes[0].output[0].len(), 256);
        let foreign = drive(&mut *build("omega.utility"), &jobs[1], &[256, 256, 88]);
        assert!(outcomes[1].bits() == foreign.bits(), "{key}: a foreign processor is processed alone");
        assert_eq!(outcomes[2].statuses.len(), 3);
        assert!(outcomes[2].statuses.iter().all(|status| !matches!(status, Status::Failed(_))));
    }
}

#[test]
fn a_batch_neither_allocates_nor_frees() {
    for descriptor in registry::all() {
        let key = &*descriptor.key;
        let mut random = Random::new(9);
        let jobs: Vec<Job> = (0..8).map(|_| job(&mut random, &descriptor, (2, 2), 256)).collect();
        let mut device = registry::build(key, &config((2, 2)), Level::detect()).expect("a device");
        let Some(function) = device.batch() else { continue };
        let mut main = vec![0.5; 512];
        let block = omega_processor::ProcessBlock::new(
            omega_processor::Channels::new(&mut main, 256, 0, 256),
            omega_processor::Params::constant(&[]),
            jobs[0].transport,
        );
        let item = omega_processor::BatchItem { processor: &mut *device, block, status: Status::Sound };
        let mut items = [Some(item)];
        let scope = RtScope::enter();
        function(&mut items);
        let counts = scope.counts();
        drop(scope);
        assert!(counts.is_clean(), "{key}: {counts:?}");
    }
}

#[test]
fn the_registry_knows_who_runs_in_lanes() {
    for descriptor in registry::all() {
        let device = registry::build(&descriptor.key, &config((2, 2)), Level::Scalar).unwrap();
        assert_eq!(device.batch().is_some(), registry::runs_in_lanes(&descriptor.key), "{}", descriptor.key);
    }
}
