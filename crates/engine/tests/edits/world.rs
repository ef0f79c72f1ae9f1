//! A graph that is edited at random, kept beside the engine as the document would be.

use std::collections::BTreeMap;

use omega_engine::prepare::{NodeSetup, ParamSetup, Plan};
use omega_engine::{LanePoint, LaneShape};
use omega_graph::{
    ChannelMap, EdgeId, EdgeSpec, GraphSpec, MeterId, MeterSpec, NodeId, NodeSpec, Port, Role, compile,
};
use omega_processor::{PrepareConfig, Processor};
use omega_testkit::processors::{
    AllocatingNode, Constant, Echo, LatencyNode, Noise, ParamProbe, SideSum, Sine,
};
use omega_testkit::random::Random;

use crate::processors::{Counted, Cross, Scale, Swapped, Token, param};

pub const CONFIG: PrepareConfig = PrepareConfig { sample_rate: 48_000, inputs: 1, outputs: 1 };

/// Outputs that no edit touches come first; the edited one is behind them.
pub const UNTOUCHED: u16 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Constant(f32),
    Sine(f32),
    Noise,
    Swapped(f32),
    Probe,
    Scale,
    Late(u32),
    Echo,
    Side,
    Cross,
    Sum,
    Allocating,
    Out(u16),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub value: f32,
    pub lane: Vec<LanePoint>,
}

#[derive(Clone, Debug)]
pub struct Cable {
    pub id: u64,
    pub from: u64,
    pub to: u64,
    pub side: bool,
    pub gain: f32,
    pub shift: i32,
    pub feedback: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct World {
    pub nodes: BTreeMap<u64, Node>,
    pub cables: Vec<Cable>,
    next: u64,
    pub token: Token,
}

/// An edit that does not go through the graph.
#[derive(Clone, Copy, Debug)]
pub enum Direct {
    Param(u64, f32),
    Exchange(u64, f32),
}

impl World {
    /// Branches that are never edited, and a little that is.
    pub fn new() -> Self {
        let mut world = Self { nodes: BTreeMap::new(), cables: Vec::new(), next: 1, token: Token::new(()) };
        for branch in 0..UNTOUCHED {
            let kinds = match branch {
                0 => vec![Kind::Noise, Kind::Scale],
                1 => vec![Kind::Noise, Kind::Late(300), Kind::Echo, Kind::Scale],
                _ => vec![Kind::Sine(0.5), Kind::Echo, Kind::Late(1000)],
            };
            let mut last = None;
            for kind in kinds.into_iter().chain([Kind::Out(branch)]) {
                let node = world.add(kind, 0.75);
                if kind == Kind::Scale {
                    world.node(node).lane = lane(&mut Random::new(branch.into()), 0, 2_000_000);
                }
                if let Some(last) = last.replace(node) {
                    world.cable(last, node, 1.0);
                }
            }
        }
        let (source, out) = (world.add(Kind::Constant(0.1), 0.0), world.add(Kind::Out(UNTOUCHED), 0.0));
        world.cable(source, out, 1.0);
        let (second, bus) = (world.add(Kind::Sine(0.1), 0.0), world.add(Kind::Sum, 0.0));
        let third = world.add(Kind::Constant(0.15), 0.0);
        for (from, to) in [(second, bus), (third, bus), (bus, out)] {
            world.cable(from, to, 1.0);
        }
        world
    }

    pub fn add(&mut self, kind: Kind, value: f32) -> u64 {
        self.next += 1;
        self.nodes.insert(self.next, Node { kind, value, lane: Vec::new() });
        self.next
    }

    pub fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the world")
    }

    fn cable(&mut self, from: u64, to: u64, gain: f32) -> &mut Cable {
        self.next += 1;
        let (shift, feedback) = (0, None);
        self.cables.push(Cable { id: self.next, from, to, side: false, gain, shift, feedback });
        self.cables.last_mut().expect("just pushed")
    }

