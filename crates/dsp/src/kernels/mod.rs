//! Operations on whole buffers, with the level of vector instructions chosen at run time.
//!
//! [`Kernels`] is made once (it checks the CPU) and copied to where it is needed. All methods are real-time safe: no
//! allocation, no lock, no panic, time proportional to the number of samples. Buffers may have any length and alignment; where several
//! buffers take part, the shortest length counts, unless the method says otherwise.
//!
//! Each method has three bodies: `scalar` (the reference, one sample at a time) and `vector` compiled for SSE2 and for
//! AVX2. They give the same bytes: elementwise kernels because each sample sees the same operations, sums because their
//! order is part of the definition.

mod layout;
mod levels;
mod mix;
mod ramp;

pub use levels::fold_squares;
pub use mix::{Gain, MixInput};
pub use ramp::Ramp;

use crate::simd::Level;

/// The kernels of one level. A small `Copy` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// Never higher than what the CPU offers: [`Kernels::new`] is the only constructor.
    level: Level,
}

impl Kernels {
    /// The kernels of `level`, or of the highest available one below it. The bytes do not depend on the level.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level: level.min(Level::detect()) }
    }

    /// The fastest kernels that run here.
    #[must_use]
    pub fn detect() -> Self {
        Self { level: Level::detect() }
    }

    /// The level in use.
    #[must_use]
    pub const fn level(self) -> Level {
        self.level
    }
}

impl Default for Kernels {
    fn default() -> Self {
        Self::detect()
    }
}

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
