//! Presets: what a plugin's file says there is, and where a plugin finds one again.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::text;

/// Presets of one file that are listed.
pub const MAX_PRESETS: usize = 4096;

/// Where a plugin finds a preset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PresetPlace {
    /// The file; `None` for what the plugin has within itself.
    pub file: Option<PathBuf>,
    /// Which one, where there are several in one place. Only the plugin knows what it means.
    pub key: Option<String>,
}

/// A preset that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// For people.
    pub name: String,
    /// Where it is.
    pub place: PresetPlace,
    /// CLAP's ids of the plugins that can load it.
    pub plugins: Vec<String>,
    /// Who made it.
    pub creators: Vec<String>,
    /// A few words about it.
    pub description: String,
    /// Keywords, such as `bass`.
    pub features: Vec<String>,
}

impl Preset {
    /// What a child says is believed no more than what a plugin says. The key stays what it is: it is shown to nobody but
    /// the plugin.
    pub(crate) fn bounded(self) -> Self {
        let short = |words: Vec<String>| words.iter().take(64).map(|word| text(word.as_bytes())).collect();
        Self {
            name: text(self.name.as_bytes()),
            plugins: short(self.plugins),
            creators: short(self.creators),
            description: text(self.description.as_bytes()),
            features: short(self.features),
            ..self
        }
    }
}

/// The presets of a plugin file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presets {
    /// In the order of their names.
    pub found: Vec<Preset>,
    /// What did not go well, in words.
    pub troubles: Vec<String>,
}

impl Presets {
    /// As [`Preset::bounded`].
    pub(crate) fn bounded(self) -> Self {
        let short = |words: String| text(words.as_bytes());
        Self {
            found: self.found.into_iter().take(MAX_PRESETS).map(Preset::bounded).collect(),
            troubles: self.troubles.into_iter().take(64).map(short).collect(),
        }
    }
}
