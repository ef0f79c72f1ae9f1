//! Streaming: the audio thread reads pages that other threads load ahead of it.
//!
//! A file is divided into pages of 16,384 samples (8,192 stereo frames; a page keeps its channels one after the other).
//! All files share one pool of pages, whose size is fixed: the memory does not depend on how much is played. Loader
//! threads look every few milliseconds at where each [`StreamSource`] is being read ([`PcmSource::steer`]), list the
//! pages that will be wanted soonest, and fill them with `pread` (never mmap: a fault would stop the audio thread),
//! taking pages from where they are wanted least. The audio thread looks a page up in a table of atomics, holds it
//! while it copies, and counts what is missing. It never wakes, waits for or tells a loader anything.
//!
//! ```text
//! StreamSource::steer ──atomics──▶ plan (soonest first) ──▶ loader ──pread──▶ page of the pool
//! StreamSource::read  ◀──────────── table of the file: page number → PageId ◀──────┘
//! ```
//!
//! One file descriptor is held per open file; the first file that is opened raises the process's soft limit of open files
//! to its hard one.
//!
//! For rendering there is [`OfflineSource`], which reads synchronously and gives the same samples.
//!
//! [`PcmSource::steer`]: omega_rt::PcmSource::steer

mod file;
mod loader;
mod offline;
mod plan;
mod source;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::read::OpenError;

pub use offline::OfflineSource;
pub use source::{StreamHandle, StreamSource};

use file::StreamFile;
use loader::Shared;
use plan::Windows;

/// How much is loaded, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// Memory for pages, in bytes; allocated as it is used.
    pub budget: usize,
    /// Samples in a page, all channels together.
    pub page_samples: usize,
    /// Loader threads, at least one.
    pub threads: usize,
    /// How far ahead of a playing position pages are loaded, where the budget allows.
    pub ahead: Duration,
    /// How far behind a playing position pages are kept, and loaded when there is nothing else to do.
    pub behind: Duration,
    /// How much is loaded from a hinted frame on, and where playing stopped.
    pub hinted: Duration,
    /// How often loaders look where sources are.
    pub poll: Duration,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            budget: 256 << 20,
            page_samples: 16_384,
            threads: 2,
            ahead: Duration::from_millis(1_500),
            behind: Duration::from_millis(250),
            hinted: Duration::from_millis(500),
            poll: Duration::from_millis(8),
        }
    }
}

/// Something that happened while streaming.
#[derive(Debug)]
pub enum StreamEvent {
    /// A file could not be read: it plays silence there, and is tried again twice a second. Sent once until it recovers.
    Failed {
        /// The file.
        path: PathBuf,
        /// First frame that is missing.
        frame: i64,
        /// What the system said.
        error: io::Error,
    },
    /// A file that had failed was read again.
    Recovered {
        /// The file.
        path: PathBuf,
    },
}

/// Counts since the streamer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Pages in the pool.
    pub pages: u64,
    /// Pages that hold something or are being filled.
    pub pages_used: u64,
    /// Pages loaded.
    pub loaded: u64,
    /// Pages taken from where they were wanted less.
    pub evicted: u64,
    /// Loads that failed.
    pub failed: u64,
    /// Reads that did not find everything (xruns of the disk).
    pub underruns: u64,
    /// Frames that were missing in them, counted per channel.
    pub missing_frames: u64,
}

/// The loader threads and their pool of pages. Dropping it stops the threads; sources then find nothing new.
pub struct DiskStreamer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    events: Mutex<Receiver<StreamEvent>>,
}

impl DiskStreamer {
    /// Starts the loader threads.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn new(config: &StreamConfig) -> io::Result<Self> {
        let (sender, events) = channel();
        let shared = Arc::new(Shared::new(config, sender));
        let mut streamer = Self { shared, threads: Vec::new(), events: Mutex::new(events) };
        for number in 0..config.threads.max(1) {
            let shared = Arc::clone(&streamer.shared);
            let thread = std::thread::Builder::new().name(format!("omega-stream-{number}"));
            // When a thread is refused, dropping `streamer` stops those that run.
            streamer.threads.push(thread.spawn(move || loader::run(&shared))?);
        }
        Ok(streamer)
    }

    /// Opens a PCM file (WAV, RF64, AIFF …; not FLAC, which is imported first) for streaming. Its beginning is loaded
    /// soon. Sources of the same file share their pages.
    ///
    /// # Errors
    /// [`OpenError`]; `Unsupported` for coded audio.
    pub fn open(&self, path: &Path) -> Result<StreamSource, OpenError> {
        let file = self.shared.share(StreamFile::open(path, self.shared.pool().samples())?);
        let source = StreamSource::new(&self.shared, file);
        source.handle().hint(0);
        Ok(source)
    }

    /// What happened since it was asked last. Never waits.
    #[must_use]
    pub fn events(&self) -> Vec<StreamEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }

    /// Counts since the beginning.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.shared.stats()
    }
}

impl Drop for DiskStreamer {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A loader that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl From<&StreamConfig> for Windows {
    fn from(config: &StreamConfig) -> Self {
        Self {
            ahead: config.ahead.as_secs_f64(),
            behind: config.behind.as_secs_f64(),
            hinted: config.hinted.as_secs_f64(),
        }
    }
}
