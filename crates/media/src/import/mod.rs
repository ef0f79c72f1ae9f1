//! Import: any readable file becomes PCM at the session's rate, named by what it holds.
//!
//! A file is decoded and converted once. 16- and 24-bit integers and 32-bit floats at the session's rate keep their
//! samples; everything else that fits keeps them, too, in the next larger of these forms (8 bits, A-law and µ-law in
//! 16), and the rest (a converted rate, 32-bit integers, 64-bit floats) becomes 32-bit float. The result is a WAV file
//! (RF64 when it is large) that any program opens, named `HASH.wav` after [`AudioHash`]: the same audio is stored once.
//!
//! The file appears under its name only when it is whole and on the disk: it is written to `.omega-*.tmp`, synced,
//! renamed, and the folder synced. What a kill leaves behind are temporary files; [`remove_stale`] deletes them.

mod resample;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use crate::bext::Bext;
use crate::files::{self, TempFile};
use crate::hash::{AudioHash, AudioHasher};
use crate::pcm::{SampleKind, silence_non_finite};
use crate::read::{AudioFile, AudioInfo, FileKind, OpenError, ReadError, Warning, open};
use crate::write::{CreateError, Depth, Format, Summary, WriteError, Writer};

pub use crate::files::remove_stale;
use resample::Resampler;

/// Frames decoded at a time.
const BLOCK: usize = 4096;
/// What an imported file is called and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaInfo {
    /// Name of the audio.
    pub hash: AudioHash,
    /// `HASH.wav`, in the media folder.
    pub file_name: String,
    /// 1 to 64.
    pub channels: usize,
    /// Frames at `rate`.
    pub frames: i64,
    /// The session's rate.
    pub rate: u32,
    /// Form of the stored samples.
    pub sample_kind: SampleKind,
    /// Infinities and NaNs in the original, which became silence.
    pub non_finite: u64,
    /// Whether the same audio was there already.
    pub was_there: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// Where imported audio came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The path that was given.
    pub path: PathBuf,
    /// Its last part.
    pub file_name: String,
    /// What kind of file it was.
    pub file_kind: FileKind,
    /// Form of its samples.
    pub sample_kind: SampleKind,
    /// Its frames per second.
    pub rate: u32,
    /// Its length in frames at that rate.
    pub frames: i64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last changed, where the system knows.
    pub modified: Option<SystemTime>,
    /// Its broadcast extension; `time_reference` is in frames of the *original* rate.
    pub bext: Option<Bext>,
    /// What was odd about it.
    pub warnings: Vec<Warning>,
}

/// Why a file was not imported. Nothing is left in the media folder then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be decoded to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The result cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The result cannot be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A step in the media folder failed.
    #[error("cannot {step} '{}': {error}", path.display())]
    Folder {
        /// What was tried.
        step: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There is not a single frame in it.
    #[error("'{}' holds no audio", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One of the rates is beyond all use.
    #[error("'{}' cannot be converted from {from} Hz to {to} Hz; rates from 2,000 to 768,000 can", path.display())]
    Rate {
        /// The file.
        path: PathBuf,
        /// Its rate.
        from: u32,
        /// The session's.
        to: u32,
    },
    /// The caller broke off.
    #[error("the import was cancelled")]
    Cancelled,
}

