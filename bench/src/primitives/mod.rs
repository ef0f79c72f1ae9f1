//! The real-time primitives beside their rivals, in one run and in turns: pool, FIFO, latest value.
//!
//! Each contender does the same number of operations in each round; the least and the median time of an operation count.
//! Between two threads, each on a processor of its own, the operations of both are timed from the moment at which both are
//! ready; the median counts there, because in the best round they may have missed each other.

mod heap;
mod spin_list;

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use omega_rt::fifo::fifo;
use omega_rt::latest::latest_value;
use omega_rt::pool::BlockPool;

use crate::session::Error;
use spin_list::SpinList;

/// Messages in a batch.
const BATCH: usize = 64;
/// Messages that a FIFO holds.
const DEPTH: usize = 1024;
/// What is published: eight numbers, one cache line.
type Value = [u64; 8];

/// One line of the table.
pub struct Line {
    /// What was done.
    pub what: &'static str,
    /// By whom.
    pub who: &'static str,
    /// Nanoseconds an operation in the best round.
    pub least: f64,
    /// In the median round.
    pub median: f64,
}

type Run<'a> = Box<dyn FnMut(u32) -> f64 + 'a>;

struct Contender<'a> {
    what: &'static str,
    who: &'static str,
    run: Run<'a>,
}

/// Runs all contenders `rounds` times in turns, `operations` operations each.
///
/// # Errors
/// A pool cannot be made.
pub fn measure(rounds: usize, operations: u32) -> Result<Vec<Line>, Error> {
    let pool = BlockPool::standard()?;
    let list = SpinList::new(pool.blocks());
    let mut contenders = Vec::new();
    pools(&pool, &list, &mut contenders);
    fifos_here(&mut contenders);
    fifos_across(&mut contenders);
    latest_values(&mut contenders);
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push((contender.run)(operations));
        }
    }
    let line = |(contender, mut times): (&Contender<'_>, Vec<f64>)| {
        times.sort_by(f64::total_cmp);
        let least = times.first().copied().unwrap_or(f64::NAN);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        Line { what: contender.what, who: contender.who, least, median }
    };
    Ok(contenders.iter().zip(times).map(line).collect())
}

/// Nanoseconds of one of `operations` operations.
fn timed(operations: u32, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(operations)
}

fn repeated(mut operation: impl FnMut()) -> impl FnMut(u32) -> f64 {
    move |operations| timed(operations, || (0..operations).for_each(|_| operation()))
}

/// So many times as many operations between two threads: they have to meet for most of the time.
const LONGER: u32 = 10;

/// Two threads at once, on two processors where there are two; the slower one counts.
fn both(operations: u32, first: impl FnOnce(u32) + Send, second: impl FnOnce(u32) + Send) -> f64 {
    let operations = operations.saturating_mul(LONGER);
    let ready = AtomicUsize::new(0);
    let run = |processor: usize, work: &mut dyn FnMut()| {
        pin(processor);
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < 2 {
            spin_loop();
        }
        timed(operations, work)
    };
    let (mut first, mut second) = (Some(first), Some(second));
    std::thread::scope(|scope| {
        let run = &run;
        let one =
            scope.spawn(move || run(0, &mut || first.take().into_iter().for_each(|work| work(operations))));
        let two =
            scope.spawn(move || run(1, &mut || second.take().into_iter().for_each(|work| work(operations))));
        let time = |thread: std::thread::ScopedJoinHandle<'_, f64>| thread.join().unwrap_or(f64::INFINITY);
        time(one).max(time(two))
    })
}

/// Keeps the calling thread on one processor. A refusal leaves it where it is.
fn pin(processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    _ = rustix::thread::sched_setaffinity(None, &set);
}

