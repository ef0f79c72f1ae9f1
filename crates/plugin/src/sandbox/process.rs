//! Worker processes: started by `exec`, ended with all that they started.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::line::Line;
use crate::plugin::WorkerProgram;

/// A worker that runs. It is killed when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// How it ended, once it was waited for.
    end: Option<End>,
    pub line: Line,
}

impl Worker {
    pub(crate) fn start(program: &WorkerProgram) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = Command::new(&program.program)
            .args(&program.arguments)
            .arg(std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, end: None, line: Line::new(ours) })
    }

    /// How it ended, if it did. Whatever it started ends with it.
    pub(crate) fn ended(&mut self) -> Option<End> {
        if self.end.is_none() {
            let looking = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            waitid(WaitId::Pid(self.pid()?), looking).ok()??;
            // Its number is its own, and its group's, for as long as nobody has waited for it.
            self.end_group();
            self.end = self.child.wait().ok().map(End);
        }
        self.end
    }

    /// Ends it and all that it started, now. When this returns, nobody writes to the shared memory any more.
    pub(crate) fn kill(&mut self) {
        if self.end.is_none() {
            self.end_group();
            let _ = self.child.kill();
            self.end = self.child.wait().ok().map(End);
        }
    }

    /// How it ended, once its line broke: that is seen a moment before its end is.
    pub(crate) fn ending(&mut self) -> Option<End> {
        let until = Instant::now() + ENDING;
        loop {
            let end = self.ended();
            if end.is_some() || Instant::now() > until {
                return end;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// How long its threads have been ready to run while others had the processors, all of them together.
    fn kept_waiting(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let waited = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            times.split_ascii_whitespace().nth(1)?.parse().ok()
        });
        Duration::from_nanos(waited.fold(0, u64::saturating_add))
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn end_group(&self) {
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The end of a process is seen within this time after its line broke, unless it broke only that.
const ENDING: Duration = Duration::from_secs(10);
/// Between two looks a worker is taken to have had so much time at most: a machine that stood still gave nobody any.
const STEP: Duration = Duration::from_millis(50);
/// So much longer is waited for a worker that others keep waiting.
const EXCUSED: Duration = Duration::from_secs(20);

/// How long a worker has had for what it was asked. Time in which it was ready to run and others had the processors does not
/// count, so that on a machine with too much to do none is taken to hang that was only not let run.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    began: Instant,
    looked: Instant,
    kept_waiting: Duration,
    had: Duration,
}

impl Patience {
    /// Begins now.
    pub(crate) fn new(limit: Duration, worker: &Worker) -> Self {
        let now = Instant::now();
        Self { limit, began: now, looked: now, kept_waiting: worker.kept_waiting(), had: Duration::ZERO }
    }

    /// Whether it has had more than the limit; to be asked often.
    pub(crate) fn is_over(&mut self, worker: &Worker) -> bool {
        self.look(Instant::now(), worker.kept_waiting())
    }

    fn look(&mut self, now: Instant, kept_waiting: Duration) -> bool {
        let passed = now.saturating_duration_since(self.looked).min(STEP);
        // A thread that ended takes its time with it.
        let excused = kept_waiting.saturating_sub(self.kept_waiting);
        self.had += passed.saturating_sub(excused);
        (self.looked, self.kept_waiting) = (now, kept_waiting);
        self.had > self.limit || now.saturating_duration_since(self.began) > self.limit + EXCUSED
    }
}

/// How a worker ended: "ended with status 1", "was ended by signal 11 (SIGSEGV: …)".
#[derive(Clone, Copy, Debug)]
pub(crate) struct End(ExitStatus);

impl End {
    /// The system ended it because it did not let go of a processor.
    pub(crate) fn held_too_long(self) -> bool {
        self.0.signal() == Some(Signal::XCPU.as_raw())
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with status {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}{}", name(signal)),
            (None, None) => f.write_str("ended"),
        }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL: an instruction that does not exist)",
        6 => " (SIGABRT: it gave up)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE: a division by zero)",
        9 => " (SIGKILL: it was killed)",
        11 => " (SIGSEGV: memory that is not its own)",
        24 => " (SIGXCPU: it held a processor too long)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_a_worker_was_not_let_run_does_not_count_for_ever() {
        let (limit, tick) = (Duration::from_millis(500), Duration::from_millis(10));
        let begin = Instant::now();
        let over_after = |step: Duration, waits: u32| {
            let zero = Duration::ZERO;
            let mut patience = Patience { limit, began: begin, looked: begin, kept_waiting: zero, had: zero };
            (1u32..).find(|&n| patience.look(begin + step * n, step * n * waits / 100)).unwrap()
        };
        assert_eq!(over_after(tick, 0), 51, "it hangs, and half a second is half a second");
        assert_eq!(over_after(tick, 80), 251, "it had a fifth of a processor");
        assert_eq!(over_after(tick, 100), 2051, "nor is anybody waited for without an end");
        assert_eq!(
            over_after(Duration::from_secs(3), 0),
            7,
            "a machine that stands still is no hang at once"
        );
    }

    #[test]
    fn what_the_system_says_of_waiting_is_read() {
        let program = WorkerProgram { program: "sleep".into(), arguments: Vec::new() };
        let mut worker = Worker::start(&program).unwrap();
        if std::fs::read_to_string("/proc/self/schedstat").is_err() {
            println!("SKIPPED: this kernel does not say for how long threads wait for a processor");
            return;
        }
        assert!(std::fs::read_to_string(format!("/proc/{}/schedstat", worker.child.id())).is_ok());
        assert!(worker.kept_waiting() < EXCUSED);
        worker.kill();
        assert!(worker.ending().is_some());
    }
}
