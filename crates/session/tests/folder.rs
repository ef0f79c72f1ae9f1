//! A session folder from its making to its next opening.

mod support;

use omega_session::edit::{TrackAdd, TrackVolume};
use omega_session::{
    CreateError, CreateOptions, Document, Notice, OpenError, OpenOptions, TrackId, TrackKind,
};

fn text(folder: &std::path::Path) -> String {
    std::fs::read_to_string(folder.join("project.json")).unwrap()
}

fn drums() -> TrackId {
    TrackId::new("drums").unwrap()
}

fn add_drums() -> TrackAdd {
    TrackAdd { id: Some(drums()), ..TrackAdd::new(TrackKind::Audio, "Drums") }
}

#[test]
fn what_was_edited_is_there_when_the_session_is_opened_again() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    assert!(document.take_notices().is_empty());
    document.apply(add_drums()).unwrap();
    document.apply(TrackVolume { id: drums(), db: -6.0 }).unwrap();
    let project = document.project();
    assert!(!text(&folder).contains("drums"), "the text is written when the session is saved");
    drop(document);

    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert_eq!(document.take_notices(), []);
    assert_eq!(*document.project(), *project);
    assert_eq!(document.undo_name(), Some("track.volume"));
    document.save().unwrap();
    assert_eq!(text(&folder), project.to_text());
    assert_eq!(document.history().len(), 3);
    assert!(matches!(Document::open(&folder, &OpenOptions::default()), Err(OpenError::InUse(Some(_)))));
    let reader = Document::open(&folder, &OpenOptions::read_only()).unwrap();
    assert_eq!(*reader.project(), *project);
    document.close().unwrap();
    // The same writer goes on in the same file.
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    document.undo().unwrap().unwrap();
    drop(document);
    let logs = std::fs::read_dir(folder.join("history")).unwrap().count();
    assert_eq!(logs, 1);
}

#[test]
fn making_a_session_never_touches_what_is_there() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(Document::create(&folder, &CreateOptions::new("Song")), Err(CreateError::Exists(_))));
    let long = CreateOptions::new(&"x".repeat(2_000));
    let error = Document::create(place.path().join("B.omega"), &long).unwrap_err().to_string();
    assert!(error.starts_with("session.name: 2000 characters are too many"), "{error}");
    assert!(matches!(Document::open(&folder, &OpenOptions::default()), Err(OpenError::NoSession(_))));
    assert!(matches!(
        Document::open(place.path().join("C"), &OpenOptions::default()),
        Err(OpenError::Missing(_))
    ));
}

#[test]
fn the_same_seed_and_edits_give_the_same_bytes() {
    let place = support::place();
    let make = |name: &str| {
        let folder = place.path().join(name);
        let options = CreateOptions::seeded("Song", 7);
        let mut document = Document::create(&folder, &options).unwrap();
        document.apply(TrackAdd::new(TrackKind::Audio, "A")).unwrap();
        drop(document);
        let mut document =
            Document::open(&folder, &OpenOptions { time: Some(0), ..OpenOptions::default() }).unwrap();
        document.apply(TrackAdd::new(TrackKind::Bus, "B")).unwrap();
        document.save().unwrap();
        drop(document);
        let mut logs: Vec<_> =
            std::fs::read_dir(folder.join("history")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(logs.len(), 1);
        (text(&folder), std::fs::read(logs.pop().unwrap()).unwrap())
    };
    assert_eq!(make("A.omega"), make("B.omega"));
}

#[test]
fn a_copy_is_a_session_of_its_own() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    document.apply(add_drums()).unwrap();
    let copy = place.path().join("Copy.omega");
    document.save_as(&copy).unwrap();
    assert_eq!(document.folder(), Some(copy.as_path()));
    document.apply(TrackVolume { id: drums(), db: 1.0 }).unwrap();
    document.undo().unwrap().unwrap();
    document.undo().unwrap().unwrap();
    document.save().unwrap();
    assert!(!text(&copy).contains("drums"), "undo goes back to what was done before the copy was made");
    assert!(text(&folder).contains("drums"));
    let original = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert_eq!(original.history().len(), 2);

    let template = place.path().join("Band.json");
    original.save_template(&template).unwrap();
    let template = omega_session::Project::from_text(&std::fs::read_to_string(template).unwrap()).unwrap();
    let options = CreateOptions { template: Some(template), ..CreateOptions::new("New") };
    let document = Document::create(place.path().join("New.omega"), &options).unwrap();
    assert_eq!(document.project().settings().name, "New");
    assert!(document.project().track(&drums()).is_some());
    assert_eq!(document.undo_name(), None);
}

