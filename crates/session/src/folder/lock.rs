//! One process at a time writes a session.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::not_regular;

const NAME: &str = "lock";

/// Who has a session open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The author that it edits as.
    pub author: String,
}

/// Why a session cannot be locked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("held")]
    Held(Option<Holder>),
    #[error("held elsewhere")]
    Elsewhere(Holder, PathBuf),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Locks a session folder. Returns also who held it and went away without letting go, if someone did.
    ///
    /// The system's lock on the file decides on one machine and is let go when a process ends in whatever way. A
    /// holder on another machine cannot be asked, so its name in the file is respected unless `force` is set.
    pub fn take(folder: &Path, author: &str, force: bool) -> Result<(Self, Option<Holder>), LockError> {
        let path = folder.join(NAME);
        // A link could lead to a file of somebody's, and a pipe never answers.
        if std::fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(not_regular().into());
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let locked = file.try_lock();
        let holder = read_holder(&mut file);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let host = host();
        if let Some(holder) = holder.as_ref().filter(|holder| holder.host != host && !force) {
            return Err(LockError::Elsewhere(holder.clone(), path));
        }
        let lock = Self { file };
        let me = Holder { pid: std::process::id(), host, author: author.to_owned() };
        lock.write(&serde_json::to_vec(&me).unwrap_or_default())?;
        Ok((lock, holder))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.seek(io::SeekFrom::Start(0))?;
        file.write_all(bytes)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails the lock is let go all the same, and the next one to open reports a holder that went away.
        let _ = self.write(b"");
        let _ = self.file.unlock();
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = Vec::new();
    file.take(10_000).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The name of this machine.
pub(crate) fn host() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, before) = Lock::take(folder.path(), "ann", false).unwrap();
        assert_eq!(before, None);
        match Lock::take(folder.path(), "ben", false) {
            Err(LockError::Held(Some(holder))) => {
                assert_eq!((holder.pid, holder.author.as_str()), (std::process::id(), "ann"));
            }
            other => panic!("{other:?}"),
        }
        drop(lock);
        assert_eq!(Lock::take(folder.path(), "ben", false).unwrap().1, None);
    }

    #[test]
    fn a_holder_that_went_away_is_replaced_and_one_on_another_machine_respected() {
        let folder = tempfile::tempdir().unwrap();
        let mut holder = Holder { pid: 1, host: host(), author: "ann".into() };
        std::fs::write(folder.path().join(NAME), serde_json::to_vec(&holder).unwrap()).unwrap();
        let (lock, before) = Lock::take(folder.path(), "ben", false).unwrap();
        assert_eq!(before, Some(holder.clone()));
        drop(lock);
        holder.host = "elsewhere.example".into();
        std::fs::write(folder.path().join(NAME), serde_json::to_vec(&holder).unwrap()).unwrap();
        assert!(matches!(Lock::take(folder.path(), "ben", false), Err(LockError::Elsewhere(..))));
        assert_eq!(Lock::take(folder.path(), "ben", true).unwrap().1, Some(holder));
        std::fs::write(folder.path().join(NAME), "garbage").unwrap();
        assert_eq!(Lock::take(folder.path(), "ben", false).unwrap().1, None);
    }
}
