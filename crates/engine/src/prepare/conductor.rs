//! Hands schedules over while sound goes on.

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use omega_graph::{
    CompileError, Compiled, GraphSpec, MeterId, NodeId, Notice, Schedule, compile, passes, transition,
};
use omega_processor::EventKind;
use omega_rt::{Owned, faults};

use super::{Cells, Control, Inventory, LoadBank, MeterBank, NodeSetup, ParamSetup, lane, program};
use crate::slot::MAX_VARYING;
use crate::{Command, EngineEvent, EngineStatus, Fault, LoopRange, RecordRange};

/// Commands that wait for room in the FIFO at most, beside those that replace one that waits already.
const BACKLOG: usize = 1 << 16;

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
    /// The node was taken out of the sound.
    Failed {
        /// The node.
        node: NodeId,
        /// Why.
        fault: Fault,
    },
}

/// The part of the engine that thinks: compiles, builds, sends, and drops what comes back. Belongs to one thread that is
/// not the audio thread; call [`poll`](Self::poll) often.
///
/// Commands that find the FIFO full (the audio thread has not run for a while) wait in their order and are sent by the
/// next `poll`; nothing is lost but notes and MIDI beyond all measure.
#[derive(Debug)]
pub struct Conductor {
    control: Control,
    sample_rate: u32,
    cells: Cells,
    /// What was sent last.
    spec: GraphSpec,
    schedule: Schedule,
    inventory: Inventory,
    params: BTreeMap<NodeId, Vec<ParamSetup>>,
    /// Programs that were sent, less those that came back: zero when the one in use is the one sent last.
    out: usize,
    /// Waits until the transition before it is done.
    waiting: Option<Waiting>,
    notices: Vec<Notice>,
    /// Not fetched yet.
    heard: Vec<Notification>,
    /// Found no room in the FIFO.
    backlog: VecDeque<Command>,
}

/// A plan that was checked.
#[derive(Debug)]
struct Waiting {
    plan: Plan,
    compiled: Compiled,
}

impl Conductor {
    /// Conducts the executor at the other end of `control`.
    #[must_use]
    pub fn new(control: Control, sample_rate: u32) -> Self {
        Self {
            control,
            sample_rate,
            cells: Cells::default(),
            spec: GraphSpec::default(),
            schedule: Schedule::default(),
            inventory: Inventory::default(),
            params: BTreeMap::new(),
            out: 0,
            waiting: None,
            notices: Vec::new(),
            heard: Vec::new(),
            backlog: VecDeque::new(),
        }
    }

    /// Nodes of `spec` for which a [`NodeSetup`] is needed: those that would run, and neither run nor wait to.
    #[must_use]
    pub fn needs(&self, spec: &GraphSpec) -> Vec<NodeId> {
        let waits =
            |id: &NodeId| self.waiting.as_ref().is_some_and(|waiting| waiting.plan.setups.contains_key(id));
        let run: Vec<NodeId> = match passes::validate::run(spec).map(passes::prune::run) {
            Ok(graph) => graph.nodes.iter().map(|node| node.id).collect(),
            // It will be refused anyway.
            Err(_) => spec.nodes.iter().map(|node| node.id).collect(),
        };
        run.into_iter().filter(|id| self.inventory.node(*id).is_none() && !waits(id)).collect()
    }

    /// Sends `plan` at once, without a transition: for the first one, and for rendering.
    ///
    /// # Errors
    /// The graph was refused; what ran before goes on.
    pub fn begin(&mut self, plan: Plan) -> Result<(), CompileError> {
        self.merge(plan)?;
        self.send_waiting(false);
        Ok(())
    }

    /// Goes over to `plan`: what changed is cross-faded, what stays is not touched. While an earlier transition is still
    /// going on, the plan waits for it; of several that wait, the last one counts.
    ///
    /// # Errors
    /// The graph was refused; what ran before goes on.
    pub fn update(&mut self, plan: Plan) -> Result<(), CompileError> {
        self.merge(plan)?;
        self.work();
        Ok(())
    }

