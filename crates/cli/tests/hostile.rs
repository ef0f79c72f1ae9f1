//! The `omega` binary where things go wrong: full disks, Ctrl-C, readers that go away, places that must not be written.
#![cfg(unix)]

mod common;

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Desk, wav};

const PATIENCE: Duration = Duration::from_secs(60);

/// What `sh -c` makes of a script in the folder, with `$OMEGA` as the program.
fn shell(desk: &Desk, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(desk.path("")).env("OMEGA", env!("CARGO_BIN_EXE_omega"));
    command.stdin(Stdio::null()).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Files whose names end so.
fn ending(folder: &Path, end: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(end)).collect()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A render that goes on for very long, once it writes.
fn endless(desk: &Desk, output: &str) -> Child {
    let arguments = ["render", "song.omega", "-o", output, "--block", "1", "--tail", "86400"];
    let mut command = desk.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = desk.path(&format!("{output}.part"));
    wait_until("the part", || std::fs::metadata(&part).is_ok_and(|part| part.len() > 100_000));
    child
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let desk = Desk::new();
    desk.session();
    for name in ["x.wav", "x.flac"] {
        std::fs::write(desk.path(name), b"precious").unwrap();
        // Blocks of 512 bytes; a write beyond them fails as on a full disk.
        let script = format!("ulimit -f 10; exec \"$OMEGA\" render song.omega -o {name} --stems --tail none");
        let output = shell(&desk, &script);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.starts_with("error: cannot write") && errors.contains("too large"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert_eq!(std::fs::read(desk.path(name)).unwrap(), b"precious");
    }
    assert_eq!(ending(&desk.path(""), ".part"), [""; 0]);
    assert_eq!(ending(&desk.path(""), "ramp.wav"), ["ramp.wav"], "no stem is left");
    // A session that cannot be written says so, and is as it was.
    let before = desk.project();
    let output = shell(&desk, "ulimit -f 0; exec \"$OMEGA\" edit song.omega track.add --kind bus --name Bus");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert_eq!(desk.project(), before);
    desk.well(&["edit", "song.omega", "track.add", "--kind", "bus", "--name", "Bus"]);
}

#[test]
fn an_interrupted_render_leaves_nothing() {
    let desk = Desk::new();
    desk.session();
    std::fs::write(desk.path("x.wav"), b"precious").unwrap();
    for name in ["INT", "TERM"] {
        let child = endless(&desk, "x.wav");
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
        assert_eq!(errors(&output), "error: the render was cancelled\n");
        assert_eq!(ending(&desk.path(""), ".part"), [""; 0]);
        assert_eq!(std::fs::read(desk.path("x.wav")).unwrap(), b"precious");
    }
}

#[test]
fn what_a_killed_render_leaves_is_written_over_by_the_next() {
    let desk = Desk::new();
    desk.session();
    let mut child = endless(&desk, "x.wav");
    // As long as it lives nobody else writes there.
    let busy = desk.refused(1, &["render", "song.omega", "-o", "x.wav", "--tail", "none"]);
    assert!(busy.contains("another render"), "{busy}");
    signal(&child, "KILL");
    child.wait().unwrap();
    assert_eq!(ending(&desk.path(""), ".part"), ["x.wav.part"]);
    assert!(!desk.path("x.wav").exists());
    let report = desk.json(&["render", "song.omega", "-o", "x.wav", "--tail", "none", "--json"]);
    let again = desk.json(&["render", "song.omega", "-o", "y.wav", "--tail", "none", "--json"]);
    assert_eq!(report["blake3"], again["blake3"]);
    assert_eq!(ending(&desk.path(""), ".part"), [""; 0]);
    let (x, y) = (std::fs::read(desk.path("x.wav")).unwrap(), std::fs::read(desk.path("y.wav")).unwrap());
    assert!(x == y, "not a byte of the part is left");
}

#[test]
fn playing_ends_when_it_is_asked_to() {
    let desk = Desk::new();
    desk.session();
    let before = desk.project();
    for name in ["INT", "TERM"] {
        let mut command = desk.command(&["play", "song.omega", "--backend", "timer", "--loop", "0:00..0:01"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0];
        std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut first).unwrap();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("blocks"));
    }
    assert_eq!(desk.project(), before);
}

#[test]
fn an_interrupted_import_changes_nothing() {
    let desk = Desk::new();
    desk.session();
    let before = desk.project();
    // At another rate, so that there is work to do.
    let mut long = wav(20_000_000);
    long[24..28].copy_from_slice(&44_100u32.to_le_bytes());
    std::fs::write(desk.path("long.wav"), long).unwrap();
    let media = desk.path("song.omega/media");
    let files = ending(&media, "").len();
    let mut command = desk.command(&["import", "song.omega", "long.wav"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("a new file", || ending(&media, "").len() > files);
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(errors(&output).contains("cancelled"), "{}", errors(&output));
    assert_eq!(ending(&media, "").len(), files, "{:?}", ending(&media, ""));
    assert_eq!(desk.project(), before);
}

#[test]
fn readers_that_go_away_are_no_error_and_what_was_asked_for_is_done() {
    let desk = Desk::new();
    let track = desk.session();
    let commands: [&[&str]; 12] = [
        &["info", "song.omega"],
        &["info", "song.omega", "--json"],
        &["history", "song.omega"],
        &["history", "song.omega", "--json"],
        &["edit", "--list"],
        &["devices"],
        &["devices", "--json"],
        &["completions", "zsh"],
        &["render", "song.omega", "-o", "x.wav", "--json"],
        &["play", "song.omega", "--backend", "timer", "--seconds", "0.05", "-q"],
        &["edit", "song.omega", "track.add", "--kind", "bus"],
        &["help"],
    ];
    for arguments in commands {
        let mut command = desk.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        assert!(!errors.contains("error") && !errors.contains("panicked"), "{arguments:?}: {errors}");
    }
    assert!(desk.path("x.wav").is_file());
    // Two steps are undone although nobody hears of the first.
    desk.well(&["edit", "song.omega", "track.mute", "--id", &track, "--on", "true"]);
    let mut command = desk.command(&["undo", "song.omega", "--times", "2"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(desk.project()["tracks"].as_object().unwrap().len(), 2, "the bus is gone, the mute too");
    // What cannot be said to the end is an error.
    let output = shell(&desk, "exec \"$OMEGA\" info song.omega > /dev/full");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).starts_with("error: "), "{}", errors(&output));
}

#[test]
fn a_render_takes_the_place_of_nothing_but_a_file() {
    let desk = Desk::new();
    desk.session();
    assert!(Command::new("mkfifo").arg(desk.path("pipe")).status().unwrap().success());
    let refusals = [
        ("pipe", "no regular file"),
        (".", "is a folder"),
        ("song.omega", "is a folder"),
        ("song.omega/project.json", "inside the session"),
        ("song.omega/media/x.wav", "inside the session"),
        ("song.omega/cache/../x.wav", "inside the session"),
        ("missing/x.wav", "there is no folder 'missing'"),
        ("..", "is a folder"),
    ];
    let text = std::fs::read(desk.path("song.omega/project.json")).unwrap();
    for (output, why) in refusals {
        let arguments = ["render", "song.omega", "--format", "wav", "--tail", "none", "-o", output];
        let errors = desk.refused(1, &arguments);
        assert!(errors.contains(why), "{output}: {errors}");
    }
    assert!(std::fs::symlink_metadata(desk.path("pipe")).unwrap().file_type().is_fifo());
    assert!(std::fs::read(desk.path("song.omega/project.json")).unwrap() == text);
    for folder in ["", "song.omega", "song.omega/media", "song.omega/cache"] {
        assert_eq!(ending(&desk.path(folder), ".part"), [""; 0], "{folder}");
    }
    // A link stays a link, and what it means is written.
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    std::fs::write(desk.path("elsewhere/real.wav"), b"old").unwrap();
    std::os::unix::fs::symlink("elsewhere/real.wav", desk.path("link.wav")).unwrap();
    desk.well(&["render", "song.omega", "-o", "link.wav", "--tail", "none", "-q"]);
    assert!(desk.path("link.wav").is_symlink());
    assert!(std::fs::metadata(desk.path("elsewhere/real.wav")).unwrap().len() > 1000);
    let usage = desk.refused(2, &["render", "song.omega", "-o", "x.mp3"]);
    assert!(usage.contains(".mp3"), "{usage}");
}

#[test]
fn only_a_session_is_replaced_by_a_demo() {
    let desk = Desk::new();
    // Folders that only look a little like one.
    std::fs::create_dir_all(desk.path("work/history")).unwrap();
    std::fs::write(desk.path("work/thesis.txt"), b"text").unwrap();
    std::fs::create_dir_all(desk.path("web")).unwrap();
    std::fs::write(desk.path("web/project.json"), br#"{"name": "web", "version": "1.0.0"}"#).unwrap();
    for name in ["work", "web"] {
        let errors = desk.refused(1, &["demo", name, "--force"]);
        assert!(errors.contains("stays as it is"), "{errors}");
    }
    assert!(desk.path("work/thesis.txt").is_file() && desk.path("web/project.json").is_file());
    desk.session();
    desk.well(&["demo", "song.omega", "--force", "-q"]);
    assert_eq!(desk.project()["session"]["name"], "Demo");
}

#[test]
fn a_session_that_may_not_be_written_is_read_played_and_rendered() {
    let desk = Desk::new();
    let track = desk.session();
    let before = desk.project();
    // The owner of all files may write what he may not: somebody else tries.
    let script = "chmod -R a+rX . && chmod -R a-w song.omega && mkdir out && chmod a+rwx out
        if test $(id -u) = 0; then set -- setpriv --reuid 65534 --regid 65534 --clear-groups; fi
        \"$@\" \"$OMEGA\" --version > /dev/null 2>&1 || exit 77
        \"$@\" \"$OMEGA\" info song.omega -q > /dev/null || exit 10
        \"$@\" \"$OMEGA\" render song.omega -o out/x.wav --tail none -q > /dev/null || exit 11
        \"$@\" \"$OMEGA\" play song.omega --backend timer --seconds 0.05 -q > /dev/null || exit 12
        (cd out && \"$@\" \"$OMEGA\" save-as ../song.omega copy.omega -q && \"$@\" \"$OMEGA\" edit copy.omega marker.add --at 0f > /dev/null) || exit 16
        \"$@\" \"$OMEGA\" undo song.omega && exit 13
        \"$@\" \"$OMEGA\" edit song.omega track.mute --id \"$TRACK\" --on true && exit 14
        \"$@\" \"$OMEGA\" import song.omega ramp.wav && exit 15
        chmod -R u+w song.omega";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(desk.path("")).stdin(Stdio::null());
    command.env("OMEGA", env!("CARGO_BIN_EXE_omega")).env("TRACK", &track);
    let output = command.output().unwrap();
    if output.status.code() == Some(77) {
        println!("SKIPPED: the program cannot be run here as a user without rights");
        return;
    }
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(
        lines.iter().all(|line| line.starts_with("error: ")
            && line.contains("Permission denied")
            && line.contains("`save-as` makes a copy")),
        "{errors}"
    );
    assert_eq!(desk.project(), before);
}

#[test]
fn while_a_session_is_open_elsewhere_it_is_read_and_who_has_it_is_named() {
    let desk = Desk::new();
    let track = desk.session();
    let edit = ["edit", "song.omega", "track.mute", "--id", &track, "--on", "true"];
    // At another rate, so that there is work to do.
    let mut long = wav(20_000_000);
    long[24..28].copy_from_slice(&44_100u32.to_le_bytes());
    std::fs::write(desk.path("long.wav"), long).unwrap();
    let media = desk.path("song.omega/media");
    let files = ending(&media, "").len();
    let mut command = desk.command(&["import", "song.omega", "long.wav"]);
    let mut holder = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("a new file", || ending(&media, "").len() > files);
    signal(&holder, "STOP");
    let before = desk.project();
    for refused in [&edit[..], &["undo", "song.omega"], &["import", "song.omega", "ramp.wav"]] {
        let errors = desk.refused(1, refused);
        assert!(errors.contains(&format!("(process {}, as ann)", holder.id())), "{errors}");
        assert!(errors.contains("close it there"), "{errors}");
    }
    desk.well(&["info", "song.omega"]);
    desk.well(&["history", "song.omega"]);
    desk.well(&["render", "song.omega", "-o", "x.wav", "--tail", "none", "-q"]);
    desk.well(&["play", "song.omega", "--backend", "timer", "--seconds", "0.05", "-q"]);
    desk.well(&["save-as", "song.omega", "copy.omega"]);
    assert_eq!(desk.project(), before);
    // Killed, it cannot say that it closes the session; the next one takes it over and says so to whoever asks.
    signal(&holder, "KILL");
    holder.wait().unwrap();
    let told = |arguments: &[&str]| {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        errors(&output).contains("went away without closing it")
    };
    assert!(told(&["edit", "song.omega", "-v", "track.mute", "--id", &track, "--on", "true"]));
    assert_eq!(desk.project()["tracks"][&track]["mute"], true);
    assert!(!told(&["undo", "song.omega", "-v"]), "it is told once");
    desk.well(&["undo", "copy.omega"]);
}

#[test]
fn on_a_full_disk_edits_are_refused_and_nothing_acknowledged_is_lost() {
    let desk = Desk::new();
    // A disk of its own, as small as a disk can be. Even if it were not, no more than a megabyte would be written.
    let script = "mkdir disk && mount -t tmpfs -o size=400k none disk && cd disk || exit 77
        \"$OMEGA\" new song.omega -q || exit 10
        \"$OMEGA\" edit song.omega track.add --kind audio --id drums || exit 11
        head -c 1000000 /dev/zero > fill 2> /dev/null && exit 19
        truncate -s -100k fill
        n=0; long=$(head -c 8000 fill | tr '\\0' x)
        while \"$OMEGA\" edit song.omega session.set --notes \"$((n + 1)) $long\" 2> why; do
            n=$((n + 1)); test $n -lt 500 || exit 12
        done
        cat why >&2
        \"$OMEGA\" info song.omega --json > /dev/null || exit 13
        \"$OMEGA\" render song.omega -o x.wav -q --tail none 2> /dev/null && exit 14
        \"$OMEGA\" save-as song.omega copy.omega 2> /dev/null && exit 15
        test -e copy.omega && exit 16
        rm fill
        \"$OMEGA\" info song.omega --json || exit 17
        \"$OMEGA\" edit song.omega track.mute --id drums --on true || exit 18
        echo acknowledged $n";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]).current_dir(desk.path(""));
    let output = command.env("OMEGA", env!("CARGO_BIN_EXE_omega")).stdin(Stdio::null()).output();
    let Some(output) = output.ok().filter(|output| !matches!(output.status.code(), Some(1 | 77))) else {
        println!("SKIPPED: no small disk can be mounted here (unshare, mount), so none was filled");
        return;
    };
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("error: ") && said.contains("No space left on device"), "{said}");
    let told = String::from_utf8(output.stdout).unwrap();
    let (info, count) = told.split_once("acknowledged ").unwrap();
    let info: serde_json::Value = serde_json::from_str(&info[info.find('{').unwrap()..]).unwrap();
    let count: u32 = count.trim().parse().unwrap();
    let notes = info["project"]["session"]["notes"].as_str().unwrap_or("0 ").to_owned();
    let level: u32 = notes.split(' ').next().unwrap().parse().unwrap();
    // The last one may be in the history, although there was no room for the text; then that was said.
    assert!(
        level == count || (level == count + 1 && said.contains("is in the history")),
        "{count} edits were acknowledged, {level} is there: {said}"
    );
}

#[test]
fn every_command_refuses_what_it_does_not_know() {
    let desk = Desk::new();
    desk.session();
    let needs = ["new", "import", "info", "undo", "redo", "history", "play", "render", "demo", "completions"];
    for command in needs {
        assert!(desk.refused(2, &[command]).contains("Usage"), "{command}");
    }
    for command in needs.iter().chain(&["devices", "doctor"]) {
        let errors = desk.refused(2, &[command, "--frobnicate"]);
        assert!(errors.contains("--frobnicate"), "{command}: {errors}");
        desk.refused(2, &[command, "song.omega", "x.wav", "one", "too", "many", "--frobnicate"]);
    }
    desk.refused(2, &["edit"]);
    desk.refused(2, &["edit", "song.omega"]);
    let usage: [(&[&str], &str); 9] = [
        (&["play", "song.omega", "--seconds", "-1"], "0 or more"),
        (&["play", "song.omega", "--seconds", "nan"], "0 or more"),
        (&["play", "song.omega", "--from", "0:66"], "0 to 59"),
        (&["play", "song.omega", "--loop", "0f..1f"], "too short"),
        (&["play", "song.omega", "--backend", "drum"], "timer"),
        (&["undo", "song.omega", "--times", "0"], "1.."),
        (&["import", "song.omega", "ramp.wav", "--at", "0|0"], "beats"),
        (&["new", "other.omega", "--rate", "4000000000"], "384000"),
        (&["completions", "cobol"], "bash"),
    ];
    for (arguments, why) in usage {
        let errors = desk.refused(2, arguments);
        assert!(errors.contains(why), "{arguments:?}: {errors}");
    }
    assert!(!desk.path("other.omega").exists());
}

#[test]
fn names_that_are_no_text_and_names_that_move_the_cursor_are_survived() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let desk = Desk::new();
    let named = |name: &'static [u8]| OsStr::from_bytes(name);
    let run = |arguments: &[&OsStr]| {
        let output = desk.command(&[]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
        output.stdout
    };
    let (session, sound, out) = (named(b"\xff.omega"), named(b"\xfe.wav"), named(b"\xfd.wav"));
    std::fs::write(desk.path("").join(sound), wav(4_800)).unwrap();
    let word = |text: &'static str| OsStr::new(text);
    run(&[word("new"), session]);
    for command in [
        &[word("import"), session, sound, word("--json")][..],
        &[word("info"), session, word("--json")],
        &[word("render"), session, word("-o"), out, word("--json")],
    ] {
        let report: serde_json::Value = serde_json::from_slice(&run(command)).unwrap();
        assert!(report.is_object());
    }
    assert!(desk.path("").join(out).is_file());
    let evil = "up\u{1b}[2J\ndown";
    run(&[
        word("edit"),
        session,
        word("track.rename"),
        word("--id"),
        word("master"),
        word("--name"),
        word(evil),
    ]);
    let info = String::from_utf8_lossy(&run(&[word("info"), session])).into_owned();
    assert!(info.contains("up\u{fffd}[2J\u{fffd}down") && !info.contains('\u{1b}'), "{info:?}");
    for author in ["", " ", "a\nb"] {
        assert!(desk.refused(2, &["--author", author, "devices"]).contains("--author"));
    }
}

#[test]
fn a_session_with_more_files_than_shells_allow_at_first_is_rendered() {
    let desk = Desk::new();
    desk.well(&["demo", "song.omega", "-q"]);
    let media = ending(&desk.path("song.omega/media"), ".wav").len();
    assert!(media > 30, "{media}");
    let render = "exec \"$OMEGA\" render song.omega -q -o x.wav --range 0:00..0:01 --tail none";
    let output = shell(&desk, &format!("ulimit -S -n 25; {render}"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    // Where no more can be had, it is said which file was one too many.
    let output = shell(&desk, &format!("ulimit -n 25; {render}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("oo many open files"), "{}", errors(&output));
}
