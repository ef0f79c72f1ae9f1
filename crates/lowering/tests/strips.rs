//! What the lowering makes of tracks, routes and switches.

use omega_graph::{ChannelMap, NodeId, Port, Role, compile};
use omega_lowering::{Kind, Lowered, Notice, Purpose, lower};
use omega_session::model::{
    Automation, Clip, ClipId, Device, DeviceId, Lane, LaneId, Listen, Media, MediaId, Monitor, Output,
    ParamTarget, Point, PointId, PointShape, Project, Send, SendId, Track, TrackId, TrackKind, TrackParam,
};
use omega_time::{Frames, SampleRate, Ticks, TimePoint};

fn id(name: &str) -> TrackId {
    TrackId::new(name).expect("an id")
}

/// Tracks `a` and `b` into the bus, `c` into the master, each with a clip; a return that `a` sends to.
fn project() -> Project {
    let rate = SampleRate::new(48_000).expect("a rate");
    let mut project = Project::new("test", rate);
    project.put_track(id("bus"), Track::new(TrackKind::Bus, "Bus"));
    project.put_track(id("fx"), Track::new(TrackKind::Return, "Fx"));
    let media = MediaId::new("m").expect("an id");
    project.put_media(media.clone(), Media::new("m.wav", 1, Frames(1000), rate));
    for name in ["a", "b", "c"] {
        let mut track = Track::new(TrackKind::Audio, name);
        track.output = if name == "c" { Output::master() } else { Output::Track(id("bus")) };
        project.put_track(id(name), track);
        let clip = Clip::new(id(name), media.clone(), TimePoint::Musical(Ticks(80_640)), Frames(1000));
        project.put_clip(ClipId::new(name).expect("an id"), clip);
    }
    project.put_send(SendId::new("s").expect("an id"), Send::new(id("a"), id("fx")));
    project
}

fn lowered(project: &Project, purpose: &Purpose) -> Lowered {
    let lowered = lower(project, purpose, &|_, plan| {
        if plan.kind == Kind::Device("omega.compressor".into()) { 96 } else { 0 }
    });
    compile(&lowered.spec).expect("what is lowered compiles");
    lowered
}

fn set(project: &mut Project, name: &str, change: impl FnOnce(&mut Track)) {
    let mut track = Track::clone(project.track(&id(name)).expect("there"));
    change(&mut track);
    project.put_track(id(name), track);
}

/// Value of a fader's parameter.
fn fader(lowered: &Lowered, name: &str, param: usize) -> f32 {
    let (node, _) = lowered.targets[&ParamTarget::Track(id(name), TrackParam::Volume)];
    lowered.nodes[&node].params[param].value
}

const SOLO_MUTE: usize = 3;

#[test]
fn the_same_project_gives_the_same_graph_and_clips_lie_on_frames() {
    let project = project();
    let (first, second) = (lowered(&project, &Purpose::Play), lowered(&project, &Purpose::Play));
    assert_eq!(first.spec, second.spec);
    let (_, list) = first.play_lists.iter().next().expect("a list");
    assert_eq!((list[0].0.start, first.end), (24_000, 25_000), "a quarter at 120 BPM");
    assert!(first.notices.is_empty());
}

#[test]
fn solo_keeps_the_way_of_the_sound_open_and_silences_the_rest() {
    let mut project = project();
    set(&mut project, "a", |track| track.solo = true);
    let heard = |project: &Project| {
        let lowered = lowered(project, &Purpose::Play);
        ["a", "b", "c", "bus", "fx", "master"].map(|name| fader(&lowered, name, SOLO_MUTE) == 0.0)
    };
    assert_eq!(heard(&project), [true, false, false, true, true, true]);
    set(&mut project, "c", |track| track.solo_safe = true);
    assert_eq!(heard(&project), [true, false, true, true, true, true]);
    set(&mut project, "a", |track| track.solo = false);
    set(&mut project, "bus", |track| track.solo = true);
    assert_eq!(heard(&project), [true, true, true, true, false, true], "what feeds a soloed bus is heard");
}

#[test]
fn a_folder_mutes_what_is_in_it() {
    let mut project = project();
    project.put_track(id("folder"), Track::new(TrackKind::Folder, "Folder"));
    set(&mut project, "b", |track| track.parent = Some(id("folder")));
    set(&mut project, "folder", |track| track.mute = true);
    let lowered = lowered(&project, &Purpose::Play);
    assert_eq!([fader(&lowered, "a", 2), fader(&lowered, "b", 2)], [0.0, 1.0]);
}

fn feeds(lowered: &Lowered, from: NodeId) -> Vec<(NodeId, Port)> {
    lowered.spec.edges.iter().filter(|edge| edge.from == from).map(|edge| (edge.to, edge.port)).collect()
}

#[test]
fn bypass_leaves_a_device_out_or_switches_behind_its_latency() {
    let mut project = project();
    let device = |kind: &str, bypass| Device { bypass, ..Device::new(id("c"), kind) };
    let put = |project: &mut Project, kind: &str, bypass| {
        project.put_device(DeviceId::new("d").expect("an id"), device(kind, bypass));
    };
    let kinds = |project: &Project| -> Vec<String> {
        let lowered = lowered(project, &Purpose::Play);
        lowered
            .nodes
            .values()
            .filter_map(|n| if let Kind::Device(key) = &n.kind { Some(key.clone()) } else { None })
            .collect()
    };
    put(&mut project, "omega.eq", false);
    assert!(kinds(&project).contains(&"omega.eq".to_owned()));
    put(&mut project, "omega.eq", true);
    assert!(!kinds(&project).contains(&"omega.eq".to_owned()), "no latency: left out");
    put(&mut project, "omega.compressor", true);
    let both = kinds(&project);
    assert!(both.contains(&"omega.compressor".to_owned()) && both.contains(&"omega.bypass".to_owned()));
    let lowered = lowered(&project, &Purpose::Play);
    let schedule = compile(&lowered.spec).expect("valid").schedule;
    assert_eq!(schedule.latency, 96, "a bypassed device keeps its latency");
}

