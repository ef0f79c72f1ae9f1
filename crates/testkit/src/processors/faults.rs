//! Seeded faults: what a test of the engine must catch.

use omega_processor::{ProcessBlock, Processor, Status};

/// Lets everything through before clock frame `from`, and puts out NaN from there on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NanNode {
    /// Clock frame of the first NaN.
    pub from: i64,
}

impl Processor for NanNode {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let (clock, from) = (block.transport.clock, self.from);
        for channel in block.main.iter_mut() {
            channel
                .iter_mut()
                .zip(clock..)
                .filter(|(_, at)| *at >= from)
                .for_each(|(out, _)| *out = f32::NAN);
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Lets everything through, and fails in each block that reaches clock frame `from`, leaving garbage.
#[derive(Clone, Copy, Debug)]
pub struct FailingNode {
    /// Clock frame from which on it fails.
    pub from: i64,
    /// The number it fails with.
    pub code: u32,
}

impl Processor for FailingNode {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let end = block.transport.clock.saturating_add(i64::try_from(block.frames()).unwrap_or(0));
        if end <= self.from {
            return Status::Sound;
        }
        block.main.iter_mut().for_each(|channel| channel.fill(f32::MAX));
        Status::Failed(self.code)
    }

    fn reset(&mut self) {}
}

/// Lets everything through, and allocates and frees in each block.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllocatingNode;

impl Processor for AllocatingNode {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        drop(std::hint::black_box(Box::new(block.frames())));
        Status::Sound
    }

    fn reset(&mut self) {}
}
