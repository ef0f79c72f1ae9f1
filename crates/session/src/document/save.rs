//! Writing `project.json` and snapshots.

use loro::VersionVector;

use super::crdt::counts;
use super::error::{ApplyError, FileError, SaveError};
use super::text::{TextState, hash_of};
use super::{Document, Home};
use crate::folder::record::{Header, Kind, Record, TextMark};
use crate::folder::{self, files};
use crate::model::limits;

/// Bytes of history after which a save writes a snapshot.
const SNAPSHOT_BYTES: u64 = 1 << 20;

impl Document {
    /// Writes `project.json`. If it was changed outside since, that is taken over first as an edit.
    ///
    /// Edits need no saving: they are durable when they are acknowledged.
    ///
    /// # Errors
    /// [`SaveError`]; the file is then as it was before.
    pub fn save(&mut self) -> Result<(), SaveError> {
        let Home::Folder(folder) = &self.home else { return Err(SaveError::NoPlace) };
        let path = folder.path().join(folder::TEXT);
        let there = files::read_bounded(&path, limits::MAX_TEXT_FILE).map_err(FileError::at(&path))?;
        if let Some(bytes) = there.as_deref().filter(|_| !self.text.aside) {
            let outside =
                self.outside(bytes).map_err(|source| SaveError::Text { path: path.clone(), source })?;
            if let Some(outside) = outside {
                self.take_text(&outside, Kind::Text)?;
            }
        }
        if let (true, Some(bytes)) = (self.text.aside, &there) {
            files::write_durably(&path.with_extension("json.left"), bytes).map_err(FileError::at(&path))?;
        }
        let text = self.project.to_text();
        let (hash, previous) = (hash_of(text.as_bytes()), there.as_deref().map(hash_of).unwrap_or_default());
        let version = self.reach();
        if hash != previous {
            let beside = files::write_beside(&path, text.as_bytes()).map_err(FileError::at(&path))?;
            // From here on either text is known, whichever is there after a kill.
            self.mark(Kind::Writing, &hash, &previous, &version, true).map_err(unsaved)?;
            files::put_in_place(&beside, &path).map_err(FileError::at(&path))?;
        }
        if hash != previous || self.text.base.as_ref() != Some(&version) {
            self.mark(Kind::Wrote, &hash, "", &version, false).map_err(unsaved)?;
        }
        self.text = TextState { known: vec![hash], base: Some(version), ..TextState::default() };
        self.snapshot_if_due()
    }

    /// Notes in the history which text is there.
    pub(super) fn mark(
        &mut self,
        kind: Kind,
        hash: &str,
        previous: &str,
        version: &VersionVector,
        durably: bool,
    ) -> Result<(), ApplyError> {
        let mut header = Header::new(kind);
        header.clock = self.journal.clock();
        let (hash, previous, version) = (hash.to_owned(), previous.to_owned(), counts(version));
        let mark = TextMark { hash, previous, version };
        if let (Kind::Wrote, Home::Folder(folder)) = (kind, &self.home) {
            // Only a second witness, in case the file of the history is damaged.
            let _ = folder::write_hint(folder.path(), &mark);
        }
        header.text = Some(mark);
        let record = Record { header, operations: Vec::new() };
        let frame = record.frame().map_err(|_| ApplyError::TooLarge)?;
        self.append(vec![frame], durably).map(drop)
    }

    fn snapshot_if_due(&mut self) -> Result<(), SaveError> {
        let Home::Folder(folder) = &self.home else { return Ok(()) };
        if self.fresh < SNAPSHOT_BYTES {
            return Ok(());
        }
        let path = folder.path().to_owned();
        let bytes = self.crdt.snapshot().map_err(|error| ApplyError::Damaged(error.to_string()))?;
        folder::write_snapshot(&path, &bytes).map_err(FileError::at(path))?;
        self.fresh = 0;
        Ok(())
    }
}

/// A note about the text that cannot be written is no edit that was not done.
fn unsaved(error: ApplyError) -> SaveError {
    match error {
        ApplyError::Journal(file) => SaveError::File(file),
        error => SaveError::Apply(error),
    }
}
