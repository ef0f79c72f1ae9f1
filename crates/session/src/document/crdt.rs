//! The facts as a CRDT: one Loro map of registers, the last writer of each fact wins.
//!
//! A flat map has no inner containers, so nothing has to be found again after an undo made it anew, in this process or a
//! later one: a fact is its path.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

use loro::{ExportMode, Frontiers, ID, LoroDoc, LoroMap, LoroValue, VersionVector};
use serde_json::Value;

use crate::model::fact::{Changes, SEPARATOR};
use crate::model::limits;

const ROOT: &str = "facts";

/// The last operations of a version: for each, its peer and its number.
pub(crate) type Heads = Vec<(u64, i32)>;

/// A version: of each peer how many operations.
pub(crate) type Counts = Vec<(u64, i32)>;

/// Why operations could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operations cannot be read: {0}")]
pub(crate) struct CrdtError(String);

/// The operations of all peers.
#[derive(Debug)]
pub(crate) struct Crdt {
    doc: LoroDoc,
}

impl Crdt {
    /// No operations yet.
    pub fn new() -> Self {
        let doc = LoroDoc::new();
        doc.set_record_timestamp(false);
        Self { doc }
    }

    fn map(&self) -> LoroMap {
        self.doc.get_map(ROOT)
    }

    /// Operations from now on are of this peer.
    pub fn set_peer(&self, peer: u64) -> Result<(), CrdtError> {
        self.doc.set_peer_id(peer).map_err(error)
    }

    /// Sets facts as one change.
    pub fn set(&self, changes: &Changes) -> Result<(), CrdtError> {
        let map = self.map();
        for (path, value) in changes {
            match value {
                Some(value) => map.insert(path, to_loro(value)).map_err(error)?,
                None => map.delete(path).map_err(error)?,
            }
        }
        self.doc.commit();
        Ok(())
    }

    /// How many operations of each peer are there.
    pub fn version(&self) -> VersionVector {
        self.doc.oplog_vv()
    }

    /// How many operations of this peer are there.
    pub fn count(&self, peer: u64) -> i32 {
        self.doc.oplog_vv().get(&peer).copied().unwrap_or(0)
    }

    /// The last operations.
    pub fn heads(&self) -> Heads {
        from_frontiers(&self.doc.oplog_frontiers())
    }

    /// The operations that `since` lacks.
    pub fn updates(&self, since: &VersionVector) -> Result<Vec<u8>, CrdtError> {
        self.doc.export(ExportMode::updates(since)).map_err(error)
    }

    /// All operations with the state that they make.
    pub fn snapshot(&self) -> Result<Vec<u8>, CrdtError> {
        self.doc.export(ExportMode::Snapshot).map_err(error)
    }

    /// Takes in operations. Returns whether some wait for others that are not there.
    pub fn import(&self, blobs: &[Vec<u8>]) -> Result<bool, CrdtError> {
        match blobs {
            [] => Ok(false),
            [one] => self.doc.import(one).map(|status| status.pending.is_some()).map_err(error),
            many => self.doc.import_batch(many).map(|status| status.pending.is_some()).map_err(error),
        }
    }

    /// Whether operations can be read at all, found out where a panic does no harm: Loro has some on hostile input.
    pub fn check(blobs: &[Vec<u8>]) -> Result<(), CrdtError> {
        let read = std::panic::catch_unwind(|| {
            for blob in blobs {
                let meta = LoroDoc::decode_import_blob_meta(blob, true).map_err(error)?;
                let operations: i64 = meta.partial_end_vv.values().map(|end| i64::from(*end)).sum();
                if operations > i64::try_from(limits::MAX_FACTS).unwrap_or(i64::MAX) {
                    return Err(CrdtError(format!("{operations} operations are too many")));
                }
            }
            // A document whose inside panicked cannot even be dropped, so it is given up then.
            let scratch = ManuallyDrop::new(Self::new());
            let read = scratch.import(blobs).map(drop);
            drop(ManuallyDrop::into_inner(scratch));
            read
        });
        read.unwrap_or_else(|_| Err(CrdtError("they are damaged".to_owned())))
    }

    /// All facts. What is no fact (written by something else) is left out.
    pub fn facts(&self) -> BTreeMap<String, Value> {
        let LoroValue::Map(map) = self.map().get_deep_value() else { return BTreeMap::new() };
        let facts = map.iter().filter(|(path, _)| is_path(path));
        facts.filter_map(|(path, value)| Some((path.clone(), from_loro(value)?))).collect()
    }

    /// What was there at these heads, as a document of its own; `None` where they are not known.
    pub fn branch(&self, heads: &Heads) -> Option<Self> {
        let frontiers = to_frontiers(heads);
        self.doc.frontiers_to_vv(&frontiers)?;
        let doc = self.doc.fork_at(&frontiers).ok()?;
        doc.set_record_timestamp(false);
        Some(Self { doc })
    }

    /// The heads of what is here of a version.
    pub fn heads_of(&self, version: &VersionVector) -> Heads {
        from_frontiers(&self.doc.vv_to_frontiers(&version.intersection(&self.doc.oplog_vv())))
    }
}

