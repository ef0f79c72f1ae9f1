//! Audio files in and out: decode, convert, stream, peak files, loudness.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@read`] | WAV, RF64, BW64, AIFF, AIFC, FLAC: headers, and forward decoding to planar `f32` |
//! | [`mod@import`] | any of these, once, to PCM at the session's rate, named by hash |
//! | [`peaks`] | waveform overviews: a pyramid per file, read in pieces |
//! | [`loudness`] | LUFS, range, true peak |
//! | [`stream`] | disk to audio thread: pages read ahead, one budget of memory; and synchronous reading |
//! | [`record`] | tapes into files that open at every moment, and what is left of them after a kill |
//! | [`mod@write`] | WAV (RF64 past 4 GiB, bext) and FLAC, with seeded dither |
//!
//! Frames are `i64`, counted from 0; audio is planar `f32`, full scale ±1. A file on its way from the user to the speakers:
//!
//! ```
//! use omega_media::{Depth, DiskStreamer, Format, StreamConfig, Writer, import, peaks};
//! use omega_rt::PcmSource;
//! use std::ops::ControlFlow;
//! # let dir = tempfile::tempdir()?;
//! # let (media, cache) = (dir.path().join("media"), dir.path().join("cache"));
//! let go_on = &mut |_done| ControlFlow::Continue(());
//!
//! let file = dir.path().join("tone.flac");
//! let mut writer = Writer::create(&file, Format::flac(Depth::Int24, 1, 44_100))?;
//! writer.write(&[[0.25; 4_410]])?;
//! println!("{}", writer.finish()?.hash);
//!
//! let info = import(&file, 48_000, &media, go_on)?;
//! let path = media.join(&info.file_name);
//! assert_eq!((info.frames, info.channels), (4_800, 1));
//!
//! let overview = peaks::open_or_build(&path, info.hash, &cache, go_on)?;
//! let mut columns = [omega_media::Peak::default(); 3];
//! overview.read(0, 0..info.frames, &mut columns)?;
//!
//! let streamer = DiskStreamer::new(&StreamConfig::default())?;
//! let mut source = streamer.open(&path)?;
//! source.wait_until_ready(2_400, 256);
//! let mut block = [0.0; 256];
//! source.steer(2_400, 1);
//! assert_eq!(source.read(0, 2_400, &mut block), 0, "nothing is missing");
//! assert!((block[0] - 0.25).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//!
//! - **A header's claims size no allocation**, damage is an error that names the byte, and a file that ends early gives the
//!   audio that is there: `tests/hostile.rs` (`cut_at_every_byte_gives_a_prefix_or_an_error`,
//!   `random_damage_never_panics_hangs_or_invents_audio`, `huge_claims_size_no_allocation`).
//! - **What is written is read back exactly**, here and by other programs: `tests/writing.rs`
//!   (`wav_and_flac_of_every_depth_and_width_come_back_exactly`, `sox_and_flac_read_what_is_written`); while a WAV file is
//!   being written, too (`a_writer_that_is_killed_leaves_a_file_that_opens`).
//! - **A media file is whole or not there**: `tests/importing.rs`
//!   (`killed_at_any_system_call_it_leaves_no_half_file_under_a_final_name`).
//! - **The same audio has one name**, whatever container it came in
//!   (`the_same_audio_in_other_containers_is_stored_once`).
//! - **Streaming and rendering read the same samples**, those of decoding: `tests/streaming.rs`
//!   (`streamed_and_offline_samples_are_those_of_decoding`).
//! - **The audio thread's side of a stream takes no lock and no memory**, and never sees another page's samples
//!   (`what_is_not_loaded_is_silence_and_counted_and_no_read_takes_a_lock_or_memory`,
//!   `many_audio_threads_and_loaders_never_mix_pages_up`; the pages themselves are modelled in `omega-rt`).
//! - **Memory does not depend on how much is played**: `tests/stream_memory.rs`
//!   (`twenty_gigabytes_play_within_the_budget`).
//! - **A damaged peak file is noticed, whatever bit was changed**: `tests/peaks.rs`
//!   (`cut_damaged_and_foreign_files_are_refused_and_built_again`).

pub mod bext;
mod files;
mod hash;
pub mod import;
pub mod loudness;
mod pcm;
pub mod peaks;
pub mod read;
pub mod record;
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
