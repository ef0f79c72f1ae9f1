//! A process that edits is killed at each of its system calls in turn: what it acknowledged is there afterwards.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use omega_session::edit::TrackAdd;
use omega_session::{Document, Notice, OpenOptions, TrackKind};

/// Everything that changes a file, a folder, or makes a change durable.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat2", "mkdir", "unlink"];

/// The program that edits. Cargo builds examples with all tests of a package but not with a single one, so it is asked to.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "omega-session", "--example", "edit_and_tell"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the example cannot be built");
        profile.join("examples/edit_and_tell")
    })
}

/// Runs the program and kills it when it makes this call for the `n`-th time. Returns what it said, and whether it ended
/// before.
fn run(folder: &Path, call: &str, n: usize) -> (Vec<String>, bool) {
    let output = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={n}")])
        .arg(program())
        .arg(folder)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    (said, output.status.success())
}

fn strace_works() -> bool {
    let place = tempfile::tempdir().unwrap();
    let output =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).current_dir(place.path()).output();
    if output.is_ok_and(|output| output.status.success()) {
        return true;
    }
    eprintln!(
        "\n*** SKIPPED: strace is missing or not allowed here, so no kill was tested (apt-get install strace) ***\n"
    );
    false
}

/// How many edits somebody was told about.
fn acknowledged(said: &[String]) -> usize {
    said.iter().filter(|line| line.starts_with("edited")).count()
}

/// The tracks beside the master, each of which came with its volume.
fn edits(document: &Document) -> usize {
    let project = document.project();
    for (id, track) in project.tracks().iter().filter(|(id, _)| !id.is_master()) {
        assert_eq!(
            track.volume_db.to_bits(),
            (-6.0_f64).to_bits(),
            "{id}: a group is there whole or not at all"
        );
    }
    project.tracks().len() - 1
}

/// Opens what a kill left behind and holds it against what was acknowledged before and during the run.
fn assert_nothing_lost(folder: &Path, before: usize, said: &[String], what: &str) {
    let told = before + acknowledged(said);
    if !folder.exists() {
        assert_eq!((told, said.len()), (0, 0), "{what}: the session is gone");
        return;
    }
    let mut document =
        Document::open(folder, &OpenOptions::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let there = edits(&document);
    assert!(there == told || there == told + 1, "{what}: {told} acknowledged, {there} there");
    for notice in document.take_notices() {
        let fine = matches!(notice, Notice::StaleLock(_) | Notice::TornEnd { .. });
        assert!(fine, "{what}: {notice}");
    }
    // It goes on, and undoing goes back to the beginning.
    document.apply(TrackAdd::new(TrackKind::Audio, "after")).unwrap();
    document.save().unwrap();
    let text = document.project().to_text();
    assert_eq!(fs::read_to_string(folder.join("project.json")).unwrap(), text);
    drop(document);
    let mut document = Document::open(folder, &OpenOptions::default()).unwrap();
    assert_eq!(document.take_notices(), [], "{what}");
    assert_eq!(document.project().to_text(), text, "{what}");
    for _ in 0..=there {
        document.undo().unwrap().unwrap_or_else(|| panic!("{what}: something cannot be undone"));
    }
    assert_eq!(document.project().tracks().len(), 1, "{what}");
}

/// Kills the program at every call of each kind. `prepare` makes what is there before.
fn kill_everywhere(prepare: impl Fn(&Path) -> usize) {
    let place = tempfile::tempdir().unwrap();
    let mut kills = 0;
    for call in CALLS {
        for n in 1.. {
            let folder = place.path().join(format!("{call}-{n}.omega"));
            let before = prepare(&folder);
            let (said, ended) = run(&folder, call, n);
            assert_nothing_lost(&folder, before, &said, &format!("{call} {n}"));
            let _ = fs::remove_dir_all(&folder);
            if ended {
                assert_eq!(said.last().map(String::as_str), Some("closed"));
                break;
            }
            kills += 1;
            assert!(n < 200, "{call} never ends");
        }
    }
    assert!(kills > 30, "only {kills} kills");
}

#[test]
fn a_kill_while_a_session_is_made_edited_and_saved_loses_nothing_acknowledged() {
    if strace_works() {
        kill_everywhere(|_| 0);
    }
}

#[test]
fn a_kill_while_an_old_session_is_edited_and_saved_loses_nothing_acknowledged() {
    if !strace_works() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let old = place.path().join("Old.omega");
    assert!(Command::new(program()).arg(&old).stdout(Stdio::null()).status().unwrap().success());
    // An edit that is in the history only, and the beginning of one that was never finished.
    let mut document = Document::open(&old, &OpenOptions::default()).unwrap();
    let id = omega_session::TrackId::new("unsaved").unwrap();
    let add = TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, "unsaved") };
    let edits: [omega_session::Edit; 2] =
        [add.into(), omega_session::edit::TrackVolume { id, db: -6.0 }.into()];
    document.apply_group("unsaved", &edits).unwrap();
    drop(document);
    let log = fs::read_dir(old.join("history")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(b"OMR1\x00\x01\x00\x00begun");
    fs::write(&log, bytes).unwrap();
    kill_everywhere(|folder| {
        assert!(Command::new("cp").arg("-a").args([&old, folder]).status().unwrap().success());
        4
    });
}

