//! What hands do in the window, found by the names that screen readers hear.

mod common;

use common::Bench;
use egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::kittest::Queryable;
use omega_studio::session::{Clip, ClipId, TrackId};
use omega_studio::time::Frames;

fn track(name: &str) -> TrackId {
    TrackId::new(name).unwrap()
}

/// The first clip of a track in time, with where it starts.
fn first_clip(bench: &mut Bench, on: &str) -> (ClipId, std::sync::Arc<Clip>, Frames) {
    let (project, on) = (bench.project(), track(on));
    let map = project.tempo_map();
    let clips =
        project.clips_on(&on).map(|(id, clip)| (id.clone(), clip.clone(), map.frame_of(clip.position)));
    clips.min_by_key(|(_, _, start)| *start).unwrap()
}

/// Where a place of the time line is drawn on a track.
fn place(bench: &Bench, track: &str, frame: i64) -> Pos2 {
    let line = bench.harness.get_by_label("Time line").rect();
    let header = bench.harness.get_by_label(&format!("Track {track}")).rect();
    let axis = bench.view().axis.unwrap();
    Pos2::new(line.left() + axis.x(frame as f64), header.center().y + 6.0)
}

/// Comes near the first bars, so that clips are wide.
fn come_near(bench: &mut Bench, frame: i64) {
    let axis = bench.window().view_mut().axis.as_mut().unwrap();
    axis.scale = 800.0;
    axis.left = frame as f64 - 200.0 * axis.scale;
    bench.harness.run_steps(2);
}

