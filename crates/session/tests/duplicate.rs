//! A duplicate of a track is the track again, under ids of its own.

mod support;

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::{
    Clip, CreateOptions, Device, DeviceId, Document, Edit, Output, ParamTarget, Project, SendId, TakeId,
    Track, TrackId, TrackKind,
};
use support::furnish;

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

/// All that a track is and has, with ids replaced by those of `names`, and without its name and place.
fn told(project: &Project, track: &TrackId, names: &BTreeMap<String, String>) -> Vec<String> {
    let mut all = Vec::new();
    let Track { kind, volume_db, output, input, .. } = &**project.track(track).unwrap();
    all.push(format!("{kind} {volume_db} {output:?} {input:?}"));
    all.extend(project.chain(track).map(|(_, device)| {
        let Device { kind, params, sidechain, bypass, .. } = &**device;
        format!("{kind} {params:?} {sidechain:?} {bypass}")
    }));
    all.extend(
        project.sends_from(track).map(|(_, s)| format!("{} {} {} {}", s.target, s.gain_db, s.pre, s.mute)),
    );
    let place = |take: &TakeId| project.takes_of(track).position(|(id, _)| id == take);
    let mut clips: Vec<String> = project
        .clips_on(track)
        .map(|(_, clip)| {
            let there = Clip { track: id("x"), take: None, ..Clip::clone(clip) };
            format!("{:?} {there:?}", clip.take.as_ref().map(place))
        })
        .collect();
    clips.extend(project.takes_of(track).map(|(_, take)| format!("{} {}", take.name, take.mute)));
    clips.extend(project.comp_on(track).map(|(_, span)| {
        format!("{:?} {:?} {:?} {:?}", place(&span.take), span.start, span.length, span.fade)
    }));
    clips.sort();
    all.extend(clips);
    let places = |target: &ParamTarget| match target {
        ParamTarget::Track(on, param) if on == track => Some(format!("track {param}")),
        ParamTarget::Send(send, param) => {
            let place = project.sends_from(track).position(|(id, _)| id == send)?;
            Some(format!("send {place} {param}"))
        }
        ParamTarget::Device(device, param) => {
            let place = project.chain(track).position(|(id, _)| id == device)?;
            Some(format!("device {place} {param}"))
        }
        ParamTarget::Track(..) => None,
    };
    let lanes = project.lanes().values();
    let mut lanes: Vec<String> = lanes
        .filter_map(|lane| Some(format!("{} {:?} {}", places(&lane.target)?, lane.points, lane.enabled)))
        .collect();
    lanes.sort();
    all.extend(lanes);
    let renamed = |text: String| names.iter().fold(text, |text, (from, to)| text.replace(from, to));
    all.into_iter().map(renamed).collect()
}

fn song() -> Document {
    let mut document = Document::in_memory(&CreateOptions::seeded("Song", 1));
    furnish(&mut document);
    let device = DeviceId::new("d1").unwrap();
    let edits: Vec<Edit> = vec![
        TrackVolume { id: id("drums"), db: -7.5 }.into(),
        DeviceParam { id: device.clone(), param: "gain".into(), value: Some(4.0) }.into(),
        DeviceAdd { sidechain: Some(id("bass")), ..DeviceAdd::new(id("drums"), "omega.compressor") }.into(),
        SendPre { id: SendId::new("s2").unwrap(), on: true }.into(),
        LaneAdd::new(ParamTarget::Device(device, "gain".into())).into(),
        LaneAdd::new("send/s1/gain_db".parse().unwrap()).into(),
        TrackAdd { id: Some(id("after")), ..TrackAdd::new(TrackKind::Audio, "After") }.into(),
        TrackMove { id: id("after"), parent: None, before: Some(id("bass")) }.into(),
    ];
    for edit in edits {
        // The bass is in the folder, so `after` stands at the end; either way it follows the drums.
        let _ = document.apply(edit);
    }
    document
}

