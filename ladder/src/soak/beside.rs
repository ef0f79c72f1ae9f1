//! What runs beside a soak: loops that only burn, and threads that only wake up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use crate::system::{be_nice, monotonic, pin_and_promote, sleep_until};

/// Loops that never rest, behind whatever else is to be done at normal priority.
pub struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// Starts `count` of them.
    pub fn start(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                be_nice();
                let mut x = 1_u64;
                while !stop.load(Relaxed) {
                    for _ in 0..10_000 {
                        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    }
                }
            })
        };
        let threads = (0..count).map(spin).collect();
        Self { stop, threads }
    }

    /// Stops them.
    pub fn stop(self) {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// A priority above that of the audio thread: what makes this one late is the machine, never us.
const PRIORITY: i32 = 50;

/// One control thread on each processor: it wakes up once a period and does nothing. Where it is late too, the machine stood
/// still.
pub struct Control {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Stalls>>,
}

/// What the control threads saw.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    /// When a thread should have woken up and when it did, for each time that it was more than [`STALL`] late.
    pub stalls: Vec<(u64, u64)>,
    /// Each wake-up's lateness in nanoseconds.
    pub lateness: Vec<u32>,
    /// Threads that could be pinned and made real-time.
    pub threads: usize,
}

/// Lateness in nanoseconds above which a control thread has seen a stall.
const STALL: u64 = 500_000;

impl Control {
    /// Starts them, each to wake up once in `period` nanoseconds, about `cycles` times.
    pub fn start(period: u64, cycles: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let control = |processor| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut seen = Stalls::default();
                seen.lateness.reserve(cycles);
                seen.threads = usize::from(pin_and_promote(processor, PRIORITY));
                let mut due = monotonic() + period;
                while !stop.load(Relaxed) {
                    sleep_until(due);
                    let now = monotonic();
                    let late = now.saturating_sub(due);
                    seen.lateness.push(u32::try_from(late).unwrap_or(u32::MAX));
                    if late > STALL {
                        seen.stalls.push((due, now));
                    }
                    // What was missed is left out.
                    due += period * (1 + late / period);
                }
                seen
            })
        };
        Self { threads: (0..processors).map(control).collect(), stop }
    }

    /// Stops them.
    pub fn stop(self) -> Stalls {
        self.stop.store(true, Relaxed);
        let mut all = Stalls::default();
        for seen in self.threads.into_iter().filter_map(|thread| thread.join().ok()) {
            all.stalls.extend(seen.stalls);
            all.lateness.extend(seen.lateness);
            all.threads += seen.threads;
        }
        all.lateness.sort_unstable();
        all
    }
}
