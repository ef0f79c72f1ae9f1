//! Records: what the history is made of, and how one is framed in a file.
//!
//! A frame is `OMR1`, the length of its body (`u32`, little endian), the body, and the first 16 bytes of the body's
//! BLAKE3. A body is the length of its header (`u32`), the header as JSON, and the operations of the CRDT.
//!
//! The digit is the version of the format, of which this is the first. A version whose records this one could misread has
//! another digit there, and in the head of its files, which it never appends to a file of an older one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Counts, Delta, EntryId, Heads};

const MAGIC: &[u8; 4] = b"OMR1";
const CHECK: usize = 16;
/// Bytes of a frame beside its body.
const AROUND: usize = 8 + CHECK;
/// The largest body.
const MAX_BODY: usize = 1 << 28;

/// The version of the records that bytes begin with, if it is a newer one.
pub(crate) fn newer(bytes: &[u8]) -> Option<String> {
    let digit = *bytes.strip_prefix(&MAGIC[..3])?.first()?;
    (digit.is_ascii_digit() && digit > MAGIC[3]).then(|| char::from(digit).to_string())
}

/// What a record says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The session was made.
    New,
    /// An edit or a group of them.
    Edit,
    /// An edit was undone.
    Undo,
    /// An edit was done again.
    Redo,
    /// `project.json` was changed outside.
    Text,
    /// What a merge broke was repaired.
    Repair,
    /// What damage to the history took away was taken from elsewhere.
    Recovery,
    /// `project.json` is about to be written.
    Writing,
    /// `project.json` was written.
    Wrote,
    /// Something that a newer version knows.
    #[serde(other)]
    Other,
}

/// What is known of `project.json` at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextMark {
    /// The BLAKE3 hash of the text, in hexadecimal.
    pub hash: String,
    /// That of the text before, which is still there if the writing was cut short; empty if there was none.
    pub previous: String,
    /// The version of the document that the text shows. Counts, unlike heads, say something of each writer even where the
    /// operations of another one are lost.
    pub version: Counts,
}

/// Bytes of a file of the history that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Damage {
    /// The name of the file.
    pub file: String,
    pub start: u64,
    pub end: u64,
}

/// All of a record but its operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub kind: Kind,
    /// Who this record is; absent for what is known only to the file it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntryId>,
    /// Its place in the order of all records: higher than that of every record its writer knew.
    #[serde(default)]
    pub clock: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub time: i64,
    /// The version it was made on.
    #[serde(default, skip_serializing_if = "Heads::is_empty")]
    pub heads: Heads,
    /// Of an undo or redo: the record whose changes it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<EntryId>,
    /// Of an undo or redo: the edit that this is about in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<EntryId>,
    /// How many operations its peer had made after it; tells whether they are there already.
    #[serde(default)]
    pub end: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Delta>,
    /// Operations that this record stands in for, whether they are here or lost.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub covers: Counts,
    /// Damage that was dealt with, and is not reported again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<Damage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextMark>,
}

impl Header {
    /// A record of this kind with nothing else in it.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            id: None,
            clock: 0,
            name: String::new(),
            author: String::new(),
            time: 0,
            heads: Heads::new(),
            of: None,
            root: None,
            end: 0,
            changes: Vec::new(),
            covers: Counts::new(),
            damage: Vec::new(),
            text: None,
        }
    }
}

/// A fact's change as an object: a key that is absent is no value.
impl Serialize for Delta {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = crate::model::fact::Object::new();
        object.insert("p".to_owned(), Value::from(self.path.as_str()));
        object.extend(self.before.iter().map(|value| ("b".to_owned(), value.clone())));
        object.extend(self.after.iter().map(|value| ("a".to_owned(), value.clone())));
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = crate::model::fact::Object::deserialize(deserializer)?;
        let Some(Value::String(path)) = object.remove("p") else {
            return Err(serde::de::Error::custom("a change without a path"));
        };
        Ok(Self { path, before: object.remove("b"), after: object.remove("a") })
    }
}

/// A record as it is in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub header: Header,
    pub operations: Vec<u8>,
}

/// Why a record cannot be framed: it is larger than a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Record {
    /// The record with its frame.
    pub fn frame(&self) -> Result<Vec<u8>, TooLarge> {
        let header = serde_json::to_vec(&self.header).map_err(|_| TooLarge)?;
        let length = header.len() + self.operations.len() + 4;
        if length > MAX_BODY {
            return Err(TooLarge);
        }
        let word = |n: usize| u32::try_from(n).map(u32::to_le_bytes).map_err(|_| TooLarge);
        let mut frame = Vec::with_capacity(length + AROUND);
        frame.extend_from_slice(MAGIC);
        frame.extend_from_slice(&word(length)?);
        frame.extend_from_slice(&word(header.len())?);
        frame.extend_from_slice(&header);
        frame.extend_from_slice(&self.operations);
        let check = blake3::hash(&frame[8..]);
        frame.extend_from_slice(&check.as_bytes()[..CHECK]);
        Ok(frame)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let (header, operations) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let header = serde_json::from_slice(header).ok()?;
        Some(Self { header, operations: operations.to_vec() })
    }
}

