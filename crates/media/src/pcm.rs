//! Samples in their stored form: which kinds there are, and the conversion of interleaved bytes to and from
//! planar `f32`.
//!
//! Scaling is by powers of two in both directions (an n-bit integer `v` is `v / 2^(n-1)`), so that 8-, 16- and 24-bit
//! audio survives `decode` then `encode` without a changed bit. 32-bit integers and 64-bit floats are rounded to the
//! nearest `f32`.

use omega_dsp::dither::Noise;

/// How one sample is stored.
///
/// Integers of odd widths (12, 20 bits …) live left-justified in the next whole byte, as the WAV and AIFF
/// specifications ask; [`AudioInfo::bits`](crate::read::AudioInfo::bits) then tells the width that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleKind {
    /// Offset binary, silence is 128 (WAV's 8-bit form).
    UInt8,
    /// Two's complement, 8 bits (AIFF's 8-bit form, and FLAC's).
    Int8,
    /// Two's complement, 16 bits.
    Int16,
    /// Two's complement, 24 bits in three bytes.
    Int24,
    /// Two's complement, 32 bits.
    Int32,
    /// IEEE 754 single precision, full scale ±1.
    Float32,
    /// IEEE 754 double precision, full scale ±1.
    Float64,
    /// ITU-T G.711 A-law.
    ALaw,
    /// ITU-T G.711 µ-law.
    MuLaw,
}

impl SampleKind {
    /// Bytes of one stored sample, 1 to 8.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::UInt8 | Self::Int8 | Self::ALaw | Self::MuLaw => 1,
            Self::Int16 => 2,
            Self::Int24 => 3,
            Self::Int32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Whether a sample may hold an infinity or a NaN.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// Whether every value of this kind is exactly an `f32`.
    #[must_use]
    pub const fn is_exact_in_f32(self) -> bool {
        !matches!(self, Self::Int32 | Self::Float64)
    }

    /// A short name for messages and listings: `16-bit`, `32-bit float`, `A-law` …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UInt8 => "8-bit unsigned",
            Self::Int8 => "8-bit",
            Self::Int16 => "16-bit",
            Self::Int24 => "24-bit",
            Self::Int32 => "32-bit",
            Self::Float32 => "32-bit float",
            Self::Float64 => "64-bit float",
            Self::ALaw => "A-law",
            Self::MuLaw => "µ-law",
        }
    }
}

impl std::fmt::Display for SampleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The stored form of interleaved audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PcmLayout {
    pub kind: SampleKind,
    pub big_endian: bool,
    pub channels: usize,
}

impl PcmLayout {
    /// Bytes of one frame; never 0 for a layout made by a reader.
    pub const fn frame_bytes(self) -> usize {
        self.kind.bytes() * self.channels
    }

    /// Decodes whole frames from `bytes` into `out[channel][at..]`; stops at whichever ends first.
    ///
    /// Returns the frames written.
    pub fn decode<C: AsMut<[f32]>>(self, bytes: &[u8], out: &mut [C], at: usize) -> usize {
        let stride = self.frame_bytes().max(1);
        let frames = bytes.len() / stride;
        let mut written = frames;
        for (channel, samples) in out.iter_mut().take(self.channels).enumerate() {
            let Some(samples) = samples.as_mut().get_mut(at..) else { return 0 };
            let count = frames.min(samples.len());
            written = written.min(count);
            let Some(samples) = samples.get_mut(..count) else { return 0 };
            self.decode_channel(bytes, channel, samples);
        }
        written
    }

