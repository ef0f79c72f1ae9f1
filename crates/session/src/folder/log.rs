//! The append-only file of one writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::files::sync_folder;

/// What a file begins with. The digit is the version of the format, of which this is the first.
const HEAD: &[u8; 16] = b"OMEGA HISTORY 1\n";
/// Where the first record starts: behind the head and the peer.
pub(crate) const FIRST: usize = 24;
/// How the names of such files end.
pub(crate) const ENDING: &str = "log";

/// The name of a writer's file.
pub(crate) fn name(peer: u64) -> String {
    format!("{peer:016x}.{ENDING}")
}

/// The writer whose file has this name.
pub(crate) fn writer_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".log")?, 16).ok().filter(|peer| self::name(*peer) == name)
}

/// The writer of a file; `None` if it is none of ours, `Some(Err(version))` if it is of a newer version.
pub(crate) fn writer(bytes: &[u8]) -> Option<Result<u64, String>> {
    let (head, rest) = bytes.split_first_chunk::<16>()?;
    if head != HEAD {
        let version = head.strip_prefix(b"OMEGA HISTORY ")?;
        return Some(Err(String::from_utf8_lossy(version).trim().to_owned()));
    }
    Some(Ok(u64::from_le_bytes(*rest.first_chunk::<8>()?)))
}

/// A file that is appended to.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    length: u64,
    /// What could not be taken back after a failed append; nothing more is written then.
    broken: Option<String>,
}

impl Log {
    /// Starts a file. It is durable when this returns.
    pub fn create(folder: &Path, peer: u64) -> io::Result<Self> {
        let path = folder.join(name(peer));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let mut head = HEAD.to_vec();
        head.extend_from_slice(&peer.to_le_bytes());
        file.write_all(&head)?;
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Self { file, path, length: FIRST as u64, broken: None })
    }

    /// Goes on with a file of exactly this length.
    pub fn resume(folder: &Path, peer: u64, length: u64) -> io::Result<Self> {
        let path = folder.join(name(peer));
        let mut file = OpenOptions::new().write(true).open(&path)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(length))?;
        Ok(Self { file, path, length, broken: None })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends frames. They are durable when this returns, if `durably`; if it fails the file is as it was before.
    pub fn append(&mut self, frames: &[u8], durably: bool) -> io::Result<u64> {
        if let Some(reason) = &self.broken {
            return Err(io::Error::other(format!(
                "an earlier write failed and could not be taken back ({reason})"
            )));
        }
        let start = self.length;
        let written =
            self.file.write_all(frames).and_then(|()| if durably { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.length += frames.len() as u64;
                Ok(start)
            }
            Err(error) => {
                let back = self.file.set_len(start).and_then(|()| {
                    io::Seek::seek(&mut self.file, io::SeekFrom::Start(start)).map(drop)?;
                    self.file.sync_data()
                });
                self.broken = back.err().map(|error| error.to_string());
                Err(error)
            }
        }
    }
}