/// A version as it is stored.
pub(crate) fn counts(version: &VersionVector) -> Counts {
    let mut counts: Counts = version.iter().map(|(peer, count)| (*peer, *count)).collect();
    counts.sort_unstable();
    counts
}

/// A version that was stored.
pub(crate) fn version(counts: &Counts) -> VersionVector {
    counts.iter().filter(|(_, count)| *count > 0).copied().collect()
}

fn error(error: impl std::fmt::Display) -> CrdtError {
    CrdtError(error.to_string())
}

fn from_frontiers(frontiers: &Frontiers) -> Heads {
    let mut heads: Heads = frontiers.iter().map(|id| (id.peer, id.counter)).collect();
    heads.sort_unstable();
    heads
}

fn to_frontiers(heads: &Heads) -> Frontiers {
    heads.iter().map(|&(peer, counter)| ID::new(peer, counter)).collect()
}

fn is_path(path: &str) -> bool {
    let segments = path.split(SEPARATOR).count();
    segments <= limits::MAX_DEPTH
        && path.len() <= limits::MAX_TEXT
        && path.split(SEPARATOR).all(|s| !s.is_empty())
}

/// Numbers, texts and switches are stored as such, anything else as JSON.
fn to_loro(value: &Value) -> LoroValue {
    match value {
        Value::Bool(value) => LoroValue::Bool(*value),
        Value::String(text) => LoroValue::String(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => LoroValue::I64(number),
            (None, Some(number)) if value.is_f64() => LoroValue::Double(number),
            _ => LoroValue::Binary(value.to_string().into_bytes().into()),
        },
        other => LoroValue::Binary(other.to_string().into_bytes().into()),
    }
}

fn from_loro(value: &LoroValue) -> Option<Value> {
    match value {
        LoroValue::Bool(value) => Some(Value::Bool(*value)),
        LoroValue::I64(number) => Some(Value::from(*number)),
        LoroValue::Double(number) => serde_json::Number::from_f64(*number).map(Value::Number),
        LoroValue::String(text) => Some(Value::String(text.to_string())),
        LoroValue::Binary(json) => {
            let value = crate::model::json::parse(std::str::from_utf8(json).ok()?).ok()?;
            let nested = value.as_object().is_some_and(|object| !object.is_empty());
            (!nested).then_some(value)
        }
        LoroValue::Null | LoroValue::List(_) | LoroValue::Map(_) | LoroValue::Container(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fact_survives() {
        let crdt = Crdt::new();
        let values = [
            "null",
            "true",
            "0",
            "-0.0",
            "1.0",
            "18446744073709551615",
            "-9223372036854775808",
            "\"x\"",
            "[1,[2,null]]",
            "{}",
            "5e-324",
            "1.7976931348623157e308",
        ];
        let changes: Changes = values
            .iter()
            .enumerate()
            .map(|(n, text)| (format!("f{n}"), Some(serde_json::from_str(text).unwrap())))
            .collect();
        crdt.set(&changes).unwrap();
        let copy = Crdt::new();
        copy.import(&[crdt.updates(&VersionVector::default()).unwrap()]).unwrap();
        for (path, value) in &changes {
            assert_eq!(copy.facts()[path].to_string(), value.as_ref().unwrap().to_string());
        }
        copy.set(&changes.iter().map(|(path, _)| (path.clone(), None)).collect()).unwrap();
        assert!(copy.facts().is_empty(), "a null that was deleted is no null");
    }

    #[test]
    fn a_branch_is_what_was_there() {
        let crdt = Crdt::new();
        crdt.set_peer(1).unwrap();
        crdt.set(&vec![("a".into(), Some(1.into()))]).unwrap();
        let heads = crdt.heads();
        crdt.set(&vec![("a".into(), Some(2.into())), ("b".into(), Some(3.into()))]).unwrap();
        let branch = crdt.branch(&heads).unwrap();
        assert_eq!(branch.facts(), [("a".to_owned(), 1.into())].into());
        branch.set_peer(2).unwrap();
        let before = branch.version();
        branch.set(&vec![("c".into(), Some(4.into()))]).unwrap();
        crdt.import(&[branch.updates(&before).unwrap()]).unwrap();
        assert_eq!(
            crdt.facts(),
            [("a".into(), 2.into()), ("b".into(), 3.into()), ("c".into(), 4.into())].into()
        );
        assert!(crdt.branch(&vec![(9, 9)]).is_none());
    }

    #[test]
    fn damaged_operations_are_refused() {
        let crdt = Crdt::new();
        crdt.set(&vec![("a".into(), Some("some text".into()))]).unwrap();
        let blob = crdt.updates(&VersionVector::default()).unwrap();
        assert!(Crdt::check(std::slice::from_ref(&blob)).is_ok());
        for n in 0..blob.len() {
            assert!(Crdt::check(&[blob[..n].to_vec()]).is_err(), "cut at {n}");
            let mut wrong = blob.clone();
            wrong[n] ^= 0x40;
            // Whatever it says, it says it without a panic and soon.
            let _ = Crdt::check(&[wrong]);
        }
    }
}
