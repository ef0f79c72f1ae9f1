//! The audio cycle.

use omega_dsp::kernels::{Kernels, Ramp};
use omega_graph::{DelayStep, PortBuffer, ScheduledNode, Step};
use omega_processor::{
    BatchItem, Channels, ChannelsRef, Event, EventKind, MAX_AUX, MAX_BATCH, MAX_BLOCK, ProcessBlock, Status,
};
use omega_rt::{Consumer, FlushDenormals, LatestWriter, Owned, Producer};

use crate::mix::{self, FadeGains};
use crate::slot::{Slot, Table};
use crate::timeline::Timeline;
use crate::{Command, DECLICK, EngineEvent, EngineStatus, FADE, Outside, Program, STRIDE};

/// Commands taken in one call at most.
const COMMANDS: usize = 256;
/// Events for nodes that one block can hold.
pub(crate) const EVENTS: usize = 256;

/// A locate on its way: the outside is faded out first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leap {
    position: i64,
    since: i64,
}

/// Runs a program. Made by [`prepare::engine`](crate::prepare::engine).
#[derive(Debug)]
pub struct Executor {
    pub(crate) program: Owned<Program>,
    pub(crate) kernels: Kernels,
    pub(crate) commands: Consumer<Command>,
    pub(crate) events: Producer<EngineEvent>,
    pub(crate) status: LatestWriter<EngineStatus>,
    pub(crate) line: Timeline,
    pub(crate) time: i64,
    /// When the program was adopted; its fades begin there.
    pub(crate) adopted: i64,
    pub(crate) leap: Option<Leap>,
    /// When the outside began to be faded in after a locate while rolling.
    pub(crate) landed: Option<i64>,
    pub(crate) fades: FadeGains,
    pub(crate) tables: [Table; MAX_BATCH],
    pub(crate) pending: [(u32, EventKind); EVENTS],
    pub(crate) pending_used: usize,
    pub(crate) found: [Event; EVENTS],
    pub(crate) missing: u64,
    pub(crate) dropped: u64,
}

impl Executor {
    /// One call of the hardware, or of whoever renders: `frames` frames, any number.
    ///
    /// Real-time safe. Outputs are overwritten, all of them; denormals are flushed to zero for the duration.
    pub fn process<O: Outside>(&mut self, outside: &mut O, frames: usize) {
        let _flush = FlushDenormals::enter();
        for channel in 0..outside.outputs() {
            outside.output(channel).fill(0.0);
        }
        self.take_commands();
        let mut done = 0;
        while done < frames {
            let count = self.stretch(frames - done);
            self.run(outside, done, count);
            self.time = self.time.saturating_add_unsigned(count as u64);
            self.pending_used = 0;
            done += count;
            self.land();
        }
        self.report();
    }

    /// Frames processed since the beginning.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The program that runs.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Frames to do at once.
    fn stretch(&self, left: usize) -> usize {
        let most = usize::try_from(self.program.schedule.max_frames).unwrap_or(MAX_BLOCK).clamp(1, MAX_BLOCK);
        let until_leap = self.leap.map_or(i64::MAX, |leap| leap.since + DECLICK - self.time);
        left.min(most).min(usize::try_from(until_leap).unwrap_or(1).max(1))
    }

    fn report(&mut self) {
        let latency = self.program.schedule.latency;
        let now = self.line.now(self.time - i64::from(latency));
        self.status.set(EngineStatus {
            position: now.position,
            rolling: self.line.now(self.time).rolling,
            time: self.time,
            latency,
            missing: self.missing,
            dropped: self.dropped,
        });
    }

    // --- Commands -------------------------------------------------------------------------------------------------

    fn take_commands(&mut self) {
        for _ in 0..COMMANDS {
            let waits = match self.commands.peek() {
                None => return,
                // What comes back needs room, and a program waits for the fade of the one before.
                Some(Command::Adopt(_)) => self.events.free() == 0 || self.fading(),
                Some(Command::Lane { .. } | Command::Exchange { .. }) => self.events.free() == 0,
                Some(Command::Play | Command::Stop | Command::Locate(_)) => self.leap.is_some(),
                Some(_) => false,
            };
            if waits {
                return;
            }
            if let Some(command) = self.commands.pop() {
                self.obey(command);
            }
        }
    }

