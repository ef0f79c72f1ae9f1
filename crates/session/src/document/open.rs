//! Making and opening sessions.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use loro::VersionVector;
use omega_time::SampleRate;

use super::crdt::Crdt;
use super::error::{ApplyError, CreateError, FileError, Notice, OpenError};
use super::journal::{Entry, Journal};
use super::recover::new_damage;
use super::state::State;
use super::text::TextState;
use super::{Document, Home};
use crate::folder::record::{Header, Kind, Record};
use crate::folder::{self, Folder, LoadError, Loaded, Lock, LockError, Place, Writer, files};
use crate::model::{Fault, Project, SCHEMA, Settings};

/// How a session is made.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// The session's name, up to 1,000 characters.
    pub name: String,
    /// Its rate.
    pub sample_rate: SampleRate,
    /// Who edits.
    pub author: String,
    /// The same seed, edits and times give the same ids and the same bytes on disk. At random where `None`. Two sessions
    /// that are ever to be merged must not have the same seed.
    pub seed: Option<u64>,
    /// The time of each entry in milliseconds since 1970; the clock's where `None`.
    pub time: Option<i64>,
    /// What the session starts with: everything but its name and rate.
    pub template: Option<Project>,
}

impl CreateOptions {
    /// An empty session at 48 kHz.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (author, sample_rate) = (String::from("me"), SampleRate::HZ_48000);
        Self { name: name.to_owned(), sample_rate, author, seed: None, time: None, template: None }
    }

    /// The same with a seed and a fixed time, so that all bytes are the same each time.
    #[must_use]
    pub fn seeded(name: &str, seed: u64) -> Self {
        Self { seed: Some(seed), time: Some(0), ..Self::new(name) }
    }
}

/// How a session is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Who edits. Undo and redo are each author's own.
    pub author: String,
    /// Takes no lock and writes nothing; edits are refused.
    pub read_only: bool,
    /// Opens although the lock says that it is open on another machine.
    pub break_lock: bool,
    /// Leaves `project.json` aside (as `project.json.left`) if it cannot be read, and uses the history alone.
    pub without_text: bool,
    /// The time of each entry in milliseconds since 1970; the clock's where `None`.
    pub time: Option<i64>,
}

impl OpenOptions {
    /// For writing, as this author.
    #[must_use]
    pub fn new(author: &str) -> Self {
        let author = author.to_owned();
        Self { author, read_only: false, break_lock: false, without_text: false, time: None }
    }

    /// For reading.
    #[must_use]
    pub fn read_only() -> Self {
        Self { read_only: true, ..Self::new("") }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new("me")
    }
}

impl Document {
    /// A document that is kept nowhere but in memory.
    ///
    /// # Panics
    /// Never: a name that is too long is cut.
    #[must_use]
    pub fn in_memory(options: &CreateOptions) -> Self {
        let name: String = options.name.chars().take(crate::model::limits::MAX_NAME).collect();
        let mut document = Self::empty(Home::Memory, first_peer(options.seed), &options.author, options.time);
        // In memory nothing can fail to be written.
        let _ = document.start(&CreateOptions { name, ..options.clone() });
        document
    }

    pub(super) fn empty(home: Home, peer: u64, author: &str, time: Option<i64>) -> Self {
        let (state, crdt) = (State::default(), Crdt::new());
        // A peer id is refused only if it is the one that Loro keeps for itself; see `to_peer`.
        let _ = crdt.set_peer(peer);
        Self {
            project: std::sync::Arc::new(state.project().clone()),
            state,
            crdt,
            written: VersionVector::default(),
            covers: VersionVector::default(),
            journal: Journal::default(),
            home,
            peer,
            number: 0,
            author: author.to_owned(),
            time,
            text: TextState::default(),
            fresh: 0,
            notices: Vec::new(),
            params: crate::edit::of_no_device,
        }
    }

    /// Writes the first record.
    fn start(&mut self, options: &CreateOptions) -> Result<(), ApplyError> {
        let mut project = match &options.template {
            Some(template) => template.clone(),
            None => Project::new(&options.name, options.sample_rate),
        };
        let settings = Settings { sample_rate: options.sample_rate, ..project.settings().clone() };
        project.put_settings(Settings { name: options.name.clone(), ..settings });
        let mut header = Header::new(Kind::New);
        header.name = "session.new".to_owned();
        header.author.clone_from(&self.author);
        self.commit(header, &State::facts_of(&project)).map(drop)
    }

    /// Makes a session folder and opens it. It is there whole or not at all.
    ///
    /// # Errors
    /// [`CreateError`]: there is something, or it cannot be written.
    pub fn create(path: impl AsRef<Path>, options: &CreateOptions) -> Result<Self, CreateError> {
        let path = path.as_ref();
        if path.symlink_metadata().is_ok() {
            return Err(CreateError::Exists(path.to_owned()));
        }
        let settings = Settings::new(&options.name, options.sample_rate);
        if let Some(Fault { path, what }) = settings.faults().into_iter().next() {
            return Err(CreateError::Value(Fault { path: format!("session.{path}"), what }));
        }
        let beside = files::unfinished(path);
        let made = Self::make(&beside, path, options);
        if made.is_err() {
            // What was begun is of no use to anybody.
            let _ = fs::remove_dir_all(&beside);
        }
        made
    }

