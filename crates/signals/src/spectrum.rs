//! What a signal holds at a frequency. Everything here is naive and exact rather than fast.

use std::f64::consts::TAU;

/// The sum of `x[n]·cos` and `x[n]·sin` at a frequency.
fn project(x: &[f32], freq: f64, rate: f64) -> (f64, f64) {
    x.iter().enumerate().fold((0.0, 0.0), |(c, s), (n, &v)| {
        let (sin, cos) = (TAU * (freq * n as f64 / rate).fract()).sin_cos();
        (c + f64::from(v) * cos, s + f64::from(v) * sin)
    })
}

/// The amplitude of the tone at `freq` (a full-scale sine gives 1), as Goertzel's algorithm computes it, here by direct
/// projection. Exact when the signal holds a whole number of cycles; otherwise use [`fit_sine`].
#[must_use]
pub fn goertzel(x: &[f32], freq: f64, rate: f64) -> f64 {
    let (c, s) = project(x, freq, rate);
    let double = if freq == 0.0 { 1.0 } else { 2.0 };
    double * c.hypot(s) / x.len().max(1) as f64
}

/// Amplitudes of the bins 0 to N/2 of a discrete Fourier transform, scaled as [`goertzel`] does. O(N²).
#[must_use]
pub fn dft(x: &[f32]) -> Vec<f64> {
    let size = x.len();
    let table: Vec<(f64, f64)> = (0..size).map(|n| (TAU * n as f64 / size as f64).sin_cos()).collect();
    (0..=size / 2)
        .map(|bin| {
            let (c, s) = x.iter().enumerate().fold((0.0, 0.0), |(c, s), (n, &v)| {
                let (sin, cos) = table[bin * n % size.max(1)];
                (c + f64::from(v) * cos, s + f64::from(v) * sin)
            });
            let double = if bin == 0 || 2 * bin == size { 1.0 } else { 2.0 };
            double * c.hypot(s) / size.max(1) as f64
        })
        .collect()
}

/// The sine that fits a signal best, with the rest that it leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SineFit {
    /// Amplitude of the sine.
    pub amplitude: f64,
    /// Its phase at frame 0 in radians, −π to π; 0 is a rising zero crossing.
    pub phase: f64,
    /// The constant beside it.
    pub offset: f64,
    /// RMS of the signal without both.
    pub residual_rms: f64,
}

/// Fits a sine of known frequency and a constant by least squares; exact for any number of cycles.
///
/// Source: three-parameter sine fit of IEEE Std 1057.
#[must_use]
pub fn fit_sine(x: &[f32], freq: f64, rate: f64) -> SineFit {
    let basis = |n: usize| {
        let (sin, cos) = (TAU * (freq * n as f64 / rate).fract()).sin_cos();
        [sin, cos, 1.0]
    };
    let mut system = [[0.0; 4]; 3];
    for (n, &v) in x.iter().enumerate() {
        let b = basis(n);
        for (row, &bi) in system.iter_mut().zip(&b) {
            for (cell, &bj) in row.iter_mut().zip(&b) {
                *cell += bi * bj;
            }
            row[3] += bi * f64::from(v);
        }
    }
    let [s, c, offset] = solve(system);
    let rest = |(n, &v): (usize, &f32)| {
        let [sin, cos, one] = basis(n);
        (f64::from(v) - s * sin - c * cos - offset * one).powi(2)
    };
    let sum: f64 = x.iter().enumerate().map(rest).sum();
    let residual_rms = (sum / x.len().max(1) as f64).sqrt();
    SineFit { amplitude: s.hypot(c), phase: c.atan2(s), offset, residual_rms }
}

/// Gaussian elimination with row exchange; an unknown that the system leaves open is 0.
fn solve(mut m: [[f64; 4]; 3]) -> [f64; 3] {
    for i in 0..3 {
        let pivot = (i..3).max_by(|&a, &b| m[a][i].abs().total_cmp(&m[b][i].abs())).unwrap_or(i);
        m.swap(i, pivot);
        if m[i][i].abs() < 1e-12 {
            m[i] = [0.0; 4];
            m[i][i] = 1.0;
        }
        let row = m[i];
        for j in [(i + 1) % 3, (i + 2) % 3] {
            let factor = m[j][i] / row[i];
            for (cell, value) in m[j].iter_mut().zip(&row) {
                *cell -= factor * value;
            }
        }
    }
    [m[0][3] / m[0][0], m[1][3] / m[1][1], m[2][3] / m[2][2]]
}

