//! Listing the presets of a file: what the child does, and how it is watched.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clap::{Acting, Role, presets_of};
use crate::plugin::WorkerProgram;
use crate::preset::Presets;
use crate::sandbox::{Line, Patience, Worker};
use crate::service::Command;

/// How often it is looked whether the child has had its time.
const TICK: Duration = Duration::from_millis(10);
/// The host takes what it is sent within this time, or is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The child: lists the presets of `file`.
pub(crate) fn presets_main(line: &mut Line, file: &Path) -> io::Result<()> {
    let _acting = Acting::enter(Role::Main);
    let listed = presets_of(file).unwrap_or_else(|error| {
        let troubles = vec![error.to_string()];
        Presets { troubles, ..Presets::default() }
    });
    line.send(&listed, &[], PATIENCE)
}

/// Has a child list them.
pub(super) fn ask(program: &WorkerProgram, file: &Path, patience: Duration) -> io::Result<Presets> {
    let mut worker = Worker::start(program)?;
    let trouble = |what: String| Presets { troubles: vec![what], ..Presets::default() };
    let command = Command::Presets(PathBuf::from(file));
    if worker.line.send(&command, &[], patience).is_err() {
        return Ok(trouble(crashed(&mut worker)));
    }
    let mut waited = Patience::new(patience, &worker);
    while !worker.line.ready(TICK)? {
        if waited.is_over(&worker) {
            return Ok(trouble(format!("it did not answer within {} s", patience.as_secs_f32())));
        }
    }
    match worker.line.receive::<Presets>(patience) {
        Ok((listed, _)) => Ok(listed.bounded()),
        Err(_) => Ok(trouble(crashed(&mut worker))),
    }
}

fn crashed(worker: &mut Worker) -> String {
    match worker.ending() {
        Some(end) => format!("it crashed: the process that asked it {end}"),
        None => "it broke the line to the process that asked it".to_owned(),
    }
}
