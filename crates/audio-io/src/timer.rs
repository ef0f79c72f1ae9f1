//! A thread that calls in time, with no hardware behind it.
//!
//! Deadlines are absolute and computed from the frame count, so they do not drift. A thread that wakes up too late, or
//! a callback that took too long, skips whole periods and counts them: it never falls behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use crate::backend::AudioBackend;
use crate::callback::HardwareTime;
use crate::config::{OpenError, StreamConfig};
use crate::hardware::{BackendReport, BackendState, Offer};
use crate::planar::Planar;
use crate::runner::{Runner, Tick, nanos_of};
use crate::shared::Shared;
use crate::stream::{Prepared, Ready, Running, Started, StreamInfo};

/// Used where nothing is wished for.
pub(crate) const DEFAULT_RATE: u32 = 48_000;
/// Used where nothing is wished for.
pub(crate) const DEFAULT_PERIOD: usize = 256;

/// The paced timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl AudioBackend for Timer {
    fn name(&self) -> &'static str {
        "timer"
    }

    fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
        config.validate()?;
        let rate = config.rate.unwrap_or(DEFAULT_RATE);
        let period = config.period.unwrap_or(DEFAULT_PERIOD);
        let shared = Arc::new(Shared::new(rate, period, Some(config.watchdog)));
        let info = StreamInfo::new(self.name(), config, rate, period);
        let ready = Box::new(TimerReady {
            widths: (config.inputs, config.outputs),
            name: config.client.clone(),
            rate,
            period,
            shared: Arc::clone(&shared),
        });
        Ok(Prepared { info, shared, measure: config.measure, ready, edge: None, midi: None })
    }

    fn report(&self) -> BackendReport {
        let description = "no hardware: a clock that keeps time, in silence";
        BackendReport { name: self.name(), description, state: BackendState::Available(Offer::default()) }
    }
}

struct TimerReady {
    widths: (usize, usize),
    name: String,
    rate: u32,
    period: usize,
    shared: Arc<Shared>,
}

impl Ready for TimerReady {
    fn start(self: Box<Self>, runner: Runner) -> Result<Started, OpenError> {
        let stop = Arc::new(AtomicBool::new(false));
        let name = format!("{}-timer", self.name);
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || self.play(runner, &told))
            .map_err(|error| OpenError::Thread { reason: error.to_string() })?;
        Ok(Started { running: Box::new(TimerThread { stop, thread }), warnings: Vec::new() })
    }
}

struct TimerThread {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Running for TimerThread {
    fn halt(self: Box<Self>) {
        self.stop.store(true, Relaxed);
        // The thread catches panics of the callback, so joining cannot fail; if it did there is nothing left to stop.
        drop(self.thread.join());
    }
}

impl TimerReady {
    fn play(&self, mut runner: Runner, stop: &AtomicBool) {
        let inputs = Planar::new(self.widths.0, self.period);
        let mut outputs = Planar::new(self.widths.1, self.period);
        let clock = Clock::new();
        let mut pace = Pace::new(self.period, self.rate);
        while clock.sleep_until(pace.deadline(), stop) {
            let nanos = clock.now();
            let lost = pace.skip(nanos);
            if lost > 0 {
                self.shared.xruns.fetch_add(1, Relaxed);
            }
            let time = HardwareTime { frame: pace.frame, nanos: i64::try_from(nanos).unwrap_or(i64::MAX) };
            let tick = Tick { frames: self.period, time, rate: self.rate, freewheel: false, lost };
            runner.run(inputs.read(self.period), outputs.write(self.period), self.widths, tick);
            pace.advance();
        }
    }
}

/// When the next block is due, from the frame count alone.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// First frame of the next block.
    frame: i64,
    period: i64,
    rate: u32,
}

impl Pace {
    fn new(period: usize, rate: u32) -> Self {
        Self { frame: 0, period: i64::try_from(period.max(1)).unwrap_or(i64::MAX), rate }
    }

    /// Nanoseconds from the start to the next block.
    fn deadline(&self) -> u64 {
        nanos_of(u64::try_from(self.frame).unwrap_or(0), self.rate)
    }

