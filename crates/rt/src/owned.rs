//! Heap values that the audio thread may use, but neither make nor free.
//!
//! A `no_std` crate that does not declare `alloc` cannot name [`Box`], so it cannot make an [`Owned`]; it can only
//! receive one. Dropping one is possible everywhere (a drop cannot be forbidden by a type): on the audio thread send
//! it away with [`Reclaim`](crate::reclaim::Reclaim) instead. The guard counts a drop inside an
//! [`RtScope`](crate::guard::RtScope) as a free.
extern crate alloc;

use crate::faults::Witness;
use crate::lines::{LINE_BYTES, LINE_SAMPLES, Line, release, zeroed_lines};
use crate::sync::Life;
use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// Alignment in bytes of every [`AlignedBuffer`]: one cache line, and a multiple of every SIMD width in use.
pub const ALIGNMENT: usize = LINE_BYTES;

/// An owning pointer to a heap value that was made off the audio thread.
///
/// Its only constructor is `From<Box<T>>`. Reading and writing through it is real-time safe; dropping it frees memory
/// and is not. `Send` and `Sync` exactly when `Box<T>` is.
///
/// ```
/// use omega_rt::Owned;
/// let mut gains: Owned<[f32]> = Owned::from(vec![1.0, 0.5].into_boxed_slice());
/// gains[1] = 0.25;
/// assert_eq!(&gains[..], &[1.0, 0.25]);
/// ```
pub struct Owned<T: ?Sized> {
    /// Ends before the value does.
    life: Life,
    value: Box<T>,
}

impl<T: Any + Send> Owned<T> {
    /// Forgets the type, so that values of many types go through one [`Reclaim`](crate::reclaim::Reclaim). Nothing is
    /// copied or allocated: real-time safe.
    #[must_use]
    pub fn erase(self) -> Owned<dyn Any + Send> {
        Owned { life: self.life, value: self.value }
    }
}

impl<T: ?Sized> Owned<T> {
    /// Gives the box back. Real-time safe by itself (nothing is copied or freed).
    #[must_use]
    pub fn into_box(self) -> Box<T> {
        self.value
    }

    /// Stands for a use of the value after it was given away: for mistakes that are made on purpose.
    #[inline]
    #[must_use]
    pub fn witness(&self) -> Witness {
        self.life.witness()
    }
}

impl<T: ?Sized> From<Box<T>> for Owned<T> {
    fn from(value: Box<T>) -> Self {
        Self { life: Life::begin(), value }
    }
}

/// An empty slice; nothing is allocated.
impl<T> Default for Owned<[T]> {
    fn default() -> Self {
        Self::from(Box::default())
    }
}

impl<T: ?Sized> Deref for Owned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.life.read();
        &self.value
    }
}

impl<T: ?Sized> DerefMut for Owned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.life.write();
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A pointer to a heap value that several threads share, made off the audio thread.
///
/// Its only constructor is `From<Arc<T>>`. Reading through it and cloning it is real-time safe (a clone is one atomic
/// increment); dropping it is only if another clone is certain to outlive it, because the last one frees the value.
///
/// ```
/// use omega_rt::{Shared, latest::AtomicF32};
/// let level = Shared::from(std::sync::Arc::new(AtomicF32::new(1.0)));
/// let seen_elsewhere = level.clone();
/// level.store(0.5);
/// assert_eq!(seen_elsewhere.load(), 0.5);
/// ```
pub struct Shared<T: ?Sized>(Arc<T>);

impl<T: ?Sized> Shared<T> {
    /// Gives the reference-counted pointer back.
    #[must_use]
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }

    /// True if both point to the same value.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> From<Arc<T>> for Shared<T> {
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A slab of `f32` samples that starts on a 64-byte boundary and is a whole number of 64-byte lines in memory.
///
/// Made zeroed, off the audio thread; every page was written, so that its first use on the audio thread does not
/// fault. Dereferences to exactly the number of samples that was asked for.
pub struct AlignedBuffer {
    lines: Owned<[Line]>,
    len: usize,
}

impl AlignedBuffer {
    /// Makes `len` zero samples. Allocates: not for the audio thread.
    ///
    /// # Panics
    /// If there is not enough memory; see [`try_zeroed`](Self::try_zeroed) for lengths that come from outside.
    #[allow(
        clippy::disallowed_macros,
        reason = "prepares off the audio thread, and the documentation names the panic"
    )]
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).unwrap_or_else(|_| panic!("no memory for a buffer of {len} samples"))
    }

    /// Makes `len` zero samples. Allocates: not for the audio thread.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn try_zeroed(len: usize) -> Result<Self, TryReserveError> {
        Ok(Self { lines: Owned::from(zeroed_lines(len.div_ceil(LINE_SAMPLES))?), len })
    }

    /// The smallest multiple of 16 samples (64 bytes) that holds `len`: a stride that keeps each row of a slab aligned.
    #[must_use]
    pub const fn aligned_len(len: usize) -> usize {
        len.next_multiple_of(LINE_SAMPLES)
    }
}

#[allow(unsafe_code, reason = "an array of 64-byte lines is seen as the samples it is made of")]
impl Deref for AlignedBuffer {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        // SAFETY: `Line` is `repr(C)`, 64 bytes of 16 f32 without padding, so the lines are `lines.len() * 16 >= len`
        // contiguous initialised f32 in one allocation, borrowed as long as `self`.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast::<f32>(), self.len) }
    }
}

#[allow(unsafe_code, reason = "an array of 64-byte lines is seen as the samples it is made of")]
impl DerefMut for AlignedBuffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the exclusive borrow of `self` is the exclusive borrow of the lines.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast::<f32>(), self.len) }
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        release(self.lines.as_ptr(), self.lines.len());
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuffer").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct CountsDrops(Arc<AtomicUsize>);
    impl Drop for CountsDrops {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_owned_value_is_dropped_once_or_given_back() {
        let drops = Arc::new(AtomicUsize::new(0));
        let kept = Owned::from(Box::new(CountsDrops(drops.clone()))).into_box();
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        drop(Owned::from(kept));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_owned_trait_object_dispatches() {
        let mut next: Owned<dyn FnMut() -> u32> = Owned::from({
            let mut n = 0_u32;
            Box::new(move || {
                n += 1;
                n
            }) as Box<dyn FnMut() -> u32>
        });
        assert_eq!((next(), next()), (1, 2));
    }

    #[test]
    fn aligned_buffers_are_aligned_zeroed_and_exactly_as_long_as_asked() {
        for len in [0, 1, 15, 16, 17, 255, 256, 4097] {
            let mut buffer = AlignedBuffer::zeroed(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr().addr() % ALIGNMENT, 0);
            assert!(buffer.iter().all(|s| s.to_bits() == 0));
            buffer.fill(1.0);
            assert!(buffer.iter().all(|&s| s == 1.0));
            assert!(
                AlignedBuffer::aligned_len(len) >= len && AlignedBuffer::aligned_len(len).is_multiple_of(16)
            );
        }
    }
}
