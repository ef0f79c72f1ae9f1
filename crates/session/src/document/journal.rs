//! What happened, in order, and what each author can undo and redo.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::folder::Place;
use crate::folder::record::{Header, Kind};
use crate::model::fact::serde_text;

/// Names an entry of the history: who wrote it, and its number among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The writer.
    pub peer: u64,
    /// The number, from 0.
    pub number: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.peer, self.number)
    }
}

impl FromStr for EntryId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "an entry is named like 00c0ffee00c0ffee-12";
        let (peer, number) = text.split_once('-').ok_or(wrong)?;
        let peer = u64::from_str_radix(peer, 16).map_err(|_| wrong)?;
        Ok(Self { peer, number: number.parse().map_err(|_| wrong)? })
    }
}

serde_text!(EntryId);

/// What an entry of the history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EntryKind {
    /// The session was made.
    New,
    /// An edit or a named group of edits.
    Edit,
    /// An edit was undone.
    Undo,
    /// An edit was done again.
    Redo,
    /// `project.json` was changed outside: by hand, or merged by git.
    Text,
    /// What a merge broke was repaired.
    Repair,
    /// What damage to the history took away was taken from `project.json` and from later edits.
    Recovery,
    /// Something that a newer version wrote.
    Other,
}

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HistoryEntry {
    /// Its name.
    pub id: EntryId,
    /// What it is.
    pub kind: EntryKind,
    /// What was done: a verb, or the name of a group. Of an undo or redo, that of the edit it is about.
    pub name: String,
    /// Who did it; nobody where `project.json` was changed outside.
    pub author: String,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Of an undo or redo: the edit it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<EntryId>,
    /// An edit that is undone now.
    pub undone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: EntryId,
    pub clock: u64,
    pub kind: EntryKind,
    pub name: String,
    pub author: String,
    pub time: i64,
    pub root: Option<EntryId>,
    pub place: Place,
}

impl Entry {
    /// The entry that a record is; `None` for what is no part of the history.
    pub fn of(header: &Header, place: Place) -> Option<Self> {
        let kind = match header.kind {
            Kind::New => EntryKind::New,
            Kind::Edit => EntryKind::Edit,
            Kind::Undo => EntryKind::Undo,
            Kind::Redo => EntryKind::Redo,
            Kind::Text => EntryKind::Text,
            Kind::Repair => EntryKind::Repair,
            Kind::Recovery => EntryKind::Recovery,
            Kind::Other => EntryKind::Other,
            Kind::Writing | Kind::Wrote => return None,
        };
        Some(Self {
            id: header.id?,
            clock: header.clock,
            kind,
            name: header.name.clone(),
            author: header.author.clone(),
            time: header.time,
            root: header.root,
            place,
        })
    }

    fn key(&self) -> (u64, EntryId) {
        (self.clock, self.id)
    }
}

/// An edit that can be undone or redone: its own entry, and the one whose changes to take back for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub root: EntryId,
    pub last: EntryId,
    clock: u64,
}

#[derive(Debug, Default)]
struct Line {
    undo: Vec<Step>,
    redo: Vec<Step>,
}

/// All entries, sorted by clock.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    places: BTreeMap<EntryId, usize>,
    lines: BTreeMap<String, Line>,
    undone: BTreeSet<EntryId>,
}

