//! Level, mute, phase and pan in one pass: the end of a channel strip, a send, a pan insert.
//!
//! | key | parameters |
//! |---|---|
//! | [`FADER`] | `volume`, `pan`, `mute`, `solo_mute`, `invert`, `law` |
//! | [`SEND`] | `level`, `pan`, `mute`, `law` |
//! | [`PAN`] | `pan`, `law` |
//!
//! **Level** in dB, −144 and below is −∞ (exactly zero), 0 dB is exactly 1. **Mute**, **solo mute** (the switch of the solo logic) and **invert** (phase) go
//! from 0 to 1; a live switch takes 5 ms, automation none. **Pan** runs from −1 to 1 along `law`, an index into
//! [`PanLaw::ALL`]: from mono to stereo it is a pan, on stereo a balance (the law, scaled to exactly 1 in the centre);
//! with any other number of channels there is no pan. Balance, the default, is `left = min(1, 1 − p)`, `right = min(1, 1 + p)`.
//!
//! Each sample is multiplied once, with volume · (1 − mute) · (1 − solo mute) · (1 − 2 · invert) · pan, multiplied in this order; a gain of zero gives +0
//! whatever comes in. Latency 0, no tail, no state.

use omega_dsp::kernels::Kernels;
use omega_dsp::pan::PanLaw;
use omega_processor::{Channels, MAX_BLOCK, Param, Params, PrepareConfig, ProcessBlock, Processor, Status};

use crate::level;

/// Key of the channel strip's end.
pub const FADER: &str = "omega.fader";

/// Key of a send.
pub const SEND: &str = "omega.send";

/// Key of the pan insert.
pub const PAN: &str = "omega.pan";

/// Number of roles that a parameter can have.
const ROLES: usize = 6;

/// What a parameter is for; the value is its index in [`Layout`].
#[derive(Clone, Copy)]
enum Role {
    Volume,
    Mute,
    SoloMute,
    Invert,
    Pan,
    Law,
}

/// Index of the parameter for each role; `None` for a role that the device does not have.
type Layout = [Option<usize>; ROLES];

const FADER_LAYOUT: Layout = [Some(0), Some(2), Some(3), Some(4), Some(1), Some(5)];
const SEND_LAYOUT: Layout = [Some(0), Some(2), None, None, Some(1), Some(3)];
const PAN_LAYOUT: Layout = [None, None, None, None, Some(0), Some(1)];

/// How channels go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// One in, two out.
    MonoToStereo,
    /// Two in, two out.
    Stereo,
    /// All get the same gain.
    Plain,
}

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Fader {
    kernels: Kernels,
    layout: Layout,
    width: Width,
    /// Values of all roles of the last block in which they were constant, as bits, and their gains.
    known: Option<([u32; ROLES], [f32; 2])>,
    /// A gain a frame for each side.
    gains: [[f32; MAX_BLOCK]; 2],
    common: [f32; MAX_BLOCK],
}

impl Fader {
    fn new(layout: Layout, config: &PrepareConfig, kernels: Kernels) -> Self {
        let width = match (config.inputs, config.outputs) {
            (1, 2) => Width::MonoToStereo,
            (2, 2) => Width::Stereo,
            _ => Width::Plain,
        };
        let (gains, common) = ([[0.0; MAX_BLOCK]; 2], [0.0; MAX_BLOCK]);
        Self { kernels, layout, width, known: None, gains, common }
    }

