//! `time.insert` and `time.delete`: the time line made longer or shorter, for the whole session or for some tracks.

use std::collections::BTreeSet;

use omega_time::{Frames, TempoMap, Ticks, TimeLength, TimePoint, TimeRange};

use super::clip_place::{in_base, split};
use super::tempo_shift::store_map;
use super::verb::{Verb, length, verb};
use super::{Draft, EditError};
use crate::model::{
    Automation, Clip, ClipId, CompId, CompSpan, Lane, LaneId, Marker, MarkerId, ParamTarget, PointText,
    Project, RangeText, Track, TrackId,
};

verb! {
    /// Inserts time. A clip or a span of a comp across the place is split there. What starts at it or later moves later:
    /// clips, spans, points of lanes, and for the whole session markers, tempo, meter, loop and punch range too.
    pub struct TimeInsert {
        /// Where.
        #[serde(with = "PointText")]
        pub at: TimePoint,
        /// How long: `322560t` or `48000f`.
        #[serde(with = "length")]
        pub length: TimeLength,
        /// The tracks that ripple; the whole session where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub tracks: Vec<TrackId>,
    }
}

impl Verb for TimeInsert {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let whole = check_tracks(draft, &self.tracks)?;
        let old = draft.project.tempo_map();
        let (tick, frame) = (old.tick_of(self.at), old.frame_of(self.at));
        let empty = EditError::refused("the length of the inserted time is 1 or more");
        let (ticks, frames, map) = match self.length {
            TimeLength::Musical(Ticks(..=0)) | TimeLength::Absolute(Frames(..=0)) => return Err(empty),
            TimeLength::Musical(ticks) => {
                let map = if whole { inserted(&old, tick, ticks)? } else { TempoMap::clone(&old) };
                (ticks, map.to_frame(tick + ticks) - map.to_frame(tick), map)
            }
            TimeLength::Absolute(frames) => {
                // Ticks that pass in these frames at the tempo of the place (whole session), or as the map runs there.
                let local = TempoMap::constant(old.rate(), old.tempo_at(tick), old.signature_at(tick));
                let ticks = if whole { local.to_tick(frames) } else { old.to_tick(frame + frames) - tick };
                (ticks, frames, if whole { inserted(&old, tick, ticks)? } else { TempoMap::clone(&old) })
            }
        };
        if tick < Ticks::ZERO || frame < Frames::ZERO {
            return Err(EditError::refused("time is inserted at the start of the session or later"));
        }
        split_all(draft, &old, self.at, &self.tracks)?;
        let moved = |place: TimePoint| match place {
            TimePoint::Musical(place) => Some(TimePoint::Musical(place.after_insert(tick, ticks))),
            TimePoint::Absolute(place) => Some(TimePoint::Absolute(place.after_insert(frame, frames))),
        };
        move_all(draft, &self.tracks, &moved, &moved)?;
        if whole { store_map(draft, &map, |place| Some(place.after_insert(tick, ticks))) } else { Ok(()) }
    }
}

fn inserted(map: &TempoMap, at: Ticks, length: Ticks) -> Result<TempoMap, EditError> {
    map.insert_time(at, length).map_err(|error| EditError::refused(format!("the time does not fit: {error}")))
}

verb! {
    /// Deletes a range of time. Clips and spans of comps across its edges are split there and what lies inside is removed. What
    /// starts at its end or later moves earlier: clips, spans, points of lanes, and for the whole session markers, tempo, meter, loop and
    /// punch range too.
    pub struct TimeDelete {
        /// The range.
        #[serde(with = "RangeText")]
        pub range: TimeRange,
        /// The tracks that ripple; the whole session where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub tracks: Vec<TrackId>,
    }
}

impl Verb for TimeDelete {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let whole = check_tracks(draft, &self.tracks)?;
        let old = draft.project.tempo_map();
        let ticks = old.tick_of(self.range.start())..old.tick_of(self.range.end());
        let frames = old.frames_of(self.range);
        if self.range.is_empty() {
            return Err(EditError::refused("the range is empty; give one with a length"));
        }
        if ticks.start < Ticks::ZERO || frames.start < Frames::ZERO {
            return Err(EditError::refused("time is deleted from the start of the session or later"));
        }
        split_all(draft, &old, self.range.start(), &self.tracks)?;
        split_all(draft, &old, self.range.end(), &self.tracks)?;
        let (less_ticks, less_frames) = (ticks.end - ticks.start, frames.end - frames.start);
        let tick_after = |place: Ticks| place.after_delete(ticks.start, less_ticks);
        let held = |place: TimePoint| match place {
            TimePoint::Musical(place) => TimePoint::Musical(tick_after(place)),
            TimePoint::Absolute(place) => TimePoint::Absolute(place.after_delete(frames.start, less_frames)),
        };
        let moved = |place: TimePoint| match place {
            TimePoint::Musical(place) if ticks.contains(&place) => None,
            TimePoint::Absolute(place) if frames.contains(&place) => None,
            place => Some(held(place)),
        };
        move_all(draft, &self.tracks, &moved, &|place| Some(held(place)))?;
        if !whole {
            return Ok(());
        }
        let map = old.delete_time(ticks.start, less_ticks);
        let map = map.map_err(|error| EditError::refused(format!("the time cannot be deleted: {error}")))?;
        store_map(draft, &map, |place| if ticks.contains(&place) { None } else { Some(tick_after(place)) })
    }
}

