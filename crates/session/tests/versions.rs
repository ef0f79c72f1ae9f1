//! The versions of what is on disk: this one is the first, and refuses newer ones without touching them.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use omega_session::edit::{TrackAdd, TrackVolume};
use omega_session::{CreateOptions, Document, Notice, OpenError, OpenOptions, TrackId, TrackKind};

fn session(place: &Path) -> PathBuf {
    let folder = place.join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 1)).unwrap();
    let drums = TrackId::new("drums").unwrap();
    document.apply(TrackAdd { id: Some(drums.clone()), ..TrackAdd::new(TrackKind::Audio, "Drums") }).unwrap();
    document.apply(TrackVolume { id: drums, db: -6.0 }).unwrap();
    document.save().unwrap();
    folder
}

/// Every file but those that may come and go.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = ["", "history"].iter().flat_map(|inner| fs::read_dir(folder.join(inner)).unwrap());
    let files =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file() && !path.ends_with("lock"));
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn log(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "log")).unwrap()
}

#[test]
fn everything_on_disk_says_its_version() {
    let place = support::place();
    let folder = session(place.path());
    assert!(fs::read_to_string(folder.join("project.json")).unwrap().contains("\"schema\": 1,\n"));
    let bytes = fs::read(log(&folder)).unwrap();
    assert!(bytes.starts_with(b"OMEGA HISTORY 1\n"));
    let records = bytes.windows(4).filter(|part| *part == b"OMR1").count();
    assert!(bytes[24..].starts_with(b"OMR1") && records >= 5, "{records} records");
}

#[test]
fn a_newer_history_is_refused_as_it_is_and_the_message_says_what_to_do() {
    let place = support::place();
    let folder = session(place.path());
    let path = log(&folder);
    let newer = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    assert!(newer.contains("OMR1"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[14] = b'2';
    let starts: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..].starts_with(b"OMR1")).collect();
    for at in starts {
        // What another version writes has another checksum as well.
        bytes[at + 3] = b'2';
        bytes[at + 8] ^= 0xff;
    }
    fs::write(&path, bytes).unwrap();
    let before = contents(&folder);
    for options in [OpenOptions::default(), OpenOptions::read_only()] {
        let error = Document::open(&folder, &options).unwrap_err();
        assert!(matches!(&error, OpenError::Newer { version, .. } if version == "2"), "{error}");
        let said = error.to_string();
        assert!(said.contains("newer than this program; open it with a newer version"), "{said}");
        assert!(said.contains(&*path.to_string_lossy()), "{said}");
    }
    assert_eq!(contents(&folder), before);
}

#[test]
fn a_newer_text_is_refused_as_it_is_and_the_message_says_what_to_do() {
    let place = support::place();
    let folder = session(place.path());
    let text = fs::read_to_string(folder.join("project.json")).unwrap();
    fs::write(folder.join("project.json"), text.replace("\"schema\": 1", "\"schema\": 7")).unwrap();
    let before = contents(&folder);
    for options in [OpenOptions::default(), OpenOptions::read_only()] {
        let said = Document::open(&folder, &options).unwrap_err().to_string();
        assert!(
            said.contains("format 7, this program reads up to 1: open it with a newer version"),
            "{said}"
        );
    }
    assert_eq!(contents(&folder), before);
}

#[test]
fn a_newer_snapshot_is_not_needed_and_left_alone() {
    let place = support::place();
    let folder = session(place.path());
    let path = folder.join("history/snapshot-2.snapshot");
    fs::write(&path, b"OMEGA SNAPSHOT2\nof another kind").unwrap();
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert_eq!(document.take_notices(), [Notice::NewerSnapshot(path.clone())]);
    assert_eq!(document.project().track(&TrackId::new("drums").unwrap()).unwrap().volume_db, -6.0);
    document.save().unwrap();
    assert!(path.exists());
}

/// What is in `data/first.omega` was written by the first version, before any other: tracks, devices, clips, automation,
/// takes with a comp, an undo and a redo. Every later version opens it and shows the same.
#[test]
fn a_session_that_the_first_version_wrote_opens_and_goes_on() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/first.omega"));
    let text = fs::read_to_string(data.join("project.json")).unwrap();
    for without in ["", "project.json", "history"] {
        let place = support::place();
        let folder = place.path().join("Song.omega");
        fs::create_dir_all(folder.join("history")).unwrap();
        fs::copy(data.join("project.json"), folder.join("project.json")).unwrap();
        fs::copy(log(data), folder.join("history").join(log(data).file_name().unwrap())).unwrap();
        match without {
            "" => {}
            "history" => fs::remove_dir_all(folder.join(without)).unwrap(),
            file => fs::remove_file(folder.join(file)).unwrap(),
        }
        let mut document = Document::open(&folder, &OpenOptions::new("ann")).unwrap();
        assert_eq!(document.project().to_text(), text, "without {without:?}");
        assert_eq!(document.left_out(), []);
        document.apply(TrackAdd::new(TrackKind::Bus, "New")).unwrap();
        document.undo().unwrap().unwrap();
        assert_eq!(document.project().to_text(), text);
        if without != "history" {
            assert_eq!(document.take_notices(), []);
            while document.undo().unwrap().is_some() {}
            assert_eq!(document.project().tracks().len(), 1, "everything can be undone");
        }
    }
}
