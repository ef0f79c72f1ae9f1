//! What the hand does with clips: a preview while it moves, and one step with a name when it lets go.

use std::sync::Arc;

use omega_studio::session::edit::{ClipDuplicate, ClipFade, ClipMove, ClipSlip, ClipTrim, Edit};
use omega_studio::session::{Clip, ClipId, Extent, Fade, Project, TrackId, TrackKind};
use omega_studio::time::{Frames, TempoMap, Ticks, TimeBase, TimePoint};

use super::grid;
use super::layout::{Layout, Part, Row};
use crate::view::{Axis, Intent, View};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hand {
    /// Clips are moved, or copied.
    Move {
        /// They stay, and copies are moved.
        copy: bool,
    },
    /// The start is moved.
    TrimStart,
    /// The end is moved.
    TrimEnd,
    /// The material is moved under the clip.
    Slip,
    /// The fade at the start is made longer or shorter.
    FadeIn,
    /// The one at the end.
    FadeOut,
    /// Clips are selected by a rectangle that began at a frame.
    Band {
        /// Points from the top of the list of tracks.
        y: f32,
    },
    /// The loop is set; the other end stays at a frame.
    Brace {
        /// Where.
        stays: i64,
    },
}

/// What the hand is doing on the time line.
#[derive(Clone, Debug, PartialEq)]
pub struct Gesture {
    /// What.
    pub hand: Hand,
    /// The frame at which it began.
    pub from: f64,
    /// The height on the screen at which it began.
    pub from_y: f32,
    /// The clip it was begun with, and the track that that is on.
    pub anchor: Option<(ClipId, TrackId)>,
    /// How far it has come, in frames and in ticks of the anchor.
    pub by: By,
    /// Tracks down.
    pub rows: isize,
}

/// How far a gesture has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// Frames.
    pub frames: i64,
    /// Ticks, where it goes along the grid.
    pub ticks: Option<i64>,
}

impl Gesture {
    /// One that begins at a frame.
    #[must_use]
    pub fn new(hand: Hand, from: f64) -> Self {
        Self { hand, from, from_y: 0.0, anchor: None, by: By::default(), rows: 0 }
    }

    /// Moves it on: the pointer is at `frame` and over `over`. Places snap to the grid unless `free`.
    pub fn follow(&mut self, frame: f64, over: Option<&Row>, free: bool, axis: &Axis, project: &Project) {
        let Some((id, track)) = &self.anchor else { return };
        let Some(clip) = project.clip(id) else { return };
        let map = project.tempo_map();
        let start = map.frame_of(clip.position);
        let edge = match self.hand {
            Hand::TrimEnd => clip.end(&map),
            _ => start,
        };
        let raw = frame - self.from;
        let frames = grid::whole(raw).0;
        self.by = match self.hand {
            Hand::Slip | Hand::FadeIn | Hand::FadeOut => By { frames, ticks: None },
            _ if free => By { frames: frames.max(-edge.0), ticks: None },
            _ => {
                let tick = grid::snap(&map, axis, edge.0 as f64 + raw);
                By {
                    frames: (map.to_frame(tick) - edge).0,
                    ticks: Some((tick - edge_tick(&map, clip, edge)).0),
                }
            }
        };
        if raw.abs() < 3.0 * axis.scale {
            self.by = By::default();
        }
        self.rows = match (self.hand, over) {
            (Hand::Move { .. }, Some(over)) => {
                let tracks = playing(project);
                let at = |id: &TrackId| tracks.iter().position(|track| track == id);
                let (from, to) = (at(track), at(&over.id));
                from.zip(to).map_or(self.rows, |(from, to)| to.cast_signed() - from.cast_signed())
            }
            _ => 0,
        };
    }

    /// A part as it would be, and the track it would be on.
    #[must_use]
    pub fn preview(&self, part: &Part, project: &Project) -> (Part, TrackId) {
        let mut part = part.clone();
        let mut clip = Clip::clone(&part.clip);
        let mut track = clip.track.clone();
        let by = self.by.frames;
        match self.hand {
            Hand::Move { .. } => {
                part.start += by;
                part.end += by;
                part.clip_start += by;
                track = self.track_of(&track, project);
            }
            Hand::TrimStart => {
                let by = by.min(part.end - part.start - 1).max(before(&clip));
                part.start += by;
                part.clip_start += by;
                if !clip.has_notes() {
                    clip.length = Extent(clip.length.0 - by);
                    clip.offset = Extent(clip.offset.0 + if clip.reverse { 0 } else { by });
                }
            }
            Hand::TrimEnd => {
                let by = by.max(part.start - part.end + 1);
                part.end += by;
                if !clip.has_notes() {
                    clip.length = Extent(clip.length.0 + by);
                }
            }
            Hand::Slip if clip.has_notes() => {}
            Hand::Slip => clip.offset = Extent((clip.offset.0 - by).max(0)),
            Hand::FadeIn => clip.fade_in.length = faded(&clip, clip.fade_in.length.0 + by),
            Hand::FadeOut => clip.fade_out.length = faded(&clip, clip.fade_out.length.0 - by),
            Hand::Band { .. } | Hand::Brace { .. } => {}
        }
        part.clip = Arc::new(clip);
        (part, track)
    }

    /// The track so many tracks down.
    fn track_of(&self, track: &TrackId, project: &Project) -> TrackId {
        let tracks = playing(project);
        let at = tracks.iter().position(|id| id == track);
        let to = at.and_then(|at| at.checked_add_signed(self.rows)).and_then(|to| tracks.get(to));
        to.unwrap_or(track).clone()
    }

