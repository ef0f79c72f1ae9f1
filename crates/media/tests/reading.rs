//! Every kind of file that is read, made byte by byte, and the odd but legal things that real ones contain.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use common::*;
use omega_media::{FileKind, SampleKind, open_bytes};
use std::path::Path;

const KINDS: [(SampleKind, u32); 7] = [
    (SampleKind::UInt8, 8),
    (SampleKind::Int8, 8),
    (SampleKind::Int16, 16),
    (SampleKind::Int24, 24),
    (SampleKind::Int32, 24),
    (SampleKind::Float32, 24),
    (SampleKind::Float64, 24),
];

#[test]
fn wav_of_every_kind_and_width_reads_back_exactly() {
    for (kind, bits) in KINDS.into_iter().filter(|(kind, _)| *kind != SampleKind::Int8) {
        for channels in [1, 2, 3, 8, 64] {
            for frames in [0, 1, 777, 2_001] {
                let audio = coarse_noise(5, channels, frames, bits);
                let (file, got) = decode(&wav(kind, 44_100, &audio));
                let info = file.info();
                assert_eq!(
                    (info.file_kind, info.sample_kind, info.channels),
                    (FileKind::Wav, kind, channels)
                );
                assert_eq!(
                    (info.rate, info.frames, info.bits),
                    (44_100, Some(frames as i64), kind.bytes() as u32 * 8)
                );
                assert_eq!(file.warnings(), [], "{kind} {channels} {frames}");
                assert_same(&got, &audio, &format!("{kind} {channels} channels {frames} frames"));
            }
        }
    }
}

#[test]
fn rifx_is_wav_with_its_bytes_turned_round() {
    for (kind, bits) in [(SampleKind::Int16, 16), (SampleKind::Int24, 24), (SampleKind::Float32, 24)] {
        let audio = coarse_noise(6, 2, 100, bits);
        let format = fmt(tag_of(kind), 2, 48_000, (kind.bytes() * 8) as u16, true);
        let data = interleave(kind, &audio, true);
        let bytes = riff(b"RIFX", &[chunk(b"fmt ", &format, true), chunk(b"data", &data, true)], true);
        assert_same(&decode(&bytes).1, &audio, &format!("RIFX {kind}"));
    }
}

#[test]
fn aiff_of_every_coding_reads_back_exactly() {
    let codings: [(Option<&[u8; 4]>, SampleKind, u16, u32); 15] = [
        (None, SampleKind::Int8, 8, 8),
        (None, SampleKind::Int16, 16, 16),
        (None, SampleKind::Int16, 12, 12),
        (None, SampleKind::Int24, 24, 24),
        (None, SampleKind::Int32, 32, 24),
        (Some(b"NONE"), SampleKind::Int16, 16, 16),
        (Some(b"twos"), SampleKind::Int24, 20, 20),
        (Some(b"sowt"), SampleKind::Int16, 16, 16),
        (Some(b"sowt"), SampleKind::Int24, 24, 24),
        (Some(b"raw "), SampleKind::UInt8, 8, 8),
        (Some(b"in24"), SampleKind::Int24, 24, 24),
        (Some(b"in32"), SampleKind::Int32, 32, 24),
        (Some(b"42ni"), SampleKind::Int24, 24, 24),
        (Some(b"fl32"), SampleKind::Float32, 32, 24),
        (Some(b"fl64"), SampleKind::Float64, 64, 24),
    ];
    for (coding, kind, bits, grid) in codings {
        for channels in [1, 2, 6, 64] {
            let audio = coarse_noise(7, channels, 333, grid);
            let (file, got) = decode(&aiff(coding, kind, bits, 96_000, &audio));
            let info = file.info();
            let want = if coding.is_some() { FileKind::Aifc } else { FileKind::Aiff };
            assert_eq!(
                (info.file_kind, info.sample_kind, info.bits),
                (want, kind, u32::from(bits)),
                "{coding:?}"
            );
            assert_eq!((info.rate, info.frames), (96_000, Some(333)));
            assert_eq!(file.warnings(), []);
            assert_same(&got, &audio, &format!("{coding:?} {kind} {channels} channels"));
        }
    }
}

