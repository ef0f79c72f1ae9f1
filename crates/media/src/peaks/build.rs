//! Building a peak file.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::files::{TempFile, write_all_at};
use crate::hash::AudioHash;
use crate::pcm::silence_non_finite;
use crate::read::{AudioFile, OpenError, ReadError, open};

use super::format::{BASE_FRAMES, BLOCK_PEAKS, FACTOR, HEADER_BYTES, Layout, append, seal};
use super::{Gathered, Peak, PeakError, PeakFile, path_for};

/// Part of the progress that reading the audio takes; the rest is the higher levels.
const AUDIO_PART: f32 = 0.95;

/// Why a peak file was not built. Nothing is left then.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The audio cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The audio cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The length of the audio is not known: import it first.
    #[error("'{}' does not say how long it is; import it first", path.display())]
    Length {
        /// The file.
        path: PathBuf,
    },
    /// The peak file cannot be written.
    #[error("cannot write peak file '{}': {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// What was written cannot be read back.
    #[error(transparent)]
    Peaks(#[from] PeakError),
    /// The caller broke off.
    #[error("building the peak file was cancelled")]
    Cancelled,
}

/// Opens the peak file of `hash` in `cache_dir`, or builds it from the file at `audio` when there is none of any use.
///
/// # Errors
/// [`BuildError`].
pub fn open_or_build(
    audio: &Path,
    hash: AudioHash,
    cache_dir: &Path,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<PeakFile, BuildError> {
    match PeakFile::open(&path_for(cache_dir, hash), hash) {
        Ok(peaks) => Ok(peaks),
        Err(_) => build(audio, hash, cache_dir, progress),
    }
}

/// Builds the peak file of the audio named `hash`, which is at `audio`, in `cache_dir` (made if it is missing), and opens
/// it. An older one is replaced, at once and as a whole. `progress` gets the part that is done, 0 to 1, and breaks to
/// cancel. Memory does not depend on the file's length. Blocking: for a background job.
///
/// # Errors
/// [`BuildError`].
pub fn build(
    audio: &Path,
    hash: AudioHash,
    cache_dir: &Path,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<PeakFile, BuildError> {
    let mut source = open(audio)?;
    let info = source.info();
    let frames = info.frames.ok_or_else(|| BuildError::Length { path: audio.to_path_buf() })?;
    let layout = Layout { channels: info.channels, rate: info.rate, frames };
    let target = path_for(cache_dir, hash);
    let failed = |error| BuildError::Write { path: target.clone(), error };
    fs::create_dir_all(cache_dir).map_err(failed)?;
    let temp = TempFile::new(cache_dir);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temp.path)
        .map_err(failed)?;
    write_all_at(&file, 0, &layout.header(hash)).map_err(failed)?;
    let mut first = LevelWriter::new(&file, layout, 0);
    read_audio(&mut source, layout, &mut first, failed, progress)?;
    first.finish().map_err(failed)?;
    build_levels(&file, &temp.path, hash, layout, failed, progress)?;
    drop(file);
    // Nothing waits for the disk: after a power cut the checksums tell, and it is a cache.
    fs::rename(&temp.path, &target).map_err(failed)?;
    Ok(PeakFile::open(&target, hash)?)
}

/// Level 0, from the audio.
fn read_audio(
    source: &mut AudioFile,
    layout: Layout,
    level: &mut LevelWriter<'_>,
    failed: impl Fn(io::Error) -> BuildError,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<(), BuildError> {
    let base = usize::try_from(BASE_FRAMES).unwrap_or(256);
    let mut block = vec![vec![0.0; base * 64]; layout.channels];
    let mut peaks = vec![Peak::default(); layout.channels];
    loop {
        let got = source.read_block(&mut block)?;
        if got == 0 {
            return Ok(());
        }
        for samples in &mut block {
            silence_non_finite(samples.get_mut(..got).unwrap_or(&mut []));
        }
        for start in (0..got).step_by(base) {
            for (peak, samples) in peaks.iter_mut().zip(&block) {
                let mut sum = Gathered::default();
                sum.add_samples(samples.get(start..got.min(start + base)).unwrap_or(&[]));
                *peak = sum.finish();
            }
            level.push(&peaks).map_err(&failed)?;
        }
        let done = source.position() as f32 / layout.frames.max(1) as f32;
        if progress((done * AUDIO_PART).min(AUDIO_PART)).is_break() {
            return Err(BuildError::Cancelled);
        }
    }
}

/// The higher levels, each from the one before.
fn build_levels(
    file: &File,
    path: &Path,
    hash: AudioHash,
    layout: Layout,
    failed: impl Fn(io::Error) -> BuildError + Copy,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<(), BuildError> {
    let len = layout.file_len().unwrap_or(HEADER_BYTES as u64);
    // The blocks are read through the ordinary reader, so the length must be right already.
    file.set_len(len).map_err(failed)?;
    let reader = PeakFile::open(path, hash)?;
    for level in 1..layout.levels() {
        let mut writer = LevelWriter::new(file, layout, level);
        let mut held = vec![None; layout.channels];
        let mut peaks = vec![Peak::default(); layout.channels];
        for index in 0..layout.peaks(level) {
            for (channel, (peak, held)) in peaks.iter_mut().zip(&mut held).enumerate() {
                let mut sum = Gathered::default();
                for below in index * FACTOR..((index + 1) * FACTOR).min(layout.peaks(level - 1)) {
                    sum.add(
                        reader.peak(held, level - 1, channel, below)?,
                        layout.frames_in(level - 1, below),
                    );
                }
                *peak = sum.finish();
            }
            writer.push(&peaks).map_err(failed)?;
        }
        writer.finish().map_err(failed)?;
        let done = AUDIO_PART + (1.0 - AUDIO_PART) * level as f32 / layout.levels() as f32;
        if progress(done).is_break() {
            return Err(BuildError::Cancelled);
        }
    }
    Ok(())
}

/// Collects the peaks of a level and writes them block by block.
struct LevelWriter<'a> {
    file: &'a File,
    layout: Layout,
    level: usize,
    block: u64,
    channels: Vec<Vec<u8>>,
    peaks: u64,
}

impl<'a> LevelWriter<'a> {
    fn new(file: &'a File, layout: Layout, level: usize) -> Self {
        Self { file, layout, level, block: 0, channels: vec![Vec::new(); layout.channels], peaks: 0 }
    }

    fn push(&mut self, peaks: &[Peak]) -> io::Result<()> {
        for (bytes, &peak) in self.channels.iter_mut().zip(peaks) {
            append(peak, bytes);
        }
        self.peaks += 1;
        if self.peaks == BLOCK_PEAKS { self.write() } else { Ok(()) }
    }

    fn finish(mut self) -> io::Result<()> {
        if self.peaks > 0 { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut bytes = self.channels.concat();
        seal(&mut bytes);
        write_all_at(self.file, self.layout.block(self.level, self.block).0, &bytes)?;
        self.channels.iter_mut().for_each(Vec::clear);
        self.block += 1;
        self.peaks = 0;
        Ok(())
    }
}
