//! How the audio thread of a worker is scheduled: before everything ordinary, behind the audio thread of the host.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]
#![allow(unsafe_code, reason = "the scheduler is reached through the C library")]

use std::time::Duration;

use rustix::process::{Resource, Rlimit};

/// The lowest real-time level; the host's audio thread has a higher one.
const LEVEL: libc::c_int = 1;

/// Time for which a real-time thread may hold a processor without a pause, before the system ends its process. A plugin
/// that hangs is ended by this even where nothing else gets to run.
const HOLD: Duration = Duration::from_millis(400);

/// Makes the calling thread real-time, if the system allows it; otherwise it stays what it is.
pub(super) fn promote() -> bool {
    let micros = |time: Duration| u64::try_from(time.as_micros()).ok();
    // At the first the process gets a signal that says why, at the second one that cannot be ignored.
    let limit = Rlimit { current: micros(HOLD), maximum: micros(2 * HOLD) };
    if rustix::process::setrlimit(Resource::Rttime, limit).is_err() {
        return false;
    }
    let param = libc::sched_param { sched_priority: LEVEL };
    // SAFETY: `param` is valid for the call; 0 is the calling thread.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const param) == 0
    }
}