    fn make(beside: &Path, path: &Path, options: &CreateOptions) -> Result<Self, CreateError> {
        match fs::remove_dir_all(beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::at(beside)(error).into());
            }
            _ => Folder::lay_out(beside).map_err(FileError::at(beside))?,
        }
        let lock = match Lock::take(beside, &options.author, false) {
            Ok((lock, _)) => lock,
            Err(error) => return Err(CreateError::Document(error.to_string())),
        };
        let peer = first_peer(options.seed);
        let home = Home::Folder(Box::new(Folder::new(beside, lock, Writer::new(peer))));
        let mut document = Self::empty(home, peer, &options.author, options.time);
        let failed = |error: &dyn std::fmt::Display| CreateError::Document(error.to_string());
        document.start(options).map_err(|error| failed(&error))?;
        document.save().map_err(|error| failed(&error))?;
        files::sync_folder(beside).map_err(FileError::at(beside))?;
        files::put_in_place(beside, path).map_err(FileError::at(path))?;
        if let Home::Folder(folder) = &mut document.home {
            folder.renamed(path).map_err(FileError::at(path))?;
        }
        document.move_places(path);
        Ok(document)
    }

    /// Opens a session folder.
    ///
    /// Either of `project.json` and `history/` is enough. Where the text is not the one that was written last, what was
    /// changed in it is taken over as an edit of the version it was written from. See [`Document::take_notices`].
    ///
    /// # Errors
    /// [`OpenError`], saying what is wrong, where, and what to do. Nothing is changed then.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        if !path.join(folder::TEXT).exists() && !path.join(folder::HISTORY).is_dir() {
            return Err(OpenError::NoSession(path.to_owned()));
        }
        let (lock, stale) = if options.read_only { (None, None) } else { lock(path, options)? };
        let loaded = folder::load(path).map_err(|error| match error {
            LoadError::Io { path, source } => FileError { path, source }.into(),
            LoadError::Newer { path, version } => OpenError::Newer { path, version },
        })?;
        if loaded.text.is_none() && loaded.records.is_empty() && loaded.snapshots.is_empty() {
            return Err(OpenError::NoSession(path.to_owned()));
        }
        let home = Home::ReadOnly(path.to_owned());
        let mut document = Self::empty(home, random_peer(), &options.author, options.time);
        document.notices.extend(stale.map(Notice::StaleLock));
        document.load(path, &loaded)?;
        let text = document.read_text(path, &loaded, options)?;
        if let Some(lock) = lock {
            document.settle(path, lock, &loaded)?;
        }
        document.finish_open(path, text, &loaded)?;
        Ok(document)
    }

    /// Takes in what a folder holds.
    fn load(&mut self, path: &Path, loaded: &Loaded) -> Result<(), OpenError> {
        let history = |reason: String| OpenError::History { path: path.to_owned(), reason };
        let new = new_damage(loaded);
        for fault in &loaded.faults {
            self.notices.push(match fault.clone() {
                folder::Fault::Torn { path, bytes } => Notice::TornEnd { path, bytes },
                folder::Fault::Damaged { path, damage } if new.contains(&damage) => {
                    Notice::Damaged { path, bytes: damage.end - damage.start }
                }
                folder::Fault::Damaged { .. } => continue,
                folder::Fault::Foreign { path } => Notice::Foreign(path),
                folder::Fault::Newer { path } => Notice::NewerSnapshot(path),
            });
        }
        for snapshot in &loaded.snapshots {
            // A snapshot only makes opening faster: one that cannot be used is not.
            if Crdt::check(std::slice::from_ref(snapshot)).is_ok() {
                let _ = self.crdt.import(std::slice::from_ref(snapshot));
            }
        }
        let there = self.crdt.version();
        let missing = |record: &&(Record, Place)| {
            let id = record.0.header.id;
            id.is_none_or(|id| there.get(&id.peer).copied().unwrap_or(0) < record.0.header.end)
        };
        let blobs: Vec<Vec<u8>> =
            loaded.records.iter().filter(missing).map(|(r, _)| r.operations.clone()).collect();
        let blobs: Vec<Vec<u8>> = blobs.into_iter().filter(|blob| !blob.is_empty()).collect();
        self.fresh = if loaded.snapshots.is_empty() {
            loaded.bytes
        } else {
            blobs.iter().map(|blob| blob.len() as u64).sum()
        };
        Crdt::check(&blobs).map_err(|error| history(error.to_string()))?;
        // What waits for others that are not there is seen to by `recover`.
        self.crdt.import(&blobs).map_err(|error| history(error.to_string()))?;
        for (record, _) in &loaded.records {
            let header = &record.header;
            if header.id.is_some_and(|id| self.crdt.count(id.peer) >= header.end) {
                self.note_covers(header);
            }
        }
        let entries =
            loaded.records.iter().filter_map(|(record, place)| Entry::of(&record.header, place.clone()));
        let mut entries: Vec<Entry> = entries.collect();
        entries.sort_by_key(|entry| (entry.clock, entry.id));
        self.journal.add(entries);
        self.written = self.crdt.version();
        self.state = State::new(self.crdt.facts());
        self.project = std::sync::Arc::new(self.state.project().clone());
        match self.state.fact("schema").and_then(serde_json::Value::as_i64) {
            Some(found) if found > i64::from(SCHEMA) => {
                Err(OpenError::Newer { path: path.to_owned(), version: found.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Becomes a document that can be written.
    fn settle(&mut self, path: &Path, lock: Lock, loaded: &Loaded) -> Result<(), OpenError> {
        let whole = |writer: &Writer| self.is_whole(writer.peer, loaded);
        let writer = Writer::resume(path).filter(whole);
        let writer = writer.unwrap_or_else(|| Writer::new(self.unused_peer()));
        self.peer = writer.peer;
        self.number = self.journal.next_number(writer.peer);
        self.crdt
            .set_peer(writer.peer)
            .map_err(|error| OpenError::History { path: path.to_owned(), reason: error.to_string() })?;
        let folder = Folder::new(path, lock, writer);
        for inner in [folder::HISTORY, folder::MEDIA, folder::PLUGINS, folder::CACHE] {
            let inner = path.join(inner);
            fs::create_dir_all(&inner).map_err(FileError::at(inner))?;
        }
        folder.cut_torn(loaded).map_err(FileError::at(path))?;
        self.home = Home::Folder(Box::new(folder));
        Ok(())
    }

    /// Whether all that this writer ever wrote is here, as far as anything tells. Where it is not, going on as this writer
    /// would give the numbers of lost operations to others.
    fn is_whole(&self, peer: u64, loaded: &Loaded) -> bool {
        let count = self.crdt.count(peer);
        let ends =
            loaded.records.iter().filter(|(record, _)| record.header.id.is_some_and(|id| id.peer == peer));
        let known = [Some(&self.covers), self.text.base.as_ref()].into_iter().flatten();
        let damaged = loaded.faults.iter().any(|fault| match fault {
            folder::Fault::Torn { path, .. }
            | folder::Fault::Damaged { path, .. }
            | folder::Fault::Newer { path }
            | folder::Fault::Foreign { path } => {
                path.file_name().is_some_and(|name| *name == *folder::log_name(peer))
            }
        });
        !damaged
            && ends.map(|(record, _)| record.header.end).all(|end| end <= count)
            && known.map(|version| version.get(&peer).copied().unwrap_or(0)).all(|known| known <= count)
    }

    /// A peer that nobody is.
    fn unused_peer(&self) -> u64 {
        loop {
            let peer = random_peer();
            if self.crdt.count(peer) == 0 && self.journal.next_number(peer) == 0 {
                return peer;
            }
        }
    }

    /// Lets records be found again after the folder got another name.
    pub(super) fn move_places(&mut self, folder: &Path) {
        self.journal.move_places(&folder.join(folder::HISTORY));
    }
}

fn lock(path: &Path, options: &OpenOptions) -> Result<(Option<Lock>, Option<folder::Holder>), OpenError> {
    match Lock::take(path, &options.author, options.break_lock) {
        Ok((lock, stale)) => Ok((Some(lock), stale)),
        Err(LockError::Held(holder)) => Err(OpenError::InUse(holder)),
        Err(LockError::Elsewhere(holder, lock)) => Err(OpenError::InUseElsewhere { holder, lock }),
        Err(LockError::Io(source)) => {
            let denied = matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
            let source = FileError { path: PathBuf::from(path).join("lock"), source };
            Err(if denied { OpenError::NotWritable { source } } else { source.into() })
        }
    }
}

/// A peer from a hash: any number but 0 and those that Loro keeps for itself.
pub(super) fn to_peer(hash: blake3::Hash) -> u64 {
    let (first, _) = hash.as_bytes().split_first_chunk::<8>().unwrap_or((&[1; 8], &[]));
    (u64::from_le_bytes(*first) >> 1).max(1)
}

fn first_peer(seed: Option<u64>) -> u64 {
    seed.map_or_else(random_peer, |seed| {
        to_peer(blake3::keyed_hash(b"the first writer of a session...", &seed.to_le_bytes()))
    })
}

/// The writer of a copy.
pub(super) fn fork_peer(seed: Option<u64>) -> u64 {
    seed.map_or_else(random_peer, |seed| {
        to_peer(blake3::keyed_hash(b"a further writer of a session...", &seed.to_le_bytes()))
    })
}

/// The standard library seeds each `RandomState` from the system's randomness; the time and the process are added in case
/// two machines were cloned.
fn random_peer() -> u64 {
    let mut hash = blake3::Hasher::new();
    for _ in 0..4 {
        hash.update(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    hash.update(&std::process::id().to_le_bytes());
    hash.update(format!("{:?}", std::time::SystemTime::now()).as_bytes());
    to_peer(hash.finalize())
}
