//! Clips on the time line: bodies, waveforms, fades, names; and what the hand begins with them.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{
    Align2, Color32, CornerRadius, CursorIcon, Painter, PointerButton, Pos2, Rect, Role, Sense, Shape,
    Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use omega_studio::Overviews;
use omega_studio::session::{Clip, FadeShape, Project};
use omega_studio::time::{Frames, Ticks};

use super::layout::{Part, Row};
use super::{Gesture, Hand};
use crate::paint;
use crate::palette::{Palette, mix, veil};
use crate::theme::{SMALL, strong};
use crate::view::{Axis, View};
use crate::waves::{Stretch, Waves};

/// Height of a clip's name in points.
const TITLE: f32 = 15.0;
/// Rows lower than this have no room for names.
const NAMED: f32 = 40.0;
/// Points from an edge at which that edge is trimmed.
const EDGE: f32 = 6.0;
/// Points around a fade's end at which it is grabbed.
const HANDLE: f32 = 7.0;
/// Points that a name takes up at least.
const NAME: f32 = 20.0;
/// Narrower clips than this, in points, have neither border nor round corners.
const WIDE: f32 = 8.0;
/// Frames wider than this many points are drawn as points.
const DOTS: f64 = 5.0;

/// Where a part of a clip is drawn.
pub struct Place<'a> {
    /// Which part.
    pub part: &'a Part,
    /// Its row.
    pub row: &'a Row,
    /// Its body, cut off at the edges of the canvas.
    pub body: Rect,
    /// Its body as it is.
    pub whole: Rect,
    /// Where the next clip of its row begins to cover it.
    pub until: f32,
}

/// Where a part is drawn, if it is to be seen in `row_rect`.
#[must_use]
pub fn place<'a>(part: &'a Part, row: &'a Row, row_rect: Rect, axis: Axis) -> Option<Place<'a>> {
    let (left, right) =
        (row_rect.left() + axis.x(part.start as f64), row_rect.left() + axis.x(part.end as f64));
    let whole = Rect::from_min_max(
        pos2(left, row_rect.top() + 1.0),
        pos2(right.max(left + 1.0), row_rect.bottom() - 2.0),
    );
    // Corners lie outside where a clip goes on beyond the edge.
    let body = whole
        .with_min_x(left.max(row_rect.left() - 8.0))
        .with_max_x(whole.right().min(row_rect.right() + 8.0));
    (body.width() > 0.0).then_some(Place { part, row, body, whole, until: f32::INFINITY })
}

