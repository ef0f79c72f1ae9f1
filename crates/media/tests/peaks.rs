//! Peak files against the obvious computation, and against everything that can be wrong with a file.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use common::*;
use omega_media::peaks::{BuildError, PeakError, build, open_or_build, path_for};
use omega_media::{AudioHash, Peak, PeakFile, SampleKind};

const HASH: AudioHash = AudioHash([7; 32]);

fn go_on(_: f32) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn built(dir: &Path, audio: &[Vec<f32>]) -> PeakFile {
    let path = dir.join("a.wav");
    std::fs::write(&path, wav(SampleKind::Float32, 48_000, audio)).expect("it is written");
    build(&path, HASH, &dir.join("cache"), &mut go_on).expect("it is built")
}

/// The least that a column must cover: its own frames.
fn naive(samples: &[f32], range: Range<i64>) -> Peak {
    let clamp = |frame: i64| frame.clamp(0, samples.len() as i64) as usize;
    let part = &samples[clamp(range.start)..clamp(range.end)];
    let mut peak = Peak::default();
    for (n, &sample) in part.iter().enumerate() {
        peak.min = if n == 0 { sample } else { peak.min.min(sample) };
        peak.max = if n == 0 { sample } else { peak.max.max(sample) };
    }
    let square: f64 = part.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    peak.rms = (square / part.len().max(1) as f64).sqrt() as f32;
    peak
}

fn same(got: Peak, want: Peak, what: &str) {
    assert!(got.min == want.min && got.max == want.max, "{what}: {got:?}, not {want:?}");
    assert!((got.rms - want.rms).abs() <= 2e-6 * want.rms.abs().max(1e-3), "{what}: {got:?}, not {want:?}");
}

