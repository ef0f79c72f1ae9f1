//! Assigns memory and writes the steps.
//!
//! A node works in place. Where its only cable is the only reader of the node before it, it takes over that node's
//! buffer; otherwise its inputs are summed into a buffer of its own. A sum of many inputs is begun as soon as the first
//! of them are there, so that they need not be kept until the last one is. Buffers are free again after their last
//! reader, and the one freed last is used first, because it is still in the cache.

use std::collections::HashMap;
use std::ops::Range;

use omega_processor::{MAX_AUX, MAX_BLOCK};

use super::latency::Plan;
use super::partition::Batches;
use super::{Edge, Graph};
use crate::{
    ChannelMap, DelayLine, Fade, MixInput, MixStep, PortBuffer, Role, Schedule, ScheduledNode, Step, Tap,
};
use crate::{MeterId, NodeId, Port};

/// Writes the schedule.
#[must_use]
pub fn run(graph: &Graph<'_>, plan: &Plan, batches: &Batches) -> Schedule {
    let mut emitter = Emitter::new(graph, plan);
    let mut rest = batches.order.as_slice();
    for &size in &batches.groups {
        let (group, after) = rest.split_at(size);
        rest = after;
        emitter.group(group);
    }
    emitter.finish()
}

/// A buffer before it has a place: its width and the steps between which it is in use.
#[derive(Clone, Copy, Debug)]
struct Span {
    width: u16,
    first: usize,
    last: usize,
}

struct Emitter<'a> {
    graph: &'a Graph<'a>,
    plan: &'a Plan,
    meters: HashMap<NodeId, Vec<MeterId>>,
    /// Spans by number; in the steps, `PortBuffer::first` holds `number << CHANNEL_BITS | channel` until `finish`.
    spans: Vec<Span>,
    main: Vec<usize>,
    /// Whether each node's output is there.
    done: Vec<bool>,
    /// For each node, the first edge into its main port whose source is not there yet, and the first that is not in its
    /// sum yet.
    arrived: Vec<usize>,
    summed: Vec<usize>,
    /// The tap of each edge.
    taps: Vec<Option<u32>>,
    /// The delay line of each node.
    lines: Vec<Option<u32>>,
    steps: Vec<Step>,
    mix_inputs: Vec<MixInput>,
    out: Schedule,
    nodes: Vec<ScheduledNode>,
    metered: Vec<MeterId>,
}

/// So many inputs that have arrived are added to a sum that still waits for others.
const EARLY: usize = 4;

/// Room for the channel number beside the span number.
const CHANNEL_BITS: u32 = 8;

impl<'a> Emitter<'a> {
    fn new(graph: &'a Graph<'a>, plan: &'a Plan) -> Self {
        let mut meters: HashMap<NodeId, Vec<MeterId>> = HashMap::new();
        for meter in &graph.spec.meters {
            meters.entry(meter.node).or_default().push(meter.id);
        }
        let (lines, taps, mut out) = delayed(graph, plan);
        let feedback = graph.edges.iter().zip(&plan.delay).filter(|(edge, _)| edge.spec.feedback.is_some());
        let max_frames = feedback.map(|(_, &delay)| delay).min().unwrap_or(u32::MAX).min(number(MAX_BLOCK));
        let fading = graph.edges.iter().any(|edge| edge.spec.fade != Fade::Steady);
        (out.latency, out.max_frames, out.fading) = (plan.latency, max_frames, fading);
        let main = vec![usize::MAX; graph.nodes.len()];
        let done = vec![false; graph.nodes.len()];
        let summed = graph.incoming[..graph.nodes.len()].to_vec();
        let arrived = summed.clone();
        let (spans, steps, mix_inputs) = (Vec::new(), Vec::new(), Vec::new());
        let (nodes, metered) = (Vec::with_capacity(graph.nodes.len()), Vec::new());
        Self {
            graph,
            plan,
            meters,
            spans,
            main,
            done,
            arrived,
            summed,
            taps,
            lines,
            steps,
            mix_inputs,
            out,
            nodes,
            metered,
        }
    }

