//! What goes into the executor and what comes out of it. Both ways are FIFOs in which every message counts; what only
//! the latest value of matters (position, meters) goes through cells.

use core::any::Any;

use omega_graph::NodeId;
use omega_processor::EventKind;
use omega_rt::Owned;

use crate::{Fault, Lane, LoopRange, Program, RecordRange};

/// To the audio thread. Nodes are addressed by their index in the program that was sent last before the command.
#[derive(Debug)]
pub enum Command {
    /// Run this program from the next block on. Waits (and all behind it waits) until the fade of the one before is over.
    Adopt(Owned<Program>),
    /// A parameter takes a value; smoothed as it was prepared to be, if `smooth`.
    Param {
        /// Index of the node.
        node: u32,
        /// Index of the parameter.
        param: u16,
        /// In its own unit.
        value: f32,
        /// A live jump is smoothed.
        smooth: bool,
    },
    /// Automation for a parameter, or none from now on.
    Lane {
        /// Index of the node.
        node: u32,
        /// Index of the parameter.
        param: u16,
        /// The curve.
        lane: Option<Owned<Lane>>,
    },
    /// A prepared value for [`omega_processor::Processor::exchange`].
    Exchange {
        /// Index of the node.
        node: u32,
        /// Swapped with the processor's own.
        payload: Owned<dyn Any + Send>,
    },
    /// An event at the beginning of the next block.
    Event {
        /// Index of the node.
        node: u32,
        /// What happens.
        kind: EventKind,
    },
    /// Let go of all keys that are down of the MIDI that comes in.
    Release,
    /// Roll.
    Play,
    /// Roll after a count-in of so many frames, during which the time line stands.
    PlayIn(i64),
    /// Stand still.
    Stop,
    /// Jump to a frame: everything is reset, delay lines are flushed.
    Locate(i64),
    /// Set or clear the loop.
    Loop(Option<LoopRange>),
    /// Say where is recorded while the time line rolls, or that nothing is.
    Record(Option<RecordRange>),
}

/// From the audio thread. Heap values in here are to be dropped by the receiver.
#[derive(Debug)]
pub enum EngineEvent {
    /// No longer in use.
    Retired(Owned<Program>),
    /// What a processor gave back.
    Payload(Owned<dyn Any + Send>),
    /// Automation that was replaced.
    Lane(Owned<Lane>),
    /// A processor's latency changed: compile anew.
    LatencyChanged {
        /// The node.
        node: NodeId,
        /// Its latency in frames.
        frames: u32,
    },
    /// A node was taken out of the sound.
    Failed {
        /// The node.
        node: NodeId,
        /// Why.
        fault: Fault,
    },
}

/// The latest state, for whoever wants to show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStatus {
    /// Time-line frame of what leaves the outputs now.
    pub position: i64,
    /// The time line moves.
    pub rolling: bool,
    /// The time line moves, and it was said where to record.
    pub records: bool,
    /// Frames that had been processed when `records` was last true at the end of a call; 0 if it never was.
    pub recorded_until: i64,
    /// Frames to the end of a count-in; 0 without one.
    pub count_in: i64,
    /// Frames processed since the beginning.
    pub time: i64,
    /// Latency of the program in use, in frames.
    pub latency: u32,
    /// Frames that storage could not deliver in time.
    pub missing: u64,
    /// Events that were dropped: nobody fetched them, or more MIDI came in than a block holds.
    pub dropped: u64,
}
