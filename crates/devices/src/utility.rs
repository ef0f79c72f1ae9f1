//! Gain, width, phase, mono and swap.
//!
//! On two channels, in this order: `swap` exchanges left and right, `invert_left` and `invert_right` turn the phase, `width`
//! scales the side signal (0 mono, 1 unchanged, 2 doubled; `mono` on is width 0), `gain` in dB scales everything (−144 and
//! below is −∞). Together that is one 2 × 2 matrix. One channel in and two out: the input goes to both first. Any other number
//! of channels gets the gain, and the first two their phase.
//!
//! A live switch takes 5 ms, automation none. Latency 0, no tail, no state.

use omega_dsp::kernels::Kernels;
use omega_processor::{Channels, MAX_BLOCK, Param, Params, PrepareConfig, ProcessBlock, Processor, Status};

use crate::level;

/// Key in the document.
pub const KEY: &str = "omega.utility";

/// Number of parameters: gain, width, invert left, invert right, mono, swap.
const PARAMS: usize = 6;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Utility {
    kernels: Kernels,
    mono_to_stereo: bool,
    /// Parameters, one value a frame: the gain as a factor, the others as they are.
    rows: [[f32; MAX_BLOCK]; PARAMS],
}

impl Utility {
    fn new(config: &PrepareConfig, kernels: Kernels) -> Self {
        let mono_to_stereo = (config.inputs, config.outputs) == (1, 2);
        Self { kernels, mono_to_stereo, rows: [[0.0; MAX_BLOCK]; PARAMS] }
    }

    /// At most [`MAX_BLOCK`] frames.
    fn run(&mut self, main: &mut Channels<'_>, params: &Params<'_>) {
        if !params.all_constant() {
            self.fill_rows(params, main.frames());
        }
        if main.count() != 2 {
            for (index, channel) in main.iter_mut().enumerate() {
                self.run_plain(channel, params, index);
            }
        } else if let Some((left, right)) = main.pair_mut() {
            if self.mono_to_stereo {
                self.kernels.copy(right, left);
            }
            self.run_stereo(left, right, params);
        }
    }

    fn fill_rows(&mut self, params: &Params<'_>, frames: usize) {
        for (index, row) in self.rows.iter_mut().enumerate() {
            let row = row.get_mut(..frames).unwrap_or(&mut []);
            match (index, params.get(index)) {
                (0, Param::Constant(db)) => row.fill(level::amplitude(db)),
                (0, Param::Varying(db)) => level::amplitudes(self.kernels, db, row),
                (_, Param::Constant(value)) => row.fill(value),
                (_, Param::Varying(values)) => self.kernels.copy(row, values),
            }
        }
    }

    fn run_stereo(&self, left: &mut [f32], right: &mut [f32], params: &Params<'_>) {
        let frames = left.iter_mut().zip(right.iter_mut());
        if params.all_constant() {
            let matrix = matrix(values(params));
            frames.for_each(|(left, right)| (*left, *right) = mixed(matrix, *left, *right));
            return;
        }
        let [gain, width, invert_left, invert_right, mono, swap] = &self.rows;
        let sides = width.iter().zip(mono);
        let phases = invert_left.iter().zip(invert_right);
        let rows = gain.iter().zip(sides).zip(phases).zip(swap);
        for ((left, right), (((gain, (width, mono)), (first, second)), swap)) in frames.zip(rows) {
            let matrix = matrix([*gain, *width, *first, *second, *mono, *swap]);
            (*left, *right) = mixed(matrix, *left, *right);
        }
    }

    /// Gain and, on the first two channels, phase.
    fn run_plain(&self, channel: &mut [f32], params: &Params<'_>, index: usize) {
        let [gain, _, invert_left, invert_right, ..] = &self.rows;
        let inverts = [invert_left, invert_right].get(index).copied();
        if params.all_constant() {
            let [gain, _, invert_left, invert_right, ..] = values(params);
            let invert = [invert_left, invert_right].get(index).copied().unwrap_or(0.0);
            channel.iter_mut().for_each(|sample| *sample = turned(*sample, gain, invert));
        } else if let Some(inverts) = inverts {
            let rows = gain.iter().zip(inverts);
            channel.iter_mut().zip(rows).for_each(|(s, (gain, invert))| *s = turned(*s, *gain, *invert));
        } else {
            channel.iter_mut().zip(gain).for_each(|(s, gain)| *s = turned(*s, *gain, 0.0));
        }
    }
}

impl Processor for Utility {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        if block.input_silent {
            return Status::Silent;
        }
        let frames = block.frames();
        let mut begin = 0;
        while begin < frames {
            let end = frames.min(begin + MAX_BLOCK);
            self.run(&mut block.main.range(begin, end), &block.params.range(begin, end));
            begin = end;
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Values of all parameters, the gain as a factor, where they are constant.
fn values(params: &Params<'_>) -> [f32; PARAMS] {
    core::array::from_fn(|index| {
        let value = params.at(index, 0);
        if index == 0 { level::amplitude(value) } else { value }
    })
}

/// What left and right are made of: `[left of left, left of right, right of left, right of right]`.
#[inline]
fn matrix([gain, width, invert_left, invert_right, mono, swap]: [f32; PARAMS]) -> [f32; 4] {
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

/// One sample with gain and phase; never −0.
#[inline]
fn turned(sample: f32, gain: f32, invert: f32) -> f32 {
    sample * (gain * (1.0 - 2.0 * invert)) + 0.0
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_dsp::kernels::Kernels;
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
            takes_notes: false,
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

    pub(crate) fn build(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        Box::new(Utility::new(config, Kernels::new(level)))
    }
}
