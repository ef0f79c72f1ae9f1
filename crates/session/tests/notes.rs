//! Clips of notes: what the verbs of clips mean for them, held against the notes that sound, and editing them together.

mod support;

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::*;
use omega_time::{Frames, SampleRate, Tempo, Ticks, TimeBase, TimePoint, TimeRange};
use support::{Dice, media_id};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

fn clip(text: &str) -> ClipId {
    ClipId::new(text).unwrap()
}

fn note(text: &str) -> NoteId {
    NoteId::new(text).unwrap()
}

/// A session at 60 BPM and 80,640 Hz, where a tick is a frame, with a clip `c` of notes from tick 1,000 on.
fn song(length: i64, notes: &[(i64, i64, u8)]) -> Document {
    let rate = SampleRate::new(80_640).unwrap();
    let mut document =
        Document::in_memory(&CreateOptions { sample_rate: rate, ..CreateOptions::seeded("Song", 1) });
    let value = |n: usize, (at, length, key): (i64, i64, u8)| NoteValue {
        id: Some(note(&format!("n{n}"))),
        ..NoteValue::new(Ticks(at), Ticks(length), key, 100)
    };
    let notes = notes.iter().enumerate().map(|(n, note)| value(n, *note)).collect();
    let part = ClipNotes::new(id("a"), TimePoint::Musical(Ticks(1_000)), Ticks(length));
    let edits: Vec<Edit> = vec![
        TempoAdd::new(Ticks(0), Tempo::bpm(60).unwrap()).into(),
        TrackAdd { id: Some(id("a")), ..TrackAdd::new(TrackKind::Audio, "a") }.into(),
        ClipNotes { id: Some(clip("c")), notes, ..part }.into(),
    ];
    document.apply_group("song", &edits).unwrap();
    document
}

/// Each start of a note on the time line, with where it ends: tick by tick of each clip, as its documentation says.
fn sounding(project: &Project) -> Vec<(i64, i64, u8)> {
    let map = project.tempo_map();
    let mut all = Vec::new();
    for clip in project.clips().values().filter(|clip| clip.has_notes() && !clip.mute) {
        let start = map.tick_of(clip.position).0;
        let mut starts: BTreeMap<i64, Vec<&Note>> = BTreeMap::new();
        for note in clip.notes.all().iter().filter(|note| !note.mute) {
            starts.entry(note.at.0).or_default().push(note);
        }
        for n in 0..clip.length.0 {
            let place = clip.material(Extent(n));
            for note in starts.get(&place.0).into_iter().flatten() {
                let loops = clip.looping.on && clip.looping.length > Extent(0);
                let turn =
                    if loops { (clip.looping.start + clip.looping.length).0 - place.0 } else { i64::MAX };
                let length = note.length.0.min(clip.length.0 - n).min(turn);
                all.push((start + n, start + n + length, note.key));
            }
        }
    }
    all.sort_unstable();
    all
}

#[test]
fn moved_slipped_trimmed_doubled_and_muted_notes_sound_where_they_are_put() {
    let mut document = song(400, &[(0, 50, 60), (100, 100, 62), (300, 500, 64)]);
    let here = |document: &Document| sounding(&document.project());
    assert_eq!(here(&document), [(1_000, 1_050, 60), (1_100, 1_200, 62), (1_300, 1_400, 64)]);
    document
        .apply(ClipMove { id: clip("c"), track: None, position: Some(TimePoint::Musical(Ticks(0))) })
        .unwrap();
    assert_eq!(here(&document)[0], (0, 50, 60));
    document.apply(ClipSlip { id: clip("c"), by: Extent(100) }).unwrap();
    assert_eq!(here(&document), [(0, 100, 62), (200, 400, 64)]);
    document.apply(ClipSlip { id: clip("c"), by: Extent(-150) }).unwrap();
    assert_eq!(here(&document), [(50, 100, 60), (150, 250, 62), (350, 400, 64)], "notes may come later, too");
    document.undo().unwrap();
    document.undo().unwrap();
    let to = |at| Some(TimePoint::Musical(Ticks(at)));
    document.apply(ClipTrim { id: clip("c"), start: to(40), end: to(150) }).unwrap();
    assert_eq!(
        here(&document),
        [(100, 150, 62)],
        "a note that began before is not heard; one that goes on ends"
    );
    document.apply(ClipTrim { id: clip("c"), start: to(-10), end: to(900) }).unwrap();
    assert_eq!(here(&document), [(0, 50, 60), (100, 200, 62), (300, 800, 64)], "nothing was lost");
    let copy = ClipDuplicate { id: clip("c"), copy: Some(clip("d")), track: None, position: None };
    document.apply(copy).unwrap();
    assert_eq!(here(&document)[3..], [(910, 960, 60), (1_010, 1_110, 62), (1_210, 1_710, 64)]);
    document.apply(ClipMute { id: clip("c"), on: true }).unwrap();
    document.apply(NoteSet { mute: Some(true), ..set(&clip("d"), &["n1"]) }).unwrap();
    assert_eq!(here(&document), [(910, 960, 60), (1_210, 1_710, 64)]);
    document.apply(ClipRemove { id: clip("c"), ripple: true }).unwrap();
    assert_eq!(here(&document)[0], (0, 50, 60), "the gap is closed");
}

