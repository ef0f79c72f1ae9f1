//! Takes that were never finished: found, completed, or thrown away because somebody says so.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::log::{ENDING, Stretch, TakeLog, forget};
use super::{FinishedTake, UnfinishedTake};
use crate::import::import;
use crate::read::open;

/// A take that waits in the folder of recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTake {
    /// The audio; gone where it was finished and moved already.
    pub file: PathBuf,
    /// The log; missing where only the audio was found.
    pub log_file: Option<PathBuf>,
    /// What is known of it, bounded by the audio that is there.
    pub log: TakeLog,
    /// Frames that are there.
    pub frames: i64,
    /// Why it cannot be opened, if so.
    pub problem: Option<String>,
}

/// All takes in `folder` that no session has taken over, by name. A folder that is not there is empty. `media` is where finished files
/// are.
///
/// # Errors
/// The system's, when the folder cannot be read.
pub fn unfinished(folder: &Path, media: &Path) -> io::Result<Vec<FoundTake>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    let ends = |path: &Path, with: &str| path.extension().is_some_and(|ending| ending == with);
    let logs = paths.iter().filter(|path| ends(path, ENDING)).map(|path| by_log(path, media));
    let alone = |path: &&PathBuf| ends(path, "wav") && !path.with_extension(ENDING).exists();
    let audio = paths.iter().filter(alone).map(|path| by_audio(path));
    Ok(logs.chain(audio).collect())
}

fn by_log(log_file: &Path, media: &Path) -> FoundTake {
    let beside = log_file.with_extension("wav");
    let (log, bad) = match TakeLog::read(log_file) {
        Ok(log) => (log, None),
        Err(error) => (TakeLog::default(), Some(format!("its log cannot be read: {error}"))),
    };
    let moved = log.kept.as_ref().map(|name| media.join(name)).filter(|_| !beside.exists());
    let file = moved.unwrap_or(beside);
    let (frames, problem) = match open(&file) {
        Ok(audio) => (audio.info().frames.unwrap_or(0), bad),
        Err(error) => (0, bad.or(Some(error.to_string()))),
    };
    FoundTake { file, log_file: Some(log_file.to_owned()), log: log.within(frames), frames, problem }
}

fn by_audio(file: &Path) -> FoundTake {
    let mut found = FoundTake {
        file: file.to_owned(),
        log_file: None,
        log: TakeLog::default(),
        frames: 0,
        problem: None,
    };
    match open(file) {
        Ok(audio) => {
            let info = audio.info();
            found.frames = info.frames.unwrap_or(0);
            (found.log.rate, found.log.channels) = (info.rate, info.channels);
            let mut position = 0;
            if let Some(bext) = &info.bext {
                position = i64::try_from(bext.time_reference).unwrap_or(0);
                found.log.track.clone_from(&bext.originator_reference);
                found.log.begun = format!("{} {}", bext.origination_date, bext.origination_time);
                let name = bext.description.strip_prefix("Take of ").unwrap_or(&bext.description);
                name.clone_into(&mut found.log.name);
            }
            found.log.stretches = vec![Stretch { at: 0, position, frames: found.frames }];
        }
        Err(error) => found.problem = Some(error.to_string()),
    }
    found
}

/// Completes a take that was found: its audio goes into the media folder. The log, and the file, stay until the take is
/// [discarded](discard), which is for when it has its place in the session. `None` when there is not a single frame.
///
/// # Errors
/// [`UnfinishedTake`]; all stays as it was.
pub fn recover(found: &FoundTake, rate: u32, media: &Path) -> Result<Option<FinishedTake>, UnfinishedTake> {
    let fail = |why: String| UnfinishedTake {
        name: found.log.name.clone(),
        file: found.file.clone(),
        frames: u64::try_from(found.frames).unwrap_or(0),
        why,
    };
    if let Some(problem) = &found.problem {
        return Err(fail(problem.clone()));
    }
    if found.frames == 0 {
        return Ok(None);
    }
    if found.log.rate != rate {
        return Err(fail(format!(
            "it was recorded at {} frames per second and the session has {rate}",
            found.log.rate
        )));
    }
    let info = import(&found.file, rate, media, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| fail(error.to_string()))?;
    Ok(Some(FinishedTake {
        hash: info.hash,
        file_name: info.file_name,
        frames: info.frames,
        log: found.log.clone().within(info.frames),
        log_file: found.log_file.clone().unwrap_or_default(),
    }))
}

/// Throws away what is left of a take: its log, and its file if that is still among the recordings. Only for takes that have their
/// place in the session, or that somebody does not want.
///
/// # Errors
/// The system's.
pub fn discard(found: &FoundTake) -> io::Result<()> {
    let beside = found.log_file.as_ref().map_or_else(|| found.file.clone(), |log| log.with_extension("wav"));
    forget(&beside)?;
    found.log_file.as_deref().map_or(Ok(()), forget)
}
