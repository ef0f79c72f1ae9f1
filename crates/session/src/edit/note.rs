//! `clip.notes`, `note.add`, `note.set`, `note.move`, `note.quantize` and `note.remove`: clips of notes and what is in them.

use std::collections::BTreeSet;

use omega_time::{Bbt, TempoMap, Ticks, TimePoint};

use super::clip::check_track;
use super::control::{ControlValue, controls_of};
use super::take::check_take;
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{
    Clip, ClipId, Entries, Entry, Fault, Note, NoteId, Notes, PointText, RELEASE, TakeId, TrackId,
};

verb! {
    /// A note as it is written into a clip.
    pub struct NoteValue {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<NoteId>,
        /// The tick of the clip's material at which it starts; 0 is where a new clip starts.
        pub at: Ticks,
        /// Its ticks, 1 or more.
        pub length: Ticks,
        /// 0..=127; 60 is middle C.
        pub key: u8,
        /// 1..=127; 100 where left out.
        #[serde(default = "struck")]
        pub velocity: u8,
        /// The velocity of its release, 0..=127; 64 where left out.
        #[serde(default = "released")]
        pub release: u8,
        /// 0..=15.
        #[serde(default)]
        pub channel: u8,
        /// Silent.
        #[serde(default)]
        pub mute: bool,
    }
}

const fn struck() -> u8 {
    100
}

const fn released() -> u8 {
    RELEASE
}

impl NoteValue {
    /// A note on channel 0.
    #[must_use]
    pub fn new(at: Ticks, length: Ticks, key: u8, velocity: u8) -> Self {
        Self { id: None, at, length, key, velocity, release: RELEASE, channel: 0, mute: false }
    }
}

verb! {
    /// Adds a clip of notes to an audio track.
    pub struct ClipNotes {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ClipId>,
        /// The track.
        pub track: TrackId,
        /// The take of that track; none where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub take: Option<TakeId>,
        /// Where it starts.
        #[serde(with = "PointText")]
        pub position: TimePoint,
        /// Its ticks, 1 or more.
        pub length: Ticks,
        /// The tick of its material that it starts with.
        #[serde(default)]
        pub offset: Ticks,
        /// Its name.
        #[serde(default)]
        pub name: String,
        /// Its notes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notes: Vec<NoteValue>,
        /// Its controller points.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub controls: Vec<ControlValue>,
    }
}

impl ClipNotes {
    /// An empty clip of notes.
    #[must_use]
    pub fn new(track: TrackId, position: TimePoint, length: Ticks) -> Self {
        let (notes, controls) = (Vec::new(), Vec::new());
        let (offset, name) = (Ticks::ZERO, String::new());
        Self { id: None, track, take: None, position, length, offset, name, notes, controls }
    }
}

impl Verb for ClipNotes {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        check_track(draft, &self.track)?;
        check_take(draft, &self.track, self.take.as_ref())?;
        let mut clip = Clip::of_notes(self.track.clone(), self.position, self.length);
        clip.offset = self.offset.into();
        clip.name.clone_from(&self.name);
        clip.take.clone_from(&self.take);
        let id = draft.add(self.id.as_ref(), clip)?;
        let created = draft.created.len();
        add_notes(draft, &id, &self.notes)?;
        let controls = controls_of(draft, &id, &self.controls)?;
        // What is new is the clip; what is in it goes with it.
        draft.created.truncate(created);
        store(draft, &id, |clip| clip.controls = controls)
    }
}

/// The clip, which holds notes.
pub(super) fn clip_of<'a>(draft: &'a Draft, id: &ClipId) -> Result<&'a Clip, EditError> {
    let clip = draft.get::<Clip>(id)?;
    if clip.has_notes() {
        return Ok(clip);
    }
    Err(EditError::refused(format!("clip {:?} plays media; notes are in clips of notes", id.as_str())))
}

/// Changes a clip's lists, whose entries were checked one by one.
pub(super) fn store(draft: &mut Draft, id: &ClipId, change: impl FnOnce(&mut Clip)) -> Result<(), EditError> {
    let mut clip = Clip::clone(draft.get::<Clip>(id)?);
    change(&mut clip);
    draft.change_checked::<Clip>(id, clip);
    Ok(())
}