impl Place<'_> {
    fn has_title(&self) -> bool {
        self.whole.height() >= NAMED
    }

    /// Whether its fades can be grabbed.
    fn fades(&self) -> bool {
        self.has_title() && self.whole.width() >= 40.0 && !self.part.clip.has_notes()
    }

    /// Where the waveform is.
    fn picture(&self) -> Rect {
        let top = if self.has_title() { self.body.top() + TITLE } else { self.body.top() + 1.0 };
        self.body.with_min_y(top).with_max_y(self.body.bottom() - 1.0)
    }

    /// The name that is shown.
    fn name<'a>(&'a self, project: &'a Project) -> &'a str {
        let clip = &self.part.clip;
        match clip.media.as_ref().and_then(|id| project.media_file(id)) {
            _ if !clip.name.is_empty() => &clip.name,
            Some(media) if !media.name.is_empty() => &media.name,
            None if clip.has_notes() => "Notes",
            _ => "Clip",
        }
    }

    fn colour(&self) -> Color32 {
        self.part.clip.colour.map_or(self.row.colour, |c| Color32::from_rgb(c.0[0], c.0[1], c.0[2]))
    }

    /// The body, before the waveform is drawn upon it.
    pub fn body(&self, painter: &Painter, view: &View) {
        let p = &view.palette;
        let colour = self.shade(self.colour(), p);
        let fill = p.clip(colour);
        let radius = CornerRadius::same(if self.whole.width() > WIDE { 3 } else { 0 });
        painter.rect_filled(self.body, radius, fill);
        if self.has_title() && self.whole.width() > 4.0 {
            let title = self.body.with_max_y(self.body.top() + TITLE);
            painter.rect_filled(title, CornerRadius { sw: 0, se: 0, ..radius }, p.title(colour));
        }
    }

    fn shade(&self, colour: Color32, p: &Palette) -> Color32 {
        if self.part.muted { mix(colour, p.dim, 0.85) } else { colour }
    }

    /// The waveform.
    pub fn wave(
        &self,
        waves: &mut Waves,
        overviews: &Overviews,
        canvas: Rect,
        ppp: f32,
        view: &View,
        project: &Project,
    ) -> bool {
        let Some(id) = &self.part.clip.media else { return true };
        let Some(media) = project.media_file(id) else { return true };
        let (p, picture) = (&view.palette, self.picture().intersect(canvas));
        if picture.height() < 6.0 || picture.width() < 0.5 {
            return true;
        }
        let full = self.picture();
        let left = ((picture.left().max(self.whole.left()) - canvas.left()) * ppp).round();
        let right = ((picture.right().min(self.whole.right()) - canvas.left()) * ppp).round();
        let Some(axis) = view.axis else { return true };
        let per_pixel = axis.scale / f64::from(ppp);
        let colour = p.wave(self.shade(self.colour(), p));
        let gain =
            if self.part.clip.gain_db <= -144.0 { 0.0 } else { 10.0_f64.powf(self.part.clip.gain_db / 20.0) };
        let mut all = true;
        for run in runs(self.part, axis.left + f64::from(left) * per_pixel, per_pixel, right - left) {
            #[allow(clippy::cast_possible_truncation, reason = "a gain")]
            let stretch = Stretch {
                id,
                media,
                left: left + run.column as f32,
                columns: run.columns,
                rows: ((full.top() - canvas.top()) * ppp, (full.bottom() - canvas.top()) * ppp),
                first: run.first,
                step: run.step,
                gain: gain as f32,
                colour,
            };
            all &= waves.draw(overviews, &stretch);
        }
        all
    }

    /// Samples as points, where they lie that far apart.
    pub fn dots(
        &self,
        painter: &Painter,
        waves: &Waves,
        canvas: Rect,
        ppp: f32,
        view: &View,
        project: &Project,
    ) {
        let (Some(id), Some(axis)) = (&self.part.clip.media, view.axis) else { return };
        let Some(media) = project.media_file(id) else { return };
        if 1.0 / axis.scale < DOTS {
            return;
        }
        let (p, full) = (&view.palette, self.picture());
        let left = ((full.left().max(canvas.left()) - canvas.left()) * ppp).round();
        let right = ((full.right().min(canvas.right()) - canvas.left()) * ppp).round();
        let per_pixel = axis.scale / f64::from(ppp);
        #[allow(clippy::cast_possible_truncation, reason = "a gain")]
        let gain = 10.0_f64.powf(self.part.clip.gain_db / 20.0) as f32;
        for run in runs(self.part, axis.left + f64::from(left) * per_pixel, per_pixel, right - left) {
            let stretch = Stretch {
                id,
                media,
                left: left + run.column as f32,
                columns: run.columns,
                rows: ((full.top() - canvas.top()) * ppp, (full.bottom() - canvas.top()) * ppp),
                first: run.first,
                step: run.step,
                gain,
                colour: p.wave(self.colour()),
            };
            for (x, y) in waves.samples(&stretch) {
                painter.circle_filled(canvas.min + vec2(x, y) / ppp, 2.2, stretch.colour);
            }
        }
    }

    /// The notes of a clip that holds some: high ones high, and each as long as it sounds.
    pub fn notes(&self, painter: &Painter, view: &View, project: &Project) {
        let (clip, Some(axis)) = (&self.part.clip, view.axis) else { return };
        let all = clip.notes.all();
        let keys = all.iter().map(|note| note.key);
        let (Some(low), Some(high)) = (keys.clone().min(), keys.max()) else { return };
        let (map, picture) = (project.tempo_map(), self.picture().shrink2(vec2(0.0, 3.0)));
        // An octave at least, so that a single key does not fill the clip.
        let span = f32::from(high - low).max(12.0) + 1.0;
        let (middle, height) = ((f32::from(low) + f32::from(high)) / 2.0, picture.height() / span);
        let start = map.to_tick(Frames(self.part.clip_start));
        let turn = if clip.looping.on { clip.looping.length.0.max(1) } else { clip.length.0.max(1) };
        let turns = if clip.looping.on { (clip.length.0 / turn + 2).min(MOST_TURNS) } else { 1 };
        let colour = view.palette.wave(self.shade(self.colour(), &view.palette));
        for turn_start in (0..turns).map(|n| n * turn) {
            for note in all {
                let first = note.at.0 - clip.offset.0 + turn_start;
                let last = (first + note.length.0).min(clip.length.0);
                if first < 0 || first >= clip.length.0 {
                    continue;
                }
                let x = |ticks: i64| {
                    let frame = map.to_frame_f64(start + Ticks(ticks));
                    self.whole.left() + axis.x(frame) - axis.x(self.part.start as f64)
                };
                let y = picture.center().y - (f32::from(note.key) - middle + 0.5) * height;
                let bar = Rect::from_min_max(
                    pos2(x(first), y),
                    pos2(x(last).max(x(first) + 1.5), y + height.max(2.0)),
                );
                let seen = bar.intersect(self.body);
                if seen.is_positive() {
                    painter.rect_filled(seen, 1.0, if note.mute { veil(colour, 0.4) } else { colour });
                }
            }
        }
    }

    /// What lies upon the waveform: fades, name, border.
    pub fn cover(&self, painter: &Painter, view: &View, project: &Project) {
        let p = &view.palette;
        let clip = &self.part.clip;
        let axis = view.axis;
        let points = |frames: i64| axis.map_or(0.0, |axis| axis.x(axis.left + frames as f64));
        let picture = self.picture().with_min_x(self.whole.left()).with_max_x(self.whole.right());
        let inner = (
            points(clip.fade_in.length.0 - (self.part.start - self.part.clip_start)),
            points(clip.fade_out.length.0),
        );
        fade(painter, picture, inner.0, clip.fade_in.shape, false, p);
        fade(painter, picture, inner.1, clip.fade_out.shape, true, p);
        let selected = view.clips.contains(&self.part.id);
        if self.has_title() && self.body.width() > 18.0 {
            let left = self.body.left().max(self.whole.left()).max(painter.clip_rect().left()) + 5.0;
            let room = Rect::from_min_max(
                pos2(left, self.body.top()),
                pos2(self.body.right().min(self.until) - 4.0, self.body.top() + TITLE),
            );
            let name = self.name(project);
            let shown = if clip.gain_db.abs() < 0.05 {
                name.to_owned()
            } else {
                format!("{name}  {}", super::header::decibels(clip.gain_db))
            };
            if room.width() > NAME {
                paint::text(painter, room, Align2::LEFT_CENTER, &shown, strong(SMALL), p.on_clip);
            }
        }
        // A clip of a few points is all body, so that many of them are not a row of borders.
        let (radius, border) = match (selected, self.whole.width() > WIDE) {
            (true, wide) => (CornerRadius::same(if wide { 3 } else { 0 }), Stroke::new(2.0, p.playhead)),
            (false, true) => (CornerRadius::same(3), Stroke::new(1.0, veil(p.edge, 0.7))),
            (false, false) => return,
        };
        painter.rect_stroke(self.body, radius, border, StrokeKind::Inside);
    }

    /// What the pointer does to the clip.
    pub fn hand(&self, ui: &Ui, canvas: Rect, view: &mut View, project: &Project) {
        let visible = self.body.intersect(canvas);
        if visible.width() < 1.0 || visible.height() < 4.0 {
            return;
        }
        let response = ui.interact(
            visible,
            ui.scope_id().with(("clip", &self.part.id, self.part.start)),
            Sense::click_and_drag(),
        );
        let selected = view.clips.contains(&self.part.id);
        response.widget_info(|| {
            let name = format!("Clip {} on {}", self.name(project), self.row.track.name);
            WidgetInfo::selected(Role::ListItem, true, selected, name)
        });
        let Some(axis) = view.axis else { return };
        if let Some(pointer) = response.hover_pos() {
            ui.ctx().set_cursor_icon(self.grip(pointer, &axis).cursor());
            self.handles(ui.painter(), &axis, &view.palette);
        }
        let many = ui.input(|input| input.modifiers.command || input.modifiers.shift);
        if response.clicked() {
            view.track = Some(self.row.id.clone());
            match (many, selected) {
                (true, true) => {
                    view.clips.remove(&self.part.id);
                }
                (true, false) => {
                    view.clips.insert(self.part.id.clone());
                }
                (false, _) => view.clips = [self.part.id.clone()].into(),
            }
        }
        if response.drag_started_by(PointerButton::Primary)
            && let Some(origin) = ui.input(|input| input.pointer.press_origin())
        {
            if !selected {
                view.clips = [self.part.id.clone()].into();
            }
            view.track = Some(self.row.id.clone());
            let modifiers = ui.input(|input| input.modifiers);
            let hand = match self.grip(origin, &axis) {
                Grip::Body if modifiers.alt => Hand::Slip,
                Grip::Body => Hand::Move { copy: modifiers.command },
                Grip::Start => Hand::TrimStart,
                Grip::End => Hand::TrimEnd,
                Grip::FadeIn => Hand::FadeIn,
                Grip::FadeOut => Hand::FadeOut,
            };
            let mut gesture = Gesture::new(hand, axis.frame(origin.x - canvas.left()));
            gesture.anchor = Some((self.part.id.clone(), self.row.id.clone()));
            gesture.from_y = origin.y;
            view.gesture = Some(gesture);
        }
    }

    /// The ends of the fades, to be grabbed.
    fn handles(&self, painter: &Painter, axis: &Axis, p: &Palette) {
        if !self.fades() {
            return;
        }
        for at in self.ends(axis) {
            let dot = Rect::from_center_size(at, vec2(7.0, 7.0));
            painter.rect(dot, 1.5, p.playhead, Stroke::new(1.0, p.edge), StrokeKind::Outside);
        }
    }

    /// Where the fades end, at the top of the waveform.
    fn ends(&self, axis: &Axis) -> [Pos2; 2] {
        let clip = &self.part.clip;
        let points = |frames: i64| axis.x(axis.left + frames as f64);
        let y = self.whole.top() + TITLE + 3.0;
        [
            pos2(self.whole.left() + points(clip.fade_in.length.0).max(4.0), y),
            pos2(self.whole.right() - points(clip.fade_out.length.0).max(4.0), y),
        ]
    }

    fn grip(&self, at: Pos2, axis: &Axis) -> Grip {
        if self.fades() {
            let [start, end] = self.ends(axis);
            if start.distance(at) <= HANDLE {
                return Grip::FadeIn;
            }
            if end.distance(at) <= HANDLE {
                return Grip::FadeOut;
            }
        }
        let edge = EDGE.min(self.whole.width() / 4.0);
        if at.x < self.whole.left() + edge {
            Grip::Start
        } else if at.x > self.whole.right() - edge {
            Grip::End
        } else {
            Grip::Body
        }
    }
}