    /// Decodes one channel of interleaved `bytes`; `out` has at most as many samples as `bytes` has frames.
    pub fn decode_channel(self, bytes: &[u8], channel: usize, out: &mut [f32]) {
        let stride = self.frame_bytes().max(1);
        let Some(bytes) = bytes.get(channel * self.kind.bytes()..) else { return };
        match (self.kind, self.big_endian) {
            (SampleKind::UInt8, _) => {
                gather::<1>(bytes, stride, out, |b| (f32::from(b[0]) - 128.0) / 128.0);
            }
            (SampleKind::Int8, _) => {
                gather::<1>(bytes, stride, out, |b| f32::from(b[0].cast_signed()) / 128.0);
            }
            (SampleKind::Int16, false) => {
                gather(bytes, stride, out, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0);
            }
            (SampleKind::Int16, true) => {
                gather(bytes, stride, out, |b| f32::from(i16::from_be_bytes(b)) / 32_768.0);
            }
            (SampleKind::Int24, false) => gather(bytes, stride, out, |[a, b, c]: [u8; 3]| int([0, a, b, c])),
            (SampleKind::Int24, true) => gather(bytes, stride, out, |[a, b, c]: [u8; 3]| int([0, c, b, a])),
            (SampleKind::Int32, false) => gather(bytes, stride, out, int),
            (SampleKind::Int32, true) => {
                gather(bytes, stride, out, |[a, b, c, d]: [u8; 4]| int([d, c, b, a]));
            }
            (SampleKind::Float32, false) => gather(bytes, stride, out, f32::from_le_bytes),
            (SampleKind::Float32, true) => gather(bytes, stride, out, f32::from_be_bytes),
            (SampleKind::Float64, false) => gather(bytes, stride, out, |b| narrow(f64::from_le_bytes(b))),
            (SampleKind::Float64, true) => gather(bytes, stride, out, |b| narrow(f64::from_be_bytes(b))),
            (SampleKind::ALaw, _) => gather::<1>(bytes, stride, out, |b| f32::from(alaw(b[0])) / 32_768.0),
            (SampleKind::MuLaw, _) => gather::<1>(bytes, stride, out, |b| f32::from(mulaw(b[0])) / 32_768.0),
        }
    }
}

/// Calls `convert` on every `W` bytes that begin a `stride`.
fn gather<const W: usize>(bytes: &[u8], stride: usize, out: &mut [f32], convert: impl Fn([u8; W]) -> f32) {
    for (sample, frame) in out.iter_mut().zip(bytes.chunks(stride)) {
        if let Some(stored) = frame.first_chunk::<W>() {
            *sample = convert(*stored);
        }
    }
}

/// A left-justified 32-bit integer, little-endian, as a fraction of full scale.
fn int(bytes: [u8; 4]) -> f32 {
    i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest f32 is what the module promises"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// One A-law byte as a 16-bit sample (ITU-T G.711, table 1a; the 13-bit value is left-justified).
fn alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let mantissa = i16::from(byte & 0x0F) << 4;
    let magnitude = match (byte >> 4) & 7 {
        0 => mantissa + 8,
        exponent => (mantissa + 0x108) << (exponent - 1),
    };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

/// One µ-law byte as a 16-bit sample (ITU-T G.711, table 2a; the 14-bit value is left-justified).
fn mulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = (((i16::from(byte & 0x0F) << 3) + 0x84) << ((byte >> 4) & 7)) - 0x84;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// Replaces every infinity and NaN by silence and returns how many there were.
pub(crate) fn silence_non_finite(samples: &mut [f32]) -> u64 {
    let mut count = 0;
    for sample in samples {
        if !sample.is_finite() {
            *sample = 0.0;
            count += 1;
        }
    }
    count
}

/// What happened to samples on their way into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    pub clipped: u64,
    pub non_finite: u64,
}

/// The integer nearest to `sample`, plus dither, in a word of `bits` bits; ties go to the even one.
///
/// Only IEEE additions and multiplications in `f64`, so the same bytes on every processor.
#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to the word before the cast")]
fn quantize(sample: f32, bits: u32, dither: f64, repairs: &mut Repairs) -> i32 {
    // Adding and taking away 1.5·2^52 leaves the nearest integer, ties to even, in round-to-nearest mode.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if !sample.is_finite() {
        repairs.non_finite += 1;
    }
    let sample = if sample.is_finite() { f64::from(sample) } else { 0.0 };
    let full_scale = f64::from(1_u32 << (bits - 1));
    let scaled = sample * full_scale + dither;
    let (low, high) = (-full_scale, full_scale - 1.0);
    let rounded = scaled.clamp(low - 1.0, high + 1.0) + ROUND - ROUND;
    if rounded < low || rounded > high {
        repairs.clipped += 1;
    }
    rounded.clamp(low, high) as i32
}

