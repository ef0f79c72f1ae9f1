//! The arranger: tracks from top to bottom, time from left to right. It draws what is seen and nothing else.

mod clips;
mod gesture;
pub mod grid;
pub mod header;
mod lanes;
mod layout;
mod ruler;

use egui::{PointerButton, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use omega_studio::{Overviews, Snapshot};

pub use gesture::{Gesture, Hand, count};
pub use layout::{Layout, Parts};

use crate::palette::veil;
use crate::view::{Axis, Intent, View};
use crate::waves::Waves;

/// What the arranger keeps from frame to frame.
#[derive(Default)]
pub struct Arrange {
    /// Rows and parts.
    pub layout: Layout,
    /// Pictures.
    pub waves: Waves,
}

/// Where things are on the page.
struct Areas {
    ruler: Rect,
    headers: Rect,
    canvas: Rect,
}

impl Areas {
    fn of(rect: Rect) -> Self {
        let (x, y) = ((rect.left() + header::WIDTH).round(), rect.top() + ruler::HEIGHT);
        Self {
            ruler: Rect::from_min_max(pos2(x, rect.top()), pos2(rect.right(), y)),
            headers: Rect::from_min_max(pos2(rect.left(), y), pos2(x, rect.bottom())),
            canvas: Rect::from_min_max(pos2(x, y), rect.max),
        }
    }
}

impl Arrange {
    /// Draws the page and does what is done in it. True when all pictures that belong there are.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        snapshot: &Snapshot,
        overviews: &Overviews,
        view: &mut View,
    ) -> bool {
        let areas = Areas::of(rect);
        self.layout.update(&snapshot.project, view);
        self.move_view(ui, &areas, snapshot, view);
        let Some(axis) = view.axis else { return true };
        let p = view.palette;
        let lines = grid::lines(&snapshot.project.tempo_map(), &axis, areas.canvas.width());
        ui.painter().rect_filled(rect, 0.0, p.canvas);
        let corner = Rect::from_min_max(rect.min, pos2(areas.headers.right(), areas.ruler.bottom()));
        ui.painter().rect_filled(corner, 0.0, p.panel);
        ui.painter().hline(corner.x_range(), corner.bottom() - 0.5, (1.0, p.edge));
        self.ground(ui, &areas, snapshot, view);
        self.backdrop(ui, &areas, axis, &lines, view);
        let whole = self.clips(ui, &areas, snapshot, overviews, view);
        self.lanes(ui, &areas, axis, snapshot, view);
        self.headers(ui, &areas, snapshot, view);
        ruler::show(ui, areas.ruler, axis, snapshot, view, &lines);
        playhead(ui, &areas, axis, snapshot, view);
        ui.painter().vline(areas.headers.right() - 0.5, rect.y_range(), (1.0, p.edge));
        whole
    }

    /// Zooms, scrolls, and moves along with the playhead.
    fn move_view(&self, ui: &Ui, areas: &Areas, snapshot: &Snapshot, view: &mut View) {
        let width = areas.canvas.width();
        let mut axis = view.axis.unwrap_or_else(|| {
            let mut axis = Axis { left: 0.0, scale: 1.0 };
            let minute = 60.0 * snapshot.project.sample_rate().as_f64();
            axis.fit(if self.layout.end() > 0 { self.layout.end() as f64 } else { minute }, width);
            axis
        });
        let over = ui.rect_contains_pointer(areas.canvas) || ui.rect_contains_pointer(areas.ruler);
        let (scroll, zoom, pointer) =
            ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta(), input.pointer.hover_pos()));
        if let Some(pointer) = pointer.filter(|_| over)
            && (zoom - 1.0).abs() > 1e-4
        {
            axis.zoom(f64::from(zoom), pointer.x - areas.canvas.left());
        }
        if over && scroll.x != 0.0 {
            axis.scroll(-scroll.x);
            view.follow = false;
        }
        if over || ui.rect_contains_pointer(areas.headers) {
            view.down -= scroll.y;
        }
        let room = (self.layout.height() - areas.canvas.height() + 24.0).max(0.0);
        view.down = view.down.clamp(0.0, room).round();
        let head = axis.x(snapshot.position as f64);
        if snapshot.playing && view.follow && view.gesture.is_none() && !(0.0..width * 0.94).contains(&head) {
            axis.left = snapshot.position as f64 - f64::from(width) * 0.06 * axis.scale;
        }
        view.axis = Some(axis);
    }

    /// The empty canvas: a click locates, a drag selects.
    fn ground(&mut self, ui: &Ui, areas: &Areas, snapshot: &Snapshot, view: &mut View) {
        let Some(axis) = view.axis else { return };
        let canvas = areas.canvas;
        let response = ui.interact(canvas, ui.scope_id().with("canvas"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Time line"));
        let (pointer, origin) = ui.input(|input| (input.pointer.latest_pos(), input.pointer.press_origin()));
        let down = view.down;
        let list = |y: f32| y - canvas.top() + down;
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            let track = self.layout.at(list(at.y)).map(|row| row.id.clone());
            view.clips.clear();
            view.track = track.or(view.track.take());
            let frame = axis.frame(at.x - canvas.left()).max(0.0);
            let frame = ruler::snapped(ui, &snapshot.project.tempo_map(), &axis, frame);
            view.ask(Intent::Locate(frame));
        } else if response.drag_started_by(PointerButton::Primary)
            && let Some(origin) = origin
        {
            let hand = Hand::Band { y: list(origin.y) };
            view.gesture = Some(Gesture::new(hand, axis.frame(origin.x - canvas.left())));
        }
        if let (Some(Gesture { hand: Hand::Band { y }, from, .. }), Some(at)) =
            (view.gesture.clone(), pointer)
        {
            let (to, down) = (axis.frame(at.x - canvas.left()), list(at.y));
            gesture::select(&self.layout, view, (from, to), (y, down));
            if !ui.input(|input| input.pointer.primary_down()) {
                view.gesture = None;
            }
        }
    }

    fn row_rect(areas: &Areas, row: &layout::Row, view: &View) -> Rect {
        let top = areas.canvas.top() + row.top - view.down;
        Rect::from_min_size(pos2(areas.canvas.left(), top), vec2(areas.canvas.width(), row.height))
    }

    /// Stripes, grid, borders of rows.
    fn backdrop(&self, ui: &Ui, areas: &Areas, axis: Axis, lines: &[grid::Line], view: &View) {
        let (p, painter, canvas) = (view.palette, ui.painter_at(areas.canvas), areas.canvas);
        let seen = self.layout.seen(view.down, view.down + canvas.height());
        for row in seen {
            let rect = Self::row_rect(areas, row, view);
            if view.track.as_ref() == Some(&row.id) || row.lane.is_some() {
                painter.rect_filled(rect, 0.0, p.canvas_alt);
            }
        }
        for line in lines {
            let x = (canvas.left() + axis.x(line.frame)).round() + 0.5;
            let colour = if line.bar.is_some() {
                p.grid_bar
            } else if line.beat {
                p.grid_beat
            } else {
                veil(p.grid_beat, 0.6)
            };
            painter.vline(x, canvas.y_range(), (1.0, colour));
        }
        for row in seen {
            let rect = Self::row_rect(areas, row, view);
            painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, p.grid_bar));
        }
    }

    fn clips(
        &mut self,
        ui: &Ui,
        areas: &Areas,
        snapshot: &Snapshot,
        overviews: &Overviews,
        view: &mut View,
    ) -> bool {
        let Some(axis) = view.axis else { return true };
        let (canvas, project) = (areas.canvas, &snapshot.project);
        let painter = ui.painter_at(canvas);
        let ppp = ui.ctx().pixels_per_point();
        self.waves.begin(overviews);
        self.follow(ui, canvas, snapshot, view);
        let moving = view.gesture.clone().filter(|gesture| gesture.anchor.is_some());
        let copies = matches!(moving, Some(Gesture { hand: Hand::Move { copy: true }, .. }));
        let (from, to) = (grid::whole(axis.frame(-8.0)).0, grid::whole(axis.frame(canvas.width() + 8.0)).0);
        let shown = moving.as_ref().map_or_else(Vec::new, |gesture| self.previews(gesture, view, snapshot));
        let mut places = Vec::new();
        for row in
            self.layout.seen(view.down, view.down + canvas.height()).iter().filter(|row| row.lane.is_none())
        {
            let rect = Self::row_rect(areas, row, view);
            let parts = self.layout.parts(&row.id).into_iter().flat_map(|parts| parts.within(from, to + 1));
            let held = |part: &&layout::Part| copies || moving.is_none() || !view.clips.contains(&part.id);
            places.extend(parts.filter(held).filter_map(|part| clips::place(part, row, rect, axis)));
        }
        for (part, row) in &shown {
            let rect = Self::row_rect(areas, row, view);
            places.extend(clips::place(part, row, rect, axis));
        }
        for n in 1..places.len() {
            if let Some([one, next]) = places.get_mut(n - 1..=n)
                && std::ptr::eq(one.row, next.row)
            {
                one.until = next.whole.left();
            }
        }
        places.iter().for_each(|place| place.body(&painter, view));
        let mut whole = true;
        for place in &places {
            whole &= place.wave(&mut self.waves, overviews, canvas, ppp, view, project);
        }
        painter.add(self.waves.shape(canvas));
        for place in &places {
            place.notes(&painter, view, project);
            place.dots(&painter, &self.waves, canvas, ppp, view, project);
            place.cover(&painter, view, project);
        }
        if moving.is_none() {
            places.iter().for_each(|place| place.hand(ui, canvas, view, project));
        }
        self.band(ui, canvas, axis, view);
        whole
    }

    /// Moves the gesture on, and ends it when the hand lets go.
    fn follow(&self, ui: &Ui, canvas: Rect, snapshot: &Snapshot, view: &mut View) {
        let (Some(mut gesture), Some(axis)) = (view.gesture.clone(), view.axis) else { return };
        if gesture.anchor.is_none() {
            return;
        }
        let (pointer, down, free, away) = ui.input(|input| {
            let escape = input.key_pressed(egui::Key::Escape);
            (input.pointer.latest_pos(), input.pointer.primary_down(), input.modifiers.shift, escape)
        });
        if let Some(at) = pointer {
            let over = self.layout.at(at.y - canvas.top() + view.down);
            gesture.follow(axis.frame(at.x - canvas.left()), over, free, &axis, &snapshot.project);
        }
        if away {
            view.gesture = None;
        } else if down {
            view.gesture = Some(gesture);
        } else {
            let intent = gesture.finish(view, &snapshot.project);
            view.gesture = None;
            view.intents.extend(intent);
        }
    }

    /// The selected parts as the gesture would leave them, each with its row.
    fn previews(
        &self,
        gesture: &Gesture,
        view: &View,
        snapshot: &Snapshot,
    ) -> Vec<(layout::Part, layout::Row)> {
        let rows = self.layout.rows().iter().filter(|row| row.lane.is_none());
        let parts = rows.filter_map(|row| self.layout.parts(&row.id)).flat_map(layout::Parts::all);
        let held = parts.filter(|part| view.clips.contains(&part.id));
        let moved = held.filter_map(|part| {
            let (part, track) = gesture.preview(part, &snapshot.project);
            let row = self.layout.rows().iter().find(|row| row.lane.is_none() && row.id == track)?;
            Some((part, row.clone()))
        });
        moved.collect()
    }

    fn band(&self, ui: &Ui, canvas: Rect, axis: Axis, view: &View) {
        let (Some(Gesture { hand: Hand::Band { y }, from, .. }), Some(at)) =
            (&view.gesture, ui.input(|input| input.pointer.latest_pos()))
        else {
            return;
        };
        let corner = pos2(canvas.left() + axis.x(*from), canvas.top() + y - view.down);
        let rect = Rect::from_two_pos(corner, at);
        let p = view.palette;
        let painter = ui.painter_at(canvas);
        painter.rect(rect, 0.0, veil(p.accent, 0.15), Stroke::new(1.0, p.accent), StrokeKind::Inside);
    }

    fn lanes(&self, ui: &Ui, areas: &Areas, axis: Axis, snapshot: &Snapshot, view: &View) {
        let painter = ui.painter_at(areas.canvas);
        for row in self.layout.seen(view.down, view.down + areas.canvas.height()) {
            if let Some((_, lane)) = &row.lane {
                let rect = Self::row_rect(areas, row, view);
                lanes::show(&painter, rect, axis, row, lane, &snapshot.project, &view.palette);
            }
        }
    }

    fn headers(&self, ui: &mut Ui, areas: &Areas, snapshot: &Snapshot, view: &mut View) {
        ui.painter().rect_filled(areas.headers, 0.0, view.palette.panel);
        let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(areas.headers));
        inside.set_clip_rect(areas.headers.intersect(ui.clip_rect()));
        let down = view.down;
        for row in self.layout.seen(down, down + areas.headers.height()) {
            let top = areas.headers.top() + row.top - down;
            let rect =
                Rect::from_min_size(pos2(areas.headers.left(), top), vec2(areas.headers.width(), row.height));
            header::show(&inside, rect, row, snapshot, view);
        }
    }
}

fn playhead(ui: &Ui, areas: &Areas, axis: Axis, snapshot: &Snapshot, view: &View) {
    let x = areas.canvas.left() + axis.x(snapshot.position as f64);
    if !(areas.canvas.left() - 1.0..=areas.canvas.right() + 1.0).contains(&x) {
        return;
    }
    let (p, x) = (view.palette, x.round());
    let all = Rect::from_min_max(areas.ruler.min, areas.canvas.max);
    let painter = ui.painter_at(all);
    let top = areas.ruler.top() + ruler::BARS - 8.0;
    painter.vline(x + 0.5, top..=areas.canvas.bottom(), (1.0, p.playhead));
    let flag = vec![pos2(x - 4.5, top), pos2(x + 5.5, top), pos2(x + 0.5, top + 8.0)];
    painter.add(egui::Shape::convex_polygon(flag, p.playhead, Stroke::NONE));
}