/// What of a clip is under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grip {
    Body,
    Start,
    End,
    FadeIn,
    FadeOut,
}

impl Grip {
    const fn cursor(self) -> CursorIcon {
        match self {
            Self::Body => CursorIcon::Grab,
            Self::Start | Self::End => CursorIcon::ResizeHorizontal,
            Self::FadeIn | Self::FadeOut => CursorIcon::Crosshair,
        }
    }
}

/// A stretch of a part whose media runs on without a jump.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    column: u32,
    columns: u32,
    first: f64,
    step: f64,
}

/// Turns of a loop of notes that are drawn at most.
const MOST_TURNS: i64 = 256;
/// Runs at most of one part: a loop that is repeated more often than that is drawn as far as they reach.
const MOST_RUNS: usize = 512;

/// Cuts the columns of a part where its media jumps: at each turn of its loop. `frame` is that of the time line at the
/// first column.
fn runs(part: &Part, frame: f64, step: f64, columns: f32) -> Vec<Run> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "columns of a screen")]
    let columns = columns.clamp(0.0, 1e6) as u32;
    let clip: &Clip = &part.clip;
    let into = frame - part.clip_start as f64;
    let length = clip.length.0 as f64;
    // The frame of the material at a place in the clip, before the loop wraps it.
    let (first, step) = if clip.reverse {
        (length - into + clip.offset.0 as f64, -step)
    } else {
        (into + clip.offset.0 as f64, step)
    };
    let (start, turn) = (clip.looping.start.0 as f64, clip.looping.length.0 as f64);
    if !clip.looping.on || turn < 1.0 {
        return vec![Run { column: 0, columns, first, step }];
    }
    let (mut runs, mut column) = (Vec::new(), 0);
    while column < columns && runs.len() < MOST_RUNS {
        let here = first + step * f64::from(column);
        let within = (here - start).rem_euclid(turn);
        let left = if step > 0.0 { turn - within } else { within };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "columns of a screen")]
        let wide = (left / step.abs()).ceil().clamp(1.0, f64::from(columns - column)) as u32;
        runs.push(Run { column, columns: wide, first: start + within, step });
        column += wide;
    }
    runs
}

