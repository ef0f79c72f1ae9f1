//! A session on the desk: the document with what plays it and what draws it, for a window or a remote control.
//!
//! A [`Desk`] takes edits and transport commands; a [`Snapshot`] says what there is. Nothing else goes between a window
//! and the application.

mod overview;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use omega_audio_io::{Event, EventReader, StreamConfig};
use omega_dsp::simd::Level;
use omega_engine::LoopRange;
use omega_session::edit::Edit;
use omega_session::model::{Project, TrackId};
use omega_session::{Applied, ApplyError, HistoryEntry};

pub use overview::{Overviews, TILE_ENTRIES, TILE_OVERLAP, Tile, TileKey};
pub use snapshot::{Job, Level as MeterLevel, Meters, Snapshot};

use crate::live::Player;
use crate::studio::{Studio, StudioError};

/// How long playing waits for storage before it begins.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open session, the player that sounds it once it was asked to, and the pictures of its media.
pub struct Desk {
    studio: Studio,
    config: StreamConfig,
    sound: Option<Sounding>,
    overviews: Overviews,
    /// Where the transport stands while there is no player.
    position: i64,
    history: Arc<[HistoryEntry]>,
    meters: Arc<Meters>,
    load: f32,
    saved: Arc<Project>,
    news: Vec<String>,
}

/// A player, and what its hardware has to say.
struct Sounding {
    player: Player,
    events: EventReader,
}

