//! A mixing desk as the ladder plays it: tracks of clip → gain → four-band equaliser → compressor → fader with pan, eight
//! buses, a master, a meter on everything; and random edits of it. The first tracks may be armed as well (a tape, a switch between
//! clips and input; then there is a metronome), and the first may have a plugin in a worker.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use omega_devices::clip_reader::{ClipReader, PlayList, Segment};
use omega_devices::metronome::{self, Metronome};
use omega_devices::{compressor, eq, fader, monitor, registry, utility};
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, NodeSetup, Notification, ParamSetup, Plan};
use omega_engine::{LanePoint, LaneShape, LoopRange, RecordRange};
use omega_graph::{
    ChannelMap, EdgeId, EdgeSpec, GraphSpec, MeterId, MeterSpec, NodeId, NodeSpec, Port, Role,
};
use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Processor};
use omega_rt::Owned;
use omega_testkit::random::Random;
use omega_time::{SampleRate, Tempo, TempoMap, TimeSignature};

use crate::Outcome;
use crate::material::Material;
use crate::plugins::Rack;
use crate::takes::Takes;

/// Buses that the tracks are spread over.
const BUSES: u64 = 8;
const MASTER: u64 = 100;
const OUTPUT: u64 = 101;
const METRONOME: u64 = 102;
/// Ids of a track's nodes: so many for each track.
const WIDTH: u64 = 16;
/// Among them those of an armed track that are in no chain: where its input comes in, and its tape.
const INPUT: u64 = 8;
const TAPE: u64 = 9;
/// Frames that a tape lies behind the sources: a round trip through hardware.
const LAG: i32 = 1234;

/// Places of a track's nodes among its ids, in the order of the signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    Clips,
    Monitor,
    Gain,
    Equaliser,
    Compressor,
    Plugin,
    Fader,
}

impl Place {
    const ALL: [Self; 7] = [
        Self::Clips,
        Self::Monitor,
        Self::Gain,
        Self::Equaliser,
        Self::Compressor,
        Self::Plugin,
        Self::Fader,
    ];

    fn device(self) -> Option<&'static str> {
        match self {
            Self::Clips | Self::Plugin => None,
            Self::Monitor => Some(monitor::KEY),
            Self::Gain => Some(utility::KEY),
            Self::Equaliser => Some(eq::KEY),
            Self::Compressor => Some(compressor::KEY),
            Self::Fader => Some(fader::FADER),
        }
    }
}

/// One track.
#[derive(Clone, Debug)]
struct Track {
    number: u64,
    bus: u64,
    /// Where the compressor listens, if not to its own input.
    side: Option<u64>,
    /// What it has, and what of it is in its chain now.
    all: Vec<Place>,
    places: Vec<Place>,
    params: BTreeMap<(Place, String), f64>,
    automated: bool,
}

impl Track {
    fn new(number: u64) -> Self {
        let mut track = Self {
            number,
            bus: number % BUSES,
            side: None,
            all: Vec::new(),
            places: Vec::new(),
            params: BTreeMap::new(),
            automated: false,
        };
        track.set(Place::Gain, "gain", -3.0);
        let bands =
            [("band1", 100.0, 2.0), ("band2", 400.0, -3.0), ("band3", 2000.0, 2.0), ("band4", 8000.0, -2.0)];
        for (band, hertz, decibels) in bands {
            for (key, value) in [("on", 1.0), ("shape", 0.0), ("freq", hertz), ("gain", decibels), ("q", 0.9)]
            {
                track.set(Place::Equaliser, &format!("{band}.{key}"), value);
            }
        }
        for (key, value) in [("threshold", -24.0), ("ratio", 3.0), ("knee", 0.0), ("attack", 10.0)] {
            track.set(Place::Compressor, key, value);
        }
        // Pans from −0.8 to 0.8.
        track.set(Place::Fader, "pan", ((number * 37 % 21) as f64 - 10.0) * 0.08);
        track.set(Place::Monitor, "armed", 1.0);
        track.furnish(false, false);
        track
    }

    /// With a switch for its input, with a plugin.
    fn furnish(&mut self, armed: bool, plugin: bool) {
        let has = |place: &Place| match place {
            Place::Monitor => armed,
            Place::Plugin => plugin,
            _ => true,
        };
        self.all = Place::ALL.into_iter().filter(has).collect();
        self.places.clone_from(&self.all);
    }

    fn is_armed(&self) -> bool {
        self.all.contains(&Place::Monitor)
    }

    fn set(&mut self, place: Place, key: &str, value: f64) {
        self.params.insert((place, key.to_owned()), value);
    }

