//! The half of a plugin that lives on its main thread: loading, describing, state, values, activation.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]
#![allow(unsafe_code, reason = "loading a plugin runs foreign code")]

use std::ffi::{CStr, CString};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clack_extensions::audio_ports::{AudioPortFlags, AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::latency::PluginLatency;
use clack_extensions::note_ports::{NoteDialects, NotePortInfoBuffer, PluginNotePorts};
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_extensions::preset_discovery::PluginPresetLoad;
use clack_extensions::preset_discovery::preset_data::Location;
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState as StateExtension;
use clack_extensions::tail::PluginTail;
use clack_extensions::timer::PluginTimer;
use clack_host::events::io::{InputEvents, OutputEvents};
use clack_host::plugin::PluginDescriptor;
use clack_host::prelude::*;
use clack_host::utils::ClapId;
use omega_processor::MAX_CHANNELS;

use super::events::{Dialect, InEvents, OutEvents, ParamKey};
use super::host::{Audio, Host, Main, Shared, Wishes};
use super::runner::{Ports, Runner};
use crate::model::{
    AudioPort, InstanceInfo, MAX_FEATURES, MAX_LATENCY, MAX_PARAMS, MAX_PLUGINS, MAX_PORTS, NotePort,
    PluginInfo, PluginParam, text,
};
use crate::preset::PresetPlace;
use crate::quantum::{QUANTUM, Shape};
use crate::state::{MAX_STATE, PluginState};

/// Why a plugin cannot be loaded, or run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The file is no plugin.
    #[error("it cannot be loaded: {0}")]
    File(String),
    /// It has no such plugin.
    #[error("the file has no plugin with that id")]
    NoSuchPlugin,
    /// It refused.
    #[error("it refused to be made: {0}")]
    Refused(String),
    /// It has something that cannot be.
    #[error("{0}")]
    Unusable(String),
}

/// What the main thread found to tell.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// It wants to be deactivated and activated again.
    pub restart: bool,
    /// It wants to be processed, even where silence would let it rest.
    pub wake: bool,
    /// Its values may have changed by themselves.
    pub values: bool,
    /// Its state changed by itself.
    pub dirty: bool,
    /// What it logged.
    pub lines: Vec<String>,
}

/// What a plugin can do.
#[derive(Clone, Copy, Default)]
struct Extensions {
    params: Option<PluginParams>,
    state: Option<StateExtension>,
    latency: Option<PluginLatency>,
    tail: Option<PluginTail>,
    audio: Option<PluginAudioPorts>,
    notes: Option<PluginNotePorts>,
    render: Option<PluginRender>,
    timer: Option<PluginTimer>,
    presets: Option<PluginPresetLoad>,
}

/// A loaded plugin.
pub(crate) struct Instance {
    plugin: PluginInstance<Host>,
    wishes: Arc<Wishes>,
    can: Extensions,
    info: PluginInfo,
    params: Vec<PluginParam>,
    /// Latency as of the last activation.
    active_latency: u32,
}

/// Reads the descriptors of a file.
pub(crate) fn describe_file(file: &Path) -> Result<Vec<PluginInfo>, LoadError> {
    let entry = open(file)?;
    let factory =
        entry.get_plugin_factory().ok_or_else(|| LoadError::File("it holds no plugins".to_owned()))?;
    let descriptors = factory.plugin_descriptors().take(MAX_PLUGINS);
    Ok(descriptors.filter_map(descriptor).collect())
}

/// Loads the code of a plugin file.
pub(super) fn open(file: &Path) -> Result<PluginEntry, LoadError> {
    // SAFETY: The code of a plugin is whatever its maker wrote; nothing can be proved of it. Whoever wants to be safe from
    // it loads it in a worker process, which is the default everywhere.
    unsafe { PluginEntry::load(file) }.map_err(|error| LoadError::File(error.to_string()))
}

