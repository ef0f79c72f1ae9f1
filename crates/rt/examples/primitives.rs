//! What the primitives cost here: nanoseconds per operation, the least of several runs (two threads: the median).
//!
//! ```sh
//! cargo run --release -p omega-rt --example primitives
//! ```
//!
//! The spin-lock list is the pool as the first sketch of the architecture had it; the allocator is the system's.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "a measuring program, off the audio thread"
)]

use omega_rt::latest::{AtomicF32, latest_value};
use omega_rt::pool::{BlockPool, PoolError};
use omega_rt::{FlushDenormals, PeakCell, RtScope, fifo, reclaim};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

const OPERATIONS: u32 = 100_000;
/// Two threads run for long enough to meet whenever they were started.
const LONG: u32 = 2_000_000;
const RUNS: usize = 15;

/// The least time of an operation over all runs, in nanoseconds. `run` does [`OPERATIONS`] of them.
fn least(mut run: impl FnMut()) -> f64 {
    let one = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e9 / f64::from(OPERATIONS)
    };
    (0..RUNS).map(|_| one(&mut run)).fold(f64::INFINITY, f64::min)
}

fn repeat(mut operation: impl FnMut()) -> f64 {
    least(|| (0..OPERATIONS).for_each(|_| operation()))
}

/// The same work on two threads at once; each thread makes its own operation. The median over the runs (the least
/// would be a run in which the threads missed each other).
fn contending<F: FnMut()>(make: impl Fn() -> F + Sync) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let ready = AtomicUsize::new(0);
            let run = || {
                let mut operation = make();
                ready.fetch_add(1, Ordering::AcqRel);
                while ready.load(Ordering::Acquire) < 2 {
                    spin_loop();
                }
                let start = Instant::now();
                (0..LONG).for_each(|_| operation());
                start.elapsed().as_secs_f64() * 1e9 / f64::from(LONG)
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(run);
                let mine = run();
                other.join().map_or(f64::INFINITY, |theirs| theirs.max(mine))
            })
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(RUNS / 2).copied().unwrap_or(f64::NAN)
}

/// A free list under a spin lock. (Its links are atomic only so that no unsafe code is needed: under the lock they are
/// read and written like any others.)
struct SpinList {
    locked: AtomicBool,
    top: AtomicU32,
    next: Vec<AtomicU32>,
}

impl SpinList {
    fn new(blocks: u32) -> Self {
        Self {
            locked: AtomicBool::new(false),
            top: AtomicU32::new(0),
            next: (1..=blocks).map(AtomicU32::new).collect(),
        }
    }

    fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        let result = f();
        self.locked.store(false, Ordering::Release);
        result
    }

    fn alloc_and_free(&self) {
        let index = black_box(self.with(|| {
            let index = self.top.load(Ordering::Relaxed);
            let link = self.next.get(index as usize)?;
            self.top.store(link.load(Ordering::Relaxed), Ordering::Relaxed);
            Some((index, link))
        }));
        if let Some((index, link)) = index {
            self.with(|| {
                link.store(self.top.load(Ordering::Relaxed), Ordering::Relaxed);
                self.top.store(index, Ordering::Relaxed);
            });
        }
    }
}

fn malloc_and_free() {
    drop(black_box(Box::<[u64; 8]>::new_uninit()));
}

fn row(name: &str, one: f64, two: f64) {
    println!("  {name:<44} {one:>8.1} {two:>10.1}");
}

