//! Session folders as systems and people leave them: links, pipes, locks of processes that are gone, two writers at once.

#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use omega_session::edit::{TrackAdd, TrackVolume};
use omega_session::{
    CreateOptions, Document, MediaError, Notice, OpenError, OpenOptions, SaveError, TrackId, TrackKind,
};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

fn add(name: &str) -> TrackAdd {
    TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Audio, name) }
}

/// A session with a track, closed.
fn session(place: &Path) -> PathBuf {
    let folder = place.join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    document.apply(add("drums")).unwrap();
    document.save().unwrap();
    folder
}

fn pipe(path: &Path) {
    drop(fs::remove_file(path));
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn links_in_a_session_never_cost_what_they_lead_to() {
    let place = support::place();
    let folder = session(place.path());
    let thesis = place.path().join("thesis.txt");
    for name in [
        "project.json.tmp",
        "project.json",
        "cache/writer.json",
        "cache/writer.json.tmp",
        "cache/text.json",
        "cache/text.json.tmp",
    ] {
        fs::write(&thesis, "years of work").unwrap();
        let link = folder.join(name);
        let text = fs::read(folder.join("project.json")).unwrap();
        if name == "project.json" {
            // What the link leads to is read as the text, which it has to be.
            fs::write(&thesis, &text).unwrap();
        }
        let before = fs::read(&thesis).unwrap();
        drop(fs::remove_file(&link));
        symlink(&thesis, &link).unwrap();
        let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
        document.apply(TrackVolume { id: id("drums"), db: -(text.len() as f64 / 1e6) }).unwrap();
        document.apply(add(&name.replace(['/', '.'], "-"))).unwrap();
        document.save().unwrap();
        document.close().unwrap();
        assert_eq!(fs::read(&thesis).unwrap(), before, "{name}");
    }
    let lock = folder.join("lock");
    fs::remove_file(&lock).unwrap();
    symlink(&thesis, &lock).unwrap();
    fs::write(&thesis, "years of work").unwrap();
    let error = Document::open(&folder, &OpenOptions::default()).unwrap_err().to_string();
    assert!(error.contains("lock: it is no regular file; remove it"), "{error}");
    assert_eq!(fs::read(&thesis).unwrap(), b"years of work");
    Document::open(&folder, &OpenOptions::read_only()).unwrap();
}

#[test]
fn a_session_behind_a_link_is_the_session_itself() {
    let place = support::place();
    let folder = session(place.path());
    let link = place.path().join("Link.omega");
    symlink(&folder, &link).unwrap();
    let mut document = Document::open(&link, &OpenOptions::new("ann")).unwrap();
    let error = Document::open(&folder, &OpenOptions::new("ben")).unwrap_err();
    assert!(matches!(error, OpenError::InUse(Some(holder)) if holder.author == "ann"));
    document.apply(add("bass")).unwrap();
    document.save().unwrap();
    drop(document);
    assert!(fs::read_to_string(folder.join("project.json")).unwrap().contains("bass"));
    assert!(link.is_symlink());
    let dangling = place.path().join("New.omega");
    symlink("nowhere", &dangling).unwrap();
    assert!(Document::create(&dangling, &CreateOptions::new("New")).is_err() && dangling.is_symlink());
}

#[test]
fn pipes_and_hardware_are_refused_and_not_waited_for() {
    for name in ["project.json", "lock", "history/00000000000000aa.log", "history/snapshot-0.snapshot"] {
        let place = support::place();
        let folder = session(place.path());
        let path = folder.join(name);
        pipe(&path);
        let error = Document::open(&folder, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("no regular file"), "{error}");
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        let error = Document::open(&folder, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("no regular file"), "{error}");
        fs::remove_file(&path).unwrap();
        Document::open(&folder, &OpenOptions::default()).unwrap();
    }
    // The cache is nothing that matters.
    let place = support::place();
    let folder = session(place.path());
    for name in ["cache/writer.json", "cache/text.json"] {
        pipe(&folder.join(name));
    }
    let document = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert!(document.project().track(&id("drums")).is_some());
}

#[test]
fn media_that_lie_elsewhere_are_copied_with_the_session_and_never_cleaned_up() {
    let place = support::place();
    let folder = session(place.path());
    let music = place.path().join("Music");
    fs::create_dir_all(music.join("holiday")).unwrap();
    fs::write(music.join("song of my own.wav"), "precious").unwrap();
    symlink("song of my own.wav", music.join("again.wav")).unwrap();
    symlink("holiday", music.join("away")).unwrap();
    symlink("nowhere", music.join("lost")).unwrap();
    pipe(&music.join("pipe"));
    fs::remove_dir(folder.join("media")).unwrap();
    symlink(&music, folder.join("media")).unwrap();
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    let cleaned = document.clean_up().unwrap();
    assert_eq!((cleaned.files, cleaned.linked), (vec![], vec![PathBuf::from("media")]));
    assert_eq!(fs::read(music.join("song of my own.wav")).unwrap(), b"precious");
    let copy = place.path().join("Copy.omega");
    document.save_as(&copy).unwrap();
    let media = copy.join("media");
    assert!(!media.is_symlink(), "the copy stands by itself");
    for name in ["song of my own.wav", "again.wav"] {
        assert_eq!(fs::read(media.join(name)).unwrap(), b"precious");
        assert!(!media.join(name).is_symlink());
    }
    assert!(media.join("away").is_dir() && media.join("lost").is_symlink() && !media.join("pipe").exists());
}

#[test]
fn a_session_that_is_open_elsewhere_is_read_and_copied() {
    let place = support::place();
    let folder = session(place.path());
    let mut writer = Document::open(&folder, &OpenOptions::new("ann")).unwrap();
    writer.apply(add("bass")).unwrap();
    let mut reader = Document::open(&folder, &OpenOptions::read_only()).unwrap();
    assert_eq!(reader.project(), writer.project());
    let copy = place.path().join("Copy.omega");
    reader.save_as(&copy).unwrap();
    reader.apply(add("keys")).unwrap();
    assert!(!reader.is_read_only() && reader.folder() == Some(copy.as_path()));
    assert_eq!(writer.project().tracks().len() + 1, reader.project().tracks().len());
    let mut memory = Document::in_memory(&CreateOptions::new("Song"));
    assert!(matches!(memory.save_as(place.path().join("No.omega")), Err(SaveError::NoPlace)));
}

#[test]
fn two_writers_at_once_because_somebody_deleted_the_lock_lose_nothing() {
    let place = support::place();
    let folder = session(place.path());
    let mut first = Document::open(&folder, &OpenOptions::new("ann")).unwrap();
    fs::remove_file(folder.join("lock")).unwrap();
    let mut second = Document::open(&folder, &OpenOptions::new("ben")).unwrap();
    for n in 0..3 {
        first.apply(add(&format!("ann-{n}"))).unwrap();
        second.apply(add(&format!("ben-{n}"))).unwrap();
    }
    first.save().unwrap();
    second.save().unwrap();
    first.apply(add("ann-3")).unwrap();
    first.close().unwrap();
    second.close().unwrap();
    let document = Document::open(&folder, &OpenOptions::default()).unwrap();
    let project = document.project();
    let names: Vec<&str> = project.tracks().keys().map(TrackId::as_str).collect();
    assert_eq!(names, ["ann-0", "ann-1", "ann-2", "ann-3", "ben-0", "ben-1", "ben-2", "drums", "master"]);
}

#[test]
fn a_collection_that_fails_leaves_nothing_half_done() {
    use omega_session::MediaId;
    use omega_session::edit::MediaAdd;
    use omega_time::{Frames, SampleRate};
    let place = support::place();
    let folder = session(place.path());
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    let outside = place.path().join("take.wav");
    fs::write(&outside, "something else").unwrap();
    let add = MediaAdd {
        id: MediaId::new(&"a".repeat(64)).unwrap(),
        name: String::new(),
        file: outside.to_str().unwrap().to_owned(),
        channels: 1,
        frames: Frames(10),
        sample_rate: SampleRate::HZ_48000,
        origin: None,
    };
    document.apply(add).unwrap();
    let left = || fs::read_dir(folder.join("media")).unwrap().count();
    assert!(matches!(
        document.collect_media(support::is_named_by_its_bytes),
        Err(MediaError::Changed { .. })
    ));
    assert_eq!(left(), 0);
    pipe(&outside);
    let error = document.collect_media(support::is_named_by_its_bytes).unwrap_err().to_string();
    assert!(error.contains("take.wav: it is no regular file"), "{error}");
    assert_eq!(left(), 0);
}

#[test]
fn a_lock_of_a_process_that_was_killed_is_taken_over() {
    let place = support::place();
    let folder = session(place.path());
    // It says who had it, but nobody holds it: the system lets go of a lock when its process ends.
    let mut holder = Command::new("true").spawn().unwrap();
    holder.wait().unwrap();
    let host = Command::new("uname").arg("-n").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let text = format!(r#"{{"pid": {}, "host": "{}", "author": "ann"}}"#, holder.id(), host.trim());
    fs::write(folder.join("lock"), text).unwrap();
    let mut document = Document::open(&folder, &OpenOptions::new("ben")).unwrap();
    let notices = document.take_notices();
    assert!(
        matches!(&notices[..], [Notice::StaleLock(gone)] if gone.author == "ann" && gone.pid == holder.id()),
        "{notices:?}"
    );
    document.apply(add("bass")).unwrap();
}
