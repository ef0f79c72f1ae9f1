//! Worker processes: started by `exec`, ended with all that they started.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};

use super::line::Line;

/// The program that a worker runs, and the arguments that make it one: it calls [`worker_main`](crate::worker_main).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the number of the host's process is added behind them.
    pub arguments: Vec<OsString>,
}

impl WorkerProgram {
    /// This program itself, with these arguments.
    ///
    /// # Errors
    /// When the system does not say where it lies.
    pub fn itself(arguments: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { program, arguments: arguments.iter().map(OsString::from).collect() })
    }
}

/// A worker that runs. It is killed when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
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
        Ok(Self { child, line: Line::new(ours) })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<End> {
        self.child.try_wait().ok()?.map(End)
    }

    /// Ends it and all that it started, now. When this returns, nobody writes to the shared memory any more.
    pub(crate) fn kill(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Its group has its number; both are its own until it was waited for.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
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