fn pools() -> Result<(), PoolError> {
    println!("take and give back one 64-byte block of 16 MiB   1 thread  2 threads");
    let pool = BlockPool::standard()?;
    let direct = || drop(black_box(pool.alloc()));
    row("pool", repeat(direct), contending(|| direct));
    let through_cache = || {
        let mut cache = pool.cache();
        move || {
            if let Some(block) = black_box(cache.alloc()) {
                cache.free(block);
            }
        }
    };
    row("pool with a cache", repeat(through_cache()), contending(through_cache));
    let runs_of_40 = || {
        let (mut cache, mut held) = (pool.cache(), Vec::with_capacity(40));
        let mut taking = true;
        // A pair is two operations here, so every second call does one.
        move || {
            for _ in 0..2 {
                if taking {
                    held.extend(cache.alloc());
                } else if let Some(block) = held.pop() {
                    cache.free(block);
                }
                taking = if held.len() == 40 { false } else { taking || held.is_empty() };
            }
        }
    };
    row("pool with a cache, 40 taken then 40 given back", repeat(runs_of_40()), contending(runs_of_40));
    let spin = SpinList::new(262_144);
    let spinning = || spin.alloc_and_free();
    row("list under a spin lock", repeat(spinning), contending(|| spinning));
    row("system allocator", repeat(malloc_and_free), contending(|| malloc_and_free));
    Ok(())
}

/// Time per value from one thread to another, in batches of `batch` (0: one by one with `push` and `pop`).
fn across(batch: usize) -> f64 {
    least(|| {
        let (mut producer, mut consumer) = fifo::fifo::<u64>(4096);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let values = [7_u64; 64];
                let mut left = OPERATIONS as usize;
                while left > 0 {
                    let sent = match batch {
                        0 => usize::from(producer.push(7).is_ok()),
                        _ => producer.write_batch(values.get(..batch.min(left)).unwrap_or(&values)),
                    };
                    left -= sent;
                    if sent == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            let (mut values, mut left) = ([0_u64; 64], OPERATIONS as usize);
            while left > 0 {
                let got = match batch {
                    0 => usize::from(consumer.pop().is_some()),
                    _ => consumer.read_batch(values.get_mut(..batch).unwrap_or(&mut [])),
                };
                left -= got;
                if got == 0 {
                    std::thread::yield_now();
                }
            }
        });
    })
}

fn fifos() {
    println!("FIFO, per value                                  1 thread  2 threads");
    let (mut producer, mut consumer) = fifo::fifo::<u64>(256);
    let single = repeat(|| {
        let _sent = producer.push(black_box(7));
        black_box(consumer.pop());
    });
    row("one by one", single, across(0));
    let (values, mut out) = ([7_u64; 64], [0_u64; 64]);
    let batched = repeat(|| {
        producer.write_batch(black_box(&values));
        consumer.read_batch(&mut out);
    });
    row("in batches of 64", batched / 64.0, across(64));
}

fn cells() {
    println!("cells and guards                                 1 thread");
    let one = |name: &str, ns: f64| println!("  {name:<44} {ns:>8.1}");
    let (mut writer, mut reader) = latest_value([0.0_f64; 4]);
    one("latest value (32 bytes): write", repeat(|| writer.set(black_box([1.0; 4]))));
    let _newest = reader.get();
    one("latest value: read, nothing new", repeat(|| _ = black_box(reader.get())));
    let both = repeat(|| {
        writer.set(black_box([1.0; 4]));
        black_box(reader.get());
    });
    one("latest value: write and read", both);
    let cell = AtomicF32::new(0.0);
    one("AtomicF32: read", repeat(|| _ = black_box(cell.load())));
    let meter = PeakCell::new();
    one("meter: update", repeat(|| meter.update(black_box(0.5), black_box(2.0), 256, black_box(7))));
    let mut rising = 0.0;
    let rise = repeat(|| {
        rising += 1.0;
        meter.update(black_box(rising), 2.0, 256, 7);
    });
    one("meter: update with a new peak", rise);
    let (mut audio, mut other) = reclaim::reclaim::<u64>(64);
    let reclaimed = repeat(|| {
        let _sent = audio.send(black_box(7));
        black_box(other.collect());
    });
    one("reclaim: give away and collect", reclaimed);
    one("RT scope: enter and leave", repeat(|| drop(black_box(RtScope::enter()))));
    one("denormals: flush and restore", repeat(|| drop(black_box(FlushDenormals::enter()))));
}

fn main() -> Result<(), PoolError> {
    println!(
        "nanoseconds per operation, {RUNS} runs of {OPERATIONS}: the least, of two contending threads the median"
    );
    pools()?;
    fifos();
    cells();
    Ok(())
}
