//! What is asked of the executor, and what it tells.

use omega_graph::Step;
use omega_rt::{Owned, Producer, faults};

use super::Executor;
use crate::keys::Keys;
use crate::slot::When;
use crate::{Command, DECLICK, EngineEvent, FADE, Program};

/// Commands taken at once at most.
const COMMANDS: usize = 256;

/// A jump on its way: the outside is faded out first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leap {
    pub(super) since: i64,
    then: Then,
}

/// What happens when the outside is silent.
#[derive(Clone, Copy, Debug)]
enum Then {
    Locate(i64),
    Play,
}

impl Executor {
    pub(super) fn take_commands(&mut self) {
        for _ in 0..COMMANDS {
            let waits = match self.commands.peek() {
                None => return,
                // What comes back needs room, and a program waits for the fade of the one before.
                Some(Command::Adopt(_)) => {
                    (self.events.free() == 0 && !faults::NO_ROOM.is_on()) || self.fading()
                }
                Some(Command::Lane { .. } | Command::Exchange { .. }) => self.events.free() == 0,
                Some(Command::Play | Command::PlayIn(_) | Command::Stop | Command::Locate(_)) => {
                    self.leap.is_some()
                }
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

    fn obey(&mut self, command: Command) {
        let time = self.time;
        match command {
            Command::Adopt(program) => self.adopt(program),
            Command::Param { node, param, value, smooth } => {
                let when = self.now_at(node);
                if let Some(slot) = self.program.slot_mut(node) {
                    slot.set(param.into(), value, smooth, &self.line, when);
                }
            }
            Command::Lane { node, param, lane } => {
                let when = self.now_at(node);
                let old = match self.program.slot_mut(node) {
                    Some(slot) => slot.set_lane(param.into(), lane, &self.line, when),
                    None => lane,
                };
                if let Some(old) = old {
                    self.send(EngineEvent::Lane(old));
                }
            }
            Command::Exchange { node, mut payload } => {
                if let Some(slot) = self.program.slot_mut(node) {
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
                None => self.dropped = self.dropped.saturating_add(1),
            },
            Command::Play if self.line.now(time).rolling => {}
            Command::Play => self.leap(Then::Play, self.audible && !self.has_inputs()),
            Command::PlayIn(_) if self.line.now(time).rolling => {}
            Command::PlayIn(frames) if frames > 0 => self.line.play_in(time, frames),
            Command::PlayIn(_) => self.leap(Then::Play, self.audible && !self.has_inputs()),
            Command::Release => self.releasing = true,
            Command::Stop => {
                self.line.stop(time);
                self.releasing = true;
            }
            Command::Locate(position) => {
                self.leap(Then::Locate(position), self.audible || self.line.now(time).rolling);
            }
            Command::Loop(range) => self.line.set_loop(time, range),
            Command::Record(range) => self.line.set_record(time, range),
        }
    }

    fn now_at(&self, node: u32) -> When {
        self.when(node, self.program.schedule.nodes.get(node as usize).map_or(0, |node| node.arrival))
    }

    /// Sound comes in from outside.
    fn has_inputs(&self) -> bool {
        self.program.schedule.steps.iter().any(|step| matches!(step, Step::Input { .. }))
    }

    // --- Jumps ----------------------------------------------------------------------------------------------------

    /// Does something that stops all sound: at once, or after the outside was faded out.
    fn leap(&mut self, then: Then, fade: bool) {
        if fade {
            self.leap = Some(Leap { since: self.time, then });
        } else {
            // Where the jump before is still on its way in, this one is faded in as that one would have been.
            self.arrive(then, self.landing.is_some());
        }
    }

    /// Does what was waiting for silence outside; says whether it did.
    pub(super) fn land(&mut self) -> bool {
        let Some(leap) = self.leap.filter(|leap| self.time - leap.since >= DECLICK) else { return false };
        self.leap = None;
        self.arrive(leap.then, true);
        true
    }

    fn arrive(&mut self, then: Then, fade_in: bool) {
        self.landing = None;
        match then {
            Then::Locate(position) => {
                self.line.locate(self.time, position);
                self.reset();
                let lands = self.time.saturating_add(self.program.schedule.latency.into());
                self.landing = fade_in.then_some(lands);
            }
            // Where nothing comes in from outside everything is reset first, so that playing from here gives what a
            // render from here gives; with live inputs, tails go on.
            Then::Play => {
                let fresh = !self.has_inputs();
                self.line.play(self.time, fresh);
                if fresh {
                    self.reset();
                }
            }
        }
    }

    fn reset(&mut self) {
        for slot in self.program.slots.iter_mut().flatten() {
            if let Some(processor) = &mut slot.processor {
                processor.reset();
            }
            slot.settle();
            slot.keys = Keys::default();
            slot.idle = false;
            slot.try_again();
        }
        for line in self.program.lines.iter_mut() {
            line.flush(self.time);
        }
        // Fades of an edit are over too: what is heard from here on is the new schedule alone.
        self.adopted = self.time - FADE;
    }

    // --- Hand-over ------------------------------------------------------------------------------------------------

    fn adopt(&mut self, mut program: Owned<Program>) {
        program.take_over(&mut self.program, self.time);
        core::mem::swap(&mut self.program, &mut program);
        self.adopted = if self.program.change.fades { self.time } else { self.time - FADE };
        if faults::FREED_HERE.is_on() {
            return;
        }
        let used = program.witness();
        self.send(EngineEvent::Retired(program));
        if faults::EARLY_FREE.is_on() {
            used.read();
        }
    }

    /// Sends; whoever sends a heap value has made sure that there is room.
    fn send(&mut self, event: EngineEvent) {
        if let Err(back) = self.events.push(event) {
            self.dropped = self.dropped.saturating_add(1);
            // Nothing on the heap may be freed here, and none gets here, see `take_commands`.
            core::mem::forget(back);
        }
    }

    /// Tells what nodes had to say; what finds no room is said again after a later block.
    pub(super) fn tell(&mut self) {
        if !core::mem::take(&mut self.untold) {
            return;
        }
        let program = &mut *self.program;
        for (node, slot) in program.schedule.nodes.iter().zip(program.slots.iter_mut()) {
            let (id, Some(slot)) = (node.id, slot) else { continue };
            if let Some(fault) = slot.untold.fault {
                if !say(&mut self.events, EngineEvent::Failed { node: id, fault }) {
                    self.untold = true;
                    return;
                }
                slot.untold.fault = None;
            }
            if let Some(frames) = slot.untold.latency {
                if !say(&mut self.events, EngineEvent::LatencyChanged { node: id, frames }) {
                    self.untold = true;
                    return;
                }
                slot.untold.latency = None;
            }
        }
    }
}

/// Sends an event of plain numbers; false when there is no room for it.
fn say(events: &mut Producer<EngineEvent>, event: EngineEvent) -> bool {
    match events.push(event) {
        Ok(()) => true,
        Err(back) => {
            // Events of other kinds own memory, which must not be freed here.
            core::mem::forget(back);
            false
        }
    }
}
