//! Exchanging edits with another copy of the session.

use std::collections::BTreeMap;

use super::crdt::Crdt;
use super::error::{ApplyError, FileError, MergeError};
use super::open::fork_peer;
use super::{Document, EntryId, Home};
use crate::folder::record::{Kind, Record, newer, scan};
use crate::model::SCHEMA;

/// What a copy of a session has: of each writer, how many entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Version(BTreeMap<String, u64>);

/// What a merge brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Entries that were new here, in the order they were given.
    pub entries: Vec<EntryId>,
}

impl Document {
    /// What this copy has, for [`Document::bundle`] of another one.
    #[must_use]
    pub fn version(&self) -> Version {
        Version(
            self.journal.version().into_iter().map(|(peer, count)| (format!("{peer:016x}"), count)).collect(),
        )
    }

    /// The entries that a copy with this version lacks, as bytes for [`Document::merge`].
    ///
    /// # Errors
    /// [`FileError`] if the history cannot be read.
    pub fn bundle(&self, since: &Version) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        for entry in self.journal.entries() {
            let has = since.0.get(&format!("{:016x}", entry.id.peer)).copied().unwrap_or(0);
            if entry.id.number >= has {
                let path = self.folder().unwrap_or("memory".as_ref());
                bytes.extend(entry.place.frame().map_err(FileError::at(path))?);
            }
        }
        Ok(bytes)
    }

    /// A copy in memory of what this document has, for another author: a second pair of hands on the same session.
    ///
    /// The copy is another writer, whose ids follow from `seed`, or from chance where there is none. No two copies may
    /// have the same seed.
    ///
    /// # Errors
    /// [`MergeError`] if the history cannot be read.
    pub fn fork(&self, author: &str, seed: Option<u64>) -> Result<Self, MergeError> {
        let bundle = self.bundle(&Version::default()).map_err(ApplyError::Journal)?;
        let mut copy = Self::empty(Home::Memory, fork_peer(seed), author, self.time);
        copy.merge(&bundle)?;
        copy.notices.clear();
        Ok(copy)
    }

    /// Takes in entries of another copy of this session. They are durable when this returns. Entries that are here
    /// already change nothing, so the order and the number of merges do not matter.
    ///
    /// # Errors
    /// [`MergeError`]; the document is then as it was before.
    pub fn merge(&mut self, bundle: &[u8]) -> Result<Merged, MergeError> {
        if self.is_read_only() {
            return Err(ApplyError::ReadOnly.into());
        }
        if let Some(version) = newer(bundle) {
            return Err(MergeError::Newer { version });
        }
        let scan = scan(bundle, 0);
        if !scan.damage.is_empty() || scan.torn.is_some() {
            return Err(MergeError::Damaged("they are cut or changed".to_owned()));
        }
        let mut records: BTreeMap<EntryId, Record> = BTreeMap::new();
        let mut entries = Vec::new();
        for record in scan.found.into_iter().map(|found| found.record) {
            let known = matches!(record.header.kind, Kind::Writing | Kind::Wrote);
            let Some(id) = record.header.id.filter(|_| !known) else {
                return Err(MergeError::Damaged("they hold a record that is nobody's".to_owned()));
            };
            if let Some(version) = newer_schema(&record) {
                return Err(MergeError::Newer { version });
            }
            if self.journal.has(id) || records.contains_key(&id) {
                continue;
            }
            entries.push(id);
            records.insert(id, record);
        }
        let blobs = records.values().map(|record| record.operations.clone()).filter(|blob| !blob.is_empty());
        Crdt::check(&blobs.collect::<Vec<_>>()).map_err(|error| MergeError::Damaged(error.to_string()))?;
        self.take_in(records.into_values().collect())?;
        Ok(Merged { entries })
    }
}

/// The format that a record says the session has from now on, if it is a newer one.
fn newer_schema(record: &Record) -> Option<String> {
    let says = record.header.changes.iter().filter(|delta| delta.path == "schema");
    let versions = says.filter_map(|delta| delta.after.as_ref()?.as_i64());
    versions.max().filter(|version| *version > i64::from(SCHEMA)).map(|version| version.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::document::{CreateOptions, OpenError, OpenOptions};
    use crate::folder::record::Header;

    /// A session that says that a newer version migrated it.
    fn migrate(document: &mut Document) {
        let to = Value::from(SCHEMA + 1);
        document.commit(Header::new(Kind::Edit), &vec![("schema".to_owned(), Some(to))]).unwrap();
    }

    #[test]
    fn what_a_newer_version_migrated_is_refused_and_says_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("Song.omega");
        let mut newer = Document::create(&path, &CreateOptions::seeded("Song", 1)).unwrap();
        let mut older = newer.fork("ben", Some(2)).unwrap();
        let before = (older.project().to_text(), older.version());
        migrate(&mut newer);
        let bundle = newer.bundle(&older.version()).unwrap();
        let error = older.merge(&bundle).unwrap_err();
        assert!(matches!(&error, MergeError::Newer { version } if *version == "2"), "{error}");
        assert!(error.to_string().contains("merge them with a newer version"), "{error}");
        assert_eq!((older.project().to_text(), older.version()), before);
        let mut bytes = bundle.clone();
        bytes[3] = b'2';
        assert!(matches!(older.merge(&bytes), Err(MergeError::Newer { .. })));
        drop(newer);
        for options in [OpenOptions::default(), OpenOptions::read_only()] {
            let error = Document::open(&path, &options).unwrap_err();
            assert!(matches!(&error, OpenError::Newer { version, .. } if *version == "2"), "{error}");
            assert!(error.to_string().contains("open it with a newer version"), "{error}");
        }
    }
}
