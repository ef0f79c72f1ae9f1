//! Why an operation on a document failed, and what it noticed on the way.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::edit::EditError;
use crate::folder::Holder;
use crate::model::{Fault, MediaId, TextError};

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { path, source }
    }
}

/// Why a session could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Something is there already.
    #[error("{} is there already; choose another name or remove it", .0.display())]
    Exists(PathBuf),
    /// The name cannot be used.
    #[error("{0}")]
    Value(Fault),
    /// Writing failed.
    #[error("cannot make the session: {0}")]
    File(#[from] FileError),
    /// The document failed where it cannot.
    #[error("cannot make the session: {0}")]
    Document(String),
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is nothing.
    #[error("there is no session at {}", .0.display())]
    Missing(PathBuf),
    /// It is no session.
    #[error("{} is no session: it holds neither project.json nor a history", .0.display())]
    NoSession(PathBuf),
    /// Another process has it open.
    #[error("the session is open in another program{}; close it there, or open it read-only", holder(.0.as_ref()))]
    InUse(Option<Holder>),
    /// It is open on another machine, or was when that machine went away.
    #[error(
        "the session is open on {} (as {}, process {}); close it there, or, if it is not open any more, delete {} or \
         break the lock",
        .holder.host, .holder.author, .holder.pid, .lock.display()
    )]
    InUseElsewhere {
        /// Who has it open.
        holder: Holder,
        /// The lock.
        lock: PathBuf,
    },
    /// Its folder must not be written.
    #[error(
        "the session cannot be written ({source}); it can be read, played and rendered where it is, and `save-as` makes a copy \
         to work on"
    )]
    NotWritable {
        /// The file that should have been written first, and why it was not.
        source: FileError,
    },
    /// A newer version wrote it.
    #[error("{} has format {version}, which is newer than this program; open it with a newer version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: String,
    },
    /// Its text cannot be read.
    #[error("{}: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TextError,
    },
    /// A file cannot be read.
    #[error("cannot open the session: {0}")]
    File(#[from] FileError),
    /// The history cannot be used.
    #[error("the history of {} cannot be read: {reason}", path.display())]
    History {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn holder(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (process {}, as {})", holder.pid, holder.author))
}

/// Why an edit, an undo or a redo was not done. The document is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The edit itself was refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The session was opened read-only.
    #[error("the session is open read-only; open it for writing to change it")]
    ReadOnly,
    /// There is no such entry that could be undone.
    #[error("entry {0} of the history cannot be undone: it is unknown, no edit, or undone already")]
    NotUndoable(super::EntryId),
    /// It could not be written to the history, so it was not done.
    #[error("the edit was not done, because the history cannot be written: {0}")]
    Journal(FileError),
    /// It is larger than a record of the history can be.
    #[error("the edit is too large for one record of the history; make smaller groups")]
    TooLarge,
    /// The document failed where it cannot.
    #[error("the document is damaged: {0}; open the session again")]
    Damaged(String),
}

/// Why a session could not be saved or copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// It is not on disk, or read-only.
    #[error("the session is open read-only or was never on disk; save it under another name")]
    NoPlace,
    /// Something is there already.
    #[error("{} is there already; choose another name or remove it", .0.display())]
    Exists(PathBuf),
    /// `project.json` was changed outside meanwhile and cannot be read, so it was not written over.
    #[error("{} was changed outside and cannot be read: {source}; mend it or remove it, then save again", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TextError,
    },
    /// Writing failed. What was acknowledged is in the history.
    #[error("cannot save: {0}; what was done is in the history, and the next save brings the text up to it")]
    File(#[from] FileError),
    /// A change outside could not be taken in.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The copy could not be opened.
    #[error("the copy cannot be opened: {0}")]
    Open(#[from] Box<OpenError>),
}

/// Why edits of others could not be taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They are damaged.
    #[error("the edits of the other side are damaged: {0}; ask for them again")]
    Damaged(String),
    /// A newer version made them.
    #[error(
        "the edits of the other side have format {version}, which is newer than this program; merge them with a newer version"
    )]
    Newer {
        /// Their format.
        version: String,
    },
    /// They could not be stored.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Why media could not be brought into the session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The session is not on disk, or read-only.
    #[error("the session is open read-only or was never on disk")]
    NoPlace,
    /// A file cannot be copied.
    #[error("media {}: {source}", id.as_str())]
    File {
        /// Which one.
        id: MediaId,
        /// What failed.
        source: FileError,
    },
    /// A file does not hold what its id says.
    #[error("media {}: {} holds something else now; relink it to the right file", id.as_str(), path.display())]
    Changed {
        /// Which one.
        id: MediaId,
        /// The file.
        path: PathBuf,
    },
    /// A folder cannot be read or cleaned.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// The change could not be made.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Something that a person should know although it is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The process that had the session open went away without closing it.
    StaleLock(Holder),
    /// The end of a file of the history was the beginning of a record that was never finished, and never acknowledged.
    TornEnd {
        /// The file.
        path: PathBuf,
        /// How many bytes were cut.
        bytes: u64,
    },
    /// Bytes of a file of the history are not what was written. The file is kept as it is and not written to any more.
    /// Told once, when the session is opened for writing.
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many.
        bytes: u64,
    },
    /// A file of the history folder is none of the history, or a damaged snapshot; it is not used.
    Foreign(PathBuf),
    /// A snapshot was made by a newer version. It is not needed: all that a snapshot holds is in the other files.
    NewerSnapshot(PathBuf),
    /// Part of the history cannot be used; what it did was taken from elsewhere.
    Recovered {
        /// So many facts were taken from `project.json`.
        facts: usize,
        /// So many entries made after `project.json` was written were done again.
        edits: usize,
    },
    /// So many entries made after `project.json` was written cannot be read, and what they changed is lost.
    Lost(u64),
    /// Operations wait for others that are not there: a file of the history is missing.
    Incomplete,
    /// `project.json` was changed outside; so many facts were taken over as an edit.
    TextChanged(usize),
    /// Merging broke something; so many facts were changed to repair it.
    Repaired(usize),
    /// Something is stored but not shown, because what it hangs on is gone, or because it cannot be read.
    Left(Fault),
}