    fn fading(&self) -> bool {
        self.time - self.adopted < FADE
    }

    fn obey(&mut self, command: Command) {
        let time = self.time;
        match command {
            Command::Adopt(program) => self.adopt(program),
            Command::Param { node, param, value, smooth } => {
                if let Some(slot) = self.program.slots.get_mut(node as usize) {
                    slot.set(param.into(), value, smooth, time);
                }
            }
            Command::Lane { node, param, lane } => {
                let old = match self.program.slots.get_mut(node as usize) {
                    Some(slot) => slot.set_lane(param.into(), lane, time),
                    None => lane,
                };
                if let Some(old) = old {
                    self.send(EngineEvent::Lane(old));
                }
            }
            Command::Exchange { node, mut payload } => {
                if let Some(slot) = self.program.slots.get_mut(node as usize) {
                    if let Some(processor) = &mut slot.processor {
                        processor.exchange(&mut *payload);
                    }
                    (slot.changed, slot.idle) = (true, false);
                }
                self.send(EngineEvent::Payload(payload));
            }
            Command::Event { node, kind } => match self.pending.get_mut(self.pending_used) {
                Some(place) => {
                    *place = (node, kind);
                    self.pending_used += 1;
                }
                None => self.dropped += 1,
            },
            Command::Play => self.play(),
            Command::Stop => self.line.stop(time),
            Command::Locate(position) if self.line.now(time).rolling => {
                self.leap = Some(Leap { position, since: time });
            }
            Command::Locate(position) => {
                self.line.locate(time, position);
                self.reset();
            }
            Command::Loop(range) => self.line.set_loop(time, range),
        }
    }

    /// Rolls. Where nothing comes in from outside, everything is reset first, so that playing from here gives what a
    /// render from here gives; with live inputs, tails go on.
    fn play(&mut self) {
        if self.line.now(self.time).rolling {
            return;
        }
        let live = self.program.schedule.steps.iter().any(|step| matches!(step, Step::Input { .. }));
        self.line.play(self.time, !live);
        if !live {
            self.reset();
        }
    }

    /// The outside is faded out: jump.
    fn land(&mut self) {
        if let Some(leap) = self.leap.filter(|leap| self.time - leap.since >= DECLICK) {
            self.leap = None;
            self.line.locate(self.time, leap.position);
            self.reset();
            self.landed = Some(self.time);
        }
    }

    fn reset(&mut self) {
        for slot in self.program.slots.iter_mut() {
            if let Some(processor) = &mut slot.processor {
                processor.reset();
            }
            slot.settle();
            slot.idle = false;
        }
        for line in self.program.lines.iter_mut() {
            line.flush(self.time);
        }
        // Fades of an edit are over too: what is heard from here on is the new schedule alone.
        self.adopted = self.time - FADE;
    }

    fn adopt(&mut self, mut program: Owned<Program>) {
        program.take_over(&mut self.program, self.time);
        core::mem::swap(&mut self.program, &mut program);
        self.adopted = self.time;
        self.send(EngineEvent::Retired(program));
    }

    /// Sends; whoever sends a heap value has made sure that there is room.
    fn send(&mut self, event: EngineEvent) {
        if let Err(back) = self.events.push(event) {
            self.dropped += 1;
            // Plain values may be lost; heap values cannot get here, see `take_commands`.
            core::mem::forget(back);
        }
    }

    // --- Steps ----------------------------------------------------------------------------------------------------

