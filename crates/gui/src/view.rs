//! What the window remembers that is no part of the session: where one looks, what is selected, what the hand is doing.

use std::collections::{BTreeMap, BTreeSet};

use omega_studio::session::{ClipId, Edit, TrackId};

use crate::arrange::Gesture;
use crate::palette::{Palette, Theme};

/// Something to do, found out while drawing and done afterwards.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// An undoable step with its name.
    Edit(String, Vec<Edit>),
    /// Roll.
    Play,
    /// Stand still.
    Stop,
    /// Jump to a frame.
    Locate(i64),
    /// Undo a step.
    Undo,
    /// Redo a step.
    Redo,
    /// Write `project.json`.
    Save,
}

impl Intent {
    /// A step that is one edit.
    pub fn edit(name: &str, edit: impl Into<Edit>) -> Self {
        Self::Edit(name.to_owned(), vec![edit.into()])
    }
}

/// The part of the time line that is looked at. It runs evenly in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Frame at the left edge.
    pub left: f64,
    /// Frames of a point.
    pub scale: f64,
}

/// Frames of a point at the nearest: 32 points a frame.
const NEAREST: f64 = 1.0 / 32.0;
/// At the farthest: an hour in less than 200 points, at 192 kHz.
const FARTHEST: f64 = 4_000_000.0;

impl Axis {
    /// Points from the left edge to a frame.
    #[must_use]
    pub fn x(&self, frame: f64) -> f32 {
        #[allow(clippy::cast_possible_truncation, reason = "a place on the screen, or far beside it")]
        let x = ((frame - self.left) / self.scale) as f32;
        x
    }

    /// The frame so many points from the left edge.
    #[must_use]
    pub fn frame(&self, x: f32) -> f64 {
        self.left + f64::from(x) * self.scale
    }

    /// Zooms by a factor, above 1 to come nearer; what is `x` points from the left edge stays there.
    pub fn zoom(&mut self, factor: f64, x: f32) {
        let stays = self.frame(x);
        self.scale = (self.scale / factor).clamp(NEAREST, FARTHEST);
        self.left = (stays - f64::from(x) * self.scale).max(self.least());
    }

    /// Moves on by so many points.
    pub fn scroll(&mut self, points: f32) {
        self.left = (self.left + f64::from(points) * self.scale).max(self.least());
    }

    /// Shows `frames` from the start on in `width` points.
    pub fn fit(&mut self, frames: f64, width: f32) {
        let room = f64::from((width - 64.0).max(64.0));
        self.scale = (frames.max(1.0) / room).clamp(NEAREST, FARTHEST);
        self.left = self.least();
    }

    /// A little room is left before frame 0.
    fn least(&self) -> f64 {
        -12.0 * self.scale
    }
}

/// A message at the edge of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// What it says.
    pub text: String,
    /// Something went wrong.
    pub bad: bool,
    /// When it goes, in seconds of the toolkit's clock; set when it is first drawn.
    pub until: Option<f64>,
}

/// The state of the view.
pub struct View {
    /// The colours.
    pub theme: Theme,
    /// The colours, looked up.
    pub palette: Palette,
    /// The time line; set when it is first drawn.
    pub axis: Option<Axis>,
    /// Points scrolled down in the list of tracks.
    pub down: f32,
    /// Heights of tracks that are not as high as the others, in points.
    pub heights: BTreeMap<TrackId, f32>,
    /// Tracks whose automation is shown.
    pub lanes: BTreeSet<TrackId>,
    /// Selected clips.
    pub clips: BTreeSet<ClipId>,
    /// The selected track.
    pub track: Option<TrackId>,
    /// What the hand is doing on the time line.
    pub gesture: Option<Gesture>,
    /// The page moves along with the playhead.
    pub follow: bool,
    /// Messages.
    pub toasts: Vec<Toast>,
    /// The meters' needles.
    pub needles: crate::meter::Needles,
    /// What is to be done after this frame.
    pub intents: Vec<Intent>,
}

impl View {
    /// A view of a session that was just opened.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            palette: Palette::of(theme),
            axis: None,
            down: 0.0,
            heights: BTreeMap::new(),
            lanes: BTreeSet::new(),
            clips: BTreeSet::new(),
            track: None,
            gesture: None,
            follow: true,
            toasts: Vec::new(),
            needles: crate::meter::Needles::default(),
            intents: Vec::new(),
        }
    }

    /// Says something.
    pub fn tell(&mut self, text: impl Into<String>, bad: bool) {
        self.toasts.push(Toast { text: text.into(), bad, until: None });
        let many = self.toasts.len().saturating_sub(5);
        self.toasts.drain(..many);
    }

    /// Notes something to be done.
    pub fn ask(&mut self, intent: Intent) {
        self.intents.push(intent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_the_pointer_stays_there_while_zooming() {
        let mut axis = Axis { left: 10_000.0, scale: 100.0 };
        let under = axis.frame(300.0);
        for factor in [2.0, 1.3, 0.5, 0.9] {
            axis.zoom(factor, 300.0);
            assert!((axis.frame(300.0) - under).abs() < 1e-6, "{axis:?}");
        }
    }

    #[test]
    fn zoom_ends_where_nothing_is_to_be_seen_any_more() {
        let mut axis = Axis { left: 0.0, scale: 100.0 };
        axis.zoom(1e12, 0.0);
        assert!((axis.scale - NEAREST).abs() < 1e-12);
        axis.zoom(1e-12, 0.0);
        assert!((axis.scale - FARTHEST).abs() < 1e-3);
    }
}
