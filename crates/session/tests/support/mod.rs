//! Random edits for tests.

#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::*;
use omega_time::{
    Frames, Ramp, SampleRate, Tempo, Ticks, TimeBase, TimeLength, TimePoint, TimeRange, TimeSignature,
};

/// A temporary folder, in memory where the system has a place for that: these tests make thousands of things durable, and
/// a disk would take most of their time. What a process that is killed leaves behind is the same there.
pub fn place() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = memory.is_dir().then(|| tempfile::Builder::new().prefix("omega-session-").tempdir_in(memory));
    made.and_then(Result::ok).unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// In these tests media are anything, named by the hash of its bytes.
pub fn is_named_by_its_bytes(id: &MediaId, file: &std::path::Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == id.as_str())
}

/// A stream of numbers: the same seed, the same numbers.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.0 >> 32).unwrap();
        usize::try_from(high).unwrap() % sides.max(1)
    }

    pub fn number(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.roll(usize::try_from(to - from).unwrap())).unwrap()
    }

    pub fn chance(&mut self) -> bool {
        self.roll(2) == 0
    }

    pub fn decimal(&mut self, low: f64, high: f64) -> f64 {
        let part = u32::try_from(self.roll(10_000)).unwrap();
        low + (high - low) * f64::from(part) / 10_000.0
    }

    pub fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance() { Some(value(self)) } else { None }
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.roll(list.len()))
    }

    pub fn point(&mut self) -> TimePoint {
        if self.chance() {
            TimePoint::Musical(Ticks(self.number(0, 64) * 40_320 + self.number(0, 3)))
        } else {
            TimePoint::Absolute(Frames(self.number(0, 800_000)))
        }
    }

    pub fn range(&mut self) -> TimeRange {
        let (start, length) = (self.number(0, 600_000), self.number(1, 200_000));
        if self.chance() {
            TimeRange::Musical { start: Ticks(start * 4), end: Ticks((start + length) * 4) }
        } else {
            TimeRange::Absolute { start: Frames(start), end: Frames(start + length) }
        }
    }
}

fn ids<Id: Clone>(keys: impl Iterator<Item = Id>) -> Vec<Id> {
    keys.collect()
}

pub fn media_id(n: usize) -> MediaId {
    MediaId::new(blake3_like(n).as_str()).unwrap()
}

fn blake3_like(n: usize) -> String {
    format!("{n:064x}")
}

