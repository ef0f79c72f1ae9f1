//! Takes of MIDI: a log for each, which is all that there is of it.
//!
//! Lines of text, each a word and what belongs to it; only ever appended to, so that a kill costs what came after the last
//! time that it was written, every few milliseconds, and a line that is cut is passed over.
//!
//! ```text
//! omega-notes 1
//! track trk-4k2m9xqzab
//! name Piano
//! rate 48000
//! begun 2026-11-29 06:45:12
//! from 96000            a stretch begins with frame 96,000 of the time line
//! midi 96123 90 3c 40   a message at that frame: hexadecimal bytes
//! until 100096          the stretch lasts to here at least
//! end 480000            it ends before this frame
//! lost 12               so many messages had no room
//! done                  the take is complete
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use omega_rt::Consumer;
use omega_rt::notes::Played;

use super::log::LogWriter;
use super::when::When;
use super::{RecordError, RecorderConfig, Shown, end, spawn};

/// How the names of logs of MIDI end.
pub const NOTES: &str = "notes";
/// The first line.
const HEAD: &str = "omega-notes 1";
/// The position farthest from frame zero that is believed.
const FARTHEST: u64 = 1 << 60;
/// The largest log that is read, in bytes.
const LARGEST: u64 = 256 << 20;
/// How long to wait before a disk that refused is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// MIDI that was recorded in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteStretch {
    /// The time-line frame that it begins with.
    pub position: i64,
    /// The one that it ends before.
    pub end: i64,
    /// Messages with their frames of the time line, in the order in which they came, all within the stretch.
    pub messages: Vec<(i64, [u8; 3])>,
}

/// What a log of MIDI says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteLog {
    /// The track's id.
    pub track: String,
    /// The track's name.
    pub name: String,
    /// Frames per second.
    pub rate: u32,
    /// When it was begun, in UTC.
    pub begun: String,
    /// In the order of recording.
    pub stretches: Vec<NoteStretch>,
    /// Messages that had no room.
    pub lost: u64,
}

/// A take of MIDI with its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteTake {
    /// What it is.
    pub log: NoteLog,
    /// The log's file: [`forget`](super::forget) it when the take has its place in the session.
    pub file: PathBuf,
}

impl NoteTake {
    /// Messages in it.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.log.stretches.iter().map(|stretch| stretch.messages.len()).sum()
    }
}

impl NoteLog {
    fn head(&self) -> String {
        let one_line = |text: &str| text.replace(char::is_control, " ");
        let (track, name) = (one_line(&self.track), one_line(&self.name));
        format!("{HEAD}\ntrack {track}\nname {name}\nrate {}\nbegun {}\n", self.rate, self.begun)
    }

    /// Reads a log. Lines that are damaged or not known are passed over.
    ///
    /// # Errors
    /// It cannot be read, or is no log of MIDI.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no log of MIDI"))
    }

    /// What a text says; `None` when it is no log of MIDI. The last line counts only where it is whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines();
        if lines.next() != Some(HEAD) {
            return None;
        }
        let mut log = Self::default();
        let mut open: Option<NoteStretch> = None;
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut parts = rest.split(' ');
            let number = parts.next().and_then(|number| number.parse::<i64>().ok());
            let place = number.filter(|place| place.abs_diff(0) <= FARTHEST);
            match (word, place) {
                ("track", _) => rest.clone_into(&mut log.track),
                ("name", _) => rest.clone_into(&mut log.name),
                ("begun", _) => rest.clone_into(&mut log.begun),
                ("rate", Some(rate)) => log.rate = u32::try_from(rate).unwrap_or(0),
                ("lost", Some(lost)) => log.lost = log.lost.saturating_add(u64::try_from(lost).unwrap_or(0)),
                ("from", Some(position)) => {
                    log.close(&mut open);
                    open = Some(NoteStretch { position, end: position, messages: Vec::new() });
                }
                ("midi", Some(at)) => {
                    if let Some((stretch, bytes)) =
                        open.as_mut().zip(message(parts)).filter(|(s, _)| at >= s.position)
                    {
                        stretch.messages.push((at, bytes));
                        stretch.end = stretch.end.max(at.saturating_add(1));
                    }
                }
                ("until", Some(until)) => {
                    open.iter_mut().for_each(|stretch| stretch.end = stretch.end.max(until));
                }
                ("end", Some(end)) => {
                    open.iter_mut().for_each(|stretch| stretch.end = stretch.end.max(end));
                    log.close(&mut open);
                }
                _ => {}
            }
        }
        log.close(&mut open);
        Some(log)
    }

    fn close(&mut self, open: &mut Option<NoteStretch>) {
        self.stretches.extend(open.take().filter(|stretch| stretch.end > stretch.position));
    }
}

