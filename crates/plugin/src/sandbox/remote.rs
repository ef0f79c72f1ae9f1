//! The host's end of the shared memory: real-time safe, believing nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::thread::futex;

use super::layout::{Head, Layout, head};
use super::memory::SharedWords;
use crate::health::Health;
use crate::node::Fetched;
use crate::quantum::{Reply, Request};

/// Nanoseconds after which whoever waits looks again whether there is hope.
const LOOK: i64 = 50_000_000;

/// Sleeps until `word` is no longer `value`, or a while.
pub(super) fn sleep_on(word: &std::sync::atomic::AtomicU32, value: u32) {
    let timeout = futex::Timespec { tv_sec: 0, tv_nsec: LOOK };
    // Woken, changed before, interrupted, too late: whatever it was, the caller looks again.
    let _ = futex::wait(word, futex::Flags::empty(), value, Some(&timeout));
}

/// Wakes who sleeps on `word`. The one system call of the audio thread, and a function of its own in the machine code, so that a
/// tool can tell it from others.
#[inline(never)]
pub(super) fn wake(word: &std::sync::atomic::AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), u32::MAX >> 1);
}

/// A way to a plugin in a worker process.
pub(crate) struct RemoteWire {
    words: Arc<SharedWords>,
    layout: Layout,
    /// Requests so far. The worker's own count is never read back.
    submitted: u32,
}

impl std::fmt::Debug for RemoteWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteWire").field("submitted", &self.submitted).finish_non_exhaustive()
    }
}

impl RemoteWire {
    pub(super) fn new(words: Arc<SharedWords>, layout: Layout) -> Self {
        Self { words, layout, submitted: 0 }
    }

    /// Requests whose replies are owed; `None` when the worker counts what was never asked.
    fn owed(&self) -> Option<u32> {
        let served = head(self.words.words(), Head::Served).load(Ordering::Acquire);
        let owed = self.submitted.wrapping_sub(served);
        (owed as usize <= self.layout.slots()).then_some(owed)
    }

    /// Writes a request and wakes the worker. Nothing is written where a reply is owed.
    pub(crate) fn submit(&mut self, request: &Request, health: &Health) -> Option<u32> {
        let hopeless = health.lost.load(Ordering::Relaxed);
        let owed = self.owed().filter(|owed| (*owed as usize) < self.layout.slots() && !hopeless)?;
        debug_assert!((owed as usize) < self.layout.slots());
        let sequence = self.submitted;
        let words = self.words.words();
        self.layout.write_request(words, sequence, request);
        self.submitted = sequence.wrapping_add(1);
        let submitted = head(words, Head::Submitted);
        submitted.store(self.submitted, Ordering::SeqCst);
        if head(words, Head::Sleeping).load(Ordering::SeqCst) != 0 {
            wake(submitted);
        }
        Some(sequence)
    }

    /// Reads a reply.
    pub(crate) fn fetch(
        &mut self,
        sequence: u32,
        reply: &mut Reply,
        waits: bool,
        health: &Health,
    ) -> Fetched {
        loop {
            let Some(owed) = self.owed() else { return Fetched::Nonsense };
            // Replies come in order: those to the last `owed` requests are not there.
            let age = self.submitted.wrapping_sub(sequence);
            if age > owed {
                let words = self.words.words();
                // A request that was skipped when its worker died has no reply.
                let there = self.layout.read_reply(words, sequence, reply);
                return if there { Fetched::Ready } else { Fetched::Missing };
            }
            if !waits || health.lost.load(Ordering::Acquire) {
                return Fetched::Missing;
            }
            self.wait();
        }
    }

    /// Rendering: sleeps until the worker has done something, or a while. Never called while playing. A function of its own in the
    /// machine code: the walk through what plays ends here (`ladder/src/panics`).
    #[inline(never)]
    fn wait(&self) {
        let words = self.words.words();
        let (served, waiting) = (head(words, Head::Served), head(words, Head::Waiting));
        let before = served.load(Ordering::Acquire);
        waiting.store(1, Ordering::SeqCst);
        if before != self.submitted && served.load(Ordering::SeqCst) == before {
            sleep_on(served, before);
        }
        waiting.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;
    use crate::quantum::Shape;

    fn wire() -> (RemoteWire, Arc<SharedWords>, Layout, Shape) {
        let shape = Shape { inputs: [1, 0, 0, 0, 0], outputs: 1 };
        let layout = Layout::new(&shape, 3);
        let (words, _file) = SharedWords::create(layout.words()).unwrap();
        let words = Arc::new(words);
        (RemoteWire::new(Arc::clone(&words), layout), words, layout, shape)
    }

    fn serve(words: &SharedWords, served: u32) {
        head(words.words(), Head::Served).store(served, Ordering::Release);
    }

    #[test]
    fn nothing_is_submitted_while_a_reply_is_owed_for_its_slot() {
        let (mut wire, words, layout, shape) = wire();
        let (health, request) = (Health::default(), Request::new(&shape));
        let mut reply = Reply::new(&shape);
        assert_eq!([0; 5].map(|_| wire.submit(&request, &health)), [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(wire.fetch(0, &mut reply, false, &health), Fetched::Missing);
        layout.write_reply(words.words(), 0, &Reply::new(&shape));
        serve(&words, 1);
        assert_eq!(wire.fetch(0, &mut reply, false, &health), Fetched::Ready);
        assert_eq!(wire.fetch(1, &mut reply, false, &health), Fetched::Missing);
        assert_eq!(wire.submit(&request, &health), Some(3));
    }

    #[test]
    fn a_worker_that_took_over_owes_nothing_and_gives_no_old_reply() {
        let (mut wire, words, layout, shape) = wire();
        let (health, request) = (Health::default(), Request::new(&shape));
        let mut reply = Reply::new(&shape);
        layout.write_reply(words.words(), u32::MAX - 1, &Reply::new(&shape));
        wire.submit(&request, &health).unwrap();
        serve(&words, 1);
        assert_eq!(wire.fetch(0, &mut reply, true, &health), Fetched::Missing, "no reply was written");
        assert!(wire.submit(&request, &health).is_some());
    }

    #[test]
    fn a_count_that_cannot_be_is_nonsense_and_nobody_waits_for_it() {
        let (mut wire, words, _, shape) = wire();
        let (health, request) = (Health::default(), Request::new(&shape));
        let mut reply = Reply::new(&shape);
        wire.submit(&request, &health).unwrap();
        for served in [2, 100, u32::MAX - 7] {
            serve(&words, served);
            assert_eq!(wire.fetch(0, &mut reply, true, &health), Fetched::Nonsense);
            assert_eq!(wire.submit(&request, &health), None);
        }
    }

    #[test]
    fn who_waits_for_a_plugin_that_is_lost_is_told() {
        let (mut wire, _words, _, shape) = wire();
        let (health, request) = (Health::default(), Request::new(&shape));
        let mut reply = Reply::new(&shape);
        wire.submit(&request, &health).unwrap();
        health.lost.store(true, Ordering::Release);
        assert_eq!(wire.fetch(0, &mut reply, true, &health), Fetched::Missing);
    }
}
