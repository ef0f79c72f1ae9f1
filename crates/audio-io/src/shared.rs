//! What the audio thread, the hardware's notification thread and the owner of a stream have in common: atomics.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::priority::Priority;

/// One per stream. The audio thread only loads and stores; everything that locks is for the other threads.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Measured by the audio thread.
    pub counters: Counters,
    /// Rate in frames per second.
    pub rate: AtomicU32,
    /// Period in frames.
    pub period: AtomicU32,
    /// Xruns that the hardware reported.
    pub xruns: AtomicU64,
    pub freewheel: AtomicBool,
    /// The callback panicked and is not called any more.
    pub failed: AtomicBool,
    /// The hardware is gone; the reason lies in `reason`.
    pub shutdown: AtomicBool,
    /// Frames that the input captured and nobody had room for, where it has a clock of its own.
    pub input_lost: AtomicI64,
    /// Times that what is captured was interrupted between the two clocks.
    pub input_breaks: AtomicU64,
    /// What joining the two clocks delays, in frames of the input.
    pub input_delay: AtomicI64,
    /// MIDI messages that had no room.
    pub midi_lost: AtomicU64,
    /// Cables to our MIDI inputs that were pulled out.
    pub midi_gone: AtomicU64,
    /// Times that the system took the stream to other hardware.
    pub reroutes: AtomicU64,
    /// No callback for this long is an event. `None`: nobody waits (a virtual clock).
    pub watchdog: Option<Duration>,
    /// When the last callback began, in nanoseconds since `origin`.
    pub last_callback: AtomicU64,
    origin: Instant,
    reason: Mutex<String>,
    woken: Mutex<u64>,
    wake: Condvar,
}

/// Written by the audio thread alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub callbacks: AtomicU64,
    pub frames: AtomicI64,
    pub lost: AtomicI64,
    pub late: AtomicU64,
    pub allocations: AtomicU64,
    pub frees: AtomicU64,
    pub locks: AtomicU64,
    pub elapsed: Histogram,
    pub cpu: Histogram,
    pub priority: PriorityCell,
    /// Set by the owner, taken by the audio thread, which then clears what it has measured.
    pub reset: AtomicBool,
}

/// What the scheduler does with the audio thread, as one word.
#[derive(Debug, Default)]
pub(crate) struct PriorityCell(AtomicU8, AtomicU32);

impl PriorityCell {
    pub(crate) fn set(&self, priority: Priority) {
        let (kind, level) = match priority {
            Priority::Unknown => (0, 0),
            Priority::Normal => (1, 0),
            Priority::RealTime(level) => (2, level),
        };
        self.1.store(level, Relaxed);
        self.0.store(kind, SeqCst);
    }

    pub(crate) fn get(&self) -> Priority {
        match self.0.load(SeqCst) {
            1 => Priority::Normal,
            2 => Priority::RealTime(self.1.load(Relaxed)),
            _ => Priority::Unknown,
        }
    }
}

impl Shared {
    pub(crate) fn new(rate: u32, period: usize, watchdog: Option<Duration>) -> Self {
        Self {
            counters: Counters::default(),
            rate: AtomicU32::new(rate),
            period: AtomicU32::new(u32::try_from(period).unwrap_or(u32::MAX)),
            xruns: AtomicU64::new(0),
            freewheel: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            shutdown: AtomicBool::new(false),
            input_lost: AtomicI64::new(0),
            input_breaks: AtomicU64::new(0),
            input_delay: AtomicI64::new(0),
            midi_lost: AtomicU64::new(0),
            midi_gone: AtomicU64::new(0),
            reroutes: AtomicU64::new(0),
            watchdog,
            last_callback: AtomicU64::new(0),
            origin: Instant::now(),
            reason: Mutex::new(String::new()),
            woken: Mutex::new(0),
            wake: Condvar::new(),
        }
    }

    /// Nanoseconds since the stream was opened. Real-time safe (the clock is read without a system call).
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Tells the owner that the hardware is gone. Not for the audio thread. The flag is the last thing that is set: once
    /// it is seen, the calling thread is on its way out.
    pub(crate) fn shut_down(&self, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.notify();
        self.shutdown.store(true, SeqCst);
    }

    pub(crate) fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wakes whoever waits for an event. Not for the audio thread, which is noticed by polling.
    pub(crate) fn notify(&self) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        *woken = woken.wrapping_add(1);
        self.wake.notify_all();
    }

    /// Waits until `notify` or the time is over.
    pub(crate) fn wait(&self, timeout: Duration) {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.wake.wait_timeout(woken, timeout));
    }
}
