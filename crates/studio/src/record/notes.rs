//! From MIDI messages to notes with a beginning and an end.

use std::collections::{BTreeMap, VecDeque};

use omega_media::record::NoteStretch;
use omega_session::edit::{ControlValue, NoteValue};
use omega_session::model::ControlKind;
use omega_time::{Frames, TempoMap, Ticks};

/// A note on the frames of the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlayedNote {
    pub start: i64,
    /// Behind `start`.
    pub end: i64,
    pub channel: u8,
    pub key: u8,
    pub velocity: u8,
    pub release: u8,
}

/// Notes of a stretch in the order in which they began, and all its other messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub notes: Vec<PlayedNote>,
    pub others: Vec<(i64, [u8; 3])>,
}

/// How a note is let go of whose release was not recorded.
const RELEASE: u8 = 64;

/// Brings messages together into notes. A key that is down at the end of the stretch is let go of there: at a stop, where it is
/// punched out, where a loop wraps. A release of a key that went down before the stretch belongs to nothing. A key that goes
/// down again while it is down is two notes, of which the first to begin is the first to end.
pub(super) fn notes(stretch: &NoteStretch) -> Notes {
    let mut out = Notes::default();
    let mut down: BTreeMap<(u8, u8), VecDeque<usize>> = BTreeMap::new();
    for &(at, bytes) in &stretch.messages {
        let ([status, key, value], at) = (bytes, at.clamp(stretch.position, stretch.end - 1));
        let channel = status & 0x0F;
        match (status & 0xF0, value) {
            (0x90, 1..) => {
                down.entry((channel, key)).or_default().push_back(out.notes.len());
                let (start, end, velocity, release) = (at, stretch.end, value, RELEASE);
                out.notes.push(PlayedNote { start, end, channel, key, velocity, release });
            }
            (0x80 | 0x90, _) => {
                let first = down.get_mut(&(channel, key)).and_then(VecDeque::pop_front);
                if let Some(note) = first.and_then(|index| out.notes.get_mut(index)) {
                    note.end = at.max(note.start + 1);
                    note.release = if status & 0xF0 == 0x80 { value } else { RELEASE };
                }
            }
            _ => out.others.push((at, bytes)),
        }
    }
    out
}

impl Notes {
    /// The notes as a clip holds them that starts at a tick.
    pub fn values(&self, map: &TempoMap, start: Ticks) -> Vec<NoteValue> {
        let value = |note: &PlayedNote| {
            let at = tick_at(map, note.start);
            let length = Ticks((tick_at(map, note.end) - at).0.max(1));
            let (release, channel) = (note.release, note.channel);
            NoteValue { release, channel, ..NoteValue::new(at - start, length, note.key, note.velocity) }
        };
        self.notes.iter().map(value).collect()
    }
}

/// All other messages as a clip holds them that starts at a tick. Those of one tick keep their order.
pub(super) fn controls(notes: &Notes, map: &TempoMap, start: Ticks) -> Vec<ControlValue> {
    let (mut order, mut last) = (0, None);
    let points = notes.others.iter().filter_map(|&(frame, [status, first, second])| {
        let bend = i16::from(first) + i16::from(second) * 128 - 8_192;
        let (kind, value) = match status & 0xF0 {
            0xA0 => (ControlKind::KeyPressure(first), second.into()),
            0xB0 => (ControlKind::Controller(first), second.into()),
            0xC0 => (ControlKind::Program, first.into()),
            0xD0 => (ControlKind::Pressure, first.into()),
            0xE0 => (ControlKind::Bend, bend),
            _ => return None,
        };
        let at = tick_at(map, frame) - start;
        order = if last == Some(at) { order + 1 } else { 0 };
        last = Some(at);
        Some(ControlValue { channel: status & 0x0F, order, ..ControlValue::new(at, kind, value) })
    });
    points.collect()
}

/// The tick that is heard at a frame: one whose nearest frame it is, wherever there is one, which is at all tempos at which a
/// frame is longer than a tick.
pub(super) fn tick_at(map: &TempoMap, frame: i64) -> Ticks {
    let floor = map.to_tick(Frames(frame));
    let candidates = [floor, floor + Ticks(1)];
    candidates.into_iter().find(|tick| map.to_frame(*tick) == Frames(frame)).unwrap_or(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_ends_with_the_stretch_and_what_was_held_before_is_nothing() {
        let messages = vec![
            (100, [0x80, 40, 9]),
            (110, [0x90, 60, 100]),
            (110, [0xB0, 1, 7]),
            (120, [0x90, 64, 90]),
            (130, [0x80, 60, 33]),
            (140, [0x91, 64, 1]),
            (150, [0x90, 64, 80]),
            (160, [0x90, 64, 0]),
            (170, [0x90, 72, 5]),
            (170, [0x80, 72, 0]),
            (199, [0x90, 1, 1]),
        ];
        let out = notes(&NoteStretch { position: 100, end: 200, messages });
        let told: Vec<_> =
            out.notes.iter().map(|n| (n.start, n.end, n.channel, n.key, n.velocity, n.release)).collect();
        let wanted = [
            (110, 130, 0, 60, 100, 33),
            (120, 160, 0, 64, 90, 64),
            (140, 200, 1, 64, 1, 64),
            (150, 200, 0, 64, 80, 64),
            (170, 171, 0, 72, 5, 0),
            (199, 200, 0, 1, 1, 64),
        ];
        assert_eq!(told, wanted);
        assert_eq!(out.others, [(110, [0xB0, 1, 7])]);
    }
}
