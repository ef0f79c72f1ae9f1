//! An engine on the bench: a conductor, an executor, and nothing else.

use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, engine};
use omega_engine::{Executor, Planar};

use crate::guarded::guard;

/// An engine that is driven by hand.
#[derive(Debug)]
pub struct Rig {
    /// Sends.
    pub conductor: Conductor,
    /// Runs.
    pub executor: Executor,
    /// Output channels.
    pub outputs: usize,
}

impl Rig {
    /// With so many output channels, at 48 kHz.
    #[must_use]
    pub fn new(level: Level, outputs: usize) -> Self {
        let (executor, control) = engine(level);
        Self { conductor: Conductor::new(control, 48_000), executor, outputs }
    }

    /// Processes `frames` frames in one call and appends what comes out to `heard`, channel by channel.
    ///
    /// # Panics
    /// If `heard` does not have as many channels as the rig, or the engine allocates, frees or locks. (Allocations are seen
    /// where the test installs `omega_rt::guard::CountingAllocator`.)
    pub fn run(&mut self, frames: usize, heard: &mut [Vec<f32>]) {
        assert_eq!(heard.len(), self.outputs, "one row for each output");
        let mut memory = vec![f32::NAN; frames * self.outputs];
        let mut outside = Planar { inputs: &[], outputs: &mut memory, frames };
        guard("the engine", || self.executor.process(&mut outside, frames));
        for (row, channel) in heard.iter_mut().zip(memory.chunks(frames.max(1))) {
            row.extend_from_slice(channel);
        }
    }

    /// Processes and throws away what comes out.
    pub fn skip(&mut self, frames: usize) {
        let mut heard = vec![Vec::new(); self.outputs];
        self.run(frames, &mut heard);
    }

    /// Runs blocks of 64 frames until all that was sent is in use and its fade is over.
    ///
    /// # Panics
    /// If that takes more than 1,000 blocks.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            self.conductor.poll();
            if self.conductor.settled() {
                for _ in 0..omega_engine::FADE / 64 + 1 {
                    self.skip(64);
                }
                self.conductor.poll();
                if self.conductor.settled() {
                    return;
                }
            }
            self.skip(64);
        }
        panic!("the engine does not settle");
    }
}
