//! Who keeps the audio thread's memory from being taken out of main memory.
//!
//! This crate touches the pages of its buffers and pools when they are made; keeping them there is a system call, which is
//! not for this crate. Whoever opens the hardware sets a [`Keeper`] before buffers are made, and is told of each buffer
//! and pool of a page or more as it comes and goes, on the thread that makes or drops it (never the audio thread).
extern crate std;

#[allow(clippy::disallowed_types, reason = "off the audio thread")]
use std::sync::OnceLock;

/// What to do with memory that comes and goes: start address and length in bytes, the length never below [`LEAST`].
#[derive(Clone, Copy, Debug)]
pub struct Keeper {
    /// It was made and touched.
    pub keep: fn(usize, usize),
    /// It is about to be freed.
    pub release: fn(usize, usize),
}

/// Bytes below which memory is not worth a system call.
pub const LEAST: usize = 4096;

#[allow(clippy::disallowed_types, reason = "off the audio thread")]
static KEEPER: OnceLock<Keeper> = OnceLock::new();

/// Has `keeper` told of all buffers and pools that are made from now on. Returns false if another one is set already, which
/// then stays.
pub fn keep_with(keeper: Keeper) -> bool {
    KEEPER.set(keeper).is_ok()
}

pub(crate) fn made(start: usize, bytes: usize) {
    if let Some(keeper) = KEEPER.get().filter(|_| bytes >= LEAST) {
        (keeper.keep)(start, bytes);
    }
}

pub(crate) fn gone(start: usize, bytes: usize) {
    if let Some(keeper) = KEEPER.get().filter(|_| bytes >= LEAST) {
        (keeper.release)(start, bytes);
    }
}
