//! Delay lines: rings indexed by executor time, so that a line is flushed by remembering a number.

use omega_dsp::kernels::{Kernels, Ramp};
use omega_processor::MAX_BLOCK;
use omega_rt::AlignedBuffer;

use crate::FADE;

/// Memory of a line. Frame `t` of channel `c` lies at `c · capacity + t mod capacity`.
#[derive(Debug)]
pub(crate) struct Ring {
    memory: AlignedBuffer,
    /// A power of two; zero for a ring without memory.
    capacity: usize,
}

impl Ring {
    /// A ring over memory of `channels · capacity` zeros.
    pub(crate) fn new(memory: AlignedBuffer, capacity: usize) -> Self {
        Self { memory, capacity }
    }

    /// Where frames from `time` on lie, at most `frames` of them, up to the end of the memory.
    fn stretch(&self, channel: usize, time: i64, frames: usize) -> Option<core::ops::Range<usize>> {
        let mask = self.capacity.checked_sub(1)?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only the low bits are used"
        )]
        let at = time as usize & mask;
        let begin = channel * self.capacity + at;
        Some(begin..begin + frames.min(self.capacity - at))
    }

    fn write(&mut self, kernels: Kernels, channel: usize, time: i64, mut input: &[f32]) {
        let mut time = time;
        while !input.is_empty() {
            let target = self.stretch(channel, time, input.len()).and_then(|at| self.memory.get_mut(at));
            let Some(target) = target.filter(|target| !target.is_empty()) else { return };
            let (now, later) = input.split_at_checked(target.len()).unwrap_or((input, &[]));
            kernels.copy(target, now);
            time = time.saturating_add_unsigned(now.len() as u64);
            input = later;
        }
    }

    fn read(&self, kernels: Kernels, channel: usize, time: i64, mut out: &mut [f32]) {
        let mut time = time;
        while !out.is_empty() {
            let source = self.stretch(channel, time, out.len()).and_then(|at| self.memory.get(at));
            let Some(source) = source.filter(|source| !source.is_empty()) else {
                out.fill(0.0);
                return;
            };
            let (now, later) = out.split_at_mut_checked(source.len()).unwrap_or((&mut [], &mut []));
            kernels.copy(now, source);
            time = time.saturating_add_unsigned(source.len() as u64);
            out = later;
        }
    }
}

/// What a node put out, for as long as it is needed.
#[derive(Debug)]
pub(crate) struct Line {
    ring: Ring,
    /// The ring before this one grew: it holds the frames before `split`, so that nothing is copied when a line grows.
    older: Ring,
    split: i64,
    /// Nothing is known of what was before.
    born: i64,
    /// Born while sound was going on: what is heard first through a delay is faded in.
    fade_in: bool,
    /// One past the last frame that may not be zero.
    sound_until: i64,
}

impl Line {
    pub(crate) fn new(ring: Ring) -> Self {
        let older = Ring::new(AlignedBuffer::zeroed(0), 0);
        Self { ring, older, split: i64::MIN, born: 0, fade_in: false, sound_until: i64::MIN }
    }

    /// Frames of a ring that is long enough for taps up to `delay`: a block is written before the delayed one is read,
    /// and a tap never comes near the end of what is remembered, where a line that has grown is faded in.
    pub(crate) fn capacity(delay: u32) -> usize {
        (delay as usize + usize::try_from(FADE).unwrap_or(0) + MAX_BLOCK).next_power_of_two()
    }

    /// Forgets everything.
    pub(crate) fn flush(&mut self, time: i64) {
        (self.born, self.fade_in, self.sound_until) = (time, false, i64::MIN);
    }

    /// Comes into being while its node sounds.
    pub(crate) fn begin_within_play(&mut self, time: i64) {
        (self.born, self.fade_in) = (time, true);
    }

