//! Fixed blocks out of hardware whose blocks vary.

use crate::callback::{AudioCallback, BlockFrame, IoBlock, IoFlags, MAX_CHANNELS, MAX_PERIOD, with_block};
use crate::midi::{MidiBlock, MidiEvent};
use crate::planar::Planar;

/// Calls another callback in blocks of one length, whatever the hardware does, at the price of a latency.
///
/// Inputs are collected until there are enough for a block; meanwhile the previous block is played. Frames are neither
/// lost nor repeated. What the hardware tells (time, flags) is told to the inner callback with the first frame of its
/// block; a gap in the middle of a block is told at the next. MIDI is a block late, frame by frame, with inputs or without.
pub struct Reblock {
    inner: Box<dyn AudioCallback>,
    block: usize,
    widths: (usize, usize),
    inputs: Planar,
    outputs: Planar,
    /// Frames of the current block that have been collected (and played).
    filled: usize,
    /// What the hardware said at the first frame of the current block.
    first: BlockFrame,
    /// What has happened since the inner callback was called.
    news: IoFlags,
    /// MIDI for the next call.
    midi: MidiBlock,
}

impl std::fmt::Debug for Reblock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reblock")
            .field("block", &self.block)
            .field("latency", &self.latency())
            .finish_non_exhaustive()
    }
}

impl Reblock {
    /// Wraps `inner`, which then gets blocks of exactly `block` frames (brought into 1 to [`MAX_PERIOD`]) with `inputs`
    /// and `outputs` channels (at most [`MAX_CHANNELS`]). Allocates.
    #[must_use]
    pub fn new(inner: Box<dyn AudioCallback>, block: usize, inputs: usize, outputs: usize) -> Self {
        let block = block.clamp(1, MAX_PERIOD);
        let widths = (inputs.min(MAX_CHANNELS), outputs.min(MAX_CHANNELS));
        Self {
            inner,
            block,
            widths,
            inputs: Planar::new(widths.0, block),
            outputs: Planar::new(widths.1, block),
            filled: 0,
            first: BlockFrame { frames: block, time: Default::default(), rate: 0, flags: IoFlags::default() },
            news: IoFlags::default(),
            midi: MidiBlock::new(),
        }
    }

    /// What this adds between input and output, in frames: a block, or nothing if there are no inputs to wait for.
    #[must_use]
    pub fn latency(&self) -> i64 {
        if self.widths.0 == 0 { 0 } else { i64::try_from(self.block).unwrap_or(i64::MAX) }
    }

    /// Gives the inner callback back.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn AudioCallback> {
        self.inner
    }

    fn call_inner(&mut self) {
        let Self { inner, inputs, outputs, block, midi, .. } = self;
        let flags = std::mem::take(&mut self.news);
        let frame = BlockFrame { flags, ..self.first };
        let (inputs, outputs) = (inputs.read(*block), outputs.write(*block));
        with_block(inputs, outputs, self.widths, (frame, midi.events()), |io| inner.process(io));
        midi.clear();
    }

    /// Takes what the hardware says at `offset` of its block as the beginning of ours.
    fn begin(&mut self, io: &IoBlock<'_>, offset: usize) {
        let offset = i64::try_from(offset).unwrap_or(0);
        let mut time = io.time;
        time.frame += offset;
        time.nanos += offset.saturating_mul(1_000_000_000) / i64::from(io.rate.max(1));
        self.first = BlockFrame { frames: self.block, time, rate: io.rate, flags: IoFlags::default() };
    }
}

impl AudioCallback for Reblock {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        self.news.xrun |= io.flags.xrun;
        self.news.lost += io.flags.lost;
        self.news.freewheel = io.flags.freewheel;
        let mut done = 0;
        while done < io.frames {
            if self.filled == 0 {
                self.begin(io, done);
                if self.widths.0 == 0 {
                    self.call_inner();
                }
            }
            let count = (self.block - self.filled).min(io.frames - done);
            let (theirs, ours) = (done..done + count, self.filled..self.filled + count);
            for (kept, input) in self.inputs.write(self.block).zip(io.inputs) {
                copy(kept.get_mut(ours.clone()), input.get(theirs.clone()));
            }
            for (output, ready) in io.outputs.iter_mut().zip(self.outputs.read(self.block)) {
                copy(output.get_mut(theirs.clone()), ready.get(ours.clone()));
            }
            for event in io.midi.iter().filter(|event| theirs.contains(&(event.frame as usize))) {
                let frame = (event.frame as usize - theirs.start).saturating_add(ours.start);
                // There is room for as much as comes with a block; of blocks that are much shorter the rest is dropped.
                self.midi.add(MidiEvent { frame: u32::try_from(frame).unwrap_or(u32::MAX), ..*event });
            }
            self.filled += count;
            done += count;
            if self.filled == self.block {
                self.filled = 0;
                if self.widths.0 > 0 {
                    self.call_inner();
                }
            }
        }
    }
}

fn copy(to: Option<&mut [f32]>, from: Option<&[f32]>) {
    for (to, from) in to.unwrap_or_default().iter_mut().zip(from.unwrap_or_default()) {
        *to = *from;
    }
}
