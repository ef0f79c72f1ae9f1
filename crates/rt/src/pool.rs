//! Fixed-size blocks that the audio thread may take and give back at any time.
//!
//! [`BlockPool::standard`] is the pool of the architecture: 16 MiB in 64-byte blocks, for events and small nodes. A
//! pool with larger blocks ([`BlockPool::new`]) serves for audio. Taking and giving back are O(1), lock-free and safe
//! against ABA (see `free_list.rs`); with a [`PoolCache`] in front they mostly touch nothing that is shared.
//!
//! There is no fragmentation, and an empty pool is `None`, never a panic or a wait. All pages are touched when the
//! pool is made.
extern crate alloc;

mod block;
mod cache;
mod free_list;

pub use block::{Block, PoolBox, SampleBlock};
pub use cache::{BATCH, CACHE_BLOCKS, PoolCache};

use crate::lines::{LINE_BYTES, Line, release, zeroed_lines};
use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use free_list::{FreeList, MAX_INDICES};

/// Alignment of every block in bytes; block sizes are rounded up to a multiple of it.
pub const BLOCK_ALIGNMENT: usize = LINE_BYTES;

/// The most blocks that one pool can have.
pub const MAX_BLOCKS: usize = MAX_INDICES;

/// Block size in bytes of [`BlockPool::standard`].
pub const STANDARD_BLOCK_BYTES: usize = 64;

/// Total size in bytes of [`BlockPool::standard`], not counting its index (four bytes a block).
pub const STANDARD_POOL_BYTES: usize = 16 * 1024 * 1024;

/// A pool of equal blocks, shared by reference between any number of threads.
///
/// ```
/// use omega_rt::pool::BlockPool;
/// let pool = BlockPool::new(256 * 4, 2)?;
/// let mut block = pool.alloc().expect("one is left").into_samples();
/// block[255] = 1.0;
/// let (_second, none) = (pool.alloc(), pool.alloc());
/// assert!(none.is_none());
/// drop(block);
/// assert!(pool.alloc().is_some());
/// # Ok::<(), omega_rt::pool::PoolError>(())
/// ```
pub struct BlockPool {
    slab: Box<UnsafeCell<[Line]>>,
    block_bytes: usize,
    blocks: usize,
    free: FreeList,
}

#[allow(unsafe_code, reason = "the slab is handed out in blocks")]
// SAFETY: the slab's memory is reached only through `Block`s, of which there is at most one per index (the free list
// hands out an index to one owner at a time, with release-acquire order between owners: loom model
// `a_block_has_one_owner_at_a_time`), and through `address`, which only computes.
unsafe impl Sync for BlockPool {}

impl Drop for BlockPool {
    fn drop(&mut self) {
        let slab = self.slab.get();
        release(slab as *const Line, slab.len());
    }
}

/// Why a pool could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// More than [`MAX_BLOCKS`] blocks were asked for.
    TooManyBlocks {
        /// How many were asked for.
        blocks: usize,
    },
    /// The blocks together do not fit into memory.
    OutOfMemory {
        /// Size of one block in bytes as asked for.
        block_bytes: usize,
        /// How many were asked for.
        blocks: usize,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBlocks { blocks } => {
                write!(
                    f,
                    "a pool of {blocks} blocks is too large: use at most {MAX_BLOCKS}, or larger blocks"
                )
            }
            Self::OutOfMemory { block_bytes, blocks } => {
                write!(f, "no memory for a pool of {blocks} blocks of {block_bytes} bytes: make it smaller")
            }
        }
    }
}

impl core::error::Error for PoolError {}

