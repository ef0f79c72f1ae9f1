//! MIDI files in and out: real ones, hostile ones, and the places of notes.

use std::path::{Path, PathBuf};

use omega_interchange::midi::{MidiFile, MidiTrack, Place, ReadError, WriteError, read, to_edits, write};
use omega_session::edit::{ControlValue, NoteValue, TrackAdd};
use omega_session::model::{ControlKind, Project, Settings, TrackId, TrackKind};
use omega_session::{CreateOptions, Document, Edit};
use omega_time::{SampleRate, Tempo, Ticks};

/// Folders with MIDI files of the packages `mma` and `openttd-openmsx`.
const FOLDERS: [&str; 3] = ["/usr/share/doc/mma", "/usr/share/mma", "/usr/share/games/openttd/baseset"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match path.extension().and_then(|ending| ending.to_str()) {
            _ if path.is_dir() => files(&path, found),
            Some("mid" | "MID" | "midi") => found.push(path),
            _ => {}
        }
    }
}

/// An empty session.
fn empty() -> Project {
    Project::new("Song", SampleRate::HZ_48000)
}

/// The session that a file makes.
fn imported(file: &MidiFile) -> Project {
    let edits = to_edits(file, &empty(), &Place { tempo: true, ..Place::default() }, "file");
    Edit::try_all(&edits, &empty(), [7; 32]).expect("a file that was read can be brought in")
}

/// Bytes of a file in format 1 with these tracks.
fn bytes(resolution: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let count = u16::try_from(tracks.len()).expect("few");
    let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
    bytes.extend(count.to_be_bytes().into_iter().chain(resolution.to_be_bytes()));
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend(u32::try_from(track.len()).expect("short").to_be_bytes());
        bytes.extend(*track);
    }
    bytes
}

/// What is heard of a session, without ids: notes and controller points by track.
type Heard = Vec<(Vec<[i64; 6]>, Vec<(i64, u8, ControlKind, i16)>)>;

fn heard(project: &Project) -> Heard {
    let mut tracks: Vec<(&TrackId, String)> =
        project.tracks().iter().map(|(id, track)| (id, track.order.to_string())).collect();
    tracks.sort_by(|a, b| a.1.cmp(&b.1));
    let told = |id: &TrackId| {
        let played = project.played_on(id, 10_000_000);
        assert!(!played.cut);
        let mut notes: Vec<[i64; 6]> = played
            .notes
            .iter()
            .map(|n| {
                let (key, velocity, release) = (n.key.into(), n.velocity.into(), n.release.into());
                [n.start.0, i64::from(n.channel), key, n.end.0, velocity, release]
            })
            .collect();
        notes.sort_unstable();
        let controls = played.controls.iter();
        (notes, controls.map(|c| (c.at.0, c.control.channel, c.control.kind, c.control.value)).collect())
    };
    let all: Heard = tracks.into_iter().map(|(id, _)| told(id)).collect();
    all.into_iter().filter(|(notes, controls)| !notes.is_empty() || !controls.is_empty()).collect()
}

fn tracks(project: &Project) -> Vec<TrackId> {
    project.tree().into_iter().map(|(_, id, _)| id.clone()).filter(|id| !id.is_master()).collect()
}

/// Tempos and time signatures.
fn beats(project: &Project) -> (Vec<omega_time::TempoPoint>, Vec<omega_time::MeterPoint>) {
    let map = project.tempo_map();
    (map.tempo_points().collect(), map.meter_points().collect())
}

