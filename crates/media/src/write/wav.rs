//! WAV and RF64.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::files::write_all_at;
use crate::pcm::SampleKind;

use super::{Format, WriteError};

/// The largest RIFF size field that means a size.
pub(super) const RIFF_LIMIT: u64 = 0xFFFF_FFFE;
/// Bytes that are collected before they are written and the header is brought up to date.
const FLUSH_BYTES: usize = 256 * 1024;
/// The payload of ds64 without a table, and of the JUNK that keeps its place.
const DS64_LEN: u32 = 28;

/// A WAV file that is being written.
pub(super) struct WavBody {
    file: File,
    header: Header,
    /// Bytes of audio in the file.
    written: u64,
    pending: Vec<u8>,
}

impl WavBody {
    pub fn create(path: &Path, format: &Format, riff_limit: u64) -> io::Result<Self> {
        let header = Header::new(format, riff_limit);
        let file = File::create(path)?;
        write_all_at(&file, 0, &header.bytes(0))?;
        Ok(Self { file, header, written: 0, pending: Vec::with_capacity(FLUSH_BYTES + 64 * 1024) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the audio first and the header, in one piece, after it: the header never claims what is not there.
    pub fn flush(&mut self) -> io::Result<()> {
        write_all_at(&self.file, self.header.len + self.written, &self.pending)?;
        let written = self.written + self.pending.len() as u64;
        write_all_at(&self.file, 0, &self.header.bytes(written))?;
        self.written = written;
        self.pending.clear();
        Ok(())
    }

    pub fn finish(&mut self) -> io::Result<()> {
        if (self.written + self.pending.len() as u64) & 1 == 1 {
            // The pad byte is not audio: it goes behind what flush writes.
            let end = self.header.len + self.written + self.pending.len() as u64;
            write_all_at(&self.file, end, &[0])?;
        }
        self.flush()?;
        self.file.sync_all()
    }

    pub fn error(&self, path: &Path, error: io::Error) -> WriteError {
        WriteError::Io { path: path.to_path_buf(), offset: self.header.len + self.written, error }
    }
}

/// Everything before the audio.
struct Header {
    fmt: Vec<u8>,
    has_fact: bool,
    bext: Option<Vec<u8>>,
    frame_bytes: u64,
    /// Bytes before the audio; even, and the same for every length of audio.
    len: u64,
    riff_limit: u64,
}

impl Header {
    fn new(format: &Format, riff_limit: u64) -> Self {
        let kind = format.bits.kind();
        let mut header = Self {
            fmt: fmt_chunk(format),
            has_fact: kind.is_float(),
            bext: format.bext.as_ref().map(crate::bext::Bext::to_bytes),
            frame_bytes: (kind.bytes() * format.channels) as u64,
            len: 0,
            riff_limit,
        };
        header.len = header.bytes(0).len() as u64;
        header
    }

    /// The header of a file with `data_bytes` of audio.
    fn bytes(&self, data_bytes: u64) -> Vec<u8> {
        let riff_size = self.len.saturating_sub(8) + data_bytes + (data_bytes & 1);
        let is_rf64 = riff_size > self.riff_limit;
        let frames = data_bytes / self.frame_bytes;
        let small = |size: u64| if is_rf64 { u32::MAX } else { u32::try_from(size).unwrap_or(u32::MAX) };
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        bytes.extend_from_slice(if is_rf64 { b"RF64" } else { b"RIFF" });
        bytes.extend_from_slice(&small(riff_size).to_le_bytes());
        bytes.extend_from_slice(b"WAVE");
        bytes.extend_from_slice(if is_rf64 { b"ds64" } else { b"JUNK" });
        bytes.extend_from_slice(&DS64_LEN.to_le_bytes());
        for size in [riff_size, data_bytes, frames] {
            bytes.extend_from_slice(&if is_rf64 { size } else { 0 }.to_le_bytes());
        }
        bytes.extend_from_slice(&[0; 4]);
        chunk(&mut bytes, *b"fmt ", &self.fmt);
        if self.has_fact {
            chunk(&mut bytes, *b"fact", &small(frames).to_le_bytes());
        }
        if let Some(bext) = &self.bext {
            chunk(&mut bytes, *b"bext", bext);
        }
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&small(data_bytes).to_le_bytes());
        bytes
    }
}

fn chunk(bytes: &mut Vec<u8>, id: [u8; 4], payload: &[u8]) {
    bytes.extend_from_slice(&id);
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        bytes.push(0);
    }
}

/// The payload of `fmt `: plain where that suffices, extensible for more than two channels or 16 bits, as Microsoft asks.
fn fmt_chunk(format: &Format) -> Vec<u8> {
    let kind = format.bits.kind();
    let width = kind.bytes();
    let is_float = kind.is_float();
    let is_extensible = format.channels > 2 || (!is_float && kind != SampleKind::Int16);
    let (plain_tag, extensible_tag) = (if is_float { 3_u16 } else { 1 }, 0xFFFE_u16);
    let as_u16 = |value: usize| u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
    let as_u32 = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let frame_bytes = width * format.channels;
    let byte_rate = frame_bytes.saturating_mul(usize::try_from(format.rate).unwrap_or(usize::MAX));
    let mut bytes = Vec::with_capacity(40);
    bytes.extend_from_slice(&if is_extensible { extensible_tag } else { plain_tag }.to_le_bytes());
    bytes.extend_from_slice(&as_u16(format.channels));
    bytes.extend_from_slice(&format.rate.to_le_bytes());
    bytes.extend_from_slice(&as_u32(byte_rate));
    bytes.extend_from_slice(&as_u16(frame_bytes));
    bytes.extend_from_slice(&as_u16(width * 8));
    if is_extensible {
        bytes.extend_from_slice(&22_u16.to_le_bytes());
        bytes.extend_from_slice(&as_u16(width * 8));
        bytes.extend_from_slice(&channel_mask(format.channels).to_le_bytes());
        bytes.extend_from_slice(&plain_tag.to_le_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    } else if is_float {
        bytes.extend_from_slice(&0_u16.to_le_bytes());
    }
    bytes
}

/// Speakers only where there is no doubt; otherwise 0: channels without positions.
const fn channel_mask(channels: usize) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::read::{FileKind, open};
    use crate::write::{Depth, Format, Writer};

    /// Writes `frames` of stereo 16-bit audio with the limit lowered; returns the file's bytes.
    fn written(limit: u64, frames: usize) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wav");
        let format = Format::wav(Depth::Int16, 2, 48_000);
        let mut writer = Writer::create_with_limit(&path, format, limit).expect("it is created");
        let ramp: Vec<f32> = (0..frames).map(|frame| (frame % 1000) as f32 / 1024.0).collect();
        writer.write(&[&ramp, &ramp]).expect("it is written");
        writer.finish().expect("it is finished");
        let mut file = open(&path).expect("it opens");
        assert_eq!((file.info().frames, file.warnings()), (i64::try_from(frames).ok(), &[][..]));
        let mut got = vec![vec![0.0; frames]; 2];
        assert_eq!(file.read_block(&mut got).expect("it reads"), frames);
        assert!(got[0] == ramp && got[1] == ramp);
        std::fs::read(&path).expect("it is there")
    }

