//! Releases that a plugin was not told of, because the request that held them did not get through.

use omega_processor::{Event, EventKind, NoteAddress};

/// Keys and pedals of each channel that have to be let go.
#[derive(Debug, Default)]
pub(super) struct Owed {
    keys: [u128; 16],
    pedals: [u8; 16],
}

/// The controllers that hold something, from the sustain pedal on.
const PEDALS: std::ops::Range<u8> = 64..70;

impl Owed {
    /// Nothing is owed: the plugin is another one, which never got the notes.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Remembers what these events would have let go.
    pub(super) fn remember(&mut self, events: &[Event]) {
        for event in events {
            match event.kind {
                EventKind::NoteOff(address, _) | EventKind::NoteChoke(address) => {
                    if let (Ok(channel), Ok(key)) =
                        (usize::try_from(address.channel), u32::try_from(address.key))
                        && let Some(keys) = self.keys.get_mut(channel)
                    {
                        *keys |= 1_u128.checked_shl(key).unwrap_or(0);
                    }
                }
                EventKind::Midi(_, [status, number, value]) => self.midi(status, number, value),
                _ => {}
            }
        }
    }

    fn midi(&mut self, status: u8, number: u8, value: u8) {
        let channel = usize::from(status & 15);
        match status & 0xf0 {
            0x80 => self.keys[channel] |= 1 << (number & 0x7f),
            0x90 if value == 0 => self.keys[channel] |= 1 << (number & 0x7f),
            0xb0 if value < 64 && PEDALS.contains(&number) => {
                self.pedals[channel] |= 1 << (number - PEDALS.start);
            }
            _ => {}
        }
    }

    /// Tells all that is owed, as far as `push` has room.
    pub(super) fn tell(&mut self, mut push: impl FnMut(Event) -> bool) {
        for (channel, (keys, pedals)) in (0..16_u8).zip(self.keys.iter_mut().zip(&mut self.pedals)) {
            while *pedals != 0 {
                let pedal = PEDALS.start + u8::try_from(pedals.trailing_zeros()).unwrap_or(0);
                if !push(Event { frame: 0, kind: EventKind::Midi(0, [0xb0 | channel, pedal, 0]) }) {
                    return;
                }
                *pedals &= *pedals - 1;
            }
            while *keys != 0 {
                let key = i16::try_from(keys.trailing_zeros()).unwrap_or(0);
                let address = NoteAddress { note: -1, channel: channel.into(), key };
                if !push(Event { frame: 0, kind: EventKind::NoteOff(address, 0.0) }) {
                    return;
                }
                *keys &= *keys - 1;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests run off the audio thread")]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_once_and_as_far_as_there_is_room() {
        let address = |channel, key| NoteAddress { note: 7, channel, key };
        let event = |kind| Event { frame: 9, kind };
        let mut owed = Owed::default();
        owed.remember(&[
            event(EventKind::NoteOn(address(0, 10), 1.0)),
            event(EventKind::NoteOff(address(0, 60), 1.0)),
            event(EventKind::NoteOff(address(15, 127), 1.0)),
            event(EventKind::NoteOff(address(-1, -1), 1.0)),
            event(EventKind::NoteOff(address(0, 60), 1.0)),
            event(EventKind::Midi(0, [0xb3, 64, 0])),
            event(EventKind::Midi(0, [0xb3, 64, 127])),
            event(EventKind::Midi(0, [0x92, 1, 0])),
        ]);
        let (mut told, mut room) = (Vec::new(), 2);
        let mut tell = |owed: &mut Owed, told: &mut Vec<EventKind>| {
            owed.tell(|event| {
                room -= 1;
                if room >= 0 {
                    told.push(event.kind);
                }
                room >= 0
            });
            room = 100;
        };
        tell(&mut owed, &mut told);
        assert_eq!(told.len(), 2);
        tell(&mut owed, &mut told);
        tell(&mut owed, &mut told);
        let off = |channel, key| EventKind::NoteOff(NoteAddress { note: -1, channel, key }, 0.0);
        let expected = [off(0, 60), off(2, 1), EventKind::Midi(0, [0xb3, 64, 0]), off(15, 127)];
        assert_eq!(told, expected);
        owed.remember(&[event(EventKind::NoteOff(address(0, 60), 1.0))]);
        owed.forget();
        tell(&mut owed, &mut told);
        assert_eq!(told.len(), 4);
    }
}
