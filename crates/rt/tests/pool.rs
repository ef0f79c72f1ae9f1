//! Pools against a naive model, at their edges, between threads, and under the guard.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "tests run off the audio thread"
)]
use omega_rt::guard::{CountingAllocator, RtScope};
use omega_rt::pool::{BATCH, Block, BlockPool, CACHE_BLOCKS, MAX_BLOCKS, PoolBox, PoolError};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A small repeatable random source.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }
}

#[test]
fn the_standard_pool_is_16_mib_of_distinct_aligned_64_byte_blocks() {
    let pool = BlockPool::standard().unwrap();
    assert_eq!((pool.block_bytes(), pool.blocks(), pool.count_free()), (64, 262_144, 262_144));
    assert_eq!(pool.memory().1, 16 * 1024 * 1024);
    let blocks: Vec<Block<'_>> = std::iter::from_fn(|| pool.alloc()).collect();
    assert_eq!((blocks.len(), pool.count_free()), (262_144, 0));
    let start = pool.memory().0.addr().get();
    let mut seen = vec![false; blocks.len()];
    for block in &blocks {
        let offset = block.as_ptr().addr().get() - start;
        assert!(offset.is_multiple_of(64) && block.as_ptr().addr().get().is_multiple_of(64));
        assert!(!std::mem::replace(&mut seen[offset / 64], true));
    }
    assert!(pool.alloc().is_none());
    drop(blocks);
    assert_eq!(pool.count_free(), 262_144);
}

#[test]
fn block_sizes_are_rounded_up_and_absurd_pools_are_refused() {
    for (asked, given) in [(0, 64), (1, 64), (64, 64), (65, 128), (1024, 1024), (1025, 1088)] {
        assert_eq!(BlockPool::new(asked, 3).unwrap().block_bytes(), given);
    }
    assert!(BlockPool::new(64, 0).unwrap().alloc().is_none());
    assert_eq!(
        BlockPool::new(64, MAX_BLOCKS + 1).unwrap_err(),
        PoolError::TooManyBlocks { blocks: MAX_BLOCKS + 1 }
    );
    for bytes in [usize::MAX, usize::MAX / 2, usize::MAX / 64] {
        let error = BlockPool::new(bytes, 2).unwrap_err();
        assert_eq!(error, PoolError::OutOfMemory { block_bytes: bytes, blocks: 2 });
        assert!(error.to_string().contains("2 blocks"));
    }
}

/// Writes a pattern over the whole block that names its owner.
fn stamp(block: &mut Block<'_>, owner: usize) {
    block.as_uninit().fill(std::mem::MaybeUninit::new(u8::try_from(owner % 251).unwrap()));
}

