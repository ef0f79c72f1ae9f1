//! Each device against theory.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests prepare and judge off the audio thread"
)]

mod bypass;
mod compressor;
mod eq;
mod fader;
mod frame_delay;
mod recording;
mod utility;

use omega_devices::registry;
use omega_dsp::math::to_f32;
use omega_dsp::simd::Level;
use omega_processor::PrepareConfig;
use omega_testkit::drive::{Job, Outcome, Track, drive, even_cuts};

/// A job with a device's default parameters, but for those named.
fn job(key: &str, input: Vec<Vec<f32>>, changes: &[(&str, Track)]) -> Job {
    let descriptor = registry::descriptor(key).expect("a device of the registry");
    let mut params: Vec<Track> =
        descriptor.params.iter().map(|info| Track::Constant(to_f32(info.default))).collect();
    for (name, track) in changes {
        params[descriptor.param_index(name).expect("a parameter")] = track.clone();
    }
    Job { frames: input[0].len(), input, params, settle: true, ..Job::default() }
}

/// What a device of `inputs` and as many outputs as the job has channels makes of a job.
fn run(key: &str, inputs: usize, job: &Job) -> Outcome {
    let config = PrepareConfig { sample_rate: 48_000, inputs, outputs: job.input.len() };
    let mut device = registry::build(key, &config, Level::detect()).expect("a device of the registry");
    drive(&mut *device, job, &even_cuts(256, job.frames))
}