    pub fn spec(&self) -> GraphSpec {
        let node = |(id, node): (&u64, &Node)| {
            let role = match node.kind {
                Kind::Out(first) => Role::Output { first },
                Kind::Sum => Role::Sum,
                _ => Role::Processor,
            };
            let spec = NodeSpec::new(NodeId(*id), format!("{:?} {id}", node.kind), role, 1);
            match node.kind {
                Kind::Constant(_) | Kind::Sine(_) | Kind::Noise | Kind::Swapped(_) => {
                    NodeSpec { inputs: 0, ..spec }
                }
                Kind::Late(latency) => NodeSpec { latency, ..spec },
                Kind::Side | Kind::Cross => NodeSpec { aux: vec![1], ..spec },
                _ => spec,
            }
        };
        let edge = |cable: &Cable| EdgeSpec {
            port: if cable.side { Port::Aux(0) } else { Port::Main },
            map: if cable.gain == 1.0 {
                ChannelMap::Direct
            } else {
                ChannelMap::List(vec![(0, 0, cable.gain)])
            },
            shift: cable.shift,
            feedback: cable.feedback,
            ..EdgeSpec::new(EdgeId(cable.id), NodeId(cable.from), NodeId(cable.to))
        };
        let outs = self.nodes.iter().filter(|(_, node)| matches!(node.kind, Kind::Out(_)));
        GraphSpec {
            nodes: self.nodes.iter().map(node).collect(),
            edges: self.cables.iter().map(edge).collect(),
            meters: outs.map(|(id, _)| MeterSpec { id: MeterId(*id), node: NodeId(*id) }).collect(),
        }
    }

    fn params(node: &Node) -> Vec<ParamSetup> {
        let setup = |smoothed: bool| ParamSetup {
            lane: node.lane.clone(),
            ..ParamSetup::new(node.value, param(smoothed).smoothing)
        };
        match node.kind {
            Kind::Probe | Kind::Scale | Kind::Cross => vec![setup(true)],
            Kind::Late(latency) => vec![ParamSetup::new(latency as f32, param(false).smoothing)],
            _ => Vec::new(),
        }
    }

    fn processor(&self, kind: Kind) -> Option<Box<dyn Processor>> {
        fn counted<P: Processor>(inner: P, alive: &Token) -> Option<Box<dyn Processor>> {
            Some(Box::new(Counted { inner, _alive: alive.clone() }))
        }
        let alive = &self.token;
        match kind {
            Kind::Constant(value) => counted(Constant { value }, alive),
            Kind::Sine(peak) => counted(Sine { cycles_per_frame: 0.0004, peak }, alive),
            Kind::Noise => counted(Noise { seed: 7 }, alive),
            Kind::Swapped(value) => counted(Swapped { value, moving: None }, alive),
            Kind::Probe => counted(ParamProbe, alive),
            Kind::Scale => counted(Scale, alive),
            Kind::Late(latency) => counted(LatencyNode::new(&CONFIG, latency), alive),
            Kind::Echo => counted(Echo::new(&CONFIG, 777), alive),
            Kind::Side => counted(SideSum, alive),
            Kind::Cross => counted(Cross, alive),
            Kind::Allocating => counted(AllocatingNode, alive),
            Kind::Sum | Kind::Out(_) => None,
        }
    }

    /// All that is needed to make it sound; processors for the nodes in `needs`.
    pub fn plan(&self, needs: impl Fn(&GraphSpec) -> Vec<NodeId>) -> Plan {
        let spec = self.spec();
        let mut plan = Plan::default();
        for id in needs(&spec) {
            let node = &self.nodes[&id.0];
            let setup = NodeSetup { processor: self.processor(node.kind), params: Self::params(node) };
            plan.setups.insert(id, setup);
        }
        plan.params = self.nodes.iter().map(|(id, node)| (NodeId(*id), Self::params(node))).collect();
        Plan { spec, ..plan }
    }

