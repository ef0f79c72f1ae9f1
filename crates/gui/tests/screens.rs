//! What the window looks like, against pictures that were looked at and found good.
//!
//! Other versions of a driver round otherwise, so pictures are compared in squares of 16 pixels: clips that are gone are
//! found, and so are colours that changed and text that moved; a pixel that is a shade lighter is not. `OMEGA_PICTURES=write`
//! writes the pictures anew; look at them before you keep them.

mod common;

use std::path::PathBuf;

use omega_gui::{Axis, Offscreen, Picture, Shot, Theme, Window, draw, screenshot};
use omega_studio::Desk;
use omega_studio::session::edit::{ClipFade, ClipRemove};
use omega_studio::session::{ClipId, Fade, FadeShape};
use omega_studio::time::Frames;

/// Pixels of a square.
const SQUARE: usize = 16;
/// By so much the mean of a square may differ, of 255.
const SHADE: f64 = 10.0;
/// So many squares may differ by more, of 3,600 in a picture of 1280 × 720.
const SQUARES: usize = 12;

/// Whether pictures can be drawn here.
fn can_draw() -> bool {
    match Offscreen::new() {
        Ok(screen) => {
            println!("drawn by {}", screen.name());
            true
        }
        Err(why) => {
            println!("SKIPPED: {why}");
            false
        }
    }
}

fn shoot(theme: Theme, size: [u32; 2], scale: f32) -> Picture {
    let folder = tempfile::tempdir().unwrap();
    let shot = Shot { size, scale, theme };
    screenshot(common::demo(folder.path()), &shot).unwrap()
}

fn read(path: &PathBuf) -> Picture {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgba).unwrap();
    Picture { width: info.width, height: info.height, rgba }
}

/// The squares that differ.
fn apart(a: &Picture, b: &Picture) -> usize {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let width = a.width as usize;
    let across = width.div_ceil(SQUARE);
    let mut sums = vec![[0_i64; 4]; across * (a.height as usize).div_ceil(SQUARE)];
    for (n, (one, other)) in a.rgba.chunks_exact(4).zip(b.rgba.chunks_exact(4)).enumerate() {
        let square = &mut sums[n / width / SQUARE * across + n % width / SQUARE];
        for (sum, (x, y)) in square.iter_mut().zip(one.iter().zip(other)) {
            *sum += (i64::from(*x) - i64::from(*y)).abs();
        }
    }
    let limit = SHADE * (SQUARE * SQUARE) as f64;
    sums.iter().filter(|square| square.iter().any(|sum| *sum as f64 > limit)).count()
}

fn as_found_good(name: &str, picture: &Picture) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(format!("{name}.png"));
    if std::env::var("OMEGA_PICTURES").is_ok_and(|what| what == "write") {
        picture.write(&path).unwrap();
        return;
    }
    let differ = apart(picture, &read(&path));
    if differ > SQUARES {
        let other = std::env::temp_dir().join(format!("omega-{name}.png"));
        picture.write(&other).unwrap();
        panic!("{differ} squares differ from {}; see {}", path.display(), other.display());
    }
}

#[test]
fn the_arranger_looks_as_it_was_found_good() {
    if !can_draw() {
        return;
    }
    let dark = shoot(Theme::Dark, [1280, 720], 1.0);
    let light = shoot(Theme::Light, [1280, 720], 1.0);
    as_found_good("arrange-dark", &dark);
    as_found_good("arrange-light", &light);
    // The comparison is worth something only if it tells pictures apart.
    assert!(apart(&dark, &light) > 1_000);
    assert!(dark == shoot(Theme::Dark, [1280, 720], 1.0), "the same session, the same pixels");
}

#[test]
fn clips_that_are_gone_are_seen() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut studio = common::demo(folder.path());
    let project = studio.project();
    let pads: Vec<_> =
        project.clips_on(&"glass".parse().unwrap()).take(6).map(|(id, _)| id.clone()).collect();
    let edits: Vec<_> = pads.into_iter().map(|id| ClipRemove { id, ripple: false }.into()).collect();
    studio.apply("remove clips", &edits).unwrap();
    let shot = Shot { size: [1280, 720], scale: 1.0, theme: Theme::Dark };
    let other = screenshot(studio, &shot).unwrap();
    assert!(apart(&shoot(Theme::Dark, [1280, 720], 1.0), &other) > SQUARES);
}

/// A picture of the demo as someone would have it who works on it.
fn at_work(theme: Theme, size: [u32; 2], scale: f32, set: impl FnOnce(&mut Window)) -> Picture {
    let folder = tempfile::tempdir().unwrap();
    let mut studio = common::demo(folder.path());
    let project = studio.project();
    let voice: Vec<_> = project.clips_on(&"voice".parse().unwrap()).map(|(id, _)| id.clone()).collect();
    let fade = |length, shape| Some(Fade::new(Frames(length), shape));
    let fades = |id: &ClipId| ClipFade {
        id: id.clone(),
        fade_in: fade(12_000, FadeShape::EqualPower),
        fade_out: fade(30_000, FadeShape::SCurve),
    };
    let edits: Vec<_> = voice.iter().map(|id| fades(id).into()).collect();
    studio.apply("fades", &edits).unwrap();
    let screen = Offscreen::new().unwrap();
    let ctx = egui::Context::default();
    let mut window = Window::new(&ctx, Desk::new(studio, common::timer(), || {}).unwrap(), theme);
    window.view_mut().clips = voice.into_iter().take(1).collect();
    set(&mut window);
    draw(&screen, &ctx, &mut window, &Shot { size, scale, theme }).unwrap()
}

#[test]
fn near_by_lanes_fades_and_samples_look_as_they_were_found_good() {
    if !can_draw() {
        return;
    }
    let lanes = at_work(Theme::Dark, [1280, 720], 1.0, |window| {
        let view = window.view_mut();
        view.axis = Some(Axis { left: 860_000.0, scale: 700.0 });
        view.lanes = ["warm", "glass", "arp"].into_iter().map(|id| id.parse().unwrap()).collect();
        view.track = Some("voice".parse().unwrap());
        view.down = 345.0;
        window.desk_mut().locate(1_240_000);
    });
    as_found_good("near-dark", &lanes);
    let samples = at_work(Theme::Light, [2560, 1440], 2.0, |window| {
        let project = window.desk_mut().snapshot().project;
        let map = project.tempo_map();
        let kick = "kick".parse().unwrap();
        let clips = project.clips_on(&kick).map(|(_, clip)| map.frame_of(clip.position).0);
        let first = clips.min().unwrap();
        window.view_mut().axis = Some(Axis { left: first as f64 - 4.0, scale: 1.0 / 9.0 });
        window.view_mut().heights.insert("kick".parse().unwrap(), 200.0);
    });
    as_found_good("samples-light", &samples);
}