fn set(clip: &ClipId, notes: &[&str]) -> NoteSet {
    let (at, length, key, velocity, release, channel, mute) = (None, None, None, None, None, None, None);
    let notes = notes.iter().map(|id| note(id)).collect();
    NoteSet { clip: clip.clone(), notes, at, length, key, velocity, release, channel, mute }
}

#[test]
fn parts_start_the_notes_that_the_whole_started_and_end_them_at_the_seam() {
    let mut dice = Dice(5);
    for _ in 0..200 {
        let notes: Vec<(i64, i64, u8)> = (0..dice.roll(12))
            .map(|_| (dice.number(-20, 320), dice.number(1, 200), u8::try_from(dice.roll(128)).unwrap()))
            .collect();
        let mut document = song(300, &notes);
        if dice.roll(3) == 0 {
            let (start, length) = (Some(Extent(dice.number(0, 90))), Some(Extent(dice.number(1, 150))));
            document.apply(ClipLoopSet { id: clip("c"), on: true, start, length }).unwrap();
        }
        if dice.chance() {
            document.apply(ClipTimeBase { id: clip("c"), base: TimeBase::Absolute }).unwrap();
        }
        let whole = sounding(&document.project());
        let at = dice.number(1_001, 1_300);
        let seam = TimePoint::Musical(Ticks(at));
        document.apply(ClipSplit { id: clip("c"), at: seam, right: Some(clip("r")) }).unwrap();
        let mut cut = whole.clone();
        for (start, end, _) in &mut cut {
            *end = if *start < at { (*end).min(at) } else { *end };
        }
        cut.sort_unstable();
        assert_eq!(sounding(&document.project()), cut);
        document.undo().unwrap();
        assert_eq!(sounding(&document.project()), whole);
        assert_eq!(played(&document.project()), whole);
    }
}

/// What a player is given, in the words of [`sounding`].
fn played(project: &Project) -> Vec<(i64, i64, u8)> {
    let played = project.played_on(&id("a"), 10_000);
    assert!(!played.cut);
    let mut notes: Vec<_> = played.notes.iter().map(|note| (note.start.0, note.end.0, note.key)).collect();
    notes.sort_unstable();
    notes
}

#[test]
fn a_loop_of_notes_without_end_is_cut_where_there_is_too_much() {
    let mut document = song(1 << 50, &[(0, 1, 60), (1, 1, 61)]);
    let (start, length) = (Some(Extent(0)), Some(Extent(2)));
    document.apply(ClipLoopSet { id: clip("c"), on: true, start, length }).unwrap();
    let played = document.project().played_on(&id("a"), 1_000);
    assert_eq!((played.notes.len(), played.cut), (1_000, true));
    assert_eq!(played.notes[999].start, Ticks(1_999));
}

