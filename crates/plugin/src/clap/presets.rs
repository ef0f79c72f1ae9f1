//! What a file says of its presets: CLAP's preset discovery, of which this is the host's side.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr};
use std::path::{Path, PathBuf};

use clack_extensions::preset_discovery::indexer::IndexerImpl;
use clack_extensions::preset_discovery::metadata_receiver::MetadataReceiverImpl;
use clack_extensions::preset_discovery::prelude::*;
use clack_host::prelude::*;

use super::instance::{LoadError, host_info, open};
use crate::model::text;
use crate::preset::{MAX_PRESETS, Preset, PresetPlace, Presets};

/// Providers of one file that are asked.
const MAX_PROVIDERS: usize = 64;
/// Places and kinds of files of one provider that are looked at.
const MAX_PLACES: usize = 256;
/// Files of one provider that are looked at, and folders within folders that are gone into.
const MAX_FILES: usize = 20_000;
const DEEPEST: usize = 8;
/// Troubles that are told of.
const MAX_TROUBLES: usize = 32;
/// Bytes of the longest key.
const MAX_KEY: usize = 4096;

/// Asks all providers of a file for their presets.
pub(crate) fn presets_of(file: &Path) -> Result<Presets, LoadError> {
    let entry = open(file)?;
    let mut found = Presets::default();
    let Some(factory) = entry.get_factory::<PresetDiscoveryFactory>() else { return Ok(found) };
    let host = host_info()?;
    let ids = factory.provider_descriptors().take(MAX_PROVIDERS);
    let ids: Vec<CString> = ids.filter_map(|provider| provider.id().map(CStr::to_owned)).collect();
    for id in ids {
        match Provider::instantiate(Places::default(), &entry, &id, &host) {
            Ok(provider) => ask(provider, &mut found),
            Err(error) => found.troubles.push(format!("{}: {error}", text(id.to_bytes()))),
        }
    }
    found.troubles.truncate(MAX_TROUBLES);
    found.found.sort_by(|a, b| (&a.name, &a.place).cmp(&(&b.name, &b.place)));
    Ok(found)
}

/// Asks one provider for what is in the places that it named.
fn ask(mut provider: Provider<Places>, found: &mut Presets) {
    let places = std::mem::take(provider.indexer_mut());
    if places.within {
        let mut receiver = Receiver { place: None, found };
        provider.get_metadata(Location::Plugin, &mut receiver);
    }
    let mut files = BTreeSet::new();
    for root in &places.roots {
        gather(root, 0, &places.endings, &mut files);
    }
    for file in files {
        // CLAP's paths are UTF-8.
        let Some(path) = file.to_str().and_then(|path| CString::new(path).ok()) else { continue };
        let mut receiver = Receiver { place: Some(file), found };
        provider.get_metadata(Location::File { path: &path }, &mut receiver);
    }
}

/// The files at a place that may be presets.
fn gather(at: &Path, depth: usize, endings: &[String], files: &mut BTreeSet<PathBuf>) {
    if files.len() >= MAX_FILES {
        return;
    }
    if at.is_file() {
        let ending = at.extension().unwrap_or(OsStr::new("")).to_string_lossy();
        if endings.is_empty()
            || endings.iter().any(|known| known.is_empty() || ending.eq_ignore_ascii_case(known))
        {
            files.insert(at.to_owned());
        }
        return;
    }
    // Links to folders are not followed, so that none leads back.
    if depth > DEEPEST || (depth > 0 && at.is_symlink()) {
        return;
    }
    let entries = std::fs::read_dir(at).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().for_each(|path| gather(path, depth + 1, endings, files));
}

/// What a provider says of where its presets are.
#[derive(Default)]
struct Places {
    /// Within the plugin.
    within: bool,
    /// Files, and folders with files in them.
    roots: Vec<PathBuf>,
    /// How the names of those files end; all of them where there is none.
    endings: Vec<String>,
}

