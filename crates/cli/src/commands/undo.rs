//! `omega undo` and `omega redo`

use std::path::PathBuf;

use omega_studio::Studio;
use omega_studio::session::Applied;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// Undo the last step
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  omega undo Song.omega --times 3\n\nUndo works over restarts, without end."
)]
pub struct Undo {
    /// The session
    session: PathBuf,
    /// How many steps
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

/// Redo what was undone last
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega redo Song.omega")]
pub struct Redo {
    /// The session
    session: PathBuf,
    /// How many steps
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

impl Undo {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        steps(&mut studio, self.times, "undo", output, |studio| Ok(studio.undo()?))
    }
}

impl Redo {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        steps(&mut studio, self.times, "redo", output, |studio| Ok(studio.redo()?))
    }
}

/// Does up to so many steps; none at all is a failure.
fn steps(
    studio: &mut Studio,
    times: u32,
    verb: &str,
    output: &Output,
    step: impl Fn(&mut Studio) -> Result<Option<Applied>, Failure>,
) -> Result<(), Failure> {
    let mut names = Vec::new();
    for _ in 0..times {
        let Some(done) = step(studio)? else { break };
        names.push(done.name);
    }
    if names.is_empty() {
        return Err(Failure::failed(format!("there is nothing to {verb}")));
    }
    // First what was asked for, then what is said about it: nobody may be there to read it.
    studio.save()?;
    names.iter().try_for_each(|name| output.print(format_args!("{verb}: {}", plain(name))))
}
