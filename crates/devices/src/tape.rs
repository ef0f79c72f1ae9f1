//! Records what comes in from outside, with its places on the time line.
//!
//! The sound passes unchanged. While the transport records, and a reel is in, it goes onto the reel as well: with the
//! position of the time line that this node sees. A node that is placed *n* frames behind the sources sees the position at
//! which the sources were *n* frames ago; with *n* the frames that sound takes from there out through the hardware and back in
//! again, each frame is recorded where the one that plays heard what they played to. Punching, loops and stops come out
//! exact for the same reason.
//!
//! A [`Reel`] is put in and taken out by an exchange. Built by itself, not through the registry. Latency 0, no tail; a reel is
//! no state.

use core::any::Any;

use omega_processor::{ProcessBlock, Processor, Status};
use omega_rt::tape::{MAX_FRAMES, TapeHead};

/// Payload of an exchange: what to record onto, or nothing. What was in before comes back.
#[derive(Debug, Default)]
pub struct Reel(pub Option<TapeHead>);

/// The processor: see the [module](self).
#[derive(Debug, Default)]
pub struct Tape {
    reel: Reel,
}

impl Tape {
    /// Without a reel.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Processor for Tape {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        if let Some(head) = &mut self.reel.0 {
            if block.transport.recording {
                let frames = block.frames();
                let mut begin = 0;
                while begin < frames {
                    let end = frames.min(begin + MAX_FRAMES);
                    let position = block.transport.position.saturating_add_unsigned(begin as u64);
                    let mut part = block.main.range(begin, end);
                    head.record(position, end - begin, part.iter_mut().map(|channel| &*channel));
                    begin = end;
                }
            } else {
                head.end();
            }
        }
        if block.input_silent { Status::Silent } else { Status::Sound }
    }

    fn reset(&mut self) {
        // The time line jumped: what comes is another stretch.
        if let Some(head) = &mut self.reel.0 {
            head.end();
        }
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        if let Some(reel) = payload.downcast_mut::<Reel>() {
            if let Some(head) = &mut self.reel.0 {
                head.end();
            }
            core::mem::swap(&mut self.reel, reel);
        }
    }
}
