//! A schedule with the memory it runs in.

use omega_graph::Schedule;
use omega_rt::{AlignedBuffer, Owned, PeakCell, Shared};

use crate::delay::Line;
use crate::slot::Slot;

/// A schedule, its channel buffers, and the running state of its nodes and delay lines. Built by
/// [`prepare`](crate::prepare), run by the [`Executor`](crate::Executor).
#[derive(Debug)]
pub struct Program {
    pub(crate) schedule: Schedule,
    /// One for each node of the schedule.
    pub(crate) slots: Owned<[Slot]>,
    /// One for each delay line of the schedule.
    pub(crate) lines: Owned<[Line]>,
    /// One for each meter of the schedule.
    pub(crate) meters: Owned<[Shared<PeakCell>]>,
    /// All channel buffers, [`STRIDE`](crate::STRIDE) samples each.
    pub(crate) slab: AlignedBuffer,
    /// Which channel buffers are known to hold nothing but zeros.
    pub(crate) silent: Owned<[bool]>,
    /// What to take over from the program before: (index here, index there).
    pub(crate) carried_slots: Owned<[(u32, u32)]>,
    /// The same for delay lines.
    pub(crate) carried_lines: Owned<[(u32, u32)]>,
}

impl Program {
    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Takes over processors, parameters and delay lines from the program before. Real-time safe: pointers are swapped;
    /// delay lines that have to grow are copied, at most their old length.
    pub(crate) fn take_over(&mut self, before: &mut Program, time: i64) {
        for &(here, there) in &*self.carried_slots {
            if let (Some(new), Some(old)) =
                (self.slots.get_mut(here as usize), before.slots.get_mut(there as usize))
            {
                core::mem::swap(new, old);
            }
        }
        for &(here, there) in &*self.carried_lines {
            if let (Some(new), Some(old)) =
                (self.lines.get_mut(here as usize), before.lines.get_mut(there as usize))
            {
                new.take_over(old, time);
            }
        }
        let carried = &self.carried_lines;
        for (index, line) in self.lines.iter_mut().enumerate() {
            if carried.binary_search_by_key(&index, |pair| pair.0 as usize).is_err() {
                line.begin_within_play(time);
            }
        }
    }
}
