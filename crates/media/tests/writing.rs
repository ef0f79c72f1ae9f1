//! Everything that is written is read back exactly, by this crate and by programs that know nothing of it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use common::*;
use omega_media::{Bext, Container, CreateError, Depth, FileKind, Format, WriteError, Writer, open};

const DEPTHS: [(Depth, u32); 4] =
    [(Depth::Int16, 16), (Depth::Int24, 24), (Depth::Int32, 24), (Depth::Float32, 24)];

fn cut(audio: &[Vec<f32>], range: std::ops::Range<usize>) -> Vec<&[f32]> {
    audio.iter().map(|channel| &channel[range.clone()]).collect()
}

#[test]
fn wav_and_flac_of_every_depth_and_width_come_back_exactly() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a");
    for container in [Container::Wav, Container::Flac] {
        for (bits, grid) in DEPTHS {
            let is_flac = container == Container::Flac;
            if is_flac && grid == 24 && bits != Depth::Int24 {
                continue;
            }
            for channels in [1, 2, 5, 8, 64] {
                if is_flac && channels > 8 {
                    continue;
                }
                for frames in [0, 1, 15, 4_097] {
                    let what = format!("{container:?} {bits:?} {channels} channels {frames} frames");
                    let audio = coarse_noise(21, channels, frames, grid);
                    let format = Format { container, ..Format::wav(bits, channels, 44_100) };
                    let mut writer = Writer::create(&path, format).expect("it is created");
                    for start in (0..frames).step_by(1_000) {
                        writer.write(&cut(&audio, start..frames.min(start + 1_000))).expect("it is written");
                    }
                    let summary = writer.finish().expect("it is finished");
                    assert_eq!((summary.frames, summary.clipped, summary.non_finite), (frames as u64, 0, 0));
                    let mut file = open(&path).expect("it opens");
                    assert_eq!(file.info().file_kind, if is_flac { FileKind::Flac } else { FileKind::Wav });
                    assert_eq!((file.info().sample_kind, file.info().rate), (bits.kind(), 44_100), "{what}");
                    assert_same(&read_all(&mut file, 999).expect("it reads"), &audio, &what);
                    assert_eq!(file.warnings(), [], "{what}");
                }
            }
        }
    }
}

#[test]
fn flac_holds_audio_that_predicts_badly() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let square = |period: u32, low: f32, high: f32| -> Vec<f32> {
        (0..20_000).map(|frame| if (frame / period).is_multiple_of(2) { low } else { high }).collect()
    };
    let top = 8_388_607.0 / 8_388_608.0;
    let mut impulses = vec![0.0; 20_000];
    impulses.iter_mut().step_by(97).for_each(|sample| *sample = -1.0);
    let audio = [square(1, -1.0, top), square(1, top, -1.0), square(3, -1.0, top), impulses];
    let mut writer = Writer::create(&path, Format::flac(Depth::Int24, 4, 48_000)).expect("it is created");
    writer.write(&audio).expect("it is written");
    writer.finish().expect("it is finished");
    let mut file = open(&path).expect("it opens");
    assert_same(&read_all(&mut file, 4_096).expect("it reads"), &audio, "extremes");
    let mut writer = Writer::create(&path, Format::flac(Depth::Int24, 2, 48_000)).expect("it is created");
    writer.write(&audio[..2]).expect("it is written");
    writer.finish().expect("it is finished");
    let mut file = open(&path).expect("it opens");
    assert_same(&read_all(&mut file, 4_096).expect("it reads"), &audio[..2], "extremes, in stereo");
}

#[test]
fn blocks_make_no_difference_to_a_file_with_dither() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = noise(22, 2, 5_000);
    let mut files = Vec::new();
    for block in [1, 64, 333, 5_000] {
        let path = dir.path().join(format!("{block}.wav"));
        let format = Format { dither_seed: Some(99), ..Format::wav(Depth::Int16, 2, 48_000) };
        let mut writer = Writer::create(&path, format).expect("it is created");
        for start in (0..5_000).step_by(block) {
            writer.write(&cut(&audio, start..5_000.min(start + block))).expect("it is written");
        }
        files.push((
            writer.finish().expect("it is finished").hash,
            std::fs::read(&path).expect("it is there"),
        ));
    }
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn dither_makes_the_error_independent_of_a_signal_below_one_bit() {
    // A sine of 0.4 LSB disappears when it is rounded; with TPDF dither its average survives.
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.wav");
    let step = 1.0 / 32_768.0;
    let audio = [vec![0.4 * step; 200_000]];
    let mean = |seed| {
        let format = Format { dither_seed: seed, ..Format::wav(Depth::Int16, 1, 48_000) };
        let mut writer = Writer::create(&path, format).expect("it is created");
        writer.write(&audio).expect("it is written");
        writer.finish().expect("it is finished");
        let got = read_all(&mut open(&path).expect("it opens"), 4_096).expect("it reads");
        got[0].iter().map(|&s| f64::from(s)).sum::<f64>() / got[0].len() as f64 / f64::from(step)
    };
    assert_eq!(mean(None), 0.0);
    // Error of the mean: sqrt(1/4 LSB² / 200,000) = 0.0011; five times that.
    assert!((mean(Some(1)) - 0.4).abs() < 0.0056, "{}", mean(Some(1)));
}

