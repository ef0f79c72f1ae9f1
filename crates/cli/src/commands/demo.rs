//! `omega demo`

use std::path::PathBuf;

use omega_studio::Studio;
use omega_studio::session::CreateOptions;

use crate::failure::Failure;
use crate::output::Output;

/// Create a session with a song that makes itself
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  omega demo Demo.omega && omega play Demo.omega\n\nThe same session comes out each time."
)]
pub struct Demo {
    /// Folder to create
    session: PathBuf,
    /// Replace a session that is there already
    #[arg(long)]
    force: bool,
}

impl Demo {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let path = &self.session;
        if self.force && path.exists() {
            // Only what is a session is ever removed.
            if !path.join("project.json").is_file() && !path.join("history").is_dir() {
                return Err(Failure::failed(format!(
                    "'{}' is no session; it stays as it is",
                    path.display()
                )));
            }
            std::fs::remove_dir_all(path)
                .map_err(|error| Failure::failed(format!("cannot replace '{}': {error}", path.display())))?;
        }
        let mut studio = Studio::create(path, &CreateOptions::seeded("Demo", 1))?;
        let edits = omega_studio::demo(&studio.project(), studio.root()).map_err(Failure::failed)?;
        studio.apply("demo", &edits)?;
        studio.save()?;
        let project = studio.project();
        output.say(format_args!(
            "created {}: {} tracks, {} clips",
            path.display(),
            project.tracks().len(),
            project.clips().len()
        ));
        Ok(())
    }
}
