//! Like processors side by side: one lane each.

use core::any::Any;

use crate::{ProcessBlock, Processor, Status};

/// Processors that one batch call gets at most.
pub const MAX_BATCH: usize = 8;

/// One processor and its block within a batch.
pub struct BatchItem<'a> {
    /// The processor; of the kind that the batch function belongs to, else to be processed alone.
    pub processor: &'a mut dyn Processor,
    /// Its block. All blocks of a batch have the same number of frames and the same clock phase.
    pub block: ProcessBlock<'a>,
    /// How it went; set by the batch function.
    pub status: Status,
}

impl<'a> BatchItem<'a> {
    /// Processes this item by itself.
    pub fn process_alone(&mut self) {
        self.status = self.processor.process(&mut self.block);
    }

    /// The processor as its own type, with its block; `None` for a foreign type.
    pub fn downcast<P: Processor>(&mut self) -> Option<(&mut P, &mut ProcessBlock<'a>)> {
        let processor: &mut dyn Any = &mut *self.processor;
        processor.downcast_mut::<P>().map(|processor| (processor, &mut self.block))
    }
}

/// Processes up to [`MAX_BATCH`] items of one kind; the lanes of nodes that need no work are empty. Real-time safe; gives
/// the bytes that separate calls would give.
pub type BatchFn = fn(&mut [Option<BatchItem<'_>>]);
