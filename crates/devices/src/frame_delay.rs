//! A delay of whole frames that is not compensated: the delay of a track against the others.
//!
//! One parameter, `delay` in frames, 0..=[`MAX_DELAY`]. When it changes, the output goes from the old delay to the new one along a
//! straight line over 10 ms; what it changes to in the meantime counts when the line has ended. The first value
//! after preparing or a reset counts at once. Latency 0; tail: the greatest delay.

use omega_dsp::delay::DelayLine;
use omega_dsp::kernels::Ramp;
use omega_processor::{
    Channels, MAX_BLOCK, Param, ProcessBlock, Processor, StateReader, StateWriter, Status, Tail,
};
use omega_rt::AlignedBuffer;

/// Key in the document.
pub const KEY: &str = "omega.frame_delay";

/// Greatest delay in frames.
pub const MAX_DELAY: u32 = 65_536;

/// Frames that are remembered of each channel: a block beyond the greatest delay.
const MEMORY: usize = 65_536 + MAX_BLOCK;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct FrameDelay {
    /// [`MEMORY`] frames of each channel, one behind the other.
    memory: AlignedBuffer,
    /// Frames of a change.
    fade: u32,
    state: State,
}

/// The running state beside the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    line: DelayLine,
    /// The delay before the change.
    from: u32,
    /// The delay, from the end of the change on.
    to: u32,
    /// Frames of the change that are done.
    faded: u32,
    /// Nothing was processed yet.
    fresh: bool,
    /// Frames in the memory that count, [`MEMORY`] at most; what is older is zero.
    heard: usize,
    /// Frames since the last one that was not zero on all channels, [`MEMORY`] at most.
    quiet: usize,
}

impl State {
    fn new(fade: u32) -> Self {
        Self { line: DelayLine::new(), from: 0, to: 0, faded: fade, fresh: true, heard: 0, quiet: MEMORY }
    }
}

impl FrameDelay {
    fn new(fade: u32, memory: AlignedBuffer) -> Self {
        Self { memory, fade, state: State::new(fade) }
    }

    /// Processes at most [`MAX_BLOCK`] frames over which neither the delay nor the state of its change turns.
    fn run(&mut self, main: &mut Channels<'_>) {
        let State { line, from, to, faded, heard, .. } = self.state;
        let fading = faded < self.fade;
        let ramp = Ramp { from: 0.0, to: 1.0, position: faded.into(), length: self.fade.into() };
        for (memory, channel) in self.memory.chunks_exact_mut(MEMORY).zip(main.iter_mut()) {
            let mut line = line;
            line.write(memory, channel);
            tap(line, memory, heard, channel, to);
            if fading {
                let mut old = [0.0; MAX_BLOCK];
                let Some(old) = old.get_mut(..channel.len()) else { return };
                tap(line, memory, heard, old, from);
                for ((new, old), index) in channel.iter_mut().zip(old).zip(0..) {
                    *new = *old + (*new - *old) * ramp.at(index);
                }
            }
            self.state.line = line;
        }
        self.state.heard = heard.saturating_add(main.frames()).min(MEMORY);
        let frames = u32::try_from(main.frames()).unwrap_or(u32::MAX);
        self.state.faded = faded.saturating_add(frames).min(self.fade);
    }

    /// Frames from `begin` on that [`run`](Self::run) can do in one go, after turning to the value there.
    fn turn(&mut self, value: Param<'_>, begin: usize, frames: usize) -> usize {
        let state = &mut self.state;
        if state.faded < self.fade {
            return (frames - begin).min((self.fade - state.faded) as usize);
        }
        let wanted = delay_of(value.at(begin));
        if state.fresh {
            (state.from, state.to, state.fresh) = (wanted, wanted, false);
        } else if state.to != wanted {
            (state.from, state.to, state.faded) = (state.to, wanted, 0);
            return (frames - begin).min(self.fade as usize);
        }
        match value {
            Param::Constant(_) => frames - begin,
            Param::Varying(values) => {
                let same = values.iter().skip(begin).take_while(|value| delay_of(**value) == wanted);
                same.count().clamp(1, frames - begin)
            }
        }
    }

