//! `clip.add`, `clip.remove`, `clip.move`, `clip.duplicate` and what a clip sets.

use omega_time::{Frames, TimeBase, TimePoint};

use super::clip_place::{end, in_base, place_behind, start};
use super::clip_trim::refuse_notes;
use super::take::check_take;
use super::verb::{Verb, optional_point, setters, verb};
use super::{Draft, EditError};
use crate::model::{
    Clip, ClipId, Colour, Extent, Fade, Media, MediaId, PointText, TakeId, Track, TrackId, TrackKind,
};

verb! {
    /// Adds a clip of a file of the pool to an audio track.
    pub struct ClipAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ClipId>,
        /// The track.
        pub track: TrackId,
        /// The take of that track; none where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub take: Option<TakeId>,
        /// The file.
        pub media: MediaId,
        /// Where it starts: `80640t` (then it moves with the tempo) or `48000f`.
        #[serde(with = "PointText")]
        pub position: TimePoint,
        /// Its frames; to the end of the file where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub length: Option<Frames>,
        /// The frame of the file that it starts with.
        #[serde(default)]
        pub offset: Frames,
        /// Its name.
        #[serde(default)]
        pub name: String,
        /// −144 (silence) to 48.
        #[serde(default)]
        pub gain_db: f64,
    }
}

impl ClipAdd {
    /// All of a file at a place.
    #[must_use]
    pub fn new(track: TrackId, media: MediaId, position: TimePoint) -> Self {
        let (offset, name, gain_db) = (Frames(0), String::new(), 0.0);
        Self { id: None, track, take: None, media, position, length: None, offset, name, gain_db }
    }
}

impl Verb for ClipAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        check_track(draft, &self.track)?;
        check_take(draft, &self.track, self.take.as_ref())?;
        let media = draft.get::<Media>(&self.media)?;
        let length = self.length.unwrap_or(media.frames - self.offset);
        let mut clip = Clip::new(self.track.clone(), self.media.clone(), self.position, length);
        (clip.offset, clip.gain_db) = (self.offset.into(), self.gain_db);
        clip.name.clone_from(&self.name);
        clip.take.clone_from(&self.take);
        draft.add(self.id.as_ref(), clip).map(drop)
    }
}

/// Whether clips can lie there.
pub(super) fn check_track(draft: &Draft, id: &TrackId) -> Result<(), EditError> {
    match draft.get::<Track>(id)?.kind {
        TrackKind::Audio => Ok(()),
        kind => Err(EditError::refused(format!(
            "track {:?} is of kind {kind}; clips lie on audio tracks",
            id.as_str()
        ))),
    }
}

verb! {
    /// Removes a clip.
    pub struct ClipRemove {
        /// Which one.
        pub id: ClipId,
        /// Closes the gap: clips of its track that start at or after its end move earlier by its length. Of a clip in a take,
        /// only clips of that take do; else only clips in none. The comp stays.
        #[serde(default)]
        pub ripple: bool,
    }
}

impl Verb for ClipRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let gone = draft.remove::<Clip>(&self.id)?;
        if !self.ripple {
            return Ok(());
        }
        let map = draft.project.tempo_map();
        let end = end(&map, &gone);
        let beside = draft.project.clips_on(&gone.track).filter(|(_, clip)| clip.take == gone.take);
        let later = beside.filter(|(_, clip)| start(&map, clip) >= end);
        let later: Vec<(ClipId, TimePoint)> = later.map(|(id, clip)| (id.clone(), clip.position)).collect();
        let (frames, ticks) = (end - start(&map, &gone), gone.length.ticks());
        for (id, position) in later {
            let place = match position {
                // Notes are measured in ticks, and so is the gap that they leave among what moves with the tempo.
                TimePoint::Musical(tick) if gone.has_notes() => TimePoint::Musical(tick - ticks),
                position => TimePoint::Absolute(map.frame_of(position) - frames),
            };
            draft.change::<Clip>(&id, |clip| clip.position = in_base(&map, place, position.base()))?;
        }
        Ok(())
    }
}

verb! {
    /// Moves a clip along the time line, to another track, or both. It keeps its time base. On another track it is in no take.
    pub struct ClipMove {
        /// Which one.
        pub id: ClipId,
        /// The track; its own where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub track: Option<TrackId>,
        /// Where it is to start; where it does where left out.
        #[serde(default, with = "optional_point", skip_serializing_if = "Option::is_none")]
        pub position: Option<TimePoint>,
    }
}

impl Verb for ClipMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if let Some(track) = &self.track {
            check_track(draft, track)?;
        }
        let map = draft.project.tempo_map();
        draft.change::<Clip>(&self.id, |clip| {
            if let Some(track) = self.track.clone().filter(|track| *track != clip.track) {
                (clip.track, clip.take) = (track, None);
            }
            clip.position = self.position.map_or(clip.position, |to| in_base(&map, to, clip.position.base()));
        })
    }
}

