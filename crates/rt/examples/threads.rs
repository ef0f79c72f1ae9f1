//! Everything of this crate that two threads touch, between two real threads: the program to run under
//! ThreadSanitizer. (A test would drown its reports: the harness of the tests hands its own results over through a std
//! that is not instrumented.)
//!
//! ```sh
//! export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg seeded_faults"
//! export CARGO_TARGET_DIR=target/tsan
//! cargo +nightly run -p omega-rt --example threads --target x86_64-unknown-linux-gnu            # must be clean
//! cargo +nightly run -p omega-rt --example threads --target x86_64-unknown-linux-gnu -- pool relaxed  # must fail
//! ```
//!
//! Arguments: a scenario (`pool`, `fifo`, `latest`, `reclaim`, `meter`, `pages`; all of them if none is named) and, in a build
//! with `--cfg seeded_faults`, the fault `relaxed`: what one thread wrote is handed over without release order. The
//! FIFO and the meter do not listen to it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "a test program, off the audio thread"
)]

use omega_rt::latest::latest_value;
use omega_rt::pages::{PageId, PagePool};
use omega_rt::pool::{BATCH, BlockPool};
use omega_rt::{Owned, PeakCell, fifo, reclaim};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn, yield_now};

const ROUNDS: u32 = 20_000;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// One structure between two threads.
type Scenario = fn() -> Outcome;

fn join<T>(thread: JoinHandle<T>) -> Outcome<T> {
    thread.join().map_err(|_| "the other thread panicked".into())
}

/// Fewer blocks than both threads want, through a cache and directly; each owner writes and reads its block.
fn pool() -> Outcome {
    let pool: &'static BlockPool = Box::leak(Box::new(BlockPool::new(64, BATCH + 4)?));
    let work = move || {
        let mut cache = pool.cache();
        for round in 0..u64::from(ROUNDS) {
            let stored = if round % 3 == 0 { cache.store([round; 8]) } else { pool.store([round; 8]) };
            let Ok(stored) = stored else { continue };
            assert_eq!(*stored, [round; 8]);
            if round % 2 == 0 {
                drop(stored);
            } else {
                _ = cache.take(stored);
            }
            // Lets the blocks change hands even where the threads share a core.
            if round % 64 == 0 {
                yield_now();
            }
        }
    };
    let other = spawn(work);
    work();
    join(other)?;
    if pool.count_free() == pool.blocks() { Ok(()) } else { Err("blocks were lost".into()) }
}

/// Heap values through a FIFO, one by one, and numbers in batches.
fn fifos() -> Outcome {
    let (mut boxes, mut boxes_out) = fifo::fifo(16);
    let (mut numbers, mut numbers_out) = fifo::fifo(64);
    let sender = spawn(move || {
        for round in 0..ROUNDS {
            let mut message = Owned::from(Box::new([round; 4]));
            while let Err(back) = boxes.push(message) {
                message = back;
                yield_now();
            }
            while !numbers.write_whole(&[round; 7]) {
                yield_now();
            }
        }
    });
    let mut seven = [0; 7];
    for round in 0..ROUNDS {
        let message = loop {
            match boxes_out.pop() {
                Some(message) => break message,
                None => yield_now(),
            }
        };
        while !numbers_out.read_whole(&mut seven) {
            yield_now();
        }
        assert!(*message == [round; 4] && seven == [round; 7]);
    }
    join(sender)
}

fn latest() -> Outcome {
    let (mut writer, mut reader) = latest_value([0_u32; 16]);
    let sender = spawn(move || (1..=ROUNDS).for_each(|round| writer.set([round; 16])));
    let mut before = 0;
    while before < ROUNDS {
        let value = reader.get();
        assert!(value == [value[0]; 16] && value[0] >= before);
        before = value[0];
    }
    join(sender)
}

fn reclaims() -> Outcome {
    let (mut audio, mut other) = reclaim::reclaim(4);
    let collector = spawn(move || {
        let mut collected = 0;
        while collected < ROUNDS as usize {
            collected += other.collect();
            yield_now();
        }
    });
    for round in 0..ROUNDS {
        let mut value = Owned::from(Box::new([round; 16]));
        value[0] += 1;
        while let Err(back) = audio.send(value) {
            value = back;
            yield_now();
        }
    }
    while !audio.flush() {
        yield_now();
    }
    join(collector)
}

fn meter() -> Outcome {
    let cell = Arc::new(PeakCell::new());
    let writer = cell.clone();
    let audio = spawn(move || (0..ROUNDS).for_each(|round| writer.update(0.5, 2.0, 4, i64::from(round))));
    let mut frames = 0;
    while frames < u64::from(ROUNDS) * 4 {
        let reading = cell.take();
        assert!((reading.sum_sq - 2.0 * f64::from(u32::try_from(reading.frames / 4)?)).abs() < 1e-6);
        frames += reading.frames;
    }
    join(audio)
}

/// Two pages are filled again and again while the other thread reads whatever is there.
fn pages() -> Outcome {
    let shared: Arc<(PagePool, [AtomicU64; 2])> = Arc::new((PagePool::new(2, 64), Default::default()));
    let loader = shared.clone();
    let filler = spawn(move || {
        let (pool, table) = &*loader;
        let mut filled = 0;
        while filled < ROUNDS {
            let index = filled as usize % 2;
            if let Some(mut page) = pool.claim(index) {
                filled += 1;
                page.fill(|samples| samples.fill(f32::from_bits(filled)));
                // The identity itself carries no order: the page does.
                table[index].store(page.publish().to_bits(), Ordering::Relaxed);
            }
            if filled % 64 == 0 {
                yield_now();
            }
        }
    });
    let (pool, table) = &*shared;
    let mut last = 0;
    while last < ROUNDS {
        for entry in table {
            let Some(id) = PageId::from_bits(entry.load(Ordering::Relaxed)) else { continue };
            let found = pool.read(id, |samples| {
                let first = samples[0].to_bits();
                samples.iter().all(|sample| sample.to_bits() == first).then_some(first)
            });
            if let Some(value) = found {
                last = last.max(value.ok_or("a torn page")?);
            }
        }
    }
    join(filler)
}

#[cfg(seeded_faults)]
fn seed(fault: &str) -> Outcome {
    use omega_rt::faults;
    if fault != "relaxed" {
        return Err(format!("no fault is called {fault:?}: relaxed").into());
    }
    faults::RELAXED_PUBLISH.set(true);
    Ok(())
}

#[cfg(not(seeded_faults))]
fn seed(fault: &str) -> Outcome {
    Err(format!("{fault:?}: build with RUSTFLAGS=\"--cfg seeded_faults\" to seed a fault").into())
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(fault) = arguments.get(1) {
        seed(fault)?;
    }
    let scenarios: [(&str, Scenario); 6] = [
        ("pool", pool),
        ("fifo", fifos),
        ("latest", latest),
        ("reclaim", reclaims),
        ("meter", meter),
        ("pages", pages),
    ];
    let mut ran = 0;
    for (name, scenario) in scenarios {
        if arguments.first().is_none_or(|wanted| wanted == name) {
            scenario().map_err(|error| format!("{name}: {error}"))?;
            println!("{name}: every value arrived whole");
            ran += 1;
        }
    }
    if ran == 0 {
        Err("no scenario has that name: pool, fifo, latest, reclaim, meter, pages".into())
    } else {
        Ok(())
    }
}
