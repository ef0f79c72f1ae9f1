//! Plugins in worker processes, as tracks of the desk have them. This program is its own worker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omega_plugin::model::Location;
use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginProcessor, Way, WorkerProgram};
use omega_processor::{Descriptor, PrepareConfig, Processor};
use omega_testplugs::Kind;

use crate::Outcome;
use crate::faults::Seed;

/// The word on the command line that makes this program a worker.
pub const WORKER: &str = "plugin-worker";

/// A real plugin, which is played where it is installed (Debian: `zam-plugins`).
const REAL: (&str, &str) = ("/usr/lib/clap/ZaMaximX2.clap", "com.zamaudio.ZaMaximX2");

/// Says in the environment where other test plugins are.
const PLUGINS: &str = "OMEGA_TEST_PLUGINS";

/// One plugin.
struct Slot {
    plugin: Plugin,
    /// Until the engine has it.
    processor: Option<PluginProcessor>,
}

/// The plugins of the first tracks.
pub struct Rack {
    location: Location,
    options: OpenOptions,
    descriptor: Descriptor,
    slots: BTreeMap<u64, Slot>,
    /// Quanta that were not there in time, of plugins that are gone.
    late: u32,
    opened: usize,
}

impl Rack {
    /// Opens a plugin for each of the first `count` tracks, for hardware that asks for `period` frames at once. `real` takes one
    /// that is installed, if there is one, and else the test plugins'.
    ///
    /// # Errors
    /// It is not there, or cannot be opened.
    pub fn new(
        count: usize,
        config: &PrepareConfig,
        period: usize,
        real: bool,
        seed: Option<Seed>,
    ) -> Outcome<Self> {
        let kind = match seed {
            Some(Seed::AllocatingPlugin) => Kind::Allocates,
            Some(Seed::WaitingPlugin) => Kind::Slow,
            _ => Kind::Gain,
        };
        let here = real && PathBuf::from(REAL.0).is_file();
        let location = if here {
            Location { file: REAL.0.into(), id: REAL.1.to_owned() }
        } else {
            Location { file: test_plugins()?, id: omega_testplugs::id(kind) }
        };
        let way = match seed {
            Some(Seed::AllocatingPlugin) => Way::Inside,
            _ => Way::Worker(WorkerProgram::itself(&[WORKER])?),
        };
        // A node that is made for rendering waits for the plugin's reply.
        let waits = seed == Some(Seed::WaitingPlugin);
        let pace = if waits { Pace::Waiting } else { Pace::Live { period } };
        let options = OpenOptions { config: *config, pace, way };
        let (plugin, processor) = Plugin::open(&location, &options, None)?;
        let mut descriptor = plugin.descriptor();
        if let Some(trigger) = descriptor.params.get_mut(1).filter(|_| waits) {
            // What makes the plugin slow, so that there is something to wait for.
            trigger.default = trigger.max;
        }
        let first = Slot { plugin, processor: Some(processor) };
        let mut rack =
            Self { location, options, descriptor, slots: BTreeMap::from([(0, first)]), late: 0, opened: 1 };
        for track in 1..count as u64 {
            let slot = rack.open()?;
            rack.slots.insert(track, slot);
        }
        Ok(rack)
    }

    fn open(&mut self) -> Outcome<Slot> {
        let (plugin, processor) = Plugin::open(&self.location, &self.options, None)?;
        self.opened += 1;
        Ok(Slot { plugin, processor: Some(processor) })
    }

    /// Whether a track has one.
    pub fn has(&self, track: u64) -> bool {
        self.slots.contains_key(&track)
    }

    /// What they tell about themselves.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Frames by which the sound of a track's plugin lags.
    pub fn latency(&self, track: u64) -> u32 {
        self.slots.get(&track).map_or(0, |slot| slot.plugin.latency())
    }

    /// The audio half for a track: of another plugin, once it was given away.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn processor(&mut self, track: u64) -> Outcome<Box<dyn Processor>> {
        let given = self.slots.get_mut(&track).and_then(|slot| slot.processor.take());
        if let Some(processor) = given {
            return Ok(Box::new(processor));
        }
        let mut slot = self.open()?;
        let processor = slot.processor.take().ok_or("it has no processor")?;
        if let Some(before) = self.slots.insert(track, slot) {
            self.late += before.plugin.late();
        }
        Ok(Box::new(processor))
    }

    /// What went wrong with any of them.
    pub fn troubles(&self) -> Vec<String> {
        let wrong = |news: &PluginNews| {
            matches!(news, PluginNews::Trouble(_) | PluginNews::Restarted(_) | PluginNews::GivenUp(_))
        };
        let news = self.slots.values().flat_map(|slot| slot.plugin.news());
        news.filter(wrong).map(|news| format!("{}: {news:?}", self.location.id)).collect()
    }

    /// In a few words: which, how many were opened, and how many of their quanta were not there in time.
    pub fn report(&self) -> String {
        let late = self.late + self.slots.values().map(|slot| slot.plugin.late()).sum::<u32>();
        let (count, id, opened) = (self.slots.len(), &self.location.id, self.opened);
        format!("{count} plugins at once ({id}), opened {opened} times; {late} quanta were not there in time")
    }
}

/// The test plugins: as [`PLUGINS`] says, or as cargo built them with this program, beside it. (Under a sanitizer those do not
/// load: they ask for its library, which this program has and does not offer.)
fn test_plugins() -> Outcome<PathBuf> {
    if let Some(file) = std::env::var_os(PLUGINS) {
        return Ok(file.into());
    }
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or("this program lies nowhere")?.join("deps");
    let name = format!("{}omega_testplugs{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let file = folder.join(name);
    if file.is_file() { Ok(file) } else { Err(format!("{} is not there", file.display()).into()) }
}