/// Whether the whole session is meant; the tracks have to be there.
fn check_tracks(draft: &Draft, tracks: &[TrackId]) -> Result<bool, EditError> {
    tracks.iter().try_for_each(|id| draft.get::<Track>(id).map(drop))?;
    Ok(tracks.is_empty())
}

fn clips_of(project: &Project, tracks: &[TrackId]) -> Vec<ClipId> {
    if tracks.is_empty() {
        return project.clips().keys().cloned().collect();
    }
    let tracks: BTreeSet<&TrackId> = tracks.iter().collect();
    tracks.into_iter().flat_map(|track| project.clips_on(track)).map(|(id, _)| id.clone()).collect()
}

fn split_all(draft: &mut Draft, map: &TempoMap, at: TimePoint, tracks: &[TrackId]) -> Result<(), EditError> {
    for id in clips_of(&draft.project, tracks) {
        let mut left = Clip::clone(draft.get::<Clip>(&id)?);
        if let Some(right) = split(map, &mut left, at) {
            draft.change::<Clip>(&id, |clip| *clip = left)?;
            draft.add(None, right)?;
        }
    }
    for id in spans_of(&draft.project, tracks) {
        let mut left = CompSpan::clone(draft.get::<CompSpan>(&id)?);
        let position = in_base(map, at, left.start.base());
        let first = map.frame_of(position) - map.frame_of(left.start);
        if first >= Frames(1) && first < left.length {
            let right = CompSpan { start: position, length: left.length - first, ..left.clone() };
            left.length = first;
            draft.change::<CompSpan>(&id, |span| *span = left)?;
            draft.add(None, right)?;
        }
    }
    Ok(())
}

fn spans_of(project: &Project, tracks: &[TrackId]) -> Vec<CompId> {
    let spans = project.comp().iter().filter(|(_, span)| tracks.is_empty() || tracks.contains(&span.track));
    spans.map(|(id, _)| id.clone()).collect()
}

/// Moves everything but tempo and meter. `moved` says where a place goes (`None`: what is there goes away), `held` the
/// same for the ends of ranges, which stay.
fn move_all(
    draft: &mut Draft,
    tracks: &[TrackId],
    moved: &dyn Fn(TimePoint) -> Option<TimePoint>,
    held: &dyn Fn(TimePoint) -> Option<TimePoint>,
) -> Result<(), EditError> {
    for id in clips_of(&draft.project, tracks) {
        let position = draft.get::<Clip>(&id)?.position;
        match moved(position) {
            None => drop(draft.remove::<Clip>(&id)?),
            Some(to) if to != position => draft.change::<Clip>(&id, |clip| clip.position = to)?,
            Some(_) => {}
        }
    }
    for id in spans_of(&draft.project, tracks) {
        let start = draft.get::<CompSpan>(&id)?.start;
        match moved(start) {
            None => drop(draft.remove::<CompSpan>(&id)?),
            Some(to) if to != start => draft.change::<CompSpan>(&id, |span| span.start = to)?,
            Some(_) => {}
        }
    }
    let lanes = draft.project.lanes().iter().filter(|(_, lane)| is_on(&draft.project, lane, tracks));
    let lanes: Vec<LaneId> = lanes.map(|(id, _)| id.clone()).collect();
    for id in lanes {
        let mut lane = Lane::clone(draft.get::<Lane>(&id)?);
        let points = lane.points.points().iter().filter_map(|point| {
            let at = super::lane::number(moved(lane.place(point.at))?);
            Some(crate::model::Point { at, ..point.clone() })
        });
        lane.points = Automation::new(points.collect());
        if lane.points != draft.get::<Lane>(&id)?.points {
            draft.change_checked::<Lane>(&id, lane);
        }
    }
    if tracks.is_empty() { move_marks(draft, moved, held) } else { Ok(()) }
}

/// Whether a lane belongs to one of these tracks.
fn is_on(project: &Project, lane: &Lane, tracks: &[TrackId]) -> bool {
    let track = match &lane.target {
        ParamTarget::Track(id, _) => Some(id),
        ParamTarget::Send(id, _) => project.send(id).map(|send| &send.track),
        ParamTarget::Device(id, _) => project.device(id).map(|device| &device.track),
    };
    tracks.is_empty() || track.is_some_and(|track| tracks.contains(track))
}

/// Moves markers, the loop and the punch range.
fn move_marks(
    draft: &mut Draft,
    moved: &dyn Fn(TimePoint) -> Option<TimePoint>,
    held: &dyn Fn(TimePoint) -> Option<TimePoint>,
) -> Result<(), EditError> {
    let markers: Vec<(MarkerId, TimePoint)> =
        draft.project.markers().iter().map(|(id, marker)| (id.clone(), marker.at)).collect();
    for (id, at) in markers {
        match moved(at) {
            None => drop(draft.remove::<Marker>(&id)?),
            Some(to) if to != at => draft.change::<Marker>(&id, |marker| marker.at = to)?,
            Some(_) => {}
        }
    }
    let mut settings = draft.project.settings().clone();
    for setting in [&mut settings.loop_range, &mut settings.punch_range] {
        if setting.range.is_empty() {
            continue;
        }
        let ends = (held(setting.range.start()), held(setting.range.end()));
        if let (Some(start), Some(end)) = ends
            && let Ok(range) = TimeRange::new(start, end)
        {
            setting.range = range;
            setting.on &= !range.is_empty();
        }
    }
    if settings != *draft.project.settings() {
        draft.project.put_settings(settings);
    }
    Ok(())
}
