//! The audio thread's side of a stream, and the handle by which others help it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use omega_rt::PcmSource;
use omega_rt::pcm::overlap;

use super::file::{Entry, StreamFile, as_frames, for_pages};
use super::loader::Shared;

/// Places in one source that can be read at the same time (a cross-fade within a file, a loop's end and start).
pub(super) const CURSORS: usize = 4;
/// Frames that are kept in mind per source.
pub(super) const HINTS: usize = 8;
/// No frame.
pub(super) const NOWHERE: i64 = i64::MIN;
/// A cursor that is steered this far is moved; farther, another one is taken (half a second at 48 kHz).
const REACH: i64 = 24_000;
/// Offline waiting gives up when nothing at all was loaded for so long.
const GIVE_UP: Duration = Duration::from_secs(5);

/// What the audio thread tells the loaders about one source.
pub(super) struct SourceShared {
    pub file: Arc<StreamFile>,
    /// Whether the source is gone; handles may outlive it.
    pub closed: AtomicBool,
    /// Frame of each cursor.
    pub frames: [AtomicI64; CURSORS],
    /// How often each was steered, times two, plus one when it goes backwards; 0: never.
    pub stamps: [AtomicU64; CURSORS],
    pub hints: [AtomicI64; HINTS],
    next_hint: AtomicU32,
    /// Frames that somebody waits for.
    pub demand: AtomicI64,
    pub demand_len: AtomicI64,
    underruns: AtomicU64,
    missing: AtomicU64,
}

/// Streamed audio for the audio thread: reads what is loaded, counts what is not.
///
/// Made by [`DiskStreamer::open`](super::DiskStreamer::open). All methods but `wait_until_ready` and dropping it are
/// wait-free.
pub struct StreamSource {
    shared: Arc<SourceShared>,
    streamer: Arc<Shared>,
    /// The cursors as this side knows them, and when each was steered last.
    cursors: [(i64, u64); CURSORS],
    steered: u64,
}

/// A second hand on a source, for any thread but the audio thread. Cheap to clone. It does not keep the source open: when
/// that is dropped its pages are given back, and hints come to nothing.
#[derive(Clone)]
pub struct StreamHandle {
    shared: Arc<SourceShared>,
    streamer: Arc<Shared>,
}

impl StreamSource {
    pub(super) fn new(streamer: &Arc<Shared>, file: Arc<StreamFile>) -> Self {
        let shared = Arc::new(SourceShared {
            file,
            closed: AtomicBool::new(false),
            frames: [const { AtomicI64::new(NOWHERE) }; CURSORS],
            stamps: [const { AtomicU64::new(0) }; CURSORS],
            hints: [const { AtomicI64::new(NOWHERE) }; HINTS],
            next_hint: AtomicU32::new(0),
            demand: AtomicI64::new(NOWHERE),
            demand_len: AtomicI64::new(0),
            underruns: AtomicU64::new(0),
            missing: AtomicU64::new(0),
        });
        streamer.register(&shared);
        Self { shared, streamer: Arc::clone(streamer), cursors: [(NOWHERE, 0); CURSORS], steered: 0 }
    }

    /// A second hand on this source. Allocates nothing, but is not for the audio thread.
    #[must_use]
    pub fn handle(&self) -> StreamHandle {
        StreamHandle { shared: Arc::clone(&self.shared), streamer: Arc::clone(&self.streamer) }
    }

    /// The file's own frames per second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.shared.file.pcm.rate
    }
}

impl Drop for StreamSource {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

impl PcmSource for StreamSource {
    fn channels(&self) -> usize {
        self.shared.file.pcm.layout.channels
    }

    fn frames(&self) -> i64 {
        self.shared.file.pcm.frames
    }

    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize {
        let file = &*self.shared.file;
        let (skip, from, count) = overlap(start, out.len(), self.frames());
        let (before, rest) = out.split_at_mut(skip.min(out.len()));
        let (middle, after) = rest.split_at_mut(count.min(rest.len()));
        before.fill(0.0);
        after.fill(0.0);
        if channel >= self.channels() {
            middle.fill(0.0);
            return 0;
        }
        let pool = self.streamer.pool();
        let mut missing = 0;
        for_pages(from, middle.len(), file.page_frames, |page, offset, range| {
            let Some(out) = middle.get_mut(range) else { return };
            let first = channel * file.page_frames.get() + offset;
            let copied = match file.entry(page) {
                Entry::Loaded(id) => pool.read(id, |samples| match samples.get(first..first + out.len()) {
                    Some(samples) => out.copy_from_slice(samples),
                    None => out.fill(0.0),
                }),
                Entry::Absent | Entry::Failed => None,
            };
            if copied.is_none() {
                out.fill(0.0);
                missing += out.len();
            }
        });
        if missing > 0 {
            self.shared.underruns.fetch_add(1, Ordering::Relaxed);
            self.shared.missing.fetch_add(missing as u64, Ordering::Relaxed);
            self.streamer.count_underrun(missing as u64);
        }
        missing
    }

