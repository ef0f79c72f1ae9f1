//! FLAC, encoded by flac-codec.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use flac_codec::encode::{FlacSampleWriter, Options};

use super::{Format, WriteError};

/// A FLAC file that is being written.
pub(super) struct FlacBody {
    encoder: FlacSampleWriter<BufWriter<File>>,
    /// A second handle, for the final fsync.
    file: File,
    width: usize,
    samples: Vec<i32>,
}

/// What the encoder said; named with a path later.
pub(super) struct EncodeError(flac_codec::Error);

impl EncodeError {
    pub fn named(self, path: &Path) -> WriteError {
        let path = path.to_path_buf();
        match self.0 {
            flac_codec::Error::Io(error) => {
                // The encoder does not say how far it came; what the file has by now is where it stopped.
                let offset = std::fs::metadata(&path).map_or(0, |file| file.len());
                WriteError::Io { path, offset, error }
            }
            error => WriteError::Encode { path, what: error.to_string() },
        }
    }
}

impl FlacBody {
    pub fn create(path: &Path, format: &Format) -> io::Result<Self> {
        let file = File::create(path)?;
        let output = BufWriter::with_capacity(256 * 1024, file.try_clone()?);
        let width = format.bits.kind().bytes();
        let bits = u32::try_from(width * 8).unwrap_or(0);
        let channels = u8::try_from(format.channels).unwrap_or(0);
        let options = Options::best().no_padding().no_seektable();
        let encoder =
            FlacSampleWriter::new(output, options, format.rate, bits, channels, None).map_err(|error| {
                match error {
                    flac_codec::Error::Io(error) => error,
                    error => io::Error::other(error.to_string()),
                }
            })?;
        Ok(Self { encoder, file, width, samples: Vec::new() })
    }

    /// Takes interleaved little-endian integers.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.samples.clear();
        let unused = 32 - 8 * self.width;
        self.samples.extend(bytes.chunks_exact(self.width).map(|stored| {
            let mut word = [0; 4];
            for (to, from) in word.iter_mut().skip(4 - self.width).zip(stored) {
                *to = *from;
            }
            i32::from_le_bytes(word) >> unused
        }));
        self.encoder.write(&self.samples).map_err(EncodeError)
    }

    pub fn finish(self) -> Result<(), EncodeError> {
        match self.encoder.finalize() {
            // An empty file is complete as it was begun.
            Ok(()) | Err(flac_codec::Error::NoSamples) => {}
            Err(error) => return Err(EncodeError(error)),
        }
        self.file.sync_all().map_err(|error| EncodeError(flac_codec::Error::Io(error)))
    }
}
