//! The bridge between the clocks of two devices by itself, so that it can be driven by any two threads, without hardware.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use omega_rt::RtCounts;

use crate::bridge::{Inlet, Outlet, bridge};
use crate::callback::MAX_PERIOD;
use crate::planar::Planar;
use crate::runner::guarded;
use crate::shared::Shared;

/// The side of the input: belongs to the thread that captures.
pub struct Capturing {
    inlet: Inlet,
    shared: Arc<Shared>,
}

/// The side of the output: belongs to the thread that plays.
pub struct Playing {
    outlet: Outlet,
    block: Planar,
    shared: Arc<Shared>,
}

/// A bridge of `channels` channels, from an input at `rates.0` frames per second to an output at `rates.1`. Allocates.
#[must_use]
pub fn clock_bridge(channels: usize, rates: (u32, u32)) -> (Capturing, Playing) {
    let shared = Arc::new(Shared::new(rates.1, 256, None));
    let (inlet, outlet) = bridge(channels, rates, MAX_PERIOD, &shared);
    let playing = Playing { outlet, block: Planar::new(channels, MAX_PERIOD), shared: Arc::clone(&shared) };
    (Capturing { inlet, shared }, playing)
}

impl Capturing {
    /// Captures a block, interleaved, at `now` in seconds, and does `also` (what a test seeds) as a part of it. Watched as it is
    /// in a backend.
    pub fn write(&mut self, now: f64, interleaved: &[f32], also: impl FnOnce()) {
        let inlet = &mut self.inlet;
        guarded(&self.shared, || {
            inlet.write(now, interleaved);
            also();
        });
    }
}

impl Playing {
    /// Gives `frames` frames, at most [`MAX_PERIOD`], for a call at `now` in seconds: a slice for each channel.
    pub fn read(&mut self, now: f64, frames: usize) -> impl Iterator<Item = &[f32]> {
        let (outlet, block) = (&mut self.outlet, &mut self.block);
        guarded(&self.shared, || outlet.read(now, frames, block));
        self.block.read(frames)
    }

    /// What both sides did and must not.
    #[must_use]
    pub fn violations(&self) -> RtCounts {
        let counters = &self.shared.counters;
        RtCounts {
            allocations: counters.allocations.load(Relaxed),
            frees: counters.frees.load(Relaxed),
            locks: counters.locks.load(Relaxed),
        }
    }

    /// Times that the sound was interrupted.
    #[must_use]
    pub fn breaks(&self) -> u64 {
        self.shared.input_breaks.load(Relaxed)
    }
}
