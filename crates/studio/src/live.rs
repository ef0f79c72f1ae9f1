//! Playing through hardware.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omega_audio_io::{
    AudioCallback, EventReader, IoBlock, MAX_MIDI, OpenError, Stats, StreamConfig, StreamInfo,
};
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, Notification, engine};
use omega_engine::{Clock, EngineStatus, Executor, LoopRange, Slices};
use omega_lowering::{Lowered, Purpose, midi_inputs};
use omega_plugin::{Pace, PluginNews};
use omega_processor::{Event, EventKind};
use omega_rt::{LoadCell, LoadReading, MeterReading, Shared};
use omega_session::model::{DeviceId, Project, TrackId};

use crate::plug::{self, Plug};
use crate::record::Recording;
use crate::sound::{Sound, SoundError};
use crate::sources::Streaming;

/// Frames of each source that are there before playing begins.
const READY: usize = 8192;

/// Why playing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The hardware refused.
    #[error(transparent)]
    Hardware(#[from] OpenError),
    /// The project cannot be made to sound.
    #[error(transparent)]
    Sound(#[from] SoundError),
}

/// The audio thread's side: the engine and nothing else.
struct Cycle {
    executor: Executor,
    /// MIDI of a call, as the engine has it.
    midi: Vec<Event>,
}

impl AudioCallback for Cycle {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        let frames = io.frames;
        let waits = io.flags.freewheel;
        let events = io.midi.iter().map(|midi| {
            let kind = EventKind::Midi(midi.port, midi.bytes);
            Event { frame: midi.frame, kind }
        });
        let heard = self.midi.iter_mut().zip(events).map(|(place, event)| *place = event).count();
        let midi = self.midi.get(..heard).unwrap_or(&[]);
        let mut outside = Slices { inputs: io.inputs, outputs: io.outputs, midi, waits };
        self.executor.process(&mut outside, frames);
    }
}

/// A project that plays. Call [`poll`](Self::poll) often: it takes back what the audio thread no longer needs, and sends
/// what waits.
pub struct Player {
    sound: Sound,
    plug: Plug,
    sources: Streaming,
    stale: bool,
    failed: Vec<String>,
    load: Arc<LoadCell>,
    looped: Option<LoopRange>,
    level: Level,
    offset: i64,
    /// Cables to MIDI inputs that were pulled out so far.
    midi_gone: u64,
    pub(crate) recording: Option<Recording>,
}

/// What to open for a project: with the MIDI inputs that its tracks name, unless others are asked for.
fn with_midi(project: &Project, config: &StreamConfig) -> StreamConfig {
    let midi = if config.midi.is_empty() { midi_inputs(project) } else { config.midi.clone() };
    StreamConfig { midi, ..config.clone() }
}

/// Frames that the engine is asked for at once, most of the time: the hardware's period at the session's rate.
fn period_of(info: &StreamInfo) -> usize {
    let frames = (info.period as u64).saturating_mul(u64::from(info.rate));
    usize::try_from(frames.div_ceil(u64::from(info.hardware_rate.max(1)))).unwrap_or(info.period)
}

/// An engine that plays nothing yet, at `session` frames per second: the audio thread's end and ours.
fn build(session: u32, level: Level, load: &Arc<LoadCell>, period: usize) -> (Cycle, Sound) {
    let (mut executor, control) = engine(level);
    let clock =
        Clock { now: omega_audio_io::nanoseconds, ticks_per_second: 1_000_000_000, sample_rate: session };
    // The first look sets the clock's origin, off the audio thread.
    (clock.now)();
    executor.watch(clock, Shared::from(Arc::clone(load)));
    let pace = Pace::Live { period };
    // Written to, so that its pages are there.
    let midi = vec![Event { frame: 1, kind: EventKind::Transport }; MAX_MIDI];
    (Cycle { executor, midi }, Sound::new(Conductor::new(control, session), level, Purpose::Play, pace))
}

/// How a plugin is that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginHealth {
    /// Its input is heard in its place: it was late, or is not well.
    pub bypassed: bool,
    /// Stretches of its sound that were not there in time.
    pub late: u32,
    /// Frames by which its sound lags, its own latency included.
    pub latency: u32,
}

/// What share of the time that there is the sound takes, since the last reading. 1 is all of it: the sound drops out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loads {
    /// The whole cycle of the engine.
    pub engine: LoadReading,
    /// The nodes of each track, measured in some of the cycles. The worst is that of each node, added up.
    pub tracks: BTreeMap<TrackId, LoadReading>,
}

