//! The commands, a file each.

mod arm;
mod calibrate;
mod completions;
mod demo;
mod devices;
mod doctor;
mod edit;
mod history;
mod import;
mod info;
mod new;
mod play;
mod record;
mod render;
mod takes;
mod through;
mod undo;

use crate::failure::Failure;
use crate::output::Output;

/// What can be done.
#[derive(clap::Subcommand)]
pub enum Command {
    New(new::New),
    Import(import::Import),
    Info(info::Info),
    Edit(edit::Edit),
    Undo(undo::Undo),
    Redo(undo::Redo),
    History(history::History),
    Play(play::Play),
    Arm(arm::Arm),
    Record(record::Record),
    Takes(takes::Takes),
    Calibrate(calibrate::Calibrate),
    Render(render::Render),
    Devices(devices::Devices),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New(command) => command.run(output),
            Self::Import(command) => command.run(output),
            Self::Info(command) => command.run(output),
            Self::Edit(command) => command.run(output),
            Self::Undo(command) => command.run(output),
            Self::Redo(command) => command.run(output),
            Self::History(command) => command.run(output),
            Self::Play(command) => command.run(output),
            Self::Arm(command) => command.run(output),
            Self::Record(command) => command.run(output),
            Self::Takes(command) => command.run(output),
            Self::Calibrate(command) => command.run(output),
            Self::Render(command) => command.run(output),
            Self::Devices(command) => command.run(output),
            Self::Doctor(command) => command.run(output),
            Self::Demo(command) => command.run(output),
            Self::Completions(command) => command.run(),
        }
    }
}
