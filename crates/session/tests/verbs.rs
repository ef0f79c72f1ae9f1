//! What verbs do, held against what is heard: which frame of which media sounds at which frame of the time line.

mod support;

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::*;
use omega_time::{Frames, SampleRate, Tempo, Ticks, TimeLength, TimePoint, TimeRange, TimeSignature};
use proptest::prelude::*;
use support::{Dice, media_id};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

fn clip(text: &str) -> ClipId {
    ClipId::new(text).unwrap()
}

/// At 60 BPM and 80,640 Hz a tick is a frame, so places in either base are exact.
fn song(clips: usize, dice: &mut Dice) -> Document {
    let rate = SampleRate::new(80_640).unwrap();
    let mut document =
        Document::in_memory(&CreateOptions { sample_rate: rate, ..CreateOptions::seeded("Song", 1) });
    let mut edits: Vec<Edit> = vec![
        TempoAdd { id: TempoId::new("start").ok(), ..TempoAdd::new(Ticks(0), Tempo::bpm(60).unwrap()) }
            .into(),
        MediaAdd {
            id: media_id(0),
            name: String::new(),
            file: "/a.wav".into(),
            channels: 1,
            frames: Frames(10_000),
            sample_rate: rate,
            origin: None,
        }
        .into(),
    ];
    for name in ["a", "b"] {
        edits.push(TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Audio, name) }.into());
    }
    for n in 0..clips {
        let at = dice.number(0, 900);
        let position =
            if dice.chance() { TimePoint::Musical(Ticks(at)) } else { TimePoint::Absolute(Frames(at)) };
        let name = clip(&format!("c{n}"));
        let add = ClipAdd {
            id: Some(name.clone()),
            offset: Frames(dice.number(0, 500)),
            length: Some(Frames(dice.number(1, 200))),
            ..ClipAdd::new(id(["a", "b"][dice.roll(2)]), media_id(0), position)
        };
        edits.push(add.into());
        if dice.chance() {
            edits.push(ClipReverse { id: name.clone(), on: true }.into());
        }
        if dice.roll(3) == 0 {
            let length = Some(Extent(dice.number(1, 50)));
            edits.push(ClipLoopSet { id: name, on: true, start: None, length }.into());
        }
    }
    document.apply_group("song", &edits).unwrap();
    document
}

/// All that sounds: by track and frame the frames of media, sorted.
fn heard(project: &Project) -> BTreeMap<(String, i64), Vec<i64>> {
    let map = project.tempo_map();
    let mut all: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
    for clip in project.clips().values() {
        let start = map.frame_of(clip.position).0;
        for n in 0..clip.length.0 {
            let sounding = all.entry((clip.track.to_string(), start + n)).or_default();
            sounding.push(clip.media_frame(Frames(n)).0);
            sounding.sort_unstable();
        }
    }
    all
}

