//! What stands where in the arranger: rows from top to bottom, and the clips of each by place.

use std::collections::HashMap;
use std::sync::Arc;

use egui::Color32;
use omega_studio::session::{
    Clip, ClipId, CompEdge, Lane, LaneId, ParamTarget, Project, Track, TrackId, TrackKind,
};

use crate::palette::Palette;
use crate::view::View;

/// The height of a track in points, where nobody chose another.
pub const TRACK_HEIGHT: f32 = 60.0;
/// The least height of a track.
pub const LEAST_HEIGHT: f32 = 26.0;
/// The greatest.
pub const MOST_HEIGHT: f32 = 320.0;
/// The height of an automation lane.
pub const LANE_HEIGHT: f32 = 46.0;

/// A stretch of a clip that is heard, in frames of the time line.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which clip.
    pub id: ClipId,
    /// Its facts.
    pub clip: Arc<Clip>,
    /// First frame.
    pub start: i64,
    /// The one behind its last.
    pub end: i64,
    /// Where the whole clip begins.
    pub clip_start: i64,
    /// It is silent.
    pub muted: bool,
    /// What a comp asks for at its ends.
    pub comp: (CompEdge, CompEdge),
}

/// A row of the arranger.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which track.
    pub id: TrackId,
    /// Its facts.
    pub track: Arc<Track>,
    /// How many folders it is in.
    pub depth: usize,
    /// Its colour.
    pub colour: Color32,
    /// Top in points, from the top of the list.
    pub top: f32,
    /// Height in points.
    pub height: f32,
    /// The lane, where it is one.
    pub lane: Option<(LaneId, Arc<Lane>)>,
    /// It has automation that can be shown.
    pub automated: bool,
}

/// The parts of a track, by place.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    parts: Vec<Part>,
    /// Frames of the longest.
    longest: i64,
}

impl Parts {
    fn of(project: &Project, track: &TrackId) -> Self {
        let map = project.tempo_map();
        let part = |heard: omega_studio::session::Heard| {
            let clip = Arc::clone(project.clip(&heard.clip)?);
            Some(Part {
                clip_start: map.frame_of(clip.position).0,
                id: heard.clip,
                clip,
                start: heard.start.0,
                end: heard.end.0,
                muted: heard.muted,
                comp: (heard.fade_in, heard.fade_out),
            })
        };
        let mut parts: Vec<Part> = project.heard_on(track).into_iter().filter_map(part).collect();
        parts.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        let longest = parts.iter().map(|part| part.end - part.start).max().unwrap_or(0);
        Self { parts, longest }
    }

    /// The parts that have a frame in `from..to`, first to last.
    pub fn within(&self, from: i64, to: i64) -> impl Iterator<Item = &Part> {
        let first = self.parts.partition_point(|part| part.start < from.saturating_sub(self.longest));
        let near = self.parts.get(first..).unwrap_or_default();
        near.iter().take_while(move |part| part.start < to).filter(move |part| part.end > from)
    }

    /// All of them.
    pub fn all(&self) -> &[Part] {
        &self.parts
    }
}

/// Rows and parts of a project. They are found anew when it is another one, and only then.
#[derive(Default)]
pub struct Layout {
    project: Option<Arc<Project>>,
    rows: Vec<Row>,
    parts: HashMap<TrackId, Parts>,
    end: i64,
}

impl Layout {
    /// Brings it up to date.
    pub fn update(&mut self, project: &Arc<Project>, view: &View) {
        let known = self.project.as_ref().is_some_and(|known| Arc::ptr_eq(known, project));
        if !known {
            let audio = project.tracks().iter().filter(|(_, track)| track.kind == TrackKind::Audio);
            self.parts = audio.map(|(id, _)| (id.clone(), Parts::of(project, id))).collect();
            let ends = self.parts.values().flat_map(Parts::all).map(|part| part.end);
            self.end = ends.max().unwrap_or(0);
            self.project = Some(Arc::clone(project));
        }
        self.rows = rows(project, view);
    }

