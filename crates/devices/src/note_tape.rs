//! Records the MIDI that comes in from outside, with its places on the time line.
//!
//! As the [tape](crate::tape) does with sound: placed *n* frames behind the sources it sees the position at which those were *n*
//! frames ago, and with *n* the frames from there to what the player hears, each message is recorded where the one who plays
//! heard what they played to. Built by itself, not through the registry. It puts out silence; a reel is no state.

use core::any::Any;

use omega_processor::{EventKind, ProcessBlock, Processor, Status};
use omega_rt::notes::NoteHead;

/// Payload of an exchange: what to record onto, or nothing. What was in before comes back.
#[derive(Debug, Default)]
pub struct NoteReel(pub Option<NoteHead>);

/// The processor: see the [module](self).
#[derive(Debug, Default)]
pub struct NoteTape {
    reel: NoteReel,
}

impl NoteTape {
    /// Without a reel.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Processor for NoteTape {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let position = block.transport.position;
        if let Some(head) = &mut self.reel.0 {
            if block.transport.recording {
                head.roll(position, block.frames());
                for event in block.events {
                    if let EventKind::Midi(_, bytes) = event.kind {
                        head.message(position.saturating_add(event.frame.into()), bytes);
                    }
                }
            } else {
                head.end();
            }
        }
        block.main.iter_mut().for_each(|channel| channel.fill(0.0));
        Status::Silent
    }

    fn reset(&mut self) {
        // The time line jumped: what comes is another stretch.
        if let Some(head) = &mut self.reel.0 {
            head.end();
        }
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        if let Some(reel) = payload.downcast_mut::<NoteReel>() {
            if let Some(head) = &mut self.reel.0 {
                head.end();
            }
            core::mem::swap(&mut self.reel, reel);
        }
    }
}
