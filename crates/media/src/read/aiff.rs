//! AIFF and AIFF-C headers.

use crate::pcm::{PcmLayout, SampleKind};

use super::chunks::{Chunk, name, walk};
use super::{AudioInfo, Context, FileKind, OpenError, PcmFile};

struct Common {
    layout: PcmLayout,
    bits: u32,
    claimed_frames: u64,
    rate: u32,
}

/// Reads all headers: what the file holds and where its PCM is.
pub(super) fn parse(context: &mut Context<'_>) -> Result<(AudioInfo, PcmFile), OpenError> {
    let form: [u8; 4] = context
        .source
        .array_at(8)
        .map_err(|error| context.read(8, error))?
        .ok_or_else(|| context.malformed(8, "it is empty"))?;
    let file_kind = if &form == b"AIFC" { FileKind::Aifc } else { FileKind::Aiff };
    let (mut common, mut sound) = (None, None);
    walk(context, true, |context, chunk| {
        match &chunk.id {
            b"COMM" if common.is_none() => common = Some(parse_common(context, chunk, file_kind)?),
            b"SSND" if sound.is_none() => sound = Some(*chunk),
            _ => {}
        }
        Ok(())
    })?;
    let common = common.ok_or_else(|| context.malformed(12, "it has no COMM chunk"))?;
    let (start, frames) = match sound {
        Some(chunk) => find_sound(context, &chunk, &common)?,
        None if common.claimed_frames == 0 => (context.source.len(), 0),
        None => return Err(context.malformed(context.source.len(), "it has no SSND chunk")),
    };
    let info = AudioInfo {
        file_kind,
        sample_kind: common.layout.kind,
        bits: common.bits,
        channels: common.layout.channels,
        rate: common.rate,
        frames: Some(frames),
        channel_mask: None,
        bext: None,
    };
    Ok((
        info,
        PcmFile { source: context.source.clone(), layout: common.layout, start, frames, rate: common.rate },
    ))
}

/// First byte of the audio and the frames that are there.
fn find_sound(context: &mut Context<'_>, chunk: &Chunk, common: &Common) -> Result<(u64, i64), OpenError> {
    let head: [u8; 8] = context
        .source
        .array_at(chunk.start)
        .map_err(|error| context.read(chunk.start, error))?
        .ok_or_else(|| context.malformed(chunk.header, "its SSND chunk is too short"))?;
    let [a, b, c, d, ..] = head;
    let skip = 8 + u64::from(u32::from_be_bytes([a, b, c, d]));
    let start = chunk.start + skip;
    let there = chunk.len.saturating_sub(skip);
    let frame_bytes = common.layout.frame_bytes() as u64;
    let mut frames = there / frame_bytes;
    if common.claimed_frames > frames {
        let what = format!(
            "it should have {} frames but ends after {frames}; those are read",
            common.claimed_frames
        );
        context.warn(chunk.header, what);
    } else if common.claimed_frames == 0 && frames > 0 {
        context.warn(chunk.header, "the number of frames was never written; all of the audio is taken");
    } else {
        frames = common.claimed_frames;
    }
    Ok((start, i64::try_from(frames).unwrap_or(i64::MAX)))
}

