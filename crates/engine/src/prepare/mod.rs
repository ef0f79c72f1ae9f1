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
use omega_graph::{EdgeId, Fade, MeterId, NodeId, Schedule, ScheduledNode};
use omega_processor::{Processor, Smoothing};
use omega_rt::fifo::fifo;
use omega_rt::latest::latest_value;
use omega_rt::{AlignedBuffer, Consumer, LatestReader, LoadCell, Owned, PeakCell, Producer, Shared};

use crate::delay::{Line, Ring, Tap};
use crate::executor::Ends;
use crate::keys::Keys;
use crate::program::Change;
use crate::slab::Slab;
use crate::slot::{MAX_VARYING, ParamState, Slot, Table, Untold};
use crate::{Command, EngineEvent, EngineStatus, Executor, Lane, LanePoint, LaneShape, Program, STRIDE};

pub use conductor::{Conductor, Notification, Plan};

/// Meters by id; shared by all programs and by whoever shows them.
pub type MeterBank = BTreeMap<MeterId, Arc<PeakCell>>;

/// Loads by node; see [`Executor::watch`].
pub type LoadBank = BTreeMap<NodeId, Arc<LoadCell>>;

/// Cells that outlive the programs that write to them.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) meters: MeterBank,
    pub(crate) loads: LoadBank,
}

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

/// A lane through `points`: sorted by frame (equal frames keep their order), points that are not finite left out, bows
/// brought into their range. `None` when no point is left.
#[must_use]
pub fn lane(points: &[LanePoint]) -> Option<Lane> {
    let shape = |shape| match shape {
        LaneShape::Curve(bow) if bow.is_nan() => LaneShape::Linear,
        LaneShape::Curve(bow) => LaneShape::Curve(bow.clamp(-20.0, 20.0)),
        other => other,
    };
    let finite = points.iter().filter(|point| point.frame.is_finite() && point.value.is_finite());
    let mut points: Vec<LanePoint> =
        finite.map(|point| LanePoint { shape: shape(point.shape), ..*point }).collect();
    points.sort_by(|a, b| a.frame.total_cmp(&b.frame));
    (!points.is_empty()).then(|| Lane::new(points.into_boxed_slice().into()))
}

/// What the program sent last has, for the next one to take over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    /// Index and arrival.
    nodes: BTreeMap<NodeId, (u32, u32)>,
    /// Index, capacity and channels.
    lines: BTreeMap<NodeId, (u32, usize, u16)>,
    /// Delays.
    taps: BTreeMap<EdgeId, u32>,
}

impl Inventory {
    /// Index of a node in the program.
    pub(crate) fn node(&self, id: NodeId) -> Option<u32> {
        self.nodes.get(&id).map(|(index, _)| *index)
    }
}

/// Builds a program for `schedule`. Nodes that `before` has are taken over when the program is adopted; of the others,
/// `setups` has the processor (those it lacks stay silent). Missing cells are made.
pub(crate) fn program(
    schedule: Schedule,
    setups: &mut BTreeMap<NodeId, NodeSetup>,
    before: &Inventory,
    cells: &mut Cells,
    sample_rate: u32,
) -> (Program, Inventory) {
    let (mut after, mut change) = (Inventory::default(), Change::default());
    let slots = slots(&schedule, (setups, &mut cells.loads), before, sample_rate, (&mut after, &mut change));
    let lines = lines(&schedule, before, (&mut after, &mut change));
    let taps = taps(&schedule, before, (&mut after, &mut change));
    change.fades |= schedule.fading || !change.arrivals.is_empty();
    let meters = schedule.meters.iter().map(|id| Shared::from(cells.meters.entry(*id).or_default().clone()));
    let meters: Vec<_> = meters.collect();
    let channels = schedule.channels as usize;
    let silent = alloc::vec![true; channels].into_boxed_slice().into();
    let program = Program {
        slots: slots.into_boxed_slice().into(),
        lines: lines.into_boxed_slice().into(),
        taps: taps.into_boxed_slice().into(),
        meters: meters.into_boxed_slice().into(),
        slab: Slab::new(AlignedBuffer::zeroed(channels * STRIDE), silent),
        change,
        schedule,
    };
    (program, after)
}

fn slots(
    schedule: &Schedule,
    (setups, loads): (&mut BTreeMap<NodeId, NodeSetup>, &mut LoadBank),
    before: &Inventory,
    sample_rate: u32,
    (after, change): (&mut Inventory, &mut Change),
) -> Vec<Option<Owned<Slot>>> {
    let (mut carried, mut arrivals) = (Vec::new(), Vec::new());
    let slots = (0u32..).zip(&schedule.nodes).map(|(index, node)| {
        after.nodes.insert(node.id, (index, node.arrival));
        if let Some((old, arrival)) = before.nodes.get(&node.id) {
            carried.push((index, *old));
            if *arrival != node.arrival {
                arrivals.push((index, *arrival));
            }
            return None;
        }
        let setup = setups.remove(&node.id)?;
        let load = Shared::from(Arc::clone(loads.entry(node.id).or_default()));
        Some(Owned::from(Box::new(slot(setup, node, load, sample_rate))))
    });
    let slots = slots.collect();
    change.slots = carried.into_boxed_slice().into();
    change.arrivals = arrivals.into_boxed_slice().into();
    slots
}

