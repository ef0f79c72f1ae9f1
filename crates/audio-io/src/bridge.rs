//! Captured sound on its way from the hardware's input, which has a clock of its own, to the callback of its output.
//!
//! [`Inlet`] belongs to the thread of the input, [`Outlet`] to that of the output; between them is a FIFO. The outlet reads what
//! the inlet wrote through a resampler, and steers its ratio so that the delay between the two stays what it is: see
//! [`lock`](crate::lock).
//!
//! # Delay
//! The outlet needs, at any call, the frames of its own block and those that the resampler looks ahead for, while the inlet's last
//! block may be as old as that block is long. The margin for calls that come late grows by half with each time that it was too small,
//! up to [`MOST_MARGIN`].
//!
//! What does not come in time is silence between two fades, and counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use omega_rt::fifo::{Consumer, Producer, fifo};
use omega_rt::latest::{LatestReader, LatestWriter, latest_value};

use crate::lock::{Clock, Steering};
use crate::planar::Planar;
use crate::resampler::Resampler;
use crate::seam::Seam;
use crate::shared::Shared;

/// Seconds for which both clocks are listened to before sound passes.
const SETTLE: f64 = 0.25;
/// The margin at first, in seconds, where half of the longer block is less.
const MARGIN: f64 = 0.0015;
/// The margin never grows beyond this, in seconds.
const MOST_MARGIN: f64 = 0.1;
/// What the FIFO holds, in seconds.
const ROOM: f64 = 0.75;
/// Frames that move at once.
const PIECE: usize = 256;

/// What the inlet tells with each block.
#[derive(Clone, Copy, Debug)]
struct Mark {
    clock: Clock,
    /// Frames written, altogether.
    written: u64,
    /// The longest block so far.
    block: usize,
}

/// The input's end.
pub(crate) struct Inlet {
    fifo: Producer<f32>,
    mark: LatestWriter<Mark>,
    now: Mark,
    channels: usize,
    shared: Arc<Shared>,
}

/// The output's end.
pub(crate) struct Outlet {
    fifo: Consumer<f32>,
    mark: LatestReader<Mark>,
    channels: usize,
    clock: Clock,
    steering: Steering,
    resampler: Resampler,
    seam: Seam,
    /// Frames of the input for each of the output, by their names.
    nominal: f64,
    rate_in: f64,
    /// Frames taken out of the FIFO, altogether.
    taken: u64,
    /// The delay that is held, in frames of the input, while sound passes.
    held: Option<f64>,
    /// In seconds.
    margin: f64,
    /// The longest block so far, and the last one.
    block: usize,
    last: usize,
    piece: Vec<f32>,
    shared: Arc<Shared>,
}

/// Makes a bridge for `channels` channels from hardware at `rate_in` to hardware at `rate_out`, whose blocks have at most `most`
/// frames. Allocates.
pub(crate) fn bridge(
    channels: usize,
    rates: (u32, u32),
    most: usize,
    shared: &Arc<Shared>,
) -> (Inlet, Outlet) {
    let (rate_in, rate_out) = (f64::from(rates.0), f64::from(rates.1));
    let nominal = rate_in / rate_out;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size: small, not negative"
    )]
    let frames = (rate_in * ROOM) as usize + 4 * most;
    let (producer, consumer) = fifo(frames * channels.max(1));
    let now = Mark { clock: Clock::new(rate_in), written: 0, block: 0 };
    let (writer, reader) = latest_value(now);
    let inlet = Inlet { fifo: producer, mark: writer, now, channels, shared: Arc::clone(shared) };
    let outlet = Outlet {
        fifo: consumer,
        mark: reader,
        channels,
        clock: Clock::new(rate_out),
        steering: Steering::new(rate_in),
        resampler: Resampler::new(rate_in, rate_out, channels, frames),
        seam: Seam::new(channels),
        nominal,
        rate_in,
        taken: 0,
        held: None,
        margin: MARGIN,
        block: 0,
        last: 0,
        piece: vec![0.0; PIECE * channels.max(1)],
        shared: Arc::clone(shared),
    };
    (inlet, outlet)
}

impl Inlet {
    /// Hardware captured a block, interleaved, and calls at `now` (seconds on the clock of both ends). A block that finds no room
    /// is dropped whole, and counted. Real-time safe.
    #[inline(never)]
    pub(crate) fn write(&mut self, now: f64, interleaved: &[f32]) {
        let frames = interleaved.len().checked_div(self.channels).unwrap_or(0);
        self.now.clock.called(now, frames as f64);
        self.now.block = self.now.block.max(frames);
        if self.fifo.write_whole(interleaved) {
            self.now.written += frames as u64;
        } else {
            let lost = i64::try_from(frames).unwrap_or(0);
            self.shared.input_lost.fetch_add(lost, Relaxed);
        }
        self.mark.set(self.now);
    }
}