    /// The greatest value that the edited output can have.
    fn amplitude(&self) -> f32 {
        let mut most: BTreeMap<u64, f32> = self.nodes.keys().map(|id| (*id, 0.0)).collect();
        for _ in 0..self.nodes.len() + 4 {
            for (id, node) in &self.nodes {
                let into = self.cables.iter().filter(|cable| cable.to == *id);
                let sum: f32 = into.map(|cable| most[&cable.from] * cable.gain).sum();
                let own = match node.kind {
                    Kind::Constant(value) | Kind::Swapped(value) => value.abs().max(0.1),
                    Kind::Sine(peak) => peak,
                    Kind::Noise => 1.0,
                    Kind::Probe => 0.1,
                    Kind::Echo => 1.5 * sum,
                    _ => sum,
                };
                most.insert(*id, own);
            }
        }
        let out = self.nodes.iter().find(|(_, node)| node.kind == Kind::Out(UNTOUCHED));
        out.map_or(0.0, |(id, _)| most[id])
    }

    /// Makes one random edit that leaves the graph valid and of bounded level; gives what is to be sent beside the plan.
    pub fn edit(&mut self, random: &mut Random) -> Option<Direct> {
        for _ in 0..100 {
            let mut edited = self.clone();
            let direct = edited.try_edit(random);
            let fits = edited.nodes.len() < 40
                && (0.3..=1.0).contains(&edited.amplitude())
                && compile(&edited.spec()).is_ok();
            if fits && direct.is_some() {
                *self = edited;
                return direct.flatten();
            }
        }
        panic!("no edit is possible");
    }

    fn try_edit(&mut self, random: &mut Random) -> Option<Option<Direct>> {
        let first =
            self.nodes.iter().find(|(_, node)| node.kind == Kind::Constant(0.1)).map(|(id, _)| *id)?;
        let ours = |id: u64| id >= first;
        let nodes: Vec<u64> = self.nodes.keys().copied().filter(|id| ours(*id)).collect();
        let cables: Vec<usize> = (0..self.cables.len()).filter(|&c| ours(self.cables[c].from)).collect();
        let node = nodes[random.index(nodes.len())];
        let other = nodes[random.index(nodes.len())];
        let gain = [1.0, 0.5, 0.25][random.index(3)];
        let Some(&cable) = cables.get(random.index(cables.len())) else {
            self.cable(first, other, gain);
            return Some(None);
        };
        match random.index(16) {
            0 | 15 => {
                let kind = match random.index(3) {
                    0 => Kind::Constant(random.value(-0.09, 0.09)),
                    1 => Kind::Sine(0.1),
                    _ => Kind::Swapped(random.value(-0.1, 0.1)),
                };
                let source = self.add(kind, 0.0);
                self.cable(source, node, gain);
            }
            1 | 2 => self.insert(cable, random),
            3 => {
                if matches!(self.nodes[&node].kind, Kind::Out(_)) || node == first || nodes.len() < 10 {
                    return None;
                }
                self.nodes.remove(&node);
                self.cables.retain(|cable| cable.from != node && cable.to != node);
            }
            4 => {
                let side = matches!(self.nodes[&other].kind, Kind::Side | Kind::Cross) && random.once_in(2);
                self.cable(node, other, gain).side = side;
            }
            5 if cables.len() < 12 => return None,
            5 => drop(self.cables.remove(cable)),
            6 => {
                self.next += u64::from(random.once_in(2));
                let id = if random.once_in(2) { self.next } else { self.cables[cable].id };
                let taken = self.cables.iter().any(|cable| cable.id == id);
                let moved = &mut self.cables[cable];
                (moved.to, moved.side) = (other, false);
                moved.id = if taken { moved.id } else { id };
            }
            7 => self.cables[cable].gain = gain,
            8 => self.cables[cable].shift = i32::try_from(random.within(-300, 300)).expect("small"),
            9 => {
                let delay = u32::try_from(random.within(1, 3000)).ok();
                let backs = self.cables.iter_mut().filter(|cable| cable.feedback.is_some());
                let backs: Vec<&mut Cable> = backs.collect();
                match backs.into_iter().next() {
                    Some(back) if random.once_in(2) => back.feedback = delay,
                    Some(_) => self.cables.retain(|cable| cable.feedback.is_none()),
                    None => self.cable(node, other, 0.25).feedback = delay,
                }
            }
            10 | 11 => {
                let value = match self.nodes[&node].kind {
                    Kind::Probe => random.value(-0.1, 0.1),
                    Kind::Scale => random.value(-1.0, 1.0),
                    Kind::Cross => [0.0, 1.0][random.index(2)],
                    Kind::Swapped(_) => {
                        let value = random.value(-0.1, 0.1);
                        self.node(node).kind = Kind::Swapped(value);
                        return Some(Some(Direct::Exchange(node, value)));
                    }
                    _ => return None,
                };
                self.node(node).value = value;
                return Some(Some(Direct::Param(node, value)));
            }
            12 => {
                let scale = match self.nodes[&node].kind {
                    Kind::Probe => 0.1,
                    Kind::Scale => 1.0,
                    _ => return None,
                };
                let mut points = if random.once_in(4) { Vec::new() } else { lane(random, 0, 1_000_000) };
                points.iter_mut().for_each(|point| point.value *= scale);
                self.node(node).lane = points;
            }
            13 => {
                // Another latency under the same id is announced by the processor itself; here the device is another one.
                let Kind::Late(_) = self.nodes[&node].kind else { return None };
                let latency = u32::try_from(random.within(0, 2000)).expect("small");
                let late = self.add(Kind::Late(latency), 0.0);
                for cable in &mut self.cables {
                    cable.from = if cable.from == node { late } else { cable.from };
                    cable.to = if cable.to == node { late } else { cable.to };
                }
                self.nodes.remove(&node);
            }
            _ => {
                let cable = &mut self.cables[cable];
                if cable.feedback.is_some() {
                    return None;
                }
                (cable.from, cable.to, cable.side) = (cable.to, cable.from, false);
                let (from, to) = (cable.from, cable.to);
                let (into, out_of): (Vec<usize>, Vec<usize>) = (
                    (0..self.cables.len()).filter(|&c| self.cables[c].to == from).collect(),
                    (0..self.cables.len()).filter(|&c| self.cables[c].from == to).collect(),
                );
                // What led into the one leads into the other, and so on: the two change places.
                into.into_iter().for_each(|c| self.cables[c].to = to);
                out_of.into_iter().for_each(|c| self.cables[c].from = from);
                self.cables.iter_mut().filter(|c| c.from == c.to).for_each(|c| (c.from, c.to) = (from, to));
            }
        }
        Some(None)
    }

