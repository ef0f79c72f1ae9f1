//! The two sides of a stream, each on a thread of the system: what happens in cpal's callbacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Duration;

use cpal::{FromSample, Sample};
use omega_rt::fifo::Consumer;

use crate::bridge::{Inlet, Outlet};
use crate::callback::{HardwareTime, MAX_PERIOD};
use crate::clock::nanoseconds;
use crate::planar::Planar;
use crate::runner::{Runner, Tick, guarded};
use crate::shared::Shared;

/// What the owner hands over when the stream starts. It goes home when the system lets go of the callback: first the runner,
/// then the sign that it has.
pub(super) struct Start {
    pub runner: Runner,
    pub _done: Sender<()>,
}

/// What the system says of its own delays, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Delays {
    pub input: AtomicI64,
    pub output: AtomicI64,
}

/// Where the callback runs: on the output's thread, or on the input's where there is no output.
pub(super) struct Main {
    start: Option<Start>,
    owner: Consumer<Start>,
    inputs: Planar,
    outputs: Planar,
    widths: (usize, usize),
    rate: u32,
    frame: i64,
}

impl Main {
    pub(super) fn new(owner: Consumer<Start>, widths: (usize, usize), rate: u32) -> Self {
        let (inputs, outputs) = (Planar::new(widths.0, MAX_PERIOD), Planar::new(widths.1, MAX_PERIOD));
        Self { start: None, owner, inputs, outputs, widths, rate, frame: 0 }
    }

    /// Calls for `frames` frames, of which the inputs are in their place. False before the start.
    fn run(&mut self, frames: usize, now: u64) -> bool {
        if self.start.is_none() {
            // There is nothing to drop in an empty place.
            std::mem::forget(std::mem::replace(&mut self.start, self.owner.pop()));
        }
        let Some(Start { runner, .. }) = &mut self.start else { return false };
        let time = HardwareTime { frame: self.frame, nanos: i64::try_from(now).unwrap_or(i64::MAX) };
        let tick = Tick { frames, time, rate: self.rate, freewheel: false, lost: 0 };
        runner.run(self.inputs.read(frames), self.outputs.write(frames), self.widths, tick);
        self.frame = self.frame.saturating_add(i64::try_from(frames).unwrap_or(0));
        true
    }
}

/// The output's side.
pub(super) struct Output {
    pub main: Main,
    pub outlet: Option<Outlet>,
    /// Channels of the hardware.
    pub channels: usize,
    pub delays: Arc<Delays>,
    pub shared: Arc<Shared>,
}

impl Output {
    /// Fills `data`, interleaved, which will be heard after `delay`. Real-time safe, but for the first call.
    pub(super) fn call<T: Sample + FromSample<f32>>(&mut self, data: &mut [T], delay: Option<Duration>) {
        note(&self.delays.output, delay);
        for piece in data.chunks_mut((MAX_PERIOD * self.channels).max(1)) {
            let frames = piece.len().checked_div(self.channels).unwrap_or(0);
            let now = nanoseconds();
            if let Some(outlet) = &mut self.outlet {
                let inputs = &mut self.main.inputs;
                guarded(&self.shared, || outlet.read(seconds(now), frames, inputs));
            }
            if frames == 0 || !self.main.run(frames, now) {
                piece.fill(T::EQUILIBRIUM);
                continue;
            }
            let (outputs, channels) = (&self.main.outputs, self.channels);
            guarded(&self.shared, || interleave(outputs, frames, piece, channels));
        }
    }
}

/// The input's side, where there is an output.
pub(super) struct Input {
    pub inlet: Inlet,
    pub interleaver: Collect,
    pub delays: Arc<Delays>,
    pub shared: Arc<Shared>,
    pub rate: u32,
    pub promoted: bool,
}

impl Input {
    /// Takes what was captured `delay` ago. Real-time safe, but for the first call.
    pub(super) fn call<T: Sample>(&mut self, data: &[T], delay: Option<Duration>)
    where
        f32: FromSample<T>,
    {
        note(&self.delays.input, delay);
        if !self.promoted {
            self.promoted = true;
            crate::memory::touch_stack();
            crate::priority::promote_this_thread(data.len(), self.rate);
        }
        let now = seconds(nanoseconds());
        let (inlet, collect) = (&mut self.inlet, &mut self.interleaver);
        guarded(&self.shared, || {
            for piece in data.chunks((MAX_PERIOD * collect.channels).max(1)) {
                inlet.write(now, collect.collect(piece));
            }
        });
    }
}