#[test]
fn switches_of_a_track_are_steps_that_undo_and_redo() {
    let mut bench = Bench::new();
    let before = bench.project().to_text();
    let steps = bench.steps();
    bench.click("Mute Kick");
    assert!(bench.project().track(&track("kick")).unwrap().mute);
    bench.click("Solo Kick");
    bench.click("Arm Kick");
    assert!(bench.project().track(&track("kick")).unwrap().arm);
    assert_eq!(bench.steps(), steps + 3);
    let after = bench.project().to_text();
    for _ in 0..3 {
        bench.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(bench.project().to_text(), before);
    for _ in 0..3 {
        bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    assert_eq!(bench.project().to_text(), after);
}

#[test]
fn a_clip_is_moved_along_the_grid_by_one_step_and_back_by_one_undo() {
    let mut bench = Bench::new();
    let (id, clip, start) = first_clip(&mut bench, "bass");
    come_near(&mut bench, start.0);
    let (before, steps) = (bench.project().to_text(), bench.steps());
    let from = place(&bench, "Bass", start.0 + clip.length.0 / 2);
    bench.drag(from, from + vec2(121.0, 0.0), Modifiers::NONE);
    let project = bench.project();
    let moved = project.clip(&id).unwrap();
    assert_ne!(moved.position, clip.position, "it moved");
    assert_eq!(moved.position.base(), clip.position.base());
    assert_eq!(moved.length, clip.length);
    let tick = project.tempo_map().tick_of(moved.position);
    assert_eq!(tick.0 % 20_160, 0, "on a sixteenth: {tick:?}");
    assert_eq!(bench.steps(), steps + 1, "one gesture, one step");
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.project().to_text(), before);
}

#[test]
fn shift_lets_a_clip_go_where_the_grid_has_no_line() {
    let mut bench = Bench::new();
    let (id, clip, start) = first_clip(&mut bench, "bass");
    come_near(&mut bench, start.0);
    let from = place(&bench, "Bass", start.0 + clip.length.0 / 2);
    bench.drag(from, from + vec2(37.0, 0.0), Modifiers::SHIFT);
    let project = bench.project();
    let now = project.tempo_map().frame_of(project.clip(&id).unwrap().position);
    let by = (now - start).0;
    assert!((by - 37 * 800).abs() <= 800, "moved by {by} frames");
}

#[test]
fn edges_trim_and_a_pull_that_leads_nowhere_is_no_step() {
    let mut bench = Bench::new();
    let (id, clip, start) = first_clip(&mut bench, "bass");
    come_near(&mut bench, start.0);
    let steps = bench.steps();
    let end = place(&bench, "Bass", start.0 + clip.length.0) - vec2(2.0, 0.0);
    bench.drag(end, end - vec2(60.0, 0.0), Modifiers::NONE);
    let shorter = bench.project().clip(&id).unwrap().clone();
    assert!(shorter.length < clip.length && shorter.position == clip.position, "{:?}", shorter.length);
    let middle = place(&bench, "Bass", start.0 + shorter.length.0 / 2);
    bench.drag(middle, middle + vec2(1.0, 0.0), Modifiers::NONE);
    assert_eq!(bench.steps(), steps + 1);
}

#[test]
fn a_selected_clip_is_split_duplicated_and_removed_by_keys() {
    let mut bench = Bench::new();
    let (id, clip, start) = first_clip(&mut bench, "bass");
    come_near(&mut bench, start.0);
    let count = |bench: &mut Bench| bench.project().clips_on(&track("bass")).count();
    let clips = count(&mut bench);
    let middle = place(&bench, "Bass", start.0 + clip.length.0 / 2);
    bench.click_at(middle, Modifiers::NONE);
    assert!(bench.view().clips.contains(&id));
    bench.window().desk_mut().locate(start.0 + clip.length.0 / 2);
    bench.harness.run_steps(1);
    bench.key(Modifiers::NONE, Key::S);
    assert_eq!(count(&mut bench), clips + 1);
    assert!(bench.project().clip(&id).unwrap().length < clip.length);
    bench.key(Modifiers::COMMAND, Key::D);
    assert_eq!(count(&mut bench), clips + 2);
    bench.key(Modifiers::NONE, Key::Delete);
    assert_eq!(count(&mut bench), clips + 1);
    assert!(bench.project().clip(&id).is_none() && bench.view().clips.is_empty());
}

#[test]
fn an_edit_that_is_refused_changes_nothing_and_is_said() {
    let mut bench = Bench::new();
    let before = bench.project().to_text();
    bench.key(Modifiers::NONE, Key::Home);
    bench.window().desk_mut().locate(i64::MAX / 4);
    bench.harness.run_steps(1);
    bench.key(Modifiers::NONE, Key::S);
    assert_eq!(bench.project().to_text(), before);
    assert!(bench.view().toasts.iter().any(|toast| toast.text.contains("No clip is under the playhead")));
}

#[test]
fn space_plays_and_stops_and_the_ruler_locates() {
    let mut bench = Bench::new();
    bench.key(Modifiers::NONE, Key::Space);
    assert!(bench.window().desk_mut().snapshot().hardware.is_some(), "{:?}", bench.view().toasts);
    // The engine answers when its thread comes to it.
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while bench.window().desk_mut().snapshot().position == 0 {
        assert!(std::time::Instant::now() < patience, "it does not roll within a minute");
        std::thread::yield_now();
    }
    bench.key(Modifiers::NONE, Key::Space);
    while bench.window().desk_mut().snapshot().playing {
        assert!(std::time::Instant::now() < patience, "it does not stop within a minute");
        std::thread::yield_now();
    }
}

#[test]
fn control_and_the_wheel_zoom_at_the_pointer_and_shift_scrolls() {
    let mut bench = Bench::new();
    let line = bench.harness.get_by_label("Time line").rect();
    let at = line.center();
    let before = bench.view().axis.unwrap();
    let under = before.frame(at.x - line.left());
    bench.wheel(at, vec2(0.0, 80.0), Modifiers::COMMAND);
    let near = bench.view().axis.unwrap();
    assert!(near.scale < before.scale, "{near:?} after {before:?}");
    let off = (near.frame(at.x - line.left()) - under).abs() / near.scale;
    assert!(off < 1.0, "{off} points off");
    bench.wheel(at, vec2(0.0, -120.0), Modifiers::SHIFT);
    let after = bench.view().axis.unwrap();
    assert!(after.left > near.left && (after.scale - near.scale).abs() < 1e-9, "{after:?} after {near:?}");
}

#[test]
fn a_rectangle_selects_what_it_covers() {
    let mut bench = Bench::new();
    let (id, _, start) = first_clip(&mut bench, "bass");
    come_near(&mut bench, start.0);
    let from = place(&bench, "Bass", start.0 - 40_000);
    let to = place(&bench, "Bass", start.0 + 4_000);
    bench.drag(from, to, Modifiers::NONE);
    assert_eq!(bench.view().clips, [id].into());
    bench.key(Modifiers::NONE, Key::Escape);
    assert!(bench.view().clips.is_empty());
}

#[test]
fn a_window_in_which_nothing_moves_asks_for_no_frame() {
    let mut bench = Bench::new();
    // Until the pictures are there, their progress is shown.
    bench.window().desk_mut().overviews().wait();
    bench.harness.run_steps(5);
    let again =
        |bench: &Bench| bench.harness.output().viewport_output.values().map(|out| out.repaint_delay).min();
    assert_eq!(again(&bench), Some(std::time::Duration::MAX));
    // A message has to go again, so there the next frame is known.
    bench.key(Modifiers::NONE, Key::F);
    assert!(again(&bench).is_some_and(|delay| delay <= std::time::Duration::from_secs(6)));
}

#[test]
fn everything_that_can_be_acted_on_has_a_name() {
    let bench = Bench::new();
    bench.harness.check_accessibility();
}