    #[test]
    fn riff_becomes_rf64_at_the_limit_and_nothing_moves() {
        // RIFF size of 1,000 frames: what is before the audio, less 8, plus 4,000 bytes.
        let plain = written(super::RIFF_LIMIT, 1_000);
        let size = plain.len() as u64 - 8;
        assert_eq!(plain.get(..4), Some(&b"RIFF"[..]));
        assert_eq!(written(size, 1_000), plain, "exactly at the limit");
        let large = written(size - 1, 1_000);
        assert_eq!(large.get(..4), Some(&b"RF64"[..]));
        assert_eq!((large.get(12..16), plain.get(12..16)), (Some(&b"ds64"[..]), Some(&b"JUNK"[..])));
        assert_eq!(large.get(4..8), Some(&[0xFF; 4][..]));
        let sizes: Vec<u64> = large
            .get(20..44)
            .unwrap_or(&[])
            .chunks_exact(8)
            .map(|b| u64::from_le_bytes(b.try_into().unwrap_or([0; 8])))
            .collect();
        assert_eq!(sizes, [size, 4_000, 1_000]);
        assert_eq!(
            large.get(48..),
            plain
                .get(48..)
                .map(|rest| {
                    let mut rest = rest.to_vec();
                    let at = rest.windows(4).position(|window| window == b"data").unwrap_or(0) + 4;
                    rest.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xFF);
                    rest
                })
                .as_deref()
        );
    }

    #[test]
    fn audio_past_four_gibibytes_is_found_again() {
        // The audio itself is a hole in a sparse file: only the sizes and the last frames are written.
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("large.wav");
        let format = Format::wav(Depth::Int16, 2, 48_000);
        let mut body = super::WavBody::create(&path, &format, super::RIFF_LIMIT).expect("it is created");
        let frames = (1_u64 << 30) + 10_000;
        body.written = (frames - 1) * 4;
        body.write(&[0x00, 0x40, 0x00, 0xC0]).expect("it is written");
        body.finish().expect("it is finished");
        let end = std::fs::metadata(&path).expect("it is there").len();
        assert_eq!(end, body.header.len + frames * 4);
        let mut file = open(&path).expect("it opens");
        assert_eq!((file.info().file_kind, file.info().frames), (FileKind::Rf64, i64::try_from(frames).ok()));
        assert_eq!(file.warnings(), []);
        assert!(file.seek(i64::try_from(frames).expect("fits") - 2));
        let mut last = [[9.0_f32; 4]; 2];
        assert_eq!(file.read_block(&mut last).expect("it reads"), 2);
        assert_eq!((last[0][..2].to_vec(), last[1][..2].to_vec()), (vec![0.0, 0.5], vec![0.0, -0.5]));
    }
}
