//! `cargo xtask demo`: from a fresh machine to sound, through the same commands that a user has.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Result, setup, shell, workspace};

/// Builds `omega`, writes the demo session, renders it and, where a JACK server runs, plays it.
///
/// # Errors
/// When a step fails; the message names its command.
pub fn run(yes: bool) -> Result {
    setup::run_for_build(yes)?;
    shell::run(&mut shell::cargo(&["build", "--locked", "--release", "--package", "omega-cli"]))?;
    let target = workspace::metadata()?.target_directory.into_std_path_buf();
    let omega = target.join("release").join(format!("omega{}", std::env::consts::EXE_SUFFIX));
    let folder = target.join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let session = folder.join("Demo.omega");
    let wav = folder.join("demo.wav");
    step(&omega, &["demo".as_ref(), &session])?;
    step(&omega, &["render".as_ref(), &session, "-o".as_ref(), &wav])?;
    match why_silent(&omega, &session)? {
        None => {
            println!("\nplaying about a minute; Ctrl-C stops");
            step(&omega, &["play".as_ref(), &session])?;
        }
        Some(why) => println!(
            "\nnothing is played: {why}\nto hear it later: {} play {}",
            omega.display(),
            session.display()
        ),
    }
    println!("\nsession: {}\nrender:  {}", session.display(), wav.display());
    Ok(())
}

fn step(omega: &Path, args: &[&Path]) -> Result {
    let mut command = Command::new(omega);
    command.args(args);
    println!("\n$ {}", shell::line(&command));
    shell::run(&mut command)
}

/// Why the session cannot be played through JACK; `None` if it can: it is opened there and closed again.
fn why_silent(omega: &Path, session: &Path) -> Result<Option<String>> {
    let mut play = Command::new(omega);
    play.args(["play", "--quiet", "--backend", "jack", "--seconds", "0"]).arg(session);
    let output = play.stdin(Stdio::null()).output()?;
    let why = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| why.trim().trim_start_matches("error: ").to_owned()))
}
