//! Tracks: everything that has a fader, and folders.

use omega_time::Frames;
use serde_json::Value;

use super::fact::{Fact, Reader, facts, words};
use super::values::{channels, delay, gain_db, hardware, name, pan};
use super::{Colour, OrderKey, TrackId};

words! {
    /// What a track is for.
    pub enum TrackKind {
        /// Plays clips and records.
        Audio = "audio",
        /// Sums what is routed to it: a group, a stem.
        Bus = "bus",
        /// Sums what is sent to it: an effect return.
        Return = "return",
        /// Holds other tracks in the list; it has no sound of its own.
        Folder = "folder",
        /// What the engineer or a player hears: it takes the PFL/AFL signal where something listens, else the master,
        /// and what is sent to it.
        Cue = "cue",
        /// The sum of the session. There is one, with the id `master`.
        Master = "master",
    }
}

words! {
    /// When the input of a track is heard.
    pub enum Monitor {
        /// While the track is armed and the transport is stopped or records.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
    }
}

words! {
    /// Whether a track is listened to on the cue bus without changing the mix.
    pub enum Listen {
        /// It is not.
        Off = "off",
        /// Pre-fader listen: before fader, pan and mute.
        Pfl = "pfl",
        /// After-fader listen: after fader and pan.
        Afl = "afl",
    }
}

words! {
    /// How loud the centre of a pan is against a side. A stereo track is balanced: one side is turned down.
    pub enum PanLaw {
        /// 0 dB in the centre.
        Zero = "0dB",
        /// −3 dB in the centre: equal power (sine and cosine).
        Minus3 = "-3dB",
        /// −4.5 dB in the centre: between equal power and linear.
        Minus4_5 = "-4.5dB",
        /// −6 dB in the centre: linear.
        Minus6 = "-6dB",
    }
}

/// Where the output of a track goes.
///
/// In text: the id of a track (`"master"`), an array of hardware channels (`[0, 1]`), or `"none"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Nowhere; sends still work.
    None,
    /// To a bus, a return, a cue bus or the master.
    Track(TrackId),
    /// To hardware outputs: the track's channel `n` goes to the `n`-th of these channels, counted from 0.
    Hardware(Vec<u16>),
}

impl Output {
    /// To the master, where a new track goes.
    #[must_use]
    pub fn master() -> Self {
        Self::Track(TrackId::master())
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Hardware(list) if list.is_empty() => {
                Err("no hardware channel is named; write \"none\"".to_owned())
            }
            Self::Hardware(list) => hardware(list),
            Self::None | Self::Track(_) => Ok(()),
        }
    }
}

impl Fact for Output {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        match value {
            Value::String(text) if text == "none" => Some(Self::None),
            Value::String(_) => TrackId::read(value, at).map(Self::Track),
            Value::Array(_) => Vec::read(value, at).map(Self::Hardware),
            _ => {
                at.expected("the id of a track, an array of hardware channels, or \"none\"", value);
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            Self::None => Value::from("none"),
            Self::Track(id) => id.write(),
            Self::Hardware(list) => list.write(),
        }
    }
}

impl serde::Serialize for Output {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Output {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <Value as serde::Deserialize>::deserialize(deserializer)?;
        let mut at = Reader::default();
        let read = Self::read(&value, &mut at);
        read.ok_or_else(|| {
            serde::de::Error::custom(at.faults.first().map_or("", |fault| fault.what.as_str()))
        })
    }
}

/// A field of a track is called `name`, which hides the function.
fn midi_name(text: &String) -> Result<(), String> {
    name(text)
}

facts! {
    /// A track, a bus, a return, a folder, a cue bus or the master: `tracks.<id>`.
    pub struct Track {
        /// What it is for; it never changes.
        pub kind: TrackKind;
        /// Its name, up to 1,000 characters.
        pub name: String [name] = String::new();
        /// Its colour in the window.
        pub colour: Option<Colour> = None;
        /// The folder that holds it.
        pub parent: Option<TrackId> = None;
        /// Where it stands among the tracks of its folder.
        pub order: OrderKey = OrderKey::default();
        /// Its channels, 1 to 64.
        pub channels: u16 [channels] = 2;
        /// The hardware inputs, counted from 0, that feed its channels; none where empty.
        pub input: Vec<u16> [hardware] = Vec::new();
        /// The MIDI input that it hears and records, by its name or a part of it; none where empty.
        pub midi_input: String [midi_name] = String::new();
        /// Where it goes after its fader.
        pub output: Output [Output::check] = Output::master();
        /// The fader, −144 (silence) to 48 dB. A parameter.
        pub volume_db: f64 [gain_db] = 0.0;
        /// Pan or balance, −1 (left) to 1 (right). A parameter.
        pub pan: f64 [pan] = 0.0;
        /// How loud the centre is.
        pub pan_law: PanLaw = PanLaw::Minus3;
        /// Silenced, its post-fader sends too. A parameter.
        pub mute: bool = false;
        /// Heard alone, with everything else that is soloed.
        pub solo: bool = false;
        /// Never silenced by the solo of others.
        pub solo_safe: bool = false;
        /// Polarity inverted.
        pub phase_invert: bool = false;
        /// Records when the transport does.
        pub arm: bool = false;
        /// When its input is heard.
        pub monitor: Monitor = Monitor::Auto;
        /// Frames by which it sounds later, or earlier where negative.
        pub delay: Frames [delay] = Frames(0);
        /// Whether it is listened to on the cue bus.
        pub listen: Listen = Listen::Off;
    }
}

impl Track {
    /// A track of this kind with this name and defaults for the rest: stereo, to the master. The master and a cue bus
    /// go to the hardware outputs 0 and 1, a folder nowhere.
    #[must_use]
    pub fn new(kind: TrackKind, name: &str) -> Self {
        let output = match kind {
            TrackKind::Master | TrackKind::Cue => Output::Hardware(vec![0, 1]),
            TrackKind::Folder => Output::None,
            TrackKind::Audio | TrackKind::Bus | TrackKind::Return => Output::master(),
        };
        Self {
            kind,
            name: name.to_owned(),
            colour: None,
            parent: None,
            order: OrderKey::default(),
            channels: 2,
            input: Vec::new(),
            midi_input: String::new(),
            output,
            volume_db: 0.0,
            pan: 0.0,
            pan_law: PanLaw::Minus3,
            mute: false,
            solo: false,
            solo_safe: false,
            phase_invert: false,
            arm: false,
            monitor: Monitor::Auto,
            delay: Frames(0),
            listen: Listen::Off,
            extra: Default::default(),
        }
    }

    /// Whether it can be the target of outputs and sends.
    #[must_use]
    pub fn takes_signal(&self) -> bool {
        matches!(self.kind, TrackKind::Bus | TrackKind::Return | TrackKind::Cue | TrackKind::Master)
    }
}
