//! Sessions: `project.json` as people and git leave it, and edits as scripts send them.

use std::fs;

use omega_session::{CreateOptions, Document, Edit, OpenOptions, Project};
use omega_time::{SampleRate, Ticks};

use super::Target;

/// The text of a session.
pub const PROJECT: Target = Target {
    name: "project-json",
    about: "project.json",
    seeds: || vec![song().to_text().into_bytes(), empty().to_text().into_bytes()],
    words: &[
        b"\"",
        b"{}",
        b"[]",
        b"null",
        b"\"master\"",
        b"\"none\"",
        b"1e308",
        b"\n<<<<<<< x\n",
        b"\"parent\": \"fld\",",
    ],
    feed: project,
};

/// Edits, one a line.
pub const EDITS: Target = Target {
    name: "edit-json",
    about: "edits as JSON, applied to a session",
    seeds: || vec![SONG.join("\n").into_bytes(), [SONG, CHANGES].concat().join("\n").into_bytes()],
    words: &[
        b"\"",
        b"null",
        b"\"master\"",
        b"\n{\"edit\": \"",
        b"-1",
        b"9007199254740993",
        b"\"0t\"",
        b"\"-5f\"",
        b"\"fld\"",
    ],
    feed: edits,
};

/// The file of one writer in `history/`.
pub const HISTORY: Target = Target {
    name: "history",
    about: "the history of a session",
    seeds: || vec![written_history()],
    words: &[b"OMR1", b"OMEGA HISTORY 2\n", b"\"kind\":\"", b"\"undo\"", b"\"id\":", b"null", b"\"root\":"],
    feed: history,
};

/// What one copy of a session sends to another.
pub const BUNDLE: Target = Target {
    name: "bundle",
    about: "entries of another copy, merged",
    seeds: || vec![bundle()],
    words: &[b"OMR1", b"\"kind\":\"", b"\"undo\"", b"\"id\":", b"null", b"\"root\":"],
    feed: merge,
};

/// A session with a little of everything.
const SONG: &[&str] = &[
    r#"{"edit": "track.add", "id": "bus", "kind": "bus", "name": "Drums"}"#,
    r#"{"edit": "track.add", "id": "fx", "kind": "return"}"#,
    r#"{"edit": "track.add", "id": "cue", "kind": "cue", "output": [2, 3]}"#,
    r#"{"edit": "track.add", "id": "fld", "kind": "folder"}"#,
    r#"{"edit": "track.add", "id": "a", "kind": "audio", "parent": "fld", "output": "bus", "input": [0, 1]}"#,
    r#"{"edit": "track.add", "id": "b", "kind": "audio", "channels": 1}"#,
    r#"{"edit": "media.add", "id": "m", "file": "m.wav", "channels": 2, "frames": 480000, "sample_rate": 48000}"#,
    r#"{"edit": "media.add", "id": "n", "file": "n.wav", "channels": 1, "frames": 96000, "sample_rate": 48000}"#,
    r#"{"edit": "clip.add", "id": "c", "track": "a", "media": "m", "position": "80640t", "length": 96000}"#,
    r#"{"edit": "clip.add", "id": "d", "track": "b", "media": "n", "position": "48000f", "offset": 480}"#,
    r#"{"edit": "clip.add", "id": "e", "track": "a", "media": "m", "position": "322560t", "gain_db": -3.5}"#,
    r#"{"edit": "clip.fade", "id": "c", "in": {"length": 100, "shape": "slow"}, "out": {"length": 4800}}"#,
    r#"{"edit": "send.add", "id": "s", "track": "a", "target": "fx", "gain_db": -6}"#,
    r#"{"edit": "send.add", "id": "t", "track": "fx", "target": "bus", "feedback_delay": 480}"#,
    r#"{"edit": "device.add", "id": "q", "track": "a", "kind": "omega.eq", "params": {"gain": 1.5}}"#,
    r#"{"edit": "device.add", "id": "k", "track": "bus", "kind": "omega.compressor", "sidechain": "b"}"#,
    r#"{"edit": "lane.add", "id": "l", "target": "track/a/volume_db"}"#,
    r#"{"edit": "point.add", "lane": "l", "id": "p", "at": "0t", "value": -12, "shape": 0.5}"#,
    r#"{"edit": "point.add", "lane": "l", "id": "r", "at": "161280t", "value": 0, "shape": "hold"}"#,
    r#"{"edit": "tempo.add", "id": "t1", "at": 161280, "tempo": "97.5", "ramp": "linear"}"#,
    r#"{"edit": "tempo.add", "id": "t2", "at": 645120, "tempo": "133.333"}"#,
    r#"{"edit": "meter.add", "id": "m1", "bar": 3, "signature": "7/8"}"#,
    r#"{"edit": "marker.add", "id": "k1", "at": "161280t", "name": "Chorus"}"#,
    r#"{"edit": "loop.set", "on": true, "range": "0t..322560t"}"#,
];

