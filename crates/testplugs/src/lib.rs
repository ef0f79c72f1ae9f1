//! CLAP plugins that behave, plugins that misbehave on demand, and, in all of them, a watch that holds their host to the
//! rules: for tests only.
//!
//! One file has them all; what it is called decides how it is loaded: with `crash-on-load` or `hang-on-load` in its name it
//! does that, with `mines` in it two more plugins are there that crash and hang when they are made. Whatever the host does
//! wrong is written, a line each, into a file beside it, named like it with `.violations` behind.
//!
//! All plugins have the same parameters: a gain in decibels, and a trigger that sets off what the plugin is there for.

mod kinds;
mod main_thread;
mod presets;
mod processor;
mod voices;
mod watch;

use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use clack_extensions::audio_ports::PluginAudioPorts;
use clack_extensions::latency::PluginLatency;
use clack_extensions::note_ports::PluginNotePorts;
use clack_extensions::params::PluginParams;
use clack_extensions::preset_discovery::PluginPresetLoad;
use clack_extensions::preset_discovery::factory::PresetDiscoveryFactoryWrapper;
use clack_extensions::render::PluginRender;
use clack_extensions::state::PluginState;
use clack_extensions::tail::PluginTail;
use clack_extensions::timer::PluginTimer;
use clack_plugin::clack_export_entry;
use clack_plugin::entry::EntryFactories;
use clack_plugin::entry::prelude::*;
use clack_plugin::prelude::*;

pub use kinds::{Kind, id};
use main_thread::Main;
use presets::PresetFactory;
pub use presets::{ENDING as PRESET_ENDING, WITHIN as PRESETS};
use processor::Audio;
use watch::Watch;

/// CLAP's id of the gain, in decibels, −60..=12.
pub const GAIN: u32 = 1;
/// CLAP's id of the trigger, 0 or 1.
pub const TRIGGER: u32 = 2;
/// Frames of latency of [`Kind::Latency`], and of [`Kind::Moving`] when it was triggered.
pub const LATENCY: u32 = 512;

/// What all threads of a plugin share.
pub struct Shared<'a> {
    host: HostSharedHandle<'a>,
    kind: Kind,
    watch: Arc<Watch>,
    /// Bits of the gain in decibels.
    gain: AtomicU64,
    trigger: AtomicBool,
    /// Latency that the next activation gives.
    latency: AtomicU32,
    /// A restart was asked for.
    asked: AtomicBool,
    /// Calls of the timer.
    ticks: AtomicU32,
    /// It renders.
    offline: AtomicBool,
}

impl<'a> PluginShared<'a> for Shared<'a> {}

impl<'a> Shared<'a> {
    fn new(host: HostSharedHandle<'a>, kind: Kind, report: Option<PathBuf>) -> Self {
        let latency = if kind == Kind::Latency { LATENCY } else { 0 };
        Self {
            watch: Arc::new(Watch::new(&host, report)),
            host,
            kind,
            gain: AtomicU64::new(0.0f64.to_bits()),
            trigger: AtomicBool::new(false),
            latency: AtomicU32::new(latency),
            asked: AtomicBool::new(false),
            ticks: AtomicU32::new(0),
            offline: AtomicBool::new(false),
        }
    }

    fn gain_db(&self) -> f64 {
        f64::from_bits(self.gain.load(Ordering::Relaxed))
    }

    fn set_gain_db(&self, db: f64) {
        self.gain.store(db.to_bits(), Ordering::Relaxed);
    }

    /// Takes a parameter's value; says whether there is such a parameter.
    fn set(&self, id: u32, value: f64) -> bool {
        match id {
            GAIN => self.set_gain_db(value),
            TRIGGER => self.trigger.store(value >= 0.5, Ordering::Relaxed),
            _ => return false,
        }
        true
    }
}

/// The plugin; which one is in [`Shared`].
pub struct TestPlugin;

impl Plugin for TestPlugin {
    type AudioProcessor<'a> = Audio<'a>;
    type Shared<'a> = Shared<'a>;
    type MainThread<'a> = Main<'a>;

    fn declare_extensions(builder: &mut PluginExtensions<Self>, shared: Option<&Shared<'_>>) {
        builder
            .register::<PluginAudioPorts>()
            .register::<PluginLatency>()
            .register::<PluginNotePorts>()
            .register::<PluginParams>()
            .register::<PluginPresetLoad>()
            .register::<PluginRender>()
            .register::<PluginTail>()
            .register::<PluginTimer>();
        if shared.is_none_or(|shared| shared.kind != Kind::Stateless) {
            builder.register::<PluginState>();
        }
    }
}

/// What the file has.
pub struct Factory {
    plugins: Vec<(Kind, PluginDescriptor)>,
    report: Option<PathBuf>,
}

impl PluginFactoryImpl for Factory {
    fn plugin_count(&self) -> u32 {
        u32::try_from(self.plugins.len()).unwrap_or(0)
    }

    fn plugin_descriptor(&self, index: u32) -> Option<&PluginDescriptor> {
        self.plugins.get(index as usize).map(|(_, descriptor)| descriptor)
    }

    fn create_plugin<'a>(&'a self, host: HostInfo<'a>, id: &CStr) -> Option<PluginInstance<'a>> {
        let (kind, descriptor) = self.plugins.iter().find(|(_, plugin)| plugin.id() == Some(id))?;
        match kind {
            Kind::CrashesWhenMade => std::process::abort(),
            Kind::HangsWhenMade => kinds::hang(),
            _ => {}
        }
        let report = self.report.clone();
        Some(PluginInstance::new::<TestPlugin>(
            host,
            descriptor,
            |host| Ok(Shared::new(host, *kind, report)),
            Main::new,
        ))
    }
}

/// The entry of the file.
pub struct TestEntry(PluginFactoryWrapper<Factory>, PresetDiscoveryFactoryWrapper<PresetFactory>);

impl Entry for TestEntry {
    fn new(path: Option<&CStr>) -> Result<Self, EntryLoadError> {
        let path = path.map(|path| path.to_string_lossy().into_owned());
        let name = path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
        if name.contains("crash-on-load") {
            std::process::abort();
        }
        if name.contains("hang-on-load") {
            kinds::hang();
        }
        let kinds = Kind::ALL.iter().filter(|kind| name.contains("mines") || !kind.is_mine());
        let plugins = kinds.map(|kind| (*kind, kind.descriptor())).collect();
        let presets = PresetDiscoveryFactoryWrapper::new(PresetFactory::new(path.as_deref()));
        let report = path.map(|path| PathBuf::from(format!("{path}.violations")));
        Ok(Self(PluginFactoryWrapper::new(Factory { plugins, report }), presets))
    }

    fn declare_factories<'a>(&'a self, builder: &mut EntryFactories<'a>) {
        builder.register_factory(&self.0);
        builder.register_factory(&self.1);
    }
}

clack_export_entry!(TestEntry);
