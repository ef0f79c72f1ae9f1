//! Pictures of media at every zoom, made in the background.
//!
//! A picture is cut into tiles. A tile of level `n` has [`TILE_ENTRIES`] entries of `2ⁿ` frames each, so that a window of
//! any width at any zoom needs a few of them; up to level 7 they are read from the samples, above from the peak file,
//! which is built when there is none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use omega_media::stream::OfflineSource;
use omega_media::{AudioHash, Peak, PeakFile, peaks};
use omega_rt::PcmSource;
use omega_session::model::{Media, MediaId};

use super::Job;

/// Entries that a tile is wide.
pub const TILE_ENTRIES: usize = 1024;
/// Entries of the next tile that it shows as well, so that what is drawn at its end needs no second one.
pub const TILE_OVERLAP: usize = 16;
/// The first level that is read from the peak file: that has a peak for each 256 frames.
const PEAK_LEVEL: u8 = 8;
/// Requests that wait at most; the oldest are dropped, and asked for again by who still needs them.
const WAITING: usize = 512;

/// Which tile of a picture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileKey {
    /// Of which file.
    pub media: MediaId,
    /// An entry spans `2^level` frames; 0 to 40.
    pub level: u8,
    /// The first entry is `index × TILE_ENTRIES`.
    pub index: u32,
}

/// A part of a picture: of each channel the least and the greatest sample of each entry, `TILE_ENTRIES + TILE_OVERLAP` of
/// them. What lies outside the file is silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// By channel.
    pub channels: Vec<Vec<(f32, f32)>>,
}

/// What the worker and those who ask share.
struct Shared {
    state: Mutex<State>,
    /// Something waits, or the end has come.
    work: Condvar,
    /// Something is done.
    done: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(TileKey, Source)>,
    /// Asked for and not yet answered.
    open: BTreeSet<TileKey>,
    finished: Vec<(TileKey, Option<Arc<Tile>>)>,
    job: Option<Job>,
    stopped: bool,
}

/// Where a file is, and what it is called.
#[derive(Clone)]
struct Source {
    path: PathBuf,
    name: String,
}

/// Makes pictures in a thread of its own, the latest request first. It ends with this value, in the middle of a peak file
/// too, which is then not written.
pub struct Overviews {
    shared: Arc<Shared>,
    root: PathBuf,
    worker: Option<JoinHandle<()>>,
}

impl Shared {
    /// What is shared; a worker that panicked leaves nothing half done in it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Overviews {
    /// Starts the worker. It calls `wake` after each tile.
    pub(super) fn new(root: &Path, wake: Box<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let (mine, cache) = (Arc::clone(&shared), root.join("cache"));
        let worker = thread::Builder::new()
            .name("overviews".to_owned())
            .spawn(move || Worker { shared: mine, cache, files: BTreeMap::new() }.run(&*wake))?;
        Ok(Self { shared, root: root.to_owned(), worker: Some(worker) })
    }

    /// Asks for a tile; [`take_finished`](Self::take_finished) gives it later. Asking again for one that is on its way does
    /// nothing.
    pub fn request(&self, key: TileKey, media: &Media) {
        let mut state = self.shared.state();
        if state.stopped || !state.open.insert(key.clone()) {
            return;
        }
        let source = Source { path: self.root.join(&media.file), name: media.name.clone() };
        state.waiting.push_back((key, source));
        if state.waiting.len() > WAITING
            && let Some((dropped, _)) = state.waiting.pop_front()
        {
            state.open.remove(&dropped);
        }
        self.shared.work.notify_one();
    }

    /// The tiles that were made since the last call; `None` for one whose file cannot be read.
    #[must_use]
    pub fn take_finished(&self) -> Vec<(TileKey, Option<Arc<Tile>>)> {
        std::mem::take(&mut self.shared.state().finished)
    }

    /// Waits until all that was asked for is made. Blocking: for pictures that nobody watches growing.
    pub fn wait(&self) {
        let mut state = self.shared.state();
        while !state.open.is_empty() && !state.stopped {
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The peak file that is being built, if one is.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.shared.state().job.iter().cloned().collect()
    }
}

impl Drop for Overviews {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // Under the lock, so that the worker is either waiting and hears it, or has yet to look at the flag.
        let state = self.shared.state();
        self.shared.work.notify_all();
        drop(state);
        if let Some(worker) = self.worker.take() {
            // One that panicked has nothing left to say.
            let _ = worker.join();
        }
    }
}

