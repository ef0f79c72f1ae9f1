//! The bar at the top: transport, position, tempo and meter, load; and where one undoes, saves and turns pages.

use egui::{Align2, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use omega_studio::Snapshot;
use omega_studio::session::edit::LoopSet;
use omega_studio::time::Frames;

use crate::icons::Icon;
use crate::paint::{self, Face, Switch};
use crate::palette::mix;
use crate::theme::{BODY, CORNER, LARGE, SMALL, font, space, strong};
use crate::view::{Intent, View};

/// Height of the bar in points.
pub const HEIGHT: f32 = 52.0;
/// A button.
const BUTTON: egui::Vec2 = vec2(34.0, 30.0);
/// Points that the position takes up.
const POSITION: f32 = 224.0;
/// Points that tempo and meter take up.
const TEMPO: f32 = 130.0;
/// Narrower windows than this leave out what is said elsewhere as well.
const WIDE: f32 = 1_000.0;

/// Draws the bar and does what is done in it.
pub fn show(ui: &Ui, rect: Rect, snapshot: &Snapshot, view: &mut View) {
    let p = view.palette;
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, p.panel);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, p.edge));
    let row = rect.shrink2(vec2(space::M, (HEIGHT - BUTTON.y) / 2.0));
    let mut left = row.left();
    let home =
        button(ui, &mut left, row, Face::Icon(Icon::Home), None, p.accent, "To the start (Home)", true, view);
    if home {
        view.ask(Intent::Locate(0));
    }
    let playing = snapshot.playing;
    if button(ui, &mut left, row, Face::Icon(Icon::Play), Some(playing), p.green, "Play (Space)", true, view)
    {
        view.ask(if playing { Intent::Stop } else { Intent::Play });
    }
    if button(ui, &mut left, row, Face::Icon(Icon::Stop), None, p.accent, "Stop", true, view) {
        view.ask(Intent::Stop);
    }
    let looped = snapshot.project.settings().loop_range.on;
    if button(ui, &mut left, row, Face::Icon(Icon::Loop), Some(looped), p.accent, "Loop (L)", true, view) {
        view.ask(toggle_loop(snapshot));
    }
    left += space::M;
    let end = right(ui, row, snapshot, view);
    // What has no room is left out, the least important first.
    let room = end - left;
    if room >= POSITION {
        left = position(ui, left, row, snapshot, view);
    }
    if room >= POSITION + TEMPO {
        left = tempo(ui, left, row, snapshot, view);
    }
    let room = Rect::from_min_max(pos2(left + space::S, row.top()), pos2(end - space::M, row.bottom()));
    if room.width() > 80.0 {
        title(ui, room, snapshot, view);
    }
}

/// Puts the loop on or off.
#[must_use]
pub fn toggle_loop(snapshot: &Snapshot) -> Intent {
    let on = !snapshot.project.settings().loop_range.on;
    Intent::edit(if on { "loop on" } else { "loop off" }, LoopSet { on: Some(on), range: None })
}

#[allow(clippy::too_many_arguments, reason = "a row of buttons that differ in all of it")]
fn button(
    ui: &Ui,
    left: &mut f32,
    row: Rect,
    face: Face<'_>,
    on: Option<bool>,
    colour: egui::Color32,
    name: &str,
    enabled: bool,
    view: &View,
) -> bool {
    let rect = Rect::from_min_size(pos2(*left, row.top()), BUTTON);
    *left += BUTTON.x + space::XS;
    Switch { rect, face, on, colour, name, enabled }.show(ui, &view.palette).clicked()
}