#[test]
fn wav_and_flac_of_the_same_audio_have_the_same_hash_and_other_audio_has_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = coarse_noise(23, 2, 3_000, 16);
    let hash = |name: &str, format: Format, audio: &[Vec<f32>]| {
        let mut writer = Writer::create(&dir.path().join(name), format).expect("it is created");
        writer.write(audio).expect("it is written");
        writer.finish().expect("it is finished").hash
    };
    let wav = hash("a.wav", Format::wav(Depth::Int16, 2, 48_000), &audio);
    assert_eq!(wav, hash("a.flac", Format::flac(Depth::Int16, 2, 48_000), &audio));
    assert_ne!(wav, hash("b.wav", Format::wav(Depth::Int16, 2, 44_100), &audio));
    let mut other = audio.clone();
    other[1][2_999] += 1.0 / 32_768.0;
    assert_ne!(wav, hash("c.wav", Format::wav(Depth::Int16, 2, 48_000), &other));
    assert_eq!(omega_media::AudioHash::from_hex(&wav.to_string()), Some(wav));
}

#[test]
fn clipping_and_non_finite_samples_are_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.wav");
    let audio = [vec![1.5, -1.5, f32::NAN, 0.5], vec![f32::INFINITY, 1.0, -1.0, 0.25]];
    for (bits, clipped, first) in [(Depth::Int16, 3, 32_767.0 / 32_768.0), (Depth::Float32, 0, 1.5)] {
        let mut writer = Writer::create(&path, Format::wav(bits, 2, 48_000)).expect("it is created");
        writer.write(&audio).expect("it is written");
        let summary = writer.finish().expect("it is finished");
        assert_eq!((summary.clipped, summary.non_finite), (clipped, 2), "{bits:?}");
        let got = read_all(&mut open(&path).expect("it opens"), 16).expect("it reads");
        assert_eq!((got[0][0], got[0][2], got[1][0]), (first, 0.0, 0.0), "{bits:?}");
    }
}

#[test]
fn bext_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.wav");
    let bext = Bext { originator: "OmegaStudio".into(), time_reference: 123_456_789_012, ..Bext::default() };
    let format = Format { bext: Some(bext.clone()), ..Format::wav(Depth::Int24, 1, 48_000) };
    let mut writer = Writer::create(&path, format).expect("it is created");
    writer.write(&[[0.5]]).expect("it is written");
    writer.finish().expect("it is finished");
    assert_eq!(std::fs::metadata(&path).expect("there").len() % 2, 0, "odd audio is padded");
    assert_eq!(open(&path).expect("it opens").info().bext, Some(bext));
}

#[test]
fn a_writer_that_is_killed_leaves_a_file_that_opens() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("take.wav");
    let audio = noise(24, 2, 100_000);
    let mut writer = Writer::create(&path, Format::wav(Depth::Float32, 2, 48_000)).expect("it is created");
    let at_least = |frames: i64| {
        let mut file = open(&path).expect("it opens at any moment");
        let there = file.info().frames.expect("WAV knows");
        assert!(there >= frames, "{there} of {frames}");
        let got = read_all(&mut file, 4_096).expect("it reads");
        let want: Vec<Vec<f32>> =
            audio.iter().map(|c| c[..usize::try_from(there).expect("small")].to_vec()).collect();
        assert_same(&got, &want, "while it is written");
        assert_eq!(file.warnings(), []);
    };
    at_least(0);
    for start in (0..100_000).step_by(1_000) {
        writer.write(&cut(&audio, start..start + 1_000)).expect("it is written");
        at_least(start as i64 + 1_000 - (256 * 1024 / 8) - 1_000);
    }
    writer.flush().expect("it is flushed");
    at_least(100_000);
    std::mem::forget(writer);
    at_least(100_000);
}

