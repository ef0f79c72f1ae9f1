//! `clip.trim`, `clip.slip`, `clip.split` and `clip.crossfade`: the edges and the material of clips.

use omega_time::{Frames, TimePoint};

use super::clip_place::{behind_start, cut_end, cut_start, end, in_base, split, start};
use super::verb::{Verb, optional_point, verb};
use super::{Draft, EditError};
use crate::model::{Clip, ClipId, Extent, Fade, FadeShape, PointText};

verb! {
    /// Moves the edges of a clip; its material stays where it is on the time line.
    pub struct ClipTrim {
        /// Which one.
        pub id: ClipId,
        /// Where it is to start.
        #[serde(default, with = "optional_point", skip_serializing_if = "Option::is_none")]
        pub start: Option<TimePoint>,
        /// Where it is to end.
        #[serde(default, with = "optional_point", skip_serializing_if = "Option::is_none")]
        pub end: Option<TimePoint>,
    }
}

impl Verb for ClipTrim {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let mut clip = Clip::clone(draft.get::<Clip>(&self.id)?);
        if let Some(to) = self.end {
            let by = clip.length - behind_start(&map, &clip, to);
            trim_end(&mut clip, &self.id, by)?;
        }
        if let Some(to) = self.start {
            let to = in_base(&map, to, clip.position.base());
            let by = behind_start(&map, &clip, to);
            trim_start(&mut clip, &self.id, by)?;
            clip.position = to;
        }
        draft.change::<Clip>(&self.id, |old| *old = clip)
    }
}

fn trim_start(clip: &mut Clip, id: &ClipId, by: Extent) -> Result<(), EditError> {
    check_left(clip, id, by)?;
    cut_start(clip, by).ok_or_else(|| no_room(id))
}

fn trim_end(clip: &mut Clip, id: &ClipId, by: Extent) -> Result<(), EditError> {
    check_left(clip, id, by)?;
    cut_end(clip, by).ok_or_else(|| no_room(id))
}

/// Refuses to leave nothing of a clip. What is gained behind the end of the media is silent, which is no error.
fn check_left(clip: &Clip, id: &ClipId, by: Extent) -> Result<(), EditError> {
    if clip.length - by < Extent(1) {
        return Err(EditError::refused(format!(
            "nothing would be left of clip {:?}; remove it instead",
            id.as_str()
        )));
    }
    Ok(())
}

/// Refuses what only a clip of media can have.
pub(super) fn refuse_notes(id: &ClipId, clip: &Clip, what: &str) -> Result<(), EditError> {
    if clip.has_notes() {
        let id = id.as_str();
        return Err(EditError::refused(format!("clip {id:?} holds notes, which have no {what}")));
    }
    Ok(())
}

fn no_room(id: &ClipId) -> EditError {
    EditError::refused(format!("the media of clip {:?} has nothing before its first frame", id.as_str()))
}

verb! {
    /// Moves the material under a clip, whose edges stay.
    pub struct ClipSlip {
        /// Which one.
        pub id: ClipId,
        /// By how much later material is played, in frames, or in ticks of a clip of notes; negative for earlier material.
        pub by: Extent,
    }
}

impl Verb for ClipSlip {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let clip = draft.get::<Clip>(&self.id)?;
        let offset = clip.looped(clip.offset + self.by);
        if offset < Extent(0) && !clip.has_notes() {
            return Err(no_room(&self.id));
        }
        draft.change::<Clip>(&self.id, |clip| clip.offset = offset)
    }
}

verb! {
    /// Parts a clip in two that play what it played. The fades at its ends stay. Notes go with the part in which they start; one
    /// that sounds across the place ends there. Of a clip that loops both parts keep all notes.
    pub struct ClipSplit {
        /// Which one; it becomes the left part.
        pub id: ClipId,
        /// Where, inside the clip.
        #[serde(with = "PointText")]
        pub at: TimePoint,
        /// The id of the right part; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub right: Option<ClipId>,
    }
}

impl Verb for ClipSplit {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let mut left = Clip::clone(draft.get::<Clip>(&self.id)?);
        let right = split(&map, &mut left, self.at).ok_or_else(|| {
            let (at, id) = (PointText(self.at), self.id.as_str());
            EditError::refused(format!(
                "{at} is not inside clip {id:?}; choose a place between its first and last frame"
            ))
        })?;
        draft.change::<Clip>(&self.id, |clip| *clip = left)?;
        draft.add(self.right.as_ref(), right).map(drop)
    }
}

verb! {
    /// Cross-fades two clips of one track, the left of which starts first.
    ///
    /// Without a length they are faded where they overlap. With one, the end of the left and the start of the right are
    /// moved so that they overlap by it around the middle of where they met.
    pub struct ClipCrossfade {
        /// The clip that fades out.
        pub left: ClipId,
        /// The clip that fades in.
        pub right: ClipId,
        /// Frames of the cross-fade, 1 or more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub length: Option<Frames>,
        /// How both fades run; `equal-power` where left out.
        #[serde(default = "equal_power")]
        pub shape: FadeShape,
    }
}

const fn equal_power() -> FadeShape {
    FadeShape::EqualPower
}

impl Verb for ClipCrossfade {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let mut left = Clip::clone(draft.get::<Clip>(&self.left)?);
        let mut right = Clip::clone(draft.get::<Clip>(&self.right)?);
        for (id, clip) in [(&self.left, &left), (&self.right, &right)] {
            refuse_notes(id, clip, "fades")?;
        }
        if left.track != right.track || start(&map, &left) >= start(&map, &right) {
            return Err(EditError::refused(
                "the clips of a cross-fade are on one track, and the left one starts first",
            ));
        }
        if let Some(length) = self.length {
            if length < Frames(1) {
                return Err(EditError::refused("a cross-fade has 1 frame or more"));
            }
            let middle = Frames((end(&map, &left).0 + start(&map, &right).0).div_euclid(2));
            let to = TimePoint::Absolute(middle - Frames(length.0 / 2));
            let to = in_base(&map, to, right.position.base());
            let cut = map.frame_of(to) - start(&map, &right);
            trim_start(&mut right, &self.right, cut.into())?;
            right.position = to;
            let cut = end(&map, &left) - (start(&map, &right) + length);
            trim_end(&mut left, &self.left, cut.into())?;
        }
        let overlap = end(&map, &left).min(end(&map, &right)) - start(&map, &right);
        if overlap < Frames(1) || start(&map, &left) >= start(&map, &right) {
            return Err(EditError::refused(
                "the clips do not overlap; move one, or give the cross-fade a length",
            ));
        }
        left.fade_out = Fade::new(overlap, self.shape);
        right.fade_in = Fade::new(overlap, self.shape);
        draft.change::<Clip>(&self.left, |clip| *clip = left)?;
        draft.change::<Clip>(&self.right, |clip| *clip = right)
    }
}
