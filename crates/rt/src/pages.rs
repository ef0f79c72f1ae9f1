//! Pages of samples that other threads fill again and again while the audio thread reads them.
//!
//! Each page has one word of state: how often it was claimed, whether it is being filled or full, and how many readers
//! are in it. A reader enters by one `fetch_add` and looks at the word that it found: the page is still what it was
//! looking for, or the reader leaves again. A filler claims a page by one compare-and-swap that succeeds only while
//! nobody is inside. So readers never wait (two atomic steps, whatever others do), a page is never filled under a
//! reader's eyes, and a [`PageId`] that is out of date is noticed: there is no ABA, because the count is part of the
//! identity (40 bits: at a claim every 10 µs it comes round after 127 days, and only a reader that slept so long
//! between two instructions would be deceived).
//!
//! A page's memory is allocated when it is claimed for the first time, so a large pool costs what is used of it.
extern crate alloc;

use crate::faults;
use crate::owned::{AlignedBuffer, Owned};
use crate::sync::{AtomicU64, Ordering, UnsafeCell};
use alloc::boxed::Box;

/// Readers inside: bits 0 to 21.
const READERS: u64 = (1 << 22) - 1;
/// The page holds what its identity says.
const FULL: u64 = 1 << 22;
/// A filler has it.
const CLAIMED: u64 = 1 << 23;
/// How often the page was claimed: bits 24 to 63.
const COUNT_SHIFT: u32 = 24;

/// The most pages that one pool can have.
pub const MAX_PAGES: usize = (1 << COUNT_SHIFT) - 1;

/// One filling of one page. Out of date as soon as the page is claimed again.
///
/// It fits a `u64` that is never 0 ([`to_bits`](Self::to_bits)), so that tables of atomics can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageId(u64);

impl PageId {
    fn new(index: usize, count: u64) -> Self {
        Self((count << COUNT_SHIFT) | (index as u64 + 1))
    }

    /// Which page of the pool it is.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0 & (MAX_PAGES as u64)).unwrap_or(0).wrapping_sub(1)
    }

    fn count(self) -> u64 {
        self.0 >> COUNT_SHIFT
    }

    /// The identity as a number, never 0.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The identity that [`to_bits`](Self::to_bits) gave; `None` for 0.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits & (MAX_PAGES as u64) == 0 { None } else { Some(Self(bits)) }
    }
}

struct Page {
    state: AtomicU64,
    /// Nothing until the page is claimed for the first time.
    samples: UnsafeCell<Option<AlignedBuffer>>,
}

/// A pool of equal pages, shared by reference between any number of readers and fillers.
///
/// ```
/// use omega_rt::pages::PagePool;
/// let pool = PagePool::new(1, 100);
/// let mut page = pool.claim(0).expect("nobody reads it");
/// page.fill(|samples| samples[99] = 0.5);
/// let id = page.publish();
/// assert_eq!(pool.read(id, |samples| samples[99]), Some(0.5));
/// drop(pool.claim(0));
/// assert_eq!(pool.read(id, |samples| samples[99]), None);
/// ```
pub struct PagePool {
    pages: Owned<[Page]>,
    samples: usize,
}

#[allow(unsafe_code, reason = "pages are handed over by their state words")]
// SAFETY: a page's lines are written only between a claim and its publish or drop, of which one exists at a time
// (`CLAIMED` is set by compare-and-swap), and only while no reader is inside; they are read only by readers that
// entered while `FULL` was set and `CLAIMED` was not, and a claim fails until they have left. Both directions have
// release-acquire order through the state word (loom model `a_page_is_never_filled_under_a_reader`).
unsafe impl Sync for PagePool {}

#[allow(unsafe_code, reason = "samples are plain memory")]
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for PagePool {}

impl PagePool {
    /// `pages` pages (at most [`MAX_PAGES`]) of `samples` samples each. Allocates the states only.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    #[must_use]
    pub fn new(pages: usize, samples: usize) -> Self {
        let page = || Page { state: AtomicU64::new(0), samples: UnsafeCell::new(None) };
        let pages: Box<[Page]> = core::iter::repeat_with(page).take(pages.min(MAX_PAGES)).collect();
        Self { pages: pages.into(), samples }
    }

    /// Number of pages.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Samples in a page.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Calls `reader` with the page's samples, or not at all (`None`) when `id` is out of date. Wait-free: `reader` runs
    /// on this thread while the page is held, so keep it short.
    #[allow(unsafe_code, reason = "reads a page that is held")]
    pub fn read<R>(&self, id: PageId, reader: impl FnOnce(&[f32]) -> R) -> Option<R> {
        let page = self.pages.get(id.index())?;
        let found = page.state.fetch_add(1, Ordering::Acquire);
        let inside = Inside(&page.state);
        if found & (FULL | CLAIMED) != FULL || found >> COUNT_SHIFT != id.count() {
            return None;
        }
        let result = page.samples.with(|samples| {
            // SAFETY: the word said FULL and not CLAIMED when this reader entered, and no claim succeeds before it
            // leaves, so nobody writes.
            unsafe { &*samples }.as_ref().map(|samples| reader(samples))
        });
        drop(inside);
        result
    }