#[test]
fn blocks_of_any_size_give_the_same_audio() {
    let audio = noise(8, 3, 5_000);
    let bytes = wav(SampleKind::Float32, 48_000, &audio);
    for block in [1, 2, 64, 4_999, 5_000, 50_000] {
        let mut file = open_bytes(Path::new("m"), &bytes).expect("it opens");
        assert_same(&read_all(&mut file, block).expect("it reads"), &audio, &format!("block {block}"));
    }
}

#[test]
fn fewer_or_more_buffers_than_channels() {
    let audio = noise(9, 3, 10);
    let bytes = wav(SampleKind::Float32, 48_000, &audio);
    let mut one = [[7.0_f32; 10]; 1];
    assert_eq!(open_bytes(Path::new("m"), &bytes).expect("opens").read_block(&mut one).expect("reads"), 10);
    assert_eq!(one[0].as_slice(), audio[0]);
    let mut four = [[7.0_f32; 10]; 4];
    assert_eq!(open_bytes(Path::new("m"), &bytes).expect("opens").read_block(&mut four).expect("reads"), 10);
    assert_eq!((four[2].as_slice(), four[3]), (audio[2].as_slice(), [7.0; 10]));
    assert_eq!(
        open_bytes(Path::new("m"), &bytes).expect("opens").read_block::<Vec<f32>>(&mut []).expect("reads"),
        0
    );
}

#[test]
fn extensible_format_gives_valid_bits_and_speakers() {
    let audio = coarse_noise(10, 2, 50, 20);
    let mut format = fmt(0xFFFE, 2, 48_000, 24, false);
    format.extend(22_u16.to_le_bytes());
    format.extend(20_u16.to_le_bytes());
    format.extend(0x3_u32.to_le_bytes());
    format.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    let data = interleave(SampleKind::Int24, &audio, false);
    let bytes = riff(b"RIFF", &[chunk(b"fmt ", &format, false), chunk(b"data", &data, false)], false);
    let (file, got) = decode(&bytes);
    assert_eq!(
        (file.info().bits, file.info().sample_kind, file.info().channel_mask),
        (20, SampleKind::Int24, Some(3))
    );
    assert_same(&got, &audio, "20 in 24 bits");
}

#[test]
fn rf64_takes_its_sizes_from_ds64() {
    for id in [b"RF64", b"BW64"] {
        let audio = noise(11, 2, 300);
        let data = interleave(SampleKind::Float32, &audio, false);
        let mut ds64 = Vec::new();
        for size in [4 + 36 + 24 + 8 + data.len() as u64, data.len() as u64, 300] {
            ds64.extend(size.to_le_bytes());
        }
        ds64.extend([0; 4]);
        let mut bytes = riff(
            id,
            &[
                chunk(b"ds64", &ds64, false),
                chunk(b"fmt ", &fmt(3, 2, 48_000, 32, false), false),
                chunk(b"data", &data, false),
                chunk(b"LIST", b"after", false),
            ],
            false,
        );
        bytes[4..8].fill(0xFF);
        let at = bytes.windows(4).position(|w| w == b"data").expect("there") + 4;
        bytes[at..at + 4].fill(0xFF);
        let (file, got) = decode(&bytes);
        assert_eq!(file.info().file_kind, if id == b"RF64" { FileKind::Rf64 } else { FileKind::Bw64 });
        assert_eq!(file.warnings(), []);
        assert_same(&got, &audio, "RF64");
    }
}

#[test]
fn odd_chunks_junk_and_order_do_not_matter() {
    let audio = coarse_noise(12, 1, 33, 8);
    let data = interleave(SampleKind::UInt8, &audio, false);
    let format = chunk(b"fmt ", &fmt(1, 1, 8_000, 8, false), false);
    let bext = omega_media::Bext { description: "d".into(), time_reference: 1 << 33, ..Default::default() };
    let mut payload = vec![0; 602];
    payload[0] = b'd';
    payload[338..346].copy_from_slice(&(1_u64 << 33).to_le_bytes());
    let chunks = [
        chunk(b"JUNK", &[1; 27], false),
        chunk(b"data", &data, false),
        chunk(b"LIST", &[0; 5], false),
        format,
        chunk(b"bext", &payload, false),
        chunk(b"cue ", &[0; 1], false),
    ];
    let (file, got) = decode(&riff(b"RIFF", &chunks, false));
    assert_eq!(file.info().bext.as_ref(), Some(&bext));
    assert_eq!(file.warnings(), []);
    assert_same(&got, &audio, "odd sizes");
}

