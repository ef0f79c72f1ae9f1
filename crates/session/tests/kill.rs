//! A process that edits is killed at each of its system calls in turn: what it acknowledged is there afterwards.

#![cfg(target_os = "linux")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use omega_session::edit::TrackAdd;
use omega_session::{CreateOptions, Document, Notice, OpenOptions, TrackKind};

/// Everything that changes a file, a folder, or makes a change durable.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat2", "mkdir", "unlink"];

/// The program that edits. Cargo builds examples with all tests of a workspace but not with a single one, so it is asked to,
/// unless somebody says that it has: building a package alone compiles its dependencies once more.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let program = profile.join("examples/edit_and_tell");
        if std::env::var_os("OMEGA_EXAMPLES_ARE_BUILT").is_some() {
            return program;
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "omega-session", "--example", "edit_and_tell"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the example cannot be built");
        program
    })
}

fn strace_works() -> bool {
    let place = support::place();
    let output =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).current_dir(place.path()).output();
    if output.is_ok_and(|output| output.status.success()) {
        return true;
    }
    println!(
        "SKIPPED: strace is missing or must not trace here, so no kill was tested (Debian: apt install strace)"
    );
    false
}

/// What the program says.
fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Runs the program undisturbed. Returns what it says and how often it makes each call.
fn reference(folder: &Path) -> (Vec<String>, BTreeMap<&'static str, usize>) {
    let trace = folder.with_extension("trace");
    let output = Command::new("strace")
        .args(["-qq", "-e", &format!("trace={}", CALLS.join(",")), "-o"])
        .args([&trace, program(), folder])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = fs::read_to_string(trace).unwrap();
    let count = |call: &str| trace.lines().filter(|line| line.split('(').next() == Some(call)).count();
    let said = lines(&output);
    assert_eq!((said.len(), said.last().map(String::as_str)), (15, Some("closed")), "{said:?}");
    assert!(said[..14].iter().all(|line| !line.contains("refused") && !line.contains("not saved")));
    (said, CALLS.map(|call| (call, count(call))).into())
}

/// Runs the program, with this done to the `n`-th of its calls of a kind.
fn disturbed(folder: &Path, call: &str, what: &str, n: usize) -> Output {
    Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:{what}:when={n}")])
        .args([program(), folder])
        .output()
        .unwrap()
}

fn hash(document: &Document) -> String {
    blake3::hash(document.project().to_text().as_bytes()).to_hex().to_string()
}

fn hash_in(line: &str) -> &str {
    line.rsplit(' ').next().unwrap_or_default()
}

