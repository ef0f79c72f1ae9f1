//! A session on disk.
//!
//! `Name.omega/` holds `project.json` (the text), `history/` (a file for each writer, appended to only, and snapshots that
//! make opening fast), `media/`, `plugins/`, `recording/` (takes that are being written), `cache/` (safe to delete) and `lock`. The history is the truth; the text is
//! written from it and read back where it was changed outside.

mod baton;
pub(crate) mod files;
mod lock;
mod log;
pub(crate) mod record;
mod snapshot;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton::Baton;
pub use lock::Holder;
pub(crate) use lock::{Lock, LockError};
use log::Log;
pub(crate) use log::name as log_name;
use record::{Damage, Record, TextMark, scan};
use snapshot::Snapshot;
pub(crate) use snapshot::write as write_snapshot;

use crate::model::limits;

/// The file with the text.
pub const TEXT: &str = "project.json";
pub(crate) const HISTORY: &str = "history";
pub(crate) const MEDIA: &str = "media";
pub(crate) const PLUGINS: &str = "plugins";
pub(crate) const CACHE: &str = "cache";
pub(crate) const RECORDING: &str = "recording";

const GIT_IGNORE: &str = "/cache/\n/recording/\n/lock\n*.tmp\n";
const GIT_ATTRIBUTES: &str = "project.json text eol=lf\nhistory/* binary\nmedia/* binary\nplugins/* binary\n";

/// Where a record can be read again.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Memory(Arc<[u8]>),
    File { path: Arc<Path>, start: u64, length: usize },
}

impl Place {
    /// The record's frame, mended where it is damaged.
    pub fn frame(&self) -> io::Result<Vec<u8>> {
        let bytes = self.bytes()?;
        if scan(&bytes, 0).damage.is_empty() {
            return Ok(bytes);
        }
        self.record()?.frame().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is too large"))
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(frame) => Ok(frame.to_vec()),
            Self::File { path, start, length } => {
                use io::{Read, Seek};
                let mut file = fs::File::open(path)?;
                file.seek(io::SeekFrom::Start(*start))?;
                let mut frame = vec![0; *length];
                file.read_exact(&mut frame)?;
                Ok(frame)
            }
        }
    }

    /// The record.
    pub fn record(&self) -> io::Result<Record> {
        let found = scan(&self.bytes()?, 0).found.into_iter().next();
        found
            .map(|found| found.record)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it was changed"))
    }
}

/// What was wrong with a file of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// So many bytes at its end are the beginning of a record that was never finished.
    Torn { path: PathBuf, bytes: u64 },
    /// Bytes of it are not what was written.
    Damaged { path: PathBuf, damage: Damage },
    /// It is no file of a history.
    Foreign { path: PathBuf },
    /// It is a snapshot of a newer version.
    Newer { path: PathBuf },
}

/// All that a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub records: Vec<(Record, Place)>,
    pub snapshots: Vec<Vec<u8>>,
    pub text: Option<Vec<u8>>,
    /// What the cache says of the text.
    pub hint: Option<TextMark>,
    pub faults: Vec<Fault>,
    /// Bytes of all the writers' files.
    pub bytes: u64,
    /// Files with a torn end, and where their last whole record ends.
    torn: Vec<(PathBuf, u64)>,
}

/// Why a folder cannot be read.
#[derive(Debug)]
pub(crate) enum LoadError {
    Io { path: PathBuf, source: io::Error },
    Newer { path: PathBuf, version: String },
}

/// Reads a folder. Nothing is changed.
pub(crate) fn load(folder: &Path) -> Result<Loaded, LoadError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Io { path, source }
    };
    let text = folder.join(TEXT);
    let mut loaded = Loaded {
        text: files::read_bounded(&text, limits::MAX_TEXT_FILE).map_err(at(&text))?,
        hint: read_hint(folder),
        ..Loaded::default()
    };
    let history = folder.join(HISTORY);
    let mut paths: Vec<PathBuf> = match fs::read_dir(&history) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(at(&history)(error)),
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
    };
    paths.sort();
    for path in paths {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some(log::ENDING) => load_log(&path, &mut loaded)?,
            Some(snapshot::ENDING) => match snapshot::read(&path) {
                Ok(Snapshot::Whole(bytes)) => loaded.snapshots.push(bytes),
                Ok(Snapshot::Newer) => loaded.faults.push(Fault::Newer { path }),
                Ok(Snapshot::Damaged) => loaded.faults.push(Fault::Foreign { path }),
                // Who writes the session may just have put a newer one in its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(&path)(error)),
            },
            _ => {}
        }
    }
    Ok(loaded)
}

/// A second witness of what `project.json` shows, beside the files of the history, in case one of those is damaged.
const HINT: &str = "text.json";

