//! `omega arm`

use std::path::PathBuf;

use clap::ValueEnum;
use omega_studio::session::edit::{Edit, TrackArm, TrackMidiInput};

use crate::failure::Failure;
use crate::output::Output;
use crate::parse;

/// Arm a track for recording, or disarm it
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega edit Song.omega track.input --id trk-1 --input '[0,1]'\n  \
                        omega arm Song.omega Vocals on\n  omega arm Song.omega Piano on --midi-in 'KeyStep'\n  omega arm Song.omega trk-1 off\n\n\
                        `omega devices` lists the inputs, of MIDI too.")]
pub struct Arm {
    /// The session
    session: PathBuf,
    /// The track: its id or its name
    track: String,
    /// Armed or not
    #[arg(value_enum)]
    state: State,
    /// The MIDI input that it hears and records: its name or a part of it that no other has; '' for none
    #[arg(long, value_name = "PORT")]
    midi_in: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    On,
    Off,
}

impl Arm {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        let project = studio.project();
        let id = parse::track(&project, &self.track)?;
        let on = self.state == State::On;
        let deaf =
            project.track(&id).is_some_and(|track| track.input.is_empty() && track.midi_input.is_empty());
        if on && deaf && self.midi_in.is_none() {
            output.say(format_args!(
                "note: the track has no input yet: omega edit {} track.input --id {id} --input '[0]', or for MIDI \
                 omega arm {} {id} on --midi-in PORT",
                self.session.display(),
                self.session.display()
            ));
        }
        let mut edits: Vec<Edit> = vec![TrackArm { id: id.clone(), on }.into()];
        edits.extend(self.midi_in.map(|name| TrackMidiInput { id, name }.into()));
        studio.apply(if on { "arm" } else { "disarm" }, &edits)?;
        Ok(studio.save()?)
    }
}