#[test]
fn random_use_through_caches_and_directly_never_hands_out_a_block_twice_or_loses_one() {
    let pool = BlockPool::new(64, 300).unwrap();
    let mut caches = [pool.cache(), pool.cache()];
    let (mut held, mut random): (Vec<Block<'_>>, _) = (Vec::new(), Random(7));
    for step in 0..40_000 {
        let (way, fill) = (random.below(3), if step / 4000 % 2 == 0 { 2 } else { 5 });
        if random.below(7) < fill {
            let block = if way < 2 { caches[way].alloc() } else { pool.alloc() };
            let in_caches = caches[0].held() + caches[1].held();
            let own = if way < 2 { caches[way].held() } else { 0 };
            assert!(block.is_some() || held.len() + in_caches - own == 300, "none, though some are free");
            held.extend(block);
        } else if !held.is_empty() {
            let block = held.swap_remove(random.below(held.len()));
            if way < 2 { caches[way].free(block) } else { drop(block) }
        }
        assert!(caches.iter().all(|cache| cache.held() <= CACHE_BLOCKS));
        if step % 500 == 0 {
            let distinct: HashSet<u32> = held.iter().map(Block::index).collect();
            assert_eq!(distinct.len(), held.len());
            assert_eq!(pool.count_free() + held.len() + caches[0].held() + caches[1].held(), 300);
        }
    }
    drop((held, caches));
    assert_eq!(pool.count_free(), 300);
}

#[test]
fn a_cache_moves_whole_batches() {
    let pool = BlockPool::new(64, 200).unwrap();
    let mut cache = pool.cache();
    let block = cache.alloc().unwrap();
    assert_eq!((cache.held(), pool.count_free()), (BATCH - 1, 200 - BATCH));
    cache.free(block);
    let many: Vec<_> = std::iter::from_fn(|| cache.alloc()).collect();
    assert_eq!((many.len(), pool.count_free()), (200, 0));
    for block in many {
        cache.free(block);
    }
    assert_eq!((cache.held() + pool.count_free(), pool.count_free() % BATCH), (200, 0));
}

#[test]
fn a_block_given_to_the_cache_of_another_pool_goes_home() {
    let (home, other) = (BlockPool::new(64, 2).unwrap(), BlockPool::new(64, 2).unwrap());
    let mut cache = other.cache();
    cache.free(home.alloc().unwrap());
    assert_eq!((home.count_free(), cache.held(), other.count_free()), (2, 0, 2));
}

struct CountsDrops(Arc<AtomicUsize>, [u64; 4]);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn values_in_blocks_are_dropped_once_or_moved_out() {
    let drops = Arc::new(AtomicUsize::new(0));
    let pool = BlockPool::new(64, 3).unwrap();
    let mut cache = pool.cache();
    let mut first = pool.store(CountsDrops(drops.clone(), [1; 4])).ok().unwrap();
    let second = cache.store(CountsDrops(drops.clone(), [2; 4])).ok().unwrap();
    let third = cache.store(CountsDrops(drops.clone(), [3; 4])).ok().unwrap();
    let refused = cache.store(CountsDrops(drops.clone(), [4; 4])).err().unwrap();
    assert_eq!((refused.1, drops.load(Ordering::SeqCst)), ([4; 4], 0));
    first.1[0] = 9;
    assert_eq!((first.1, second.1), ([9, 1, 1, 1], [2; 4]));
    drop(first);
    assert_eq!((drops.load(Ordering::SeqCst), pool.count_free()), (1, 1));
    assert_eq!(cache.take(second).1, [2; 4]);
    assert_eq!((drops.load(Ordering::SeqCst), cache.held()), (2, 1));
    let moved = third.into_inner();
    assert_eq!((moved.1, drops.load(Ordering::SeqCst), pool.count_free()), ([3; 4], 2, 2));
}

#[test]
fn a_value_that_is_too_large_or_too_aligned_comes_back() {
    #[repr(align(128))]
    struct Wide(u8);
    let pool = BlockPool::new(64, 1).unwrap();
    assert!(pool.store([0_u8; 65]).is_err());
    assert_eq!(pool.store(Wide(5)).err().map(|wide| wide.0), Some(5));
    assert_eq!(pool.count_free(), 1);
    assert_eq!(pool.store([7_u8; 64]).unwrap()[63], 7);
    assert_eq!(pool.store(()).map(PoolBox::into_inner), Ok(()));
}

#[test]
fn sample_blocks_start_as_zeros_whatever_was_there() {
    let pool = BlockPool::new(256 * 4, 1).unwrap();
    let mut block = pool.alloc().unwrap();
    stamp(&mut block, 200);
    drop(block);
    let mut samples = pool.alloc().unwrap().into_samples();
    assert_eq!(samples.len(), 256);
    assert!(samples.iter().all(|s| s.to_bits() == 0));
    samples.fill(1.0);
    let mut cache = pool.cache();
    cache.free(samples.into_block());
    assert!(cache.alloc().unwrap().into_samples().iter().all(|s| s.to_bits() == 0));
}

/// Each thread takes, marks, passes on and checks; the marks collide if a block ever has two owners.
#[test]
fn threads_fighting_for_few_blocks_never_share_one() {
    const ROUNDS: usize = 30_000;
    let pool = BlockPool::new(64, 3 * BATCH).unwrap();
    let owners: Vec<AtomicUsize> = (0..pool.blocks()).map(|_| AtomicUsize::new(0)).collect();
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (pool, owners, taken) = (&pool, &owners, &taken);
            scope.spawn(move || {
                let (mut cache, mut random) = (pool.cache(), Random(thread as u64));
                let mut held: Vec<Block<'_>> = Vec::new();
                for _ in 0..ROUNDS {
                    let cached = thread % 2 == 0;
                    if held.len() < 20 && random.below(2) == 0 {
                        let Some(block) = (if cached { cache.alloc() } else { pool.alloc() }) else {
                            continue;
                        };
                        let owner = &owners[block.index() as usize];
                        assert_eq!(owner.swap(thread, Ordering::Relaxed), 0, "a block with two owners");
                        taken.fetch_add(1, Ordering::Relaxed);
                        held.push(block);
                    } else if !held.is_empty() {
                        let block = held.swap_remove(random.below(held.len()));
                        assert_eq!(owners[block.index() as usize].swap(0, Ordering::Relaxed), thread);
                        if cached { cache.free(block) } else { drop(block) }
                    }
                }
                for block in held {
                    owners[block.index() as usize].store(0, Ordering::Relaxed);
                    drop(block);
                }
            });
        }
    });
    assert!(taken.load(Ordering::Relaxed) > ROUNDS);
    assert_eq!(pool.count_free(), pool.blocks());
}

