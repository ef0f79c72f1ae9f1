//! Peak files: waveform overviews at every zoom, read in pieces.
//!
//! Level 0 has a [`Peak`] (least, greatest, RMS) for every 256 frames of each channel; each further level has one for
//! four of the level before, until a level has at most 1,024. A peak file is a cache: it can be deleted, is named after
//! the audio, and is refused when anything about it is wrong, so that the caller builds it again.
//!
//! Version 1, little-endian: a header of 96 bytes (see `format.rs`), then the levels one after the other. A level is a
//! sequence of blocks of 512 peaks (the last one shorter), a block the peaks of each channel in turn (three `f32` each)
//! and the first 8 bytes of the BLAKE3 of these; so any range is read and checked without the rest of the file.

mod build;
mod format;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use omega_dsp::math;

use crate::hash::AudioHash;
use crate::source::ByteSource;

pub use build::{BuildError, build, open_or_build};

use format::{BLOCK_PEAKS, HEADER_BYTES, Layout, PEAK_BYTES, parse_block, parse_header};

/// The extent of some frames of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peak {
    /// Least sample.
    pub min: f32,
    /// Greatest sample.
    pub max: f32,
    /// Root of the mean square.
    pub rms: f32,
}

/// Why a peak file is no use; build it again.
#[derive(Debug, thiserror::Error)]
pub enum PeakError {
    /// The system refused.
    #[error("cannot read peak file '{}' at byte {offset}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It is no peak file, one of another version, or one of other audio.
    #[error("'{}' is not the peak file that is wanted: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// It is damaged or cut.
    #[error("peak file '{}' is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

/// An open peak file. Reading takes `&self` and works from any thread.
#[derive(Debug)]
pub struct PeakFile {
    source: ByteSource,
    layout: Layout,
}

/// The name of the peak file of `hash` in `cache_dir`.
#[must_use]
pub fn path_for(cache_dir: &Path, hash: AudioHash) -> PathBuf {
    cache_dir.join(format!("{hash}.peaks"))
}

impl PeakFile {
    /// Opens the peak file of the audio named `hash` and checks its header and length.
    ///
    /// # Errors
    /// [`PeakError`]: build it again.
    pub fn open(path: &Path, hash: AudioHash) -> Result<Self, PeakError> {
        let io = |error| PeakError::Io { path: path.to_path_buf(), offset: 0, error };
        let source = ByteSource::open(path).map_err(io)?;
        let damaged = |offset, what: String| PeakError::Damaged { path: path.to_path_buf(), offset, what };
        let header = source.array_at::<HEADER_BYTES>(0).map_err(io)?.ok_or_else(|| {
            damaged(source.len(), format!("it ends inside its header of {HEADER_BYTES} bytes"))
        })?;
        let layout = parse_header(&header, hash)
            .map_err(|what| PeakError::Foreign { path: path.to_path_buf(), what })?;
        match layout.file_len() {
            Some(len) if len == source.len() => Ok(Self { source, layout }),
            want => Err(damaged(source.len(), format!("its length should be {}", want.unwrap_or(u64::MAX)))),
        }
    }

    /// Channels of the audio.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.layout.channels
    }

    /// Frames of the audio.
    #[must_use]
    pub fn frames(&self) -> i64 {
        self.layout.frames
    }

    /// Fills `out` with an overview of `frames` of a channel: `out[i]` covers at least the `i`-th of `out.len()` equal
    /// parts, rounded outwards to whole peaks of the finest level that has at most as many frames. Parts outside the
    /// audio, and channels that do not exist, are zeros. Reads what it needs and no more; blocking.
    ///
    /// # Errors
    /// [`PeakError`]: build it again.
    pub fn read(&self, channel: usize, frames: Range<i64>, out: &mut [Peak]) -> Result<(), PeakError> {
        out.fill(Peak::default());
        let span = i128::from(frames.end) - i128::from(frames.start);
        let columns = i128::try_from(out.len()).unwrap_or(i128::MAX);
        if span <= 0 || columns == 0 || channel >= self.layout.channels {
            return Ok(());
        }
        let level = self.layout.level_for(span / columns);
        let peak_frames = i128::from(self.layout.peak_frames(level));
        let (end, peaks) = (i128::from(self.layout.frames), self.layout.peaks(level));
        let mut block = None;
        for (column, out) in (0_i128..).zip(out) {
            let first = (i128::from(frames.start) + span * column / columns).clamp(0, end);
            let last =
                (i128::from(frames.start) + (span * (column + 1) + columns - 1) / columns).clamp(0, end);
            let mut sum = Gathered::default();
            let range = first / peak_frames..if last > first { (last - 1) / peak_frames + 1 } else { 0 };
            for index in
                u64::try_from(range.start).unwrap_or(0)..u64::try_from(range.end).unwrap_or(0).min(peaks)
            {
                let peak = self.peak(&mut block, level, channel, index)?;
                sum.add(peak, self.layout.frames_in(level, index));
            }
            *out = sum.finish();
        }
        Ok(())
    }

    /// One peak, from the block that is at hand or else from the file.
    fn peak(
        &self,
        held: &mut Option<(u64, Vec<Peak>)>,
        level: usize,
        channel: usize,
        index: u64,
    ) -> Result<Peak, PeakError> {
        let number = index / BLOCK_PEAKS;
        if held.as_ref().is_none_or(|(at, _)| *at != number) {
            *held = Some((number, self.read_block(level, number, channel)?));
        }
        let within = usize::try_from(index % BLOCK_PEAKS).unwrap_or(0);
        Ok(held.as_ref().and_then(|(_, peaks)| peaks.get(within)).copied().unwrap_or_default())
    }

    /// One channel's peaks of a block, checked.
    fn read_block(&self, level: usize, number: u64, channel: usize) -> Result<Vec<Peak>, PeakError> {
        let (offset, peaks) = self.layout.block(level, number);
        let path = || self.source.path().to_path_buf();
        let bytes = self
            .source
            .bytes_at(offset, peaks * self.layout.channels * PEAK_BYTES + format::SUM_BYTES)
            .map_err(|error| PeakError::Io { path: path(), offset, error })?;
        parse_block(&bytes, peaks, self.layout.channels, channel).ok_or_else(|| PeakError::Damaged {
            path: path(),
            offset,
            what: "a block does not match its checksum".into(),
        })
    }
}

/// Peaks that become one.
#[derive(Default)]
struct Gathered {
    extent: Option<(f32, f32)>,
    square: f64,
    frames: f64,
}

impl Gathered {
    fn add(&mut self, peak: Peak, frames: u64) {
        let (min, max) = self.extent.unwrap_or((peak.min, peak.max));
        self.extent = Some((min.min(peak.min), max.max(peak.max)));
        self.square += f64::from(peak.rms) * f64::from(peak.rms) * frames as f64;
        self.frames += frames as f64;
    }

    fn add_samples(&mut self, samples: &[f32]) {
        for &sample in samples {
            let (min, max) = self.extent.unwrap_or((sample, sample));
            self.extent = Some((min.min(sample), max.max(sample)));
            self.square += f64::from(sample) * f64::from(sample);
        }
        self.frames += samples.len() as f64;
    }

    fn finish(&self) -> Peak {
        let (min, max) = self.extent.unwrap_or((0.0, 0.0));
        let rms = if self.frames > 0.0 { math::to_f32(math::sqrt(self.square / self.frames)) } else { 0.0 };
        Peak { min, max, rms }
    }
}
