//! One open session, and all that can be done with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use omega_audio_io::StreamConfig;
use omega_dsp::simd::Level;
use omega_media::record::{
    FinishedTake, FoundTake, NoteTake, UnfinishedTake, discard, forget, recover, unfinished, unfinished_notes,
};
use omega_plugin::preset::PresetPlace;
use omega_processor::ParamInfo;
use omega_session::edit::{DeviceParam, DeviceState, Edit};
use omega_session::model::{DeviceId, MediaId, Project};
use omega_session::{
    Applied, ApplyError, Cleaned, CreateError, CreateOptions, Document, FileError, HistoryEntry, MediaError,
    OpenError, OpenOptions, SaveError,
};

use crate::calibrate::{Hardware, Store};
use crate::files::{RenderFiles, RenderFilesError, RenderReport, render_files};
use crate::import::{Import, ImportFailure, ImportProgress, Imported, import};
use crate::live::{PlayError, Player};
use crate::plugins::{state_of_preset, write_state};
use crate::record::{KeepError, Kept, Placed, StartError, folders, has_notes, place};
use crate::render::Progress;
use crate::sources::Streaming;

/// Why something could not be done with a session.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// It was not created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was not edited.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// It was not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// Its media were not brought in or cleaned up.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It was not rendered.
    #[error(transparent)]
    Render(#[from] RenderFilesError),
    /// It does not play.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// Takes have no place in it.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// A take could not be completed.
    #[error(transparent)]
    Recover(#[from] UnfinishedTake),
    /// Recording does not begin.
    #[error(transparent)]
    Record(#[from] StartError),
    /// The folder of recordings cannot be used.
    #[error("the session's folder of recordings cannot be used: {0}")]
    Recordings(#[source] std::io::Error),
    /// The caller broke off.
    #[error("the import was cancelled; the session is as it was")]
    Cancelled,
    /// The state of a plugin was not written.
    #[error("the state of a plugin cannot be kept in the session: {0}")]
    PluginState(#[source] std::io::Error),
    /// A preset was not loaded.
    #[error("the preset was not loaded: {0}")]
    Preset(String),
    /// The system gives no threads to read ahead.
    #[error("cannot start the threads that read ahead: {0}")]
    Threads(#[source] std::io::Error),
}

/// What an import did.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// What is in the session now.
    pub imported: Vec<Imported>,
    /// What is not.
    pub failed: Vec<ImportFailure>,
}

/// What became of plugins that had changed by themselves.
#[derive(Debug, Default)]
pub struct KeptPlugins {
    /// Devices whose states the session has now.
    pub kept: Vec<DeviceId>,
    /// Devices whose states it does not have, and why.
    pub failed: Vec<(DeviceId, String)>,
}

/// A session that is open for work. The window, the command line and a script do the same things, because they all go
/// through this.
#[derive(Debug)]
pub struct Studio {
    document: Document,
    root: PathBuf,
}

impl Studio {
    /// Creates a session folder, which must not exist yet.
    ///
    /// # Errors
    /// [`StudioError::Create`].
    pub fn create(path: &Path, options: &CreateOptions) -> Result<Self, StudioError> {
        Ok(Self::with(Document::create(path, options)?, path))
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`StudioError::Open`].
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, StudioError> {
        Ok(Self::with(Document::open(path, options)?, path))
    }

    /// A document whose devices are known.
    fn with(mut document: Document, path: &Path) -> Self {
        document.check_params_with(device_params);
        Self { document, root: path.to_owned() }
    }

    /// The project as it is now.
    #[must_use]
    pub fn project(&self) -> Arc<Project> {
        self.document.project()
    }

    /// The session's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The document, for what is not wrapped here.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document, to be changed.
    pub fn document_mut(&mut self) -> &mut Document {
        &mut self.document
    }

    /// Applies edits as one named step: all of them or none. Durable when it returns.
    ///
    /// # Errors
    /// [`StudioError::Apply`], naming the edit.
    pub fn apply(&mut self, name: &str, edits: &[Edit]) -> Result<Applied, StudioError> {
        Ok(self.document.apply_group(name, edits)?)
    }

    /// Undoes the last step of this author; `None` when there is nothing to undo.
    ///
    /// # Errors
    /// [`StudioError::Apply`].
    pub fn undo(&mut self) -> Result<Option<Applied>, StudioError> {
        Ok(self.document.undo()?)
    }

    /// Redoes what was undone last; `None` when there is nothing to redo.
    ///
    /// # Errors
    /// [`StudioError::Apply`].
    pub fn redo(&mut self) -> Result<Option<Applied>, StudioError> {
        Ok(self.document.redo()?)
    }

    /// All steps, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        self.document.history()
    }

    /// Writes `project.json`.
    ///
    /// # Errors
    /// [`StudioError::Save`].
    pub fn save(&mut self) -> Result<(), StudioError> {
        Ok(self.document.save()?)
    }

    /// Saves, copies the whole session, and goes on with the copy.
    ///
    /// # Errors
    /// [`StudioError::Save`]; this is then still the original.
    pub fn save_as(&mut self, path: &Path) -> Result<(), StudioError> {
        self.document.save_as(path)?;
        path.clone_into(&mut self.root);
        Ok(())
    }

    /// Writes a template: the session without clips, media, automation and markers, to start others from.
    ///
    /// # Errors
    /// [`StudioError::File`].
    pub fn save_template(&self, path: &Path) -> Result<(), StudioError> {
        Ok(self.document.save_template(path)?)
    }

    /// Copies media that lie outside into the session, as one step.
    ///
    /// # Errors
    /// [`StudioError::Media`]; the session is then as it was before.
    pub fn collect_media(&mut self) -> Result<Applied, StudioError> {
        Ok(self.document.collect_media(holds)?)
    }

    /// Files of the session that nothing in it and no step of its history names.
    ///
    /// # Errors
    /// [`StudioError::File`].
    pub fn unused_files(&self) -> Result<Cleaned, StudioError> {
        Ok(self.document.unused_files()?)
    }

    /// Removes [`Studio::unused_files`]; no undo ever needs them.
    ///
    /// # Errors
    /// [`StudioError::Media`].
    pub fn clean_up(&mut self) -> Result<Cleaned, StudioError> {
        Ok(self.document.clean_up()?)
    }

    /// Imports audio files: decoded once, converted to the session's rate, and added as one step. A file that fails does
    /// not keep the others out. Where `progress` breaks, nothing is added.
    ///
    /// # Errors
    /// [`StudioError::Apply`], [`StudioError::Cancelled`].
    pub fn import(
        &mut self,
        paths: &[PathBuf],
        options: &Import,
        progress: ImportProgress<'_>,
    ) -> Result<ImportReport, StudioError> {
        let mut cancelled = false;
        let outcome = import(&self.project(), &self.root, paths, options, &mut |path, share| {
            let go_on = progress(path, share);
            cancelled |= go_on.is_break();
            go_on
        });
        if cancelled {
            return Err(StudioError::Cancelled);
        }
        if !outcome.edits.is_empty() {
            let name = match outcome.imported.as_slice() {
                [one] => format!("import {}", one.info.origin.file_name),
                many => format!("import {} files", many.len()),
            };
            self.apply(&name, &outcome.edits)?;
        }
        Ok(ImportReport { imported: outcome.imported, failed: outcome.failed })
    }

    /// Renders into files.
    ///
    /// # Errors
    /// [`StudioError::Render`].
    pub fn render_files(
        &self,
        files: &RenderFiles,
        progress: Progress<'_>,
    ) -> Result<RenderReport, StudioError> {
        Ok(render_files(&self.project(), &self.root, files, progress)?)
    }

    /// Gives takes their places: media and clips, as one step that can be undone. See [`Kept`] for what became of what was there.
    ///
    /// # Errors
    /// [`StudioError::Keep`]; the takes stay where they are and are offered by [`unfinished_takes`](Self::unfinished_takes).
    pub fn keep_takes(&mut self, takes: &[FinishedTake]) -> Result<Kept, StudioError> {
        self.keep_recording(takes, &[])
    }

    /// As [`keep_takes`](Self::keep_takes), with what was played on MIDI inputs, which becomes clips of notes.
    ///
    /// # Errors
    /// [`StudioError::Keep`]; all stay where they are and are offered again.
    pub fn keep_recording(
        &mut self,
        takes: &[FinishedTake],
        notes: &[NoteTake],
    ) -> Result<Kept, StudioError> {
        let placed = self.place(takes, notes)?;
        for log in takes.iter().map(|take| &take.log_file).chain(notes.iter().map(|take| &take.file)) {
            // What stays behind is found again, and known to have its place already.
            let _ = forget(log);
        }
        Ok(placed)
    }

    fn place(&mut self, takes: &[FinishedTake], notes: &[NoteTake]) -> Result<Kept, StudioError> {
        let Placed { edits, kept } = place(&self.project(), takes, notes);
        if !edits.is_empty() {
            let names =
                takes.iter().map(|take| &take.log.name).chain(notes.iter().map(|take| &take.log.name));
            let names: BTreeSet<&String> = names.collect();
            let name = match names.first().filter(|_| names.len() == 1) {
                Some(one) => format!("record {one}"),
                None => format!("record {} tracks", takes.len().max(notes.len()).max(names.len())),
            };
            self.document.apply_group(&name, &edits).map_err(KeepError::from)?;
        }
        Ok(kept)
    }

    /// Takes in the session's folder that have no place in it: what a crash, a full disk or a refusal left behind.
    ///
    /// # Errors
    /// [`StudioError::Recordings`].
    pub fn unfinished_takes(&self) -> Result<Vec<FoundTake>, StudioError> {
        let (recording, media) = folders(&self.root);
        let found = unfinished(&recording, &media).map_err(StudioError::Recordings)?;
        // One that was placed, but whose log could not be removed any more, is no news.
        let placed = |take: &FoundTake| {
            let id = take.log.kept.as_deref().and_then(|name| MediaId::new(name.strip_suffix(".wav")?).ok());
            id.is_some_and(|id| self.document.project().media_file(&id).is_some())
        };
        Ok(found.into_iter().filter(|take| !placed(take)).collect())
    }

    /// Completes a take that was found and gives it its place; `None` when not a single frame is in it. Only when it has its
    /// place are its files among the recordings removed.
    ///
    /// # Errors
    /// [`StudioError::Recover`], [`StudioError::Keep`]; all stays as it was.
    pub fn recover_take(&mut self, found: &FoundTake) -> Result<Option<Kept>, StudioError> {
        let (_, media) = folders(&self.root);
        let rate = self.project().sample_rate().hz();
        let Some(take) = recover(found, rate, &media)? else { return Ok(None) };
        let kept = self.place(&[take], &[])?;
        discard(found).map_err(StudioError::Recordings)?;
        Ok(Some(kept))
    }

    /// Takes of MIDI in the session's folder that have no place in it.
    ///
    /// # Errors
    /// [`StudioError::Recordings`].
    pub fn unfinished_notes(&self) -> Result<Vec<NoteTake>, StudioError> {
        let (recording, _) = folders(&self.root);
        let found = unfinished_notes(&recording).map_err(StudioError::Recordings)?;
        let project = self.project();
        Ok(found.into_iter().filter(|take| !has_notes(&project, take)).collect())
    }

    /// Gives a take of MIDI that was found its place, and removes its log when it has it.
    ///
    /// # Errors
    /// [`StudioError::Keep`]; all stays as it was.
    pub fn recover_notes(&mut self, found: &NoteTake) -> Result<Kept, StudioError> {
        let kept = self.place(&[], std::slice::from_ref(found))?;
        forget(&found.file).map_err(StudioError::Recordings)?;
        Ok(kept)
    }

    /// Throws a take of MIDI away that was found. It cannot be undone.
    ///
    /// # Errors
    /// [`StudioError::Recordings`].
    pub fn discard_notes(&mut self, found: &NoteTake) -> Result<(), StudioError> {
        forget(&found.file).map_err(StudioError::Recordings)
    }

    /// Throws a take away that was found. It cannot be undone.
    ///
    /// # Errors
    /// [`StudioError::Recordings`].
    pub fn discard_take(&mut self, found: &FoundTake) -> Result<(), StudioError> {
        discard(found).map_err(StudioError::Recordings)
    }

    /// Keeps in the session, as one step that can be undone, what plugins changed by themselves while they were heard through
    /// `player`: their states, and values of which the session says something. To be done before saving, rendering and
    /// closing. What the session changes of a plugin is in it anyway; where one is missing, all that is known of it stays.
    ///
    /// # Errors
    /// [`StudioError::PluginState`] when a state cannot be written, [`StudioError::Apply`].
    pub fn keep_plugins(&mut self, player: &mut Player) -> Result<KeptPlugins, StudioError> {
        // What they have said until now.
        let _ = player.poll();
        let (project, rack) = (self.project(), &mut player.sound_mut().rack);
        let (mut report, mut states) = (KeptPlugins::default(), Vec::new());
        let mut edits: Vec<Edit> = Vec::new();
        for changed in rack.changes() {
            let id = changed.device;
            let Some(device) = project.device(&id) else { continue };
            let state = match changed.state {
                Ok(state) => write_state(&self.root, &state).map_err(StudioError::PluginState)?,
                Err(why) => {
                    report.failed.push((id, why));
                    continue;
                }
            };
            for (param, value) in changed.values {
                if device.params.get(&param).is_some_and(|known| *known != value) {
                    edits.push(DeviceParam { id: id.clone(), param, value: Some(value) }.into());
                }
            }
            if device.state != state {
                edits.push(DeviceState { id: id.clone(), state: state.clone() }.into());
            }
            states.push((id, state));
        }
        if !edits.is_empty() {
            self.apply("keep what plugins changed", &edits)?;
        }
        for (id, state) in states {
            rack.kept(&id, &state);
            report.kept.push(id);
        }
        Ok(report)
    }

    /// Has a plugin of the session load a preset, as one step that can be undone: an instance apart from all that is heard
    /// loads it, and the session keeps the state that it has then. What the session said of its parameters gives way; lanes stay.
    ///
    /// # Errors
    /// [`StudioError::Preset`], [`StudioError::PluginState`], [`StudioError::Apply`]; the session is as it was.
    pub fn load_preset(
        &mut self,
        id: &DeviceId,
        place: &PresetPlace,
        name: &str,
    ) -> Result<Applied, StudioError> {
        let project = self.project();
        let nobody = || StudioError::Preset(format!("there is no device {id}"));
        let device = project.device(id).ok_or_else(nobody)?;
        let state = state_of_preset(&self.root, device, place).map_err(StudioError::Preset)?;
        let known = |key: &String| state.values.iter().any(|(id, _)| id.to_string() == *key);
        let give_up = |param: &String| DeviceParam { id: id.clone(), param: param.clone(), value: None };
        let given_up = device.params.keys().filter(|key| known(key));
        let mut edits: Vec<Edit> = given_up.map(|param| give_up(param).into()).collect();
        let state = write_state(&self.root, &state).map_err(StudioError::PluginState)?;
        edits.push(DeviceState { id: id.clone(), state }.into());
        self.apply(&format!("load the preset {name}"), &edits)
    }

    /// The hardware of a player asks for another number of frames at once: [`Player::period_changed`].
    ///
    /// # Errors
    /// [`StudioError::Play`].
    pub fn period_changed(&self, player: &mut Player, period: usize) -> Result<(), StudioError> {
        Ok(player.period_changed(&self.project(), &self.root, period)?)
    }

    /// Opens hardware to play through.
    ///
    /// # Errors
    /// [`StudioError::Play`].
    pub fn player(&self, config: &StreamConfig, level: Level) -> Result<Player, StudioError> {
        self.player_of(&self.project(), config, level)
    }

    /// Opens hardware to play something else than the project as it is: with other tracks armed, say.
    ///
    /// # Errors
    /// [`StudioError::Play`].
    pub fn player_of(
        &self,
        project: &Project,
        config: &StreamConfig,
        level: Level,
    ) -> Result<Player, StudioError> {
        let sources =
            Streaming::new(&omega_media::stream::StreamConfig::default()).map_err(StudioError::Threads)?;
        let mut player = Player::open(project, &self.root, sources, config, level)?;
        // Without a measurement what the hardware says has to do.
        let hardware = Hardware::new(config, &player.hardware());
        let offset = Store::open().ok().and_then(|store| store.offset(&hardware));
        player.set_latency_offset(offset.unwrap_or(0));
        Ok(player)
    }

    /// Takes a player of this session to other hardware: [`Player::reopen`].
    ///
    /// # Errors
    /// [`StudioError::Play`]; nothing is lost, and it may be tried again.
    pub fn reopen(&self, player: &mut Player, config: &StreamConfig) -> Result<(), StudioError> {
        Ok(player.reopen(&self.project(), &self.root, config)?)
    }
}

/// The parameters of a device, of those that are built in; `None` for any other.
#[must_use]
pub fn device_params(kind: &str) -> Option<Vec<ParamInfo>> {
    omega_devices::registry::descriptor(kind).map(|descriptor| descriptor.params)
}

/// Whether a file holds the audio that an id names.
fn holds(id: &MediaId, file: &Path) -> bool {
    omega_media::import::hash_file(file).is_ok_and(|hash| hash.to_string() == id.as_str())
}
