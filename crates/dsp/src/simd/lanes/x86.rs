//! [`Lanes`] in SSE2 and AVX2.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "all the same kind: see `intrinsics!`")]

use super::{Lanes, WIDTH, Wide};
use core::arch::x86_64::*;
use core::ops::{Add, Div, Mul, Sub};

/// The one way to an intrinsic.
macro_rules! intrinsics {
    ($($body:tt)*) => {
        // SAFETY: the instruction set is there by the invariant of the parent module, and memory is touched only in arrays of
        // eight elements, at offsets within them, with unaligned loads and stores.
        unsafe { $($body)* }
    };
}

/// Eight lanes in two SSE registers.
#[derive(Clone, Copy)]
pub struct Sse2(__m128, __m128);

/// Eight lanes in one AVX register.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

/// Eight `f64` lanes in four SSE registers.
#[derive(Clone, Copy)]
pub struct WideSse2([__m128d; 4]);

/// Eight `f64` lanes in two AVX registers.
#[derive(Clone, Copy)]
pub struct WideAvx2(__m256d, __m256d);

macro_rules! operators {
    ($($trait:ident $method:ident $sse:ident $avx:ident;)*) => {$(
        impl $trait for Sse2 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                intrinsics! { Self($sse(self.0, other.0), $sse(self.1, other.1)) }
            }
        }
        impl $trait for Avx2 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                intrinsics! { Self($avx(self.0, other.0)) }
            }
        }
    )*};
}

operators! {
    Add add _mm_add_ps _mm256_add_ps;
    Sub sub _mm_sub_ps _mm256_sub_ps;
    Mul mul _mm_mul_ps _mm256_mul_ps;
    Div div _mm_div_ps _mm256_div_ps;
}

macro_rules! wide_operators {
    ($($trait:ident $method:ident $sse:ident $avx:ident;)*) => {$(
        impl $trait for WideSse2 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
                intrinsics! { Self([$sse(a, e), $sse(b, f), $sse(c, g), $sse(d, h)]) }
            }
        }
        impl $trait for WideAvx2 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                intrinsics! { Self($avx(self.0, other.0), $avx(self.1, other.1)) }
            }
        }
    )*};
}

wide_operators! {
    Add add _mm_add_pd _mm256_add_pd;
    Mul mul _mm_mul_pd _mm256_mul_pd;
}

impl Wide for WideSse2 {
    type Narrow = Sse2;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        intrinsics! { Self([_mm_set1_pd(value); 4]) }
    }
    #[inline(always)]
    fn load(array: &[f64; WIDTH]) -> Self {
        let p = array.as_ptr();
        intrinsics! { Self([_mm_loadu_pd(p), _mm_loadu_pd(p.add(2)), _mm_loadu_pd(p.add(4)), _mm_loadu_pd(p.add(6))]) }
    }
    #[inline(always)]
    fn store(self, array: &mut [f64; WIDTH]) {
        let (p, [a, b, c, d]) = (array.as_mut_ptr(), self.0);
        intrinsics! {
            _mm_storeu_pd(p, a);
            _mm_storeu_pd(p.add(2), b);
            _mm_storeu_pd(p.add(4), c);
            _mm_storeu_pd(p.add(6), d);
        }
    }
    #[inline(always)]
    fn narrow(self) -> Sse2 {
        let [a, b, c, d] = self.0;
        intrinsics! {
            Sse2(_mm_movelh_ps(_mm_cvtpd_ps(a), _mm_cvtpd_ps(b)), _mm_movelh_ps(_mm_cvtpd_ps(c), _mm_cvtpd_ps(d)))
        }
    }
}