    fn node(&self, place: Place) -> u64 {
        self.id(place as u64)
    }

    /// One of its ids.
    fn id(&self, offset: u64) -> u64 {
        (self.number + 8) * WIDTH + offset
    }
}

/// The desk, and what it plays.
pub struct Desk {
    tracks: Vec<Track>,
    next: u64,
    usual: usize,
    latencies: BTreeMap<NodeId, u32>,
    material: Material,
    rate: u32,
    /// What the devices tell about themselves.
    descriptors: BTreeMap<Place, Descriptor>,
    /// The transport may stand since the last edit.
    stopped: bool,
    takes: Option<Takes>,
    rack: Option<RefCell<Rack>>,
    map: Arc<TempoMap>,
    /// Devices that failed.
    pub failures: Vec<String>,
}

impl Desk {
    /// `tracks` tracks at `rate` frames per second, each with `frames` frames of noise of its own that is repeated.
    pub fn new(tracks: usize, rate: u32, frames: usize) -> Self {
        Self::with(Material::in_memory(tracks, frames), tracks, rate)
    }

    /// `tracks` tracks at `rate` frames per second that play `material` again and again.
    pub fn with(material: Material, tracks: usize, rate: u32) -> Self {
        Self {
            tracks: (0..tracks as u64).map(Track::new).collect(),
            next: tracks as u64,
            usual: tracks,
            latencies: BTreeMap::new(),
            material,
            rate,
            descriptors: Place::ALL
                .into_iter()
                .filter_map(|place| Some((place, registry::descriptor(place.device()?)?)))
                .collect(),
            stopped: false,
            takes: None,
            rack: None,
            map: Arc::new(TempoMap::constant(
                SampleRate::new(rate).unwrap_or(SampleRate::HZ_48000),
                Tempo::from_bpm_f64(137.0).unwrap_or_default(),
                TimeSignature::COMMON,
            )),
            failures: Vec::new(),
        }
    }

    /// Arms the first tracks, one for each tape, from the first input on.
    pub fn record(&mut self, takes: Takes) {
        self.takes = Some(takes);
        self.furnish();
    }

    /// Gives the first tracks plugins.
    pub fn host(&mut self, rack: Rack) {
        self.rack = Some(RefCell::new(rack));
        self.furnish();
    }

    fn furnish(&mut self) {
        let armed = self.takes.as_ref().map_or(0, Takes::count) as u64;
        for track in &mut self.tracks {
            let plugin = self.rack.as_ref().is_some_and(|rack| rack.borrow().has(track.number));
            track.furnish(track.number < armed, plugin);
        }
    }

    /// Sends the desk as it is, without a transition, and plays; records, where tracks are armed.
    pub fn begin(&mut self, conductor: &mut Conductor) -> Outcome {
        let plan = self.plan(conductor)?;
        conductor.begin(plan)?;
        let tapes = self.tracks.iter().filter(|track| track.is_armed()).map(|track| track.id(TAPE));
        let reels = self.takes.as_mut().map(Takes::reels).unwrap_or_default();
        for (tape, reel) in tapes.zip(reels) {
            conductor.exchange(NodeId(tape), Box::new(reel));
        }
        conductor.set_record(Some(RecordRange::ALL));
        conductor.play();
        Ok(())
    }

    /// Its tapes, to be finished once the engine is gone.
    pub fn take_takes(&mut self) -> Option<Takes> {
        self.takes.take()
    }

    /// What is to be said of its plugins, and what went wrong with them.
    pub fn plugins(&self) -> Option<(String, Vec<String>)> {
        let rack = self.rack.as_ref()?.borrow();
        Some((rack.report(), rack.troubles()))
    }

    /// Takes back what the audio thread no longer needs, and follows devices whose latency has changed.
    pub fn poll(&mut self, conductor: &mut Conductor) -> Outcome {
        let mut stale = false;
        for told in conductor.poll() {
            match told {
                Notification::LatencyChanged { node, frames } => {
                    stale |= self.latencies.insert(node, frames) != Some(frames);
                }
                Notification::Failed { node, fault } => {
                    self.failures.push(format!("node {} failed: {fault:?}", node.0));
                }
            }
        }
        if stale {
            let plan = self.plan(conductor)?;
            conductor.update(plan)?;
        }
        Ok(())
    }

    /// Reads every meter and the status, as a window does.
    pub fn look(&self, conductor: &mut Conductor) -> f32 {
        let peak = conductor.meters().values().map(|meter| meter.take().peak).fold(0.0, f32::max);
        let _ = conductor.status();
        peak
    }

