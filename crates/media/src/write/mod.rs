//! Writing audio files: WAV, which becomes RF64 when it passes 4 GiB, and FLAC.
//!
//! A WAV file can be opened at any moment while it is written: its header is brought up to date with every 256 KiB, so
//! a killed writer loses no more than that. The room for 64-bit sizes is kept from the beginning (a `JUNK` chunk that
//! becomes `ds64`, as EBU Tech 3306 plans it), so nothing ever has to be moved.
//!
//! Dither is `omega_dsp::dither`'s: a function of seed, channel and frame, whatever the blocks.

mod flac;
mod wav;

use std::io;
use std::path::{Path, PathBuf};

use crate::bext::Bext;
use crate::hash::{AudioHash, AudioHasher};
use crate::pcm::{PcmEncoder, Repairs, SampleKind};
use crate::read::MAX_CHANNELS;

use flac::FlacBody;
use wav::WavBody;

/// What kind of file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// WAV; RF64 from 4 GiB on.
    Wav,
    /// FLAC: 1 to 8 channels, 16 or 24 bits, rates up to 655,350.
    Flac,
}

/// The form of the samples in a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 16-bit integers.
    Int16,
    /// 24-bit integers.
    Int24,
    /// 32-bit integers.
    Int32,
    /// 32-bit floats, as they are (but infinities and NaNs become silence).
    Float32,
}

impl Depth {
    /// The same as a [`SampleKind`].
    #[must_use]
    pub const fn kind(self) -> SampleKind {
        match self {
            Self::Int16 => SampleKind::Int16,
            Self::Int24 => SampleKind::Int24,
            Self::Int32 => SampleKind::Int32,
            Self::Float32 => SampleKind::Float32,
        }
    }
}

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Kind of file.
    pub container: Container,
    /// Form of the samples.
    pub bits: Depth,
    /// 1 to 64; FLAC at most 8.
    pub channels: usize,
    /// Frames per second, not 0.
    pub rate: u32,
    /// Triangular dither of ±1 least significant bit from this seed, for 16- and 24-bit integers. Without it samples are
    /// rounded to the nearest integer, ties to even.
    pub dither_seed: Option<u64>,
    /// Broadcast extension; WAV only.
    pub bext: Option<Bext>,
}

impl Format {
    /// WAV without dither or broadcast extension.
    #[must_use]
    pub const fn wav(bits: Depth, channels: usize, rate: u32) -> Self {
        Self { container: Container::Wav, bits, channels, rate, dither_seed: None, bext: None }
    }

    /// FLAC without dither.
    #[must_use]
    pub const fn flac(bits: Depth, channels: usize, rate: u32) -> Self {
        Self { container: Container::Flac, bits, channels, rate, dither_seed: None, bext: None }
    }

    fn check(&self) -> Result<(), CreateError> {
        let most = if self.container == Container::Flac { 8 } else { MAX_CHANNELS };
        let problem = if self.channels == 0 || self.channels > most {
            format!("{} channels; it can have 1 to {most}", self.channels)
        } else if self.rate == 0 || (self.container == Container::Flac && self.rate > 655_350) {
            format!("a sample rate of {}", self.rate)
        } else if self.container == Container::Flac && matches!(self.bits, Depth::Int32 | Depth::Float32) {
            format!("{} samples; FLAC is written with 16 or 24 bits", self.bits.kind())
        } else if self.container == Container::Flac && self.bext.is_some() {
            "a broadcast extension, which only WAV has".to_owned()
        } else {
            return Ok(());
        };
        Err(CreateError::Format(problem))
    }
}

/// Why a file could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No file of this kind can be like that.
    #[error("the file format cannot have {0}")]
    Format(String),
    /// The system refused.
    #[error("cannot create '{}': {error}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

/// Why audio could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused; a full disk, mostly. What was written before can be opened.
    #[error("cannot write '{}' at byte {offset}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The encoder refused.
    #[error("cannot encode '{}': {what}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What it said.
        what: String,
    },
    /// The block does not have the channels of the file, or they differ in length.
    #[error(
        "a block of {given} channels was written to a file of {wanted}, or its channels differ in length"
    )]
    Shape {
        /// Channels of the file.
        wanted: usize,
        /// Channels of the block.
        given: usize,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Frames in the file.
    pub frames: u64,
    /// Name of the audio; see [`AudioHasher`]. The same for the same samples in WAV, RF64 and FLAC.
    pub hash: AudioHash,
    /// Samples beyond full scale that were cut to it (integers only).
    pub clipped: u64,
    /// Infinities and NaNs that were written as silence.
    pub non_finite: u64,
}

