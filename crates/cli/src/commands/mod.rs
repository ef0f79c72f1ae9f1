//! The commands, a file each.

mod arm;
mod calibrate;
mod clean;
mod collect;
mod completions;
mod demo;
mod devices;
mod doctor;
mod edit;
mod history;
mod import;
mod info;
mod kept;
mod midi;
mod new;
#[cfg(feature = "window")]
mod open;
mod play;
mod plugins;
mod record;
mod render;
mod save_as;
#[cfg(feature = "window")]
mod screenshot;
mod takes;
mod template;
mod undo;
mod unfinished;

use crate::failure::Failure;
use crate::output::Output;

pub use plugins::host as host_plugins;

/// What can be done.
#[derive(clap::Subcommand)]
pub enum Command {
    New(new::New),
    #[cfg(feature = "window")]
    Open(open::Open),
    Import(import::Import),
    Midi(midi::Midi),
    Info(info::Info),
    Edit(edit::Edit),
    Undo(undo::Undo),
    Redo(undo::Redo),
    Takes(takes::Takes),
    History(history::History),
    SaveAs(save_as::SaveAs),
    Template(template::Template),
    Collect(collect::Collect),
    Clean(clean::Clean),
    Play(play::Play),
    Arm(arm::Arm),
    Record(record::Record),
    Unfinished(unfinished::Unfinished),
    Calibrate(calibrate::Calibrate),
    Render(render::Render),
    #[cfg(feature = "window")]
    Screenshot(screenshot::Screenshot),
    Devices(devices::Devices),
    Plugins(plugins::Plugins),
    #[command(hide = true)]
    PluginWorker(plugins::Worker),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New(command) => command.run(output),
            #[cfg(feature = "window")]
            Self::Open(command) => command.run(output),
            Self::Import(command) => command.run(output),
            Self::Midi(command) => command.run(output),
            Self::Info(command) => command.run(output),
            Self::Edit(command) => command.run(output),
            Self::Undo(command) => command.run(output),
            Self::Redo(command) => command.run(output),
            Self::Takes(command) => command.run(output),
            Self::History(command) => command.run(output),
            Self::SaveAs(command) => command.run(output),
            Self::Template(command) => command.run(output),
            Self::Collect(command) => command.run(output),
            Self::Clean(command) => command.run(output),
            Self::Play(command) => command.run(output),
            Self::Arm(command) => command.run(output),
            Self::Record(command) => command.run(output),
            Self::Unfinished(command) => command.run(output),
            Self::Calibrate(command) => command.run(output),
            Self::Render(command) => command.run(output),
            #[cfg(feature = "window")]
            Self::Screenshot(command) => command.run(output),
            Self::Devices(command) => command.run(output),
            Self::Plugins(command) => command.run(output),
            Self::PluginWorker(command) => command.run(),
            Self::Doctor(command) => command.run(output),
            Self::Demo(command) => command.run(output),
            Self::Completions(command) => command.run(),
        }
    }
}
