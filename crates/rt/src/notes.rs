//! What was played on a MIDI input, on its way from the audio thread to whoever keeps it: messages, each with its frame of the
//! time line, and where stretches begin and end.
//!
//! All of it goes through one FIFO. What finds no room is not waited for: a message is lost and counted, and the next thing
//! that has room is that count. Beginnings and ends of stretches are never lost, only late.

use crate::fifo::{Consumer, Producer, fifo};

/// Frames after which a stretch in which nothing is played says how far it is.
const SIGN: i64 = 4096;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// A stretch begins with this frame of the time line.
    From(i64),
    /// A MIDI message, at this frame.
    Message(i64, [u8; 3]),
    /// The stretch lasts to here at least.
    Until(i64),
    /// The stretch ends before this frame.
    End(i64),
    /// So many messages are missing here.
    Lost(u32),
}

/// The audio thread's end. All of it is real-time safe.
#[derive(Debug)]
pub struct NoteHead {
    out: Producer<Played>,
    /// Frame that the next one has if the time line goes straight on; none between stretches.
    next: Option<i64>,
    /// Frame up to which the reader was told that the stretch lasts.
    told: i64,
    /// An end, and a beginning behind it, that found no room.
    owed_end: Option<i64>,
    owed_from: Option<i64>,
    lost: u32,
}

/// A tape for MIDI with room for `messages`; the other end is not for the audio thread. Not real-time safe.
#[must_use]
pub fn note_tape(messages: usize) -> (NoteHead, Consumer<Played>) {
    let (out, reader) = fifo(messages.max(16));
    (NoteHead { out, next: None, told: 0, owed_end: None, owed_from: None, lost: 0 }, reader)
}

impl NoteHead {
    /// So many frames from `position` on are recorded; messages among them come after this call, in their order.
    pub fn roll(&mut self, position: i64, frames: usize) {
        if self.next != Some(position) {
            self.end();
            // A beginning that is owed has nothing behind it.
            self.owed_from = Some(position);
            self.told = position;
        }
        let behind = position.saturating_add_unsigned(frames as u64);
        self.next = Some(behind);
        if self.pay()
            && behind.saturating_sub(self.told) >= SIGN
            && self.out.push(Played::Until(behind)).is_ok()
        {
            self.told = behind;
        }
    }

    /// A message at a frame of what rolls.
    pub fn message(&mut self, position: i64, bytes: [u8; 3]) {
        if self.next.is_none() {
            return;
        }
        if !self.pay() || self.out.push(Played::Message(position, bytes)).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The stretch is over. Does nothing between stretches.
    pub fn end(&mut self) {
        if let Some(position) = self.next.take() {
            // Of a stretch whose beginning nobody was told there is no end.
            if self.owed_from.take().is_none() {
                self.owed_end = Some(position);
            }
        }
        self.pay();
    }

    /// Says what is owed, in its order; false while there is no room.
    fn pay(&mut self) -> bool {
        if self.lost > 0 && self.out.push(Played::Lost(self.lost)).is_ok() {
            self.lost = 0;
        }
        if let Some(position) = self.owed_end {
            if self.out.push(Played::End(position)).is_err() {
                return false;
            }
            self.owed_end = None;
        }
        if let Some(position) = self.owed_from {
            if self.out.push(Played::From(position)).is_err() {
                return false;
            }
            self.owed_from = None;
        }
        self.lost == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn drain(reader: &mut Consumer<Played>) -> Vec<Played> {
        core::iter::from_fn(|| reader.pop()).collect()
    }

    #[test]
    fn stretches_begin_and_end_where_the_time_line_jumps() {
        let (mut head, mut reader) = note_tape(100);
        head.message(5, [0x90, 1, 1]);
        head.roll(10, 20);
        head.message(12, [0x90, 60, 64]);
        head.roll(30, 10);
        head.roll(-5, 10);
        head.message(-1, [0x80, 60, 64]);
        head.end();
        head.end();
        let told = drain(&mut reader);
        let wanted = [
            Played::From(10),
            Played::Message(12, [0x90, 60, 64]),
            Played::End(40),
            Played::From(-5),
            Played::Message(-1, [0x80, 60, 64]),
            Played::End(5),
        ];
        assert_eq!(told, wanted, "what comes between stretches belongs to none");
    }

    #[test]
    fn a_stretch_in_which_nothing_is_played_says_how_far_it_is() {
        let (mut head, mut reader) = note_tape(100);
        (0..10).for_each(|n| head.roll(n * 1000, 1000));
        assert_eq!(drain(&mut reader), [Played::From(0), Played::Until(5000), Played::Until(10_000)]);
    }

    #[test]
    fn what_has_no_room_is_counted_and_beginnings_and_ends_are_not_lost() {
        let (mut head, mut reader) = note_tape(16);
        head.roll(0, 100);
        (0..30).for_each(|frame| head.message(frame, [0x90, 1, 1]));
        head.end();
        head.roll(500, 10);
        let told = drain(&mut reader);
        assert_eq!((told.len(), told[0]), (reader.capacity(), Played::From(0)));
        let missing = 30 - (u32::try_from(told.len()).unwrap() - 1);
        head.message(505, [0x80, 1, 1]);
        head.end();
        let wanted = [
            Played::Lost(missing),
            Played::End(100),
            Played::From(500),
            Played::Message(505, [0x80, 1, 1]),
            Played::End(510),
        ];
        assert_eq!(drain(&mut reader), wanted);
    }
}