impl Player {
    /// Opens hardware and prepares `project`, whose media lies relative to `root`. The transport stands at frame 0. Hardware that
    /// runs at another rate than the session is played to at its own, and [`hardware`](Self::hardware) warns of it.
    ///
    /// # Errors
    /// [`PlayError`].
    pub fn open(
        project: &Project,
        root: &Path,
        sources: Streaming,
        config: &StreamConfig,
        level: Level,
    ) -> Result<Self, PlayError> {
        let session = project.sample_rate().hz();
        let config = with_midi(project, config);
        let prepared = plug::prepare(&config, session)?;
        let load = Arc::new(LoadCell::default());
        let (cycle, mut sound) = build(session, level, &load, period_of(prepared.info()));
        sound.midi.clone_from(&config.midi);
        sound.update(project, root, &sources)?;
        let plug = Plug::new(prepared, Box::new(cycle))?;
        let (failed, looped, recording) = (Vec::new(), None, None);
        let (stale, offset, midi_gone) = (false, 0, 0);
        Ok(Self { sound, plug, sources, stale, failed, load, looped, level, offset, midi_gone, recording })
    }

    /// Closes the hardware. The engine stands still where it is, rolling or not, until [`reopen`](Self::reopen).
    pub fn unplug(&mut self) {
        self.plug.pull();
    }

