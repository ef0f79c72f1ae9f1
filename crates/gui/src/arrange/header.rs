//! The headers of tracks and lanes, left of the time line.

use egui::{Align2, CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use omega_studio::Snapshot;
use omega_studio::session::edit::{LaneEnable, TrackArm, TrackMonitor, TrackMute, TrackSolo};
use omega_studio::session::{Monitor, TrackKind};

use super::lanes::name_of;
use super::layout::{LEAST_HEIGHT, MOST_HEIGHT, Row};
use crate::icons::Icon;
use crate::meter;
use crate::paint::{self, Face, Switch};
use crate::palette::{Palette, veil};
use crate::theme::{BODY, SMALL, font, space, strong};
use crate::view::{Intent, View};

/// Width of the headers in points.
pub const WIDTH: f32 = 228.0;
/// A switch.
const SWITCH: egui::Vec2 = vec2(22.0, 18.0);
/// The meter at the right edge.
const METER: f32 = 6.0;
/// Points that a folder moves what is in it to the right.
const INDENT: f32 = 10.0;

/// Draws a header and does what is done in it.
pub fn show(ui: &Ui, rect: Rect, row: &Row, snapshot: &Snapshot, view: &mut View) {
    if row.lane.is_some() {
        lane(ui, rect, row, snapshot, view);
    } else {
        track(ui, rect, row, view);
    }
}

fn track(ui: &Ui, rect: Rect, row: &Row, view: &mut View) {
    let p = view.palette;
    let painter = ui.painter_at(rect);
    let selected = view.track.as_ref() == Some(&row.id);
    let response = ui.interact(rect, ui.scope_id().with(("header", &row.id)), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListItem, true, selected, format!("Track {}", row.track.name))
    });
    if response.clicked() {
        view.track = Some(row.id.clone());
    }
    painter.rect_filled(rect, 0.0, if selected { p.raised } else { p.panel });
    painter.rect_filled(Rect::from_min_size(rect.min, vec2(5.0, rect.height() - 1.0)), 0.0, row.colour);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, p.edge));
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 0.0, (1.5, p.accent), egui::StrokeKind::Inside);
    }
    let inner = Rect::from_min_max(
        rect.min + vec2(5.0 + space::S + INDENT * row.depth as f32, 0.0),
        rect.max - vec2(METER + 3.0 * space::XS, 1.0),
    );
    let bar = Rect::from_min_max(
        pos2(rect.right() - METER - space::S, rect.top() + 4.0),
        pos2(rect.right() - space::S, rect.bottom() - 5.0),
    );
    meter::draw(&painter, bar, &view.needles.of(&row.id), &p);
    let tall = rect.height() >= 46.0;
    let top = if tall { inner.top() + 7.0 } else { inner.center().y - 9.0 };
    let switches = switches(row);
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let taken = if tall { 0.0 } else { switches.len() as f32 * (SWITCH.x + 3.0) };
    let name = Rect::from_min_max(pos2(inner.left(), top), pos2(inner.right() - taken, top + 18.0));
    let kind = kind_of(row.track.kind);
    let kind_width = if tall && !kind.is_empty() { 52.0 } else { 0.0 };
    let shown = name.with_max_x(name.right() - kind_width);
    paint::text(&painter, shown, Align2::LEFT_CENTER, &row.track.name, strong(BODY), p.text);
    if kind_width > 0.0 {
        paint::text(&painter, name, Align2::RIGHT_CENTER, kind, font(SMALL), p.dim);
    }
    let (mut x, y) = if tall { (inner.left(), top + 22.0) } else { (inner.right() - taken + 3.0, top) };
    for kind in switches {
        switch(ui, Rect::from_min_size(pos2(x, y), SWITCH), kind, row, view);
        x += SWITCH.x + 3.0;
    }
    if tall && row.track.kind != TrackKind::Folder {
        let db = decibels(row.track.volume_db);
        let place = Rect::from_min_max(pos2(x, y), pos2(inner.right(), y + SWITCH.y));
        paint::text(&painter, place, Align2::RIGHT_CENTER, &db, font(SMALL), p.dim);
    }
    resize(ui, rect, row, view);
}

/// A fader's level for people.
pub fn decibels(db: f64) -> String {
    if db <= -144.0 { "−∞ dB".to_owned() } else { format!("{db:+.1} dB").replace('-', "−") }
}

fn kind_of(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "",
        TrackKind::Bus => "Bus",
        TrackKind::Return => "Return",
        TrackKind::Folder => "Folder",
        TrackKind::Cue => "Cue",
        TrackKind::Master => "Master",
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Mute,
    Solo,
    Arm,
    Monitor,
    Lanes,
}

