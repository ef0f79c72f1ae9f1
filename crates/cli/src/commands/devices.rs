//! `omega devices`

use omega_studio::audio_io::{BackendState, JackOptions, MidiInputs, PortDirection, hardware, midi_inputs};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// List the hardware there is to play through, and the MIDI inputs
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega devices --json")]
pub struct Devices {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let reports = hardware(&JackOptions::default());
        let midi = midi_inputs();
        if self.json {
            let all = reports.iter().map(|report| match &report.state {
                BackendState::Unavailable { reason } => json!({"backend": report.name, "reason": reason}),
                BackendState::Available(offer) => {
                    let ports = offer.ports.iter().map(|port| {
                        json!({"name": port.name, "aliases": port.aliases, "physical": port.physical,
                            "kind": format!("{:?}", port.kind).to_lowercase(),
                            "direction": format!("{:?}", port.direction).to_lowercase(), "latency": port.latency})
                    });
                    let devices = offer.devices.iter().map(|device| {
                        json!({"name": device.name, "description": device.description, "input": device.input,
                            "output": device.output, "default": device.default})
                    });
                    json!({"backend": report.name, "rate": offer.rate, "period": offer.period,
                        "ports": ports.collect::<Vec<_>>(), "devices": devices.collect::<Vec<_>>()})
                }
            });
            let midi = match &midi.names {
                Ok(names) => json!({"backend": "midi", "system": midi.system, "inputs": names}),
                Err(reason) => json!({"backend": "midi", "system": midi.system, "reason": reason}),
            };
            return output.json(&json!(all.chain([midi]).collect::<Vec<_>>()));
        }
        for report in reports {
            output.print(format_args!("{}: {}", report.name, report.description))?;
            match report.state {
                BackendState::Unavailable { reason } => {
                    output.print(format_args!("  not available: {reason}"))?;
                }
                BackendState::Available(offer) => {
                    let any = |value: Option<String>| value.unwrap_or_else(|| "any".to_owned());
                    let (rate, period) =
                        (offer.rate.map(|n| n.to_string()), offer.period.map(|n| n.to_string()));
                    output.print(format_args!("  rate {} Hz, period {} frames", any(rate), any(period)))?;
                    for device in offer.devices {
                        let way = match (device.input, device.output) {
                            (true, true) => "in, out",
                            (true, false) => "in",
                            _ => "out",
                        };
                        let what = if device.default { "  (the default)" } else { "" };
                        let text = device.description.replace('\n', ", ");
                        output.print(format_args!("  {:<7}  {}  {text}{what}", way, device.name))?;
                    }
                    for port in offer.ports {
                        let way = if port.direction == PortDirection::Capture { "in " } else { "out" };
                        let what = if port.physical { "" } else { "  (a program)" };
                        output.print(format_args!("  {way} {:?}  {}{what}", port.kind, port.name))?;
                    }
                }
            }
        }
        tell_midi(&midi, output)
    }
}

/// The system's MIDI inputs; those of JACK are among its ports.
fn tell_midi(midi: &MidiInputs, output: &Output) -> Result<(), Failure> {
    output.print(format_args!("midi: {}", midi.system))?;
    match &midi.names {
        Err(reason) => output.print(format_args!("  not available: {reason}")),
        Ok(names) if names.is_empty() => output.print("  no inputs"),
        Ok(names) => names.iter().try_for_each(|name| output.print(format_args!("  in  {name}"))),
    }
}
