//! What earlier scans found, so that a file is looked at again only when it changed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::FileScan;
use crate::model::PluginInfo;

const FORMAT: u32 = 1;
/// Bytes of the largest cache that is read.
const LARGEST: u64 = 256 << 20;

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    /// Nanoseconds since 1970, of the last change.
    changed: u128,
}

impl Stamp {
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(file)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: metadata.len(), changed: changed.as_nanos() })
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    scan: FileScan,
}

/// Results by file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cache {
    omega_plugin_cache: u32,
    files: BTreeMap<String, Entry>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { omega_plugin_cache: FORMAT, files: BTreeMap::new() }
    }
}

impl Cache {
    /// What is remembered; nothing where there is no cache, or one that cannot be read.
    pub(super) fn read(file: &Path) -> Self {
        let read = || -> Option<Self> {
            let mut text = Vec::new();
            File::open(file).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
            Self::from_bytes(&text)
        };
        read().unwrap_or_default()
    }

    /// What bytes say; they are believed no more than a plugin is. `None` for what is no cache, or one of another format.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        let bounded = |(file, entry): (String, Entry)| {
            let scan = entry.scan.bounded();
            (file, Entry { scan, ..entry })
        };
        let files = read.files.into_iter().map(bounded).collect();
        (read.omega_plugin_cache == FORMAT).then_some(Self { files, ..read })
    }

    /// As bytes.
    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// All plugins of all files.
    pub(super) fn into_plugins(self) -> impl Iterator<Item = PluginInfo> {
        self.files.into_values().flat_map(|entry| entry.scan.plugins)
    }

    /// What was found in that version of the file.
    pub(super) fn get(&self, file: &str, stamp: Stamp) -> Option<&FileScan> {
        self.files.get(file).filter(|entry| entry.stamp == stamp).map(|entry| &entry.scan)
    }

    pub(super) fn put(&mut self, file: &str, stamp: Stamp, scan: FileScan) {
        self.files.insert(file.to_owned(), Entry { stamp, scan });
    }

    /// Writes it beside its place and moves it there: whoever reads it finds the old one or the new one.
    pub(super) fn write(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().ok_or(io::ErrorKind::NotFound)?;
        std::fs::create_dir_all(folder)?;
        let beside = file.with_extension(format!("{}.part", std::process::id()));
        let written = (|| {
            let mut out = File::create(&beside)?;
            out.write_all(&self.to_bytes()?)?;
            out.sync_all()?;
            std::fs::rename(&beside, file)
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_or_cannot_be_read_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("a.clap");
        std::fs::write(&plugin, b"1").unwrap();
        let stamp = Stamp::of(&plugin).unwrap();
        let mut cache = Cache::default();
        cache.put("a.clap", stamp, FileScan::default());
        let file = folder.path().join("new/folder/plugins.json");
        cache.write(&file).unwrap();
        assert!(Cache::read(&file).get("a.clap", stamp).is_some());
        std::fs::write(&plugin, b"22").unwrap();
        assert!(Cache::read(&file).get("a.clap", Stamp::of(&plugin).unwrap()).is_none());
        let left: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "nothing is left beside it");
        for broken in ["", "{", "[]", "{\"omega_plugin_cache\":2,\"files\":{}}", "\0\0"] {
            std::fs::write(&file, broken).unwrap();
            assert!(Cache::read(&file).get("a.clap", stamp).is_none());
        }
        assert!(Cache::read(folder.path()).get("a.clap", stamp).is_none());
    }
}
