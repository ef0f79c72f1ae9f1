//! What is known of a plugin: plain data, bounded, whatever the plugin says of itself.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use serde::{Deserialize, Serialize};

/// Bytes of the longest text that is taken from a plugin; what is longer is cut.
pub const MAX_TEXT: usize = 256;
/// Parameters of one plugin that are looked at.
pub const MAX_PARAMS: usize = 8192;
/// Ports of one kind and direction that are looked at.
pub const MAX_PORTS: usize = 16;
/// Features of one plugin that are kept.
pub const MAX_FEATURES: usize = 64;
/// The longest latency that is believed, in frames.
pub const MAX_LATENCY: u32 = 1 << 19;
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

/// What a worker says is believed no more than what a plugin says: the bounds are drawn once more on this side.
impl PluginInfo {
    /// With short plain texts, few ports, and channels that can be.
    #[must_use]
    pub(crate) fn bounded(self) -> Self {
        let short = |words: String| text(words.as_bytes());
        let most = u16::try_from(omega_processor::MAX_CHANNELS).unwrap_or(u16::MAX);
        let audio = |ports: Vec<AudioPort>| {
            let ports = ports.into_iter().take(MAX_PORTS);
            let port = |port: AudioPort| AudioPort {
                name: short(port.name),
                channels: port.channels.min(most),
                main: port.main,
            };
            ports.map(port).collect()
        };
        let notes = |ports: Vec<NotePort>| {
            let ports = ports.into_iter().take(MAX_PORTS);
            ports.map(|port| NotePort { name: short(port.name), ..port }).collect()
        };
        Self {
            id: short(self.id),
            name: short(self.name),
            vendor: short(self.vendor),
            version: short(self.version),
            description: short(self.description),
            features: self.features.into_iter().take(MAX_FEATURES).map(short).collect(),
            inputs: audio(self.inputs),
            outputs: audio(self.outputs),
            note_inputs: notes(self.note_inputs),
            note_outputs: notes(self.note_outputs),
            ..self
        }
    }
}

impl InstanceInfo {
    /// As [`PluginInfo::bounded`], with parameters whose ranges are ranges.
    #[must_use]
    pub(crate) fn bounded(self) -> Self {
        let params = self.params.into_iter().take(MAX_PARAMS).map(|param| {
            let sound = param.min.is_finite() && param.max.is_finite() && param.min <= param.max;
            let (min, max) = if sound { (param.min, param.max) } else { (0.0, 1.0) };
            let inside = |value: f64| if value.is_finite() { value.clamp(min, max) } else { min };
            PluginParam {
                name: text(param.name.as_bytes()),
                module: text(param.module.as_bytes()),
                min,
                max,
                default: inside(param.default),
                value: inside(param.value),
                ..param
            }
        });
        Self {
            params: params.collect(),
            plugin: self.plugin.bounded(),
            latency: self.latency.min(MAX_LATENCY),
        }
    }
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
        let param = PluginParam {
            id: 1,
            name: "n\n".repeat(1000),
            module: String::new(),
            min: f64::NAN,
            max: 0.0,
            default: f64::INFINITY,
            value: 7.0,
            stepped: false,
            hidden: false,
            read_only: false,
            automatable: true,
            modulatable: false,
        };
        let port = AudioPort { channels: 9999, ..AudioPort::default() };
        let plugin = PluginInfo { outputs: vec![port; 1000], ..PluginInfo::default() };
        let info = InstanceInfo { plugin, params: vec![param; 9000], latency: u32::MAX }.bounded();
        let param = &info.params[0];
        assert_eq!((param.min, param.max, param.default, param.value), (0.0, 1.0, 0.0, 1.0));
        assert!(info.params.len() == MAX_PARAMS && param.name.len() <= MAX_TEXT);
        assert!(info.plugin.outputs.len() == MAX_PORTS && info.plugin.outputs[0].channels == 64);
        assert_eq!(info.latency, MAX_LATENCY);
        let cut = text("é".repeat(200).as_bytes());
        assert!(cut.len() <= MAX_TEXT && cut.chars().all(|c| c == 'é'));
    }
}
