//! Keys: what each does. A key that a text field wants goes to that.

use egui::{Context, Key, Modifiers};
use omega_studio::Snapshot;
use omega_studio::session::edit::{ClipDuplicate, ClipMove, ClipRemove, ClipSplit, Edit};
use omega_studio::session::{Clip, ClipId};
use omega_studio::time::{Frames, TimePoint};

use crate::arrange::{Layout, Parts, count, grid};
use crate::transport;
use crate::view::{Intent, View};

/// Does what the keys say that are pressed.
pub fn act(ctx: &Context, snapshot: &Snapshot, layout: &Layout, view: &mut View) {
    if ctx.text_edit_focused() {
        return;
    }
    let pressed = |modifiers: Modifiers, key: Key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    // Keys with more modifiers come first: egui takes a key for pressed with those that are not asked for.
    let both = Modifiers::COMMAND | Modifiers::SHIFT;
    if pressed(both, Key::Z) || pressed(Modifiers::COMMAND, Key::Y) {
        view.ask(Intent::Redo);
    }
    if pressed(Modifiers::COMMAND, Key::Z) {
        view.ask(Intent::Undo);
    }
    if pressed(Modifiers::COMMAND, Key::S) {
        view.ask(Intent::Save);
    }
    if pressed(Modifiers::COMMAND, Key::D) {
        edit_all("duplicate", snapshot, view, |id, _| {
            Some(ClipDuplicate { id, copy: None, track: None, position: None }.into())
        });
    }
    if pressed(Modifiers::COMMAND, Key::A) {
        let rows = layout.rows().iter().filter(|row| row.lane.is_none());
        let parts = rows.filter_map(|row| layout.parts(&row.id)).flat_map(Parts::all);
        view.clips = parts.map(|part| part.id.clone()).collect();
    }
    if pressed(Modifiers::NONE, Key::Space) {
        view.ask(if snapshot.playing { Intent::Stop } else { Intent::Play });
    }
    if pressed(Modifiers::NONE, Key::Home) {
        view.ask(Intent::Locate(0));
        look_at(0, view);
    }
    if pressed(Modifiers::NONE, Key::End) {
        view.ask(Intent::Locate(layout.end()));
        look_at(layout.end(), view);
    }
    if pressed(Modifiers::NONE, Key::L) {
        view.ask(transport::toggle_loop(snapshot));
    }
    if pressed(Modifiers::NONE, Key::F) {
        view.follow = !view.follow;
        view.tell(
            if view.follow { "The page follows the playhead" } else { "The page stays where it is" },
            false,
        );
    }
    if pressed(Modifiers::NONE, Key::S) {
        split(snapshot, layout, view);
    }
    if pressed(Modifiers::NONE, Key::Delete) || pressed(Modifiers::NONE, Key::Backspace) {
        edit_all("remove", snapshot, view, |id, _| Some(ClipRemove { id, ripple: false }.into()));
        view.clips.clear();
    }
    if pressed(Modifiers::NONE, Key::Escape) {
        view.clips.clear();
    }
    zoom(ctx, view);
    arrows(ctx, snapshot, layout, view);
}

fn zoom(ctx: &Context, view: &mut View) {
    let pressed = |key: Key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let nearer = pressed(Key::Plus) || pressed(Key::Equals);
    let factor = if nearer {
        1.5
    } else if pressed(Key::Minus) {
        1.0 / 1.5
    } else {
        return;
    };
    if let Some(axis) = &mut view.axis {
        axis.zoom(factor, 0.0);
    }
}

/// Left and right move the selected clips by a line of the grid, or else the playhead; up and down select a track.
fn arrows(ctx: &Context, snapshot: &Snapshot, layout: &Layout, view: &mut View) {
    let pressed = |key: Key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let Some(axis) = view.axis else { return };
    let map = snapshot.project.tempo_map();
    for (key, forward) in [(Key::ArrowLeft, false), (Key::ArrowRight, true)] {
        if !pressed(key) {
            continue;
        }
        if view.clips.is_empty() {
            view.ask(Intent::Locate(grid::neighbour(&map, &axis, snapshot.position, forward)));
            continue;
        }
        // All by as much as the first of them moves.
        let starts = view
            .clips
            .iter()
            .filter_map(|id| snapshot.project.clip(id))
            .map(|clip| map.frame_of(clip.position).0);
        let Some(first) = starts.min() else { continue };
        let ticks =
            map.to_tick(Frames(grid::neighbour(&map, &axis, first, forward))) - map.to_tick(Frames(first));
        edit_all("move", snapshot, view, |id, clip| {
            let to = map.tick_of(clip.position) + ticks;
            Some(ClipMove { id, track: None, position: Some(TimePoint::Musical(to)) }.into())
        });
    }
    for (key, down) in [(Key::ArrowUp, false), (Key::ArrowDown, true)] {
        if pressed(key) {
            let tracks: Vec<_> = layout.rows().iter().filter(|row| row.lane.is_none()).collect();
            let at = tracks.iter().position(|row| Some(&row.id) == view.track.as_ref());
            let to = match (at, down) {
                (None, _) => 0,
                (Some(at), true) => (at + 1).min(tracks.len().saturating_sub(1)),
                (Some(at), false) => at.saturating_sub(1),
            };
            view.track = tracks.get(to).map(|row| row.id.clone());
        }
    }
}

/// Splits the selected clips at the playhead, or all under it where none is selected.
fn split(snapshot: &Snapshot, layout: &Layout, view: &mut View) {
    let at = snapshot.position;
    let rows = layout.rows().iter().filter(|row| row.lane.is_none());
    let parts = rows.filter_map(|row| layout.parts(&row.id)).flat_map(|parts| parts.within(at, at + 1));
    let under =
        parts.filter(|part| part.start < at && (view.clips.is_empty() || view.clips.contains(&part.id)));
    let place = TimePoint::Absolute(Frames(at));
    let edits: Vec<Edit> =
        under.map(|part| ClipSplit { id: part.id.clone(), at: place, right: None }.into()).collect();
    if edits.is_empty() {
        view.tell("No clip is under the playhead: move it onto one, then press S", false);
    } else {
        view.ask(Intent::Edit(count("split", edits.len()), edits));
    }
}

fn edit_all(verb: &str, snapshot: &Snapshot, view: &mut View, edit: impl Fn(ClipId, &Clip) -> Option<Edit>) {
    let clips = view.clips.iter().filter_map(|id| Some((id.clone(), snapshot.project.clip(id)?)));
    let edits: Vec<Edit> = clips.filter_map(|(id, clip)| edit(id, clip)).collect();
    if !edits.is_empty() {
        view.ask(Intent::Edit(count(verb, edits.len()), edits));
    }
}

/// Brings a frame into view.
fn look_at(frame: i64, view: &mut View) {
    if let Some(axis) = &mut view.axis {
        axis.left = frame as f64 - 12.0 * axis.scale;
        if frame > 0 {
            axis.scroll(-400.0);
        }
    }
}
