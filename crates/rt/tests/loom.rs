//! Models of everything in this crate that several threads touch, checked over all interleavings and all orders that
//! the memory model allows (preemption bound 3).
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p omega-rt --release --test loom
//! ```
//!
//! Each model must also find its own seeded fault: a model that cannot fail proves nothing.
#![cfg(loom)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::arc_with_non_send_sync,
    reason = "tests run off the audio thread, and loom runs its threads one at a time"
)]

use loom::cell::UnsafeCell;
use loom::thread;
use omega_rt::faults::{self, Fault};
use omega_rt::latest::latest_value;
use omega_rt::meter::PeakCell;
use omega_rt::pages::{PageId, PagePool};
use omega_rt::pool::{Block, BlockPool};
use omega_rt::reclaim::reclaim;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The switches of the seeded faults belong to the whole process: one model at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Explores a model that must hold.
fn holds(model: impl Fn() + Sync + Send + 'static) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    explore(model);
}

/// Explores the same model with a mistake switched on; loom must find it.
fn finds(fault: &Fault, model: impl Fn() + Sync + Send + 'static) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fault.set(true);
    let found = catch_unwind(AssertUnwindSafe(|| explore(model))).is_err();
    fault.set(false);
    assert!(found, "the seeded fault was not found");
}

/// Who owns each block, and what its owner wrote: loom reports two accesses that are not ordered.
struct Owners(Vec<(AtomicUsize, UnsafeCell<u32>)>);

impl Owners {
    fn new(blocks: usize) -> Arc<Self> {
        Arc::new(Self((0..blocks).map(|_| (AtomicUsize::new(0), UnsafeCell::new(0))).collect()))
    }

    fn take(&self, block: &Block<'_>) {
        let (owned, content) = &self.0[block.index() as usize];
        assert_eq!(owned.fetch_add(1, Ordering::SeqCst), 0, "a block with two owners");
        content.with_mut(|_| ());
    }

    fn give_back(&self, block: Block<'_>) {
        let (owned, content) = &self.0[block.index() as usize];
        content.with_mut(|_| ());
        owned.fetch_sub(1, Ordering::SeqCst);
        drop(block);
    }
}

/// The ABA situation: one thread takes A; the other takes A and B and gives A back in between.
fn aba() {
    let pool = Arc::new(BlockPool::new(64, 3).expect("three blocks"));
    let owners = Owners::new(3);
    let (other_pool, other_owners) = (pool.clone(), owners.clone());
    let other = thread::spawn(move || {
        let kept = other_pool.alloc().expect("at most three are taken");
        other_owners.take(&kept);
        std::mem::forget(kept);
    });
    let first = pool.alloc().expect("at most three are taken");
    owners.take(&first);
    if let Some(second) = pool.alloc() {
        owners.take(&second);
        std::mem::forget(second);
    }
    owners.give_back(first);
    other.join().expect("it ends");
    while let Some(rest) = pool.alloc() {
        owners.take(&rest);
        std::mem::forget(rest);
    }
    assert!(owners.0.iter().all(|(owned, _)| owned.load(Ordering::SeqCst) == 1), "a block was lost");
}

#[test]
fn a_block_has_one_owner_at_a_time() {
    holds(aba);
}

#[test]
fn an_untagged_free_list_is_caught() {
    finds(&faults::UNTAGGED_INDEX, aba);
}

#[test]
fn a_block_given_back_without_release_is_caught() {
    finds(&faults::RELAXED_PUBLISH, aba);
}

/// A cache refills (walking links that change under it) and is emptied, while another thread takes and gives back.
fn batches() {
    let pool = Arc::new(BlockPool::new(64, 3).expect("three blocks"));
    let owners = Owners::new(3);
    let (other_pool, other_owners) = (pool.clone(), owners.clone());
    let other = thread::spawn(move || {
        let blocks = [other_pool.alloc(), other_pool.alloc()];
        blocks.iter().flatten().for_each(|block| other_owners.take(block));
        blocks.into_iter().flatten().for_each(|block| other_owners.give_back(block));
    });
    let mut cache = pool.cache();
    if let Some(block) = cache.alloc() {
        owners.take(&block);
        owners.give_back(block);
    }
    drop(cache);
    other.join().expect("it ends");
    assert_eq!(pool.count_free(), 3, "a block was lost");
}

#[test]
fn batches_move_whole_while_others_take_and_give_back() {
    holds(batches);
}

#[test]
fn an_untagged_batch_is_caught() {
    finds(&faults::UNTAGGED_INDEX, batches);
}

fn latest() {
    let (mut writer, mut reader) = latest_value([0_u32; 2]);
    let audio = thread::spawn(move || (1..=3).for_each(|n| writer.set([n; 2])));
    let mut before = 0;
    for _ in 0..3 {
        let value = reader.get();
        assert!(value[0] == value[1] && value[0] >= before);
        before = value[0];
    }
    audio.join().expect("it ends");
    assert_eq!(reader.get(), [3; 2], "the newest value must be seen after the writer has ended");
}

