//! CLAP, through `clack`: the main-thread half of a plugin ([`Instance`]) and its audio half ([`Runner`]).
//!
//! The rules of CLAP's threads are kept by types. An [`Instance`] cannot leave the thread that loaded it. It gives a
//! [`Runner`] away when it is activated, which may go to another thread and is the only thing that can process; to
//! deactivate, the runner has to come back.

mod events;
mod host;
mod instance;
mod presets;
mod role;
mod runner;

pub(crate) use instance::{Instance, LoadError, describe_file};
pub(crate) use presets::presets_of;
pub(crate) use role::{Acting, Role};
pub(crate) use runner::{Changes, Runner};
