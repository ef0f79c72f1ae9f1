//! Which keys and pedals of a MIDI input are down at a node that hears it, so that none is left hanging.

use omega_processor::{Event, EventKind};

/// The controller of the pedal that holds notes.
const SUSTAIN: u8 = 64;

/// Keys that are down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys {
    /// A bit for each key of each channel.
    down: [u128; 16],
    /// A bit for each channel whose pedal is down.
    pedals: u16,
    /// The input that they are of.
    port: u16,
}

impl Keys {
    /// Nothing is down.
    pub(crate) fn are_up(&self) -> bool {
        self.pedals == 0 && self.down.iter().all(|keys| *keys == 0)
    }

    /// They are of another input, or of one that is heard no more.
    pub(crate) fn are_strange_to(&self, hears: Option<u16>) -> bool {
        hears != Some(self.port)
    }

    /// Notes what a message does.
    pub(crate) fn note(&mut self, event: &Event) {
        let EventKind::Midi(port, [status, key, value]) = event.kind else { return };
        let bit = 1_u128.checked_shl(key.into()).unwrap_or(0);
        let channel = status & 0x0F;
        let Some(keys) = self.down.get_mut(usize::from(channel)) else { return };
        let pedal = 1_u16 << channel;
        match (status & 0xF0, key, value) {
            (0x90, _, 1..) => *keys |= bit,
            (0x80 | 0x90, ..) => *keys &= !bit,
            (0xB0, SUSTAIN, 64..) => self.pedals |= pedal,
            (0xB0, SUSTAIN, _) => self.pedals &= !pedal,
            _ => return,
        }
        self.port = port;
    }

    /// Lets go of all that is down, as far as there is room for the messages. Gives how many there are.
    pub(crate) fn release(&mut self, room: &mut [Event]) -> usize {
        let mut places = room.iter_mut();
        let mut used = 0;
        let mut say = |port, bytes| match places.next() {
            Some(place) => {
                *place = Event { frame: 0, kind: EventKind::Midi(port, bytes) };
                used += 1;
                true
            }
            None => false,
        };
        for (channel, keys) in (0u8..16).zip(self.down.iter_mut()) {
            while *keys != 0 {
                let key = u8::try_from(keys.trailing_zeros()).unwrap_or(0);
                if !say(self.port, [0x80 | channel, key, 64]) {
                    return used;
                }
                *keys &= keys.wrapping_sub(1);
            }
            let pedal = 1_u16 << channel;
            if self.pedals & pedal != 0 && say(self.port, [0xB0 | channel, SUSTAIN, 0]) {
                self.pedals &= !pedal;
            }
        }
        used
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

    fn midi(bytes: [u8; 3]) -> Event {
        Event { frame: 9, kind: EventKind::Midi(2, bytes) }
    }

    #[test]
    fn what_is_down_is_let_go_of_and_nothing_else() {
        let mut keys = Keys::default();
        for bytes in [
            [0x90, 60, 1],
            [0x95, 127, 99],
            [0x90, 61, 5],
            [0x80, 61, 0],
            [0x90, 0, 9],
            [0x90, 0, 0],
            [0xB3, 64, 127],
            [0xE0, 1, 1],
        ] {
            keys.note(&midi(bytes));
        }
        assert!(
            !keys.are_up()
                && keys.are_strange_to(None)
                && keys.are_strange_to(Some(0))
                && !keys.are_strange_to(Some(2))
        );
        let mut room = [Event { frame: 0, kind: EventKind::Transport }; 2];
        assert_eq!(keys.release(&mut room), 2);
        let mut all: Vec<_> = room.iter().map(|event| event.kind).collect();
        assert_eq!(keys.release(&mut room), 1, "the rest, when there is room");
        all.push(room[0].kind);
        assert_eq!(
            all,
            [[0x80, 60, 64], [0xB3, 64, 0], [0x85, 127, 64]].map(|bytes| EventKind::Midi(2, bytes))
        );
        assert!(keys.are_up() && keys.release(&mut room) == 0);
    }
}
