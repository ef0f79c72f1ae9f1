//! What there is to play through: for `omega devices`.

use crate::backend::AudioBackend;
use crate::config::{JackOptions, System};
use crate::jack::Jack;
use crate::timer::Timer;

/// What a backend has to offer, or why it has nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendReport {
    /// As on the command line: `jack`, `pipewire`, `pulse`, `alsa`, `timer`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub description: &'static str,
    /// What it offers.
    pub state: BackendState,
}

/// What a backend offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendState {
    /// It can be opened.
    Available(Offer),
    /// It cannot, and why, with what to do about it.
    Unavailable {
        /// A sentence.
        reason: String,
    },
}

/// What can be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Rate in frames per second; `None` if any can be asked for.
    pub rate: Option<u32>,
    /// Period in frames; `None` if any can be asked for.
    pub period: Option<usize>,
    /// Ports of the hardware and of other programs, in the server's order. Sound systems other than JACK have none.
    pub ports: Vec<HardwarePort>,
    /// Hardware that can be opened by its name, in the system's order, with what is used by default first.
    pub devices: Vec<HardwareDevice>,
}

/// Hardware, or what a sound system treats as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HardwareDevice {
    /// The name by which [`StreamConfig::device`](crate::StreamConfig::device) finds it.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// It can be heard.
    pub input: bool,
    /// It can be played to.
    pub output: bool,
    /// It is used where none is named: for playing, for hearing, or both.
    pub default: bool,
}

/// Something to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HardwarePort {
    /// Full name, as a connection needs it.
    pub name: String,
    /// Other names under which it is known, the hardware's own often among them.
    pub aliases: Vec<String>,
    /// What goes through.
    pub kind: PortKind,
    /// Which way.
    pub direction: PortDirection,
    /// True if it has a cable; false if it belongs to a program.
    pub physical: bool,
    /// Frames between this port and its cable (or what the program states).
    pub latency: i64,
}

/// What goes through a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// Samples.
    Audio,
    /// MIDI messages.
    Midi,
    /// Something else.
    Other,
}

/// Which way a port goes, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortDirection {
    /// We can hear it.
    Capture,
    /// We can play to it.
    Playback,
}

/// Asks every backend what it offers. Not real-time safe; may take seconds if a server hangs.
#[must_use]
pub fn hardware(jack: &JackOptions) -> Vec<BackendReport> {
    let systems = System::ALL.iter().filter(|system| system.missing() != Some(System::ELSEWHERE));
    let jack = std::iter::once(Jack(jack.clone()).report());
    jack.chain(systems.map(AudioBackend::report)).chain([Timer.report()]).collect()
}
