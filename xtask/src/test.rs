//! `cargo xtask test`: everything that must hold, in one command, on a fresh machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::scan::Scanner;
use crate::shell::{self, Stages};
use crate::{Result, check, rt, setup, workspace};

/// Sets up, checks, and runs every test. Goes on after a failure, so that one run shows all of them.
///
/// # Errors
/// Names the stages that failed.
pub fn run(yes: bool) -> Result {
    let mut stages = Stages::default();
    let mut scanner = Scanner::default();
    setup::run_for_build(yes)?;
    check::add_stages(&mut stages, false);
    stages.stage("tests", || {
        // Some tests run examples; built with the whole workspace, these share its dependencies.
        shell::run(&mut shell::cargo(&["build", "--locked", "--workspace", "--examples"]))?;
        let mut command = shell::cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
        command.args(["--lib", "--bins", "--tests", "--", "--show-output"]);
        command.env("OMEGA_EXAMPLES_ARE_BUILT", "1");
        run_tests(&mut command, "tests", &mut scanner)
    });
    stages.stage("doc tests", || {
        let mut command = shell::cargo(&["test", "--locked", "--workspace", "--no-fail-fast", "--doc"]);
        run_tests(&mut command, "doc-tests", &mut scanner)
    });
    stages.stage("real-time ladder", || rt::climb(&[], &mut scanner));
    stages.stage("hostile input", || {
        // Built with the tests: `cargo run` would build much of it anew, with fewer features.
        let program = target()?.join("debug").join(format!("omega-fuzz{}", std::env::consts::EXE_SUFFIX));
        shell::run(Command::new(program).args(["--seconds", "5"]))
    });
    report(&scanner);
    let verdict = stages.finish();
    // The last line is in a form that people and programs know.
    println!("\n{} passed, {} failed, {} skipped", scanner.ran(), scanner.failed, scanner.skips.len());
    verdict
}

/// Where this workspace builds.
///
/// # Errors
/// When cargo cannot say.
pub fn target() -> Result<PathBuf> {
    Ok(workspace::metadata()?.target_directory.into_std_path_buf())
}

/// Runs a test command, shows what a person should see, and keeps the whole output in `target/xtask/NAME.log`.
///
/// # Errors
/// A test failed, or the command cannot be run.
pub fn run_tests(command: &mut Command, name: &str, scanner: &mut Scanner) -> Result {
    let folder = target()?.join("xtask");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.log"));
    let mut log = File::create(&path)?;
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
    let output = child.stdout.take().ok_or("the output of cargo test cannot be read")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(log, "{line}")?;
        if scanner.line(&line) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} ({status}); whole output: {}", shell::line(command), path.display()).into())
}

fn report(scanner: &Scanner) {
    println!("\n== summary");
    // Again at the end: between a failure and the summary lie thousands of lines.
    for failure in &scanner.failures {
        println!("FAILED: {}\n    {}", failure.test, failure.output.join("\n    ").trim_end());
    }
    if scanner.ignored > 0 {
        println!("{} tests are marked #[ignore] and did not run", scanner.ignored);
    }
    if scanner.skips.is_empty() {
        println!("no test was skipped");
        return;
    }
    println!("SKIPPED on this machine ({}):", scanner.skips.len());
    for skip in &scanner.skips {
        println!("  {}: {}", skip.test, skip.reason);
    }
}