/// A list whose entries lie within their bounds, and are not too many.
pub(super) fn list<E: Entry>(clip: &ClipId, section: &str, entries: Vec<E>) -> Result<Entries<E>, EditError> {
    if entries.len() > E::MOST {
        let names = E::NAMES.trim_end_matches('s');
        return Err(EditError::TooMany { kind: names, most: E::MOST });
    }
    for entry in &entries {
        if let Err(what) = E::from_fact(entry.id().clone(), &entry.fact()) {
            let path = format!("clips.{clip}.{section}.{}", entry.id());
            return Err(EditError::Value(Fault { path, what }));
        }
    }
    Ok(Entries::new(entries))
}

/// The entries that are meant: those that are named, or all.
pub(super) fn meant<E: Entry>(entries: &Entries<E>, ids: &[E::Id]) -> Result<BTreeSet<E::Id>, EditError> {
    let there: BTreeSet<&E::Id> = entries.all().iter().map(Entry::id).collect();
    if let Some(id) = ids.iter().find(|id| !there.contains(id)) {
        return Err(EditError::Unknown { kind: E::NAMES.trim_end_matches('s'), id: id.to_string() });
    }
    Ok(if ids.is_empty() { there.into_iter().cloned().collect() } else { ids.iter().cloned().collect() })
}

/// The id for a new entry: the one that was asked for, if it is free, or a new one.
pub(super) fn free_id<E: Entry>(
    draft: &mut Draft,
    prefix: &str,
    wanted: Option<&E::Id>,
    taken: &mut BTreeSet<E::Id>,
) -> Result<E::Id, EditError> {
    let id = match wanted {
        Some(id) if taken.contains(id) => {
            return Err(EditError::Exists { kind: E::NAMES.trim_end_matches('s'), id: id.to_string() });
        }
        Some(id) => id.clone(),
        None => draft.new_inner_id(prefix, &|id| taken.contains(id)),
    };
    taken.insert(id.clone());
    draft.created.push(id.to_string());
    Ok(id)
}

fn add_notes(draft: &mut Draft, clip: &ClipId, values: &[NoteValue]) -> Result<(), EditError> {
    let mut notes = clip_of(draft, clip)?.notes.all().to_vec();
    let mut taken: BTreeSet<NoteId> = notes.iter().map(|note| note.id.clone()).collect();
    for value in values {
        let NoteValue { at, length, key, velocity, release, channel, mute, .. } = *value;
        let id = free_id::<Note>(draft, NoteId::PREFIX, value.id.as_ref(), &mut taken)?;
        notes.push(Note { id, at, length, key, velocity, release, channel, mute });
    }
    let notes = list(clip, "notes", notes)?;
    store(draft, clip, |clip| clip.notes = notes)
}

verb! {
    /// Adds notes to a clip.
    pub struct NoteAdd {
        /// The clip.
        pub clip: ClipId,
        /// The notes: `[{"at": 0, "length": 80640, "key": 60, "velocity": 100}]`.
        pub notes: Vec<NoteValue>,
    }
}

impl Verb for NoteAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        add_notes(draft, &self.clip, &self.notes)
    }
}

verb! {
    /// Removes notes.
    pub struct NoteRemove {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notes: Vec<NoteId>,
    }
}

impl Verb for NoteRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let notes = &clip_of(draft, &self.clip)?.notes;
        let gone = meant(notes, &self.notes)?;
        let left = notes.all().iter().filter(|note| !gone.contains(&note.id)).cloned().collect();
        let left = Notes::new(left);
        store(draft, &self.clip, |clip| clip.notes = left)
    }
}

/// Changes those notes of a clip that are meant.
fn change(
    draft: &mut Draft,
    clip: &ClipId,
    ids: &[NoteId],
    change: impl Fn(&mut Note) -> Result<(), EditError>,
) -> Result<(), EditError> {
    let notes = &clip_of(draft, clip)?.notes;
    let meant = meant(notes, ids)?;
    let mut changed = notes.all().to_vec();
    changed.iter_mut().filter(|note| meant.contains(&note.id)).try_for_each(change)?;
    let changed = list(clip, "notes", changed)?;
    store(draft, clip, |clip| clip.notes = changed)
}