    /// Counts zeros. −0 is no zero here: only a memory of +0 gives the +0 that silence is.
    fn listen(&mut self, main: &mut Channels<'_>, silent: bool) {
        let frames = main.frames();
        let last = main.iter_mut().filter_map(|channel| channel.iter().rposition(|s| s.to_bits() != 0)).max();
        self.state.quiet = match last {
            Some(last) if !silent => frames - 1 - last,
            _ => (self.state.quiet + frames).min(MEMORY),
        };
    }
}

impl Processor for FrameDelay {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let frames = block.frames();
        let value = block.params.get(0);
        self.listen(&mut block.main, block.input_silent);
        let mut begin = 0;
        while begin < frames {
            let end = begin + self.turn(value, begin, frames).min(MAX_BLOCK);
            self.run(&mut block.main.range(begin, end));
            begin = end;
        }
        let settled = self.state.faded == self.fade && !self.state.fresh;
        if self.state.quiet < MEMORY || !settled {
            return Status::Sound;
        }
        (self.state.line, self.state.heard) = (DelayLine::new(), 0);
        self.state.from = self.state.to;
        Status::Silent
    }

    fn reset(&mut self) {
        self.state = State::new(self.fade);
    }

    fn tail(&self) -> Tail {
        Tail::Frames(MAX_DELAY)
    }

    fn state_words(&self) -> usize {
        7 + self.memory.len()
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        let State { line, from, to, faded, fresh, heard, quiet } = self.state;
        let word = |value: usize| u32::try_from(value).unwrap_or(0);
        let line = word(line.position());
        for value in [line, from, to, faded, u32::from(fresh), word(heard), word(quiet)] {
            out.word(value);
        }
        out.values(&self.memory);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let [line, from, to, faded, fresh, heard, quiet] = core::array::from_fn(|_| state.word());
        self.state = State {
            line: DelayLine::at(line as usize % MEMORY),
            from: from.min(MAX_DELAY),
            to: to.min(MAX_DELAY),
            faded: faded.min(self.fade),
            fresh: fresh != 0,
            heard: (heard as usize).min(MEMORY),
            quiet: (quiet as usize).min(MEMORY),
        };
        state.values(&mut self.memory);
    }
}

/// Reads the block that was written last, `delay` frames earlier, where `heard` frames were in the memory before it.
fn tap(line: DelayLine, memory: &[f32], heard: usize, block: &mut [f32], delay: u32) {
    line.read(memory, block, delay as usize);
    let stale = (delay as usize).saturating_sub(heard).min(block.len());
    block.iter_mut().take(stale).for_each(|sample| *sample = 0.0);
}

/// A parameter's value as whole frames; fractions are cut off.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, NaN gives 0"
)]
fn delay_of(value: f32) -> u32 {
    (value as u32).min(MAX_DELAY)
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_dsp::simd::Level;
    use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Processor, Smoothing, Unit};
    use omega_rt::AlignedBuffer;

    use super::{FrameDelay, KEY, MAX_DELAY, MEMORY};

    pub(crate) fn descriptor() -> Descriptor {
        let range = [0.0, f64::from(MAX_DELAY)];
        let delay = ParamInfo::new("delay", "Delay", Unit::Frames, range, 0.0).smoothing(Smoothing::None);
        Descriptor {
            key: KEY.into(),
            name: "Frame delay".into(),
            aux_inputs: Vec::new(),
            takes_notes: false,
            params: vec![delay],
        }
    }

    pub(crate) fn build(config: &PrepareConfig, _level: Level) -> Box<dyn Processor> {
        let memory = AlignedBuffer::zeroed(MEMORY * config.inputs.max(config.outputs));
        Box::new(FrameDelay::new(config.sample_rate / 100, memory))
    }
}
