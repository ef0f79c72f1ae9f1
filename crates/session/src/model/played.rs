//! What sounds of a track's clips of notes: loops unrolled, cuts made, takes chosen.

use omega_time::{TempoMap, Ticks, TimePoint};

use super::{Clip, ClipId, Control, Extent, Heard, Note, NoteId, Project, TrackId};

/// A note as it sounds, on the ticks of the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayedNote {
    /// Its clip.
    pub clip: ClipId,
    /// It, within that.
    pub id: NoteId,
    /// How often the clip's loop has gone round before it.
    pub turn: i64,
    /// Where it starts.
    pub start: Ticks,
    /// Where it ends: behind its start.
    pub end: Ticks,
    /// 0..=127.
    pub key: u8,
    /// 1..=127.
    pub velocity: u8,
    /// 0..=127.
    pub release: u8,
    /// 0..=15.
    pub channel: u8,
}

/// A controller point as it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayedControl {
    /// Where, on the ticks of the time line.
    pub at: Ticks,
    /// What it sets, and to what.
    pub control: Control,
}

/// What is played of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// By start, channel, key and end.
    pub notes: Vec<PlayedNote>,
    /// By place, and then in their order.
    pub controls: Vec<PlayedControl>,
    /// Something was left out because there is too much.
    pub cut: bool,
}

impl Project {
    /// What is played of the clips of notes on a track, muted ones left out; at most `most` notes and as many controller points.
    ///
    /// A note whose start is not heard is left out, and one that goes on beyond what is heard of its clip ends there.
    #[must_use]
    pub fn played_on(&self, track: &TrackId, most: usize) -> Played {
        let map = self.tempo_map();
        let mut played = Played::default();
        for heard in self.notes_on(track).iter().filter(|heard| !heard.muted) {
            if let Some(clip) = self.clip(&heard.clip) {
                play(&map, heard, clip, most, &mut played);
            }
        }
        played.notes.sort_by(|a, b| {
            (a.start, a.channel, a.key, a.end, &a.clip, &a.id)
                .cmp(&(b.start, b.channel, b.key, b.end, &b.clip, &b.id))
        });
        let place = |c: &PlayedControl| (c.at, c.control.order, c.control.channel, c.control.kind);
        played.controls.sort_by_key(place);
        played
    }
}

fn play(map: &TempoMap, heard: &Heard, clip: &Clip, most: usize, into: &mut Played) {
    let origin = origin(map, clip.position);
    // A clip in no take is heard whole, to the tick; what a comp lets be heard of one in a take is a matter of frames.
    let whole = clip.take.is_none();
    let within = |tick: Ticks| whole || (heard.start..heard.end).contains(&map.to_frame(tick));
    let notes: Vec<&Note> = clip.notes.all().iter().filter(|note| !note.mute).collect();
    into.cut |= unroll(
        clip,
        &notes,
        |note| note.at,
        most.saturating_sub(into.notes.len()),
        |note, turn, n, end| {
            let (start, mut end) = (origin + n, origin + end.min(n + note.length));
            if !within(start) {
                return;
            }
            if !whole && map.to_frame(end) > heard.end {
                end = map.tick_of(TimePoint::Absolute(heard.end)).max(start + Ticks(1));
            }
            let Note { ref id, key, velocity, release, channel, .. } = *note;
            let (clip, id) = (heard.clip.clone(), id.clone());
            into.notes.push(PlayedNote { clip, id, turn, start, end, key, velocity, release, channel });
        },
    );
    let controls: Vec<&Control> = clip.controls.all().iter().collect();
    let room = most.saturating_sub(into.controls.len());
    into.cut |= unroll(
        clip,
        &controls,
        |control| control.at,
        room,
        |control, _, n, _| {
            if within(origin + n) {
                into.controls.push(PlayedControl { at: origin + n, control: Control::clone(control) });
            }
        },
    );
}

/// The first tick that does not lie before a place.
fn origin(map: &TempoMap, place: TimePoint) -> Ticks {
    let tick = map.tick_of(place);
    if map.to_frame(tick) < map.frame_of(place) { tick + Ticks(1) } else { tick }
}

/// Tells of each entry each time that the clip comes to it: which turn of the loop that is, how far behind the clip's start
/// it lies, and how far that turn goes. Gives whether there are more than `most`.
fn unroll<T>(
    clip: &Clip,
    entries: &[&T],
    at: impl Fn(&T) -> Ticks,
    most: usize,
    mut tell: impl FnMut(&T, i64, Ticks, Ticks),
) -> bool {
    let (length, offset) = (clip.length.ticks(), clip.offset.ticks());
    let (start, turn) = (clip.looping.start.ticks(), clip.looping.length.ticks());
    let mut left = most;
    if !clip.looping.on || clip.looping.length < Extent(1) {
        for entry in entries {
            let behind = at(entry) - offset;
            if behind < Ticks::ZERO || behind >= length {
                continue;
            }
            if left == 0 {
                return true;
            }
            left -= 1;
            tell(entry, 0, behind, length);
        }
        return false;
    }
    // The offset counts as within the loop.
    let phase = Ticks((offset - start).0.rem_euclid(turn.0));
    let inside: Vec<&&T> =
        entries.iter().filter(|entry| (start..start + turn).contains(&at(entry))).collect();
    let mut number = 0;
    let mut begin = Ticks::ZERO - phase;
    while begin < length && !inside.is_empty() {
        for entry in &inside {
            let behind = begin + (at(entry) - start);
            if behind < Ticks::ZERO || behind >= length {
                continue;
            }
            if left == 0 {
                return true;
            }
            left -= 1;
            tell(entry, number, behind, (begin + turn).min(length));
        }
        begin += turn;
        number += 1;
    }
    false
}
