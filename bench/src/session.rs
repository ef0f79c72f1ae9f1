//! The workload as a graph of built-in devices, with meters on every track, bus and the master.

use std::sync::Arc;

use omega_devices::clip_reader::{ClipReader, PlayList, Segment};
use omega_devices::registry;
use omega_dsp::simd::Level;
use omega_engine::prepare::{NodeSetup, ParamSetup, Plan};
use omega_graph::{EdgeId, EdgeSpec, MeterId, MeterSpec, NodeId, NodeSpec, Role};
use omega_processor::{PrepareConfig, Processor};
use omega_rt::{Owned, PcmSource, RamPcm};

use crate::material::Track;
use crate::workload::{
    ATTACK, BUS_BAND, BUS_GAIN, BUSES, Peak, RATIO, RELEASE, THRESHOLD, TRACK_BANDS, TRACK_GAIN, balance,
};

/// Channels of everything.
const STEREO: u16 = 2;

/// The workload cannot be built: a mistake in this program or in a device.
pub type Error = Box<dyn std::error::Error>;

/// A graph that grows.
pub struct Session {
    level: Level,
    plan: Plan,
    play_lists: Vec<(NodeId, PlayList)>,
}

impl Session {
    /// `tracks` in the workload `mix`.
    ///
    /// # Errors
    /// A device or a parameter is not there.
    pub fn mix(tracks: &[Track], level: Level) -> Result<Self, Error> {
        let mut session = Self { level, plan: Plan::default(), play_lists: Vec::new() };
        let master = session.strip("master", BUS_GAIN, 0.0)?;
        let mut buses = Vec::new();
        for index in 0..BUSES {
            let bus = session.strip(&format!("bus {index}"), BUS_GAIN, 0.0)?;
            session.cable(bus, master);
            buses.push(bus);
        }
        for (index, track) in tracks.iter().enumerate() {
            let output = session.track(index, track)?;
            session.cable(output, buses[index % BUSES]);
        }
        let hardware =
            session.node(NodeSpec::new(NodeId(0), "output", Role::Output { first: 0 }, STEREO), None, &[]);
        session.cable(master, hardware);
        Ok(session)
    }

    /// `tracks` in the workload `fx`.
    ///
    /// # Errors
    /// A device or a parameter is not there.
    pub fn fx(tracks: &[Track], level: Level) -> Result<Self, Error> {
        let mut session = Self { level, plan: Plan::default(), play_lists: Vec::new() };
        let master = session.strip("master", BUS_GAIN, 0.0)?;
        let mut buses = Vec::new();
        for index in 0..BUSES {
            let name = format!("bus {index}");
            let band = session.equaliser(&name, &[BUS_BAND])?;
            let bus = session.strip(&name, BUS_GAIN, 0.0)?;
            session.cable(band, bus);
            session.cable(bus, master);
            buses.push(band);
        }
        for (index, track) in tracks.iter().enumerate() {
            let name = format!("track {index}");
            let (position, _) = balance(index);
            let chain = [
                session.reader(&name, track)?,
                session.device("omega.fader", &name, &[("volume", decibels(TRACK_GAIN))])?,
                session.equaliser(&name, &TRACK_BANDS)?,
                session.compressor(&name)?,
                session.strip(&name, 1.0, position)?,
                buses[index % BUSES],
            ];
            chain.windows(2).for_each(|pair| session.cable(pair[0], pair[1]));
        }
        let hardware =
            session.node(NodeSpec::new(NodeId(0), "output", Role::Output { first: 0 }, STEREO), None, &[]);
        session.cable(master, hardware);
        Ok(session)
    }

    fn equaliser(&mut self, name: &str, bands: &[Peak]) -> Result<NodeId, Error> {
        let mut values = Vec::new();
        for (number, band) in (1..).zip(bands) {
            let pairs =
                [("on", 1.0), ("shape", 0.0), ("freq", band.hertz), ("gain", band.decibels), ("q", band.q)];
            values.extend(pairs.map(|(key, value)| (format!("band{number}.{key}"), value)));
        }
        let values: Vec<(&str, f64)> = values.iter().map(|(key, value)| (&**key, *value)).collect();
        self.device("omega.eq", name, &values)
    }