/// The switches that a track has.
fn switches(row: &Row) -> Vec<Kind> {
    let mut kinds = match row.track.kind {
        TrackKind::Audio => vec![Kind::Mute, Kind::Solo, Kind::Arm, Kind::Monitor],
        TrackKind::Bus | TrackKind::Return => vec![Kind::Mute, Kind::Solo],
        TrackKind::Cue | TrackKind::Master => vec![Kind::Mute],
        TrackKind::Folder => Vec::new(),
    };
    if row.automated {
        kinds.push(Kind::Lanes);
    }
    kinds
}

fn switch(ui: &Ui, rect: Rect, kind: Kind, row: &Row, view: &mut View) {
    let (p, track, id) = (view.palette, &row.track, row.id.clone());
    let open = view.lanes.contains(&row.id);
    let (face, on, colour, what): (Face<'_>, bool, _, &str) = match kind {
        Kind::Mute => (Face::Text("M"), track.mute, p.orange, "Mute"),
        Kind::Solo => (Face::Text("S"), track.solo, p.yellow, "Solo"),
        Kind::Arm => (Face::Icon(Icon::Arm), track.arm, p.red, "Arm"),
        Kind::Monitor => {
            (Face::Icon(monitor_face(track.monitor)), track.monitor == Monitor::On, p.green, "Monitor")
        }
        Kind::Lanes => (Face::Icon(Icon::Automation), open, p.accent, "Automation of"),
    };
    let name = match kind {
        Kind::Monitor => format!("Monitor {}: {}", track.name, monitor_word(track.monitor)),
        _ => format!("{what} {}", track.name),
    };
    let response = Switch { rect, face, on: Some(on), colour, name: &name, enabled: true }.show(ui, &p);
    if !response.clicked() {
        return;
    }
    match kind {
        Kind::Mute => view.ask(Intent::edit(&toggled("mute", on, &track.name), TrackMute { id, on: !on })),
        Kind::Solo => view.ask(Intent::edit(&toggled("solo", on, &track.name), TrackSolo { id, on: !on })),
        Kind::Arm => view.ask(Intent::edit(&toggled("arm", on, &track.name), TrackArm { id, on: !on })),
        Kind::Monitor => {
            let mode = match track.monitor {
                Monitor::Auto => Monitor::On,
                Monitor::On => Monitor::Off,
                Monitor::Off => Monitor::Auto,
            };
            view.ask(Intent::edit(&format!("monitor {}", track.name), TrackMonitor { id, mode }));
        }
        Kind::Lanes if open => {
            view.lanes.remove(&row.id);
        }
        Kind::Lanes => {
            view.lanes.insert(row.id.clone());
        }
    }
}

/// The name of a step that puts a switch over.
fn toggled(verb: &str, was_on: bool, name: &str) -> String {
    if was_on { format!("un{verb} {name}") } else { format!("{verb} {name}") }
}

fn monitor_face(mode: Monitor) -> Icon {
    if mode == Monitor::Off { Icon::Silent } else { Icon::Speaker }
}

fn monitor_word(mode: Monitor) -> &'static str {
    match mode {
        Monitor::Auto => "automatic",
        Monitor::On => "on",
        Monitor::Off => "off",
    }
}

/// The lower edge of a header changes the height of its row.
fn resize(ui: &Ui, rect: Rect, row: &Row, view: &mut View) {
    let edge = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 4.0), rect.max);
    let response = ui
        .interact(edge, ui.scope_id().with(("height", &row.id)), Sense::drag())
        .on_hover_cursor(CursorIcon::ResizeVertical);
    if response.dragged() {
        let height = (row.height + response.drag_delta().y).clamp(LEAST_HEIGHT, MOST_HEIGHT);
        view.heights.insert(row.id.clone(), height);
    }
}

fn lane(ui: &Ui, rect: Rect, row: &Row, snapshot: &Snapshot, view: &mut View) {
    let Some((id, lane)) = &row.lane else { return };
    let p: Palette = view.palette;
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, p.canvas_alt);
    painter.rect_filled(
        Rect::from_min_size(rect.min, vec2(5.0, rect.height() - 1.0)),
        0.0,
        veil(row.colour, 0.45),
    );
    painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, p.edge));
    let name = name_of(&snapshot.project, &lane.target);
    let inner = rect
        .with_min_x(rect.left() + 5.0 + space::L + INDENT * row.depth as f32)
        .with_max_x(rect.right() - 44.0);
    let colour = if lane.enabled { p.text } else { p.dim };
    paint::text(&painter, inner, Align2::LEFT_CENTER, &name, font(BODY), colour);
    let place = Rect::from_center_size(pos2(rect.right() - 24.0, rect.center().y), vec2(28.0, 18.0));
    let full = format!("Automation {} of {}", name, row.track.name);
    let switch = Switch {
        rect: place,
        face: Face::Text(if lane.enabled { "On" } else { "Off" }),
        on: Some(lane.enabled),
        colour: p.accent,
        name: &full,
        enabled: true,
    };
    if switch.show(ui, &p).clicked() {
        let edit = LaneEnable { id: id.clone(), on: !lane.enabled };
        view.ask(Intent::edit(&format!("automation of {name}"), edit));
    }
}