    /// The step that it comes to, if it comes to anything.
    #[must_use]
    pub fn finish(&self, view: &View, project: &Project) -> Option<Intent> {
        if self.by == By::default() && self.rows == 0 {
            return None;
        }
        let map = project.tempo_map();
        let clips = view.clips.iter().filter_map(|id| Some((id.clone(), project.clip(id)?)));
        let edits: Vec<Edit> = clips.filter_map(|(id, clip)| self.edit(id, clip, &map, project)).collect();
        let verb = match self.hand {
            Hand::Move { copy: true } => "copy",
            Hand::Move { copy: false } => "move",
            Hand::TrimStart | Hand::TrimEnd => "trim",
            Hand::Slip => "slip",
            Hand::FadeIn | Hand::FadeOut => "fade",
            Hand::Band { .. } | Hand::Brace { .. } => return None,
        };
        (!edits.is_empty()).then(|| Intent::Edit(count(verb, edits.len()), edits))
    }

    fn edit(&self, id: ClipId, clip: &Clip, map: &TempoMap, project: &Project) -> Option<Edit> {
        let by = self.by.frames;
        let start = map.frame_of(clip.position);
        Some(match self.hand {
            Hand::Move { copy } => {
                let to = self.track_of(&clip.track, project);
                let (track, position) =
                    (Some(to).filter(|to| *to != clip.track), Some(self.moved(clip, map)));
                if copy {
                    ClipDuplicate { id, copy: None, track, position }.into()
                } else {
                    ClipMove { id, track, position }.into()
                }
            }
            Hand::TrimStart => {
                let by = by.min((clip.end(map) - start).0 - 1).max(before(clip));
                let at = if by == self.by.frames {
                    self.moved(clip, map)
                } else {
                    TimePoint::Absolute(start + Frames(by))
                };
                ClipTrim { id, start: Some(at), end: None }.into()
            }
            Hand::TrimEnd => {
                let end = clip.end(map);
                let end = end + Frames(by.max((start - end).0 + 1));
                ClipTrim { id, start: None, end: Some(TimePoint::Absolute(end)) }.into()
            }
            Hand::Slip if clip.has_notes() => {
                let ticks = map.to_tick(start + Frames(by)) - map.to_tick(start);
                ClipSlip { id, by: Extent(-ticks.0) }.into()
            }
            Hand::Slip => ClipSlip { id, by: Extent(-by.min(clip.offset.0)) }.into(),
            // Notes have no fades.
            Hand::FadeIn | Hand::FadeOut if clip.has_notes() => return None,
            Hand::FadeIn => {
                let fade = Fade::new(faded(clip, clip.fade_in.length.0 + by), clip.fade_in.shape);
                ClipFade { id, fade_in: Some(fade), fade_out: None }.into()
            }
            Hand::FadeOut => {
                let fade = Fade::new(faded(clip, clip.fade_out.length.0 - by), clip.fade_out.shape);
                ClipFade { id, fade_in: None, fade_out: Some(fade) }.into()
            }
            Hand::Band { .. } | Hand::Brace { .. } => return None,
        })
    }

    /// Where a clip starts that is moved: in ticks along the grid, where it is tied to that.
    fn moved(&self, clip: &Clip, map: &TempoMap) -> TimePoint {
        match (clip.position.base(), self.by.ticks) {
            (TimeBase::Musical, Some(ticks)) => {
                TimePoint::Musical(Ticks((map.tick_of(clip.position).0 + ticks).max(0)))
            }
            _ => TimePoint::Absolute(Frames((map.frame_of(clip.position).0 + self.by.frames).max(0))),
        }
    }
}

/// By how many frames, negative, the start of a clip can be moved before its material begins.
fn before(clip: &Clip) -> i64 {
    let bound = !clip.has_notes() && !clip.reverse && !clip.looping.on;
    if bound { -clip.offset.0 } else { i64::MIN }
}

/// A fade of so many frames, as far as the clip has room for it.
fn faded(clip: &Clip, frames: i64) -> Frames {
    Frames(frames.clamp(0, clip.length.0.max(0)))
}

/// The tick of an edge; of the start it is the one that the clip is tied to.
fn edge_tick(map: &TempoMap, clip: &Clip, edge: Frames) -> Ticks {
    if map.frame_of(clip.position) == edge { map.tick_of(clip.position) } else { map.to_tick(edge) }
}

/// The tracks that play clips, from top to bottom.
fn playing(project: &Project) -> Vec<TrackId> {
    let all = super::layout::in_order(project).into_iter();
    all.filter(|(_, _, track)| track.kind == TrackKind::Audio).map(|(_, id, _)| id.clone()).collect()
}

/// The name of a step with some clips.
#[must_use]
pub fn count(verb: &str, clips: usize) -> String {
    if clips == 1 { format!("{verb} clip") } else { format!("{verb} {clips} clips") }
}

/// Selects what a rectangle covers: from one frame to another, from one height of the list to another.
pub fn select(layout: &Layout, view: &mut View, frames: (f64, f64), rows: (f32, f32)) {
    let (from, to) = (grid::whole(frames.0.min(frames.1)).0, grid::whole(frames.0.max(frames.1)).0);
    let seen =
        layout.seen(rows.0.min(rows.1), rows.0.max(rows.1) + 0.01).iter().filter(|row| row.lane.is_none());
    let parts = seen.filter_map(|row| layout.parts(&row.id)).flat_map(|parts| parts.within(from, to + 1));
    view.clips = parts.map(|part| part.id.clone()).collect();
}
