//! Taking over what was changed in `project.json` outside.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use loro::VersionVector;

use super::crdt::version;
use super::error::{ApplyError, Notice, OpenError};
use super::recover::Stand;
use super::state::State;
use super::{Document, OpenOptions};
use crate::folder::record::{Kind, TextMark};
use crate::folder::{self, Loaded, Place};
use crate::model::read::{TextRead, read_text};
use crate::model::{Project, TextError};

/// What is known of the text on disk.
#[derive(Clone, Debug, Default)]
pub(super) struct TextState {
    /// Hashes of texts that this history wrote, so that they are no change from outside.
    pub known: Vec<String>,
    /// The version that the text shows; `None` if nothing says so. Operations of it may be lost.
    pub base: Option<VersionVector>,
    /// The text that is to be put aside because it cannot be read.
    pub aside: bool,
    /// A save was cut short before the text was put in its place.
    pub unfinished: bool,
}

/// A text with its hash.
pub(super) struct Outside {
    hash: String,
    read: Box<TextRead>,
    /// This history wrote it; it is read because parts of the history are lost.
    known: bool,
}

pub(super) fn hash_of(text: &[u8]) -> String {
    blake3::hash(text).to_hex().to_string()
}

/// What some writer last said of the text.
struct Witness {
    version: VersionVector,
    hash: String,
    previous: Option<String>,
}

impl Document {
    /// Reads the text of a folder that is being opened; `None` if there is nothing in it that the history lacks.
    pub(super) fn read_text(
        &mut self,
        path: &Path,
        loaded: &Loaded,
        options: &OpenOptions,
    ) -> Result<Option<Outside>, OpenError> {
        self.text = known_texts(loaded);
        let Some(bytes) = &loaded.text else { return Ok(None) };
        let lacking = self.text.base.as_ref().is_some_and(|base| !self.reach().includes_vv(base));
        let read = match self.outside(bytes) {
            Ok(None) if lacking => read_outside(bytes, hash_of(bytes), true).map(Some),
            other => other,
        };
        match read {
            Ok(outside) => Ok(outside),
            Err(_) if options.without_text && !loaded.records.is_empty() => {
                self.text.aside = true;
                Ok(None)
            }
            Err(source) => Err(OpenError::Text { path: path.join(folder::TEXT), source }),
        }
    }

    /// Reads a text that this history did not write; `None` if it did.
    pub(super) fn outside(&self, bytes: &[u8]) -> Result<Option<Outside>, TextError> {
        let hash = hash_of(bytes);
        if self.text.known.contains(&hash) {
            return Ok(None);
        }
        read_outside(bytes, hash, false).map(Some)
    }

    /// Does what opening does to the document itself, once it has a home.
    pub(super) fn finish_open(
        &mut self,
        path: &Path,
        outside: Option<Outside>,
        loaded: &Loaded,
    ) -> Result<(), OpenError> {
        let failed = |error: ApplyError| match error {
            ApplyError::Journal(error) => OpenError::File(error),
            error => OpenError::History { path: path.to_owned(), reason: error.to_string() },
        };
        let shown = self.text.base.clone().filter(|_| loaded.text.is_some() && !self.text.aside);
        let mut facts = 0;
        match outside {
            Some(outside) if outside.known => {
                facts = self.take_text(&outside, Kind::Recovery).map_err(failed)?;
            }
            Some(outside) => {
                self.take_text(&outside, Kind::Text).map_err(failed)?;
            }
            None if self.text.base.as_ref().is_some_and(|base| !self.reach().includes_vv(base)) => {
                self.notices.push(Notice::Incomplete);
            }
            None => {}
        }
        self.recover(loaded, &shown.unwrap_or_default(), facts).map_err(failed)?;
        self.repair().map_err(failed)?;
        if self.text.unfinished && !self.is_read_only() {
            // Who changes the text by hand then changes what the history says it was written from. If it cannot be
            // written now, it will be with the next save.
            let _ = self.save();
        }
        Ok(())
    }

