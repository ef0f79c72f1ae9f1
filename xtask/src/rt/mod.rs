//! `cargo xtask rt`: the real-time ladder. Each rung runs a tool over the product, where it must find nothing, and over faults
//! that are seeded for it, each of which it must find: a tool that cannot fail proves nothing.

mod builds;
mod fence;
mod rungs;

use std::time::{Duration, Instant};

use crate::scan::{Scanner, Skip};
use crate::{Result, shell};

/// What a rung found.
#[derive(Debug, Default)]
struct Found {
    /// Seeded faults, and whether each was found.
    faults: Vec<(String, bool)>,
    /// What was found in the product, where nothing should be.
    wrong: Vec<String>,
}

impl Found {
    fn fault(&mut self, name: impl Into<String>, caught: bool) {
        self.faults.push((name.into(), caught));
    }

    /// All faults were found, and there are some; the product is clean.
    fn holds(&self) -> bool {
        self.wrong.is_empty() && !self.faults.is_empty() && self.faults.iter().all(|(_, caught)| *caught)
    }
}

/// Why a rung could not run, or what it found.
enum Outcome {
    Done(Found),
    /// For want of a program that this machine lacks.
    Skipped(String),
}

/// One rung.
struct Rung {
    /// Its word on the command line.
    key: &'static str,
    name: &'static str,
    run: fn(&mut Scanner) -> Result<Outcome>,
}

/// From what needs no program to run to what needs the whole machine.
const RUNGS: &[Rung] = &[
    Rung { key: "fence", name: "fence: what cannot be named", run: fence::run },
    Rung { key: "panics", name: "fence: no panic in the machine code", run: rungs::panics },
    Rung { key: "loom", name: "loom: every interleaving", run: rungs::loom },
    Rung { key: "tsan", name: "ThreadSanitizer", run: rungs::thread_sanitizer },
    Rung { key: "rtsan", name: "RealtimeSanitizer", run: rungs::realtime_sanitizer },
    Rung { key: "watch", name: "guard, system-call trap, page faults, switches", run: rungs::watch },
];

/// A line of the table.
struct Row {
    name: &'static str,
    caught: String,
    clean: &'static str,
    time: Duration,
}

/// Runs the rungs called `wanted`, or all of them.
///
/// # Errors
/// A rung does not hold, or none has that name.
pub fn run(wanted: &[String]) -> Result {
    let mut scanner = Scanner::default();
    climb(wanted, &mut scanner)
}

/// As [`run`], and counts seeded faults, clean products and skips as tests.
///
/// # Errors
/// As [`run`].
pub fn climb(wanted: &[String], scanner: &mut Scanner) -> Result {
    if let Some(unknown) = wanted.iter().find(|word| RUNGS.iter().all(|rung| rung.key != word.as_str())) {
        let keys: Vec<&str> = RUNGS.iter().map(|rung| rung.key).collect();
        return Err(format!("no rung is called {unknown:?}: {}", keys.join(", ")).into());
    }
    let mut table = Vec::new();
    let mut failed = Vec::new();
    for rung in RUNGS.iter().filter(|rung| wanted.is_empty() || wanted.iter().any(|word| word == rung.key)) {
        println!("\n-- {}", rung.name);
        let start = Instant::now();
        let outcome = (rung.run)(scanner);
        let (row, holds) = judge(rung, outcome, start.elapsed(), scanner);
        table.push(row);
        if !holds {
            failed.push(rung.key);
        }
    }
    print(&table);
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("rungs that do not hold: {}", failed.join(", ")).into())
    }
}

