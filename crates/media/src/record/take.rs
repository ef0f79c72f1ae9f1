//! One take that is being written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use omega_rt::tape::{Found, TapeReader, What};

use super::log::{LogWriter, TakeLog};
use super::when::When;
use super::{Finished, FinishedTake, RecordError, RecorderConfig, Shown, TakeSpec, UnfinishedTake, advice};
use crate::bext::Bext;
use crate::write::{Depth, Format, WriteError, Writer};

/// Bytes that are given to the file at once at most; so it never writes before it is asked to.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long to wait before a disk that refused is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// A take under way.
pub(super) struct Take {
    pub log: TakeLog,
    pub file: PathBuf,
    log_file: PathBuf,
    writer: Writer,
    log_writer: LogWriter,
    tape: TapeReader,
    shown: Arc<Shown>,
    interleaved: Vec<f32>,
    planar: Vec<Vec<f32>>,
    /// Bytes that the file has not got yet.
    pending: usize,
    /// Silent frames that a hole still needs.
    silence: u64,
    /// When to try again.
    again: Option<Instant>,
}

impl Take {
    pub fn create(config: &RecorderConfig, spec: TakeSpec) -> Result<Self, RecordError> {
        let when = When::now();
        let channels = spec.tape.channels();
        let begun = format!("{} {}", when.date(), when.time());
        let (track, name, rate) = (spec.track, spec.name, config.rate);
        let log = TakeLog { track, name, rate, channels, begun, ..TakeLog::default() };
        let (file, log_file, log_writer) = begin(config, &log, when)?;
        let bext = Bext {
            description: format!("Take of {}", log.name),
            originator: "OmegaStudio".to_owned(),
            originator_reference: log.track.clone(),
            origination_date: when.date(),
            origination_time: when.time(),
            time_reference: u64::try_from(spec.position).unwrap_or(0),
            version: 1,
            coding_history: format!("omega-take track={}\r\n", log.track),
            ..Bext::default()
        };
        let format = Format { bext: Some(bext), ..Format::wav(Depth::Float32, channels, config.rate) };
        let writer = Writer::create(&file, format).inspect_err(|_| {
            // It says nothing yet.
            let _ = fs::remove_file(&log_file);
        })?;
        let frames = (CHUNK_BYTES / 4 / channels.max(1)).max(1);
        Ok(Self {
            log,
            file,
            log_file,
            writer,
            log_writer,
            tape: spec.tape,
            shown: Arc::default(),
            interleaved: vec![0.0; frames * channels],
            planar: vec![vec![0.0; frames]; channels],
            pending: 0,
            silence: 0,
            again: None,
        })
    }

    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    pub fn file_to_sync(&self) -> Option<File> {
        File::options().read(true).write(true).open(&self.file).ok()
    }

    /// Removes the files of a take that never began.
    pub fn abandon(self) {
        let _ = fs::remove_file(&self.file);
        let _ = fs::remove_file(&self.log_file);
    }

    /// Takes what is on the tape into the file, and brings the file up to date. A disk that refuses is told and tried again
    /// later; until then nothing is taken from the tape.
    pub fn work(&mut self) {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        match self.take_all() {
            Ok(()) => {
                if self.again.take().is_some() {
                    self.shown.set_problem(None);
                }
            }
            Err(error) => {
                self.again = Some(Instant::now() + AGAIN);
                self.shown.set_problem(Some(advice(&error)));
            }
        }
    }

    fn take_all(&mut self) -> Result<(), WriteError> {
        // What a refusal left over comes first.
        self.flush()?;
        self.fill_hole()?;
        while let Some(found) = self.tape.next(&mut self.interleaved) {
            match found {
                Found::Frames(count) => {
                    for (channel, row) in self.planar.iter_mut().enumerate() {
                        let samples = self.interleaved.iter().skip(channel).step_by(self.log.channels.max(1));
                        row.iter_mut().zip(samples).take(count).for_each(|(to, from)| *to = *from);
                    }
                    self.put(count)?;
                }
                Found::Mark(what) => {
                    self.note(what);
                    self.fill_hole()?;
                }
            }
        }
        self.flush()
    }