#[test]
fn real_files_come_back_with_the_same_notes() {
    let mut found = Vec::new();
    FOLDERS.iter().for_each(|folder| files(Path::new(folder), &mut found));
    if found.len() < 100 {
        println!(
            "SKIPPED: {} MIDI files of the packages mma and openttd-openmsx are here, of 104",
            found.len()
        );
        return;
    }
    found.sort();
    let (mut notes, mut exact) = (0, 0);
    for path in &found {
        let name = path.display();
        let original = std::fs::read(path).expect("it is there");
        let file = read(&original).unwrap_or_else(|error| panic!("{name}: {error}"));
        let project = imported(&file);
        let first = heard(&project);
        notes += first.iter().map(|(notes, _)| notes.len()).sum::<usize>();
        let written = write(&project, &tracks(&project)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = imported(&read(&written).unwrap_or_else(|error| panic!("{name}: {error}")));
        let second = heard(&again);
        let resolution = u16::from_be_bytes([original[12], original[13]]);
        if resolution < 0x8000 && 26_880 % resolution == 0 {
            assert_eq!(first, second, "{name}");
            assert_eq!(beats(&project), beats(&again), "{name}");
            exact += 1;
        }
        // What was rounded once is not rounded again.
        let twice = write(&again, &tracks(&again)).expect("it was written before");
        assert_eq!(heard(&imported(&read(&twice).expect("it was read before"))), second, "{name}");
        assert_eq!(second.len(), first.len(), "{name}");
        for ((before, controls), (after, same)) in first.iter().zip(&second) {
            assert_eq!((before.len(), controls.len()), (after.len(), same.len()), "{name}");
        }
    }
    println!("{} files, {notes} notes, {exact} of them exact to the tick", found.len());
    assert!(notes > 100_000 && exact > 70, "{notes} notes, {exact} files");
}

#[test]
fn notes_are_paired_first_in_first_out_and_controllers_keep_their_order() {
    let track: &[u8] = &[
        0, 0xb0, 101, 0, 0, 100, 0, 0, 6, 12, 0, 0xc0, 5, 0, 0xe0, 0, 0, 0, 0x90, 60, 100, 10, 60, 90, 5,
        0x80, 60, 7, 5, 0x90, 60, 0, 0, 62, 1, 0, 62, 0, 10, 64, 3, 10, 0xff, 0x2f, 0,
    ];
    let file = read(&bytes(96, &[track])).expect("a sound file");
    let tick = |n: i64| Ticks(n * 840);
    let note = |at, length, key, velocity, release| NoteValue {
        release,
        ..NoteValue::new(tick(at), length, key, velocity)
    };
    let notes = [
        note(0, tick(15), 60, 100, 7),
        note(10, tick(10), 60, 90, 64),
        note(20, Ticks(1), 62, 1, 64),
        note(30, tick(10), 64, 3, 64),
    ];
    assert_eq!(file.tracks[0].notes, notes);
    assert_eq!(file.unreleased, 1);
    let kinds: Vec<(ControlKind, i16)> = file.tracks[0].controls.iter().map(|c| (c.kind, c.value)).collect();
    let cc = ControlKind::Controller;
    let expected =
        [(cc(101), 0), (cc(100), 0), (cc(6), 12), (ControlKind::Program, 5), (ControlKind::Bend, -8_192)];
    assert_eq!(kinds, expected);
    let project = imported(&file);
    let played = project.played_on(&tracks(&project)[0], 100);
    let kept: Vec<ControlKind> = played.controls.iter().map(|c| c.control.kind).collect();
    assert_eq!(kept, expected.map(|(kind, _)| kind));
}

#[test]
fn tempo_meter_and_markers_come_along() {
    let conductor: &[u8] = &[
        0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20, 0, 0xff, 0x58, 4, 3, 2, 24, 8, 0x83, 0x60, 0xff, 0x51, 3, 0x06,
        0x1a, 0x80, 0, 0xff, 0x06, 2, b'A', 0xe4, 0x83, 0x60, 0xff, 0x58, 4, 7, 3, 24, 8, 0, 0xff, 0x2f, 0,
    ];
    let notes: &[u8] = &[0, 0xff, 3, 4, b'L', b'e', b'a', b'd', 0, 0x90, 60, 1, 1, 60, 0, 0, 0xff, 0x2f, 0];
    let project = imported(&read(&bytes(480, &[conductor, notes])).expect("a sound file"));
    let map = project.tempo_map();
    assert_eq!(map.tempo_at(Ticks(80_639)), Tempo::bpm(120).expect("a tempo"));
    assert_eq!(map.tempo_at(Ticks(80_640)), Tempo::bpm(150).expect("a tempo"));
    assert_eq!(map.signature_at(Ticks(0)).to_string(), "3/4");
    // 7/8 is said in the middle of the first bar, and begins with the second.
    assert_eq!(map.signature_at(Ticks(3 * 80_640)).to_string(), "7/8");
    assert_eq!(project.markers().values().next().map(|marker| marker.name.as_str()), Some("Aä"));
    let names: Vec<&str> = project.tracks().values().map(|track| track.name.as_str()).collect();
    assert!(names.contains(&"Lead"), "{names:?}");
    let again = imported(&read(&write(&project, &tracks(&project)).expect("notes")).expect("our own file"));
    assert_eq!(beats(&again), beats(&project));
}

#[test]
fn hostile_files_are_refused_with_a_reason() {
    let end: &[u8] = &[0, 0xff, 0x2f, 0];
    let cut: &[u8] = &[0, 0x90, 60];
    let far: Vec<u8> = [0xff, 0xff, 0xff, 0x7f, 0xf0, 0].repeat(60);
    let mut format2 = bytes(96, &[end]);
    format2[9] = 2;
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "this is no MIDI file"),
        (b"RIFF....".to_vec(), "this is no MIDI file"),
        (format2, "format 2 holds independent pieces"),
        (bytes(0, &[end]), "a quarter note has no length"),
        (bytes(1, &[&far]), "track 1 goes on beyond tick"),
    ];
    for (bytes, message) in cases {
        let error = read(&bytes).expect_err(message).to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
    }
    assert_eq!(read(&bytes(96, &[cut, end])).expect("as far as it goes").cut, 1);
    let many = vec![end; 2_000];
    assert_eq!(read(&bytes(96, &many)), Err(ReadError::TooManyTracks));
    // A file that is cut anywhere is read as far as its tracks are whole, or refused; it never does harm.
    let whole = bytes(96, &[&[0, 0x90, 60, 100, 10, 60, 0, 0, 0xff, 0x2f, 0]]);
    for n in 0..whole.len() {
        let _ = read(&whole[..n]);
    }
}

