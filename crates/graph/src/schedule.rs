//! What the engine walks: flat arrays, indices instead of pointers.

use crate::{EdgeId, Fade, MeterId, NodeId, Role};

/// Neighbouring channel buffers that hold one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortBuffer {
    /// Index of the first channel buffer.
    pub first: u32,
    /// Number of channels; zero for a port that nothing is connected to.
    pub count: u16,
}

/// One node in the order of execution.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledNode {
    /// Its id.
    pub id: NodeId,
    /// What it does.
    pub role: Role,
    /// Input before and output after processing.
    pub main: PortBuffer,
    /// Channels of the input.
    pub inputs: u16,
    /// Channels of the output.
    pub outputs: u16,
    /// Extra inputs; read-only.
    pub aux: [PortBuffer; omega_processor::MAX_AUX],
    /// Frames by which its input lags behind the sources: its time-line position is that of the sources less this.
    pub arrival: u32,
    /// Its own latency, as planned.
    pub latency: u32,
    /// A meter looks at its output right behind it.
    pub metered: bool,
    /// The MIDI input of the outside whose messages it gets.
    pub hears: Option<u16>,
}

/// One term of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixInput {
    /// Channel buffer to read.
    pub source: u32,
    /// Factor.
    pub gain: f32,
    /// Whether the term comes or goes.
    pub fade: Fade,
}

/// Sums channels into one channel buffer, in the order of the list, beginning with +0 or with what a step before it left
/// there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixStep {
    /// Channel buffer to write.
    pub target: u32,
    /// First term in [`Schedule::mix_inputs`].
    pub first: u32,
    /// Number of terms; zero writes silence.
    pub count: u32,
    /// Sum in `f64`.
    pub wide: bool,
    /// Goes on with the sum that is in `target`.
    pub more: bool,
}

/// What a node put out, kept for as long as somebody reads it later. One line serves all delayed edges of its node, so
/// that an edge that is new finds the past there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayLine {
    /// The node whose output it holds.
    pub node: NodeId,
    /// Channels.
    pub channels: u16,
    /// Frames of the longest tap.
    pub delay: u32,
}

/// Where an edge reads a delay line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The edge.
    pub edge: EdgeId,
    /// Index in [`Schedule::lines`].
    pub line: u32,
    /// Frames. For feedback at least as many as are processed at once: it is read before the line is written.
    pub delay: u32,
    /// Whether the edge comes or goes.
    pub fade: Fade,
    /// A feedback send.
    pub feedback: bool,
}

/// One step of a block's work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Sum into a channel.
    Mix(MixStep),
    /// Write a port to a delay line.
    LineWrite {
        /// Index in [`Schedule::lines`].
        line: u32,
        /// What to write.
        source: PortBuffer,
    },
    /// Read from a delay line, which was written before in the same block, or will be (feedback).
    LineRead {
        /// Index in [`Schedule::taps`].
        tap: u32,
        /// Where to.
        target: PortBuffer,
    },
    /// Bring in hardware channels.
    Input {
        /// Index in [`Schedule::nodes`].
        node: u32,
        /// First hardware channel.
        first: u16,
    },
    /// Process neighbouring nodes; more than one only where they are of one kind and do not depend on each other.
    Process {
        /// Index of the first in [`Schedule::nodes`].
        first: u32,
        /// How many.
        count: u32,
    },
    /// Measure a port.
    Meter {
        /// Index in [`Schedule::meters`].
        meter: u32,
        /// Index in [`Schedule::nodes`] of the node whose output it is.
        node: u32,
        /// What to measure.
        source: PortBuffer,
        /// Arrival at this point, in frames.
        arrival: u32,
    },
    /// Add to the outside's channels.
    Output {
        /// What to add.
        source: PortBuffer,
        /// First outside channel.
        first: u16,
    },
}

/// A compiled graph.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schedule {
    /// In the order of execution.
    pub nodes: Box<[ScheduledNode]>,
    /// In order.
    pub steps: Box<[Step]>,
    /// Terms of all sums.
    pub mix_inputs: Box<[MixInput]>,
    /// Delay lines, by the order of their nodes' ids.
    pub lines: Box<[DelayLine]>,
    /// Delayed edges, feedback sends among them.
    pub taps: Box<[Tap]>,
    /// Meters.
    pub meters: Box<[MeterId]>,
    /// Channel buffers needed.
    pub channels: u32,
    /// Frames by which the outside lags behind the sources.
    pub latency: u32,
    /// Frames that may be processed at once: the shortest feedback delay.
    pub max_frames: u32,
    /// Some edge comes or goes.
    pub fading: bool,
}