    /// Gives the first `count` frames of `planar` to the file, which does not refuse: it only keeps them until it is flushed.
    fn put(&mut self, count: usize) -> Result<(), WriteError> {
        let rows: Vec<&[f32]> = self.planar.iter().map(|row| row.get(..count).unwrap_or(row)).collect();
        self.writer.write(&rows)?;
        self.pending += count * 4 * self.log.channels;
        if self.pending >= 2 * CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    fn note(&mut self, what: What) {
        let at = i64::try_from(self.writer.frames()).unwrap_or(i64::MAX);
        match what {
            What::From { position } => self.log_writer.say(&format!("from {at} {position}")),
            What::Hole { position, lost } => {
                let frames = self.lost(lost);
                if lost <= u64::from(self.log.rate) {
                    self.log_writer.say(&format!("hole {at} {frames}"));
                    self.silence = lost;
                } else {
                    // So much silence is not worth its space: what follows is a stretch of its own.
                    self.log_writer.say(&format!("end {at}\ngap {at} {frames}\nfrom {at} {position}"));
                }
            }
            What::End { lost, .. } => {
                let frames = self.lost(lost);
                let gap = if lost > 0 { format!("\ngap {at} {frames}") } else { String::new() };
                self.log_writer.say(&format!("end {at}{gap}"));
            }
        }
    }

    fn lost(&mut self, lost: u64) -> i64 {
        self.shown.lost.fetch_add(lost, Ordering::Relaxed);
        i64::try_from(lost).unwrap_or(i64::MAX)
    }

    /// Silence for frames that were lost, so that those behind it are in their place.
    fn fill_hole(&mut self) -> Result<(), WriteError> {
        let most = self.planar.first().map_or(0, Vec::len);
        while self.silence > 0 {
            let count = usize::try_from(self.silence).unwrap_or(most).min(most);
            self.planar.iter_mut().for_each(|row| row.fill(0.0));
            self.silence -= count as u64;
            self.put(count)?;
        }
        Ok(())
    }

    /// The log first: frames whose place is not known would be worth little.
    fn flush(&mut self) -> Result<(), WriteError> {
        let error = |path: &Path, error| WriteError::Io { path: path.to_owned(), offset: 0, error };
        self.log_writer.flush().map_err(|why| error(&self.log_file, why))?;
        if self.pending > 0 {
            self.writer.flush()?;
            self.pending = 0;
            self.shown.frames.store(self.writer.frames(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes the rest, completes the file and gives it its name.
    pub fn finish(mut self, media: &Path) -> Finished {
        let written = self.take_all();
        let in_file = self.shown.frames.load(Ordering::Relaxed);
        let unfinished = |take: &TakeLog, file: &Path, why: String| UnfinishedTake {
            name: take.name.clone(),
            file: file.to_owned(),
            frames: in_file,
            why,
        };
        if let Err(error) = written {
            return Err(unfinished(&self.log, &self.file, advice(&error)));
        }
        let Self { log, file, log_file, writer, mut log_writer, .. } = self;
        let summary = writer.finish().map_err(|error| unfinished(&log, &file, advice(&error)))?;
        if summary.frames == 0 {
            // Nothing was recorded, so nothing is lost.
            let _ = fs::remove_file(&file);
            let _ = fs::remove_file(&log_file);
            return Ok(None);
        }
        // The name is in the log before the file has it: whenever a kill comes, the log leads to the file.
        let name = format!("{}.wav", summary.hash);
        log_writer.say(&format!("kept {name}"));
        let kept = log_writer.flush().and_then(|()| log_writer.sync());
        let kept = kept.map_err(|error| error.to_string());
        let kept = kept.and_then(|()| {
            crate::import::settle(&file, media, &summary, Depth::Float32).map_err(|error| error.to_string())
        });
        let (file_name, was_there) = kept.map_err(|why| unfinished(&log, &file, why))?;
        if was_there {
            let _ = fs::remove_file(&file);
        }
        let frames = i64::try_from(summary.frames).unwrap_or(i64::MAX);
        let log = TakeLog::read(&log_file).map_err(|error| unfinished(&log, &file, error.to_string()))?;
        Ok(Some(FinishedTake { hash: summary.hash, file_name, frames, log: log.within(frames), log_file }))
    }
}

/// Begins a log under a name that nothing has yet; the file gets the same.
fn begin(
    config: &RecorderConfig,
    log: &TakeLog,
    when: When,
) -> Result<(PathBuf, PathBuf, LogWriter), RecordError> {
    let (log_file, writer) = begin_log(config, &log.track, when, super::ENDING, &log.head())?;
    Ok((log_file.with_extension("wav"), log_file, writer))
}

/// Begins a log that ends with `ending`, under a name that no recording has yet.
pub(super) fn begin_log(
    config: &RecorderConfig,
    track: &str,
    when: When,
    ending: &str,
    head: &str,
) -> Result<(PathBuf, LogWriter), RecordError> {
    let track: String = track.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    for number in 0.. {
        let more = if number == 0 { String::new() } else { format!("-{number}") };
        let stem = format!("{}-{track}{more}", when.stem());
        let log_file = config.folder.join(format!("{stem}.{ending}"));
        if config.folder.join(format!("{stem}.wav")).exists() {
            continue;
        }
        match LogWriter::create(&log_file, head) {
            Ok(writer) => return Ok((log_file, writer)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let _ = fs::remove_file(&log_file);
                return Err(RecordError::Folder { path: log_file, error });
            }
        }
    }
    Err(RecordError::Folder { path: config.folder.clone(), error: std::io::ErrorKind::AlreadyExists.into() })
}
