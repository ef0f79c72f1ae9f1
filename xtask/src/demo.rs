//! `cargo xtask demo`: from a fresh machine to sound, through the same commands that a user has.

use std::path::Path;
use std::process::Command;

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
    if jack_runs() {
        step(&omega, &["play".as_ref(), &session])?;
    } else {
        println!(
            "\nno JACK server runs here, so nothing is played; with one: {} play {}",
            omega.display(),
            session.display()
        );
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

/// Whether a client can reach a JACK server; it is never started from here.
fn jack_runs() -> bool {
    let mut list = Command::new("jack_lsp");
    shell::succeeds(list.env("JACK_NO_START_SERVER", "1"))
}