/// The thread's side.
struct Worker {
    shared: Arc<Shared>,
    cache: PathBuf,
    files: BTreeMap<MediaId, File>,
}

/// What is open of a file.
#[derive(Default)]
struct File {
    pcm: Option<OfflineSource>,
    peaks: Option<PeakFile>,
    /// It cannot be read; it is not tried again.
    broken: bool,
}

/// Files that are open at once.
const OPEN_FILES: usize = 64;

/// Says that the worker has ended, however it ended.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().stopped = true;
        self.0.done.notify_all();
    }
}

impl Worker {
    fn run(mut self, wake: &dyn Fn()) {
        let shared = Arc::clone(&self.shared);
        let _ending = Ending(&shared);
        while let Some((key, source)) = self.next() {
            let tile = self.tile(&key, &source).map(Arc::new);
            let mut state = shared.state();
            state.open.remove(&key);
            state.finished.push((key, tile));
            state.job = None;
            shared.done.notify_all();
            drop(state);
            wake();
        }
    }

    /// The latest request, once there is one; `None` at the end.
    fn next(&self) -> Option<(TileKey, Source)> {
        let mut state = self.shared.state();
        loop {
            if self.shared.stop.load(Ordering::Acquire) {
                return None;
            }
            if let Some(next) = state.waiting.pop_back() {
                return Some(next);
            }
            state = self.shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tile(&mut self, key: &TileKey, source: &Source) -> Option<Tile> {
        if self.files.len() >= OPEN_FILES && !self.files.contains_key(&key.media) {
            self.files.clear();
        }
        let mut file = self.files.remove(&key.media).unwrap_or_default();
        let tile = if file.broken {
            None
        } else if key.level < PEAK_LEVEL {
            tile_of_samples(&mut file, key, source)
        } else {
            self.tile_of_peaks(&mut file, key, source)
        };
        file.broken = tile.is_none();
        self.files.insert(key.media.clone(), file);
        tile
    }

    fn tile_of_peaks(&self, file: &mut File, key: &TileKey, source: &Source) -> Option<Tile> {
        if file.peaks.is_none() {
            let hash = AudioHash::from_hex(key.media.as_str())?;
            let progress = &mut |done| {
                self.shared.state().job = Some(Job { name: format!("Drawing {}", source.name), done });
                if self.shared.stop.load(Ordering::Acquire) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            file.peaks = Some(peaks::open_or_build(&source.path, hash, &self.cache, progress).ok()?);
        }
        let file = file.peaks.as_ref()?;
        let (first, frames) = span(key)?;
        let mut out = vec![Peak::default(); TILE_ENTRIES + TILE_OVERLAP];
        let channel = |channel| {
            file.read(channel, first..first.checked_add(frames)?, &mut out).ok()?;
            Some(out.iter().map(|peak| (peak.min, peak.max)).collect())
        };
        let channels: Option<Vec<_>> = (0..file.channels()).map(channel).collect();
        Some(Tile { channels: channels? })
    }
}

fn tile_of_samples(file: &mut File, key: &TileKey, source: &Source) -> Option<Tile> {
    if file.pcm.is_none() {
        file.pcm = Some(OfflineSource::open(&source.path).ok()?);
    }
    let pcm = file.pcm.as_mut()?;
    let (first, frames) = span(key)?;
    let mut samples = vec![0.0; usize::try_from(frames).ok()?];
    let count = pcm.channels();
    let channel = |channel| {
        pcm.read(channel, first, &mut samples);
        samples.chunks(1 << key.level).map(extent).collect()
    };
    Some(Tile { channels: (0..count).map(channel).collect() })
}

/// The first frame of a tile, and how many it shows.
fn span(key: &TileKey) -> Option<(i64, i64)> {
    let first = i64::from(key.index).checked_mul(i64::try_from(TILE_ENTRIES).ok()?)?;
    let entries = i64::try_from(TILE_ENTRIES + TILE_OVERLAP).ok()?;
    let frames = 1_i64.checked_shl(u32::from(key.level)).filter(|_| key.level <= 40)?;
    Some((first.checked_mul(frames)?, entries.checked_mul(frames)?))
}

fn extent(samples: &[f32]) -> (f32, f32) {
    samples.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &x| (min.min(x), max.max(x)))
}