impl Journal {
    /// The highest clock there is.
    pub fn clock(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.clock)
    }

    /// The time of the last entry.
    pub fn time(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.time)
    }

    /// Whether an entry is there.
    pub fn has(&self, id: EntryId) -> bool {
        self.places.contains_key(&id)
    }

    /// An entry.
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.places.get(&id).map(|&n| &self.entries[n])
    }

    /// All entries, sorted.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One more than the highest number of this writer.
    pub fn next_number(&self, peer: u64) -> u64 {
        let last = EntryId { peer, number: u64::MAX };
        let last = self.places.range(..=last).next_back().filter(|(id, _)| id.peer == peer);
        last.map_or(0, |(id, _)| id.number.saturating_add(1))
    }

    /// For each writer, how many entries are there from the first on: up to one that is missing, so that a copy that
    /// has it is asked for it.
    pub fn version(&self) -> BTreeMap<u64, u64> {
        let mut version = BTreeMap::new();
        for id in self.places.keys() {
            let count = version.entry(id.peer).or_insert(0);
            *count += u64::from(id.number == *count);
        }
        version
    }

    /// Adds entries. Those that are there already are left out.
    pub fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let mut sorted = true;
        for entry in entries {
            if self.has(entry.id) {
                continue;
            }
            sorted &= self.entries.last().is_none_or(|last| last.key() < entry.key());
            self.places.insert(entry.id, self.entries.len());
            if sorted {
                self.step(&entry);
            }
            self.entries.push(entry);
        }
        if !sorted {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        self.entries.sort_by_key(Entry::key);
        self.places = self.entries.iter().enumerate().map(|(n, entry)| (entry.id, n)).collect();
        self.lines.clear();
        self.undone.clear();
        let entries = std::mem::take(&mut self.entries);
        entries.iter().for_each(|entry| self.step(entry));
        self.entries = entries;
    }

    /// What an entry does to what can be undone and redone.
    fn step(&mut self, entry: &Entry) {
        let step = |root| Step { root, last: entry.id, clock: entry.clock };
        match (entry.kind, entry.root) {
            (EntryKind::Edit | EntryKind::Text, _) => {
                let line = self.lines.entry(entry.author.clone()).or_default();
                line.undo.push(step(entry.id));
                line.redo.clear();
            }
            (EntryKind::Undo, Some(root)) => {
                self.forget(root);
                self.undone.insert(root);
                self.lines.entry(entry.author.clone()).or_default().redo.push(step(root));
            }
            (EntryKind::Redo, Some(root)) => {
                self.forget(root);
                self.undone.remove(&root);
                self.lines.entry(entry.author.clone()).or_default().undo.push(step(root));
            }
            _ => {}
        }
    }

    fn forget(&mut self, root: EntryId) {
        for line in self.lines.values_mut() {
            for steps in [&mut line.undo, &mut line.redo] {
                if let Some(place) = steps.iter().rposition(|step| step.root == root) {
                    steps.remove(place);
                }
            }
        }
    }

    /// Records of files are in this folder from now on.
    pub fn move_places(&mut self, history: &std::path::Path) {
        for entry in &mut self.entries {
            if let Place::File { path, .. } = &mut entry.place
                && let Some(name) = path.file_name()
            {
                *path = history.join(name).into();
            }
        }
    }

    /// What this author would undo next. What nobody did (the text was changed outside) is everybody's.
    pub fn undo(&self, author: &str) -> Option<Step> {
        let last = |author: &str| self.lines.get(author).and_then(|line| line.undo.last()).copied();
        [last(author), last("")].into_iter().flatten().max_by_key(|step| (step.clock, step.last))
    }

    /// What this author would redo next.
    pub fn redo(&self, author: &str) -> Option<Step> {
        self.lines.get(author).and_then(|line| line.redo.last()).copied()
    }

    /// The step that undoes this edit, wherever it stands.
    pub fn undo_of(&self, root: EntryId) -> Option<Step> {
        self.lines.values().flat_map(|line| &line.undo).find(|step| step.root == root).copied()
    }

    /// The history for people, oldest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let entry = |entry: &Entry| HistoryEntry {
            id: entry.id,
            kind: entry.kind,
            name: entry.name.clone(),
            author: entry.author.clone(),
            time: entry.time,
            about: entry.root,
            undone: self.undone.contains(&entry.id),
        };
        self.entries.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(
        peer: u64,
        number: u64,
        clock: u64,
        kind: EntryKind,
        author: &str,
        root: Option<EntryId>,
    ) -> Entry {
        let (id, place) = (EntryId { peer, number }, Place::Memory([].into()));
        Entry { id, clock, kind, name: String::new(), author: author.into(), time: 0, root, place }
    }

    #[test]
    fn each_author_undoes_what_they_did_and_the_order_of_arrival_does_not_matter() {
        use EntryKind::{Edit, Redo, Undo};
        let id = |peer, number| EntryId { peer, number };
        let all = [
            entry(1, 0, 1, Edit, "ann", None),
            entry(2, 0, 2, Edit, "ben", None),
            entry(1, 1, 3, Edit, "ann", None),
            entry(1, 2, 4, Undo, "ann", Some(id(1, 1))),
            entry(2, 1, 5, Edit, "ben", None),
            entry(1, 3, 6, Undo, "ann", Some(id(1, 0))),
            entry(1, 4, 7, Redo, "ann", Some(id(1, 0))),
        ];
        let mut orders = vec![all.to_vec()];
        orders.push(all.iter().rev().cloned().collect());
        orders.push(all.iter().skip(3).chain(all.iter().take(3)).cloned().collect());
        for order in orders {
            let mut journal = Journal::default();
            for entry in order {
                journal.add([entry.clone(), entry]);
            }
            assert_eq!(journal.undo("ann").map(|s| (s.root, s.last)), Some((id(1, 0), id(1, 4))));
            assert_eq!(journal.redo("ann").map(|s| (s.root, s.last)), Some((id(1, 1), id(1, 2))));
            assert_eq!(journal.undo("ben").map(|s| s.root), Some(id(2, 1)));
            assert_eq!((journal.redo("ben"), journal.undo("eve")), (None, None));
            assert_eq!((journal.next_number(1), journal.next_number(2), journal.next_number(3)), (5, 2, 0));
            let undone: Vec<EntryId> = journal.history().iter().filter(|e| e.undone).map(|e| e.id).collect();
            assert_eq!(undone, [id(1, 1)]);
            assert_eq!(journal.version(), [(1, 5), (2, 2)].into());
        }
    }

    #[test]
    fn a_new_edit_leaves_nothing_to_redo_and_a_change_outside_is_everybodys() {
        let mut journal = Journal::default();
        let first = EntryId { peer: 1, number: 0 };
        journal.add([
            entry(1, 0, 1, EntryKind::Edit, "ann", None),
            entry(1, 1, 2, EntryKind::Undo, "ann", Some(first)),
            entry(1, 2, 3, EntryKind::Edit, "ann", None),
            entry(9, 0, 4, EntryKind::Text, "", None),
        ]);
        assert_eq!(journal.redo("ann"), None);
        assert_eq!(journal.undo("ann").unwrap().root.peer, 9);
        assert_eq!(journal.undo("ben").unwrap().root.peer, 9);
        journal.add([entry(1, 3, 5, EntryKind::Undo, "ann", Some(EntryId { peer: 9, number: 0 }))]);
        assert_eq!(journal.undo("ann").unwrap().root.number, 2);
        assert_eq!((journal.undo("ben"), journal.redo("ann").unwrap().root.peer), (None, 9));
    }
}
