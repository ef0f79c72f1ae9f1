//! Fast binary logarithm and power of two, one value or eight lanes, for gain computers.
//!
//! The same operations in the same order (additions, multiplications, one division, integer operations on the bits) at any
//! width, so the lanes give the bytes of the scalar form.

use crate::kernels::Kernels;
use crate::math::to_f32;
use crate::simd::lanes::{Lanes, WIDTH};
use crate::simd::{dispatch, one_at_a_time};

/// √½ as bits: mantissas are taken from [√½, √2), so that the logarithm is accurate around 1.
const SQRT_HALF: u32 = 0x3f35_04f3;
/// 1.5 · 2²³: adding it rounds to an integer, found in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// 2 / ln 2 / (2k + 1): the area hyperbolic tangent series of log₂.
const LOG: [f32; 5] = {
    let scale = 2.0 / core::f64::consts::LN_2;
    [to_f32(scale), to_f32(scale / 3.0), to_f32(scale / 5.0), to_f32(scale / 7.0), to_f32(scale / 9.0)]
};
/// (ln 2)ᵏ / k!: the series of 2ˣ.
const EXP: [f32; 8] = {
    let mut terms = [1.0; 8];
    let (mut term, mut k) = (1.0, 1);
    while k < terms.len() {
        term *= core::f64::consts::LN_2 / k as f64;
        terms[k] = to_f32(term);
        k += 1;
    }
    terms
};

/// Binary logarithm of a normal positive number; absolute error below 3·10⁻⁷ · max(1, |log₂ x|).
///
/// Zero, subnormal numbers and anything else that is below 2⁻¹²⁶ (negative numbers, too) count as 2⁻¹²⁶; infinity and NaN give a finite
/// number not below 128 or −126.
#[must_use]
pub fn log2(x: f32) -> f32 {
    let x = if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
    let offset = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = offset.cast_signed() >> 23;
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub(exponent.cast_unsigned() << 23));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let t = s * s;
    let series = LOG[0] + t * (LOG[1] + t * (LOG[2] + t * (LOG[3] + t * LOG[4])));
    exponent as f32 + s * series
}

/// 2ˣ; relative error below 2·10⁻⁷ for x in [−126, 127], clamped to that range outside (NaN counts as −126).
#[must_use]
pub fn exp2(x: f32) -> f32 {
    let x = if x > -126.0 { x } else { -126.0 };
    let x = if x < 127.0 { x } else { 127.0 };
    let rounded = x + ROUNDER;
    let f = x - (rounded - ROUNDER);
    let series = EXP[0]
        + f * (EXP[1]
            + f * (EXP[2] + f * (EXP[3] + f * (EXP[4] + f * (EXP[5] + f * (EXP[6] + f * EXP[7]))))));
    let exponent = rounded.to_bits() << 23;
    f32::from_bits(series.to_bits().wrapping_add(exponent))
}

/// [`log2`] of eight lanes.
#[inline(always)]
pub(crate) fn log2_lanes<V: Lanes>(x: V) -> V {
    let x = x.max(V::splat(f32::MIN_POSITIVE));
    let exponent = x.sub_bits(V::splat_bits(SQRT_HALF)).shift_from_exponent();
    let mantissa = x.sub_bits(exponent.shift_into_exponent());
    let s = (mantissa - V::splat(1.0)) / (mantissa + V::splat(1.0));
    let t = s * s;
    let [c0, c1, c2, c3, c4] = LOG.map(V::splat);
    exponent.int_to_float() + s * (c0 + t * (c1 + t * (c2 + t * (c3 + t * c4))))
}

/// [`exp2`] of eight lanes.
#[inline(always)]
pub(crate) fn exp2_lanes<V: Lanes>(x: V) -> V {
    let x = x.max(V::splat(-126.0)).min(V::splat(127.0));
    let rounded = x + V::splat(ROUNDER);
    let f = x - (rounded - V::splat(ROUNDER));
    let [c0, c1, c2, c3, c4, c5, c6, c7] = EXP.map(V::splat);
    let series = c0 + f * (c1 + f * (c2 + f * (c3 + f * (c4 + f * (c5 + f * (c6 + f * c7))))));
    series.add_bits(rounded.shift_into_exponent())
}

impl Kernels {
    /// `buf[i] ← log2(buf[i])`, see [`log2`].
    pub fn log2(self, buf: &mut [f32]) {
        dispatch!(self.level(), log2, (buf: &mut [f32]));
    }

    /// `buf[i] ← exp2(buf[i])`, see [`exp2`].
    pub fn exp2(self, buf: &mut [f32]) {
        dispatch!(self.level(), exp2, (buf: &mut [f32]));
    }
}

mod scalar {
    use super::one_at_a_time;

    pub fn log2(buf: &mut [f32]) {
        for x in buf {
            *x = super::log2(one_at_a_time(*x));
        }
    }

    pub fn exp2(buf: &mut [f32]) {
        for x in buf {
            *x = super::exp2(one_at_a_time(*x));
        }
    }
}

mod vector {
    use super::{Lanes, WIDTH, exp2_lanes, log2_lanes};

    #[inline(always)]
    pub fn log2<V: Lanes>(buf: &mut [f32]) {
        let (chunks, rest) = buf.as_chunks_mut::<WIDTH>();
        for chunk in chunks {
            log2_lanes(V::load(chunk)).store(chunk);
        }
        for x in rest {
            *x = super::log2(*x);
        }
    }

    #[inline(always)]
    pub fn exp2<V: Lanes>(buf: &mut [f32]) {
        let (chunks, rest) = buf.as_chunks_mut::<WIDTH>();
        for chunk in chunks {
            exp2_lanes(V::load(chunk)).store(chunk);
        }
        for x in rest {
            *x = super::exp2(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_is_accurate() {
        assert_eq!(log2(1.0), 0.0);
        assert_eq!(log2(0.5), -1.0);
        assert_eq!(log2(1024.0), 10.0);
        let mut worst = 0.0_f64;
        for bits in (f32::MIN_POSITIVE.to_bits()..f32::MAX.to_bits()).step_by(10_007) {
            let x = f32::from_bits(bits);
            let exact = libm::log2(f64::from(x));
            worst = worst.max((f64::from(log2(x)) - exact).abs() / exact.abs().max(1.0));
        }
        assert!(worst < 3e-7, "{worst:e}");
    }

    #[test]
    fn exp2_is_accurate() {
        for whole in -126..=127_i16 {
            assert_eq!(f64::from(exp2(f32::from(whole))), libm::exp2(f64::from(whole)));
        }
        let mut worst = 0.0_f64;
        for step in -126_000..127_000_i32 {
            let x = step as f32 / 1000.0;
            let exact = libm::exp2(f64::from(x));
            worst = worst.max((f64::from(exp2(x)) - exact).abs() / exact);
        }
        assert!(worst < 2e-7, "{worst:e}");
    }

    #[test]
    fn hostile_input_gives_finite_output() {
        for x in [0.0, -0.0, -1.0, 1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN] {
            assert!(log2(x).is_finite(), "log2 {x}");
            assert!(exp2(x).is_finite(), "exp2 {x}");
        }
        assert_eq!(log2(0.0), -126.0);
        assert_eq!(exp2(-1000.0), f32::MIN_POSITIVE);
        assert_eq!(exp2(1000.0), f32::from_bits(0x7f00_0000));
    }
}