fn pools<'a>(pool: &'a BlockPool, list: &'a SpinList, to: &mut Vec<Contender<'a>>) {
    const ALONE: &str = "pool, alloc + free of 64 B";
    const TWO: &str = "pool, two threads contending";
    let mut add = |what, who, run: Run<'a>| to.push(Contender { what, who, run });
    let cached = move |n: u32| {
        let mut cache = pool.cache();
        for _ in 0..n {
            if let Some(block) = cache.alloc() {
                cache.free(black_box(block));
            }
        }
    };
    let direct = move |n: u32| (0..n).for_each(|_| drop(black_box(pool.alloc())));
    let spinning = move |n: u32| (0..n).for_each(|_| list.pair());
    let glibc = |n: u32| (0..n).for_each(|_| heap::pair(&std::alloc::System));
    let mimalloc = |n: u32| (0..n).for_each(|_| heap::pair(&mimalloc::MiMalloc));
    add(ALONE, "omega, through its cache", Box::new(move |n| timed(n, || cached(n))));
    add(ALONE, "omega, directly", Box::new(move |n| timed(n, || direct(n))));
    add(ALONE, "list under a spin lock", Box::new(move |n| timed(n, || spinning(n))));
    add(ALONE, "malloc of the C library", Box::new(move |n| timed(n, || glibc(n))));
    add(ALONE, "mimalloc", Box::new(move |n| timed(n, || mimalloc(n))));
    add(TWO, "omega, through caches", Box::new(move |n| both(n, cached, cached)));
    add(TWO, "omega, directly", Box::new(move |n| both(n, direct, direct)));
    add(TWO, "list under a spin lock", Box::new(move |n| both(n, spinning, spinning)));
    add(TWO, "malloc of the C library", Box::new(move |n| both(n, glibc, glibc)));
    add(TWO, "mimalloc", Box::new(move |n| both(n, mimalloc, mimalloc)));
}

fn fifos_here(to: &mut Vec<Contender<'_>>) {
    const SINGLE: &str = "FIFO on one thread, a message";
    const BATCHED: &str = "FIFO on one thread, 64 messages";
    let (mut producer, mut consumer) = fifo::<u64>(DEPTH);
    let run = repeated(move || {
        _ = producer.push(1);
        black_box(consumer.pop());
    });
    to.push(Contender { what: SINGLE, who: "omega", run: Box::new(run) });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(DEPTH);
    let run = repeated(move || {
        _ = producer.push(1);
        _ = black_box(consumer.pop());
    });
    to.push(Contender { what: SINGLE, who: "rtrb", run: Box::new(run) });
    let (mut producer, mut consumer) = fifo::<u64>(DEPTH);
    let mut values = [1; BATCH];
    let run = repeated(move || {
        producer.write_batch(black_box(&values));
        consumer.read_batch(&mut values);
    });
    to.push(Contender { what: BATCHED, who: "omega", run: Box::new(run) });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(DEPTH);
    let mut values = [1; BATCH];
    let run = repeated(move || {
        _ = producer.push_partial_slice(black_box(&values));
        _ = consumer.pop_partial_slice(&mut values);
    });
    to.push(Contender { what: BATCHED, who: "rtrb", run: Box::new(run) });
}

fn fifos_across(to: &mut Vec<Contender<'_>>) {
    const SINGLE: &str = "FIFO between threads, a message";
    const BATCHED: &str = "FIFO between threads, of 64 a message";
    let mut add = |what, who, run: Run<'static>| to.push(Contender { what, who, run });
    let ours = |n: u32| {
        let (mut producer, mut consumer) = fifo::<u64>(DEPTH);
        let send = move |n: u32| (0..u64::from(n)).for_each(|i| while producer.push(i).is_err() {});
        both(n, send, move |n| (0..n).for_each(|_| while black_box(consumer.pop()).is_none() {}))
    };
    let bare = |n: u32| {
        let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(DEPTH);
        let send = move |n: u32| (0..u64::from(n)).for_each(|i| while producer.push(i).is_err() {});
        both(n, send, move |n| (0..n).for_each(|_| while black_box(consumer.pop()).is_err() {}))
    };
    add(SINGLE, "omega", Box::new(ours));
    add(SINGLE, "rtrb", Box::new(bare));
    let ours = |n: u32| {
        let (mut producer, mut consumer) = fifo::<u64>(DEPTH);
        let values = [1; BATCH];
        let send = move |n: u32| whole(n, |most| producer.write_batch(values.get(..most).unwrap_or(&[])));
        let mut heard = [0; BATCH];
        both(n, send, move |n| whole(n, |most| consumer.read_batch(heard.get_mut(..most).unwrap_or(&mut []))))
    };
    let bare = |n: u32| {
        let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(DEPTH);
        let values = [1; BATCH];
        let send = move |n: u32| {
            whole(n, |most| producer.push_partial_slice(values.get(..most).unwrap_or(&[])).0.len());
        };
        let mut heard = [0; BATCH];
        both(n, send, move |n| {
            whole(n, |most| consumer.pop_partial_slice(heard.get_mut(..most).unwrap_or(&mut [])).0.len());
        })
    };
    add(BATCHED, "omega", Box::new(ours));
    add(BATCHED, "rtrb", Box::new(bare));
}

