//! Takes: every frame in its place, files that open at every moment, and what is left after a kill or on a full disk.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use omega_media::record::{
    FinishedTake, Recorder, RecorderConfig, Stretch, TakeSpec, discard, forget, recover, unfinished,
};
use omega_media::{open, read::FileKind};
use omega_rt::tape::{TapeHead, tape};

const RATE: u32 = 48_000;
/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Runs one of the tests below in a process of its own, with a folder to work in.
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

/// Records in real time until it is killed, and says how many frames were given to the tapes, and by how many milliseconds this
/// machine let it oversleep lately.
#[test]
fn child_that_records() {
    let Some(root) = child_root() else { return };
    let (mut heads, mut specs) = (Vec::new(), Vec::new());
    for number in 0..8 {
        let (head, spec) = spec(&format!("trk-{number}"), 1 + number % 2, 4 * RATE as usize);
        heads.push(head);
        specs.push(spec);
    }
    let _recorder = Recorder::start(&config(&root), specs).expect("it starts");
    let begun = Instant::now();
    let mut out = std::io::stdout().lock();
    let (mut given, mut late, mut woke) = (0i64, 0u128, Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(5));
        late = (late * 19 / 20).max(woke.elapsed().as_millis().saturating_sub(5));
        woke = Instant::now();
        let due = i64::try_from(begun.elapsed().as_micros() * u128::from(RATE) / 1_000_000).expect("short");
        let frames = usize::try_from(due - given).expect("time goes on");
        heads.iter_mut().for_each(|head| record(head, given, frames));
        given = due;
        // Whoever is killed here has said it all.
        writeln!(out, "GIVEN {given} {late}").and_then(|()| out.flush()).expect("somebody listens");
    }
}

#[test]
fn killed_at_any_moment_each_take_opens_and_at_most_a_tenth_of_a_second_is_missing() {
    if cfg!(not(unix)) {
        println!("SKIPPED: processes are killed on Unix only");
        return;
    }
    let mut worst = 0;
    for turn in 0..6u64 {
        let root = tempfile::tempdir().expect("a folder");
        let mut process = child("child_that_records", root.path()).spawn().expect("it starts");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        // After so many words it is killed; what it said until then is all there is.
        let until = 40 + (turn * 7919) % 90;
        let (mut given, mut late, mut words) = (0i64, 0i64, 0);
        for line in lines.map_while(Result::ok) {
            let Some(rest) = line.split("GIVEN ").nth(1) else { continue };
            let mut numbers = rest.split(' ').map(str::parse::<i64>);
            if let (Some(Ok(frames)), Some(Ok(by))) = (numbers.next(), numbers.next()) {
                (given, late) = (frames, by);
            }
            words += 1;
            if words == until {
                process.kill().expect("it lives");
            }
        }
        process.wait().expect("it is over");
        let (recording, media) = (root.path().join("recording"), root.path().join("media"));
        let found = unfinished(&recording, &media).expect("read");
        assert_eq!(found.len(), 8);
        for take in &found {
            assert_eq!(take.problem, None);
            let rows = read(&take.file);
            assert_eq!(check(&rows, &take.log.stretches, |_| false), take.frames);
            let missing = given - take.frames;
            // A machine that lets a sleeper oversleep lets a writer wait for as long.
            let allowed = i64::from(RATE) / 10 + late * i64::from(RATE) / 1000;
            assert!(missing <= allowed, "{missing} of {given} frames are missing; {late} ms late");
            worst = worst.max(missing);
            // And it can be recovered, frame by frame.
            let recovered = recover(take, RATE, &media).expect("recovered").expect("it has frames");
            assert_eq!(recovered.log.stretches, take.log.stretches);
            assert_eq!(read(&media.join(&recovered.file_name)), rows);
            assert!(take.file.exists(), "nothing is gone before it has its place");
            discard(take).expect("discarded");
        }
        assert!(unfinished(&recording, &media).expect("read").is_empty());
    }
    println!("at most {worst} frames were missing");
}

/// Records onto a disk that is full for a while.
#[test]
fn child_on_a_full_disk() {
    let Some(root) = child_root() else { return };
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Fsize).maximum;
        let set = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum }).expect("set");
        let (mut head, one) = spec("trk-1", 1, 20_000);
        let recorder = Recorder::start(&config(&root), vec![one]).expect("it starts");
        set(Some(100_000));
        let mut position = 0;
        wait("the disk is full, and it is said", || {
            record(&mut head, position, 500);
            position += 500;
            recorder.status()[0].problem.is_some()
        });
        let problem = recorder.status()[0].problem.clone().unwrap_or_default();
        assert!(problem.contains("may not grow"), "{problem}");
        // The tape fills up, and some is lost.
        record(&mut head, position, 40_000);
        position += 40_000;
        let file = recorder.status()[0].file.clone();
        let frames = i64::try_from(read(&file)[0].len()).expect("short");
        check(&read(&file), &[Stretch { at: 0, position: 0, frames }], |_| false);
        if std::env::var_os("OMEGA_STAYS_FULL").is_some() {
            let error = recorder.finish().pop().expect("one").expect_err("it cannot be finished");
            assert_eq!(error.frames, u64::try_from(frames).expect("positive"));
            assert!(error.to_string().contains("recover"), "{error}");
            println!("STAYED");
            return;
        }
        set(maximum);
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
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_disk_that_is_full_is_said_at_once_loses_nothing_written_and_writing_goes_on_when_there_is_room() {
    if cfg!(not(unix)) {
        println!("SKIPPED: limits on files are set on Unix only");
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let text = said(child("child_on_a_full_disk", root.path()).stderr(Stdio::piped()));
    assert!(text.contains("WENT ON"), "{text}");
    let root = tempfile::tempdir().expect("a folder");
    let text =
        said(child("child_on_a_full_disk", root.path()).env("OMEGA_STAYS_FULL", "1").stderr(Stdio::piped()));
    assert!(text.contains("STAYED"), "{text}");
    // What was written is found and recovered afterwards.
    let (recording, media) = (root.path().join("recording"), root.path().join("media"));
    let found = unfinished(&recording, &media).expect("read");
    let take = recover(&found[0], RATE, &media).expect("recovered").expect("it has frames");
    assert!(take.frames > 20_000, "{}", take.frames);
    check(&read(&media.join(&take.file_name)), &take.log.stretches, |_| false);
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