impl BlockPool {
    /// Makes a pool of `blocks` blocks of at least `block_bytes` bytes (rounded up to a multiple of 64). Allocates
    /// and touches all pages: not for the audio thread.
    ///
    /// # Errors
    /// If there are too many blocks, or not enough memory for them.
    pub fn new(block_bytes: usize, blocks: usize) -> Result<Self, PoolError> {
        let count = u32::try_from(blocks)
            .ok()
            .filter(|_| blocks <= MAX_BLOCKS)
            .ok_or(PoolError::TooManyBlocks { blocks })?;
        let out_of_memory = PoolError::OutOfMemory { block_bytes, blocks };
        let block_lines = block_bytes.div_ceil(LINE_BYTES).max(1);
        let lines = block_lines.checked_mul(blocks).ok_or(out_of_memory)?;
        let slab = zeroed_lines(lines).map_err(|_| out_of_memory)?;
        Ok(Self {
            slab: in_cell(slab),
            block_bytes: block_lines * LINE_BYTES,
            blocks,
            free: FreeList::full(count),
        })
    }

    /// Makes the pool of the architecture: 16 MiB in 64-byte blocks (262,144 of them).
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn standard() -> Result<Self, PoolError> {
        Self::new(STANDARD_BLOCK_BYTES, STANDARD_POOL_BYTES / STANDARD_BLOCK_BYTES)
    }

    /// Takes a block; `None` if none is left. Lock-free.
    #[inline]
    pub fn alloc(&self) -> Option<Block<'_>> {
        let mut index = [0];
        (self.free.pop(&mut index) == 1).then(|| Block::own(self, index[0]))
    }

    /// Moves `value` into a block. Lock-free.
    ///
    /// # Errors
    /// Gives the value back if no block is left or the value does not fit into one.
    #[inline]
    pub fn store<T>(&self, value: T) -> Result<PoolBox<'_, T>, T> {
        match self.alloc() {
            Some(block) => block.store(value),
            None => Err(value),
        }
    }

    /// An empty cache in front of this pool. Real-time safe.
    #[must_use]
    pub fn cache(&self) -> PoolCache<'_> {
        PoolCache::new(self)
    }

    /// Size of a block in bytes.
    #[inline]
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// How many blocks there are, free or not.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Counts the blocks that are neither handed out nor held by a cache. Walks all of them, and is exact only while
    /// no other thread uses the pool: for tests and reports.
    #[must_use]
    pub fn count_free(&self) -> usize {
        self.free.count()
    }

    /// Where the blocks lie, to lock them in memory.
    #[must_use]
    pub fn memory(&self) -> (NonNull<u8>, usize) {
        (self.base(), self.block_bytes * self.blocks)
    }

    #[inline]
    fn base(&self) -> NonNull<u8> {
        // The cell is inside a box, so this pointer is never null and may be written through.
        NonNull::new(self.slab.get().cast::<u8>()).unwrap_or(NonNull::dangling())
    }

    #[inline]
    fn take_out(&self, indices: &mut [u32]) -> usize {
        self.free.pop(indices)
    }

    /// The caller owned these blocks and no longer uses them.
    #[inline]
    fn give_back(&self, indices: &[u32]) {
        self.free.push(indices);
    }

    /// Where block `index` begins. Every index in the free list is below `blocks`.
    #[inline]
    #[allow(unsafe_code, reason = "blocks are reached by their address in the slab")]
    fn address(&self, index: u32) -> NonNull<u8> {
        // SAFETY: `index < blocks`, and the slab is one allocation of `blocks * block_bytes` bytes.
        unsafe { self.base().add(index as usize * self.block_bytes) }
    }
}

#[allow(unsafe_code, reason = "a box of a value is a box of a cell of that value")]
fn in_cell(lines: Box<[Line]>) -> Box<UnsafeCell<[Line]>> {
    let raw = Box::into_raw(lines) as *mut UnsafeCell<[Line]>;
    // SAFETY: `UnsafeCell<T>` has the layout of `T`, and `raw` comes from a box of the same size and alignment.
    unsafe { Box::from_raw(raw) }
}

impl fmt::Debug for BlockPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block_bytes, blocks, .. } = self;
        f.debug_struct("BlockPool")
            .field("block_bytes", block_bytes)
            .field("blocks", blocks)
            .finish_non_exhaustive()
    }
}
