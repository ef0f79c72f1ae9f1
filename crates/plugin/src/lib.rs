//! Hosts plugins.
mod clap;
mod health;
mod inside;
pub mod model;
mod node;
mod plugin;
pub mod quantum;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
pub mod scan;
mod service;
pub mod state;

pub use health::Trouble;
pub use node::{FADE, Pace, PluginProcessor, PluginTempo, TRUST};
pub use plugin::{AskError, OpenError, OpenOptions, Plugin, PluginNews, Way, descriptor, device_key};
#[cfg(target_os = "linux")]
pub use sandbox::{WorkerProgram, worker_main};
