//! The processor time of a frame of the window: layout, culling, tessellation. Prints the median, the 99th percentile and
//! the greatest, for 200 tracks of 50 clips with the playhead moving. `cargo xtask bench gui`.
//!
//! What the graphics do with a frame is not in it: software would take most of the time, and a card hardly any of ours.

use std::error::Error;
use std::time::Instant;

use omega_gui::{Theme, Window, still};
use omega_studio::audio_io::{Backend, StreamConfig};
use omega_studio::session::edit::{ClipAdd, Edit, TrackAdd};
use omega_studio::session::{CreateOptions, TrackId, TrackKind};
use omega_studio::time::{Frames, Ticks, TimePoint};
use omega_studio::{Desk, Studio};

const TRACKS: usize = 200;
const CLIPS: i64 = 50;
const FRAMES: usize = 600;
/// Frames before it counts: fonts, tiles.
const WARM: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut studio = Studio::create(&folder.path().join("Large.omega"), &CreateOptions::seeded("Large", 1))?;
    let demo = omega_studio::demo(&studio.project(), studio.root())?;
    studio.apply("demo", &demo)?;
    studio.apply("many", &many(&studio)?)?;
    let config = StreamConfig { backend: Backend::Timer, inputs: 0, ..StreamConfig::default() };
    let desk = Desk::new(studio, config, || {})?;
    let ctx = egui::Context::default();
    let mut window = Window::new(&ctx, desk, Theme::Dark);
    let mut times = Vec::new();
    for n in 0..FRAMES + WARM {
        let at = i64::try_from(n)?;
        window.desk_mut().locate(at * 4_000);
        window.desk_mut().overviews().wait();
        let begun = Instant::now();
        let mut output = ctx.run_ui(still([1280, 720], 1.0, n as f64 / 60.0), |ui| window.ui(ui));
        let shapes = std::mem::take(&mut output.shapes);
        let jobs = ctx.tessellate(shapes, output.pixels_per_point);
        let spent = begun.elapsed();
        output.textures_delta.clear();
        drop(jobs);
        if n >= WARM {
            times.push(spent.as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(share * (times.len() - 1) / 100).copied().unwrap_or(0.0);
    println!("{TRACKS} tracks × {CLIPS} clips, {FRAMES} frames of 1280 × 720");
    println!("a frame: median {:.2} ms, p99 {:.2} ms, at most {:.2} ms", at(50), at(99), at(100));
    Ok(())
}

/// Tracks full of clips of the media that are there.
fn many(studio: &Studio) -> Result<Vec<Edit>, Box<dyn Error>> {
    let project = studio.project();
    let media: Vec<_> = project.media().iter().map(|(id, media)| (id.clone(), media.frames)).collect();
    let mut edits: Vec<Edit> = Vec::new();
    for n in 0..TRACKS {
        let id: TrackId = format!("trk-many-{n}").parse()?;
        edits.push(
            TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, &format!("Track {n}")) }
                .into(),
        );
        for k in 0..CLIPS {
            let Some((media, frames)) = media.get((n + usize::try_from(k)?) % media.len().max(1)) else {
                continue;
            };
            let place = TimePoint::Musical(Ticks::quarters(k * 2));
            let length = Some(Frames(frames.0.clamp(1, 40_000)));
            edits.push(ClipAdd { length, ..ClipAdd::new(id.clone(), media.clone(), place) }.into());
        }
    }
    Ok(edits)
}
