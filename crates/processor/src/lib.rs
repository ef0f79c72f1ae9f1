//! The one contract of everything that makes sound.
//!
//! A [`Processor`] is what a node of the audio graph runs: a built-in device, the clip reader, a hosted plugin. The
//! life of one is short to tell:
//!
//! 1. It is built and **prepared** off the audio thread for a [`PrepareConfig`]; whatever it will ever allocate is
//!    allocated there.
//! 2. The audio thread calls [`Processor::process`] for block after block of at most [`MAX_BLOCK`] frames. A block may
//!    begin at any frame and have any length: the sound must not depend on it. What runs at control rate runs on the
//!    grid of absolute frames that [`ProcessBlock::cells`] gives.
//! 3. [`Processor::reset`] puts it back to the state it had after preparing; [`Processor::save_state`] and
//!    [`Processor::restore_state`] take and put back the running state, so that work done ahead can be rolled back.
//! 4. It is dropped off the audio thread.
//!
//! Parameters do not arrive as events that each device interprets: the engine evaluates automation, modulation and the
//! smoothing of live jumps, and hands over values ([`Params`]) that are constant over the block or given for each
//! frame. So every device is exact in the same way, and none has code for it. Notes, expressions and MIDI are
//! [`Event`]s in CLAP's vocabulary.
//!
//! The main port works **in place**: the block's main channels hold the input when `process` is called and the output
//! when it returns; channels of the output beyond the input's are zero. A processor without main inputs finds anything
//! in its channels, and writes all of them. Side-chains and other extra inputs are read-only.
#![no_std]
#![forbid(unsafe_code)]

mod batch;
mod block;
mod channels;
pub mod describe;
mod event;
mod params;
mod state;

pub use batch::{BatchFn, BatchItem, MAX_BATCH};
pub use block::{CONTROL_CELL, Cell, Cells, ProcessBlock, Transport};
pub use channels::{Channels, ChannelsRef};
pub use describe::{Descriptor, ParamInfo, PortInfo, Smoothing, Taper, Unit};
pub use event::{Event, EventKind, NoteAddress, NoteExpression};
pub use params::{Param, Params, Varying};
pub use state::{StateReader, StateWriter};

use core::any::Any;

/// Frames that one [`Processor::process`] call is asked for at most.
pub const MAX_BLOCK: usize = 256;

/// Channels that one port may have at most.
pub const MAX_CHANNELS: usize = 64;

/// Extra (side-chain) input ports that one processor may have at most.
pub const MAX_AUX: usize = 4;

/// What a processor may rely on from preparing until it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrepareConfig {
    /// Frames per second, 8,000..=384,000.
    pub sample_rate: u32,
    /// Channels of the main input.
    pub inputs: usize,
    /// Channels of the main output.
    pub outputs: usize,
}

/// How a block went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The output may hold sound.
    Sound,
    /// The output is exactly zero, and the state has reached its fixed point: more zeros in would give more zeros out
    /// and leave the state as it is, bit for bit. While its input stays zero and no event or parameter change comes,
    /// the engine need not call it. (A processor without main inputs is called for every block all the same, so it may
    /// say this of a block between two sounds.)
    Silent,
    /// The processor cannot go on (a plugin died, a state was refused). Its output is not used; the number is the
    /// processor's own, for the message to the user.
    Failed(u32),
}

/// How long a processor sounds on after its input has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// That many frames.
    Frames(u32),
    /// No bound is known (a filter at full resonance, a looper).
    Infinite,
}

/// Something that makes or changes sound.
///
/// `process`, `reset`, `latency`, `tail`, `exchange`, `save_state`, `restore_state` are called on the audio thread: no
/// allocation, lock, system call, panic, unbounded loop or drop of a heap value. The clippy fences and run-time guards
/// hold them to it.
pub trait Processor: Any + Send {
    /// Processes one block in place.
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status;

    /// Back to the state after preparing; parameters are the engine's and stay.
    fn reset(&mut self);

    /// Frames by which the main output lags behind the main input. When it changes while running, set
    /// [`ProcessBlock::new_latency`] in the block in which it changes.
    fn latency(&self) -> u32 {
        0
    }

    /// How long it sounds on after its input has ended.
    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }

    /// Takes a prepared value built off the audio thread (a new play list, an impulse response) by **swapping** it with
    /// its own: what is left in `payload` afterwards goes back and is dropped elsewhere. A payload of a foreign type is
    /// left untouched.
    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        let _ = payload;
    }

    /// Words that [`save_state`](Self::save_state) writes at most; constant from preparing on.
    fn state_words(&self) -> usize {
        0
    }

    /// Writes the running state (filter memories, envelopes, delay lines; not parameters).
    fn save_state(&self, out: &mut StateWriter<'_>) {
        let _ = out;
    }

    /// Puts back what [`save_state`](Self::save_state) wrote. A state of another length is left unread.
    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let _ = state;
    }

    /// A function that processes several processors of the same kind side by side, one lane each, with the bytes that
    /// separate calls would give. Equal pointers mean equal kinds.
    fn batch(&self) -> Option<BatchFn> {
        None
    }
}
