//! Counter-based random numbers and TPDF dither.
//!
//! A number depends only on (seed, channel, frame), so that it is the same for any block size, order or thread. The mixing function is
//! the finaliser of SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, with Stafford's variant-13 constants).

/// The increment of SplitMix64: 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers that are addressed by frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    key: u64,
}

impl Noise {
    /// The stream of a seed and a channel (or any other sub-stream number).
    #[must_use]
    pub const fn new(seed: u64, channel: u64) -> Self {
        // Two rounds between seed and channel, so that neighbouring seeds and channels share no stream.
        Self { key: mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(mix(channel ^ GOLDEN))) }
    }

    /// 64 uniformly distributed bits for a frame.
    #[must_use]
    pub const fn bits(self, frame: i64) -> u64 {
        mix(self.key.wrapping_add(frame.cast_unsigned().wrapping_mul(GOLDEN)))
    }

    /// Uniform in [−1, 1), in steps of 2⁻²³.
    #[must_use]
    pub fn uniform(self, frame: i64) -> f32 {
        signed(self.bits(frame) >> 40)
    }

    /// Triangular in (−1, 1): the sum of two independent uniform values in [−½, ½); variance 1/6.
    ///
    /// Scaled by one quantisation step this is TPDF dither, which makes the first two moments of the quantisation error independent of the signal
    /// (Lipshitz, Wannamaker, Vanderkooy: *Quantization and Dither: A Theoretical Survey*, JAES 40, 1992).
    #[must_use]
    pub fn triangular(self, frame: i64) -> f32 {
        let bits = self.bits(frame);
        (signed(bits >> 40) + signed(bits << 24 >> 40)) * 0.5
    }
}

/// 24 bits to [−1, 1).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "24 bits: exact")]
fn signed(bits: u64) -> f32 {
    const HALF: i32 = 1 << 23;
    (bits as i32 - HALF) as f32 / HALF as f32
}

/// Adds TPDF dither of ±1 `step` to a channel: `buf[i] ← buf[i] + step · triangular(frame + i)`. Round to multiples of `step` afterwards.
pub fn add_dither(buf: &mut [f32], step: f32, noise: Noise, frame: i64) {
    for (i, x) in (0..).zip(buf) {
        *x += step * noise.triangular(frame.wrapping_add(i));
    }
}

const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

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
    use std::vec::Vec;

    const COUNT: i64 = 200_000;

    fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let n = COUNT as f64;
        let mean = values.clone().sum::<f64>() / n;
        (mean, values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
    }

    #[test]
    fn triangular_noise_has_the_moments_and_the_density_of_a_triangle() {
        let noise = Noise::new(1, 0);
        let values: Vec<f64> = (0..COUNT).map(|i| f64::from(noise.triangular(i))).collect();
        let (mean, variance) = moments(values.iter().copied());
        assert!(mean.abs() < 0.005, "{mean}");
        assert!((variance - 1.0 / 6.0).abs() < 0.003, "{variance}");
        assert!(values.iter().all(|v| v.abs() <= 1.0));
        for (low, expected) in [(-1.0, 0.03125), (-0.25, 0.21875), (0.0, 0.21875), (0.75, 0.03125)] {
            let share =
                values.iter().filter(|v| (low..low + 0.25).contains(*v)).count() as f64 / COUNT as f64;
            assert!((share - expected).abs() < 0.005, "{low}: {share} instead of {expected}");
        }
    }

    #[test]
    fn frames_channels_and_seeds_are_uncorrelated() {
        let correlate = |a: Noise, b: Noise, lag: i64| {
            let sum: f64 = (0..COUNT).map(|i| f64::from(a.uniform(i)) * f64::from(b.uniform(i + lag))).sum();
            sum / COUNT as f64 * 3.0
        };
        let base = Noise::new(7, 3);
        for (other, lag) in
            [(base, 1), (base, 8), (Noise::new(7, 4), 0), (Noise::new(8, 3), 0), (Noise::new(8, 3), 1)]
        {
            let correlation = correlate(base, other, lag);
            assert!(correlation.abs() < 0.01, "{other:?} lag {lag}: {correlation}");
        }
        assert!((correlate(base, base, 0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_signal_cut_into_blocks_gets_the_same_dither() {
        let noise = Noise::new(42, 1);
        let mut whole = [0.25; 100];
        add_dither(&mut whole, 1.0 / 32768.0, noise, -37);
        let mut parts = [0.25; 100];
        let (a, b) = parts.split_at_mut(13);
        add_dither(a, 1.0 / 32768.0, noise, -37);
        add_dither(b, 1.0 / 32768.0, noise, -24);
        assert_eq!(whole, parts);
    }

    #[test]
    fn recorded_values_do_not_change() {
        let noise = Noise::new(0x0123_4567_89ab_cdef, 5);
        assert_eq!([noise.bits(0), noise.bits(1), noise.bits(-1)], GOLDEN_BITS);
    }

    const GOLDEN_BITS: [u64; 3] =
        [9_361_375_069_364_597_856, 8_055_590_648_938_478_639, 38_588_357_706_691_840];
}
