//! Processors whose sound has no steps of its own, and which are counted while they live.

use std::any::Any;
use std::sync::Arc;

use omega_processor::{ParamInfo, ProcessBlock, Processor, Smoothing, Status, Unit};

/// Lives as long as its processor.
pub type Token = Arc<()>;

/// Multiplies by its parameter.
pub struct Scale;

/// Its main input where its parameter is 0, its extra input where it is 1.
pub struct Cross;

/// A value that is exchanged, along a straight line over 480 frames.
pub struct Swapped {
    pub value: f32,
    /// Where from, and frames since.
    pub moving: Option<(f32, i64)>,
}

/// A counted processor of another kind.
pub struct Counted<P> {
    pub inner: P,
    pub _alive: Token,
}

pub fn param(smoothed: bool) -> ParamInfo {
    let info = ParamInfo::new("value", "Value", Unit::None, [-1.0, 1.0], 0.0);
    info.smoothing(if smoothed { Smoothing::Linear(20.0) } else { Smoothing::None })
}

impl Processor for Scale {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let params = block.params;
        for channel in block.main.iter_mut() {
            channel.iter_mut().enumerate().for_each(|(frame, out)| *out = *out * params.at(0, frame) + 0.0);
        }
        if block.input_silent { Status::Silent } else { Status::Sound }
    }

    fn reset(&mut self) {}
}

impl Processor for Cross {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let (params, dry) = (block.params, block.aux[0]);
        for (index, channel) in block.main.iter_mut().enumerate() {
            for (frame, out) in channel.iter_mut().enumerate() {
                let (share, dry) = (params.at(0, frame), dry.get(index).get(frame).unwrap_or(&0.0));
                *out = *out * (1.0 - share) + dry * share + 0.0;
            }
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

impl Processor for Swapped {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let (value, moving, frames) = (self.value, self.moving, block.frames());
        for channel in block.main.iter_mut() {
            for (out, frame) in channel.iter_mut().zip(0i64..) {
                let share = moving.map_or(1.0, |(_, since)| ((since + frame) as f32 / 480.0).min(1.0));
                let from = moving.map_or(value, |(from, _)| from);
                *out = if share < 1.0 { from + (value - from) * share } else { value };
            }
        }
        let done = i64::try_from(frames).expect("small");
        self.moving = moving.map(|(from, since)| (from, since + done)).filter(|(_, since)| *since < 480);
        Status::Sound
    }

    fn reset(&mut self) {
        self.moving = None;
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        if let Some(value) = payload.downcast_mut::<f32>() {
            let now = match self.moving {
                Some((from, since)) => from + (self.value - from) * (since as f32 / 480.0),
                None => self.value,
            };
            self.moving = Some((now, 0));
            std::mem::swap(&mut self.value, value);
        }
    }
}

impl<P: Processor> Processor for Counted<P> {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.inner.process(block)
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    fn latency(&self) -> u32 {
        self.inner.latency()
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        self.inner.exchange(payload);
    }
}
