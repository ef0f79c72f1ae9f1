//! The log of a take: which of its frames belong where.
//!
//! Lines of text, each a word and what belongs to it; only ever appended to, so that a kill costs the last line at most.
//!
//! ```text
//! omega-take 1
//! track trk-4k2m9xqzab
//! name Vocals
//! rate 48000
//! channels 2
//! begun 2026-11-29 06:45:12
//! from 0 96000          frame 0 of the file belongs to frame 96,000 of the time line, and so on from there
//! hole 4800 512         before frame 5,312 of the file 512 frames are missing; they are silent in the file
//! gap 9600 96000        before frame 9,600 of the file 96,000 frames are missing; the file leaves them out
//! end 480000            the stretch ends before this frame
//! kept 0f3a….wav        the file is complete and has this name in the media folder
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// How the names of logs end.
pub const ENDING: &str = "take";
/// The first line.
const HEAD: &str = "omega-take 1";
/// The position farthest from frame zero that is believed: beyond all time lines, and far from where sums overflow.
const FARTHEST: u64 = 1 << 60;
/// The largest log that is read, in bytes: hours of the shortest loops.
const LARGEST: u64 = 64 << 20;

/// Frames of a take that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First frame in the file.
    pub at: i64,
    /// The time-line frame that it belongs to.
    pub position: i64,
    /// How many.
    pub frames: i64,
}

/// Frames that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The frame in the file behind them, or with which their silence begins.
    pub at: i64,
    /// How many.
    pub frames: i64,
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakeLog {
    /// The track's id.
    pub track: String,
    /// The track's name.
    pub name: String,
    /// Frames per second.
    pub rate: u32,
    /// Channels.
    pub channels: usize,
    /// When it was begun, in UTC.
    pub begun: String,
    /// In the order of recording; the last one of a take that was not finished may claim more than the file has.
    pub stretches: Vec<Stretch>,
    /// What was lost.
    pub holes: Vec<Hole>,
    /// The name that the finished file has in the media folder.
    pub kept: Option<String>,
}

impl TakeLog {
    /// The lines that a log begins with.
    pub(super) fn head(&self) -> String {
        let one_line = |text: &str| text.replace(char::is_control, " ");
        format!(
            "{HEAD}\ntrack {}\nname {}\nrate {}\nchannels {}\nbegun {}\n",
            one_line(&self.track),
            one_line(&self.name),
            self.rate,
            self.channels,
            self.begun
        )
    }

    /// Reads a log. Lines that are damaged or not known are passed over.
    ///
    /// # Errors
    /// It cannot be read, or is no log.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no log of a take"))
    }

    /// What a text says; `None` when it is no log.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return None;
        }
        let mut log = Self::default();
        let mut open: Option<Stretch> = None;
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut numbers = rest.split(' ').map(|number| number.parse::<i64>().ok());
            let pair = (numbers.next().flatten(), numbers.next().flatten());
            match (word, pair) {
                ("track", _) => rest.clone_into(&mut log.track),
                ("name", _) => rest.clone_into(&mut log.name),
                ("rate", (Some(rate), _)) => log.rate = u32::try_from(rate).unwrap_or(0),
                ("channels", (Some(channels), _)) => log.channels = usize::try_from(channels).unwrap_or(0),
                ("begun", _) => rest.clone_into(&mut log.begun),
                ("from", (Some(at), Some(position))) if at >= 0 && position.abs_diff(0) <= FARTHEST => {
                    log.close(&mut open, at);
                    open = Some(Stretch { at, position, frames: i64::MAX });
                }
                ("hole" | "gap", (Some(at), Some(frames))) if at >= 0 && frames > 0 => {
                    log.holes.push(Hole { at, frames });
                }
                ("end", (Some(at), _)) => log.close(&mut open, at),
                ("kept", _) if !rest.is_empty() && !rest.contains(['/', '\\']) => {
                    log.kept = Some(rest.to_owned());
                }
                _ => {}
            }
        }
        log.close(&mut open, i64::MAX);
        Some(log)
    }

    /// Ends the stretch that goes on, before a frame of the file.
    fn close(&mut self, open: &mut Option<Stretch>, at: i64) {
        if let Some(stretch) = open.take() {
            let frames = at.saturating_sub(stretch.at);
            if frames > 0 {
                self.stretches.push(Stretch { frames, ..stretch });
            }
        }
    }

    /// Frames that are missing, in all.
    #[must_use]
    pub fn lost(&self) -> i64 {
        self.holes.iter().map(|hole| hole.frames).fold(0, i64::saturating_add)
    }

    /// The same for a file of `frames` frames: nothing reaches beyond it.
    #[must_use]
    pub fn within(mut self, frames: i64) -> Self {
        for stretch in &mut self.stretches {
            stretch.frames = stretch.frames.min(frames.saturating_sub(stretch.at));
        }
        self.stretches.retain(|stretch| stretch.frames > 0);
        self.holes.retain(|hole| hole.at <= frames);
        self
    }
}

/// A log that is being written.
#[derive(Debug)]
pub(super) struct LogWriter {
    file: File,
    /// What could not be written yet.
    pending: Vec<u8>,
}

impl LogWriter {
    pub fn create(path: &Path, head: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
        file.write_all(head.as_bytes())?;
        file.sync_all()?;
        Ok(Self { file, pending: Vec::new() })
    }

    pub fn say(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
    }

    /// Writes what was said; what cannot be written waits.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Removes the log of a take that has its place in the session.
///
/// # Errors
/// The system's; a log that is not there is no error.
pub fn forget(log_file: &Path) -> io::Result<()> {
    match fs::remove_file(log_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cut_anywhere_gives_what_is_whole_and_a_file_that_is_shorter_bounds_it() {
        let head = TakeLog {
            track: "trk-1".to_owned(),
            name: "Lead\nVocals".to_owned(),
            rate: 48_000,
            channels: 2,
            begun: "2026-11-29 06:45:12".to_owned(),
            ..TakeLog::default()
        };
        let text =
            format!("{}from 0 96000\nend 1000\nfrom 1000 -50\nhole 1200 64\nkept ab.wav\n", head.head());
        let whole = TakeLog::parse(&text).expect("a log");
        assert_eq!((whole.name.as_str(), whole.rate, whole.channels), ("Lead Vocals", 48_000, 2));
        let stretch = |at, position, frames| Stretch { at, position, frames };
        assert_eq!(whole.stretches, [stretch(0, 96_000, 1000), stretch(1000, -50, i64::MAX - 1000)]);
        assert_eq!(
            (&whole.holes[..], whole.kept.as_deref()),
            (&[Hole { at: 1200, frames: 64 }][..], Some("ab.wav"))
        );
        let bounded = whole.clone().within(1500);
        assert_eq!(bounded.stretches, [stretch(0, 96_000, 1000), stretch(1000, -50, 500)]);
        assert_eq!(whole.within(700).stretches, [stretch(0, 96_000, 700)]);
        for cut in 0..text.len() {
            let log = TakeLog::parse(&text[..cut]);
            assert_eq!(log.is_some(), cut >= HEAD.len(), "{cut}");
        }
        for hostile in [
            "omega-take 1\nfrom -5 3\nfrom 9999999999999999999 1\nend\nend x\nkept ../x\nhole 1 -1\nfoo\n\0",
            "omega-take 1\nfrom 0 9223372036854775807\nfrom 0 -9223372036854775808\nend 5\n",
        ] {
            assert_eq!(TakeLog::parse(hostile), Some(TakeLog::default()));
        }
    }
}
