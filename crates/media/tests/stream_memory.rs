//! Twenty gigabytes of distinct media play within a fixed budget of memory. (Alone in its process: it measures it.)
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use std::io::{Seek, SeekFrom, Write};

use common::*;
use omega_media::{DiskStreamer, OfflineSource, StreamConfig};
use omega_rt::PcmSource;

const FILES: usize = 64;
/// Stereo float frames: 320 MiB a file.
const FRAMES: i64 = 40 << 20;
/// Frames between two places that are played, and between two marks.
const STEP: i64 = 1_700_000;
const MARKS: i64 = 2 * STEP;

/// A WAV file whose audio is a hole, but for one mark every so often.
fn sparse(path: &std::path::Path, number: usize) {
    let mut file = std::fs::File::create(path).expect("it is created");
    let data = (FRAMES * 8) as u32;
    let mut header = riff(b"RIFF", &[chunk(b"fmt ", &fmt(3, 2, 48_000, 32, false), false)], false);
    header.extend(b"data");
    header.extend(data.to_le_bytes());
    let size = header.len() as u32 - 8 + data;
    header[4..8].copy_from_slice(&size.to_le_bytes());
    file.write_all(&header).expect("it is written");
    for frame in (0..FRAMES).step_by(MARKS as usize) {
        file.seek(SeekFrom::Start(header.len() as u64 + frame as u64 * 8)).expect("it seeks");
        file.write_all(&mark(number, frame).to_le_bytes()).expect("it is written");
    }
    file.set_len(header.len() as u64 + u64::from(data)).expect("it is sparse");
}

fn mark(number: usize, frame: i64) -> f32 {
    (number + 1) as f32 + (frame / MARKS) as f32 / 64.0
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[test]
fn twenty_gigabytes_play_within_the_budget() {
    let Some(before) = peak_mib() else {
        eprintln!("SKIPPED: there is no /proc/self/status here to measure memory with");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    // Less than by default, so that a quick test needs more pages than there are, whatever is loaded ahead.
    let config = StreamConfig { budget: 96 << 20, ..StreamConfig::default() };
    let budget = (config.budget >> 20) as u64;
    let streamer = DiskStreamer::new(&config).expect("it starts");
    let mut sources = Vec::new();
    for number in 0..FILES {
        let path = dir.path().join(format!("{number}.wav"));
        sparse(&path, number);
        sources
            .push((streamer.open(&path).expect("it opens"), OfflineSource::open(&path).expect("it opens")));
    }
    assert!(FILES as i64 * FRAMES * 8 >= 20_000_000_000);
    // Everywhere in every file, a block at a time, as 64 tracks play together: more pages than the pool has.
    let mut out = [9.0; 256];
    for spot in (0..FRAMES).step_by(STEP as usize) {
        for (number, (source, offline)) in sources.iter_mut().enumerate() {
            source.steer(spot, 1);
            source.wait_until_ready(spot, out.len());
            for source in [source as &mut dyn PcmSource, offline] {
                assert_eq!(source.read(0, spot, &mut out), 0, "file {number} at {spot}");
                let want = if spot % MARKS == 0 { mark(number, spot) } else { 0.0 };
                assert!(
                    out[0] == want && out[1..].iter().all(|&s| s == 0.0),
                    "file {number} at {spot}: {}",
                    out[0]
                );
            }
        }
    }
    let stats = streamer.stats();
    let grown = peak_mib().expect("it was there before") - before;
    eprintln!(
        "20 GB in {FILES} files: peak memory grew by {grown} MiB of a budget of {budget} MiB; {stats:?}"
    );
    assert!(
        stats.evicted > 0 && stats.underruns == 0,
        "the pool was filled and everything was found: {stats:?}"
    );
    assert!(grown < budget + 64, "peak memory grew by {grown} MiB");
}
