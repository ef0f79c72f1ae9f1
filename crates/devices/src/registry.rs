//! All devices, by their keys in the document. Off the audio thread.
//!
//! A new device is a file (or a folder) with a `descriptor` and a `build` in its `prepare` module, and one line in `DEVICES`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "runs off the audio thread")]
extern crate alloc;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use omega_dsp::simd::Level;
use omega_processor::{Descriptor, MAX_CHANNELS, PrepareConfig, Processor};

use crate::{bypass, compressor, eq, fader, frame_delay, monitor, utility};

/// Why a device could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// No device has that key.
    #[error("there is no device with the key {0:?}: the session may come from a newer version")]
    UnknownDevice(String),
    /// More channels than [`MAX_CHANNELS`], or none.
    #[error(
        "a device cannot have {inputs} inputs and {outputs} outputs: 1 to {MAX_CHANNELS} channels are possible"
    )]
    Channels {
        /// Channels of the main input.
        inputs: usize,
        /// Channels of the main output.
        outputs: usize,
    },
    /// A sample rate outside 8,000..=384,000.
    #[error("a device cannot run at {0} frames per second: 8,000 to 384,000 are possible")]
    SampleRate(u32),
}

/// One kind of device.
struct Device {
    key: &'static str,
    descriptor: fn() -> Descriptor,
    build: fn(&PrepareConfig, Level) -> Box<dyn Processor>,
}

/// All devices, in the order in which they are offered.
const DEVICES: &[Device] = &[
    Device { key: fader::FADER, descriptor: fader::prepare::fader, build: fader::prepare::build_fader },
    Device { key: fader::SEND, descriptor: fader::prepare::send, build: fader::prepare::build_send },
    Device { key: fader::PAN, descriptor: fader::prepare::pan, build: fader::prepare::build_pan },
    Device {
        key: compressor::KEY,
        descriptor: compressor::prepare::descriptor,
        build: compressor::prepare::build,
    },
    Device { key: eq::KEY, descriptor: eq::prepare::descriptor, build: eq::prepare::build },
    Device { key: utility::KEY, descriptor: utility::prepare::descriptor, build: utility::prepare::build },
    Device {
        key: frame_delay::KEY,
        descriptor: frame_delay::prepare::descriptor,
        build: frame_delay::prepare::build,
    },
    Device { key: bypass::KEY, descriptor: bypass::prepare::descriptor, build: bypass::prepare::build },
    Device { key: monitor::KEY, descriptor: monitor::prepare::descriptor, build: monitor::prepare::build },
];

/// What a device tells about itself; `None` for an unknown key.
#[must_use]
pub fn descriptor(key: &str) -> Option<Descriptor> {
    DEVICES.iter().find(|device| device.key == key).map(|device| (device.descriptor)())
}

/// All devices.
pub fn all() -> impl Iterator<Item = Descriptor> {
    DEVICES.iter().map(|device| (device.descriptor)())
}

/// Several devices of this kind can be processed side by side in lanes: what [`build`] gives has a batch function. A
/// side-chain excludes it.
#[must_use]
pub fn runs_in_lanes(key: &str) -> bool {
    [compressor::KEY, eq::KEY].contains(&key)
}

/// Builds and prepares a device. Its kernels use the instructions of `level`; the bytes do not depend on it.
///
/// # Errors
/// [`BuildError`] for an unknown key, or a configuration outside the contract.
pub fn build(key: &str, config: &PrepareConfig, level: Level) -> Result<Box<dyn Processor>, BuildError> {
    let Some(device) = DEVICES.iter().find(|device| device.key == key) else {
        return Err(BuildError::UnknownDevice(key.to_owned()));
    };
    let (inputs, outputs) = (config.inputs, config.outputs);
    if inputs.max(outputs) > MAX_CHANNELS || outputs == 0 {
        return Err(BuildError::Channels { inputs, outputs });
    }
    if !(8_000..=384_000).contains(&config.sample_rate) {
        return Err(BuildError::SampleRate(config.sample_rate));
    }
    Ok((device.build)(config, level))
}
