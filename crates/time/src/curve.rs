//! One stretch of the tempo map: from ticks since its start to frames since its start and back, in integers.
//!
//! A quarter note lasts `60/BPM` seconds and has 80,640 ticks, so at constant tempo `p/q` a tick lasts
//! `rate·60·q / (80640·p) = rate·q / (1344·p)` frames. In a ramp from `p0/q0` to `p1/q1` over `L` ticks the
//! period is linear in ticks; its integral from 0 to `x` is
//!
//! ```text
//! rate/1344 · ( q0/p0·x + (q1/p1 − q0/p0)·x²/(2L) )  =  rate·x·( q0·p1·(2L − x) + q1·p0·x ) / (2688·L·p0·p1)
//! ```
//!
//! in which every term is a positive integer. Widths: `rate` 19 bits, `p` and `q` 32, `L` 36 ([`MAX_RAMP`]), so the
//! denominator stays below 2¹¹² and the factor of `x` below 2¹²⁰.

use crate::tempo::gcd;
use crate::{SampleRate, Tempo};

/// The longest ramp: 2³⁶ ticks, 852,176 quarter notes.
pub(crate) const MAX_RAMP: i64 = 1 << 36;

/// Frames with a fraction of 128 bits: the guard bits keep sums over all points right on the grid of 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wide {
    /// Floor.
    pub whole: i128,
    /// In 2⁻¹²⁸ frames.
    pub fraction: u128,
}

impl Wide {
    pub fn add(self, other: Self) -> Self {
        let (fraction, carry) = self.fraction.overflowing_add(other.fraction);
        Self { whole: self.whole + other.whole + i128::from(carry), fraction }
    }

    pub fn neg(self) -> Self {
        let borrow = i128::from(self.fraction != 0);
        Self { whole: -self.whole - borrow, fraction: self.fraction.wrapping_neg() }
    }

    /// Rounded to the grid of 2⁻⁶⁴ frames, half up.
    pub fn to_grid(self) -> i128 {
        let bits = self.fraction >> 64;
        let up = (self.fraction >> 63) & 1;
        (self.whole << 64).saturating_add_unsigned(bits + up)
    }
}

/// The shape of one stretch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Curve {
    /// `x · frames / ticks`, reduced.
    Constant { frames: u64, ticks: u64 },
    /// `x · rate · (early·(2·length − x) + late·x) / divisor`.
    Ramp { rate: u64, early: u64, late: u64, length: u64, divisor: u128 },
}

impl Curve {
    pub fn constant(rate: SampleRate, tempo: Tempo) -> Self {
        let frames = u64::from(rate.hz()) * u64::from(tempo.denominator());
        let ticks = 1_344 * u64::from(tempo.numerator());
        let divisor = gcd(frames, ticks);
        Self::Constant { frames: frames / divisor, ticks: ticks / divisor }
    }

    /// `length` must be in `1..=MAX_RAMP`.
    pub fn ramp(rate: SampleRate, from: Tempo, to: Tempo, length: u64) -> Self {
        if from == to {
            return Self::constant(rate, from);
        }
        let hz = u64::from(rate.hz());
        let early = u64::from(from.denominator()) * u64::from(to.numerator());
        let late = u64::from(to.denominator()) * u64::from(from.numerator());
        let scale = gcd(hz, 2_688);
        // What divides both factors and the product p0·p1 cancels, which leaves a shorter division.
        let product = u128::from(from.numerator()) * u128::from(to.numerator());
        let shared = gcd(early, late);
        let common = gcd(shared, u64::try_from(product % u128::from(shared)).unwrap_or(1));
        Self::Ramp {
            rate: hz / scale,
            early: early / common,
            late: late / common,
            length,
            divisor: u128::from(2_688 / scale) * u128::from(length) * (product / u128::from(common)),
        }
    }

    /// Frames from the start of the stretch to `x` ticks after it. In a ramp, `x` is at most its length.
    pub fn frames(&self, x: u64) -> Wide {
        match *self {
            Self::Constant { frames, ticks } => ratio(u128::from(frames), x, u128::from(ticks)),
            Self::Ramp { rate, early, late, length, divisor } => {
                let x = x.min(length);
                let bracket =
                    u128::from(early) * u128::from(2 * length - x) + u128::from(late) * u128::from(x);
                ratio(u128::from(rate) * bracket, x, divisor)
            }
        }
    }