    /// Continues `old`: with its memory, where this line was made without; else with both.
    pub(crate) fn take_over(&mut self, old: &mut Line, time: i64) {
        if self.ring.capacity <= old.ring.capacity {
            core::mem::swap(self, old);
            return;
        }
        old.unite(time);
        (self.born, self.fade_in, self.sound_until) = (old.born, old.fade_in, old.sound_until);
        core::mem::swap(&mut self.older, &mut old.ring);
        self.split = time;
        let remembered = time.saturating_sub_unsigned(self.older.capacity as u64);
        if self.born < remembered {
            (self.born, self.fade_in) = (remembered, true);
        }
    }

    /// Brings what is still in the older ring into the newer one. At most its length is copied, and only when a line
    /// grows twice within its delay.
    fn unite(&mut self, time: i64) {
        let begin = time.saturating_sub_unsigned(self.ring.capacity as u64).max(self.born);
        let begin = begin.max(self.split.saturating_sub_unsigned(self.older.capacity as u64));
        if self.older.capacity == 0 || begin >= self.split {
            return;
        }
        let channels = self.ring.memory.chunks_exact_mut(self.ring.capacity.max(1));
        for (new, old) in channels.zip(self.older.memory.chunks_exact(self.older.capacity.max(1))) {
            for at in begin..self.split {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "only the low bits are used"
                )]
                let at = at as usize;
                if let (Some(new), Some(old)) =
                    (new.get_mut(at & (self.ring.capacity - 1)), old.get(at & (self.older.capacity - 1)))
                {
                    *new = *old;
                }
            }
        }
        self.split = i64::MIN;
    }

    /// All that can be read, now and after more silence, is zero: nothing need be written.
    pub(crate) fn at_rest(&self, time: i64) -> bool {
        let past = time.saturating_sub_unsigned(self.ring.capacity as u64);
        self.sound_until <= past && self.born <= past
    }

    /// What is read `delay` frames behind a block at `time` is zero.
    pub(crate) fn reads_silence(&self, time: i64, delay: i64) -> bool {
        self.sound_until <= time - delay
    }

    /// The block at `time` holds sound up to its end.
    pub(crate) fn heard(&mut self, time: i64, frames: usize) {
        self.sound_until = time.saturating_add_unsigned(frames as u64);
    }

    /// Writes a block of one channel.
    pub(crate) fn write(&mut self, kernels: Kernels, channel: usize, time: i64, input: &[f32]) {
        self.ring.write(kernels, channel, time, input);
    }

    /// Reads a block of one channel, `delay` frames behind `time`.
    fn read(&self, kernels: Kernels, channel: usize, time: i64, delay: i64, out: &mut [f32]) {
        let from = time - delay;
        let unborn = usize::try_from(self.born.saturating_sub(from)).unwrap_or(0).min(out.len());
        let (unborn, born) = out.split_at_mut_checked(unborn).unwrap_or((&mut [], &mut []));
        unborn.fill(0.0);
        let from = from.saturating_add_unsigned(unborn.len() as u64);
        let old = usize::try_from(self.split.saturating_sub(from)).unwrap_or(0).min(born.len());
        let (old, new) = born.split_at_mut_checked(old).unwrap_or((&mut [], &mut []));
        self.older.read(kernels, channel, from, old);
        self.ring.read(kernels, channel, from.saturating_add_unsigned(old.len() as u64), new);
        let since = from.saturating_sub(self.born);
        // What is not delayed was heard before there was a line.
        if self.fade_in && delay > 0 && since < FADE {
            kernels.gain_ramp(born, Ramp { from: 0.0, to: 1.0, position: since, length: FADE });
        }
    }
}

/// Where an edge reads a delay line. While the program's cross-fade lasts, it is read at the delay of before too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    /// Frames.
    pub(crate) delay: i64,
    /// Frames before the program was adopted, where they were others.
    pub(crate) before: Option<i64>,
}

impl Tap {
    /// What is read in a block at `time`, `done` frames after the cross-fade began, is zero.
    pub(crate) fn reads_silence(self, line: &Line, time: i64, done: i64) -> bool {
        let before = self.before.filter(|_| done < FADE);
        line.reads_silence(time, self.delay) && before.is_none_or(|delay| line.reads_silence(time, delay))
    }