#[allow(clippy::too_many_arguments, reason = "a row of fields that differ in all of it")]
/// A sunk field with a word and what it says; its right edge.
fn field(
    ui: &Ui,
    left: f32,
    row: Rect,
    width: f32,
    word: &str,
    value: &str,
    large: bool,
    view: &View,
) -> f32 {
    let (p, painter) = (view.palette, ui.painter());
    let rect = Rect::from_min_size(pos2(left, row.top() - 3.0), vec2(width, row.height() + 6.0));
    painter.rect_filled(rect, CORNER, p.sunk);
    let inner = rect.shrink2(vec2(space::S, 3.0));
    paint::text(painter, inner, Align2::LEFT_TOP, word, font(9.5), p.dim);
    let size = if large { LARGE } else { BODY + 1.0 };
    paint::text(painter, inner, Align2::LEFT_BOTTOM, value, strong(size), p.text);
    let response = ui.interact(rect, ui.scope_id().with(("field", word)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{word}: {value}")));
    rect.right() + space::XS
}

/// A place in bars, beats and hundredths of beats.
#[must_use]
pub fn in_bars(snapshot: &Snapshot, frame: i64) -> String {
    let map = snapshot.project.tempo_map();
    let tick = map.to_tick(Frames(frame));
    let bbt = map.to_bbt(tick);
    let beat = map.signature_at(tick).ticks_per_beat().0.max(1);
    let part = i64::from(bbt.tick) * 100 / beat;
    format!("{:>3} . {} . {part:02}", bbt.bar, bbt.beat)
}

/// A place in hours, minutes and seconds.
#[must_use]
pub fn in_time(snapshot: &Snapshot, frame: i64) -> String {
    let rate = i64::from(snapshot.project.sample_rate().hz()).max(1);
    let frame = frame.max(0);
    let (seconds, millis) = (frame / rate, frame % rate * 1000 / rate);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    if minutes < 60 {
        format!("{minutes}:{seconds:02}.{millis:03}")
    } else {
        format!("{}:{:02}:{seconds:02}.{millis:03}", minutes / 60, minutes % 60)
    }
}

fn position(ui: &Ui, left: f32, row: Rect, snapshot: &Snapshot, view: &View) -> f32 {
    let bars = in_bars(snapshot, snapshot.position);
    let left = field(ui, left, row, 112.0, "BAR . BEAT", bars.trim_start(), true, view);
    field(ui, left, row, 104.0, "TIME", &in_time(snapshot, snapshot.position), true, view)
}

fn tempo(ui: &Ui, left: f32, row: Rect, snapshot: &Snapshot, view: &View) -> f32 {
    let map = snapshot.project.tempo_map();
    let tick = map.to_tick(Frames(snapshot.position));
    let tempo = format!("{:.2}", map.tempo_at(tick).as_bpm_f64());
    let left = field(ui, left, row, 70.0, "TEMPO", &tempo, true, view);
    field(ui, left, row, 52.0, "METER", &map.signature_at(tick).to_string(), true, view)
}

/// Undo, redo, save, load; the left edge of all that.
fn right(ui: &Ui, row: Rect, snapshot: &Snapshot, view: &mut View) -> f32 {
    let p = view.palette;
    let load = load(ui, row, snapshot, view);
    let mut left = load - 3.0 * (BUTTON.x + space::XS) - 14.0 - space::S;
    let start = left;
    let undo =
        snapshot.undo.as_ref().map_or("Nothing to undo".to_owned(), |name| format!("Undo {name} (Ctrl+Z)"));
    let redo = snapshot
        .redo
        .as_ref()
        .map_or("Nothing to redo".to_owned(), |name| format!("Redo {name} (Shift+Ctrl+Z)"));
    let (can_undo, can_redo) = (snapshot.undo.is_some(), snapshot.redo.is_some());
    if button(ui, &mut left, row, Face::Icon(Icon::Undo), None, p.accent, &undo, can_undo, view) {
        view.ask(Intent::Undo);
    }
    if button(ui, &mut left, row, Face::Icon(Icon::Redo), None, p.accent, &redo, can_redo, view) {
        view.ask(Intent::Redo);
    }
    let rect = Rect::from_min_size(pos2(left, row.top()), vec2(BUTTON.x + 14.0, BUTTON.y));
    let name = if snapshot.unsaved { "Save (Ctrl+S)" } else { "Saved" };
    let save = Switch {
        rect,
        face: Face::Text("Save"),
        on: None,
        colour: p.accent,
        name,
        enabled: snapshot.unsaved,
    };
    if save.show(ui, &p).clicked() {
        view.ask(Intent::Save);
    }
    start
}

/// The load of the engine and its xruns; the left edge.
fn load(ui: &Ui, row: Rect, snapshot: &Snapshot, view: &View) -> f32 {
    let (p, painter, width) = (view.palette, ui.painter(), 92.0);
    let rect =
        Rect::from_min_size(pos2(row.right() - width, row.top() - 3.0), vec2(width, row.height() + 6.0));
    painter.rect_filled(rect, CORNER, p.sunk);
    let inner = rect.shrink2(vec2(space::S, 4.0));
    let share = snapshot.load.clamp(0.0, 1.0);
    let colour = if share > 0.9 {
        p.red
    } else if share > 0.7 {
        p.yellow
    } else {
        p.green
    };
    paint::text(
        painter,
        inner,
        Align2::LEFT_TOP,
        &format!("CPU {:.0} %", snapshot.load * 100.0),
        font(9.5),
        p.dim,
    );
    let xruns = if snapshot.xruns == 1 { "1 xrun".to_owned() } else { format!("{} xruns", snapshot.xruns) };
    let ink = if snapshot.xruns > 0 { p.red } else { p.dim };
    let bar =
        Rect::from_min_max(pos2(inner.left(), inner.top() + 13.0), pos2(inner.right(), inner.top() + 17.0));
    painter.rect_filled(bar, 2.0, mix(p.sunk, p.raised, 0.8));
    painter.rect_filled(bar.with_max_x(bar.left() + bar.width() * share), 2.0, colour);
    paint::text(painter, inner, Align2::LEFT_BOTTOM, &xruns, font(9.5), ink);
    let hardware = snapshot.hardware.as_deref().unwrap_or("no hardware opened yet");
    let response = ui.interact(rect, ui.scope_id().with("load"), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, true, format!("Load {:.0} %, {xruns}", snapshot.load * 100.0))
    });
    response.on_hover_text(format!("Load of the sound, {xruns}; {hardware}"));
    rect.left()
}

/// The session's name, and what is being done.
fn title(ui: &Ui, room: Rect, snapshot: &Snapshot, view: &View) {
    let (p, painter) = (view.palette, ui.painter());
    let name = &snapshot.project.settings().name;
    let state = match snapshot.jobs.first() {
        Some(job) => format!("{} {:.0} %", job.name, job.done * 100.0),
        None if snapshot.unsaved => "edited".to_owned(),
        None => String::new(),
    };
    let align = if ui.max_rect().width() >= WIDE { Align2::CENTER_CENTER } else { Align2::LEFT_CENTER };
    if state.is_empty() {
        paint::text(painter, room, align, name, strong(BODY), p.text);
        return;
    }
    let (above, below) = room.split_top_bottom_at_y(room.center().y + 1.0);
    paint::text(painter, above, align, name, strong(BODY), p.text);
    paint::text(painter, below, align, &state, font(SMALL), p.dim);
}
