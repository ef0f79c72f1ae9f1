//! A schedule with the memory it runs in.

use omega_graph::Schedule;
use omega_rt::{Owned, PeakCell, Shared};

use crate::delay::{Line, Tap};
use crate::slab::Slab;
use crate::slot::Slot;

/// A schedule, its channel buffers, and the running state of its nodes and delay lines. Built by
/// [`prepare`](crate::prepare), run by the [`Executor`](crate::Executor).
#[derive(Debug)]
pub struct Program {
    pub(crate) schedule: Schedule,
    /// One for each node of the schedule; none where there is nothing to process. Pointers, because as many are swapped
    /// as there are nodes when a program is adopted.
    pub(crate) slots: Owned<[Option<Owned<Slot>>]>,
    /// One for each delay line of the schedule.
    pub(crate) lines: Owned<[Line]>,
    /// One for each tap of the schedule.
    pub(crate) taps: Owned<[Tap]>,
    /// One for each meter of the schedule.
    pub(crate) meters: Owned<[Shared<PeakCell>]>,
    /// All channel buffers.
    pub(crate) slab: Slab,
    /// What to take over from the program before, and what changes when this one is adopted.
    pub(crate) change: Change,
}

/// How a program differs from the one before; found out when it is built.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Slots to take over: (index here, index there).
    pub(crate) slots: Owned<[(u32, u32)]>,
    /// Delay lines to take over, in ascending order.
    pub(crate) lines: Owned<[(u32, u32)]>,
    /// Arrivals of nodes that lagged by another number of frames before: (index here, frames before), ascending.
    pub(crate) arrivals: Owned<[(u32, u32)]>,
    /// Something is cross-faded: the next program has to wait.
    pub(crate) fades: bool,
    /// Frames that may be processed at once while that lasts: delays of feedback that were shorter before.
    pub(crate) max_frames: u32,
}

impl Program {
    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The slot of a node.
    pub(crate) fn slot_mut(&mut self, node: u32) -> Option<&mut Slot> {
        self.slots.get_mut(node as usize)?.as_deref_mut()
    }

    /// Takes over processors, parameters and delay lines from the program before. Real-time safe: pointers are swapped.
    pub(crate) fn take_over(&mut self, before: &mut Program, time: i64) {
        for &(here, there) in &*self.change.slots {
            if let (Some(new), Some(old)) =
                (self.slots.get_mut(here as usize), before.slots.get_mut(there as usize))
            {
                core::mem::swap(new, old);
            }
        }
        let mut carried = self.change.lines.iter().peekable();
        for (index, line) in (0u32..).zip(self.lines.iter_mut()) {
            match carried.next_if(|(here, _)| *here == index) {
                Some((_, there)) => {
                    if let Some(old) = before.lines.get_mut(*there as usize) {
                        line.take_over(old, time);
                    }
                }
                None => line.begin_within_play(time),
            }
        }
    }

    /// The lag of a node before this program was adopted, where it was another one.
    pub(crate) fn arrival_before(&self, node: u32) -> Option<u32> {
        let place = self.change.arrivals.binary_search_by_key(&node, |(node, _)| *node).ok()?;
        self.change.arrivals.get(place).map(|(_, frames)| *frames)
    }
}
