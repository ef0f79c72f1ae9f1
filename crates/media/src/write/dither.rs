//! Triangular dither from a seed.
//!
//! TPDF noise of ±1 least significant bit makes the quantisation error's mean and variance independent of the signal
//! (S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, 'Quantization and Dither: A Theoretical Survey', JAES 40(5), 1992).

/// A source of noise that is a pure function of (seed, channel, frame).
///
/// The numbers are the finaliser of splitmix64 (G. Steele, D. Lea, C. Flood, 'Fast Splittable Pseudorandom Number
/// Generators', OOPSLA 2014) over a counter, so any block size, order and thread gives the same noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dither {
    seed: u64,
}

impl Dither {
    /// Noise named by `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// One value in (−1, 1) least significant bits, triangularly distributed around 0.
    #[must_use]
    pub fn noise(self, channel: u64, frame: u64) -> f64 {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let stream = mix(self.seed.wrapping_add((channel + 1).wrapping_mul(GOLDEN)));
        let word = mix(stream.wrapping_add(frame.wrapping_mul(GOLDEN)));
        let (high, low) = (word >> 32, word & 0xFFFF_FFFF);
        (high as f64 - low as f64) / 4_294_967_296.0
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_triangular_and_uncorrelated_between_channels() {
        let (a, count) = (Dither::new(7), 200_000_u64);
        let n = count as f64;
        let (mut mean, mut square, mut cross, mut inner) = (0.0, 0.0, 0.0, 0.0);
        for frame in 0..count {
            let (x, y) = (a.noise(0, frame), a.noise(1, frame));
            assert!(x.abs() < 1.0);
            mean += x / n;
            square += x * x / n;
            cross += x * y / n;
            inner += if x.abs() < 0.5 { 1.0 / n } else { 0.0 };
        }
        // A triangle on (−1, 1): variance 1/6, three quarters of it within ±1/2. Bounds are five standard errors.
        assert!(mean.abs() < 0.005, "mean {mean}");
        assert!((square - 1.0 / 6.0).abs() < 0.003, "variance {square}");
        assert!(cross.abs() < 0.002, "cross {cross}");
        assert!((inner - 0.75).abs() < 0.005, "inside ±1/2: {inner}");
        assert_eq!(a.noise(3, 99), Dither::new(7).noise(3, 99));
        assert_ne!(a.noise(3, 99), Dither::new(8).noise(3, 99));
    }
}
