//! Presets of the gain: some within the plugin, some in files of a folder beside it.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use clack_extensions::preset_discovery::prelude::*;
use clack_plugin::prelude::*;

use crate::kinds::{Kind, id};

/// How the names of preset files end.
pub const ENDING: &str = "testpreset";
/// The presets within the plugin: name, key, gain in decibels.
pub const WITHIN: [(&CStr, &CStr, f64); 2] = [(c"Half", c"half", -32.0), (c"Quiet", c"quiet", -48.0)];

/// The gain that a place stands for.
pub(crate) fn gain_of(location: Location, key: Option<&CStr>) -> Result<f64, PluginError> {
    match location {
        Location::Plugin => {
            let found = WITHIN.iter().find(|(_, known, _)| Some(*known) == key);
            found.map(|(.., gain)| *gain).ok_or(PluginError::Message("there is no such preset"))
        }
        Location::File { path } => {
            let path = path.to_str().map_err(|_| PluginError::Message("a path that is no text"))?;
            let text = std::fs::read_to_string(path)?;
            text.trim().parse().map_err(|_| PluginError::Message("the file holds no gain"))
        }
    }
}

/// The factory of the one provider.
pub struct PresetFactory {
    descriptor: ProviderDescriptor,
    /// The folder with the files, if there is one.
    folder: Option<PathBuf>,
}

impl PresetFactory {
    /// For the file at that path; its presets lie in a folder named like it, with `.presets` behind.
    pub(crate) fn new(path: Option<&str>) -> Self {
        let folder = path.map(|path| PathBuf::from(format!("{path}.presets")));
        let descriptor = ProviderDescriptor::new("org.omega.test.presets", "Test presets");
        Self { descriptor, folder: folder.filter(|folder| folder.is_dir()) }
    }
}

impl PresetDiscoveryFactoryImpl for PresetFactory {
    fn provider_count(&self) -> u32 {
        1
    }

    fn provider_descriptor(&self, index: u32) -> Option<&ProviderDescriptor> {
        (index == 0).then_some(&self.descriptor)
    }

    fn create_provider<'a>(&'a self, indexer: IndexerInfo<'a>, id: &CStr) -> Option<ProviderInstance<'a>> {
        if self.descriptor.id() != Some(id) {
            return None;
        }
        let folder = self.folder.clone();
        Some(ProviderInstance::new(indexer, &self.descriptor, move |mut indexer| {
            let flags = Flags::IS_FACTORY_CONTENT;
            indexer.declare_location(LocationInfo { name: c"Within", flags, location: Location::Plugin })?;
            let path = folder.as_deref().and_then(Path::to_str).and_then(|path| CString::new(path).ok());
            if let Some(path) = path {
                let ending = CString::new(ENDING).ok();
                let file_extension = ending.as_deref();
                indexer.declare_filetype(FileType {
                    name: c"Test preset",
                    description: None,
                    file_extension,
                })?;
                let location = Location::File { path: &path };
                indexer.declare_location(LocationInfo { name: c"Beside", flags, location })?;
            }
            Ok(PresetProvider)
        }))
    }
}

/// Tells of the presets at a place.
struct PresetProvider;

impl ProviderImpl<'_> for PresetProvider {
    fn get_metadata(
        &mut self,
        location: Location,
        receiver: &mut MetadataReceiver,
    ) -> Result<(), PluginError> {
        let plugin = CString::new(id(Kind::Gain)).unwrap_or_default();
        match location {
            Location::Plugin => {
                for (name, key, _) in WITHIN {
                    receiver
                        .begin_preset(Some(name), Some(key))?
                        .add_plugin_id(UniversalPluginId::clap(&plugin))
                        .add_creator(c"OmegaStudio")
                        .add_feature(c"quiet");
                }
            }
            Location::File { .. } => {
                if gain_of(location, None).is_err() {
                    receiver.on_error(0, Some(c"it holds no gain"));
                    return Ok(());
                }
                receiver.begin_preset(None, None)?.add_plugin_id(UniversalPluginId::clap(&plugin));
            }
        }
        Ok(())
    }
}