#[test]
fn a_copy_has_all_that_the_track_has_and_nothing_else_changes() {
    let mut document = song();
    let before = document.project();
    let applied = document.apply(TrackDuplicate::new(id("drums"))).unwrap();
    let copy = TrackId::new(&applied.created[0]).unwrap();
    let project = document.project();
    assert_eq!(told(&project, &copy, &BTreeMap::new()), told(&before, &id("drums"), &BTreeMap::new()));
    assert_eq!(project.track(&copy).unwrap().name, "drums copy");
    let order: Vec<&TrackId> = project.children(None).map(|(id, _)| id).collect();
    let place = order.iter().position(|track| **track == id("drums")).unwrap();
    assert_eq!(order[place + 1], &copy, "it stands right after the track");
    // What was there is there as it was, and the copies are all that is new.
    assert!(before.changes_to(&project).iter().all(|change| {
        let thing = change.path.split('.').nth(1).unwrap_or_default();
        applied.created.iter().any(|id| id == thing)
    }));
    assert_eq!(project.tracks().len(), before.tracks().len() + 1);
    document.undo().unwrap().unwrap();
    assert_eq!(document.project().to_text(), before.to_text());
}

#[test]
fn a_bus_copies_its_own_chain_and_nothing_goes_into_the_copy() {
    let mut document = song();
    document.apply(DeviceAdd::new(id("group"), "omega.eq")).unwrap();
    let named = TrackDuplicate { copy: Some(id("twin")), name: Some("Twin".into()), id: id("group") };
    document.apply(named).unwrap();
    let project = document.project();
    assert_eq!(project.track(&id("twin")).unwrap().name, "Twin");
    assert_eq!(project.chain(&id("twin")).count(), 1);
    let into = |target: &TrackId| {
        project.tracks().values().filter(|track| track.output == Output::Track(target.clone())).count()
    };
    assert_eq!((into(&id("group")), into(&id("twin"))), (1, 0));
    assert_eq!(project.sends().values().filter(|send| send.target == id("twin")).count(), 0);
}

#[test]
fn a_folder_copies_what_is_in_it_and_goes_from_copy_to_copy() {
    let mut document = song();
    let edits: Vec<Edit> = vec![
        TrackAdd {
            id: Some(id("inner")),
            parent: Some(id("folder")),
            ..TrackAdd::new(TrackKind::Folder, "Inner")
        }
        .into(),
        TrackMove { id: id("drums"), parent: Some(id("inner")), before: None }.into(),
        TrackMove { id: id("group"), parent: Some(id("folder")), before: None }.into(),
    ];
    document.apply_group("pack", &edits).unwrap();
    let before = document.project();
    let applied = document.apply(TrackDuplicate::new(id("folder"))).unwrap();
    let project = document.project();
    let top = TrackId::new(&applied.created[0]).unwrap();
    let of = |folder: &TrackId| -> Vec<TrackId> {
        project.children(Some(folder)).map(|(id, _)| id.clone()).collect()
    };
    let (old, new) = (of(&id("folder")), of(&top));
    assert_eq!((old.len(), new.len()), (3, 3));
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let inner = (&of(&id("inner"))[0], &of(&new[old.iter().position(|t| *t == id("inner")).unwrap()])[0]);
    for (old, new) in old.iter().zip(&new).chain([inner]) {
        names.insert(new.to_string(), old.to_string());
    }
    for (old, new) in old.iter().zip(&new).chain([inner]) {
        assert_eq!(told(&project, new, &names), told(&before, old, &BTreeMap::new()), "{old}");
        assert_eq!(project.track(new).unwrap().name, before.track(old).unwrap().name);
    }
    let drums = project.track(inner.1).unwrap();
    assert!(matches!(&drums.output, Output::Track(bus) if new.contains(bus)), "to the copy of its bus");
    assert_eq!(project.signal_cycle(), None);
}

#[test]
fn the_master_is_no_track_to_copy_and_long_names_stay_names() {
    let mut document = song();
    let error = document.apply(TrackDuplicate::new(TrackId::master())).unwrap_err().to_string();
    assert!(error.contains("a session has one master"), "{error}");
    document.apply(TrackRename { id: id("drums"), name: "ä".repeat(1_000) }).unwrap();
    let applied = document.apply(TrackDuplicate::new(id("drums"))).unwrap();
    let copy = document.project().track(&TrackId::new(&applied.created[0]).unwrap()).unwrap().clone();
    assert!(copy.name.chars().count() == 1_000 && copy.name.ends_with("ää copy"));
}
