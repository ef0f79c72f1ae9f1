//! Delay lines: rings indexed by executor time, so that a line is flushed by remembering a number.

use omega_dsp::kernels::{Kernels, Ramp};
use omega_rt::AlignedBuffer;

use crate::FADE;

/// A delay line of one edge. Frame `t` of channel `c` lies at `c · capacity + t mod capacity`.
#[derive(Debug)]
pub(crate) struct Line {
    memory: AlignedBuffer,
    /// A power of two, at least the delay and one block; zero until memory is taken over from a line before.
    capacity: usize,
    delay: i64,
    /// The delay before it was changed, and when that was: read too, until the fade is over.
    before: Option<(i64, i64)>,
    /// Nothing was written before this time.
    born: i64,
    /// Born while sound was going on: what is written first is faded in.
    fade_in: bool,
    /// One past the last frame that may not be zero.
    sound_until: i64,
    /// Read before it is written, so there is no undelayed sound to begin from.
    feedback: bool,
}

impl Line {
    /// A line over memory of `channels · capacity` zeros.
    pub(crate) fn new(memory: AlignedBuffer, capacity: usize, delay: u32, feedback: bool) -> Self {
        let delay = delay.into();
        Self {
            memory,
            capacity,
            delay,
            before: None,
            born: 0,
            fade_in: false,
            sound_until: i64::MIN,
            feedback,
        }
    }

    /// Forgets everything.
    pub(crate) fn flush(&mut self, time: i64) {
        (self.born, self.fade_in, self.before, self.sound_until) = (time, false, None, i64::MIN);
    }

    /// Comes into being while its edge carried sound without it: fades over from the undelayed sound.
    pub(crate) fn begin_within_play(&mut self, time: i64) {
        (self.born, self.fade_in) = (time, true);
        self.before = (!self.feedback && self.delay > 0).then_some((0, time));
    }

    /// Continues `old`, with the delay that this line was made for.
    pub(crate) fn take_over(&mut self, old: &mut Line, time: i64) {
        let (delay, changed) = (self.delay, old.delay != self.delay);
        let before = changed.then_some((old.delay, time));
        if self.capacity <= old.capacity {
            core::mem::swap(self, old);
        } else {
            let channels =
                self.memory.chunks_exact_mut(self.capacity).zip(old.memory.chunks_exact(old.capacity));
            for (new, old) in channels {
                copy_ring(new, old, time);
            }
            (self.born, self.fade_in, self.sound_until) = (old.born, old.fade_in, old.sound_until);
            self.born = self.born.max(time.saturating_sub_unsigned(old.capacity as u64));
        }
        (self.delay, self.before) = (delay, before);
    }

    /// All of what would be read in a block of `frames` frames at `time` is zero, and the past of the line too, so that
    /// nothing need be written.
    pub(crate) fn at_rest(&self, time: i64) -> bool {
        let past = time.saturating_sub_unsigned(self.capacity as u64);
        self.sound_until <= past && self.born <= past
    }

    /// What is read in a block at `time` is zero; `input` says so of what is written there.
    pub(crate) fn reads_silence(&self, time: i64, frames: usize, input: bool) -> bool {
        let silent = |delay: i64| {
            let covers_input = delay < i64::try_from(frames).unwrap_or(i64::MAX);
            (input || !covers_input) && self.sound_until <= time - delay
        };
        silent(self.delay) && self.before.is_none_or(|(delay, _)| silent(delay))
    }

    /// The block at `time` holds sound up to its end.
    pub(crate) fn heard(&mut self, time: i64, frames: usize) {
        self.sound_until = time.saturating_add_unsigned(frames as u64);
    }

    /// Writes a block of one channel.
    pub(crate) fn write(&mut self, kernels: Kernels, channel: usize, time: i64, input: &[f32]) {
        let since = time - self.born;
        let ramp = (self.fade_in && since < FADE).then_some(Ramp {
            from: 0.0,
            to: 1.0,
            position: since,
            length: FADE,
        });
        let mut done = 0;
        while let Some(rest) = input.get(done..).filter(|rest| !rest.is_empty()) {
            let Some(place) = self.stretch(channel, time, done, rest.len()) else { return };
            let frames = place.len();
            let target = self.memory.get_mut(place).unwrap_or(&mut []);
            for (target, &value) in target.iter_mut().zip(rest) {
                *target = value;
            }
            if let Some(ramp) = ramp {
                kernels.gain_ramp(target, ramp.advanced(i64::try_from(done).unwrap_or(0)));
            }
            done += frames;
        }
    }

    /// Reads a block of one channel; `input` is what was written at the same time. `other` is scratch of the same length.
    pub(crate) fn read(
        &mut self,
        kernels: Kernels,
        channel: usize,
        time: i64,
        input: &[f32],
        out: &mut [f32],
        other: &mut [f32],
    ) {
        self.tap(channel, time, self.delay, input, out);
        let Some((delay, since)) = self.before else { return };
        let done = time - since;
        self.tap(channel, time, delay, input, other);
        kernels.gain_ramp(out, Ramp { from: 0.0, to: 1.0, position: done, length: FADE });
        kernels.gain_ramp(other, Ramp { from: 1.0, to: 0.0, position: done, length: FADE });
        kernels.add(out, other);
    }

    /// The block at `time` is done.
    pub(crate) fn finish(&mut self, time: i64, frames: usize) {
        let end = time.saturating_add_unsigned(frames as u64);
        if self.before.is_some_and(|(_, since)| end - since >= FADE) {
            self.before = None;
        }
    }

    fn tap(&self, channel: usize, time: i64, delay: i64, input: &[f32], out: &mut [f32]) {
        if delay == 0 && input.len() == out.len() {
            out.iter_mut().zip(input).for_each(|(out, &value)| *out = value);
            return;
        }
        let from = time - delay;
        let unborn = usize::try_from(self.born.saturating_sub(from)).unwrap_or(0).min(out.len());
        if let Some(zeros) = out.get_mut(..unborn) {
            zeros.fill(0.0);
        }
        let mut done = unborn;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let Some(place) = self.stretch(channel, from, done, rest.len()) else {
                rest.fill(0.0);
                return;
            };
            let source = self.memory.get(place).unwrap_or(&[]);
            rest.iter_mut().zip(source).for_each(|(out, &value)| *out = value);
            done += source.len().max(1);
        }
    }

    /// Where frames from `time + done` on lie, up to the end of the ring.
    fn stretch(
        &self,
        channel: usize,
        time: i64,
        done: usize,
        frames: usize,
    ) -> Option<core::ops::Range<usize>> {
        let mask = self.capacity.checked_sub(1)?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only the low bits are used"
        )]
        let at = (time as usize).wrapping_add(done) & mask;
        let begin = channel * self.capacity + at;
        Some(begin..begin + frames.min(self.capacity - at))
    }
}

/// Copies the last `old.len()` frames before `time` to where the longer ring has them.
fn copy_ring(new: &mut [f32], old: &[f32], time: i64) {
    let (Some(new_mask), Some(old_mask)) = (new.len().checked_sub(1), old.len().checked_sub(1)) else {
        return;
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only the low bits are used")]
    let end = time as usize;
    for back in 1..=old.len() {
        let at = end.wrapping_sub(back);
        if let (Some(new), Some(old)) = (new.get_mut(at & new_mask), old.get(at & old_mask)) {
            *new = *old;
        }
    }
}
