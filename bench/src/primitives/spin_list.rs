//! The pool as the first sketch of the architecture had it: a free list under a spin lock.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Indices of blocks; `blocks` for none. The links are atomic only so that no unsafe code is needed: under the lock they
/// are read and written like any others.
pub struct SpinList {
    locked: AtomicBool,
    top: AtomicUsize,
    next: Vec<AtomicUsize>,
}

impl SpinList {
    /// A list of so many free blocks.
    pub fn new(blocks: usize) -> Self {
        let next = (1..=blocks).map(AtomicUsize::new).collect();
        Self { locked: AtomicBool::new(false), top: AtomicUsize::new(0), next }
    }

    /// Takes a block and gives it back.
    #[inline]
    pub fn pair(&self) {
        if let Some(block) = std::hint::black_box(self.take()) {
            self.give(block);
        }
    }

    fn lock(&self) {
        while self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop();
        }
    }

    fn take(&self) -> Option<usize> {
        self.lock();
        let top = self.top.load(Ordering::Relaxed);
        let next = self.next.get(top).map(|next| next.load(Ordering::Relaxed));
        if let Some(next) = next {
            self.top.store(next, Ordering::Relaxed);
        }
        self.locked.store(false, Ordering::Release);
        next.map(|_| top)
    }

    fn give(&self, block: usize) {
        self.lock();
        if let Some(next) = self.next.get(block) {
            next.store(self.top.load(Ordering::Relaxed), Ordering::Relaxed);
            self.top.store(block, Ordering::Relaxed);
        }
        self.locked.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_handed_out_once_and_come_back() {
        let list = SpinList::new(2);
        assert_eq!([list.take(), list.take(), list.take()], [Some(0), Some(1), None]);
        list.give(1);
        assert_eq!([list.take(), list.take()], [Some(1), None]);
    }
}
