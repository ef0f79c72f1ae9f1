//! `omega completions`

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;

/// Print what a shell needs to complete commands
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  omega completions bash > ~/.local/share/bash-completion/completions/omega"
)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "omega", &mut text);
        Ok(std::io::stdout().write_all(&text)?)
    }
}