/// What can be done with it.
const CHANGES: &[&str] = &[
    r#"{"edit": "clip.split", "id": "c", "at": "161280t", "right": "c2"}"#,
    r#"{"edit": "clip.duplicate", "id": "d", "copy": "d2", "position": "200000f"}"#,
    r#"{"edit": "clip.trim", "id": "e", "start": "400000t", "end": "500000t"}"#,
    r#"{"edit": "clip.slip", "id": "e", "by": -100}"#,
    r#"{"edit": "clip.move", "id": "e", "track": "b", "position": "10t"}"#,
    r#"{"edit": "clip.crossfade", "left": "c", "right": "c2", "length": 480}"#,
    r#"{"edit": "clip.loop", "id": "d", "start": 100, "length": 4800}"#,
    r#"{"edit": "clip.time_base", "id": "d", "base": "musical"}"#,
    r#"{"edit": "clip.remove", "id": "c", "ripple": true}"#,
    r#"{"edit": "time.insert", "at": "100000t", "length": "322560t"}"#,
    r#"{"edit": "time.delete", "range": "200000t..500000t"}"#,
    r#"{"edit": "time.insert", "at": "48000f", "length": "24000f", "tracks": ["a"]}"#,
    r#"{"edit": "take.add", "id": "x", "track": "a"}"#,
    r#"{"edit": "take.add", "id": "y", "track": "a", "name": "Best"}"#,
    r#"{"edit": "clip.add", "id": "x1", "track": "a", "take": "x", "media": "m", "position": "0f", "length": 90000}"#,
    r#"{"edit": "clip.add", "id": "y1", "track": "a", "take": "y", "media": "m", "position": "80640t", "offset": 5}"#,
    r#"{"edit": "comp.take", "id": "s1", "take": "x"}"#,
    r#"{"edit": "comp.set", "id": "s2", "take": "y", "range": "161280t..322560t", "fade": 100}"#,
    r#"{"edit": "comp.clear", "track": "a", "range": "30000f..35000f"}"#,
    r#"{"edit": "take.duplicate", "id": "y", "copy": "z"}"#,
    r#"{"edit": "comp.flatten", "track": "a"}"#,
    r#"{"edit": "take.promote", "id": "z"}"#,
    r#"{"edit": "take.remove", "id": "x"}"#,
    r#"{"edit": "track.duplicate", "id": "fld", "copy": "fld2"}"#,
    r#"{"edit": "lane.base", "id": "l", "base": "absolute"}"#,
    r#"{"edit": "lane.write", "id": "l", "range": "0f..9000f", "points": [{"at": "5f", "value": 1}]}"#,
    r#"{"edit": "track.route", "id": "b", "output": "fx"}"#,
    r#"{"edit": "track.delay", "id": "b", "frames": -480}"#,
    r#"{"edit": "track.volume", "id": "a", "db": -144}"#,
    r#"{"edit": "track.move", "id": "b", "parent": "fld", "before": "a"}"#,
    r#"{"edit": "send.feedback", "id": "t", "delay": null}"#,
    r#"{"edit": "device.move", "id": "q", "track": "bus", "before": "k"}"#,
    r#"{"edit": "device.param", "id": "q", "param": "gain", "value": 3}"#,
    r#"{"edit": "media.replace", "id": "n", "by": "m"}"#,
    r#"{"edit": "track.remove", "id": "fld"}"#,
    r#"{"edit": "session.set", "name": "Song", "bus_precision": "f64"}"#,
];

fn empty() -> Project {
    Project::new("Fuzzed", SampleRate::HZ_48000)
}

fn song() -> Project {
    let edits: Vec<Edit> = SONG.iter().map(|text| serde_json::from_str(text).expect(text)).collect();
    Edit::try_all(&edits, &empty(), [7; 32]).expect("a song")
}

