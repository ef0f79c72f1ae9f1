//! Recording: what comes from tapes goes into files that can be opened at every moment.
//!
//! A take is a WAV file of 32-bit floats in the session's `recording` folder, with a log beside it (`.take`, see [`TakeLog`]) that says which
//! of its frames belong where on the time line. A thread of its own brings each file up to date, header included, every few
//! milliseconds: what a kill of the program takes is what came after the last time. Another thread asks the disk, at
//! intervals, to keep it, so that a slow disk holds up nobody.
//!
//! A disk that is full, or gone, is told at once ([`TakeStatus::problem`]). The file stays as it was, and writing is tried again
//! and again; meanwhile the tape fills up, and what has no room there any more is lost, counted, and noted with its place.
//!
//! MIDI is recorded likewise ([`NoteRecorder`]): there the log is all that there is.
//!
//! [`Recorder::finish`] completes the files and moves them into the media folder under their hashes. What was never finished
//! is found by [`unfinished`], and completed by [`recover`]; nothing is ever deleted but takes without a single frame.

mod find;
mod log;
mod notes;
mod take;
mod when;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;
use std::{fs, io};

use omega_rt::tape::TapeReader;

use crate::hash::AudioHash;
use crate::write::{CreateError, WriteError};

pub use find::{FoundTake, discard, recover, unfinished};
pub use log::{ENDING, Hole, Stretch, TakeLog, forget};
pub use notes::{
    FinishedNotes, NOTES, NoteLog, NoteRecorder, NoteSpec, NoteStatus, NoteStretch, NoteTake,
    UnfinishedNotes, unfinished_notes,
};
use take::Take;

/// How a recorder works.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Where takes are written; made if it is missing.
    pub folder: PathBuf,
    /// Where they go when they are finished.
    pub media: PathBuf,
    /// Frames per second.
    pub rate: u32,
    /// How often the files are brought up to date.
    pub flush: Duration,
    /// How often the disk is asked to keep them.
    pub sync: Duration,
}

impl RecorderConfig {
    /// The usual: files are at most 20 ms behind their tapes, and the disk 500 ms behind the files.
    #[must_use]
    pub fn new(folder: &Path, media: &Path, rate: u32) -> Self {
        Self {
            folder: folder.to_owned(),
            media: media.to_owned(),
            rate,
            flush: Duration::from_millis(20),
            sync: Duration::from_millis(500),
        }
    }
}

/// What is to be recorded into one file.
#[derive(Debug)]
pub struct TakeSpec {
    /// The track's id.
    pub track: String,
    /// The track's name, for people.
    pub name: String,
    /// Where on the time line it is expected to begin, for programs that only see the file.
    pub position: i64,
    /// Where the frames come from.
    pub tape: TapeReader,
}

/// Why recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A folder or log cannot be made.
    #[error("cannot record into '{}': {error}; free some space, or check who may write there", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A file cannot be begun.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The system gives no thread.
    #[error("cannot start the thread that writes: {0}")]
    Thread(#[source] io::Error),
}

/// How a take stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakeStatus {
    /// The track's id.
    pub track: String,
    /// The file.
    pub file: PathBuf,
    /// Frames that are in the file.
    pub frames: u64,
    /// Frames that were lost because the disk was too slow.
    pub lost: u64,
    /// What stands in the way of writing now.
    pub problem: Option<String>,
}

/// A take that is finished and in the media folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedTake {
    /// The name of its audio.
    pub hash: AudioHash,
    /// `HASH.wav`, in the media folder.
    pub file_name: String,
    /// Frames in the file.
    pub frames: i64,
    /// What it is and where its frames belong.
    pub log: TakeLog,
    /// The log's file: [`forget`] it when the take has its place in the session.
    pub log_file: PathBuf,
}

/// A take that could not be finished. What was written of it can be recovered.
#[derive(Debug, thiserror::Error)]
#[error("the take of \"{name}\" is not finished: {why}. {frames} frames of it are in '{}'; recover them when the cause is mended", file.display())]
pub struct UnfinishedTake {
    /// The track's name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Frames that are in it.
    pub frames: u64,
    /// Why.
    pub why: String,
}

/// What [`Recorder::finish`] gives for each take: nothing for one without a single frame.
pub type Finished = Result<Option<FinishedTake>, UnfinishedTake>;

