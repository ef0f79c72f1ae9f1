//! `omega template`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::Output;

/// Write a template: tracks, routes and devices, without clips, media, automation and markers
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  omega template Song.omega Band.json && omega new Next.omega --template Band.json"
)]
pub struct Template {
    /// The session
    session: PathBuf,
    /// The file to write; one that is there is not written over
    file: PathBuf,
}

impl Template {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        if self.file.symlink_metadata().is_ok() {
            let file = self.file.display();
            return Err(Failure::failed(format!(
                "{file} is there already; choose another name or remove it"
            )));
        }
        output.read(&self.session)?.save_template(&self.file)?;
        output.say(format_args!("wrote {}", self.file.display()));
        Ok(())
    }
}
