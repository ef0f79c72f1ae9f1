//! What a window shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use omega_rt::MeterReading;
use omega_session::HistoryEntry;
use omega_session::model::{Project, TrackId};

/// All that a window shows, at one moment. Immutable and cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The document. The same `Arc` as long as nothing was edited.
    pub project: Arc<Project>,
    /// Frame of the time line that leaves the outputs.
    pub position: i64,
    /// The time line moves.
    pub playing: bool,
    /// What was measured behind the faders since the last [`poll`](super::Desk::poll).
    pub meters: Arc<Meters>,
    /// What share of the time that there is the sound took lately in its worst cycle; 1 is all of it.
    pub load: f32,
    /// Xruns and cycles that were late since the hardware was opened.
    pub xruns: u64,
    /// What is played through, once it was opened.
    pub hardware: Option<String>,
    /// All steps, oldest first.
    pub history: Arc<[HistoryEntry]>,
    /// The step that undo would undo.
    pub undo: Option<String>,
    /// The step that redo would redo.
    pub redo: Option<String>,
    /// There are edits that `project.json` does not show yet. They are durable all the same.
    pub unsaved: bool,
    /// What is being done in the background.
    pub jobs: Vec<Job>,
}

/// Work in the background.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What it is, for people.
    pub name: String,
    /// The share that is done, 0 to 1.
    pub done: f32,
}

/// A level behind a fader, linear; full scale is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The largest sample.
    pub peak: f32,
    /// Root of the mean square.
    pub rms: f32,
}

impl Level {
    /// What a meter read.
    #[must_use]
    pub fn of(reading: &MeterReading) -> Self {
        let rms = omega_dsp::math::to_f32(omega_dsp::math::sqrt(reading.mean_square()));
        Self { peak: reading.peak, rms }
    }
}

/// The levels of all tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meters(BTreeMap<TrackId, Level>);

impl Meters {
    /// These levels.
    #[must_use]
    pub fn new(levels: BTreeMap<TrackId, Level>) -> Self {
        Self(levels)
    }

    /// The level of a track; silence for one that is not measured.
    #[must_use]
    pub fn of(&self, track: &TrackId) -> Level {
        self.0.get(track).copied().unwrap_or_default()
    }
}