/// Three hexadecimal bytes: a message of a channel.
fn message<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<[u8; 3]> {
    let mut byte = || u8::from_str_radix(parts.next()?, 16).ok();
    let bytes = [byte()?, byte()?, byte()?];
    ((0x80..0xF0).contains(&bytes[0]) && bytes[1] < 0x80 && bytes[2] < 0x80).then_some(bytes)
}

/// What is to be recorded into one log.
#[derive(Debug)]
pub struct NoteSpec {
    /// The track's id.
    pub track: String,
    /// The track's name, for people.
    pub name: String,
    /// Where the messages come from.
    pub tape: Consumer<Played>,
}

/// How a take of MIDI stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteStatus {
    /// The track's id.
    pub track: String,
    /// The log.
    pub file: PathBuf,
    /// Messages that are in it.
    pub messages: u64,
    /// Messages that were lost.
    pub lost: u64,
    /// What stands in the way of writing now.
    pub problem: Option<String>,
}

/// A take of MIDI that could not be finished. What was written of it is offered again.
#[derive(Debug, thiserror::Error)]
#[error("the MIDI take of \"{name}\" is not finished: {why}. What was written of it is in '{}'", file.display())]
pub struct UnfinishedNotes {
    /// The track's name.
    pub name: String,
    /// The log.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// What [`NoteRecorder::finish`] gives for each take: nothing for one in which nothing was played.
pub type FinishedNotes = Result<Option<NoteTake>, UnfinishedNotes>;

/// A log that is being written.
struct Writing {
    name: String,
    file: PathBuf,
    log: LogWriter,
    tape: Consumer<Played>,
    shown: Arc<Shown>,
    messages: u64,
    again: Option<Instant>,
}

/// Writes takes of MIDI on a thread of its own.
#[derive(Debug)]
pub struct NoteRecorder {
    takes: Vec<(String, PathBuf, Arc<Shown>)>,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<Vec<FinishedNotes>>>,
}

impl NoteRecorder {
    /// Makes the logs and begins to write.
    ///
    /// # Errors
    /// [`RecordError`]; nothing is left behind then.
    pub fn start(config: &RecorderConfig, specs: Vec<NoteSpec>) -> Result<Self, RecordError> {
        let folder = |error| RecordError::Folder { path: config.folder.clone(), error };
        fs::create_dir_all(&config.folder).map_err(folder)?;
        let mut all: Vec<Writing> = Vec::new();
        let mut takes = Vec::new();
        for spec in specs {
            let track = spec.track.clone();
            match Writing::create(config, spec) {
                Ok(writing) => {
                    takes.push((track, writing.file.clone(), Arc::clone(&writing.shown)));
                    all.push(writing);
                }
                Err(error) => {
                    all.iter().for_each(Writing::abandon);
                    return Err(error);
                }
            }
        }
        crate::files::sync_dir(&config.folder).map_err(folder)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, interval, sync) = (Arc::clone(&stop), config.flush, config.sync);
        let writer = spawn("omega-notes", move || write(all, interval, sync, &ended))?;
        Ok(Self { takes, stop, writer: Some(writer) })
    }

    /// How each take stands, in the order in which they were given.
    #[must_use]
    pub fn status(&self) -> Vec<NoteStatus> {
        let status = |(track, file, shown): &(String, PathBuf, Arc<Shown>)| NoteStatus {
            track: track.clone(),
            file: file.clone(),
            messages: shown.frames.load(Ordering::Relaxed),
            lost: shown.lost.load(Ordering::Relaxed),
            problem: shown.problem(),
        };
        self.takes.iter().map(status).collect()
    }

