//! Several channels read at another rate, one that may drift: [`omega_dsp::resample`] with memory of its own.

use std::cell::Cell;

use omega_dsp::resample::{Shape, weighted_sum};

/// Reads what is pushed at positions `step` frames apart. Made off the audio thread; all else is real-time safe.
#[derive(Debug)]
pub(crate) struct Resampler {
    shape: Shape,
    table: Vec<f32>,
    weights: Vec<f32>,
    /// `capacity` frames for each channel; the first `filled` are there.
    history: Vec<f32>,
    capacity: usize,
    filled: usize,
    /// Where the next output frame lies: a frame of the history, never below `half - 1`, and what is beyond it, below 1.
    whole: usize,
    fraction: f64,
}

impl Resampler {
    /// For `channels` channels, from one rate to another in frames per second. At most `most` frames are pushed at once. The
    /// first output frame lies on the first frame that is pushed; before it there is silence.
    pub(crate) fn new(rate_in: f64, rate_out: f64, channels: usize, most: usize) -> Self {
        let shape = Shape::new(rate_in, rate_out);
        let mut table = vec![0.0; shape.table_len()];
        shape.fill(&mut table);
        // Room for what one output frame leaves, and for what a short one did not take yet.
        let capacity = 2 * shape.taps() + most + 16;
        let mut fresh = Self {
            shape,
            table,
            weights: vec![0.0; shape.taps()],
            history: vec![0.0; capacity * channels],
            capacity,
            filled: 0,
            whole: 0,
            fraction: 0.0,
        };
        // Zeroed memory is not there before it is written to.
        fresh.history.fill(0.0);
        fresh.weights.fill(0.0);
        fresh.clear();
        fresh
    }

    /// Forgets all that was pushed.
    pub(crate) fn clear(&mut self) {
        self.history.fill(0.0);
        self.filled = self.shape.half() - 1;
        self.whole = self.filled;
        self.fraction = 0.0;
    }

    /// Frames after a position that must be there before it is known.
    pub(crate) fn half(&self) -> usize {
        self.shape.half()
    }

    /// Frames that were pushed and lie behind the position of the next output frame, with its fraction.
    pub(crate) fn ahead(&self) -> f64 {
        self.filled as f64 - self.whole as f64 - self.fraction
    }

    /// Frames to push before `frames` more can be read.
    pub(crate) fn lacks(&self, frames: usize, step: f64) -> usize {
        let Some(last) = frames.checked_sub(1) else { return 0 };
        let (whole, _) = self.position(last, step);
        (whole + self.shape.half() + 1).saturating_sub(self.filled)
    }

    /// Frames that can be read now, at most `most`.
    pub(crate) fn ready(&self, most: usize, step: f64) -> usize {
        let known = self.filled.saturating_sub(self.shape.half() + 1);
        if self.filled < self.shape.half() + 1 || self.whole > known {
            return 0;
        }
        let span = (known - self.whole) as f64 + 1.0 - self.fraction;
        let mut frames = most.min(ceil(span / step));
        // The division rounds; the positions themselves decide.
        while frames > 0 && self.lacks(frames, step) > 0 {
            frames -= 1;
        }
        frames
    }

    /// Adds `frames` frames and gives the places for them, a slice for each channel, with what was there long ago in them. What
    /// no position needs any more is dropped; what does not fit is not added: the slices are shorter then.
    pub(crate) fn push(&mut self, frames: usize) -> impl Iterator<Item = &mut [f32]> {
        if self.filled + frames > self.capacity {
            self.forget();
        }
        let begin = self.filled;
        let frames = frames.min(self.capacity - begin.min(self.capacity));
        self.filled = begin + frames;
        let channels = self.history.chunks_exact_mut(self.capacity.max(1));
        channels.map(move |channel| channel.get_mut(begin..begin + frames).unwrap_or_default())
    }

    /// Reads `frames` frames, which must be [`ready`](Self::ready), and hands each sample to `place(channel, frame, sample)`.
    pub(crate) fn pull(&mut self, frames: usize, step: f64, mut place: impl FnMut(usize, usize, f32)) {
        for frame in 0..frames {
            let (whole, fraction) = self.position(frame, step);
            self.shape.weigh(&self.table, fraction, &mut self.weights);
            let begin = (whole + 1).saturating_sub(self.shape.half());
            for (channel, history) in self.history.chunks_exact(self.capacity.max(1)).enumerate() {
                let samples = history.get(begin..).unwrap_or_default();
                place(channel, frame, weighted_sum(&self.weights, samples));
            }
        }
        (self.whole, self.fraction) = self.position(frames, step);
    }

    /// Where the output frame after `frames` more lies. Counted from the position that is known, not added up frame by frame:
    /// what is asked before is what is read after.
    fn position(&self, frames: usize, step: f64) -> (usize, f64) {
        let at = self.fraction + frames as f64 * step;
        let whole = floor(at);
        (self.whole.saturating_add(whole), at - whole as f64)
    }

    /// Moves what is still needed to the beginning.
    fn forget(&mut self) {
        let keep_from = (self.whole + 1).saturating_sub(self.shape.half()).min(self.filled);
        if keep_from == 0 {
            return;
        }
        for channel in self.history.chunks_exact_mut(self.capacity.max(1)) {
            let cells = Cell::from_mut(channel).as_slice_of_cells();
            let kept = cells.get(keep_from..self.filled).unwrap_or_default();
            cells.iter().zip(kept).for_each(|(to, from)| to.set(from.get()));
        }
        self.filled -= keep_from;
        self.whole -= keep_from;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions within a buffer: small and not negative"
)]
const fn floor(value: f64) -> usize {
    value as usize
}

const fn ceil(value: f64) -> usize {
    floor(value) + 1
}
