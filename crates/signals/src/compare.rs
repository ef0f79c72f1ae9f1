//! How far two signals, or one signal and smoothness, are apart.

/// Decibels of a linear amplitude: −∞ at 0.
#[must_use]
pub fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.abs().log10()
}

/// The linear amplitude of decibels.
#[must_use]
pub fn from_db(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// Root of the mean square, 0 for nothing.
#[must_use]
pub fn rms(x: &[f32]) -> f64 {
    let sum: f64 = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    (sum / x.len().max(1) as f64).sqrt()
}

/// The largest absolute sample. A NaN counts as infinite, so that it never hides.
#[must_use]
pub fn peak(x: &[f32]) -> f32 {
    largest(x.iter().map(|v| v.abs()))
}

/// The largest absolute difference between samples of two signals.
///
/// # Panics
/// If the lengths differ: two signals of different length are not compared by accident.
#[must_use]
pub fn max_abs_diff(a: &[f32], b: &[f32]) -> f32 {
    assert_same_length(a, b);
    largest(a.iter().zip(b).map(|(a, b)| if a.to_bits() == b.to_bits() { 0.0 } else { (a - b).abs() }))
}

/// The level of the difference relative to the first signal, both as RMS: −∞ if they are equal, and if only the
/// first is silent +∞.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn null_depth_db(a: &[f32], b: &[f32]) -> f64 {
    if max_abs_diff(a, b) == 0.0 {
        return f64::NEG_INFINITY;
    }
    let square = |v: f64| v * v;
    let rest: f64 = a.iter().zip(b).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    let whole: f64 = a.iter().map(|&a| square(f64::from(a))).sum();
    if rest.is_nan() { f64::INFINITY } else { 10.0 * (rest / whole).log10() }
}

/// Whether two signals are the same bytes; tells −0 from 0 and one NaN from another.
#[must_use]
pub fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && first_difference(a, b).is_none()
}

/// The first frame at which the bytes differ; where one is a beginning of the other, the length of the shorter.
#[must_use]
pub fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    let at = a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits());
    at.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

/// The largest step between neighbouring samples, 0 for fewer than two.
#[must_use]
pub fn max_step(x: &[f32]) -> f32 {
    largest(x.windows(2).map(|w| (w[1] - w[0]).abs()))
}

/// Frames at which the signal bends by more than `threshold`: `|x[n] − 2·x[n−1] + x[n−2]|`.
///
/// A tone of amplitude `a` bends by at most `a·(2π·freq/rate)²`, so a threshold somewhat above that finds jumps and
/// kinks that [`max_step`] would miss. Hits within three frames of each other are one click.
#[must_use]
pub fn clicks(x: &[f32], threshold: f32) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let mut last_hit = None;
    for (n, w) in x.windows(3).enumerate() {
        let bend = (w[2] - 2.0 * w[1] + w[0]).abs();
        if bend > threshold || bend.is_nan() {
            if last_hit.is_none_or(|last| n - last > 3) {
                found.push(n + 2);
            }
            last_hit = Some(n);
        }
    }
    found
}

/// The maximum, 0 for none; a NaN is infinite.
fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|v| if v.is_nan() { f32::INFINITY } else { v }).fold(0.0, f32::max)
}

fn assert_same_length(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "two signals of different length cannot be compared");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dc, noise, scaled, sine};

    #[test]
    fn levels_are_what_theory_says() {
        assert!((db(rms(&sine(1_000.0, 48_000.0, 48_000))) + 3.0103).abs() < 1e-4);
        assert!((from_db(db(0.3)) - 0.3).abs() < 1e-12);
        assert_eq!(rms(&[]), 0.0);
        assert_eq!(db(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn null_depth_measures_the_rest() {
        let x = noise(1, 10_000);
        assert_eq!(null_depth_db(&x, &x), f64::NEG_INFINITY);
        assert!((null_depth_db(&x, &scaled(&x, 0.999)) + 60.0).abs() < 0.01);
        assert_eq!(null_depth_db(&dc(0.0, 3), &dc(1.0, 3)), f64::INFINITY);
    }

    #[test]
    fn a_nan_never_passes_for_a_match() {
        let (x, mut y) = (dc(0.5, 10), dc(0.5, 10));
        y[4] = f32::NAN;
        assert_eq!(max_abs_diff(&x, &y), f32::INFINITY);
        assert_eq!(null_depth_db(&x, &y), f64::INFINITY);
        assert_eq!(peak(&y), f32::INFINITY);
        assert_eq!(max_step(&y), f32::INFINITY);
        assert_eq!(clicks(&y, 1.0), [4]);
        assert_eq!(first_difference(&x, &y), Some(4));
    }

    #[test]
    fn bytes_are_compared_as_bytes() {
        assert!(!same_bits(&[0.0], &[-0.0]) && max_abs_diff(&[0.0], &[-0.0]) == 0.0);
        assert!(same_bits(&[f32::NAN], &[f32::NAN]));
        assert_eq!(first_difference(&[1.0, 2.0], &[1.0]), Some(1));
    }

    #[test]
    fn a_small_jump_in_a_loud_tone_is_found_and_the_tone_is_not() {
        let mut x = sine(200.0, 48_000.0, 4_800);
        let smooth = (std::f32::consts::TAU * 200.0 / 48_000.0).powi(2) * 1.1;
        assert!(clicks(&x, smooth).is_empty());
        let step = max_step(&x);
        x.iter_mut().skip(2_000).for_each(|v| *v += 0.002);
        assert!(max_step(&x) < step * 1.2, "the jump hides among the tone's own steps");
        assert_eq!(clicks(&x, smooth), [2_000]);
    }

    #[test]
    #[should_panic(expected = "different length")]
    fn different_lengths_are_refused() {
        let _ = max_abs_diff(&[0.0], &[]);
    }
}
