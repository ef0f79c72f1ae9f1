//! Hosts CLAP plugins: in a worker process of their own, or in this one.
//!
//! | module | what it is |
//! |---|---|
//! | [`scan`] | finds plugins, each file looked at by a child process |
//! | [`Plugin`] | a plugin that was opened: what it is, its state, its words, what happens to it |
//! | [`PluginProcessor`] | the audio half: an [`omega_processor::Processor`] |
//! | [`quantum`] | the unit of work, which makes the sound independent of blocks and of where a plugin runs |
//! | [`state`], [`model`], [`preset`] | plain data: what a session keeps, what is known of a plugin |
//! | `clap` | CLAP itself, through `clack`: threads and life cycle kept by types |
//! | `node` | gathers blocks into quanta, delivers replies, fades to the input when there is none |
//! | `sandbox` | workers: shared memory, futexes, the keeper that restarts them |
//! | `service`, `inside` | a plugin's main thread, the same in a worker and in this process |
//!
//! # A plugin's life
//!
//! [`Plugin::open`] starts a thread that keeps the plugin. With [`Way::Worker`] it starts a process, has the plugin loaded
//! there, and watches over it; with [`Way::Inside`] it is the plugin's main thread itself. The two halves that come back
//! have nothing in common but numbers and a wire: [`PluginProcessor`] goes to the audio thread, [`Plugin`] stays. When both
//! are dropped, the plugin is deactivated and destroyed.
//!
//! # Invariants
//!
//! Each is held by the test named with it.
//!
//! - **The same bytes, here and in a worker, for any cut into blocks**
//!   (`a_worker_and_this_process_give_the_same_bytes_for_any_cut`).
//! - **The audio thread never waits for a plugin.** A reply that is not there in time is not heard; the only system call is
//!   the one that wakes a worker (`the_only_system_call_of_the_audio_thread_wakes_the_worker`).
//! - **Whatever a plugin does, the sound goes on**: it fades to its input within [`FADE`] frames, is named, and comes back
//!   with its last state (`tests/faults.rs`).
//! - **Nothing that a worker writes is believed** (`whatever_lies_there_is_read_without_harm`).
//! - **The host keeps to CLAP's rules**: every test plugin watches it and every test looks at what they found.
//!
//! Code of the audio thread lies in `node`, [`quantum`], `health`, and in the halves of `clap` and `sandbox` that run there, behind the
//! lints of `clippy.toml`; every other module says at its top that it runs elsewhere.
//!
//! More, with figures: `docs/plugins.md`.

mod clap;
mod health;
mod inside;
pub mod model;
mod node;
mod plugin;
pub mod preset;
pub mod quantum;
#[cfg(target_os = "linux")]
mod sandbox;
pub mod scan;
mod service;
pub mod state;

pub use health::Trouble;
pub use node::{FADE, Pace, PluginProcessor, PluginSwap, PluginTempo, TRUST};
pub use plugin::{
    AskError, OpenError, OpenOptions, Plugin, PluginNews, Way, WorkerProgram, descriptor, device_key,
};
#[cfg(target_os = "linux")]
pub use sandbox::worker_main;