/// An audio file that is being written. Not for the audio thread.
pub struct Writer {
    path: PathBuf,
    format: Format,
    encoder: PcmEncoder,
    hasher: AudioHasher,
    frames: u64,
    repairs: Repairs,
    bytes: Vec<u8>,
    body: Body,
}

enum Body {
    Wav(WavBody),
    Flac(Box<FlacBody>),
}

/// Frames encoded at a time.
const ENCODE_FRAMES: usize = 1024;

impl Writer {
    /// Creates the file (an existing one is replaced) with a valid header and no frames.
    ///
    /// # Errors
    /// [`CreateError`]: the format cannot be, or the system refused.
    pub fn create(path: &Path, format: Format) -> Result<Self, CreateError> {
        Self::create_with_limit(path, format, wav::RIFF_LIMIT)
    }

    /// As [`create`](Self::create), with the size at which WAV becomes RF64.
    pub(crate) fn create_with_limit(
        path: &Path,
        format: Format,
        riff_limit: u64,
    ) -> Result<Self, CreateError> {
        format.check()?;
        let body = match format.container {
            Container::Wav => WavBody::create(path, &format, riff_limit).map(Body::Wav),
            Container::Flac => FlacBody::create(path, &format).map(|body| Body::Flac(Box::new(body))),
        };
        let body = body.map_err(|error| CreateError::Create { path: path.to_path_buf(), error })?;
        let kind = format.bits.kind();
        Ok(Self {
            path: path.to_path_buf(),
            encoder: PcmEncoder { kind, dither: format.dither_seed },
            hasher: AudioHasher::new(kind, format.channels, format.rate),
            format,
            frames: 0,
            repairs: Repairs::default(),
            bytes: Vec::new(),
            body,
        })
    }

    /// What is being written.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Frames given to [`write`](Self::write) so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends frames: one slice (or vector) per channel, all of the same length, full scale ±1. How the audio is cut
    /// into blocks makes no difference to the file.
    ///
    /// # Errors
    /// [`WriteError`]; a `Shape` error has written nothing.
    pub fn write<C: AsRef<[f32]>>(&mut self, channels: &[C]) -> Result<(), WriteError> {
        let frames = channels.first().map_or(0, |samples| samples.as_ref().len());
        let (wanted, given) = (self.format.channels, channels.len());
        if given != wanted || channels.iter().any(|samples| samples.as_ref().len() != frames) {
            return Err(WriteError::Shape { wanted, given });
        }
        let mut start = 0;
        while start < frames {
            let end = frames.min(start + ENCODE_FRAMES);
            self.bytes.clear();
            let frame = i64::try_from(self.frames).unwrap_or(i64::MAX);
            let repairs = self.encoder.encode(channels, start..end, frame, &mut self.bytes);
            self.repairs.clipped += repairs.clipped;
            self.repairs.non_finite += repairs.non_finite;
            self.hasher.update(&self.bytes);
            match &mut self.body {
                Body::Wav(body) => body.write(&self.bytes).map_err(|error| body.error(&self.path, error))?,
                Body::Flac(body) => body.write(&self.bytes).map_err(|error| error.named(&self.path))?,
            }
            self.frames += (end - start) as u64;
            start = end;
        }
        Ok(())
    }

    /// Brings a WAV file up to date on disk (for FLAC, whose blocks have a fixed length, nothing is done): what was
    /// written before can be opened from now on. Does not wait for the disk.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        match &mut self.body {
            Body::Wav(body) => body.flush().map_err(|error| body.error(&self.path, error)),
            Body::Flac(_) => Ok(()),
        }
    }

    /// Completes the file and waits until the disk has it.
    ///
    /// # Errors
    /// [`WriteError`]; a WAV file can still be opened then.
    pub fn finish(self) -> Result<Summary, WriteError> {
        match self.body {
            Body::Wav(mut body) => body.finish().map_err(|error| body.error(&self.path, error))?,
            Body::Flac(body) => body.finish().map_err(|error| error.named(&self.path))?,
        }
        Ok(Summary {
            frames: self.frames,
            hash: self.hasher.finish(),
            clipped: self.repairs.clipped,
            non_finite: self.repairs.non_finite,
        })
    }
}