#[test]
fn what_is_not_there_is_not_written() {
    let project = empty();
    assert_eq!(write(&project, &[TrackId::master()]), Err(WriteError::NoNotes));
    let early = MidiTrack {
        notes: vec![NoteValue::new(Ticks(0), Ticks(900), 60, 1)],
        controls: vec![ControlValue::new(Ticks(0), ControlKind::Pressure, 1)],
        ..MidiTrack::default()
    };
    let file = MidiFile { tracks: vec![early], ..MidiFile::default() };
    let place = Place { at: Ticks(-5), ..Place::default() };
    let project = Edit::try_all(&to_edits(&file, &project, &place, "x"), &project, [1; 32]).expect("edits");
    assert!(matches!(write(&project, &tracks(&project)), Err(WriteError::Place(_))));
}

#[test]
fn a_file_onto_a_track_is_a_clip_there_and_one_undo_away() {
    let mut document = Document::in_memory(&CreateOptions::seeded("Song", 1));
    let id = TrackId::new("keys").expect("an id");
    document
        .apply(TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, "Keys") })
        .expect("a track");
    let track: &[u8] = &[0, 0x90, 60, 100, 96, 60, 0, 0, 0xff, 0x2f, 0];
    let file = read(&bytes(96, &[track, track])).expect("a sound file");
    let place = Place { track: Some(id.clone()), at: Ticks(322_560), tempo: false };
    let before = document.project();
    document.apply_group("import", &to_edits(&file, &before, &place, "x")).expect("edits");
    let project = document.project();
    assert_eq!((project.tracks().len(), project.clips_on(&id).count()), (2, 2));
    assert_eq!(project.played_on(&id, 10).notes[0].start, Ticks(322_560));
    assert_eq!(project.settings(), &Settings::clone(before.settings()));
    document.undo().expect("there is an edit").expect("it can be undone");
    assert_eq!(document.project(), before);
}
