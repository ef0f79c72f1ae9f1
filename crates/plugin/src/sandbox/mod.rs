//! Plugins in worker processes (Linux): shared memory for sound, a socket for everything else.

mod keeper;
mod layout;
mod line;
mod memory;
mod priority;
mod process;
mod remote;
mod worker;

pub(crate) use keeper::keep;
pub(crate) use line::Line;
pub(crate) use process::{Patience, Worker};
pub(crate) use remote::RemoteWire;
pub use worker::worker_main;
