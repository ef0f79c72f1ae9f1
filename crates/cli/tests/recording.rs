//! `omega record`, `arm`, `unfinished`, `calibrate`: from the command line to clips, and back after a kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const OMEGA: &str = env!("CARGO_BIN_EXE_omega");
/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn omega(root: &Path, arguments: &[&str]) -> Output {
    Command::new(OMEGA)
        .args(arguments)
        .current_dir(root)
        .env("XDG_CONFIG_HOME", root)
        .env("OMEGA_AUTHOR", "tester")
        .output()
        .expect("it runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn ok(root: &Path, arguments: &[&str]) -> String {
    let output = omega(root, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A session with a track that has an input.
fn session(root: &Path) {
    ok(root, &["new", "Song.omega"]);
    ok(root, &["edit", "Song.omega", "track.add", "--id", "vox", "--kind", "audio", "--name", "Vocals"]);
    ok(root, &["edit", "Song.omega", "track.input", "--id", "vox", "--input", "[0]"]);
}

#[test]
fn a_track_is_armed_recorded_undone_and_refusals_say_what_to_do() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    session(root);
    let refused = omega(root, &["record", "Song.omega", "--backend", "timer", "--seconds", "0.1"]);
    assert!(!refused.status.success() && text(&refused).contains("no track is armed"), "{}", text(&refused));
    let refused = omega(root, &["arm", "Song.omega", "Nobody", "on"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    ok(root, &["arm", "Song.omega", "Vocals", "on"]);
    let told = ok(
        root,
        &[
            "record",
            "Song.omega",
            "--backend",
            "timer",
            "--from",
            "48000f",
            "--to",
            "72000f",
            "--count-in",
            "1",
            "--metronome",
            "--json",
        ],
    );
    let told = json(&told);
    let take = &told["takes"][0];
    assert_eq!((take["track"].as_str(), take["frames"].as_i64()), (Some("vox"), Some(24_000)), "{told}");
    assert_eq!(take["stretches"][0]["position"].as_i64(), Some(48_000));
    assert_eq!(told["clips"].as_array().map(Vec::len), Some(1));
    assert_eq!(ok(root, &["unfinished", "Song.omega"]), "");
    let info = ok(root, &["info", "Song.omega"]);
    assert!(info.contains("Vocals"), "{info}");
    ok(root, &["undo", "Song.omega"]);
    // Another track than the armed one, by name, over a loop.
    ok(root, &["edit", "Song.omega", "track.add", "--id", "gtr", "--kind", "audio", "--name", "Guitar"]);
    ok(root, &["edit", "Song.omega", "track.input", "--id", "gtr", "--input", "[1]"]);
    let told = json(&ok(
        root,
        &[
            "record",
            "Song.omega",
            "--track",
            "Guitar",
            "--backend",
            "timer",
            "--loop",
            "0f..12000f",
            "--seconds",
            "0.6",
            "--json",
        ],
    ));
    assert_eq!(told["takes"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["takes"][0]["track"].as_str(), Some("gtr"));
    let passes = told["takes"][0]["stretches"].as_array().expect("passes");
    assert!(passes.len() >= 2, "{told}");
    for pass in &passes[..passes.len() - 1] {
        assert_eq!((pass["position"].as_i64(), pass["frames"].as_i64()), (Some(0), Some(12_000)), "{told}");
    }
    let refused = omega(root, &["calibrate", "--backend", "timer"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    let refused = omega(root, &["calibrate", "--backend", "jack", "--server", "omega-test-nobody"]);
    assert!(!refused.status.success() && text(&refused).contains("JACK"), "{}", text(&refused));
}

#[test]
fn a_killed_recording_is_offered_again_and_recovered() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    session(root);
    let mut process = Command::new(OMEGA)
        .args(["record", "Song.omega", "--track", "vox", "--backend", "timer", "--from", "4800f"])
        .current_dir(root)
        .env("XDG_CONFIG_HOME", root)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
    assert!(
        lines.any(|line| line.is_ok_and(|line| line.contains("round trip"))),
        "it says what it records through"
    );
    let folder = root.join("Song.omega/recording");
    let longest = || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).max().unwrap_or(0)
    };
    let until = Instant::now() + PATIENCE;
    let grown = |beyond: u64| {
        while longest() <= beyond {
            assert!(Instant::now() < until, "nothing is written");
            std::thread::sleep(Duration::from_millis(10));
        }
        longest()
    };
    // Audio is written before the header counts it: once there is more, what was there before is counted.
    grown(grown(100_000));
    process.kill().expect("it lives");
    process.wait().expect("it is over");
    let listed = json(&ok(root, &["unfinished", "Song.omega", "--json"]));
    let (file, frames) =
        (listed[0]["file"].as_str().expect("a file"), listed[0]["frames"].as_i64().expect("frames"));
    assert_eq!(
        (listed.as_array().map(Vec::len), listed[0]["track"].as_str()),
        (Some(1), Some("vox")),
        "{listed}"
    );
    assert!(frames > 20_000 && listed[0]["stretches"][0]["position"].as_i64() == Some(4800), "{listed}");
    assert!(ok(root, &["unfinished", "Song.omega"]).contains(file));
    let clip = ok(root, &["record", "Song.omega", "--recover"]);
    assert_eq!(clip.lines().count(), 1, "{clip}");
    assert_eq!(ok(root, &["unfinished", "Song.omega"]), "");
    assert_eq!(std::fs::read_dir(&folder).expect("there").count(), 0);
    ok(root, &["render", "Song.omega", "-o", "out.wav"]);
    let refused = omega(root, &["unfinished", "Song.omega", "--discard", "nothing.wav"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_said_while_recording_and_what_was_written_is_recovered() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    session(root);
    // 400 blocks of 512 bytes: a second of one channel, and more than is written at once.
    let mut process = Command::new("sh")
        .args(["-c", "ulimit -f 400; exec \"$0\" \"$@\"", OMEGA])
        .args(["record", "Song.omega", "--track", "vox", "--backend", "timer"])
        .current_dir(root)
        .env("XDG_CONFIG_HOME", root)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let said = lines.find(|line| line.contains("is safe"));
    assert!(said.is_some_and(|line| line.contains("may not grow further")), "it is said while it records");
    let told = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("kill");
    assert!(told.success());
    let said: Vec<String> = lines.collect();
    assert!(!process.wait().expect("it ends").success(), "{said:?}");
    assert!(said.iter().any(|line| line.contains("may not grow further")), "and at the end: {said:?}");
    let listed = json(&ok(root, &["unfinished", "Song.omega", "--json"]));
    assert!(listed[0]["frames"].as_i64().is_some_and(|frames| frames > 10_000), "{listed}");
    ok(root, &["unfinished", "Song.omega", "--recover"]);
    assert_eq!(ok(root, &["unfinished", "Song.omega"]), "");
}