#[test]
fn a_cue_takes_the_masters_place_and_listens() {
    let mut project = project();
    project.put_track(id("cue"), Track::new(TrackKind::Cue, "Cue"));
    let outputs = |lowered: &Lowered| {
        lowered.spec.nodes.iter().filter(|node| matches!(node.role, Role::Output { .. })).count()
    };
    let fader_of =
        |lowered: &Lowered, name: &str| lowered.targets[&ParamTarget::Track(id(name), TrackParam::Volume)].0;
    let plain = lowered(&project, &Purpose::Play);
    assert_eq!(outputs(&plain), 1, "master and cue share the hardware: one of them drives it");
    assert_eq!(feeds(&plain, fader_of(&plain, "master")).len(), 1);
    set(&mut project, "b", |track| track.listen = Listen::Afl);
    let listening = lowered(&project, &Purpose::Play);
    assert!(feeds(&listening, fader_of(&listening, "master")).is_empty());
    assert_eq!(feeds(&listening, fader_of(&listening, "b")).len(), 2);
    let rendered = lowered(&project, &Purpose::Render { stems: vec![id("a")], metronome: false });
    assert_eq!(rendered.channels, [(TrackId::master(), 2), (id("a"), 2)], "a render has no cue");
}

#[test]
fn automation_is_placed_exactly_and_what_is_unknown_is_said() {
    let mut project = project();
    let mut lane = Lane::new(ParamTarget::Track(id("a"), TrackParam::Volume));
    let point =
        |name: &str, at, value, shape| Point { id: PointId::new(name).expect("an id"), at, value, shape };
    lane.points = Automation::new(vec![
        point("p", 1, -6.0, PointShape::Linear),
        point("q", 80_640, 99.0, PointShape::Hold),
    ]);
    project.put_lane(LaneId::new("l").expect("an id"), lane);
    project.put_device(DeviceId::new("x").expect("an id"), Device::new(id("a"), "vendor.unknown"));
    set(&mut project, "c", |track| track.output = Output::Track(id("gone")));
    let lowered = lowered(&project, &Purpose::Play);
    let (node, param) = lowered.targets[&ParamTarget::Track(id("a"), TrackParam::Volume)];
    let lane = &lowered.nodes[&node].params[usize::from(param)].lane;
    assert_eq!(lane[0].frame, 24_000.0 / 80_640.0);
    assert_eq!((lane[1].frame, lane[1].value), (24_000.0, 12.0), "values are forced into the range");
    assert!(
        matches!(&lowered.notices[..], [Notice::UnknownDevice { .. }, Notice::DanglingRoute { .. }]),
        "{:?}",
        lowered.notices
    );
}

#[test]
fn a_mono_track_is_panned_into_stereo() {
    let mut project = project();
    set(&mut project, "a", |track| track.channels = 1);
    let lowered = lowered(&project, &Purpose::Play);
    let (node, _) = lowered.targets[&ParamTarget::Track(id("a"), TrackParam::Volume)];
    let spec = lowered.spec.nodes.iter().find(|spec| spec.id == node).expect("there");
    assert_eq!((spec.inputs, spec.outputs), (1, 2));
    assert!(
        lowered.spec.edges.iter().filter(|edge| edge.from == node).all(|edge| edge.map == ChannelMap::Direct)
    );
}

#[test]
fn an_armed_track_gets_a_tape_that_lags_and_a_switch_that_nobody_holds_back() {
    let mut project = project();
    project.put_device(DeviceId::new("d").expect("an id"), Device::new(id("b"), "omega.compressor"));
    set(&mut project, "a", |track| (track.input, track.arm) = (vec![2, 0], true));
    let mut one = lowered(&project, &Purpose::Play);
    let tape = one.tapes[&id("a")].clone();
    assert_eq!((one.nodes[&tape.node].kind.clone(), tape.channels), (Kind::Tape, 2));
    assert!(feeds(&one, tape.node).is_empty(), "a dead end");
    one.place_tapes(500);
    let schedule = compile(&one.spec).expect("valid").schedule;
    let arrival = |node: NodeId| schedule.nodes.iter().find(|n| n.id == node).map(|n| n.arrival);
    assert_eq!((arrival(tape.node), schedule.latency), (Some(500), 96), "it lags, and nobody else does");
    let way = one.live[&id("a")];
    assert_eq!((arrival(way.fader), way.target.and_then(arrival)), (Some(0), Some(96)));
    assert!(one.metronome.is_some(), "there may be a count-in");
    // Not heard, but recorded; then neither.
    set(&mut project, "a", |track| track.monitor = Monitor::Off);
    let two = lowered(&project, &Purpose::Play);
    assert!(two.tapes.contains_key(&id("a")) && two.live.is_empty());
    set(&mut project, "a", |track| track.arm = false);
    let three = lowered(&project, &Purpose::Play);
    assert!(three.tapes.is_empty() && three.metronome.is_none());
    assert!(three.spec.nodes.iter().all(|node| !matches!(node.role, Role::Input { .. })));
    set(&mut project, "a", |track| (track.arm, track.monitor) = (true, Monitor::On));
    let render = |metronome| lowered(&project, &Purpose::Render { stems: Vec::new(), metronome });
    let (render, clicking) = (render(false), render(true));
    assert!(render.tapes.is_empty() && render.metronome.is_none(), "a render hears nothing from outside");
    assert!(clicking.metronome.is_some(), "but the metronome, where it is asked for");
}
