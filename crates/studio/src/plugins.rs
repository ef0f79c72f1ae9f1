//! Plugins of a session: found, opened, kept while they sound, and told of.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::live::PluginHealth;
use omega_lowering::{Kind, Lowered};
use omega_plugin::model::Location;
use omega_plugin::preset::{PresetPlace, Presets};
use omega_plugin::scan::{Scan, ScanOptions, scan};
use omega_plugin::state::{MAX_STATE, PluginState};
use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginProcessor, PluginSwap, PluginTempo, Way};
use omega_processor::{Descriptor, PrepareConfig, Processor};
use omega_session::model::{Device, DeviceId, Project};
use omega_time::TempoMap;

/// What the kind of a device begins with that is a CLAP plugin; CLAP's id follows.
pub const CLAP: &str = "clap:";
/// Where a session keeps the states of its plugins.
const FOLDER: &str = "plugins";
/// How the file of a state ends.
const ENDING: &str = "state";

/// How this program hosts plugins.
#[derive(Clone, Debug)]
pub struct PluginHosting {
    /// Where they run.
    pub way: Way,
    /// How they are found.
    pub scan: ScanOptions,
}

static HOSTING: OnceLock<PluginHosting> = OnceLock::new();
/// What there is: looked for once, when a session first asks for a plugin.
static LIBRARY: Mutex<Option<Arc<Scan>>> = Mutex::new(None);

/// Says how this program hosts plugins; the first call counts, and says whether it was this one. Without it sessions with
/// plugins play without them.
pub fn host_plugins(hosting: PluginHosting) -> bool {
    HOSTING.set(hosting).is_ok()
}

/// The plugins of this system, as far as they are remembered; what is new or changed is looked at.
///
/// # Errors
/// When this program does not host plugins, or cannot look at files.
pub fn scan_plugins(fresh: bool, progress: &mut dyn FnMut(&Path)) -> io::Result<Arc<Scan>> {
    let hosting = HOSTING.get().ok_or(io::ErrorKind::Unsupported)?;
    let found = Arc::new(scan(&ScanOptions { fresh, ..hosting.scan.clone() }, progress)?);
    *LIBRARY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
    Ok(found)
}

/// Opens a plugin by its id, apart from any session: to be asked what it is.
///
/// # Errors
/// Why it cannot be opened, for people.
pub fn open_plugin(id: &str) -> Result<Plugin, String> {
    let config = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
    open(id, &config, Pace::Waiting, None).map(|(plugin, _)| plugin)
}

/// The presets of a plugin: of those that its file has, the ones for it.
///
/// # Errors
/// Why they cannot be listed, for people.
pub fn plugin_presets(id: &str) -> Result<Presets, String> {
    let hosting = HOSTING.get().ok_or("this program does not host plugins")?;
    let location = locate(id)?;
    let listed = omega_plugin::scan::presets(&hosting.scan, &location.file);
    let mut presets = listed.map_err(|error| format!("presets cannot be listed: {error}"))?;
    presets.found.retain(|preset| preset.plugins.iter().any(|plugin| plugin == id));
    Ok(presets)
}

/// What a plugin with this state has once it has loaded a preset.
pub(crate) fn state_of_preset(
    root: &Path,
    device: &Device,
    place: &PresetPlace,
) -> Result<PluginState, String> {
    let id = device.kind.strip_prefix(CLAP).ok_or("it is no plugin, and has no presets")?;
    // A state that is damaged or gone keeps nobody from loading a preset in its place.
    let state = read_state(root, &device.state).ok();
    let config = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
    let (plugin, _processor) = open(id, &config, Pace::Waiting, state)?;
    let named = |error: omega_plugin::AskError| format!("{}: {error}", plugin.info().plugin.name);
    plugin.load_preset(place).map_err(named)?;
    plugin.save().map_err(named)
}

fn open(
    id: &str,
    config: &PrepareConfig,
    pace: Pace,
    state: Option<PluginState>,
) -> Result<(Plugin, PluginProcessor), String> {
    let hosting = HOSTING.get().ok_or("this program does not host plugins")?;
    let location = locate(id)?;
    let options = OpenOptions { config: *config, pace, way: hosting.way.clone() };
    Plugin::open(&location, &options, state).map_err(|error| error.to_string())
}

fn locate(id: &str) -> Result<Location, String> {
    let known = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let library = match known {
        Some(library) => library,
        None => scan_plugins(false, &mut |_| {})
            .map_err(|error| format!("plugins cannot be looked for: {error}"))?,
    };
    let found = library.find(id).map(|found| found.location.clone());
    found.ok_or_else(|| format!("the plugin {id} is not installed here; `omega plugins scan` looks again"))
}

