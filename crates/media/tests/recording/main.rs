//! Takes: every frame in its place, files that open at every moment, and what is left after a kill or on a full disk.

#![cfg_attr(
    not(unix),
    allow(dead_code, unused_imports, reason = "processes are killed and limited on Unix only")
)]

#[cfg(unix)]
mod full;
#[cfg(unix)]
mod kill;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use omega_media::record::{
    FinishedTake, Recorder, RecorderConfig, Stretch, TakeSpec, forget, recover, unfinished,
};
use omega_media::{open, read::FileKind};
use omega_rt::tape::{TapeHead, tape};

const RATE: u32 = 48_000;
/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(root: &Path) -> RecorderConfig {
    RecorderConfig::new(&root.join("recording"), &root.join("media"), RATE)
}

fn spec(track: &str, channels: usize, frames: usize) -> (TapeHead, TakeSpec) {
    let (head, reader) = tape(channels, frames);
    (head, TakeSpec { track: track.to_owned(), name: format!("Track {track}"), position: 0, tape: reader })
}

/// What channel `channel` of a tape has at a position: exact in single precision, and different everywhere near.
fn sample(channel: usize, position: i64) -> f32 {
    let turned = position.rem_euclid(1 << 20) as f32 / (1 << 20) as f32;
    if channel == 0 { turned } else { -turned }
}

fn record(head: &mut TapeHead, position: i64, frames: usize) {
    let row = |channel| (position..).take(frames).map(|at| sample(channel, at)).collect::<Vec<f32>>();
    let rows: Vec<Vec<f32>> = (0..head.channels()).map(row).collect();
    for begin in (0..frames).step_by(200) {
        let end = frames.min(begin + 200);
        let at = position + i64::try_from(begin).expect("short");
        head.record(at, end - begin, rows.iter().map(|row| &row[begin..end]));
    }
}

fn read(path: &Path) -> Vec<Vec<f32>> {
    let mut file = open(path).expect("it opens");
    assert_eq!((file.info().rate, file.warnings()), (RATE, &[][..]), "{}", path.display());
    let frames = usize::try_from(file.info().frames.expect("known")).expect("short");
    let mut rows = vec![vec![0.0; frames]; file.info().channels];
    let mut done = 0;
    while done < frames {
        let mut rest: Vec<&mut [f32]> = rows.iter_mut().map(|row| &mut row[done..]).collect();
        let count = file.read_block(&mut rest).expect("it reads");
        assert!(count > 0, "as many frames as the header says");
        done += count;
    }
    rows
}

/// The frames of all stretches are those of their positions; gives how many there are.
fn check(rows: &[Vec<f32>], stretches: &[Stretch], silent: impl Fn(i64) -> bool) -> i64 {
    for stretch in stretches {
        for n in 0..stretch.frames {
            let at = usize::try_from(stretch.at + n).expect("in the file");
            for (channel, row) in rows.iter().enumerate() {
                let wanted = if silent(stretch.at + n) { 0.0 } else { sample(channel, stretch.position + n) };
                assert_eq!(row[at], wanted, "frame {at} of channel {channel}, {stretch:?}");
            }
        }
    }
    stretches.iter().map(|stretch| stretch.frames).sum()
}

fn only(finished: Vec<omega_media::record::Finished>) -> FinishedTake {
    let [one] = <[_; 1]>::try_from(finished).expect("one take");
    one.expect("it is finished").expect("it has frames")
}

/// Waits until something holds.
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_frame_is_in_the_file_with_its_place_and_the_file_is_named_by_what_it_holds() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut head, one) = spec("trk-1", 2, 200_000);
    let (_silent, nothing) = spec("trk-2", 1, 10_000);
    let recorder = Recorder::start(&config(root.path()), vec![one, nothing]).expect("it starts");
    record(&mut head, 96_000, 30_000);
    record(&mut head, 96_000, 30_000);
    head.end();
    record(&mut head, -700, 10_000);
    let mut finished = recorder.finish();
    let second = finished.pop().expect("two");
    assert_eq!(second.expect("finished"), None, "a tape without a frame leaves nothing");
    let take = only(finished);
    let stretch = |at, position, frames| Stretch { at, position, frames };
    let wanted = [stretch(0, 96_000, 30_000), stretch(30_000, 96_000, 30_000), stretch(60_000, -700, 10_000)];
    assert_eq!((&take.log.stretches[..], take.frames), (&wanted[..], 70_000));
    assert_eq!(
        (take.log.track.as_str(), take.log.name.as_str(), take.log.lost()),
        ("trk-1", "Track trk-1", 0)
    );
    let path = root.path().join("media").join(&take.file_name);
    assert_eq!(check(&read(&path), &wanted, |_| false), 70_000);
    assert_eq!(omega_media::import::hash_file(&path).expect("it reads"), take.hash);
    let info = open(&path).expect("it opens").info().clone();
    let bext = info.bext.expect("it says what it is");
    assert_eq!((info.file_kind, bext.originator_reference.as_str()), (FileKind::Wav, "trk-1"));
    assert_eq!(
        unfinished(&root.path().join("recording"), &root.path().join("media")).expect("read").len(),
        1,
        "until it has its place"
    );
    forget(&take.log_file).expect("removed");
    assert_eq!(std::fs::read_dir(root.path().join("recording")).expect("there").count(), 0);
}