#[test]
fn the_right_part_begins_with_what_the_controllers_were() {
    let mut document = song(400, &[]);
    let (wheel, bend) = (ControlKind::Controller(1), ControlKind::Bend);
    let controls = vec![
        ControlValue::new(Ticks(0), wheel, 10),
        ControlValue::new(Ticks(50), wheel, 20),
        ControlValue::new(Ticks(60), bend, -5),
        ControlValue::new(Ticks(100), bend, 7),
        ControlValue { channel: 3, ..ControlValue::new(Ticks(10), wheel, 99) },
    ];
    document.apply(ControlAdd { clip: clip("c"), controls }).unwrap();
    let seam = TimePoint::Musical(Ticks(1_100));
    document.apply(ClipSplit { id: clip("c"), at: seam, right: Some(clip("r")) }).unwrap();
    let project = document.project();
    let told = |id| -> Vec<(i64, u8, ControlKind, i16)> {
        let controls = project.clip(&clip(id)).unwrap().controls.all().to_vec();
        controls.iter().map(|c| (c.at.0, c.channel, c.kind, c.value)).collect()
    };
    assert_eq!(told("r"), [(100, 0, wheel, 20), (100, 0, bend, 7), (100, 3, wheel, 99)]);
    assert_eq!(told("c").len(), 4);
}

#[test]
fn notes_are_set_moved_drawn_to_a_grid_and_removed() {
    let mut document = song(400_000, &[(3, 10, 60), (40_000, 10, 62), (80_000, 10, 64)]);
    let c = clip("c");
    document.apply(NoteMove { clip: c.clone(), notes: vec![note("n0")], by: Ticks(7), keys: -12 }).unwrap();
    document.apply(NoteSet { velocity: Some(1), channel: Some(15), ..set(&c, &["n1"]) }).unwrap();
    // The clip starts at tick 1,000, and the grid is that of the time line.
    let grid = NoteQuantize { clip: c.clone(), notes: vec![], grid: Ticks(40_320), strength: 100 };
    document.apply(grid.clone()).unwrap();
    let told = |document: &Document| -> Vec<(i64, u8, u8, u8)> {
        let project = document.project();
        let notes = project.clip(&clip("c")).unwrap().notes.all().to_vec();
        notes.iter().map(|n| (n.at.0, n.key, n.velocity, n.channel)).collect()
    };
    assert_eq!(told(&document), [(-1_000, 48, 100, 0), (39_320, 62, 1, 15), (79_640, 64, 100, 0)]);
    document.undo().unwrap();
    document.apply(NoteQuantize { strength: 50, ..grid }).unwrap();
    assert_eq!(told(&document)[0].0, 10 - 505);
    document.apply(NoteRemove { clip: c.clone(), notes: vec![note("n0"), note("n2")] }).unwrap();
    assert_eq!(told(&document).len(), 1);
    let added =
        document.apply(NoteAdd { clip: c, notes: vec![NoteValue::new(Ticks(0), Ticks(1), 5, 6)] }).unwrap();
    assert_eq!(added.created.len(), 1, "the id of the new note is told");
}

#[test]
fn notes_keep_to_the_tempo_and_their_clip_to_its_base() {
    let mut document = song(200_000, &[(0, 10, 60), (100_000, 10, 62)]);
    document.apply(ClipTimeBase { id: clip("c"), base: TimeBase::Absolute }).unwrap();
    let tempo = document.project().tempo().keys().next().unwrap().clone();
    document
        .apply(TempoSet { id: tempo, at: None, tempo: Some(Tempo::bpm(120).unwrap()), ramp: None })
        .unwrap();
    let project = document.project();
    let (part, map) = (project.clip(&clip("c")).unwrap(), project.tempo_map());
    assert_eq!((map.frame_of(part.position), part.end(&map)), (Frames(1_000), Frames(101_000)));
}