    /// The parameter for a role, or what stands for a missing one.
    fn param<'a>(&self, params: &Params<'a>, role: Role) -> Param<'a> {
        let index = self.layout.get(role as usize).copied().flatten();
        index.map_or(Param::Constant(0.0), |index| params.get(index))
    }

    /// Values of all roles at `frame`.
    fn values(&self, params: &Params<'_>, frame: usize) -> [f32; ROLES] {
        self.layout.map(|index| index.map_or(0.0, |index| params.at(index, frame)))
    }

    /// Gains of both sides for constant values.
    fn constant_gains(&mut self, params: &Params<'_>) -> [f32; 2] {
        let values = self.values(params, 0);
        let bits = values.map(f32::to_bits);
        match self.known {
            Some((known, gains)) if known == bits => gains,
            _ => {
                let gains = gains_at(values, self.width);
                self.known = Some((bits, gains));
                gains
            }
        }
    }

    fn run_constant(&mut self, main: &mut Channels<'_>, params: &Params<'_>) -> Status {
        let [left, right] = self.constant_gains(params);
        match (self.width, main.pair_mut()) {
            (Width::MonoToStereo, Some((first, second))) => {
                copy_scaled(self.kernels, second, first, right);
                scale(self.kernels, first, left);
            }
            (Width::Stereo, Some((first, second))) => {
                scale(self.kernels, first, left);
                scale(self.kernels, second, right);
            }
            _ => main.iter_mut().for_each(|channel| scale(self.kernels, channel, left)),
        }
        if left == 0.0 && right == 0.0 { Status::Silent } else { Status::Sound }
    }

    fn run_varying(&mut self, main: &mut Channels<'_>, params: &Params<'_>) {
        let frames = main.frames();
        self.fill_gains(params, frames);
        let [left, right] = &self.gains;
        match (self.width, main.pair_mut()) {
            (Width::MonoToStereo, Some((first, second))) => {
                self.kernels.copy(second, first);
                scale_each(first, left);
                scale_each(second, right);
            }
            (Width::Stereo, Some((first, second))) => {
                scale_each(first, left);
                scale_each(second, right);
            }
            _ => main.iter_mut().for_each(|channel| scale_each(channel, left)),
        }
    }

    /// Fills the gain of each frame, in the order of operations of [`gains_at`].
    fn fill_gains(&mut self, params: &Params<'_>, frames: usize) {
        let kernels = self.kernels;
        let volume = self.param(params, Role::Volume);
        let switches = [Role::Mute, Role::SoloMute, Role::Invert].map(|role| self.param(params, role));
        let (pan, law) = (self.param(params, Role::Pan), self.param(params, Role::Law));
        let width = self.width;
        let Some(common) = self.common.get_mut(..frames) else { return };
        match volume {
            Param::Constant(db) => common.fill(level::amplitude(db)),
            Param::Varying(db) => level::amplitudes(kernels, db, common),
        }
        for (switch, depth) in switches.into_iter().zip([1.0, 1.0, 2.0]) {
            match switch {
                Param::Constant(value) => kernels.gain(common, 1.0 - depth * value),
                Param::Varying(values) => {
                    common.iter_mut().zip(values).for_each(|(gain, value)| *gain *= 1.0 - depth * *value);
                }
            }
        }
        let [left, right] = &mut self.gains;
        match (law, pan, width) {
            (_, _, Width::Plain) => {
                left.fill(1.0);
                right.fill(1.0);
            }
            (Param::Constant(law), Param::Varying(positions), Width::Stereo) => {
                kernels.pan_stereo(law_of(law), positions, left, right);
            }
            (Param::Constant(law), Param::Varying(positions), Width::MonoToStereo) => {
                kernels.pan_mono(law_of(law), positions, left, right);
            }
            (Param::Constant(law), Param::Constant(position), _) => {
                let [l, r] = pan_gains(law, position, width);
                left.fill(l);
                right.fill(r);
            }
            (Param::Varying(_), ..) => {
                for (frame, (l, r)) in left.iter_mut().zip(right.iter_mut()).take(frames).enumerate() {
                    [*l, *r] = pan_gains(law.at(frame), pan.at(frame), width);
                }
            }
        }
        kernels.mul(left, common);
        kernels.mul(right, common);
    }
}

