//! FLAC files (RFC 9639).
//!
//! The metadata blocks are read here; the frames are decoded by symphonia. It is handed a stream that consists of the
//! STREAMINFO block and the frames alone, so that no tag, picture or seek table is ever parsed or allocated.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

use crate::pcm::SampleKind;
use crate::source::ByteSource;

use super::{AudioInfo, Context, FileKind, OpenError, ReadError, Warning, room};

const STREAMINFO_LEN: usize = 34;
/// Marker, block header, STREAMINFO.
const PREFIX_LEN: usize = 8 + STREAMINFO_LEN;
/// More metadata blocks than any file has.
const MAX_BLOCKS: usize = 10_000;

struct StreamInfo {
    bytes: [u8; STREAMINFO_LEN],
    rate: u32,
    channels: usize,
    bits: u32,
    frames: Option<i64>,
}

impl StreamInfo {
    fn new(bytes: [u8; STREAMINFO_LEN]) -> Self {
        let packed = bytes.get(10..18).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_be_bytes(*b));
        let frames = i64::try_from(packed & 0xF_FFFF_FFFF).ok().filter(|&frames| frames > 0);
        let field = |shift: u32, bits: u32| u32::try_from((packed >> shift) & ((1 << bits) - 1)).unwrap_or(0);
        let channels = usize::try_from(field(41, 3)).unwrap_or(0) + 1;
        Self { bytes, rate: field(44, 20), channels, bits: field(36, 5) + 1, frames }
    }
}

/// Reads the metadata and stands before the first frame.
pub(super) fn parse(context: &mut Context<'_>) -> Result<(AudioInfo, FlacStream), OpenError> {
    let marker = skip_id3(context)?;
    let (info, audio_start) = walk_blocks(context, marker)?;
    let at = marker + 8;
    context.check_rate(at + 10, info.rate)?;
    if info.bits < 4 {
        return Err(context.malformed(at + 12, format!("{} bits per sample", info.bits)));
    }
    let sample_kind = match info.bits {
        ..9 => SampleKind::Int8,
        9..=16 => SampleKind::Int16,
        17..=24 => SampleKind::Int24,
        _ => SampleKind::Int32,
    };
    let audio_info = AudioInfo {
        file_kind: FileKind::Flac,
        sample_kind,
        bits: info.bits,
        channels: info.channels,
        rate: info.rate,
        frames: info.frames,
        channel_mask: None,
        bext: None,
    };
    let stream = FlacStream::new(context, &info, audio_start)?;
    Ok((audio_info, stream))
}

/// The byte where `fLaC` stands: 0, or behind an ID3v2 tag that some programs put in front.
fn skip_id3(context: &Context<'_>) -> Result<u64, OpenError> {
    let head: [u8; 10] = context
        .source
        .array_at(0)
        .map_err(|error| context.read(0, error))?
        .ok_or_else(|| context.malformed(context.source.len(), "it ends inside its first header"))?;
    let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = head else { return Ok(0) };
    let size = [a, b, c, d].iter().fold(0_u64, |size, &byte| (size << 7) | u64::from(byte & 0x7F));
    let marker = 10 + size + if flags & 0x10 == 0 { 0 } else { 10 };
    match context.source.array_at(marker).map_err(|error| context.read(marker, error))? {
        Some(id) if &id == b"fLaC" => Ok(marker),
        _ => Err(context.unsupported(marker, "what follows the ID3 tag is not FLAC")),
    }
}