    fn group(&mut self, group: &[usize]) {
        let first = number(self.nodes.len());
        for &node in group {
            self.input_stage(node);
        }
        let spec = self.graph.nodes[group[0]];
        match spec.role {
            Role::Processor => {
                for node in first..number(self.nodes.len()) {
                    let node = &self.nodes[node as usize];
                    let ports = [node.main].into_iter().chain(node.aux);
                    let used: Vec<usize> =
                        ports.filter(|port| port.count > 0).map(|port| span_of(port.first)).collect();
                    used.into_iter().for_each(|span| self.touch(span));
                }
                self.steps.push(Step::Process { first, count: number(group.len()) });
            }
            Role::Input { first: channel } => {
                self.touch(self.main[group[0]]);
                self.steps.push(Step::Input { node: first, first: channel });
            }
            Role::Output { first: channel } => {
                let source = self.port(self.main[group[0]], spec.inputs);
                self.touch(self.main[group[0]]);
                self.steps.push(Step::Output { source, first: channel });
            }
            Role::Sum => {}
        }
        for (index, &node) in (first..).zip(group) {
            self.output_stage(node, index);
        }
        for &node in group {
            let targets = self.graph.out_of(node).filter(|(_, edge)| edge.spec.port == Port::Main);
            for (_, edge) in targets {
                self.sum_early(edge.to);
            }
        }
    }

    /// Adds to the sum of `node` what has arrived of it, up to the first input that has not, if that is worth a step.
    fn sum_early(&mut self, node: usize) {
        let spec = self.graph.nodes[node];
        let main = self.edges_at(node, Port::Main);
        let waiting = |edge: &usize| !self.done[self.graph.edges[*edge].from];
        let arrived = (self.arrived[node]..main.end).find(waiting).unwrap_or(main.end);
        self.arrived[node] = arrived;
        let ready = self.summed[node]..arrived;
        if spec.wide_sum || ready.len() < EARLY || arrived == main.end {
            return;
        }
        let more = ready.start > main.start;
        if !more {
            self.main[node] = self.span(spec.width());
        }
        self.sum(ready, self.main[node], 0..spec.inputs, (spec.inputs, false, more));
        self.summed[node] = arrived;
    }

    /// Gathers what flows into `node` and appends it to the order of execution.
    fn input_stage(&mut self, node: usize) {
        let spec = self.graph.nodes[node];
        let main = self.edges_at(node, Port::Main);
        if let Some(source) = self.taken_over(node, &main) {
            self.main[node] = self.main[source];
        } else {
            let rest = self.summed[node]..main.end;
            let more = rest.start > main.start;
            if !more {
                self.main[node] = self.span(spec.width());
            }
            let makes_sound = matches!(spec.role, Role::Processor) && spec.inputs == 0;
            if !makes_sound && !matches!(spec.role, Role::Input { .. }) {
                self.sum(rest, self.main[node], 0..spec.width(), (spec.inputs, spec.wide_sum, more));
            }
        }
        let mut aux = [PortBuffer::default(); MAX_AUX];
        for (slot, (port, &width)) in aux.iter_mut().zip((0u8..).zip(&spec.aux)) {
            let edges = self.edges_at(node, Port::Aux(port));
            *slot = match edges.len() {
                0 => PortBuffer::default(),
                1 if self.plain(edges.start, width) => {
                    self.port(self.main[self.graph.edges[edges.start].from], width)
                }
                _ => {
                    let span = self.span(width);
                    self.sum(edges, span, 0..width, (width, spec.wide_sum, false));
                    self.port(span, width)
                }
            };
        }
        self.nodes.push(ScheduledNode {
            id: spec.id,
            role: spec.role,
            main: self.port(self.main[node], spec.width()),
            inputs: spec.inputs,
            outputs: spec.outputs,
            aux,
            arrival: self.plan.arrival[node],
            latency: spec.latency,
            metered: self.meters.contains_key(&spec.id),
            hears: spec.hears,
        });
    }

    /// Meters and the delay line behind `node`, which is at `index` in the order of execution.
    fn output_stage(&mut self, node: usize, index: u32) {
        self.done[node] = true;
        let spec = self.graph.nodes[node];
        let source = self.port(self.main[node], spec.outputs);
        for meter in self.meters.remove(&spec.id).unwrap_or_default() {
            self.touch(self.main[node]);
            let arrival = self.plan.arrival[node].saturating_add(spec.latency);
            self.steps.push(Step::Meter { meter: number(self.metered.len()), node: index, source, arrival });
            self.metered.push(meter);
        }
        if let Some(line) = self.lines[node] {
            self.touch(self.main[node]);
            self.steps.push(Step::LineWrite { line, source });
        }
    }