/// A random edit with this verb. Most are accepted, some are refused, as those of people are.
pub fn edit(verb: &str, project: &Project, dice: &mut Dice) -> Edit {
    let d = dice;
    let tracks = ids(project.tracks().keys().cloned());
    let clips = ids(project.clips().keys().cloned());
    let track = d.pick(&tracks).cloned().unwrap_or_else(TrackId::master);
    let other = d.pick(&tracks).cloned().unwrap_or_else(TrackId::master);
    let clip = d.pick(&clips).cloned().unwrap_or_else(|| ClipId::new("none").unwrap());
    let device = d.pick(&ids(project.devices().keys().cloned())).cloned();
    let device = device.unwrap_or_else(|| DeviceId::new("none").unwrap());
    let send = d.pick(&ids(project.sends().keys().cloned())).cloned();
    let send = send.unwrap_or_else(|| SendId::new("none").unwrap());
    let lane = d.pick(&ids(project.lanes().keys().cloned())).cloned();
    let lane = lane.unwrap_or_else(|| LaneId::new("none").unwrap());
    let marker = d.pick(&ids(project.markers().keys().cloned())).cloned();
    let marker = marker.unwrap_or_else(|| MarkerId::new("none").unwrap());
    let tempo = d.pick(&ids(project.tempo().keys().cloned())).cloned();
    let tempo = tempo.unwrap_or_else(|| TempoId::new("none").unwrap());
    let meter = d.pick(&ids(project.meter().keys().cloned())).cloned();
    let meter = meter.unwrap_or_else(|| MeterId::new("none").unwrap());
    let media = d.pick(&ids(project.media().keys().cloned())).cloned().unwrap_or_else(|| media_id(0));
    let points: Vec<PointId> = project
        .lane(&lane)
        .map_or_else(Vec::new, |lane| lane.points.points().iter().map(|point| point.id.clone()).collect());
    let point = d.pick(&points).cloned().unwrap_or_else(|| PointId::new("none").unwrap());
    let take = d.pick(&ids(project.takes().keys().cloned())).cloned();
    let take = take.unwrap_or_else(|| TakeId::new("none").unwrap());
    let span = d.pick(&ids(project.comp().keys().cloned())).cloned();
    let span = span.unwrap_or_else(|| CompId::new("none").unwrap());
    let on = d.chance();
    let name = format!("name {}", d.roll(20));
    let gain = d.decimal(-60.0, 12.0);
    let target = match d.roll(3) {
        0 => ParamTarget::Track(track.clone(), TrackParam::ALL[d.roll(3)]),
        1 => ParamTarget::Send(send.clone(), SendParam::ALL[d.roll(3)]),
        _ => ParamTarget::Device(device.clone(), format!("param{}", d.roll(3))),
    };
    let value = d.decimal(0.0, 1.0);
    let shape = [PointShape::Hold, PointShape::Linear, PointShape::Curve(d.decimal(-1.0, 1.0))][d.roll(3)];
    let base = if on { TimeBase::Musical } else { TimeBase::Absolute };
    match verb {
        "session.set" => SessionSet {
            name: d.maybe(|_| name.clone()),
            notes: d.maybe(|d| format!("line\n\"{}\"", d.roll(9))),
            bus_precision: d.maybe(|d| BusPrecision::ALL[d.roll(2)]),
        }
        .into(),
        "loop.set" => LoopSet { on: d.maybe(Dice::chance), range: d.maybe(Dice::range) }.into(),
        "punch.set" => PunchSet { on: d.maybe(Dice::chance), range: d.maybe(Dice::range) }.into(),
        "metronome.set" => MetronomeSet {
            on: d.maybe(Dice::chance),
            output: d.maybe(|d| if d.chance() { Output::Track(other) } else { Output::Hardware(vec![4]) }),
            level_db: d.maybe(|_| gain),
        }
        .into(),
        "track.add" => TrackAdd {
            parent: d
                .maybe(|d| {
                    let folders = project.tracks().iter().filter(|(_, t)| t.kind == TrackKind::Folder);
                    d.pick(&ids(folders.map(|(id, _)| id.clone()))).cloned()
                })
                .flatten(),
            channels: d.maybe(|d| u16::try_from(d.roll(8) + 1).unwrap()),
            colour: d.maybe(|d| Colour([1, 2, u8::try_from(d.roll(255)).unwrap()])),
            output: d.maybe(|d| {
                if d.chance() { Output::Track(other.clone()) } else { Output::Hardware(vec![2, 3]) }
            }),
            ..TrackAdd::new(TrackKind::ALL[d.roll(5)], &name)
        }
        .into(),
        "track.remove" => TrackRemove { id: track, contents: on }.into(),
        "track.duplicate" => {
            TrackDuplicate { name: d.maybe(|_| name.clone()), ..TrackDuplicate::new(track) }.into()
        }
        "track.move" => {
            let siblings = ids(project.children(None).map(|(id, _)| id.clone()));
            match d.roll(3) {
                0 => TrackMove { id: track, parent: None, before: d.pick(&siblings).cloned() },
                1 => TrackMove { id: track, parent: None, before: None },
                _ => TrackMove { id: track, parent: Some(other), before: None },
            }
            .into()
        }
        "track.rename" => TrackRename { id: track, name }.into(),
        "track.colour" => TrackColour { id: track, colour: d.maybe(|_| Colour([9, 8, 7])) }.into(),
        "track.channels" => TrackChannels { id: track, channels: u16::try_from(d.roll(70)).unwrap() }.into(),
        "track.input" => TrackInput { id: track, input: vec![0; d.roll(3)] }.into(),
        "track.route" => {
            let output = match d.roll(5) {
                0 => Output::None,
                1 => Output::Hardware(vec![0, u16::try_from(d.roll(9)).unwrap()]),
                _ => Output::Track(other),
            };
            TrackRoute { id: track, output }.into()
        }
        "track.volume" => TrackVolume { id: track, db: gain }.into(),
        "track.pan" => TrackPan { id: track, pan: d.decimal(-1.1, 1.1) }.into(),
        "track.pan_law" => TrackPanLaw { id: track, law: PanLaw::ALL[d.roll(4)] }.into(),
        "track.mute" => TrackMute { id: track, on }.into(),
        "track.solo" => TrackSolo { id: track, on }.into(),
        "track.solo_safe" => TrackSoloSafe { id: track, on }.into(),
        "track.phase" => TrackPhase { id: track, on }.into(),
        "track.arm" => TrackArm { id: track, on }.into(),
        "track.midi_input" => {
            TrackMidiInput { id: track, name: ["", "Keys", "Pads 1"][d.roll(3)].to_owned() }.into()
        }
        "track.monitor" => TrackMonitor { id: track, mode: Monitor::ALL[d.roll(3)] }.into(),
        "track.listen" => TrackListen { id: track, mode: Listen::ALL[d.roll(3)] }.into(),
        "track.delay" => TrackDelay { id: track, frames: Frames(d.number(-1_000, 1_000)) }.into(),
        "send.add" => SendAdd {
            before: d
                .maybe(|d| d.pick(&ids(project.sends_from(&track).map(|(id, _)| id.clone()))).cloned())
                .flatten(),
            gain_db: gain,
            pre: on,
            feedback_delay: if d.roll(4) == 0 { Some(Frames(64)) } else { None },
            ..SendAdd::new(track, other)
        }
        .into(),
        "send.remove" => SendRemove { id: send }.into(),
        "send.move" => SendMove { id: send, before: None }.into(),
        "send.route" => SendRoute { id: send, target: other }.into(),
        "send.pre" => SendPre { id: send, on }.into(),
        "send.feedback" => SendFeedback { id: send, delay: d.maybe(|d| Frames(d.number(0, 100))) }.into(),
        "send.gain" => SendGain { id: send, db: gain }.into(),
        "send.pan" => SendPan { id: send, pan: d.decimal(-1.0, 1.0) }.into(),
        "send.mute" => SendMute { id: send, on }.into(),
        "device.add" => DeviceAdd {
            before: d
                .maybe(|d| d.pick(&ids(project.chain(&track).map(|(id, _)| id.clone()))).cloned())
                .flatten(),
            params: if on { [("gain".to_owned(), gain)].into() } else { BTreeMap::new() },
            sidechain: if d.roll(3) == 0 { Some(other) } else { None },
            ..DeviceAdd::new(track, "omega.eq")
        }
        .into(),
        "device.remove" => DeviceRemove { id: device }.into(),
        "device.move" => DeviceMove { id: device, track: d.maybe(|_| other), before: None }.into(),
        "device.bypass" => DeviceBypass { id: device, on }.into(),
        "device.param" => {
            DeviceParam { id: device, param: format!("p{}", d.roll(3)), value: d.maybe(|_| gain) }.into()
        }
        "device.sidechain" => DeviceSidechain { id: device, source: d.maybe(|_| other) }.into(),
        "device.rename" => DeviceRename { id: device, name }.into(),
        "device.state" => {
            DeviceState { id: device, state: if on { "ab".repeat(32) } else { String::new() } }.into()
        }
        "clip.add" => {
            let audio = project.tracks().iter().filter(|(_, t)| t.kind == TrackKind::Audio);
            let track = d.pick(&ids(audio.map(|(id, _)| id.clone()))).cloned().unwrap_or(track);
            let length = d.maybe(|d| Frames(d.number(1, 300_000)));
            let takes = ids(project.takes_of(&track).map(|(id, _)| id.clone()));
            let take = d.maybe(|d| d.pick(&takes).cloned()).flatten();
            ClipAdd {
                length,
                take,
                offset: Frames(d.number(0, 1_000)),
                ..ClipAdd::new(track, media, d.point())
            }
            .into()
        }
        verb if verb == "clip.notes" || verb.starts_with("note.") || verb.starts_with("control.") => {
            note_edit(verb, project, d)
        }
        "clip.remove" => ClipRemove { id: clip, ripple: on }.into(),
        "clip.move" => {
            ClipMove { id: clip, track: d.maybe(|_| other), position: d.maybe(Dice::point) }.into()
        }
        "clip.trim" => ClipTrim { id: clip, start: d.maybe(Dice::point), end: d.maybe(Dice::point) }.into(),
        "clip.slip" => ClipSlip { id: clip, by: Extent(d.number(-500, 500)) }.into(),
        "clip.split" => {
            let map = project.tempo_map();
            let at = project.clip(&clip).map_or(Frames(0), |clip| {
                let start = map.frame_of(clip.position);
                start + Frames(d.number(0, (clip.end(&map) - start).0 + 1))
            });
            ClipSplit { id: clip, at: TimePoint::Absolute(at), right: None }.into()
        }
        "clip.duplicate" => {
            ClipDuplicate { id: clip, copy: None, track: None, position: d.maybe(Dice::point) }.into()
        }
        "clip.gain" => ClipGain { id: clip, db: gain }.into(),
        "clip.fade" => ClipFade {
            id: clip,
            fade_in: d.maybe(|d| Fade::new(Frames(d.number(0, 300)), FadeShape::ALL[d.roll(5)])),
            fade_out: d.maybe(|d| Fade::new(Frames(d.number(0, 300)), FadeShape::ALL[d.roll(5)])),
        }
        .into(),
        "clip.crossfade" => {
            let right = project.clip(&clip).and_then(|left| {
                let others = project.clips_on(&left.track).filter(|(id, _)| **id != clip);
                d.pick(&ids(others.map(|(id, _)| id.clone()))).cloned()
            });
            let (right, length) =
                (right.unwrap_or_else(|| clip.clone()), d.maybe(|d| Frames(d.number(1, 500))));
            ClipCrossfade { left: clip, right, length, shape: FadeShape::EqualPower }.into()
        }
        "clip.reverse" => ClipReverse { id: clip, on }.into(),
        "clip.loop" => {
            ClipLoopSet { id: clip, on, start: None, length: d.maybe(|d| Extent(d.number(0, 900))) }.into()
        }
        "clip.time_base" => ClipTimeBase { id: clip, base }.into(),
        "clip.mute" => ClipMute { id: clip, on }.into(),
        "clip.rename" => ClipRename { id: clip, name }.into(),
        "clip.colour" => ClipColour { id: clip, colour: d.maybe(|_| Colour([0, 0, 1])) }.into(),
        "clip.take" => {
            let on = project.clip(&clip).map_or_else(TrackId::master, |clip| clip.track.clone());
            let takes = ids(project.takes_of(&on).map(|(id, _)| id.clone()));
            ClipTake { id: clip, take: d.pick(&takes).cloned().filter(|_| d.roll(4) > 0) }.into()
        }
        "take.add" => {
            let audio = project.tracks().iter().filter(|(_, t)| t.kind == TrackKind::Audio);
            let track = d.pick(&ids(audio.map(|(id, _)| id.clone()))).cloned().unwrap_or(track);
            let before = d.pick(&ids(project.takes_of(&track).map(|(id, _)| id.clone()))).cloned();
            let (before, colour) = (before.filter(|_| on), d.maybe(|_| Colour([5, 5, 5])));
            TakeAdd { before, colour, name: d.maybe(|_| name.clone()), ..TakeAdd::new(track) }.into()
        }
        "take.remove" => TakeRemove { id: take }.into(),
        "take.move" => {
            let track = project.take(&take).map_or_else(TrackId::master, |take| take.track.clone());
            let before = d.pick(&ids(project.takes_of(&track).map(|(id, _)| id.clone()))).cloned();
            let before = before.filter(|before| *before != take && on);
            TakeMove { id: take, before }.into()
        }
        "take.rename" => TakeRename { id: take, name }.into(),
        "take.colour" => TakeColour { id: take, colour: d.maybe(|_| Colour([7, 0, 7])) }.into(),
        "take.mute" => TakeMute { id: take, on }.into(),
        "take.duplicate" => TakeDuplicate { id: take, copy: None, name: d.maybe(|_| name.clone()) }.into(),
        "take.promote" => TakePromote { id: take }.into(),
        "comp.set" => {
            CompSet { fade: d.maybe(|d| Frames(d.number(0, 2_000))), ..CompSet::new(take, d.range()) }.into()
        }
        "comp.take" => CompTake { id: None, take, fade: d.maybe(|d| Frames(d.number(0, 2_000))) }.into(),
        "comp.clear" => {
            let track = project.take(&take).map_or(track, |take| take.track.clone());
            CompClear { track, range: d.range() }.into()
        }
        "comp.fade" => CompFade { id: span, fade: Frames(d.number(0, 2_000)) }.into(),
        "comp.flatten" => {
            let track = project.take(&take).map_or(track, |take| take.track.clone());
            CompFlatten { track }.into()
        }
        "lane.add" => LaneAdd { base, ..LaneAdd::new(target) }.into(),
        "lane.remove" => LaneRemove { id: lane }.into(),
        "lane.enable" => LaneEnable { id: lane, on }.into(),
        "lane.base" => LaneBase { id: lane, base }.into(),
        "lane.clear" => LaneClear { id: lane, range: d.range() }.into(),
        "lane.write" => {
            let range = d.range();
            let point = |at| PointValue { at, value, shape };
            LaneWrite { id: lane, range, points: vec![point(range.start()), point(range.start())] }.into()
        }
        "point.add" => PointAdd { lane, id: None, at: d.point(), value, shape }.into(),
        "point.set" => PointSet {
            lane,
            id: point,
            at: d.maybe(Dice::point),
            value: d.maybe(|_| value),
            shape: d.maybe(|_| shape),
        }
        .into(),
        "point.remove" => PointRemove { lane, id: point }.into(),
        "marker.add" => MarkerAdd::new(d.point(), &name).into(),
        "marker.remove" => MarkerRemove { id: marker }.into(),
        "marker.move" => MarkerMove { id: marker, at: d.point() }.into(),
        "marker.rename" => MarkerRename { id: marker, name }.into(),
        "marker.colour" => MarkerColour { id: marker, colour: Some(Colour([4, 5, 6])) }.into(),
        "tempo.add" => {
            let ramp = if on { Ramp::Linear } else { Ramp::Constant };
            let tempo = Tempo::bpm(u32::try_from(d.number(40, 200)).unwrap()).unwrap();
            TempoAdd { ramp, ..TempoAdd::new(Ticks(d.number(0, 8) * 322_560), tempo) }.into()
        }
        "tempo.set" => TempoSet {
            id: tempo,
            at: d.maybe(|d| Ticks(d.number(0, 8) * 322_560)),
            tempo: d.maybe(|_| Tempo::bpm(133).unwrap()),
            ramp: d.maybe(|_| Ramp::Linear),
        }
        .into(),
        "tempo.remove" => TempoRemove { id: tempo }.into(),
        "meter.add" => MeterAdd::new(d.number(1, 9), TimeSignature::new(3, 4).unwrap()).into(),
        "meter.set" => MeterSet {
            id: meter,
            bar: d.maybe(|d| d.number(0, 9)),
            signature: d.maybe(|_| TimeSignature::new(7, 8).unwrap()),
        }
        .into(),
        "meter.remove" => MeterRemove { id: meter }.into(),
        "time.insert" => {
            let length = d.number(0, 700_000);
            let length =
                if on { TimeLength::Musical(Ticks(length)) } else { TimeLength::Absolute(Frames(length)) };
            TimeInsert { at: d.point(), length, tracks: if d.chance() { vec![track] } else { vec![] } }.into()
        }
        "time.delete" => {
            TimeDelete { range: d.range(), tracks: if d.chance() { vec![track] } else { vec![] } }.into()
        }
        "media.add" => {
            let n = d.roll(6);
            let origin = d.maybe(|_| MediaOrigin { path: "/take.flac".into(), ..MediaOrigin::unknown() });
            MediaAdd {
                id: media_id(n),
                name,
                file: format!("/elsewhere/{n}.wav"),
                channels: 2,
                frames: Frames(d.number(2_000, 400_000)),
                sample_rate: SampleRate::HZ_48000,
                origin,
            }
            .into()
        }
        "media.remove" => MediaRemove { id: media }.into(),
        "media.relink" => MediaRelink { id: media, file: format!("media/{}.wav", d.roll(9)) }.into(),
        "media.rename" => MediaRename { id: media, name }.into(),
        "media.replace" => MediaReplace { id: media, by: media_id(d.roll(6)) }.into(),
        other => panic!("no random edit for {other}"),
    }
}