fn judge(rung: &Rung, outcome: Result<Outcome>, time: Duration, scanner: &mut Scanner) -> (Row, bool) {
    let row = |caught: String, clean| Row { name: rung.name, caught, clean, time };
    match outcome {
        Ok(Outcome::Done(found)) => {
            for (fault, _) in found.faults.iter().filter(|(_, caught)| !caught) {
                eprintln!("the seeded fault {fault:?} was not found");
            }
            found.wrong.iter().for_each(|wrong| eprintln!("found: {wrong}"));
            let caught = found.faults.iter().filter(|(_, caught)| *caught).count();
            // loom's models were counted as the tests that they are.
            if rung.key != "loom" {
                scanner.passed += caught as u64 + u64::from(found.wrong.is_empty());
                scanner.failed += (found.faults.len() - caught) as u64 + u64::from(!found.wrong.is_empty());
            }
            let clean = if found.wrong.is_empty() { "yes" } else { "NO" };
            (row(format!("{caught} of {}", found.faults.len()), clean), found.holds())
        }
        Ok(Outcome::Skipped(reason)) => {
            println!("SKIPPED: {reason}");
            scanner.passed += 1;
            scanner.skips.push(Skip { test: format!("rt {}", rung.key), reason });
            (row("SKIPPED".to_owned(), "SKIPPED"), true)
        }
        Err(error) => {
            eprintln!("FAILED: {error}");
            scanner.failed += 1;
            (row("FAILED".to_owned(), "FAILED"), false)
        }
    }
}

fn print(table: &[Row]) {
    println!("\n{:<48} {:>14} {:>15} {:>9}", "rung", "faults caught", "product clean", "seconds");
    for row in table {
        println!("{:<48} {:>14} {:>15} {:>9.1}", row.name, row.caught, row.clean, row.time.as_secs_f64());
    }
}

/// `cargo xtask soak`: the ladder's program plays for as long as one likes, optimised as it is released.
///
/// # Errors
/// An option is wrong, or something was counted in the callback.
pub fn soak(args: &[String]) -> Result {
    let mut own = vec!["soak".to_owned()];
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--storm" | "--idle" | "--streamed" | "--bridged" => own.push(word.clone()),
            "--minutes" | "--seconds" | "--tracks" | "--record" | "--plugins" => {
                let number: usize = words
                    .next()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| format!("{word} wants a number"))?;
                let (word, number) =
                    if word == "--minutes" { ("--seconds", number * 60) } else { (word.as_str(), number) };
                own.extend([word.to_owned(), number.to_string()]);
            }
            _ => {
                return Err(format!(
                    "option {word:?} is not known here: --minutes N, --seconds N, --tracks N, --storm, --idle, --streamed, \
                     --record N, --plugins N, --bridged"
                )
                .into());
            }
        }
    }
    // As released but for what runs after a panic: the program that the other rungs have built.
    let program = builds::audit()?;
    shell::run(std::process::Command::new(program).args(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNG: Rung = Rung { key: "any", name: "any", run: |_| Ok(Outcome::Skipped(String::new())) };

    fn verdict(found: Found) -> (Row, bool, Scanner) {
        let mut scanner = Scanner::default();
        let (row, holds) = judge(&RUNG, Ok(Outcome::Done(found)), Duration::ZERO, &mut scanner);
        (row, holds, scanner)
    }

    #[test]
    fn a_rung_without_a_fault_or_with_one_that_was_missed_does_not_hold() {
        assert!(!verdict(Found::default()).1);
        let faults = vec![("a".to_owned(), true), ("b".to_owned(), false)];
        let (row, holds, scanner) = verdict(Found { faults, wrong: Vec::new() });
        assert!(!holds && row.caught == "1 of 2" && row.clean == "yes");
        assert_eq!((scanner.passed, scanner.failed), (2, 1));
    }

    #[test]
    fn a_rung_that_finds_something_in_the_product_does_not_hold() {
        let faults = vec![("a".to_owned(), true)];
        assert!(verdict(Found { faults: faults.clone(), wrong: Vec::new() }).1);
        let (row, holds, scanner) = verdict(Found { faults, wrong: vec!["a lock".to_owned()] });
        assert!(!holds && row.clean == "NO" && scanner.failed == 1);
    }

    #[test]
    fn a_skip_is_loud_and_is_no_pass() {
        let mut scanner = Scanner::default();
        let outcome = Ok(Outcome::Skipped("no nightly".to_owned()));
        let (row, _) = judge(&RUNG, outcome, Duration::ZERO, &mut scanner);
        assert_eq!((row.clean, scanner.skips.len(), scanner.ran()), ("SKIPPED", 1, 0));
    }

    #[test]
    fn an_unknown_rung_is_refused() {
        let error = climb(&["stairs".to_owned()], &mut Scanner::default()).unwrap_err().to_string();
        assert!(error.contains("stairs") && error.contains("fence"), "{error}");
    }
}