verb! {
    /// Copies a clip. On another track the copy is in no take.
    pub struct ClipDuplicate {
        /// Which one.
        pub id: ClipId,
        /// The id of the copy; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub copy: Option<ClipId>,
        /// The track of the copy; the same where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub track: Option<TrackId>,
        /// Where the copy starts; right after the clip where left out.
        #[serde(default, with = "optional_point", skip_serializing_if = "Option::is_none")]
        pub position: Option<TimePoint>,
    }
}

impl Verb for ClipDuplicate {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let mut copy = Clip::clone(draft.get::<Clip>(&self.id)?);
        if let Some(track) = &self.track {
            check_track(draft, track)?;
            copy.take = copy.take.filter(|_| *track == copy.track);
            copy.track = track.clone();
        }
        let map = draft.project.tempo_map();
        let place = self.position.unwrap_or_else(|| place_behind(&map, &copy, copy.length));
        copy.position = in_base(&map, place, copy.position.base());
        draft.add(self.copy.as_ref(), copy).map(drop)
    }
}

verb! {
    /// Ties a clip to bars and beats or to the clock. It stays where it is, but for a frame where ticks are longer than
    /// frames.
    pub struct ClipTimeBase {
        /// Which one.
        pub id: ClipId,
        /// `musical` or `absolute`.
        pub base: TimeBase,
    }
}

impl Verb for ClipTimeBase {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        draft.change::<Clip>(&self.id, |clip| {
            if clip.position.base() != self.base {
                clip.position = in_base(&map, clip.position, self.base);
            }
        })
    }
}

verb! {
    /// Sets the fades of a clip; what is left out stays.
    pub struct ClipFade {
        /// Which one.
        pub id: ClipId,
        /// The fade at its start: `{"length": 480, "shape": "linear"}`.
        #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
        pub fade_in: Option<Fade>,
        /// The fade at its end.
        #[serde(default, rename = "out", skip_serializing_if = "Option::is_none")]
        pub fade_out: Option<Fade>,
    }
}

impl Verb for ClipFade {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let clip = draft.get::<Clip>(&self.id)?;
        refuse_notes(&self.id, clip, "fades")?;
        let length = clip.length.frames();
        if let Some(fade) = self.fade_in.iter().chain(&self.fade_out).find(|fade| fade.length > length) {
            return Err(EditError::refused(format!(
                "a fade of {} frames is longer than the clip, which has {}",
                fade.length.0, length.0
            )));
        }
        draft.change::<Clip>(&self.id, |clip| {
            clip.fade_in = self.fade_in.clone().unwrap_or_else(|| clip.fade_in.clone());
            clip.fade_out = self.fade_out.clone().unwrap_or_else(|| clip.fade_out.clone());
        })
    }
}

verb! {
    /// Repeats a stretch of the material, or not.
    pub struct ClipLoopSet {
        /// Which one.
        pub id: ClipId,
        /// Whether it does.
        #[serde(default = "super::verb::yes")]
        pub on: bool,
        /// The frame of the media (the tick, in a clip of notes) that the loop starts with; as it was where left out, at first the
        /// clip's offset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub start: Option<Extent>,
        /// Its frames or ticks; as they were where left out, at first those of the clip.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub length: Option<Extent>,
    }
}

impl Verb for ClipLoopSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let clip = draft.get::<Clip>(&self.id)?;
        let fresh = clip.looping.length == Extent(0);
        let (start, length) = match fresh {
            true => (clip.offset, clip.length),
            false => (clip.looping.start, clip.looping.length),
        };
        let (start, length) = (self.start.unwrap_or(start), self.length.unwrap_or(length));
        if self.on && length < Extent(1) {
            return Err(EditError::refused("a loop has 1 frame or tick or more"));
        }
        draft.change::<Clip>(&self.id, |clip| {
            (clip.looping.on, clip.looping.start, clip.looping.length) = (self.on, start, length);
        })
    }
}

verb! {
    /// Sets the gain of a clip.
    pub struct ClipGain {
        /// Which one.
        pub id: ClipId,
        /// −144 (silence) to 48.
        pub db: f64,
    }
}

impl Verb for ClipGain {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        refuse_notes(&self.id, draft.get::<Clip>(&self.id)?, "gain; set their velocities")?;
        draft.change::<Clip>(&self.id, |clip| clip.gain_db = self.db)
    }
}

verb! {
    /// Plays a clip backwards or not.
    pub struct ClipReverse {
        /// Which one.
        pub id: ClipId,
        /// Backwards.
        pub on: bool,
    }
}

impl Verb for ClipReverse {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        refuse_notes(&self.id, draft.get::<Clip>(&self.id)?, "way back")?;
        draft.change::<Clip>(&self.id, |clip| clip.reverse = self.on)
    }
}

setters! {
    /// Mutes a clip or not.
    ClipMute(Clip, ClipId) {
        /// Whether it is.
        on: bool,
    } |clip, this| clip.mute = this.on;

    /// Names a clip.
    ClipRename(Clip, ClipId) {
        /// Its name, up to 1,000 characters.
        name: String,
    } |clip, this| clip.name.clone_from(&this.name);

    /// Colours a clip, or takes its colour away (`null`).
    ClipColour(Clip, ClipId) {
        /// `#rrggbb`
        colour: Option<Colour>,
    } |clip, this| clip.colour = this.colour;
}