#[test]
fn latest_value_is_whole_and_never_older() {
    holds(latest);
}

#[test]
fn a_relaxed_publish_is_caught() {
    finds(&faults::RELAXED_PUBLISH, latest);
}

/// Used by the audio side until it is given away, and once more where it is dropped.
struct Value(UnsafeCell<u32>, Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

/// Three values through two places (one slot, one parked), so that the slot is used again while the other side empties
/// it. Both sides wait in loops that yield: loom looks for another order at a yield, but not at a store that follows
/// the same thread's load of the same atomic.
fn hand_over() {
    const VALUES: usize = 3;
    let drops = Arc::new(AtomicUsize::new(0));
    let (mut audio, mut other) = reclaim(1);
    let sent = drops.clone();
    let collector = thread::spawn(move || {
        let mut collected = 0;
        while collected < VALUES {
            collected += other.collect();
            assert_eq!(collected, drops.load(Ordering::SeqCst));
            thread::yield_now();
        }
        assert_eq!(other.outstanding(), 0);
    });
    for _ in 0..VALUES {
        let mut value = Value(UnsafeCell::new(0), sent.clone());
        value.0.with_mut(|_| ());
        while let Err(back) = audio.send(value) {
            value = back;
            thread::yield_now();
        }
    }
    while !audio.flush() {
        thread::yield_now();
    }
    collector.join().expect("it ends");
    assert_eq!((sent.load(Ordering::SeqCst), audio.outstanding()), (VALUES, 0));
}

#[test]
fn reclaim_drops_each_value_once_on_the_other_side() {
    holds(hand_over);
}

#[test]
fn a_relaxed_hand_over_is_caught() {
    finds(&faults::RELAXED_PUBLISH, hand_over);
}

#[test]
fn an_early_free_is_caught() {
    finds(&faults::EARLY_FREE, hand_over);
}

fn meter() {
    let cell = loom::sync::Arc::new(PeakCell::new());
    let writer = cell.clone();
    let audio =
        thread::spawn(move || (1..=2_u8).for_each(|n| writer.update(f32::from(n), 10.0, 5, i64::from(n))));
    let during = cell.take();
    assert!((during.sum_sq - 2.0 * f64::from(u32::try_from(during.frames).expect("small"))).abs() < 1e-9);
    audio.join().expect("it ends");
    let after = cell.take();
    assert_eq!((during.frames + after.frames, after.position), (10, 2));
    assert!((during.sum_sq + after.sum_sq - 20.0).abs() < 1e-9);
    assert_eq!(during.peak.max(after.peak).to_bits(), 2.0_f32.to_bits());
}

#[test]
fn meter_readings_lose_nothing_and_are_never_torn() {
    holds(meter);
}

#[test]
fn an_unchecked_meter_reading_is_caught() {
    finds(&faults::UNCHECKED_READ, meter);
}

/// A page is filled twice while a reader looks for it, with whatever identity it finds in a table.
fn pages() {
    let pool = Arc::new(PagePool::new(1, 2));
    let table = Arc::new(loom::sync::atomic::AtomicU64::new(0));
    let fill = |pool: &PagePool, value: f32| {
        let mut filler = pool.claim(0)?;
        filler.fill(|samples| samples.fill(value));
        Some(filler.publish().to_bits())
    };
    let first = fill(&pool, 1.0).expect("nobody else is there yet");
    table.store(first, loom::sync::atomic::Ordering::Relaxed);
    let (other_pool, other_table) = (pool.clone(), table.clone());
    let other = thread::spawn(move || {
        if let Some(second) = fill(&other_pool, 2.0) {
            other_table.store(second, loom::sync::atomic::Ordering::Relaxed);
        }
        // Nobody reads what was given up.
        drop(other_pool.claim(0));
    });
    for _ in 0..2 {
        let bits = table.load(loom::sync::atomic::Ordering::Relaxed);
        let id = PageId::from_bits(bits).expect("never empty");
        if let Some((a, b)) = pool.read(id, |samples| (samples[0], samples[1])) {
            let want = if bits == first { 1.0 } else { 2.0 };
            assert!(a == want && b == want, "another filling under this identity");
        }
    }
    other.join().expect("it ends");
}

#[test]
fn a_page_is_never_filled_under_a_reader() {
    holds(pages);
}

#[test]
fn a_claim_that_ignores_readers_is_caught() {
    finds(&faults::IGNORED_READERS, pages);
}

#[test]
fn a_page_published_without_release_is_caught() {
    finds(&faults::RELAXED_PUBLISH, pages);
}
