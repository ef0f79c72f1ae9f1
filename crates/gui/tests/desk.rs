//! What the window drives and shows: the desk of `studio`, and its snapshots.

use std::sync::Arc;

use omega_studio::audio_io::{Backend, StreamConfig};
use omega_studio::session::edit::{TrackMute, TrackVolume};
use omega_studio::session::{CreateOptions, TrackId};
use omega_studio::{Desk, Studio, TILE_ENTRIES, TILE_OVERLAP, TileKey};

fn demo(folder: &std::path::Path) -> Desk {
    let mut studio = Studio::create(&folder.join("Demo.omega"), &CreateOptions::seeded("Demo", 1)).unwrap();
    let edits = omega_studio::demo(&studio.project(), studio.root()).unwrap();
    studio.apply("demo", &edits).unwrap();
    let config = StreamConfig { backend: Backend::Timer, inputs: 0, ..StreamConfig::default() };
    Desk::new(studio, config, || {}).unwrap()
}

#[test]
fn a_snapshot_stays_what_it_was_and_says_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = demo(folder.path());
    desk.save().unwrap();
    let before = desk.snapshot();
    assert!(!before.unsaved && !before.playing && before.hardware.is_none());
    let id = TrackId::new("kick").unwrap();
    desk.apply("mute Kick", &[TrackMute { id: id.clone(), on: true }.into()]).unwrap();
    let after = desk.snapshot();
    assert!(!before.project.track(&id).unwrap().mute && after.project.track(&id).unwrap().mute);
    assert!(after.unsaved);
    assert_eq!(after.undo.as_deref(), Some("mute Kick"));
    assert_eq!(after.history.len(), before.history.len() + 1);
    assert!(Arc::ptr_eq(&after.project, &desk.snapshot().project), "nothing was edited");
    desk.undo().unwrap();
    assert_eq!(*desk.snapshot().project, *before.project);
    assert_eq!(desk.snapshot().redo.as_deref(), Some("mute Kick"));
}

#[test]
fn a_preview_is_no_edit() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = demo(folder.path());
    let before = desk.snapshot();
    let quiet = TrackVolume { id: TrackId::new("kick").unwrap(), db: -30.0 };
    desk.preview(&[quiet.clone().into()]).unwrap();
    desk.play().unwrap();
    desk.preview(&[quiet.into()]).unwrap();
    let wrong = TrackVolume { id: TrackId::new("nobody").unwrap(), db: 0.0 };
    assert!(desk.preview(&[wrong.into()]).is_err(), "what would be refused is refused");
    let after = desk.snapshot();
    assert!(Arc::ptr_eq(&before.project, &after.project) && before.history.len() == after.history.len());
    desk.stop();
}

#[test]
fn tiles_of_every_level_show_the_same_extent_and_a_file_that_is_gone_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = demo(folder.path());
    let project = desk.snapshot().project;
    let (id, media) = project.media().iter().max_by_key(|(_, media)| media.frames).unwrap();
    let mut extents = Vec::new();
    // From samples and from the peak file, over all tiles of the level.
    for level in [3_u8, 7, 8, 10] {
        let entries = (media.frames.0 >> level) + 1;
        let last = u32::try_from(entries / i64::try_from(TILE_ENTRIES).unwrap()).unwrap();
        for index in 0..=last {
            desk.overviews().request(TileKey { media: id.clone(), level, index }, media);
        }
        desk.overviews().wait();
        let tiles = desk.overviews().take_finished();
        assert_eq!(tiles.len(), last as usize + 1);
        let mut extent = (0.0_f32, 0.0_f32);
        for (_, tile) in tiles {
            let tile = tile.expect("the file is there");
            assert_eq!(tile.channels.len(), usize::from(media.channels));
            for (min, max) in tile.channels.iter().flatten() {
                extent = (extent.0.min(*min), extent.1.max(*max));
            }
            assert!(tile.channels.iter().all(|channel| channel.len() == TILE_ENTRIES + TILE_OVERLAP));
        }
        extents.push(extent);
    }
    assert!(extents.iter().all(|extent| *extent == extents[0] && extent.1 > 0.05), "{extents:?}");
    let mut gone = omega_studio::session::Media::clone(media);
    gone.file = "media/gone.wav".to_owned();
    let key = TileKey { media: "0".repeat(64).parse().unwrap(), level: 0, index: 0 };
    desk.overviews().request(key.clone(), &gone);
    desk.overviews().wait();
    assert_eq!(desk.overviews().take_finished(), [(key, None)]);
}
