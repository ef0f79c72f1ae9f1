//! Reading audio files: WAV (RIFF, RIFX, RF64, BW64), AIFF and AIFC, FLAC.
//!
//! [`open`] reads the headers; [`AudioFile::read_block`] decodes forward, a block at a time. Memory is bounded by the
//! block and by one coded frame, whatever a header claims: counts in headers only ever *limit* what is read. A file that
//! ends early gives all the audio that is there, and a [`Warning`].
//!
//! Methods: Microsoft 'Multimedia Programming Interface and Data Specifications 1.0' and the `WAVEFORMATEXTENSIBLE`
//! notes (WAV); EBU Tech 3306 and ITU-R BS.2088 (RF64, BW64); EBU Tech 3285 (bext); Apple 'AIFF-C draft 8/26/91';
//! RFC 9639 (FLAC, decoded by symphonia).

mod aiff;
mod chunks;
mod flac;
mod pcm_file;
mod wav;

use std::io;
use std::path::{Path, PathBuf};

use crate::bext::Bext;
use crate::pcm::SampleKind;
use crate::source::ByteSource;

use flac::FlacStream;
pub(crate) use pcm_file::PcmFile;
use pcm_file::PcmStream;

/// The widest file that is read or written.
pub const MAX_CHANNELS: usize = 64;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// RIFF WAVE, or its big-endian twin RIFX.
    Wav,
    /// EBU RF64: WAV past 4 GiB.
    Rf64,
    /// ITU-R BS.2088 BW64: RF64's successor.
    Bw64,
    /// Apple AIFF.
    Aiff,
    /// Apple AIFF-C.
    Aifc,
    /// Native FLAC.
    Flac,
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wav => "WAV",
            Self::Rf64 => "RF64",
            Self::Bw64 => "BW64",
            Self::Aiff => "AIFF",
            Self::Aifc => "AIFC",
            Self::Flac => "FLAC",
        })
    }
}

/// What an audio file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioInfo {
    /// Container.
    pub file_kind: FileKind,
    /// Form of one sample. FLAC says the whole-byte integer that holds its samples.
    pub sample_kind: SampleKind,
    /// Bits of a sample that are in use, 1 to 64.
    pub bits: u32,
    /// 1 to [`MAX_CHANNELS`].
    pub channels: usize,
    /// Frames per second, as the file says; never 0.
    pub rate: u32,
    /// Frames in the file. Exact for PCM; for FLAC the header's claim, or `None` when it makes none.
    pub frames: Option<i64>,
    /// Speaker positions, one bit each as in `WAVEFORMATEXTENSIBLE`, when the file names them.
    pub channel_mask: Option<u32>,
    /// Broadcast extension of WAV files.
    pub bext: Option<Bext>,
}

/// Something odd that did not stop the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What it is and what was done about it.
    pub what: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (byte {})", self.what, self.offset)
    }
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is missing, may not be read, or is no regular file.
    #[error("cannot open '{}': {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The system failed to read a header.
    #[error("cannot read '{}' at byte {offset}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// None of the known kinds.
    #[error("'{}' is not a WAV, RF64, BW64, AIFF, AIFC or FLAC file: it begins with {head:02x?}", path.display())]
    UnknownKind {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most 12.
        head: Vec<u8>,
    },
    /// A header contradicts its specification so that the audio cannot be found.
    #[error("'{}' is damaged at byte {offset}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A sound file of a sort that is not read here.
    #[error("'{}' uses something that is not supported (byte {offset}): {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Where it says so.
        offset: u64,
        /// What it uses.
        what: String,
    },
}

/// Why decoding stopped before the end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system failed to read.
    #[error("cannot read '{}' at byte {offset}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Coded audio that does not decode, with more after it.
    #[error("'{}' is damaged near byte {offset}, frame {frame}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Near which byte.
        offset: u64,
        /// First frame that could not be decoded.
        frame: i64,
        /// What is wrong.
        what: String,
    },
}

/// Builds errors and collects warnings for one file while its headers are read.
struct Context<'a> {
    source: &'a ByteSource,
    warnings: Vec<Warning>,
}

impl Context<'_> {
    fn malformed(&self, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Malformed { path: self.source.path().to_path_buf(), offset, what: what.into() }
    }

    fn unsupported(&self, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Unsupported { path: self.source.path().to_path_buf(), offset, what: what.into() }
    }

    fn read(&self, offset: u64, error: io::Error) -> OpenError {
        OpenError::Read { path: self.source.path().to_path_buf(), offset, error }
    }

    fn warn(&mut self, offset: u64, what: impl Into<String>) {
        self.warnings.push(Warning { offset, what: what.into() });
    }

    fn check_channels(&self, offset: u64, channels: usize) -> Result<(), OpenError> {
        match channels {
            0 => Err(self.malformed(offset, "it says that it has no channels")),
            1..=MAX_CHANNELS => Ok(()),
            _ => {
                Err(self.unsupported(offset, format!("{channels} channels; at most {MAX_CHANNELS} are read")))
            }
        }
    }

    fn check_rate(&self, offset: u64, rate: u32) -> Result<(), OpenError> {
        if rate == 0 { Err(self.malformed(offset, "it says that its sample rate is 0")) } else { Ok(()) }
    }
}