impl IndexerImpl for Places {
    fn declare_filetype(&mut self, kind: FileType) -> Result<(), HostError> {
        if self.endings.len() >= MAX_PLACES {
            return Err(HostError::Message("there are as many kinds of files as are looked at"));
        }
        self.endings.push(kind.file_extension.map(|ending| text(ending.to_bytes())).unwrap_or_default());
        Ok(())
    }

    fn declare_location(&mut self, place: LocationInfo) -> Result<(), HostError> {
        let Some(path) = place.location.file_path() else {
            self.within = true;
            return Ok(());
        };
        let path = Path::new(path.to_str().unwrap_or_default());
        if !path.is_absolute() {
            return Err(HostError::Message("the place of presets is no absolute path"));
        }
        if self.roots.len() >= MAX_PLACES {
            return Err(HostError::Message("there are as many places as are looked at"));
        }
        self.roots.push(path.to_owned());
        Ok(())
    }

    fn declare_soundpack(&mut self, _: Soundpack) -> Result<(), HostError> {
        Ok(())
    }
}

/// Writes down what a provider says of one place.
struct Receiver<'a> {
    place: Option<PathBuf>,
    found: &'a mut Presets,
}

impl Receiver<'_> {
    fn last(&mut self) -> Option<&mut Preset> {
        self.found.found.last_mut()
    }
}

/// Adds a word; one too many is left out.
fn add(words: &mut Vec<String>, word: &CStr) {
    if words.len() < 64 {
        words.push(text(word.to_bytes()));
    }
}

impl MetadataReceiverImpl for Receiver<'_> {
    fn on_error(&mut self, _: i32, message: Option<&CStr>) {
        if self.found.troubles.len() < MAX_TROUBLES {
            let place = self.place.as_ref().map_or("the plugin".into(), |file| file.display().to_string());
            let what = message.map(|words| text(words.to_bytes())).unwrap_or_default();
            self.found.troubles.push(format!("{place}: {what}"));
        }
    }

    fn begin_preset(&mut self, name: Option<&CStr>, key: Option<&CStr>) -> Result<(), HostError> {
        if self.found.found.len() >= MAX_PRESETS {
            return Err(HostError::Message("there are as many presets as are listed"));
        }
        let key = match key.map(CStr::to_str) {
            None => None,
            Some(Ok(key)) if key.len() <= MAX_KEY => Some(key.to_owned()),
            Some(_) => return Err(HostError::Message("the key of a preset is too long, or no UTF-8")),
        };
        let stem = self.place.as_deref().and_then(Path::file_stem).unwrap_or_default().to_string_lossy();
        self.found.found.push(Preset {
            name: text(name.map_or(stem.as_bytes(), CStr::to_bytes)),
            place: PresetPlace { file: self.place.clone(), key },
            plugins: Vec::new(),
            creators: Vec::new(),
            description: String::new(),
            features: Vec::new(),
        });
        Ok(())
    }

    fn add_plugin_id(&mut self, plugin: UniversalPluginId) {
        if plugin.abi.to_bytes() == b"clap"
            && let Some(preset) = self.last()
        {
            add(&mut preset.plugins, plugin.id);
        }
    }

    fn set_soundpack_id(&mut self, _: &CStr) {}

    fn set_flags(&mut self, _: Flags) {}

    fn add_creator(&mut self, creator: &CStr) {
        if let Some(preset) = self.last() {
            add(&mut preset.creators, creator);
        }
    }

    fn set_description(&mut self, description: &CStr) {
        if let Some(preset) = self.last() {
            preset.description = text(description.to_bytes());
        }
    }

    fn set_timestamps(&mut self, _: Option<Timestamp>, _: Option<Timestamp>) {}

    fn add_feature(&mut self, feature: &CStr) {
        if let Some(preset) = self.last() {
            add(&mut preset.features, feature);
        }
    }

    fn add_extra_info(&mut self, _: &CStr, _: &CStr) {}
}
