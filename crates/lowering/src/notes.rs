//! Notes of a track become what its instrument plays, all in frames.

use omega_devices::note_player::{Shot, Touch, prepare};
use omega_graph::NodeId;
use omega_session::model::{Control, ControlKind, PlayedNote, Track, TrackId};
use omega_time::TempoMap;

use crate::strip::Lowering;
use crate::{NotePart, Notice, ids};

impl Lowering<'_> {
    /// Gives the notes of a track to the first of its nodes that take notes. A muted track plays none.
    pub(crate) fn notes(&mut self, id: &TrackId, track: &Track, nodes: &[NodeId]) {
        let played = self.project.played_on(id, prepare::MAX_NOTES);
        if played.cut {
            self.out.notices.push(Notice::TooManyNotes { track: track.name.clone() });
        }
        let tempo = self.out.tempo.clone();
        let mut part = NotePart {
            shots: played.notes.iter().map(|note| shot(note, &tempo)).collect(),
            touches: played
                .controls
                .iter()
                .map(|played| (tempo.to_frame(played.at).0, touch(&played.control)))
                .collect(),
        };
        let end = self.project.notes_on(id).iter().map(|heard| heard.end.0).max().unwrap_or(0);
        self.out.end = self.out.end.max(end);
        if nodes.is_empty() && !part.shots.is_empty() {
            self.out.notices.push(Notice::NoInstrument { track: track.name.clone() });
        }
        if self.is_muted(id) {
            part = NotePart::default();
        }
        for node in nodes {
            self.out.note_lists.insert(*node, std::mem::take(&mut part));
        }
    }
}

fn shot(note: &PlayedNote, tempo: &TempoMap) -> Shot {
    let start = tempo.to_frame(note.start).0;
    Shot {
        name: ids::numbers(&[note.clip.as_str(), note.id.as_str(), &note.turn.to_string()]),
        start,
        end: tempo.to_frame(note.end).0.max(start.saturating_add(1)),
        channel: note.channel,
        key: note.key,
        velocity: note.velocity,
        release: note.release,
    }
}

/// The message that sets a controller.
fn touch(control: &Control) -> Touch {
    let channel = control.channel & 0x0f;
    let value = u8::try_from(control.value.clamp(0, 127)).unwrap_or(0);
    Touch(match control.kind {
        ControlKind::Controller(number) => [0xb0 | channel, number & 0x7f, value],
        ControlKind::Program => [0xc0 | channel, value, 0],
        ControlKind::Pressure => [0xd0 | channel, value, 0],
        ControlKind::KeyPressure(key) => [0xa0 | channel, key & 0x7f, value],
        ControlKind::Bend => {
            let bend = u16::try_from(i32::from(control.value.clamp(-8_192, 8_191)) + 8_192).unwrap_or(8_192);
            let [high, low] = (bend << 1).to_be_bytes();
            [0xe0 | channel, low >> 1, high & 0x7f]
        }
    })
}

#[cfg(test)]
mod tests {
    use omega_session::model::ControlId;
    use omega_time::Ticks;

    use super::*;

    #[test]
    fn bends_are_fourteen_bits_around_the_middle() {
        let id = ControlId::new("c").expect("an id");
        let bend = |value| touch(&Control::new(id.clone(), Ticks(0), ControlKind::Bend, value)).0;
        assert_eq!(bend(0), [0xe0, 0, 0x40]);
        assert_eq!((bend(-8_192), bend(8_191)), ([0xe0, 0, 0], [0xe0, 0x7f, 0x7f]));
        assert_eq!((bend(1), bend(-1)), ([0xe0, 1, 0x40], [0xe0, 0x7f, 0x3f]));
    }
}