/// An open audio file: what it holds, and a decoder that stands at a frame and moves forward.
pub struct AudioFile {
    info: AudioInfo,
    warnings: Vec<Warning>,
    body: Body,
}

enum Body {
    Pcm(PcmStream),
    Flac(Box<FlacStream>),
}

/// Opens an audio file and reads its headers.
///
/// # Errors
/// [`OpenError`] names the file, and the byte where it stopped making sense.
pub fn open(path: &Path) -> Result<AudioFile, OpenError> {
    let source =
        ByteSource::open(path).map_err(|error| OpenError::Open { path: path.to_path_buf(), error })?;
    AudioFile::from_source(&source)
}

/// Opens an audio file that is in memory; `name` stands for its path in messages.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(name: &Path, bytes: &[u8]) -> Result<AudioFile, OpenError> {
    AudioFile::from_source(&ByteSource::memory(name, bytes))
}

impl AudioFile {
    fn from_source(source: &ByteSource) -> Result<Self, OpenError> {
        let mut context = Context { source, warnings: Vec::new() };
        let head = source.bytes_at(0, 12).map_err(|error| context.read(0, error))?;
        let (info, body) = match (head.get(..4), head.get(8..12)) {
            (Some(b"RIFF" | b"RIFX" | b"RF64" | b"BW64"), Some(b"WAVE")) => {
                let (info, pcm) = wav::parse(&mut context)?;
                (info, Body::Pcm(PcmStream::new(pcm)))
            }
            (Some(b"FORM"), Some(b"AIFF" | b"AIFC")) => {
                let (info, pcm) = aiff::parse(&mut context)?;
                (info, Body::Pcm(PcmStream::new(pcm)))
            }
            (Some(b"fLaC"), _) | (Some([b'I', b'D', b'3', _]), _) => {
                let (info, stream) = flac::parse(&mut context)?;
                (info, Body::Flac(Box::new(stream)))
            }
            _ => return Err(OpenError::UnknownKind { path: source.path().to_path_buf(), head }),
        };
        Ok(Self { info, warnings: context.warnings, body })
    }

    /// What the file holds.
    #[must_use]
    pub const fn info(&self) -> &AudioInfo {
        &self.info
    }

    /// What was odd so far; reading to the end can add to it.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The frame that [`read_block`](Self::read_block) gives next.
    #[must_use]
    pub fn position(&self) -> i64 {
        match &self.body {
            Body::Pcm(stream) => stream.position(),
            Body::Flac(stream) => stream.position(),
        }
    }

    /// Moves to `frame` (0 to the number of frames) where that costs nothing: in PCM. `false` leaves the position as it
    /// is: the file is FLAC, or the frame lies outside.
    pub fn seek(&mut self, frame: i64) -> bool {
        match &mut self.body {
            Body::Pcm(stream) => stream.seek(frame),
            Body::Flac(_) => false,
        }
    }

    /// Decodes the next frames into `out`, one slice (or vector) per channel, full scale ±1.
    ///
    /// Writes as many frames as the shortest of the first `info().channels` slices holds, or what is left, and returns
    /// how many; 0 means the end (or that there was no room). Slices beyond the file's channels are left alone; if there
    /// are fewer slices than channels the rest is skipped. Float files are given as they are, infinities and NaNs
    /// included. Not real-time safe.
    ///
    /// # Errors
    /// [`ReadError`]; the frames before it have been given.
    pub fn read_block<C: AsMut<[f32]>>(&mut self, out: &mut [C]) -> Result<usize, ReadError> {
        match &mut self.body {
            Body::Pcm(stream) => stream.read_block(out, &mut self.warnings),
            Body::Flac(stream) => stream.read_block(out, &mut self.warnings),
        }
    }

    /// The PCM behind the file, when it is PCM.
    pub(crate) fn pcm(&self) -> Option<&PcmFile> {
        match &self.body {
            Body::Pcm(stream) => Some(stream.pcm()),
            Body::Flac(_) => None,
        }
    }
}

/// Frames that the first `channels` of `out` can hold.
fn room<C: AsMut<[f32]>>(out: &mut [C], channels: usize) -> usize {
    out.iter_mut().take(channels).map(|samples| samples.as_mut().len()).min().unwrap_or(0)
}