/// Finds STREAMINFO and the byte where the frames begin.
fn walk_blocks(context: &Context<'_>, marker: u64) -> Result<(StreamInfo, u64), OpenError> {
    let mut at = marker + 4;
    let mut info = None;
    for _ in 0..MAX_BLOCKS {
        let [kind, a, b, c] = context
            .source
            .array_at(at)
            .map_err(|error| context.read(at, error))?
            .ok_or_else(|| context.malformed(context.source.len(), "it ends inside its metadata"))?;
        let len = u64::from(u32::from_be_bytes([0, a, b, c]));
        if info.is_none() {
            if kind & 0x7F != 0 || len != STREAMINFO_LEN as u64 {
                return Err(context.malformed(at, "its first metadata block is not STREAMINFO"));
            }
            let bytes = context
                .source
                .array_at(at + 4)
                .map_err(|error| context.read(at + 4, error))?
                .ok_or_else(|| context.malformed(context.source.len(), "it ends inside STREAMINFO"))?;
            info = Some(StreamInfo::new(bytes));
        }
        at += 4 + len;
        if kind & 0x80 != 0 {
            break;
        }
    }
    info.map(|info| (info, at)).ok_or_else(|| context.malformed(marker, "it has no STREAMINFO"))
}

/// Decodes frames forward.
pub(super) struct FlacStream {
    source: ByteSource,
    channels: usize,
    claimed: Option<i64>,
    decoder: FlacDecoder,
    /// `None` when there is not one whole frame, and after the end.
    frames: Option<FlacReader<'static>>,
    /// Where the next coded frame begins in the file (exact unless something was skipped).
    offset: u64,
    /// The stream's own number of our frame 0: cut streams do not begin at 0.
    first: Option<i64>,
    /// Frames given out.
    position: i64,
    /// Frames of the decoder's last block that were given out.
    used: usize,
    /// A block that did not decode; an error once something follows it, a short file otherwise.
    damage: Option<String>,
}

impl FlacStream {
    fn new(context: &Context<'_>, info: &StreamInfo, audio_start: u64) -> Result<Self, OpenError> {
        let stream = FramesOnly::new(context.source.clone(), info.bytes, audio_start);
        let stream = MediaSourceStream::new(
            Box::new(stream),
            symphonia::core::io::MediaSourceStreamOptions::default(),
        );
        let frames = match FlacReader::try_new(stream, symphonia::core::formats::FormatOptions::default()) {
            Ok(reader) => Some(reader),
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(Error::IoError(error)) => return Err(context.read(audio_start, error)),
            Err(error) => return Err(context.malformed(audio_start, error.to_string())),
        };
        let mut params = symphonia::core::codecs::audio::AudioCodecParameters::new();
        params.for_codec(symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC);
        params.with_extra_data(info.bytes.into());
        let options = AudioDecoderOptions::default().verify(true);
        let decoder = FlacDecoder::try_new(&params, &options)
            .map_err(|error| context.malformed(audio_start - STREAMINFO_LEN as u64, error.to_string()))?;
        Ok(Self {
            source: context.source.clone(),
            channels: info.channels,
            claimed: info.frames,
            decoder,
            frames,
            offset: audio_start,
            first: None,
            position: 0,
            used: 0,
            damage: None,
        })
    }

    pub const fn position(&self) -> i64 {
        self.position
    }

    pub fn read_block<C: AsMut<[f32]>>(
        &mut self,
        out: &mut [C],
        warnings: &mut Vec<Warning>,
    ) -> Result<usize, ReadError> {
        let room = room(out, self.channels);
        let mut done = 0;
        while done < room {
            let count = self.copy_pending(out, done, room);
            if count == 0 && !self.decode_next(warnings)? {
                break;
            }
            done += count;
        }
        Ok(done)
    }

    /// Copies what is left of the decoded block to `out[..][done..room]`.
    fn copy_pending<C: AsMut<[f32]>>(&mut self, out: &mut [C], done: usize, room: usize) -> usize {
        let GenericAudioBufferRef::S32(block) = self.decoder.last_decoded() else { return 0 };
        let count = block.frames().saturating_sub(self.used).min(room - done);
        for (channel, samples) in out.iter_mut().take(self.channels).enumerate() {
            let from = block.plane(channel).and_then(|plane| plane.get(self.used..self.used + count));
            let to = samples.as_mut().get_mut(done..done + count);
            if let (Some(from), Some(to)) = (from, to) {
                for (to, &from) in to.iter_mut().zip(from) {
                    // symphonia left-justifies every width in 32 bits.
                    *to = from as f32 / 2_147_483_648.0;
                }
            }
        }
        self.used += count;
        self.position += i64::try_from(count).unwrap_or(0);
        count
    }

