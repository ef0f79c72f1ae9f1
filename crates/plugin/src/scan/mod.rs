//! Finds the plugins of this system. Each file is looked at by a child process: one that crashes or hangs is named as such,
//! and the scan goes on.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

mod cache;
#[cfg(target_os = "linux")]
mod look;
mod paths;
#[cfg(target_os = "linux")]
mod presets;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Location, MAX_PLUGINS, PluginInfo, text};
use crate::plugin::WorkerProgram;
use crate::preset::Presets;
use cache::{Cache, Stamp};

#[cfg(target_os = "linux")]
pub(crate) use look::look_main;
pub use paths::{cache_file, search_folders};
#[cfg(target_os = "linux")]
pub(crate) use presets::presets_main;

/// How to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Folders to look in, in this order; see [`search_folders`].
    pub folders: Vec<PathBuf>,
    /// Where the results are remembered; see [`cache_file`].
    pub cache: Option<PathBuf>,
    /// Look at every file, remembered or not.
    pub fresh: bool,
    /// How long a plugin may take for one step: to be loaded, to be made.
    pub patience: Duration,
    /// What looks.
    pub program: WorkerProgram,
}

impl ScanOptions {
    /// The folders and the cache of this system, and ten seconds.
    #[must_use]
    pub fn new(program: WorkerProgram) -> Self {
        let patience = Duration::from_secs(10);
        Self { folders: search_folders(), cache: cache_file(), fresh: false, patience, program }
    }
}

/// A plugin that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub location: Location,
    /// What it is.
    pub info: PluginInfo,
}

/// Something that did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanTrouble {
    /// The file.
    pub file: PathBuf,
    /// The plugin within it, if it is about one alone.
    pub plugin: Option<String>,
    /// What happened: "it crashed: …", "it did not answer within 10 s".
    pub what: String,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Plugins, by folder and file. An id that is there twice is there twice; the first one counts.
    pub plugins: Vec<Found>,
    /// What did not go well.
    pub troubles: Vec<ScanTrouble>,
    /// Files that were looked at, and files that were remembered.
    pub looked: usize,
    /// Files whose results were remembered.
    pub remembered: usize,
    /// Why the results were not remembered, if they were not.
    pub cache_error: Option<String>,
}

impl Scan {
    /// The plugin with that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Found> {
        self.plugins.iter().find(|found| found.info.id == id)
    }
}

/// What is in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileScan {
    pub plugins: Vec<PluginInfo>,
    /// The plugin that it is about, if it is about one alone, and what happened.
    pub troubles: Vec<(Option<String>, String)>,
}

impl FileScan {
    /// As [`PluginInfo::bounded`].
    fn bounded(self) -> Self {
        let short = |words: String| text(words.as_bytes());
        let plugins = self.plugins.into_iter().take(MAX_PLUGINS).map(PluginInfo::bounded);
        let troubles = self.troubles.into_iter().take(MAX_PLUGINS);
        let troubles = troubles.map(|(plugin, what)| (plugin.map(short), short(what)));
        Self { plugins: plugins.collect(), troubles: troubles.collect() }
    }
}

/// The plugins that the bytes of a [`cache_file`] tell of, and those bytes as they would be written again; `None` for what
/// is no cache of this version.
#[must_use]
pub fn read_cache(bytes: &[u8]) -> Option<(Vec<PluginInfo>, Vec<u8>)> {
    let cache = Cache::from_bytes(bytes)?;
    let again = cache.to_bytes().ok()?;
    Some((cache.into_plugins().collect(), again))
}

/// Scans. `progress` is told each file before it is looked at.
///
/// # Errors
/// When no child process can be started; whatever is wrong with a plugin is in [`Scan::troubles`].
pub fn scan(options: &ScanOptions, progress: &mut dyn FnMut(&std::path::Path)) -> io::Result<Scan> {
    let old = match &options.cache {
        Some(file) if !options.fresh => Cache::read(file),
        _ => Cache::default(),
    };
    let (mut new, mut scan) = (Cache::default(), Scan::default());
    let mut seen = BTreeSet::new();
    for folder in &options.folders {
        let mut files = BTreeSet::new();
        paths::plugin_files(folder, &mut files);
        for file in files.into_iter().filter(|file| seen.insert(file.clone())) {
            let Some(name) = file.to_str() else {
                let what = "its path is not UTF-8".to_owned();
                scan.troubles.push(ScanTrouble { file, plugin: None, what });
                continue;
            };
            let stamp = Stamp::of(&file).ok();
            let known = stamp.and_then(|stamp| old.get(name, stamp)).cloned();
            scan.remembered += usize::from(known.is_some());
            let found = if let Some(known) = known {
                known
            } else {
                progress(&file);
                scan.looked += 1;
                look(&options.program, &file, options.patience)?
            };
            if let Some(stamp) = stamp {
                new.put(name, stamp, found.clone());
            }
            scan.add(&file, found);
        }
    }
    if let Some(cache) = options.cache.as_ref().filter(|_| scan.looked > 0) {
        scan.cache_error = new.write(cache).err().map(|error| error.to_string());
    }
    Ok(scan)
}

impl Scan {
    fn add(&mut self, file: &std::path::Path, found: FileScan) {
        self.plugins.extend(
            found.plugins.into_iter().map(|info| Found {
                location: Location { file: file.to_owned(), id: info.id.clone() },
                info,
            }),
        );
        self.troubles.extend(found.troubles.into_iter().map(|(plugin, what)| ScanTrouble {
            file: file.to_owned(),
            plugin,
            what,
        }));
    }
}

/// Asks a plugin file for its presets, in a child process.
///
/// # Errors
/// When no child can be started. A file that crashes or hangs over it is a trouble in [`Presets`].
pub fn presets(options: &ScanOptions, file: &std::path::Path) -> io::Result<Presets> {
    ask_for_presets(&options.program, file, options.patience)
}

#[cfg(target_os = "linux")]
use presets::ask as ask_for_presets;

/// As for `look`.
#[cfg(not(target_os = "linux"))]
fn ask_for_presets(_: &WorkerProgram, _: &std::path::Path, _: Duration) -> io::Result<Presets> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
use look::look;

/// There are no child processes to look with on this system yet.
#[cfg(not(target_os = "linux"))]
fn look(_: &WorkerProgram, _: &std::path::Path, _: Duration) -> io::Result<FileScan> {
    Err(io::ErrorKind::Unsupported.into())
}
