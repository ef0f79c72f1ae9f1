//! `omega arm`

use std::path::PathBuf;

use clap::ValueEnum;
use omega_studio::session::edit::TrackArm;

use crate::failure::Failure;
use crate::output::Output;
use crate::parse;

/// Arm a track for recording, or disarm it
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega edit Song.omega track.input --id trk-1 --input '[0,1]'\n  \
                        omega arm Song.omega Vocals on\n  omega arm Song.omega trk-1 off")]
pub struct Arm {
    /// The session
    session: PathBuf,
    /// The track: its id or its name
    track: String,
    /// Armed or not
    #[arg(value_enum)]
    state: State,
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
        if on && project.track(&id).is_some_and(|track| track.input.is_empty()) {
            output.say(format_args!(
                "note: the track has no input yet: omega edit {} track.input --id {id} --input '[0]'",
                self.session.display()
            ));
        }
        studio.apply(if on { "arm" } else { "disarm" }, &[TrackArm { id, on }.into()])?;
        Ok(studio.save()?)
    }
}
