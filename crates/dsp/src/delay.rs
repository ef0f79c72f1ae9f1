//! A delay line over memory that the caller owns.
//!
//! The memory is a ring of the last `memory.len()` frames of one channel. The line itself is only the place where the next frame is written,
//! so one position can serve the rings of several channels that are processed in step. All methods are real-time safe, take time
//! proportional to the block, and give the same bytes however the frames are cut into blocks.

use crate::kernels::Ramp;

/// The write position of a ring.
///
/// With a memory of `n` frames delays of 0 to `n − 1` frames are possible; a larger delay is taken as `n − 1`. A delay plus a block that fit
/// into the memory together are copied in one or two pieces; otherwise the block is processed in smaller ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelayLine {
    next: usize,
}

impl DelayLine {
    /// A line whose next frame goes to the beginning of the memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0 }
    }

    /// The index in the memory where the next frame goes; for saving the state.
    #[must_use]
    pub const fn position(self) -> usize {
        self.next
    }

    /// A line with a position that was saved.
    #[must_use]
    pub const fn at(position: usize) -> Self {
        Self { next: position }
    }

    /// Writes a block. Of a block longer than the memory the end remains.
    pub fn write(&mut self, memory: &mut [f32], block: &[f32]) {
        if memory.is_empty() {
            return;
        }
        let mut rest = block;
        self.next %= memory.len();
        while !rest.is_empty() {
            let room = memory.get_mut(self.next..).unwrap_or_default();
            let (part, later) = rest.split_at(room.len().min(rest.len()));
            for (to, from) in room.iter_mut().zip(part) {
                *to = *from;
            }
            self.next = (self.next + part.len()) % memory.len();
            rest = later;
        }
    }

    /// Reads the block that was written last, `delay` frames earlier: with `n` = `block.len()`, `block[i]` is the frame that was written `n − i + delay`
    /// frames before the write position. Frames that the memory no longer holds read as zero.
    pub fn read(self, memory: &[f32], block: &mut [f32], delay: usize) {
        let back = block.len().saturating_add(delay);
        let (lost, mut rest) = block.split_at_mut(back.saturating_sub(memory.len()).min(block.len()));
        lost.fill(0.0);
        if memory.is_empty() {
            return;
        }
        let mut from = (self.next % memory.len() + memory.len() - back.min(memory.len())) % memory.len();
        while !rest.is_empty() {
            let stored = memory.get(from..).unwrap_or_default();
            let (part, later) = rest.split_at_mut(stored.len().min(rest.len()));
            for (to, from) in part.iter_mut().zip(stored) {
                *to = *from;
            }
            from = (from + part.len()) % memory.len();
            rest = later;
        }
    }

    /// Delays a signal in place: `block[i]` becomes the frame `delay` frames before it. Delay 0 leaves the block as it is (and still remembers it).
    pub fn process(&mut self, memory: &mut [f32], block: &mut [f32], delay: usize) {
        let delay = delay.min(memory.len().saturating_sub(1));
        for part in block.chunks_mut((memory.len() - delay).max(1)) {
            self.write(memory, part);
            if delay > 0 {
                self.read(memory, part, delay);
            }
        }
    }

    /// Like [`DelayLine::process`], moving from one delay to another: with `t` the ramp's value (0 to 1) at a frame, the output
    /// is `a + (b − a) · t` of the frames `a` at delay `from` and `b` at delay `to`; exactly `a` at `t ≤ 0`, exactly `b` at `t ≥ 1`.
    pub fn process_fade(
        &mut self,
        memory: &mut [f32],
        block: &mut [f32],
        [from, to]: [usize; 2],
        fade: Ramp,
    ) {
        let last = memory.len().saturating_sub(1);
        let (from, to) = (from.min(last), to.min(last));
        let longest = (memory.len() - from.max(to)).max(1);
        let mut scratch = [0.0; FADE_PIECE];
        let mut index = 0;
        for part in block.chunks_mut(longest.min(FADE_PIECE)) {
            let old = scratch.get_mut(..part.len()).unwrap_or_default();
            self.write(memory, part);
            if memory.is_empty() {
                continue;
            }
            self.read(memory, old, from);
            self.read(memory, part, to);
            for (b, a) in part.iter_mut().zip(old) {
                let t = fade.at(index);
                if t <= 0.0 {
                    *b = *a;
                } else if t < 1.0 {
                    *b = *a + (*b - *a) * t;
                }
                index += 1;
            }
        }
    }
}

