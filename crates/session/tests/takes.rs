//! Takes and comps: what verbs do to them, held against a comp painted frame by frame, and what merging does.

mod support;

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::*;
use omega_time::{Frames, SampleRate, Tempo, Ticks, TimeBase, TimeLength, TimePoint, TimeRange};
use proptest::prelude::*;
use support::{Dice, media_id};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

fn take(text: &str) -> TakeId {
    TakeId::new(text).unwrap()
}

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange::Absolute { start: Frames(start), end: Frames(end) }
}

fn set(name: &str, start: i64, end: i64) -> CompSet {
    CompSet::new(take(name), range(start, end))
}

/// Three takes on track `a` and one on `b`, each of two clips. At 60 BPM and 80,640 Hz a tick is a frame, so places in either
/// base are exact.
fn song() -> Document {
    let rate = SampleRate::new(80_640).unwrap();
    let mut document =
        Document::in_memory(&CreateOptions { sample_rate: rate, ..CreateOptions::seeded("Song", 1) });
    let mut edits: Vec<Edit> = vec![
        TempoAdd::new(Ticks(0), Tempo::bpm(60).unwrap()).into(),
        MediaAdd {
            id: media_id(0),
            name: String::new(),
            file: "/a.wav".into(),
            channels: 1,
            frames: Frames(100_000),
            sample_rate: rate,
            origin: None,
        }
        .into(),
    ];
    for track in ["a", "b"] {
        edits.push(TrackAdd { id: Some(id(track)), ..TrackAdd::new(TrackKind::Audio, track) }.into());
    }
    for (n, (name, track)) in [("x", "a"), ("y", "a"), ("z", "a"), ("other", "b")].into_iter().enumerate() {
        let n = i64::try_from(n).unwrap();
        edits.push(TakeAdd { id: Some(take(name)), ..TakeAdd::new(id(track)) }.into());
        for part in 0..2 {
            let at = 10 * n + part * 500;
            let position =
                if n == 1 { TimePoint::Musical(Ticks(at)) } else { TimePoint::Absolute(Frames(at)) };
            let clip = ClipAdd {
                id: ClipId::new(&format!("{name}{part}")).ok(),
                take: Some(take(name)),
                offset: Frames(10_000 * n + 600 * part),
                length: Some(Frames(500)),
                ..ClipAdd::new(id(track), media_id(0), position)
            };
            edits.push(clip.into());
        }
    }
    document.apply_group("song", &edits).unwrap();
    document
}

/// Which take the comp of a track names at each frame; no two at one.
fn named(project: &Project, track: &str) -> BTreeMap<i64, String> {
    let map = project.tempo_map();
    let mut all = BTreeMap::new();
    for (_, span) in project.comp_on(&id(track)) {
        let start = map.frame_of(span.start).0;
        for at in start..start + span.length.0 {
            assert_eq!(all.insert(at, span.take.to_string()), None, "two spans at {at}");
        }
    }
    all
}