impl Wide for WideAvx2 {
    type Narrow = Avx2;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        intrinsics! { Self(_mm256_set1_pd(value), _mm256_set1_pd(value)) }
    }
    #[inline(always)]
    fn load(array: &[f64; WIDTH]) -> Self {
        let p = array.as_ptr();
        intrinsics! { Self(_mm256_loadu_pd(p), _mm256_loadu_pd(p.add(4))) }
    }
    #[inline(always)]
    fn store(self, array: &mut [f64; WIDTH]) {
        let p = array.as_mut_ptr();
        intrinsics! {
            _mm256_storeu_pd(p, self.0);
            _mm256_storeu_pd(p.add(4), self.1);
        }
    }
    #[inline(always)]
    fn narrow(self) -> Avx2 {
        intrinsics! { Avx2(_mm256_set_m128(_mm256_cvtpd_ps(self.1), _mm256_cvtpd_ps(self.0))) }
    }
}

/// Transposes four rows of four lanes.
#[inline(always)]
fn transpose4([a, b, c, d]: [__m128; 4]) -> [__m128; 4] {
    intrinsics! {
        let (ab_low, ab_high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        [
            _mm_movelh_ps(ab_low, cd_low),
            _mm_movehl_ps(cd_low, ab_low),
            _mm_movelh_ps(ab_high, cd_high),
            _mm_movehl_ps(cd_high, ab_high),
        ]
    }
}

impl Lanes for Sse2 {
    type Wide = WideSse2;
    #[inline(always)]
    fn splat(value: f32) -> Self {
        intrinsics! { Self(_mm_set1_ps(value), _mm_set1_ps(value)) }
    }
    #[inline(always)]
    fn load(array: &[f32; WIDTH]) -> Self {
        let p = array.as_ptr();
        intrinsics! { Self(_mm_loadu_ps(p), _mm_loadu_ps(p.add(4))) }
    }
    #[inline(always)]
    fn store(self, array: &mut [f32; WIDTH]) {
        let p = array.as_mut_ptr();
        intrinsics! {
            _mm_storeu_ps(p, self.0);
            _mm_storeu_ps(p.add(4), self.1);
        }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        intrinsics! { Self(_mm_max_ps(self.0, other.0), _mm_max_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        intrinsics! { Self(_mm_min_ps(self.0, other.0), _mm_min_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        intrinsics! { Self(_mm_sqrt_ps(self.0), _mm_sqrt_ps(self.1)) }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.and_bits(Self::splat_bits(0x7fff_ffff))
    }
    #[inline(always)]
    fn if_gt(self, other: Self, yes: Self, no: Self) -> Self {
        #[inline(always)]
        fn half(a: __m128, b: __m128, yes: __m128, no: __m128) -> __m128 {
            intrinsics! {
                let mask = _mm_cmpgt_ps(a, b);
                _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no))
            }
        }
        Self(half(self.0, other.0, yes.0, no.0), half(self.1, other.1, yes.1, no.1))
    }
    #[inline(always)]
    fn or_bits(self, other: Self) -> Self {
        intrinsics! { Self(_mm_or_ps(self.0, other.0), _mm_or_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn and_bits(self, other: Self) -> Self {
        intrinsics! { Self(_mm_and_ps(self.0, other.0), _mm_and_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn add_bits(self, other: Self) -> Self {
        intrinsics! {
            let low = _mm_add_epi32(_mm_castps_si128(self.0), _mm_castps_si128(other.0));
            let high = _mm_add_epi32(_mm_castps_si128(self.1), _mm_castps_si128(other.1));
            Self(_mm_castsi128_ps(low), _mm_castsi128_ps(high))
        }
    }
    #[inline(always)]
    fn sub_bits(self, other: Self) -> Self {
        intrinsics! {
            let low = _mm_sub_epi32(_mm_castps_si128(self.0), _mm_castps_si128(other.0));
            let high = _mm_sub_epi32(_mm_castps_si128(self.1), _mm_castps_si128(other.1));
            Self(_mm_castsi128_ps(low), _mm_castsi128_ps(high))
        }
    }
    #[inline(always)]
    fn shift_into_exponent(self) -> Self {
        intrinsics! {
            let low = _mm_slli_epi32::<23>(_mm_castps_si128(self.0));
            let high = _mm_slli_epi32::<23>(_mm_castps_si128(self.1));
            Self(_mm_castsi128_ps(low), _mm_castsi128_ps(high))
        }
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        intrinsics! {
            let low = _mm_srai_epi32::<23>(_mm_castps_si128(self.0));
            let high = _mm_srai_epi32::<23>(_mm_castps_si128(self.1));
            Self(_mm_castsi128_ps(low), _mm_castsi128_ps(high))
        }
    }
    #[inline(always)]
    fn int_to_float(self) -> Self {
        intrinsics! { Self(_mm_cvtepi32_ps(_mm_castps_si128(self.0)), _mm_cvtepi32_ps(_mm_castps_si128(self.1))) }
    }
    #[inline(always)]
    fn widen(self) -> WideSse2 {
        intrinsics! {
            let (low, high) = (_mm_movehl_ps(self.0, self.0), _mm_movehl_ps(self.1, self.1));
            WideSse2([_mm_cvtps_pd(self.0), _mm_cvtps_pd(low), _mm_cvtps_pd(self.1), _mm_cvtps_pd(high)])
        }
    }
    #[inline(always)]
    fn transpose(r: [Self; WIDTH]) -> [Self; WIDTH] {
        let top_left = transpose4([r[0].0, r[1].0, r[2].0, r[3].0]);
        let top_right = transpose4([r[0].1, r[1].1, r[2].1, r[3].1]);
        let bottom_left = transpose4([r[4].0, r[5].0, r[6].0, r[7].0]);
        let bottom_right = transpose4([r[4].1, r[5].1, r[6].1, r[7].1]);
        let ([a, b, c, d], [e, f, g, h]) = (top_left, bottom_left);
        let ([i, j, k, l], [m, n, o, p]) = (top_right, bottom_right);
        [Self(a, e), Self(b, f), Self(c, g), Self(d, h), Self(i, m), Self(j, n), Self(k, o), Self(l, p)]
    }
    #[inline(always)]
    fn shift_up(self) -> Self {
        const ROTATE: i32 = 0b10_01_00_11;
        intrinsics! {
            let (low, high) = (_mm_shuffle_ps::<ROTATE>(self.0, self.0), _mm_shuffle_ps::<ROTATE>(self.1, self.1));
            Self(_mm_move_ss(low, high), _mm_move_ss(high, low))
        }
    }
    #[inline(always)]
    fn halves(low: f32, high: f32) -> Self {
        intrinsics! { Self(_mm_set1_ps(low), _mm_set1_ps(high)) }
    }
    #[inline(always)]
    fn last(self) -> f32 {
        intrinsics! { _mm_cvtss_f32(_mm_shuffle_ps::<0b11_11_11_11>(self.1, self.1)) }
    }
    #[inline(always)]
    fn middle(self) -> f32 {
        intrinsics! { _mm_cvtss_f32(_mm_shuffle_ps::<0b11_11_11_11>(self.0, self.0)) }
    }
}

impl Lanes for Avx2 {
    type Wide = WideAvx2;
    #[inline(always)]
    fn splat(value: f32) -> Self {
        intrinsics! { Self(_mm256_set1_ps(value)) }
    }
    #[inline(always)]
    fn load(array: &[f32; WIDTH]) -> Self {
        intrinsics! { Self(_mm256_loadu_ps(array.as_ptr())) }
    }
    #[inline(always)]
    fn store(self, array: &mut [f32; WIDTH]) {
        intrinsics! { _mm256_storeu_ps(array.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        intrinsics! { Self(_mm256_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        intrinsics! { Self(_mm256_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        intrinsics! { Self(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.and_bits(Self::splat_bits(0x7fff_ffff))
    }
    #[inline(always)]
    fn if_gt(self, other: Self, yes: Self, no: Self) -> Self {
        intrinsics! { Self(_mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0))) }
    }
    #[inline(always)]
    fn or_bits(self, other: Self) -> Self {
        intrinsics! { Self(_mm256_or_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn and_bits(self, other: Self) -> Self {
        intrinsics! { Self(_mm256_and_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn add_bits(self, other: Self) -> Self {
        intrinsics! {
            Self(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(other.0))))
        }
    }
    #[inline(always)]
    fn sub_bits(self, other: Self) -> Self {
        intrinsics! {
            Self(_mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(other.0))))
        }
    }
    #[inline(always)]
    fn shift_into_exponent(self) -> Self {
        intrinsics! { Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(self.0)))) }
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        intrinsics! { Self(_mm256_castsi256_ps(_mm256_srai_epi32::<23>(_mm256_castps_si256(self.0)))) }
    }
    #[inline(always)]
    fn int_to_float(self) -> Self {
        intrinsics! { Self(_mm256_cvtepi32_ps(_mm256_castps_si256(self.0))) }
    }
    #[inline(always)]
    fn widen(self) -> WideAvx2 {
        intrinsics! {
            WideAvx2(_mm256_cvtps_pd(_mm256_castps256_ps128(self.0)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(self.0)))
        }
    }
    #[inline(always)]
    fn transpose(r: [Self; WIDTH]) -> [Self; WIDTH] {
        const LOW: i32 = 0b01_00_01_00;
        const HIGH: i32 = 0b11_10_11_10;
        intrinsics! {
            let ab = (_mm256_unpacklo_ps(r[0].0, r[1].0), _mm256_unpackhi_ps(r[0].0, r[1].0));
            let cd = (_mm256_unpacklo_ps(r[2].0, r[3].0), _mm256_unpackhi_ps(r[2].0, r[3].0));
            let ef = (_mm256_unpacklo_ps(r[4].0, r[5].0), _mm256_unpackhi_ps(r[4].0, r[5].0));
            let gh = (_mm256_unpacklo_ps(r[6].0, r[7].0), _mm256_unpackhi_ps(r[6].0, r[7].0));
            // Column pairs (k, k + 4) of rows 0–3 (top) and of rows 4–7 (bottom).
            let top0 = _mm256_shuffle_ps::<LOW>(ab.0, cd.0);
            let top1 = _mm256_shuffle_ps::<HIGH>(ab.0, cd.0);
            let top2 = _mm256_shuffle_ps::<LOW>(ab.1, cd.1);
            let top3 = _mm256_shuffle_ps::<HIGH>(ab.1, cd.1);
            let bottom0 = _mm256_shuffle_ps::<LOW>(ef.0, gh.0);
            let bottom1 = _mm256_shuffle_ps::<HIGH>(ef.0, gh.0);
            let bottom2 = _mm256_shuffle_ps::<LOW>(ef.1, gh.1);
            let bottom3 = _mm256_shuffle_ps::<HIGH>(ef.1, gh.1);
            [
                Self(_mm256_permute2f128_ps::<0x20>(top0, bottom0)),
                Self(_mm256_permute2f128_ps::<0x20>(top1, bottom1)),
                Self(_mm256_permute2f128_ps::<0x20>(top2, bottom2)),
                Self(_mm256_permute2f128_ps::<0x20>(top3, bottom3)),
                Self(_mm256_permute2f128_ps::<0x31>(top0, bottom0)),
                Self(_mm256_permute2f128_ps::<0x31>(top1, bottom1)),
                Self(_mm256_permute2f128_ps::<0x31>(top2, bottom2)),
                Self(_mm256_permute2f128_ps::<0x31>(top3, bottom3)),
            ]
        }
    }
    #[inline(always)]
    fn shift_up(self) -> Self {
        intrinsics! { Self(_mm256_permutevar8x32_ps(self.0, _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6))) }
    }
    #[inline(always)]
    fn halves(low: f32, high: f32) -> Self {
        intrinsics! { Self(_mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low))) }
    }
    #[inline(always)]
    fn last(self) -> f32 {
        intrinsics! {
            let high = _mm256_extractf128_ps::<1>(self.0);
            _mm_cvtss_f32(_mm_shuffle_ps::<0b11_11_11_11>(high, high))
        }
    }
    #[inline(always)]
    fn middle(self) -> f32 {
        intrinsics! {
            let low = _mm256_castps256_ps128(self.0);
            _mm_cvtss_f32(_mm_shuffle_ps::<0b11_11_11_11>(low, low))
        }
    }
}
