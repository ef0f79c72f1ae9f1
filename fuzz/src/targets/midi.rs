//! MIDI files.

use omega_interchange::midi::{Place, read, to_edits, write};
use omega_session::Edit;
use omega_session::model::{Project, TrackId};
use omega_time::SampleRate;

use super::Target;

/// A file becomes a session, that a file, and that a session again with as many notes.
pub const FILE: Target = Target {
    name: "midi",
    about: "MIDI files into sessions, out of them and in again",
    seeds,
    words: &[b"MThd", b"MTrk", b"\0\xff\x2f\0", b"\x90\x3c\x64", b"\xff\x51\x03", b"\xff\x58\x04", b"\xf0"],
    feed,
};

fn seeds() -> Vec<Vec<u8>> {
    let file = |format: u8, resolution: [u8; 2], tracks: &[&[u8]]| {
        let count = u8::try_from(tracks.len()).unwrap_or(0);
        let mut bytes = [b"MThd\0\0\0\x06\0".as_slice(), &[format, 0, count], &resolution].concat();
        for track in tracks {
            let length = u8::try_from(track.len()).unwrap_or(0);
            bytes.extend([b"MTrk\0\0\0".as_slice(), &[length], track].concat());
        }
        bytes
    };
    let conductor: &[u8] =
        b"\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x03\x02\x18\x08\0\xff\x06\x01A\0\xff\x2f\0";
    let notes: &[u8] = b"\0\xff\x03\x01L\0\xc0\x05\0\xb0\x07\x64\0\x90\x3c\x64\x60\x3c\0\0\xe0\0\x40\x81\x40\x90\x3e\x01\0\xff\x2f\0";
    vec![file(1, [1, 0xe0], &[conductor, notes]), file(0, [0, 96], &[notes]), file(0, [0xe7, 40], &[notes])]
}

fn feed(bytes: &[u8]) {
    let Ok(file) = read(bytes) else { return };
    let empty = Project::new("", SampleRate::HZ_48000);
    let place = Place { tempo: true, ..Place::default() };
    let session = |file| {
        let edits = to_edits(file, &empty, &place, "file");
        Edit::try_all(&edits, &empty, [0; 32]).expect("a file that was read can be brought in")
    };
    let project = session(&file);
    let tracks: Vec<TrackId> = project.tracks().keys().cloned().collect();
    let count = |project: &Project| -> usize {
        project.tracks().keys().map(|id| project.played_on(id, usize::MAX).notes.len()).sum()
    };
    let Ok(written) = write(&project, &tracks) else { return };
    let again = session(&read(&written).expect("what was written can be read"));
    assert_eq!(count(&project), count(&again), "as many notes");
}