#[test]
fn a_block_carries_its_bytes_to_the_thread_that_takes_it_next() {
    let pool = BlockPool::new(64, 2).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let Some(mut boxed) = pool.alloc().and_then(|block| block.store([0_u64; 8]).ok()) else {
                        continue;
                    };
                    boxed[7] += 1;
                    assert_eq!(*boxed, [0, 0, 0, 0, 0, 0, 0, 1]);
                }
            });
        }
    });
    assert_eq!(pool.count_free(), 2);
}

#[test]
fn everything_a_pool_does_inside_a_scope_is_clean() {
    let pool = BlockPool::new(1024, 100).unwrap();
    let scope = RtScope::enter();
    let mut cache = pool.cache();
    let mut held: [Option<Block<'_>>; 100] = [const { None }; 100];
    for _ in 0..3 {
        for slot in &mut held {
            *slot = cache.alloc();
        }
        assert!(cache.alloc().is_none() && pool.alloc().is_none());
        for slot in &mut held {
            if let Some(block) = slot.take() {
                cache.free(block);
            }
        }
    }
    drop(cache.store([1_u8; 900]));
    drop(pool.alloc().map(Block::into_samples));
    drop(cache);
    assert!(scope.counts().is_clean());
    assert_eq!(pool.count_free(), 100);
}

/// Minor page faults of this thread so far (field 10 of its `stat`).
#[cfg(target_os = "linux")]
fn minor_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap();
    fields.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn the_pages_of_pools_buffers_and_fifos_are_there_before_their_first_use() {
    let pool = BlockPool::standard().unwrap();
    let mut buffer = omega_rt::AlignedBuffer::zeroed(4 * 1024 * 1024);
    let mut blocks: Vec<Block<'_>> = Vec::with_capacity(pool.blocks());
    blocks.extend(std::iter::from_fn(|| pool.alloc()));
    let (mut producer, _consumer) = omega_rt::fifo::fifo(100_000);
    let before = minor_faults();
    for block in &mut blocks {
        stamp(block, 1);
    }
    buffer.fill(1.0);
    while producer.push([1_u8; 64]).is_ok() {}
    let faults = minor_faults() - before;
    // 9,750 pages of 4 KiB were written; reading the counter itself takes a few faults the first time.
    assert!(faults < 64, "{faults} page faults");
    let mut seeded = Vec::<u8>::with_capacity(8 * 1024 * 1024);
    let before = minor_faults();
    seeded.extend(std::iter::repeat_n(1, 8 * 1024 * 1024));
    assert!(minor_faults() > before, "the counter does not see faults at all");
    assert_eq!(std::hint::black_box(&seeded).len(), 8 * 1024 * 1024);
}
