//! Audio files in and out: decode, convert, stream, peak files, loudness.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@read`] | WAV, RF64, BW64, AIFF, AIFC, FLAC: headers, and forward decoding to planar `f32` |
//! | [`mod@import`] | any of these, once, to PCM at the session's rate, named by hash |
//! | [`peaks`] | waveform overviews: a pyramid per file, read in pieces |
//! | [`loudness`] | LUFS, range, true peak |
//! | [`stream`] | disk to audio thread: pages read ahead, one budget of memory; and synchronous reading |
//! | [`mod@write`] | WAV (RF64 past 4 GiB, bext) and FLAC, with seeded dither |

pub mod bext;
mod files;
mod hash;
pub mod import;
pub mod loudness;
mod pcm;
pub mod peaks;
pub mod read;
mod source;
pub mod stream;
pub mod write;

pub use bext::Bext;
pub use hash::{AudioHash, AudioHasher};
pub use import::{ImportError, MediaInfo, Origin, import};
pub use loudness::{Loudness, LoudnessError, LoudnessMeter};
pub use pcm::SampleKind;
pub use peaks::{Peak, PeakFile};
pub use read::{AudioFile, AudioInfo, FileKind, OpenError, ReadError, Warning, open, open_bytes};
pub use stream::{
    DiskStreamer, OfflineSource, StreamConfig, StreamEvent, StreamHandle, StreamSource, StreamStats,
};
pub use write::{Container, CreateError, Depth, Format, Summary, WriteError, Writer};