    /// What its tracks play.
    pub fn material(&self) -> &Material {
        &self.material
    }

    // --- Edits ----------------------------------------------------------------------------------------------------

    /// One random edit of the desk, or one command of the transport.
    pub fn edit(&mut self, random: &mut Random, conductor: &mut Conductor) -> Outcome {
        let index = random.index(self.tracks.len());
        let most = self.usual + 4;
        let mut graph = true;
        if std::mem::take(&mut self.stopped) {
            conductor.play();
        }
        match random.index(14) {
            0 if self.tracks.len() < most => {
                self.tracks.push(Track::new(self.next));
                self.next += 1;
            }
            1 if self.tracks.len() > self.usual => self.remove(index),
            2 | 3 => {
                let some = [Place::Gain, Place::Equaliser, Place::Compressor, Place::Plugin];
                self.toggle(index, some[random.index(4)]);
            }
            4 => self.tracks[index].bus = random.index(usize::try_from(BUSES)?) as u64,
            5 => self.tracks[index].automated = random.once_in(2),
            6 => {
                let other = self.tracks[random.index(self.tracks.len())].number;
                let own = self.tracks[index].number;
                // From a track before this one, so that no cycle can come about.
                self.tracks[index].side = (other < own).then_some(other);
            }
            7 => {
                let value = random.index(6) as f64;
                self.tracks[index].set(Place::Compressor, "lookahead", value);
            }
            8 => self.exchange(index, random, conductor)?,
            9 | 10 => self.turn(index, random),
            _ => {
                graph = false;
                transport(random, conductor);
                if self.takes.is_some() {
                    punch(random, conductor);
                }
                self.stopped = true;
            }
        }
        if graph {
            let plan = self.plan(conductor)?;
            conductor.update(plan)?;
        }
        Ok(())
    }

    fn remove(&mut self, index: usize) {
        // What is recorded stays.
        if self.tracks[index].is_armed() {
            return;
        }
        let gone = self.tracks.remove(index).number;
        self.tracks.iter_mut().filter(|track| track.side == Some(gone)).for_each(|track| track.side = None);
    }

    /// Takes a device out of a track, or puts back the one that is missing: never more than one is, so that the load stays.
    fn toggle(&mut self, index: usize, place: Place) {
        match self.tracks.iter_mut().find(|track| track.places.len() < track.all.len()) {
            Some(track) => track.places.clone_from(&track.all),
            None => self.tracks[index].places.retain(|other| *other != place),
        }
    }

    /// Another play list for a track: other clips of the same source.
    fn exchange(&mut self, index: usize, random: &mut Random, conductor: &mut Conductor) -> Outcome {
        let track = &self.tracks[index];
        let list = self.play_list(track, random.within(0, 5000))?;
        conductor.exchange(NodeId(track.node(Place::Clips)), ClipReader::payload(list));
        Ok(())
    }

    fn turn(&mut self, index: usize, random: &mut Random) {
        let track = &mut self.tracks[index];
        match random.index(4) {
            0 => track.set(Place::Fader, "pan", f64::from(random.value(-1.0, 1.0))),
            1 => track.set(Place::Gain, "gain", f64::from(random.value(-12.0, 0.0))),
            2 => track.set(Place::Equaliser, "band2.freq", f64::from(random.value(200.0, 900.0))),
            _ => track.set(Place::Compressor, "threshold", f64::from(random.value(-40.0, -10.0))),
        }
    }

    // --- The graph ------------------------------------------------------------------------------------------------

    fn config(&self) -> PrepareConfig {
        PrepareConfig { sample_rate: self.rate, inputs: 2, outputs: 2 }
    }

    fn spec(&self) -> GraphSpec {
        let mut spec = GraphSpec::default();
        for track in &self.tracks {
            self.strip(track, &mut spec);
        }
        for bus in 0..BUSES {
            spec.nodes.push(NodeSpec::new(NodeId(bus), format!("bus {bus}"), Role::Sum, 2));
            spec.edges.push(EdgeSpec::new(EdgeId(bus), NodeId(bus), NodeId(MASTER)));
        }
        spec.nodes.push(NodeSpec::new(NodeId(MASTER), "master", Role::Processor, 2));
        spec.nodes.push(NodeSpec::new(NodeId(OUTPUT), "output", Role::Output { first: 0 }, 2));
        spec.edges.push(EdgeSpec::new(EdgeId(MASTER), NodeId(MASTER), NodeId(OUTPUT)));
        let faders = self.tracks.iter().map(|track| track.node(Place::Fader));
        let metered = faders.chain(0..BUSES).chain([MASTER]);
        spec.meters.extend(metered.map(|id| MeterSpec { id: MeterId(id), node: NodeId(id) }));
        if self.takes.is_some() {
            let clicks = NodeSpec::new(NodeId(METRONOME), "metronome", Role::Processor, 1);
            spec.nodes.push(NodeSpec { inputs: 0, ..clicks });
            let edge = EdgeSpec::new(EdgeId(METRONOME), NodeId(METRONOME), NodeId(0));
            spec.edges.push(EdgeSpec { map: ChannelMap::Spread, ..edge });
        }
        spec
    }

