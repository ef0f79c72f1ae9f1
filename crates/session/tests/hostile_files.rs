//! Session folders that were cut, changed or thinned out behind the program's back.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use omega_session::edit::{TrackAdd, TrackRename, TrackVolume};
use omega_session::{CreateOptions, Document, Notice, OpenError, OpenOptions, TrackId, TrackKind};

fn id(name: &str) -> TrackId {
    TrackId::new(name).unwrap()
}

fn add(name: &str) -> TrackAdd {
    TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Audio, name) }
}

/// A closed session: its folder, its one log, and its text after each step from its making on.
struct Session {
    _place: tempfile::TempDir,
    folder: PathBuf,
    log: PathBuf,
    texts: Vec<String>,
}

fn session() -> Session {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 3)).unwrap();
    let mut texts = vec![document.project().to_text()];
    let mut take = |document: &Document| texts.push(document.project().to_text());
    document.apply(add("drums")).unwrap();
    take(&document);
    document.apply(TrackVolume { id: id("drums"), db: -6.0 }).unwrap();
    take(&document);
    document.apply(add("bass")).unwrap();
    take(&document);
    document.save().unwrap();
    document.close().unwrap();
    let mut entries = fs::read_dir(folder.join("history")).unwrap();
    let log = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    Session { _place: place, folder, log, texts }
}

fn read_only(folder: &Path) -> Result<Document, OpenError> {
    Document::open(folder, &OpenOptions::read_only())
}

/// All files of a folder but the lock.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Numbers that are not alike, from a counter.
fn number(seed: u64, below: usize) -> usize {
    let hash = blake3::hash(&seed.to_le_bytes());
    let word = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap());
    usize::try_from(word % u64::try_from(below.max(1)).unwrap()).unwrap()
}

#[test]
fn a_log_cut_at_any_byte_gives_a_state_that_was() {
    let session = session();
    let whole = fs::read(&session.log).unwrap();
    fs::remove_file(session.folder.join("project.json")).unwrap();
    let mut seen = Vec::new();
    for length in 0..=whole.len() {
        fs::write(&session.log, &whole[..length]).unwrap();
        match read_only(&session.folder) {
            Ok(document) => {
                let text = document.project().to_text();
                let step = session.texts.iter().position(|known| *known == text);
                seen.push(step.unwrap_or_else(|| panic!("cut at {length}: {text}")) + 1);
            }
            // Not even the making of the session is there.
            Err(error) => {
                assert!(matches!(error, OpenError::NoSession(_)), "cut at {length}: {error}");
                seen.push(0);
            }
        }
    }
    assert!(seen.is_sorted(), "{seen:?}");
    seen.dedup();
    assert_eq!(seen, (0..=session.texts.len()).collect::<Vec<_>>());
}

#[test]
fn a_log_cut_anywhere_loses_nothing_that_the_text_shows() {
    let session = session();
    let whole = fs::read(&session.log).unwrap();
    let last = session.texts.last().unwrap();
    for length in 0..=whole.len() {
        fs::write(&session.log, &whole[..length]).unwrap();
        let document = read_only(&session.folder).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert_eq!(&document.project().to_text(), last, "cut at {length}");
    }
    // And it goes on from there.
    for length in (0..whole.len()).step_by(97) {
        fs::write(&session.log, &whole[..length]).unwrap();
        let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
        document.apply(TrackRename { id: id("bass"), name: format!("cut at {length}") }).unwrap();
        document.undo().unwrap().unwrap();
        assert_eq!(&document.project().to_text(), last, "cut at {length}");
        document.close().unwrap();
        for entry in fs::read_dir(session.folder.join("history")).unwrap() {
            let path = entry.unwrap().path();
            if path != session.log {
                fs::remove_file(path).unwrap();
            }
        }
        fs::write(session.folder.join("project.json"), last).unwrap();
    }
}

#[test]
fn a_flipped_byte_of_the_log_is_noticed_and_gives_nothing_false() {
    let session = session();
    let whole = fs::read(&session.log).unwrap();
    let last = session.texts.last().unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&session.log, &bytes).unwrap();
        match read_only(&session.folder) {
            Ok(mut document) => {
                let notices = document.take_notices();
                assert_eq!(&document.project().to_text(), last, "byte {at}: {notices:?}");
                let is_told = notices.iter().any(|notice| {
                    matches!(notice, Notice::Damaged { .. } | Notice::TornEnd { .. } | Notice::Foreign(_))
                });
                assert!(is_told, "byte {at}: {notices:?}");
            }
            Err(error) => assert!(!error.to_string().is_empty() && at < 16, "byte {at}: {error}"),
        }
    }
}

#[test]
fn the_text_alone_or_the_history_alone_is_enough() {
    let session = session();
    let last = session.texts.last().unwrap();
    let text = session.folder.join("project.json");
    fs::remove_file(&text).unwrap();
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert_eq!((&document.project().to_text(), document.take_notices()), (last, vec![]));
    document.save().unwrap();
    document.close().unwrap();
    assert_eq!(&fs::read_to_string(&text).unwrap(), last);

    for name in ["history", "media", "plugins", "cache"] {
        fs::remove_dir_all(session.folder.join(name)).unwrap();
    }
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert_eq!(&document.project().to_text(), last);
    document.apply(TrackVolume { id: id("bass"), db: -1.0 }).unwrap();
    document.undo().unwrap().unwrap();
    document.close().unwrap();
    fs::remove_file(&text).unwrap();
    assert_eq!(&read_only(&session.folder).unwrap().project().to_text(), last);
}

