//! The built-in effects and the clip reader.
//!
//! Each device is a file, or a folder when it has several parts. A device's process half cannot name an allocation; what
//! allocates is in the modules called `prepare`, which run off the audio thread.
//!
//! - [`clip_reader`]: plays a track's clips.
#![no_std]
#![forbid(unsafe_code)]

pub mod clip_reader;
mod curves;
