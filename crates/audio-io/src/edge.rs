//! A callback at its own rate on hardware that runs at another: what is captured and what is played is resampled here, and the
//! callback never learns of it.
//!
//! Inputs and outputs belong to one clock, so the ratio is fixed and nothing has to be steered. The callback runs ahead by the frames
//! that the resampler looks ahead for, and what is captured waits for as long.
//!
//! Hardware that changes its rate while it runs is given silence, after a fade, and the callback is not called: it stands still
//! until its stream is opened anew ([`Event::RateChanged`](crate::Event::RateChanged) says so), and nothing is lost.

use std::any::Any;

use crate::callback::{AudioCallback, BlockFrame, IoBlock, IoFlags, MAX_PERIOD, with_block};
use crate::midi::{MAX_MIDI, MidiBlock, MidiEvent};
use crate::planar::Planar;
use crate::resampler::Resampler;
use crate::seam::Seam;
use crate::stream::Latency;

/// Frames of the hardware that are converted at once. Bounds the memory.
const PIECE: usize = 1024;

/// Stands between hardware and a callback.
pub(crate) struct Edge {
    inner: Box<dyn AudioCallback>,
    /// The rate that the hardware had when this was made.
    hardware: u32,
    conversion: Option<Conversion>,
    seam: Seam,
}

/// Rates that differ.
pub(crate) struct Conversion {
    /// The callback's rate.
    rate: u32,
    /// Frames of the hardware for one of the callback.
    step_in: f64,
    /// Frames of the callback for one of the hardware.
    step_out: f64,
    captured: Option<Resampler>,
    played: Option<Resampler>,
    /// Blocks at the callback's rate.
    inputs: Planar,
    outputs: Planar,
    widths: (usize, usize),
    /// The callback's frame counter.
    frame: i64,
    midi: MidiEdge,
    latency: Latency,
}

/// An [`Edge`] without its callback: made while the hardware is opened, because its tables take milliseconds.
pub(crate) struct EdgeParts {
    hardware: u32,
    conversion: Option<Conversion>,
    seam: Seam,
}

impl EdgeParts {
    /// From hardware at `hardware` frames per second to a callback at `rate`, with `widths` inputs and outputs. Allocates.
    pub(crate) fn new(hardware: u32, rate: u32, widths: (usize, usize)) -> Self {
        let conversion = (hardware != rate).then(|| Conversion::new(hardware, rate, widths));
        Self { hardware, conversion, seam: Seam::new(widths.1) }
    }

    /// What this delays, in frames of the callback.
    pub(crate) fn latency(&self) -> Latency {
        self.conversion.as_ref().map_or_else(Latency::default, |conversion| conversion.latency)
    }

    pub(crate) fn around(self, inner: Box<dyn AudioCallback>) -> Edge {
        Edge { inner, hardware: self.hardware, conversion: self.conversion, seam: self.seam }
    }
}

impl Edge {
    /// Gives the callback back that an edge was made around; `None` for a callback that is no edge.
    pub(crate) fn take_apart(callback: Box<dyn AudioCallback>) -> Option<Box<dyn AudioCallback>> {
        (callback as Box<dyn Any>).downcast::<Self>().ok().map(|edge| edge.inner)
    }
}

impl AudioCallback for Edge {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        let sounding = if io.rate == self.hardware {
            match &mut self.conversion {
                Some(conversion) => conversion.process(&mut *self.inner, io),
                None => self.inner.process(io),
            }
            io.frames
        } else {
            0
        };
        self.seam.finish(io.outputs.iter_mut().map(|output| &mut **output), sounding);
    }
}

impl Conversion {
    fn new(hardware: u32, rate: u32, widths: (usize, usize)) -> Self {
        let (theirs, ours) = (f64::from(hardware), f64::from(rate));
        let (step_in, step_out) = (theirs / ours, ours / theirs);
        let most = ceil(PIECE as f64 * step_out) + 2;
        let played = (widths.1 > 0).then(|| Resampler::new(ours, theirs, widths.1, most));
        let ahead = played.as_ref().map_or(0, |played| ceil(played.half() as f64 * step_in));
        let captured = (widths.0 > 0).then(|| {
            let mut captured = Resampler::new(theirs, ours, widths.0, PIECE + ahead);
            // Silence to begin with, so that there is always enough for a callback that runs ahead.
            let wait = ahead + captured.half() + 2;
            captured.push(wait).for_each(|channel| channel.fill(0.0));
            (captured, wait)
        });
        let wait = captured.as_ref().map_or(ahead + 2, |(_, wait)| *wait);
        let ahead = played.as_ref().map_or(0.0, |played| played.half() as f64 + 1.0 - step_out);
        let behind = captured.as_ref().map_or(0.0, |(_, wait)| *wait as f64 * step_out - ahead);
        let midi = MidiEdge::new(wait, step_out);
        let late = wait as f64 * step_out - ahead;
        Self {
            rate,
            step_in,
            step_out,
            captured: captured.map(|(captured, _)| captured),
            played,
            inputs: Planar::new(widths.0, MAX_PERIOD),
            outputs: Planar::new(widths.1, MAX_PERIOD),
            widths,
            frame: 0,
            midi,
            latency: Latency { input: nearest(behind), output: nearest(ahead), midi: nearest(late) },
        }
    }