/// Imports the file at `path` into `media_dir` (made if it is missing) for a session at `session_rate`.
///
/// `progress` gets the part that is done, 0 to 1, after every 4,096 frames (0 while a FLAC file does not say how long it
/// is); when it breaks, the import stops and leaves nothing behind. Memory does not depend on the file's length. Blocking: for a background job.
///
/// # Errors
/// [`ImportError`], each with the file it is about.
pub fn import(
    path: &Path,
    session_rate: u32,
    media_dir: &Path,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<MediaInfo, ImportError> {
    let mut file = open(path)?;
    let info = file.info().clone();
    if info.rate != session_rate
        && !(resample::RATES.contains(&info.rate) && resample::RATES.contains(&session_rate))
    {
        return Err(ImportError::Rate { path: path.to_path_buf(), from: info.rate, to: session_rate });
    }
    fs::create_dir_all(media_dir).map_err(|error| ImportError::Folder {
        step: "create",
        path: media_dir.to_path_buf(),
        error,
    })?;
    let depth = depth_for(&info, session_rate);
    let temp = TempFile::new(media_dir);
    let mut writer = Writer::create(&temp.path, Format::wav(depth, info.channels, session_rate))?;
    let mut non_finite = convert(&mut file, session_rate, &mut writer, progress)?;
    let summary = writer.finish()?;
    non_finite += summary.non_finite;
    if summary.frames == 0 {
        return Err(ImportError::Empty { path: path.to_path_buf() });
    }
    let (file_name, was_there) = settle(&temp.path, media_dir, &summary, depth)?;
    let metadata = fs::metadata(path).ok();
    Ok(MediaInfo {
        hash: summary.hash,
        file_name,
        channels: info.channels,
        frames: i64::try_from(summary.frames).unwrap_or(i64::MAX),
        rate: session_rate,
        sample_kind: depth.kind(),
        non_finite,
        was_there,
        origin: Origin {
            path: path.to_path_buf(),
            file_name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            file_kind: info.file_kind,
            sample_kind: info.sample_kind,
            rate: info.rate,
            frames: file.position(),
            size: metadata.as_ref().map_or(0, fs::Metadata::len),
            modified: metadata.and_then(|metadata| metadata.modified().ok()),
            bext: info.bext,
            warnings: file.warnings().to_vec(),
        },
    })
}

/// The smallest form that holds the samples as they are, or float where none does.
fn depth_for(info: &AudioInfo, session_rate: u32) -> Depth {
    if info.rate != session_rate {
        return Depth::Float32;
    }
    match info.sample_kind {
        SampleKind::UInt8 | SampleKind::Int8 | SampleKind::Int16 | SampleKind::ALaw | SampleKind::MuLaw => {
            Depth::Int16
        }
        SampleKind::Int24 => Depth::Int24,
        SampleKind::Int32 | SampleKind::Float32 | SampleKind::Float64 => Depth::Float32,
    }
}

/// Decodes, converts and writes everything; returns how many samples were not finite.
fn convert(
    file: &mut AudioFile,
    session_rate: u32,
    writer: &mut Writer,
    progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<u64, ImportError> {
    let info = file.info();
    let (channels, total) = (info.channels, info.frames.unwrap_or(0));
    let is_float = info.sample_kind.is_float();
    let mut resampler =
        (info.rate != session_rate).then(|| Resampler::new(info.rate, session_rate, channels));
    let mut input = vec![vec![0.0; BLOCK]; channels];
    let mut output = vec![Vec::new(); channels];
    let mut non_finite = 0;
    loop {
        let frames = file.read_block(&mut input)?;
        if frames == 0 {
            break;
        }
        if is_float {
            non_finite += input
                .iter_mut()
                .map(|samples| silence_non_finite(samples.get_mut(..frames).unwrap_or(&mut [])))
                .sum::<u64>();
        }
        match &mut resampler {
            Some(resampler) => {
                resampler.push(&input, frames, &mut output);
                writer.write(&output)?;
                output.iter_mut().for_each(Vec::clear);
            }
            None => {
                let cut: Vec<&[f32]> =
                    input.iter().map(|samples| samples.get(..frames).unwrap_or(&[])).collect();
                writer.write(&cut)?;
            }
        }
        if progress(fraction(file.position(), total)).is_break() {
            return Err(ImportError::Cancelled);
        }
    }
    if let Some(mut resampler) = resampler {
        resampler.finish(&mut output);
        writer.write(&output)?;
    }
    Ok(non_finite)
}

/// Part that is done; 0 when the whole is unknown.
fn fraction(done: i64, total: i64) -> f32 {
    if total <= 0 { 0.0 } else { (done as f32 / total as f32).min(1.0) }
}

/// Gives the finished file its name, or leaves it where it is when the same audio is there already.
pub(crate) fn settle(
    temp: &Path,
    media_dir: &Path,
    summary: &Summary,
    depth: Depth,
) -> Result<(String, bool), ImportError> {
    let file_name = format!("{}.wav", summary.hash);
    let target = media_dir.join(&file_name);
    if is_whole(&target, temp, summary, depth) {
        return Ok((file_name, true));
    }
    fs::rename(temp, &target).map_err(|error| ImportError::Folder {
        step: "give its name to",
        path: target.clone(),
        error,
    })?;
    files::sync_dir(media_dir).map_err(|error| ImportError::Folder {
        step: "sync",
        path: media_dir.to_path_buf(),
        error,
    })?;
    Ok((file_name, false))
}

/// Whether `target` is the same file as the finished `temp`, as far as its length and header tell.
fn is_whole(target: &Path, temp: &Path, summary: &Summary, depth: Depth) -> bool {
    let len = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    let same_len = len(target).is_some_and(|there| Some(there) == len(temp));
    same_len
        && open(target).is_ok_and(|file| {
            let info = file.info();
            info.sample_kind == depth.kind() && info.frames == i64::try_from(summary.frames).ok()
        })
}

/// The name that the audio in a stored file should have: a file in the media folder is undamaged when this is its own.
///
/// # Errors
/// [`OpenError`] or [`ReadError`] through [`ImportError`]; it reads the whole file.
pub fn hash_file(path: &Path) -> Result<AudioHash, ImportError> {
    let mut file = open(path)?;
    let info = file.info().clone();
    let kind = match info.sample_kind {
        kind @ (SampleKind::Int16 | SampleKind::Int24 | SampleKind::Int32) => kind,
        _ => SampleKind::Float32,
    };
    let mut hasher = AudioHasher::new(kind, info.channels, info.rate);
    let encoder = crate::pcm::PcmEncoder { kind, dither: None };
    let mut block = vec![vec![0.0; BLOCK]; info.channels];
    let mut bytes = Vec::new();
    loop {
        let frames = file.read_block(&mut block)?;
        if frames == 0 {
            return Ok(hasher.finish());
        }
        bytes.clear();
        encoder.encode(&block, 0..frames, 0, &mut bytes);
        hasher.update(&bytes);
    }
}
