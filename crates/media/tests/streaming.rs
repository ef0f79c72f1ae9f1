//! Streams: the same samples as decoding, nothing missing once it was waited for, nothing waited for on the audio side.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::*;
use omega_media::{DiskStreamer, OfflineSource, SampleKind, StreamConfig, StreamEvent, StreamSource};
use omega_rt::guard::CountingAllocator;
use omega_rt::{PcmSource, RtScope};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Long enough for any machine: only a hang takes so long.
const LONG: Duration = Duration::from_secs(60);

fn small(pages: usize) -> StreamConfig {
    StreamConfig { budget: pages * 1_024 * 4, page_samples: 1_024, ..StreamConfig::default() }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("it is written");
    path
}

/// Waits for what other threads do.
fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < LONG, "{what}: never");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The frames `start ..` as the trait wants them: zeros outside.
fn truth(audio: &[Vec<f32>], channel: usize, start: i64, len: usize) -> Vec<f32> {
    (0..len as i64)
        .map(|n| {
            usize::try_from(start + n).ok().and_then(|at| audio.get(channel)?.get(at)).copied().unwrap_or(0.0)
        })
        .collect()
}

#[test]
fn streamed_and_offline_samples_are_those_of_decoding() {
    let dir = tempfile::tempdir().expect("a directory");
    let streamer = DiskStreamer::new(&small(64)).expect("it starts");
    let mut rng = Rng(51);
    for kind in
        [SampleKind::UInt8, SampleKind::Int16, SampleKind::Int24, SampleKind::Float32, SampleKind::Float64]
    {
        for channels in [1, 2, 3, 64] {
            let audio = coarse_noise(52, channels, 5_003, 8);
            let path =
                write(dir.path(), &format!("{channels}-{}.wav", kind.name()), &wav(kind, 48_000, &audio));
            let mut stream = streamer.open(&path).expect("it opens");
            let mut offline = OfflineSource::open(&path).expect("it opens");
            assert_eq!((stream.channels(), stream.frames(), stream.rate()), (channels, 5_003, 48_000));
            assert_eq!((offline.channels(), offline.frames(), offline.rate()), (channels, 5_003, 48_000));
            for _ in 0..60 {
                let start = rng.below(5_700) as i64 - 300;
                let len = rng.below(700);
                let channel = rng.below(channels + 1);
                let want = truth(&audio, channel, start, len);
                stream.wait_until_ready(start, len);
                for (name, source) in
                    [("stream", &mut stream as &mut dyn PcmSource), ("offline", &mut offline)]
                {
                    let mut out = vec![9.0; len];
                    let missing = source.read(channel, start, &mut out);
                    assert_eq!(missing, 0, "{name} {kind} {channels} at {start} + {len}");
                    assert!(
                        omega_signals::same_bits(&out, &want),
                        "{name} {kind} channel {channel} at {start} + {len}"
                    );
                }
            }
        }
    }
    assert_eq!(streamer.stats().underruns, 0);
    assert!(streamer.events().is_empty());
}

#[test]
fn extreme_ranges_are_zeros_and_nothing_is_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Int16, 48_000, &coarse_noise(53, 1, 100, 16)));
    let streamer = DiskStreamer::new(&small(4)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    let mut offline = OfflineSource::open(&path).expect("it opens");
    for start in [i64::MIN, i64::MIN + 5, -300, 100, i64::MAX - 3, i64::MAX] {
        for source in [&mut stream as &mut dyn PcmSource, &mut offline] {
            source.steer(start, -1);
            let mut out = [9.0; 200];
            assert_eq!(source.read(0, start, &mut out), 0, "{start}");
            assert_eq!(out, [0.0; 200], "{start}");
        }
    }
}

