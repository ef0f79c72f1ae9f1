//! What a pool hands out: raw blocks, blocks of samples, values.
use super::BlockPool;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// One block of a pool; goes back to it when dropped (lock-free, allowed on the audio thread).
///
/// Its bytes are whatever its last owner left.
pub struct Block<'p> {
    pool: &'p BlockPool,
    index: u32,
}

impl<'p> Block<'p> {
    /// Becomes the owner of `index`, which the caller took from the pool's free list.
    #[inline]
    pub(super) fn own(pool: &'p BlockPool, index: u32) -> Self {
        Self { pool, index }
    }

    /// Gives up ownership without giving the block back to the free list.
    #[inline]
    pub(super) fn disown(self) -> (&'p BlockPool, u32) {
        let this = ManuallyDrop::new(self);
        (this.pool, this.index)
    }

    /// Which block of its pool this is.
    #[inline]
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its first byte: 64-byte aligned, valid for [`len`](Self::len) bytes while the block is owned.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.pool.address(self.index)
    }

    /// Its size in bytes.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> usize {
        self.pool.block_bytes()
    }

    /// Its bytes, to be written.
    #[inline]
    #[must_use]
    #[allow(unsafe_code, reason = "the block's memory is reached by its address")]
    pub fn as_uninit(&mut self) -> &mut [MaybeUninit<u8>] {
        let (start, len) = (self.as_ptr().cast().as_ptr(), self.len());
        // SAFETY: the block lies within the slab, is owned by `self` alone, and lives as long as the pool, which
        // outlives `self`.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }

    /// Makes it a block of zero samples. Real-time safe.
    #[must_use]
    pub fn into_samples(mut self) -> SampleBlock<'p> {
        self.as_uninit().fill(MaybeUninit::new(0));
        SampleBlock(self)
    }

    /// Moves `value` into the block. Real-time safe.
    ///
    /// # Errors
    /// Gives the value back (and the block to its pool) if it is larger than the block or wants a wider alignment than
    /// 64 bytes.
    #[inline]
    #[allow(unsafe_code, reason = "a typed write to the block")]
    pub fn store<T>(self, value: T) -> Result<PoolBox<'p, T>, T> {
        if size_of::<T>() > self.len() || align_of::<T>() > super::BLOCK_ALIGNMENT {
            return Err(value);
        }
        let place = self.as_ptr().cast::<T>();
        // SAFETY: the block is owned, large enough and aligned, as was just checked.
        unsafe { place.write(value) };
        Ok(PoolBox { place, block: ManuallyDrop::new(self) })
    }
}

impl Drop for Block<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pool.give_back(&[self.index]);
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("index", &self.index).field("len", &self.len()).finish()
    }
}

/// A block seen as samples; goes back to its pool when dropped.
pub struct SampleBlock<'p>(Block<'p>);

impl<'p> SampleBlock<'p> {
    /// The raw block, to give it back through a [`PoolCache`](super::PoolCache).
    #[must_use]
    pub fn into_block(self) -> Block<'p> {
        self.0
    }
}

#[allow(unsafe_code, reason = "the block's memory is seen as samples")]
impl Deref for SampleBlock<'_> {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        // SAFETY: all bytes were written when the block became samples and only samples were written since; the block
        // is aligned to 64, owned by `self`, and `len / 4` samples lie within it.
        unsafe {
            core::slice::from_raw_parts(self.0.as_ptr().cast().as_ptr(), self.0.len() / size_of::<f32>())
        }
    }
}

#[allow(unsafe_code, reason = "the block's memory is seen as samples")]
impl DerefMut for SampleBlock<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the exclusive borrow of `self` is the exclusive borrow of the block.
        unsafe {
            core::slice::from_raw_parts_mut(self.0.as_ptr().cast().as_ptr(), self.0.len() / size_of::<f32>())
        }
    }
}

impl fmt::Debug for SampleBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SampleBlock").field(&self.0).finish()
    }
}

/// A value that lives in a block: dropped, and the block given back, when this is dropped.
///
/// Real-time safe to make, use and drop if dropping `T` is.
pub struct PoolBox<'p, T> {
    place: NonNull<T>,
    block: ManuallyDrop<Block<'p>>,
}

#[allow(unsafe_code, reason = "the pointer hides what it owns")]
// SAFETY: a `PoolBox` owns its value as a `Box` does, and a reference to a pool may be sent (the pool is `Sync`).
unsafe impl<T: Send> Send for PoolBox<'_, T> {}

#[allow(unsafe_code, reason = "the pointer hides what it owns")]
// SAFETY: a shared `PoolBox` gives out shared references to its value only.
unsafe impl<T: Sync> Sync for PoolBox<'_, T> {}

#[allow(unsafe_code, reason = "typed access to the block")]
impl<'p, T> PoolBox<'p, T> {
    /// Moves the value out and returns it with its empty block.
    #[must_use]
    pub fn into_parts(self) -> (T, Block<'p>) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `place` holds the value, and `this` is neither used nor dropped after this.
        let value = unsafe { this.place.read() };
        // SAFETY: likewise, the block is taken once and `this` is not dropped.
        let block = unsafe { ManuallyDrop::take(&mut this.block) };
        (value, block)
    }

    /// Moves the value out; the block goes back to its pool.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.into_parts().0
    }
}

#[allow(unsafe_code, reason = "typed access to the block")]
impl<T> Drop for PoolBox<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `place` holds the value, which is dropped once, here.
        unsafe { self.place.drop_in_place() };
        // SAFETY: the block is dropped once, here. (If the value's destructor panics the block stays out of the pool,
        // which is a leak and no more.)
        unsafe { ManuallyDrop::drop(&mut self.block) };
    }
}

#[allow(unsafe_code, reason = "typed access to the block")]
impl<T> Deref for PoolBox<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `place` holds a valid value as long as `self` lives.
        unsafe { self.place.as_ref() }
    }
}

#[allow(unsafe_code, reason = "typed access to the block")]
impl<T> DerefMut for PoolBox<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { self.place.as_mut() }
    }
}

impl<T: fmt::Debug> fmt::Debug for PoolBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