#[test]
fn columns_that_are_whole_peaks_are_exactly_the_naive_ones_at_every_level() {
    let dir = tempfile::tempdir().expect("a directory");
    for (channels, frames) in [(1, 0), (1, 1), (2, 255), (1, 256), (3, 257), (2, 1_200_000)] {
        let audio = noise(81, channels, frames);
        let peaks = built(dir.path(), &audio);
        assert_eq!((peaks.channels(), peaks.frames()), (channels, frames as i64));
        for level in 0..8 {
            let width = 256_i64 << (2 * level);
            let columns = (frames as i64 / width + 2).min(3_000);
            let mut out = vec![Peak { min: 9.0, max: 9.0, rms: 9.0 }; columns as usize];
            for (channel, samples) in audio.iter().enumerate() {
                peaks.read(channel, 0..columns * width, &mut out).expect("it reads");
                for (column, &got) in (0..).zip(&out) {
                    let range = column * width..(column + 1) * width;
                    same(
                        got,
                        naive(samples, range.clone()),
                        &format!("{channels}x{frames} {channel} {range:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn any_range_at_any_zoom_covers_its_frames_and_at_most_a_peak_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = noise(82, 2, 700_001);
    let peaks = built(dir.path(), &audio);
    let mut rng = Rng(83);
    for _ in 0..200 {
        let start = rng.below(900_000) as i64 - 100_000;
        let octave = rng.below(20);
        let span = 1 + rng.below(1 << octave) as i64;
        let columns = 1 + rng.below(300) as i64;
        let channel = rng.below(2);
        let mut out = vec![Peak::default(); columns as usize];
        peaks.read(channel, start..start + span, &mut out).expect("it reads");
        let width = (span / columns).max(256);
        // The coarsest peaks that are not wider than a column.
        let around =
            (0..9).map(|level| 256 << (2 * level)).take_while(|&peak| peak <= width).last().unwrap_or(256);
        for (column, got) in (0..).zip(&out) {
            let range =
                start + span * column / columns..start + (span * (column + 1) + columns - 1) / columns;
            let inner = naive(&audio[channel], range.clone());
            let outer = naive(&audio[channel], range.start - around..range.end + around);
            assert!(
                got.min <= inner.min && got.max >= inner.max,
                "{range:?}: {got:?} lacks some of {inner:?}"
            );
            assert!(
                got.min >= outer.min.min(0.0) && got.max <= outer.max.max(0.0),
                "{range:?}: {got:?} has more than {outer:?}"
            );
        }
    }
    let mut out = [Peak { min: 1.0, max: 1.0, rms: 1.0 }; 3];
    for (start, end) in [(i64::MIN, i64::MIN + 9), (i64::MAX - 9, i64::MAX), (5, 5), (9, 3)] {
        peaks.read(0, start..end, &mut out).expect("it reads");
        assert_eq!(out, [Peak::default(); 3]);
    }
    peaks.read(2, 0..100, &mut out).expect("it reads");
    assert_eq!(out, [Peak::default(); 3]);
    peaks.read(0, i64::MIN..i64::MAX, &mut out).expect("it reads");
    assert!(out[1].max > 0.99);
}

#[test]
fn infinities_and_nans_are_drawn_as_silence() {
    let dir = tempfile::tempdir().expect("a directory");
    let peaks = built(dir.path(), &[vec![f32::NAN, f32::INFINITY, 0.5, f32::NEG_INFINITY]]);
    let mut out = [Peak::default()];
    peaks.read(0, 0..4, &mut out).expect("it reads");
    assert_eq!(out, [Peak { min: 0.0, max: 0.5, rms: 0.25 }]);
}

fn wanted(path: &Path) -> Result<(), PeakError> {
    let peaks = PeakFile::open(path, HASH)?;
    let mut out = vec![Peak::default(); 3_000];
    for channel in 0..peaks.channels() {
        for columns in [10, 400, 3_000] {
            peaks.read(channel, 0..peaks.frames(), &mut out[..columns])?;
        }
    }
    Ok(())
}

fn one_file(dir: &Path) -> (PathBuf, Vec<u8>) {
    drop(built(dir, &noise(84, 2, 400_000)));
    let path = path_for(&dir.join("cache"), HASH);
    let bytes = std::fs::read(&path).expect("it is there");
    (path, bytes)
}

#[test]
fn cut_damaged_and_foreign_files_are_refused_and_built_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, bytes) = one_file(dir.path());
    wanted(&path).expect("it is whole");
    for len in (0..bytes.len()).step_by(997).chain([95, 96, 97, bytes.len() - 1]) {
        std::fs::write(&path, &bytes[..len]).expect("it is written");
        assert!(matches!(wanted(&path), Err(PeakError::Damaged { .. })), "cut at {len}");
    }
    std::fs::write(&path, [&bytes[..], b"x"].concat()).expect("it is written");
    assert!(matches!(wanted(&path), Err(PeakError::Damaged { .. })), "too long");
    // Every bit is covered by some checksum.
    for at in (0..96).chain((96..bytes.len()).step_by(211)) {
        let mut copy = bytes.clone();
        copy[at] ^= 1 << (at % 8);
        std::fs::write(&path, &copy).expect("it is written");
        assert!(wanted(&path).is_err(), "byte {at} was changed");
    }
    let other = PeakFile::open(&path, AudioHash([8; 32])).expect_err("other audio");
    assert!(matches!(other, PeakError::Foreign { .. }), "{other}");
    std::fs::write(&path, b"OMEGAPKS\x02\0\0\0 and so on, from a later version of this program, which is longer than that .........").expect("w");
    let later = PeakFile::open(&path, HASH).expect_err("another version");
    assert!(later.to_string().contains("version is 2"), "{later}");
    open_or_build(&dir.path().join("a.wav"), HASH, &dir.path().join("cache"), &mut go_on)
        .expect("it is built again");
    assert_eq!(std::fs::read(&path).expect("it is there"), bytes, "and is the same as before");
    open_or_build(Path::new("nowhere"), HASH, &dir.path().join("cache"), &mut go_on)
        .expect("nothing has to be built");
}

#[test]
fn claims_in_a_header_with_a_right_checksum_size_no_allocation() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, bytes) = one_file(dir.path());
    for frames in [i64::MAX, i64::MAX / 2, 1 << 40, -1, i64::MIN] {
        let mut copy = bytes.clone();
        copy[24..32].copy_from_slice(&frames.to_le_bytes());
        let sum = blake3_of(&copy[..88]);
        copy[88..96].copy_from_slice(&sum);
        std::fs::write(&path, &copy).expect("it is written");
        assert!(wanted(&path).is_err(), "{frames} frames");
    }
}

fn blake3_of(bytes: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    sum
}

#[test]
fn a_cancelled_build_leaves_nothing_and_progress_only_grows() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.wav");
    std::fs::write(&path, wav(SampleKind::Int16, 48_000, &coarse_noise(85, 1, 1_000_000, 16)))
        .expect("written");
    let cache = dir.path().join("cache");
    let mut calls = Vec::new();
    drop(
        build(&path, HASH, &cache, &mut |done| {
            calls.push(done);
            ControlFlow::Continue(())
        })
        .expect("it is built"),
    );
    assert!(calls.is_sorted() && calls.len() > 10 && calls.iter().all(|done| (0.0..=1.0).contains(done)));
    std::fs::remove_dir_all(&cache).expect("removed");
    for stop in [0, 3, calls.len() - 1] {
        let mut count = 0;
        let result = build(&path, HASH, &cache, &mut |_| {
            count += 1;
            if count > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(result, Err(BuildError::Cancelled)), "stopped at {stop}");
        assert_eq!(std::fs::read_dir(&cache).expect("a folder").count(), 0, "stopped at {stop}");
    }
}