    fn steer(&mut self, frame: i64, direction: i32) {
        self.steered += 1;
        // The cursor that is near, or else the one that was left alone longest.
        let mut best = (0, u64::MAX);
        for (index, (at, last)) in self.cursors.iter().enumerate() {
            let is_near = *last > 0 && at.abs_diff(frame) <= REACH.unsigned_abs();
            let age = if is_near { 0 } else { last + 1 };
            if age < best.1 {
                best = (index, age);
            }
        }
        let stamp = (self.steered << 1) | u64::from(direction < 0);
        if let Some(cursor) = self.cursors.get_mut(best.0) {
            *cursor = (frame, self.steered);
        }
        if let (Some(frames), Some(stamps)) = (self.shared.frames.get(best.0), self.shared.stamps.get(best.0))
        {
            frames.store(frame, Ordering::Relaxed);
            stamps.store(stamp, Ordering::Relaxed);
        }
    }

    fn wait_until_ready(&mut self, start: i64, len: usize) {
        self.handle().wait(start, len, None);
    }
}

impl StreamHandle {
    /// Playing may start at `frame` soon (a loop's start, a marker, a clip's begin): its pages are loaded when nothing is
    /// more urgent. The last 8 hints of a source are remembered.
    pub fn hint(&self, frame: i64) {
        let index = self.shared.next_hint.fetch_add(1, Ordering::Relaxed) as usize % HINTS;
        if let Some(slot) = self.shared.hints.get(index) {
            slot.store(frame, Ordering::Relaxed);
        }
        self.streamer.wake();
    }

    /// Forgets all hints.
    pub fn clear_hints(&self) {
        for hint in &self.shared.hints {
            hint.store(NOWHERE, Ordering::Relaxed);
        }
    }

    /// Whether `start .. start + len` (as far as the file has it) can be read without an underrun now.
    #[must_use]
    pub fn is_ready(&self, start: i64, len: usize) -> bool {
        self.look(start, len).0 == 0
    }

    /// Waits until [`is_ready`](Self::is_ready), at most for `timeout`. `false`: it is late, or the file cannot be read
    /// there. Starting playback after this has succeeded for the first blocks starts without an underrun.
    #[must_use]
    pub fn wait_until_ready(&self, start: i64, len: usize, timeout: Duration) -> bool {
        self.wait(start, len, Some(Instant::now() + timeout))
    }

    /// Reads of this source that did not find everything.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.shared.underruns.load(Ordering::Relaxed)
    }

    /// Frames that were missing in them, counted per channel.
    #[must_use]
    pub fn missing_frames(&self) -> u64 {
        self.shared.missing.load(Ordering::Relaxed)
    }

    /// Pages of a range that are missing, and how many of them failed.
    fn look(&self, start: i64, len: usize) -> (usize, usize) {
        let file = &*self.shared.file;
        let (_, from, count) = overlap(start, len, file.pcm.frames);
        let (mut missing, mut failed) = (0, 0);
        for_pages(from, count, file.page_frames, |page, _, _| {
            let entry = file.entry(page);
            let is_there =
                matches!(entry, Entry::Loaded(id) if self.streamer.pool().read(id, |_| ()).is_some());
            missing += usize::from(!is_there);
            failed += usize::from(entry == Entry::Failed);
        });
        (missing, failed)
    }

    fn wait(&self, start: i64, len: usize, deadline: Option<Instant>) -> bool {
        let mut last = (self.streamer.loaded(), Instant::now());
        let ready = loop {
            match self.look(start, len) {
                (0, _) => break true,
                (missing, failed) if missing == failed => break false,
                _ => {}
            }
            let loaded = self.streamer.loaded();
            if loaded != last.0 {
                last = (loaded, Instant::now());
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline)
                || now - last.1 > GIVE_UP
                || self.streamer.is_stopped()
            {
                break false;
            }
            self.shared.demand_len.store(as_frames(len), Ordering::Relaxed);
            self.shared.demand.store(start, Ordering::Relaxed);
            self.streamer.demand_and_wait(&self.shared.file, start, len, loaded);
        };
        self.shared.demand.store(NOWHERE, Ordering::Relaxed);
        ready
    }
}
