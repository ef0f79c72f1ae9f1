//! Snapshots: all operations with their state in one file, so that a long history opens fast.
//!
//! They are no part of the truth: every record stays in its writer's file. `snapshot-<hash>.snapshot` is its bytes behind
//! a head, with their BLAKE3 hash at the end. The digit in the head is the version of the format, of which this is the first.
//! One of a newer version is not needed, and so left alone.

use std::fs;
use std::io;
use std::path::Path;

use super::files::{read_file, write_durably};

pub(crate) const ENDING: &str = "snapshot";
const HEAD: &[u8; 16] = b"OMEGA SNAPSHOT1\n";

/// What a file of that name is.
pub(crate) enum Snapshot {
    /// A snapshot, with its body.
    Whole(Vec<u8>),
    /// One that a newer version made.
    Newer,
    /// Damaged, or none at all.
    Damaged,
}

/// Reads a snapshot.
pub(crate) fn read(path: &Path) -> io::Result<Snapshot> {
    let bytes = read_file(path)?;
    if is_newer(&bytes) {
        return Ok(Snapshot::Newer);
    }
    let whole = bytes.strip_prefix(HEAD.as_slice()).and_then(|rest| rest.split_last_chunk::<32>());
    Ok(match whole {
        Some((body, hash)) if blake3::hash(body).as_bytes() == hash => Snapshot::Whole(body.to_vec()),
        _ => Snapshot::Damaged,
    })
}

/// Whether a head says that a newer version made the snapshot: the same words with a higher digit.
fn is_newer(bytes: &[u8]) -> bool {
    let (start, end) = (&HEAD[..14], &HEAD[15..]);
    let digit = bytes.get(14).copied().unwrap_or(0);
    bytes.starts_with(start) && bytes.get(15..16) == Some(end) && (b'2'..=b'9').contains(&digit)
}

/// Writes a snapshot and then removes those that were there, which it holds all of. Those of newer versions stay.
pub(crate) fn write(folder: &Path, body: &[u8]) -> io::Result<()> {
    let history = folder.join(super::HISTORY);
    let hash = blake3::hash(body);
    let mut bytes = HEAD.to_vec();
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(hash.as_bytes());
    let name = format!("snapshot-{}.{ENDING}", hash.to_hex().split_at(16).0);
    let old: Vec<_> = fs::read_dir(&history)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    write_durably(&history.join(&name), &bytes)?;
    for path in old {
        let is_old = path.extension().is_some_and(|ending| ending == ENDING);
        if is_old
            && !matches!(read(&path), Ok(Snapshot::Newer))
            && path.file_name().is_some_and(|old| *old != *name)
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