    /// Decodes the next block; `false` at the end.
    fn decode_next(&mut self, warnings: &mut Vec<Warning>) -> Result<bool, ReadError> {
        let Some(frames) = &mut self.frames else { return Ok(false) };
        let packet = match frames.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(self.finish(warnings)),
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(self.finish(warnings));
            }
            Err(Error::IoError(error)) => {
                let path = self.source.path().to_path_buf();
                return Err(ReadError::Io { path, offset: self.offset, error });
            }
            Err(error) => return Err(self.damaged(error.to_string())),
        };
        if let Some(what) = self.damage.take() {
            return Err(self.damaged(what));
        }
        let first = *self.first.get_or_insert(packet.pts.get());
        if packet.pts.get() - first != self.position {
            let what = format!("the next frame that can be decoded is {}", packet.pts.get() - first);
            return Err(self.damaged(what));
        }
        match self.decoder.decode(&packet) {
            Ok(_) => {
                self.used = 0;
                self.offset += packet.data.len() as u64;
            }
            Err(error) => self.damage = Some(error.to_string()),
        }
        Ok(true)
    }

    fn damaged(&mut self, what: String) -> ReadError {
        self.frames = None;
        ReadError::Damaged {
            path: self.source.path().to_path_buf(),
            offset: self.offset,
            frame: self.position,
            what,
        }
    }

    /// The end was reached: says what is missing or differs. Always `false`.
    fn finish(&mut self, warnings: &mut Vec<Warning>) -> bool {
        self.frames = None;
        let whole = self.claimed.is_none_or(|claimed| claimed == self.position);
        if let Some(claimed) = self.claimed.filter(|_| !whole) {
            let what = format!(
                "it should have {claimed} frames but {} could be read; those are taken",
                self.position
            );
            warnings.push(Warning { offset: self.offset, what });
        } else if let Some(what) = self.damage.take() {
            warnings
                .push(Warning { offset: self.offset, what: format!("its last block is left out: {what}") });
        } else if self.position > 0 && self.decoder.finalize().verify_ok == Some(false) {
            let what = "the audio does not match the MD5 in its header".to_owned();
            warnings.push(Warning { offset: self.offset, what });
        }
        false
    }
}

/// A FLAC stream without metadata: a synthetic beginning, then the file from its first frame on.
struct FramesOnly {
    prefix: [u8; PREFIX_LEN],
    source: ByteSource,
    audio_start: u64,
    position: u64,
}

impl FramesOnly {
    fn new(source: ByteSource, streaminfo: [u8; STREAMINFO_LEN], audio_start: u64) -> Self {
        let mut prefix = [0; PREFIX_LEN];
        for (to, from) in prefix.iter_mut().zip(b"fLaC\x80\x00\x00\x22".iter().chain(&streaminfo)) {
            *to = *from;
        }
        Self { prefix, source, audio_start, position: 0 }
    }

    fn len(&self) -> u64 {
        PREFIX_LEN as u64 + self.source.len().saturating_sub(self.audio_start)
    }
}

impl Read for FramesOnly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match usize::try_from(self.position).ok().and_then(|at| self.prefix.get(at..)) {
            Some(rest) if !rest.is_empty() => {
                let count = rest.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest) {
                    *to = *from;
                }
                count
            }
            _ => self.source.read_at(self.audio_start + (self.position - PREFIX_LEN as u64), buffer)?,
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for FramesOnly {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl MediaSource for FramesOnly {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}
