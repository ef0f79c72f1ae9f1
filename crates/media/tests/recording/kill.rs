//! Killed at random instants while it records: whatever was told to be in the files is, and little else is missing.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use omega_media::record::{Recorder, TakeStatus, discard, recover, unfinished};

use super::{RATE, check, child, child_root, config, read, record, spec};

const TAKES: usize = 8;
/// How often there is more to record.
const TICK: Duration = Duration::from_millis(5);
/// Ticks over which it is added up what the machine took.
const WINDOW: usize = 100;
/// What a kill may take at most, in frames: a tenth of a second.
const MOST: i64 = RATE as i64 / 10;

/// Kills in all, so many in the gate; `OMEGA_TEST_KILLS` says another number.
fn kills() -> usize {
    std::env::var("OMEGA_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

/// The thread that writes takes, as the system sees it: how long it waited for a processor, and whether it waits for the disk.
struct Writer(Option<PathBuf>);

impl Writer {
    fn find() -> Self {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let is_it = |path: &PathBuf| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "omega-record")
        };
        Self(tasks.map(|task| task.path()).find(is_it))
    }

    fn text(&self, file: &str) -> String {
        self.0.as_ref().and_then(|task| std::fs::read_to_string(task.join(file)).ok()).unwrap_or_default()
    }

    fn waited_for_processor(&self) -> Duration {
        let nanos = self.text("schedstat").split(' ').nth(1).and_then(|text| text.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }

    fn waits_for_disk(&self) -> bool {
        self.text("stat").rsplit(") ").next().is_some_and(|rest| rest.starts_with('D'))
    }
}

/// Records in real time until it is killed. Says again and again how many frames of each take are in its file, how many were given
/// to the tapes, and how many milliseconds of the last half second the machine took from the two threads that matter.
#[test]
fn child_that_records() {
    let Some(root) = child_root() else { return };
    let (mut heads, mut specs) = (Vec::new(), Vec::new());
    for number in 0..TAKES {
        let (head, spec) = spec(&format!("trk-{number}"), 1 + number % 2, 4 * RATE as usize);
        heads.push(head);
        specs.push(spec);
    }
    let recorder = Recorder::start(&config(&root), specs).expect("it starts");
    let mut writer = Writer::find();
    let begun = Instant::now();
    let mut out = std::io::stdout().lock();
    let (mut given, mut woke, mut waited) = (0i64, Instant::now(), writer.waited_for_processor());
    let mut taken = VecDeque::from([Duration::ZERO; WINDOW]);
    loop {
        std::thread::sleep(TICK);
        let passed = woke.elapsed();
        woke = Instant::now();
        if writer.0.is_none() {
            writer = Writer::find();
        }
        let before = std::mem::replace(&mut waited, writer.waited_for_processor());
        let blocked = if writer.waits_for_disk() { passed } else { Duration::ZERO };
        taken.pop_front();
        taken.push_back(passed.saturating_sub(TICK + TICK / 5) + waited.saturating_sub(before) + blocked);
        let due = i64::try_from(begun.elapsed().as_micros() * u128::from(RATE) / 1_000_000).expect("short");
        let frames = usize::try_from(due - given).expect("time goes on");
        heads.iter_mut().for_each(|head| record(head, given, frames));
        given = due;
        let status = recorder.status();
        let told = |take: &TakeStatus| take.frames.to_string();
        let acknowledged: Vec<String> = status.iter().map(told).collect();
        let late = taken.iter().sum::<Duration>().as_millis();
        // Whoever is killed here has said it all.
        let line = format!("TOLD {given} {late} {}\n", acknowledged.join(" "));
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
    }
}

/// What a process said last.
#[derive(Default)]
struct Told {
    given: i64,
    /// Frames that passed while the machine held it up.
    late: i64,
    acknowledged: Vec<i64>,
}

impl Told {
    fn read(line: &str) -> Option<Self> {
        let numbers = line.split("TOLD ").nth(1)?.split(' ').map(|word| word.parse().ok());
        let mut numbers = numbers.collect::<Option<Vec<i64>>>()?.into_iter();
        let (given, late) = (numbers.next()?, numbers.next()? * i64::from(RATE) / 1000);
        let acknowledged: Vec<i64> = numbers.collect();
        (acknowledged.len() == TAKES).then_some(Self { given, late, acknowledged })
    }
}

/// Lets a process record for `instant` from its first word on, and kills it; what it said last.
fn record_and_kill(root: &std::path::Path, instant: Duration) -> Told {
    let mut process = child("kill::child_that_records", root).spawn().expect("it starts");
    let lines = BufReader::new(process.stdout.take().expect("piped")).split(b'\n');
    std::thread::scope(|scope| {
        let (records, begun) = channel();
        let said = scope.spawn(move || {
            let mut last = Told::default();
            // A line that was cut off is no word.
            for line in lines.map_while(Result::ok) {
                if let Some(told) = Told::read(&String::from_utf8_lossy(&line)) {
                    last = told;
                    _ = records.send(());
                }
            }
            last
        });
        begun.recv().expect("it records");
        std::thread::sleep(instant);
        process.kill().expect("it lives");
        process.wait().expect("it is over");
        said.join().expect("it was listened to")
    })
}

#[test]
fn killed_at_random_instants_each_take_opens_and_at_most_a_tenth_of_a_second_is_missing() {
    let (kills, mut seed) = (kills(), 29_112_026_u64);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut worst, mut behind, mut excused) = (0, 0, 0);
    for turn in 0..kills {
        let root = tempfile::tempdir().expect("a folder");
        let told = record_and_kill(root.path(), Duration::from_micros(random(600_000)));
        let (recording, media) = (root.path().join("recording"), root.path().join("media"));
        let found = unfinished(&recording, &media).expect("read");
        assert_eq!(found.len(), TAKES, "kill {turn}");
        let mut late = false;
        for take in &found {
            assert_eq!(take.problem, None, "kill {turn}");
            let rows = read(&take.file);
            assert_eq!(check(&rows, &take.log.stretches, |_| false), take.frames, "kill {turn}");
            let number: usize = take.log.track.trim_start_matches("trk-").parse().expect("a number");
            let acknowledged = told.acknowledged[number];
            assert!(take.frames >= acknowledged, "kill {turn}: {} of {acknowledged} frames", take.frames);
            let missing = told.given - take.frames;
            // What the machine took from the threads is not the writer's.
            assert!(
                missing <= MOST + told.late,
                "kill {turn}: {missing} of {} frames are missing, of which the machine took {}",
                told.given,
                told.late
            );
            late |= missing > MOST;
            worst = worst.max(missing);
            behind = behind.max(told.given - acknowledged);
            // And it can be recovered, frame by frame.
            let recovered = recover(take, RATE, &media).expect("recovered");
            assert_eq!(recovered.is_some(), take.frames > 0);
            if let Some(recovered) = recovered {
                assert_eq!(recovered.log.stretches, take.log.stretches);
                assert_eq!(read(&media.join(&recovered.file_name)), rows);
            }
            assert!(take.file.exists(), "nothing is gone before it has its place");
            discard(take).expect("discarded");
        }
        excused += usize::from(late);
        assert!(unfinished(&recording, &media).expect("read").is_empty(), "kill {turn}");
    }
    println!(
        "{kills} kills of {TAKES} takes: no frame that was told to be in a file is missing, of those given {worst} at most \
         (told: all but {behind}); {excused} times more than a tenth of a second, while the machine held the threads up"
    );
}
