//! Hands schedules over while sound goes on.

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::Any;

use omega_graph::{CompileError, GraphSpec, NodeId, Notice, Schedule, compile, transition};
use omega_processor::EventKind;
use omega_rt::Owned;

use super::{Control, Inventory, MeterBank, NodeSetup, ParamSetup, lane, program};
use crate::slot::MAX_VARYING;
use crate::{Command, EngineEvent, EngineStatus, LoopRange};

/// Places in the FIFO that a plan wants to find: its programs must not be lost half-way.
const ROOM: usize = 16;

/// What is to run.
#[derive(Debug, Default)]
pub struct Plan {
    /// The graph.
    pub spec: GraphSpec,
    /// Processors of the nodes that the conductor does not have yet, see [`Conductor::needs`].
    pub setups: BTreeMap<NodeId, NodeSetup>,
    /// Parameters of all nodes, as they shall be. Nodes that run already are brought there by live jumps.
    pub params: BTreeMap<NodeId, Vec<ParamSetup>>,
}

/// What the engine has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Notification {
    /// Compile anew with this latency.
    LatencyChanged {
        /// The node.
        node: NodeId,
        /// Frames.
        frames: u32,
    },
    /// The node is silent from now on.
    Failed {
        /// The node.
        node: NodeId,
        /// The processor's own number.
        code: u32,
    },
}

/// The part of the engine that thinks: compiles, builds, sends, and drops what comes back. Belongs to one thread that is
/// not the audio thread; call [`poll`](Self::poll) often.
#[derive(Debug)]
pub struct Conductor {
    control: Control,
    sample_rate: u32,
    meters: MeterBank,
    /// What was sent last.
    spec: GraphSpec,
    schedule: Schedule,
    inventory: Inventory,
    params: BTreeMap<NodeId, Vec<ParamSetup>>,
    /// Programs that were sent, less those that came back: zero when the one in use is the one sent last.
    out: usize,
    /// Waits until the transition before it is done.
    waiting: Option<Plan>,
    notices: Vec<Notice>,
}

impl Conductor {
    /// Conducts the executor at the other end of `control`.
    #[must_use]
    pub fn new(control: Control, sample_rate: u32) -> Self {
        let schedule = Schedule::default();
        Self {
            control,
            sample_rate,
            meters: MeterBank::new(),
            spec: GraphSpec::default(),
            schedule,
            inventory: Inventory::default(),
            params: BTreeMap::new(),
            out: 0,
            waiting: None,
            notices: Vec::new(),
        }
    }

    /// Nodes of `spec` for which a [`NodeSetup`] is needed.
    #[must_use]
    pub fn needs(&self, spec: &GraphSpec) -> Vec<NodeId> {
        let waits = |id: &NodeId| self.waiting.as_ref().is_some_and(|plan| plan.setups.contains_key(id));
        spec.nodes
            .iter()
            .map(|node| node.id)
            .filter(|id| self.inventory.node(*id).is_none() && !waits(id))
            .collect()
    }

    /// Sends `plan` at once, without a transition: for the first one, and for rendering.
    ///
    /// # Errors
    /// The graph was refused; what ran before goes on.
    pub fn begin(&mut self, plan: Plan) -> Result<(), CompileError> {
        self.check(&plan)?;
        self.merge(plan);
        self.send_waiting(false)
    }

    /// Goes over to `plan`: what changed is cross-faded, what stays is not touched. While an earlier transition is still
    /// going on, the plan waits for it; of several that wait, the last one counts.
    ///
    /// # Errors
    /// The graph was refused; what ran before goes on.
    pub fn update(&mut self, plan: Plan) -> Result<(), CompileError> {
        self.check(&plan)?;
        self.merge(plan);
        self.poll_quietly();
        if self.settled() { self.send_waiting(true) } else { Ok(()) }
    }

