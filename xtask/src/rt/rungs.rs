//! The rungs that run a program: loom's models, the sanitizers, the counters.

use std::process::{Command, Output};

use super::builds::{self, Sanitizer};
use super::{Found, Outcome};
use crate::scan::Scanner;
use crate::{Result, shell, test};

/// The status that a program under ThreadSanitizer ends with when it has reported a race.
const RACE: i32 = 66;
/// The status that RealtimeSanitizer ends a program with.
const NOT_REAL_TIME: i32 = 43;

/// Scenarios of `rt` in which a publish without release order must be reported.
const LISTENING: [&str; 3] = ["pool", "latest", "reclaim"];
/// What the ladder's program plays under RealtimeSanitizer.
const CASES: [&str; 10] = [
    "playing",
    "edits",
    "locate",
    "loop",
    "streaming",
    "recording",
    "plugins",
    "hardware",
    "resampled",
    "bridge",
];
/// Faults that RealtimeSanitizer must find, and the case that they are seeded in. It does not see uncontended locks, system calls
/// past libc (so not a plugin's node that waits for its worker), and page faults.
const NOT_REAL_TIME_FAULTS: [(&str, &str); 8] = [
    ("playing", "vec-growth"),
    ("playing", "contended-lock"),
    ("playing", "arc-drop"),
    ("playing", "file-open"),
    ("recording", "full-tape"),
    ("plugins", "allocating-plugin"),
    ("resampled", "vec-growth"),
    ("bridge", "vec-growth"),
];
/// Faults that a counter must see, and which.
const COUNTED_FAULTS: [(&str, &str); 12] = [
    ("vec-growth", "allocations"),
    ("arc-drop", "frees"),
    ("uncontended-lock", "locks"),
    ("raw-getpid", "system-calls"),
    ("file-open", "system-calls"),
    ("contended-lock", "system-calls"),
    ("untouched-page", "page-faults"),
    ("sleep", "voluntary-switches"),
    ("full-tape", "allocations"),
    ("waiting-plugin", "system-calls"),
    ("waiting-plugin", "voluntary-switches"),
    ("capture:vec-growth", "allocations"),
];

/// The lock-free structures of `rt`, and the engine's hand-over of schedules, under loom, which tries every interleaving up
/// to its preemption bound.
///
/// # Errors
/// No model ran.
pub fn loom(scanner: &mut Scanner) -> Result<Outcome> {
    let mut command = shell::cargo(&["test", "--locked", "--release", "--no-fail-fast"]);
    command.args(["--package", "omega-rt", "--package", "omega-engine", "--test", "loom"]);
    command.args(["--", "--show-output"]);
    command.env("RUSTFLAGS", "--cfg loom").env("LOOM_MAX_PREEMPTIONS", "3");
    command.env("CARGO_TARGET_DIR", test::target()?.join("loom"));
    // A model that fails is named in the log, and that is what counts below.
    let ended = test::run_tests(&mut command, "loom", scanner);
    let log = std::fs::read_to_string(test::target()?.join("xtask").join("loom.log"))?;
    let found = models(&log);
    match ended {
        Err(error) if found.holds() => Err(error),
        _ if found.faults.is_empty() => Err("no loom model ran".into()),
        _ => Ok(Outcome::Done(found)),
    }
}

/// Reads the harness's lines: tests that are called `…_is_caught` are seeded faults, all others are the product.
fn models(log: &str) -> Found {
    let mut found = Found::default();
    let tests = log.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    for (name, verdict) in tests {
        let ok = verdict.starts_with("ok");
        if name.ends_with("_is_caught") {
            found.fault(name, ok);
        } else if !ok {
            found.wrong.push(format!("model {name}"));
        }
    }
    found
}