    fn run<O: Outside>(&mut self, outside: &mut O, begin: usize, frames: usize) {
        self.fades.set(self.kernels, self.time - self.adopted);
        for index in 0..self.program.schedule.steps.len() {
            let Some(&step) = self.program.schedule.steps.get(index) else { return };
            match step {
                Step::Mix(step) => {
                    let program = &mut *self.program;
                    let begin = step.first as usize;
                    let terms =
                        program.schedule.mix_inputs.get(begin..begin + step.count as usize).unwrap_or(&[]);
                    mix::run(
                        self.kernels,
                        &step,
                        terms,
                        (&mut program.slab, &mut program.silent),
                        &self.fades,
                        frames,
                    );
                }
                Step::Process { first, count: 1 } => self.process_one(first, frames),
                Step::Process { first, count } => self.process_batch(first, count, frames),
                Step::Delay(step) => self.delay(&step, frames),
                Step::FeedbackRead { line, target } => self.feedback_read(line, target, frames),
                Step::FeedbackWrite { line, source } => self.feedback_write(line, source, frames),
                Step::Meter { meter, source, arrival } => self.meter(meter, source, arrival, frames),
                Step::Input { node, first } => self.input(outside, node, first, begin, frames),
                Step::Output { source, first } => self.output(outside, source, first, begin, frames),
            }
        }
    }

    fn process_one(&mut self, node: u32, frames: usize) {
        let program = &mut *self.program;
        let Some((scheduled, slot)) =
            program.schedule.nodes.get(node as usize).zip(program.slots.get_mut(node as usize))
        else {
            return;
        };
        let [table, ..] = &mut self.tables;
        slot.evaluate(self.kernels, &self.line, self.time, scheduled.arrival, frames, table);
        let quiet = port_silent(&program.silent, scheduled.main.first, scheduled.inputs);
        let count = events_for(node, self.pending.get(..self.pending_used).unwrap_or(&[]), &mut self.found);
        let events = self.found.get(..count).unwrap_or(&[]);
        if rests(slot, scheduled, quiet) && events.is_empty() {
            set_silent(&mut program.silent, scheduled.main, true);
            clear(&mut program.slab, scheduled.main, frames);
            return;
        }
        let aux_silent = scheduled.aux.map(|port| port_silent(&program.silent, port.first, port.count));
        let Some((main, aux)) = ports(&mut program.slab, scheduled) else { return };
        let Some(processor) = slot.processor.as_deref_mut().filter(|_| !slot.failed) else {
            main.fill(0.0);
            set_silent(&mut program.silent, scheduled.main, true);
            return;
        };
        let mut outcome = Outcome::default();
        let mut done = 0;
        // Whatever a processor sees lies in one piece on the time line.
        while done < frames {
            let time = self.time.saturating_add_unsigned(done as u64) - i64::from(scheduled.arrival);
            let (transport, left) = self.line.at(time);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(frames - done);
            let params = table.params(&slot.values, frames).range(done, done + count);
            let mut block = ProcessBlock::new(Channels::new(main, STRIDE, done, count), params, transport);
            block.input_silent = quiet;
            for (place, (memory, silent)) in block.aux.iter_mut().zip(aux.iter().zip(aux_silent)) {
                *place = ChannelsRef::new(memory, STRIDE, done, count, silent);
            }
            block.events = if done == 0 { events } else { &[] };
            outcome.status = join(outcome.status, processor.process(&mut block));
            outcome.missing += u64::from(block.missing);
            outcome.latency = block.new_latency.or(outcome.latency);
            done += count;
        }
        self.conclude(node, outcome);
    }