/// Moves `count` messages in batches: `batch(most)` moves up to `most` and says how many.
fn whole(count: u32, mut batch: impl FnMut(usize) -> usize) {
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    while left > 0 {
        left = left.saturating_sub(batch(left.min(BATCH)));
    }
}

fn latest_values(to: &mut Vec<Contender<'_>>) {
    const IDLE: &str = "latest value of 64 B, read when nothing is new";
    const FRESH: &str = "latest value of 64 B, write and read";
    let mut add = |what, who, run: Run<'static>| to.push(Contender { what, who, run });
    let (mut writer, mut reader) = latest_value::<Value>([0; 8]);
    let mut run = repeated(move || {
        black_box(reader.get());
    });
    add(
        IDLE,
        "omega",
        Box::new(move |n| {
            writer.set([1; 8]);
            run(n)
        }),
    );
    let (_writer, mut reader) = triple_buffer::triple_buffer::<Value>(&[0; 8]);
    add(
        IDLE,
        "triple_buffer",
        Box::new(repeated(move || {
            black_box(*reader.read());
        })),
    );
    let shared = ArcSwap::from_pointee([0_u64; 8]);
    add(
        IDLE,
        "arc-swap",
        Box::new(repeated(move || {
            black_box(**shared.load());
        })),
    );
    let (mut writer, mut reader) = latest_value::<Value>([0; 8]);
    let mut count = 0;
    add(
        FRESH,
        "omega",
        Box::new(repeated(move || {
            count += 1;
            writer.set([count; 8]);
            black_box(reader.get());
        })),
    );
    let (mut writer, mut reader) = triple_buffer::triple_buffer::<Value>(&[0; 8]);
    let mut count = 0;
    add(
        FRESH,
        "triple_buffer",
        Box::new(repeated(move || {
            count += 1;
            writer.write([count; 8]);
            black_box(*reader.read());
        })),
    );
    let shared = ArcSwap::from_pointee([0_u64; 8]);
    let mut count = 0;
    add(
        FRESH,
        "arc-swap (allocates)",
        Box::new(repeated(move || {
            count += 1;
            shared.store(Arc::new([count; 8]));
            black_box(**shared.load());
        })),
    );
}

/// Prints the table.
pub fn print(lines: &[Line]) {
    println!("{:<48} {:<26} {:>10} {:>10}", "nanoseconds an operation", "", "least", "median");
    let mut last = "";
    for line in lines {
        let what = if line.what == last { "" } else { line.what };
        last = line.what;
        println!("{what:<48} {:<26} {:>10.2} {:>10.2}", line.who, line.least, line.median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_runs_and_every_kind_has_a_rival() {
        let lines = measure(2, 2000).unwrap();
        assert!(
            lines.iter().all(|line| line.least.is_finite() && line.least > 0.0 && line.median >= line.least)
        );
        for line in &lines {
            let rivals =
                lines.iter().filter(|other| other.what == line.what && !other.who.starts_with("omega"));
            assert!(rivals.count() > 0, "{} has no rival", line.what);
        }
    }
}
