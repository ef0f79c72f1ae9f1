//! The ruler: loop brace, bars, markers, tempo and meter.

use egui::{Align2, CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use omega_studio::Snapshot;
use omega_studio::session::edit::LoopSet;
use omega_studio::time::{TempoMap, TimePoint, TimeRange};

use super::grid::{self, Line};
use super::{Gesture, Hand};
use crate::paint;
use crate::palette::veil;
use crate::theme::{SMALL, font, strong};
use crate::view::{Axis, Intent, View};

/// Height of the row of the loop brace and the numbers of bars, in points.
pub const BARS: f32 = 24.0;
/// Of that of markers.
const MARKERS: f32 = 18.0;
/// Of that of tempo and meter.
const TEMPO: f32 = 16.0;
/// Height of the ruler in points.
pub const HEIGHT: f32 = BARS + MARKERS + TEMPO;
/// Height of the loop brace.
const BRACE: f32 = 7.0;

/// Draws the ruler, and does what is done in it: a click locates, a drag in the brace's row sets the loop.
pub fn show(ui: &Ui, rect: Rect, axis: Axis, snapshot: &Snapshot, view: &mut View, lines: &[Line]) {
    let (p, painter) = (view.palette, ui.painter_at(rect));
    let map = snapshot.project.tempo_map();
    painter.rect_filled(rect, 0.0, p.panel);
    let x = |frame: f64| rect.left() + axis.x(frame);
    brace(ui, rect, axis, snapshot, view);
    for line in lines {
        let at = x(line.frame).round();
        let top = if line.bar.is_some() { rect.top() + BRACE + 3.0 } else { rect.top() + BARS - 5.0 };
        let colour = if line.bar.is_some() { veil(p.dim, 0.6) } else { veil(p.dim, 0.3) };
        painter.vline(at + 0.5, top..=rect.top() + BARS, (1.0, colour));
        if let Some(bar) = line.bar.filter(|_| line.numbered) {
            let place = pos2(at + 5.0, rect.top() + BRACE + 8.0);
            painter.text(place, Align2::LEFT_CENTER, bar, font(SMALL), p.dim);
        }
    }
    markers(ui, rect, axis, snapshot, view);
    tempo(&painter, rect, axis, snapshot, view);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, p.edge));
    let bars = Rect::from_min_size(rect.min + vec2(0.0, BRACE + 2.0), vec2(rect.width(), BARS - BRACE - 2.0));
    let response = ui.interact(bars, ui.scope_id().with("ruler"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Ruler: click to locate"));
    if (response.clicked() || response.dragged())
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let frame = axis.frame(pointer.x - rect.left()).max(0.0);
        view.ask(Intent::Locate(snapped(ui, &map, &axis, frame)));
    }
}

/// A frame, snapped unless the bypass key is held.
pub fn snapped(ui: &Ui, map: &TempoMap, axis: &Axis, frame: f64) -> i64 {
    if ui.input(|input| input.modifiers.shift) {
        grid::whole(frame.max(0.0)).0
    } else {
        map.to_frame(grid::snap(map, axis, frame)).0
    }
}

fn brace(ui: &Ui, rect: Rect, axis: Axis, snapshot: &Snapshot, view: &mut View) {
    let (p, painter) = (view.palette, ui.painter_at(rect));
    let map = snapshot.project.tempo_map();
    let setting = &snapshot.project.settings().loop_range;
    let range = map.frames_of(setting.range);
    let mut ends = (range.start.0, range.end.0);
    let row = Rect::from_min_size(rect.min, vec2(rect.width(), BRACE + 2.0));
    let response = ui
        .interact(row, ui.scope_id().with("brace"), Sense::drag())
        .on_hover_cursor(CursorIcon::ResizeHorizontal);
    response.widget_info(|| WidgetInfo::selected(Role::Canvas, true, setting.on, "Loop brace"));
    let at = |x: f32| snapped(ui, &map, &axis, axis.frame(x - rect.left()));
    if response.drag_started()
        && let Some(origin) = ui.input(|input| input.pointer.press_origin())
    {
        // At an end of the brace that end is moved, elsewhere a new brace is drawn.
        let near = |frame: i64| (rect.left() + axis.x(frame as f64) - origin.x).abs() < 6.0;
        let stays = if ends.0 == ends.1 {
            None
        } else if near(ends.0) {
            Some(ends.1)
        } else if near(ends.1) {
            Some(ends.0)
        } else {
            None
        };
        view.gesture = Some(Gesture::new(Hand::Brace { stays: stays.unwrap_or_else(|| at(origin.x)) }, 0.0));
    }
    if let Some(Gesture { hand: Hand::Brace { stays }, .. }) = view.gesture
        && let Some(pointer) = ui.input(|input| input.pointer.latest_pos())
    {
        let moves = at(pointer.x);
        ends = (stays.min(moves), stays.max(moves));
        if response.drag_stopped() {
            view.gesture = None;
            let tick = |frame| TimePoint::Musical(map.to_tick(omega_studio::time::Frames(frame)));
            if ends.0 < ends.1
                && let Ok(range) = TimeRange::new(tick(ends.0), tick(ends.1))
            {
                view.ask(Intent::edit("set loop", LoopSet { on: Some(true), range: Some(range) }));
            }
        }
    }
    if ends.0 < ends.1 {
        let (left, right) = (rect.left() + axis.x(ends.0 as f64), rect.left() + axis.x(ends.1 as f64));
        let bar = Rect::from_min_max(pos2(left, rect.top() + 1.0), pos2(right, rect.top() + BRACE));
        let colour = if setting.on { p.accent } else { veil(p.dim, 0.55) };
        painter.rect_filled(bar, 2.0, colour);
    }
}