    /// Processes neighbouring nodes of one kind in lanes. Those that rest, and all where the time line jumps within the
    /// block, go one by one.
    fn process_batch(&mut self, first: u32, count: u32, frames: usize) {
        let program = &mut *self.program;
        let range = first as usize..(first + count) as usize;
        let nodes = program.schedule.nodes.get(range.clone()).unwrap_or(&[]);
        let slots = program.slots.get_mut(range).unwrap_or(&mut []);
        let function = slots.first().and_then(|slot| slot.batch);
        let arrival = nodes.first().map_or(0, |node| node.arrival);
        let (transport, left) = self.line.at(self.time - i64::from(arrival));
        let straight = self.pending_used == 0 && usize::try_from(left).unwrap_or(usize::MAX) >= frames;
        let ranges = core::array::from_fn(|lane| nodes.get(lane).map_or(0..0, |node| span(node.main)));
        let mut lanes = [false; MAX_BATCH];
        let mut outcomes = [Outcome::default(); MAX_BATCH];
        if let (Some(function), Ok(mains), true) =
            (function, program.slab.get_disjoint_mut::<_, MAX_BATCH>(ranges), straight)
        {
            for (((slot, node), table), lane) in
                slots.iter_mut().zip(nodes).zip(&mut self.tables).zip(&mut lanes)
            {
                let same = slot.batch.is_some_and(|of| core::ptr::fn_addr_eq(of, function))
                    && node.arrival == arrival;
                let quiet = port_silent(&program.silent, node.main.first, node.inputs);
                *lane = same && !slot.failed && slot.processor.is_some() && !rests(slot, node, quiet);
                if *lane {
                    slot.evaluate(self.kernels, &self.line, self.time, node.arrival, frames, table);
                }
            }
            let mut rest = slots.iter_mut().zip(nodes).zip(mains).zip(self.tables.iter().zip(lanes));
            let mut items: [Option<BatchItem<'_>>; MAX_BATCH] = core::array::from_fn(|_| {
                let (((slot, node), main), (table, _)) = rest.next().filter(|(_, (_, lane))| *lane)?;
                let params = table.params(&slot.values, frames);
                let mut block = ProcessBlock::new(Channels::new(main, STRIDE, 0, frames), params, transport);
                block.input_silent = port_silent(&program.silent, node.main.first, node.inputs);
                Some(BatchItem { processor: slot.processor.as_deref_mut()?, block, status: Status::Sound })
            });
            function(&mut items);
            for (outcome, item) in outcomes.iter_mut().zip(&items) {
                let Some(item) = item else { continue };
                let (missing, latency) = (item.block.missing.into(), item.block.new_latency);
                *outcome = Outcome { status: Some(item.status), missing, latency };
            }
        }
        for ((node, outcome), lane) in (first..first + count).zip(outcomes).zip(lanes) {
            if lane {
                self.conclude(node, outcome);
            } else {
                self.process_one(node, frames);
            }
        }
    }

    /// Notes how a node's block went.
    fn conclude(&mut self, node: u32, outcome: Outcome) {
        let program = &mut *self.program;
        let Some((scheduled, slot)) =
            program.schedule.nodes.get(node as usize).zip(program.slots.get_mut(node as usize))
        else {
            return;
        };
        let (id, main) = (scheduled.id, scheduled.main);
        let status = outcome.status.unwrap_or(Status::Silent);
        slot.idle = status == Status::Silent;
        slot.changed = false;
        self.missing += outcome.missing;
        set_silent(&mut program.silent, main, slot.idle);
        if let Status::Failed(code) = status {
            slot.failed = true;
            if let Some(buffer) = program.slab.get_mut(span(main)) {
                buffer.fill(0.0);
            }
            set_silent(&mut program.silent, main, true);
            self.send(EngineEvent::Failed { node: id, code });
        }
        if let Some(frames) = outcome.latency {
            self.send(EngineEvent::LatencyChanged { node: id, frames });
        }
    }

    fn delay(&mut self, step: &DelayStep, frames: usize) {
        let program = &mut *self.program;
        let Some(line) = program.lines.get_mut(step.line as usize) else { return };
        let time = self.time;
        let quiet = port_silent(&program.silent, step.source.first, step.source.count);
        if quiet && line.at_rest(time) {
            clear(&mut program.slab, step.target, frames);
            set_silent(&mut program.silent, step.target, true);
            line.finish(time, frames);
            return;
        }
        if !quiet {
            line.heard(time, frames);
        }
        set_silent(&mut program.silent, step.target, line.reads_silence(time, frames, quiet));
        let Ok([source, target]) = program.slab.get_disjoint_mut([span(step.source), span(step.target)])
        else {
            return;
        };
        let mut other = [0.0; MAX_BLOCK];
        let Some(other) = other.get_mut(..frames) else { return };
        let channels = source.chunks_exact(STRIDE).zip(target.chunks_exact_mut(STRIDE));
        for (channel, (source, target)) in channels.enumerate() {
            let (Some(source), Some(target)) = (source.get(..frames), target.get_mut(..frames)) else {
                return;
            };
            line.write(self.kernels, channel, time, source);
            line.read(self.kernels, channel, time, source, target, other);
        }
        line.finish(time, frames);
    }

    fn feedback_read(&mut self, line: u32, target: PortBuffer, frames: usize) {
        let program = &mut *self.program;
        let Some(line) = program.lines.get_mut(line as usize) else { return };
        set_silent(&mut program.silent, target, line.reads_silence(self.time, frames, true));
        let mut other = [0.0; MAX_BLOCK];
        let Some(other) = other.get_mut(..frames) else { return };
        let Some(target) = program.slab.get_mut(span(target)) else { return };
        for (channel, target) in target.chunks_exact_mut(STRIDE).enumerate() {
            let Some(target) = target.get_mut(..frames) else { return };
            line.read(self.kernels, channel, self.time, &[], target, other);
        }
    }

    fn feedback_write(&mut self, line: u32, source: PortBuffer, frames: usize) {
        let program = &mut *self.program;
        let Some(line) = program.lines.get_mut(line as usize) else { return };
        if !port_silent(&program.silent, source.first, source.count) {
            line.heard(self.time, frames);
        } else if line.at_rest(self.time) {
            line.finish(self.time, frames);
            return;
        }
        let Some(source) = program.slab.get(span(source)) else { return };
        for (channel, source) in source.chunks_exact(STRIDE).enumerate() {
            line.write(self.kernels, channel, self.time, source.get(..frames).unwrap_or(&[]));
        }
        line.finish(self.time, frames);
    }

    fn meter(&mut self, meter: u32, source: PortBuffer, arrival: u32, frames: usize) {
        let program = &*self.program;
        let Some(cell) = program.meters.get(meter as usize) else { return };
        let position = self.line.now(self.time - i64::from(arrival)).position;
        let frames_u32 = u32::try_from(frames).unwrap_or(0);
        let (mut peak, mut squares) = (0.0f32, 0.0);
        if !port_silent(&program.silent, source.first, source.count) {
            let memory = program.slab.get(span(source)).unwrap_or(&[]);
            for channel in memory.chunks_exact(STRIDE) {
                let (p, s) = self.kernels.peak_and_sum_squares(channel.get(..frames).unwrap_or(&[]));
                peak = peak.max(p);
                squares += s;
            }
            squares /= f64::from(source.count.max(1));
        }
        cell.update(peak, squares, frames_u32, position);
    }

    fn input<O: Outside>(&mut self, outside: &O, node: u32, first: u16, begin: usize, frames: usize) {
        let program = &mut *self.program;
        let Some(port) = program.schedule.nodes.get(node as usize).map(|node| node.main) else { return };
        let Some(memory) = program.slab.get_mut(span(port)) else { return };
        for (channel, target) in memory.chunks_exact_mut(STRIDE).enumerate() {
            let source = outside.input(usize::from(first) + channel).get(begin..begin + frames);
            match (source, target.get_mut(..frames)) {
                (Some(source), Some(target)) => self.kernels.copy(target, source),
                (None, Some(target)) => target.fill(0.0),
                _ => {}
            }
        }
        set_silent(&mut program.silent, port, false);
    }

    fn output<O: Outside>(
        &mut self,
        outside: &mut O,
        source: PortBuffer,
        first: u16,
        begin: usize,
        frames: usize,
    ) {
        let program = &mut *self.program;
        if port_silent(&program.silent, source.first, source.count) {
            return;
        }
        let Some(memory) = program.slab.get_mut(span(source)) else { return };
        for (channel, source) in memory.chunks_exact_mut(STRIDE).enumerate() {
            let Some(source) = source.get_mut(..frames) else { return };
            if let Some(leap) = self.leap {
                let position = self.time - leap.since;
                self.kernels.gain_ramp(source, Ramp { from: 1.0, to: 0.0, position, length: DECLICK });
            } else if let Some(landed) = self.landed {
                let position = self.time - landed - i64::from(program.schedule.latency);
                let ramp = Ramp { from: 0.0, to: 1.0, position, length: DECLICK };
                if ramp.is_finished() {
                    self.landed = None;
                } else {
                    self.kernels.gain_ramp(source, ramp);
                }
            }
            if let Some(target) = outside.output(usize::from(first) + channel).get_mut(begin..begin + frames)
            {
                self.kernels.add(target, source);
            }
        }
    }
}

