//! `project.json`: writing it, and taking over what was changed in it outside.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use loro::VersionVector;
use serde_json::Value;

use super::crdt::Crdt;
use super::error::{ApplyError, FileError, Notice, OpenError, SaveError};
use super::journal::Entry;
use super::open::to_peer;
use super::state::State;
use super::{Delta, Document, EntryId, Heads, Home, OpenOptions};
use crate::folder::record::{Header, Kind, Record, TextMark};
use crate::folder::{self, Loaded, Place, files};
use crate::model::fact::Changes;
use crate::model::read::{TextRead, read_text};
use crate::model::{TextError, limits};

/// Bytes of history after which a save writes a snapshot.
const SNAPSHOT_BYTES: u64 = 1 << 20;

/// What is known of the text on disk.
#[derive(Clone, Debug, Default)]
pub(super) struct TextState {
    /// Hashes of texts that this history wrote, so that they are no change from outside.
    known: Vec<String>,
    /// The version that the text shows; `None` if nothing says so.
    base: Option<Heads>,
    /// The text that is to be put aside because it cannot be read.
    aside: bool,
}

/// A text that was changed outside, with its hash.
pub(super) struct Outside {
    hash: String,
    read: Box<TextRead>,
}

fn hash_of(text: &[u8]) -> String {
    blake3::hash(text).to_hex().to_string()
}

impl Document {
    /// Writes `project.json`. If it was changed outside since, that is taken over first as an edit.
    ///
    /// Edits need no saving: they are durable when they are acknowledged.
    ///
    /// # Errors
    /// [`SaveError`]; the file is then as it was before.
    pub fn save(&mut self) -> Result<(), SaveError> {
        let Home::Folder(folder) = &self.home else { return Err(SaveError::NoPlace) };
        let path = folder.path().join(folder::TEXT);
        let there = files::read_bounded(&path, limits::MAX_TEXT_FILE).map_err(FileError::at(&path))?;
        if let Some(bytes) = there.as_deref().filter(|_| !self.text.aside) {
            let outside =
                self.outside(bytes).map_err(|source| SaveError::Text { path: path.clone(), source })?;
            if let Some(outside) = outside {
                self.take_text(&outside)?;
            }
        }
        if let (true, Some(bytes)) = (self.text.aside, &there) {
            files::write_durably(&path.with_extension("json.left"), bytes).map_err(FileError::at(&path))?;
        }
        let text = self.project.to_text();
        let (hash, previous) = (hash_of(text.as_bytes()), there.as_deref().map(hash_of).unwrap_or_default());
        let heads = self.crdt.heads();
        if hash != previous {
            let beside = files::write_beside(&path, text.as_bytes()).map_err(FileError::at(&path))?;
            // From here on either text is known, whichever is there after a kill.
            self.mark(Kind::Writing, &hash, &previous, &heads, true)?;
            files::put_in_place(&beside, &path).map_err(FileError::at(&path))?;
        }
        if hash != previous || self.text.base.as_ref() != Some(&heads) {
            self.mark(Kind::Wrote, &hash, "", &heads, false)?;
        }
        self.text = TextState { known: vec![hash], base: Some(heads), aside: false };
        self.snapshot_if_due()
    }

    /// Notes in the history which text is there.
    fn mark(
        &mut self,
        kind: Kind,
        hash: &str,
        previous: &str,
        heads: &Heads,
        durably: bool,
    ) -> Result<(), ApplyError> {
        let mut header = Header::new(kind);
        header.clock = self.journal.clock();
        header.text =
            Some(TextMark { hash: hash.to_owned(), previous: previous.to_owned(), heads: heads.clone() });
        let record = Record { header, operations: Vec::new() };
        let frame = record.frame().map_err(|_| ApplyError::TooLarge)?;
        self.append(vec![frame], durably).map(drop)
    }

