//! Automation for this repository: `cargo xtask help` lists what it can do.
//!
//! The tool has one direct dependency, so that a fresh machine reaches the first useful line in seconds. It never
//! touches audio: it installs, checks, tests, and runs the programs of the workspace.

mod check;
mod claims;
mod demo;
mod edges;
mod fences;
mod licences;
mod rt;
mod scan;
mod setup;
mod shell;
mod sources;
mod spdx;
mod test;
mod workspace;

use std::process::ExitCode;

/// Any failure: a message that says what was wrong and what to do.
type Error = Box<dyn std::error::Error>;
/// The result of every task.
type Result<T = ()> = std::result::Result<T, Error>;

const HELP: &str = "\
Usage: cargo xtask <task> [options]

  setup [--yes]     install the Debian packages that the build, the tests and the demo need (asks first)
  demo              set up, build, write the demo session, render it, play it where a JACK server runs
  test [--yes]      set up, check, then every test, doc test and rung; says what was skipped and why
  rt [RUNG …]       the real-time ladder: fence, panics, loom, tsan, rtsan, watch (all of them if none is named)
  soak [--minutes N | --seconds N] [--tracks N] [--storm] [--idle] [--streamed]
                    plays in time beside two busy loops (--idle: without them) and measures each cycle
  check [--quick]   formatting, lints, docs, crate edges, fences, licences, pages (--quick: no compiling)
  bench [ARGS]      side-by-side benchmarks; ARGS go to omega-bench (try: cargo xtask bench --help)
  bench gui         the processor time of a frame of the window, for 200 tracks of 50 clips
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match args.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let result = match task {
        "setup" => only(rest, &["--yes"]).and_then(|()| setup::run(has(rest, "--yes"))),
        "check" => only(rest, &["--quick"]).and_then(|()| check::run(has(rest, "--quick"))),
        "test" => only(rest, &["--yes"]).and_then(|()| test::run(has(rest, "--yes"))),
        "demo" => only(rest, &["--yes"]).and_then(|()| demo::run(has(rest, "--yes"))),
        "rt" => rt::run(rest),
        "soak" => rt::soak(rest),
        "bench" => bench(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no task is called {other:?}\n\n{HELP}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses any option that is not in `known`.
fn only(args: &[String], known: &[&str]) -> Result {
    match args.iter().find(|arg| !known.contains(&arg.as_str())) {
        Some(arg) => Err(format!("option {arg:?} is not known here\n\n{HELP}").into()),
        None => Ok(()),
    }
}

fn has(args: &[String], option: &str) -> bool {
    args.iter().any(|arg| arg == option)
}

fn bench(args: &[String]) -> Result {
    if args.first().is_some_and(|arg| arg == "gui") {
        let what = ["run", "--release", "--quiet", "--package", "omega-gui", "--example", "frames"];
        return shell::run(&mut shell::cargo(&what));
    }
    let mut command = shell::cargo(&["run", "--release", "--quiet", "--package", "omega-bench", "--"]);
    command.args(args);
    shell::run(&mut command)
}
