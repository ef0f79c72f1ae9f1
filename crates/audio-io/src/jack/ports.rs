//! Ports: ours, those of the hardware, and the cables between them.

use jack::{Client, LatencyType, PortFlags};

use crate::hardware::{HardwarePort, Offer, PortDirection, PortKind};
use crate::stream::Latency;

/// JACK's name for a port that carries audio.
const AUDIO: &str = "32 bit float mono audio";
/// JACK's name for a port that carries MIDI.
const MIDI: &str = "8 bit raw midi";

/// Full names of our ports.
pub(super) struct Names {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub midi: Vec<String>,
}

impl Names {
    /// Connects input *n* to the *n*-th physical source, output *n* to the *n*-th physical sink, and the MIDI inputs to what is
    /// `wanted`. Returns what failed.
    pub(super) fn connect(&self, client: &Client, wanted: &[String]) -> Vec<String> {
        let sources = client.ports(None, Some(AUDIO), PortFlags::IS_PHYSICAL | PortFlags::IS_OUTPUT);
        let sinks = client.ports(None, Some(AUDIO), PortFlags::IS_PHYSICAL | PortFlags::IS_INPUT);
        let cables = sources.iter().zip(&self.inputs).chain(self.outputs.iter().zip(&sinks));
        let mut warnings: Vec<String> = cables
            .filter_map(|(from, to)| client.connect_ports_by_name(from, to).err())
            .map(|error| error.to_string())
            .collect();
        for (ours, wanted) in self.midi.iter().zip(wanted).filter(|(_, wanted)| !wanted.is_empty()) {
            let told = midi_source(client, wanted).and_then(|from| {
                client.connect_ports_by_name(&from, ours).map_err(|error| error.to_string())
            });
            warnings.extend(told.err());
        }
        for (ours, theirs, what) in [
            (self.inputs.len(), sources.len(), "inputs have no physical capture port"),
            (self.outputs.len(), sinks.len(), "outputs have no physical playback port"),
        ] {
            if ours > theirs {
                warnings.push(format!("{} of {ours} {what} and are left unconnected", ours - theirs));
            }
        }
        warnings
    }

    pub(super) fn latency(&self, client: &Client) -> Latency {
        let largest = |names: &[String], mode| {
            let range =
                |name: &String| client.port_by_name(name).map_or(0, |port| port.get_latency_range(mode).1);
            names.iter().map(range).max().map_or(0, i64::from)
        };
        Latency {
            input: largest(&self.inputs, LatencyType::Capture),
            output: largest(&self.outputs, LatencyType::Playback),
            midi: largest(&self.midi, LatencyType::Capture),
        }
    }
}

/// The full name of the MIDI port that is meant: by its name, by that of its hardware, or by a part of either.
fn midi_source(client: &Client, wanted: &str) -> Result<String, String> {
    let mut names = client.ports(None, Some(MIDI), PortFlags::IS_OUTPUT);
    names.retain(|name| !name.starts_with(&format!("{}:", client.name())));
    let alias = |name: &String| {
        let port = client.port_by_name(name)?;
        port.aliases().ok()?.into_iter().next()
    };
    let shown: Vec<String> = names
        .iter()
        .map(|name| alias(name).map_or(name.clone(), |alias| format!("{name} ({alias})")))
        .collect();
    let exact = names.iter().position(|name| name == wanted);
    let place = exact.map_or_else(|| crate::midi::choose(&shown, wanted), Ok)?;
    names.get(place).cloned().ok_or_else(|| format!("the MIDI input '{wanted}' has gone"))
}

/// What the server has to offer, as `client` sees it.
pub(super) fn offer(client: &Client) -> Offer {
    let ours = format!("{}:", client.name());
    let names = client.ports(None, None, PortFlags::empty());
    let ports = names
        .into_iter()
        .filter(|name| !name.starts_with(&ours))
        .filter_map(|name| port(client, name))
        .collect();
    Offer {
        rate: Some(client.sample_rate()),
        period: Some(client.buffer_size() as usize),
        ports,
        devices: Vec::new(),
    }
}

/// Whether a port carries MIDI.
pub(super) fn is_midi(port: &jack::Port<jack::Unowned>) -> bool {
    port.port_type().is_ok_and(|kind| kind == MIDI)
}

/// `None` if the port has gone meanwhile.
fn port(client: &Client, name: String) -> Option<HardwarePort> {
    let port = client.port_by_name(&name)?;
    let kind = match port.port_type().ok()?.as_str() {
        AUDIO => PortKind::Audio,
        MIDI => PortKind::Midi,
        _ => PortKind::Other,
    };
    let flags = port.flags();
    let (direction, mode) = if flags.contains(PortFlags::IS_OUTPUT) {
        (PortDirection::Capture, LatencyType::Capture)
    } else {
        (PortDirection::Playback, LatencyType::Playback)
    };
    Some(HardwarePort {
        aliases: port.aliases().unwrap_or_default(),
        kind,
        direction,
        physical: flags.contains(PortFlags::IS_PHYSICAL),
        latency: i64::from(port.get_latency_range(mode).1),
        name,
    })
}