    /// A new effect in the middle of a cable.
    fn insert(&mut self, cable: usize, random: &mut Random) {
        let kind = match random.index(6) {
            0 => Kind::Late(u32::try_from(random.within(0, 2000)).expect("small")),
            1 => Kind::Scale,
            2 => Kind::Side,
            3 => Kind::Probe,
            4 => Kind::Cross,
            _ => Kind::Sum,
        };
        let value = match kind {
            Kind::Probe => random.value(-0.1, 0.1),
            Kind::Cross => 0.0,
            _ => random.value(-1.0, 1.0),
        };
        let node = self.add(kind, value);
        let Cable { from, to, .. } = self.cables[cable];
        if random.once_in(2) {
            // The cable keeps its id and gets a new end.
            self.cables[cable].to = node;
            self.cables[cable].side = false;
        } else {
            self.cables.remove(cable);
            self.cable(from, node, 1.0);
        }
        self.cable(node, to, 1.0);
    }
}

/// A slow curve within ±1.
pub fn lane(random: &mut Random, from: i64, to: i64) -> Vec<LanePoint> {
    let mut points = Vec::new();
    let mut frame = from;
    while frame < to {
        let shape = match random.index(3) {
            0 => LaneShape::Curve(random.value(-2.0, 2.0)),
            _ => LaneShape::Linear,
        };
        points.push(LanePoint { frame: frame as f64 + 0.25, value: random.value(-1.0, 1.0), shape });
        frame += random.within(4000, 40_000);
    }
    points
}