    /// Where the input of an armed track comes in, and its tape.
    fn input(track: &Track, spec: &mut GraphSpec) {
        let (from, tape) = (NodeId(track.id(INPUT)), NodeId(track.id(TAPE)));
        let first = u16::try_from(track.number).unwrap_or(0);
        spec.nodes.push(NodeSpec::new(from, format!("input {first}"), Role::Input { first }, 1));
        spec.nodes.push(NodeSpec::new(tape, format!("tape {first}"), Role::Processor, 1));
        let edge = EdgeSpec::new(EdgeId(track.id(TAPE)), from, tape);
        spec.edges.push(EdgeSpec { shift: -LAG, ..edge });
        let edge = EdgeSpec::new(EdgeId(track.id(INPUT)), from, NodeId(track.node(Place::Monitor)));
        spec.edges.push(EdgeSpec { map: ChannelMap::Spread, live: true, port: Port::Aux(0), ..edge });
        // It leads nowhere: that it is measured keeps it running.
        spec.meters.push(MeterSpec { id: MeterId(tape.0), node: tape });
    }

    fn strip(&self, track: &Track, spec: &mut GraphSpec) {
        let mut last = None;
        for place in &track.places {
            let id = track.node(*place);
            let node = NodeSpec::new(NodeId(id), format!("{place:?} {}", track.number), Role::Processor, 2);
            let side = track.side.filter(|_| *place == Place::Compressor);
            let switches = *place == Place::Monitor;
            let alone = matches!(place, Place::Clips | Place::Monitor | Place::Plugin);
            let told = self.latencies.get(&NodeId(id)).copied();
            let plugin = || Some(self.rack.as_ref()?.borrow().latency(track.number));
            let lags = told.or_else(|| plugin().filter(|_| *place == Place::Plugin));
            spec.nodes.push(NodeSpec {
                inputs: if last.is_none() { 0 } else { 2 },
                aux: vec![2; usize::from(switches || side.is_some())],
                latency: lags.unwrap_or(0),
                batch: (!alone).then_some(*place as u64),
                ..node
            });
            if switches {
                Self::input(track, spec);
            }
            if let Some(last) = last {
                spec.edges.push(EdgeSpec::new(EdgeId(id), NodeId(last), NodeId(id)));
            }
            if let Some(side) = side {
                let from = NodeId((side + 8) * WIDTH + Place::Clips as u64);
                let edge = EdgeSpec::new(EdgeId(id + WIDTH / 2), from, NodeId(id));
                spec.edges.push(EdgeSpec { port: Port::Aux(0), ..edge });
            }
            last = Some(id);
        }
        let fader = track.node(Place::Fader);
        spec.edges.push(EdgeSpec::new(EdgeId(fader + WIDTH / 2), NodeId(fader), NodeId(track.bus)));
    }

    fn plan(&self, conductor: &Conductor) -> Outcome<Plan> {
        let mut plan = Plan { spec: self.spec(), ..Plan::default() };
        let needs = conductor.needs(&plan.spec);
        let strips = self.tracks.iter().flat_map(|track| {
            track.places.iter().map(move |place| (track.node(*place), Some((track, *place))))
        });
        for (id, strip) in strips.chain([(MASTER, None)]) {
            let id = NodeId(id);
            let params = self.params(strip);
            if needs.contains(&id) {
                let processor = self.processor(strip)?;
                plan.setups.insert(id, NodeSetup { processor: Some(processor), params: params.clone() });
            }
            plan.params.insert(id, params);
        }
        self.plan_takes(&needs, &mut plan);
        Ok(plan)
    }

