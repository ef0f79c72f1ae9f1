//! What the tests of the plugin host share: the test plugins in a folder of one's own, and a rig that feeds a plugin.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use omega_plugin::model::Location;
use omega_plugin::state::PluginState;
use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginProcessor, Way, WorkerProgram};
use omega_processor::{
    Channels, ChannelsRef, Event, Params, PrepareConfig, ProcessBlock, Processor, Status, Transport, Varying,
};
use omega_testplugs::Kind;

pub const RATE: u32 = 48_000;
/// Long enough for anything that happens at all.
pub const LONG: Duration = Duration::from_secs(60);

/// The test plugins, in a folder of their own; what they hold against their host lies beside them.
pub struct Plugs {
    folder: tempfile::TempDir,
}

impl Plugs {
    pub fn new() -> Self {
        let plugs = Self { folder: tempfile::tempdir().unwrap() };
        plugs.copy("Test.clap");
        plugs
    }

    /// The plugins once more, by another name.
    pub fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        std::fs::copy(library(), &to).unwrap();
        to
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn location(&self, kind: Kind) -> Location {
        Location { file: self.folder.path().join("Test.clap"), id: omega_testplugs::id(kind) }
    }

    /// Presets in files beside the plugins: name and contents.
    pub fn preset_files(&self, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.folder.path().join("Test.clap.presets");
        std::fs::create_dir_all(folder.join("more")).unwrap();
        files.iter().for_each(|(name, contents)| std::fs::write(folder.join(name), contents).unwrap());
        folder
    }

    /// What the plugins hold against their host.
    pub fn violations(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("Test.clap.violations")).unwrap_or_default()
    }
}

impl Drop for Plugs {
    /// A test is not passed while a plugin has something against the host.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.violations(), "", "the host broke the rules of CLAP");
        }
    }
}

/// The test plugins as cargo built them, beside this test.
fn library() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let name = format!("{}omega_testplugs{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = folder.join(name);
    assert!(library.is_file(), "{} is not there: cargo builds it with this test", library.display());
    library
}

pub fn worker() -> Way {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_omega-plugin-worker"));
    Way::Worker(WorkerProgram { program, arguments: Vec::new() })
}

pub fn options(way: Way, pace: Pace) -> OpenOptions {
    OpenOptions { config: PrepareConfig { sample_rate: RATE, inputs: 2, outputs: 2 }, pace, way }
}

pub const LIVE: Pace = Pace::Live { period: 128 };

/// A value for each frame.
pub type Line = fn(i64) -> f32;

/// A plugin and all that it is fed with.
pub struct Rig {
    pub plugin: Plugin,
    pub processor: PluginProcessor,
    /// Value of each parameter from the next block on.
    pub values: Vec<f32>,
    pub clock: i64,
    /// Parameters with one value a frame: index, and the value at a frame.
    pub line: Option<(u16, Line)>,
    pub side: bool,
    pub events: Vec<(i64, omega_processor::EventKind)>,
    pub statuses: Vec<Status>,
    pub latencies: Vec<u32>,
    /// How long a quantum lasts, and whether it lasts longer and longer for as long as the worker is late: on a machine that
    /// has too much to do, it is in time in the end.
    pub pace: (Duration, bool),
    late: u32,
}

/// How long a quantum lasts at first, more or less, and at most.
const PACE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(40));

impl Rig {
    pub fn open(plugs: &Plugs, kind: Kind, way: Way, pace: Pace) -> Self {
        Self::with_state(plugs, kind, way, pace, None)
    }

    pub fn with_state(plugs: &Plugs, kind: Kind, way: Way, pace: Pace, state: Option<PluginState>) -> Self {
        Self::at(&plugs.location(kind), way, pace, state)
    }

    pub fn at(location: &Location, way: Way, pace: Pace, state: Option<PluginState>) -> Self {
        Self::with(Plugin::open(location, &options(way, pace), state).unwrap())
    }

    pub fn with((plugin, processor): (Plugin, PluginProcessor)) -> Self {
        let values = plugin.info().params.iter().map(|param| param.value as f32).collect();
        Self {
            plugin,
            processor,
            values,
            clock: 0,
            line: None,
            side: false,
            events: Vec::new(),
            statuses: Vec::new(),
            latencies: Vec::new(),
            pace: (PACE.0, true),
            late: 0,
        }
    }