/// The input's side, where it is the only one.
pub(super) struct InputOnly {
    pub main: Main,
    /// Channels of the hardware.
    pub channels: usize,
    pub delays: Arc<Delays>,
    pub shared: Arc<Shared>,
}

impl InputOnly {
    /// Takes what was captured `delay` ago. Real-time safe, but for the first call.
    pub(super) fn call<T: Sample>(&mut self, data: &[T], delay: Option<Duration>)
    where
        f32: FromSample<T>,
    {
        note(&self.delays.input, delay);
        for piece in data.chunks((MAX_PERIOD * self.channels).max(1)) {
            let frames = piece.len().checked_div(self.channels).unwrap_or(0);
            let (inputs, channels) = (&mut self.main.inputs, self.channels);
            guarded(&self.shared, || {
                for (channel, input) in inputs.write(frames).enumerate() {
                    // What the hardware does not have stays silent.
                    input.fill(0.0);
                    let there = if channel < channels { piece } else { &[] };
                    let samples = there.iter().skip(channel).step_by(channels.max(1));
                    for (place, sample) in input.iter_mut().zip(samples) {
                        *place = sample.to_sample();
                    }
                }
            });
            if frames > 0 {
                self.main.run(frames, nanoseconds());
            }
        }
    }
}

/// Makes interleaved samples of the hardware's width into such of ours.
pub(super) struct Collect {
    channels: usize,
    wanted: usize,
    samples: Vec<f32>,
}

impl Collect {
    pub(super) fn new(channels: usize, wanted: usize) -> Self {
        Self { channels, wanted, samples: vec![0.0; wanted * MAX_PERIOD] }
    }

    fn collect<T: Sample>(&mut self, data: &[T]) -> &[f32]
    where
        f32: FromSample<T>,
    {
        let frames = data.len().checked_div(self.channels).unwrap_or(0).min(MAX_PERIOD);
        let ours = self.samples.chunks_exact_mut(self.wanted.max(1));
        for (frame, theirs) in ours.zip(data.chunks_exact(self.channels.max(1))) {
            // What the hardware does not have stays silent.
            for (place, sample) in frame.iter_mut().zip(theirs) {
                *place = sample.to_sample();
            }
        }
        self.samples.get(..frames * self.wanted).unwrap_or_default()
    }
}

/// Gives the hardware what was played. Hardware with one channel gets the mean of all; further channels stay silent, and outputs
/// that the hardware has not are not heard.
fn interleave<T: Sample + FromSample<f32>>(
    outputs: &Planar,
    frames: usize,
    piece: &mut [T],
    channels: usize,
) {
    piece.fill(T::EQUILIBRIUM);
    let width = outputs.read(0).count();
    if channels == 1 && width > 1 {
        let share = 1.0 / u16::try_from(width).map_or(1.0, f32::from);
        for (frame, place) in piece.iter_mut().enumerate() {
            let sum: f32 = outputs.read(frames).filter_map(|output| output.get(frame)).sum();
            *place = T::from_sample(sum * share);
        }
        return;
    }
    for (channel, output) in outputs.read(frames).take(channels).enumerate() {
        let places = piece.iter_mut().skip(channel).step_by(channels.max(1));
        places.zip(output).for_each(|(place, sample)| *place = T::from_sample(*sample));
    }
}

fn note(cell: &AtomicI64, delay: Option<Duration>) {
    if let Some(delay) = delay {
        cell.store(i64::try_from(delay.as_nanos()).unwrap_or(0), Relaxed);
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_find_their_places_whatever_the_hardware_has() {
        let mut outputs = Planar::new(2, 4);
        for (channel, output) in outputs.write(3).enumerate() {
            output.fill(if channel == 0 { 0.5 } else { -0.25 });
        }
        let heard = |channels: usize| {
            let mut piece = vec![9i16; 3 * channels];
            interleave(&outputs, 3, &mut piece, channels);
            piece
        };
        assert_eq!(heard(2), [16_384, -8192, 16_384, -8192, 16_384, -8192]);
        assert_eq!(heard(3), [16_384, -8192, 0, 16_384, -8192, 0, 16_384, -8192, 0]);
        assert_eq!(heard(1), [4096; 3], "the mean");
        let mut collect = Collect::new(3, 2);
        assert_eq!(collect.collect(&[1i16 << 14, 0, 7, 0, -1 << 14, 7]), [0.5, 0.0, 0.0, -0.5]);
        assert_eq!(Collect::new(1, 2).collect(&[0.25f32, 0.5]), [0.25, 0.0, 0.5, 0.0]);
    }
}
