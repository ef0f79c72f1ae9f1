//! Processing nodes: one by one, or several of a kind in lanes.

use omega_graph::{NodeId, PortBuffer, ScheduledNode};
use omega_processor::{
    BatchItem, Channels, ChannelsRef, Event, EventKind, MAX_BATCH, ProcessBlock, Status, Transport,
};

use super::Executor;
use crate::fault::{self, first_bad};
use crate::level::Levels;
use crate::slab::Slab;
use crate::slot::Slot;
use crate::{Fault, PARTING, STRIDE};

/// How the pieces of a node's block went.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    status: Option<Status>,
    missing: u64,
    latency: Option<u32>,
}

impl Outcome {
    /// Adds the next piece: failure outweighs sound, sound outweighs silence.
    fn add(&mut self, block: &ProcessBlock<'_>, status: Status) {
        self.status = Some(match (self.status, status) {
            (Some(failed @ Status::Failed(_)), _) => failed,
            (Some(Status::Sound), Status::Silent) => Status::Sound,
            (_, status) => status,
        });
        self.missing += u64::from(block.missing);
        self.latency = block.new_latency.or(self.latency);
    }

    fn failed(&self) -> bool {
        matches!(self.status, Some(Status::Failed(_)))
    }
}

impl Executor {
    pub(super) fn process_one(&mut self, node: u32, frames: usize) {
        let Some(arrival) = self.program.schedule.nodes.get(node as usize).map(|node| node.arrival) else {
            return;
        };
        let when = self.when(node, arrival);
        let program = &mut *self.program;
        let nodes = program.schedule.nodes.get(node as usize);
        let slot = program.slots.get_mut(node as usize).and_then(Option::as_deref_mut);
        let (scheduled, slot) = match (nodes, slot) {
            (Some(scheduled), Some(slot)) => (scheduled, slot),
            (Some(scheduled), None) => return program.slab.silence(scheduled.main, frames),
            (None, _) => return,
        };
        let [table, ..] = &mut self.tables;
        slot.evaluate(self.kernels, &self.line, when, frames, table);
        let quiet = program.slab.is_silent(input(scheduled));
        let pending = self.pending.get(..self.pending_used).unwrap_or(&[]);
        let midi = self.midi.get(..self.midi_used).unwrap_or(&[]);
        let lets_go = self.releasing || slot.keys.are_strange_to(scheduled.hears);
        let released = if lets_go && !slot.keys.are_up() { slot.keys.release(&mut self.found) } else { 0 };
        let (gone, room) = self.found.split_at_mut_checked(released).unwrap_or_default();
        let heard = events_for(node, scheduled.hears, pending, midi, room);
        let count = gone.len().saturating_add(heard);
        let mut events = self.found.get_mut(..count).unwrap_or(&mut []);
        events.iter().skip(released).for_each(|event| slot.keys.note(event));
        if slot.fault.is_some() {
            return part(slot, scheduled, &mut program.slab, frames);
        }
        if slot.processor.is_none() || (rests(slot, scheduled, quiet) && events.is_empty()) {
            program.slab.silence(scheduled.main, frames);
            return;
        }
        let Some((main, others)) = program.slab.apart(scheduled.main) else { return };
        let Some(processor) = slot.processor.as_deref_mut() else { return };
        let mut outcome = Outcome::default();
        let mut done = 0;
        // Whatever a processor sees lies in one piece on the time line.
        while done < frames && !outcome.failed() {
            let time = self.time.saturating_add_unsigned(done as u64) - i64::from(scheduled.arrival);
            let (transport, left) = self.line.at(time);
            let count = usize::try_from(left).unwrap_or(usize::MAX).clamp(1, frames - done);
            let params = table.params(&slot.values, frames).range(done, done + count);
            let mut block = ProcessBlock::new(Channels::new(main, STRIDE, done, count), params, transport);
            block.input_silent = quiet;
            for (place, port) in block.aux.iter_mut().zip(scheduled.aux).filter(|(_, port)| port.count > 0) {
                let (memory, silent) = others.port(port);
                *place = ChannelsRef::new(memory, STRIDE, done, count, silent);
            }
            block.events = within(&mut events, done, count);
            let status = processor.process(&mut block);
            outcome.add(&block, status);
            done += count;
        }
        self.conclude(node, outcome, frames);
    }

