//! Recording: from the inputs of armed tracks to clips.
//!
//! 1. [`Player::prepare_to_record`] places the tapes by the latency of the hardware.
//! 2. [`Player::record`] puts a reel onto the tape of each armed track, opens the files and rolls.
//! 3. [`Player::stop_recording`], or the end of the punch range and [`Player::stop`]: what was heard until then comes in for as long
//!    as the round trip takes, see [`RecordState`].
//! 4. [`Player::finish_recording`] gives the finished takes, and [`Studio::keep_takes`](crate::Studio::keep_takes) their places in
//!    the session.

mod notes;
mod passes;
mod place;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use omega_devices::note_tape::NoteReel;
use omega_devices::tape::Reel;
use omega_engine::{EngineStatus, LoopRange, RecordRange};
use omega_media::record::{
    Finished, FinishedNotes, NoteRecorder, NoteSpec, NoteStatus, RecordError, Recorder, RecorderConfig,
    TakeSpec, TakeStatus,
};
use omega_rt::notes::note_tape;
use omega_rt::tape::tape;
use omega_session::model::{Project, TrackId};
use omega_time::{Frames, TempoMap, Ticks};

use crate::live::Player;
pub use place::{KeepError, Kept};
pub(crate) use place::{Placed, has_notes, place};

/// The folder within a session where takes are written.
pub const RECORDING: &str = "recording";

/// Seconds that a disk may stand still before something is lost. A busy one was seen to do so for seven.
const PATIENCE: usize = 12;

/// MIDI messages that a disk that stands still may hold up.
const MESSAGES: usize = 1 << 15;

/// How long storage is waited for before the time line rolls.
const READY: Duration = Duration::from_secs(5);

/// What to record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordRequest {
    /// Where to begin, after a stop; without, recording begins where the time line is, rolling or not.
    pub from: Option<i64>,
    /// Only within this range.
    pub punch: Option<Range<i64>>,
    /// Play so many frames before the beginning, without recording them.
    pub pre_roll: i64,
    /// Let the metronome count for so many frames while the time line stands.
    pub count_in: i64,
    /// Wrap here: each pass becomes a take.
    pub looped: Option<LoopRange>,
}

/// Why recording does not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody would be recorded.
    #[error(
        "no track is armed: arm one that has an input (`omega arm`, `omega edit … track.input`, `track.midi_input`)"
    )]
    NothingArmed,
    /// One recording at a time.
    #[error("a recording is going on; finish that one first")]
    GoingOn,
    /// The edits before are still being faded in.
    #[error("not ready: call `prepare_to_record` until it says so")]
    NotReady,
    /// The punch range ends before recording begins.
    #[error("nothing lies between the beginning and the end of what is to be recorded")]
    Empty,
    /// The hardware has no such inputs.
    #[error(
        "track \"{track}\" records input {input}, but only {inputs} are open; choose another (`track.input`)"
    )]
    NoInput {
        /// The track's name.
        track: String,
        /// The input, counted from 1.
        input: usize,
        /// How many there are.
        inputs: usize,
    },
    /// The files cannot be opened.
    #[error(transparent)]
    Files(#[from] RecordError),
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// The time line has not begun to roll.
    Waiting,
    /// It rolls, and records where it was asked to.
    Rolling,
    /// It was stopped. What was heard until then is still on its way in.
    Ending,
    /// All is in: [`Player::finish_recording`] completes the files.
    Done,
}

/// How a recording stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordStatus {
    /// How far it is.
    pub state: RecordState,
    /// Frames that the hardware let pass without a callback since it began: what was played then is missing, and all behind
    /// it is in its place on the time line of the engine.
    pub hardware_lost: i64,
    /// The hardware was opened anew while it lasted, which ended it: all that had come in is kept, what was heard within the last
    /// round trip had not.
    pub cut_off: bool,
    /// A take for each track.
    pub takes: Vec<TakeStatus>,
    /// A take of MIDI for each track that has a MIDI input.
    pub notes: Vec<NoteStatus>,
}

/// What was recorded, or why it could not be finished, track by track; nothing for a track of which not a single frame was.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Sound.
    pub takes: Vec<Finished>,
    /// MIDI.
    pub notes: Vec<FinishedNotes>,
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Recorder,
    notes: NoteRecorder,
    state: RecordState,
    /// Engine time at which it was asked for.
    since: i64,
    /// Engine time at which everything is in.
    ends: i64,
    /// What the hardware had dropped before.
    lost_before: i64,
    /// See [`RecordStatus::cut_off`], with what the hardware that is gone had dropped.
    cut_off: Option<i64>,
}

