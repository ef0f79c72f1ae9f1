//! Random graphs whose sound is known: impulses through delays that declare themselves as latency.
//!
//! The oracle is the same graph without any latency, simulated frame by frame. A compensated graph must sound like it,
//! later by its whole latency and by nothing else.

use std::collections::BTreeMap;

use omega_engine::prepare::{NodeSetup, ParamSetup, Plan};
use omega_graph::{
    ChannelMap, EdgeId, EdgeSpec, GraphSpec, MeterId, MeterSpec, NodeId, NodeSpec, Port, Role,
};
use omega_processor::{PrepareConfig, Processor, Smoothing};

use crate::processors::{Impulse, LatencyNode, SideSum};
use crate::random::Random;

/// Frames before which no source sounds: shifts to earlier (at most 90 frames a cable) never lead before the start.
pub const EARLIEST: i64 = 1200;

/// What a node of a random graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One impulse at a time-line frame.
    Source(i64),
    /// Delays by its latency.
    Latency(u32),
    /// Adds its side-chain to its input, without latency.
    Side,
    /// Sums.
    Sum,
    /// The outside.
    Output,
}

/// A graph with mono cables.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Nodes in an order in which cables lead forward only (feedback aside); the last one is the output.
    pub nodes: Vec<Kind>,
    /// Cables.
    pub cables: Vec<Cable>,
}

/// One cable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cable {
    /// From node …
    pub from: usize,
    /// … to node.
    pub to: usize,
    /// Into the side-chain.
    pub side: bool,
    /// A power of two, or zero where it is muted, so that sums are exact.
    pub gain: f32,
    /// Shift in frames.
    pub shift: i32,
    /// Delay of a feedback send.
    pub feedback: Option<u32>,
}

impl Graph {
    /// A graph of up to `most` nodes beside the output, with latencies up to `latency`.
    #[must_use]
    pub fn random(random: &mut Random, most: usize, latency: u32) -> Self {
        let count = 2 + random.index(most.saturating_sub(1));
        let mut nodes = vec![Kind::Source(random.within(EARLIEST, EARLIEST + 600))];
        for _ in 1..count {
            let frames = if random.once_in(3) { 0 } else { random.within(0, latency.into()) };
            nodes.push(match random.index(6) {
                0 => Kind::Source(random.within(EARLIEST, EARLIEST + 600)),
                1 => Kind::Side,
                2 => Kind::Sum,
                _ => Kind::Latency(u32::try_from(frames).unwrap_or(0)),
            });
        }
        nodes.push(Kind::Output);
        let mut cables = Vec::new();
        for (to, kind) in nodes.iter().enumerate().skip(1) {
            if matches!(kind, Kind::Source(_)) {
                continue;
            }
            for _ in 0..=random.index(3) {
                let from = random.index(to.min(count));
                let side = *kind == Kind::Side && random.once_in(2);
                let gain = if random.once_in(6) { 0.0 } else { [1.0, 0.5, 0.25][random.index(3)] };
                let shift =
                    if random.once_in(5) { i32::try_from(random.within(-90, 90)).unwrap_or(0) } else { 0 };
                cables.push(Cable { from, to, side, gain, shift, feedback: None });
            }
        }
        if random.once_in(3) {
            let backward = |to: &usize| !matches!(nodes[*to], Kind::Source(_));
            if let Some(to) = (0..count).find(backward) {
                let from = to + random.index(count - to);
                let feedback = u32::try_from(random.within(1, i64::from(latency) + 200)).ok();
                cables.push(Cable { from, to, side: false, gain: 0.25, shift: 0, feedback });
            }
        }
        Self { nodes, cables }
    }

