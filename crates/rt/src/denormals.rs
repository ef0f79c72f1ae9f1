//! Denormal numbers as zeros, for as long as a value lives.
//!
//! Arithmetic on denormals (magnitudes below about 1.2·10⁻³⁸) can take a hundred times as long as on other numbers,
//! and decaying tails of filters are full of them. Every thread that renders holds a [`FlushDenormals`], live and
//! offline alike: results differ in the last bits with and without it, and a render must be the same everywhere.
//!
//! Sources: Intel SDM volume 1, 10.2.3 (MXCSR: FTZ is bit 15, DAZ bit 6); Arm ARM, FPCR (FZ is bit 24).
use core::marker::PhantomData;

/// Treats denormal operands and results as zero on this thread until it is dropped; then what was before is back.
/// Nests. Real-time safe. Does nothing on processors other than x86-64 and AArch64.
///
/// It belongs to the thread that entered it:
/// ```compile_fail
/// let flush = omega_rt::denormals::FlushDenormals::enter();
/// std::thread::spawn(move || drop(flush));
/// ```
#[must_use = "denormals are back when this value is dropped"]
#[derive(Debug)]
pub struct FlushDenormals {
    before: control::Word,
    not_send: PhantomData<*const ()>,
}

impl FlushDenormals {
    /// Starts to flush denormals on this thread.
    #[inline]
    pub fn enter() -> Self {
        let before = control::read();
        control::write(before | control::FLUSH);
        Self { before, not_send: PhantomData }
    }

    /// True if this thread flushes denormals now.
    #[must_use]
    pub fn is_active() -> bool {
        control::FLUSH != 0 && control::read() & control::FLUSH == control::FLUSH
    }
}

impl Drop for FlushDenormals {
    #[inline]
    fn drop(&mut self) {
        // Only the bits that were changed: exception flags raised meanwhile stay.
        control::write((control::read() & !control::FLUSH) | (self.before & control::FLUSH));
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the control register is reached by instructions only")]
mod control {
    use core::arch::asm;

    pub(super) type Word = u32;
    pub(super) const FLUSH: Word = 1 << 15 | 1 << 6;

    #[inline]
    pub(super) fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores MXCSR into the four bytes of `word`; SSE is part of every x86-64.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
        word
    }

    #[inline]
    pub(super) fn write(word: Word) {
        // SAFETY: `word` is a value read from MXCSR with only FTZ and DAZ changed, so no reserved bit is set and
        // exceptions stay masked. The compiler assumes the default floating-point environment when it folds
        // constants: a folded denormal constant keeps its value, nothing else depends on these two bits.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "the control register is reached by instructions only")]
mod control {
    use core::arch::asm;

    pub(super) type Word = u64;
    pub(super) const FLUSH: Word = 1 << 24;

    #[inline]
    pub(super) fn read() -> Word {
        let word: Word;
        // SAFETY: reads FPCR, which user code may do.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
        word
    }

    #[inline]
    pub(super) fn write(word: Word) {
        // SAFETY: `word` is a value read from FPCR with only FZ changed. As to the compiler, see the x86-64 half.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub(super) type Word = u32;
    pub(super) const FLUSH: Word = 0;

    pub(super) fn read() -> Word {
        0
    }

    pub(super) fn write(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use core::hint::black_box;

    /// A denormal result, and a denormal operand scaled back into the normal range.
    fn underflow() -> (f32, f32) {
        (
            black_box(f32::MIN_POSITIVE) * black_box(0.5),
            black_box(f32::from_bits(0x0040_0000)) * black_box(4.0),
        )
    }

    #[test]
    fn denormal_results_and_operands_are_zero_inside_and_back_outside() {
        let plain = underflow();
        assert!(plain.0 > 0.0 && plain.1 > 0.0 && !FlushDenormals::is_active());
        let outer = FlushDenormals::enter();
        assert_eq!(underflow(), (0.0, 0.0));
        drop(FlushDenormals::enter());
        assert!(FlushDenormals::is_active());
        assert_eq!(underflow(), (0.0, 0.0));
        drop(outer);
        assert_eq!(underflow(), plain);
    }

    #[test]
    fn normal_numbers_are_untouched() {
        let (a, b) = (black_box(1.1_f32), black_box(3.3_f32));
        let outside = (a * b, a / b, a - b).0.to_bits();
        let _flush = FlushDenormals::enter();
        assert_eq!((a * b, a / b, a - b).0.to_bits(), outside);
        assert_eq!((black_box(f32::MIN_POSITIVE) * black_box(1.0)).to_bits(), f32::MIN_POSITIVE.to_bits());
    }
}