/// Frames that a fade processes at a time.
const FADE_PIECE: usize = 64;

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests allocate, and their numbers are small"
)]
mod tests {
    use super::*;
    use crate::dither::Noise;
    use std::vec;
    use std::vec::Vec;

    const FRAMES: usize = 700;

    fn input() -> Vec<f32> {
        (0..FRAMES as i64).map(|i| Noise::new(3, 0).uniform(i)).collect()
    }

    fn delayed(x: &[f32], i: usize, delay: usize) -> f32 {
        i.checked_sub(delay).map_or(0.0, |i| x[i])
    }

    fn cuts() -> [Vec<usize>; 4] {
        [vec![FRAMES], vec![1; FRAMES], vec![64; 10], vec![1, 255, 3, 128, 256, 7, 50]]
    }

    /// Runs `step(line, memory, block, first frame)` over the input, cut into blocks.
    fn run(
        memory: usize,
        cuts: &[usize],
        mut step: impl FnMut(&mut DelayLine, &mut [f32], &mut [f32], i64),
    ) -> Vec<f32> {
        let (mut memory, mut line, mut signal) = (vec![0.0; memory], DelayLine::new(), input());
        let mut at = 0;
        for cut in cuts {
            let end = (at + cut).min(FRAMES);
            step(&mut line, &mut memory, &mut signal[at..end], at as i64);
            at = end;
        }
        signal.truncate(at);
        signal
    }

    #[test]
    fn any_delay_is_exact_for_any_cut() {
        let x = input();
        for memory in [1, 2, 5, 64, 100, 257, 600, 1000] {
            for delay in [0, 1, 2, 4, 7, 63, 99, 256, 599] {
                for cut in cuts() {
                    let y = run(memory, &cut, |line, memory, block, _| line.process(memory, block, delay));
                    let delay = delay.min(memory - 1);
                    for (i, y) in y.iter().enumerate() {
                        assert_eq!(*y, delayed(&x, i, delay), "memory {memory} delay {delay} frame {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_fade_goes_from_one_tap_to_the_other_for_any_cut() {
        let x = input();
        let fade = Ramp { from: 0.0, to: 1.0, position: -100, length: 300 };
        for (memory, taps) in [(600, [0, 500]), (600, [37, 5]), (90, [80, 10]), (41, [40, 0])] {
            let whole = run(memory, &[FRAMES], |l, m, b, at| l.process_fade(m, b, taps, fade.advanced(at)));
            for (i, y) in whole.iter().enumerate() {
                let (a, b) = (delayed(&x, i, taps[0]), delayed(&x, i, taps[1]));
                let t = fade.at(i as i64);
                let expected = if i <= 100 {
                    a
                } else if i >= 400 {
                    b
                } else {
                    a + (b - a) * t
                };
                assert_eq!(*y, expected, "{taps:?} frame {i}");
            }
            for cut in cuts() {
                let y = run(memory, &cut, |l, m, b, at| l.process_fade(m, b, taps, fade.advanced(at)));
                assert_eq!(y, whole[..y.len()]);
            }
        }
    }

    #[test]
    fn reading_beyond_the_memory_gives_zeros() {
        let (mut memory, mut line) = ([0.0; 4], DelayLine::new());
        line.write(&mut memory, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut block = [9.0; 3];
        line.read(&memory, &mut block, 2);
        assert_eq!(block, [0.0, 3.0, 4.0]);
        line.read(&memory, &mut block, usize::MAX);
        assert_eq!(block, [0.0; 3]);
    }

    #[test]
    fn a_line_without_memory_or_with_a_wild_position_does_no_harm() {
        let mut block = [1.0, 2.0];
        let fade = Ramp { from: 0.0, to: 1.0, position: 0, length: 1 };
        DelayLine::new().process(&mut [], &mut block, 3);
        DelayLine::new().process_fade(&mut [], &mut block, [1, 2], fade);
        assert_eq!(block, [1.0, 2.0]);
        DelayLine::at(usize::MAX).process(&mut [0.0; 3], &mut block, 1);
        assert_eq!(block, [0.0, 1.0]);
        DelayLine::at(usize::MAX).read(&[0.0; 3], &mut block, 1);
    }
}