/// What all threads know of a take.
#[derive(Debug, Default)]
struct Shown {
    frames: AtomicU64,
    lost: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Shown {
    fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes takes on a thread of its own.
#[derive(Debug)]
pub struct Recorder {
    takes: Vec<(String, PathBuf, Arc<Shown>)>,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<Vec<Finished>>>,
    syncer: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Makes the files and begins to write.
    ///
    /// # Errors
    /// [`RecordError`]; nothing is left behind then.
    pub fn start(config: &RecorderConfig, specs: Vec<TakeSpec>) -> Result<Self, RecordError> {
        let folder = |path: &Path| {
            let path = path.to_owned();
            move |error| RecordError::Folder { path, error }
        };
        fs::create_dir_all(&config.folder).map_err(folder(&config.folder))?;
        fs::create_dir_all(&config.media).map_err(folder(&config.media))?;
        let mut takes = Vec::new();
        for spec in specs {
            match Take::create(config, spec) {
                Ok(take) => takes.push(take),
                Err(error) => {
                    takes.into_iter().for_each(Take::abandon);
                    return Err(error);
                }
            }
        }
        crate::files::sync_dir(&config.folder).map_err(folder(&config.folder))?;
        let stop = Arc::new(AtomicBool::new(false));
        let shown =
            takes.iter().map(|take| (take.log.track.clone(), take.file.clone(), take.shown())).collect();
        let files: Vec<File> = takes.iter().filter_map(Take::file_to_sync).collect();
        let syncer = spawn("omega-sync", {
            let (stop, interval) = (Arc::clone(&stop), config.sync);
            move || sync(&files, interval, &stop)
        })?;
        let writer = spawn("omega-record", {
            let (stop, interval, media) = (Arc::clone(&stop), config.flush, config.media.clone());
            move || write(takes, interval, &media, &stop)
        });
        let writer = match writer {
            Ok(writer) => writer,
            Err(error) => {
                end(&stop, syncer.thread());
                return Err(error);
            }
        };
        Ok(Self { takes: shown, stop, writer: Some(writer), syncer: Some(syncer) })
    }

    /// How each take stands, in the order in which they were given.
    #[must_use]
    pub fn status(&self) -> Vec<TakeStatus> {
        let status = |(track, file, shown): &(String, PathBuf, Arc<Shown>)| TakeStatus {
            track: track.clone(),
            file: file.clone(),
            frames: shown.frames.load(Ordering::Relaxed),
            lost: shown.lost.load(Ordering::Relaxed),
            problem: shown.problem(),
        };
        self.takes.iter().map(status).collect()
    }

    /// Writes all that is on the tapes, completes the files and moves them into the media folder. Each take is finished or
    /// not by itself; in the order in which they were given.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finished> {
        self.halt().unwrap_or_default()
    }

    fn halt(&mut self) -> Option<Vec<Finished>> {
        for thread in
            self.writer.iter().map(JoinHandle::thread).chain(self.syncer.iter().map(JoinHandle::thread))
        {
            end(&self.stop, thread);
        }
        let finished = self.writer.take().and_then(|writer| writer.join().ok());
        if let Some(syncer) = self.syncer.take() {
            // It gives nothing, and whoever panicked there said so.
            let _ = syncer.join();
        }
        finished
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // What nobody asks for is completed all the same, and found later by its log.
        drop(self.halt());
    }
}

fn end(stop: &AtomicBool, thread: &Thread) {
    stop.store(true, Ordering::Release);
    thread.unpark();
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RecordError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(RecordError::Thread)
}

/// The writing thread.
fn write(mut takes: Vec<Take>, interval: Duration, media: &Path, stop: &AtomicBool) -> Vec<Finished> {
    while !stop.load(Ordering::Acquire) {
        takes.iter_mut().for_each(Take::work);
        thread::park_timeout(interval);
    }
    takes.into_iter().map(|take| take.finish(media)).collect()
}

/// The thread that waits for the disk.
fn sync(files: &[File], interval: Duration, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        for file in files {
            // A disk that cannot keep it cannot be written to for long: the writer says so.
            let _ = file.sync_data();
        }
        thread::park_timeout(interval);
    }
}

/// What the system said, and what to do.
fn advice(error: &WriteError) -> String {
    let kind = if let WriteError::Io { error, .. } = error { Some(error.kind()) } else { None };
    let what = match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            "the disk is full: free some space"
        }
        Some(io::ErrorKind::FileTooLarge) => "the file may not grow further: raise the limit",
        _ => "the disk cannot be written to",
    };
    format!("{what} ({error})")
}
