//! Applying edits, undoing and redoing them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::{ApplyError, FileError, Notice};
use super::journal::{Entry, Step};
use super::{Delta, Document, EntryId, Home};
use crate::edit::{Edit, EditError, IdMaker, draft_all};
use crate::folder::Place;
use crate::folder::record::{Header, Kind, Record};
use crate::model::Change;
use crate::model::fact::{Changes, SEPARATOR};

/// What an edit, an undo or a redo did.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Its entry of the history; `None` where nothing changed, which leaves no entry.
    pub entry: Option<EntryId>,
    /// The verb, or the name of the group. Of an undo or redo, that of the edit it is about.
    pub name: String,
    /// Ids of the things that were added, in their order.
    pub created: Vec<String>,
    /// The facts that changed, sorted by path.
    pub changes: Vec<Change>,
    /// Facts that an undo or redo left alone, because somebody changed them since.
    pub skipped: usize,
}

impl Document {
    /// Applies one edit.
    ///
    /// # Errors
    /// [`ApplyError`]; the document is then as it was before.
    pub fn apply(&mut self, edit: impl Into<Edit>) -> Result<Applied, ApplyError> {
        let edit = edit.into();
        self.apply_group(edit.name(), std::slice::from_ref(&edit))
    }

    /// Applies edits as one, which is undone as one: all of them or none.
    ///
    /// # Errors
    /// [`ApplyError`], naming the edit of the group; the document is then as it was before.
    pub fn apply_group(&mut self, name: &str, edits: &[Edit]) -> Result<Applied, ApplyError> {
        if self.is_read_only() {
            return Err(ApplyError::ReadOnly);
        }
        let ids = IdMaker::new(*blake3::hash(&self.peer.to_le_bytes()).as_bytes(), self.next_operation());
        let draft = draft_all(edits, &self.project, ids, self.params)?;
        let changes = self.state.effective(self.project.facts_to(&draft.project));
        if let (true, Some(cycle)) = (is_structural(&changes), draft.project.signal_cycle()) {
            return Err(EditError::SignalCycle(cycle).into());
        }
        let mut header = Header::new(Kind::Edit);
        name.clone_into(&mut header.name);
        header.author.clone_from(&self.author);
        let mut applied = self.commit(header, &changes)?;
        applied.created = draft.created;
        Ok(applied)
    }

    /// Undoes the last edit of this author that is not undone. `None` where there is none.
    ///
    /// Each fact that the edit changed gets back what it was before, unless somebody changed it since.
    ///
    /// # Errors
    /// [`ApplyError`]; the document is then as it was before.
    pub fn undo(&mut self) -> Result<Option<Applied>, ApplyError> {
        let step = self.journal.undo(&self.author);
        step.map(|step| self.take_back(Kind::Undo, step)).transpose()
    }

    /// Redoes what this author undid last. `None` where there is none, as after a new edit.
    ///
    /// # Errors
    /// [`ApplyError`]; the document is then as it was before.
    pub fn redo(&mut self) -> Result<Option<Applied>, ApplyError> {
        let step = self.journal.redo(&self.author);
        step.map(|step| self.take_back(Kind::Redo, step)).transpose()
    }

    /// Undoes one edit of anybody, whatever was done since; what was changed since stays.
    ///
    /// # Errors
    /// [`ApplyError`]; the document is then as it was before.
    pub fn undo_entry(&mut self, id: EntryId) -> Result<Applied, ApplyError> {
        let step = self.journal.undo_of(id).ok_or(ApplyError::NotUndoable(id))?;
        self.take_back(Kind::Undo, step)
    }

    /// Writes the facts of before an entry again, where they are still what it made of them.
    fn take_back(&mut self, kind: Kind, step: Step) -> Result<Applied, ApplyError> {
        if self.is_read_only() {
            return Err(ApplyError::ReadOnly);
        }
        let damaged = || ApplyError::Damaged(format!("entry {} is missing", step.last));
        let entry = self.journal.get(step.last).ok_or_else(damaged)?;
        let name = self.journal.get(step.root).map_or_else(String::new, |root| root.name.clone());
        let record = entry.place.record().map_err(|source| {
            ApplyError::Journal(FileError {
                path: self.folder().unwrap_or("memory".as_ref()).to_owned(),
                source,
            })
        })?;
        let all = record.header.changes.len();
        let still = |delta: &Delta| self.state.fact(&delta.path) == delta.after.as_ref();
        let back = record.header.changes.into_iter().filter(still);
        let changes: Changes = back.map(|delta| (delta.path, delta.before)).collect();
        let skipped = all - changes.len();
        let mut header = Header::new(kind);
        header.name = name;
        header.author.clone_from(&self.author);
        (header.of, header.root) = (Some(step.last), Some(step.root));
        let mut applied = self.commit(header, &changes)?;
        applied.skipped = skipped;
        Ok(applied)
    }

