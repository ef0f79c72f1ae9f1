//! The media pool.

use omega_time::{Frames, SampleRate};

use super::fact::facts;
use super::values::{channels, long_text, name, not_negative};

facts! {
    /// Where a media file came from.
    pub struct MediaOrigin {
        /// The file that was imported.
        pub path: String [long_text] = String::new();
        /// Its BLAKE3 hash in hexadecimal.
        pub hash: String [name] = String::new();
        /// What it was, such as `FLAC 24 bit, 44100 Hz`.
        pub format: String [name] = String::new();
    }
}

impl MediaOrigin {
    /// Nothing known.
    #[must_use]
    pub fn unknown() -> Self {
        Self { path: String::new(), hash: String::new(), format: String::new(), extra: Default::default() }
    }
}

facts! {
    /// A PCM file: `media.<BLAKE3 of its bytes>`.
    pub struct Media {
        /// Its name for people.
        pub name: String [name] = String::new();
        /// Where it is: relative to the session's folder (`media/…`), or absolute while it was not collected.
        pub file: String [long_text];
        /// Its channels, 1 to 64.
        pub channels: u16 [channels];
        /// Its frames.
        pub frames: Frames [not_negative];
        /// Its rate; the session's, unless it was taken as it is.
        pub sample_rate: SampleRate;
        /// Where it came from.
        pub origin: MediaOrigin = MediaOrigin::unknown();
    }
}

impl Media {
    /// A file of unknown origin.
    #[must_use]
    pub fn new(file: &str, channels: u16, frames: Frames, sample_rate: SampleRate) -> Self {
        Self {
            name: String::new(),
            file: file.to_owned(),
            channels,
            frames,
            sample_rate,
            origin: MediaOrigin::unknown(),
            extra: Default::default(),
        }
    }

    /// Whether the file lies within the session's folder.
    #[must_use]
    pub fn is_collected(&self) -> bool {
        let path = std::path::Path::new(&self.file);
        path.is_relative() && path.starts_with("media")
    }
}
