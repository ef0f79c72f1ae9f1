//! A history that was damaged: what `project.json` showed and what later records say is there all the same.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use omega_session::edit::{TrackAdd, TrackMute, TrackPan, TrackRemove, TrackRename, TrackVolume};
use omega_session::{
    CreateOptions, Document, Edit, EntryKind, Notice, OpenOptions, Project, TrackId, TrackKind,
};
use support::furnish;

fn id(name: &str) -> TrackId {
    TrackId::new(name).unwrap()
}

fn add(name: &str) -> Edit {
    TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Audio, name) }.into()
}

/// What was done after the session was saved; each touches facts of its own, so any of them can be missing.
fn late() -> [Edit; 4] {
    [
        TrackRename { id: id("bass"), name: "Upright".into() }.into(),
        TrackPan { id: id("drums"), pan: -0.5 }.into(),
        add("voice"),
        TrackMute { id: id("bass"), on: true }.into(),
    ]
}

/// A closed session with edits before and after its last save.
struct Session {
    _place: tempfile::TempDir,
    folder: PathBuf,
    /// All files but the lock.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The text of the last save with those late edits whose bit is set.
    texts: Vec<String>,
}

impl Session {
    /// `writers`: how many files the history has. The last one has the last save and the late edits.
    fn new(writers: u64, rich: bool) -> Self {
        let place = support::place();
        let folder = place.path().join("Song.omega");
        let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 3)).unwrap();
        if rich {
            furnish(&mut document);
        } else {
            document.apply(add("drums")).unwrap();
            document.apply(add("bass")).unwrap();
        }
        document.save().unwrap();
        for n in 1..writers {
            document.apply(add(&format!("of-{n}"))).unwrap();
            document.close().unwrap();
            // Who finds no baton starts a file of their own.
            fs::remove_file(folder.join("cache/writer.json")).unwrap();
            document = Document::open(&folder, &OpenOptions::new("ben")).unwrap();
        }
        document.apply(TrackVolume { id: id("drums"), db: -6.0 }).unwrap();
        document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
        // What was done and taken back shows in no text, and must not come back.
        document.apply(add("gone")).unwrap();
        document.apply(TrackRemove { id: id("gone"), contents: false }).unwrap();
        document.apply(TrackVolume { id: id("bass"), db: 0.0 }).unwrap();
        document.save().unwrap();
        let saved = Project::clone(&document.project());
        let text = |bits: usize| {
            let edits: Vec<Edit> = late()
                .into_iter()
                .enumerate()
                .filter(|(n, _)| bits & (1 << n) != 0)
                .map(|(_, e)| e)
                .collect();
            Edit::try_all(&edits, &saved, [0; 32]).unwrap().to_text()
        };
        let texts: Vec<String> = (0..16).map(text).collect();
        late().into_iter().for_each(|edit| drop(document.apply(edit).unwrap()));
        assert_eq!(document.project().to_text(), texts[15]);
        document.close().unwrap();
        let files = contents(&folder);
        assert_eq!(files.keys().filter(|path| is_log(path)).count() as u64, writers);
        Self { _place: place, folder, files, texts }
    }

    /// Makes all files what they were, but this one.
    fn with(&self, path: &Path, bytes: Option<&[u8]>) {
        for old in contents(&self.folder).keys().filter(|path| !self.files.contains_key(*path)) {
            fs::remove_file(old).unwrap();
        }
        for (other, good) in &self.files {
            let bytes = if other == path { bytes } else { Some(good.as_slice()) };
            match bytes {
                Some(bytes) if fs::read(other).ok().as_deref() != Some(bytes) => {
                    fs::write(other, bytes).unwrap();
                }
                Some(_) => {}
                None => drop(fs::remove_file(other)),
            }
        }
    }

    fn logs(&self) -> impl Iterator<Item = (&PathBuf, &Vec<u8>)> {
        self.files.iter().filter(|(path, _)| is_log(path))
    }

    /// Which late edits the session shows when it is opened for reading, and what is said about it.
    fn look(&self, case: &str) -> (usize, Vec<Notice>) {
        let mut document = Document::open(&self.folder, &OpenOptions::read_only())
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        (self.bits(&document, case), document.take_notices())
    }

    fn bits(&self, document: &Document, case: &str) -> usize {
        let text = document.project().to_text();
        let bits = self.texts.iter().position(|known| *known == text);
        bits.unwrap_or_else(|| panic!("{case}: not what was saved:\n{text}\n{:?}", document.history()))
    }

    /// The session opens for writing too, goes on, and says nothing more the next time.
    fn goes_on(&self, bits: usize, case: &str) {
        let mut document = Document::open(&self.folder, &OpenOptions::default()).expect(case);
        assert_eq!(self.bits(&document, case), bits, "{case}");
        let damaged = document.take_notices().iter().any(|notice| matches!(notice, Notice::Damaged { .. }));
        document.apply(TrackVolume { id: id("drums"), db: -20.0 }).expect(case);
        document.close().expect(case);
        // Nothing was saved yet: what was recovered is not recovered again over what was done since.
        let mut document = Document::open(&self.folder, &OpenOptions::default()).expect(case);
        assert_eq!(document.take_notices(), [], "{case}");
        let volume = document.project().track(&id("drums")).unwrap().volume_db;
        assert!((volume + 20.0).abs() < 1e-9, "{case}: {volume}");
        document.undo().expect(case).expect(case);
        assert_eq!(self.bits(&document, case), bits, "{case}");
        document.save().expect(case);
        document.close().expect(case);
        let mut document = Document::open(&self.folder, &OpenOptions::default()).expect(case);
        assert_eq!(document.take_notices(), [], "{case}");
        assert_eq!(fs::read_to_string(self.folder.join("project.json")).unwrap(), self.texts[bits], "{case}");
        assert_eq!(self.bits(&document, case), bits, "{case}");
        if damaged {
            assert!(document.history().iter().any(|entry| entry.kind == EntryKind::Recovery), "{case}");
        }
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "log")
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

