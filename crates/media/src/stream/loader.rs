//! The loader threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, MutexGuard};
use std::time::{Duration, Instant};

use omega_rt::guard::CountedMutex;
use omega_rt::pages::{MAX_PAGES, PagePool};

use super::file::{StreamFile, as_frames, load_page};
use super::source::SourceShared;
use super::state::State;
use super::{StreamConfig, StreamEvent, StreamStats};

/// Longest sleep of a thread that waits for a page, between two looks.
const WAIT: Duration = Duration::from_millis(20);

/// Everything that loaders, sources and handles share.
pub(super) struct Shared {
    pool: PagePool,
    poll: Duration,
    state: CountedMutex<State>,
    /// Loaders sleep on this.
    work: Condvar,
    /// Who waits for a page sleeps on this.
    done: Condvar,
    stopped: AtomicBool,
    loaded: AtomicU64,
    failed: AtomicU64,
    underruns: AtomicU64,
    missing: AtomicU64,
    events: Sender<StreamEvent>,
}

impl Shared {
    pub fn new(config: &StreamConfig, events: Sender<StreamEvent>) -> Self {
        let samples = config.page_samples.max(64);
        let pages = (config.budget / (samples * size_of::<f32>())).clamp(1, MAX_PAGES);
        Self {
            pool: PagePool::new(pages, samples),
            poll: config.poll,
            state: CountedMutex::new(State::new(pages, config.into())),
            work: Condvar::new(),
            done: Condvar::new(),
            stopped: AtomicBool::new(false),
            loaded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            underruns: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            events,
        }
    }

    /// Wait-free.
    pub const fn pool(&self) -> &PagePool {
        &self.pool
    }

    /// Wait-free.
    pub fn count_underrun(&self, frames: u64) {
        self.underruns.fetch_add(1, Ordering::Relaxed);
        self.missing.fetch_add(frames, Ordering::Relaxed);
    }

    /// Pages loaded so far. Wait-free.
    pub fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::Relaxed)
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(self.lock());
        self.work.notify_all();
        self.done.notify_all();
    }

    pub fn share(&self, file: StreamFile) -> Arc<StreamFile> {
        self.lock().share(file)
    }

    pub fn register(&self, source: &Arc<SourceShared>) {
        self.lock().register(source);
    }

    /// Makes the loaders look now.
    pub fn wake(&self) {
        self.lock().invalidate();
        self.work.notify_one();
    }

    /// Has these frames loaded before all others, and waits a little, or until something was loaded after `loaded` was
    /// counted.
    pub fn demand_and_wait(&self, file: &Arc<StreamFile>, start: i64, len: usize, loaded: u64) {
        let mut state = self.lock();
        if self.loaded.load(Ordering::Relaxed) == loaded && !self.is_stopped() {
            state.demand(file, start, len);
            self.work.notify_one();
            drop(self.state.wait(state, &self.done, WAIT));
        }
    }

    pub fn stats(&self) -> StreamStats {
        let state = self.lock();
        StreamStats {
            pages: self.pool.pages() as u64,
            pages_used: state.pages_used(),
            loaded: self.loaded.load(Ordering::Relaxed),
            evicted: state.evicted,
            failed: self.failed.load(Ordering::Relaxed),
            underruns: self.underruns.load(Ordering::Relaxed),
            missing_frames: self.missing.load(Ordering::Relaxed),
        }
    }

    /// The state is a cache: whatever a thread that panicked left half done is at worst loaded again.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn tell(&self, event: StreamEvent) {
        // Nobody listens any more when the streamer is being dropped.
        let _ = self.events.send(event);
    }
}

/// A loader thread: takes the most urgent page and fills it, until the streamer stops.
pub(super) fn run(shared: &Shared) {
    let mut scratch = Vec::new();
    let mut state = shared.lock();
    while !shared.is_stopped() {
        let Some(mut job) = state.next_job(&shared.pool, shared.poll, Instant::now()) else {
            state = shared.state.wait(state, &shared.work, shared.poll);
            continue;
        };
        drop(state);
        let (file, page) = (Arc::clone(&job.request.file), job.request.page);
        let result =
            job.filler.fill(|samples| load_page(&file.pcm, file.page_frames, page, samples, &mut scratch));
        state = shared.lock();
        match result {
            Ok(()) => {
                let is_back = state.loaded(job);
                shared.loaded.fetch_add(1, Ordering::Relaxed);
                if is_back {
                    shared.tell(StreamEvent::Recovered { path: file.pcm.source.path().to_path_buf() });
                }
            }
            Err(error) => {
                let is_first = state.failed(job, Instant::now());
                shared.failed.fetch_add(1, Ordering::Relaxed);
                if is_first {
                    let path = file.pcm.source.path().to_path_buf();
                    let frame = as_frames(page).saturating_mul(as_frames(file.page_frames.get()));
                    shared.tell(StreamEvent::Failed { path, frame, error });
                }
            }
        }
        shared.done.notify_all();
    }
}
