//! `omega history`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// List all steps, oldest first
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega history Song.omega --last 20")]
pub struct History {
    /// The session
    session: PathBuf,
    /// Only so many of the latest
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

impl History {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let history = output.read(&self.session)?.history();
        let from = history.len().saturating_sub(self.last.unwrap_or(usize::MAX));
        let shown = &history[from..];
        if self.json {
            return output.json(&serde_json::to_value(shown).map_err(Failure::failed)?);
        }
        for entry in shown {
            let kind = format!("{:?}", entry.kind).to_lowercase();
            let undone = if entry.undone { "  (undone)" } else { "" };
            output.print(format_args!(
                "{}\t{}\t{kind}\t{}{undone}",
                entry.id,
                plain(&entry.author),
                plain(&entry.name)
            ))?;
        }
        Ok(())
    }
}
