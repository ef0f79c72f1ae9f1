//! The memory that the demo takes.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::Duration;

/// What opening and playing the demo may take, in kB, code included.
const MOST: u64 = 100_000;

/// The most memory that a process had resident so far, in kB; `None` once it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn the_demo_opens_and_plays_within_a_hundred_megabytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let omega = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omega"));
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(omega(&["demo", "Demo.omega"]).status().expect("omega starts").success());
    let mut commands = [
        omega(&["info", "Demo.omega", "--json"]),
        // Where most of it sounds together.
        omega(&["play", "Demo.omega", "--backend", "timer", "--from", "0:40", "--seconds", "1"]),
    ];
    for command in &mut commands {
        let mut child = command.stdout(Stdio::null()).spawn().expect("omega starts");
        let mut most = 0;
        let status = loop {
            // It can only grow, so the last reading counts.
            most = peak(child.id()).unwrap_or(most).max(most);
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        println!("{command:?}: {most} kB");
        assert!(status.success());
        assert!((4_000..MOST).contains(&most), "{command:?}: {most} kB");
    }
}
