//! What is measured of a port over a block.

use omega_dsp::kernels::Kernels;

use crate::{RUNAWAY, STRIDE};

/// Levels of all channels of a port over a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Levels {
    /// The largest magnitude; NaN is passed over.
    pub(crate) peak: f32,
    /// The sum of squares, the mean of the channels; not finite where a sample is not.
    pub(crate) squares: f64,
}

impl Levels {
    /// Of the first `frames` frames of `port`, whose channels lie at [`STRIDE`].
    pub(crate) fn of(kernels: Kernels, port: &[f32], frames: usize) -> Self {
        let channels = port.chunks_exact(STRIDE).map(|channel| channel.get(..frames).unwrap_or(&[]));
        let (mut levels, mut count) = (Self::default(), 0.0);
        for (peak, squares) in channels.map(|channel| kernels.peak_and_sum_squares(channel)) {
            levels.peak = levels.peak.max(peak);
            levels.squares += squares;
            count += 1.0;
        }
        levels.squares /= f64::max(count, 1.0);
        levels
    }

    /// No sample is NaN or beyond [`RUNAWAY`].
    pub(crate) fn contained(&self) -> bool {
        self.peak <= RUNAWAY && self.squares.is_finite()
    }
}
