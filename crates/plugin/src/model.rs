//! What is known of a plugin: plain data, bounded, whatever the plugin says of itself.

use serde::{Deserialize, Serialize};

/// Bytes of the longest text that is taken from a plugin; what is longer is cut.
pub const MAX_TEXT: usize = 256;
/// Parameters of one plugin that are looked at.
pub const MAX_PARAMS: usize = 8192;
/// Ports of one kind and direction that are looked at.
pub const MAX_PORTS: usize = 16;
/// Features of one plugin that are kept.
pub const MAX_FEATURES: usize = 64;
/// Plugins in one file that are looked at.
pub const MAX_PLUGINS: usize = 512;

/// A plugin, as a scan or an instance tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// CLAP's stable id, such as `org.zamaudio.ZaMaximX2`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Who made it.
    pub vendor: String,
    /// Its version, in the vendor's way.
    pub version: String,
    /// One sentence, perhaps.
    pub description: String,
    /// CLAP's keywords, such as `audio-effect` and `compressor`.
    pub features: Vec<String>,
    /// Audio inputs; the first is the main one, if it says so, and the rest are side-chains.
    pub inputs: Vec<AudioPort>,
    /// Audio outputs.
    pub outputs: Vec<AudioPort>,
    /// Where notes come in.
    pub note_inputs: Vec<NotePort>,
    /// Where notes come out.
    pub note_outputs: Vec<NotePort>,
    /// How many parameters it has.
    pub params: u32,
    /// It can save and restore its state.
    pub has_state: bool,
}

impl PluginInfo {
    /// It makes sound by itself, from notes.
    #[must_use]
    pub fn is_instrument(&self) -> bool {
        self.inputs.is_empty() || self.features.iter().any(|feature| feature == "instrument")
    }
}

/// An audio port of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPort {
    /// For people.
    pub name: String,
    /// 1..=[`omega_processor::MAX_CHANNELS`].
    pub channels: u16,
    /// The one that the sound of the track goes through.
    pub main: bool,
}

/// A note port of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotePort {
    /// For people.
    pub name: String,
    /// It understands CLAP's notes and expressions.
    pub clap: bool,
    /// It understands MIDI 1.0.
    pub midi: bool,
}

/// A parameter of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginParam {
    /// CLAP's stable id.
    pub id: u32,
    /// For people.
    pub name: String,
    /// Where it belongs, such as `Oscillators/1`.
    pub module: String,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Value of a new instance.
    pub default: f64,
    /// Value of this instance when it was asked.
    pub value: f64,
    /// Only whole numbers.
    pub stepped: bool,
    /// Not to be shown.
    pub hidden: bool,
    /// Can only be looked at.
    pub read_only: bool,
    /// The host may automate it.
    pub automatable: bool,
    /// The host may modulate it.
    pub modulatable: bool,
}

/// An instance, as it tells of itself when it is ready to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// The plugin.
    pub plugin: PluginInfo,
    /// Its parameters, in its own order.
    pub params: Vec<PluginParam>,
    /// Frames of latency that the plugin itself has; re-read after each activation.
    pub latency: u32,
}

/// A text of a plugin as one of ours: valid UTF-8, one line, without control characters, at most [`MAX_TEXT`] bytes.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..bytes.len().min(MAX_TEXT)).unwrap_or_default();
    let mut text = String::new();
    for piece in bytes.utf8_chunks() {
        let plain = |c: char| if c.is_control() || is_bidi(c) { ' ' } else { c };
        text.extend(piece.valid().chars().map(plain));
    }
    text.trim().to_owned()
}

/// Characters that turn the direction of the text around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where a plugin is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file (on macOS the bundle).
    pub file: std::path::PathBuf,
    /// The plugin's id within it.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_become_short_plain_lines() {
        assert_eq!(text(b"Gain"), "Gain");
        assert_eq!(text(b"  a\nb\x1b[31mc\0d  "), "a b [31mc d");
        assert_eq!(text(b"ok\xff\xfe!"), "ok!");
        assert_eq!(text("a\u{202e}b".as_bytes()), "a b");
        assert_eq!(text(&vec![b'x'; 1 << 20]).len(), MAX_TEXT);
        let cut = text("é".repeat(200).as_bytes());
        assert!(cut.len() <= MAX_TEXT && cut.chars().all(|c| c == 'é'));
    }
}
