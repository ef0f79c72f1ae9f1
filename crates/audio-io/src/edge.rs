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
        let captured = (widths.0 > 0).then(|| {
            let ahead = played.as_ref().map_or(0, |played| ceil(played.half() as f64 * step_in));
            let mut captured = Resampler::new(theirs, ours, widths.0, PIECE + ahead);
            // Silence to begin with, so that there is always enough for a callback that runs ahead.
            let wait = ahead + captured.half() + 2;
            captured.push(wait).for_each(|channel| channel.fill(0.0));
            (captured, wait)
        });
        let ahead = played.as_ref().map_or(0.0, |played| played.half() as f64 + 1.0 - step_out);
        let behind = captured.as_ref().map_or(0.0, |(_, wait)| *wait as f64 * step_out - ahead);
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
            latency: Latency { input: nearest(behind), output: nearest(ahead) },
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
                for (place, input) in captured.push(count).zip(io.inputs) {
                    let samples = input.get(done..).unwrap_or_default();
                    place.iter_mut().zip(samples).for_each(|(place, sample)| *place = *sample);
                }
            }
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
            with_block(inputs, outputs, self.widths, block, |io| inner.process(io));
            *flags = IoFlags { freewheel: flags.freewheel, ..IoFlags::default() };
            self.frame = self.frame.saturating_add(i64::try_from(frames).unwrap_or(0));
            if let Some(played) = &mut self.played {
                for (place, output) in played.push(frames).zip(self.outputs.read(frames)) {
                    place.iter_mut().zip(output).for_each(|(place, sample)| *place = *sample);
                }
            }
            wanted -= frames;
        }
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