/// Tracks with plugins of others, by name, and their plugins: what a session promises of its bytes does not hold for them.
#[must_use]
pub fn foreign_devices(project: &Project) -> Vec<(String, String)> {
    let devices = project.devices().values().filter(|device| device.kind.starts_with(CLAP));
    let named =
        devices.filter_map(|device| Some((project.track(&device.track)?.name.clone(), device.kind.clone())));
    named.collect()
}

/// The plugins of a session that sounds.
#[derive(Debug)]
pub(crate) struct Rack {
    pace: Pace,
    slots: BTreeMap<DeviceId, Slot>,
}

/// One of them.
#[derive(Debug)]
struct Slot {
    /// What it was opened as.
    kind: String,
    config: PrepareConfig,
    /// The state that the session has of it, by its hash, as far as it was taken over.
    state: String,
    opened: Result<Opened, String>,
}

#[derive(Debug)]
struct Opened {
    plugin: Plugin,
    /// Until the engine has it.
    processor: Option<PluginProcessor>,
    descriptor: Descriptor,
    /// What it began with, where the session had no state of it.
    first: Option<PluginState>,
    /// What it changed by itself since the session had its state.
    own: Own,
    /// Why it did not take the session's state, or not all of it.
    refused: Option<String>,
    /// It took a state, and has to be told all values again.
    retell: bool,
}

/// What a plugin changed by itself.
#[derive(Clone, Debug, Default)]
struct Own {
    changed: bool,
    /// Values by CLAP's id.
    values: BTreeMap<u32, f64>,
}

/// A plugin that changed by itself, and what a session has to know to keep that.
pub(crate) struct Changed {
    pub device: DeviceId,
    /// All that it has, or why it does not say.
    pub state: Result<PluginState, String>,
    /// Values that it changed, by the keys of its parameters.
    pub values: Vec<(String, f64)>,
}