    /// Reads a block of one channel, `done` frames after the cross-fade began.
    pub(crate) fn read(
        self,
        kernels: Kernels,
        line: &Line,
        channel: usize,
        (time, done): (i64, i64),
        out: &mut [f32],
    ) {
        line.read(kernels, channel, time, self.delay, out);
        let Some(delay) = self.before.filter(|_| done < FADE) else { return };
        let mut other = [0.0; MAX_BLOCK];
        let Some(other) = other.get_mut(..out.len()) else { return };
        line.read(kernels, channel, time, delay, other);
        kernels.gain_ramp(out, Ramp { from: 0.0, to: 1.0, position: done, length: FADE });
        kernels.gain_ramp(other, Ramp { from: 1.0, to: 0.0, position: done, length: FADE });
        kernels.add(out, other);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
    extern crate std;
    use super::*;
    use omega_dsp::simd::Level;
    use std::vec::Vec;

    /// What a line remembers, kept whole; each frame with the gain that it is read with.
    #[derive(Default)]
    struct Oracle {
        heard: Vec<f32>,
        born: i64,
        fade_in: bool,
    }

    impl Oracle {
        fn read(&self, at: i64, delay: i64) -> f32 {
            let since = at - delay - self.born;
            let heard = usize::try_from(at - delay).ok().and_then(|at| self.heard.get(at).copied());
            match (heard, since) {
                (None, _) | (_, ..0) => 0.0,
                (Some(heard), 0..FADE) if self.fade_in && delay > 0 => {
                    heard * Ramp { from: 0.0, to: 1.0, position: since, length: FADE }.at(0)
                }
                (Some(heard), _) => heard,
            }
        }
    }

    fn line(delay: u32) -> Line {
        let capacity = Line::capacity(delay);
        Line::new(Ring::new(AlignedBuffer::zeroed(capacity), capacity))
    }

    /// Lines grow and shrink at random moments, faster than their delays; no frame that a tap may read is ever wrong.
    #[test]
    fn a_line_that_grows_again_and_again_remembers_what_it_must() {
        let kernels = Kernels::new(Level::detect());
        for seed in 0..20u32 {
            let mut random = seed.wrapping_mul(0x9e37_79b9) | 1;
            let mut next = |below: u32| {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                random % below
            };
            let (mut line, mut oracle) = (self::line(200), Oracle::default());
            let (mut time, mut longest, mut before, mut capacity) = (0i64, 200u32, 0i64, Line::capacity(200));
            for _ in 0..200 {
                match next(8) {
                    0 | 1 => {
                        before = i64::from(longest);
                        longest = next(6000);
                        let needed = Line::capacity(longest);
                        let kept = if needed <= capacity { 0 } else { needed };
                        let mut new = Line::new(Ring::new(AlignedBuffer::zeroed(kept), kept));
                        new.take_over(&mut line, time);
                        line = new;
                        if kept > 0 {
                            let remembered = time - i64::try_from(capacity).expect("small");
                            if oracle.born < remembered {
                                (oracle.born, oracle.fade_in) = (remembered, true);
                            }
                            capacity = kept;
                        }
                    }
                    2 if next(4) == 0 => {
                        line.flush(time);
                        (oracle.born, oracle.fade_in) = (time, false);
                    }
                    _ => {}
                }
                for _ in 0..next(6) {
                    let frames = 1 + next(256) as usize;
                    let input: Vec<f32> = (0..frames).map(|_| next(2000) as f32 - 1000.0).collect();
                    line.heard(time, frames);
                    line.write(kernels, 0, time, &input);
                    oracle.heard.extend(&input);
                    for delay in [0, 1, i64::from(longest) / 2, i64::from(longest), before] {
                        let mut out = std::vec![9.0; frames];
                        line.read(kernels, 0, time, delay, &mut out);
                        for (value, at) in out.into_iter().zip(time..) {
                            assert_eq!(value, oracle.read(at, delay), "seed {seed}, delay {delay} at {at}");
                        }
                    }
                    time += i64::try_from(frames).expect("small");
                    before = 0;
                }
            }
        }
    }
}
