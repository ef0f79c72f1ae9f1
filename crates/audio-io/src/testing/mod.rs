//! A JACK server of one's own, other sound systems, and the bridge between two clocks by itself, for tests (feature `testing`).
//!
//! ```no_run
//! # use omega_audio_io::testing::JackServer;
//! let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
//! let config = omega_audio_io::StreamConfig {
//!     backend: omega_audio_io::Backend::Jack(server.options()),
//!     ..Default::default()
//! };
//! ```

mod clocks;
mod midi;
mod sound;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::JackOptions;

pub use clocks::{Capturing, Playing, clock_bridge};
pub use midi::MidiPlayer;
pub use sound::{AlsaOnJack, SINK, SoundServer};

/// The JACK library keeps one server per process in global state, so tests of one program take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Patience with a server that starts on a machine which does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Test programs that may have a server at the same time. JACK 2 has room for eight servers on a machine.
const SLOTS: usize = 4;

/// A `jackd` with the dummy driver (two captures, two playbacks, paced by a timer) under a name of its own. It ends when
/// this value is dropped. Only one lives in a process at a time: [`start`](Self::start) waits for its turn.
#[derive(Debug)]
pub struct JackServer {
    child: Child,
    slot: Slot,
    _turn: MutexGuard<'static, ()>,
}

/// A server's name, ours as long as its file is locked.
///
/// JACK 2 keeps the entry of a server that was killed until a server *of the same name* starts, and has eight entries
/// in all. So names come from a small set and are used again, rather than made up anew.
#[derive(Debug)]
struct Slot {
    name: String,
    file: File,
}

impl Slot {
    /// The first free one; waits if there is none.
    fn claim() -> io::Result<Self> {
        for number in (0..SLOTS).cycle() {
            let name = format!("omega-test-{}-{number}", user());
            let path = std::env::temp_dir().join(format!("{name}.lock"));
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            if file.try_lock().is_ok() {
                let mut slot = Self { name, file };
                slot.end_orphan()?;
                return Ok(slot);
            }
            if number + 1 == SLOTS {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Err(io::Error::other("there are no slots"))
    }

    /// Ends a server that a test program left behind when it was killed: the file holds its process number.
    fn end_orphan(&mut self) -> io::Result<()> {
        let mut pid = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut pid)?;
        let Ok(pid) = pid.trim().parse::<u32>() else { return Ok(()) };
        let is_it = || {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.next().is_some_and(|program| program.ends_with(b"jackd"))
                && words.any(|w| w == self.name.as_bytes())
        };
        if is_it() {
            signal(pid, "TERM")?;
            wait_until(Duration::from_secs(5), || Ok(!is_it()))?;
        }
        self.note("")
    }

    /// Writes the process number of the server, or nothing.
    fn note(&mut self, pid: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(pid.as_bytes())
    }
}

/// Another user's lock files are not ours to open.
fn user() -> u32 {
    #[cfg(unix)]
    return rustix::process::getuid().as_raw();
    #[cfg(not(unix))]
    0
}

/// Asks again and again until the answer is yes.
fn wait_until(patience: Duration, mut done: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    while !done()? {
        if Instant::now() > deadline {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn signal(pid: u32, name: &str) -> io::Result<()> {
    succeed(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()))
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

impl JackServer {
    /// Starts a server and waits until it answers; prints `SKIPPED: …` and gives `None` if `jackd` is not installed.
    ///
    /// # Panics
    /// If `jackd` is there and does not start.
    #[must_use]
    pub fn start_or_skip(rate: u32, period: usize) -> Option<Self> {
        match Self::start(rate, period) {
            Ok(server) => Some(server),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("SKIPPED: jackd is not installed (Debian: apt install jackd2)");
                None
            }
            Err(error) => panic!("jackd does not start: {error}"),
        }
    }

    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// `NotFound` if `jackd` is not installed; another error if it does not start or does not answer.
    pub fn start(rate: u32, period: usize) -> io::Result<Self> {
        Self::start_with(rate, period, &[])
    }

    /// The same, of a server that waits in each cycle until all clients are done: one that is late never hands over half of
    /// a period, or the one before.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_synchronous(rate: u32, period: usize) -> io::Result<Self> {
        Self::start_with(rate, period, &["-S"])
    }

    fn start_with(rate: u32, period: usize, options: &[&str]) -> io::Result<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut slot = Slot::claim()?;
        // Servers that start at the same moment trip over each other's shared memory, so programs take turns too.
        let start_lock =
            File::create(std::env::temp_dir().join(format!("omega-test-{}-start.lock", user())))?;
        start_lock.lock()?;
        let child = Command::new("jackd")
            .args(["-n", &slot.name])
            .args(options)
            .args(["-d", "dummy", "-r", &rate.to_string(), "-p", &period.to_string()])
            .env("JACK_NO_AUDIO_RESERVATION", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        slot.note(&child.id().to_string())?;
        let mut server = Self { child, slot, _turn: turn };
        wait_until(PATIENCE, || server.answers())?;
        Ok(server)
    }

    fn answers(&mut self) -> io::Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("jackd ended at once: {status}")));
        }
        Ok(self.tool("jack_lsp").stdout(Stdio::null()).status()?.success())
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.slot.name
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Options to open streams on this server.
    #[must_use]
    pub fn options(&self) -> JackOptions {
        JackOptions { server: Some(self.slot.name.clone()), start_server: false }
    }

    /// A program that talks to this server, by its environment; what it prints on stderr is dropped.
    #[must_use]
    pub fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("JACK_DEFAULT_SERVER", &self.slot.name)
            .env("JACK_NO_START_SERVER", "1")
            .stderr(Stdio::null());
        command
    }

    /// Changes the server's period.
    ///
    /// # Errors
    /// If `jack_bufsize` is missing or fails.
    pub fn set_period(&self, frames: usize) -> io::Result<()> {
        succeed(self.tool("jack_bufsize").arg(frames.to_string()))
    }

    /// Lets the server run as fast as it can, or stops that.
    ///
    /// # Errors
    /// If `jack_freewheel` is missing or fails.
    pub fn set_freewheel(&self, on: bool) -> io::Result<()> {
        succeed(self.tool("jack_freewheel").arg(if on { "y" } else { "n" }))
    }

    /// Sends a signal, by the name `kill` knows (`KILL`, `STOP`, `CONT`).
    ///
    /// # Errors
    /// If `kill` is missing or fails.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        signal(self.child.id(), name)
    }
}

impl Drop for JackServer {
    fn drop(&mut self) {
        // What cannot be ended or removed here is ended or removed by the next user of the slot.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.signal("CONT"));
            drop(self.signal("TERM"));
            drop(wait_until(Duration::from_secs(5), || Ok(self.child.try_wait()?.is_some())));
            drop(self.child.kill());
            drop(self.child.wait());
        }
        remove_leftovers(&self.slot.name);
        drop(self.slot.note(""));
    }
}

/// A server that was killed leaves its sockets and semaphores behind, with its name in theirs.
fn remove_leftovers(server: &str) {
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().split(['_', '.']).any(|part| part == server) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}
