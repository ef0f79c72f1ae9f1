//! What damage to the history took away.
//!
//! Operations build on one another: where some are lost, those behind them cannot be used, though their records are
//! whole. But the text shows what came of all that was there when it was written, and each record says which facts it
//! changed. So what the text shows and the history cannot explain is taken from the text, and what came after the text is
//! done again from its records. Both become records of their own, which say what they stand in for, so that it is done
//! once. The damaged file is kept as it is, and nothing is ever appended to it again.

use std::collections::{BTreeMap, BTreeSet};

use loro::VersionVector;
use serde_json::Value;

use super::commit::merged;
use super::crdt::{Crdt, CrdtError, counts, version};
use super::error::{ApplyError, Notice};
use super::journal::Entry;
use super::open::to_peer;
use super::{Counts, Delta, Document, EntryId, Heads};
use crate::folder::record::{Damage, Header, Kind, Record};
use crate::folder::{Fault, Loaded};
use crate::model::fact::Changes;

/// A record that nobody made: what it is, what it builds on, and what it stands in for.
pub(super) struct Stand {
    pub kind: Kind,
    pub heads: Heads,
    pub deltas: Vec<Delta>,
    pub covers: Counts,
    pub damage: Vec<Damage>,
}

impl Document {
    /// Does again what was done after the text was written and waits for lost operations, and remembers the damage.
    /// `shown` is the version of the text, and `facts` counts what was taken from it.
    pub(super) fn recover(
        &mut self,
        loaded: &Loaded,
        shown: &VersionVector,
        facts: usize,
    ) -> Result<(), ApplyError> {
        let lost = self.lost_entries(loaded, shown);
        let reach = self.reach();
        let mut waiting: BTreeMap<(u64, EntryId), &Record> = BTreeMap::new();
        for (record, _) in &loaded.records {
            let there = |id: &EntryId| reach.get(&id.peer).copied().unwrap_or(0) < record.header.end;
            if let Some(id) = record.header.id.filter(there) {
                waiting.insert((record.header.clock, id), record);
            }
        }
        let damage = new_damage(loaded);
        if facts > 0 || !waiting.is_empty() {
            self.notices.push(Notice::Recovered { facts, edits: waiting.len() });
        }
        if lost > 0 && !(waiting.is_empty() && damage.is_empty()) {
            self.notices.push(Notice::Lost(lost));
        }
        if waiting.is_empty() && damage.is_empty() {
            return Ok(());
        }
        let failed = |error: CrdtError| ApplyError::Damaged(error.to_string());
        let heads = self.crdt.heads();
        let unknown = || ApplyError::Damaged("its version is not in the history".to_owned());
        let branch = self.crdt.branch(&heads).ok_or_else(unknown)?;
        let (mut state, mut deltas, mut covers) = (self.state.clone(), Vec::new(), VersionVector::default());
        for ((_, id), record) in waiting {
            let header = &record.header;
            let changes: Changes =
                header.changes.iter().map(|delta| (delta.path.clone(), delta.after.clone())).collect();
            deltas.extend(state.set(&changes));
            covers.merge(&version(&vec![(id.peer, header.end)]));
        }
        let (deltas, covers) = (merged(deltas), counts(&covers));
        let stand = Stand { kind: Kind::Recovery, heads, deltas, covers, damage };
        let record = self.record_from(&branch, stand).map_err(failed)?;
        self.take_in(record.into_iter().collect())
    }

