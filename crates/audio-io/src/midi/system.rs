//! The system's own MIDI, where there is no JACK.

use std::sync::Arc;

use super::MidiFeed;
use crate::shared::Shared;

/// MIDI inputs of the system, for people to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MidiInputs {
    /// What they belong to: `ALSA sequencer`, `CoreMIDI`, `Windows`.
    pub system: &'static str,
    /// Their names, or why there are none and what to do about it.
    pub names: Result<Vec<String>, String>,
}

const SYSTEM: &str = if cfg!(target_os = "linux") {
    "ALSA sequencer"
} else if cfg!(target_os = "macos") {
    "CoreMIDI"
} else {
    "Windows"
};

/// Lists the system's MIDI inputs. Those of JACK are among the ports of its [`Offer`](crate::Offer). Not real-time safe.
#[must_use]
pub fn midi_inputs() -> MidiInputs {
    MidiInputs { system: SYSTEM, names: imp::names() }
}

/// The place of the input that is meant in a list of names: its whole name, or a part of one that no other has.
pub(crate) fn choose(names: &[String], wanted: &str) -> Result<usize, String> {
    if let Some(place) = names.iter().position(|name| name == wanted) {
        return Ok(place);
    }
    let part = wanted.to_lowercase();
    let mut found = names.iter().enumerate().filter(|(_, name)| name.to_lowercase().contains(&part));
    let all = || {
        if names.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        }
    };
    match (found.next(), found.next()) {
        (Some((place, _)), None) => Ok(place),
        (None, _) => Err(format!("there is no MIDI input '{wanted}'; {}", all())),
        (Some(_), Some(_)) => Err(format!("'{wanted}' is a part of several MIDI inputs; {}", all())),
    }
}

/// Opens those that are named, each under its place in the list. What cannot be had is told in sentences.
pub(crate) fn open(client: &str, wanted: &[String], shared: &Arc<Shared>) -> (Option<MidiFeed>, Vec<String>) {
    imp::open(client, wanted, shared)
}

#[cfg(feature = "midi")]
mod imp {
    use midir::{Ignore, MidiInput};

    use super::{Arc, MidiFeed, Shared, choose};
    use crate::midi::feed::MidiSender;

    fn input(client: &str) -> Result<MidiInput, String> {
        // The library would say it on the terminal, and not as clearly.
        #[cfg(target_os = "linux")]
        if !std::path::Path::new("/dev/snd/seq").exists() {
            return Err(
                "no MIDI input: the ALSA sequencer is not there (/dev/snd/seq is missing); load it with \
                        `modprobe snd-seq`, or use JACK (`--backend jack`)"
                    .to_owned(),
            );
        }
        let mut input = MidiInput::new(client).map_err(|error| format!("no MIDI input: {error}"))?;
        input.ignore(Ignore::All);
        Ok(input)
    }

    fn names_of(input: &MidiInput) -> Vec<String> {
        let names = input.ports().into_iter();
        names.map(|port| input.port_name(&port).unwrap_or_else(|_| "unknown".to_owned())).collect()
    }

    pub(super) fn names() -> Result<Vec<String>, String> {
        input("omega-look").map(|input| names_of(&input))
    }

    pub(super) fn open(
        client: &str,
        wanted: &[String],
        shared: &Arc<Shared>,
    ) -> (Option<MidiFeed>, Vec<String>) {
        let (mut sources, mut connections, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (number, name) in wanted.iter().enumerate() {
            let opened = input(client).and_then(|input| {
                let ports = input.ports();
                let place = choose(&names_of(&input), name)?;
                let gone = || format!("the MIDI input '{name}' has gone");
                let port = ports.get(place).ok_or_else(gone)?;
                let (mut sender, source) =
                    MidiSender::new(u16::try_from(number).unwrap_or(u16::MAX), Arc::clone(shared));
                let receive = move |micros: u64, message: &[u8], (): &mut ()| sender.send(micros, message);
                let connection = input.connect(port, &format!("midi_{}", number + 1), receive, ());
                let connection = connection
                    .map_err(|error| format!("the MIDI input '{name}' cannot be opened: {error}"))?;
                Ok((source, connection))
            });
            match opened {
                Ok((source, connection)) => {
                    sources.push(source);
                    connections.push(Box::new(connection) as Box<dyn Send>);
                }
                Err(why) if warnings.contains(&why) => {}
                Err(why) => warnings.push(why),
            }
        }
        let feed = (!sources.is_empty()).then(|| MidiFeed::new(sources, connections));
        (feed, warnings)
    }
}

#[cfg(not(feature = "midi"))]
mod imp {
    use super::{Arc, MidiFeed, Shared};

    const MISSING: &str = "no MIDI input: this build is without the system's MIDI (feature `midi`); use JACK";

    pub(super) fn names() -> Result<Vec<String>, String> {
        Err(MISSING.to_owned())
    }

    pub(super) fn open(_: &str, _: &[String], _: &Arc<Shared>) -> (Option<MidiFeed>, Vec<String>) {
        (None, vec![MISSING.to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_found_by_its_name_or_a_part_that_no_other_has() {
        let names = ["KeyStep 37 MIDI 1", "Launchkey MK3", "Launchpad X"].map(str::to_owned);
        assert_eq!(choose(&names, "Launchpad X"), Ok(2));
        assert_eq!(choose(&names, "keystep"), Ok(0));
        let why = choose(&names, "launch").expect_err("two");
        assert!(why.contains("several") && why.contains("Launchkey MK3"), "{why}");
        assert!(choose(&[], "any").expect_err("none").contains("there are none"));
    }

    #[test]
    fn where_the_system_has_no_midi_it_says_what_to_do() {
        if let Err(why) = midi_inputs().names {
            assert!(why.starts_with("no MIDI input: ") && why.contains("JACK"), "{why}");
            let (feed, warnings) = open(
                "omega",
                &["any".to_owned(), "other".to_owned()],
                &Arc::new(Shared::new(48_000, 256, None)),
            );
            assert!(feed.is_none() && warnings == [why], "{warnings:?}");
        }
    }
}