/// What is heard of a track: at each frame the frames of media.
fn heard(project: &Project, track: &str) -> BTreeMap<i64, Vec<i64>> {
    let map = project.tempo_map();
    let mut all: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for part in project.heard_on(&id(track)).into_iter().filter(|part| !part.muted) {
        let clip = project.clip(&part.clip).unwrap();
        let first = map.frame_of(clip.position);
        for at in part.start.0..part.end.0 {
            let sounding = all.entry(at).or_default();
            sounding.push(clip.media_frame(Frames(at) - first).0);
            sounding.sort_unstable();
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_comp_is_what_was_painted_last(seed in any::<u64>(), steps in 1_usize..25) {
        let mut dice = Dice(seed);
        let mut document = song();
        let mut painted: BTreeMap<i64, String> = BTreeMap::new();
        for _ in 0..steps {
            let (start, length) = (dice.number(-50, 900), dice.number(1, 400));
            let end = start + length;
            let name = ["x", "y", "z"][dice.roll(3)];
            let place = match dice.chance() {
                true => range(start, end),
                false => TimeRange::Musical { start: Ticks(start), end: Ticks(end) },
            };
            match dice.roll(6) {
                0 => {
                    document.apply(CompClear { track: id("a"), range: place }).unwrap();
                    painted.retain(|at, _| !(start..end).contains(at));
                }
                1 => {
                    let first = match name { "x" => 0, "y" => 10, _ => 20 };
                    document.apply(CompTake { id: None, take: take(name), fade: None }).unwrap();
                    painted.extend((first..first + 1_000).map(|at| (at, name.to_owned())));
                }
                2 => {
                    // Split and put together again it is what it was.
                    let (at, tracks) = (start.max(0), vec![id("a")]);
                    let (place, length) = (TimePoint::Absolute(Frames(at)), Frames(length));
                    document.apply(TimeInsert { at: place, length: TimeLength::Absolute(length), tracks: tracks.clone() }).unwrap();
                    document.apply(TimeDelete { range: range(at, at + length.0), tracks }).unwrap();
                }
                _ => {
                    document.apply(CompSet { fade: Some(Frames(dice.number(0, 90))), ..CompSet::new(take(name), place) }).unwrap();
                    painted.extend((start..end).map(|at| (at, name.to_owned())));
                }
            }
            let project = document.project();
            prop_assert_eq!(&named(&project, "a"), &painted);
            prop_assert_eq!(project.repaired(), Project::clone(&project));
        }
    }

    #[test]
    fn time_that_is_inserted_and_deleted_takes_the_comp_along(seed in any::<u64>(), at in 0_i64..900, length in 1_i64..300, whole in any::<bool>()) {
        let mut dice = Dice(seed);
        let mut document = song();
        for name in ["x", "y", "z", "x", "other"] {
            let start = dice.number(0, 800);
            document.apply(set(name, start, start + dice.number(1, 300))).unwrap();
        }
        let before = document.project();
        let tracks = if whole { vec![] } else { vec![id("a")] };
        let insert = TimeInsert { at: TimePoint::Absolute(Frames(at)), length: TimeLength::Absolute(Frames(length)), tracks: tracks.clone() };
        document.apply(insert).unwrap();
        let later = |all: BTreeMap<i64, String>| -> BTreeMap<i64, String> {
            all.into_iter().map(|(n, name)| (if n >= at { n + length } else { n }, name)).collect()
        };
        let project = document.project();
        prop_assert_eq!(named(&project, "a"), later(named(&before, "a")));
        let other = named(&before, "b");
        prop_assert_eq!(named(&project, "b"), if whole { later(other) } else { other });
        document.apply(TimeDelete { range: range(at, at + length), tracks: tracks.clone() }).unwrap();
        let back = document.project();
        for track in ["a", "b"] {
            prop_assert_eq!(named(&back, track), named(&before, track));
            prop_assert_eq!(heard(&back, track), heard(&before, track), "what was cut and closed again sounds as before");
        }
        document.apply(TimeDelete { range: range(at, at + length), tracks }).unwrap();
        let expected = named(&before, "a").into_iter().filter_map(|(n, name)| match n {
            n if n < at => Some((n, name)),
            n if n < at + length => None,
            n => Some((n - length, name)),
        });
        prop_assert_eq!(named(&document.project(), "a"), expected.collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn flattened_a_comp_sounds_as_before(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut document = song();
        for _ in 0..=dice.roll(8) {
            let start = dice.number(-20, 900);
            let fade = Some(Frames(dice.number(0, 80)));
            let name = ["x", "y", "z"][dice.roll(3)];
            document.apply(CompSet { fade, ..set(name, start, start + dice.number(1, 300)) }).unwrap();
        }
        let before = document.project();
        let applied = document.apply(CompFlatten { track: id("a") }).unwrap();
        let project = document.project();
        prop_assert_eq!(heard(&project, "a"), heard(&before, "a"));
        let fades = |project: &Project, taken: bool| {
            let parts = project.heard_on(&id("a")).into_iter();
            let mut all: Vec<_> = parts.map(|part| {
                let clip = project.clip(&part.clip).unwrap();
                let length = part.end - part.start;
                let inside = |edge: CompEdge| (edge.length - edge.outside).min(length);
                let (rise, fall) = match taken {
                    true => (inside(part.fade_in), inside(part.fade_out)),
                    false => (clip.fade_in.length, clip.fade_out.length),
                };
                (part.start, part.end, rise, fall)
            }).collect();
            all.sort();
            all
        };
        prop_assert_eq!(fades(&project, false), fades(&before, true));
        prop_assert_eq!(project.comp_on(&id("a")).count(), 0);
        prop_assert!(applied.created.iter().all(|new| project.clip(&ClipId::new(new).unwrap()).unwrap().take.is_none()));
        let named: Vec<&TakeId> = before.comp().values().map(|span| &span.take).collect();
        prop_assert!(project.takes().iter().all(|(id, take)| take.mute == named.contains(&id)));
        document.undo().unwrap();
        prop_assert_eq!(document.project().to_text(), before.to_text());
    }
}

#[test]
fn a_take_is_heard_only_where_the_comp_names_it() {
    let mut document = song();
    assert!(heard(&document.project(), "a").is_empty());
    document.apply(CompSet { fade: Some(Frames(0)), ..set("x", 100, 200) }).unwrap();
    document.apply(CompSet { fade: Some(Frames(0)), ..set("y", 200, 700) }).unwrap();
    let project = document.project();
    let all = heard(&project, "a");
    let expected = (100..700).map(|at| {
        let frame = match at {
            ..200 => at,
            200..510 => 10_000 + at - 10,
            _ => 10_600 + at - 510,
        };
        (at, vec![frame])
    });
    assert_eq!(all, expected.collect());
    // Each span is tied to what its take is tied to.
    let bases: Vec<TimeBase> = project.comp_on(&id("a")).map(|(_, span)| span.start.base()).collect();
    assert!(bases.contains(&TimeBase::Musical) && bases.contains(&TimeBase::Absolute));
    document.apply(TakeMute { id: take("y"), on: true }).unwrap();
    assert_eq!(heard(&document.project(), "a").len(), 100);
    // What is chosen is heard.
    document.apply(set("y", 600, 650)).unwrap();
    assert_eq!(heard(&document.project(), "a").len(), 600);
    // A clip in no take is always heard.
    let at = TimePoint::Absolute(Frames(5_000));
    document.apply(ClipAdd { length: Some(Frames(7)), ..ClipAdd::new(id("a"), media_id(0), at) }).unwrap();
    document.apply(CompClear { track: id("a"), range: range(-100, 9_000) }).unwrap();
    assert_eq!(
        heard(&document.project(), "a").into_keys().collect::<Vec<_>>(),
        (5_000..5_007).collect::<Vec<_>>()
    );
}

#[test]
fn a_seam_is_shared_by_both_and_touching_spans_of_one_take_have_none() {
    let mut document = song();
    let with = |fade, edit: CompSet| CompSet { fade: Some(Frames(fade)), ..edit };
    document.apply(with(30, set("x", 100, 300))).unwrap();
    document.apply(with(41, set("y", 300, 400))).unwrap();
    document.apply(with(10, set("y", 400, 450))).unwrap();
    let mut parts = document.project().heard_on(&id("a"));
    parts.sort_by_key(|part| part.start);
    let told: Vec<_> = parts
        .iter()
        .map(|p| (p.clip.as_str(), p.start.0, p.end.0, p.fade_in.length.0, p.fade_out.length.0))
        .collect();
    assert_eq!(told, [("x0", 100, 321, 30, 41), ("y0", 280, 450, 41, 10)]);
    // A fade is no longer than what it leads from and to.
    document.apply(with(1_000, set("z", 200, 210))).unwrap();
    let parts = document.project().heard_on(&id("a"));
    let short = parts.iter().find(|part| part.clip.as_str() == "z0").unwrap();
    assert_eq!(
        (short.start.0, short.end.0, short.fade_in.length.0, short.fade_out.length.0),
        (195, 215, 10, 10)
    );
    // A clip that begins within a fade rises over what is left of it.
    document.apply(CompClear { track: id("a"), range: range(0, 2_000) }).unwrap();
    document.apply(set("x", 0, 12)).unwrap();
    document.apply(with(8, set("y", 12, 100))).unwrap();
    let parts = document.project().heard_on(&id("a"));
    let late = parts.iter().find(|part| part.clip.as_str() == "y0").unwrap();
    let six = CompEdge { length: Frames(6), outside: Frames(0) };
    assert_eq!((late.start.0, late.fade_in), (10, six));
}

#[test]
fn a_clip_that_is_split_within_a_seam_sounds_on_through_it() {
    let mut document = song();
    document.apply(CompSet { fade: Some(Frames(40)), ..set("x", 0, 300) }).unwrap();
    document.apply(CompSet { fade: Some(Frames(40)), ..set("z", 300, 400) }).unwrap();
    let gains = |project: &Project| {
        let mut all: BTreeMap<(String, i64), (i64, i64)> = BTreeMap::new();
        for part in project.heard_on(&id("a")) {
            let take = project.clip(&part.clip).unwrap().take.clone().unwrap();
            for at in part.start.0..part.end.0 {
                // How far a fade has come, as a segment counts it.
                let rise = (at - part.start.0 + part.fade_in.outside.0).min(part.fade_in.length.0);
                let fall = (part.end.0 - at + part.fade_out.outside.0).min(part.fade_out.length.0);
                let way = (part.fade_in.length.0 - rise, part.fade_out.length.0 - fall);
                assert_eq!(all.insert((take.to_string(), at), way), None);
            }
        }
        all
    };
    let whole = gains(&document.project());
    assert_eq!((whole[&("x".into(), 319)], whole[&("z".into(), 281)]), ((0, 39), (39, 0)));
    for (name, at) in [("x0", 301), ("z0", 290), ("x0", 285)] {
        let at = TimePoint::Absolute(Frames(at));
        document.apply(ClipSplit { id: ClipId::new(name).unwrap(), at, right: None }).unwrap();
        assert_eq!(gains(&document.project()), whole);
    }
}

#[test]
fn takes_are_copied_promoted_and_removed_with_their_clips() {
    let mut document = song();
    document.apply(set("x", 0, 400)).unwrap();
    document.apply(set("y", 400, 900)).unwrap();
    let before = document.project();
    let names = |document: &Document| -> Vec<String> {
        document.project().takes_of(&id("a")).map(|(_, take)| take.name.clone()).collect()
    };
    assert_eq!(names(&document), ["Take 1", "Take 2", "Take 3"]);

    let applied = document.apply(TakeDuplicate { id: take("x"), copy: None, name: None }).unwrap();
    let copy = TakeId::new(&applied.created[0]).unwrap();
    let project = document.project();
    assert_eq!(names(&document), ["Take 1", "Take 1 copy", "Take 2", "Take 3"]);
    let material = |project: &Project, of: &TakeId| {
        let mut all: Vec<_> = project.clips_in(of).map(|(_, c)| (c.position, c.offset, c.length)).collect();
        all.sort_by_key(|(_, offset, _)| *offset);
        all
    };
    assert_eq!(material(&project, &copy), material(&project, &take("x")));
    assert_eq!(heard(&project, "a"), heard(&before, "a"), "a copy is heard nowhere");
    document.undo().unwrap();

    document.apply(TakeMove { id: take("z"), before: Some(take("x")) }).unwrap();
    assert_eq!(names(&document), ["Take 3", "Take 1", "Take 2"]);
    document.undo().unwrap();

    document.apply(TakeRemove { id: take("x") }).unwrap();
    let project = document.project();
    assert_eq!((project.takes_of(&id("a")).count(), project.comp_on(&id("a")).count()), (2, 1));
    assert_eq!(project.clips_on(&id("a")).count(), 4);
    // What lies there now stays when the take comes back, which gets the rest.
    document.apply(set("z", 100, 200)).unwrap();
    let history = document.history();
    let removal = history.iter().rfind(|entry| entry.name == "take.remove").unwrap().id;
    document.undo_entry(removal).unwrap();
    let project = document.project();
    let all = named(&project, "a");
    assert!((0..400).all(|at| all[&at] == if (100..200).contains(&at) { "z" } else { "x" }));
    assert_eq!(project.repaired(), *project);
    document.undo().unwrap();
    document.undo().unwrap();

    let mut document = song();
    document.apply(set("x", 0, 400)).unwrap();
    document.apply(TakePromote { id: take("x") }).unwrap();
    let project = document.project();
    assert_eq!((project.takes_of(&id("a")).count(), project.comp().len()), (2, 0));
    assert_eq!(heard(&project, "a").len(), 1_000, "all of it is heard");
}

#[test]
fn a_clip_that_leaves_its_track_leaves_its_take_and_ripple_stays_in_its_lane() {
    let mut document = song();
    let clip = |name: &str| ClipId::new(name).unwrap();
    let of = |document: &Document, name: &str| document.project().clip(&clip(name)).unwrap().take.clone();
    document.apply(ClipMove { id: clip("x0"), track: Some(id("a")), position: None }).unwrap();
    assert_eq!(of(&document, "x0"), Some(take("x")));
    document.apply(ClipMove { id: clip("x0"), track: Some(id("b")), position: None }).unwrap();
    assert_eq!(of(&document, "x0"), None);
    document.apply(ClipTake { id: clip("x0"), take: Some(take("other")) }).unwrap();
    assert_eq!(of(&document, "x0"), Some(take("other")));
    let copy = ClipDuplicate { id: clip("y0"), copy: Some(clip("c")), track: Some(id("b")), position: None };
    document.apply(copy).unwrap();
    document
        .apply(ClipSplit { id: clip("y0"), at: TimePoint::Musical(Ticks(99)), right: Some(clip("r")) })
        .unwrap();
    assert_eq!((of(&document, "c"), of(&document, "r")), (None, Some(take("y"))));
    let at = |document: &Document, name: &str| {
        let project = document.project();
        project.tempo_map().frame_of(project.clip(&clip(name)).unwrap().position).0
    };
    let main = TimePoint::Absolute(Frames(600));
    document.apply(ClipAdd { id: Some(clip("m")), ..ClipAdd::new(id("a"), media_id(0), main) }).unwrap();
    document.apply(ClipRemove { id: clip("r"), ripple: true }).unwrap();
    assert_eq!(["y1", "z1", "m"].map(|name| at(&document, name)), [99, 520, 600]);
}

#[test]
fn what_makes_no_sense_of_takes_is_refused_with_a_reason() {
    let mut document = song();
    document.apply(TrackAdd { id: Some(id("bus")), ..TrackAdd::new(TrackKind::Bus, "Bus") }).unwrap();
    document.apply(TakeAdd { id: Some(take("empty")), ..TakeAdd::new(id("a")) }).unwrap();
    let at = TimePoint::Absolute(Frames(0));
    let cases: Vec<(Edit, &str)> = vec![
        (TakeAdd::new(id("bus")).into(), "track \"bus\" is of kind bus; takes are of audio tracks"),
        (TakeAdd { id: Some(take("x")), ..TakeAdd::new(id("a")) }.into(), "there is a take \"x\" already"),
        (TakeMove { id: take("x"), before: Some(take("other")) }.into(), "take \"other\" is not among those"),
        (CompSet::new(take("none"), range(0, 9)).into(), "there is no take \"none\""),
        (CompSet::new(take("x"), range(9, 9)).into(), "the range is empty"),
        (CompTake { id: None, take: take("empty"), fade: None }.into(), "take \"empty\" has no clips"),
        (
            CompSet { fade: Some(Frames(-1)), ..set("x", 0, 9) }.into(),
            "a fade of -1 frames is out of range: 0 to 16777216",
        ),
        (ClipTake { id: ClipId::new("x0").unwrap(), take: Some(take("other")) }.into(), "is of track \"b\""),
        (
            ClipAdd { take: Some(take("other")), ..ClipAdd::new(id("a"), media_id(0), at) }.into(),
            "take \"other\" is of track \"b\"; choose a take of \"a\"",
        ),
    ];
    let before = document.project();
    for (edit, message) in cases {
        let error = document.apply(edit).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
        assert_eq!(document.project(), before);
    }
}

/// Everybody gets everything.
fn meet(copies: &mut [Document; 2]) {
    for _ in 0..4 {
        for (from, to) in [(0, 1), (1, 0)] {
            let bundle = copies[from].bundle(&copies[to].version()).unwrap();
            copies[to].merge(&bundle).unwrap();
        }
    }
    assert_eq!(copies[0].project().to_text(), copies[1].project().to_text());
    assert_eq!(copies[0].project().repaired(), *copies[0].project());
}

fn both() -> [Document; 2] {
    let first = song();
    let second = first.fork("ben", Some(2)).unwrap();
    [first, second]
}

#[test]
fn comps_of_two_people_are_put_together_without_holes_or_overlaps() {
    let mut both = both();
    both[0].apply(set("x", 0, 1_000)).unwrap();
    both[1].apply(set("y", 300, 600)).unwrap();
    both[1].apply(set("z", 950, 1_200)).unwrap();
    meet(&mut both);
    let all = named(&both[0].project(), "a");
    let expected = (0..1_200).map(|at| {
        let name = if (300..600).contains(&at) {
            "y"
        } else if at >= 950 {
            "z"
        } else {
            "x"
        };
        (at, name.to_owned())
    });
    assert_eq!(all, expected.collect());
    assert!(both[0].history().iter().any(|entry| entry.kind == EntryKind::Repair));
    // Undone by one, the rest of the other stays.
    both[1].undo().unwrap();
    meet(&mut both);
    let all = named(&both[0].project(), "a");
    assert_eq!(all.values().filter(|name| *name == "z").count(), 0);
    assert!((0..950).all(|at| all.contains_key(&at)));
}

#[test]
fn what_somebody_puts_into_a_take_that_another_removes_is_back_when_that_is_undone() {
    let mut both = both();
    both[0].apply(TakeRemove { id: take("x") }).unwrap();
    both[1].apply(set("x", 0, 100)).unwrap();
    let at = TimePoint::Absolute(Frames(2_000));
    let late = ClipAdd {
        id: ClipId::new("late").ok(),
        take: Some(take("x")),
        ..ClipAdd::new(id("a"), media_id(0), at)
    };
    both[1].apply(late).unwrap();
    meet(&mut both);
    for copy in &both {
        let project = copy.project();
        assert!(project.clip(&ClipId::new("late").unwrap()).is_none() && project.comp().is_empty());
        let paths: Vec<String> = copy.left_out().into_iter().map(|fault| fault.path).collect();
        assert!(paths.contains(&"clips.late.take".to_owned()), "{paths:?}");
        assert!(paths.iter().any(|path| path.starts_with("comp.") && path.ends_with(".take")), "{paths:?}");
    }
    both[0].undo().unwrap();
    meet(&mut both);
    let project = both[1].project();
    assert!(project.clip(&ClipId::new("late").unwrap()).is_some());
    assert_eq!(named(&project, "a").len(), 100);
}

#[test]
fn a_clip_in_a_take_of_another_track_is_in_none() {
    let mut both = both();
    let clip = ClipId::new("x0").unwrap();
    both[0].apply(ClipMove { id: clip.clone(), track: Some(id("b")), position: None }).unwrap();
    both[1].apply(ClipTake { id: clip.clone(), take: Some(take("y")) }).unwrap();
    meet(&mut both);
    let project = both[0].project();
    let moved = project.clip(&clip).unwrap();
    assert_eq!((moved.track.clone(), moved.take.clone()), (id("b"), None));
    let (read, notes) = Project::from_text_with_notes(&project.to_text()).unwrap();
    assert_eq!((read, notes), (Project::clone(&project), vec![]));
}

#[test]
fn spans_that_overlap_in_a_text_written_by_hand_are_parted_when_it_is_opened() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 1)).unwrap();
    let edits: Vec<Edit> = vec![
        TrackAdd { id: Some(id("a")), ..TrackAdd::new(TrackKind::Audio, "A") }.into(),
        TakeAdd { id: Some(take("x")), ..TakeAdd::new(id("a")) }.into(),
        TakeAdd { id: Some(take("y")), ..TakeAdd::new(id("a")) }.into(),
        CompSet { id: CompId::new("one").ok(), ..set("x", 0, 100) }.into(),
        CompSet { id: CompId::new("two").ok(), ..set("y", 130, 160) }.into(),
    ];
    document.apply_group("song", &edits).unwrap();
    document.save().unwrap();
    document.close().unwrap();
    let text = std::fs::read_to_string(folder.join("project.json")).unwrap();
    std::fs::write(folder.join("project.json"), text.replace("\"length\": 100", "\"length\": 300")).unwrap();
    let reader = Document::open(&folder, &OpenOptions::read_only()).unwrap();
    let mut writer = Document::open(&folder, &OpenOptions::default()).unwrap();
    assert!(writer.take_notices().iter().any(|notice| matches!(notice, Notice::Repaired(_))));
    for document in [&reader, &writer] {
        let all = named(&document.project(), "a");
        assert!((0..300).all(|at| all[&at] == if (130..160).contains(&at) { "y" } else { "x" }));
    }
    assert_eq!(reader.project().to_text(), writer.project().to_text(), "everybody repairs alike");
}

#[test]
fn a_track_is_copied_with_its_takes_and_its_comp() {
    let mut document = song();
    document.apply(set("x", 0, 400)).unwrap();
    document.apply(set("y", 400, 900)).unwrap();
    let applied = document.apply(TrackDuplicate::new(id("a"))).unwrap();
    let project = document.project();
    let copy = applied.created[0].as_str();
    assert_eq!(heard(&project, copy), heard(&project, "a"));
    assert_eq!(project.takes_of(&id(copy)).count(), 3);
    assert_eq!(project.clips_on(&id(copy)).count(), 6);
    document.apply(TrackRemove { id: id("a"), contents: false }).unwrap();
    let project = document.project();
    assert_eq!(heard(&project, copy).len(), 900);
    assert!(project.takes_of(&id("a")).next().is_none() && project.comp_on(&id("a")).next().is_none());
}
