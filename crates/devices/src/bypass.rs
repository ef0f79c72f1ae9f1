//! The end of a device's bypass: goes from the processed sound (wet) to the unprocessed one (dry), which the graph brings
//! delayed by the latency of the device. The device goes on being processed, so that nothing moves in time and coming
//! back is as smooth as going.
//!
//! The main input is wet, the extra input is dry. One parameter, `bypass`, 0..=1: `wet·(1 − bypass) + dry·bypass` at each
//! frame; from 1 on exactly dry, down to 0 (and for NaN) exactly wet. A live switch takes 10 ms. A dry channel that is not
//! connected counts as silence. Latency 0, no tail, no state.

use omega_dsp::kernels::Kernels;
use omega_processor::{Param, ProcessBlock, Processor, Status};

/// Key in the document.
pub const KEY: &str = "omega.bypass";

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Bypass {
    kernels: Kernels,
}

impl Processor for Bypass {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let [dry, ..] = block.aux;
        let bypass = block.params.get(0);
        let (wet_is_heard, dry_is_heard) = match bypass {
            Param::Constant(share) if share >= 1.0 => (false, true),
            Param::Constant(share) if share > 0.0 => (true, true),
            Param::Constant(_) => (true, false),
            Param::Varying(_) => (true, true),
        };
        if !dry_is_heard {
            return if block.input_silent { Status::Silent } else { Status::Sound };
        }
        if dry.silent() && (block.input_silent || !wet_is_heard) {
            block.main.clear();
            return Status::Silent;
        }
        for (index, wet) in block.main.iter_mut().enumerate() {
            let dry = dry.get(index);
            match bypass {
                _ if !wet_is_heard && dry.len() == wet.len() => self.kernels.copy(wet, dry),
                _ if !wet_is_heard => wet.fill(0.0),
                Param::Constant(share) => cross(wet, dry, core::iter::repeat(&share)),
                Param::Varying(shares) => cross(wet, dry, shares),
            }
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Each frame of one channel; a `dry` that is not there is silence.
fn cross<'a>(wet: &mut [f32], dry: &[f32], shares: impl IntoIterator<Item = &'a f32>) {
    if dry.len() == wet.len() {
        let frames = wet.iter_mut().zip(dry).zip(shares);
        frames.for_each(|((wet, dry), share)| *wet = mixed(*wet, *dry, *share));
    } else {
        wet.iter_mut().zip(shares).for_each(|(wet, share)| *wet = mixed(*wet, 0.0, *share));
    }
}

/// One frame. What is mixed is never −0, so that silence is +0.
#[inline]
fn mixed(wet: f32, dry: f32, share: f32) -> f32 {
    if share >= 1.0 {
        dry
    } else if share > 0.0 {
        wet * (1.0 - share) + dry * share + 0.0
    } else {
        wet
    }
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;

    use omega_dsp::kernels::Kernels;
    use omega_dsp::simd::Level;
    use omega_processor::{
        Descriptor, ParamInfo, PortInfo, PrepareConfig, Processor, Smoothing, Taper, Unit,
    };

    use super::{Bypass, KEY};

    pub(crate) fn descriptor() -> Descriptor {
        let bypass = ParamInfo::new("bypass", "Bypass", Unit::None, [0.0, 1.0], 0.0);
        Descriptor {
            key: KEY.into(),
            name: "Bypass".into(),
            aux_inputs: vec![PortInfo { name: "Dry".into(), channels: None }],
            takes_notes: false,
            params: vec![bypass.taper(Taper::Toggle).smoothing(Smoothing::Linear(10.0))],
        }
    }

    pub(crate) fn build(_config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        Box::new(Bypass { kernels: Kernels::new(level) })
    }
}