    /// Whether there is hardware. Without, the engine stands still.
    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.plug.is_in()
    }

    /// Goes over to other hardware, or to the same anew: after it went away, changed its rate, or failed. The engine goes on where
    /// it stood, with all that it was doing. If the old hardware does not let go of it (a server that hangs), another is made for
    /// `project` and brought to the same place; only tails of effects are lost then. A recording ends:
    /// [`RecordStatus::cut_off`](crate::RecordStatus::cut_off).
    ///
    /// # Errors
    /// [`PlayError`]; nothing is lost, and it may be tried again.
    pub fn reopen(&mut self, project: &Project, root: &Path, config: &StreamConfig) -> Result<(), PlayError> {
        self.plug.pull();
        let session = project.sample_rate().hz();
        let config = with_midi(project, config);
        let prepared = plug::prepare(&config, session)?;
        self.cut_off();
        // Nobody will hear of it when the keys that are down now are let go of.
        self.sound.conductor.release_keys();
        self.stale |= self.sound.midi != config.midi;
        self.sound.midi.clone_from(&config.midi);
        self.midi_gone = 0;
        let period = period_of(prepared.info());
        let (cycle, kept): (Box<dyn AudioCallback>, bool) = match self.plug.take_callback() {
            Some(cycle) => (cycle, true),
            None => (Box::new(self.rebuild(project, root, period)?), false),
        };
        self.plug = Plug::new(prepared, cycle)?;
        if kept { self.go_at(project, root, period) } else { Ok(()) }
    }

    /// The hardware asks for another number of frames at once than before, without having been opened anew.
    ///
    /// # Errors
    /// [`PlayError`]; what played before goes on.
    pub fn period_changed(&mut self, project: &Project, root: &Path, period: usize) -> Result<(), PlayError> {
        let period = period_of(&StreamInfo { period, ..self.plug.info() });
        self.go_at(project, root, period)
    }

    /// Plugins get the time that there is between two periods.
    fn go_at(&mut self, project: &Project, root: &Path, period: usize) -> Result<(), PlayError> {
        if self.sound.go_at(period) { self.update(project, root) } else { Ok(()) }
    }

    /// Another engine in the place of the one that is gone.
    fn rebuild(&mut self, project: &Project, root: &Path, period: usize) -> Result<Cycle, PlayError> {
        let stood = self.sound.conductor.status();
        let (cycle, mut sound) = build(project.sample_rate().hz(), self.level, &self.load, period);
        (sound.round_trip, sound.midi_trip) = (self.sound.round_trip, self.sound.midi_trip);
        sound.midi.clone_from(&self.sound.midi);
        sound.update(project, root, &self.sources)?;
        self.sound = sound;
        self.stale = false;
        self.sound.conductor.set_loop(self.looped);
        self.sound.conductor.locate(stood.position);
        if stood.rolling {
            self.sound.conductor.play();
        }
        Ok(cycle)
    }

    /// Goes over to an edited project. What is not touched by the edits is not touched in the sound. While an earlier
    /// change is still being cross-faded the new one waits: call again when [`poll`](Self::poll) says so.
    ///
    /// # Errors
    /// [`PlayError`]; what played before goes on.
    pub fn update(&mut self, project: &Project, root: &Path) -> Result<(), PlayError> {
        self.poll();
        self.stale = !self.sound.conductor.settled();
        if !self.stale {
            self.sound.update(project, root, &self.sources)?;
        }
        Ok(())
    }

    /// Housekeeping. True when the project should be handed to [`update`](Self::update) again: an edit waits, or a device
    /// changed its latency.
    pub fn poll(&mut self) -> bool {
        for told in self.sound.conductor.poll() {
            match told {
                Notification::LatencyChanged { node, frames } => {
                    self.sound.latency_changed(node, frames);
                    self.stale = true;
                }
                Notification::Failed { node, fault } => {
                    self.failed.push(format!("{} {fault}, and is silent now", self.sound.name_of(node)));
                }
            }
        }
        for (device, news) in self.sound.rack.news() {
            let name = self.sound.name_of_plugin(&device);
            self.failed.extend(in_words(&name, &news));
        }
        let status = self.sound.conductor.status();
        if let Some(recording) = &mut self.recording {
            recording.follow(status, self.sound.tape_lag.max(self.sound.note_lag));
        }
        let gone = self.plug.stats().midi_gone;
        if gone > self.midi_gone {
            self.midi_gone = gone;
            self.sound.conductor.release_keys();
        }
        self.stale && self.sound.conductor.settled()
    }

    /// Plugins that could not be opened, or did not take their state, and why.
    #[must_use]
    pub fn plugin_complaints(&self) -> Vec<String> {
        self.sound.rack.complaints()
    }

    /// Names of plugins that changed by themselves, so that the session does not have them as they are:
    /// [`Studio::keep_plugins`](crate::Studio::keep_plugins) sees to it.
    #[must_use]
    pub fn changed_plugins(&self) -> Vec<String> {
        self.sound.rack.changed().map(|device| self.sound.name_of_plugin(device)).collect()
    }

    /// How the plugins are that are heard, by device.
    #[must_use]
    pub fn plugin_health(&self) -> BTreeMap<DeviceId, PluginHealth> {
        self.sound.rack.health()
    }

    /// Whether all that was handed over sounds: nothing is being cross-faded, nothing waits.
    #[must_use]
    pub fn settled(&self) -> bool {
        !self.stale && self.sound.conductor.settled()
    }

    /// Devices that were taken out of the sound since the last call, and why: "EQ on Vocals put out more than +60 dBFS".
    pub fn take_failed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failed)
    }

    /// Rolls.
    pub fn play(&mut self) {
        self.sound.conductor.play();
    }

    /// Stands still.
    pub fn stop(&mut self) {
        self.sound.conductor.stop();
    }

    /// Jumps to a frame.
    pub fn locate(&mut self, frame: i64) {
        self.sound.conductor.locate(frame);
    }

    /// Has what sounds within a second of `frame` read ahead, and waits for it, at most `patience`. False when storage is
    /// late: playing from there would begin with gaps.
    #[must_use]
    pub fn wait_until_ready(&self, frame: i64, patience: Duration) -> bool {
        let Some(lowered) = self.sound.lowered() else { return true };
        let second = i64::from(self.plug.info().rate);
        let near = lowered.play_lists.values().flatten().filter(|(segment, _)| {
            !segment.muted && segment.end() > frame && segment.start < frame.saturating_add(second)
        });
        let wanted: Vec<_> = near
            .flat_map(|(segment, media)| {
                let into = (frame - segment.start).max(0);
                segment.source_ranges(into, READY).map(move |(first, frames)| (media, first, frames))
            })
            .collect();
        wanted.iter().for_each(|(media, first, _)| self.sources.hint(media, *first));
        let until = Instant::now() + patience;
        wanted.iter().fold(true, |ready, (media, first, frames)| {
            self.sources.wait(media, *first, *frames, until) && ready
        })
    }

    /// What was found out about the hardware beyond what it says itself (see [`calibrate`](fn@crate::calibrate)): frames by which its
    /// round trip is longer, or shorter where negative.
    pub fn set_latency_offset(&mut self, frames: i64) {
        self.offset = frames;
    }

    /// Frames from the engine out through the hardware and back in again, as the hardware tells and as was found out.
    #[must_use]
    pub fn round_trip(&self) -> u32 {
        let latency = self.plug.latency();
        let frames = latency.input.saturating_add(latency.output).saturating_add(self.offset);
        u32::try_from(frames.max(0)).unwrap_or(u32::MAX)
    }

    /// Frames from the engine out through the hardware to the player, and from the keys back in, as the hardware tells.
    #[must_use]
    pub fn midi_trip(&self) -> u32 {
        let latency = self.plug.latency();
        u32::try_from(latency.output.saturating_add(latency.midi).max(0)).unwrap_or(u32::MAX)
    }

    /// Gets ready to record what is armed in `project`: true when it is, false when to ask again after a moment.
    ///
    /// # Errors
    /// [`PlayError`].
    pub fn prepare_to_record(&mut self, project: &Project, root: &Path) -> Result<bool, PlayError> {
        let waits = self.poll();
        let (round_trip, midi_trip) = (self.round_trip(), self.midi_trip());
        if waits || (self.sound.round_trip, self.sound.midi_trip) != (round_trip, midi_trip) {
            (self.sound.round_trip, self.sound.midi_trip) = (round_trip, midi_trip);
            self.update(project, root)?;
        }
        Ok(self.settled())
    }

    /// Tracks whose input is heard, and by how many frames they are heard before what they are mixed with: a live input
    /// is never held back for the sake of others, so what is recorded on those tracks plays early while that lasts.
    #[must_use]
    pub fn constrained(&self) -> BTreeMap<TrackId, u32> {
        let Some(lowered) = self.sound.lowered() else { return BTreeMap::new() };
        let schedule = self.sound.conductor.schedule();
        let node = |id| schedule.nodes.iter().find(|node| node.id == id);
        let early = lowered.live.iter().filter_map(|(track, way)| {
            let (fader, target) = (node(way.fader)?, node(way.target?)?);
            let early = target.arrival.saturating_sub(fader.arrival.saturating_add(fader.latency));
            (early > 0).then(|| (track.clone(), early))
        });
        early.collect()
    }

    /// What was measured at the input of a track since the last call; `None` for a track that is neither armed nor monitored.
    pub fn take_input_meter(&mut self, track: &TrackId) -> Option<MeterReading> {
        let meter = self.sound.lowered()?.tapes.get(track)?.meter;
        Some(self.sound.conductor.meters().get(&meter)?.take())
    }

    /// What plays, for what is done in other files.
    pub(crate) fn sound_mut(&mut self) -> &mut Sound {
        &mut self.sound
    }

    /// Sets or clears the loop.
    pub fn set_loop(&mut self, range: Option<LoopRange>) {
        self.looped = range;
        self.sound.conductor.set_loop(range);
    }

    /// Where the engine is.
    pub fn status(&mut self) -> EngineStatus {
        self.sound.conductor.status()
    }

    /// What was measured behind a track's fader since the last call; `None` for a track without a meter.
    pub fn take_meter(&mut self, track: &TrackId) -> Option<MeterReading> {
        let id = self.sound.lowered()?.meters.get(track)?;
        Some(self.sound.conductor.meters().get(id)?.take())
    }

    /// What share of the time that there is the sound took since the last call, as a whole and track by track.
    #[must_use]
    pub fn take_loads(&mut self) -> Loads {
        let mut tracks: BTreeMap<TrackId, LoadReading> = BTreeMap::new();
        for (node, cell) in self.sound.conductor.loads() {
            let Some(plan) = self.sound.lowered().and_then(|lowered| lowered.nodes.get(node)) else {
                continue;
            };
            let (reading, track) = (cell.take(), tracks.entry(plan.track.clone()).or_default());
            track.average += reading.average;
            track.worst += reading.worst;
        }
        Loads { engine: self.load.take(), tracks }
    }

    /// What plays.
    #[must_use]
    pub fn lowered(&self) -> Option<&Lowered> {
        self.sound.lowered()
    }

    /// Media that could not be opened, in words.
    #[must_use]
    pub fn unreadable(&self) -> Vec<String> {
        self.sound.unreadable.iter().map(|(id, why)| format!("{id}: {why}")).collect()
    }

    /// The hardware in use, or that was in use last.
    #[must_use]
    pub fn hardware(&self) -> StreamInfo {
        self.plug.info()
    }

    /// Counters of the hardware side.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.plug.stats()
    }

    /// What the hardware has to say.
    #[must_use]
    pub fn events(&self) -> EventReader {
        self.plug.events()
    }

    /// Closes the hardware.
    pub fn close(mut self) {
        // The callback comes back here, so that the engine is dropped on this thread.
        self.plug.pull();
    }
}

/// What happened to a plugin, where people want to know of it.
fn in_words(name: &str, news: &PluginNews) -> Option<String> {
    match news {
        PluginNews::Trouble(trouble) => Some(format!("{name} {trouble}; its input is heard in its place")),
        PluginNews::Restarted(_) => Some(format!("{name} is back, with its last state")),
        PluginNews::GivenUp(None) => Some(format!("{name} is not started again")),
        PluginNews::GivenUp(Some(why)) => Some(format!("{name} is not started again: {why}")),
        PluginNews::Latency(_) | PluginNews::Values(_) | PluginNews::Changed | PluginNews::Line(_) => None,
    }
}