/// Planar `f32` to little-endian interleaved bytes of a kind that writers produce.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PcmEncoder {
    /// Int16, Int24, Int32 or Float32; anything else is written as Float32.
    pub kind: SampleKind,
    /// Seed of the dither for 16 and 24 bits.
    pub dither: Option<u64>,
}

impl PcmEncoder {
    /// Bits of the integer word, or `None` for float.
    const fn word(self) -> Option<u32> {
        match self.kind {
            SampleKind::Int16 => Some(16),
            SampleKind::Int24 => Some(24),
            SampleKind::Int32 => Some(32),
            _ => None,
        }
    }

    /// Appends frames `range` of `channels` to `bytes`; what a channel lacks is silence. `first_frame` is the absolute
    /// frame of `range.start`: dither depends on it and not on how the audio is cut into blocks.
    pub fn encode<C: AsRef<[f32]>>(
        self,
        channels: &[C],
        range: std::ops::Range<usize>,
        first_frame: i64,
        bytes: &mut Vec<u8>,
    ) -> Repairs {
        let mut repairs = Repairs::default();
        let (width, begin) = (self.kind.bytes(), bytes.len());
        let stride = (width * channels.len()).max(1);
        bytes.resize(begin + range.len() * stride, 0);
        for (index, samples) in channels.iter().enumerate() {
            let samples = samples.as_ref();
            let samples = samples.get(range.start..range.end.min(samples.len())).unwrap_or(&[]);
            let out = bytes.get_mut(begin + index * width..).unwrap_or(&mut []);
            let seed = self.dither.map(|seed| Noise::new(seed, index as u64));
            let noise = |frame| seed.map_or(0.0, |noise| f64::from(noise.triangular(frame)));
            match self.word() {
                Some(32) => scatter(samples, stride, out, |_, sample| {
                    quantize(sample, 32, 0.0, &mut repairs).to_le_bytes()
                }),
                Some(bits @ 24) => scatter(samples, stride, out, |n, sample| {
                    let [a, b, c, _] =
                        quantize(sample, bits, noise(first_frame.wrapping_add(n)), &mut repairs)
                            .to_le_bytes();
                    [a, b, c]
                }),
                Some(bits) => scatter(samples, stride, out, |n, sample| {
                    let [a, b, ..] = quantize(sample, bits, noise(first_frame.wrapping_add(n)), &mut repairs)
                        .to_le_bytes();
                    [a, b]
                }),
                None => scatter(samples, stride, out, |_, sample| {
                    repairs.non_finite += u64::from(!sample.is_finite());
                    if sample.is_finite() { sample.to_le_bytes() } else { [0; 4] }
                }),
            }
        }
        repairs
    }
}

