//! Levels of vector instructions, and the eight-lane vector type that the kernels are written in.
//!
//! A kernel is one generic body over `lanes::Lanes`, compiled once for SSE2 (two registers of four lanes) and once for
//! AVX2 (one register of eight lanes), and chosen at run time. The lane count is always eight, so the order of operations
//! does not depend on the level.

mod dispatch;
pub(crate) mod lanes;

pub(crate) use dispatch::{dispatch, one_at_a_time};

use core::fmt;
use core::str::FromStr;
use core::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions. Levels are ordered: a higher one includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One sample at a time: the reference. On targets other than x86-64 the compiler may still vectorise it.
    Scalar,
    /// SSE2, which every x86-64 CPU has.
    Sse2,
    /// AVX2 (never together with fused multiply-add).
    Avx2,
}

/// Asks for `samples` to be in the cache soon. A hint: it costs an instruction a cache line, waits for nothing and changes
/// nothing.
#[inline]
pub fn prefetch(samples: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in samples.chunks(LINE_SAMPLES) {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[allow(unsafe_code, reason = "the intrinsic takes a pointer")]
        // SAFETY: prefetching reads nothing and faults at no address; SSE belongs to every x86-64 CPU.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = samples;
}

/// Samples in a cache line.
#[cfg(target_arch = "x86_64")]
const LINE_SAMPLES: usize = 64 / size_of::<f32>();

/// The text is not the name of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown SIMD level: use scalar, sse2 or avx2")
    }
}

impl core::error::Error for UnknownLevel {}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Sse2, Self::Avx2];

    /// The highest level that this CPU and operating system offer.
    ///
    /// Real-time safe. The first call asks the CPU (microseconds on a virtual machine), later ones remember.
    #[must_use]
    pub fn detect() -> Self {
        const UNKNOWN: u8 = u8::MAX;
        static DETECTED: AtomicU8 = AtomicU8::new(UNKNOWN);
        let known = DETECTED.load(Ordering::Relaxed);
        Self::ALL.into_iter().find(|level| *level as u8 == known).unwrap_or_else(|| {
            let level = ask_cpu();
            DETECTED.store(level as u8, Ordering::Relaxed);
            level
        })
    }

    /// Whether this level can be used here.
    #[must_use]
    pub fn available(self) -> bool {
        self <= Self::detect()
    }

    /// The name that [`Level::from_str`] reads: `scalar`, `sse2` or `avx2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse2 => "sse2",
            Self::Avx2 => "avx2",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or(UnknownLevel)
    }
}

/// Intel SDM volume 1, section 14.7.1 (detection of AVX2): the CPU has AVX and AVX2, the operating system has enabled XSAVE
/// (OSXSAVE), and XCR0 says that it saves the SSE and AVX state.
#[cfg(target_arch = "x86_64")]
fn ask_cpu() -> Level {
    use core::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max};
    const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
    const SSE_AND_AVX_STATE: u64 = 0b110;
    const AVX2: u32 = 1 << 5;
    let (highest_leaf, _) = __get_cpuid_max(0);
    if highest_leaf < 7 || __cpuid(1).ecx & OSXSAVE_AND_AVX != OSXSAVE_AND_AVX {
        return Level::Sse2;
    }
    #[allow(unsafe_code, reason = "xgetbv has no safe form")]
    // SAFETY: OSXSAVE is set, so the instruction xgetbv exists and register 0 may be read.
    let enabled_state = unsafe { xcr0() };
    let saves_avx = enabled_state & SSE_AND_AVX_STATE == SSE_AND_AVX_STATE;
    if saves_avx && __cpuid_count(7, 0).ebx & AVX2 != 0 { Level::Avx2 } else { Level::Sse2 }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    #[allow(unsafe_code, reason = "xgetbv has no safe form")]
    // SAFETY: register 0 (XCR0) exists wherever xgetbv does.
    unsafe {
        core::arch::x86_64::_xgetbv(0)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn ask_cpu() -> Level {
    Level::Scalar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
        }
        assert_eq!("AVX2".parse::<Level>(), Err(UnknownLevel));
        assert_eq!("".parse::<Level>(), Err(UnknownLevel));
    }

    #[test]
    fn scalar_is_always_available_and_levels_nest() {
        assert!(Level::Scalar.available());
        for pair in Level::ALL.windows(2) {
            assert!(pair[0].available() || !pair[1].available());
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn detection_agrees_with_the_standard_library() {
        assert_eq!(Level::detect() == Level::Avx2, std::is_x86_feature_detected!("avx2"));
    }
}