impl Outlet {
    /// Hardware calls at `now` for a block of `frames` frames: gives what was captured for it. Real-time safe.
    #[inline(never)]
    pub(crate) fn read(&mut self, now: f64, frames: usize, block: &mut Planar) {
        self.clock.called(now, self.last as f64);
        self.last = frames;
        self.block = self.block.max(frames);
        let mark = self.mark.get();
        // The place in the input that is captured at this moment, as far as the two clocks can tell.
        let edge = mark.written as f64 + mark.clock.frames_in(self.clock.time() - mark.clock.time());
        if self.held.is_none() {
            self.begin(mark, edge);
        }
        let sounding = match self.held {
            Some(held) => self.pass(edge, held, frames, block),
            None => 0,
        };
        self.seam.finish(block.write(frames), sounding);
    }

    /// Begins to pass sound as soon as both clocks are known and there is enough; until then only the newest is kept.
    fn begin(&mut self, mark: Mark, edge: f64) {
        let margin = (self.margin * self.rate_in).max(mark.block.max(self.block) as f64 / 2.0);
        let reading = self.resampler.half() as f64 + self.block as f64 * self.nominal;
        let target = reading + mark.block as f64 + margin;
        let surplus = edge - target - self.taken as f64;
        self.drop_frames(surplus);
        let known = |clock: &Clock| clock.is_steady() && clock.age() >= SETTLE;
        if known(&mark.clock) && known(&self.clock) && surplus >= 0.0 && self.there() as f64 > reading + 2.0 {
            self.resampler.clear();
            self.steering.begin_anew();
            self.held = Some(edge - self.taken as f64);
            #[expect(clippy::cast_possible_truncation, reason = "a delay in frames of the output")]
            self.shared.input_delay.store((target / self.nominal) as i64, Relaxed);
        }
    }

    /// Reads a block; returns how many of its frames are there.
    fn pass(&mut self, edge: f64, held: f64, frames: usize, block: &mut Planar) -> usize {
        let error = edge - (self.taken as f64 - self.resampler.ahead()) - held;
        if error.abs() > held / 2.0 {
            // Far off: blocks were dropped on the way, or a clock jumped. To steer back would be heard for long.
            self.end();
            return 0;
        }
        let seconds = frames as f64 * self.nominal / self.rate_in;
        let step = self.nominal * self.steering.factor(error, seconds);
        self.fetch(self.resampler.lacks(frames, step));
        let ready = self.resampler.ready(frames, step);
        self.resampler.pull(ready, step, |channel, frame, sample| block.set(channel, frame, sample));
        if ready < frames {
            self.margin = (self.margin * 1.5).min(MOST_MARGIN);
            self.end();
        }
        ready
    }

    /// Stops passing sound until it is there again.
    fn end(&mut self) {
        self.held = None;
        self.shared.input_breaks.fetch_add(1, Relaxed);
    }

    /// Frames in the FIFO.
    fn there(&self) -> usize {
        self.fifo.len().checked_div(self.channels).unwrap_or(0)
    }

    /// Moves as many of `frames` frames as are there into the resampler.
    fn fetch(&mut self, frames: usize) {
        let mut left = frames.min(self.there());
        while left > 0 {
            let count = left.min(PIECE);
            let piece = self.piece.get_mut(..count * self.channels).unwrap_or_default();
            if piece.is_empty() || !self.fifo.read_whole(piece) {
                return;
            }
            for (channel, place) in self.resampler.push(count).enumerate() {
                let samples = piece.iter().skip(channel).step_by(self.channels.max(1));
                place.iter_mut().zip(samples).for_each(|(place, sample)| *place = *sample);
            }
            self.taken += count as u64;
            left -= count;
        }
    }

    /// Drops as many of `frames` frames as are there.
    fn drop_frames(&mut self, frames: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates where it must"
        )]
        let mut left = (frames.max(0.0) as usize).min(self.there());
        while left > 0 {
            let count = left.min(PIECE);
            let piece = self.piece.get_mut(..count * self.channels).unwrap_or_default();
            if piece.is_empty() || !self.fifo.read_whole(piece) {
                return;
            }
            self.taken += count as u64;
            left -= count;
        }
    }
}

#[cfg(test)]
mod tests;
