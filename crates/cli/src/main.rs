//! The omega command line: everything that can be done with a session, by people and by scripts.
//!
//! Exit codes: 0 all is well, 1 it failed, 2 it was asked for wrongly, 130 it was interrupted.
#![forbid(unsafe_code)]

mod commands;
mod failure;
mod interrupt;
mod output;
mod parse;
mod through;

use std::process::ExitCode;

use clap::Parser;
use commands::Command;
use failure::Failure;
use output::Output;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: omega_studio::rt::guard::CountingAllocator = omega_studio::rt::guard::CountingAllocator;

/// OmegaStudio on the command line.
#[derive(Parser)]
#[command(
    name = "omega",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  omega demo Demo.omega && omega render Demo.omega -o demo.wav\n  omega new Song.omega && \
                  omega import Song.omega drums.wav bass.flac\n  omega edit Song.omega --list\n  omega play Song.omega\n\n\
                  Exit codes: 0 all is well, 1 it failed, 2 it was asked for wrongly, 130 it was interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say nothing but errors and what was asked for
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Who edits; undo and redo are each author's own [default: $OMEGA_AUTHOR, else the user's name]
    #[arg(long, global = true, value_name = "NAME")]
    author: Option<String>,
}

fn main() -> ExitCode {
    omega_studio::use_all_files();
    interrupt::outlive_file_limits();
    commands::host_plugins();
    let cli = Cli::parse();
    let done = author(cli.author).and_then(|author| {
        let output = Output { quiet: cli.quiet, verbose: cli.verbose, author };
        cli.command.run(&output)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Who edits. A name that was given has to be one; what the system says is taken as far as it is.
fn author(given: Option<String>) -> Result<String, Failure> {
    let is_name = |name: &String| !name.trim().is_empty() && !name.chars().any(char::is_control);
    let from = |name: &str| std::env::var(name).ok().filter(is_name);
    match given {
        Some(name) if is_name(&name) => Ok(name),
        Some(_) => Err(Failure::usage("--author: a name has letters, and is one line")),
        None => Ok(from("OMEGA_AUTHOR").or_else(|| from("USER")).unwrap_or_else(|| "me".to_owned())),
    }
}