    fn compressor(&mut self, name: &str) -> Result<NodeId, Error> {
        let values = [
            ("threshold", decibels(THRESHOLD)),
            ("ratio", f64::from(RATIO)),
            ("knee", 0.0),
            ("detector", 1.0),
            ("attack", 1000.0 * ATTACK),
            ("release", 1000.0 * RELEASE),
        ];
        self.device("omega.compressor", name, &values)
    }

    /// The graph, and what each clip reader is to play.
    pub fn into_parts(self) -> (Plan, Vec<(NodeId, PlayList)>) {
        (self.plan, self.play_lists)
    }

    fn track(&mut self, index: usize, track: &Track) -> Result<NodeId, Error> {
        let name = format!("track {index}");
        let reader = self.reader(&name, track)?;
        let (position, _) = balance(index);
        let fader = self.strip(&name, TRACK_GAIN, position)?;
        self.cable(reader, fader);
        Ok(fader)
    }

    fn reader(&mut self, name: &str, track: &Track) -> Result<NodeId, Error> {
        let config = PrepareConfig { sample_rate: 48_000, inputs: 0, outputs: usize::from(STEREO) };
        let source: Box<dyn PcmSource> =
            Box::new(RamPcm::new([Arc::clone(&track.left), Arc::clone(&track.right)]));
        let segment = Segment::new(0, 0, i64::try_from(track.left.len())?, 0);
        let list = PlayList::build(vec![segment], vec![(0, Owned::from(source))])?;
        let mut spec = NodeSpec::new(NodeId(0), name, Role::Processor, STEREO);
        spec.inputs = 0;
        let node = self.node(spec, Some(Box::new(ClipReader::new(&config, self.level))), &[]);
        self.play_lists.push((node, list));
        Ok(node)
    }

    fn strip(&mut self, name: &str, gain: f32, position: f32) -> Result<NodeId, Error> {
        let node =
            self.device("omega.fader", name, &[("volume", decibels(gain)), ("pan", f64::from(position))])?;
        self.plan.spec.meters.push(MeterSpec { id: MeterId(node.0), node });
        Ok(node)
    }

    fn device(&mut self, key: &str, name: &str, values: &[(&str, f64)]) -> Result<NodeId, Error> {
        let channels = usize::from(STEREO);
        let config = PrepareConfig { sample_rate: 48_000, inputs: channels, outputs: channels };
        let processor = registry::build(key, &config, self.level)?;
        let descriptor = registry::descriptor(key).ok_or_else(|| format!("{key} has no descriptor"))?;
        let mut params: Vec<ParamSetup> = descriptor
            .params
            .iter()
            .map(|info| ParamSetup::new(single(info.default), info.smoothing))
            .collect();
        for (param, value) in values {
            let index =
                descriptor.param_index(param).ok_or_else(|| format!("{key} has no parameter {param}"))?;
            params[index].value = single(*value);
        }
        let mut spec = NodeSpec::new(NodeId(0), name, Role::Processor, STEREO);
        spec.latency = processor.latency();
        // Devices of one key may share lanes: all of them have the same channels here.
        spec.batch = processor
            .batch()
            .map(|_| key.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(31) ^ u64::from(byte)));
        Ok(self.node(spec, Some(processor), &params))
    }

    fn node(
        &mut self,
        mut spec: NodeSpec,
        processor: Option<Box<dyn Processor>>,
        params: &[ParamSetup],
    ) -> NodeId {
        spec.id = NodeId(self.plan.spec.nodes.len() as u64 + 1);
        let id = spec.id;
        self.plan.spec.nodes.push(spec);
        self.plan.setups.insert(id, NodeSetup { processor, params: params.to_vec() });
        self.plan.params.insert(id, params.to_vec());
        id
    }

    fn cable(&mut self, from: NodeId, to: NodeId) {
        let id = EdgeId(self.plan.spec.edges.len() as u64 + 1);
        self.plan.spec.edges.push(EdgeSpec::new(id, from, to));
    }
}

fn decibels(gain: f32) -> f64 {
    omega_dsp::math::gain_to_db(gain.into())
}

#[allow(clippy::cast_possible_truncation, reason = "the engine holds parameters as f32")]
fn single(value: f64) -> f32 {
    value as f32
}
