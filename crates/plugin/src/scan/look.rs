//! Looks at one file: the child's side, and its host's.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FileScan;
use crate::clap::{Acting, Instance, Role, describe_file};
use crate::model::{MAX_PLUGINS, PluginInfo};
use crate::plugin::WorkerProgram;
use crate::sandbox::{Line, Patience, Worker};
use crate::service::Command;

/// What the child says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// These are in the file.
    Listed(Vec<PluginInfo>),
    /// The file cannot be loaded.
    Unreadable(String),
    /// This one is being made.
    Looking(usize),
    /// This is what it is, or why it is not.
    Looked(usize, Result<Box<PluginInfo>, String>),
    /// That was all.
    Done,
}

/// How often it is looked whether a child has had its time.
const TICK: Duration = Duration::from_millis(10);
/// The host takes what it is sent within this time, or is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The child: looks at `file`, at its plugins from number `from` on.
pub(crate) fn look_main(line: &mut Line, file: &Path, from: usize) -> io::Result<()> {
    let _acting = Acting::enter(Role::Main);
    let listed = match describe_file(file) {
        Ok(listed) => listed,
        Err(error) => return line.send(&Said::Unreadable(error.to_string()), &[], PATIENCE),
    };
    line.send(&Said::Listed(listed.clone()), &[], PATIENCE)?;
    for (number, plugin) in listed.iter().enumerate().skip(from) {
        line.send(&Said::Looking(number), &[], PATIENCE)?;
        let looked = Instance::load(file, &plugin.id).map(|mut instance| Box::new(instance.info().plugin));
        let looked = looked.map_err(|error| error.to_string());
        line.send(&Said::Looked(number, looked), &[], PATIENCE)?;
    }
    line.send(&Said::Done, &[], PATIENCE)
}

/// A look under way.
#[derive(Default)]
struct Look {
    listed: Vec<PluginInfo>,
    looked: Vec<(usize, Result<Box<PluginInfo>, String>)>,
    /// The plugin that is being made.
    at: Option<usize>,
    unreadable: Option<String>,
    done: bool,
}

/// Looks at a file through children: as many as it takes to get past what crashes or hangs.
pub(super) fn look(program: &WorkerProgram, file: &Path, patience: Duration) -> io::Result<FileScan> {
    let mut scan = FileScan::default();
    let (mut from, mut listed) = (0, Vec::new());
    loop {
        let mut look = Look::default();
        let why = child(program, file, from, patience, &mut look)?;
        if !look.listed.is_empty() {
            listed = std::mem::take(&mut look.listed);
        }
        for (number, looked) in look.looked {
            match looked {
                Ok(info) => scan.plugins.push(*info),
                Err(why) => scan.troubles.push((id(&listed, number), why)),
            }
        }
        scan.troubles.extend(look.unreadable.map(|why| (None, why)));
        let Some(why) = why.filter(|_| !look.done) else { return Ok(scan) };
        let number = look.at.filter(|number| *number >= from);
        scan.troubles.push((number.and_then(|number| id(&listed, number)), why));
        match number {
            // What comes behind it may be well.
            Some(number) if number + 1 < listed.len() => from = number + 1,
            _ => return Ok(scan),
        }
    }
}

fn id(listed: &[PluginInfo], number: usize) -> Option<String> {
    listed.get(number).map(|plugin| plugin.id.clone())
}

/// One child; `Some` says why it did not come to its end.
fn child(
    program: &WorkerProgram,
    file: &Path,
    from: usize,
    patience: Duration,
    look: &mut Look,
) -> io::Result<Option<String>> {
    let mut worker = Worker::start(program)?;
    let command = Command::Look(PathBuf::from(file), from);
    if worker.line.send(&command, &[], patience).is_err() {
        return Ok(Some(crashed(&mut worker)));
    }
    let mut waited = Patience::new(patience, &worker);
    while !look.done {
        if !worker.line.ready(TICK)? {
            if waited.is_over(&worker) {
                return Ok(Some(format!("it did not answer within {} s", patience.as_secs_f32())));
            }
            continue;
        }
        let Ok((said, _)) = worker.line.receive::<Said>(patience) else {
            return Ok(Some(crashed(&mut worker)));
        };
        // Every word is a step; a child that says the same again and again is not listened to for ever.
        waited = Patience::new(patience, &worker);
        match said {
            Said::Listed(listed) => {
                look.listed = listed.into_iter().take(MAX_PLUGINS).map(PluginInfo::bounded).collect();
            }
            Said::Unreadable(why) => (look.unreadable, look.done) = (Some(why), true),
            Said::Looking(number) if look.at.is_none_or(|at| number > at) => look.at = Some(number),
            Said::Looked(number, looked) if look.at == Some(number) && look.looked.len() < MAX_PLUGINS => {
                look.looked.push((number, looked.map(|info| Box::new(info.bounded()))));
            }
            Said::Looking(_) | Said::Looked(..) => return Ok(Some("it said what makes no sense".to_owned())),
            Said::Done => look.done = true,
        }
    }
    Ok(None)
}

/// How the child ended. Its line breaks a moment before that can be seen.
fn crashed(worker: &mut Worker) -> String {
    match worker.ending() {
        Some(end) => format!("it crashed: the process that looked at it {end}"),
        None => "it broke the line to the process that looked at it".to_owned(),
    }
}