/// The session opens as one of these states, alarms nobody, goes on, and is what it was when that is undone.
fn assert_whole(folder: &Path, states: &[&str], case: &str) {
    let mut document =
        Document::open(folder, &OpenOptions::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
    let before = hash(&document);
    assert!(
        states.contains(&before.as_str()),
        "{case}: not what was acknowledged:\n{:#?}",
        document.history()
    );
    for notice in document.take_notices() {
        let fine = matches!(notice, Notice::StaleLock(_) | Notice::TornEnd { .. });
        assert!(fine, "{case}: {notice}");
    }
    document.apply(TrackAdd::new(TrackKind::Audio, "after")).unwrap();
    document.save().unwrap();
    let text = document.project().to_text();
    assert_eq!(fs::read_to_string(folder.join("project.json")).unwrap(), text, "{case}");
    drop(document);
    let mut document = Document::open(folder, &OpenOptions::default()).unwrap();
    assert_eq!((document.take_notices(), document.project().to_text()), (vec![], text), "{case}");
    document.undo().unwrap().unwrap();
    assert_eq!(hash(&document), before, "{case}");
    while document.undo().unwrap().is_some() {}
    assert_eq!(document.project().tracks().len(), 1, "{case}: everything can be undone");
}

/// Kills the program at every call of each kind. `prepare` makes what is there before.
fn kill_everywhere(prepare: impl Fn(&Path) -> Option<String>) {
    let place = support::place();
    let folder = place.path().join("reference.omega");
    prepare(&folder);
    let (reference, calls) = reference(&folder);
    let mut kills = 0;
    for (call, count) in calls {
        for n in 1..=count {
            let folder = place.path().join(format!("{call}-{n}.omega"));
            let start = prepare(&folder);
            let output = disturbed(&folder, call, "signal=KILL", n);
            let (said, case) = (lines(&output), format!("killed at {call} {n}"));
            assert!(!output.status.success(), "{case}: it was not");
            assert!(reference.starts_with(&said), "{case}: {said:?}");
            kills += 1;
            let next = hash_in(&reference[said.len().min(13)]);
            match said.last().map(|line| hash_in(line)).or(start.as_deref()) {
                // What was under way is there or not.
                Some(last) if last != "closed" => assert_whole(&folder, &[last, next], &case),
                Some(_) => assert_whole(&folder, &[next], &case),
                None if folder.exists() => assert_whole(&folder, &[next], &case),
                // What was begun hinders nobody.
                None => drop(Document::create(&folder, &CreateOptions::seeded("Song", 1)).expect(&case)),
            }
            let _ = fs::remove_dir_all(&folder);
        }
    }
    assert!(kills > 80, "only {kills} kills");
}

#[test]
fn a_kill_while_a_session_is_made_edited_and_saved_loses_nothing_acknowledged() {
    if strace_works() {
        kill_everywhere(|_| None);
    }
}

#[test]
fn a_kill_while_an_old_session_is_edited_and_saved_loses_nothing_acknowledged() {
    if !strace_works() {
        return;
    }
    let place = support::place();
    let old = place.path().join("Old.omega");
    assert!(Command::new(program()).arg(&old).stdout(Stdio::null()).status().unwrap().success());
    // An edit that is in the history only, and the beginning of one that was never finished.
    let mut document = Document::open(&old, &OpenOptions::default()).unwrap();
    document.apply(TrackAdd::new(TrackKind::Audio, "unsaved")).unwrap();
    let start = hash(&document);
    drop(document);
    let log = fs::read_dir(old.join("history")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(b"OMR1\x00\x01\x00\x00begun");
    fs::write(&log, bytes).unwrap();
    kill_everywhere(|folder| {
        assert!(Command::new("cp").arg("-a").args([&old, folder]).status().unwrap().success());
        Some(start.clone())
    });
}

/// What is there is the last that was said, or, where the last lines were not heard, the end of all.
fn assert_said(folder: &Path, output: &Output, reference: &[String], case: &str) {
    let case = format!("{case}: {}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<String> = lines(output).into_iter().filter(|line| line != "closed").collect();
    let end = hash_in(&reference[13]);
    match said.last() {
        Some(last) if said.len() == 14 => assert_whole(folder, &[hash_in(last)], &case),
        Some(last) => assert_whole(folder, &[hash_in(last), end], &case),
        None if folder.exists() => assert_whole(folder, &[hash_in(&reference[0])], &case),
        None => drop(Document::create(folder, &CreateOptions::seeded("Song", 1)).expect(&case)),
    }
}

/// A disk that fails for one call: the edit is refused and was never done, and those after it are done.
#[test]
fn what_cannot_be_written_is_refused_and_was_never_done() {
    if !strace_works() {
        return;
    }
    let place = support::place();
    let (reference, calls) = reference(&place.path().join("reference.omega"));
    let (mut refused, mut unsaved) = (0, 0);
    for (call, error) in [("write", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("rename", "EROFS")] {
        for n in 1..=calls[call] {
            let folder = place.path().join(format!("{call}-{n}.omega"));
            let output = disturbed(&folder, call, &format!("error={error}"), n);
            let case = format!("{call} {n} fails with {error}");
            assert_said(&folder, &output, &reference, &case);
            let said = lines(&output);
            refused += said.iter().filter(|line| line.starts_with("refused: the edit was not done")).count();
            unsaved += said.iter().filter(|line| line.starts_with("not saved: ")).count();
            let _ = fs::remove_dir_all(&folder);
        }
    }
    assert!(refused >= 6 && unsaved >= 6, "{refused} refused, {unsaved} not saved");
}

#[test]
fn a_disk_that_fills_up_loses_nothing_acknowledged() {
    let place = support::place();
    let output = Command::new(program()).arg(place.path().join("reference.omega")).output().unwrap();
    let (reference, mut failures) = (lines(&output), 0);
    // In units of 512 bytes, or 1,024 in some shells.
    for size in 0..30 {
        let folder = place.path().join(format!("{size}.omega"));
        let script = "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" \"$3\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", &size.to_string()]).args([program(), &folder]);
        let output = shell.output().unwrap();
        assert_said(&folder, &output, &reference, &format!("{size} units of room"));
        failures += usize::from(lines(&output) != reference);
    }
    assert!(failures > 3, "the disk was full {failures} times");
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
            "openat" if rest.contains("O_CREAT") && !harmless(texts[0]) => {
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
    let place = support::place();
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
    assert_eq!(told, 14);
}