#[test]
fn what_no_file_can_be_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a");
    let bext = Some(Bext::default());
    for (format, want) in [
        (Format::wav(Depth::Int16, 0, 48_000), "0 channels"),
        (Format::wav(Depth::Int16, 65, 48_000), "65 channels"),
        (Format::wav(Depth::Int16, 1, 0), "rate of 0"),
        (Format::flac(Depth::Int16, 9, 48_000), "9 channels; it can have 1 to 8"),
        (Format::flac(Depth::Float32, 1, 48_000), "32-bit float samples"),
        (Format::flac(Depth::Int24, 1, 700_000), "rate of 700000"),
        (Format { bext, ..Format::flac(Depth::Int24, 1, 48_000) }, "broadcast extension"),
    ] {
        match Writer::create(&path, format) {
            Err(error @ CreateError::Format(_)) => assert!(error.to_string().contains(want), "{error}"),
            _ => panic!("not refused: {want}"),
        }
    }
    assert!(!path.exists(), "nothing is created for a format that cannot be");
    let missing = dir.path().join("missing/a.wav");
    let error = Writer::create(&missing, Format::wav(Depth::Int16, 1, 48_000)).err().expect("refused");
    assert!(error.to_string().contains("missing/a.wav"), "{error}");
    let mut writer = Writer::create(&path, Format::wav(Depth::Int16, 2, 48_000)).expect("it is created");
    assert!(matches!(writer.write(&[[0.0; 4]; 1]), Err(WriteError::Shape { wanted: 2, given: 1 })));
    assert!(matches!(writer.write(&[&[0.0; 4][..], &[0.0; 3]]), Err(WriteError::Shape { .. })));
    assert_eq!(writer.finish().expect("it is finished").frames, 0);
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        eprintln!("SKIPPED: there is no /dev/full here");
        return;
    }
    let error = Writer::create(full, Format::wav(Depth::Int16, 1, 48_000)).err().expect("refused");
    assert!(error.to_string().contains("/dev/full"), "{error}");
    // FLAC is buffered, so its error comes when the buffer is written.
    if let Ok(mut writer) = Writer::create(full, Format::flac(Depth::Int24, 8, 48_000)) {
        let audio = noise(25, 8, 20_000);
        let result = writer.write(&audio).and_then(|()| writer.finish().map(|_| ()));
        assert!(result.expect_err("refused").to_string().contains("/dev/full"));
    }
}

#[test]
fn sox_and_flac_read_what_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (has_sox, has_flac) = (has_program("sox"), has_program("flac"));
    for container in [Container::Wav, Container::Flac] {
        for (bits, grid) in DEPTHS {
            for channels in [1, 2, 6] {
                let path = dir.path().join(if container == Container::Wav { "a.wav" } else { "a.flac" });
                let audio = coarse_noise(26, channels, 9_001, grid);
                let format = Format { container, ..Format::wav(bits, channels, 96_000) };
                let Ok(mut writer) = Writer::create(&path, format) else { continue };
                writer.write(&audio).expect("it is written");
                writer.finish().expect("it is finished");
                let name = path.to_str().expect("UTF-8");
                let want = interleave(omega_media::SampleKind::Int32, &audio, false);
                if has_sox {
                    let raw = run("sox", &[name, "-t", "raw", "-e", "signed", "-b", "32", "-L", "-"]);
                    assert!(raw == want, "sox reads other samples: {container:?} {bits:?} {channels}");
                }
                if has_flac && container == Container::Flac {
                    run("flac", &["--test", "--silent", name]);
                }
            }
        }
    }
}

#[test]
fn what_sox_and_flac_write_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    if !has_program("sox") {
        return;
    }
    run(
        "sox",
        &[
            "-n",
            "-r",
            "44100",
            "-c",
            "2",
            "-b",
            "24",
            &at("s.wav"),
            "synth",
            "0.3",
            "pinknoise",
            "gain",
            "-3",
        ],
    );
    let as_i32 = |name: &str| run("sox", &[name, "-t", "raw", "-e", "signed", "-b", "32", "-L", "-"]);
    let mut names: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, how) in [
        ("u8.wav", vec!["-b", "8", "-e", "unsigned"]),
        ("i16.wav", vec!["-b", "16"]),
        ("i24.wav", vec!["-b", "24"]),
        ("i32.wav", vec!["-b", "32", "-e", "signed"]),
        ("f32.wav", vec!["-b", "32", "-e", "float"]),
        ("f64.wav", vec!["-b", "64", "-e", "float"]),
        ("a.wav", vec!["-e", "a-law"]),
        ("mu.wav", vec!["-e", "mu-law"]),
        ("i8.aiff", vec!["-b", "8"]),
        ("i16.aiff", vec!["-b", "16"]),
        ("i24.aiff", vec!["-b", "24"]),
        ("i32.aiff", vec!["-b", "32"]),
        ("i16.aifc", vec!["-b", "16"]),
        ("f32.aifc", vec!["-b", "32", "-e", "float"]),
        ("i8.flac", vec!["-b", "8"]),
        ("i16.flac", vec!["-b", "16"]),
        ("i24.flac", vec!["-b", "24"]),
    ] {
        let mut args = vec![at("s.wav")];
        args.extend(how.iter().map(|s| (*s).to_owned()));
        args.push(at(name));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run("sox", &args);
        names.push((at(name), how));
    }
    for (name, how) in names {
        let mut file = open(std::path::Path::new(&name)).unwrap_or_else(|error| panic!("{how:?}: {error}"));
        let got = read_all(&mut file, 1_000).expect("it reads");
        assert_eq!(file.warnings(), [], "{name}");
        let raw: Vec<f32> = as_i32(&name)
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32 / 2_147_483_648.0)
            .collect();
        let want: Vec<Vec<f32>> = (0..2).map(|c| raw.iter().skip(c).step_by(2).copied().collect()).collect();
        assert_same(&got, &want, &name);
    }
}