/// A random edit of a clip of notes, where there is one.
fn note_edit(verb: &str, project: &Project, d: &mut Dice) -> Edit {
    let of_notes = project.clips().iter().filter(|(_, clip)| clip.has_notes() || d.roll(20) == 0);
    let clips = ids(of_notes.map(|(id, _)| id.clone()));
    let clip = d.pick(&clips).cloned().unwrap_or_else(|| ClipId::new("none").unwrap());
    let there = project.clip(&clip);
    let some_notes: Vec<NoteId> = there.map_or_else(Vec::new, |clip| {
        clip.notes.all().iter().filter(|_| d.roll(3) == 0).map(|note| note.id.clone()).collect()
    });
    let some_controls: Vec<ControlId> = there.map_or_else(Vec::new, |clip| {
        clip.controls.all().iter().filter(|_| d.roll(3) == 0).map(|control| control.id.clone()).collect()
    });
    let small = |d: &mut Dice, most: usize| u8::try_from(d.roll(most)).unwrap();
    let note = |d: &mut Dice| NoteValue {
        channel: small(d, 17),
        mute: d.roll(9) == 0,
        ..NoteValue::new(
            Ticks(d.number(-9, 400_000)),
            Ticks(d.number(0, 90_000)),
            small(d, 129),
            small(d, 120) + 1,
        )
    };
    let kinds = [
        ControlKind::Controller(small(d, 128)),
        ControlKind::Bend,
        ControlKind::Pressure,
        ControlKind::KeyPressure(small(d, 128)),
        ControlKind::Program,
    ];
    let control = |d: &mut Dice| ControlValue {
        channel: small(d, 16),
        order: u32::from(small(d, 3)),
        ..ControlValue::new(
            Ticks(d.number(-9, 400_000)),
            kinds[d.roll(5)],
            i16::try_from(d.number(0, 130)).unwrap(),
        )
    };
    match verb {
        "clip.notes" => {
            let audio = project.tracks().iter().filter(|(_, t)| t.kind == TrackKind::Audio);
            let track =
                d.pick(&ids(audio.map(|(id, _)| id.clone()))).cloned().unwrap_or_else(TrackId::master);
            let takes = ids(project.takes_of(&track).map(|(id, _)| id.clone()));
            ClipNotes {
                take: d.maybe(|d| d.pick(&takes).cloned()).flatten(),
                offset: Ticks(d.number(-50, 50)),
                notes: (0..d.roll(5)).map(|_| note(d)).collect(),
                controls: (0..d.roll(4)).map(|_| control(d)).collect(),
                ..ClipNotes::new(track, d.point(), Ticks(d.number(1, 400_000)))
            }
            .into()
        }
        "note.add" => NoteAdd { clip, notes: (0..=d.roll(3)).map(|_| note(d)).collect() }.into(),
        "note.set" => NoteSet {
            clip,
            notes: some_notes,
            at: d.maybe(|d| Ticks(d.number(0, 400_000))),
            length: d.maybe(|d| Ticks(d.number(1, 9_000))),
            key: d.maybe(|d| small(d, 128)),
            velocity: d.maybe(|d| small(d, 128)),
            release: d.maybe(|d| small(d, 128)),
            channel: d.maybe(|d| small(d, 16)),
            mute: d.maybe(Dice::chance),
        }
        .into(),
        "note.move" => {
            let keys = i16::try_from(d.number(-20, 20)).unwrap();
            NoteMove { clip, notes: some_notes, by: Ticks(d.number(-9_000, 9_000)), keys }.into()
        }
        "note.quantize" => {
            let strength = 1 + small(d, 100);
            NoteQuantize { clip, notes: some_notes, grid: Ticks(d.number(0, 50_000)), strength }.into()
        }
        "note.remove" => NoteRemove { clip, notes: some_notes }.into(),
        "control.add" => ControlAdd { clip, controls: (0..=d.roll(3)).map(|_| control(d)).collect() }.into(),
        "control.set" => ControlSet {
            clip,
            controls: some_controls,
            at: d.maybe(|d| Ticks(d.number(0, 400_000))),
            value: d.maybe(|d| i16::try_from(d.number(-5, 130)).unwrap()),
            channel: d.maybe(|d| small(d, 16)),
        }
        .into(),
        "control.remove" => ControlRemove { clip, controls: some_controls }.into(),
        other => panic!("no random edit for {other}"),
    }
}