    /// Takes over what a text says otherwise than the version that it was written from, as an edit of that version; and
    /// with it whatever of that version is lost. Returns how many facts that changed.
    pub(super) fn take_text(&mut self, outside: &Outside, kind: Kind) -> Result<usize, ApplyError> {
        let damaged = |error: super::crdt::CrdtError| ApplyError::Damaged(error.to_string());
        let mut shown = self.text.base.clone().unwrap_or_else(|| self.crdt.version());
        let lost = !self.reach().includes_vv(&shown);
        let heads = self.crdt.heads_of(&shown);
        let unknown = || ApplyError::Damaged("the version of the text is not in the history".to_owned());
        let branch = self.crdt.branch(&heads).ok_or_else(unknown)?;
        let mut state = State::new(branch.facts());
        let deltas = state.set(&state.changes_to_show(&outside.read.project));
        let count = deltas.len();
        if count > 0 || lost {
            let covers = if lost { super::crdt::counts(&shown) } else { Vec::new() };
            let stand = Stand { kind, heads, deltas, covers, damage: Vec::new() };
            let record = self.record_from(&branch, stand).map_err(damaged)?;
            if kind == Kind::Text {
                self.notices.push(Notice::TextChanged(count));
            }
            self.take_in(record.into_iter().collect())?;
        }
        shown.merge(&branch.version());
        if !self.is_read_only() {
            self.mark(Kind::Wrote, &outside.hash, "", &shown, true)?;
        }
        self.text =
            TextState { known: vec![outside.hash.clone()], base: Some(shown), ..TextState::default() };
        Ok(count)
    }

    /// All operations that are here, or that a recovery stands in for.
    pub(super) fn reach(&self) -> VersionVector {
        let mut reach = self.crdt.version();
        reach.merge(&self.covers);
        reach
    }
}

fn read_outside(bytes: &[u8], hash: String, known: bool) -> Result<Outside, TextError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        TextError::Syntax { line, column: 1, what: "this is no UTF-8 text".to_owned() }
    })?;
    Ok(Outside { hash, read: Box::new(read_text(text)?), known })
}

/// Which texts the history wrote last, and from which version.
///
/// Each writer says what it wrote; what another writer wrote from a later version makes it stale. After a merge of two
/// branches both last texts are known, and a text that is neither shows what the branches had in common plus what was
/// changed since: it is compared with both together.
fn known_texts(loaded: &Loaded) -> TextState {
    let mut files: BTreeMap<&Path, Vec<(&TextMark, Kind)>> = BTreeMap::new();
    for (record, place) in &loaded.records {
        if let (Some(mark), Place::File { path, .. }) = (&record.header.text, place) {
            files.entry(path).or_default().push((mark, record.header.kind));
        }
    }
    let there = loaded.text.as_deref().map(hash_of);
    // A writer's file is in order, so its last mark is what counts of it.
    let last = files.values().filter_map(|marks| marks.last().copied());
    let hint = loaded.hint.iter().filter(|hint| Some(&hint.hash) == there.as_ref());
    let mut marks: Vec<Witness> = Vec::new();
    for (mark, kind) in last.chain(hint.map(|hint| (hint, Kind::Wrote))) {
        let version = version(&mark.version);
        let previous = (kind == Kind::Writing).then(|| mark.previous.clone());
        marks.retain(|other| other.version.partial_cmp(&version) != Some(Ordering::Less));
        if !marks.iter().any(|other| version.partial_cmp(&other.version) == Some(Ordering::Less)) {
            marks.push(Witness { version, hash: mark.hash.clone(), previous });
        }
    }
    let mut all = VersionVector::default();
    marks.iter().for_each(|mark| all.merge(&mark.version));
    let shown = marks.iter().find(|mark| Some(&mark.hash) == there.as_ref());
    let unfinished =
        shown.is_none() && marks.iter().any(|mark| mark.previous.is_some() && mark.previous == there);
    let older = files.values().flatten().rfind(|(mark, _)| unfinished && Some(&mark.hash) == there.as_ref());
    let shown =
        shown.map(|mark| mark.version.clone()).or_else(|| older.map(|(mark, _)| version(&mark.version)));
    let base = shown.or_else(|| (!marks.is_empty()).then_some(all));
    let known = marks.into_iter().flat_map(|mark| [Some(mark.hash), mark.previous]).flatten();
    TextState { known: known.collect(), base, aside: false, unfinished }
}

impl State {
    /// What to change so that this state shows the project.
    fn changes_to_show(&self, project: &Project) -> crate::model::fact::Changes {
        if !self.facts().is_empty() {
            let changes = self.effective(self.project().facts_to(project));
            let mut shown = self.clone();
            shown.set(&changes);
            if shown.project() == project {
                return changes;
            }
            // Facts are missing that count as defaults, or without which the others cannot be read.
            let mut all: BTreeMap<_, _> = changes.into_iter().collect();
            all.extend(Self::facts_of(project));
            return self.effective(all.into_iter().collect());
        }
        self.effective(Self::facts_of(project))
    }
}