/// What plugins are told of the program that they run in.
pub(super) fn host_info() -> Result<HostInfo, LoadError> {
    let (name, url) = ("OmegaStudio", "https://omegastudio.example");
    HostInfo::new(name, name, url, env!("CARGO_PKG_VERSION"))
        .map_err(|error| LoadError::Refused(error.to_string()))
}

fn descriptor(descriptor: &PluginDescriptor) -> Option<PluginInfo> {
    let own = |text_of: Option<&CStr>| text_of.map(|raw| text(raw.to_bytes())).unwrap_or_default();
    let id = descriptor.id()?;
    // An id that would have to be changed to be shown is none: nobody could ask for it.
    let name = text(id.to_bytes());
    if name.is_empty() || name.as_bytes() != id.to_bytes() {
        return None;
    }
    Some(PluginInfo {
        id: name,
        name: own(descriptor.name()),
        vendor: own(descriptor.vendor()),
        version: own(descriptor.version()),
        description: own(descriptor.description()),
        features: descriptor.features().take(MAX_FEATURES).map(|raw| text(raw.to_bytes())).collect(),
        ..PluginInfo::default()
    })
}

impl Instance {
    /// Loads plugin `id` from `file`. The calling thread acts as [`Role::Main`](super::Role::Main), now and for all calls
    /// that follow.
    pub(crate) fn load(file: &Path, id: &str) -> Result<Self, LoadError> {
        let entry = open(file)?;
        let factory =
            entry.get_plugin_factory().ok_or_else(|| LoadError::File("it holds no plugins".to_owned()))?;
        let found = factory.plugin_descriptors().take(MAX_PLUGINS).filter_map(descriptor);
        let info = found.into_iter().find(|info| info.id == id).ok_or(LoadError::NoSuchPlugin)?;
        let name = CString::new(id).map_err(|_| LoadError::NoSuchPlugin)?;
        let host = host_info()?;
        let wishes = Arc::new(Wishes::default());
        let shared = Arc::clone(&wishes);
        let mut plugin = PluginInstance::<Host>::new(
            |()| Shared(shared),
            |shared| Main::new(shared),
            &entry,
            &name,
            &host,
        )
        .map_err(|error| LoadError::Refused(error.to_string()))?;
        let handle = plugin.plugin_handle();
        let can = Extensions {
            params: handle.get_extension(),
            state: handle.get_extension(),
            latency: handle.get_extension(),
            tail: handle.get_extension(),
            audio: handle.get_extension(),
            notes: handle.get_extension(),
            render: handle.get_extension(),
            timer: handle.get_extension(),
            presets: handle.get_extension(),
        };
        let mut instance = Self { plugin, wishes, can, info, params: Vec::new(), active_latency: 0 };
        instance.look()?;
        Ok(instance)
    }