/// A text that is read is shown as a text that reads as the same session, and what can be repaired is repaired once.
fn project(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Project::from_text_with_notes(&text) {
        Ok((project, notes)) => {
            notes.iter().for_each(|note| assert!(!note.to_string().is_empty()));
            hold(&project);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What must hold of every session, however it came about.
fn hold(project: &Project) {
    let text = project.to_text();
    let (read, notes) = Project::from_text_with_notes(&text).expect("what was written reads");
    assert!(notes.is_empty(), "nothing is left out: {notes:?}");
    assert_eq!(read.to_text(), text, "the text is canonical");
    assert!(&read == project, "what was written reads back");
    let repaired = project.repaired();
    assert!(repaired.repaired() == repaired, "a repaired session is left as it is");
    let map = project.tempo_map();
    assert!(map.to_frame(Ticks::quarters(1)) > map.to_frame(Ticks::ZERO));
}

/// Lines that are edits are done one after the other; each is whole or refused, and leaves a session that holds.
fn edits(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut project = empty();
    let mut done = Vec::new();
    for (number, line) in text.lines().take(100).enumerate() {
        let Ok(edit) = serde_json::from_str::<Edit>(line) else { continue };
        let again = serde_json::to_string(&edit).expect("an edit is JSON");
        assert_eq!(serde_json::from_str::<Edit>(&again).expect(&again), edit, "what was written reads back");
        let seed = [u8::try_from(number).unwrap_or(0); 32];
        match Edit::try_all(std::slice::from_ref(&edit), &project, seed) {
            Ok(edited) => {
                project = edited;
                done.push(edit);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    hold(&project);
    // Any group is whole or refused, too.
    if let Ok(grouped) = Edit::try_all(&done, &empty(), [1; 32]) {
        hold(&grouped);
    }
}

/// Edits a document as a person would, with an undo and a redo.
fn play_with(document: &mut Document) {
    for text in SONG.iter().chain(CHANGES) {
        let edit: Edit = serde_json::from_str(text).expect(text);
        document.apply(edit).expect(text);
    }
    document.undo().expect("it is undone");
    document.undo().expect("it is undone");
    document.redo().expect("it is redone");
}

fn written_history() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("seed.omega");
    let mut document = Document::create(&path, &CreateOptions::seeded("Fuzzed", 1)).expect("a session");
    play_with(&mut document);
    document.close().expect("it is closed");
    let mut logs = fs::read_dir(path.join("history")).expect("a history").flatten().map(|entry| entry.path());
    let log = logs.find(|path| path.extension().is_some_and(|ending| ending == "log")).expect("a log");
    fs::read(log).expect("it is there")
}

/// A history is refused or gives a session that holds: as it is, and with its checksums put right.
fn history(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), mended(bytes)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("history");
        fs::create_dir(&inner).expect("a history");
        fs::write(inner.join("0000000000000001.log"), bytes).expect("the case is stored");
        match Document::open(folder.path(), &OpenOptions::read_only()) {
            Ok(document) => hold_document(&document),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn hold_document(document: &Document) {
    // Opened for reading it is not repaired; it must be possible to.
    hold(&document.project().repaired());
    let names: Vec<String> = document.history().into_iter().map(|entry| entry.name).collect();
    for name in [document.undo_name(), document.redo_name()].into_iter().flatten() {
        assert!(names.iter().any(|known| known == name), "what can be undone is in the history");
    }
    document.left_out().iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
}

/// The bytes with the checksum of every frame put right, so that what is inside gets read.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let starts: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, part)| *part == b"OMR1").map(|(at, _)| at).collect();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(bytes.len());
        let Some(length) = (end - start).checked_sub(24) else { continue };
        let check = blake3::hash(&bytes[start + 8..end - 16]);
        bytes[start + 4..start + 8].copy_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
        bytes[end - 16..end].copy_from_slice(&check.as_bytes()[..16]);
    }
    bytes
}

fn copy() -> Document {
    Document::in_memory(&CreateOptions::seeded("Copy", 2))
}

fn bundle() -> Vec<u8> {
    let mut document = Document::in_memory(&CreateOptions::seeded("Fuzzed", 1));
    play_with(&mut document);
    document.bundle(&copy().version()).expect("a bundle")
}

/// A bundle is taken in whole or changes nothing; either way the session holds and goes on.
fn merge(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), mended(bytes)] {
        let mut document = copy();
        let before = (document.project().to_text(), document.history().len());
        match document.merge(&bytes) {
            Ok(_) => hold(&document.project()),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                let after = (document.project().to_text(), document.history().len());
                assert!(before == after, "a refused bundle changes nothing: {error}");
            }
        }
        let edit: Edit = serde_json::from_str(SONG[0]).expect("an edit");
        if document.apply(edit).is_ok() {
            document.undo().expect("what was done is undone");
        }
        hold(&document.project());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edit_of_the_seeds_is_done() {
        let mut project = empty();
        let mut refused = Vec::new();
        for (number, text) in (0u8..).zip(SONG.iter().chain(CHANGES)) {
            let edit = serde_json::from_str::<Edit>(text).map_err(|error| error.to_string());
            let edited = edit.and_then(|edit| {
                Edit::try_all(&[edit], &project, [number; 32]).map_err(|error| error.to_string())
            });
            match edited {
                Ok(edited) => project = edited,
                Err(error) => refused.push(format!("{text}: {error}")),
            }
            hold(&project);
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
    }

    #[test]
    fn seeds_hold_the_whole_history() {
        let bytes = written_history();
        assert_eq!(mended(&bytes), bytes, "nothing has to be mended");
        assert!(bytes.len() < 1 << 16, "{} bytes are cut to the longest case", bytes.len());
        let mut document = copy();
        let merged = document.merge(&bundle()).expect("the bundle is whole");
        assert_eq!(merged.entries.len(), 1 + SONG.len() + CHANGES.len() + 3);
        assert!(document.project().tracks().len() > 3);
    }
}