/// The structures of `rt` between two threads, the whole engine under a storm of edits, tapes that another thread reads, and the
/// bridge between two clocks.
///
/// # Errors
/// The programs cannot be built or started.
pub fn thread_sanitizer(_: &mut Scanner) -> Result<Outcome> {
    let folder = match Sanitizer::Thread.build()? {
        Ok(folder) => folder,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let (threads, ladder) = (folder.join("examples/threads"), folder.join("omega-ladder"));
    let mut found = Found::default();
    let mut clean = |command: &mut Command| expect_clean(command, &mut found);
    clean(&mut Command::new(&threads))?;
    clean(Command::new(&ladder).arg("race"))?;
    clean(Command::new(&ladder).args(["race", "--streamed"]))?;
    clean(Command::new(&ladder).args(["race", "--record"]))?;
    clean(Command::new(&ladder).args(["race", "--bridge"]))?;
    for scenario in LISTENING {
        let output = Command::new(&threads).args([scenario, "relaxed"]).output()?;
        found.fault(format!("a relaxed publish in {scenario}"), output.status.code() == Some(RACE));
    }
    let output = Command::new(&ladder).args(["race", "--fault", "relaxed"]).output()?;
    found.fault("a relaxed publish in the engine", output.status.code() == Some(RACE));
    let output = Command::new(&ladder).args(["race", "--streamed", "--fault", "relaxed"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let found_there = said.contains("StreamSource") || said.contains("stream::source");
    found.fault("a relaxed publish of a page", output.status.code() == Some(RACE) && found_there);
    let output = Command::new(&ladder).args(["race", "--bridge", "--fault", "relaxed"]).output()?;
    let found_there = String::from_utf8_lossy(&output.stderr).contains("bridge::Outlet");
    found.fault("a relaxed publish between two clocks", output.status.code() == Some(RACE) && found_there);
    Ok(Outcome::Done(found))
}

/// The callback, in a process of its own for each case: the first thing found ends it.
///
/// # Errors
/// The program cannot be built or started.
pub fn realtime_sanitizer(_: &mut Scanner) -> Result<Outcome> {
    let program = match Sanitizer::RealTime.build()? {
        Ok(folder) => folder.join("omega-ladder"),
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let plugins = builds::test_plugins()?;
    let case = |name: &str| {
        let mut command = Command::new(&program);
        command.args(["case", name]).env("OMEGA_TEST_PLUGINS", &plugins);
        command
    };
    let mut found = Found::default();
    for name in CASES {
        expect_clean(&mut case(name), &mut found)?;
    }
    for (name, fault) in NOT_REAL_TIME_FAULTS {
        let output = case(name).args(["--fault", fault]).output()?;
        found.fault(format!("{fault} in {name}"), output.status.code() == Some(NOT_REAL_TIME));
    }
    Ok(Outcome::Done(found))
}

/// The guard, the trap for system calls, and the system's own counters, over short soaks: material in memory, and streamed;
/// recorded, with plugins in workers, and with inputs behind another clock.
///
/// # Errors
/// The program cannot be built or started.
pub fn watch(_: &mut Scanner) -> Result<Outcome> {
    if !builds::linux() {
        return Ok(Outcome::Skipped("the trap for system calls exists on Linux on x86-64 only".to_owned()));
    }
    let program = builds::audit()?;
    let mut found = Found::default();
    let soak = ["soak", "--seconds", "5", "--tracks", "16", "--storm"];
    expect_clean(Command::new(&program).args(soak), &mut found)?;
    expect_clean(Command::new(&program).args(soak).arg("--streamed"), &mut found)?;
    let more = ["--record", "16", "--plugins", "2", "--bridged"];
    expect_clean(Command::new(&program).args(soak).args(more), &mut found)?;
    for (fault, counter) in COUNTED_FAULTS {
        let output = Command::new(&program).args(["watch", "--fault", fault]).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        found.fault(fault, output.status.code() == Some(1) && count(&said, counter) > 0);
    }
    Ok(Outcome::Done(found))
}

/// The machine code of the callback: nothing in it leads to a panic, to the heap or to a lock.
///
/// # Errors
/// The program cannot be built or started.
pub fn panics(_: &mut Scanner) -> Result<Outcome> {
    if !builds::linux() {
        return Ok(Outcome::Skipped("machine code is read on Linux on x86-64 only".to_owned()));
    }
    if shell::find("objdump").is_none() {
        return Ok(Outcome::Skipped("objdump is not installed (Debian: binutils)".to_owned()));
    }
    let program = builds::audit()?;
    let mut found = Found::default();
    expect_clean(Command::new(&program).arg("panics"), &mut found)?;
    for seeded in ["index", "division", "allocation", "restoring", "calling"] {
        let output = Command::new(&program).args(["panics", "--seeded", seeded]).output()?;
        let path = format!("by <omega_ladder::panics::seeded::{seeded} as ");
        let said = String::from_utf8_lossy(&output.stdout);
        found.fault(seeded, output.status.code() == Some(1) && said.contains(&path));
    }
    Ok(Outcome::Done(found))
}

/// Runs what must end well, and shows what it said.
fn expect_clean(command: &mut Command, found: &mut Found) -> Result {
    let line = shell::line(command);
    let output = command.output().map_err(|error| format!("cannot run {line}: {error}"))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        eprint!("{}", beginning_of_errors(&output));
        found.wrong.push(format!("{line} ({})", output.status));
    }
    Ok(())
}

/// The first report of a sanitizer; the others are mostly the same.
fn beginning_of_errors(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().take(40).fold(String::new(), |all, line| all + line + "\n")
}

/// The number after `name=`; 0 where there is none.
fn count(text: &str, name: &str) -> u64 {
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    words.filter(|(key, _)| *key == name).filter_map(|(_, value)| value.parse().ok()).next_back().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_their_seeded_faults_are_told_apart() {
        let log = "running 3 tests\ntest a_block_has_one_owner ... ok\ntest an_early_free_is_caught ... ok\n\
                   test aba_is_caught ... FAILED\ntest whole ... FAILED\n";
        let found = models(log);
        let faults = [("an_early_free_is_caught".to_owned(), true), ("aba_is_caught".to_owned(), false)];
        assert_eq!(found.faults, faults);
        assert_eq!(found.wrong, ["model whole"]);
    }

    #[test]
    fn counters_are_read_by_name() {
        let text = "cycles=250 edits=0\nallocations=6 frees=5 locks=0\n";
        assert_eq!([count(text, "allocations"), count(text, "locks"), count(text, "other")], [6, 0, 0]);
    }
}