    /// Reads ports and parameters.
    fn look(&mut self) -> Result<(), LoadError> {
        (self.info.inputs, self.info.outputs) = (self.audio_ports(true)?, self.audio_ports(false)?);
        (self.info.note_inputs, self.info.note_outputs) = (self.note_ports(true), self.note_ports(false));
        self.info.has_state = self.can.state.is_some();
        self.params = self.read_params();
        self.info.params = u32::try_from(self.params.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    fn audio_ports(&mut self, input: bool) -> Result<Vec<AudioPort>, LoadError> {
        let Some(ports) = self.can.audio else { return Ok(Vec::new()) };
        let handle = self.plugin.plugin_handle();
        let count = ports.count(&handle, input);
        let unusable = |what: String| Err(LoadError::Unusable(what));
        if count as usize > MAX_PORTS {
            return unusable(format!("it has {count} audio ports; there are at most {MAX_PORTS}"));
        }
        let mut found = Vec::new();
        for index in 0..count {
            let mut buffer = AudioPortInfoBuffer::new();
            let Some(port) = ports.get(&handle, index, input, &mut buffer) else {
                return unusable(format!("it says nothing of its audio port {}", index + 1));
            };
            let channels = u16::try_from(port.channel_count).unwrap_or(u16::MAX);
            if usize::from(channels) > MAX_CHANNELS {
                return unusable(format!(
                    "its audio port {} has {} channels; there are at most {MAX_CHANNELS}",
                    index + 1,
                    port.channel_count
                ));
            }
            let main = index == 0 && port.flags.contains(AudioPortFlags::IS_MAIN);
            found.push(AudioPort { name: text(port.name), channels, main });
        }
        Ok(found)
    }

    fn note_ports(&mut self, input: bool) -> Vec<NotePort> {
        let Some(ports) = self.can.notes else { return Vec::new() };
        let handle = self.plugin.plugin_handle();
        let count = ports.count(&handle, input).min(u32::try_from(MAX_PORTS).unwrap_or(0));
        let read = |index| {
            let mut buffer = NotePortInfoBuffer::new();
            let port = ports.get(&handle, index, input, &mut buffer)?;
            Some(NotePort {
                name: text(port.name),
                clap: port.supported_dialects.contains(NoteDialects::CLAP),
                midi: port.supported_dialects.contains(NoteDialects::MIDI),
            })
        };
        (0..count).filter_map(read).collect()
    }

    fn read_params(&mut self) -> Vec<PluginParam> {
        let Some(params) = self.can.params else { return Vec::new() };
        let handle = self.plugin.plugin_handle();
        let count = params.count(&handle).min(u32::try_from(MAX_PARAMS).unwrap_or(0));
        let mut found: Vec<PluginParam> = Vec::new();
        let mut buffer = ParamInfoBuffer::new();
        for index in 0..count {
            let Some(info) = params.get_info(&handle, index, &mut buffer) else { continue };
            let (id, flags) = (info.id, info.flags);
            let sound =
                info.min_value.is_finite() && info.max_value.is_finite() && info.min_value <= info.max_value;
            let (min, max) = if sound { (info.min_value, info.max_value) } else { (0.0, 1.0) };
            let inside = |value: f64| if value.is_finite() { value.clamp(min, max) } else { min };
            let default = inside(info.default_value);
            let (name, module) = (text(info.name), text(info.module));
            let value = params.get_value(&handle, id).map_or(default, inside);
            found.push(PluginParam {
                id: id.get(),
                name,
                module,
                min,
                max,
                default,
                value,
                stepped: flags.intersects(ParamInfoFlags::IS_STEPPED | ParamInfoFlags::IS_ENUM),
                hidden: flags.contains(ParamInfoFlags::IS_HIDDEN),
                read_only: flags.contains(ParamInfoFlags::IS_READONLY),
                automatable: flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
                modulatable: flags.contains(ParamInfoFlags::IS_MODULATABLE),
            });
        }
        // One id, one parameter: the first one has it.
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|param| seen.insert(param.id));
        found
    }

    /// What it tells of itself. Latency is only known while it is active.
    pub(crate) fn info(&mut self) -> InstanceInfo {
        let latency = if self.plugin.is_active() { self.latency() } else { 0 };
        InstanceInfo { plugin: self.info.clone(), params: self.params.clone(), latency }
    }

    /// Value of each parameter by id, read anew.
    pub(crate) fn values(&mut self) -> Vec<(u32, f64)> {
        let Some(params) = self.can.params else { return Vec::new() };
        let handle = self.plugin.plugin_handle();
        for param in &mut self.params {
            let value = ClapId::from_raw(param.id).and_then(|id| params.get_value(&handle, id));
            if let Some(value) = value.filter(|value| value.is_finite()) {
                param.value = value.clamp(param.min, param.max);
            }
        }
        self.params.iter().map(|param| (param.id, param.value)).collect()
    }

    /// A value in the plugin's words.
    pub(crate) fn text_of(&mut self, id: u32, value: f64) -> Option<String> {
        let (params, id) = (self.can.params?, ClapId::from_raw(id)?);
        let mut buffer = [0; 256];
        let shown = params.value_to_text(&self.plugin.plugin_handle(), id, value, &mut buffer).ok()?;
        Some(text(shown))
    }

    /// The value that a text stands for.
    pub(crate) fn value_of(&mut self, id: u32, words: &str) -> Option<f64> {
        let (params, raw) = (self.can.params?, ClapId::from_raw(id)?);
        let words = CString::new(words).ok()?;
        let value = params.text_to_value(&self.plugin.plugin_handle(), raw, &words)?;
        let param = self.params.iter().find(|param| param.id == id)?;
        value.is_finite().then(|| value.clamp(param.min, param.max))
    }

    /// It can save and restore its state.
    pub(crate) fn has_state(&self) -> bool {
        self.can.state.is_some()
    }

    /// Its state as it is now.
    pub(crate) fn save(&mut self) -> Result<PluginState, String> {
        let bytes = match self.can.state {
            None => None,
            Some(state) => {
                let mut bytes = Bounded(Vec::new());
                let saved = state.save(&self.plugin.plugin_handle(), &mut bytes);
                saved.map_err(|_| "it could not save its state".to_owned())?;
                Some(bytes.0)
            }
        };
        let (id, version) = (self.info.id.clone(), self.info.version.clone());
        Ok(PluginState { id, version, values: self.values(), bytes })
    }

    /// Puts a state back. A plugin that has no state of its own, or refuses this one, gets the values of its parameters
    /// where it is not active; `Err` says what it did not take.
    pub(crate) fn load_state(&mut self, state: &PluginState) -> Result<(), String> {
        if let (Some(extension), Some(bytes)) = (self.can.state, &state.bytes) {
            let loaded = extension.load(&self.plugin.plugin_handle(), &mut bytes.as_slice());
            self.values();
            if loaded.is_ok() {
                return Ok(());
            }
            self.set_values(&state.values);
            return Err("it refused its state; the values of its parameters were restored".to_owned());
        }
        self.set_values(&state.values);
        Ok(())
    }

    /// Loads a preset.
    pub(crate) fn load_preset(&mut self, place: &PresetPlace) -> Result<(), String> {
        let presets = self.can.presets.ok_or("it loads no presets from a host")?;
        let plain =
            |words: &str| CString::new(words).map_err(|_| "its place or key has a zero in it".to_owned());
        let path = match &place.file {
            None => None,
            Some(file) => Some(plain(file.to_str().ok_or("the path of the preset is not UTF-8")?)?),
        };
        let key = place.key.as_deref().map(plain).transpose()?;
        let location = path.as_deref().map_or(Location::Plugin, |path| Location::File { path });
        self.wishes.take_preset_error();
        let loaded = presets.load_from_location(&self.plugin.plugin_handle(), location, key.as_deref());
        self.values();
        loaded.map_err(|_| match self.wishes.take_preset_error() {
            Some(why) => format!("it did not load the preset: {why}"),
            None => "it did not load the preset, and does not say why".to_owned(),
        })
    }

    /// Sets values while nothing is processed; does nothing to an active plugin.
    fn set_values(&mut self, values: &[(u32, f64)]) {
        let known = values.iter().filter_map(|&(id, value)| {
            let param = self.params.iter().find(|param| param.id == id && !param.read_only)?;
            Some((ClapId::from_raw(id)?, value.clamp(param.min, param.max)))
        });
        let known: Vec<_> = known.filter(|(_, value)| value.is_finite()).collect();
        self.flush(&known);
        self.values();
    }

    fn flush(&mut self, values: &[(ClapId, f64)]) {
        let Some(params) = self.can.params else { return };
        let Some(mut handle) = self.plugin.inactive_plugin_handle() else { return };
        let (values, mut out) = (InEvents::values(values), OutEvents::new());
        params.flush(
            &mut handle,
            &InputEvents::from_buffer(&values),
            &mut OutputEvents::from_buffer(&mut out),
        );
    }

    /// Tells it whether time is real.
    pub(crate) fn set_offline(&mut self, offline: bool) {
        let mode = if offline { RenderMode::Offline } else { RenderMode::Realtime };
        if let Some(render) = self.can.render {
            let handle = self.plugin.plugin_handle();
            if !(offline && render.has_realtime_requirement(&handle)) {
                let _ = render.set(&handle, mode);
            }
        }
    }

    /// Makes it ready to process at that rate. The runner has to come back before it can be done again.
    pub(crate) fn activate(&mut self, rate: u32, shape: &Shape) -> Result<Runner, String> {
        let quantum = u32::try_from(QUANTUM).unwrap_or(1);
        let configuration = PluginAudioConfiguration {
            sample_rate: rate.into(),
            min_frames_count: 1,
            max_frames_count: quantum,
        };
        self.wishes.restart.store(false, Ordering::Release);
        let stopped = self
            .plugin
            .activate(|_, _| Audio, configuration)
            .map_err(|error| format!("it refused to be activated: {error}"))?;
        // Whatever it told of while it was being activated is read right after.
        self.wishes.latency.store(false, Ordering::Release);
        self.active_latency = self.latency();
        let dialect = self.info.note_inputs.first();
        let dialect = dialect.map_or(Dialect::default(), |port| Dialect { clap: port.clap, midi: port.midi });
        let channels = |ports: &[AudioPort]| ports.iter().map(|port| usize::from(port.channels)).collect();
        let ports = Ports {
            inputs: channels(&self.info.inputs),
            outputs: channels(&self.info.outputs),
            shape: *shape,
            dialect,
        };
        let keys = self.params.iter().filter_map(|param| {
            Some(ParamKey {
                id: ClapId::from_raw(param.id)?,
                modulatable: param.modulatable,
                read_only: param.read_only,
            })
        });
        let extensions = (self.can.tail, self.can.params);
        Ok(Runner::new(stopped.into(), ports, keys.collect(), extensions, Arc::clone(&self.wishes), rate))
    }

    /// Takes the runner back and lets go of what it needed.
    pub(crate) fn deactivate(&mut self, runner: Runner) {
        self.plugin.deactivate(runner.into_stopped());
    }

    /// Frames of latency.
    pub(crate) fn latency(&mut self) -> u32 {
        let latency = self.can.latency.map_or(0, |latency| latency.get(&self.plugin.plugin_handle()));
        latency.min(MAX_LATENCY)
    }

    /// Does what the plugin asked the main thread for.
    pub(crate) fn idle(&mut self) -> Idle {
        for timer in self.wishes.due_timers(Instant::now()) {
            if let Some(extension) = self.can.timer {
                extension.on_timer(&self.plugin.plugin_handle(), timer);
            }
        }
        if Wishes::take(&self.wishes.callback) {
            self.plugin.call_on_main_thread_callback();
        }
        // While it is active this is the audio thread's: see `Runner::flush`.
        if !self.plugin.is_active() && Wishes::take(&self.wishes.flush) {
            self.flush(&[]);
        }
        let restart = Wishes::take(&self.wishes.restart);
        let (latency, ports) = (Wishes::take(&self.wishes.latency), Wishes::take(&self.wishes.ports));
        // A latency that was told of, and is what it was, changes nothing.
        let moved = latency && self.plugin.is_active() && self.latency() != self.active_latency;
        let lost = self.wishes.lost_lines.swap(0, Ordering::Relaxed);
        let mut lines = self.wishes.take_lines();
        if lost > 0 {
            lines.push(format!("{lost} more lines were not kept"));
        }
        Idle {
            restart: restart || (self.plugin.is_active() && (moved || ports)),
            wake: Wishes::take(&self.wishes.process),
            values: Wishes::take(&self.wishes.rescan),
            dirty: Wishes::take(&self.wishes.dirty),
            lines,
        }
    }
}

/// Takes as many bytes as a state may have.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_STATE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the state is too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