#[test]
fn a_text_edited_by_hand_is_an_edit_from_the_version_it_was_written_from() {
    let session = session();
    let text = session.folder.join("project.json");
    // The session went on after it was saved; the text did not.
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    document.apply(TrackRename { id: id("bass"), name: "Upright".into() }).unwrap();
    document.close().unwrap();
    let by_hand = fs::read_to_string(&text).unwrap().replace("-6", "-7");
    assert_ne!(by_hand, *session.texts.last().unwrap());
    fs::write(&text, by_hand).unwrap();

    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert!(document.take_notices().contains(&Notice::TextChanged(1)));
    let project = document.project();
    let volume = project.track(&id("drums")).unwrap().volume_db;
    assert!((volume + 7.0).abs() < 1e-9, "{volume}");
    assert_eq!(project.track(&id("bass")).unwrap().name, "Upright", "what the hand did not touch stays");
}

#[test]
fn a_mutated_text_opens_or_is_refused_and_loses_nothing() {
    let session = session();
    let text = session.folder.join("project.json");
    let good = fs::read(&text).unwrap();
    let log = fs::read(&session.log).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for case in 0..400 {
        let bytes = mutated(&good, case);
        fs::write(&text, &bytes).unwrap();
        let before = contents(&session.folder);
        match read_only(&session.folder) {
            Ok(document) => {
                opened += 1;
                let shown = document.project().to_text();
                let again = omega_session::Project::from_text(&shown);
                assert_eq!(again.map(|project| project.to_text()).unwrap_or_default(), shown, "case {case}");
            }
            Err(error) => {
                refused += 1;
                let error = error.to_string();
                assert!(error.contains("project.json"), "case {case}: {error}");
                // For writing it is refused too, and nothing is changed.
                assert!(Document::open(&session.folder, &OpenOptions::default()).is_err(), "case {case}");
            }
        }
        assert_eq!(contents(&session.folder), before, "case {case}");
        assert_eq!(fs::read(&session.log).unwrap(), log, "case {case}");
    }
    assert!(opened > 20 && refused > 20, "{opened} opened, {refused} refused");

    // The history alone, on request; the text is put aside when a new one is written.
    fs::write(&text, b"{\"broken\": ").unwrap();
    let options = OpenOptions { without_text: true, ..OpenOptions::default() };
    let mut document = Document::open(&session.folder, &options).unwrap();
    assert_eq!(&document.project().to_text(), session.texts.last().unwrap());
    document.save().unwrap();
    assert_eq!(fs::read(session.folder.join("project.json.left")).unwrap(), b"{\"broken\": ");
    assert_eq!(fs::read(&text).unwrap(), good);
}

/// A text with one thing wrong: cut, a byte changed, a line left out, doubled or moved, a number made absurd.
fn mutated(good: &[u8], case: u64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = number(case * 3 + 1, good.len());
    let mut lines: Vec<Vec<u8>> = good.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (line, other) = (number(case * 3 + 2, lines.len()), number(case * 3 + 3, lines.len()));
    match case % 7 {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << (case % 8),
        2 => drop(lines.remove(line)),
        3 => lines.insert(line, lines[line].clone()),
        4 => lines.swap(line, other),
        5 => {
            let digit = (at..good.len()).find(|at| good[*at].is_ascii_digit()).unwrap_or(0);
            bytes.splice(digit..=digit, b"1e308".iter().copied());
        }
        _ => drop(bytes.splice(at..at, [0xff, b'"', b'{', b'[', b'\0'][number(case, 5)..].iter().copied())),
    }
    if (2..=4).contains(&(case % 7)) { lines.concat() } else { bytes }
}

#[test]
fn strange_things_in_the_history_folder_are_left_alone() {
    let session = session();
    let history = session.folder.join("history");
    fs::write(history.join("notes.txt"), "mine").unwrap();
    fs::write(history.join("0000000000000009.log"), "").unwrap();
    fs::write(history.join("000000000000000a.log"), "OMEGA HISTORY 1\n").unwrap();
    fs::write(history.join("000000000000000b.log"), [0; 100]).unwrap();
    fs::write(history.join("snapshot-0.snapshot"), "OMEGA SNAPSHOT1\nrubbish").unwrap();
    let before = contents(&session.folder);
    let mut document = read_only(&session.folder).unwrap();
    assert_eq!(&document.project().to_text(), session.texts.last().unwrap());
    assert!(document.take_notices().iter().any(|notice| matches!(notice, Notice::Foreign(_))));
    assert_eq!(contents(&session.folder), before);
    let document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert_eq!(&document.project().to_text(), session.texts.last().unwrap());
    drop(document);
    assert_eq!(fs::read(history.join("notes.txt")).unwrap(), b"mine");

    fs::write(history.join("000000000000000c.log"), b"OMEGA HISTORY 2\nwhatever").unwrap();
    let error = read_only(&session.folder).unwrap_err();
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
}

#[test]
fn a_log_or_a_folder_where_a_file_should_be_is_an_error_and_no_panic() {
    for name in ["project.json", "lock", "history/00000000000000aa.log"] {
        let session = session();
        let path = session.folder.join(name);
        drop(fs::remove_file(&path));
        fs::create_dir(&path).unwrap();
        let error = Document::open(&session.folder, &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
}
