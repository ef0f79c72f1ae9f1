//! Reading the output of `cargo test -- --show-output`: what to echo, what was skipped, what failed, how many tests ran.
//!
//! A test that cannot run on this machine prints a line `SKIPPED: reason` and passes. The harness hides the output of
//! passing tests unless asked, and buries it when asked; this reader picks out the lines that matter.

/// A test that did not run to its end, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Skip {
    /// The test's path, or `?` when the line came from outside of any test.
    pub test: String,
    /// What the test printed after `SKIPPED:`.
    pub reason: String,
}

/// A test that failed, and what it printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The test's path.
    pub test: String,
    /// What it printed, panic message and all; no more than [`MOST_LINES`] lines.
    pub output: Vec<String>,
}

/// Lines that are kept of what a failed test printed.
const MOST_LINES: usize = 60;

/// Reads one line at a time.
#[derive(Default)]
pub struct Scanner {
    section: Section,
    test: Option<String>,
    /// Skips in the order they came.
    pub skips: Vec<Skip>,
    /// Failures in the order they came.
    pub failures: Vec<Failure>,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that are marked to be ignored.
    pub ignored: u64,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Section {
    #[default]
    Running,
    /// Output of tests that passed: kept off the screen.
    Successes,
    Failures,
}

impl Scanner {
    /// Takes one line (without its end) and says whether a person should see it.
    pub fn line(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.enter(Section::Successes),
            "failures:" => self.enter(Section::Failures),
            _ => {}
        }
        if let Some(test) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.test = Some(test.to_owned());
            if self.section == Section::Failures {
                self.failures.push(Failure { test: test.to_owned(), output: Vec::new() });
            }
        } else if self.section == Section::Failures
            && self.test.is_some()
            && let Some(failure) = self.failures.last_mut()
            && failure.output.len() < MOST_LINES
        {
            failure.output.push(line.to_owned());
        }
        if let Some(reason) = line.trim_start().strip_prefix("SKIPPED:") {
            let test = self.test.clone().unwrap_or_else(|| "?".to_owned());
            let skip = Skip { test, reason: reason.trim().to_owned() };
            if !self.skips.contains(&skip) {
                self.skips.push(skip);
            }
        }
        if line.starts_with("test result:") {
            self.enter(Section::Running);
            self.passed += count(line, "passed");
            self.failed += count(line, "failed");
            self.ignored += count(line, "ignored");
        }
        let quiet = line.is_empty() || (line.starts_with("test ") && line.ends_with("... ok"));
        self.section == Section::Failures || (self.section == Section::Running && !quiet)
    }

    /// Tests that passed and were not skipped.
    pub fn ran(&self) -> u64 {
        self.passed.saturating_sub(u64::try_from(self.skips.len()).unwrap_or(u64::MAX))
    }

    fn enter(&mut self, section: Section) {
        self.section = section;
        self.test = None;
    }
}

/// The number before `word` in `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|other| *other == word).unwrap_or(0);
    at.checked_sub(1).and_then(|at| words[at].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test a::plays ... ok
test a::fails ... FAILED
test a::quiet ... ok

successes:

---- a::plays stdout ----
SKIPPED: jackd is not installed
noise

successes:
    a::plays
    a::quiet

failures:

---- a::fails stdout ----
assertion failed

failures:
    a::fails

test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn skips_are_found_by_test_and_counted_apart() {
        let mut scanner = Scanner::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| scanner.line(line)).collect();
        let skip = Skip { test: "a::plays".to_owned(), reason: "jackd is not installed".to_owned() };
        assert_eq!(scanner.skips, [skip]);
        assert_eq!((scanner.passed, scanner.failed, scanner.ignored, scanner.ran()), (2, 1, 4, 1));
        let failure = Failure {
            test: "a::fails".to_owned(),
            output: vec!["assertion failed".to_owned(), String::new()],
        };
        assert_eq!(scanner.failures, [failure]);
        assert!(shown.contains(&"assertion failed") && !shown.contains(&"noise"), "{shown:?}");
        assert!(shown.contains(&"test a::fails ... FAILED") && !shown.contains(&"test a::quiet ... ok"));
    }

    #[test]
    fn output_from_outside_of_a_test_still_counts_as_a_skip() {
        let mut scanner = Scanner::default();
        scanner.line("SKIPPED: no network");
        assert_eq!(scanner.skips[0].test, "?");
    }
}