#[test]
fn what_a_tape_lost_is_silence_of_the_same_length_or_a_gap_and_is_noted() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut head, one) = spec("trk-1", 1, 1000);
    // Before anybody reads: 1,000 frames fit, 600 do not.
    record(&mut head, 0, 1600);
    let recorder = Recorder::start(&config(root.path()), vec![one]).expect("it starts");
    wait("it was written", || recorder.status()[0].frames == 1000);
    record(&mut head, 1600, 400);
    wait("it was written", || recorder.status()[0].frames == 2000);
    assert_eq!(recorder.status()[0].lost, 600);
    let take = only(recorder.finish());
    assert_eq!(take.log.stretches, [Stretch { at: 0, position: 0, frames: 2000 }]);
    let rows = read(&root.path().join("media").join(&take.file_name));
    check(&rows, &take.log.stretches, |at| (1000..1600).contains(&at));
    assert_eq!((take.log.lost(), take.log.holes[0].at), (600, 1000));

    let root = tempfile::tempdir().expect("a folder");
    let (mut head, one) = spec("trk-1", 1, 1000);
    record(&mut head, 0, 100_000);
    let recorder = Recorder::start(&config(root.path()), vec![one]).expect("it starts");
    wait("it was written", || recorder.status()[0].frames == 1000);
    record(&mut head, 100_000, 400);
    let take = only(recorder.finish());
    let stretch = |at, position, frames| Stretch { at, position, frames };
    assert_eq!(take.log.stretches, [stretch(0, 0, 1000), stretch(1000, 100_000, 400)]);
    assert_eq!(take.log.lost(), 99_000);
    check(&read(&root.path().join("media").join(&take.file_name)), &take.log.stretches, |_| false);
}

#[test]
fn the_file_opens_at_every_moment() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut head, one) = spec("trk-1", 2, 400_000);
    let recorder = Recorder::start(&config(root.path()), vec![one]).expect("it starts");
    let file = recorder.status()[0].file.clone();
    let mut seen = 0;
    for turn in 0..60 {
        record(&mut head, turn * 1000, 1000);
        let rows = read(&file);
        let frames = i64::try_from(rows[0].len()).expect("short");
        assert!(frames >= seen);
        seen = frames;
        check(&rows, &[Stretch { at: 0, position: 0, frames }], |_| false);
        std::thread::sleep(Duration::from_millis(3));
    }
    assert_eq!(only(recorder.finish()).frames, 60_000);
}

/// Runs one of the tests of this program in a process of its own, with a folder to work in.
fn child(test: &str, root: &Path) -> Command {
    // A file that may not grow is an error of the write then, as in the program itself.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]);
    command.env("OMEGA_TEST_CHILD", root).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The folder to work in, in a process that [`child`] made.
fn child_root() -> Option<PathBuf> {
    std::env::var_os("OMEGA_TEST_CHILD").map(PathBuf::from)
}

#[test]
fn damaged_and_foreign_files_among_the_recordings_are_told_and_left_alone() {
    let root = tempfile::tempdir().expect("a folder");
    let (recording, media) = (root.path().join("recording"), root.path().join("media"));
    std::fs::create_dir_all(&recording).expect("made");
    std::fs::write(recording.join("a.take"), b"no log at all").expect("written");
    std::fs::write(recording.join("b.take"), b"omega-take 1\ntrack x\nfrom 0 0\n").expect("written");
    std::fs::write(recording.join("c.wav"), b"RIFF").expect("written");
    std::fs::write(recording.join("notes.txt"), b"mine").expect("written");
    let found = unfinished(&recording, &media).expect("read");
    assert_eq!(found.len(), 3);
    for take in &found {
        assert!(take.problem.is_some());
        assert!(recover(take, RATE, &media).is_err());
    }
    assert_eq!(std::fs::read_dir(&recording).expect("there").count(), 4);
    assert!(unfinished(&root.path().join("nowhere"), &media).expect("empty").is_empty());
}