    fn process(&mut self, inner: &mut dyn AudioCallback, io: &mut IoBlock<'_>) {
        let mut flags = io.flags;
        #[expect(clippy::cast_possible_truncation, reason = "a number of frames")]
        let lost = (flags.lost as f64 * self.step_out) as i64;
        flags.lost = lost;
        self.frame = self.frame.saturating_add(lost);
        let mut done = 0;
        while done < io.frames {
            let count = (io.frames - done).min(PIECE);
            if let Some(captured) = &mut self.captured {
                // By number: to zip them would divide by a length that the compiler does not know.
                for (channel, place) in captured.push(count).enumerate() {
                    let samples = io.inputs.get(channel).and_then(|input| input.get(done..));
                    let samples = samples.unwrap_or_default();
                    place.iter_mut().zip(samples).for_each(|(place, sample)| *place = *sample);
                }
            }
            self.midi.take(io.midi, done, count);
            self.call(inner, io, count, done, &mut flags);
            if let Some(played) = &mut self.played {
                let outputs = &mut *io.outputs;
                played.pull(count, self.step_out, |channel, frame, sample| {
                    if let Some(place) = outputs.get_mut(channel).and_then(|o| o.get_mut(done + frame)) {
                        *place = sample;
                    }
                });
            }
            done += count;
        }
    }

    /// Calls the callback for as many frames as the next `count` of the hardware want, which lie `done` frames into its block.
    fn call(
        &mut self,
        inner: &mut dyn AudioCallback,
        io: &IoBlock<'_>,
        count: usize,
        done: usize,
        flags: &mut IoFlags,
    ) {
        let mut wanted = match (&self.played, &self.captured) {
            (Some(played), _) => played.lacks(count, self.step_out),
            (None, Some(captured)) => captured.ready(MAX_PERIOD, self.step_in),
            (None, None) => 0,
        };
        let into = i64::try_from(done).unwrap_or(0).saturating_mul(1_000_000_000);
        while wanted > 0 {
            let frames = wanted.min(MAX_PERIOD);
            if let Some(captured) = &mut self.captured {
                let inputs = &mut self.inputs;
                let ready = captured.ready(frames, self.step_in);
                inputs.write(frames).for_each(|channel| channel.fill(0.0));
                captured.pull(ready, self.step_in, |channel, frame, sample| {
                    inputs.set(channel, frame, sample);
                });
            }
            let mut time = io.time;
            time.frame = self.frame;
            time.nanos = time.nanos.saturating_add(into / i64::from(io.rate.max(1)));
            let block = BlockFrame { frames, time, rate: self.rate, flags: *flags };
            let (inputs, outputs) = (self.inputs.read(frames), self.outputs.write(frames));
            let midi = self.midi.give(frames);
            with_block(inputs, outputs, self.widths, (block, midi), |io| inner.process(io));
            *flags = IoFlags { freewheel: flags.freewheel, ..IoFlags::default() };
            self.frame = self.frame.saturating_add(i64::try_from(frames).unwrap_or(0));
            if let Some(played) = &mut self.played {
                for (channel, place) in played.push(frames).enumerate() {
                    let samples = self.outputs.channel(channel, frames);
                    place.iter_mut().zip(samples).for_each(|(place, sample)| *place = *sample);
                }
            }
            wanted -= frames;
        }
    }
}

/// MIDI on its way from the frames of the hardware to those of the callback, as late as what is captured.
struct MidiEdge {
    /// Frames of the hardware that everything waits for.
    wait: f64,
    step_out: f64,
    /// Frames of the hardware that were here.
    here: f64,
    /// Frames that the callback had.
    had: f64,
    /// By the callback's frames.
    waiting: Vec<(f64, MidiEvent)>,
    used: usize,
    block: MidiBlock,
}

impl MidiEdge {
    fn new(wait: usize, step_out: f64) -> Self {
        let mut waiting = vec![(0.0, MidiEvent::default()); 2 * MAX_MIDI];
        // Zeroed memory is not there before it is written to.
        waiting.fill((1.0, MidiEvent::default()));
        let block = MidiBlock::new();
        Self { wait: wait as f64, step_out, here: 0.0, had: 0.0, waiting, used: 0, block }
    }

    /// Takes the events of `count` frames, `done` frames into a block of the hardware.
    fn take(&mut self, events: &[MidiEvent], done: usize, count: usize) {
        for event in events {
            let Some(into) = (event.frame as usize).checked_sub(done).filter(|into| *into < count) else {
                continue;
            };
            if let Some(place) = self.waiting.get_mut(self.used) {
                *place = ((self.here + into as f64 + self.wait) * self.step_out, *event);
                self.used += 1;
            }
        }
        self.here += count as f64;
    }

    /// The events of the callback's next `frames` frames.
    fn give(&mut self, frames: usize) -> &[MidiEvent] {
        self.block.clear();
        let end = self.had + frames as f64;
        let mut kept = 0;
        for index in 0..self.used {
            let Some((at, event)) = self.waiting.get(index).copied() else { break };
            let at = omega_dsp::math::round(at);
            if at < end {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a block")]
                let frame = (at - self.had).max(0.0) as u32;
                self.block.add(MidiEvent { frame, ..event });
            } else if let Some((from, place)) =
                self.waiting.get(index).copied().zip(self.waiting.get_mut(kept))
            {
                *place = from;
                kept += 1;
            }
        }
        (self.used, self.had) = (kept, end);
        self.block.events()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of frames: small and not negative"
)]
fn ceil(frames: f64) -> usize {
    omega_dsp::math::ceil(frames) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "a number of frames")]
fn nearest(frames: f64) -> i64 {
    omega_dsp::math::round(frames) as i64
}
