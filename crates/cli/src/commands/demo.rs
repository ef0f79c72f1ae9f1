//! `omega demo`

use std::path::PathBuf;

use omega_studio::Studio;
use omega_studio::session::{CreateOptions, OpenOptions};

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
            // Only what is a session, and nobody's at the moment, is ever removed.
            let stays = |why| Failure::failed(format!("'{}' stays as it is: {why}", path.display()));
            if !path.join("project.json").is_file() {
                return Err(stays("it is no session".to_owned()));
            }
            drop(
                Studio::open(path, &OpenOptions::new(&output.author))
                    .map_err(|why| stays(why.to_string()))?,
            );
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