#[test]
fn what_is_not_loaded_is_silence_and_counted_and_no_read_takes_a_lock_or_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = coarse_noise(54, 2, 200_000, 16);
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Int16, 48_000, &audio));
    let streamer = DiskStreamer::new(&small(512)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    let handle = stream.handle();
    assert!(handle.wait_until_ready(0, 1_000, LONG));
    let mut out = [9.0; 256];
    let scope = RtScope::enter();
    // Nobody has asked for the far end.
    let far = stream.read(1, 150_000, &mut out);
    let silent = out == [0.0; 256];
    let near = stream.read(1, 700, &mut out);
    stream.steer(700, 1);
    stream.steer(150_000, -1);
    let counts = scope.counts();
    drop(scope);
    assert!(counts.is_clean(), "{counts:?}");
    assert_eq!((far, near, silent), (256, 0, true));
    assert_eq!(&out[..], truth(&audio, 1, 700, 256));
    assert_eq!((handle.underruns(), handle.missing_frames()), (1, 256));
    assert_eq!((streamer.stats().underruns, streamer.stats().missing_frames), (1, 256));
}

#[test]
fn what_lies_ahead_is_loaded_without_being_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = coarse_noise(55, 2, 400_000, 16);
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Int16, 48_000, &audio));
    let streamer = DiskStreamer::new(&small(1_024)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    let handle = stream.handle();
    eventually("the beginning of an opened file", || handle.is_ready(0, 20_000));
    assert!(!handle.is_ready(100_000, 1));
    stream.steer(100_000, 1);
    eventually("a second ahead", || handle.is_ready(100_000, 48_000));
    eventually("a little behind", || handle.is_ready(95_000, 1_000));
    stream.steer(300_000, -1);
    eventually("a second ahead, backwards", || handle.is_ready(300_001 - 48_000, 48_000));
    handle.hint(370_000);
    eventually("a hint", || handle.is_ready(370_000, 20_000));
    assert_eq!(streamer.stats().underruns, 0);
}

#[test]
fn two_places_in_one_file_are_both_kept_ahead() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = coarse_noise(56, 1, 1_000_000, 8);
    let path = write(dir.path(), "a.wav", &wav(SampleKind::UInt8, 48_000, &audio));
    let streamer = DiskStreamer::new(&small(2_000)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    let handle = stream.handle();
    // A cross-fade within a file: two clips steer in turn.
    for block in 0..200_i64 {
        for base in [200_000, 700_000] {
            stream.steer(base + block * 256, 1);
        }
    }
    for base in [200_000, 700_000] {
        eventually("both places", || handle.is_ready(base + 199 * 256, 48_000));
    }
}

#[test]
fn a_small_budget_is_kept_and_serves_what_is_wanted_soonest() {
    let dir = tempfile::tempdir().expect("a directory");
    let streamer = DiskStreamer::new(&small(12)).expect("it starts");
    let mut sources: Vec<(Vec<Vec<f32>>, StreamSource)> = (0..3)
        .map(|n| {
            let audio = coarse_noise(57 + n, 1, 60_000, 16);
            let path = write(dir.path(), &format!("{n}.wav"), &wav(SampleKind::Int16, 48_000, &audio));
            (audio, streamer.open(&path).expect("it opens"))
        })
        .collect();
    for block in 0..(60_000 / 256) {
        for (audio, source) in &mut sources {
            let start = block * 256;
            source.steer(start, 1);
            source.wait_until_ready(start, 256);
            let mut out = [9.0; 256];
            assert_eq!(source.read(0, start, &mut out), 0, "block {block}");
            assert_eq!(&out[..], truth(audio, 0, start, 256), "block {block}");
        }
    }
    let stats = streamer.stats();
    assert_eq!((stats.pages, stats.pages_used), (12, 12));
    assert!(stats.evicted >= 3 * 50 && stats.underruns == 0, "{stats:?}");
}

