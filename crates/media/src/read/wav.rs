//! WAV, RIFX, RF64 and BW64 headers.

use crate::bext::{self, Bext};
use crate::pcm::{PcmLayout, SampleKind};

use super::chunks::{Chunk, walk};
use super::{AudioInfo, Context, FileKind, OpenError, PcmFile};

/// A 32-bit size that means 'see ds64', or 'not known yet' in a file that was never finished.
const UNKNOWN_SIZE: u64 = 0xFFFF_FFFF;
/// `WAVE_FORMAT_*` tags.
const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// The last 14 bytes of `KSDATAFORMAT_SUBTYPE_*`: the first two are a format tag.
const SUBTYPE_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
/// The same of the Ambisonic B-format subtypes.
const AMBISONIC_TAIL: [u8; 14] = [0, 0, 0x21, 0x07, 0xD3, 0x11, 0x86, 0x44, 0xC8, 0xC1, 0xCA, 0, 0, 0];

/// The 64-bit sizes of RF64.
#[derive(Clone, Copy)]
struct Ds64 {
    data: u64,
}

struct Format {
    kind: SampleKind,
    bits: u32,
    channels: usize,
    rate: u32,
    mask: Option<u32>,
}

/// Reads all headers: what the file holds and where its PCM is.
pub(super) fn parse(context: &mut Context<'_>) -> Result<(AudioInfo, PcmFile), OpenError> {
    let head: [u8; 4] = context
        .source
        .array_at(0)
        .map_err(|error| context.read(0, error))?
        .ok_or_else(|| context.malformed(0, "it is empty"))?;
    let (file_kind, big_endian) = match &head {
        b"RIFX" => (FileKind::Wav, true),
        b"RF64" => (FileKind::Rf64, false),
        b"BW64" => (FileKind::Bw64, false),
        _ => (FileKind::Wav, false),
    };
    let (mut ds64, mut format, mut data, mut bext) = (None, None, None::<Chunk>, None);
    walk(context, big_endian, |context, chunk| {
        match &chunk.id {
            b"ds64" => ds64 = Some(parse_ds64(context, chunk)?),
            b"fmt " if format.is_none() => format = Some(parse_format(context, chunk, big_endian)?),
            b"bext" if bext.is_none() => bext = parse_bext(context, chunk)?,
            b"data" if data.is_none() => {
                resolve_data(context, chunk, ds64);
                data = Some(*chunk);
            }
            b"data" => context.warn(chunk.header, "a second data chunk is ignored"),
            _ => {}
        }
        Ok(())
    })?;
    let format = format.ok_or_else(|| context.malformed(12, "it has no 'fmt ' chunk"))?;
    let data = data.ok_or_else(|| context.malformed(context.source.len(), "it has no data chunk"))?;
    let layout = PcmLayout { kind: format.kind, big_endian, channels: format.channels };
    let frames = frames_of(context, &data, layout);
    let info = AudioInfo {
        file_kind,
        sample_kind: format.kind,
        bits: format.bits,
        channels: format.channels,
        rate: format.rate,
        frames: Some(frames),
        channel_mask: format.mask,
        bext,
    };
    Ok((
        info,
        PcmFile { source: context.source.clone(), layout, start: data.start, frames, rate: format.rate },
    ))
}

/// Whole frames in the data chunk; warns when the file ends before it does.
fn frames_of(context: &mut Context<'_>, data: &Chunk, layout: PcmLayout) -> i64 {
    let there = context.source.len().saturating_sub(data.start);
    let len = data.claimed.min(there);
    if data.claimed > there {
        let what = format!(
            "the audio should have {} bytes but the file ends after {there}; that much is read",
            data.claimed
        );
        context.warn(data.start, what);
    }
    let frame_bytes = layout.frame_bytes() as u64;
    if !len.is_multiple_of(frame_bytes) {
        context.warn(data.start + len, "the audio ends in the middle of a frame, which is left out");
    }
    i64::try_from(len / frame_bytes).unwrap_or(i64::MAX)
}

/// Finds the true length of the data chunk: from ds64, or to the end of a file whose writer never came back.
fn resolve_data(context: &mut Context<'_>, chunk: &mut Chunk, ds64: Option<Ds64>) {
    let there = context.source.len() - chunk.start;
    match (chunk.claimed, ds64) {
        (UNKNOWN_SIZE, Some(sizes)) => chunk.claimed = sizes.data,
        (UNKNOWN_SIZE, None) if there < UNKNOWN_SIZE => {
            context.warn(
                chunk.header,
                "the length of the audio was never written; all that follows is taken as audio",
            );
            chunk.claimed = there;
        }
        (0, _) if there > 0 && unfinished(context, chunk) => {
            context.warn(
                chunk.header,
                "the length of the audio was never written; all that follows is taken as audio",
            );
            chunk.claimed = there;
        }
        _ => {}
    }
}

/// Whether the RIFF header says that the file ends no later than this empty data chunk: a writer was killed before it
/// filled in the sizes.
fn unfinished(context: &Context<'_>, chunk: &Chunk) -> bool {
    match context.source.array_at::<4>(4) {
        Ok(Some(size)) => {
            let size = u64::from(u32::from_le_bytes(size));
            size == UNKNOWN_SIZE || size + 8 <= chunk.start
        }
        _ => false,
    }
}

