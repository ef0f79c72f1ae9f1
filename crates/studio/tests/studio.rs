//! The whole way through without a window: create, import, edit, undo, reopen, render.

use std::ops::ControlFlow;
use std::path::Path;

use omega_media::{Container, Depth, Format, Writer};
use omega_session::edit::{Edit, TrackVolume};
use omega_session::{CreateOptions, OpenOptions};
use omega_studio::{Import, RenderFiles, RenderRequest, Studio};

fn wav(path: &Path, frequency: f64, rate: u32) {
    let mut writer = Writer::create(path, Format::wav(Depth::Int16, 1, rate)).expect("created");
    writer.write(&[omega_signals::sine(frequency, f64::from(rate), 40_000)]).expect("written");
    writer.finish().expect("finished");
}

fn render(studio: &Studio, to: &Path) -> omega_studio::RenderReport {
    let files = RenderFiles {
        request: RenderRequest::default(),
        output: to.to_owned(),
        container: Container::Wav,
        depth: Depth::Int24,
        dither_seed: Some(1),
    };
    studio.render_files(&files, &mut |_| ControlFlow::Continue(())).expect("rendered")
}

#[test]
fn a_session_goes_the_whole_way_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("a.wav"), folder.path().join("b.wav"));
    wav(&first, 440.0, 48_000);
    wav(&second, 1000.0, 44_100);
    let broken = folder.path().join("broken.wav");
    std::fs::write(&broken, b"RIFF\xff\xff\xff\xffWAVEfmt ").expect("written");
    let path = folder.path().join("Song.omega");
    let mut studio = Studio::create(&path, &CreateOptions::seeded("Song", 7)).expect("created");
    let report = studio
        .import(&[first, broken.clone(), second], &Import::default(), &mut |_, _| ControlFlow::Continue(()))
        .expect("imported");
    assert_eq!(report.imported.len(), 2);
    assert_eq!((report.failed.len(), &report.failed[0].path), (1, &broken));
    let tracks: Vec<_> = report.imported.iter().filter_map(|file| file.track.clone()).collect();
    let before = render(&studio, &folder.path().join("before.wav"));
    assert_eq!(before.rendered.frames, 43_537, "the longer file: 40,000 frames at 44.1 kHz");
    let peak = before.loudness[0].sample_peak.expect("sound");
    assert!((-4.0..6.1).contains(&peak), "{peak}");

    let quieter: Vec<Edit> =
        tracks.iter().map(|id| TrackVolume { id: id.clone(), db: -20.0 }.into()).collect();
    studio.apply("turn down", &quieter).expect("applied");
    let text = |studio: &mut Studio| {
        studio.save().expect("saved");
        std::fs::read_to_string(path.join("project.json")).expect("there")
    };
    let after_text = text(&mut studio);
    let after = render(&studio, &folder.path().join("after.wav"));
    let softer = before.loudness[0].integrated.expect("sound") - after.loudness[0].integrated.expect("sound");
    assert!((softer - 20.0).abs() < 0.1, "{softer}");
    drop(studio);

    // The next process undoes and redoes.
    let mut studio = Studio::open(&path, &OpenOptions::new("somebody")).expect("opened");
    let undone = studio.undo().expect("undone");
    if let Some(undone) = undone {
        assert_eq!(undone.name, "turn down");
        assert_eq!(render(&studio, &folder.path().join("undone.wav")).rendered.hash, before.rendered.hash);
        studio.redo().expect("redone");
    }
    assert_eq!(render(&studio, &folder.path().join("again.wav")).rendered.hash, after.rendered.hash);
    assert_eq!(text(&mut studio), after_text);
}
