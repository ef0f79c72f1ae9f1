//! `take.add`, `take.remove`, `take.move`, `take.duplicate`, `take.promote`, `clip.take` and what a take sets.

use super::order::place;
use super::track_duplicate::copy_name;
use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{
    Clip, ClipId, Colour, CompId, CompSpan, OrderKey, Take, TakeId, Track, TrackId, TrackKind,
};

verb! {
    /// Adds a take to an audio track. It has no clips yet, and is heard nowhere until the comp names it.
    pub struct TakeAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<TakeId>,
        /// The track.
        pub track: TrackId,
        /// Its name; `Take` and the next number where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// Its colour.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub colour: Option<Colour>,
        /// The take that it stands before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<TakeId>,
    }
}

impl TakeAdd {
    /// A take at the end of those of a track.
    #[must_use]
    pub fn new(track: TrackId) -> Self {
        Self { id: None, track, name: None, colour: None, before: None }
    }
}

impl Verb for TakeAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let kind = draft.get::<Track>(&self.track)?.kind;
        if kind != TrackKind::Audio {
            let track = self.track.as_str();
            return Err(EditError::refused(format!(
                "track {track:?} is of kind {kind}; takes are of audio tracks"
            )));
        }
        let name = self.name.clone().unwrap_or_else(|| next_name(draft, &self.track));
        let mut take = Take::new(self.track.clone(), &name);
        take.order = make_room(draft, &self.track, self.before.as_ref(), None)?;
        take.colour = self.colour;
        draft.add(self.id.as_ref(), take).map(drop)
    }
}

/// `Take 3`, where no take of the track has a higher number.
fn next_name(draft: &Draft, track: &TrackId) -> String {
    let number = |take: &Take| take.name.strip_prefix("Take ")?.parse::<u32>().ok();
    let highest = draft.project.takes_of(track).filter_map(|(_, take)| number(take)).max();
    format!("Take {}", highest.unwrap_or(0).saturating_add(1))
}

fn make_room(
    draft: &mut Draft,
    track: &TrackId,
    before: Option<&TakeId>,
    mover: Option<&TakeId>,
) -> Result<OrderKey, EditError> {
    let siblings = draft.project.takes_of(track).filter(|(id, _)| Some(*id) != mover);
    let siblings: Vec<_> = siblings.map(|(id, take)| (id.clone(), take.order.clone())).collect();
    let (key, others) = place("take", &siblings, before)?;
    for (id, key) in others {
        draft.change::<Take>(&id, |take| take.order = key)?;
    }
    Ok(key)
}

verb! {
    /// Removes a take with its clips and the spans of the comp that name it: nothing is heard there then.
    pub struct TakeRemove {
        /// Which one.
        pub id: TakeId,
    }
}

impl Verb for TakeRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let clips: Vec<ClipId> = draft.project.clips_in(&self.id).map(|(id, _)| id.clone()).collect();
        clips.iter().try_for_each(|id| draft.remove::<Clip>(id).map(drop))?;
        remove_alone(draft, &self.id)
    }
}

/// Removes a take, and the spans of the comp that name it.
fn remove_alone(draft: &mut Draft, id: &TakeId) -> Result<(), EditError> {
    let spans = draft.project.comp().iter().filter(|(_, span)| span.take == *id);
    let spans: Vec<CompId> = spans.map(|(id, _)| id.clone()).collect();
    spans.iter().try_for_each(|id| draft.remove::<CompSpan>(id).map(drop))?;
    draft.remove::<Take>(id).map(drop)
}

verb! {
    /// Moves a take among those of its track.
    pub struct TakeMove {
        /// Which one.
        pub id: TakeId,
        /// The take that it is to stand before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<TakeId>,
    }
}

impl Verb for TakeMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let track = draft.get::<Take>(&self.id)?.track.clone();
        let order = make_room(draft, &track, self.before.as_ref(), Some(&self.id))?;
        draft.change::<Take>(&self.id, |take| take.order = order)
    }
}

setters! {
    /// Names a take.
    TakeRename(Take, TakeId) {
        /// Its name, up to 1,000 characters.
        name: String,
    } |take, this| take.name.clone_from(&this.name);

    /// Colours a take, or takes its colour away (`null`).
    TakeColour(Take, TakeId) {
        /// `#rrggbb`
        colour: Option<Colour>,
    } |take, this| take.colour = this.colour;

    /// Mutes a take or not.
    TakeMute(Take, TakeId) {
        /// Whether it is.
        on: bool,
    } |take, this| take.mute = this.on;
}

verb! {
    /// Copies a take with its clips. The copy stands right after it and is heard nowhere.
    pub struct TakeDuplicate {
        /// Which one.
        pub id: TakeId,
        /// The id of the copy; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub copy: Option<TakeId>,
        /// The name of the copy; that of the take and `copy` where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
    }
}

impl Verb for TakeDuplicate {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let track = draft.get::<Take>(&self.id)?.track.clone();
        let siblings = draft.project.takes_of(&track).map(|(id, _)| id);
        let next = siblings.skip_while(|id| **id != self.id).nth(1).cloned();
        let order = make_room(draft, &track, next.as_ref(), None)?;
        let take = Take::clone(draft.get::<Take>(&self.id)?);
        let name = self.name.clone().unwrap_or_else(|| copy_name(&take.name));
        let copy = draft.add(self.copy.as_ref(), Take { name, order, ..take })?;
        let clips = draft.project.clips_in(&self.id);
        let clips: Vec<Clip> = clips.map(|(_, clip)| Clip::clone(clip)).collect();
        for clip in clips {
            draft.add(None, Clip { take: Some(copy.clone()), ..clip })?;
        }
        Ok(())
    }
}

verb! {
    /// Makes the clips of a take clips of the track itself, which are always heard, and removes the take with the spans
    /// that name it.
    pub struct TakePromote {
        /// Which one.
        pub id: TakeId,
    }
}

impl Verb for TakePromote {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Take>(&self.id)?;
        let clips: Vec<ClipId> = draft.project.clips_in(&self.id).map(|(id, _)| id.clone()).collect();
        for id in clips {
            draft.change::<Clip>(&id, |clip| clip.take = None)?;
        }
        remove_alone(draft, &self.id)
    }
}

verb! {
    /// Puts a clip into a take of its track, or makes it a clip of the track itself (`null`), which is always heard.
    pub struct ClipTake {
        /// Which one.
        pub id: ClipId,
        /// The take.
        pub take: Option<TakeId>,
    }
}

impl Verb for ClipTake {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let track = draft.get::<Clip>(&self.id)?.track.clone();
        check_take(draft, &track, self.take.as_ref())?;
        draft.change::<Clip>(&self.id, |clip| clip.take.clone_from(&self.take))
    }
}

/// Whether a clip of this track can be in that take.
pub(super) fn check_take(draft: &Draft, track: &TrackId, take: Option<&TakeId>) -> Result<(), EditError> {
    let Some(id) = take else { return Ok(()) };
    let owner = &draft.get::<Take>(id)?.track;
    if owner == track {
        return Ok(());
    }
    Err(EditError::refused(format!(
        "take {:?} is of track {:?}; choose a take of {:?}",
        id.as_str(),
        owner.as_str(),
        track.as_str()
    )))
}
