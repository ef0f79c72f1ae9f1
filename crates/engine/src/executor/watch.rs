//! Looks at the clock: how much of the time that there is each node takes, and who takes too much.
//!
//! Every call is timed as a whole. Node by node it is timed now and then, and whenever the call before came late: reading
//! the clock around each node costs more than many a node. A node that alone takes more than half of the time in call after
//! late call is taken out; where all of them together are too much, or the machine stood still, nobody is.

use omega_graph::NodeId;
use omega_rt::{LoadCell, Shared};

/// Calls from one that is timed node by node to the next, while none is late.
const EVERY: u32 = 32;

/// Late calls in a row, timed node by node, in which the same node takes most of the time, before it is taken out. A node
/// that is too slow is so in each of them; a machine that takes the processor away does not hit one node six times running.
pub const STRIKES: u32 = 6;

/// A clock, for an engine that plays in real time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What the clock shows. Called on the audio thread: no system call.
    pub now: fn() -> u64,
    /// What it advances in a second.
    pub ticks_per_second: u64,
    /// Frames in a second.
    pub sample_rate: u32,
}

/// The one who took the most time in a call.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    node: NodeId,
    ticks: u64,
}

/// The watch of an engine.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Clock,
    load: Shared<LoadCell>,
    /// Calls until the next that is timed node by node.
    wait: u32,
    /// When the call began.
    began: u64,
    suspect: Option<Suspect>,
    /// Late calls in a row in which it was this node that took most of the time.
    strikes: (u32, Option<NodeId>),
}

impl Watch {
    pub(super) fn new(clock: Clock, load: Shared<LoadCell>) -> Self {
        Self { clock, load, wait: 0, began: 0, suspect: None, strikes: (0, None) }
    }

    /// A call begins.
    pub(super) fn begin(&mut self) {
        self.suspect = None;
        self.began = (self.clock.now)();
    }

    /// The time, where this call is timed node by node.
    pub(super) fn look(&self) -> Option<u64> {
        (self.wait == 0).then(self.clock.now)
    }

    /// Ticks since an earlier look.
    pub(super) fn since(&self, earlier: u64) -> u64 {
        (self.clock.now)().saturating_sub(earlier)
    }

    /// What there is time for: ticks of `frames` frames.
    pub(super) fn time_of(&self, frames: usize) -> u64 {
        (frames as u64).saturating_mul(self.clock.ticks_per_second) / u64::from(self.clock.sample_rate.max(1))
    }

    /// `node` has taken `ticks` in this call so far.
    pub(super) fn took(&mut self, node: NodeId, ticks: u64) {
        if self.suspect.is_none_or(|most| most.ticks <= ticks) {
            self.suspect = Some(Suspect { node, ticks });
        }
    }

    /// A call of `frames` frames ends; it cannot be late where the outside `waits`. Gives the node that has to be taken out.
    pub(super) fn end(&mut self, frames: usize, waits: bool) -> Option<NodeId> {
        let (spent, had) = (self.since(self.began), self.time_of(frames));
        self.load.add(spent, had);
        if spent <= had || waits {
            self.strikes = (0, None);
            self.wait = if self.wait == 0 { EVERY } else { self.wait - 1 };
            return None;
        }
        self.wait = 0;
        let culprit = self.suspect.filter(|suspect| suspect.ticks > had / 2).map(|suspect| suspect.node)?;
        let before = if self.strikes.1 == Some(culprit) { self.strikes.0 } else { 0 };
        self.strikes = (before + 1, Some(culprit));
        (self.strikes.0 >= STRIKES).then_some(culprit)
    }
}
