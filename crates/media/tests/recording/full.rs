//! A disk that is full for a while, or stays so: by a limit on the size of files, and by a small volume.

use std::path::Path;
use std::process::{Command, Stdio};

use omega_media::record::{Recorder, Stretch, recover, unfinished};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{RATE, check, child, child_root, config, only, read, record, spec, wait};

/// Set for a child whose disk stays full.
const STAYS_FULL: &str = "OMEGA_STAYS_FULL";

/// Records until `fill` has made the disk full, and on; `free` makes room again.
fn record_on_a_full_disk(root: &Path, why: &str, fill: impl Fn(), free: impl Fn()) {
    let (mut head, one) = spec("trk-1", 1, 20_000);
    let recorder = Recorder::start(&config(root), vec![one]).expect("it starts");
    fill();
    let mut position = 0;
    wait("the disk is full, and it is said", || {
        record(&mut head, position, 500);
        position += 500;
        recorder.status()[0].problem.is_some()
    });
    let problem = recorder.status()[0].problem.clone().unwrap_or_default();
    assert!(problem.contains(why), "{problem}");
    // The tape fills up, and some is lost.
    record(&mut head, position, 40_000);
    position += 40_000;
    let (file, told) = (recorder.status()[0].file.clone(), recorder.status()[0].frames);
    let frames = i64::try_from(read(&file)[0].len()).expect("short");
    assert_eq!(u64::try_from(frames), Ok(told), "what was told is there");
    check(&read(&file), &[Stretch { at: 0, position: 0, frames }], |_| false);
    if std::env::var_os(STAYS_FULL).is_some() {
        let error = recorder.finish().pop().expect("one").expect_err("it cannot be finished");
        assert_eq!(error.frames, told);
        assert!(error.to_string().contains("recover"), "{error}");
        free();
        recover_the_take(root);
        println!("STAYED");
        return;
    }
    free();
    wait("it goes on", || recorder.status()[0].problem.is_none());
    record(&mut head, position, 3000);
    let take = only(recorder.finish());
    let lost = take.log.lost();
    assert!(lost > 0, "the tape was short enough");
    let there = take.log.stretches.last().expect("one");
    assert_eq!(there.position + there.frames, position + 3000, "the end is in its place");
    let rows = read(&root.join("media").join(&take.file_name));
    let holes = take.log.holes.clone();
    check(&rows, &take.log.stretches, |at| {
        holes.iter().any(|hole| (hole.at..hole.at + hole.frames).contains(&at))
    });
    println!("WENT ON");
}

/// What was written is found and recovered afterwards.
fn recover_the_take(root: &Path) {
    let (recording, media) = (root.join("recording"), root.join("media"));
    let found = unfinished(&recording, &media).expect("read");
    let take = recover(&found[0], RATE, &media).expect("recovered").expect("it has frames");
    assert!(take.frames > 20_000, "{}", take.frames);
    check(&read(&media.join(&take.file_name)), &take.log.stretches, |_| false);
}

/// Files may not grow beyond a limit.
#[test]
fn child_under_a_limit() {
    let Some(root) = child_root() else { return };
    let maximum = getrlimit(Resource::Fsize).maximum;
    let set = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum }).expect("set");
    record_on_a_full_disk(&root, "may not grow", || set(Some(200_000)), || set(maximum));
}

/// The folder is a volume of 1,200 KiB. It is full sooner with something else on it.
#[test]
fn child_on_a_small_volume() {
    let Some(root) = child_root() else { return };
    let other = root.join("other");
    let fill = || std::fs::write(&other, vec![1; 800 << 10]).expect("it fits");
    let free = || std::fs::remove_file(&other).expect("it is there");
    record_on_a_full_disk(&root, "the disk is full", fill, free);
}

fn said(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_file_that_may_not_grow_is_said_at_once_loses_nothing_written_and_writing_goes_on_when_it_may() {
    let root = tempfile::tempdir().expect("a folder");
    let text = said(&mut child("full::child_under_a_limit", root.path()));
    assert!(text.contains("WENT ON"), "{text}");
    let root = tempfile::tempdir().expect("a folder");
    let text = said(child("full::child_under_a_limit", root.path()).env(STAYS_FULL, "1"));
    assert!(text.contains("STAYED"), "{text}");
}

/// Mounts a small volume on `root` for `command` alone, and runs it there.
fn on_a_small_volume(root: &Path, command: &Command) -> Command {
    let mount = "mount -t tmpfs -o size=1200k omega-test \"$0\" && exec \"$@\"";
    let mut there = Command::new("unshare");
    there.args(["-m", "sh", "-c", mount]).arg(root).arg(command.get_program()).args(command.get_args());
    there.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    there
}

#[test]
fn a_volume_that_is_full_is_said_at_once_loses_nothing_written_and_writing_goes_on_when_there_is_room() {
    let root = tempfile::tempdir().expect("a folder");
    let can = on_a_small_volume(root.path(), &Command::new("true")).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: no small volume can be mounted here (needs Linux, and root)");
        return;
    }
    for (name, end) in [("OMEGA_GOES_ON", "WENT ON"), (STAYS_FULL, "STAYED")] {
        let mut child = child("full::child_on_a_small_volume", root.path());
        let text = said(&mut on_a_small_volume(root.path(), child.env(name, "1")));
        assert!(text.contains(end), "{text}");
        assert!(root.path().read_dir().expect("there").next().is_none(), "it was on the volume");
    }
}
