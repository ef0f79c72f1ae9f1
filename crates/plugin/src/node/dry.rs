//! The input, remembered: what is heard in place of a plugin that does not answer.

use omega_rt::AlignedBuffer;

/// Delay lines of a few channels, written frame by frame.
#[derive(Debug)]
pub(crate) struct DryLine {
    memory: AlignedBuffer,
    /// Frames of each channel; a power of two.
    capacity: usize,
    /// Frames written since the beginning.
    written: u64,
}

impl DryLine {
    /// Remembers at least `frames` frames. Allocates.
    pub(crate) fn new(channels: usize, frames: usize) -> Self {
        let capacity = frames.next_power_of_two();
        Self { memory: AlignedBuffer::zeroed(channels * capacity), capacity, written: 0 }
    }

    /// Forgets everything. Real-time safe, as all that follows.
    pub(crate) fn reset(&mut self) {
        self.written = 0;
    }

    /// Writes the next frames of a channel; all channels get as many before [`advance`](Self::advance).
    pub(crate) fn write(&mut self, channel: usize, samples: &[f32]) {
        let begin = self.place(self.written);
        let Some(line) = self.line_mut(channel) else { return };
        let first = samples.len().min(line.len() - begin.min(line.len()));
        let (now, wrapped) = samples.split_at(first);
        line.iter_mut().skip(begin).zip(now).for_each(|(place, sample)| *place = *sample);
        line.iter_mut().zip(wrapped).for_each(|(place, sample)| *place = *sample);
    }

    /// So many frames have been written.
    pub(crate) fn advance(&mut self, frames: usize) {
        self.written = self.written.saturating_add(frames as u64);
    }

    /// The sample `back` frames before the one that is written next; silence before the beginning, and where it was
    /// forgotten.
    pub(crate) fn read(&self, channel: usize, back: usize) -> f32 {
        let known = back >= 1 && back <= self.capacity;
        let Some(at) = self.written.checked_sub(back as u64).filter(|_| known) else { return 0.0 };
        let place = channel.saturating_mul(self.capacity).saturating_add(self.place(at));
        self.memory.get(place).copied().unwrap_or(0.0)
    }

    fn place(&self, at: u64) -> usize {
        usize::try_from(at & (self.capacity as u64).wrapping_sub(1)).unwrap_or(0)
    }

    fn line_mut(&mut self, channel: usize) -> Option<&mut [f32]> {
        let begin = channel.saturating_mul(self.capacity);
        self.memory.get_mut(begin..begin.saturating_add(self.capacity))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;

    #[test]
    fn it_remembers_as_far_back_as_it_says_and_no_further() {
        let mut line = DryLine::new(2, 100);
        assert_eq!(line.capacity, 128);
        let mut next = 0u16;
        for _ in 0..50 {
            let samples: Vec<f32> = (0..37).map(|n| f32::from(next + n)).collect();
            line.write(0, &samples);
            line.write(1, &samples.iter().map(|s| -s).collect::<Vec<_>>());
            line.advance(37);
            next += 37;
            for back in [1, 2, 37, 100, 128] {
                let expected = i32::from(next) - i32::try_from(back).unwrap();
                let expected = if expected < 0 { 0.0 } else { expected as f32 };
                assert_eq!((line.read(0, back), line.read(1, back)), (expected, -expected));
            }
        }
        assert_eq!((line.read(0, 129), line.read(0, 0), line.read(9, 1)), (0.0, 0.0, 0.0));
        line.reset();
        assert_eq!(line.read(0, 1), 0.0);
    }
}
