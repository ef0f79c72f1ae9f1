//! What a stream counted: data, not errors.

use std::sync::atomic::Ordering::Relaxed;

use omega_rt::RtCounts;

use crate::histogram::Timing;
use crate::priority::Priority;
use crate::shared::Shared;

/// A reading of a stream's counters. Each is exact; readings taken while playing may be a block apart from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blocks handed to the callback.
    pub callbacks: u64,
    /// Frames handed to the callback.
    pub frames: i64,
    /// Frames that passed at the hardware without a callback.
    pub lost: i64,
    /// Xruns that the hardware reported.
    pub xruns: u64,
    /// Frames that were captured and dropped before they came to the callback, where the input has a clock of its own.
    pub input_lost: i64,
    /// Times that what is captured was interrupted on its way between the clocks of input and output: too little was there, or
    /// too much. The callback heard a short silence between two fades.
    pub input_breaks: u64,
    /// MIDI messages that were dropped because too many came at once.
    pub midi_lost: u64,
    /// Cables to MIDI inputs that were pulled out (JACK): whoever held keys there never lets go of them.
    pub midi_gone: u64,
    /// Callbacks that took longer than the time their block lasts. Not counted in freewheel.
    pub late: u64,
    /// Wall-clock time of each callback.
    pub elapsed: Timing,
    /// CPU time of the audio thread in each callback; all zero unless asked for by
    /// [`StreamConfig::measure`](crate::StreamConfig::measure).
    pub cpu: Timing,
    /// How the audio thread is scheduled.
    pub priority: Priority,
    /// Allocations, frees and locks inside the callback. Allocations and frees are counted in programs that install
    /// [`omega_rt::guard::CountingAllocator`].
    pub violations: RtCounts,
}

impl Stats {
    pub(crate) fn read(shared: &Shared) -> Self {
        let counters = &shared.counters;
        Self {
            callbacks: counters.callbacks.load(Relaxed),
            frames: counters.frames.load(Relaxed),
            lost: counters.lost.load(Relaxed),
            xruns: shared.xruns.load(Relaxed),
            input_lost: shared.input_lost.load(Relaxed),
            input_breaks: shared.input_breaks.load(Relaxed),
            midi_lost: shared.midi_lost.load(Relaxed),
            midi_gone: shared.midi_gone.load(Relaxed),
            late: counters.late.load(Relaxed),
            elapsed: counters.elapsed.timing(),
            cpu: counters.cpu.timing(),
            priority: counters.priority.get(),
            violations: RtCounts {
                allocations: counters.allocations.load(Relaxed),
                frees: counters.frees.load(Relaxed),
                locks: counters.locks.load(Relaxed),
            },
        }
    }
}