    /// Tapes and metronome.
    fn plan_takes(&self, needs: &[NodeId], plan: &mut Plan) {
        let Some(takes) = &self.takes else { return };
        let armed = self.tracks.iter().filter(|track| track.is_armed());
        let tapes = armed.map(|track| (NodeId(track.id(TAPE)), track.number));
        for (id, number) in tapes.filter(|(id, _)| needs.contains(id)) {
            let processor = Some(takes.processor(number));
            plan.setups.insert(id, NodeSetup { processor, params: Vec::new() });
        }
        let setup = |info: &ParamInfo| ParamSetup::new(value(info, None), info.smoothing);
        let params: Vec<ParamSetup> = metronome::prepare::descriptor().params.iter().map(setup).collect();
        if needs.contains(&NodeId(METRONOME)) {
            let config = PrepareConfig { inputs: 0, outputs: 1, ..self.config() };
            let clicks: Box<dyn Processor> = Box::new(Metronome::new(&config, Arc::clone(&self.map)));
            let setup = NodeSetup { processor: Some(clicks), params: params.clone() };
            plan.setups.insert(NodeId(METRONOME), setup);
        }
        plan.params.insert(NodeId(METRONOME), params);
    }

    /// Parameters of a node: the device's defaults, or what the track says.
    fn params(&self, strip: Option<(&Track, Place)>) -> Vec<ParamSetup> {
        let place = strip.map_or(Place::Fader, |(_, place)| place);
        let rack = self.rack.as_ref().map(RefCell::borrow);
        let plugin = rack.as_ref().map(|rack| rack.descriptor()).filter(|_| place == Place::Plugin);
        let Some(descriptor) = plugin.or_else(|| self.descriptors.get(&place)) else { return Vec::new() };
        let setup = |info: &ParamInfo| {
            let own = strip.and_then(|(track, place)| {
                track.params.get(&(place, info.key.clone().into_owned())).copied()
            });
            let value = value(info, own);
            let automated = strip.is_some_and(|(track, place)| track.automated && place == Place::Fader);
            let point = |(frame, value)| LanePoint { frame, value, shape: LaneShape::Linear };
            let lane = if automated && info.key == "pan" {
                (0..20).map(|n| point((f64::from(n) * 7000.5, if n % 2 == 0 { -0.7 } else { 0.7 }))).collect()
            } else {
                Vec::new()
            };
            ParamSetup { lane, ..ParamSetup::new(value, info.smoothing) }
        };
        descriptor.params.iter().map(setup).collect()
    }

    fn processor(&self, strip: Option<(&Track, Place)>) -> Outcome<Box<dyn Processor>> {
        let key = match strip {
            None => Some(fader::FADER),
            Some((_, place)) => place.device(),
        };
        if let Some(key) = key {
            return Ok(registry::build(key, &self.config(), Level::detect())?);
        }
        let (track, place) = strip.ok_or("the master has no clips")?;
        if place == Place::Plugin {
            let rack = self.rack.as_ref().ok_or("nobody hosts plugins")?;
            return rack.borrow_mut().processor(track.number);
        }
        let config = PrepareConfig { inputs: 0, ..self.config() };
        let mut reader = ClipReader::new(&config, Level::detect());
        reader.exchange(&mut *ClipReader::payload(self.play_list(track, 0)?));
        Ok(Box::new(reader))
    }

    /// The track's material again and again, from `offset` frames of it on.
    fn play_list(&self, track: &Track, offset: i64) -> Outcome<PlayList> {
        let (pcm, frames) = self.material.source(track.number)?;
        let source = track.number;
        let mut segment = Segment::new(source, 0, 1 << 50, offset);
        segment.repeat = (frames - offset).max(1000);
        Ok(PlayList::build(vec![segment], vec![(source, Owned::from(pcm))])?)
    }
}

/// The value of a parameter as the engine has it: its own, or the usual one.
#[allow(clippy::cast_possible_truncation, reason = "parameters are f32 in the engine")]
fn value(info: &ParamInfo, own: Option<f64>) -> f32 {
    info.clamp(own.unwrap_or(info.default)) as f32
}

/// Where it is recorded from now on, and perhaps a count-in before it rolls.
fn punch(random: &mut Random, conductor: &mut Conductor) {
    let begin = random.within(0, 500_000);
    conductor.set_record(match random.index(5) {
        0 => None,
        1 => RecordRange::new(begin, begin + random.within(1, 200_000)),
        _ => Some(RecordRange::ALL),
    });
    if random.once_in(4) {
        conductor.play_in(random.within(1, 20_000));
    }
}

/// A command of the transport.
fn transport(random: &mut Random, conductor: &mut Conductor) {
    match random.index(5) {
        0 => conductor.locate(random.within(0, 1_000_000)),
        1 => conductor.stop(),
        2 => {
            let begin = random.within(0, 500_000);
            conductor.set_loop(LoopRange::new(begin, begin + random.within(100, 50_000)));
        }
        3 => conductor.set_loop(None),
        _ => conductor.play(),
    }
}
