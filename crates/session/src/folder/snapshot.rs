//! Snapshots: all operations with their state in one file, so that a long history opens fast.
//!
//! They are no part of the truth: every record stays in its writer's file. `snapshot-<hash>.snapshot` is its bytes behind
//! a head, with their BLAKE3 hash at the end.

use std::fs;
use std::io;
use std::path::Path;

use super::files::write_durably;

pub(crate) const ENDING: &str = "snapshot";
const HEAD: &[u8; 16] = b"OMEGA SNAPSHOT1\n";

/// Reads a snapshot; `None` if it is damaged or of another version.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let bytes = fs::read(path)?;
    let whole = bytes.strip_prefix(HEAD.as_slice()).and_then(|rest| rest.split_last_chunk::<32>());
    Ok(whole.filter(|(body, hash)| blake3::hash(body).as_bytes() == *hash).map(|(body, _)| body.to_vec()))
}

/// Writes a snapshot and then removes those that were there, which it holds all of.
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
        if is_old && path.file_name().is_some_and(|old| *old != *name) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