#[test]
fn of_notes_in_takes_those_start_that_the_comp_names() {
    let mut document = song(300, &[(0, 90, 60), (100, 90, 62), (200, 90, 64)]);
    let take = |name: &str| TakeId::new(name).unwrap();
    let range = |start, end| TimeRange::Musical { start: Ticks(start), end: Ticks(end) };
    let edits: Vec<Edit> = vec![
        TakeAdd { id: Some(take("one")), ..TakeAdd::new(id("a")) }.into(),
        TakeAdd { id: Some(take("two")), ..TakeAdd::new(id("a")) }.into(),
        ClipTake { id: clip("c"), take: Some(take("one")) }.into(),
        ClipDuplicate {
            id: clip("c"),
            copy: Some(clip("d")),
            track: None,
            position: Some(TimePoint::Musical(Ticks(1_000))),
        }
        .into(),
        ClipTake { id: clip("d"), take: Some(take("two")) }.into(),
        NoteMove { clip: clip("d"), notes: vec![], by: Ticks(0), keys: 1 }.into(),
        CompSet { ..CompSet::new(take("one"), range(1_000, 1_150)) }.into(),
        CompSet { ..CompSet::new(take("two"), range(1_150, 1_300)) }.into(),
    ];
    document.apply_group("takes", &edits).unwrap();
    let project = document.project();
    assert!(project.heard_on(&id("a")).is_empty(), "that is for media");
    let heard = project.notes_on(&id("a"));
    let told: Vec<_> = heard.iter().map(|part| (part.clip.as_str(), part.start.0, part.end.0)).collect();
    assert_eq!(told, [("c", 1_000, 1_150), ("d", 1_150, 1_300)]);
    document.apply(CompFlatten { track: id("a") }).unwrap();
    let project = document.project();
    let alone: Vec<Clip> =
        project.clips_on(&id("a")).map(|(_, c)| Clip::clone(c)).filter(|c| c.take.is_none()).collect();
    let mut told: Vec<_> = alone.iter().map(|c| (c.position, c.offset.0, c.length.0)).collect();
    told.sort_by_key(|(_, offset, _)| *offset);
    let at = |tick| TimePoint::Musical(Ticks(tick));
    assert_eq!(told, [(at(1_000), 0, 150), (at(1_150), 150, 150)]);
}

#[test]
fn two_people_edit_different_notes_of_one_clip() {
    let mut ann = song(400, &[(0, 50, 60), (100, 100, 62), (300, 50, 64)]);
    let mut ben = ann.fork("ben", Some(2)).unwrap();
    ann.apply(NoteSet { key: Some(72), ..set(&clip("c"), &["n0"]) }).unwrap();
    ann.apply(NoteRemove { clip: clip("c"), notes: vec![note("n2")] }).unwrap();
    ben.apply(NoteSet { velocity: Some(3), ..set(&clip("c"), &["n1"]) }).unwrap();
    ben.apply(NoteAdd { clip: clip("c"), notes: vec![NoteValue::new(Ticks(7), Ticks(1), 5, 6)] }).unwrap();
    let to_ben = ann.bundle(&ben.version()).unwrap();
    let to_ann = ben.bundle(&ann.version()).unwrap();
    ben.merge(&to_ben).unwrap();
    ann.merge(&to_ann).unwrap();
    assert_eq!(ann.project(), ben.project());
    let told: Vec<(i64, u8, u8)> = {
        let project = ann.project();
        let notes = project.clip(&clip("c")).unwrap().notes.clone();
        notes.all().iter().map(|n| (n.at.0, n.key, n.velocity)).collect()
    };
    assert_eq!(told, [(0, 72, 100), (7, 5, 6), (100, 62, 3)]);
}

