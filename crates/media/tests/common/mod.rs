//! Files made byte by byte from the specifications, independent of the crate's own writers.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]
#![allow(dead_code, reason = "each test file uses its own part of these helpers")]

use std::path::Path;

use omega_media::{AudioFile, SampleKind};

/// xorshift64*: numbers for tests.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("it was below a usize")
    }

    /// Uniform in [−1, 1), on a grid of 2^−23 so that 24 bits hold it exactly.
    pub fn sample(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// `channels` × `frames` of noise.
pub fn noise(seed: u64, channels: usize, frames: usize) -> Vec<Vec<f32>> {
    let mut rng = Rng(seed | 1);
    (0..channels).map(|_| (0..frames).map(|_| rng.sample()).collect()).collect()
}

/// Noise on the grid of `bits` bits.
pub fn coarse_noise(seed: u64, channels: usize, frames: usize, bits: u32) -> Vec<Vec<f32>> {
    let scale = (1_u32 << (bits - 1)) as f32;
    let mut planar = noise(seed, channels, frames);
    planar.iter_mut().flatten().for_each(|sample| *sample = (*sample * scale).floor() / scale);
    planar
}

/// One sample in its stored form (not A-law or µ-law); `sample` must be on the kind's grid.
pub fn stored(kind: SampleKind, sample: f32, big_endian: bool) -> Vec<u8> {
    let int = |bits: u32| (f64::from(sample) * f64::from(1_u32 << (bits - 1))) as i64;
    let mut bytes = match kind {
        SampleKind::UInt8 => vec![(int(8) + 128) as u8],
        SampleKind::Int8 => vec![int(8) as u8],
        SampleKind::Int16 => (int(16) as i16).to_le_bytes().to_vec(),
        SampleKind::Int24 => (int(24) as i32).to_le_bytes()[..3].to_vec(),
        SampleKind::Int32 => (int(32) as i32).to_le_bytes().to_vec(),
        SampleKind::Float32 => sample.to_le_bytes().to_vec(),
        SampleKind::Float64 => f64::from(sample).to_le_bytes().to_vec(),
        SampleKind::ALaw | SampleKind::MuLaw => unreachable!("not made here"),
    };
    if big_endian {
        bytes.reverse();
    }
    bytes
}

pub fn interleave(kind: SampleKind, planar: &[Vec<f32>], big_endian: bool) -> Vec<u8> {
    let frames = planar.first().map_or(0, Vec::len);
    (0..frames).flat_map(|f| planar.iter().flat_map(move |c| stored(kind, c[f], big_endian))).collect()
}

pub fn chunk(id: &[u8; 4], payload: &[u8], big_endian: bool) -> Vec<u8> {
    let len = payload.len() as u32;
    let mut bytes = id.to_vec();
    bytes.extend(if big_endian { len.to_be_bytes() } else { len.to_le_bytes() });
    bytes.extend(payload);
    if payload.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

/// A plain `fmt ` payload.
pub fn fmt(tag: u16, channels: u16, rate: u32, bits: u16, big_endian: bool) -> Vec<u8> {
    let align = channels * bits.div_ceil(8);
    let mut bytes = Vec::new();
    let u16s = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let u32s = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    bytes.extend(u16s(tag));
    bytes.extend(u16s(channels));
    bytes.extend(u32s(rate));
    bytes.extend(u32s(rate * u32::from(align)));
    bytes.extend(u16s(align));
    bytes.extend(u16s(bits));
    bytes
}

/// A RIFF file of these chunks.
pub fn riff(id: &[u8; 4], chunks: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    let body: Vec<u8> = chunks.concat();
    let size = (body.len() + 4) as u32;
    let mut bytes = id.to_vec();
    bytes.extend(if big_endian { size.to_be_bytes() } else { size.to_le_bytes() });
    bytes.extend(b"WAVE");
    bytes.extend(body);
    bytes
}

pub fn tag_of(kind: SampleKind) -> u16 {
    match kind {
        SampleKind::Float32 | SampleKind::Float64 => 3,
        SampleKind::ALaw => 6,
        SampleKind::MuLaw => 7,
        _ => 1,
    }
}

/// A whole plain WAV file.
pub fn wav(kind: SampleKind, rate: u32, planar: &[Vec<f32>]) -> Vec<u8> {
    let format = fmt(tag_of(kind), planar.len() as u16, rate, (kind.bytes() * 8) as u16, false);
    let data = interleave(kind, planar, false);
    riff(b"RIFF", &[chunk(b"fmt ", &format, false), chunk(b"data", &data, false)], false)
}

/// 80-bit extended form of a whole rate.
pub fn extended(rate: u32) -> Vec<u8> {
    let shift = rate.leading_zeros();
    let mut bytes = (16_383 + 31 - shift as u16).to_be_bytes().to_vec();
    bytes.extend((u64::from(rate) << (32 + shift)).to_be_bytes());
    bytes
}

/// An AIFF (`coding` `None`) or AIFF-C file whose samples take `bits` bits.
pub fn aiff(
    coding: Option<&[u8; 4]>,
    kind: SampleKind,
    bits: u16,
    rate: u32,
    planar: &[Vec<f32>],
) -> Vec<u8> {
    let frames = planar.first().map_or(0, Vec::len) as u32;
    let mut common = (planar.len() as u16).to_be_bytes().to_vec();
    common.extend(frames.to_be_bytes());
    common.extend(bits.to_be_bytes());
    common.extend(extended(rate));
    let little = matches!(coding, Some(b"sowt" | b"42ni" | b"23ni"));
    let mut sound = vec![0; 8];
    sound.extend(interleave(kind, planar, !little));
    let mut chunks = Vec::new();
    if let Some(coding) = coding {
        common.extend(coding);
        common.extend(b"\x03abc");
        chunks.push(chunk(b"FVER", &0xA280_5140_u32.to_be_bytes(), true));
    }
    chunks.push(chunk(b"COMM", &common, true));
    chunks.push(chunk(b"SSND", &sound, true));
    let body: Vec<u8> = chunks.concat();
    let mut bytes = b"FORM".to_vec();
    bytes.extend(((body.len() + 4) as u32).to_be_bytes());
    bytes.extend(if coding.is_some() { b"AIFC" } else { b"AIFF" });
    bytes.extend(body);
    bytes
}

/// Everything in the file, read in blocks of `block` frames; `Err` is the error's text.
pub fn read_all(file: &mut AudioFile, block: usize) -> Result<Vec<Vec<f32>>, String> {
    let channels = file.info().channels;
    let mut all = vec![Vec::new(); channels];
    let mut buffer = vec![vec![0.0; block]; channels];
    loop {
        let got = file.read_block(&mut buffer).map_err(|error| error.to_string())?;
        if got == 0 {
            assert_eq!(file.position(), all[0].len() as i64);
            return Ok(all);
        }
        for (all, buffer) in all.iter_mut().zip(&buffer) {
            all.extend(&buffer[..got]);
        }
    }
}

pub fn decode(bytes: &[u8]) -> (AudioFile, Vec<Vec<f32>>) {
    let mut file = omega_media::open_bytes(Path::new("memory"), bytes).expect("it opens");
    let audio = read_all(&mut file, 777).expect("it decodes");
    (file, audio)
}

/// Bit-for-bit equality, with a message that names the place.
pub fn assert_same(got: &[Vec<f32>], want: &[Vec<f32>], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: channels");
    for (channel, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.len(), want.len(), "{what}: frames of channel {channel}");
        if let Some(frame) = got.iter().zip(want).position(|(a, b)| a.to_bits() != b.to_bits()) {
            panic!("{what}: channel {channel} frame {frame}: got {} want {}", got[frame], want[frame]);
        }
    }
}

/// Whether a program is there; says so loudly when it is not.
pub fn has_program(name: &str) -> bool {
    let found = std::process::Command::new(name).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: the program '{name}' is not installed, so its part of this test did not run");
    }
    found
}

/// Runs a program; returns its standard output.
pub fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let output = std::process::Command::new(program).args(args).output().expect("it starts");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Every sound file below `dir`.
pub fn collect_sounds(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_sounds(&path, files);
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("wav" | "flac" | "aiff" | "aif")) {
            files.push(path);
        }
    }
}
