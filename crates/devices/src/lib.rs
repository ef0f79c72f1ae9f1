//! The built-in effects and the clip reader.
//!
//! Each device is a file, or a folder when it has several parts. A device's process half cannot name an allocation; what
//! allocates is in the modules called `prepare`, which run off the audio thread.
//!
//! - [`registry`]: all devices by their keys: what they are, and how they are built.
//! - [`fader`]: the end of a channel strip; also the send and the pan insert.
//! - [`compressor`]: look-ahead, soft knee, side-chain.
//! - [`eq`]: a parametric equaliser of eight bands.
//! - [`utility`]: gain, width, phase, mono, swap.
//! - [`frame_delay`]: a track's delay against the others.
//! - [`bypass`]: goes from a device's sound to the unprocessed one.
//! - [`monitor`]: chooses between a track's clips and its input.
//! - [`clip_reader`]: plays a track's clips; built by itself, not through the registry, as are the next two.
//! - [`note_player`]: plays a track's notes into an instrument.
//! - [`tape`]: records what comes in from outside.
//! - [`metronome`]: clicks on the beats of a tempo map.
#![no_std]
#![forbid(unsafe_code)]

pub mod bypass;
pub mod clip_reader;
pub mod compressor;
mod curves;
pub mod eq;
pub mod fader;
pub mod frame_delay;
mod level;
pub mod metronome;
pub mod monitor;
pub mod note_player;
pub mod note_tape;
pub mod registry;
pub mod tape;
pub mod utility;