    /// Writes all that is on the tapes and completes the logs, which stay where they are.
    #[must_use]
    pub fn finish(mut self) -> Vec<FinishedNotes> {
        self.halt().unwrap_or_default()
    }

    fn halt(&mut self) -> Option<Vec<FinishedNotes>> {
        let writer = self.writer.take()?;
        end(&self.stop, writer.thread());
        writer.join().ok()
    }
}

impl Drop for NoteRecorder {
    fn drop(&mut self) {
        // What nobody asks for is completed all the same, and found later.
        drop(self.halt());
    }
}

fn write(
    mut takes: Vec<Writing>,
    interval: Duration,
    sync: Duration,
    stop: &AtomicBool,
) -> Vec<FinishedNotes> {
    let mut kept = Instant::now();
    while !stop.load(Ordering::Acquire) {
        takes.iter_mut().for_each(Writing::work);
        if kept.elapsed() >= sync {
            // A disk that cannot keep it cannot be written to for long: that is told.
            takes.iter().for_each(|take| drop(take.log.sync()));
            kept = Instant::now();
        }
        thread::park_timeout(interval);
    }
    takes.into_iter().map(Writing::finish).collect()
}

impl Writing {
    fn create(config: &RecorderConfig, spec: NoteSpec) -> Result<Self, RecordError> {
        let when = When::now();
        let begun = format!("{} {}", when.date(), when.time());
        let log =
            NoteLog { track: spec.track, name: spec.name, rate: config.rate, begun, ..NoteLog::default() };
        let (file, writer) = super::take::begin_log(config, &log.track, when, NOTES, &log.head())?;
        let (shown, messages, again) = (Arc::default(), 0, None);
        Ok(Self { name: log.name, file, log: writer, tape: spec.tape, shown, messages, again })
    }

    fn abandon(&self) {
        let _ = fs::remove_file(&self.file);
    }

    /// Takes what is on the tape into the log. A disk that refuses is told and tried again later; until then it waits here.
    fn work(&mut self) {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        self.take_all();
        match self.log.flush() {
            Ok(()) => {
                self.shown.frames.store(self.messages, Ordering::Relaxed);
                if self.again.take().is_some() {
                    self.shown.set_problem(None);
                }
            }
            Err(error) => {
                self.again = Some(Instant::now() + AGAIN);
                self.shown.set_problem(Some(format!("the MIDI take cannot be written ({error})")));
            }
        }
    }

    fn take_all(&mut self) {
        while let Some(played) = self.tape.pop() {
            let line = match played {
                Played::From(position) => format!("from {position}"),
                Played::Message(at, [status, first, second]) => {
                    self.messages += 1;
                    format!("midi {at} {status:02x} {first:02x} {second:02x}")
                }
                Played::Until(position) => format!("until {position}"),
                Played::End(position) => format!("end {position}"),
                Played::Lost(count) => {
                    self.shown.lost.fetch_add(count.into(), Ordering::Relaxed);
                    format!("lost {count}")
                }
            };
            self.log.say(&line);
        }
    }

    fn finish(mut self) -> FinishedNotes {
        self.take_all();
        if self.messages == 0 && self.shown.lost.load(Ordering::Relaxed) == 0 {
            self.abandon();
            return Ok(None);
        }
        self.log.say("done");
        let written = self.log.flush().and_then(|()| self.log.sync());
        let read = written.and_then(|()| NoteLog::read(&self.file));
        let file = self.file;
        match read {
            Ok(log) => Ok(Some(NoteTake { log, file })),
            Err(error) => Err(UnfinishedNotes { name: self.name, file, why: error.to_string() }),
        }
    }
}

