//! Plugins of a session: found, opened, kept while they sound, and told of.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use omega_lowering::{Kind, Lowered};
use omega_plugin::model::Location;
use omega_plugin::scan::{Scan, ScanOptions, scan};
use omega_plugin::state::{MAX_STATE, PluginState};
use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginProcessor, Way};
use omega_processor::{Descriptor, PrepareConfig, Processor};
use omega_session::model::{Device, DeviceId, Project};

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
    opened: Result<Opened, String>,
}

#[derive(Debug)]
struct Opened {
    plugin: Plugin,
    /// Until the engine has it.
    processor: Option<PluginProcessor>,
    descriptor: Descriptor,
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
        let same = |slot: &Slot| slot.kind == device.kind && slot.config == *config;
        if !self.slots.get(id).is_some_and(same) {
            let opened = self.open(root, plugin, device, config);
            let slot = Slot { kind: device.kind.clone(), config: *config, opened };
            self.slots.insert(id.clone(), slot);
        }
        let slot = self.slots.get(id)?;
        slot.opened.as_ref().ok().map(|opened| opened.descriptor.clone())
    }

    fn open(&self, root: &Path, id: &str, device: &Device, config: &PrepareConfig) -> Result<Opened, String> {
        let state = if device.state.is_empty() { None } else { Some(read_state(root, &device.state)?) };
        let (plugin, processor) = open(id, config, self.pace, state)?;
        let descriptor = plugin.descriptor();
        Ok(Opened { plugin, processor: Some(processor), descriptor })
    }

    /// Frames by which a plugin's sound lags.
    pub(crate) fn latency(&self, id: &DeviceId) -> u32 {
        self.opened(id).map_or(0, |opened| opened.plugin.latency())
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
            (opened.plugin, opened.processor) = (plugin, Some(processor));
        }
        let processor = opened.processor.take().ok_or("it is gone")?;
        Ok(Box::new(processor))
    }

    /// Lets go of what the graph no longer has.
    pub(crate) fn keep_only(&mut self, lowered: &Lowered) {
        let used = |id: &DeviceId| {
            lowered.nodes.values().any(|node| matches!(&node.kind, Kind::Plugin(plugin) if plugin == id))
        };
        self.slots.retain(|id, slot| slot.opened.is_err() || used(id));
    }

    /// Plugins that could not be opened, and why; and those that did not take their state as it was.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let complaint = |slot: &Slot| match &slot.opened {
            Err(why) => Some(why.clone()),
            Ok(opened) => opened.plugin.warning().map(|why| format!("{}: {why}", slot.kind)),
        };
        self.slots.values().filter_map(complaint).collect()
    }

    /// What happened since the last call.
    pub(crate) fn news(&self) -> Vec<(DeviceId, PluginNews)> {
        let of = |(id, slot): (&DeviceId, &Slot)| {
            let news = slot.opened.as_ref().map(|opened| opened.plugin.news()).unwrap_or_default();
            news.into_iter().map(|news| (id.clone(), news)).collect::<Vec<_>>()
        };
        self.slots.iter().flat_map(of).collect()
    }

    /// The states of all plugins as they are now, or why there is none.
    pub(crate) fn states(&self) -> Vec<(DeviceId, Result<PluginState, String>)> {
        let opened = self.slots.keys().filter_map(|id| Some((id, self.opened(id)?)));
        opened.map(|(id, opened)| (id.clone(), opened.plugin.save().map_err(|why| why.to_string()))).collect()
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