impl Recording {
    /// Follows the engine, of which the tapes lag behind by `lag` frames.
    pub fn follow(&mut self, status: EngineStatus, lag: u32) {
        if self.cut_off.is_some() {
            return;
        }
        // Whoever looks seldom finds that several things have happened.
        if self.state == RecordState::Waiting && status.recorded_until > self.since {
            self.state = RecordState::Rolling;
        }
        if self.state == RecordState::Rolling && !status.records {
            (self.state, self.ends) = (RecordState::Ending, status.time.saturating_add(lag.into()));
        }
        if self.state == RecordState::Ending && status.time >= self.ends {
            self.state = RecordState::Done;
        }
    }
}

/// Where the takes of a session at `root` go.
#[must_use]
pub fn recorder_config(root: &Path, rate: u32) -> RecorderConfig {
    RecorderConfig::new(&root.join(RECORDING), &root.join("media"), rate)
}

impl Player {
    /// Begins to record the armed tracks of `project`, which has to be what was handed over last.
    ///
    /// # Errors
    /// [`StartError`]; nothing has begun then, and no file is left.
    pub fn record(
        &mut self,
        project: &Project,
        root: &Path,
        request: &RecordRequest,
    ) -> Result<(), StartError> {
        if self.recording.is_some() {
            return Err(StartError::GoingOn);
        }
        if !self.settled() {
            return Err(StartError::NotReady);
        }
        let range = range(request).ok_or(StartError::Empty)?;
        let reels = self.reels(project)?;
        let note_reels = self.note_reels(project);
        if reels.is_empty() && note_reels.is_empty() {
            return Err(StartError::NothingArmed);
        }
        let rate = project.sample_rate().hz();
        let frames = usize::try_from(rate).unwrap_or(48_000) * PATIENCE;
        let (mut specs, mut heads) = (Vec::new(), Vec::new());
        for (id, name, node, channels) in reels {
            let (head, reader) = tape(usize::from(channels), frames);
            let position = request.punch.as_ref().map(|punch| punch.start).or(request.from).unwrap_or(0);
            specs.push(TakeSpec { track: id.to_string(), name, position, tape: reader });
            heads.push((node, head));
        }
        let (mut note_specs, mut note_heads) = (Vec::new(), Vec::new());
        for (id, name, node) in note_reels {
            let (head, tape) = note_tape(MESSAGES);
            note_specs.push(NoteSpec { track: id.to_string(), name, tape });
            note_heads.push((node, head));
        }
        let config = recorder_config(root, rate);
        let notes = NoteRecorder::start(&config, note_specs)?;
        let recorder = Recorder::start(&config, specs)?;
        let (since, lost_before) = (self.status().time, self.stats().lost);
        for (node, head) in heads {
            self.sound_mut().conductor.exchange(node, Box::new(Reel(Some(head))));
        }
        for (node, head) in note_heads {
            self.sound_mut().conductor.exchange(node, Box::new(NoteReel(Some(head))));
        }
        if let Some(from) = request.from {
            self.stop();
            self.set_loop(request.looped);
            self.locate(from.saturating_sub(request.pre_roll.max(0)));
            // What storage cannot give in time is silent, and counted.
            let _ = self.wait_until_ready(from.saturating_sub(request.pre_roll.max(0)), READY);
            self.sound_mut().conductor.set_record(Some(range));
            self.sound_mut().conductor.play_in(request.count_in.max(0));
        } else {
            self.sound_mut().conductor.set_record(Some(range));
        }
        self.recording = Some(Recording {
            recorder,
            notes,
            state: RecordState::Waiting,
            since,
            ends: 0,
            lost_before,
            cut_off: None,
        });
        Ok(())
    }

    /// Id, name, tape and channels of what is armed.
    fn reels(
        &mut self,
        project: &Project,
    ) -> Result<Vec<(TrackId, String, omega_graph::NodeId, u16)>, StartError> {
        let inputs = self.hardware().inputs;
        let Some(lowered) = self.sound_mut().lowered() else { return Err(StartError::NothingArmed) };
        let mut reels = Vec::new();
        for (id, plan) in &lowered.tapes {
            let Some(track) = project.track(id).filter(|track| track.arm) else { continue };
            let used = track.input.iter().take(usize::from(plan.channels));
            if let Some(beyond) = used.map(|input| usize::from(*input)).find(|input| *input >= inputs) {
                return Err(StartError::NoInput { track: track.name.clone(), input: beyond + 1, inputs });
            }
            reels.push((id.clone(), track.name.clone(), plan.node, plan.channels));
        }
        Ok(reels)
    }