    /// Makes changes and writes them to the history; nothing is done if that fails. An edit that changes nothing
    /// leaves no record, an undo does.
    pub(super) fn commit(&mut self, mut header: Header, changes: &Changes) -> Result<Applied, ApplyError> {
        let name = header.name.clone();
        let mut deltas = self.state.set(changes);
        if is_structural(changes) {
            let project = self.state.project();
            let repairs = project.facts_to(&project.repaired());
            if !repairs.is_empty() {
                deltas.extend(self.state.set(&repairs));
                deltas = merged(deltas);
            }
        }
        if deltas.is_empty() && !matches!(header.kind, Kind::Undo | Kind::Redo) {
            let (created, changes) = (Vec::new(), Vec::new());
            return Ok(Applied { entry: None, name, created, changes, skipped: 0 });
        }
        let id = EntryId { peer: self.peer, number: self.number };
        header.id = Some(id);
        header.clock = self.journal.clock() + 1;
        header.time = self.now();
        header.heads = self.crdt.heads();
        header.changes.clone_from(&deltas);
        match self.write(header, &deltas) {
            Ok(entry) => {
                self.number += 1;
                self.journal.add([entry]);
                self.project = std::sync::Arc::new(self.state.project().clone());
                let (created, changes) = (Vec::new(), deltas.into_iter().map(Delta::change).collect());
                Ok(Applied { entry: Some(id), name, created, changes, skipped: 0 })
            }
            Err(error) => {
                let back: Changes =
                    deltas.iter().map(|delta| (delta.path.clone(), delta.before.clone())).collect();
                self.state.set(&back);
                // The operations that were made stay without effect and are written with the next record.
                self.crdt.set(&back).map_err(|error| ApplyError::Damaged(error.to_string()))?;
                Err(error)
            }
        }
    }

    /// Makes the operations of changes and appends them to the history.
    fn write(&mut self, mut header: Header, deltas: &[Delta]) -> Result<Entry, ApplyError> {
        let damaged = |error: super::crdt::CrdtError| ApplyError::Damaged(error.to_string());
        let changes: Changes = deltas.iter().map(|delta| (delta.path.clone(), delta.after.clone())).collect();
        let mut operations = Vec::new();
        if !changes.is_empty() {
            self.crdt.set(&changes).map_err(damaged)?;
            operations = self.crdt.updates(&self.written).map_err(damaged)?;
        }
        header.end = self.crdt.count(self.peer);
        let record = Record { header, operations };
        let frame = record.frame().map_err(|_| ApplyError::TooLarge)?;
        let place = self.append(vec![frame], true)?.pop().unwrap_or(Place::Memory([].into()));
        self.written = self.crdt.version();
        let entry = Entry::of(&record.header, place);
        entry.ok_or_else(|| ApplyError::Damaged("a record without an id".to_owned()))
    }

    /// Appends frames to the history.
    pub(super) fn append(&mut self, frames: Vec<Vec<u8>>, durably: bool) -> Result<Vec<Place>, ApplyError> {
        self.fresh += frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        match &mut self.home {
            Home::Folder(folder) => {
                let path = folder.log_path();
                folder
                    .append(&frames, durably)
                    .map_err(|source| ApplyError::Journal(FileError { path, source }))
            }
            Home::Memory | Home::ReadOnly(_) => {
                Ok(frames.into_iter().map(|frame| Place::Memory(frame.into())).collect())
            }
        }
    }

    /// Repairs what a merge broke.
    pub(super) fn repair(&mut self) -> Result<(), ApplyError> {
        let project = self.state.project();
        let repairs = project.facts_to(&project.repaired());
        if repairs.is_empty() {
            return Ok(());
        }
        self.notices.push(Notice::Repaired(repairs.len()));
        let mut header = Header::new(Kind::Repair);
        header.name = "repair".to_owned();
        self.commit(header, &repairs).map(drop)
    }

    /// A number that grows with every operation of this writer.
    fn next_operation(&self) -> u64 {
        u64::try_from(self.crdt.count(self.peer)).unwrap_or(0)
    }

    pub(super) fn now(&self) -> i64 {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let millis = || clock().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0);
        self.time.unwrap_or_else(millis)
    }
}

impl Delta {
    fn change(self) -> Change {
        Change { path: self.path.replace(SEPARATOR, "."), value: self.after }
    }
}

/// Deltas one after the other as one for each fact.
pub(super) fn merged(deltas: Vec<Delta>) -> Vec<Delta> {
    let mut all: BTreeMap<String, Delta> = BTreeMap::new();
    for delta in deltas {
        match all.get_mut(&delta.path) {
            Some(first) => first.after = delta.after,
            None => drop(all.insert(delta.path.clone(), delta)),
        }
    }
    all.into_values().filter(|delta| delta.before != delta.after).collect()
}

/// Whether changes can make or break a cable, a folder, or twins, or let spans of a comp overlap.
fn is_structural(changes: &Changes) -> bool {
    changes.iter().any(|(path, _)| {
        let mut segments = path.split(SEPARATOR);
        let (section, fact) = (segments.next().unwrap_or_default(), segments.nth(1).unwrap_or_default());
        match section {
            "tracks" => matches!(fact, "kind" | "parent" | "output" | "deleted"),
            "sends" => matches!(fact, "track" | "target" | "pre" | "feedback_delay" | "deleted"),
            "devices" => matches!(fact, "track" | "kind" | "sidechain" | "deleted"),
            "lanes" => matches!(fact, "target" | "deleted"),
            "takes" => matches!(fact, "track" | "deleted"),
            "comp" => matches!(fact, "track" | "take" | "start" | "length" | "deleted"),
            "tempo" | "meter" => true,
            _ => false,
        }
    })
}