    /// Processes neighbouring nodes of one kind in lanes. Those that rest go one by one, and all do where the time line
    /// jumps within the block.
    pub(super) fn process_batch(&mut self, first: u32, count: u32, frames: usize) {
        let arrival = self.program.schedule.nodes.get(first as usize).map_or(0, |node| node.arrival);
        let (transport, left) = self.line.at(self.time - i64::from(arrival));
        let straight = self.pending_used == 0 && usize::try_from(left).unwrap_or(usize::MAX) >= frames;
        let mut outcomes = [None; MAX_BATCH];
        if straight {
            self.process_lanes(first, count, transport, frames, &mut outcomes);
        }
        for (node, outcome) in (first..first.saturating_add(count)).zip(outcomes) {
            match outcome {
                Some(outcome) => self.conclude(node, outcome, frames),
                None => self.process_one(node, frames),
            }
        }
    }

    /// Processes those nodes in lanes that can be, and says how it went.
    fn process_lanes(
        &mut self,
        first: u32,
        count: u32,
        transport: Transport,
        frames: usize,
        outcomes: &mut [Option<Outcome>; MAX_BATCH],
    ) {
        let range = first as usize..(first as usize).saturating_add(count as usize);
        let mut whens = [None; MAX_BATCH];
        let nodes = self.program.schedule.nodes.get(range.clone()).unwrap_or(&[]);
        for (when, (node, scheduled)) in whens.iter_mut().zip((first..).zip(nodes)) {
            *when = Some(self.when(node, scheduled.arrival));
        }
        let program = &mut *self.program;
        let nodes = program.schedule.nodes.get(range.clone()).unwrap_or(&[]);
        let slots = program.slots.get_mut(range).unwrap_or(&mut []);
        let leader = slots.first().and_then(Option::as_deref).and_then(|slot| slot.batch);
        let Some((function, leader)) = leader.zip(nodes.first()) else { return };
        let mut lanes = [false; MAX_BATCH];
        let mut quiet = [false; MAX_BATCH];
        let places = lanes.iter_mut().zip(&mut quiet).zip(&mut self.tables).zip(whens);
        for ((slot, node), (((lane, quiet), table), when)) in slots.iter_mut().zip(nodes).zip(places) {
            let Some(slot) = slot else { continue };
            let same = slot.batch.is_some_and(|of| core::ptr::fn_addr_eq(of, function));
            *quiet = program.slab.is_silent(input(node));
            let works = slot.fault.is_none() && slot.processor.is_some() && !rests(slot, node, *quiet);
            if let Some(when) = when.filter(|_| same && works && node.arrival == leader.arrival) {
                slot.evaluate(self.kernels, &self.line, when, frames, table);
                *lane = true;
            }
        }
        let ports = core::array::from_fn(|lane| nodes.get(lane).map_or(PortBuffer::default(), |n| n.main));
        let Some(mains) = program.slab.ports_mut::<MAX_BATCH>(ports) else { return };
        let mut rest = slots.iter_mut().zip(mains).zip(self.tables.iter().zip(lanes.iter().zip(quiet)));
        let mut items: [Option<BatchItem<'_>>; MAX_BATCH] = core::array::from_fn(|_| {
            let ((slot, main), (table, (_, quiet))) = rest.next().filter(|(_, (_, (lane, _)))| **lane)?;
            let slot = slot.as_deref_mut()?;
            let params = table.params(&slot.values, frames);
            let mut block = ProcessBlock::new(Channels::new(main, STRIDE, 0, frames), params, transport);
            block.input_silent = quiet;
            Some(BatchItem { processor: slot.processor.as_deref_mut()?, block, status: Status::Sound })
        });
        function(&mut items);
        for (outcome, item) in outcomes.iter_mut().zip(&items) {
            *outcome = item.as_ref().map(|item| {
                let mut outcome = Outcome::default();
                outcome.add(&item.block, item.status);
                outcome
            });
        }
    }

    /// Takes a node out of the sound from the next block on.
    pub(super) fn take_out(&mut self, id: NodeId, fault: Fault) {
        let program = &mut *self.program;
        let Some(index) = program.schedule.nodes.iter().position(|node| node.id == id) else { return };
        let slot = program.slots.get_mut(index).and_then(Option::as_deref_mut);
        if let Some(slot) = slot.filter(|slot| slot.fault.is_none()) {
            slot.parting = 0;
            (slot.fault, slot.untold.fault, self.untold) = (Some(fault), Some(fault), true);
        }
    }

    /// Notes how a node's block went, and lets nothing go on that would spoil what comes after.
    fn conclude(&mut self, node: u32, outcome: Outcome, frames: usize) {
        let program = &mut *self.program;
        let nodes = program.schedule.nodes.get(node as usize);
        let slot = program.slots.get_mut(node as usize).and_then(Option::as_deref_mut);
        let Some((scheduled, slot)) = nodes.zip(slot) else { return };
        let status = outcome.status.unwrap_or(Status::Silent);
        slot.idle = status == Status::Silent;
        slot.changed = false;
        self.missing = self.missing.saturating_add(outcome.missing);
        program.slab.set_silent(scheduled.main, slot.idle);
        let bad = match status {
            Status::Silent => {
                slot.last.fill(0.0);
                None
            }
            Status::Sound => {
                let port = program.slab.port(output(scheduled));
                let channels = port.chunks_exact(STRIDE).map(|channel| channel.get(..frames).unwrap_or(&[]));
                // One look serves the meter and the check.
                let levels = scheduled.metered.then(|| Levels::of(self.kernels, port, frames));
                slot.levels = levels.filter(Levels::contained);
                let mut bad = None;
                if slot.levels.is_none() {
                    let found = channels.clone().filter_map(|channel| first_bad(self.kernels, channel));
                    bad = found.min_by_key(|(frame, _)| *frame);
                }
                if bad.is_none() {
                    slot.last.iter_mut().zip(channels).for_each(|(last, channel)| {
                        *last = channel.last().copied().unwrap_or(0.0);
                    });
                }
                bad
            }
            Status::Failed(code) => Some((0, Fault::Stopped(code))),
        };
        if let Some((at, fault)) = bad {
            (slot.fault, slot.untold.fault, self.untold) = (Some(fault), Some(fault), true);
            depart(slot, scheduled, &mut program.slab, at, frames);
        }
        if let Some(latency) = outcome.latency {
            (slot.untold.latency, self.untold) = (Some(latency), true);
        }
    }
}

