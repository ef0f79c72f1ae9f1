//! Signals that are a pure function of their arguments.

use std::f64::consts::TAU;

/// `sin(2π·freq·n/rate)` for `frames` frames, from phase 0 at full scale.
#[must_use]
pub fn sine(freq: f64, rate: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|n| (TAU * cycles(freq, rate, n).fract()).sin() as f32).collect()
}

/// Cycles of a tone after `n` frames.
fn cycles(freq: f64, rate: f64, n: usize) -> f64 {
    freq * n as f64 / rate
}

/// Silence with a single 1 at frame `at` (none if `at` lies outside).
#[must_use]
pub fn impulse(at: usize, frames: usize) -> Vec<f32> {
    (0..frames).map(|n| if n == at { 1.0 } else { 0.0 }).collect()
}

/// Zeros before frame `at`, ones from there on.
#[must_use]
pub fn step(at: usize, frames: usize) -> Vec<f32> {
    (0..frames).map(|n| if n >= at { 1.0 } else { 0.0 }).collect()
}

/// One value throughout.
#[must_use]
pub fn dc(value: f32, frames: usize) -> Vec<f32> {
    vec![value; frames]
}

/// `n / 2²⁴`: up to 2²⁴ frames no two samples are equal, so a sample tells which frame it was.
#[must_use]
pub fn counter(frames: usize) -> Vec<f32> {
    (0..frames).map(|n| n as f32 / 16_777_216.0).collect()
}

/// White noise, uniform in −1..1 (RMS 0.577), the same for the same seed. Sample `n` is [`noise_at`]`(seed, n)`.
#[must_use]
pub fn noise(seed: u64, frames: usize) -> Vec<f32> {
    (0..frames as u64).map(|n| noise_at(seed, n)).collect()
}

/// Sample `n` of the white noise of a seed: a hash of both, so any part can be made without the rest.
///
/// The hash is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014),
/// used twice so that seed and counter are both mixed in full.
#[must_use]
pub fn noise_at(seed: u64, n: u64) -> f32 {
    let bits = mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ n) >> 40;
    bits as f32 / 8_388_608.0 - 1.0
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Pink noise (−3 dB per octave within 0.5 dB over the eleven octaves below a quarter of the rate), RMS about 0.1.
///
/// White noise through a chain of first-order sections whose poles lie two octaves apart with a zero half-way (in octaves)
/// between each pair: the steps of −6 and 0 dB per octave even out to −3.
#[must_use]
pub fn pink(seed: u64, frames: usize) -> Vec<f32> {
    const SECTIONS: usize = 7;
    let poles: [f64; SECTIONS] = std::array::from_fn(|k| (-TAU * 0.25 / 4f64.powf(k as f64)).exp());
    let zeros: [f64; SECTIONS] = std::array::from_fn(|k| (-TAU * 0.5 / 4f64.powf(k as f64)).exp());
    let mut state = [(0.0, 0.0); SECTIONS];
    let mut run = |n: u64| {
        let mut value = f64::from(noise_at(seed, n));
        for ((pole, zero), (input, output)) in poles.iter().zip(&zeros).zip(&mut state) {
            let next = value - zero * *input + pole * *output;
            (*input, *output) = (value, next);
            value = next;
        }
        (value * 0.06) as f32
    };
    // The slowest pole has died down to one part in a million after 36,000 frames.
    (0..36_000).for_each(|n| {
        run(n);
    });
    (36_000..36_000 + frames as u64).map(run).collect()
}

/// A sine whose frequency rises (or falls) exponentially from `from` to `to` over the whole length.
///
/// Source: A. Farina, Simultaneous measurement of impulse response and distortion with a swept-sine technique (AES 108, 2000).
#[must_use]
pub fn sweep(from: f64, to: f64, rate: f64, frames: usize) -> Vec<f32> {
    let (octaves, length) = ((to / from).ln(), frames as f64 / rate);
    if octaves == 0.0 {
        return sine(from, rate, frames);
    }
    let scale = from * length / octaves;
    (0..frames)
        .map(|n| {
            let cycles = scale * (octaves * n as f64 / frames as f64).exp_m1();
            (TAU * cycles.fract()).sin() as f32
        })
        .collect()
}

/// A square wave of ±1, starting high, without band limiting.
#[must_use]
pub fn square(freq: f64, rate: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|n| if cycles(freq, rate, n).fract() < 0.5 { 1.0 } else { -1.0 }).collect()
}