impl Processor for Fader {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        if block.input_silent {
            return Status::Silent;
        }
        if block.params.all_constant() {
            return self.run_constant(&mut block.main, &block.params);
        }
        let frames = block.frames();
        let mut begin = 0;
        while begin < frames {
            let end = frames.min(begin + MAX_BLOCK);
            self.run_varying(&mut block.main.range(begin, end), &block.params.range(begin, end));
            begin = end;
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Gains of both sides for the values of all roles.
fn gains_at([volume, mute, solo_mute, invert, pan, law]: [f32; ROLES], width: Width) -> [f32; 2] {
    let common = level::amplitude(volume) * (1.0 - mute) * (1.0 - solo_mute) * (1.0 - 2.0 * invert);
    pan_gains(law, pan, width).map(|side| side * common)
}

fn pan_gains(law: f32, position: f32, width: Width) -> [f32; 2] {
    match width {
        Width::MonoToStereo => law_of(law).mono(position),
        Width::Stereo => law_of(law).stereo(position),
        Width::Plain => [1.0; 2],
    }
}

/// The law with that index; a fraction or a number outside counts as the nearest one.
fn law_of(index: f32) -> PanLaw {
    let [first, second, third, fourth] = PanLaw::ALL;
    match index {
        i if i >= 2.5 => fourth,
        i if i >= 1.5 => third,
        i if i >= 0.5 => second,
        _ => first,
    }
}

/// One sample times a gain. A gain of zero gives +0 whatever comes in, and a negative one never makes −0, so that silence is +0.
#[inline]
fn scaled(sample: f32, gain: f32) -> f32 {
    let product = sample * gain;
    if gain > 0.0 {
        product
    } else if gain < 0.0 {
        product + 0.0
    } else {
        0.0
    }
}

/// [`scaled`] with one gain a frame.
fn scale_each(channel: &mut [f32], gains: &[f32]) {
    channel.iter_mut().zip(gains).for_each(|(sample, gain)| *sample = scaled(*sample, *gain));
}

/// [`scaled`] with the same gain for all frames.
fn scale(kernels: Kernels, channel: &mut [f32], gain: f32) {
    if gain == 1.0 {
    } else if gain > 0.0 {
        kernels.gain(channel, gain);
    } else if gain < 0.0 {
        channel.iter_mut().for_each(|sample| *sample = *sample * gain + 0.0);
    } else {
        channel.fill(0.0);
    }
}

/// [`scaled`] from one channel to another.
fn copy_scaled(kernels: Kernels, to: &mut [f32], from: &[f32], gain: f32) {
    if gain > 0.0 {
        kernels.copy_gain(to, from, gain);
    } else {
        kernels.copy(to, from);
        scale(kernels, to, gain);
    }
}

pub(crate) mod prepare {
    //! Descriptors and builders, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_dsp::kernels::Kernels;
    use omega_dsp::simd::Level;
    use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Processor, Smoothing, Taper, Unit};

    use super::{FADER, FADER_LAYOUT, Fader, Layout, PAN, PAN_LAYOUT, SEND, SEND_LAYOUT};

    fn level(key: &'static str, name: &'static str) -> ParamInfo {
        ParamInfo::new(key, name, Unit::Decibels, [f64::from(crate::level::SILENCE_DB), 12.0], 0.0)
    }

    fn switch(key: &'static str, name: &'static str) -> ParamInfo {
        let info = ParamInfo::new(key, name, Unit::None, [0.0, 1.0], 0.0);
        info.taper(Taper::Toggle).smoothing(Smoothing::Linear(5.0))
    }

    fn pan_and_law() -> [ParamInfo; 2] {
        let laws =
            ["Balance (0 dB)", "Constant power (\u{2212}3 dB)", "\u{2212}4.5 dB", "Linear (\u{2212}6 dB)"];
        let laws = laws.into_iter().map(Into::into).collect();
        [
            ParamInfo::new("pan", "Pan", Unit::Pan, [-1.0, 1.0], 0.0),
            ParamInfo::new("law", "Pan law", Unit::None, [0.0, 3.0], 0.0).taper(Taper::Choice(laws)),
        ]
    }

    fn described(key: &'static str, name: &'static str, params: Vec<ParamInfo>) -> Descriptor {
        Descriptor { key: key.into(), name: name.into(), aux_inputs: Vec::new(), takes_notes: false, params }
    }

    pub(crate) fn fader() -> Descriptor {
        let [pan, law] = pan_and_law();
        let switches =
            [switch("mute", "Mute"), switch("solo_mute", "Muted by solo"), switch("invert", "Invert phase")];
        let [mute, solo_mute, invert] = switches;
        described(FADER, "Fader", vec![level("volume", "Volume"), pan, mute, solo_mute, invert, law])
    }

    pub(crate) fn send() -> Descriptor {
        let [pan, law] = pan_and_law();
        described(SEND, "Send", vec![level("level", "Level"), pan, switch("mute", "Mute"), law])
    }

    pub(crate) fn pan() -> Descriptor {
        described(PAN, "Pan", pan_and_law().into())
    }

    fn build(layout: Layout, config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        Box::new(Fader::new(layout, config, Kernels::new(level)))
    }

    pub(crate) fn build_fader(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        build(FADER_LAYOUT, config, level)
    }

    pub(crate) fn build_send(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        build(SEND_LAYOUT, config, level)
    }

    pub(crate) fn build_pan(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        build(PAN_LAYOUT, config, level)
    }
}