/// How the pieces of a node's block went.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    status: Option<Status>,
    missing: u64,
    latency: Option<u32>,
}

/// Two pieces of one block: failure outweighs sound, sound outweighs silence.
fn join(before: Option<Status>, after: Status) -> Option<Status> {
    Some(match (before, after) {
        (Some(failed @ Status::Failed(_)), _) => failed,
        (Some(Status::Sound), Status::Silent) => Status::Sound,
        (_, after) => after,
    })
}

/// A node need not be called: nothing comes in, nothing would come out, nothing would change in it.
fn rests(slot: &Slot, node: &ScheduledNode, quiet: bool) -> bool {
    slot.idle
        && quiet
        && !slot.changed
        && slot.moving == 0
        && node.inputs > 0
        && node.aux.iter().all(|port| port.count == 0)
}

/// The samples of a port within the slab.
fn span(port: PortBuffer) -> core::ops::Range<usize> {
    let begin = port.first as usize * STRIDE;
    begin..begin + usize::from(port.count) * STRIDE
}

/// The main port and the extra ports of a node. Extra ports that share a buffer are not handed out twice as mutable, so
/// they are reborrowed as shared.
#[allow(clippy::type_complexity, reason = "used once")]
fn ports<'a>(slab: &'a mut [f32], node: &ScheduledNode) -> Option<(&'a mut [f32], [&'a [f32]; MAX_AUX])> {
    let main = span(node.main);
    let (before, rest) = slab.split_at_mut_checked(main.start)?;
    let (here, after) = rest.split_at_mut_checked(main.len())?;
    let (before, after) = (&*before, &*after);
    let aux = node.aux.map(|port| {
        let at = span(port);
        if at.end <= main.start {
            before.get(at).unwrap_or(&[])
        } else {
            let shift = main.end;
            after.get(at.start.saturating_sub(shift)..at.end.saturating_sub(shift)).unwrap_or(&[])
        }
    });
    Some((here, aux))
}

fn port_silent(silent: &[bool], first: u32, count: u16) -> bool {
    let begin = first as usize;
    silent.get(begin..begin + usize::from(count)).is_none_or(|channels| channels.iter().all(|&silent| silent))
}

fn set_silent(silent: &mut [bool], port: PortBuffer, value: bool) {
    let begin = port.first as usize;
    if let Some(channels) = silent.get_mut(begin..begin + usize::from(port.count)) {
        channels.fill(value);
    }
}

/// Makes a port that is known to be silent hold zeros.
fn clear(slab: &mut [f32], port: PortBuffer, frames: usize) {
    if let Some(memory) = slab.get_mut(span(port)) {
        for channel in memory.chunks_exact_mut(STRIDE) {
            if let Some(channel) = channel.get_mut(..frames) {
                channel.fill(0.0);
            }
        }
    }
}

/// Events of one node, in their order.
fn events_for(node: u32, pending: &[(u32, EventKind)], found: &mut [Event]) -> usize {
    let mine = pending.iter().filter(|(of, _)| *of == node);
    found.iter_mut().zip(mine).map(|(place, &(_, kind))| *place = Event { frame: 0, kind }).count()
}