/// All takes of MIDI in a folder of recordings, by name: what no session has taken over, or has and could not remove. A folder
/// that is not there is empty; a log that cannot be read is left out, and stays.
///
/// # Errors
/// The system's, when the folder cannot be read.
pub fn unfinished_notes(folder: &Path) -> io::Result<Vec<NoteTake>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == NOTES));
    files.sort();
    Ok(files
        .into_iter()
        .filter_map(|file| Some(NoteTake { log: NoteLog::read(&file).ok()?, file }))
        .collect())
}

#[cfg(test)]
mod tests {
    use omega_rt::notes::note_tape;

    use super::*;

    #[test]
    fn a_log_cut_anywhere_gives_what_is_whole() {
        let head = NoteLog {
            track: "trk-1".to_owned(),
            name: "Piano\nlow".to_owned(),
            rate: 48_000,
            ..NoteLog::default()
        };
        let text = format!(
            "{}from 100\nmidi 120 90 3c 40\nuntil 5000\nmidi 5100 80 3c 00\nend 6000\nfrom 100\nmidi 200 90 40 01\nlost 3\n",
            head.head()
        );
        let log = NoteLog::parse(&text).expect("a log");
        assert_eq!((log.name.as_str(), log.rate, log.lost), ("Piano low", 48_000, 3));
        let first = NoteStretch {
            position: 100,
            end: 6000,
            messages: vec![(120, [0x90, 0x3c, 0x40]), (5100, [0x80, 0x3c, 0])],
        };
        assert_eq!(log.stretches[0], first);
        assert_eq!((log.stretches[1].end, log.stretches[1].messages.len()), (201, 1), "killed there");
        let mut seen = 0;
        for cut in HEAD.len() + 1..=text.len() {
            let log = NoteLog::parse(&text[..cut]).expect("a log");
            let messages: usize = log.stretches.iter().map(|stretch| stretch.messages.len()).sum();
            assert!((seen..=seen + 1).contains(&messages), "{cut}");
            seen = messages;
        }
        for hostile in [
            "omega-notes 1\nmidi 5 90 1 1\nfrom 10\nmidi 5 90 1 1\nmidi 12 f0 1 1\nmidi 12 90 80 1\nmidi 12 90 1\nend 4\n",
            "omega-notes 1\nfrom 9223372036854775807\nmidi x\nfrom\nlost -4\nuntil 99999999999999999999\n",
        ] {
            assert_eq!(NoteLog::parse(hostile), Some(NoteLog::default()), "{hostile}");
        }
        assert_eq!(NoteLog::parse("omega-take 1\n"), None);
    }

    #[test]
    fn what_is_played_is_in_the_log_at_once_and_complete_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let config =
            RecorderConfig::new(&folder.path().join("recording"), &folder.path().join("media"), 48_000);
        let tapes: Vec<_> = (0..2).map(|_| note_tape(1000)).collect();
        let (mut heads, mut specs) = (Vec::new(), Vec::new());
        for (number, (head, tape)) in tapes.into_iter().enumerate() {
            heads.push(head);
            specs.push(NoteSpec { track: format!("trk-{number}"), name: format!("Track {number}"), tape });
        }
        let recorder = NoteRecorder::start(&config, specs).expect("it begins");
        heads[0].roll(0, 10_000);
        heads[0].message(7, [0x90, 60, 64]);
        let until = Instant::now() + Duration::from_secs(60);
        while recorder.status()[0].messages == 0 {
            assert!(Instant::now() < until, "nothing is written");
            thread::sleep(Duration::from_millis(1));
        }
        let found = unfinished_notes(&config.folder).expect("read");
        assert_eq!((found.len(), found[0].messages()), (2, 1), "as a kill would leave it");
        heads[0].message(99, [0x80, 60, 64]);
        heads[0].end();
        let mut finished = recorder.finish();
        assert!(matches!(finished.pop(), Some(Ok(None))), "nothing was recorded");
        let take = finished.pop().expect("a take").expect("finished").expect("something");
        let messages = vec![(7, [0x90, 60, 64]), (99, [0x80, 60, 64])];
        assert_eq!(take.log.stretches, [NoteStretch { position: 0, end: 10_000, messages }]);
        assert_eq!(unfinished_notes(&config.folder).expect("read"), [take]);
    }
}
