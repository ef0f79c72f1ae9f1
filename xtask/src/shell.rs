//! Running other programs, asking the person at the terminal, and timing stages.

use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// The cargo that runs this task, with `args`.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(crate::workspace::root());
    command
}

/// Runs `command` with the terminal's input and output.
///
/// # Errors
/// When the program cannot be started or ends with another status than 0.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| format!("cannot run {}: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", line(command)).into()) }
}

/// Whether `command` starts and ends with status 0; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Where `program` lies in `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether a person can answer a question here.
pub fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

/// Asks a yes/no question; anything but y or yes is no.
pub fn ask(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    if std::io::stderr().flush().is_err() {
        return false;
    }
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Named stages, each run to its end and timed, so that one failure does not hide the next.
#[derive(Default)]
pub struct Stages {
    done: Vec<(String, Duration, Option<String>)>,
}

impl Stages {
    /// Runs one stage and prints what went wrong at once.
    pub fn stage(&mut self, name: &str, body: impl FnOnce() -> Result) {
        println!("\n== {name}");
        let start = Instant::now();
        let failure = body().err().map(|error| error.to_string());
        if let Some(failure) = &failure {
            eprintln!("FAILED: {failure}");
        }
        self.done.push((name.to_owned(), start.elapsed(), failure));
    }

    /// Prints the time of each stage.
    ///
    /// # Errors
    /// Names the stages that failed.
    pub fn finish(self) -> Result {
        println!();
        let mut failed = Vec::new();
        for (name, time, failure) in self.done {
            let verdict = if failure.is_some() { "FAILED" } else { "ok" };
            println!("{:>8.1} s  {verdict:<6}  {name}", time.as_secs_f64());
            if failure.is_some() {
                failed.push(name);
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_does_not_hide_the_next_and_fails_the_whole() {
        let mut stages = Stages::default();
        let mut reached = false;
        stages.stage("first", || Err("broken".into()));
        stages.stage("second", || {
            reached = true;
            Ok(())
        });
        assert!(reached);
        let message = stages.finish().unwrap_err().to_string();
        assert_eq!(message, "failed: first");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let message = run(&mut Command::new("no-such-program-here")).unwrap_err().to_string();
        assert!(message.contains("no-such-program-here"), "{message}");
    }
}