#[test]
fn what_makes_no_sense_for_notes_is_refused_with_a_reason() {
    let mut document = song(400, &[(0, 50, 60)]);
    let media = MediaAdd {
        id: media_id(0),
        name: String::new(),
        file: "/a.wav".into(),
        channels: 1,
        frames: Frames(10_000),
        sample_rate: SampleRate::new(80_640).unwrap(),
        origin: None,
    };
    document.apply(media).unwrap();
    let at = TimePoint::Musical(Ticks(5_000));
    document.apply(ClipAdd { id: Some(clip("m")), ..ClipAdd::new(id("a"), media_id(0), at) }).unwrap();
    let (c, m) = (clip("c"), clip("m"));
    let fade = Fade::new(Frames(1), FadeShape::Linear);
    let note_value = |key, velocity| NoteValue::new(Ticks(0), Ticks(1), key, velocity);
    let add = |value| NoteAdd { clip: clip("c"), notes: vec![value] };
    let cases: Vec<(Edit, &str)> = vec![
        (ClipGain { id: c.clone(), db: -3.0 }.into(), "holds notes, which have no gain"),
        (ClipFade { id: c.clone(), fade_in: Some(fade), fade_out: None }.into(), "which have no fades"),
        (ClipReverse { id: c.clone(), on: true }.into(), "holds notes, which have no way back"),
        (
            ClipCrossfade { left: c.clone(), right: m.clone(), length: None, shape: FadeShape::Linear }
                .into(),
            "which have no fades",
        ),
        (NoteRemove { clip: m, notes: vec![] }.into(), "plays media; notes are in clips of notes"),
        (NoteRemove { clip: c.clone(), notes: vec![note("x")] }.into(), "there is no note \"x\""),
        (add(note_value(128, 1)).into(), "128 is no key, which is a whole number from 0 to 127"),
        (add(note_value(60, 0)).into(), "0 is no velocity"),
        (
            add(NoteValue { id: Some(note("n0")), ..note_value(1, 1) }).into(),
            "there is a note \"n0\" already",
        ),
        (
            NoteMove { clip: c.clone(), notes: vec![], by: Ticks(0), keys: 99 }.into(),
            "clips.c.notes.n0: 159 is no key",
        ),
        (
            NoteQuantize { clip: c.clone(), notes: vec![], grid: Ticks(0), strength: 1 }.into(),
            "a grid has 1 tick or more",
        ),
        (
            ControlAdd { clip: c, controls: vec![ControlValue::new(Ticks(0), ControlKind::Program, 128)] }
                .into(),
            "128 is no value",
        ),
        (ClipNotes::new(id("a"), at, Ticks(0)).into(), "length: 0 ticks are out of range: 1 or more"),
        (ClipNotes::new(TrackId::master(), at, Ticks(1)).into(), "clips lie on audio tracks"),
    ];
    let before = document.project();
    for (edit, message) in cases {
        let error = document.apply(edit).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
        assert_eq!(document.project(), before);
    }
}

#[test]
fn absurd_notes_in_a_text_are_refused_and_their_place_is_named() {
    let text = |clip: &str| {
        format!(
            r#"{{"format": "omega-session", "schema": 1, "session": {{"sample_rate": 48000}},
               "tracks": {{"t": {{"kind": "audio"}}}},
               "clips": {{"c": {{"track": "t", "position": "0t", {clip}}}}}}}"#
        )
    };
    for (clip, message) in [
        (r#""length": 5, "notes": {"n": [0, 1, 60, 1]}"#, "clips.c.media: is missing"),
        (r#""media": null, "length": 0"#, "clips.c.length: 0 ticks are out of range: 1 or more"),
        (r#""media": null, "length": 5, "gain_db": -3"#, "clips.c.gain_db: a clip of notes has no gain"),
        (r#""media": null, "length": 5, "reverse": true"#, "clips.c.reverse: a clip of notes does not play"),
        (r#""media": "ab", "length": 5, "offset": -1"#, "clips.c.offset: -1 frames are out of range"),
        (
            r#""media": "ab", "length": 5, "notes": {"n": [0, 1, 60, 1]}"#,
            "clips.c.notes: a clip of media holds no notes",
        ),
        (
            r#""media": null, "length": 5, "notes": {"n": [0, 1, 60, 1000]}"#,
            "clips.c.notes.n: 1000 is no velocity",
        ),
        (r#""media": null, "length": 5, "notes": []"#, "clips.c.notes: expected an object, found an array"),
        (
            r#""media": null, "length": 5, "controls": {"n": [0, "cc/200", 1]}"#,
            "clips.c.controls.n: \"cc/200\" sets nothing",
        ),
    ] {
        let error = Project::from_text(&text(clip)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
    }
    let well = text(r#""media": null, "length": 5, "offset": -7, "notes": {"n": [-7, 1, 60, 1]}"#);
    assert_eq!(sounding(&Project::from_text(&well).unwrap()), [(0, 1, 60)]);
}

#[test]
fn a_note_is_one_line_of_the_text() {
    let document = song(400, &[(0, 50, 60)]);
    let text = document.project().to_text();
    assert!(text.contains("      \"media\": null,\n"), "{text}");
    assert!(text.contains("        \"n0\": [0, 50, 60, 100]\n"), "{text}");
}
