//! Gain, width, phase, mono and swap.
//!
//! On two channels, in this order: `swap` exchanges left and right, `invert_left` and `invert_right` turn the phase, `width`
//! scales the side signal (0 mono, 1 unchanged, 2 doubled; `mono` on is width 0), `gain` in dB scales everything (−144 and
//! below is −∞). Together that is one 2 × 2 matrix. One channel in and two out: the input goes to both first. Any other number
//! of channels gets the gain, and the first two their phase.
//!
//! A live switch takes 5 ms, automation none. Latency 0, no tail, no state.

use omega_processor::{Channels, Params, PrepareConfig, ProcessBlock, Processor, Status};

use crate::level;

/// Key in the document.
pub const KEY: &str = "omega.utility";

/// Number of parameters: gain, width, invert left, invert right, mono, swap.
const PARAMS: usize = 6;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Utility {
    mono_to_stereo: bool,
}

impl Utility {
    fn new(config: &PrepareConfig) -> Self {
        Self { mono_to_stereo: (config.inputs, config.outputs) == (1, 2) }
    }

    /// On all channels of `main`.
    fn run(&self, main: &mut Channels<'_>, params: &Params<'_>) {
        if main.count() != 2 {
            for (index, channel) in main.iter_mut().enumerate() {
                run_plain(channel, params, index);
            }
        } else if let Some((left, right)) = main.pair_mut() {
            if self.mono_to_stereo {
                right.iter_mut().zip(left.iter()).for_each(|(right, left)| *right = *left);
            }
            run_stereo(left, right, params);
        }
    }
}

impl Processor for Utility {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        if block.input_silent {
            return Status::Silent;
        }
        self.run(&mut block.main, &block.params);
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Values of all parameters at `frame`.
fn values(params: &Params<'_>, frame: usize) -> [f32; PARAMS] {
    core::array::from_fn(|index| params.at(index, frame))
}

/// What left and right are made of: `[left of left, left of right, right of left, right of right]`.
fn matrix([gain, width, invert_left, invert_right, mono, swap]: [f32; PARAMS]) -> [f32; 4] {
    let gain = level::amplitude(gain);
    let (left, right) = (gain * (1.0 - 2.0 * invert_left), gain * (1.0 - 2.0 * invert_right));
    let width = width * (1.0 - mono);
    let (same, other) = (0.5 + 0.5 * width, 0.5 - 0.5 * width);
    let straight = 1.0 - swap;
    [
        same * (left * straight) + other * (right * swap),
        same * (left * swap) + other * (right * straight),
        same * (right * swap) + other * (left * straight),
        same * (right * straight) + other * (left * swap),
    ]
}

/// One frame; never −0, so that silence is +0.
#[inline]
fn mixed([a, b, c, d]: [f32; 4], left: f32, right: f32) -> (f32, f32) {
    (a * left + b * right + 0.0, c * left + d * right + 0.0)
}

fn run_stereo(left: &mut [f32], right: &mut [f32], params: &Params<'_>) {
    let frames = left.iter_mut().zip(right.iter_mut());
    if params.all_constant() {
        let matrix = matrix(values(params, 0));
        frames.for_each(|(left, right)| (*left, *right) = mixed(matrix, *left, *right));
        return;
    }
    for (frame, (left, right)) in frames.enumerate() {
        (*left, *right) = mixed(matrix(values(params, frame)), *left, *right);
    }
}

/// Gain and, on the first two channels, phase.
fn run_plain(channel: &mut [f32], params: &Params<'_>, index: usize) {
    let factor = |frame: usize| {
        let [gain, _, invert_left, invert_right, ..] = values(params, frame);
        let invert = match index {
            0 => invert_left,
            1 => invert_right,
            _ => 0.0,
        };
        level::amplitude(gain) * (1.0 - 2.0 * invert)
    };
    if params.all_constant() {
        let factor = factor(0);
        channel.iter_mut().for_each(|sample| *sample = *sample * factor + 0.0);
        return;
    }
    for (frame, sample) in channel.iter_mut().enumerate() {
        *sample = *sample * factor(frame) + 0.0;
    }
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_dsp::simd::Level;
    use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Processor, Smoothing, Taper, Unit};

    use super::{KEY, Utility};

    pub(crate) fn descriptor() -> Descriptor {
        let switch = |key, name| {
            let info = ParamInfo::new(key, name, Unit::None, [0.0, 1.0], 0.0);
            info.taper(Taper::Toggle).smoothing(Smoothing::Linear(5.0))
        };
        let lowest = f64::from(crate::level::SILENCE_DB);
        Descriptor {
            key: KEY.into(),
            name: "Utility".into(),
            aux_inputs: Vec::new(),
            params: vec![
                ParamInfo::new("gain", "Gain", Unit::Decibels, [lowest, 24.0], 0.0),
                ParamInfo::new("width", "Width", Unit::Percent, [0.0, 2.0], 1.0),
                switch("invert_left", "Invert left"),
                switch("invert_right", "Invert right"),
                switch("mono", "Mono"),
                switch("swap", "Swap left and right"),
            ],
        }
    }

    pub(crate) fn build(config: &PrepareConfig, _level: Level) -> Box<dyn Processor> {
        Box::new(Utility::new(config))
    }
}