    /// All that was sent is in use, and nothing waits.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.out == 0
    }

    /// Takes what came back, drops it, and sends what waits.
    pub fn poll(&mut self) -> Vec<Notification> {
        let heard = self.poll_quietly();
        if self.settled() && self.waiting.is_some() {
            // The graph was checked when it came; a refusal here would be the same one.
            let _ = self.send_waiting(true);
        }
        heard
    }

    /// Changes a parameter as a hand does.
    pub fn set_param(&mut self, node: NodeId, param: u16, value: f32) {
        if let Some(setup) = self.params.get_mut(&node).and_then(|params| params.get_mut(usize::from(param)))
        {
            setup.value = value;
        }
        if let Some(node) = self.inventory.node(node) {
            self.send(Command::Param { node, param, value, smooth: true });
        }
    }

    /// Hands a prepared value to a processor; `false` (and the value is dropped) when the node is not running.
    pub fn exchange(&mut self, node: NodeId, payload: Box<dyn Any + Send>) -> bool {
        let Some(node) = self.inventory.node(node) else { return false };
        self.send(Command::Exchange { node, payload: Owned::from(payload) })
    }

    /// Sends an event to a node.
    pub fn event(&mut self, node: NodeId, kind: EventKind) {
        if let Some(node) = self.inventory.node(node) {
            self.send(Command::Event { node, kind });
        }
    }

    /// Rolls.
    pub fn play(&mut self) {
        self.send(Command::Play);
    }

    /// Stands still.
    pub fn stop(&mut self) {
        self.send(Command::Stop);
    }

    /// Jumps.
    pub fn locate(&mut self, position: i64) {
        self.send(Command::Locate(position));
    }

    /// Sets or clears the loop.
    pub fn set_loop(&mut self, range: Option<LoopRange>) {
        self.send(Command::Loop(range));
    }

    /// The latest status of the engine.
    pub fn status(&mut self) -> EngineStatus {
        self.control.status.get()
    }

    /// All meters that ever were.
    #[must_use]
    pub fn meters(&self) -> &MeterBank {
        &self.meters
    }

    /// The graph sent last.
    #[must_use]
    pub fn spec(&self) -> &GraphSpec {
        &self.spec
    }

    /// The schedule sent last.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What the compiler had to change in what was sent last.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The graph compiles, and no node has more automated parameters than the engine evaluates.
    fn check(&self, plan: &Plan) -> Result<(), CompileError> {
        for (id, params) in &plan.params {
            let lanes = params.iter().filter(|param| !param.lane.is_empty()).count();
            if lanes > MAX_VARYING {
                let node = plan.spec.nodes.iter().find(|node| node.id == *id);
                return Err(CompileError::OutOfBounds {
                    node: node.map(|node| node.name.clone()).unwrap_or_default(),
                    what: "the number of automated parameters",
                    value: i64::try_from(lanes).unwrap_or(i64::MAX),
                    limit: i64::try_from(MAX_VARYING).unwrap_or(i64::MAX),
                });
            }
        }
        compile(&plan.spec).map(drop)
    }

    fn merge(&mut self, mut plan: Plan) {
        if let Some(mut before) = self.waiting.take() {
            before.setups.append(&mut plan.setups);
            plan.setups = before.setups;
        }
        self.waiting = Some(plan);
    }

    fn send_waiting(&mut self, fade: bool) -> Result<(), CompileError> {
        if self.control.commands.free() < ROOM {
            return Ok(());
        }
        let Some(mut plan) = self.waiting.take() else { return Ok(()) };
        let ways = if fade { transition(&self.spec, &self.schedule, &plan.spec) } else { Vec::new() };
        let unchanged = fade && ways.is_empty() && same_but_names(&self.spec, &plan.spec);
        if !unchanged {
            for spec in ways {
                let compiled = compile(&spec)?;
                self.send_program(compiled.schedule, &mut plan.setups);
            }
            let compiled = compile(&plan.spec)?;
            self.notices = compiled.notices;
            self.schedule = compiled.schedule.clone();
            self.send_program(compiled.schedule, &mut plan.setups);
        }
        self.spec = plan.spec;
        self.send_params(plan.params);
        Ok(())
    }

    fn send_program(&mut self, schedule: Schedule, setups: &mut BTreeMap<NodeId, NodeSetup>) {
        let fresh: Vec<NodeId> =
            schedule.nodes.iter().map(|n| n.id).filter(|id| self.inventory.node(*id).is_none()).collect();
        for id in fresh {
            self.params.insert(id, setups.get(&id).map(|setup| setup.params.clone()).unwrap_or_default());
        }
        let (program, inventory) =
            program(schedule, setups, &self.inventory, &mut self.meters, self.sample_rate);
        self.inventory = inventory;
        if self.send(Command::Adopt(Box::new(program).into())) {
            self.out += 1;
        }
    }

    /// Sends what differs from what the nodes have.
    fn send_params(&mut self, params: BTreeMap<NodeId, Vec<ParamSetup>>) {
        for (id, wanted) in params {
            let Some(node) = self.inventory.node(id) else { continue };
            let mut has = self.params.remove(&id).unwrap_or_default();
            for ((param, wanted), has) in (0u16..).zip(&wanted).zip(&mut has) {
                if wanted.lane != has.lane {
                    let lane = lane(&wanted.lane).map(|lane| Owned::from(Box::new(lane)));
                    if self.send(Command::Lane { node, param, lane }) {
                        has.lane.clone_from(&wanted.lane);
                    }
                }
                if wanted.value.to_bits() != has.value.to_bits()
                    && self.send(Command::Param { node, param, value: wanted.value, smooth: true })
                {
                    has.value = wanted.value;
                }
            }
            // What did not fit into the FIFO still differs, and is sent with the next plan.
            self.params.insert(id, has);
        }
        let inventory = &self.inventory;
        self.params.retain(|id, _| inventory.node(*id).is_some());
    }

    fn poll_quietly(&mut self) -> Vec<Notification> {
        let mut heard = Vec::new();
        while let Some(event) = self.control.events.pop() {
            match event {
                EngineEvent::Retired(_) => self.out = self.out.saturating_sub(1),
                EngineEvent::Payload(_) | EngineEvent::Lane(_) => {}
                EngineEvent::LatencyChanged { node, frames } => {
                    heard.push(Notification::LatencyChanged { node, frames });
                }
                EngineEvent::Failed { node, code } => heard.push(Notification::Failed { node, code }),
            }
        }
        heard
    }

    /// `false` when the audio thread has not taken anything for so long that the FIFO is full.
    fn send(&mut self, command: Command) -> bool {
        self.control.commands.push(command).is_ok()
    }
}

/// The same schedule would come out.
fn same_but_names(a: &GraphSpec, b: &GraphSpec) -> bool {
    let nodes = a.nodes.len() == b.nodes.len()
        && a.nodes.iter().zip(&b.nodes).all(|(a, b)| {
            (a.id, a.role, a.inputs, a.outputs, &a.aux, a.latency, a.batch, a.wide_sum)
                == (b.id, b.role, b.inputs, b.outputs, &b.aux, b.latency, b.batch, b.wide_sum)
        });
    nodes && a.edges == b.edges && a.meters == b.meters
}