    /// Leaves out the whole periods that are over at `now`, in nanoseconds from the start, and says how many frames
    /// they were.
    fn skip(&mut self, now: u64) -> i64 {
        let due = u128::from(now) * u128::from(self.rate) / 1_000_000_000;
        let behind = i64::try_from(due).unwrap_or(i64::MAX).saturating_sub(self.frame);
        let lost = (behind / self.period).max(0) * self.period;
        self.frame += lost;
        lost
    }

    fn advance(&mut self) {
        self.frame += self.period;
    }
}

/// A monotonic clock that starts at 0, and the way to sleep on it.
struct Clock {
    origin: Origin,
}

/// A sleep is cut into pieces of this many nanoseconds, after which the thread looks whether it should stop.
const NAP: u64 = 20_000_000;

impl Clock {
    /// Sleeps until `deadline` nanoseconds from the start; false if told to stop.
    fn sleep_until(&self, deadline: u64, stop: &AtomicBool) -> bool {
        loop {
            if stop.load(Relaxed) {
                return false;
            }
            let now = self.now();
            if now >= deadline {
                return true;
            }
            self.nap_until(deadline.min(now + NAP));
        }
    }
}

#[cfg(target_os = "linux")]
use rustix::time::{ClockId, Timespec, clock_gettime};

#[cfg(target_os = "linux")]
type Origin = Timespec;

#[cfg(target_os = "linux")]
impl Clock {
    fn new() -> Self {
        Self { origin: clock_gettime(ClockId::Monotonic) }
    }

    fn now(&self) -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        let nanos = i128::from(now.tv_sec - self.origin.tv_sec) * 1_000_000_000
            + i128::from(now.tv_nsec - self.origin.tv_nsec);
        u64::try_from(nanos).unwrap_or(0)
    }

    /// Sleeps to an absolute time, so that being interrupted before the call costs nothing. May return early.
    fn nap_until(&self, nanos: u64) {
        let sum = self.origin.tv_nsec + i64::try_from(nanos % 1_000_000_000).unwrap_or(0);
        let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX / 4) + sum / 1_000_000_000;
        let until = Timespec { tv_sec: self.origin.tv_sec + seconds, tv_nsec: sum % 1_000_000_000 };
        // A signal ends the sleep early; the caller looks at the clock again.
        let _ = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &until);
    }
}

#[cfg(not(target_os = "linux"))]
type Origin = std::time::Instant;

#[cfg(not(target_os = "linux"))]
impl Clock {
    fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn nap_until(&self, nanos: u64) {
        std::thread::sleep(std::time::Duration::from_nanos(nanos.saturating_sub(self.now())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_do_not_drift_in_a_month_of_an_awkward_rate() {
        let mut pace = Pace::new(333, 44_100);
        let blocks = 30 * 24 * 3600 * 44_100_i64 / 333;
        pace.frame = blocks * 333;
        let exact = i128::from(pace.frame) * 1_000_000_000 / 44_100;
        assert_eq!(i128::from(pace.deadline()), exact);
    }

    #[test]
    fn on_time_and_a_little_late_lose_nothing() {
        let mut pace = Pace::new(100, 1000);
        for block in 0..10_i64 {
            let deadline = pace.deadline();
            assert_eq!(deadline, u64::try_from(block).unwrap() * 100_000_000);
            assert_eq!(pace.skip(deadline), 0);
            assert_eq!(pace.skip(deadline + 99_999_999), 0);
            pace.advance();
        }
    }

    #[test]
    fn a_late_thread_skips_whole_periods_and_is_never_more_than_one_behind() {
        let mut pace = Pace::new(64, 48_000);
        let mut now = 0_u64;
        let (mut played, mut lost) = (0, 0);
        for wake in 0..1000_u64 {
            now = now.max(pace.deadline()) + wake.wrapping_mul(0x9e37_79b9) % 9_000_000;
            lost += pace.skip(now);
            assert_eq!(pace.frame, played + lost, "frames are played or lost, nothing else");
            let due = i64::try_from(u128::from(now) * 48_000 / 1_000_000_000).unwrap();
            assert!((0..64).contains(&(due - pace.frame)), "{} behind", due - pace.frame);
            played += 64;
            pace.advance();
        }
        assert!(lost > 0);
    }
}