/// Writes one sample at every `stride` bytes of `out`; `convert` gets its number in the block.
fn scatter<const W: usize>(
    samples: &[f32],
    stride: usize,
    out: &mut [u8],
    mut convert: impl FnMut(i64, f32) -> [u8; W],
) {
    for ((n, &sample), frame) in (0..).zip(samples).zip(out.chunks_mut(stride)) {
        if let Some(stored) = frame.first_chunk_mut::<W>() {
            *stored = convert(n, sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_one(kind: SampleKind, big_endian: bool, bytes: &[u8]) -> f32 {
        let mut out = [[9.0_f32; 1]];
        assert_eq!(PcmLayout { kind, big_endian, channels: 1 }.decode(bytes, &mut out, 0), 1);
        out[0][0]
    }

    #[test]
    fn every_kind_decodes_its_extremes() {
        for (kind, bytes, want) in [
            (SampleKind::UInt8, &[0_u8][..], -1.0),
            (SampleKind::UInt8, &[128], 0.0),
            (SampleKind::Int8, &[0x80], -1.0),
            (SampleKind::Int16, &[0x00, 0x80], -1.0),
            (SampleKind::Int24, &[0x00, 0x00, 0x80], -1.0),
            (SampleKind::Int24, &[0xFF, 0xFF, 0x7F], 8_388_607.0 / 8_388_608.0),
            (SampleKind::Int24, &[0xFF, 0xFF, 0xFF], -1.0 / 8_388_608.0),
            (SampleKind::Int32, &[0, 0, 0, 0x80], -1.0),
            (SampleKind::Float32, &0.3_f32.to_le_bytes(), 0.3),
            (SampleKind::Float64, &0.25_f64.to_le_bytes(), 0.25),
        ] {
            assert_eq!(decode_one(kind, false, bytes), want, "{kind}");
            let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
            assert_eq!(decode_one(kind, true, &reversed), want, "{kind} big-endian");
        }
    }

    #[test]
    fn g711_matches_the_recommendations_tables() {
        // Decoder outputs of ITU-T G.711 tables 1a/1b and 2a/2b, left-justified to 16 bits.
        for (byte, want) in [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0x80, 5_504)] {
            assert_eq!(alaw(byte), want, "A-law {byte:#x}");
        }
        for (byte, want) in
            [(0xFF, 0), (0x7F, 0), (0x80, 32_124), (0x00, -32_124), (0xFE, 8), (0xF0, 120), (0xEF, 132)]
        {
            assert_eq!(mulaw(byte), want, "µ-law {byte:#x}");
        }
    }

    #[test]
    fn quantizing_rounds_half_to_even_clips_and_silences_nan() {
        let mut repairs = Repairs::default();
        let unit = 1.0 / 32_768.0;
        for (sample, want) in
            [(0.5 * unit, 0), (1.5 * unit, 2), (2.5 * unit, 2), (-0.5 * unit, 0), (-1.5 * unit, -2)]
        {
            assert_eq!(quantize(sample, 16, 0.0, &mut repairs), want, "{sample}");
        }
        assert_eq!(repairs, Repairs::default());
        assert_eq!(quantize(1.0, 16, 0.0, &mut repairs), 32_767);
        assert_eq!(quantize(f32::MAX, 32, 0.0, &mut repairs), i32::MAX);
        assert_eq!(quantize(-1.0, 16, 0.0, &mut repairs), -32_768);
        assert_eq!(quantize(f32::NAN, 24, 0.0, &mut repairs), 0);
        assert_eq!(quantize(f32::NEG_INFINITY, 24, 0.0, &mut repairs), 0);
        assert_eq!(repairs, Repairs { clipped: 2, non_finite: 2 });
    }

    #[test]
    fn sixteen_and_twenty_four_bits_survive_the_round_trip() {
        let layout = |kind| PcmLayout { kind, big_endian: false, channels: 1 };
        let all16: Vec<u8> = (i16::MIN..=i16::MAX).flat_map(i16::to_le_bytes).collect();
        let some24: Vec<u8> = (-8_388_608_i32..8_388_608)
            .step_by(97)
            .chain([8_388_607])
            .flat_map(|v| v.to_le_bytes().into_iter().take(3))
            .collect();
        for (kind, bytes) in [(SampleKind::Int16, all16), (SampleKind::Int24, some24)] {
            let frames = bytes.len() / kind.bytes();
            let mut planar = [vec![0.0_f32; frames]];
            assert_eq!(layout(kind).decode(&bytes, &mut planar, 0), frames);
            let mut back = Vec::new();
            PcmEncoder { kind, dither: None }.encode(&planar, 0..frames, 0, &mut back);
            assert!(back == bytes, "{kind}");
        }
    }
}