/// Every so many bytes of a log, and all those around the frames of its records.
fn sample(log: &[u8], step: usize) -> impl Iterator<Item = usize> {
    (0..log.len()).filter(move |&at| {
        let near = &log[at.saturating_sub(9)..(at + 4).min(log.len())];
        at % step == 0 || near.windows(4).any(|window| window == b"OMR1")
    })
}

/// All late edits but one, or all.
fn lacks_at_most_one(bits: usize) -> bool {
    (!bits & 15).count_ones() <= 1
}

#[test]
fn a_changed_byte_costs_at_most_the_one_edit_it_hits_and_is_told() {
    for (writers, rich, step) in [(1, false, 7), (3, false, 61), (2, true, 211)] {
        let session = Session::new(writers, rich);
        let (mut lost, mut turn) = (0, 0);
        for (path, good) in session.logs() {
            for at in sample(good, step) {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << (at % 8);
                session.with(path, Some(&bytes));
                let case = format!("{writers} writers, {}, byte {at}", path.display());
                let (bits, notices) = session.look(&case);
                assert!(lacks_at_most_one(bits), "{case}: {bits:b} {notices:?}");
                let is_told = notices.iter().any(|notice| matches!(notice, Notice::Damaged { .. }));
                assert!(is_told, "{case}: {notices:?}");
                // Where an edit is missing and another one behind it shows that, it is counted.
                let missing = bits != 15 && bits != 7;
                assert_eq!(notices.contains(&Notice::Lost(1)), missing, "{case}: {bits:b} {notices:?}");
                lost += usize::from(bits != 15);
                turn += 1;
                if turn % 40 == 0 {
                    session.goes_on(bits, &case);
                    assert_eq!(fs::read(path).unwrap(), bytes, "{case}: a damaged file is kept as it is");
                }
            }
        }
        assert!(lost > 0, "only bodies of late records can be lost");
    }
}

#[test]
fn a_file_cut_anywhere_costs_what_was_done_after_the_save_at_most() {
    for writers in [1, 2] {
        let session = Session::new(writers, false);
        for (n, (path, good)) in session.logs().enumerate() {
            let mut seen = Vec::new();
            for (turn, length) in sample(good, 9).enumerate() {
                session.with(path, Some(&good[..length]));
                let case = format!("{}, {length} bytes", path.display());
                let (bits, notices) = session.look(&case);
                assert!(!notices.contains(&Notice::Incomplete), "{case}: {notices:?}");
                if bits < 15 {
                    assert!([0, 1, 3, 7].contains(&bits), "{case}: {bits:b}: not what was done first");
                }
                seen.push(bits);
                if turn % 50 == n {
                    session.goes_on(bits, &case);
                }
            }
            assert!(seen.is_sorted(), "{seen:?}");
        }
    }
}