#[test]
fn a_writer_that_was_killed_is_noticed_and_its_file_left_to_it() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    document.apply(add_drums()).unwrap();
    // A copy of the folder as it is while the session is open is what a kill leaves behind.
    let killed = place.path().join("Killed.omega");
    let status = std::process::Command::new("cp").arg("-a").args([&folder, &killed]).status().unwrap();
    assert!(status.success());
    let mut after = Document::open(&killed, &OpenOptions::new("ben")).unwrap();
    let notices = after.take_notices();
    assert!(matches!(&notices[..], [Notice::StaleLock(holder)] if holder.author == "me"), "{notices:?}");
    assert_eq!(*after.project(), *document.project());
    after.apply(TrackVolume { id: drums(), db: -1.0 }).unwrap();
    assert_eq!(std::fs::read_dir(killed.join("history")).unwrap().count(), 2);
}

#[test]
fn a_long_history_gets_a_snapshot_that_nothing_depends_on() {
    use omega_session::edit::{LaneAdd, LaneWrite, PointValue};
    use omega_session::{LaneId, ParamTarget, PointShape, TrackParam};
    use omega_time::{Ticks, TimePoint, TimeRange};
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    document.apply(add_drums()).unwrap();
    let lane = LaneId::new("l").unwrap();
    let target = ParamTarget::Track(drums(), TrackParam::Volume);
    document.apply(LaneAdd { id: Some(lane.clone()), ..LaneAdd::new(target) }).unwrap();
    let snapshots = || {
        let files = std::fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "snapshot")).collect::<Vec<_>>()
    };
    let mut first = None;
    for turn in 0..2 {
        let start = turn * 20_000;
        let point =
            |n| PointValue { at: TimePoint::Musical(Ticks(n)), value: -1.0, shape: PointShape::Linear };
        let range = TimeRange::Musical { start: Ticks(start), end: Ticks(start + 20_000) };
        document
            .apply(LaneWrite {
                id: lane.clone(),
                range,
                points: (start..start + 15_000).map(point).collect(),
            })
            .unwrap();
        document.save().unwrap();
        let now = snapshots();
        assert_eq!(now.len(), 1, "an older one is removed");
        assert_ne!(first.replace(now[0].clone()), Some(now[0].clone()));
    }
    document.apply(TrackVolume { id: drums(), db: -2.0 }).unwrap();
    let project = document.project();
    drop(document);
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert_eq!((document.take_notices(), &*document.project()), (vec![], &*project));
    document.undo().unwrap().unwrap();
    document.undo().unwrap().unwrap();
    document.redo().unwrap().unwrap();
    document.redo().unwrap().unwrap();
    assert_eq!(*document.project(), *project);
    drop(document);
    let snapshot = snapshots().remove(0);
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert_eq!((document.take_notices(), &*document.project()), (vec![Notice::Foreign(snapshot)], &*project));
}

#[test]
fn media_are_collected_and_only_what_no_history_needs_is_cleaned_up() {
    use omega_session::edit::{MediaAdd, MediaRemove};
    use omega_session::{MediaError, MediaId};
    use omega_time::{Frames, SampleRate};
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    let add = |name: &str, bytes: &[u8]| {
        let path = place.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        MediaAdd {
            id: MediaId::new(blake3::hash(bytes).to_hex().as_str()).unwrap(),
            name: name.to_owned(),
            file: path.to_str().unwrap().to_owned(),
            channels: 1,
            frames: Frames(10),
            sample_rate: SampleRate::HZ_48000,
            origin: None,
        }
    };
    let (kept, removed) = (add("kept.wav", b"kept"), add("removed.wav", b"removed"));
    document.apply(kept.clone()).unwrap();
    document.apply(removed.clone()).unwrap();
    std::fs::write(place.path().join("kept.wav"), "changed").unwrap();
    assert!(matches!(
        document.collect_media(support::is_named_by_its_bytes),
        Err(MediaError::Changed { .. })
    ));
    assert!(document.project().media().values().all(|media| !media.is_collected()));
    std::fs::write(place.path().join("kept.wav"), "kept").unwrap();
    document.collect_media(support::is_named_by_its_bytes).unwrap();
    let project = document.project();
    assert!(project.media().values().all(|media| media.is_collected() && folder.join(&media.file).exists()));
    document.apply(MediaRemove { id: removed.id.clone() }).unwrap();
    std::fs::write(folder.join("media/stray.wav"), "stray").unwrap();
    std::fs::write(folder.join("media/recording.part"), "busy").unwrap();
    let cleaned = document.clean_up().unwrap();
    assert_eq!((cleaned.files, cleaned.bytes), (vec!["media/stray.wav".into()], 5));
    assert!(!folder.join("media/stray.wav").exists() && folder.join("media/recording.part").exists());
    document.undo().unwrap().unwrap();
    let media = document.project().media_file(&removed.id).unwrap().clone();
    assert_eq!(
        std::fs::read(folder.join(&media.file)).unwrap(),
        b"removed",
        "what an undo brings back is there"
    );
}