    /// Takes the page `index` to fill it anew; `None` while somebody reads it, fills it, or no memory is left. What it held
    /// is out of date from now on. Lock-free; allocates the first time.
    #[allow(unsafe_code, reason = "gives memory to a page that was claimed")]
    pub fn claim(&self, index: usize) -> Option<PageFiller<'_>> {
        let page = self.pages.get(index)?;
        let found = page.state.load(Ordering::Relaxed);
        let busy = if faults::IGNORED_READERS.is_on() { CLAIMED } else { CLAIMED | READERS };
        if found & busy != 0 {
            return None;
        }
        let count = (found >> COUNT_SHIFT).wrapping_add(1) & (u64::MAX >> COUNT_SHIFT);
        let claimed = (count << COUNT_SHIFT) | CLAIMED | (found & READERS);
        page.state.compare_exchange(found, claimed, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let filler = PageFiller { page, id: PageId::new(index, count) };
        let has_memory = page.samples.with_mut(|samples| {
            // SAFETY: the page is claimed and nobody was inside, so this thread alone has it.
            let samples = unsafe { &mut *samples };
            if samples.is_none() {
                *samples = AlignedBuffer::try_zeroed(self.samples).ok();
            }
            samples.is_some()
        });
        has_memory.then_some(filler)
    }
}

/// Counts a reader out again.
struct Inside<'a>(&'a AtomicU64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// A page that one thread is filling. Dropped without [`publish`](Self::publish) it is an empty page.
pub struct PageFiller<'a> {
    page: &'a Page,
    id: PageId,
}

impl PageFiller<'_> {
    /// Calls `filler` with the page's samples, which still are those of its last filling.
    #[allow(unsafe_code, reason = "writes a page that is claimed")]
    pub fn fill<R>(&mut self, filler: impl FnOnce(&mut [f32]) -> R) -> R {
        self.page.samples.with_mut(|samples| {
            // SAFETY: the page is claimed by this value, which is borrowed mutably, and nobody was inside then; a reader
            // that enters now sees CLAIMED and does not look.
            let samples = unsafe { &mut *samples };
            filler(samples.as_mut().map_or(&mut [], |samples| &mut samples[..]))
        })
    }

    /// Lets readers in; the identity is theirs to know.
    #[must_use]
    pub fn publish(self) -> PageId {
        let order = if faults::RELAXED_PUBLISH.is_on() { Ordering::Relaxed } else { Ordering::Release };
        self.page.state.fetch_xor(CLAIMED | FULL, order);
        let id = self.id;
        core::mem::forget(self);
        id
    }
}

impl Drop for PageFiller<'_> {
    fn drop(&mut self) {
        self.page.state.fetch_xor(CLAIMED, Ordering::Release);
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
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::vec::Vec;

    #[test]
    fn a_page_goes_round_and_old_identities_are_noticed() {
        let pool = PagePool::new(2, 17);
        assert_eq!((pool.pages(), pool.samples()), (2, 17));
        assert!(pool.claim(2).is_none());
        let mut filler = pool.claim(1).unwrap();
        assert!(pool.claim(1).is_none(), "it is being filled");
        filler.fill(|samples| {
            assert_eq!(samples.len(), 17);
            samples.fill(1.0);
        });
        let first = filler.publish();
        assert_eq!(first.index(), 1);
        assert_eq!(PageId::from_bits(first.to_bits()), Some(first));
        assert_eq!(PageId::from_bits(0), None);
        let inner = pool.read(first, |samples| {
            assert!(pool.claim(1).is_none(), "it is being read");
            pool.read(first, |again| again[0] + samples[16])
        });
        assert_eq!(inner, Some(Some(2.0)));
        let mut filler = pool.claim(1).unwrap();
        assert_eq!(pool.read(first, |_| ()), None, "it was claimed");
        filler.fill(|samples| samples.fill(2.0));
        let second = filler.publish();
        assert_eq!(pool.read(first, |_| ()), None, "it was filled anew");
        assert_eq!(pool.read(second, |samples| samples[3]), Some(2.0));
        drop(pool.claim(1));
        assert_eq!(pool.read(second, |_| ()), None, "it was emptied");
        assert_eq!(pool.read(PageId::new(7, 1), |_| ()), None, "there is no such page");
    }

    #[test]
    fn many_readers_and_fillers_never_see_a_torn_page() {
        const PAGES: usize = 4;
        const FILLINGS: u32 = 4_000;
        let pool = PagePool::new(PAGES, 64);
        let table: Vec<AtomicU64> = (0..PAGES).map(|_| AtomicU64::new(0)).collect();
        let running = AtomicBool::new(true);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|n| {
                    let (pool, table, running) = (&pool, &table, &running);
                    scope.spawn(move || {
                        let (mut seen, mut at) = (0_u64, n);
                        // The last pages stay, so that a reader finds one even if it never ran before.
                        while running.load(Ordering::Relaxed) || seen == 0 {
                            at = (at + 1) % PAGES;
                            let Some(id) = PageId::from_bits(table[at].load(Ordering::Relaxed)) else {
                                continue;
                            };
                            let whole = pool.read(id, |samples| {
                                let first = samples[0].to_bits();
                                samples.iter().all(|sample| sample.to_bits() == first)
                            });
                            if let Some(whole) = whole {
                                assert!(whole, "a torn page");
                                seen += 1;
                            }
                        }
                        seen
                    })
                })
                .collect();
            let fillers: Vec<_> = (0..2_u32)
                .map(|n| {
                    let (pool, table) = (&pool, &table);
                    scope.spawn(move || {
                        let mut filled = 0;
                        while filled < FILLINGS {
                            let index = ((filled + n) as usize) % PAGES;
                            let Some(mut filler) = pool.claim(index) else {
                                thread::yield_now();
                                continue;
                            };
                            filled += 1;
                            let value = f32::from_bits(n * FILLINGS + filled);
                            filler.fill(|samples| samples.fill(value));
                            table[index].store(filler.publish().to_bits(), Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            for filler in fillers {
                filler.join().unwrap();
            }
            running.store(false, Ordering::Relaxed);
            for reader in readers {
                assert!(reader.join().unwrap() > 0);
            }
        });
    }
}
