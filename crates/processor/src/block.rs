//! One block of work, as a processor gets it.

use crate::{Channels, ChannelsRef, Event, MAX_AUX, Params};

/// Frames of one control cell: what runs at control rate is evaluated where `clock` is a multiple of it.
pub const CONTROL_CELL: i64 = 32;

/// Where the block lies on the time line. Positions are those of the sound at this node: a node behind 100 frames of
/// latency sees a position 100 frames before that of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Transport {
    /// Time-line frame of the block's first frame. It advances with each frame while rolling and stands otherwise; it
    /// jumps only between blocks.
    pub position: i64,
    /// Frames that always advance, whether rolling or not: the phase of everything at control rate. Equals `position`
    /// after a locate.
    pub clock: i64,
    /// The time line moves.
    pub rolling: bool,
    /// What comes in from outside is recorded.
    pub recording: bool,
    /// While the time line stands for a count-in: frames from the block's first one to where it moves. Else 0.
    pub count_in: i64,
}

/// One call's worth of work.
#[derive(Debug)]
pub struct ProcessBlock<'a> {
    /// Input before the call, output after it. Without an input it holds anything before the call.
    pub main: Channels<'a>,
    /// The input is known to be exactly zero.
    pub input_silent: bool,
    /// Side-chain and other extra inputs, in the descriptor's order.
    pub aux: [ChannelsRef<'a>; MAX_AUX],
    /// Parameter values.
    pub params: Params<'a>,
    /// Notes and MIDI, sorted by frame.
    pub events: &'a [Event],
    /// Where the block lies.
    pub transport: Transport,
    /// Set by the processor when its latency changed; the graph is compiled anew with it.
    pub new_latency: Option<u32>,
    /// Added to by the processor: frames that storage could not deliver in time.
    pub missing: u32,
}

impl<'a> ProcessBlock<'a> {
    /// A block with nothing connected but its main port.
    #[must_use]
    pub fn new(main: Channels<'a>, params: Params<'a>, transport: Transport) -> Self {
        Self {
            main,
            input_silent: false,
            aux: [ChannelsRef::none(); MAX_AUX],
            params,
            events: &[],
            transport,
            new_latency: None,
            missing: 0,
        }
    }

    /// Frames of this block.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.main.frames()
    }

    /// The block cut at the control grid: see [`Cells`].
    #[must_use]
    pub fn cells(&self) -> Cells {
        Cells::new(self.transport.clock, self.frames())
    }
}

/// A stretch of a block that lies within one control cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// First frame within the block.
    pub begin: usize,
    /// One past the last frame within the block.
    pub end: usize,
    /// Frames of the cell that lie before `begin`; zero where the cell begins, and control-rate work is due.
    pub phase: usize,
}

/// Iterates over the control cells that a block touches. Whatever is computed when `phase` is zero, and only then, does
/// not depend on how the frames are cut into blocks.
///
/// ```
/// use omega_processor::{Cell, Cells};
/// let cells: Vec<Cell> = Cells::new(30, 40).collect();
/// assert_eq!(cells[0], Cell { begin: 0, end: 2, phase: 30 });
/// assert_eq!(cells[1], Cell { begin: 2, end: 34, phase: 0 });
/// assert_eq!(cells[2], Cell { begin: 34, end: 40, phase: 0 });
/// ```
#[derive(Clone, Debug)]
pub struct Cells {
    clock: i64,
    frames: usize,
    next: usize,
}

impl Cells {
    /// Cells of a block of `frames` frames whose first frame is `clock`.
    #[must_use]
    pub fn new(clock: i64, frames: usize) -> Self {
        Self { clock, frames, next: 0 }
    }
}

impl Iterator for Cells {
    type Item = Cell;

    fn next(&mut self) -> Option<Cell> {
        if self.next >= self.frames {
            return None;
        }
        let begin = self.next;
        let at = self.clock.wrapping_add(i64::try_from(begin).unwrap_or(0));
        let phase = usize::try_from(at.rem_euclid(CONTROL_CELL)).unwrap_or(0);
        let left = usize::try_from(CONTROL_CELL).unwrap_or(1) - phase;
        let end = self.frames.min(begin + left);
        self.next = end;
        Some(Cell { begin, end, phase })
    }
}
