//! A place to run `omega` in.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of its own, in which `omega` is run.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omega"));
        command.args(arguments).current_dir(self.0.path()).env("OMEGA_AUTHOR", "ann").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs, and expects that all is well; what it printed.
    pub fn well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.well(arguments)).unwrap()
    }

    /// Runs, and expects this exit code and one line that says why; that line.
    pub fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: ") && !errors.contains("panicked"), "{arguments:?}: {errors}");
        errors
    }

    /// A session with a WAV of a ramp at two places; the id of its track.
    pub fn session(&self) -> String {
        std::fs::write(self.path("ramp.wav"), wav(48_000)).unwrap();
        self.well(&["new", "song.omega", "--seed", "5", "-q"]);
        let report = self.json(&["import", "song.omega", "ramp.wav", "--at", "1|2|0", "--json"]);
        report["imported"][0]["track"].as_str().unwrap().to_owned()
    }

    pub fn project(&self) -> Value {
        self.json(&["info", "song.omega", "--json"])["project"].clone()
    }
}

/// A mono WAV of 16 bits at 48 kHz: a saw-tooth that grows.
pub fn wav(frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let data = frames * 2;
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend(96_000u32.to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    for frame in 0..frames {
        let level = i32::try_from(frame % 200).unwrap() * 80 - 8_000;
        bytes.extend(i16::try_from(level).unwrap().to_le_bytes());
    }
    bytes
}
