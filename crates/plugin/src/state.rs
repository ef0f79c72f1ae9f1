//! The state of a plugin as bytes that a session keeps.
//!
//! One line of JSON, a line break, and what the plugin wrote itself:
//!
//! ```text
//! {"omega_plugin_state":1,"id":"…","version":"…","values":[[7,0.5],…],"bytes":4096}
//! …4096 bytes…
//! ```
//!
//! The values of all parameters are kept beside the plugin's own state: they are what is left for a plugin that has none,
//! and what is shown where the plugin is missing.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use serde::{Deserialize, Serialize};

use crate::model::{MAX_PARAMS, MAX_TEXT};

/// Bytes of the largest state that a plugin may have.
pub const MAX_STATE: usize = 64 << 20;

/// The state of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginState {
    /// The plugin's id.
    pub id: String,
    /// The version of the plugin that wrote it.
    pub version: String,
    /// Value of each parameter by CLAP's id.
    pub values: Vec<(u32, f64)>,
    /// What the plugin wrote; `None` where it has no state.
    pub bytes: Option<Vec<u8>>,
}

/// Why bytes are no state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    /// Written by something else, or damaged.
    #[error("this is no plugin state, or it is damaged: {0}")]
    Damaged(String),
    /// Written by a newer version.
    #[error("the plugin state has format {0}; this version reads up to {FORMAT}: update OmegaStudio")]
    Newer(u32),
}

const FORMAT: u32 = 1;
/// Bytes of the longest head: as many values as there can be.
const MAX_HEAD: usize = 1024 + 2 * MAX_TEXT + MAX_PARAMS * 40;

#[derive(Serialize, Deserialize)]
struct Head {
    omega_plugin_state: u32,
    id: String,
    version: String,
    values: Vec<(u32, f64)>,
    bytes: Option<usize>,
}

impl PluginState {
    /// As bytes; the same state gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            omega_plugin_state: FORMAT,
            id: self.id.clone(),
            version: self.version.clone(),
            values: self.values.iter().copied().filter(|(_, value)| value.is_finite()).collect(),
            bytes: self.bytes.as_ref().map(Vec::len),
        };
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(self.bytes.as_deref().unwrap_or_default());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StateError`]; nothing is taken from bytes that are not whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |why: &str| StateError::Damaged(why.to_owned());
        let window = bytes.get(..bytes.len().min(MAX_HEAD)).unwrap_or_default();
        let end = window.iter().position(|&b| b == b'\n').ok_or_else(|| damaged("its head has no end"))?;
        let (head, rest) = bytes.split_at(end);
        let rest = rest.get(1..).unwrap_or_default();
        let format: serde_json::Value =
            serde_json::from_slice(head).map_err(|error| damaged(&error.to_string()))?;
        let format = format.get("omega_plugin_state").and_then(serde_json::Value::as_u64);
        match format.and_then(|format| u32::try_from(format).ok()) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => return Err(StateError::Newer(newer)),
            _ => return Err(damaged("its head names no format")),
        }
        let head: Head = serde_json::from_slice(head).map_err(|error| damaged(&error.to_string()))?;
        if head.values.len() > MAX_PARAMS || head.bytes.unwrap_or(0) > MAX_STATE {
            return Err(damaged("it is larger than any state"));
        }
        if head.bytes.unwrap_or(0) != rest.len() {
            return Err(damaged("it is not as long as its head says"));
        }
        let bytes = head.bytes.map(|_| rest.to_vec());
        Ok(Self { id: head.id, version: head.version, values: head.values, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> PluginState {
        PluginState {
            id: "org.omega.test".to_owned(),
            version: "1.0".to_owned(),
            values: vec![(7, 0.5), (u32::MAX - 1, -1e300)],
            bytes: Some(b"{\n}\0\xff".to_vec()),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let with = state();
        assert_eq!(PluginState::from_bytes(&with.to_bytes()), Ok(with.clone()));
        let without = PluginState { bytes: None, ..state() };
        assert_eq!(PluginState::from_bytes(&without.to_bytes()), Ok(without.clone()));
        let empty = PluginState { bytes: Some(Vec::new()), ..state() };
        assert_eq!(PluginState::from_bytes(&empty.to_bytes()), Ok(empty.clone()), "an empty state is one");
    }

    #[test]
    fn no_part_of_a_state_is_taken_for_a_whole() {
        let bytes = state().to_bytes();
        for end in 0..bytes.len() {
            assert!(PluginState::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut more = bytes;
        more.push(0);
        assert!(PluginState::from_bytes(&more).is_err());
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let newer = b"{\"omega_plugin_state\":9}\n";
        assert_eq!(PluginState::from_bytes(newer), Err(StateError::Newer(9)));
        assert!(PluginState::from_bytes(b"{\"omega_plugin_state\":-1}\n").is_err());
    }
}