impl Rack {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, slots: BTreeMap::new() }
    }

    /// What a device is; opens the plugin when it is asked for first, or for the first time like this.
    pub(crate) fn descriptor(
        &mut self,
        root: &Path,
        id: &DeviceId,
        device: &Device,
        config: &PrepareConfig,
    ) -> Option<Descriptor> {
        let plugin = device.kind.strip_prefix(CLAP)?;
        let same = |slot: &Slot| {
            let open = slot.opened.is_ok() || slot.state == device.state;
            slot.kind == device.kind && slot.config == *config && open
        };
        if !self.slots.get(id).is_some_and(same) {
            let opened = self.open(root, plugin, device, config);
            let (kind, state) = (device.kind.clone(), device.state.clone());
            self.slots.insert(id.clone(), Slot { kind, config: *config, state, opened });
        }
        let slot = self.slots.get_mut(id)?;
        slot.follow(root, &device.state);
        slot.opened.as_ref().ok().map(|opened| opened.descriptor.clone())
    }

    fn open(&self, root: &Path, id: &str, device: &Device, config: &PrepareConfig) -> Result<Opened, String> {
        // That it is missing is what matters first.
        locate(id)?;
        let state = if device.state.is_empty() { None } else { Some(read_state(root, &device.state)?) };
        let stateless = state.is_none();
        let (plugin, processor) = open(id, config, self.pace, state)?;
        // While playing, an undo may lead back to here.
        let first = if stateless && self.pace != Pace::Waiting { plugin.save().ok() } else { None };
        Ok(Opened::new(plugin, processor, first))
    }

    /// Frames by which a plugin's sound lags.
    pub(crate) fn latency(&self, id: &DeviceId) -> u32 {
        self.opened(id).map_or(0, |opened| opened.plugin.latency())
    }

    /// How they are.
    pub(crate) fn health(&self) -> BTreeMap<DeviceId, PluginHealth> {
        let of = |id: &DeviceId| {
            let plugin = &self.opened(id)?.plugin;
            let (bypassed, late, latency) = (plugin.is_bypassed(), plugin.late(), plugin.latency());
            Some((id.clone(), PluginHealth { bypassed, late, latency }))
        };
        self.slots.keys().filter_map(of).collect()
    }

    fn opened(&self, id: &DeviceId) -> Option<&Opened> {
        self.slots.get(id)?.opened.as_ref().ok()
    }

    /// The audio half of a plugin, for the engine. One that was given away already is opened once more, with its state.
    pub(crate) fn processor(&mut self, id: &DeviceId) -> Result<Box<dyn Processor>, String> {
        let pace = self.pace;
        let slot = self.slots.get_mut(id).ok_or("nobody asked what it is")?;
        let opened = slot.opened.as_mut().map_err(|why| why.clone())?;
        if opened.processor.is_none() {
            let plugin = slot.kind.strip_prefix(CLAP).unwrap_or_default();
            let state = opened.plugin.save().ok();
            let (plugin, processor) = open(plugin, &slot.config, pace, state)?;
            *opened =
                Opened { own: opened.own.clone(), ..Opened::new(plugin, processor, opened.first.take()) };
        }
        let processor = opened.processor.take().ok_or("it is gone")?;
        Ok(Box::new(processor))
    }

    /// The hardware has another period: plugins whose lead is another one because of it are opened once more, with their states. Gives
    /// what the engine has to put in the places of those that it has.
    pub(crate) fn go_at(&mut self, pace: Pace, tempo: &Arc<TempoMap>) -> Vec<(DeviceId, PluginSwap)> {
        let before = std::mem::replace(&mut self.pace, pace);
        let mut swaps = Vec::new();
        for (id, slot) in self.slots.iter_mut().filter(|_| before.lag() != pace.lag()) {
            let Ok(opened) = &mut slot.opened else { continue };
            let plugin = slot.kind.strip_prefix(CLAP).unwrap_or_default();
            match open(plugin, &slot.config, pace, opened.plugin.save().ok()) {
                Ok((plugin, mut processor)) => {
                    processor.exchange(&mut PluginTempo(Some(Arc::clone(tempo))));
                    let (first, own) = (opened.first.take(), opened.own.clone());
                    let waits = opened.processor.take().is_some();
                    *opened = Opened { own, ..Opened::new(plugin, processor, first) };
                    if !waits && let Some(processor) = opened.processor.take() {
                        swaps.push((id.clone(), PluginSwap(Some(Box::new(processor)))));
                    }
                }
                // It goes on with the time that it has.
                Err(why) => opened.refused = Some(why),
            }
        }
        swaps
    }

    /// Has plugins that took a state told all values again.
    pub(crate) fn retell(&mut self) {
        for opened in self.slots.values_mut().filter_map(|slot| slot.opened.as_mut().ok()) {
            if std::mem::take(&mut opened.retell) {
                opened.plugin.retell();
            }
        }
    }

    /// Lets go of what the graph no longer has.
    pub(crate) fn keep_only(&mut self, lowered: &Lowered) {
        let used = |id: &DeviceId| {
            lowered.nodes.values().any(|node| matches!(&node.kind, Kind::Plugin(plugin) if plugin == id))
        };
        self.slots.retain(|id, slot| slot.opened.is_err() || used(id));
    }

    /// Plugins that could not be opened, and why; those that did not take their state as it was; and outputs that are not
    /// heard.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let complaints = |slot: &Slot| match &slot.opened {
            Err(why) => vec![why.clone()],
            Ok(opened) => opened.complaints().map(|why| format!("{}: {why}", slot.kind)).collect(),
        };
        self.slots.values().flat_map(complaints).collect()
    }

    /// What happened since the last call. What a plugin changed by itself is noted.
    pub(crate) fn news(&mut self) -> Vec<(DeviceId, PluginNews)> {
        let mut all = Vec::new();
        for (id, slot) in &mut self.slots {
            let Ok(opened) = &mut slot.opened else { continue };
            for news in opened.plugin.news() {
                opened.note(&news);
                all.push((id.clone(), news));
            }
        }
        all
    }

    /// Plugins that changed by themselves since the session had their states.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &DeviceId> {
        let own = |slot: &Slot| slot.opened.as_ref().is_ok_and(|opened| opened.own.changed);
        self.slots.iter().filter(move |(_, slot)| own(slot)).map(|(id, _)| id)
    }

    /// What is to be kept of them.
    pub(crate) fn changes(&self) -> Vec<Changed> {
        let of = |device: &DeviceId| {
            let opened = self.opened(device)?;
            let state = opened.plugin.save().map_err(|why| why.to_string());
            let values = opened.own.values.iter().map(|(id, value)| (id.to_string(), *value)).collect();
            Some(Changed { device: device.clone(), state, values })
        };
        self.changed().filter_map(of).collect()
    }

    /// The session has the state of a plugin as it is, by this name.
    pub(crate) fn kept(&mut self, id: &DeviceId, hash: &str) {
        if let Some(slot) = self.slots.get_mut(id) {
            hash.clone_into(&mut slot.state);
            if let Ok(opened) = &mut slot.opened {
                opened.own = Own::default();
            }
        }
    }
}

