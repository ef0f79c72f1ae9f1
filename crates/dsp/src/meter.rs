//! Peak and RMS of one channel, collected over blocks.

use crate::kernels::{Kernels, PARTIAL_SUMS, PartialSums, fold_squares};
use crate::math;

/// Collects the peak and the sum of squares of a channel between two readings. Real-time safe.
///
/// Readings that are taken at the same frames are the same, bit for bit, however the frames between were cut into blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meter {
    peak: f32,
    squares: PartialSums,
    frames: u64,
}

/// What a [`Meter`] saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Largest magnitude, linear.
    pub peak: f32,
    /// Root of the mean square, linear.
    pub rms: f32,
    /// Frames that were seen.
    pub frames: u64,
}

impl Meter {
    /// A meter that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { peak: 0.0, squares: [0.0; PARTIAL_SUMS], frames: 0 }
    }

    /// Takes a block into account.
    pub fn add(&mut self, kernels: Kernels, block: &[f32]) {
        let peak = kernels.peak(block);
        if peak > self.peak {
            self.peak = peak;
        }
        kernels.add_squares(&mut self.squares, block, self.frames);
        self.frames += block.len() as u64;
    }

    /// Takes `frames` frames of silence into account.
    pub fn add_silence(&mut self, frames: u64) {
        self.frames += frames;
    }

    /// What was seen since the last reading.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mean = if self.frames == 0 { 0.0 } else { fold_squares(&self.squares) / self.frames as f64 };
        Reading { peak: self.peak, rms: math::to_f32(math::sqrt(mean)), frames: self.frames }
    }

    /// [`Meter::read`], then begins anew.
    pub fn take(&mut self) -> Reading {
        let reading = self.read();
        *self = Self::new();
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dither::Noise;
    use crate::simd::Level;

    #[test]
    fn a_square_wave_reads_its_amplitude() {
        let mut meter = Meter::new();
        assert_eq!(meter.read(), Reading::default());
        for _ in 0..10 {
            meter.add(Kernels::detect(), &[0.5, -0.5, 0.5]);
        }
        assert_eq!(meter.take(), Reading { peak: 0.5, rms: 0.5, frames: 30 });
        meter.add(Kernels::detect(), &[0.5]);
        meter.add_silence(3);
        assert_eq!(meter.take(), Reading { peak: 0.5, rms: 0.25, frames: 4 });
        assert_eq!(meter, Meter::new());
    }

    #[test]
    fn a_reading_depends_neither_on_blocks_nor_on_the_level() {
        let signal: [f32; 777] = core::array::from_fn(|i| Noise::new(1, 1).uniform(i.try_into().unwrap()));
        let run = |level: Level, block: usize| {
            let mut meter = Meter::new();
            signal.chunks(block).for_each(|part| meter.add(Kernels::new(level), part));
            meter.read()
        };
        let whole = run(Level::Scalar, 777);
        assert!((whole.rms - 0.577).abs() < 0.03);
        for level in Level::ALL {
            for block in [1, 3, 8, 100, 256] {
                assert_eq!(run(level, block), whole, "{level} {block}");
            }
        }
    }
}
