//! Worker processes: started by `exec`, ended with all that they started.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

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
