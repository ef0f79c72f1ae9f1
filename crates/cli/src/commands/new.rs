//! `omega new`

use std::path::{Path, PathBuf};

use omega_studio::Studio;
use omega_studio::session::{CreateOptions, Project};
use omega_studio::time::SampleRate;

use crate::failure::Failure;
use crate::output::Output;

/// Create an empty session, or one from a template
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega new Song.omega --name 'My song' --rate 96000\n  \
                        omega new Song.omega --template Band.json")]
pub struct New {
    /// Folder to create; it must not exist yet
    session: PathBuf,
    /// Its name [default: that of the folder]
    #[arg(long)]
    name: Option<String>,
    /// Frames per second [default: those of the template, else 48000]
    #[arg(long)]
    rate: Option<u32>,
    /// Start with what this template has (`omega template` writes one)
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Make all ids from this seed, so that the same commands give the same session
    #[arg(long)]
    seed: Option<u64>,
}

impl New {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let stem = || self.session.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        let template = self.template.as_deref().map(read).transpose()?;
        let default = template.as_ref().map_or(SampleRate::HZ_48000, Project::sample_rate);
        let rate = self.rate.map_or(Ok(default), SampleRate::try_from);
        let sample_rate = rate.map_err(|error| Failure::usage(format!("--rate: {error}")))?;
        let options = CreateOptions {
            sample_rate,
            template,
            seed: self.seed,
            author: output.author.clone(),
            ..CreateOptions::new(&name)
        };
        Studio::create(&self.session, &options)?.save()?;
        output.say(format_args!("created {}", self.session.display()));
        Ok(())
    }
}

/// The project of a template.
fn read(path: &Path) -> Result<Project, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::failed(format!("'{}': {why}", path.display()));
    if !path.is_file() {
        return Err(failed(&"there is no such template; `omega template` writes one"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    Project::from_text(&text).map(|project| project.as_template()).map_err(|error| failed(&error))
}
