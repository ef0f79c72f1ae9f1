//! Import: samples are kept where they can be, converted where they must be, stored once, and never half.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::*;
use omega_media::import::{hash_file, remove_stale};
use omega_media::{Depth, Format, ImportError, MediaInfo, SampleKind, Writer, import, open};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("it is written");
        path
    }

    fn media(&self) -> PathBuf {
        self.dir.path().join("media")
    }

    fn stored(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.media())
            .map(|entries| {
                entries.map(|e| e.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    }

    fn import(&self, path: &Path, rate: u32) -> Result<MediaInfo, ImportError> {
        import(path, rate, &self.media(), &mut |_| ControlFlow::Continue(()))
    }

    fn read(&self, info: &MediaInfo) -> Vec<Vec<f32>> {
        let mut file = open(&self.media().join(&info.file_name)).expect("it opens");
        assert_eq!(file.info().frames, Some(info.frames));
        assert_eq!((file.info().channels, file.info().rate), (info.channels, info.rate));
        assert_eq!(file.info().sample_kind, info.sample_kind);
        read_all(&mut file, 4_096).expect("it reads")
    }
}

#[test]
fn samples_at_the_sessions_rate_are_kept_as_they_are() {
    let place = Place::new();
    for (kind, bits, stored) in [
        (SampleKind::UInt8, 8, SampleKind::Int16),
        (SampleKind::Int16, 16, SampleKind::Int16),
        (SampleKind::Int24, 24, SampleKind::Int24),
        (SampleKind::Int32, 24, SampleKind::Float32),
        (SampleKind::Float32, 24, SampleKind::Float32),
        (SampleKind::Float64, 24, SampleKind::Float32),
    ] {
        for channels in [1, 2, 64] {
            let audio = coarse_noise(41, channels, 5_001, bits);
            let path = place.file("a.wav", &wav(kind, 48_000, &audio));
            let info = place.import(&path, 48_000).expect("it is imported");
            assert_eq!((info.sample_kind, info.frames, info.channels), (stored, 5_001, channels));
            assert_eq!(
                (info.origin.sample_kind, info.origin.rate, info.origin.frames),
                (kind, 48_000, 5_001)
            );
            assert_eq!(info.origin.size, std::fs::metadata(&path).expect("there").len());
            assert!(info.origin.modified.is_some());
            assert_same(&place.read(&info), &audio, &format!("{kind} {channels}"));
            assert_eq!(info.file_name, format!("{}.wav", info.hash));
            assert_eq!(hash_file(&place.media().join(&info.file_name)).expect("it reads"), info.hash);
        }
    }
}

#[test]
fn g711_is_kept_in_sixteen_bits() {
    let place = Place::new();
    for tag in [6, 7] {
        let all: Vec<u8> = (0..=255).collect();
        let format = fmt(tag, 1, 8_000, 8, false);
        let bytes = riff(b"RIFF", &[chunk(b"fmt ", &format, false), chunk(b"data", &all, false)], false);
        let (_, want) = decode(&bytes);
        let info = place.import(&place.file("a.wav", &bytes), 8_000).expect("it is imported");
        assert_eq!(info.sample_kind, SampleKind::Int16);
        assert_same(&place.read(&info), &want, "G.711");
    }
}

#[test]
fn the_same_audio_in_other_containers_is_stored_once() {
    let place = Place::new();
    let audio = coarse_noise(42, 2, 3_000, 16);
    let flac = place.dir.path().join("a.flac");
    let mut writer = Writer::create(&flac, Format::flac(Depth::Int16, 2, 44_100)).expect("it is created");
    writer.write(&audio).expect("it is written");
    let written = writer.finish().expect("it is finished").hash;
    let wav_path = place.file("b.wav", &wav(SampleKind::Int16, 44_100, &audio));
    let aiff_path = place.file("c.aiff", &aiff(None, SampleKind::Int16, 16, 44_100, &audio));
    for (path, was_there) in [(&flac, false), (&wav_path, true), (&aiff_path, true)] {
        let info = place.import(path, 44_100).expect("it is imported");
        assert_eq!((info.hash, info.was_there), (written, was_there), "{}", path.display());
    }
    assert_eq!(place.stored(), [format!("{written}.wav")]);
    // Other audio, the same audio at another rate, and the same in another form are others.
    let float = place.file("d.wav", &wav(SampleKind::Float32, 44_100, &audio));
    let other_rate = place.file("e.wav", &wav(SampleKind::Int16, 48_000, &audio));
    for (path, rate) in [(&float, 44_100), (&other_rate, 48_000)] {
        assert!(!place.import(path, rate).expect("it is imported").was_there);
    }
    assert_eq!(place.stored().len(), 3);
}

#[test]
fn a_damaged_copy_under_the_right_name_is_replaced() {
    let place = Place::new();
    let audio = coarse_noise(43, 1, 1_000, 16);
    let path = place.file("a.wav", &wav(SampleKind::Int16, 48_000, &audio));
    let info = place.import(&path, 48_000).expect("it is imported");
    let stored = place.media().join(&info.file_name);
    let bytes = std::fs::read(&stored).expect("there");
    std::fs::write(&stored, &bytes[..bytes.len() / 2]).expect("cut");
    assert!(!place.import(&path, 48_000).expect("it is imported").was_there);
    assert_same(&place.read(&info), &audio, "replaced");
}

#[test]
fn another_rate_is_converted_to_the_rounded_length_with_nothing_delayed() {
    let place = Place::new();
    let mut audio = vec![vec![0.0; 44_100]; 2];
    let freq = 1_000.0;
    audio[0] = omega_signals::scaled(&omega_signals::sine(freq, 44_100.0, 44_100), 0.5);
    let path = place.file("a.wav", &wav(SampleKind::Float32, 44_100, &audio));
    let info = place.import(&path, 48_000).expect("it is imported");
    assert_eq!((info.frames, info.rate, info.sample_kind), (48_000, 48_000, SampleKind::Float32));
    assert_eq!((info.origin.frames, info.origin.rate), (44_100, 44_100));
    let got = place.read(&info);
    let want = omega_signals::scaled(&omega_signals::sine(freq, 48_000.0, 48_000), 0.5);
    let worst = omega_signals::max_abs_diff(&got[0][5_000..43_000], &want[5_000..43_000]);
    assert!(worst < 2e-7, "{worst}");
    assert!(got[1].iter().all(|&sample| sample == 0.0));
}

#[test]
fn infinities_and_nans_become_silence_and_are_counted() {
    let place = Place::new();
    let mut audio = noise(44, 1, 6_000);
    (audio[0][10], audio[0][20], audio[0][5_999]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    let path = place.file("a.wav", &wav(SampleKind::Float32, 44_100, &audio));
    for rate in [44_100, 48_000] {
        let info = place.import(&path, rate).expect("it is imported");
        assert_eq!(info.non_finite, 3, "at {rate}");
        assert!(place.read(&info)[0].iter().all(|sample| sample.abs() < 4.0), "at {rate}");
    }
}

#[test]
fn a_cancelled_or_failed_import_leaves_nothing() {
    let place = Place::new();
    let audio = coarse_noise(45, 2, 50_000, 16);
    let path = place.file("a.wav", &wav(SampleKind::Int16, 48_000, &audio));
    for rate in [48_000, 44_100] {
        let mut calls = Vec::new();
        let result = import(&path, rate, &place.media(), &mut |done| {
            calls.push(done);
            if calls.len() < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(matches!(result, Err(ImportError::Cancelled)));
        assert!(calls.is_sorted() && calls.iter().all(|done| (0.0..=1.0).contains(done)), "{calls:?}");
        assert_eq!(place.stored(), [""; 0]);
    }
    let empty = place.file("empty.wav", &wav(SampleKind::Int16, 48_000, &[Vec::new()]));
    assert!(matches!(place.import(&empty, 48_000), Err(ImportError::Empty { .. })));
    let odd = place.file("odd.wav", &wav(SampleKind::Int16, 1_999, &[vec![0.0; 100]]));
    assert!(matches!(place.import(&odd, 48_000), Err(ImportError::Rate { from: 1_999, .. })));
    assert!(matches!(place.import(&place.dir.path().join("missing"), 48_000), Err(ImportError::Open(_))));
    assert_eq!(place.stored(), [""; 0]);
    let in_the_way = place.file("file", b"");
    let error =
        import(&path, 48_000, &in_the_way, &mut |_| ControlFlow::Continue(())).expect_err("no folder");
    assert!(matches!(error, ImportError::Folder { step: "create", .. }), "{error}");
}

#[test]
fn a_truncated_file_is_imported_as_far_as_it_goes_and_says_so() {
    let place = Place::new();
    let audio = coarse_noise(46, 1, 1_000, 16);
    let bytes = wav(SampleKind::Int16, 48_000, &audio);
    let info =
        place.import(&place.file("a.wav", &bytes[..bytes.len() - 400]), 48_000).expect("it is imported");
    assert_eq!((info.frames, info.origin.warnings.len()), (800, 1));
}

/// The body of the next test's child process: imports once, and is killed on the way.
fn child() {
    let args: Vec<PathBuf> =
        std::env::var("OMEGA_IMPORT").expect("set").split('|').map(PathBuf::from).collect();
    import(&args[0], 44_100, &args[1], &mut |_| ControlFlow::Continue(())).expect("it is imported");
}

#[test]
fn killed_at_any_system_call_it_leaves_no_half_file_under_a_final_name() {
    if std::env::var_os("OMEGA_IMPORT").is_some() {
        return child();
    }
    if !has_program("strace") {
        return;
    }
    let place = Place::new();
    let audio = coarse_noise(47, 2, 70_000, 16);
    let path = place.file("a.wav", &wav(SampleKind::Int16, 48_000, &audio));
    let test = std::env::current_exe().expect("known");
    let mut killed = 0;
    for call in ["mkdir", "pwrite64", "fsync", "rename"] {
        for nth in 1.. {
            let _ = std::fs::remove_dir_all(place.media());
            // The test harness makes none of these calls.
            let status = std::process::Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e"])
                .arg(format!("inject={call}:signal=KILL:when={nth}"))
                .args(["-e", &format!("trace={call}")])
                .arg(&test)
                .args(["--exact", "killed_at_any_system_call_it_leaves_no_half_file_under_a_final_name"])
                .env("OMEGA_IMPORT", format!("{}|{}", path.display(), place.media().display()))
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()
                .expect("strace starts");
            for name in place.stored() {
                if let Some(hash) = name.strip_suffix(".wav") {
                    let whole = hash_file(&place.media().join(&name)).expect("a final name is a whole file");
                    assert_eq!(whole.to_string(), hash, "killed at {call} {nth}");
                }
            }
            remove_stale(&place.media()).expect("it cleans up");
            assert!(place.stored().iter().all(|name| name.ends_with(".wav")), "killed at {call} {nth}");
            if status.success() {
                break;
            }
            killed += 1;
            // Whatever was left, the next import succeeds.
            place.import(&path, 44_100).expect("it is imported");
            assert!(nth < 40, "{call} never ends");
        }
    }
    assert!(killed >= 8, "strace killed only {killed} times");
    eprintln!("killed {killed} times");
}

#[test]
fn real_files_of_many_rates_import() {
    let place = Place::new();
    let mut files = Vec::new();
    for dir in ["/usr/share/sonic-pi/samples", "/usr/share/hydrogen/data/drumkits"] {
        collect_sounds(Path::new(dir), &mut files);
    }
    if files.is_empty() {
        eprintln!("SKIPPED: install sonic-pi-samples and hydrogen-data for this test");
        return;
    }
    files.sort();
    let few = files.iter().step_by(files.len() / 40 + 1);
    for (path, rate) in few.zip([48_000, 44_100].into_iter().cycle()) {
        let info = place.import(path, rate).unwrap_or_else(|error| panic!("{error}"));
        let want = (info.origin.frames as f64 * f64::from(rate) / f64::from(info.origin.rate)).round() as i64;
        assert_eq!(info.frames, want, "{}", path.display());
        assert!(info.origin.warnings.is_empty() && info.non_finite == 0);
    }
}