fn markers(ui: &Ui, rect: Rect, axis: Axis, snapshot: &Snapshot, view: &mut View) {
    let (p, painter) = (view.palette, ui.painter_at(rect));
    let map = snapshot.project.tempo_map();
    let row = Rect::from_min_size(pos2(rect.left(), rect.top() + BARS), vec2(rect.width(), MARKERS));
    painter.rect_filled(row, 0.0, p.canvas_alt);
    let mut all: Vec<_> = snapshot
        .project
        .markers()
        .iter()
        .map(|(id, marker)| (map.frame_of(marker.at).0, id, marker))
        .collect();
    all.sort_by_key(|(frame, id, _)| (*frame, (*id).clone()));
    for (n, (frame, id, marker)) in all.iter().enumerate() {
        let left = (rect.left() + axis.x(*frame as f64)).round();
        let next = all.get(n + 1).map_or(f32::INFINITY, |(next, ..)| rect.left() + axis.x(*next as f64));
        if left > rect.right() || next < rect.left() {
            continue;
        }
        let colour = marker.colour.map_or(p.accent, |c| egui::Color32::from_rgb(c.0[0], c.0[1], c.0[2]));
        painter.rect_filled(Rect::from_min_size(pos2(left, row.top()), vec2(2.0, MARKERS)), 0.0, colour);
        let room = Rect::from_min_max(
            pos2(left + 7.0, row.top()),
            pos2((next - 4.0).min(left + 160.0), row.bottom()),
        );
        if room.width() < 12.0 {
            continue;
        }
        let place = paint::text(&painter, room, Align2::LEFT_CENTER, &marker.name, strong(SMALL), p.text);
        let name = format!("Marker {}", marker.name);
        let response = ui.interact(
            place.expand(2.0).intersect(rect),
            ui.scope_id().with(("marker", *id)),
            Sense::click(),
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
        if response.clicked() {
            view.ask(Intent::Locate(*frame));
        }
    }
}

fn tempo(painter: &egui::Painter, rect: Rect, axis: Axis, snapshot: &Snapshot, view: &View) {
    let (p, map) = (view.palette, snapshot.project.tempo_map());
    let row = Rect::from_min_max(pos2(rect.left(), rect.bottom() - TEMPO), rect.max);
    let mut words: Vec<(f64, String)> = Vec::new();
    let points: Vec<_> = map.tempo_points().collect();
    for (n, point) in points.iter().enumerate() {
        let bpm = point.tempo.as_bpm_f64();
        let next = points.get(n + 1).filter(|_| point.ramp == omega_studio::time::Ramp::Linear);
        let to = next.map_or_else(String::new, |next| format!("–{:.0}", next.tempo.as_bpm_f64()));
        words.push((map.to_frame_f64(point.tick), format!("{bpm:.0}{to}")));
    }
    for point in map.meter_points() {
        let bar = omega_studio::time::Bbt { bar: point.bar, beat: 1, tick: 0 };
        let Ok(tick) = map.bbt_to_tick(bar) else { continue };
        words.push((map.to_frame_f64(tick), point.signature.to_string()));
    }
    words.sort_by(|a, b| a.0.total_cmp(&b.0));
    // What is at one place stands side by side; what would run into the one before it is left out.
    let mut free = f32::NEG_INFINITY;
    for (frame, word) in words {
        let left = (rect.left() + axis.x(frame)).round();
        if left < rect.left() - 80.0 || left > rect.right() {
            continue;
        }
        let text = painter.layout_no_wrap(word, font(SMALL), p.dim);
        let start = if left < free && free - left < 96.0 { free } else { left + 5.0 };
        if start < free {
            continue;
        }
        painter.vline(left + 0.5, row.top() + 2.0..=row.bottom() - 2.0, (1.0, veil(p.dim, 0.5)));
        let top = row.center().y - text.size().y / 2.0;
        free = start + text.size().x + 8.0;
        painter.galley(pos2(start, top), text, p.dim);
    }
}