fn parse_common(context: &mut Context<'_>, chunk: &Chunk, file_kind: FileKind) -> Result<Common, OpenError> {
    let at = chunk.start;
    let too_short = |context: &Context<'_>| context.malformed(chunk.header, "its COMM chunk is too short");
    let bytes: [u8; 18] = context
        .source
        .array_at(at)
        .map_err(|error| context.read(at, error))?
        .filter(|_| chunk.len >= 18)
        .ok_or_else(|| too_short(context))?;
    let [c0, c1, f0, f1, f2, f3, b0, b1, rate @ ..] = bytes;
    let channels = usize::from(u16::from_be_bytes([c0, c1]));
    context.check_channels(at, channels)?;
    let claimed_frames = u64::from(u32::from_be_bytes([f0, f1, f2, f3]));
    let bits = u32::from(u16::from_be_bytes([b0, b1]));
    let exact_rate = extended(rate);
    if !(0.5..=4.0e9).contains(&exact_rate) {
        return Err(context.malformed(at + 8, format!("sample rate {exact_rate}")));
    }
    let rounded = exact_rate.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be 0.5 to 4.0e9 above"
    )]
    let rate = rounded as u32;
    context.check_rate(at + 8, rate)?;
    if rounded.to_bits() != exact_rate.to_bits() {
        context.warn(at + 8, format!("the sample rate {exact_rate} is taken as {rate}"));
    }
    let coding = match file_kind {
        FileKind::Aifc => context
            .source
            .array_at(at + 18)
            .map_err(|error| context.read(at + 18, error))?
            .filter(|_| chunk.len >= 22)
            .ok_or_else(|| too_short(context))?,
        _ => *b"NONE",
    };
    let (kind, big_endian) = kind_of(coding, bits).ok_or_else(|| {
        context.unsupported(at + 18, format!("AIFF-C compression '{}' with {bits} bits", name(coding)))
    })?;
    let width = u32::try_from(kind.bytes() * 8).unwrap_or(64);
    let bits = if matches!(&coding, b"NONE" | b"twos" | b"sowt" | b"raw ") { bits.min(width) } else { width };
    Ok(Common { layout: PcmLayout { kind, big_endian, channels }, bits, claimed_frames, rate })
}

fn kind_of(coding: [u8; 4], bits: u32) -> Option<(SampleKind, bool)> {
    let integer = match bits {
        1..=8 => SampleKind::Int8,
        9..=16 => SampleKind::Int16,
        17..=24 => SampleKind::Int24,
        25..=32 => SampleKind::Int32,
        _ => SampleKind::Float64,
    };
    Some(match &coding {
        b"NONE" | b"twos" | b"sowt" if integer.is_float() => return None,
        b"NONE" | b"twos" => (integer, true),
        b"sowt" => (integer, false),
        b"raw " if bits <= 8 => (SampleKind::UInt8, true),
        b"in24" => (SampleKind::Int24, true),
        b"in32" => (SampleKind::Int32, true),
        b"42ni" => (SampleKind::Int24, false),
        b"23ni" => (SampleKind::Int32, false),
        b"fl32" | b"FL32" => (SampleKind::Float32, true),
        b"fl64" | b"FL64" => (SampleKind::Float64, true),
        b"alaw" | b"ALAW" => (SampleKind::ALaw, true),
        b"ulaw" | b"ULAW" => (SampleKind::MuLaw, true),
        _ => return None,
    })
}

/// An IEEE 754 80-bit extended number as `f64` (SANE: sign, 15-bit exponent, explicit integer bit). Negative ones and
/// those beyond `f64` give a value that no sample rate has.
fn extended(bytes: [u8; 10]) -> f64 {
    let [e0, e1, mantissa @ ..] = bytes;
    let exponent = i32::from(u16::from_be_bytes([e0, e1]));
    let mantissa = u64::from_be_bytes(mantissa) as f64;
    // 2^(exponent - 16383 - 63); sample rates have exponents of 0 to 31.
    match exponent - 16_383 {
        power @ -1..=62 => {
            mantissa / (1_u64 << (63 - power.max(0))) as f64 / if power < 0 { 2.0 } else { 1.0 }
        }
        _ => -1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn extended_numbers_of_common_rates() {
        for (bytes, want) in [
            ([0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0], 44_100.0),
            ([0x40, 0x0E, 0xBB, 0x80, 0, 0, 0, 0, 0, 0], 48_000.0),
            ([0x40, 0x0D, 0xAD, 0xDD, 0x17, 0x45, 0xD1, 0x74, 0x5D, 0x17], 22_254.545_454_545_456),
            ([0x3F, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], 1.0),
            ([0x3F, 0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0], 0.5),
            ([0x7F, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], -1.0),
            ([0xC0, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0], -1.0),
        ] {
            assert_eq!(extended(bytes), want, "{bytes:02x?}");
        }
    }
}
