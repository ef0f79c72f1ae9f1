//! One owner's stock of free blocks, in front of a shared pool.
use super::{Block, BlockPool, PoolBox};

/// How many blocks move between a cache and its pool in one exchange.
pub const BATCH: usize = 32;

/// The most blocks that a cache holds back.
pub const CACHE_BLOCKS: usize = 2 * BATCH;

/// A stock of up to [`CACHE_BLOCKS`] free blocks for one thread (or one node of the graph), so that most allocations
/// and frees touch nothing that is shared. It is filled and emptied by [`BATCH`] blocks with one exchange each. All
/// operations are real-time safe and O(1): at worst one walk over a batch.
///
/// Blocks held here are not available to others. Dropping the cache gives them back.
pub struct PoolCache<'p> {
    pool: &'p BlockPool,
    held: [u32; CACHE_BLOCKS],
    len: usize,
}

impl<'p> PoolCache<'p> {
    pub(super) fn new(pool: &'p BlockPool) -> Self {
        Self { pool, held: [0; CACHE_BLOCKS], len: 0 }
    }

    /// Takes a block; `None` if neither the cache nor the pool has one.
    #[inline]
    pub fn alloc(&mut self) -> Option<Block<'p>> {
        if self.len == 0 {
            self.refill();
        }
        let len = self.len.checked_sub(1)?;
        let index = *self.held.get(len)?;
        self.len = len;
        Some(Block::own(self.pool, index))
    }

    /// Gives a block back to this cache (or, if it is another pool's, to that pool).
    #[inline]
    pub fn free(&mut self, block: Block<'p>) {
        let (pool, index) = block.disown();
        if !core::ptr::eq(pool, self.pool) {
            return pool.give_back(&[index]);
        }
        if self.len == CACHE_BLOCKS {
            self.spill();
        }
        if let Some(slot) = self.held.get_mut(self.len) {
            *slot = index;
            self.len += 1;
        }
    }

    /// Moves `value` into a block of this cache.
    ///
    /// # Errors
    /// Gives the value back if no block is left or the value does not fit into one.
    #[inline]
    pub fn store<T>(&mut self, value: T) -> Result<PoolBox<'p, T>, T> {
        match self.alloc() {
            Some(block) => block.store(value),
            None => Err(value),
        }
    }

    /// Moves the value out of its block, which goes to this cache.
    #[inline]
    pub fn take<T>(&mut self, value: PoolBox<'p, T>) -> T {
        let (value, block) = value.into_parts();
        self.free(block);
        value
    }

    /// How many free blocks the cache holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.len
    }

    #[cold]
    fn refill(&mut self) {
        self.len = self.held.get_mut(..BATCH).map_or(0, |batch| self.pool.take_out(batch));
    }

    /// Gives the older half back and keeps the newer, which is likelier to be in the processor's caches.
    #[cold]
    fn spill(&mut self) {
        if let Some((older, newer)) = self.held.split_at_mut_checked(BATCH) {
            self.pool.give_back(older);
            older.copy_from_slice(newer);
            self.len = BATCH;
        }
    }
}

impl Drop for PoolCache<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.get(..self.len) {
            self.pool.give_back(held);
        }
    }
}

impl core::fmt::Debug for PoolCache<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PoolCache").field("pool", &self.pool).field("held", &self.len).finish()
    }
}
