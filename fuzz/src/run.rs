//! Running cases in a child, and watching it.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::mutate;
use crate::targets::Target;

/// Address space of the child: no input of 64 kB may need more.
const MEMORY: u64 = 1 << 30;

/// What went wrong, and how to see it again.
#[derive(Debug)]
pub struct Finding {
    target: &'static str,
    case: u64,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, case, what } = self;
        write!(f, "case {case} {what}; repeat: cargo run -p omega-fuzz -- --target {target} --case {case}")
    }
}

/// Runs one case here.
pub fn one(target: &Target, case: u64) {
    let bytes = mutate::case(&(target.seeds)(), target.words, case);
    println!("{} bytes: {}", bytes.len(), bytes.escape_ascii());
    (target.feed)(&bytes);
    println!("{} took it", target.name);
}

/// Runs cases from `from` on until it is killed, and writes the number of each before it begins.
pub fn child(target: &Target, from: u64) -> ! {
    let limit = Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) };
    if let Err(error) = setrlimit(Resource::As, limit) {
        eprintln!("memory is not limited: {error}");
    }
    let seeds = (target.seeds)();
    let mut progress = std::io::stdout().lock();
    for case in from.. {
        // The parent is gone when nobody reads any more.
        if progress.write_all(&case.to_le_bytes()).and_then(|()| progress.flush()).is_err() {
            break;
        }
        (target.feed)(&mutate::case(&seeds, target.words, case));
    }
    std::process::exit(0)
}

/// Runs a child for `time` and gives the number of cases it took; a case that takes longer than `patience` hangs.
pub fn watch(target: &'static Target, from: u64, time: Duration, patience: Duration) -> Result<u64, Finding> {
    let finding = |case, what| Finding { target: target.name, case, what };
    let not_started = |error: std::io::Error| finding(from, format!("did not start: {error}"));
    // What a killed child leaves behind goes with this folder.
    let folder = tempfile::tempdir().map_err(not_started)?;
    let mut child = start(target, from, folder.path()).map_err(not_started)?;
    let begun = Instant::now();
    let cases = follow(&mut child);
    let mut last = from;
    loop {
        match cases.recv_timeout(patience) {
            Ok(case) => last = case,
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                return Err(finding(last, format!("hangs for {} s", patience.as_secs())));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(finding(last, format!("ended the process ({how})")));
            }
        }
        if begun.elapsed() >= time {
            end(&mut child);
            return Ok(last - from + 1);
        }
    }
}

fn start(target: &Target, from: u64, folder: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", "--target", target.name, "--from", &from.to_string()]);
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// The newest case numbers that the child writes; the channel closes when the child ends.
fn follow(child: &mut Child) -> Receiver<u64> {
    let (send, receive) = channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let Some(mut output) = output else { return };
        let mut buffer = [0; 1 << 16];
        let mut kept = 0;
        while let Ok(read @ 1..) = output.read(&mut buffer[kept..]) {
            let whole = (kept + read) / 8 * 8;
            let number = buffer[..whole].last_chunk::<8>();
            if number.is_some_and(|number| send.send(u64::from_le_bytes(*number)).is_err()) {
                return;
            }
            buffer.copy_within(whole..kept + read, 0);
            kept = kept + read - whole;
        }
    });
    receive
}

fn end(child: &mut Child) {
    // It may have ended by itself meanwhile; either way it is reaped.
    if child.kill().and_then(|()| child.wait()).is_err() {
        eprintln!("the child could not be ended");
    }
}