    /// Id, name and tape of what is armed and has a MIDI input.
    fn note_reels(&mut self, project: &Project) -> Vec<(TrackId, String, omega_graph::NodeId)> {
        let Some(lowered) = self.sound_mut().lowered() else { return Vec::new() };
        let armed = lowered.note_tapes.iter().filter_map(|(id, plan)| {
            let track = project.track(id).filter(|track| track.arm)?;
            Some((id.clone(), track.name.clone(), plan.node))
        });
        armed.collect()
    }

    /// Ends recording while the time line rolls on. [`stop`](Self::stop) ends both.
    pub fn stop_recording(&mut self) {
        self.sound_mut().conductor.set_record(None);
    }

    /// How the recording stands; `None` when there is none. [`poll`](Self::poll) brings it forward.
    #[must_use]
    pub fn recording(&self) -> Option<RecordStatus> {
        let recording = self.recording.as_ref()?;
        let lost = self.stats().lost.saturating_sub(recording.lost_before);
        let hardware_lost = recording.cut_off.unwrap_or(lost);
        let cut_off = recording.cut_off.is_some();
        let (takes, notes) = (recording.recorder.status(), recording.notes.status());
        Some(RecordStatus { state: recording.state, hardware_lost, cut_off, takes, notes })
    }

    /// Ends a recording because the hardware is not what it was: what comes in from now on came another way, so that its place
    /// is not known. The time line rolls on.
    pub(crate) fn cut_off(&mut self) {
        let lost = self.stats().lost;
        if let Some(recording) = self.recording.as_mut().filter(|recording| recording.cut_off.is_none()) {
            recording.cut_off = Some(lost.saturating_sub(recording.lost_before));
            recording.state = RecordState::Done;
            self.stop_recording();
            self.take_reels_out();
        }
    }

    /// Completes the files, whatever the state: before it is [`RecordState::Done`] the end is missing, which is right only when the
    /// hardware is gone. A take for each track, or why it could not be finished; tracks of which not a single frame was
    /// recorded have none. Waits for the disk.
    pub fn finish_recording(&mut self) -> Recorded {
        self.stop_recording();
        let Some(recording) = self.recording.take() else { return Recorded::default() };
        self.take_reels_out();
        Recorded { takes: recording.recorder.finish(), notes: recording.notes.finish() }
    }

    fn take_reels_out(&mut self) {
        let Some(lowered) = self.sound_mut().lowered() else { return };
        let tapes: Vec<_> = lowered.tapes.values().map(|plan| plan.node).collect();
        let note_tapes: Vec<_> = lowered.note_tapes.values().map(|plan| plan.node).collect();
        for node in tapes {
            self.sound_mut().conductor.exchange(node, Box::new(Reel(None)));
        }
        for node in note_tapes {
            self.sound_mut().conductor.exchange(node, Box::new(NoteReel(None)));
        }
    }
}

/// Where it is recorded.
fn range(request: &RecordRequest) -> Option<RecordRange> {
    let begin = request.from.unwrap_or(i64::MIN);
    match &request.punch {
        // Within a loop what comes before the beginning is reached by the next pass.
        Some(punch) if request.looped.is_some() => RecordRange::new(punch.start, punch.end),
        Some(punch) => RecordRange::new(punch.start.max(begin), punch.end),
        None if request.looped.is_some_and(|looped| looped.begin() < begin) => Some(RecordRange::ALL),
        None => RecordRange::new(begin, i64::MAX),
    }
}

/// Frames from `bars` bars before `frame` to it, as the tempo map has them there.
#[must_use]
pub fn bars_before(map: &TempoMap, frame: i64, bars: u32) -> i64 {
    let mut tick = map.to_tick(Frames(frame));
    for _ in 0..bars {
        // By the signature of the bar that is gone back into.
        let bar = map.signature_at(Ticks(tick.0.saturating_sub(1))).ticks_per_bar();
        tick = Ticks(tick.0.saturating_sub(bar.0));
    }
    if bars == 0 { 0 } else { frame.saturating_sub(map.to_frame(tick).0).max(0) }
}

/// The session's folder of recordings.
pub(crate) fn folders(root: &Path) -> (PathBuf, PathBuf) {
    (root.join(RECORDING), root.join("media"))
}
