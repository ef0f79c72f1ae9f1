//! The document: a session that can be edited, undone, saved and merged.
//!
//! The truth is a set of facts, each a register of its own in a CRDT; a [`Project`] is what they say. An edit works on a
//! draft of the project, its facts are compared with those before, and what differs is written to the history and made
//! durable before the edit is acknowledged. Undo writes the facts of before again where they are still what the edit
//! made of them; so it works in the next process, for each author by themselves, and while others edit.

mod commit;
mod crdt;
mod error;
mod journal;
mod media;
mod merge;
mod open;
mod recover;
mod save;
mod state;
mod text;

use std::path::Path;
use std::sync::Arc;

pub use commit::Applied;
use crdt::Crdt;
pub(crate) use crdt::{Counts, Heads};
pub use error::{ApplyError, CreateError, FileError, MediaError, MergeError, Notice, OpenError, SaveError};
use journal::Journal;
pub use journal::{EntryId, EntryKind, HistoryEntry};
use loro::VersionVector;
pub use media::{Cleaned, HoldsMedia};
pub use merge::{Merged, Version};
pub use open::{CreateOptions, OpenOptions};
pub(crate) use state::Delta;
use state::State;

use crate::edit::ParamsOf;
use crate::folder::Folder;
use crate::model::Project;

/// Where a document is kept.
#[derive(Debug)]
enum Home {
    /// Only in memory.
    Memory,
    /// In a folder that others write.
    ReadOnly(std::path::PathBuf),
    /// In a folder that is ours.
    Folder(Box<Folder>),
}

/// A session that is open.
///
/// Edits are durable when they are acknowledged; [`Document::save`] only writes `project.json` after them. Dropping a
/// document closes it. Not for the audio thread: everything here allocates and may wait for the disk.
///
/// ```
/// use omega_session::edit::{TrackAdd, TrackVolume};
/// use omega_session::{Document, CreateOptions, TrackId, TrackKind};
/// let mut document = Document::in_memory(&CreateOptions::new("Song"));
/// let added = document.apply(TrackAdd::new(TrackKind::Audio, "Drums"))?;
/// let drums = TrackId::new(&added.created[0])?;
/// document.apply(TrackVolume { id: drums.clone(), db: -3.0 })?;
/// assert_eq!(document.project().track(&drums).unwrap().volume_db, -3.0);
/// document.undo()?;
/// assert_eq!(document.project().track(&drums).unwrap().volume_db, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Document {
    state: State,
    project: Arc<Project>,
    crdt: Crdt,
    /// The operations that are in the history.
    written: VersionVector,
    /// Operations that are lost or wait for lost ones, and that recoveries stand in for.
    covers: VersionVector,
    journal: Journal,
    home: Home,
    peer: u64,
    /// The number of the next record of `peer`.
    number: u64,
    author: String,
    /// The time that records get instead of the clock's, for scripted sessions.
    time: Option<i64>,
    text: text::TextState,
    /// Bytes of history since the last snapshot.
    fresh: u64,
    notices: Vec<Notice>,
    /// What devices take.
    params: ParamsOf,
}

impl Document {
    /// The project as it is now. It stays as it is while the document goes on.
    #[must_use]
    pub fn project(&self) -> Arc<Project> {
        self.project.clone()
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        self.journal.history()
    }

    /// The name of what [`Document::undo`] would undo.
    #[must_use]
    pub fn undo_name(&self) -> Option<&str> {
        let step = self.journal.undo(&self.author)?;
        self.journal.get(step.root).map(|entry| entry.name.as_str())
    }

    /// The name of what [`Document::redo`] would redo.
    #[must_use]
    pub fn redo_name(&self) -> Option<&str> {
        let step = self.journal.redo(&self.author)?;
        self.journal.get(step.root).map(|entry| entry.name.as_str())
    }

    /// The author that edits are made as.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// The session's folder, if it has one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.home {
            Home::Memory => None,
            Home::ReadOnly(path) => Some(path),
            Home::Folder(folder) => Some(folder.path()),
        }
    }

    /// Whether edits are refused.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.home, Home::ReadOnly(_))
    }

    /// From now on parameters of devices are checked when they are edited: they have to exist and be within their range, where
    /// `params` knows the kind of device. What is stored already stays as it is.
    pub fn check_params_with(&mut self, params: ParamsOf) {
        self.params = params;
    }

    /// What was noticed since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// What is stored but not shown, because what it hangs on was removed or because it cannot be read.
    #[must_use]
    pub fn left_out(&self) -> Vec<crate::Fault> {
        self.state.notes()
    }

    /// Closes the session. Everything acknowledged is in the history already; what can fail here only makes the next
    /// one to open start a file of its own. The text is not written: see [`Document::save`].
    ///
    /// # Errors
    /// [`FileError`] if the folder cannot be written.
    pub fn close(mut self) -> Result<(), FileError> {
        self.put_baton()
    }

    fn put_baton(&mut self) -> Result<(), FileError> {
        match &mut self.home {
            Home::Folder(folder) => {
                let path = folder.path().to_owned();
                folder.close().map_err(FileError::at(path))
            }
            Home::Memory | Home::ReadOnly(_) => Ok(()),
        }
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        // Without the baton the next one to open starts a file of its own, which is all that is lost.
        let _ = self.put_baton();
    }
}