/// A node is out of the sound from frame `at` of the block on, after a fade from its last good sample.
fn depart(slot: &mut Slot, node: &ScheduledNode, slab: &mut Slab, at: usize, frames: usize) {
    let channels = slab.port_mut(output(node)).chunks_exact_mut(STRIDE);
    for (channel, last) in channels.zip(slot.last.iter_mut()) {
        let (good, bad) = channel.split_at_mut(at.min(channel.len()));
        *last = good.last().copied().unwrap_or(*last);
        fault::part(bad.get_mut(..frames.saturating_sub(at)).unwrap_or(&mut []), *last, 0);
    }
    slot.parting = i64::try_from(frames.saturating_sub(at)).unwrap_or(PARTING);
    slab.set_silent(node.main, false);
}

/// A block of a node that was taken out.
fn part(slot: &mut Slot, node: &ScheduledNode, slab: &mut Slab, frames: usize) {
    if slot.parting >= PARTING {
        return slab.silence(node.main, frames);
    }
    for (channel, last) in slab.port_mut(output(node)).chunks_exact_mut(STRIDE).zip(&*slot.last) {
        fault::part(channel.get_mut(..frames).unwrap_or(&mut []), *last, slot.parting);
    }
    slot.parting = slot.parting.saturating_add_unsigned(frames as u64);
    slab.set_silent(node.main, false);
}

/// The channels of a node's buffer that hold its input.
fn input(node: &ScheduledNode) -> PortBuffer {
    PortBuffer { count: node.inputs, ..node.main }
}

/// The channels of a node's buffer that hold its output.
fn output(node: &ScheduledNode) -> PortBuffer {
    PortBuffer { count: node.outputs, ..node.main }
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

/// Events of one node, in their order: what it was sent, and what it hears.
fn events_for(
    node: u32,
    hears: Option<u16>,
    pending: &[(u32, EventKind)],
    midi: &[Event],
    found: &mut [Event],
) -> usize {
    let sent = pending.iter().filter(|(of, _)| *of == node).map(|&(_, kind)| Event { frame: 0, kind });
    let heard =
        midi.iter().filter(|event| matches!(event.kind, EventKind::Midi(port, _) if Some(port) == hears));
    found.iter_mut().zip(sent.chain(heard.copied())).map(|(place, event)| *place = event).count()
}

/// The first of `events`, up to the end of a piece of `count` frames that begins at `done`, with their frames in it.
fn within<'a>(events: &mut &'a mut [Event], done: usize, count: usize) -> &'a [Event] {
    let end = u32::try_from(done.saturating_add(count)).unwrap_or(u32::MAX);
    let mine = events.iter().take_while(|event| event.frame < end).count();
    let (mine, rest) = core::mem::take(events).split_at_mut_checked(mine).unwrap_or_default();
    *events = rest;
    let begin = u32::try_from(done).unwrap_or(0);
    mine.iter_mut().for_each(|event| event.frame = event.frame.saturating_sub(begin));
    mine
}
