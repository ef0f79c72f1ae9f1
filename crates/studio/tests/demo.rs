//! The demo: the same each time, using every part of a session, at a level that can be listened to.

use std::ops::ControlFlow;
use std::path::Path;

use omega_media::LoudnessMeter;
use omega_session::edit::Edit;
use omega_session::model::{Project, TrackKind};
use omega_studio::{Blocks, InMemory, RenderRequest, demo, render};
use omega_time::SampleRate;

fn made(root: &Path) -> Project {
    let project = Project::new("Demo", SampleRate::HZ_48000);
    let edits = demo(&project, root).unwrap();
    Edit::try_all(&edits, &project, [7; 32]).unwrap()
}

#[test]
fn the_demo_is_the_same_each_time_and_uses_every_part_of_a_session() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = made(one.path());
    assert!(project.to_text() == made(two.path()).to_text());
    let of = |kind| project.tracks().values().filter(|track| track.kind == kind).count();
    assert_eq!((of(TrackKind::Audio), of(TrackKind::Bus), of(TrackKind::Return)), (13, 3, 2));
    assert!(project.clips().len() > 600, "{}", project.clips().len());
    let kinds = |kind| project.devices().values().filter(|device| device.kind == kind).count();
    assert!(kinds("omega.eq") >= 4 && kinds("omega.compressor") >= 6);
    assert!(project.devices().values().filter(|device| device.sidechain.is_some()).count() >= 2);
    assert!(project.sends().values().any(|send| send.feedback_delay.is_none()));
    assert!(project.sends().values().filter(|send| send.feedback_delay.is_some()).count() >= 4);
    assert!((project.lanes().len(), project.markers().len(), project.meter().len()) == (5, 6, 3));
    assert!(!project.settings().loop_range.range.is_empty());
    assert!(!one.path().join("cache/demo").exists());
    // What its tempo points say in beats per minute lasts about a minute.
    let last = project.markers().values().map(|marker| project.tempo_map().frame_of(marker.at).0).max();
    assert!((50 * 48_000..70 * 48_000).contains(&last.unwrap()), "{last:?}");
}

/// The loudest part, which is where it would clip, and both instruction sets and block sizes on the way.
#[test]
fn the_demo_does_not_clip_and_is_as_loud_as_music() {
    let folder = tempfile::tempdir().unwrap();
    let project = made(folder.path());
    let map = project.tempo_map();
    let bar = |text: &str| map.frame_of(map.parse_point(text).unwrap()).0;
    let mut meter = LoudnessMeter::new(2, 48_000).unwrap();
    let range = if std::env::var_os("OMEGA_WHOLE_DEMO").is_some() {
        0..bar("33|1|0")
    } else {
        bar("15|1|0")..bar("18|1|0")
    };
    let request = RenderRequest { range: Some(range), blocks: Blocks::Random(3), ..RenderRequest::default() };
    let rendered = render(
        &project,
        folder.path(),
        &InMemory,
        &request,
        &mut |_, channels| {
            meter.add(channels);
            Ok(())
        },
        &mut |_| ControlFlow::Continue(()),
    )
    .unwrap();
    assert_eq!(rendered.notices.len(), 0, "{:?}", rendered.notices);
    let loudness = meter.finish();
    println!("{loudness:?} {} frames", rendered.frames);
    assert!(loudness.true_peak.unwrap() < -1.0, "{loudness:?}");
    assert!((-18.0..-14.0).contains(&loudness.integrated.unwrap()), "{loudness:?}");
}