impl Slot {
    /// Has the plugin take the state that the session has of it, where that is another one: after an undo, or a preset.
    fn follow(&mut self, root: &Path, hash: &str) {
        if self.state == hash {
            return;
        }
        hash.clone_into(&mut self.state);
        let Ok(opened) = &mut self.opened else { return };
        let state = match hash {
            "" => opened.first.clone().ok_or_else(|| "what it began with is not known".to_owned()),
            hash => read_state(root, hash),
        };
        let taken = state.and_then(|state| opened.plugin.load(&state).map_err(|why| why.to_string()));
        (opened.refused, opened.own) = (taken.unwrap_or_else(Some), Own::default());
        (opened.descriptor, opened.retell) = (opened.plugin.descriptor(), true);
    }
}

impl Opened {
    fn new(plugin: Plugin, processor: PluginProcessor, first: Option<PluginState>) -> Self {
        let (descriptor, refused) = (plugin.descriptor(), plugin.warning().map(str::to_owned));
        let own = Own::default();
        Self { plugin, processor: Some(processor), descriptor, first, own, refused, retell: false }
    }

    fn complaints(&self) -> impl Iterator<Item = String> {
        let unheard: Vec<&str> = self.plugin.unheard_outputs().collect();
        let only_main = format!("only its main output is heard, not {}", unheard.join(", "));
        self.refused.clone().into_iter().chain((!unheard.is_empty()).then_some(only_main))
    }

    /// Notes what it changed by itself. What it only shows, such as a meter, is no change.
    fn note(&mut self, news: &PluginNews) {
        match news {
            PluginNews::Changed => self.own.changed = true,
            PluginNews::Values(values) => {
                let params = &self.plugin.info().params;
                let set = |id: u32| params.iter().any(|param| param.id == id && !param.read_only);
                let own = values.iter().filter(|(id, _)| set(*id)).copied();
                self.own.values.extend(own);
                self.own.changed |= !self.own.values.is_empty();
            }
            _ => {}
        }
    }
}

/// Where a state lies. `None` for what is no hash: a session may hold anything.
fn state_file(root: &Path, hash: &str) -> Option<PathBuf> {
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then(|| root.join(FOLDER).join(format!("{hash}.{ENDING}")))
}

/// Reads a state of the session; its bytes have to be those that its name says.
pub(crate) fn read_state(root: &Path, hash: &str) -> Result<PluginState, String> {
    let file = state_file(root, hash).ok_or_else(|| format!("\"{hash}\" names no plugin state"))?;
    let at = |error: String| format!("the plugin state {}: {error}", file.display());
    let mut bytes = Vec::new();
    let most = (MAX_STATE + (8 << 20)) as u64;
    let opened = std::fs::File::open(&file).map_err(|error| at(error.to_string()))?;
    opened.take(most).read_to_end(&mut bytes).map_err(|error| at(error.to_string()))?;
    if blake3::hash(&bytes).to_hex().as_str() != hash {
        return Err(at("it is damaged: its contents are not those that its name says".to_owned()));
    }
    PluginState::from_bytes(&bytes).map_err(|error| at(error.to_string()))
}

/// Writes a state into the session, beside its place and then there; gives its hash. One that is there already is left.
pub(crate) fn write_state(root: &Path, state: &PluginState) -> io::Result<String> {
    let bytes = state.to_bytes();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let file = state_file(root, &hash).ok_or(io::ErrorKind::InvalidInput)?;
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    if file.is_file() && read_state(root, &hash).is_ok() {
        return Ok(hash);
    }
    let beside = folder.join(format!("{hash}.{}.part", std::process::id()));
    let written = (|| {
        let mut out = std::fs::File::create(&beside)?;
        out.write_all(&bytes)?;
        out.sync_all()?;
        std::fs::rename(&beside, &file)?;
        std::fs::File::open(&folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map(|()| hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_kept_by_its_hash_and_a_damaged_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = PluginState { id: "a.b".to_owned(), values: vec![(1, 0.5)], ..PluginState::default() };
        let hash = write_state(root.path(), &state).unwrap();
        assert_eq!(write_state(root.path(), &state).unwrap(), hash);
        assert_eq!(read_state(root.path(), &hash), Ok(state));
        let file = state_file(root.path(), &hash).unwrap();
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        std::fs::write(&file, b"{}\n").unwrap();
        assert!(read_state(root.path(), &hash).unwrap_err().contains("damaged"));
    }

    #[test]
    fn what_is_no_hash_leads_nowhere() {
        for hash in ["", "../../etc/passwd", "ABC", &"g".repeat(64), &"../".repeat(22)[..64]] {
            assert!(state_file(Path::new("/s"), hash).is_none(), "{hash}");
        }
    }
}