    /// Processes one block, in place.
    pub fn block(&mut self, left: &mut [f32], right: &mut [f32]) {
        let frames = left.len();
        let mut memory = [left.to_vec(), right.to_vec()].concat();
        let side: Vec<f32> =
            (0..2 * frames).map(|n| noise(self.clock + n as i64 % frames as i64 + 7)).collect();
        let (mut table, mut varying) = (Vec::new(), Vec::new());
        if let Some((param, value)) = self.line {
            table = (0..frames).map(|n| value(self.clock + n as i64)).collect();
            varying.push(Varying { param, row: 0 });
            self.values[usize::from(param)] = table[0];
        }
        let params = Params::new(&self.values, &varying, &table, frames, 0, frames);
        let (position, clock) = (self.clock, self.clock);
        let transport = Transport { position, clock, rolling: true, ..Transport::default() };
        let mut block = ProcessBlock::new(Channels::new(&mut memory, frames, 0, frames), params, transport);
        if self.side {
            block.aux[0] = ChannelsRef::new(&side, frames, 0, frames, false);
        }
        let end = self.clock + frames as i64;
        let events: Vec<Event> = self
            .events
            .iter()
            .filter(|(at, _)| (self.clock..end).contains(at))
            .map(|&(at, kind)| Event { frame: u32::try_from(at - self.clock).unwrap(), kind })
            .collect();
        block.events = &events;
        self.statuses.push(self.processor.process(&mut block));
        self.latencies.extend(block.new_latency);
        left.copy_from_slice(&memory[..frames]);
        right.copy_from_slice(&memory[frames..]);
        self.clock = end;
    }

    /// Plays `frames` frames of noise in blocks of these sizes, again and again; the two channels behind one another.
    pub fn noise(&mut self, frames: usize, sizes: &[usize]) -> Vec<f32> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut sizes = sizes.iter().cycle();
        while left.len() < frames {
            let size = (*sizes.next().unwrap()).min(frames - left.len());
            let mut l: Vec<f32> = (0..size).map(|n| noise(self.clock + n as i64)).collect();
            let mut r: Vec<f32> = l.iter().map(|s| -0.5 * s).collect();
            self.block(&mut l, &mut r);
            left.extend(l);
            right.extend(r);
        }
        left.extend(right);
        left
    }

    /// Plays noise, in real time as far as the machine has it, until `done` says so of the news. Gives all of it.
    pub fn until(&mut self, mut done: impl FnMut(&PluginNews) -> bool) -> Vec<f32> {
        let until = std::time::Instant::now() + LONG;
        let mut heard = Vec::new();
        loop {
            heard.extend_from_slice(&self.noise(128, &[128])[..128]);
            let lasts = self.lasts();
            if self.plugin.wait_for_news(lasts).is_some_and(|news| done(&news)) {
                return heard;
            }
            assert!(std::time::Instant::now() < until, "it did not happen");
        }
    }
}

impl Rig {
    /// Plays noise until it is heard through the plugin, after it was not.
    pub fn noise_until_heard(&mut self) {
        let until = std::time::Instant::now() + LONG;
        while self.plugin.is_bypassed() {
            self.noise(128, &[128]);
            std::thread::sleep(self.lasts());
            assert!(std::time::Instant::now() < until, "it was not in time for long enough");
        }
    }

    /// Plays a constant level, one quantum, and lets the time pass that it lasts, more or less.
    pub fn level(&mut self, level: f32) -> Vec<f32> {
        let (mut left, mut right) = (vec![level; 128], vec![level; 128]);
        self.block(&mut left, &mut right);
        assert_eq!(bits(&left), bits(&right));
        std::thread::sleep(self.lasts());
        left
    }

    /// How long the next quantum lasts.
    fn lasts(&mut self) -> Duration {
        let late = self.plugin.late();
        if self.pace.1 && late != self.late {
            self.pace.0 = (self.pace.0 * 5 / 4).min(PACE.1);
        }
        self.late = late;
        self.pace.0
    }

    /// Plays a constant level until `done` says so of what there is to tell. Gives what was heard and what was told.
    pub fn level_until(
        &mut self,
        level: f32,
        mut done: impl FnMut(&Self, &[PluginNews]) -> bool,
    ) -> (Vec<f32>, Vec<PluginNews>) {
        let until = std::time::Instant::now() + LONG;
        let (mut heard, mut news) = (Vec::new(), Vec::new());
        loop {
            heard.extend(self.level(level));
            news.extend(self.plugin.news());
            if done(self, &news) {
                return (heard, news);
            }
            assert!(std::time::Instant::now() < until, "it did not happen; so far {news:?}");
        }
    }
}

/// White noise between −0.5 and 0.5: a function of the frame.
pub fn noise(frame: i64) -> f32 {
    let mut x = frame.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x >> 40) as f32) / (1u64 << 24) as f32 - 0.5
}

pub fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|sample| sample.to_bits()).collect()
}

/// The largest step from one sample to the next.
pub fn largest_step(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}