/// The gain of a fade-in at `x` from 0 to 1.
#[must_use]
pub fn gain(shape: FadeShape, x: f32) -> f32 {
    let slow = |x: f32| (1000.0_f32.powf(x) - 1.0) / 999.0;
    match shape {
        FadeShape::Linear => x,
        FadeShape::EqualPower => (x * std::f32::consts::FRAC_PI_2).sin(),
        FadeShape::SCurve => x * x * (3.0 - 2.0 * x),
        FadeShape::Slow => slow(x),
        FadeShape::Fast => 1.0 - slow(1.0 - x),
    }
}

/// Darkens what a fade takes away, and draws its curve.
fn fade(painter: &Painter, rect: Rect, width: f32, shape: FadeShape, out: bool, p: &Palette) {
    if width < 2.0 || !rect.is_positive() {
        return;
    }
    const STEPS: u8 = 16;
    let (mut mesh, mut curve) = (Mesh::default(), Vec::new());
    let shade = veil(p.canvas, 0.62);
    for n in 0..=STEPS {
        let x = f32::from(n) / f32::from(STEPS);
        let along = if out { rect.right() - x * width } else { rect.left() + x * width };
        let y = rect.bottom() - gain(shape, x) * rect.height();
        curve.push(pos2(along, y));
        for pos in [pos2(along, rect.top()), pos2(along, y)] {
            mesh.vertices.push(Vertex { pos, uv: WHITE_UV, color: shade });
        }
        if n > 0 {
            let base = 2 * u32::from(n - 1);
            mesh.indices.extend([base, base + 1, base + 2, base + 1, base + 2, base + 3]);
        }
    }
    painter.add(Shape::mesh(mesh));
    painter.add(Shape::line(curve, Stroke::new(1.2, veil(p.on_clip, 0.9))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fade_runs_from_silence_to_full_level() {
        use FadeShape::{EqualPower, Fast, Linear, SCurve, Slow};
        for shape in [Linear, EqualPower, SCurve, Slow, Fast] {
            assert!(gain(shape, 0.0).abs() < 1e-6 && (gain(shape, 1.0) - 1.0).abs() < 1e-6, "{shape:?}");
        }
    }
}
