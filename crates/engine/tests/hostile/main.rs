//! The engine under hostile use: storms of transport commands, any cut into blocks, extreme numbers, full FIFOs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests run off the audio thread"
)]

mod containment;
mod determinism;
mod limits;
mod overrun;
mod transport;

use omega_engine::prepare::{NodeSetup, ParamSetup, Plan};
use omega_graph::{EdgeId, EdgeSpec, MeterId, MeterSpec, NodeId, NodeSpec, Role};
use omega_processor::{PrepareConfig, Processor};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const CONFIG: PrepareConfig = PrepareConfig { sample_rate: 48_000, inputs: 1, outputs: 1 };

/// Puts mono graphs together. Ids count from zero.
#[derive(Default)]
struct Builder {
    plan: Plan,
}

impl Builder {
    fn push(&mut self, spec: NodeSpec) -> u64 {
        let id = spec.id.0;
        self.plan.spec.nodes.push(spec);
        id
    }

    fn next(&self, role: Role) -> NodeSpec {
        let id = self.plan.spec.nodes.len() as u64;
        NodeSpec::new(NodeId(id), format!("node {id}"), role, 1)
    }

    fn source(&mut self, processor: impl Processor) -> u64 {
        let spec = NodeSpec { inputs: 0, ..self.next(Role::Processor) };
        self.node(spec, processor, Vec::new())
    }

    fn effect(&mut self, processor: impl Processor, params: Vec<ParamSetup>) -> u64 {
        let latency = processor.latency();
        let spec = NodeSpec { latency, ..self.next(Role::Processor) };
        self.node(spec, processor, params)
    }

    fn node(&mut self, spec: NodeSpec, processor: impl Processor, params: Vec<ParamSetup>) -> u64 {
        self.plan.params.insert(spec.id, params.clone());
        let processor: Option<Box<dyn Processor>> = Some(Box::new(processor));
        self.plan.setups.insert(spec.id, NodeSetup { processor, params });
        self.push(spec)
    }

    fn sum(&mut self, wide_sum: bool) -> u64 {
        let spec = NodeSpec { wide_sum, ..self.next(Role::Sum) };
        self.push(spec)
    }

    fn output(&mut self) -> u64 {
        let spec = self.next(Role::Output { first: 0 });
        self.push(spec)
    }

    fn cable(&mut self, from: u64, to: u64) -> &mut EdgeSpec {
        let id = EdgeId(self.plan.spec.edges.len() as u64);
        self.plan.spec.edges.push(EdgeSpec::new(id, NodeId(from), NodeId(to)));
        self.plan.spec.edges.last_mut().expect("just pushed")
    }

    fn chain(&mut self, nodes: &[u64]) {
        for pair in nodes.windows(2) {
            self.cable(pair[0], pair[1]);
        }
    }

    fn meter(&mut self, node: u64) {
        self.plan.spec.meters.push(MeterSpec { id: MeterId(node), node: NodeId(node) });
    }
}
