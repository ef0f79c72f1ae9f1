//! A stack of free indices that any number of threads share without a lock.
//!
//! Treiber's stack (R. K. Treiber, "Systems programming: coping with parallelism", IBM RJ 5118, 1986) over indices
//! instead of pointers, with a counter beside the index in one 64-bit word: every change raises the counter, so that a
//! thread which was stopped between its load and its exchange notices that the stack has changed, even if the same
//! index is on top again (the ABA problem).
//!
//! The links lie beside the blocks and not in them: a thread may read the link of a block that another one has just
//! taken, and inside the block that would be a data race with whatever its new owner writes there.
extern crate alloc;

use crate::faults;
use crate::sync::{AtomicU32, AtomicU64, Ordering, publishing};
use alloc::boxed::Box;

/// Bits of the index in the head; the other 40 count changes. A thread would have to sleep between two of its own
/// instructions for exactly 2⁴⁰ (or a multiple) changes, hours at full speed, to be fooled.
const INDEX_BITS: u32 = 24;

/// The index that means 'none'.
const NONE: u32 = (1 << INDEX_BITS) - 1;

/// How many indices one list can hold.
pub(super) const MAX_INDICES: usize = NONE as usize;

/// Alone in its pair of cache lines (they are fetched in pairs), because all threads fight for it.
#[repr(align(128))]
struct Head(AtomicU64);

pub(super) struct FreeList {
    head: Head,
    next: Box<[AtomicU32]>,
}

#[inline]
fn index_of(head: u64) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "masked to 24 bits")]
    let index = (head & u64::from(NONE)) as u32;
    index
}

/// The head after a change of `old`: the counter raised, `index` on top.
#[inline]
fn changed(old: u64, index: u32) -> u64 {
    let count = if faults::UNTAGGED_INDEX.is_on() { 0 } else { (old >> INDEX_BITS).wrapping_add(1) };
    count << INDEX_BITS | u64::from(index)
}

impl FreeList {
    /// All of `0 .. count`, lowest on top. `count` is at most [`MAX_INDICES`].
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub(super) fn full(count: u32) -> Self {
        let last = count.saturating_sub(1);
        let next = (0..count).map(|n| AtomicU32::new(if n < last { n + 1 } else { NONE })).collect();
        let top = if count == 0 { NONE } else { 0 };
        Self { head: Head(AtomicU64::new(u64::from(top))), next }
    }

    /// Takes up to `out.len()` indices in one exchange and writes them to the front of `out`; returns how many.
    ///
    /// Lock-free; a try walks at most `out.len()` links.
    #[inline]
    pub(super) fn pop(&self, out: &mut [u32]) -> usize {
        let mut head = self.head.0.load(Ordering::Acquire);
        loop {
            let mut top = index_of(head);
            let mut count = 0;
            for slot in &mut *out {
                // If the stack changes under this walk the links may be stale, but they are indices all the same, and
                // the exchange below fails, because the counter has changed.
                let Some(link) = self.next.get(top as usize) else { break };
                *slot = top;
                top = link.load(Ordering::Relaxed);
                count += 1;
            }
            if count == 0 {
                return 0;
            }
            // Acquire: what the previous owners did with the blocks happened before. The exchanges of other threads
            // in between are read-modify-writes and so continue each earlier owner's release.
            match self.head.0.compare_exchange_weak(
                head,
                changed(head, top),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return count,
                Err(seen) => head = seen,
            }
        }
    }

    /// Gives `indices` back in one exchange; the first becomes the top. The caller owns each of them. Lock-free.
    #[inline]
    pub(super) fn push(&self, indices: &[u32]) {
        let ([first, .., last] | [first @ last]) = indices else { return };
        for pair in indices.windows(2) {
            if let [index, next] = pair
                && let Some(link) = self.next.get(*index as usize)
            {
                link.store(*next, Ordering::Relaxed);
            }
        }
        let Some(link) = self.next.get(*last as usize) else { return };
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            link.store(index_of(head), Ordering::Relaxed);
            // Release: what this owner did with the blocks, and their links, happen before the next owner's turn.
            match self.head.0.compare_exchange_weak(
                head,
                changed(head, *first),
                publishing(Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    /// Counts the free indices by walking them all; exact only while no other thread uses the list.
    pub(super) fn count(&self) -> usize {
        let mut top = index_of(self.head.0.load(Ordering::Acquire));
        let mut count = 0;
        while let Some(link) = self.next.get(top as usize).filter(|_| count < self.next.len()) {
            top = link.load(Ordering::Relaxed);
            count += 1;
        }
        count
    }
}
