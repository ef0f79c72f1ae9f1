//! `omega clean`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// Remove files of the session that nothing in it and no step of its history needs
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega clean Song.omega --dry-run\n  omega clean Song.omega\n\n\
                        What an undo could bring back is kept. The files are printed, one a line.")]
pub struct Clean {
    /// The session
    session: PathBuf,
    /// Only say which files that would be
    #[arg(long)]
    dry_run: bool,
}

impl Clean {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let cleaned = match self.dry_run {
            true => output.read(&self.session)?.unused_files()?,
            false => output.open(&self.session)?.clean_up()?,
        };
        cleaned.files.iter().try_for_each(|file| output.print(plain(file.display())))?;
        for folder in &cleaned.linked {
            output.say(format_args!(
                "{} is a link to another folder, which others may use: look through that one yourself",
                folder.display()
            ));
        }
        let done = if self.dry_run { "would be" } else { "were" };
        output.say(format_args!("{} files of {} bytes {done} removed", cleaned.files.len(), cleaned.bytes));
        Ok(())
    }
}
