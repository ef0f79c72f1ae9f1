//! `omega collect`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::Output;

/// Copy media that lie outside into the session, so that its folder is all there is to keep
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega collect Song.omega")]
pub struct Collect {
    /// The session
    session: PathBuf,
}

impl Collect {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        let outside = studio.project().media().values().filter(|media| !media.is_collected()).count();
        studio.collect_media()?;
        studio.save()?;
        output.say(format_args!("{outside} files were copied into the session"));
        Ok(())
    }
}
