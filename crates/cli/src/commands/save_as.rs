//! `omega save-as`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::Output;

/// Save, and copy the whole session with its history and its media
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega save-as Song.omega 'Song, other ending.omega'")]
pub struct SaveAs {
    /// The session
    session: PathBuf,
    /// Folder to create; it must not exist yet
    copy: PathBuf,
}

impl SaveAs {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        // Nothing of the original changes, so it may be read-only, and open elsewhere.
        let mut studio = output.read(&self.session)?;
        studio.save_as(&self.copy)?;
        studio.save()?;
        output.say(format_args!("copied to {}", self.copy.display()));
        Ok(())
    }
}
