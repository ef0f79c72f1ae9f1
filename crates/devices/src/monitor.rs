//! Chooses between what a track plays (the main input: its clips) and what comes in from outside (the extra input).
//!
//! | `monitor` | the input is heard | the clips are heard |
//! |---|---|---|
//! | 0 off | never | always |
//! | 1 auto, `armed` 0 | never | always |
//! | 1 auto, `armed` 1 | while the time line stands, and where it records | where it rolls and does not record |
//! | 2 on | always | always |
//!
//! Each comes and goes within [`FADE`] frames. The switch follows the transport as this node sees it, so it stands where a punch
//! begins to the frame. Latency 0, no tail.

use omega_processor::{
    Channels, ChannelsRef, Params, ProcessBlock, Processor, StateReader, StateWriter, Status, Transport,
};

/// Key in the document.
pub const KEY: &str = "omega.monitor";

/// Frames over which something comes or goes.
pub const FADE: u16 = 256;

/// Where the two gains are, in steps of 1 / [`FADE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gains {
    input: u16,
    clips: u16,
}

/// The processor: see the [module](self).
#[derive(Debug, Default)]
pub struct InputMonitor {
    /// None before the first block: it begins with what is wanted.
    gains: Option<Gains>,
}

/// What is to be heard at a frame of the block.
fn wanted(params: &Params<'_>, transport: Transport, frame: usize) -> Gains {
    let (monitor, armed) = (params.at(0, frame), params.at(1, frame) >= 0.5);
    let Transport { rolling, recording, .. } = transport;
    let (input, clips) = if monitor >= 1.5 {
        (true, true)
    } else if monitor >= 0.5 && armed {
        (!rolling || recording, rolling && !recording)
    } else {
        (false, true)
    };
    let gain = |on: bool| if on { FADE } else { 0 };
    Gains { input: gain(input), clips: gain(clips) }
}

impl Processor for InputMonitor {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let ([input, ..], frames) = (block.aux, block.frames());
        let (params, transport) = (block.params, block.transport);
        let constant = params.all_constant();
        let mut sounds = false;
        let mut begin = 0;
        while begin < frames {
            let to = wanted(&params, transport, begin);
            let changes = |frame: &usize| wanted(&params, transport, *frame) != to;
            let end = if constant { frames } else { (begin + 1..frames).find(changes).unwrap_or(frames) };
            let from = self.gains.unwrap_or(to);
            self.gains = Some(run(&mut block.main.range(begin, end), input.range(begin, end), from, to));
            let clips = !block.input_silent && to.clips > 0;
            sounds |= self.gains != Some(to) || from != to || clips || (!input.silent() && to.input > 0);
            begin = end;
        }
        if sounds { Status::Sound } else { Status::Silent }
    }

    fn reset(&mut self) {
        self.gains = None;
    }

    fn state_words(&self) -> usize {
        1
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        let word = self.gains.map_or(u32::MAX, |g| u32::from(g.input) | (u32::from(g.clips) << 16));
        out.word(word);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let word = state.word();
        let half = |shift: u32| u16::try_from((word >> shift) & 0xFFFF).unwrap_or(0).min(FADE);
        self.gains = (word != u32::MAX).then(|| Gains { input: half(0), clips: half(16) });
    }
}

/// Mixes all channels, from the gains `begin` on towards `wanted`; gives those at the end.
fn run(main: &mut Channels<'_>, input: ChannelsRef<'_>, begin: Gains, wanted: Gains) -> Gains {
    let mut end = begin;
    for (index, clips) in main.iter_mut().enumerate() {
        let mut gains = begin;
        let input = input.get(index);
        let silence = core::iter::repeat(&0.0f32);
        for (clips, input) in clips.iter_mut().zip(input.iter().chain(silence)) {
            step(&mut gains.input, wanted.input);
            step(&mut gains.clips, wanted.clips);
            *clips = share(*clips, gains.clips) + share(*input, gains.input) + 0.0;
        }
        end = gains;
    }
    end
}

#[inline]
fn step(gain: &mut u16, wanted: u16) {
    if *gain < wanted {
        *gain += 1;
    } else if *gain > wanted {
        *gain -= 1;
    }
}

/// Exactly the sample at full gain, and exactly zero at none.
#[inline]
fn share(sample: f32, gain: u16) -> f32 {
    match gain {
        0 => 0.0,
        FADE => sample,
        gain => sample * (f32::from(gain) / f32::from(FADE)),
    }
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;

    use omega_dsp::simd::Level;
    use omega_processor::{Descriptor, ParamInfo, PortInfo, PrepareConfig, Processor, Taper, Unit};

    use super::{InputMonitor, KEY};

    pub(crate) fn descriptor() -> Descriptor {
        Descriptor {
            key: KEY.into(),
            name: "Input monitor".into(),
            aux_inputs: vec![PortInfo { name: "Input".into(), channels: None }],
            takes_notes: false,
            params: vec![
                ParamInfo::new("monitor", "Monitor", Unit::None, [0.0, 2.0], 1.0).taper(Taper::Choice(vec![
                    "Off".into(),
                    "Auto".into(),
                    "On".into(),
                ])),
                ParamInfo::new("armed", "Armed", Unit::None, [0.0, 1.0], 0.0).taper(Taper::Toggle),
            ],
        }
    }

    pub(crate) fn build(_config: &PrepareConfig, _level: Level) -> Box<dyn Processor> {
        Box::new(InputMonitor::default())
    }
}