#[test]
fn pages_of_closed_sources_are_given_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let streamer = DiskStreamer::new(&small(100)).expect("it starts");
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Int16, 48_000, &coarse_noise(60, 1, 50_000, 16)));
    let first = streamer.open(&path).expect("it opens");
    let second = streamer.open(&path).expect("it opens");
    assert!(first.handle().wait_until_ready(0, 10_000, LONG));
    assert!(second.handle().is_ready(0, 10_000), "sources of one file share its pages");
    drop(first);
    assert!(second.handle().wait_until_ready(30_000, 10_000, LONG));
    assert!(second.handle().is_ready(0, 10_000));
    let handle = second.handle();
    drop(second);
    handle.hint(20_000);
    eventually("an empty pool, though there is a handle", || streamer.stats().pages_used == 0);
}

#[test]
fn a_file_that_becomes_shorter_plays_silence_tells_once_and_recovers() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = coarse_noise(61, 1, 100_000, 16);
    let bytes = wav(SampleKind::Int16, 48_000, &audio);
    let path = write(dir.path(), "a.wav", &bytes);
    let streamer = DiskStreamer::new(&small(200)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    let mut offline = OfflineSource::open(&path).expect("it opens");
    let handle = stream.handle();
    assert!(handle.wait_until_ready(0, 1_000, LONG));
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it opens");
    file.set_len(100_000).expect("it is cut");
    assert!(!handle.wait_until_ready(80_000, 3_000, LONG), "it ends instead of waiting for ever");
    let mut out = [9.0; 300];
    assert_eq!((stream.read(0, 80_000, &mut out), out), (300, [0.0; 300]));
    assert_eq!(offline.read(0, 80_000, &mut out), 300);
    assert!(offline.take_error().expect("an error").to_string().contains("file ends before frame"));
    let events = streamer.events();
    match events.as_slice() {
        [StreamEvent::Failed { path: lost, frame, error }] => {
            assert_eq!(lost, &path);
            assert!((78_000..=83_000).contains(frame), "{frame}");
            assert!(error.to_string().contains("100000"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    std::fs::write(&path, &bytes).expect("it comes back");
    eventually("the file is back", || {
        handle.hint(80_000);
        handle.is_ready(80_000, 3_000)
    });
    let mut out = [9.0; 300];
    assert_eq!(stream.read(0, 80_000, &mut out), 0);
    assert_eq!(&out[..], truth(&audio, 0, 80_000, 300));
    assert!(matches!(streamer.events().as_slice(), [StreamEvent::Recovered { .. }]));
}

#[test]
fn infinities_and_nans_in_a_file_never_reach_the_engine() {
    let dir = tempfile::tempdir().expect("a directory");
    let audio = vec![vec![0.5, f32::NAN, f32::INFINITY, -0.5]];
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Float32, 48_000, &audio));
    let streamer = DiskStreamer::new(&small(4)).expect("it starts");
    let mut stream = streamer.open(&path).expect("it opens");
    stream.wait_until_ready(0, 4);
    let mut offline = OfflineSource::open(&path).expect("it opens");
    for source in [&mut stream as &mut dyn PcmSource, &mut offline] {
        let mut out = [9.0; 4];
        assert_eq!(source.read(0, 0, &mut out), 0);
        assert_eq!(out, [0.5, 0.0, 0.0, -0.5]);
    }
}

#[test]
fn flac_is_refused_and_a_stopped_streamer_lets_nobody_wait() {
    let dir = tempfile::tempdir().expect("a directory");
    let flac = dir.path().join("a.flac");
    let mut writer =
        omega_media::Writer::create(&flac, omega_media::Format::flac(omega_media::Depth::Int16, 1, 48_000))
            .expect("created");
    writer.write(&[[0.5; 100]]).expect("written");
    writer.finish().expect("finished");
    let streamer = DiskStreamer::new(&small(4)).expect("it starts");
    let message = streamer.open(&flac).err().expect("refused").to_string();
    assert!(message.contains("import it first"), "{message}");
    assert!(OfflineSource::open(&flac).is_err());
    let path = write(dir.path(), "a.wav", &wav(SampleKind::Int16, 48_000, &coarse_noise(62, 1, 100_000, 16)));
    let mut stream = streamer.open(&path).expect("it opens");
    drop(streamer);
    stream.wait_until_ready(90_000, 100);
    assert_eq!(stream.read(0, 90_000, &mut [0.0; 100]), 100);
}

#[test]
fn more_files_than_the_usual_limit_are_open_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let streamer = DiskStreamer::new(&small(16)).expect("it starts");
    let mut sources = Vec::new();
    for n in 0..1_100_u16 {
        let path = write(
            dir.path(),
            &format!("{n}.wav"),
            &wav(SampleKind::Int16, 48_000, &[vec![f32::from(n) / 32_768.0]]),
        );
        match streamer.open(&path) {
            Ok(source) => sources.push(source),
            Err(error) => {
                let hard =
                    std::process::Command::new("sh").args(["-c", "ulimit -Hn"]).output().expect("a shell");
                let hard = String::from_utf8_lossy(&hard.stdout).trim().parse().unwrap_or(u64::MAX);
                assert!(hard < 1_200, "{error}");
                eprintln!("SKIPPED: this system allows {hard} open files");
                return;
            }
        }
    }
    for (n, source) in (0_u16..).zip(&mut sources) {
        source.wait_until_ready(0, 1);
        let mut out = [9.0];
        assert_eq!((source.read(0, 0, &mut out), out[0]), (0, f32::from(n) / 32_768.0));
    }
}

/// Audio threads that jump about, far more than the pool holds: what they read is the truth or silence, never another
/// page's samples. (This is the test to run under ThreadSanitizer.)
#[test]
fn many_audio_threads_and_loaders_never_mix_pages_up() {
    const FRAMES: usize = 40_000;
    let dir = tempfile::tempdir().expect("a directory");
    let config = StreamConfig { threads: 3, poll: Duration::from_millis(1), ..small(24) };
    let streamer = DiskStreamer::new(&config).expect("it starts");
    // Each sample names its file, channel and frame.
    let sample =
        |file: usize, channel: usize, frame: usize| (file * 2 * FRAMES + channel * FRAMES + frame + 1) as f32;
    let open: Vec<StreamSource> = (0..4)
        .map(|file| {
            let audio: Vec<Vec<f32>> = (0..2)
                .map(|channel| (0..FRAMES).map(|frame| sample(file, channel, frame)).collect())
                .collect();
            let path = write(dir.path(), &format!("{file}.wav"), &wav(SampleKind::Float32, 48_000, &audio));
            streamer.open(&path).expect("it opens")
        })
        .collect();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = open
            .into_iter()
            .enumerate()
            .map(|(file, mut source)| {
                let is_done = &is_done;
                scope.spawn(move || {
                    let mut rng = Rng(70 + file as u64);
                    let (mut found, mut lost, mut at) = (0_u64, 0_u64, 0);
                    let mut out = [0.0; 300];
                    while !is_done.load(Ordering::Relaxed) {
                        at = if rng.below(40) == 0 {
                            rng.below(FRAMES - 300)
                        } else {
                            (at + 300) % (FRAMES - 300)
                        };
                        source.steer(at as i64, 1);
                        for channel in 0..2 {
                            let missing = source.read(channel, at as i64, &mut out);
                            let zeros = out.iter().filter(|&&got| got == 0.0).count();
                            assert_eq!(zeros, missing, "silence is exactly what was missing");
                            for (n, &got) in out.iter().enumerate() {
                                assert!(
                                    got == 0.0 || got == sample(file, channel, at + n),
                                    "another page's sample"
                                );
                            }
                            found += (out.len() - missing) as u64;
                            lost += missing as u64;
                        }
                        std::thread::yield_now();
                    }
                    (found, lost)
                })
            })
            .collect();
        eventually("many evictions", || streamer.stats().evicted > 1_500);
        is_done.store(true, Ordering::Relaxed);
        let counts: Vec<(u64, u64)> =
            readers.into_iter().map(|reader| reader.join().expect("it ends")).collect();
        assert!(counts.iter().all(|&(found, _)| found > 0), "{counts:?}");
        assert_eq!(counts.iter().map(|c| c.1).sum::<u64>(), streamer.stats().missing_frames);
    });
}