    /// Edges into a port of `node`, in the order of their ids.
    fn edges_at(&self, node: usize, port: Port) -> Range<usize> {
        let (begin, end) = (self.graph.incoming[node], self.graph.incoming[node + 1]);
        let edges = &self.graph.edges[begin..end];
        let count = |before: &dyn Fn(Port) -> bool| edges.partition_point(|edge| before(edge.spec.port));
        begin + count(&|of| of < port)..begin + count(&|of| of <= port)
    }

    /// The node whose buffer `node` may take over.
    fn taken_over(&self, node: usize, main: &Range<usize>) -> Option<usize> {
        let only = Some(main.start).filter(|_| main.len() == 1)?;
        let (spec, source) = (self.graph.nodes[node], self.graph.edges[only].from);
        let alike = spec.width() == spec.inputs && self.graph.nodes[source].width() == spec.width();
        // Who reads the delay line does not read the buffer.
        let alone = self.graph.out_of(source).filter(|(index, _)| self.taps[*index].is_none()).count() == 1;
        (alike && alone && self.plain(only, spec.inputs)).then_some(source)
    }

    /// The edge carries all `width` channels as they are.
    fn plain(&self, edge: usize, width: u16) -> bool {
        let Edge { from, spec, .. } = self.graph.edges[edge];
        spec.map == ChannelMap::Direct
            && spec.fade == Fade::Steady
            && self.taps[edge].is_none()
            && self.graph.nodes[from].outputs == width
    }

    /// Sums `edges` into `channels` of `span`, of which the first `inputs` are an input; the others become silent. With
    /// `more` the sum goes on.
    fn sum(
        &mut self,
        edges: Range<usize>,
        span: usize,
        channels: Range<u16>,
        (inputs, wide, more): (u16, bool, bool),
    ) {
        let mut terms: Vec<(u16, MixInput)> = Vec::new();
        let mut sources = Vec::with_capacity(edges.len());
        for index in edges {
            let edge = self.graph.edges[index];
            let outputs = self.graph.nodes[edge.from].outputs;
            let source = self.delayed(index, edge, outputs);
            sources.push(source);
            edge.spec.map.for_each(outputs, inputs, |from, to, gain| {
                terms.push((to, MixInput { source: place(source, from), gain, fade: edge.spec.fade }));
            });
        }
        terms.sort_by_key(|term| term.0);
        let mut rest = terms.as_slice();
        for channel in channels {
            let count = rest.iter().take_while(|term| term.0 == channel).count();
            let more = more && channel < inputs;
            if more && count == 0 {
                continue;
            }
            let first = number(self.mix_inputs.len());
            self.mix_inputs.extend(rest[..count].iter().map(|term| term.1));
            rest = &rest[count..];
            sources.iter().for_each(|&source| self.touch(source));
            self.touch(span);
            let (target, count) = (place(span, channel), number(count));
            self.steps.push(Step::Mix(MixStep { target, first, count, wide, more }));
        }
    }

    /// The span that holds what `edge` brings: the source's own, or a new one behind a delay line.
    fn delayed(&mut self, index: usize, edge: Edge<'_>, outputs: u16) -> usize {
        let Some(tap) = self.taps[index] else { return self.main[edge.from] };
        let span = self.span(outputs);
        self.touch(span);
        let target = self.port(span, outputs);
        self.steps.push(Step::LineRead { tap, target });
        span
    }

    fn span(&mut self, width: u16) -> usize {
        self.spans.push(Span { width, first: usize::MAX, last: 0 });
        self.spans.len() - 1
    }

    /// The step about to be written uses `span`.
    fn touch(&mut self, span: usize) {
        let step = self.steps.len();
        if let Some(span) = self.spans.get_mut(span) {
            span.first = span.first.min(step);
            span.last = span.last.max(step);
        }
    }

    fn port(&self, span: usize, count: u16) -> PortBuffer {
        PortBuffer { first: place(span, 0), count: count.min(self.spans[span].width) }
    }

