//! Builds and frees what the audio thread uses. Nothing here runs on the audio thread; this is the only module of the
//! crate that can allocate.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "this half of the crate never runs on the audio thread"
)]

extern crate alloc;

mod conductor;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use omega_dsp::kernels::Kernels;
use omega_dsp::simd::Level;
use omega_graph::{EdgeId, MeterId, NodeId, Schedule, Step};
use omega_processor::{Event, EventKind, MAX_BLOCK, Processor, Smoothing};
use omega_rt::fifo::fifo;
use omega_rt::latest::latest_value;
use omega_rt::{AlignedBuffer, Consumer, LatestReader, Owned, PeakCell, Producer, Shared};

use crate::delay::Line;
use crate::executor::EVENTS;
use crate::mix::FadeGains;
use crate::slot::{MAX_VARYING, ParamState, Slot, Table};
use crate::{Command, EngineEvent, EngineStatus, Executor, FADE, Lane, LanePoint, Program, STRIDE, Timeline};

pub use conductor::{Conductor, Notification, Plan};

/// Meters by id; shared by all programs and by whoever shows them.
pub type MeterBank = BTreeMap<MeterId, Arc<PeakCell>>;

/// A parameter as a node begins with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSetup {
    /// In the parameter's unit.
    pub value: f32,
    /// How live jumps are made smooth.
    pub smoothing: Smoothing,
    /// Automation, sorted by frame; empty for none.
    pub lane: Vec<LanePoint>,
}

impl ParamSetup {
    /// A parameter without automation.
    #[must_use]
    pub fn new(value: f32, smoothing: Smoothing) -> Self {
        Self { value, smoothing, lane: Vec::new() }
    }
}

/// A node that a program needs and the one before did not have.
pub struct NodeSetup {
    /// Prepared; `None` for nodes that only mix.
    pub processor: Option<Box<dyn Processor>>,
    /// In the descriptor's order.
    pub params: Vec<ParamSetup>,
}

impl core::fmt::Debug for NodeSetup {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NodeSetup").field("params", &self.params).finish_non_exhaustive()
    }
}

/// A lane through `points`: sorted by frame (equal frames keep their order), points that are not finite left out.
/// `None` when none is left.
#[must_use]
pub fn lane(points: &[LanePoint]) -> Option<Lane> {
    let mut points: Vec<LanePoint> =
        points.iter().copied().filter(|point| point.frame.is_finite() && point.value.is_finite()).collect();
    points.sort_by(|a, b| a.frame.total_cmp(&b.frame));
    (!points.is_empty()).then(|| Lane::new(points.into_boxed_slice().into()))
}

/// What a program takes over: where the nodes and lines of the one before are, and how long those lines are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    nodes: BTreeMap<NodeId, u32>,
    /// Index, capacity and channels.
    lines: BTreeMap<EdgeId, (u32, usize, u16)>,
}

impl Inventory {
    /// Index of a node in the program.
    pub(crate) fn node(&self, id: NodeId) -> Option<u32> {
        self.nodes.get(&id).copied()
    }
}

/// Builds a program for `schedule`. Nodes that `before` has are taken over when the program is adopted; of the others,
/// `setups` has the processor (those it lacks stay silent). Missing meters are made.
pub(crate) fn program(
    schedule: Schedule,
    setups: &mut BTreeMap<NodeId, NodeSetup>,
    before: &Inventory,
    meters: &mut MeterBank,
    sample_rate: u32,
) -> (Program, Inventory) {
    let mut after = Inventory::default();
    let (mut slots, mut carried_slots) = (Vec::new(), Vec::new());
    for (index, node) in (0u32..).zip(&schedule.nodes) {
        after.nodes.insert(node.id, index);
        let carried = before.nodes.get(&node.id);
        carried_slots.extend(carried.map(|&old| (index, old)));
        let setup = if carried.is_some() { None } else { setups.remove(&node.id) };
        slots.push(setup.map_or_else(Slot::default, |setup| slot(setup, sample_rate)));
    }
    let feedback: Vec<u32> = schedule
        .steps
        .iter()
        .filter_map(|step| if let Step::FeedbackRead { line, .. } = step { Some(*line) } else { None })
        .collect();
    let (mut lines, mut carried_lines) = (Vec::new(), Vec::new());
    for (index, line) in (0u32..).zip(&schedule.delays) {
        let needed = capacity(line.delay);
        let old = before.lines.get(&line.edge).filter(|old| old.2 == line.channels);
        carried_lines.extend(old.map(|old| (index, old.0)));
        // A line that is taken over as it is needs no memory of its own.
        let reused = old.is_some_and(|old| old.1 >= needed);
        let own = if reused { 0 } else { needed };
        let memory = AlignedBuffer::zeroed(own * usize::from(line.channels));
        lines.push(Line::new(memory, own, line.delay, feedback.contains(&index)));
        let kept = old.filter(|_| reused).map_or(needed, |old| old.1);
        after.lines.insert(line.edge, (index, kept, line.channels));
    }
    let cells = schedule.meters.iter().map(|id| Shared::from(meters.entry(*id).or_default().clone()));
    let cells: Vec<_> = cells.collect();
    let channels = schedule.channels as usize;
    let program = Program {
        slots: slots.into_boxed_slice().into(),
        lines: lines.into_boxed_slice().into(),
        meters: cells.into_boxed_slice().into(),
        slab: AlignedBuffer::zeroed(channels * STRIDE),
        silent: alloc::vec![true; channels].into_boxed_slice().into(),
        carried_slots: carried_slots.into_boxed_slice().into(),
        carried_lines: carried_lines.into_boxed_slice().into(),
        schedule,
    };
    (program, after)
}

