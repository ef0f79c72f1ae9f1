//! What happens to a stream from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::time::{Duration, Instant};

use crate::shared::Shared;

/// Something happened to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The callback panicked. The stream goes on in silence; stop it.
    CallbackFailed,
    /// The hardware is gone and calls no more. [`Stream::stop`](crate::Stream::stop) gives the callback back.
    Shutdown {
        /// What the hardware said.
        reason: String,
    },
    /// The hardware now runs at another rate.
    RateChanged {
        /// Frames per second.
        rate: u32,
    },
    /// The hardware now has another period.
    PeriodChanged {
        /// Frames.
        period: usize,
    },
    /// The hardware began or ended to run as fast as it can.
    Freewheel(bool),
    /// The hardware reported xruns.
    Xrun {
        /// How many since the last such event of this reader.
        count: u64,
    },
    /// The system took the stream to other hardware, because what it used by default changed. It plays on.
    Rerouted,
    /// No callback came for the time of the watchdog. Reported once per stall.
    NoCallback {
        /// How long ago the last one was, or the start.
        waited: Duration,
    },
}

/// Reads the events of one stream. Each kind reports its latest state, so nothing overflows and a reader that was away
/// for long sees what matters now; xruns are summed up.
#[derive(Clone, Debug)]
pub struct EventReader {
    shared: Arc<Shared>,
    rate: u32,
    period: u32,
    xruns: u64,
    reroutes: u64,
    freewheel: bool,
    shutdown: bool,
    failed: bool,
    stalled_at: Option<u64>,
}

impl EventReader {
    /// A reader that knows of nothing that happened since the stream was opened at this rate and period.
    pub(crate) fn new(shared: Arc<Shared>, rate: u32, period: usize) -> Self {
        Self {
            shared,
            rate,
            period: u32::try_from(period).unwrap_or(u32::MAX),
            xruns: 0,
            reroutes: 0,
            freewheel: false,
            shutdown: false,
            failed: false,
            stalled_at: None,
        }
    }

    /// The next thing that happened, or `None`. Never waits. Not for the audio thread.
    pub fn poll(&mut self) -> Option<Event> {
        let shared = Arc::clone(&self.shared);
        if differs(&mut self.rate, shared.rate.load(Relaxed)) {
            return Some(Event::RateChanged { rate: self.rate });
        }
        if differs(&mut self.period, shared.period.load(Relaxed)) {
            return Some(Event::PeriodChanged { period: self.period as usize });
        }
        if differs(&mut self.freewheel, shared.freewheel.load(Relaxed)) {
            return Some(Event::Freewheel(self.freewheel));
        }
        let before = self.xruns;
        if differs(&mut self.xruns, shared.xruns.load(Relaxed)) {
            return Some(Event::Xrun { count: self.xruns.wrapping_sub(before) });
        }
        if differs(&mut self.reroutes, shared.reroutes.load(Relaxed)) {
            return Some(Event::Rerouted);
        }
        if differs(&mut self.failed, shared.failed.load(SeqCst)) {
            return Some(Event::CallbackFailed);
        }
        if differs(&mut self.shutdown, shared.shutdown.load(SeqCst)) {
            return Some(Event::Shutdown { reason: shared.reason() });
        }
        self.poll_watchdog()
    }

    fn poll_watchdog(&mut self) -> Option<Event> {
        let limit = self.shared.watchdog.filter(|_| !self.shutdown)?;
        let last = self.shared.last_callback.load(Acquire);
        let waited = Duration::from_nanos(self.shared.now().saturating_sub(last));
        if waited < limit || self.stalled_at == Some(last) {
            return None;
        }
        self.stalled_at = Some(last);
        Some(Event::NoCallback { waited })
    }

    /// Waits for the next thing to happen, at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<Event> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(event) = self.poll() {
                return Some(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            // The audio thread never wakes anybody, so what it alone knows is looked for at intervals.
            self.shared.wait(left.min(Duration::from_millis(10)));
        }
    }
}

/// Stores `now` and says if it is new.
fn differs<T: PartialEq>(seen: &mut T, now: T) -> bool {
    let new = *seen != now;
    *seen = now;
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stall_is_told_once_and_none_after_the_end() {
        let shared = Arc::new(Shared::new(48_000, 256, Some(Duration::ZERO)));
        let mut reader = EventReader::new(Arc::clone(&shared), 48_000, 256);
        for last in [0, 1000, 2000] {
            shared.last_callback.store(last, Relaxed);
            assert!(matches!(reader.poll(), Some(Event::NoCallback { .. })));
            assert_eq!(reader.poll(), None);
        }
        shared.last_callback.store(3000, Relaxed);
        shared.shut_down("gone");
        assert_eq!(reader.poll(), Some(Event::Shutdown { reason: "gone".to_owned() }));
        assert_eq!(reader.poll(), None);
    }

    #[test]
    fn a_reader_that_comes_late_sees_what_happened_before() {
        let shared = Arc::new(Shared::new(48_000, 256, None));
        shared.period.store(64, Relaxed);
        shared.xruns.store(3, Relaxed);
        for _ in 0..2 {
            let mut reader = EventReader::new(Arc::clone(&shared), 48_000, 256);
            assert_eq!(reader.poll(), Some(Event::PeriodChanged { period: 64 }));
            assert_eq!(reader.poll(), Some(Event::Xrun { count: 3 }));
            assert_eq!(reader.poll(), None);
        }
    }

    #[test]
    fn waiting_ends_with_the_event_or_with_the_time() {
        let shared = Arc::new(Shared::new(48_000, 256, None));
        let mut reader = EventReader::new(Arc::clone(&shared), 48_000, 256);
        assert_eq!(reader.wait(Duration::from_millis(1)), None);
        let other = Arc::clone(&shared);
        let thread = std::thread::spawn(move || other.shut_down("gone"));
        assert_eq!(reader.wait(Duration::from_secs(60)), Some(Event::Shutdown { reason: "gone".to_owned() }));
        thread.join().expect("it ended");
    }
}