#[test]
fn a_missing_file_costs_what_was_done_after_the_save_at_most() {
    for writers in 1..4 {
        let session = Session::new(writers, true);
        let mut costs = Vec::new();
        for (path, _) in session.logs() {
            session.with(path, None);
            let case = format!("without {}", path.display());
            let (bits, notices) = session.look(&case);
            costs.push(15 - bits);
            if bits == 15 {
                assert!(notices.iter().any(|n| matches!(n, Notice::Recovered { .. })), "{case}: {notices:?}");
            }
            session.goes_on(bits, &case);
            assert!(!path.exists());
        }
        costs.sort_unstable();
        let mut expected = vec![0; usize::try_from(writers).unwrap()];
        expected.pop();
        expected.push(15);
        assert_eq!(costs, expected, "only the file with the late edits costs them");
    }
}

/// Without the cache nothing but the history says what the text shows.
#[test]
fn a_changed_byte_does_the_same_without_the_cache() {
    let mut session = Session::new(2, false);
    session.files.retain(|path, _| path.parent().is_none_or(|folder| !folder.ends_with("cache")));
    for (path, good) in session.logs() {
        for at in sample(good, 23) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            session.with(path, Some(&bytes));
            let case = format!("{}, byte {at}", path.display());
            let (bits, notices) = session.look(&case);
            assert!(lacks_at_most_one(bits), "{case}: {bits:b} {notices:?}");
            if at % 23 == 0 && at % 5 == 0 {
                session.goes_on(bits, &case);
            }
        }
    }
}

#[test]
fn without_the_text_whole_records_behind_damage_are_done_again() {
    let mut session = Session::new(1, false);
    let text = session.folder.join("project.json");
    session.files.remove(&text);
    let (path, good) = session.logs().next().map(|(path, bytes)| (path.clone(), bytes.clone())).unwrap();
    // The record of the first of the late edits.
    let at = good.windows(12).rposition(|window| window == b"track.rename").unwrap();
    let mut bytes = good.clone();
    bytes[at] ^= 1;
    session.with(&path, Some(&bytes));
    let (bits, notices) = session.look("no text");
    assert_eq!(bits, 14);
    assert!(notices.contains(&Notice::Recovered { facts: 0, edits: 3 }), "{notices:?}");
    assert!(notices.contains(&Notice::Lost(1)), "{notices:?}");
    session.goes_on(bits, "no text");
}

/// A text that was changed by hand beside a damaged history keeps both what it showed and what the hand did.
#[test]
fn a_hand_in_the_text_and_damage_at_once_lose_nothing() {
    let session = Session::new(1, false);
    let (path, good) = session.logs().next().unwrap();
    let mut bytes = good.clone();
    bytes[60] ^= 1;
    session.with(path, Some(&bytes));
    let text = session.folder.join("project.json");
    let by_hand = fs::read_to_string(&text).unwrap().replace("-6.0", "-9.0");
    assert_ne!(by_hand, session.texts[0]);
    fs::write(&text, by_hand).unwrap();
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    let notices = document.take_notices();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::TextChanged(_))), "{notices:?}");
    let shown = document.project().to_text();
    assert_eq!(shown, session.texts[15].replace("-6.0", "-9.0"));
    document.save().unwrap();
    document.close().unwrap();
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert_eq!((document.project().to_text(), document.take_notices()), (shown, vec![]));
}

/// A copy that has the lost entries gives them back.
#[test]
fn merging_with_a_whole_copy_heals_a_damaged_history() {
    let session = Session::new(1, false);
    let whole = Document::open(&session.folder, &OpenOptions::read_only()).unwrap();
    let mut copy = whole.fork("eve", Some(5)).unwrap();
    copy.apply(TrackPan { id: id("bass"), pan: 1.0 }).unwrap();
    let (path, good) = session.logs().next().unwrap();
    let mut bytes = good.clone();
    bytes[60] ^= 1;
    session.with(path, Some(&bytes));
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    let bundle = copy.bundle(&document.version()).unwrap();
    document.merge(&bundle).unwrap();
    copy.merge(&document.bundle(&copy.version()).unwrap()).unwrap();
    let text = document.project().to_text();
    assert_eq!(copy.project().to_text(), text);
    let bass = document.project().track(&id("bass")).unwrap().clone();
    assert!((bass.pan - 1.0).abs() < 1e-9 && bass.mute && bass.name == "Upright", "{bass:?}");
    assert_eq!(document.history().len(), copy.history().len());
    document.close().unwrap();
    let mut document = Document::open(&session.folder, &OpenOptions::default()).unwrap();
    assert_eq!((document.project().to_text(), document.take_notices()), (text, vec![]));
}