verb! {
    /// Changes notes; what is left out stays.
    pub struct NoteSet {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notes: Vec<NoteId>,
        /// Where they start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<Ticks>,
        /// Their ticks, 1 or more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub length: Option<Ticks>,
        /// 0..=127.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub key: Option<u8>,
        /// 1..=127.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub velocity: Option<u8>,
        /// 0..=127.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub release: Option<u8>,
        /// 0..=15.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub channel: Option<u8>,
        /// Whether they are silent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mute: Option<bool>,
    }
}

impl Verb for NoteSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        change(draft, &self.clip, &self.notes, |note| {
            note.at = self.at.unwrap_or(note.at);
            note.length = self.length.unwrap_or(note.length);
            note.key = self.key.unwrap_or(note.key);
            note.velocity = self.velocity.unwrap_or(note.velocity);
            note.release = self.release.unwrap_or(note.release);
            note.channel = self.channel.unwrap_or(note.channel);
            note.mute = self.mute.unwrap_or(note.mute);
            Ok(())
        })
    }
}

verb! {
    /// Moves notes in time, up and down, or both.
    pub struct NoteMove {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notes: Vec<NoteId>,
        /// Ticks later; negative for earlier.
        #[serde(default)]
        pub by: Ticks,
        /// Keys higher; negative for lower.
        #[serde(default)]
        pub keys: i16,
    }
}

impl Verb for NoteMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        change(draft, &self.clip, &self.notes, |note| {
            note.at += self.by;
            let key = i16::from(note.key).saturating_add(self.keys);
            note.key = u8::try_from(key).map_err(|_| {
                EditError::refused(format!("key {key} of note {:?} is not one of 0 to 127", note.id.as_str()))
            })?;
            Ok(())
        })
    }
}

verb! {
    /// Draws the starts of notes to a grid, which begins anew with each bar. They keep their lengths.
    pub struct NoteQuantize {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notes: Vec<NoteId>,
        /// Ticks from line to line, 1 or more: 20,160 is a sixteenth.
        pub grid: Ticks,
        /// How far they are drawn, 1 to 100 percent.
        #[serde(default = "all_the_way")]
        pub strength: u8,
    }
}

const fn all_the_way() -> u8 {
    100
}

impl Verb for NoteQuantize {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if self.grid < Ticks(1) || !(1..=100).contains(&self.strength) {
            return Err(EditError::refused("a grid has 1 tick or more, and draws by 1 to 100 percent"));
        }
        let map = draft.project.tempo_map();
        let clip = clip_of(draft, &self.clip)?;
        let origin = map.tick_of(clip.position) - clip.offset.ticks();
        change(draft, &self.clip, &self.notes, |note| {
            let place = origin + note.at;
            let way = nearest(&map, place, self.grid) - place;
            note.at += Ticks(way.0 * i64::from(self.strength) / 100);
            Ok(())
        })
    }
}

/// The line of a grid nearest to a tick, half-way the later one; the next bar is a line as well.
fn nearest(map: &TempoMap, tick: Ticks, grid: Ticks) -> Ticks {
    let bar = map.to_bbt(tick).bar;
    let begin = |bar| map.bbt_to_tick(Bbt { bar, beat: 1, tick: 0 });
    let (Ok(start), Ok(end)) = (begin(bar), begin(bar.saturating_add(1))) else { return tick };
    let before = start + Ticks((tick - start).0.div_euclid(grid.0).saturating_mul(grid.0));
    let after = (before + grid).min(end);
    if after - tick <= tick - before { after } else { before }
}

#[cfg(test)]
mod tests {
    use omega_time::{SampleRate, Tempo, TimeSignature};

    use super::*;

    #[test]
    fn a_grid_begins_with_each_bar_and_ends_with_it() {
        let signature = TimeSignature::new(7, 8).unwrap();
        let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::DEFAULT, signature);
        let bar = 7 * 40_320;
        let quarter = Ticks(80_640);
        for (tick, line) in [
            (0, 0),
            (40_319, 0),
            (40_320, 80_640),
            (bar - 1, bar),
            (bar, bar),
            (3 * 80_640 + 20_159, 3 * 80_640),
            (3 * 80_640 + 20_160, bar),
            (bar + 40_321, bar + 80_640),
            (-10, 0),
        ] {
            assert_eq!(nearest(&map, Ticks(tick), quarter), Ticks(line), "{tick}");
        }
    }
}
