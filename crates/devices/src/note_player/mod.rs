//! Plays the notes of a track into an instrument.
//!
//! It stands around the instrument and is the instrument for the engine: before each block it adds to the block's events what
//! the track's notes and controllers have there, and hands the block on. What a node sees of the time line is exact behind any
//! latency, so notes need no cables, and no compensation of their own.
//!
//! **Held notes.** A key of a channel sounds one note at a time: one that is struck again is released first. Each note that was
//! struck is released once: at its end, or in the first frame in which it is not to sound any more, because the time line
//! stands or jumped (a locate, a loop), or because the list that came by an exchange does not have it any more, or not there. A
//! note whose start is jumped over is not struck.
//!
//! **Controllers.** After a jump every controller, bend, pressure and program that the list has is set to what it was last set to
//! before that place; where that is nothing, what was set since is put back to its rest. When the time line stands, pedals are
//! let go and bends are put back, so that nothing is held by them.
//!
//! **Bounds.** In each [`CELL`] of the clock at most [`MAX_EVENTS`] events are sent, and at most half of them strike notes or set
//! controllers; what is too much of those is left out, while a release waits for the next cell. So it is the same for any cut into
//! blocks. All notes of all channels may sound at once.
//!
//! The list comes by an exchange of `Option<NoteList>` ([`NoteList::payload`]); any other payload is the instrument's. Latency
//! and tail are the instrument's; so is the state: when one is put back, what sounds is released.

mod list;
mod voices;

use core::any::Any;

use omega_processor::{
    Event, EventKind, NoteAddress, ProcessBlock, Processor, StateReader, StateWriter, Status, Tail,
};
use omega_rt::Owned;

pub use list::prepare;
pub use list::{Name, NoteList, Shot, Touch};
use voices::Voices;

/// Frames of a cell: a part of the clock that begins at a multiple of it.
pub const CELL: i64 = 128;
/// Events that are sent in one cell at most.
pub const MAX_EVENTS: usize = 256;
/// Events that one block gets at most: those of all cells that it touches, and as many that came from elsewhere.
const BUFFER: usize = 4 * MAX_EVENTS;

/// The processor: see the [module](self).
pub struct NotePlayer {
    instrument: Owned<dyn Processor>,
    list: Option<NoteList>,
    voices: Voices,
    /// The position that comes next if nothing happens, while the time line moves.
    expected: Option<i64>,
    /// The list is another one.
    exchanged: bool,
    /// The instrument was reset, and may have forgotten what was set.
    forgot: bool,
    /// What is still to be set after a jump.
    chase: Option<Chase>,
    /// What was set last, slot by slot; all zero where nothing was.
    set: Owned<[Touch]>,
    /// What comes next in the list.
    next_note: usize,
    next_touch: usize,
    /// The cell that is counted, and what was sent in it: strikes and touches, and all.
    cell: i64,
    spent: (usize, usize),
    events: Owned<[Event]>,
    used: usize,
}

/// A walk over all that can be set.
#[derive(Clone, Copy, Debug)]
struct Chase {
    /// The next slot.
    slot: usize,
    /// What was set before this position holds.
    before: i64,
    /// It is set even where it should be so already.
    again: bool,
}

impl core::fmt::Debug for NotePlayer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NotePlayer").field("list", &self.list).finish_non_exhaustive()
    }
}

impl NotePlayer {
    /// Notes that sound.
    #[must_use]
    pub fn sounding(&self) -> usize {
        self.voices.len()
    }

    /// The cell of a frame of the clock begins anew.
    fn enter_cell(&mut self, clock: i64) {
        let cell = clock.div_euclid(CELL);
        if cell != self.cell {
            (self.cell, self.spent) = (cell, (0, 0));
        }
    }

    /// Sends an event if the cell has room for it: `strict` ones have half of it.
    fn send(&mut self, frame: usize, kind: EventKind, strict: bool) -> bool {
        let (strikes, all) = self.spent;
        if all >= MAX_EVENTS || (strict && strikes >= MAX_EVENTS / 2) {
            return false;
        }
        let (Some(place), Ok(frame)) = (self.events.get_mut(self.used), u32::try_from(frame)) else {
            return false;
        };
        *place = Event { frame, kind };
        self.used += 1;
        self.spent = (strikes + usize::from(strict), all + 1);
        true
    }

    /// Releases what is due at a position, as far as there is room.
    fn release_due(&mut self, frame: usize, position: i64) {
        while let Some(index) = self.voices.due(position) {
            if !self.release(frame, index) {
                return;
            }
        }
    }

