//! From a level to the code compiled for it.

/// Calls `scalar::name(args)` or `vector::name::<V>(args)` of the calling module, the latter compiled for the level. Argument types
/// are needed, because each instruction set gets a function of its own.
macro_rules! dispatch {
    ($level:expr, $name:ident, ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        {
            use $crate::simd::lanes::{Avx2, Sse2};
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                vector::$name::<Avx2>($($arg),*)
            }
            match $level {
                $crate::simd::Level::Scalar => scalar::$name($($arg),*),
                $crate::simd::Level::Sse2 => vector::$name::<Sse2>($($arg),*),
                #[allow(unsafe_code, reason = "entry into code compiled for AVX2")]
                // SAFETY: the level comes from a `Kernels`, which holds Avx2 only where the CPU has it.
                $crate::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = $level;
            scalar::$name($($arg),*)
        }
    }};
}
pub(crate) use dispatch;

/// Keeps the compiler from vectorising the reference, so that it stays an independent oracle. Elsewhere than on x86-64 the
/// reference is the only form, and is left to the compiler's vectoriser.
#[inline(always)]
pub(crate) fn one_at_a_time(value: f32) -> f32 {
    if cfg!(target_arch = "x86_64") { core::hint::black_box(value) } else { value }
}