/// What is heard, moved in time; `None` takes it away.
fn moved(
    all: &BTreeMap<(String, i64), Vec<i64>>,
    tracks: &[&str],
    to: impl Fn(i64) -> Option<i64>,
) -> BTreeMap<(String, i64), Vec<i64>> {
    let place = |track: &str, at| if tracks.contains(&track) { to(at) } else { Some(at) };
    let places = all
        .iter()
        .filter_map(|((track, at), sound)| Some(((track.clone(), place(track, *at)?), sound.clone())));
    places.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn inserted_time_is_silent_and_moves_the_rest(seed in any::<u64>(), at in 0_i64..1_000, length in 1_i64..300, kind in 0..4) {
        let mut document = song(8, &mut Dice(seed));
        let before = heard(&document.project());
        let (musical, whole) = (kind % 2 == 0, kind < 2);
        let (point, size) = match musical {
            true => (TimePoint::Musical(Ticks(at)), TimeLength::Musical(Ticks(length))),
            false => (TimePoint::Absolute(Frames(at)), TimeLength::Absolute(Frames(length))),
        };
        let tracks = if whole { vec![] } else { vec![id("a")] };
        document.apply(TimeInsert { at: point, length: size, tracks }).unwrap();
        let to: &[&str] = if whole { &["a", "b"] } else { &["a"] };
        let expected = moved(&before, to, |place| Some(if place >= at { place + length } else { place }));
        prop_assert_eq!(heard(&document.project()), expected);
    }

    #[test]
    fn deleted_time_is_gone_and_the_rest_closes_up(seed in any::<u64>(), at in 0_i64..1_000, length in 1_i64..300, kind in 0..4) {
        let mut document = song(8, &mut Dice(seed));
        let before = heard(&document.project());
        let end = at + length;
        let range = match kind % 2 == 0 {
            true => TimeRange::Musical { start: Ticks(at), end: Ticks(end) },
            false => TimeRange::Absolute { start: Frames(at), end: Frames(end) },
        };
        let (tracks, on): (_, &[&str]) = if kind < 2 { (vec![], &["a", "b"]) } else { (vec![id("b")], &["b"]) };
        document.apply(TimeDelete { range, tracks }).unwrap();
        let left: BTreeMap<_, _> = moved(&before, on, |place| match place {
            place if place < at => Some(place),
            place if place < end => None,
            place => Some(place - length),
        });
        // Sounds that fall on one place together are one.
        prop_assert_eq!(heard(&document.project()), left);
    }

    #[test]
    fn a_trim_takes_away_or_gives_back_and_leaves_the_rest_in_place(seed in any::<u64>(), start in -60_i64..60, end in -60_i64..60) {
        let mut document = song(1, &mut Dice(seed));
        let project = document.project();
        let old = project.clip(&clip("c0")).unwrap().clone();
        let first = project.tempo_map().frame_of(old.position).0;
        let (from, to) = (first + start, first + old.length.0 + end);
        let before = heard(&project);
        let trim = ClipTrim {
            id: clip("c0"),
            start: Some(TimePoint::Absolute(Frames(from))),
            end: Some(TimePoint::Musical(Ticks(to))),
        };
        match document.apply(trim) {
            Ok(_) => {
                let after = heard(&document.project());
                prop_assert_eq!(after.len(), usize::try_from(to - from).unwrap());
                for ((track, place), sound) in &after {
                    prop_assert!((from..to).contains(place));
                    if let Some(old) = before.get(&(track.clone(), *place)) {
                        prop_assert_eq!(old, sound);
                    }
                }
            }
            Err(ApplyError::Edit(_)) => prop_assert_eq!(heard(&document.project()), before),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn a_crossfade_overlaps_by_its_length_and_moves_no_sound(seed in any::<u64>(), gap in -50_i64..50, length in 1_i64..80) {
        let mut dice = Dice(seed);
        let mut document = song(0, &mut dice);
        let at = dice.number(100, 200);
        let add = |name: &str, at, musical: bool| ClipAdd {
            id: Some(clip(name)),
            offset: Frames(300),
            length: Some(Frames(200)),
            ..ClipAdd::new(id("a"), media_id(0), if musical { TimePoint::Musical(Ticks(at)) } else { TimePoint::Absolute(Frames(at)) })
        };
        document.apply(add("left", at, dice.chance())).unwrap();
        document.apply(add("right", at + 200 + gap, dice.chance())).unwrap();
        let before = heard(&document.project());
        let fade = ClipCrossfade { left: clip("left"), right: clip("right"), length: Some(Frames(length)), shape: FadeShape::Linear };
        document.apply(fade).unwrap();
        let project = document.project();
        let (left, right) = (project.clip(&clip("left")).unwrap(), project.clip(&clip("right")).unwrap());
        let map = project.tempo_map();
        let overlap = left.end(&map) - map.frame_of(right.position);
        prop_assert_eq!((overlap, left.fade_out.length, right.fade_in.length), (Frames(length), overlap, overlap));
        // Where either sounded before and sounds now, it is at the same frame of its media.
        let lines = |clip: &Clip| map.frame_of(clip.position) - clip.offset.frames();
        prop_assert_eq!((lines(left).0, lines(right).0), (at - 300, at + 200 + gap - 300));
        prop_assert!(before.len() >= 200);
    }
}

#[test]
fn inserted_time_takes_lanes_markers_tempo_meter_and_ranges_along_and_keeps_their_ids() {
    let mut document = song(0, &mut Dice(1));
    let lane = LaneId::new("l").unwrap();
    let bar = 4 * 80_640;
    let point = |at| PointAdd {
        lane: lane.clone(),
        id: None,
        at: TimePoint::Musical(Ticks(at)),
        value: 0.0,
        shape: PointShape::Hold,
    };
    let range = TimeRange::Musical { start: Ticks(bar), end: Ticks(3 * bar) };
    let edits: Vec<Edit> = vec![
        LaneAdd { id: Some(lane.clone()), ..LaneAdd::new(ParamTarget::Track(id("a"), TrackParam::Volume)) }
            .into(),
        point(0).into(),
        point(2 * bar).into(),
        MarkerAdd::new(TimePoint::Absolute(Frames(2 * bar)), "Chorus").into(),
        TempoAdd { id: TempoId::new("later").ok(), ..TempoAdd::new(Ticks(2 * bar), Tempo::bpm(90).unwrap()) }
            .into(),
        MeterAdd::new(1, TimeSignature::COMMON).into(),
        MeterAdd { id: MeterId::new("m").ok(), ..MeterAdd::new(3, TimeSignature::new(3, 4).unwrap()) }.into(),
        LoopSet { on: Some(true), range: Some(range) }.into(),
    ];
    document.apply_group("start", &edits).unwrap();
    let before = document.project();
    let insert = TimeInsert {
        at: TimePoint::Musical(Ticks(2 * bar)),
        length: TimeLength::Musical(Ticks(bar)),
        tracks: vec![],
    };
    document.apply(insert).unwrap();
    let project = document.project();
    let points: Vec<i64> =
        project.lane(&lane).unwrap().points.points().iter().map(|point| point.at).collect();
    assert_eq!(points, [0, 3 * bar]);
    assert_eq!(project.markers().values().next().unwrap().at, TimePoint::Absolute(Frames(3 * bar)));
    let later = project.tempo_point(&TempoId::new("later").unwrap()).unwrap();
    assert_eq!((later.at, project.tempo().len()), (Ticks(3 * bar), 2));
    let meter = project.meter_point(&MeterId::new("m").unwrap()).unwrap();
    assert_eq!((meter.bar, project.meter().len()), (4, 2));
    assert_eq!(project.settings().loop_range.range.end(), TimePoint::Musical(Ticks(4 * bar)));
    let range = TimeRange::Musical { start: Ticks(2 * bar), end: Ticks(3 * bar) };
    document.apply(TimeDelete { range, tracks: vec![] }).unwrap();
    assert_eq!(
        document.project().to_text(),
        before.to_text(),
        "deleting what was inserted gives back what was there"
    );
}

#[test]
fn removing_with_ripple_closes_the_gap_on_its_track() {
    let mut document = song(0, &mut Dice(1));
    for (name, at, track) in [("x", 100, "a"), ("y", 150, "a"), ("z", 120, "a"), ("other", 150, "b")] {
        let position = TimePoint::Musical(Ticks(at));
        let add = ClipAdd {
            id: Some(clip(name)),
            length: Some(Frames(50)),
            ..ClipAdd::new(id(track), media_id(0), position)
        };
        document.apply(add).unwrap();
    }
    document.apply(ClipRemove { id: clip("x"), ripple: true }).unwrap();
    let project = document.project();
    let at = |name: &str| project.clip(&clip(name)).unwrap().position;
    assert_eq!([at("y"), at("z"), at("other")], [100, 120, 150].map(|n| TimePoint::Musical(Ticks(n))));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let mut document = song(1, &mut Dice(1));
    document.apply(TrackAdd { id: Some(id("bus")), ..TrackAdd::new(TrackKind::Bus, "Bus") }).unwrap();
    document.apply(TrackAdd { id: Some(id("bus2")), ..TrackAdd::new(TrackKind::Bus, "Bus") }).unwrap();
    document.apply(TrackAdd { id: Some(id("folder")), ..TrackAdd::new(TrackKind::Folder, "F") }).unwrap();
    document.apply(TrackRoute { id: id("bus"), output: Output::Track(id("bus2")) }).unwrap();
    let at = TimePoint::Absolute(Frames(0));
    let cases: Vec<(Edit, &str)> = vec![
        (TrackMute { id: id("nobody"), on: true }.into(), "there is no track \"nobody\""),
        (
            TrackAdd { id: Some(id("bus")), ..TrackAdd::new(TrackKind::Bus, "") }.into(),
            "there is a track \"bus\" already",
        ),
        (TrackAdd::new(TrackKind::Master, "").into(), "a session has one master"),
        (TrackRemove { id: TrackId::master(), contents: false }.into(), "the master cannot be removed"),
        (
            TrackRoute { id: id("bus2"), output: Output::Track(id("bus")) }.into(),
            "would run in a circle through bus",
        ),
        (
            TrackRoute { id: id("a"), output: Output::Track(id("b")) }.into(),
            "track \"b\" is of kind audio and takes no signal",
        ),
        (SendAdd::new(id("bus2"), id("bus")).into(), "would run in a circle"),
        (
            TrackMove { id: id("folder"), parent: Some(id("folder")), before: None }.into(),
            "would hold each other",
        ),
        (TrackMove { id: id("a"), parent: Some(id("b")), before: None }.into(), "track \"b\" is no folder"),
        (ClipAdd::new(id("bus"), media_id(0), at).into(), "clips lie on audio tracks"),
        (ClipAdd::new(id("a"), media_id(5), at).into(), "there is no media file"),
        (
            ClipAdd { offset: Frames(10_000), ..ClipAdd::new(id("a"), media_id(0), at) }.into(),
            "length: 0 frames are out of range",
        ),
        (
            ClipSplit { id: clip("c0"), at: TimePoint::Absolute(Frames(90_000)), right: None }.into(),
            "90000f is not inside clip \"c0\"",
        ),
        (ClipSlip { id: clip("c0"), by: Extent(-9_000) }.into(), "has nothing before its first frame"),
        (TimeInsert { at, length: TimeLength::Musical(Ticks(0)), tracks: vec![] }.into(), "is 1 or more"),
        (
            DeviceAdd { sidechain: Some(id("a")), ..DeviceAdd::new(id("a"), "x") }.into(),
            "hears its own track already",
        ),
        (LoopSet { on: Some(true), range: None }.into(), "the range is empty"),
        (MediaRemove { id: media_id(0) }.into(), "clips play media"),
        (TempoAdd::new(Ticks(0), Tempo::DEFAULT).into(), "is at 0t already"),
    ];
    let before = document.project();
    for (edit, message) in cases {
        let error = document.apply(edit).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
        assert_eq!(document.project(), before);
    }
    // A feedback send may close a circle.
    document
        .apply(SendAdd { feedback_delay: Some(Frames(64)), ..SendAdd::new(id("bus2"), id("bus")) })
        .unwrap();
}
