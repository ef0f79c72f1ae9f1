//! Where everything is in a peak file.

use crate::hash::AudioHash;
use crate::read::MAX_CHANNELS;

use super::Peak;

/// `magic`, version `u32`, channels `u32`, rate `u32`, zero `u32`, frames `u64`, hash of the audio (32 bytes), 24 zeros,
/// first 8 bytes of the BLAKE3 of all that.
pub(super) const HEADER_BYTES: usize = 96;
const MAGIC: [u8; 8] = *b"OMEGAPKS";
const VERSION: u32 = 1;
/// A least, a greatest and an RMS value.
pub(super) const PEAK_BYTES: usize = 12;
/// Checksum behind each block.
pub(super) const SUM_BYTES: usize = 8;
/// Peaks of each channel in a block.
pub(super) const BLOCK_PEAKS: u64 = 512;
/// Frames of a peak of level 0.
pub(super) const BASE_FRAMES: i64 = 256;
/// Peaks of a level that become one of the next.
pub(super) const FACTOR: u64 = 4;
/// A level with at most so many is the last.
const LAST_LEVEL: u64 = 1_024;

/// The measures that a header gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub channels: usize,
    pub rate: u32,
    pub frames: i64,
}

impl Layout {
    pub fn peak_frames(self, level: usize) -> i64 {
        (0..level).fold(BASE_FRAMES, |frames, _| frames.saturating_mul(4))
    }

    /// Peaks of each channel in a level.
    pub fn peaks(self, level: usize) -> u64 {
        self.frames.unsigned_abs().div_ceil(self.peak_frames(level).unsigned_abs())
    }

    pub fn levels(self) -> usize {
        let mut level = 0;
        while self.peaks(level) > LAST_LEVEL {
            level += 1;
        }
        level + 1
    }

    /// The coarsest level whose peaks have at most `frames` frames, or else level 0.
    pub fn level_for(self, frames: i128) -> usize {
        let mut level = 0;
        while level + 1 < self.levels() && i128::from(self.peak_frames(level + 1)) <= frames {
            level += 1;
        }
        level
    }

    /// Frames of one peak: the last of a level may have fewer.
    pub fn frames_in(self, level: usize, index: u64) -> u64 {
        let peak_frames = self.peak_frames(level).unsigned_abs();
        self.frames.unsigned_abs().saturating_sub(index.saturating_mul(peak_frames)).min(peak_frames)
    }

    /// Byte and number of peaks of a block of a level.
    pub fn block(self, level: usize, number: u64) -> (u64, usize) {
        let before: u64 = (0..level).map(|level| self.level_bytes(level)).fold(0, u64::saturating_add);
        let block_bytes = BLOCK_PEAKS * self.peak_bytes() + SUM_BYTES as u64;
        let peaks = self.peaks(level).saturating_sub(number.saturating_mul(BLOCK_PEAKS)).min(BLOCK_PEAKS);
        let offset =
            (HEADER_BYTES as u64).saturating_add(before).saturating_add(number.saturating_mul(block_bytes));
        (offset, usize::try_from(peaks).unwrap_or(0))
    }

    /// Bytes of one peak of all channels.
    fn peak_bytes(self) -> u64 {
        (PEAK_BYTES * self.channels) as u64
    }

    fn level_bytes(self, level: usize) -> u64 {
        let peaks = self.peaks(level);
        let blocks = peaks.div_ceil(BLOCK_PEAKS);
        peaks.saturating_mul(self.peak_bytes()).saturating_add(blocks.saturating_mul(SUM_BYTES as u64))
    }

    /// The length of the file; `None` when it cannot be.
    pub fn file_len(self) -> Option<u64> {
        let levels = (0..self.levels()).map(|level| self.level_bytes(level)).fold(0, u64::saturating_add);
        levels.checked_add(HEADER_BYTES as u64).filter(|&len| len < u64::MAX / 2)
    }

    pub fn header(self, hash: AudioHash) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        for value in [VERSION, u32::try_from(self.channels).unwrap_or(0), self.rate, 0] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&hash.0);
        bytes.resize(HEADER_BYTES - SUM_BYTES, 0);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes.try_into().unwrap_or([0; HEADER_BYTES])
    }
}

/// The layout that a header tells; the error says what the file is instead.
pub(super) fn parse_header(bytes: &[u8; HEADER_BYTES], hash: AudioHash) -> Result<Layout, String> {
    let u32_at =
        |at: usize| bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    if !bytes.starts_with(&MAGIC) {
        return Err("it does not begin like a peak file".into());
    }
    if u32_at(8) != VERSION {
        return Err(format!("its version is {}, not {VERSION}", u32_at(8)));
    }
    let (content, sum) = bytes.split_at(HEADER_BYTES - SUM_BYTES);
    if checksum(content) != sum {
        return Err("its header is damaged".into());
    }
    if bytes.get(32..64) != Some(&hash.0[..]) {
        return Err("it belongs to other audio".into());
    }
    let channels = usize::try_from(u32_at(12)).unwrap_or(usize::MAX);
    let frames = bytes.get(24..).and_then(|b| b.first_chunk()).map_or(-1, |b| i64::from_le_bytes(*b));
    if !(1..=MAX_CHANNELS).contains(&channels) || frames < 0 {
        return Err(format!("{channels} channels of {frames} frames cannot be"));
    }
    Ok(Layout { channels, rate: u32_at(16), frames })
}

/// Appends the checksum to a block.
pub(super) fn seal(block: &mut Vec<u8>) {
    let sum = checksum(block);
    block.extend_from_slice(&sum);
}

/// One channel's peaks of a block of `peaks`; `None` when the checksum differs.
pub(super) fn parse_block(bytes: &[u8], peaks: usize, channels: usize, channel: usize) -> Option<Vec<Peak>> {
    let (content, sum) = bytes.split_at_checked(peaks * channels * PEAK_BYTES)?;
    if checksum(content) != sum {
        return None;
    }
    let own = content.get(channel * peaks * PEAK_BYTES..(channel + 1) * peaks * PEAK_BYTES)?;
    let value = |bytes: &[u8]| bytes.first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
    Some(
        own.chunks_exact(PEAK_BYTES)
            .map(|peak| {
                let (min, rest) = peak.split_at(4);
                let (max, rms) = rest.split_at(4);
                Peak { min: value(min), max: value(max), rms: value(rms) }
            })
            .collect(),
    )
}

pub(super) fn append(peak: Peak, bytes: &mut Vec<u8>) {
    for value in [peak.min, peak.max, peak.rms] {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

fn checksum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let hash = blake3::hash(bytes);
    let mut sum = [0; SUM_BYTES];
    for (to, from) in sum.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    sum
}