fn lines(
    schedule: &Schedule,
    before: &Inventory,
    (after, change): (&mut Inventory, &mut Change),
) -> Vec<Line> {
    let mut carried = Vec::new();
    let lines = (0u32..).zip(&schedule.lines).map(|(index, line)| {
        let needed = Line::capacity(line.delay);
        let old = before.lines.get(&line.node).filter(|old| old.2 == line.channels);
        carried.extend(old.map(|old| (index, old.0)));
        // A line that is taken over as it is needs no memory of its own.
        let reused = old.filter(|old| old.1 >= needed);
        let own = if reused.is_some() { 0 } else { needed };
        let kept = reused.map_or(needed, |old| old.1);
        after.lines.insert(line.node, (index, kept, line.channels));
        Line::new(Ring::new(AlignedBuffer::zeroed(own * usize::from(line.channels)), own))
    });
    let lines = lines.collect();
    change.lines = carried.into_boxed_slice().into();
    lines
}

fn taps(schedule: &Schedule, before: &Inventory, (after, change): (&mut Inventory, &mut Change)) -> Vec<Tap> {
    change.max_frames = u32::MAX;
    let taps = schedule.taps.iter().map(|tap| {
        after.taps.insert(tap.edge, tap.delay);
        // What comes has no past. What goes may have been renamed. What stays without a tap was not delayed, if its
        // source was there at all.
        let source = schedule.lines.get(tap.line as usize).map(|line| line.node);
        let there = source.is_some_and(|source| before.nodes.contains_key(&source));
        let past = match tap.fade {
            Fade::In => None,
            Fade::Out | Fade::Steady => {
                before.taps.get(&tap.edge).or_else(|| before.taps.get(&tap.edge.before()))
            }
        };
        let past = past.copied().or((there && tap.fade != Fade::In && !tap.feedback).then_some(0));
        let past = past.filter(|past| *past != tap.delay);
        change.fades |= past.is_some();
        if let Some(past) = past.filter(|_| tap.feedback) {
            change.max_frames = change.max_frames.min(past);
        }
        Tap { delay: tap.delay.into(), before: past.map(i64::from) }
    });
    taps.collect()
}

fn slot(setup: NodeSetup, node: &ScheduledNode, load: Shared<LoadCell>, sample_rate: u32) -> Slot {
    let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
    let params: Vec<ParamState> = setup
        .params
        .iter()
        .map(|param| ParamState {
            target: finite(param.value),
            jump: None,
            smoothing: smoothing_frames(param.smoothing, sample_rate),
            lane: lane(&param.lane).map(|lane| Owned::from(Box::new(lane))),
        })
        .collect();
    let values: Vec<f32> = params.iter().map(|param| param.target).collect();
    let lanes = params.iter().filter(|param| param.lane.is_some()).count();
    let batch = setup.processor.as_ref().and_then(|processor| processor.batch());
    Slot {
        processor: setup.processor.map(Owned::from),
        batch,
        params: params.into_boxed_slice().into(),
        values: values.into_boxed_slice().into(),
        last: alloc::vec![0.0; usize::from(node.outputs)].into_boxed_slice().into(),
        moving: lanes,
        lanes,
        changed: true,
        idle: false,
        fault: None,
        parting: 0,
        load,
        levels: None,
        keys: Keys::default(),
        untold: Untold::default(),
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

/// Messages that usually fit into each FIFO.
const MESSAGES: usize = 16_384;

/// An executor of an empty program, and the other ends of its FIFOs.
#[must_use]
pub fn engine(level: Level) -> (Executor, Control) {
    engine_with_room(level, MESSAGES)
}

/// As [`engine`], with FIFOs that hold `messages` messages each (at least one). However few that are, nothing is lost and
/// the order stays; what finds no room waits.
#[must_use]
pub fn engine_with_room(level: Level, messages: usize) -> (Executor, Control) {
    let (commands, command_consumer) = fifo(messages);
    let (event_producer, events) = fifo(messages);
    let (status_writer, status) = latest_value(EngineStatus::default());
    let schedule = Schedule { max_frames: u32::MAX, ..Schedule::default() };
    let (nothing, _) =
        program(schedule, &mut BTreeMap::new(), &Inventory::default(), &mut Cells::default(), 48_000);
    let tables = core::array::from_fn(|_: usize| Table::new(AlignedBuffer::zeroed(MAX_VARYING * STRIDE)));
    let ends = Ends { commands: command_consumer, events: event_producer, status: status_writer };
    let executor = Executor::new(Box::new(nothing).into(), Kernels::new(level), ends, tables);
    (executor, Control { commands, events, status })
}
