//! `omega new`

use std::path::PathBuf;

use omega_studio::Studio;
use omega_studio::session::CreateOptions;
use omega_studio::time::SampleRate;

use crate::failure::Failure;
use crate::output::Output;

/// Create an empty session
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega new Song.omega --name 'My song' --rate 96000")]
pub struct New {
    /// Folder to create; it must not exist yet
    session: PathBuf,
    /// Its name [default: that of the folder]
    #[arg(long)]
    name: Option<String>,
    /// Frames per second
    #[arg(long, default_value_t = 48_000)]
    rate: u32,
    /// Make all ids from this seed, so that the same commands give the same session
    #[arg(long)]
    seed: Option<u64>,
}

impl New {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let stem = || self.session.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        let sample_rate =
            SampleRate::try_from(self.rate).map_err(|error| Failure::usage(format!("--rate: {error}")))?;
        let options = CreateOptions {
            sample_rate,
            seed: self.seed,
            author: output.author.clone(),
            ..CreateOptions::new(&name)
        };
        Studio::create(&self.session, &options)?.save()?;
        output.say(format_args!("created {}", self.session.display()));
        Ok(())
    }
}