fn parse_ds64(context: &Context<'_>, chunk: &Chunk) -> Result<Ds64, OpenError> {
    let sizes: [u8; 24] = context
        .source
        .array_at(chunk.start)
        .map_err(|error| context.read(chunk.start, error))?
        .filter(|_| chunk.len >= 24)
        .ok_or_else(|| context.malformed(chunk.header, "its ds64 chunk is too short to hold its sizes"))?;
    let data =
        sizes.get(8..16).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Ok(Ds64 { data })
}

fn parse_bext(context: &mut Context<'_>, chunk: &Chunk) -> Result<Option<Bext>, OpenError> {
    let len = usize::try_from(chunk.len).unwrap_or(usize::MAX).min(bext::MAX_LEN);
    let payload =
        context.source.bytes_at(chunk.start, len).map_err(|error| context.read(chunk.start, error))?;
    let bext = Bext::parse(&payload);
    if bext.is_none() {
        context.warn(chunk.header, "its bext chunk is too short and is ignored");
    }
    Ok(bext)
}

fn parse_format(context: &mut Context<'_>, chunk: &Chunk, big_endian: bool) -> Result<Format, OpenError> {
    let at = chunk.start;
    let len = usize::try_from(chunk.len).unwrap_or(usize::MAX).min(40);
    let bytes = context.source.bytes_at(at, len).map_err(|error| context.read(at, error))?;
    let u16_at = |offset: usize| -> Option<u16> {
        let bytes = *bytes.get(offset..)?.first_chunk()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |offset: usize| -> Option<u32> {
        let bytes = *bytes.get(offset..)?.first_chunk()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let (Some(tag), Some(channels), Some(rate), Some(align), bits) =
        (u16_at(0), u16_at(2), u32_at(4), u16_at(12), u16_at(14))
    else {
        return Err(context
            .malformed(chunk.header, format!("its 'fmt ' chunk has {} bytes, fewer than 14", bytes.len())));
    };
    let bits = bits.unwrap_or(0);
    let channels = usize::from(channels);
    context.check_channels(at + 2, channels)?;
    context.check_rate(at + 4, rate)?;
    let (tag, valid, mask) = match tag {
        TAG_EXTENSIBLE => {
            let Some(sub) = bytes.get(24..40) else {
                return Err(context.malformed(at, "its extensible 'fmt ' chunk is too short"));
            };
            let tail = sub.get(2..).unwrap_or(&[]);
            // RIFX keeps the first field of the GUID big-endian; accept both orders.
            let tag = if tail == SUBTYPE_TAIL || tail == AMBISONIC_TAIL {
                u16_at(24).unwrap_or(0)
            } else if sub.first_chunk() == Some(&[0, 0]) && sub.get(4..) == SUBTYPE_TAIL.get(2..) {
                u16_at(26).unwrap_or(0)
            } else {
                return Err(context.unsupported(at + 24, format!("the sample format {sub:02x?}")));
            };
            (tag, u16_at(18).unwrap_or(0), u32_at(20).filter(|&mask| mask != 0))
        }
        tag => (tag, bits, None),
    };
    let width = sample_width(context, at, usize::from(align), channels, u32::from(bits))?;
    let kind = kind_of(tag, width).ok_or_else(|| {
        context.unsupported(at, format!("format tag {tag:#06x} with {bits} bits in {width} bytes per sample"))
    })?;
    let container = u32::try_from(width * 8).unwrap_or(64);
    let valid = u32::from(valid);
    let bits = if valid == 0 || valid > container { container } else { valid };
    Ok(Format { kind, bits, channels, rate, mask })
}

/// Bytes per sample, from the block alignment, or from the bits when the alignment makes no sense.
fn sample_width(
    context: &mut Context<'_>,
    at: u64,
    align: usize,
    channels: usize,
    bits: u32,
) -> Result<usize, OpenError> {
    let from_bits = usize::try_from(bits.div_ceil(8)).unwrap_or(0);
    if align != 0 && align.is_multiple_of(channels) && align / channels >= from_bits && align / channels <= 8
    {
        return Ok(align / channels);
    }
    if from_bits == 0 {
        return Err(context.malformed(at + 12, format!("block alignment {align} and {bits} bits per sample")));
    }
    context.warn(
        at + 12,
        format!(
            "block alignment {align} does not fit {channels} channels of {bits} bits; the bits are believed"
        ),
    );
    Ok(from_bits)
}

fn kind_of(tag: u16, width: usize) -> Option<SampleKind> {
    Some(match (tag, width) {
        (TAG_PCM, 1) => SampleKind::UInt8,
        (TAG_PCM, 2) => SampleKind::Int16,
        (TAG_PCM, 3) => SampleKind::Int24,
        (TAG_PCM, 4) => SampleKind::Int32,
        (TAG_FLOAT, 4) => SampleKind::Float32,
        (TAG_FLOAT, 8) => SampleKind::Float64,
        (TAG_ALAW, 1) => SampleKind::ALaw,
        (TAG_MULAW, 1) => SampleKind::MuLaw,
        _ => return None,
    })
}