/// Frames of a ring for so long a delay: a block is written before the delayed one is read.
fn capacity(delay: u32) -> usize {
    (delay as usize + MAX_BLOCK).next_power_of_two()
}

fn slot(setup: NodeSetup, sample_rate: u32) -> Slot {
    let params: Vec<ParamState> = setup
        .params
        .iter()
        .map(|param| ParamState {
            target: param.value,
            jump: None,
            smoothing: smoothing_frames(param.smoothing, sample_rate),
            lane: lane(&param.lane).map(|lane| Owned::from(Box::new(lane))),
        })
        .collect();
    let values: Vec<f32> = setup.params.iter().map(|param| param.value).collect();
    let moving = params.iter().filter(|param| param.lane.is_some()).count();
    let batch = setup.processor.as_ref().and_then(|processor| processor.batch());
    Slot {
        processor: setup.processor.map(Owned::from),
        batch,
        params: params.into_boxed_slice().into(),
        values: values.into_boxed_slice().into(),
        moving,
        changed: true,
        idle: false,
        failed: false,
    }
}

fn smoothing_frames(smoothing: Smoothing, sample_rate: u32) -> i64 {
    match smoothing {
        Smoothing::None => 0,
        Smoothing::Linear(ms) => {
            let frames = f64::from(ms.clamp(0.0, 10_000.0)) * f64::from(sample_rate) / 1000.0;
            #[allow(clippy::cast_possible_truncation, reason = "at most 10 s at 384 kHz")]
            let frames = frames as i64;
            frames
        }
    }
}

/// The ends of an engine that do not belong to the audio thread.
#[derive(Debug)]
pub struct Control {
    /// To the executor.
    pub commands: Producer<Command>,
    /// From the executor.
    pub events: Consumer<EngineEvent>,
    /// The latest status.
    pub status: LatestReader<EngineStatus>,
}

/// Messages that fit into each FIFO.
const MESSAGES: usize = 16_384;

/// An executor of an empty program, and the other ends of its FIFOs.
#[must_use]
pub fn engine(level: Level) -> (Executor, Control) {
    let (commands, command_consumer) = fifo(MESSAGES);
    let (event_producer, events) = fifo(MESSAGES);
    let (status_writer, status) = latest_value(EngineStatus::default());
    let schedule = Schedule { max_frames: u32::MAX, ..Schedule::default() };
    let (nothing, _) =
        program(schedule, &mut BTreeMap::new(), &Inventory::default(), &mut MeterBank::new(), 48_000);
    let tables = core::array::from_fn(|_: usize| Table::new(AlignedBuffer::zeroed(MAX_VARYING * STRIDE)));
    let executor = Executor {
        program: Box::new(nothing).into(),
        kernels: Kernels::new(level),
        commands: command_consumer,
        events: event_producer,
        status: status_writer,
        line: Timeline::default(),
        time: 0,
        adopted: -FADE,
        leap: None,
        landed: None,
        fades: FadeGains::new(),
        tables,
        pending: [(0, EventKind::Transport); EVENTS],
        pending_used: 0,
        found: [Event { frame: 0, kind: EventKind::Transport }; EVENTS],
        missing: 0,
        dropped: 0,
    };
    (executor, Control { commands, events, status })
}