impl Desk {
    /// Lays a session on the desk; `config` says what it plays through once it has to. `wake` is called, from any thread,
    /// when a picture is ready that was asked for.
    ///
    /// # Errors
    /// [`StudioError::Threads`].
    pub fn new(
        studio: Studio,
        config: StreamConfig,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, StudioError> {
        let overviews = Overviews::new(studio.root(), Box::new(wake)).map_err(StudioError::Threads)?;
        let (history, saved) = (studio.history().into(), studio.project());
        Ok(Self {
            studio,
            config,
            sound: None,
            overviews,
            position: 0,
            history,
            meters: Arc::default(),
            load: 0.0,
            saved,
            news: Vec::new(),
        })
    }

    /// What there is at this moment. Cheap: nothing in it is copied that an edit leaves alone.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        let (position, playing, xruns, hardware) = match &mut self.sound {
            Some(Sounding { player, .. }) => {
                let (status, stats) = (player.status(), player.stats());
                let hardware = player.hardware();
                let name = match hardware.device.as_str() {
                    "" => hardware.backend.to_owned(),
                    device => format!("{}: {device}", hardware.backend),
                };
                (status.position, status.rolling, stats.xruns + stats.late, Some(name))
            }
            None => (self.position, false, 0, None),
        };
        let project = self.studio.project();
        Snapshot {
            unsaved: !Arc::ptr_eq(&project, &self.saved),
            undo: self.studio.document().undo_name().map(str::to_owned),
            redo: self.studio.document().redo_name().map(str::to_owned),
            project,
            position,
            playing,
            meters: Arc::clone(&self.meters),
            load: self.load,
            xruns,
            hardware,
            history: Arc::clone(&self.history),
            jobs: self.overviews.jobs(),
        }
    }

    /// Housekeeping, to be called as often as one draws: takes readings, and lets waiting edits sound.
    pub fn poll(&mut self) {
        let Some(Sounding { player, events }) = &mut self.sound else { return };
        let waits = player.poll();
        self.news.extend(player.take_failed());
        self.load = player.take_loads().engine.worst.max(self.load * 0.9);
        let project = self.studio.project();
        let read = |id: &TrackId| player.take_meter(id).map(|reading| (id.clone(), MeterLevel::of(&reading)));
        self.meters =
            Arc::new(Meters::new(project.tracks().keys().filter_map(read).collect::<BTreeMap<_, _>>()));
        if waits && let Err(why) = player.update(&project, self.studio.root()) {
            self.news.push(why.to_string());
        }
        match events.poll() {
            Some(Event::CallbackFailed) => self.unplug("the engine failed"),
            Some(Event::Shutdown { reason }) => self.unplug(&format!("the hardware is gone: {reason}")),
            Some(Event::RateChanged { rate }) => self.unplug(&format!("the hardware went over to {rate} Hz")),
            Some(Event::NoCallback { .. }) => self.unplug("the hardware does not call"),
            _ => {}
        }
    }

    /// Goes on without hardware; playing opens some again.
    fn unplug(&mut self, why: &str) {
        self.news.push(format!("{why}; playing stopped. Press play to go on"));
        self.position = self.snapshot().position;
        if let Some(Sounding { player, .. }) = self.sound.take() {
            player.close();
        }
        self.meters = Arc::default();
    }

    /// What people should be told since the last call: devices that were taken out of the sound, hardware that went away.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// The pictures of the media.
    #[must_use]
    pub fn overviews(&self) -> &Overviews {
        &self.overviews
    }

    /// The session, for what is not wrapped here.
    #[must_use]
    pub fn studio(&self) -> &Studio {
        &self.studio
    }

    /// Applies edits as one named step, and lets them sound.
    ///
    /// # Errors
    /// [`StudioError::Apply`], naming the edit; nothing is changed then.
    pub fn apply(&mut self, name: &str, edits: &[Edit]) -> Result<Applied, StudioError> {
        let applied = self.studio.apply(name, edits)?;
        self.changed();
        Ok(applied)
    }

    /// Lets edits sound that are not made yet, as a fader does that is still being moved. The document stays as it is, and what
    /// sounds is the document again with the next edit, undo, or [`preview`](Self::preview) of nothing.
    ///
    /// # Errors
    /// [`StudioError::Apply`] when they would be refused, [`StudioError::Play`] when they do not sound.
    pub fn preview(&mut self, edits: &[Edit]) -> Result<(), StudioError> {
        let Some(Sounding { player, .. }) = &mut self.sound else { return Ok(()) };
        let project = self.studio.project();
        let tried = Edit::try_all(edits, &project, [0; 32]).map_err(ApplyError::from)?;
        Ok(player.update(&tried, self.studio.root())?)
    }

    /// Undoes the last step; `None` when there is none.
    ///
    /// # Errors
    /// [`StudioError::Apply`].
    pub fn undo(&mut self) -> Result<Option<Applied>, StudioError> {
        let done = self.studio.undo()?;
        self.changed();
        Ok(done)
    }

    /// Redoes what was undone last; `None` when there is nothing.
    ///
    /// # Errors
    /// [`StudioError::Apply`].
    pub fn redo(&mut self) -> Result<Option<Applied>, StudioError> {
        let done = self.studio.redo()?;
        self.changed();
        Ok(done)
    }

    /// Writes `project.json`. What plugins changed by themselves is kept first, as a step of its own.
    ///
    /// # Errors
    /// [`StudioError::Save`], or why the changes of plugins cannot be kept.
    pub fn save(&mut self) -> Result<(), StudioError> {
        self.keep_plugins()?;
        self.studio.save()?;
        self.saved = self.studio.project();
        Ok(())
    }

    fn keep_plugins(&mut self) -> Result<(), StudioError> {
        if let Some(Sounding { player, .. }) = &mut self.sound {
            let kept = self.studio.keep_plugins(player)?;
            let lost = |(_, why)| format!("the state of a plugin is not kept: {why}");
            self.news.extend(kept.failed.into_iter().map(lost));
            self.history = self.studio.history().into();
        }
        Ok(())
    }

    /// Closes the hardware, when all is over. What plugins changed by themselves is kept first.
    ///
    /// # Errors
    /// Why that cannot be kept; the hardware is closed all the same.
    pub fn close(&mut self) -> Result<(), StudioError> {
        let kept = self.keep_plugins();
        if let Some(Sounding { player, .. }) = self.sound.take() {
            player.close();
        }
        kept
    }

    fn changed(&mut self) {
        self.history = self.studio.history().into();
        let project = self.studio.project();
        if let Some(Sounding { player, .. }) = &mut self.sound {
            player.set_loop(loop_of(&project));
            if let Err(why) = player.update(&project, self.studio.root()) {
                self.news.push(format!("the edit does not sound: {why}"));
            }
        }
    }

    /// Rolls from where the transport stands. Opens the hardware where that was not done yet.
    ///
    /// # Errors
    /// [`StudioError::Play`].
    pub fn play(&mut self) -> Result<(), StudioError> {
        if self.sound.is_none() {
            let mut player = self.studio.player(&self.config, Level::detect())?;
            let events = player.events();
            player.set_loop(loop_of(&self.studio.project()));
            player.locate(self.position);
            self.news.extend(player.unreadable().into_iter().map(|file| format!("cannot be read: {file}")));
            self.news.extend(player.plugin_complaints());
            self.sound = Some(Sounding { player, events });
        }
        let Some(Sounding { player, .. }) = &mut self.sound else { return Ok(()) };
        let position = player.status().position;
        if !player.wait_until_ready(position, PATIENCE) {
            self.news.push("storage is slow; it may begin with gaps".to_owned());
        }
        player.play();
        Ok(())
    }

    /// Stands still.
    pub fn stop(&mut self) {
        if let Some(Sounding { player, .. }) = &mut self.sound {
            player.stop();
        }
    }

    /// Jumps to a frame of the time line.
    pub fn locate(&mut self, frame: i64) {
        self.position = frame;
        if let Some(Sounding { player, .. }) = &mut self.sound {
            player.locate(frame);
        }
    }
}

/// The loop that the document asks for.
fn loop_of(project: &Project) -> Option<LoopRange> {
    let setting = &project.settings().loop_range;
    let range = project.tempo_map().frames_of(setting.range);
    if setting.on { LoopRange::new(range.start.0, range.end.0) } else { None }
}