    fn release(&mut self, frame: usize, index: usize) -> bool {
        let Some(voice) = self.voices.get(index) else { return false };
        let address =
            NoteAddress { note: voice.number, channel: voice.channel.into(), key: voice.key.into() };
        let sent = self.send(frame, EventKind::NoteOff(address, unit(voice.release)), false);
        if sent {
            self.voices.remove(index);
        }
        sent
    }

    fn strike(&mut self, frame: usize, shot: &Shot) {
        if let Some(index) = self.voices.at_key(shot.channel, shot.key)
            && !self.release(frame, index)
        {
            return;
        }
        let number = self.voices.next_number();
        let address = NoteAddress { note: number, channel: shot.channel.into(), key: shot.key.into() };
        if self.send(frame, EventKind::NoteOn(address, unit(shot.velocity)), true) {
            self.voices.add(shot, number);
        }
    }

    /// What comes before the first frame of a block: the time line stands or jumped, or the list is another one.
    fn look(&mut self, block: &ProcessBlock<'_>) {
        let transport = block.transport;
        let rolling = transport.rolling && self.list.is_some();
        if !rolling {
            if self.expected.take().is_some() || self.exchanged {
                self.voices.end_all();
                self.rest();
            }
            self.exchanged = false;
            return;
        }
        let jumped = self.expected != Some(transport.position);
        if jumped {
            self.voices.end_all();
        } else if self.exchanged
            && let Some(list) = &self.list
        {
            self.voices.follow(list, transport.position);
        }
        if jumped || self.exchanged {
            if let Some(list) = &self.list {
                (self.next_note, self.next_touch) = list.from(transport.position);
            }
            self.chase = Some(Chase { slot: 0, before: transport.position, again: self.forgot });
            (self.exchanged, self.forgot) = (false, false);
        }
        self.expected = Some(transport.position);
    }

    /// From now on pedals are let go, and bends and pressures put back.
    fn rest(&mut self) {
        self.chase = Some(Chase { slot: 0, before: i64::MIN, again: false });
    }

    /// Sets what was set before a jump, as far as there is room.
    fn go_on_chasing(&mut self, frame: usize) {
        let Some(mut chase) = self.chase else { return };
        // Only slots that were set, or are in the list, are looked at one by one.
        while let Some(slot) = self.next_slot(chase.slot) {
            let lane =
                self.list.as_ref().and_then(|list| list.lane_from(slot)).filter(|lane| lane.slot == slot);
            let last = lane.and_then(|lane| self.list.as_ref()?.last_before(lane, chase.before));
            let was = self.set.get(slot).copied().filter(|touch| *touch != Touch::default());
            let wanted = match (last, was) {
                (Some(touch), was) => Some(touch).filter(|_| chase.again || was != last),
                (None, Some(was)) => was.rest().filter(|rest| chase.again || *rest != was),
                (None, None) => None,
            };
            if let Some(touch) = wanted
                && !self.touch(frame, touch)
            {
                self.chase = Some(chase);
                return;
            }
            chase.slot = slot + 1;
        }
        self.chase = None;
    }

    /// The first slot from `from` on that was set, or that the list sets.
    fn next_slot(&self, from: usize) -> Option<usize> {
        let lane = self.list.as_ref().and_then(|list| list.lane_from(from)).map(|lane| lane.slot);
        let until = lane.unwrap_or(self.set.len());
        let set = self.set.get(from..until)?.iter().position(|touch| *touch != Touch::default());
        set.map(|ahead| from + ahead).or(lane)
    }

    /// Sends a touch; says whether there was room.
    fn touch(&mut self, frame: usize, touch: Touch) -> bool {
        let sent = self.send(frame, EventKind::Midi(0, touch.0), true);
        if let Some(place) = self.set.get_mut(touch.slot()).filter(|_| sent) {
            *place = touch;
        }
        sent
    }

    /// Adds the events of a block that lies in one piece on the time line.
    fn gather(&mut self, block: &ProcessBlock<'_>) {
        let (clock, frames) = (block.transport.clock, block.frames());
        let rolling = block.transport.rolling && self.list.is_some();
        let mut from_elsewhere = block.events.iter().peekable();
        let mut begin = 0;
        while begin < frames {
            let at = clock.saturating_add_unsigned(begin as u64);
            self.enter_cell(at);
            let left = usize::try_from(CELL - at.rem_euclid(CELL)).unwrap_or(1).max(1);
            let end = frames.min(begin.saturating_add(left));
            while let Some(event) = from_elsewhere.next_if(|event| (event.frame as usize) <= begin) {
                self.pass(event);
            }
            let position = block.transport.position;
            let here = if rolling { position.saturating_add_unsigned(begin as u64) } else { position };
            self.release_due(begin, if rolling { here } else { i64::MAX });
            self.go_on_chasing(begin);
            if rolling {
                self.roll(begin, end, position);
            }
            begin = end;
        }
        from_elsewhere.for_each(|event| self.pass(event));
        self.sort();
        if rolling {
            self.expected = self.expected.map(|at| at.saturating_add_unsigned(frames as u64));
        }
    }

