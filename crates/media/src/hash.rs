//! The name of audio: a BLAKE3 of its format and its samples.

use crate::pcm::SampleKind;

/// What [`AudioHasher`] gives: 32 bytes, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudioHash(pub [u8; 32]);

impl AudioHash {
    /// Reads 64 hexadecimal digits, as [`Display`](std::fmt::Display) writes them.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

impl std::fmt::Display for AudioHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl std::fmt::Debug for AudioHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Hashes audio as it is stored, whatever the container: the same samples in WAV, RF64 and FLAC have one hash.
///
/// See [`AudioHasher::new`] for the header that comes before the interleaved little-endian samples.
#[derive(Clone, Debug)]
pub struct AudioHasher(blake3::Hasher);

impl AudioHasher {
    /// Starts with the header: the 11 bytes `omega-audio`, one byte for the kind (1: 16-bit, 2: 24-bit, 3: 32-bit,
    /// 4: 32-bit float, 5 and up: kinds that are never written), channels as `u32` and rate as `u32`, little-endian.
    #[must_use]
    pub fn new(kind: SampleKind, channels: usize, rate: u32) -> Self {
        let code: u8 = match kind {
            SampleKind::Int16 => 1,
            SampleKind::Int24 => 2,
            SampleKind::Int32 => 3,
            SampleKind::Float32 => 4,
            SampleKind::UInt8 => 5,
            SampleKind::Int8 => 6,
            SampleKind::Float64 => 7,
            SampleKind::ALaw => 8,
            SampleKind::MuLaw => 9,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"omega-audio");
        hasher.update(&[code]);
        hasher.update(&u32::try_from(channels).unwrap_or(u32::MAX).to_le_bytes());
        hasher.update(&rate.to_le_bytes());
        Self(hasher)
    }

    /// Adds interleaved little-endian samples.
    pub fn update(&mut self, samples: &[u8]) {
        self.0.update(samples);
    }

    /// The hash of all that was added.
    #[must_use]
    pub fn finish(&self) -> AudioHash {
        AudioHash(*self.0.finalize().as_bytes())
    }
}
