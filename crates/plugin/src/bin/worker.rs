//! A worker process by itself; see [`omega_plugin::worker_main`].
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::process::ExitCode;

/// Serves the host whose number is the last argument.
#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let host = std::env::args().next_back().unwrap_or_default();
    omega_plugin::worker_main(&host)
}

/// There are no workers on this system.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
