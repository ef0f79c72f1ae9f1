//! `comp.set`, `comp.take`, `comp.clear` and `comp.fade`: which take sounds where.

use omega_time::{Frames, TempoMap, TimeRange};

use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::comp::place;
use crate::model::{COMP_FADE, Clip, CompId, CompSpan, RangeText, Take, TakeId, Track, TrackId};

verb! {
    /// Lets a take sound over a range, instead of what the comp named there. A muted take is muted no more.
    ///
    /// The span is tied to bars and beats or to the clock as the clips that it lets sound are.
    pub struct CompSet {
        /// The id of the span; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<CompId>,
        /// The take.
        pub take: TakeId,
        /// The range.
        #[serde(with = "RangeText")]
        pub range: TimeRange,
        /// Frames of the cross-fade at its start; 480 where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub fade: Option<Frames>,
    }
}

impl CompSet {
    /// With the usual fade.
    #[must_use]
    pub fn new(take: TakeId, range: TimeRange) -> Self {
        Self { id: None, take, range, fade: None }
    }
}

impl Verb for CompSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let frames = map.frames_of(self.range);
        set(draft, &map, self.id.as_ref(), &self.take, (frames.start, frames.end), self.fade)
    }
}

verb! {
    /// Lets a take sound over all of its clips, from the start of the first to the end of the last.
    pub struct CompTake {
        /// The id of the span; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<CompId>,
        /// The take.
        pub take: TakeId,
        /// Frames of the fades at its ends; 480 where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub fade: Option<Frames>,
    }
}

impl Verb for CompTake {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Take>(&self.take)?;
        let map = draft.project.tempo_map();
        let Some(extent) = draft.project.extent_of_take(&self.take) else {
            let take = self.take.as_str();
            return Err(EditError::refused(format!("take {take:?} has no clips; record or add some first")));
        };
        set(draft, &map, self.id.as_ref(), &self.take, extent, self.fade)
    }
}

fn set(
    draft: &mut Draft,
    map: &TempoMap,
    id: Option<&CompId>,
    take: &TakeId,
    (start, end): (Frames, Frames),
    fade: Option<Frames>,
) -> Result<(), EditError> {
    let track = draft.get::<Take>(take)?.track.clone();
    if end <= start {
        return Err(EditError::refused("the range is empty; give one with a length"));
    }
    clear(draft, map, &track, (start, end))?;
    let meets = |clip: &Clip| {
        let first = map.frame_of(clip.position);
        first < end && clip.end(map) > start
    };
    let clips = draft.project.clips_in(take);
    let base = clips.map(|(_, clip)| clip).find(|clip| meets(clip)).map(|clip| clip.position.base());
    let at = place(map, start, base.unwrap_or(omega_time::TimeBase::Absolute));
    let span = CompSpan::new(track, take.clone(), at, end - start);
    draft.add(id, CompSpan { fade: fade.unwrap_or(COMP_FADE), ..span })?;
    draft.change::<Take>(take, |take| take.mute = false)
}

verb! {
    /// Lets no take sound over a range. Spans across its edges are cut there.
    pub struct CompClear {
        /// The track.
        pub track: TrackId,
        /// The range.
        #[serde(with = "RangeText")]
        pub range: TimeRange,
    }
}

impl Verb for CompClear {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Track>(&self.track)?;
        let map = draft.project.tempo_map();
        let frames = map.frames_of(self.range);
        clear(draft, &map, &self.track, (frames.start, frames.end))
    }
}

/// Takes a stretch out of the spans of a track.
fn clear(
    draft: &mut Draft,
    map: &TempoMap,
    track: &TrackId,
    (from, to): (Frames, Frames),
) -> Result<(), EditError> {
    if to <= from {
        return Ok(());
    }
    let spans = draft.project.comp_on(track);
    let spans: Vec<(CompId, CompSpan)> =
        spans.map(|(id, span)| (id.clone(), CompSpan::clone(span))).collect();
    for (id, span) in spans {
        let (start, end) = (map.frame_of(span.start), map.frame_of(span.start) + span.length);
        if end <= from || start >= to {
            continue;
        }
        let rest = (end > to).then(|| {
            let at = place(map, to, span.start.base());
            CompSpan { start: at, length: end - to, ..span.clone() }
        });
        if start < from {
            draft.change::<CompSpan>(&id, |span| span.length = from - start)?;
            if let Some(rest) = rest {
                draft.add(None, rest)?;
            }
        } else if let Some(rest) = rest {
            draft.change::<CompSpan>(&id, |span| *span = rest)?;
        } else {
            draft.remove::<CompSpan>(&id)?;
        }
    }
    Ok(())
}

verb! {
    /// Sets the fade of a span.
    pub struct CompFade {
        /// Which one.
        pub id: CompId,
        /// Frames of the cross-fade at its start, and of the fade at its end where no other span touches it.
        pub fade: Frames,
    }
}

impl Verb for CompFade {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.change::<CompSpan>(&self.id, |span| span.fade = self.fade)
    }
}