#[test]
fn a_writer_that_was_killed_before_it_wrote_the_sizes() {
    let audio = noise(13, 2, 100);
    for (riff_size, data_size) in [(0_u32, 0_u32), (36, 0), (u32::MAX, u32::MAX), (0, u32::MAX)] {
        let mut bytes = wav(SampleKind::Float32, 48_000, &audio);
        bytes[4..8].copy_from_slice(&riff_size.to_le_bytes());
        bytes[40..44].copy_from_slice(&data_size.to_le_bytes());
        let (file, got) = decode(&bytes);
        assert_same(&got, &audio, &format!("{riff_size} {data_size}"));
        assert_eq!(file.warnings().len(), 1, "{:?}", file.warnings());
    }
    // An empty data chunk in a complete file stays empty.
    let format = chunk(b"fmt ", &fmt(1, 1, 8_000, 16, false), false);
    let bytes = riff(b"RIFF", &[format, chunk(b"data", &[], false), chunk(b"LIST", &[1; 20], false)], false);
    assert_eq!(decode(&bytes).1[0].len(), 0);
}

#[test]
fn an_aiff_without_its_frame_count_and_one_with_a_fractional_rate() {
    let audio = coarse_noise(14, 1, 40, 16);
    let mut bytes = aiff(None, SampleKind::Int16, 16, 22_254, &audio);
    bytes[22..26].fill(0);
    let (file, got) = decode(&bytes);
    assert_same(&got, &audio, "no frame count");
    assert_eq!(file.warnings().len(), 1);
    bytes[28..38].copy_from_slice(&[0x40, 0x0D, 0xAD, 0xDD, 0x17, 0x45, 0xD1, 0x74, 0x5D, 0x17]);
    let (file, _) = decode(&bytes);
    assert_eq!(file.info().rate, 22_255);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_byte() {
    let format = |tag, channels, rate, bits| {
        let payload = fmt(tag, channels, rate, bits, false);
        riff(b"RIFF", &[chunk(b"fmt ", &payload, false), chunk(b"data", &[0; 64], false)], false)
    };
    let cases: [(Vec<u8>, &str); 9] = [
        (format(1, 0, 48_000, 16), "at byte 22: it says that it has no channels"),
        (format(1, 65, 48_000, 16), "(byte 22): 65 channels"),
        (format(1, 2, 0, 16), "at byte 24: it says that its sample rate is 0"),
        (format(2, 2, 48_000, 4), "(byte 20): format tag 0x0002"),
        (format(3, 2, 48_000, 16), "format tag 0x0003 with 16 bits"),
        (format(1, 2, 48_000, 0), "at byte 32: block alignment 0 and 0 bits"),
        (riff(b"RIFF", &[chunk(b"data", &[0; 64], false)], false), "it has no 'fmt ' chunk"),
        (
            riff(b"RIFF", &[chunk(b"fmt ", &fmt(1, 1, 48_000, 16, false), false)], false),
            "it has no data chunk",
        ),
        (b"OggS\0\0\0\0\0\0\0\0".to_vec(), "is not a WAV, RF64, BW64, AIFF, AIFC or FLAC file"),
    ];
    for (bytes, want) in cases {
        match open_bytes(Path::new("name.wav"), &bytes) {
            Ok(_) => panic!("opened; wanted: {want}"),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    message.contains(want) && message.contains("'name.wav'"),
                    "{message} | wanted: {want}"
                );
            }
        }
    }
}

#[test]
fn a_missing_file_a_directory_and_a_pipe_are_refused_without_waiting() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["missing.wav", "."] {
        let message = omega_media::open(&dir.path().join(name)).err().expect("refused").to_string();
        assert!(message.starts_with("cannot open"), "{message}");
    }
    if has_program("mkfifo") {
        let pipe = dir.path().join("pipe.wav");
        run("mkfifo", &[pipe.to_str().expect("UTF-8")]);
        let message = omega_media::open(&pipe).err().expect("refused").to_string();
        assert!(message.contains("not a regular file"), "{message}");
    }
}