/// Sines of equal amplitude `1/count`, with phases that keep the crest low.
///
/// Phases: M. R. Schroeder, Synthesis of low-peak-factor signals (IEEE Trans. Information Theory, 1970).
#[must_use]
pub fn multitone(freqs: &[f64], rate: f64, frames: usize) -> Vec<f32> {
    let count = freqs.len() as f64;
    (0..frames)
        .map(|n| {
            let tone = |(k, &freq): (usize, &f64)| {
                let phase = 0.5 * (k * k) as f64 / count;
                (TAU * (cycles(freq, rate, n) + phase).fract()).sin()
            };
            (freqs.iter().enumerate().map(tone).sum::<f64>() / count.max(1.0)) as f32
        })
        .collect()
}

/// Every sample times `gain`.
#[must_use]
pub fn scaled(signal: &[f32], gain: f32) -> Vec<f32> {
    signal.iter().map(|x| x * gain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db, fit_sine, max_abs_diff, peak, rms};

    #[test]
    fn a_sine_is_the_tone_it_says() {
        let fit = fit_sine(&sine(997.0, 48_000.0, 4_800), 997.0, 48_000.0);
        assert!(
            (fit.amplitude - 1.0).abs() < 1e-6 && fit.phase.abs() < 1e-6 && fit.residual_rms < 1e-6,
            "{fit:?}"
        );
    }

    #[test]
    fn noise_is_flat_uncorrelated_and_differs_by_seed() {
        let x = noise(1, 100_000);
        assert!((rms(&x) - 1.0 / 3f64.sqrt()).abs() < 0.005);
        assert!((x.iter().map(|&v| f64::from(v)).sum::<f64>() / 100_000.0).abs() < 0.01);
        assert!(peak(&x) <= 1.0 && peak(&x) > 0.999);
        let lagged = |y: &[f32], lag: usize| {
            x.iter().zip(&y[lag..]).map(|(a, b)| f64::from(a * b)).sum::<f64>() / 100_000.0
        };
        for lag in 1..20 {
            assert!(lagged(&x, lag).abs() < 0.01, "lag {lag}");
        }
        assert!(lagged(&noise(2, 100_000), 0).abs() < 0.01);
        assert_eq!(noise_at(1, 77).to_bits(), x[77].to_bits());
    }

    #[test]
    fn pink_noise_has_equal_power_in_every_octave() {
        let x = pink(3, 1 << 18);
        assert!((0.05..0.2).contains(&rms(&x)), "{}", rms(&x));
        // Octave powers from band-pass sums of a naive DFT on segments.
        let (size, mut power) = (2_048, [0.0; 9]);
        for part in x.chunks_exact(size).step_by(8) {
            for (bin, magnitude) in crate::dft(part).into_iter().enumerate().skip(1).take(511) {
                power[bin.ilog2() as usize] += magnitude * magnitude;
            }
        }
        let levels: Vec<f64> = power.iter().skip(1).map(|p| db(p.sqrt())).collect();
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        for (octave, level) in levels.iter().enumerate() {
            assert!((level - mean).abs() < 0.75, "octave {octave}: {level} of {levels:?}");
        }
    }

    #[test]
    fn a_sweep_passes_the_geometric_mean_half_way() {
        let (rate, frames) = (48_000.0, 96_000);
        let x = sweep(100.0, 10_000.0, rate, frames);
        let crossings = |range: std::ops::Range<usize>| {
            x[range].windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count() as f64
        };
        let around = crossings(frames / 2 - 2_400..frames / 2 + 2_400) / 0.1;
        assert!((around / 1_000.0 - 1.0).abs() < 0.05, "{around}");
        assert!(max_abs_diff(&sweep(440.0, 440.0, rate, 100), &sine(440.0, rate, 100)) == 0.0);
    }

    #[test]
    fn a_square_alternates_and_a_multitone_holds_its_tones() {
        assert_eq!(square(1_000.0, 8_000.0, 8), [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0]);
        let x = multitone(&[100.0, 1_000.0, 7_000.0], 48_000.0, 48_000);
        for freq in [100.0, 1_000.0, 7_000.0] {
            assert!((crate::goertzel(&x, freq, 48_000.0) - 1.0 / 3.0).abs() < 1e-5);
        }
        assert!(peak(&x) <= 1.0);
    }

    #[test]
    fn marks_stand_where_they_should() {
        assert_eq!(impulse(2, 4), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(impulse(9, 2), [0.0, 0.0]);
        assert_eq!(step(1, 3), [0.0, 1.0, 1.0]);
        assert_eq!(counter(1 << 12)[4_095] * 16_777_216.0, 4_095.0);
        assert_eq!(scaled(&dc(0.5, 2), -2.0), [-1.0, -1.0]);
    }
}