/// A disk that is full or broken for one call: the edit is refused, and those after it are done.
#[test]
fn an_edit_that_cannot_be_written_is_refused_and_was_never_done() {
    if !strace_works() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (mut refused, mut ended) = (0, 0);
    for (call, error) in [("write", "ENOSPC"), ("fdatasync", "EIO")] {
        for n in 1..40 {
            let folder = place.path().join(format!("{call}-{n}.omega"));
            assert!(Command::new(program()).arg(&folder).stdout(Stdio::null()).status().unwrap().success());
            let output = Command::new("strace")
                .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
                .args(["-e", &format!("inject={call}:error={error}:when={n}")])
                .args([program(), &folder])
                .stderr(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let said: Vec<String> = said.lines().map(str::to_owned).collect();
            let document = Document::open(&folder, &OpenOptions::default()).unwrap();
            // Where telling of it failed, an edit is there of which nobody was told.
            let untold = usize::from(call == "write" && !output.status.success());
            let (there, told) = (edits(&document), 3 + acknowledged(&said));
            assert!(there == told || there == told + untold, "{call} {n}: {there} there, {said:?}");
            refused += said.iter().filter(|line| line.starts_with("refused")).count();
            assert!(
                said.iter()
                    .all(|line| !line.starts_with("refused") || line.contains("history cannot be written"))
            );
            drop(document);
            let _ = fs::remove_dir_all(&folder);
            if output.status.success()
                && said.len() == 7
                && !said.iter().any(|line| line.starts_with("refused"))
            {
                ended += 1;
                break;
            }
        }
    }
    assert_eq!((refused >= 6, ended), (true, 2), "{refused} refused");
}

/// What a trace says is not durable yet: files that were written and folders in which names changed.
#[derive(Default)]
struct Dirty(BTreeSet<String>);

/// The lock and the cache may be lost.
fn harmless(path: &str) -> bool {
    path.ends_with("/lock") || path.contains("/cache")
}

impl Dirty {
    fn parent(path: &str) -> String {
        path.rsplit_once('/').map_or(".", |(parent, _)| parent).to_owned()
    }

    /// One line of a trace: `call(3</path>, ...) = result`.
    fn line(&mut self, line: &str) {
        let Some((call, rest)) = line.split_once('(') else { return };
        if rest.contains(") = -1 ") {
            return;
        }
        let file = || {
            rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_owned())
        };
        let texts: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
        match call {
            "write" | "ftruncate" => self.0.extend(file()),
            "fsync" | "fdatasync" => {
                self.0.remove(&file().unwrap());
            }
            "openat" if rest.contains("O_CREAT") => {
                self.0.insert(Self::parent(texts[0]));
            }
            "mkdir" | "unlink" => {
                self.0.insert(Self::parent(texts[0]));
            }
            "rename" => {
                let (from, to) = (texts[0], texts[1]);
                let inside = self.0.iter().filter(|path| path.starts_with(from));
                let inside: Vec<&String> =
                    inside.filter(|path| !harmless(path) && !path.ends_with(".log")).collect();
                assert!(inside.is_empty(), "{from} is renamed before it is durable: {inside:?}");
                let moved =
                    |path: String| path.strip_prefix(from).map_or(path.clone(), |rest| format!("{to}{rest}"));
                self.0 = std::mem::take(&mut self.0).into_iter().map(moved).collect();
                self.0.insert(Self::parent(to));
            }
            _ => {}
        }
    }
}

/// A kill leaves what was written but not made durable, a power cut does not: so the order of the calls is looked at.
#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    if !strace_works() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (folder, trace) = (place.path().join("Song.omega"), place.path().join("trace"));
    let status = Command::new("strace")
        .args([
            "-qq",
            "-y",
            "-s",
            "64",
            "-e",
            "trace=write,fsync,fdatasync,ftruncate,openat,mkdir,unlink,rename",
            "-o",
        ])
        .args([&trace, program(), &folder])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let mut dirty = Dirty::default();
    let mut told = 0;
    for line in fs::read_to_string(&trace).unwrap().lines() {
        let Some(said) =
            ["opened", "edited", "saved"].into_iter().find(|said| line.contains(&format!("\"{said}")))
        else {
            dirty.line(line);
            continue;
        };
        told += 1;
        // The mark that a text was written is only a hint.
        let hint = |path: &str| said != "edited" && path.ends_with(".log");
        let left = dirty.0.iter().filter(|path| path.starts_with(place.path().to_str().unwrap()));
        let left: Vec<_> = left.filter(|path| !harmless(path) && !hint(path)).collect();
        assert!(left.is_empty(), "{line}: not durable: {left:?}");
    }
    assert_eq!(told, 6);
}