    /// Gives each span its channel buffers and puts their numbers into the steps.
    fn finish(mut self) -> Schedule {
        let (bases, channels) = allocate(&self.spans, self.steps.len());
        let resolve = |at: &mut u32| *at = bases[span_of(*at)] + (*at & ((1 << CHANNEL_BITS) - 1));
        let port = |port: &mut PortBuffer| {
            if port.count > 0 {
                resolve(&mut port.first);
            } else {
                port.first = 0;
            }
        };
        for step in &mut self.steps {
            match step {
                Step::Mix(mix) => resolve(&mut mix.target),
                Step::LineRead { target: at, .. }
                | Step::LineWrite { source: at, .. }
                | Step::Meter { source: at, .. }
                | Step::Output { source: at, .. } => port(at),
                Step::Input { .. } | Step::Process { .. } => {}
            }
        }
        self.mix_inputs.iter_mut().for_each(|term| resolve(&mut term.source));
        for node in &mut self.nodes {
            port(&mut node.main);
            node.aux.iter_mut().for_each(port);
        }
        self.out.nodes = self.nodes.into();
        self.out.steps = self.steps.into();
        self.out.mix_inputs = self.mix_inputs.into();
        self.out.meters = self.metered.into();
        self.out.channels = channels;
        self.out
    }
}

/// Finds out which edges are delayed: the line of each node, the tap of each edge, and a schedule that holds them.
#[allow(clippy::type_complexity, reason = "used once")]
fn delayed(graph: &Graph<'_>, plan: &Plan) -> (Vec<Option<u32>>, Vec<Option<u32>>, Schedule) {
    let mut longest: Vec<Option<u32>> = vec![None; graph.nodes.len()];
    let needed =
        |edge: &Edge<'_>, delay: u32| delay > 0 || edge.spec.keep_line || edge.spec.feedback.is_some();
    for (edge, &delay) in graph.edges.iter().zip(&plan.delay).filter(|(edge, delay)| needed(edge, **delay)) {
        longest[edge.from] = longest[edge.from].max(Some(delay));
    }
    let mut lines = Vec::new();
    let numbers: Vec<Option<u32>> = longest
        .into_iter()
        .zip(&graph.nodes)
        .map(|(delay, node)| {
            lines.push(DelayLine { node: node.id, channels: node.outputs, delay: delay? });
            Some(number(lines.len() - 1))
        })
        .collect();
    let mut taps = Vec::new();
    let tap_of = graph.edges.iter().zip(&plan.delay).map(|(edge, &delay)| {
        let line = numbers[edge.from].filter(|_| needed(edge, delay))?;
        let (fade, feedback) = (edge.spec.fade, edge.spec.feedback.is_some());
        taps.push(Tap { edge: edge.spec.id, line, delay, fade, feedback });
        Some(number(taps.len() - 1))
    });
    let tap_of = tap_of.collect();
    (numbers, tap_of, Schedule { lines: lines.into(), taps: taps.into(), ..Schedule::default() })
}

/// Places spans in memory: first channel of each, and channels in all.
fn allocate(spans: &[Span], steps: usize) -> (Vec<u32>, u32) {
    let mut begins = vec![Vec::new(); steps + 1];
    let mut ends = vec![Vec::new(); steps + 1];
    for (number, span) in spans.iter().enumerate() {
        // What no step uses still gets a place of its own.
        begins[span.first.min(steps)].push(number);
        ends[if span.first == usize::MAX { steps } else { span.last }].push(number);
    }
    let mut free: HashMap<u16, Vec<u32>> = HashMap::new();
    let mut bases = vec![0; spans.len()];
    let mut channels = 0;
    for (begin, end) in begins.iter().zip(&ends) {
        for &number in begin {
            let width = spans[number].width;
            bases[number] = free.get_mut(&width).and_then(Vec::pop).unwrap_or_else(|| {
                channels += u32::from(width);
                channels - u32::from(width)
            });
        }
        for &number in end {
            free.entry(spans[number].width).or_default().push(bases[number]);
        }
    }
    (bases, channels)
}

fn place(span: usize, channel: u16) -> u32 {
    (number(span) << CHANNEL_BITS) | u32::from(channel)
}

fn span_of(place: u32) -> usize {
    (place >> CHANNEL_BITS) as usize
}

/// Counts in a schedule stay far below 2^32: a node has at most a few hundred channels, and specifications with more
/// nodes than memory holds cannot be built.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