    fn snapshot_if_due(&mut self) -> Result<(), SaveError> {
        let Home::Folder(folder) = &self.home else { return Ok(()) };
        if self.fresh < SNAPSHOT_BYTES {
            return Ok(());
        }
        let path = folder.path().to_owned();
        let bytes = self.crdt.snapshot().map_err(|error| ApplyError::Damaged(error.to_string()))?;
        folder::write_snapshot(&path, &bytes).map_err(FileError::at(path))?;
        self.fresh = 0;
        Ok(())
    }

    /// Reads the text of a folder that is being opened; `None` if there is nothing new in it.
    pub(super) fn read_text(
        &mut self,
        path: &Path,
        loaded: &Loaded,
        options: &OpenOptions,
    ) -> Result<Option<Outside>, OpenError> {
        self.text = self.known_texts(loaded);
        let Some(bytes) = &loaded.text else { return Ok(None) };
        match self.outside(bytes) {
            Ok(outside) => Ok(outside),
            Err(_) if options.without_text && !loaded.records.is_empty() => {
                self.text.aside = true;
                Ok(None)
            }
            Err(source) => Err(OpenError::Text { path: path.join(folder::TEXT), source }),
        }
    }

    /// Which texts the history wrote last, and from which version.
    ///
    /// Each writer says what it wrote; what another writer wrote from a later version makes it stale. After a merge of two
    /// branches both last texts are known, and a text that is neither shows what the branches had in common plus
    /// what was changed since: it is compared with both together.
    fn known_texts(&self, loaded: &Loaded) -> TextState {
        // A writer's file is in order, so its last mark is what counts of it.
        let mut last: BTreeMap<&Path, (&TextMark, Kind)> = BTreeMap::new();
        for (record, place) in &loaded.records {
            if let (Some(mark), Place::File { path, .. }) = (&record.header.text, place) {
                last.insert(path, (mark, record.header.kind));
            }
        }
        let mut marks: Vec<(VersionVector, Vec<String>)> = Vec::new();
        for (mark, kind) in last.into_values() {
            let Some(version) = self.crdt.version_at(&mark.heads) else { continue };
            let mut hashes = vec![mark.hash.clone()];
            if kind == Kind::Writing {
                hashes.push(mark.previous.clone());
            }
            marks.retain(|(other, _)| other.partial_cmp(&version) != Some(Ordering::Less));
            if !marks.iter().any(|(other, _)| version.partial_cmp(other) == Some(Ordering::Less)) {
                marks.push((version, hashes));
            }
        }
        let mut all = VersionVector::default();
        marks.iter().for_each(|(version, _)| all.merge(version));
        let base = (!marks.is_empty()).then(|| self.crdt.heads_of(&all));
        TextState { known: marks.into_iter().flat_map(|(_, hashes)| hashes).collect(), base, aside: false }
    }

