//! Files that lie, stop short or are damaged: a clear error or the audio that is there, in bounded memory and time.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use common::*;
use omega_media::{Depth, Format, SampleKind, Writer, open_bytes};
use std::path::Path;

/// One small file of each kind.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let audio = coarse_noise(31, 2, 400, 16);
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, format: Format| {
        let path = dir.path().join(name);
        let mut writer = Writer::create(&path, format).expect("it is created");
        writer.write(&audio).expect("it is written");
        writer.finish().expect("it is finished");
        std::fs::read(&path).expect("it is there")
    };
    let bext = Some(omega_media::Bext { description: "x".into(), ..Default::default() });
    vec![
        ("plain WAV", wav(SampleKind::Int16, 48_000, &audio)),
        ("own WAV", write("a.wav", Format { bext, ..Format::wav(Depth::Int24, 2, 48_000) })),
        ("AIFF", aiff(None, SampleKind::Int16, 16, 44_100, &audio)),
        ("AIFC", aiff(Some(b"fl32"), SampleKind::Float32, 32, 44_100, &audio)),
        ("FLAC", write("a.flac", Format::flac(Depth::Int16, 2, 48_000))),
    ]
}

/// Opens and reads; returns the frames, or `None` for an error (whose message must name the file).
fn survive(bytes: &[u8], what: &str) -> Option<Vec<Vec<f32>>> {
    let audio = match open_bytes(Path::new("hostile"), bytes) {
        Ok(mut file) => {
            let audio = read_all(&mut file, 512);
            for warning in file.warnings() {
                assert!(warning.offset <= bytes.len() as u64 + 16, "{what}: {warning}");
            }
            audio
        }
        Err(error) => Err(error.to_string()),
    };
    match audio {
        Ok(audio) => {
            // A frame takes at least one byte of PCM; FLAC can pack 65,535 frames in about 11.
            let frames = audio[0].len();
            assert!(frames <= bytes.len() * 6_000, "{what}: {frames} frames from {} bytes", bytes.len());
            Some(audio)
        }
        Err(message) => {
            assert!(message.contains("'hostile'"), "{what}: {message}");
            None
        }
    }
}

#[test]
fn cut_at_every_byte_gives_a_prefix_or_an_error() {
    for (name, bytes) in seeds() {
        let whole = survive(&bytes, name).expect("the whole file reads");
        let mut longest = 0;
        for len in 0..bytes.len() {
            let what = format!("{name} cut at {len}");
            if let Some(got) = survive(&bytes[..len], &what) {
                let frames = got[0].len();
                assert!(frames >= longest, "{what}: {frames} frames, but {longest} from a shorter file");
                longest = frames;
                let want: Vec<Vec<f32>> = whole.iter().map(|channel| channel[..frames].to_vec()).collect();
                assert_same(&got, &want, &what);
            }
        }
        if name != "FLAC" {
            assert!(longest >= 399, "{name}: only {longest} frames from all but the last byte");
        }
    }
}

#[test]
fn a_cut_flac_gives_its_whole_blocks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let audio = coarse_noise(32, 2, 40_000, 16);
    let mut writer = Writer::create(&path, Format::flac(Depth::Int16, 2, 48_000)).expect("it is created");
    writer.write(&audio).expect("it is written");
    writer.finish().expect("it is finished");
    let bytes = std::fs::read(&path).expect("it is there");
    let mut file = open_bytes(Path::new("m"), &bytes[..bytes.len() * 3 / 4]).expect("it opens");
    let got = read_all(&mut file, 1_000).expect("it reads");
    assert!(got[0].len() > 20_000 && got[0].len() < 40_000, "{}", got[0].len());
    let want: Vec<Vec<f32>> = audio.iter().map(|channel| channel[..got[0].len()].to_vec()).collect();
    assert_same(&got, &want, "three quarters of a FLAC");
    assert!(file.warnings()[0].to_string().contains("should have 40000 frames"), "{:?}", file.warnings());
    // Damage in the middle is an error that says where; it is never skipped in silence.
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    let mut file = open_bytes(Path::new("m"), &damaged).expect("it opens");
    let message = read_all(&mut file, 1_000).expect_err("it is damaged");
    assert!(message.contains("damaged near byte"), "{message}");
}

#[test]
fn random_damage_never_panics_hangs_or_invents_audio() {
    let mut rng = Rng(0xDA_7A);
    for (name, bytes) in seeds() {
        for round in 0..1_500 {
            let mut copy = bytes.clone();
            for _ in 0..=rng.below(4) {
                // Headers are where the interest is.
                let span = if rng.below(2) == 0 { copy.len().min(120) } else { copy.len() };
                let at = rng.below(span);
                copy[at] = match rng.below(4) {
                    0 => 0,
                    1 => 0xFF,
                    2 => copy[at] ^ (1 << rng.below(8)),
                    _ => rng.next() as u8,
                };
            }
            if rng.below(8) == 0 {
                copy.truncate(rng.below(copy.len()));
            }
            survive(&copy, &format!("{name} round {round}"));
        }
    }
}

#[test]
fn random_bytes_behind_each_magic_number() {
    let mut rng = Rng(0xF00D);
    for magic in [
        &b"RIFF\xff\xff\xff\xffWAVE"[..],
        b"RF64\xff\xff\xff\xffWAVE",
        b"FORM\0\0\0\x40AIFF",
        b"fLaC\0\0\0\x22",
        b"ID3\x04",
    ] {
        for round in 0..500 {
            let mut bytes = magic.to_vec();
            bytes.extend((0..rng.below(300)).map(|_| rng.next() as u8));
            survive(&bytes, &format!("{magic:?} round {round}"));
        }
    }
}

#[test]
fn huge_claims_size_no_allocation() {
    let huge = u32::MAX - 1;
    let mut cases = Vec::new();
    for (name, bytes) in seeds() {
        for at in (0..bytes.len().min(120)).step_by(2) {
            let mut copy = bytes.clone();
            for (to, from) in copy[at..].iter_mut().zip(huge.to_le_bytes()) {
                *to = from;
            }
            cases.push((name, at, copy));
        }
    }
    let before = peak_kib();
    for (name, at, bytes) in &cases {
        survive(bytes, &format!("{name}: huge at {at}"));
    }
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "peak memory grew by {grown} KiB");
}

/// VmHWM of this process; 0 where there is no /proc.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[test]
fn a_million_empty_chunks_are_refused_quickly() {
    let mut bytes = riff(b"RIFF", &[], false);
    for _ in 0..1_000_000 {
        bytes.extend(b"JUNK\0\0\0\0");
    }
    let message = open_bytes(Path::new("m"), &bytes).err().expect("refused").to_string();
    assert!(message.contains("more than 10000 chunks"), "{message}");
}