    /// Its specification, with a meter at each node.
    #[must_use]
    pub fn spec(&self) -> GraphSpec {
        let node = |(index, kind): (usize, &Kind)| {
            let role = match kind {
                Kind::Output => Role::Output { first: 0 },
                Kind::Sum => Role::Sum,
                _ => Role::Processor,
            };
            let spec = NodeSpec::new(NodeId(index as u64), format!("node {index}"), role, 1);
            match *kind {
                Kind::Source(_) => NodeSpec { inputs: 0, ..spec },
                Kind::Latency(latency) => NodeSpec { latency, ..spec },
                Kind::Side => NodeSpec { aux: vec![1], ..spec },
                Kind::Sum | Kind::Output => spec,
            }
        };
        let cable = |(index, cable): (usize, &Cable)| EdgeSpec {
            port: if cable.side { Port::Aux(0) } else { Port::Main },
            map: if cable.gain == 1.0 {
                ChannelMap::Direct
            } else {
                ChannelMap::List(vec![(0, 0, cable.gain)])
            },
            shift: cable.shift,
            feedback: cable.feedback,
            ..EdgeSpec::new(EdgeId(index as u64), NodeId(cable.from as u64), NodeId(cable.to as u64))
        };
        let meter = |index: usize| MeterSpec { id: MeterId(index as u64), node: NodeId(index as u64) };
        GraphSpec {
            nodes: self.nodes.iter().enumerate().map(node).collect(),
            edges: self.cables.iter().enumerate().map(cable).collect(),
            meters: (0..self.nodes.len()).map(meter).collect(),
        }
    }

    /// Its processors, and their parameters.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let config = PrepareConfig { sample_rate: 48_000, inputs: 1, outputs: 1 };
        let mut plan = Plan { spec: self.spec(), ..Plan::default() };
        for (index, kind) in self.nodes.iter().enumerate() {
            let (processor, params): (Box<dyn Processor>, _) = match *kind {
                Kind::Source(at) => (Box::new(Impulse { at }), Vec::new()),
                Kind::Latency(frames) => {
                    let value = ParamSetup::new(frames as f32, Smoothing::None);
                    (Box::new(LatencyNode::new(&config, frames)), vec![value])
                }
                Kind::Side => (Box::new(SideSum), Vec::new()),
                Kind::Sum | Kind::Output => continue,
            };
            let id = NodeId(index as u64);
            plan.params.insert(id, params.clone());
            plan.setups.insert(id, NodeSetup { processor: Some(processor), params });
        }
        plan
    }

    /// What each node puts out when nothing has latency: row by node, value by frame. `position` gives the time-line
    /// frame of each executor frame, `None` while standing.
    #[must_use]
    pub fn ideal(
        &self,
        frames: usize,
        given: &BTreeMap<usize, u32>,
        position: impl Fn(usize) -> Option<i64>,
    ) -> Vec<Vec<f32>> {
        let _flush = omega_rt::FlushDenormals::enter();
        // What is shifted to earlier comes from behind the end.
        let (wanted, frames) = (frames, frames + usize::try_from(EARLIEST).unwrap_or(0));
        let mut out = vec![vec![0.0f32; frames]; self.nodes.len()];
        // Shifts to earlier reach into the future, so frames are done node by node, and feedback (always later) is
        // found by going over everything until nothing changes.
        loop {
            let before = out.clone();
            for node in 0..self.nodes.len() {
                let mut row = vec![0.0f32; frames];
                if let Kind::Source(at) = self.nodes[node] {
                    (0..frames).filter(|&t| position(t) == Some(at)).for_each(|t| row[t] = 1.0);
                }
                for (index, cable) in self.cables.iter().enumerate().filter(|(_, cable)| cable.to == node) {
                    let loop_delay =
                        cable.feedback.map_or(0, |asked| given.get(&index).copied().unwrap_or(asked));
                    let later = i64::from(cable.shift) + i64::from(loop_delay);
                    for (t, value) in row.iter_mut().enumerate() {
                        let from = i64::try_from(t).unwrap_or(0) - later;
                        *value +=
                            usize::try_from(from).ok().and_then(|t| out[cable.from].get(t)).unwrap_or(&0.0)
                                * cable.gain;
                    }
                }
                out[node] = row;
            }
            if out == before {
                out.iter_mut().for_each(|row| row.truncate(wanted));
                return out;
            }
        }
    }
}
