//! Which file this copy of a session goes on with.
//!
//! Two writers that append to one file, each to its own copy, would give the same numbers to different operations, and
//! merging them would lose some. So a file is gone on with only by the copy that closed it, where it was closed, and only
//! if it is as it was left: the baton says all that. It is taken when a session is opened and put back when it is
//! closed; where it is missing or does not fit (a crash, a copied or cloned folder, another git branch), the writer
//! starts a file of its own.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::{read_bounded, write_durably};
use super::lock::host;

const NAME: &str = "writer.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baton {
    pub peer: u64,
    /// Of the file, when it was closed.
    pub length: u64,
    /// The BLAKE3 hash of the file's end, in hexadecimal.
    pub end: String,
    /// The machine, and what tells this file from a copy of it.
    place: String,
}

impl Baton {
    /// The baton for a file that ends like this; `None` where the system cannot tell a file from its copy.
    pub fn new(log: &Path, peer: u64, bytes: &[u8]) -> Option<Self> {
        Some(Self { peer, length: bytes.len() as u64, end: end(bytes), place: place(log)? })
    }

    /// Takes the baton of a session folder, if there is one. It is gone when this returns.
    pub fn take(folder: &Path) -> Option<Self> {
        let path = folder.join("cache").join(NAME);
        let text = read_bounded(&path, 1 << 20).ok()??;
        fs::remove_file(&path).ok()?;
        super::files::sync_folder(&folder.join("cache")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether this is the file, as it was left.
    pub fn fits(&self, log: &Path, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.length
            && end(bytes) == self.end
            && place(log).is_some_and(|p| p == self.place)
    }

    /// Puts the baton into a session folder.
    pub fn put(&self, folder: &Path) -> io::Result<()> {
        let cache = folder.join("cache");
        fs::create_dir_all(&cache)?;
        write_durably(&cache.join(NAME), &serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The end of a file holds the checksum of its last record.
fn end(bytes: &[u8]) -> String {
    blake3::hash(&bytes[bytes.len().saturating_sub(4_096)..]).to_hex().to_string()
}

/// The machine, the file on it and when it was last changed in any way: a copy or a file that was put back has another
/// time of change, whatever else it keeps.
fn place(log: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let data = fs::metadata(log).ok()?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let (dev, ino, seconds, nanos) = (data.dev(), data.ino(), data.ctime(), data.ctime_nsec());
        Some(format!("{} {} {dev} {ino} {seconds}.{nanos:09}", host(), machine.trim()))
    }
    #[cfg(not(unix))]
    {
        let _ = (log, host());
        None
    }
}