fn read_hint(folder: &Path) -> Option<TextMark> {
    let bytes = files::read_bounded(&folder.join(CACHE).join(HINT), 1 << 20).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Notes in the cache what the text shows.
pub(crate) fn write_hint(folder: &Path, mark: &TextMark) -> io::Result<()> {
    let path = folder.join(CACHE).join(HINT);
    let beside = files::unfinished(&path);
    files::begin(&beside)?.write_all(&serde_json::to_vec(mark).unwrap_or_default())?;
    fs::rename(beside, path)
}

fn load_log(path: &Path, loaded: &mut Loaded) -> Result<(), LoadError> {
    let bytes = files::read_file(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    loaded.bytes += bytes.len() as u64;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let damaged = |start: usize, end: usize| {
        let damage = Damage { file: name.clone(), start: start as u64, end: end as u64 };
        Fault::Damaged { path: path.to_owned(), damage }
    };
    let scan = scan(&bytes, log::FIRST.min(bytes.len()));
    let named = log::writer_of(&name);
    match log::writer(&bytes) {
        Some(Ok(peer)) if named == Some(peer) => {}
        // Records say themselves whose they are, so where there are some a wrong head costs nothing.
        Some(Ok(_)) => loaded.faults.push(damaged(16, log::FIRST)),
        _ if !scan.found.is_empty() => loaded.faults.push(damaged(0, 16)),
        Some(Err(version)) => return Err(LoadError::Newer { path: path.to_owned(), version }),
        None if bytes.len() < log::FIRST => {
            // A file whose head was never finished holds nothing that was acknowledged.
            loaded.faults.push(Fault::Torn { path: path.to_owned(), bytes: bytes.len() as u64 });
            loaded.torn.push((path.to_owned(), 0));
            return Ok(());
        }
        None => {
            loaded.faults.push(Fault::Foreign { path: path.to_owned() });
            return Ok(());
        }
    }
    let shared: Arc<Path> = path.into();
    for found in scan.found {
        let place =
            Place::File { path: shared.clone(), start: found.start as u64, length: found.end - found.start };
        loaded.records.push((found.record, place));
    }
    loaded.faults.extend(scan.damage.into_iter().map(|(start, end)| damaged(start, end)));
    if let Some(end) = scan.torn {
        loaded.faults.push(Fault::Torn { path: path.to_owned(), bytes: (bytes.len() - end) as u64 });
        loaded.torn.push((path.to_owned(), end as u64));
    }
    Ok(())
}

/// The folder of a session that is open for writing.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held as long as this lives.
    _lock: Lock,
    log: Option<Log>,
    peer: u64,
}

/// The writer that a folder goes on with, and the file it goes on with if it is an old one.
pub(crate) struct Writer {
    pub peer: u64,
    log: Option<Log>,
}

impl Writer {
    /// A writer that starts a file of its own with its first record.
    pub fn new(peer: u64) -> Self {
        Self { peer, log: None }
    }

    /// The writer that this copy of the session was closed with, if its file is as it was left.
    pub fn resume(folder: &Path) -> Option<Self> {
        let baton = Baton::take(folder)?;
        let history = folder.join(HISTORY);
        let path = history.join(log::name(baton.peer));
        let bytes = files::read_file(&path).ok()?;
        let whole = log::writer(&bytes) == Some(Ok(baton.peer)) && baton.fits(&path, &bytes);
        let log = whole.then(|| Log::resume(&history, baton.peer, baton.length))?.ok()?;
        Some(Self { peer: baton.peer, log: Some(log) })
    }
}

impl Folder {
    /// Makes an empty folder with all that every session has.
    pub fn lay_out(path: &Path) -> io::Result<()> {
        fs::create_dir(path)?;
        for inner in [HISTORY, MEDIA, PLUGINS, CACHE] {
            fs::create_dir(path.join(inner))?;
        }
        files::write_durably(&path.join(".gitignore"), GIT_IGNORE.as_bytes())?;
        files::write_durably(&path.join(".gitattributes"), GIT_ATTRIBUTES.as_bytes())
    }

    /// A folder that is locked, with its writer.
    pub fn new(path: &Path, lock: Lock, writer: Writer) -> Self {
        Self { path: path.to_owned(), _lock: lock, log: writer.log, peer: writer.peer }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the folder has another name now.
    pub fn renamed(&mut self, path: &Path) -> io::Result<()> {
        if let Some(log) = &self.log {
            self.log = Some(Log::resume(&path.join(HISTORY), self.peer, log.length())?);
        }
        path.clone_into(&mut self.path);
        Ok(())
    }

    /// Cuts torn ends off, and removes a file that was never begun properly. What is cut is kept in `cache/`.
    pub fn cut_torn(&self, loaded: &Loaded) -> io::Result<()> {
        for (path, end) in &loaded.torn {
            let bytes = files::read_file(path)?;
            let torn = bytes.get(usize::try_from(*end).unwrap_or(usize::MAX)..).unwrap_or_default();
            let name = format!("torn-{}", blake3::hash(torn).to_hex().split_at(16).0);
            fs::create_dir_all(self.path.join(CACHE))?;
            files::begin(&self.path.join(CACHE).join(name))?.write_all(torn)?;
            if *end == 0 {
                fs::remove_file(path)?;
                continue;
            }
            let file = fs::OpenOptions::new().write(true).open(path)?;
            file.set_len(*end)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// Where records go.
    pub fn log_path(&self) -> PathBuf {
        self.path.join(HISTORY).join(log::name(self.peer))
    }

    /// Appends frames to the writer's file. They are durable when this returns, if `durably`.
    pub fn append(&mut self, frames: &[Vec<u8>], durably: bool) -> io::Result<Vec<Place>> {
        let log = match &mut self.log {
            Some(log) => log,
            none => none.insert(Log::create(&self.path.join(HISTORY), self.peer)?),
        };
        let mut start = log.append(&frames.concat(), durably)?;
        let path: Arc<Path> = log.path().into();
        let places = frames.iter().map(|frame| {
            let place = Place::File { path: path.clone(), start, length: frame.len() };
            start += frame.len() as u64;
            place
        });
        Ok(places.collect())
    }

    /// Puts the baton back, so that the next one to open goes on with the same file.
    pub fn close(&mut self) -> io::Result<()> {
        let Some(log) = self.log.take() else { return Ok(()) };
        let bytes = files::read_file(log.path())?;
        match Baton::new(log.path(), self.peer, &bytes) {
            Some(baton) if bytes.len() as u64 == log.length() => baton.put(&self.path),
            _ => Ok(()),
        }
    }
}