    /// What happens within frames `begin..end` of a block that starts at `origin`.
    fn roll(&mut self, begin: usize, end: usize, origin: i64) {
        let limit = origin.saturating_add_unsigned(end as u64);
        let floor = origin.saturating_add_unsigned(begin as u64);
        let frame = |at: i64| usize::try_from(at.saturating_sub(origin)).unwrap_or(0).max(begin);
        // Each turn takes something out of the lists, or ends.
        loop {
            let due = self.voices.next_end_from(floor).filter(|at| *at < limit);
            let list = self.list.as_ref();
            let touch = list.and_then(|list| list.touch(self.next_touch)).filter(|(at, _)| *at < limit);
            let shot = list.and_then(|list| list.shot(self.next_note)).filter(|shot| shot.start < limit);
            let (touch_at, shot_at) = (touch.map(|touch| touch.0), shot.map(|shot| shot.start));
            let Some(next) = [due, touch_at, shot_at].into_iter().flatten().min() else { return };
            if due == Some(next) {
                let before = self.voices.len();
                self.release_due(frame(next), next);
                if self.voices.len() == before {
                    // No room in this cell: it waits for the next one, and so does what would come after it.
                    self.voices.put_off(next, limit);
                }
            } else if let Some((at, touch)) = touch.filter(|(at, _)| *at == next) {
                self.next_touch += 1;
                self.touch(frame(at), touch);
            } else if let Some(shot) = shot {
                self.next_note += 1;
                self.strike(frame(shot.start), &shot);
            }
        }
    }

    /// An event that came from elsewhere, such as a key that is played.
    fn pass(&mut self, event: &Event) {
        if let Some(place) = self.events.get_mut(self.used) {
            *place = *event;
            self.used += 1;
        }
    }

    /// By frame; what is at one frame keeps its order. Nearly sorted already.
    fn sort(&mut self) {
        let events = self.events.get_mut(..self.used).unwrap_or(&mut []);
        for end in 1..events.len() {
            let mut at = end;
            while let Some([left, right]) = at.checked_sub(1).and_then(|first| events.get_mut(first..=at)) {
                if left.frame <= right.frame {
                    break;
                }
                core::mem::swap(left, right);
                at -= 1;
            }
        }
    }
}

/// A velocity of MIDI as CLAP has it.
fn unit(velocity: u8) -> f64 {
    f64::from(velocity) / 127.0
}

impl Processor for NotePlayer {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.used = 0;
        self.look(block);
        self.gather(block);
        let aux = block.aux;
        let mut inner = ProcessBlock {
            main: block.main.range(0, block.main.frames()),
            input_silent: block.input_silent,
            aux,
            params: block.params,
            events: self.events.get(..self.used).unwrap_or(&[]),
            transport: block.transport,
            new_latency: None,
            missing: 0,
        };
        let status = self.instrument.process(&mut inner);
        let (latency, missing) = (inner.new_latency, inner.missing);
        (block.new_latency, block.missing) = (latency.or(block.new_latency), block.missing + missing);
        // Notes come without sound at the input, so it has to be called while there is a list.
        if status == Status::Silent && self.list.is_some() { Status::Sound } else { status }
    }

    fn reset(&mut self) {
        self.instrument.reset();
        // What sounds is released in the next block all the same: not every instrument forgets its notes.
        self.expected = self.expected.map(|_| i64::MIN);
        self.forgot = true;
        self.voices.end_all();
        self.voices.count_anew();
    }

    fn latency(&self) -> u32 {
        self.instrument.latency()
    }

    fn tail(&self) -> Tail {
        self.instrument.tail()
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        match payload.downcast_mut::<Option<NoteList>>() {
            Some(list) => {
                core::mem::swap(&mut self.list, list);
                self.exchanged = true;
            }
            None => self.instrument.exchange(payload),
        }
    }

    fn state_words(&self) -> usize {
        self.instrument.state_words()
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        self.instrument.save_state(out);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        self.instrument.restore_state(state);
        self.expected = self.expected.map(|_| i64::MIN);
        self.forgot = true;
    }
}
