//! What a graph costs at 10, 100 and 1,000 tracks: `cargo run --release -p omega-engine --example growth`.
//!
//! Each track: a source, four devices, a fader, two sends, one of eight buses; buses, returns and master behind them, a
//! meter at each track. Times are minima of several runs; `adopt` is what the audio thread does to take a program over
//! that changes one cable.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "measures off the audio thread"
)]

use std::time::{Duration, Instant};

use omega_dsp::simd::Level;
use omega_engine::Planar;
use omega_engine::prepare::{NodeSetup, ParamSetup, Plan};
use omega_graph::{
    ChannelMap, EdgeId, EdgeSpec, GraphSpec, MeterId, MeterSpec, NodeId, NodeSpec, Role, compile,
};
use omega_processor::{ProcessBlock, Processor, Smoothing, Status};
use omega_testkit::processors::Constant;
use omega_testkit::rig::Rig;

/// A device that does next to nothing, so that the engine's own cost is seen.
struct Gain;

impl Processor for Gain {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let gain = block.params.at(0, 0);
        for channel in block.main.iter_mut() {
            channel.iter_mut().for_each(|out| *out *= gain);
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

fn session(tracks: u64) -> GraphSpec {
    let mut spec = GraphSpec::default();
    let master = 1;
    spec.nodes.push(NodeSpec::new(NodeId(master), "master", Role::Output { first: 0 }, 2));
    for bus in 0..10 {
        spec.nodes.push(NodeSpec::new(NodeId(10 + bus), format!("bus {bus}"), Role::Sum, 2));
        spec.edges.push(EdgeSpec::new(EdgeId(10 + bus), NodeId(10 + bus), NodeId(master)));
    }
    for track in 0..tracks {
        let node = |index: u64| NodeId(1000 + track * 20 + index);
        let cable = |index: u64, from, to| EdgeSpec::new(EdgeId(1000 + track * 20 + index), from, to);
        for index in 0..8 {
            let inputs = if index == 0 { 0 } else { 2 };
            let spec_of = NodeSpec::new(node(index), format!("{track}.{index}"), Role::Processor, 2);
            let latency = if index == 2 && track % 10 == 0 { 64 } else { 0 };
            spec.nodes.push(NodeSpec { inputs, latency, ..spec_of });
        }
        spec.edges.extend((0..5).map(|index| cable(index, node(index), node(index + 1))));
        spec.edges.push(cable(5, node(5), NodeId(10 + track % 8)));
        for send in 0..2 {
            spec.edges.push(cable(6 + send, node(5), node(6 + send)));
            spec.edges.push(cable(8 + send, node(6 + send), NodeId(18 + send)));
        }
        spec.meters.push(MeterSpec { id: MeterId(track), node: node(5) });
    }
    spec
}

fn plan(spec: GraphSpec, needs: &[NodeId]) -> Plan {
    let mut plan = Plan { spec, ..Plan::default() };
    for node in plan.spec.nodes.iter().filter(|node| node.role == Role::Processor) {
        let params = vec![ParamSetup::new(0.5, Smoothing::Linear(20.0))];
        plan.params.insert(node.id, params.clone());
        let processor: Box<dyn Processor> =
            if node.inputs == 0 { Box::new(Constant { value: 0.1 }) } else { Box::new(Gain) };
        if needs.binary_search(&node.id).is_ok() {
            plan.setups.insert(node.id, NodeSetup { processor: Some(processor), params });
        }
    }
    plan
}

fn least(turns: u32, mut work: impl FnMut() -> Duration) -> Duration {
    (0..turns).map(|_| work()).min().unwrap_or_default()
}

fn process(rig: &mut Rig, memory: &mut [f32]) -> Duration {
    let begin = Instant::now();
    rig.executor.process(&mut Planar { inputs: &[], outputs: memory, frames: 256 }, 256);
    begin.elapsed()
}

fn main() {
    println!("tracks   nodes  compile ms  update ms  block µs  µs/track  adopt µs");
    for tracks in [10, 100, 1000] {
        let spec = session(tracks);
        let compiled = least(7, || {
            let begin = Instant::now();
            let compiled = compile(&spec).expect("a valid graph");
            let took = begin.elapsed();
            drop(compiled);
            took
        });
        let mut rig = Rig::new(Level::detect(), 2);
        let mut needs = rig.conductor.needs(&spec);
        needs.sort();
        rig.conductor.begin(plan(spec.clone(), &needs)).expect("a valid graph");
        let mut memory = vec![0.0; 512];
        least(20, || process(&mut rig, &mut memory));
        rig.conductor.poll();
        let block = least(50, || process(&mut rig, &mut memory));
        let (mut update, mut adopt) = (Duration::MAX, Duration::MAX);
        for turn in 0..6u16 {
            let mut edited = spec.clone();
            edited.edges[12].map = ChannelMap::List(vec![(0, 0, f32::from(turn) * 0.1)]);
            let plan = plan(edited, &[]);
            let begin = Instant::now();
            rig.conductor.update(plan).expect("a valid graph");
            update = update.min(begin.elapsed());
            // The call without frames does nothing but adopt.
            let begin = Instant::now();
            rig.executor.process(&mut Planar { inputs: &[], outputs: &mut [], frames: 0 }, 0);
            adopt = adopt.min(begin.elapsed());
            least(6, || process(&mut rig, &mut memory));
            rig.conductor.poll();
            least(6, || process(&mut rig, &mut memory));
            assert!(rig.conductor.settled(), "all programs came back");
        }
        println!(
            "{tracks:6} {:7} {:11.2} {:10.2} {:9.1} {:9.2} {:9.1}",
            spec.nodes.len(),
            compiled.as_secs_f64() * 1e3,
            update.as_secs_f64() * 1e3,
            block.as_secs_f64() * 1e6,
            block.as_secs_f64() * 1e6 / tracks as f64,
            adopt.as_secs_f64() * 1e6,
        );
    }
}