    /// A record of changes of a branch. Its writer and all in it follow from the changes and the version alone, so two
    /// copies of a session to which the same happens make the same record of it, and merging them keeps one. `None` where
    /// it is there already.
    pub(super) fn record_from(&self, branch: &Crdt, stand: Stand) -> Result<Option<Record>, CrdtError> {
        let changes: Changes =
            stand.deltas.iter().map(|delta| (delta.path.clone(), delta.after.clone())).collect();
        let mut hash = blake3::Hasher::new();
        for (peer, number) in stand.heads.iter().chain(&stand.covers) {
            hash.update(&peer.to_le_bytes());
            hash.update(&number.to_le_bytes());
        }
        for (path, value) in &changes {
            hash.update(path.as_bytes());
            hash.update(value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string).as_bytes());
        }
        for damage in &stand.damage {
            hash.update(format!("{damage:?}").as_bytes());
        }
        let peer = to_peer(hash.finalize());
        let id = EntryId { peer, number: 0 };
        let known = self.crdt.count(peer) > 0 || (changes.is_empty() && self.journal.has(id));
        let before = branch.version();
        branch.set_peer(peer)?;
        branch.set(&changes)?;
        if known {
            return Ok(None);
        }
        let mut header = Header::new(stand.kind);
        header.id = Some(id);
        header.clock = self.journal.clock() + 1;
        header.name = if stand.kind == Kind::Recovery { "recovery" } else { "project.json" }.to_owned();
        header.time = self.journal.time();
        header.heads = stand.heads;
        header.end = branch.count(peer);
        (header.changes, header.covers, header.damage) = (stand.deltas, stand.covers, stand.damage);
        let operations = if changes.is_empty() { Vec::new() } else { branch.updates(&before)? };
        Ok(Some(Record { header, operations }))
    }

    /// Takes in records that others made: into the history first, then into the document.
    pub(super) fn take_in(&mut self, records: Vec<Record>) -> Result<(), ApplyError> {
        if records.is_empty() {
            return Ok(());
        }
        let damaged = |error: CrdtError| ApplyError::Damaged(error.to_string());
        let frames: Result<Vec<_>, _> = records.iter().map(Record::frame).collect();
        let places = self.append(frames.map_err(|_| ApplyError::TooLarge)?, true)?;
        let entries =
            records.iter().zip(places).filter_map(|(record, place)| Entry::of(&record.header, place));
        self.journal.add(entries.collect::<Vec<_>>());
        records.iter().for_each(|record| self.note_covers(&record.header));
        let blobs: Vec<Vec<u8>> =
            records.into_iter().map(|r| r.operations).filter(|blob| !blob.is_empty()).collect();
        if self.crdt.import(&blobs).map_err(damaged)? {
            self.notices.push(Notice::Incomplete);
        }
        self.written = self.crdt.version();
        self.catch_up();
        self.repair()
    }

    /// Notes what a record stands in for.
    pub(super) fn note_covers(&mut self, header: &Header) {
        if !header.covers.is_empty() {
            self.covers.merge(&version(&header.covers));
        }
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

    /// How many entries are lost that the text does not show either: numbers that are left out before a record whose
    /// operations wait for them.
    fn lost_entries(&self, loaded: &Loaded, shown: &VersionVector) -> u64 {
        let headers = loaded.records.iter().map(|(record, _)| &record.header);
        let headers: BTreeMap<EntryId, &Header> = headers.filter_map(|h| Some((h.id?, h))).collect();
        let (mut lost, mut peer, mut next) = (0, 0, 0);
        for (id, header) in headers {
            if id.peer != peer {
                (peer, next) = (id.peer, 0);
            }
            let count = |version: &VersionVector| version.get(&peer).copied().unwrap_or(0);
            // Each changed fact is one operation.
            let start = header.end - i32::try_from(header.changes.len()).unwrap_or(i32::MAX);
            if count(shown) < start && count(&self.reach()) < header.end {
                lost += id.number.saturating_sub(next);
            }
            next = id.number.saturating_add(1);
        }
        lost
    }
}

/// Damage that no recovery dealt with yet.
pub(super) fn new_damage(loaded: &Loaded) -> Vec<Damage> {
    let known: BTreeSet<&Damage> =
        loaded.records.iter().flat_map(|(record, _)| &record.header.damage).collect();
    let faults = loaded.faults.iter().filter_map(|fault| match fault {
        Fault::Damaged { damage, .. } => Some(damage),
        Fault::Torn { .. } | Fault::Foreign { .. } | Fault::Newer { .. } => None,
    });
    faults.filter(|damage| !known.contains(damage)).cloned().collect()
}
