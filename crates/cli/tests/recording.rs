//! `omega record`, `arm`, `unfinished`, `calibrate`: from the command line to clips, and back after a kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use omega_studio::audio_io::testing::{JackServer, MidiPlayer};

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

/// Notes played on another JACK client, as many as told.
fn scale(count: u64) -> Vec<(u64, [u8; 3])> {
    (0..count).flat_map(|n| [(n * 480, [0x90, 60, 100]), (n * 480 + 240, [0x80, 60, 0])]).collect()
}

/// `omega record` of track `keys` on a JACK server, until it rolls.
fn record_keys(root: &Path, server: &JackServer, more: &[&str]) -> Child {
    let mut process = Command::new(OMEGA)
        .args(["record", "Song.omega", "--track", "Keys", "--backend", "jack", "--from", "4800f"])
        .args(more)
        .current_dir(root)
        .env("XDG_CONFIG_HOME", root)
        .env("JACK_DEFAULT_SERVER", server.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
    assert!(
        lines.any(|line| line.is_ok_and(|line| line.contains("round trip"))),
        "it says what it records through"
    );
    // Whatever else it says has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

/// Waits until the log of the MIDI take has so many messages.
fn until_written(root: &Path, count: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    let written = || {
        let files = std::fs::read_dir(root.join("Song.omega/recording")).into_iter().flatten().flatten();
        let logs =
            files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "notes"));
        let texts = logs.filter_map(|path| std::fs::read_to_string(path).ok());
        texts.map(|text| text.lines().filter(|line| line.starts_with("midi ")).count()).max().unwrap_or(0)
    };
    while written() < count {
        assert!(Instant::now() < until, "only {} messages are written", written());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn midi_session(root: &Path) {
    ok(root, &["new", "Song.omega"]);
    ok(root, &["edit", "Song.omega", "track.add", "--id", "keys", "--kind", "audio", "--name", "Keys"]);
    ok(root, &["arm", "Song.omega", "Keys", "on", "--midi-in", "player"]);
}

#[test]
fn midi_is_recorded_into_notes_and_a_killed_recording_of_it_is_recovered() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    midi_session(root);
    let player = MidiPlayer::start(&server, "player", scale(100)).expect("it opens");
    let mut process = record_keys(root, &server, &[]);
    // The take has begun, so what is played from now on is in it.
    let until = Instant::now() + Duration::from_secs(60);
    let begun = || {
        let files = std::fs::read_dir(root.join("Song.omega/recording")).into_iter().flatten().flatten();
        files
            .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
            .any(|text| text.contains("\nfrom "))
    };
    while !begun() {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    player.go();
    until_written(root, 151);
    process.kill().expect("it lives");
    process.wait().expect("it is over");
    drop(player);
    let listed = json(&ok(root, &["unfinished", "Song.omega", "--json"]));
    let events = listed[0]["events"].as_u64().expect("a number");
    assert!(events >= 151 && listed[0]["track"].as_str() == Some("keys"), "{listed}");
    assert_eq!(listed[0]["stretches"][0]["position"].as_i64(), Some(4800), "{listed}");
    assert!(ok(root, &["unfinished", "Song.omega"]).contains("MIDI events"));
    let clip = ok(root, &["unfinished", "Song.omega", "--recover"]);
    assert_eq!(clip.lines().count(), 1, "{clip}");
    assert_eq!(ok(root, &["unfinished", "Song.omega"]), "");
    assert_eq!(std::fs::read_dir(root.join("Song.omega/recording")).expect("there").count(), 0);
    let info = ok(root, &["info", "Song.omega"]);
    assert!(info.contains(&format!("({} notes", events.div_ceil(2))), "{events}: {info}");
    ok(root, &["undo", "Song.omega"]);
    assert!(!ok(root, &["info", "Song.omega"]).contains(" notes"));
}

#[test]
fn without_the_systems_midi_it_is_said_and_the_rest_is_recorded() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    midi_session(root);
    let devices = ok(root, &["devices"]);
    assert!(devices.contains("midi: "), "{devices}");
    let devices = json(&ok(root, &["devices", "--json"]));
    assert!(
        devices.as_array().is_some_and(|all| all.iter().any(|one| one["backend"] == "midi")),
        "{devices}"
    );
    ok(root, &["edit", "Song.omega", "track.input", "--id", "keys", "--input", "[0]"]);
    let output = omega(root, &["record", "Song.omega", "--backend", "timer", "--seconds", "0.3", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(output.status.success() && said.contains("no midi input"), "{said}");
    let told = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(told["midi"].as_array().map(Vec::len), Some(0), "nothing was played: {told}");
    assert!(told["takes"][0]["frames"].as_i64().is_some_and(|frames| frames > 0), "{told}");
}