/// A frame that was found: where it is and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub start: usize,
    pub end: usize,
    pub record: Record,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub found: Vec<Found>,
    /// Stretches that are damaged: `(start, end)`. A record whose frame alone is damaged is among those found all the
    /// same.
    pub damage: Vec<(usize, usize)>,
    /// Where the last good record ends, if what follows is the beginning of one that was never written to its end.
    pub torn: Option<usize>,
}

/// Reads frames from `start` on. After a stretch that holds none it goes on with the next good frame, so damage in the
/// middle does not hide what comes behind it.
pub(crate) fn scan(bytes: &[u8], start: usize) -> Scan {
    let mut scan = Scan::default();
    let mut at = start;
    // Looking for a frame behind damage hashes bytes again and again; a hostile file must not make that endless.
    let mut budget = bytes.len().saturating_mul(8).saturating_add(1 << 20);
    while at < bytes.len() {
        if let Some(found) = frame_at(bytes, at, &mut budget) {
            at = found.end;
            scan.found.push(found);
            continue;
        }
        let next = (at + 1..bytes.len()).find(|&n| {
            bytes[n..].starts_with(MAGIC) && budget > 0 && frame_at(bytes, n, &mut budget).is_some()
        });
        let end = next.unwrap_or(bytes.len());
        let mended = mended(bytes, at, end);
        if mended.is_none() && next.is_none() && is_begun(&bytes[at..]) {
            scan.torn = Some(at);
        } else {
            scan.damage.push((at, end));
        }
        scan.found.extend(mended);
        at = end;
    }
    scan
}

/// Whether bytes are the beginning of a frame that goes on behind them: what an append leaves that was cut short.
fn is_begun(bytes: &[u8]) -> bool {
    let begins = bytes.iter().zip(MAGIC).all(|(found, wanted)| found == wanted);
    match bytes.get(4..8).and_then(|length| length.first_chunk::<4>()) {
        Some(length) => begins && (u32::from_le_bytes(*length) as usize).saturating_add(AROUND) > bytes.len(),
        None => begins,
    }
}

/// The record that a damaged stretch is, if its body is whole: its checksum says so, be it with one byte of it wrong.
fn mended(bytes: &[u8], start: usize, end: usize) -> Option<Found> {
    let (body, check) = bytes.get(start + 8..end)?.split_last_chunk::<CHECK>()?;
    let wrong = blake3::hash(body).as_bytes().iter().zip(check).filter(|(a, b)| a != b).count();
    let record = (wrong <= 1).then(|| Record::read(body))??;
    Some(Found { start, end, record })
}

fn frame_at(bytes: &[u8], start: usize, budget: &mut usize) -> Option<Found> {
    let rest = bytes.get(start..)?.strip_prefix(MAGIC.as_slice())?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_BODY {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    let check = rest.get(..CHECK)?;
    *budget = budget.saturating_sub(length);
    if blake3::hash(body).as_bytes()[..CHECK] != *check {
        return None;
    }
    Some(Found { start, end: start + length + AROUND, record: Record::read(body)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        let mut header = Header::new(Kind::Edit);
        header.id = Some(EntryId { peer: 7, number: n });
        header.changes = vec![Delta { path: "a".into(), before: None, after: Some(Value::Null) }];
        Record { header, operations: vec![0x4f; 5] }
    }

    fn file(count: u64) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = b"head".to_vec();
        let mut ends = vec![4];
        for n in 0..count {
            bytes.extend(record(n).frame().unwrap());
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_every_whole_record() {
        let (bytes, ends) = file(3);
        for cut in 4..=bytes.len() {
            let scan = scan(&bytes[..cut], 4);
            let whole = ends.iter().filter(|&&end| end <= cut).count() - 1;
            assert_eq!(scan.found.len(), whole);
            assert!(scan.found.iter().enumerate().all(|(n, found)| found.record == record(n as u64)));
            assert_eq!(scan.torn, (!ends.contains(&cut)).then(|| ends[whole]));
            assert!(scan.damage.is_empty());
        }
    }

    #[test]
    fn a_damaged_byte_costs_at_most_its_record_and_is_no_torn_end() {
        let (bytes, ends) = file(3);
        for place in ends[0]..ends[3] {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0xff;
            let hit = ends.iter().rposition(|&end| end <= place).unwrap();
            let in_body = (ends[hit] + 8..ends[hit + 1] - CHECK).contains(&place);
            let scan = scan(&bytes, 4);
            let numbers: Vec<u64> =
                scan.found.iter().map(|found| found.record.header.id.unwrap().number).collect();
            let left = (0..3).filter(|n| !in_body || *n != hit as u64);
            assert_eq!(numbers, left.collect::<Vec<_>>(), "byte {place}: frames are mended, bodies are not");
            assert_eq!((scan.damage, scan.torn), (vec![(ends[hit], ends[hit + 1])], None));
        }
    }

    #[test]
    fn a_file_of_nothing_but_frame_starts_ends_soon() {
        let mut bytes = Vec::new();
        for n in 0..40_000_u32 {
            bytes.extend_from_slice(MAGIC);
            bytes.extend_from_slice(&(320_000 - 8 * n).to_le_bytes());
        }
        let scan = scan(&bytes, 0);
        assert!(scan.found.is_empty());
    }
}
