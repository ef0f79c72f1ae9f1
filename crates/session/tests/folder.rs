//! A session folder from its making to its next opening.

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
    let place = tempfile::tempdir().unwrap();
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
    let place = tempfile::tempdir().unwrap();
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
    let place = tempfile::tempdir().unwrap();
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
    let place = tempfile::tempdir().unwrap();
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
    let place = tempfile::tempdir().unwrap();
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