/// A random verb; those that build something up come more often.
pub fn verb(dice: &mut Dice) -> &'static str {
    const BUILD: [&str; 14] = [
        "clip.notes",
        "note.add",
        "track.add",
        "track.add",
        "clip.add",
        "clip.add",
        "take.add",
        "comp.set",
        "comp.take",
        "send.add",
        "device.add",
        "lane.add",
        "point.add",
        "media.add",
    ];
    match dice.roll(3) {
        0 => BUILD[dice.roll(BUILD.len())],
        _ => Edit::VERBS[dice.roll(Edit::VERBS.len())].0,
    }
}

/// Edits that give a session something of everything.
pub fn furnish(document: &mut Document) {
    let id = |text: &str| TrackId::new(text).unwrap();
    let track = |name: &str, kind| TrackAdd { id: Some(id(name)), ..TrackAdd::new(kind, name) };
    let mut edits: Vec<Edit> = vec![
        track("folder", TrackKind::Folder).into(),
        track("drums", TrackKind::Audio).into(),
        track("bass", TrackKind::Audio).into(),
        track("group", TrackKind::Bus).into(),
        track("room", TrackKind::Return).into(),
        track("phones", TrackKind::Cue).into(),
        TrackRoute { id: id("drums"), output: Output::Track(id("group")) }.into(),
        TrackMove { id: id("bass"), parent: Some(id("folder")), before: None }.into(),
        SendAdd { id: SendId::new("s1").ok(), ..SendAdd::new(id("drums"), id("room")) }.into(),
        SendAdd { id: SendId::new("s2").ok(), ..SendAdd::new(id("drums"), id("phones")) }.into(),
        DeviceAdd { id: DeviceId::new("d1").ok(), ..DeviceAdd::new(id("drums"), "omega.eq") }.into(),
        DeviceAdd {
            id: DeviceId::new("d2").ok(),
            sidechain: Some(id("drums")),
            ..DeviceAdd::new(id("bass"), "omega.comp")
        }
        .into(),
        MarkerAdd::new(TimePoint::Musical(Ticks(322_560)), "Verse").into(),
        TempoAdd::new(Ticks(0), Tempo::bpm(100).unwrap()).into(),
        MeterAdd::new(1, TimeSignature::COMMON).into(),
    ];
    for n in 0..2 {
        edits.push(
            MediaAdd {
                id: media_id(n),
                name: format!("take {n}"),
                file: format!("/elsewhere/{n}.wav"),
                channels: 2,
                frames: Frames(200_000),
                sample_rate: SampleRate::HZ_48000,
                origin: None,
            }
            .into(),
        );
    }
    for n in 0..3 {
        let position = TimePoint::Musical(Ticks(n * 161_280));
        let clip = ClipAdd {
            offset: Frames(600),
            length: Some(Frames(60_000)),
            ..ClipAdd::new(id("drums"), media_id(0), position)
        };
        edits.push(clip.into());
    }
    for n in 0..3 {
        let take = TakeId::new(&format!("take-{n}")).unwrap();
        edits.push(TakeAdd { id: Some(take.clone()), ..TakeAdd::new(id("bass")) }.into());
        for part in 0..2 {
            let at = n * 20_000 + part * 150_000;
            let position =
                if n == 0 { TimePoint::Musical(Ticks(at)) } else { TimePoint::Absolute(Frames(at)) };
            let clip = ClipAdd {
                take: Some(take.clone()),
                length: Some(Frames(140_000)),
                ..ClipAdd::new(id("bass"), media_id(0), position)
            };
            edits.push(clip.into());
        }
        let range = TimeRange::Absolute { start: Frames(n * 90_000), end: Frames(n * 90_000 + 120_000) };
        edits
            .push(CompSet { id: CompId::new(&format!("span-{n}")).ok(), ..CompSet::new(take, range) }.into());
    }
    let lane = LaneId::new("l1").unwrap();
    let target = ParamTarget::Track(id("drums"), TrackParam::Pan);
    edits.push(LaneAdd { id: Some(lane.clone()), ..LaneAdd::new(target) }.into());
    for n in 0..3 {
        let at = TimePoint::Musical(Ticks(n * 80_640));
        edits.push(
            PointAdd { lane: lane.clone(), id: None, at, value: 0.5, shape: PointShape::Linear }.into(),
        );
    }
    let part = ClipId::new("part").unwrap();
    let notes = (0..4).map(|n| NoteValue::new(Ticks(n * 40_320), Ticks(40_320), 60, 100)).collect();
    let controls = vec![ControlValue::new(Ticks(0), ControlKind::Controller(1), 64)];
    let clip = ClipNotes::new(id("drums"), TimePoint::Musical(Ticks(80_640)), Ticks(322_560));
    edits.push(ClipNotes { id: Some(part), notes, controls, ..clip }.into());
    document.apply_group("furnish", &edits).unwrap();
}