/// Total harmonic distortion: the harmonics 2 to `highest` (below half the rate) as RMS sum relative to the fundamental.
/// Give it a whole number of cycles.
#[must_use]
pub fn thd(x: &[f32], fundamental: f64, rate: f64, highest: u32) -> f64 {
    let harmonics: f64 = (2..=highest)
        .map(|k| fundamental * f64::from(k))
        .take_while(|f| *f < rate / 2.0)
        .map(|f| goertzel(x, f, rate).powi(2))
        .sum();
    harmonics.sqrt() / goertzel(x, fundamental, rate)
}

/// Everything but the fundamental and the offset, relative to the fundamental, both as RMS.
#[must_use]
pub fn thd_plus_noise(x: &[f32], fundamental: f64, rate: f64) -> f64 {
    let fit = fit_sine(x, fundamental, rate);
    fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2)
}

/// The gain from one signal to another at a frequency, in dB. Both want a whole number of cycles in steady state.
#[must_use]
pub fn gain_db_at(input: &[f32], output: &[f32], freq: f64, rate: f64) -> f64 {
    crate::db(goertzel(output, freq, rate) / goertzel(input, freq, rate))
}

/// By how many frames (0 to `max`) the second signal is later than the first: where their correlation is largest.
#[must_use]
pub fn delay_of(reference: &[f32], delayed: &[f32], max: usize) -> usize {
    let correlation = |lag: usize| -> f64 {
        reference.iter().zip(delayed.iter().skip(lag)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    (0..=max)
        .map(|lag| (lag, correlation(lag)))
        .fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
        .0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise, scaled, sine};

    #[test]
    fn projection_finds_a_tone_and_nothing_beside_it() {
        let x = scaled(&sine(1_000.0, 48_000.0, 4_800), 0.25);
        assert!((goertzel(&x, 1_000.0, 48_000.0) - 0.25).abs() < 1e-7);
        assert!(goertzel(&x, 2_000.0, 48_000.0) < 1e-7);
        let bins = dft(&x[..480]);
        for (bin, &amplitude) in bins.iter().enumerate() {
            let expected = if bin == 10 { 0.25 } else { 0.0 };
            assert!((amplitude - expected).abs() < 1e-7, "bin {bin}: {amplitude}");
        }
        assert!(dft(&[]).len() == 1);
    }

    #[test]
    fn dft_holds_all_the_power() {
        let x = noise(5, 256);
        let power: f64 = dft(&x)
            .iter()
            .enumerate()
            .map(|(bin, a)| if bin == 0 || bin == 128 { a * a } else { a * a / 2.0 })
            .sum();
        assert!((power.sqrt() - crate::rms(&x)).abs() < 1e-9);
    }

    #[test]
    fn a_fit_sees_amplitude_phase_offset_and_rest_in_part_of_a_cycle() {
        let x: Vec<f32> = (0..700)
            .map(|n| (0.3 + 0.5 * (TAU * 37.0 * f64::from(n) / 48_000.0 + 1.2).sin()) as f32)
            .collect();
        let fit = fit_sine(&x, 37.0, 48_000.0);
        assert!((fit.amplitude - 0.5).abs() < 1e-5 && (fit.phase - 1.2).abs() < 1e-5, "{fit:?}");
        assert!((fit.offset - 0.3).abs() < 1e-5 && fit.residual_rms < 1e-6, "{fit:?}");
        assert_eq!(fit_sine(&[], 37.0, 48_000.0).amplitude, 0.0);
    }

    #[test]
    fn distortion_of_a_known_mix_is_its_ratio() {
        let (a, b) = (sine(1_000.0, 48_000.0, 4_800), sine(3_000.0, 48_000.0, 4_800));
        let x: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + 0.01 * b).collect();
        assert!((thd(&x, 1_000.0, 48_000.0, 9) - 0.01).abs() < 1e-6);
        assert!((thd_plus_noise(&x, 1_000.0, 48_000.0) - 0.01).abs() < 1e-6);
        assert!((gain_db_at(&a, &scaled(&a, 2.0), 1_000.0, 48_000.0) - 6.0206).abs() < 1e-4);
    }

    #[test]
    fn a_delay_is_found_under_noise() {
        let x = noise(1, 2_000);
        let mut y = vec![0.0; 137];
        y.extend(x.iter().zip(noise(2, 2_000)).map(|(x, n)| 0.5 * x + 0.5 * n));
        assert_eq!(delay_of(&x, &y, 500), 137);
    }
}