impl Notice {
    /// Whether something was or may be lost, so that a person must be told even where nobody asked for details.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Recovered { .. }
            | Self::Lost(_)
            | Self::Incomplete
            | Self::Foreign(_) => true,
            Self::StaleLock(_)
            | Self::TornEnd { .. }
            | Self::NewerSnapshot(_)
            | Self::TextChanged(_)
            | Self::Repaired(_)
            | Self::Left(_) => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleLock(holder) => write!(
                f,
                "process {} (as {}) had the session open and went away without closing it",
                holder.pid, holder.author
            ),
            Self::TornEnd { path, bytes } => write!(
                f,
                "{}: the last {bytes} bytes are a record that was not written to its end; they are cut off and kept in cache/",
                path.display()
            ),
            Self::Damaged { path, bytes } => write!(
                f,
                "{}: {bytes} bytes are damaged; the file is kept as it is, and what can be read of it is used",
                path.display()
            ),
            Self::Recovered { facts, edits } => write!(
                f,
                "part of the history is lost: {facts} facts were taken from project.json, and {edits} later entries of \
                 the history were done again"
            ),
            Self::Lost(count) => write!(
                f,
                "{count} entries of the history, made after project.json was written, cannot be read; what they changed \
                 is lost unless a copy of the session has them"
            ),
            Self::Foreign(path) => {
                write!(f, "{} is no file of the history or is damaged; it is not used", path.display())
            }
            Self::NewerSnapshot(path) => {
                write!(f, "{} was made by a newer version; it is not needed and not used", path.display())
            }
            Self::Incomplete => f.write_str(
                "part of the history is missing, and what builds on it cannot be shown; bring its file back",
            ),
            Self::TextChanged(count) => {
                write!(f, "project.json was changed outside: {count} facts were taken over")
            }
            Self::Repaired(count) => {
                write!(f, "merged edits did not fit together: {count} facts were repaired")
            }
            Self::Left(fault) => write!(f, "{fault}"),
        }
    }
}