    /// Frames per tick `x` ticks after the start, as a floating-point estimate.
    pub fn frames_per_tick(&self, x: u64) -> f64 {
        match *self {
            Self::Constant { frames, ticks } => frames as f64 / ticks as f64,
            Self::Ramp { rate, early, late, length, divisor } => {
                let (x, length) = (x.min(length) as f64, length as f64);
                let slope = early as f64 * (length - x) + late as f64 * x;
                2.0 * rate as f64 * slope / divisor as f64
            }
        }
    }

    /// An estimate of the tick at which `bits` · 2⁻⁶⁴ frames have passed: at most a few ticks off.
    pub fn estimate(&self, bits: i128) -> i64 {
        match *self {
            Self::Constant { frames, ticks } => {
                // Neither is zero; the compiler is told so, so that nothing here can panic.
                let (frames, ticks) = (i128::from(frames.max(1)), i128::from(ticks));
                let (whole, fraction) = (bits >> 64, bits & ((1 << 64) - 1));
                let product = whole * ticks;
                let rest = (product.rem_euclid(frames) << 64) + fraction * ticks;
                let x = product.div_euclid(frames) + rest / (frames << 64).max(1);
                i64::try_from(x).unwrap_or(if x < 0 { i64::MIN } else { i64::MAX })
            }
            Self::Ramp { length, .. } => self.estimate_in_ramp(bits, length),
        }
    }

    /// Newton's method on the quadratic, in floating point; the caller corrects what rounding leaves.
    fn estimate_in_ramp(&self, bits: i128, length: u64) -> i64 {
        let target = bits as f64 / 18_446_744_073_709_551_616.0;
        let (first, last, end) = (self.frames_per_tick(0), self.frames_per_tick(length), length as f64);
        let bend = (last - first) / end;
        let mut x = (target / (0.5 * (first + last))).max(0.0).min(end);
        for _ in 0..64 {
            let step = (x * (first + 0.5 * bend * x) - target) / (first + bend * x);
            let next = (x - step).max(0.0).min(end);
            let moved = (next - x).abs();
            x = next;
            if moved < 0.25 {
                break;
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "clamped to the length of the ramp, below 2^36")]
        let tick = x as i64;
        tick
    }
}

/// `factor · x / divisor` with 128 bits of fraction, rounded down, by long division in digits as wide as the
/// head-room of the divisor allows. The divisor is below 2¹²⁰.
fn ratio(factor: u128, x: u64, divisor: u128) -> Wide {
    let divisor = divisor.max(1);
    let width = divisor.leading_zeros() - 1;
    let (times, factor) = (factor / divisor, factor % divisor);
    let mut whole = 0u128;
    let mut rest = 0u128;
    let mut left = 64 - x.leading_zeros();
    while left > 0 {
        let digit = width.min(left);
        left -= digit;
        let part = (u128::from(x) >> left) & ((1 << digit) - 1);
        let value = (rest << digit) + factor * part;
        whole = (whole << digit) + value / divisor;
        rest = value % divisor;
    }
    whole += times * u128::from(x);
    let mut fraction = 0u128;
    let mut left = if rest == 0 { 0 } else { 128 };
    while left > 0 {
        let digit = width.min(left);
        left -= digit;
        let value = rest << digit;
        fraction = (fraction << digit) | (value / divisor);
        rest = value % divisor;
    }
    Wide { whole: i128::try_from(whole).unwrap_or(i128::MAX), fraction }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_a_division() {
        assert_eq!(ratio(7, 3, 2), Wide { whole: 10, fraction: 1 << 127 });
        assert_eq!(ratio(1, 0, 3), Wide::default());
        let third = ratio(1, 1, 3);
        assert_eq!((third.whole, third.fraction), (0, u128::MAX / 3));
        let big = (1u128 << 112) - 1;
        assert_eq!(ratio(big * 5, 1 << 36, big), Wide { whole: 5 << 36, fraction: 0 });
    }

    #[test]
    fn negation_and_sum_cancel() {
        for fraction in [0, 1, 1 << 127, u128::MAX] {
            let w = Wide { whole: 5, fraction };
            assert_eq!(w.add(w.neg()), Wide::default());
        }
        assert_eq!(Wide { whole: 1, fraction: u128::MAX }.to_grid(), 2 << 64);
    }
}