    /// The rows from top to bottom.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that are seen in `from..to`, in points from the top of the list.
    #[must_use]
    pub fn seen(&self, from: f32, to: f32) -> &[Row] {
        let first = self.rows.partition_point(|row| row.top + row.height <= from);
        let last = self.rows.partition_point(|row| row.top < to);
        self.rows.get(first..last).unwrap_or_default()
    }

    /// The row at a height, in points from the top of the list.
    #[must_use]
    pub fn at(&self, y: f32) -> Option<&Row> {
        self.seen(y, y + 0.01).first()
    }

    /// Height of the list in points.
    #[must_use]
    pub fn height(&self) -> f32 {
        self.rows.last().map_or(0.0, |row| row.top + row.height)
    }

    /// The parts of a track.
    #[must_use]
    pub fn parts(&self, track: &TrackId) -> Option<&Parts> {
        self.parts.get(track)
    }

    /// The frame behind the last part of all.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.end
    }
}

fn rows(project: &Project, view: &View) -> Vec<Row> {
    let lanes = lanes_by_track(project);
    let (mut rows, mut top) = (Vec::new(), 0.0);
    for (n, (depth, id, track)) in in_order(project).into_iter().enumerate() {
        let colour = colour_of(track, n, &view.palette);
        let height = view.heights.get(id).copied().unwrap_or(TRACK_HEIGHT);
        let mine = lanes.get(id);
        let row = |lane, top, height| Row {
            id: id.clone(),
            track: Arc::clone(track),
            depth,
            colour,
            top,
            height,
            lane,
            automated: mine.is_some(),
        };
        rows.push(row(None, top, height));
        top += height;
        for (lane, facts) in mine.into_iter().flatten().filter(|_| view.lanes.contains(id)) {
            rows.push(row(Some((lane.clone(), Arc::clone(facts))), top, LANE_HEIGHT));
            top += LANE_HEIGHT;
        }
    }
    rows
}

/// Tracks first, then buses and returns, the master last; folders keep what is in them.
#[must_use]
pub fn in_order(project: &Project) -> Vec<(usize, &TrackId, &Arc<Track>)> {
    let rank = |track: &Track| match track.kind {
        TrackKind::Audio | TrackKind::Folder => 0,
        TrackKind::Bus => 1,
        TrackKind::Return => 2,
        TrackKind::Cue => 3,
        TrackKind::Master => 4,
    };
    let tree = project.tree();
    let mut ranks = Vec::with_capacity(tree.len());
    let mut top = 0;
    for (depth, _, track) in &tree {
        if *depth == 0 {
            top = rank(track);
        }
        ranks.push(top);
    }
    let mut order: Vec<usize> = (0..tree.len()).collect();
    order.sort_by_key(|&n| ranks.get(n).copied());
    order.into_iter().filter_map(|n| tree.get(n).copied()).collect()
}

fn colour_of(track: &Track, n: usize, p: &Palette) -> Color32 {
    match track.colour {
        Some(omega_studio::session::Colour([r, g, b])) => Color32::from_rgb(r, g, b),
        None if track.kind == TrackKind::Master => p.dim,
        None => Palette::track(n),
    }
}

/// The lanes that move something of each track, in the order of what they move.
fn lanes_by_track(project: &Project) -> HashMap<TrackId, Vec<(LaneId, Arc<Lane>)>> {
    let mut lanes: HashMap<TrackId, Vec<(LaneId, Arc<Lane>)>> = HashMap::new();
    for (id, lane) in project.lanes() {
        let track = match &lane.target {
            ParamTarget::Track(track, _) => Some(track),
            ParamTarget::Send(send, _) => project.send(send).map(|send| &send.track),
            ParamTarget::Device(device, _) => project.device(device).map(|device| &device.track),
        };
        if let Some(track) = track {
            lanes.entry(track.clone()).or_default().push((id.clone(), Arc::clone(lane)));
        }
    }
    lanes
}
