//! Plugins in sessions that play: what one does is not heard by its neighbours, what one changes is kept, presets, hardware
//! with another period.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod host;
mod misbehaviour;
mod parallel;
mod states;

/// Not a test of its own: what this program is when it is started as a worker.
#[test]
fn worker() {
    let host = std::env::args().next_back().unwrap_or_default();
    if host == std::os::unix::process::parent_id().to_string() {
        let served = omega_studio::plugin::worker_main(&host);
        std::process::exit(i32::from(served != std::process::ExitCode::SUCCESS));
    }
}