    /// Reads a text that this history did not write; `None` if it did.
    fn outside(&self, bytes: &[u8]) -> Result<Option<Outside>, TextError> {
        let hash = hash_of(bytes);
        if self.text.known.contains(&hash) {
            return Ok(None);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
            TextError::Syntax { line, column: 1, what: "this is no UTF-8 text".to_owned() }
        })?;
        Ok(Some(Outside { hash, read: Box::new(read_text(text)?) }))
    }

    /// Does what opening does to the document itself, once it has a home.
    pub(super) fn finish_open(&mut self, path: &Path, outside: Option<Outside>) -> Result<(), OpenError> {
        let failed = |error: ApplyError| match error {
            ApplyError::Journal(error) => OpenError::File(error),
            error => OpenError::History { path: path.to_owned(), reason: error.to_string() },
        };
        if let Some(outside) = outside {
            self.take_text(&outside).map_err(failed)?;
        }
        self.repair().map_err(failed)
    }

    /// Takes over what was changed in a text outside, as an edit of the version that the text was written from.
    fn take_text(&mut self, outside: &Outside) -> Result<(), ApplyError> {
        let damaged = |error: super::crdt::CrdtError| ApplyError::Damaged(error.to_string());
        let base = self.text.base.clone().unwrap_or_else(|| self.crdt.heads());
        let unknown = || ApplyError::Damaged("the version of the text is not in the history".to_owned());
        let branch = self.crdt.branch(&base).ok_or_else(unknown)?;
        let mut state = State::new(branch.facts());
        let mut changes = if self.journal.entries().is_empty() && base.is_empty() {
            State::facts_of(&outside.read.project)
        } else {
            state.project().facts_to(&outside.read.project)
        };
        changes = state.effective(changes);
        let deltas = state.set(&changes);
        if !deltas.is_empty() {
            let record = self.text_record(&branch, base, deltas).map_err(damaged)?;
            self.notices.push(Notice::TextChanged(changes.len()));
            self.take_in(record.into_iter().collect())?;
        }
        let heads = branch.heads();
        if !self.is_read_only() {
            self.mark(Kind::Wrote, &outside.hash, "", &heads, true)?;
        }
        self.text = TextState { known: vec![outside.hash.clone()], base: Some(heads), aside: false };
        Ok(())
    }

    /// The record of a change of the text. Its writer and all in it follow from the text and the version alone, so two
    /// copies of a session that get the same text make the same record of it, and merging them keeps one.
    fn text_record(
        &self,
        branch: &Crdt,
        base: Heads,
        deltas: Vec<Delta>,
    ) -> Result<Option<Record>, super::crdt::CrdtError> {
        let changes: Changes = deltas.iter().map(|delta| (delta.path.clone(), delta.after.clone())).collect();
        let mut hash = blake3::Hasher::new();
        for (peer, number) in &base {
            hash.update(&peer.to_le_bytes());
            hash.update(&number.to_le_bytes());
        }
        for (path, value) in &changes {
            hash.update(path.as_bytes());
            hash.update(value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string).as_bytes());
        }
        let peer = to_peer(hash.finalize());
        let known = self.crdt.count(peer) > 0;
        let before = branch.version();
        branch.set_peer(peer)?;
        branch.set(&changes)?;
        if known {
            return Ok(None);
        }
        let mut header = Header::new(Kind::Text);
        header.id = Some(EntryId { peer, number: 0 });
        header.clock = self.journal.clock() + 1;
        header.name = "project.json".to_owned();
        header.time = self.journal.time();
        header.heads = base;
        header.end = branch.count(peer);
        header.changes = deltas;
        Ok(Some(Record { header, operations: branch.updates(&before)? }))
    }

    /// Takes in records that others made: into the history first, then into the document.
    pub(super) fn take_in(&mut self, records: Vec<Record>) -> Result<(), ApplyError> {
        if records.is_empty() {
            return Ok(());
        }
        let damaged = |error: super::crdt::CrdtError| ApplyError::Damaged(error.to_string());
        let frames: Result<Vec<_>, _> = records.iter().map(Record::frame).collect();
        let places = self.append(frames.map_err(|_| ApplyError::TooLarge)?, true)?;
        let entries =
            records.iter().zip(places).filter_map(|(record, place)| Entry::of(&record.header, place));
        self.journal.add(entries.collect::<Vec<_>>());
        let blobs: Vec<Vec<u8>> =
            records.into_iter().map(|r| r.operations).filter(|blob| !blob.is_empty()).collect();
        if self.crdt.import(&blobs).map_err(damaged)? {
            self.notices.push(Notice::Incomplete);
        }
        self.written = self.crdt.version();
        self.catch_up();
        self.repair()
    }

    /// Brings the project up to what the CRDT says.
    fn catch_up(&mut self) {
        let facts = self.crdt.facts();
        let gone = self.state.facts().keys().filter(|path| !facts.contains_key(*path));
        let mut changes: Changes = gone.map(|path| (path.clone(), None)).collect();
        let new = facts.into_iter().filter(|(path, value)| self.state.fact(path) != Some(value));
        changes.extend(new.map(|(path, value)| (path, Some(value))).collect::<Vec<_>>());
        self.state.set(&changes);
        self.project = std::sync::Arc::new(self.state.project().clone());
    }
}