    /// All that was sent is in use, and nothing waits.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.out == 0 && self.waiting.is_none() && self.backlog.is_empty()
    }

    /// Takes what came back, drops it, sends what waits, and says what there is to say.
    pub fn poll(&mut self) -> Vec<Notification> {
        self.work();
        core::mem::take(&mut self.heard)
    }

    /// Changes a parameter as a hand does. A node that waits to be sent will begin with the value. A value that is not
    /// finite changes nothing.
    pub fn set_param(&mut self, node: NodeId, param: u16, value: f32) {
        if !value.is_finite() {
            return;
        }
        let index = usize::from(param);
        let set = |params: Option<&mut Vec<ParamSetup>>| {
            if let Some(setup) = params.and_then(|params| params.get_mut(index)) {
                setup.value = value;
            }
        };
        if let Some(waiting) = &mut self.waiting {
            set(waiting.plan.params.get_mut(&node));
            set(waiting.plan.setups.get_mut(&node).map(|setup| &mut setup.params));
        }
        set(self.params.get_mut(&node));
        if let Some(node) = self.inventory.node(node) {
            self.send(Command::Param { node, param, value, smooth: true });
        }
    }

    /// Hands a prepared value to a processor; `false` (and the value is dropped) when the node is neither running nor
    /// waiting to run.
    pub fn exchange(&mut self, node: NodeId, mut payload: Box<dyn Any + Send>) -> bool {
        if let Some(node) = self.inventory.node(node) {
            return self.send(Command::Exchange { node, payload: Owned::from(payload) });
        }
        let setup = self.waiting.as_mut().and_then(|waiting| waiting.plan.setups.get_mut(&node));
        match setup.and_then(|setup| setup.processor.as_mut()) {
            Some(processor) => {
                processor.exchange(&mut *payload);
                true
            }
            None => false,
        }
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

    /// Rolls after a count-in of `frames` frames, during which the time line stands and metronomes count.
    pub fn play_in(&mut self, frames: i64) {
        self.send(Command::PlayIn(frames));
    }

    /// Says where is recorded while the time line rolls, or that nothing is.
    pub fn set_record(&mut self, range: Option<RecordRange>) {
        self.send(Command::Record(range));
    }

    /// Stands still.
    pub fn stop(&mut self) {
        self.send(Command::Stop);
    }

    /// Lets go of all keys that are down of the MIDI that comes in: nobody will hear of their release.
    pub fn release_keys(&mut self) {
        self.send(Command::Release);
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

    /// Meters of the schedule sent last, and older ones that somebody still holds.
    #[must_use]
    pub fn meters(&self) -> &MeterBank {
        &self.cells.meters
    }

    /// Loads of the nodes that run. All zero unless the executor looks at a clock.
    #[must_use]
    pub fn loads(&self) -> &LoadBank {
        &self.cells.loads
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

    // --- Plans ----------------------------------------------------------------------------------------------------

    /// Checks `plan` and puts it in the place of the one that waits.
    fn merge(&mut self, mut plan: Plan) -> Result<(), CompileError> {
        check_lanes(&plan)?;
        let compiled = compile(&plan.spec)?;
        if let Some(before) = self.waiting.take() {
            let mut setups = before.plan.setups;
            setups.append(&mut plan.setups);
            plan.setups = setups;
        }
        self.waiting = Some(Waiting { plan, compiled });
        Ok(())
    }

    /// Takes what came back, and sends what waits if it can.
    fn work(&mut self) {
        self.receive();
        self.send_backlog();
        if self.out == 0 && self.backlog.is_empty() {
            self.send_waiting(true);
        }
    }

    fn send_waiting(&mut self, fade: bool) {
        let Some(Waiting { mut plan, compiled }) = self.waiting.take() else { return };
        if !(fade && same_but_names(&self.spec, &plan.spec)) {
            let stages = if fade { transition(&self.spec, &self.schedule, &plan.spec).ok() } else { None };
            // A transition that cannot be compiled is no reason to lose the edit.
            for stage in stages.unwrap_or_else(|| Vec::from([compiled])) {
                (self.schedule, self.notices) = (stage.schedule.clone(), stage.notices);
                self.send_program(stage.schedule, &mut plan.setups);
            }
        }
        self.spec = plan.spec;
        self.send_params(plan.params);
    }

    fn send_program(&mut self, schedule: Schedule, setups: &mut BTreeMap<NodeId, NodeSetup>) {
        let fresh: Vec<NodeId> =
            schedule.nodes.iter().map(|n| n.id).filter(|id| self.inventory.node(*id).is_none()).collect();
        for id in fresh {
            self.params.insert(id, setups.get(&id).map(|setup| setup.params.clone()).unwrap_or_default());
        }
        let (program, inventory) =
            program(schedule, setups, &self.inventory, &mut self.cells, self.sample_rate);
        self.inventory = inventory;
        self.send(Command::Adopt(Box::new(program).into()));
        self.out += 1;
    }

    /// Sends what differs from what the nodes have.
    fn send_params(&mut self, params: BTreeMap<NodeId, Vec<ParamSetup>>) {
        for (id, wanted) in params {
            let Some(node) = self.inventory.node(id) else { continue };
            let mut has = self.params.remove(&id).unwrap_or_default();
            for ((param, wanted), has) in (0u16..).zip(&wanted).zip(&mut has) {
                if wanted.lane != has.lane {
                    let lane = lane(&wanted.lane).map(|lane| Owned::from(Box::new(lane)));
                    self.send(Command::Lane { node, param, lane });
                    has.lane.clone_from(&wanted.lane);
                }
                if wanted.value.to_bits() != has.value.to_bits() && wanted.value.is_finite() {
                    self.send(Command::Param { node, param, value: wanted.value, smooth: true });
                    has.value = wanted.value;
                }
            }
            self.params.insert(id, has);
        }
        let inventory = &self.inventory;
        self.params.retain(|id, _| inventory.node(*id).is_some());
    }

    // --- FIFOs ----------------------------------------------------------------------------------------------------

    fn receive(&mut self) {
        let mut retired = false;
        while let Some(event) = self.control.events.pop() {
            match event {
                EngineEvent::Retired(_) => (self.out, retired) = (self.out.saturating_sub(1), true),
                EngineEvent::Payload(_) | EngineEvent::Lane(_) => {}
                EngineEvent::LatencyChanged { node, frames } => {
                    self.heard.push(Notification::LatencyChanged { node, frames });
                }
                EngineEvent::Failed { node, fault } => {
                    self.heard.push(Notification::Failed { node, fault });
                }
            }
        }
        if retired {
            let used: BTreeSet<MeterId> = self.schedule.meters.iter().copied().collect();
            self.cells.meters.retain(|id, cell| used.contains(id) || Arc::strong_count(cell) > 1);
            self.cells.loads.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
    }

    /// Sends `command`, or lets it wait; `false`, and it is dropped, when more wait than there is room for.
    fn send(&mut self, command: Command) -> bool {
        self.send_backlog();
        if !self.backlog.is_empty() && !faults::OVERTAKING.is_on() {
            return self.wait(command);
        }
        match self.control.commands.push(command) {
            Ok(()) => true,
            Err(command) => self.wait(command),
        }
    }

    fn wait(&mut self, command: Command) -> bool {
        // Indices of nodes hold from one program to the next, and order matters between other commands.
        let mut since = self.backlog.iter_mut().rev().take_while(|waits| {
            matches!(waits, Command::Param { .. } | Command::Event { .. } | Command::Exchange { .. })
        });
        if let Command::Param { node, param, value, .. } = &command {
            let older = since.find_map(|waits| match waits {
                Command::Param { node: n, param: p, value, .. } if (*n, *p) == (*node, *param) => Some(value),
                _ => None,
            });
            if let Some(older) = older {
                *older = *value;
                return true;
            }
        }
        let room = self.backlog.len() < BACKLOG || !matches!(command, Command::Event { .. });
        if room {
            self.backlog.push_back(command);
        }
        room
    }

    fn send_backlog(&mut self) {
        while let Some(command) = self.backlog.pop_front() {
            if let Err(command) = self.control.commands.push(command) {
                self.backlog.push_front(command);
                return;
            }
        }
    }
}

/// No node has more automated parameters than the engine evaluates.
fn check_lanes(plan: &Plan) -> Result<(), CompileError> {
    let of_setups = plan.setups.iter().map(|(id, setup)| (id, &setup.params));
    for (id, params) in plan.params.iter().chain(of_setups) {
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
    Ok(())
}

/// The same schedule would come out.
fn same_but_names(a: &GraphSpec, b: &GraphSpec) -> bool {
    let nodes = a.nodes.len() == b.nodes.len()
        && a.nodes.iter().zip(&b.nodes).all(|(a, b)| {
            (a.id, a.role, a.inputs, a.outputs, &a.aux, a.latency, a.batch, a.wide_sum, a.hears)
                == (b.id, b.role, b.inputs, b.outputs, &b.aux, b.latency, b.batch, b.wide_sum, b.hears)
        });
    nodes && a.edges == b.edges && a.meters == b.meters
}
