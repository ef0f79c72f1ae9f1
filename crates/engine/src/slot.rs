//! A node's running state: its processor and the values of its parameters.

use omega_dsp::kernels::{Kernels, Ramp};
use omega_processor::{BatchFn, MAX_BLOCK, Params, Processor, Varying};
use omega_rt::{AlignedBuffer, LoadCell, Owned, Shared};

use crate::keys::Keys;
use crate::level::Levels;
use crate::timeline::Timeline;
use crate::{FADE, Fault, Lane, PARTING, STRIDE};

/// Parameters of one node that may vary within a block at the same time. The conductor refuses more lanes; more live
/// jumps than that go on in steps of a block.
pub(crate) const MAX_VARYING: usize = 64;

/// One parameter.
#[derive(Debug, Default)]
pub(crate) struct ParamState {
    /// Where the hand put it.
    pub(crate) target: f32,
    /// On its way since then (executor time), from that value to the hand's or, where there is a lane, to the lane's.
    pub(crate) jump: Option<(f32, i64)>,
    /// Frames that a jump takes.
    pub(crate) smoothing: i64,
    /// Automation; hides the hand.
    pub(crate) lane: Option<Owned<Lane>>,
}

impl ParamState {
    fn moves(&self) -> bool {
        self.lane.is_some() || self.jump.is_some()
    }

    /// The line from where a jump began to the hand.
    fn ramp(&self, (from, since): (f32, i64), time: i64) -> Ramp {
        Ramp { from, to: self.target, position: time - since, length: self.smoothing }
    }

    /// The share of the lane in a jump towards it.
    fn share(&self, since: i64, time: i64) -> Ramp {
        Ramp { from: 0.0, to: 1.0, position: time - since, length: self.smoothing }
    }

    /// The value at `when`, but for cross-fades between positions.
    fn value(&mut self, line: &Timeline, when: When) -> f32 {
        let position = line.now(when.time - i64::from(when.arrival)).position;
        let lane = self.lane.as_mut().and_then(|lane| lane.value(position));
        match (lane, self.jump) {
            (Some(value), None) => value,
            (Some(value), Some((from, since))) => between(from, value, self.share(since, when.time).at(0)),
            (None, Some(jump)) => self.ramp(jump, when.time).at(0),
            (None, None) => self.target,
        }
    }

    /// Sets out from `from` to wherever the parameter leads now.
    fn set_out(&mut self, from: f32, line: &Timeline, when: When) {
        self.jump = None;
        let to = self.value(line, when);
        self.jump = (self.smoothing > 0 && from.to_bits() != to.to_bits()).then_some((from, when.time));
    }
}

/// A moment, as a node behind some latency sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// Executor time of the first frame.
    pub(crate) time: i64,
    /// Frames by which the node lags behind the sources.
    pub(crate) arrival: u32,
    /// Where the program's cross-fade lasts and the node lagged by another number of frames before: that number, and
    /// the frames since.
    pub(crate) before: Option<(u32, i64)>,
}

/// A node of a program.
pub(crate) struct Slot {
    pub(crate) processor: Option<Owned<dyn Processor>>,
    pub(crate) batch: Option<BatchFn>,
    pub(crate) params: Owned<[ParamState]>,
    /// Values at the first frame of the block.
    pub(crate) values: Owned<[f32]>,
    /// How many parameters have a lane or a jump.
    pub(crate) moving: usize,
    /// How many have a lane.
    pub(crate) lanes: usize,
    /// A value changed since the processor was called last.
    pub(crate) changed: bool,
    /// The processor said that zeros in give zeros out.
    pub(crate) idle: bool,
    /// It was taken out of the sound.
    pub(crate) fault: Option<Fault>,
    /// Frames since then.
    pub(crate) parting: i64,
    /// How much of the time it takes.
    pub(crate) load: Shared<LoadCell>,
    /// The last good sample on each channel of the output.
    pub(crate) last: Owned<[f32]>,
    /// What was measured of the output in this block, for the meter that is right behind it.
    pub(crate) levels: Option<Levels>,
    /// What is down of the MIDI that it hears.
    pub(crate) keys: Keys,
    /// What the processor had to say when nobody could be told.
    pub(crate) untold: Untold,
}

/// News of a processor that found no room in the FIFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) latency: Option<u32>,
    pub(crate) fault: Option<Fault>,
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot")
            .field("params", &self.params)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// Rows of values, one a frame, for the parameters of one node that vary.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: AlignedBuffer,
    pub(crate) varying: [Varying; MAX_VARYING],
    pub(crate) used: usize,
}

impl Table {
    pub(crate) fn new(rows: AlignedBuffer) -> Self {
        Self { rows, varying: [Varying { param: 0, row: 0 }; MAX_VARYING], used: 0 }
    }

    /// What a processor gets to see, for `frames` frames.
    pub(crate) fn params<'a>(&'a self, values: &'a [f32], frames: usize) -> Params<'a> {
        Params::new(values, self.varying.get(..self.used).unwrap_or(&[]), &self.rows, STRIDE, 0, frames)
    }

    /// The next row.
    fn row(&mut self, frames: usize) -> Option<&mut [f32]> {
        let begin = self.used * STRIDE;
        self.rows.get_mut(begin..begin + frames.min(MAX_BLOCK))
    }

    /// The next row belongs to `param`; gives its first value.
    fn take(&mut self, param: usize) -> f32 {
        let first = self.rows.get(self.used * STRIDE).copied().unwrap_or(0.0);
        if let Some(varying) = self.varying.get_mut(self.used) {
            let row = u16::try_from(self.used).unwrap_or(0);
            *varying = Varying { param: u16::try_from(param).unwrap_or(u16::MAX), row };
            self.used += 1;
        }
        first
    }
}

impl Slot {
    /// A parameter takes a value; `smooth` makes it a live jump. A value that is not finite is ignored.
    pub(crate) fn set(&mut self, param: usize, value: f32, smooth: bool, line: &Timeline, when: When) {
        let Some(state) = self.params.get_mut(param).filter(|_| value.is_finite()) else { return };
        let (moved, from) = (state.moves(), state.value(line, when));
        state.target = value;
        if state.lane.is_none() {
            state.jump = None;
            if smooth {
                state.set_out(from, line, when);
            }
        }
        self.moved(param, moved);
    }

    /// A parameter gets a lane, or none: it goes from where it is to where it is led from now on as a live jump does.
    /// Gives back the old lane.
    pub(crate) fn set_lane(
        &mut self,
        param: usize,
        lane: Option<Owned<Lane>>,
        line: &Timeline,
        when: When,
    ) -> Option<Owned<Lane>> {
        let Some(state) = self.params.get_mut(param) else { return lane };
        let (moved, from) = (state.moves(), state.value(line, when));
        let old = core::mem::replace(&mut state.lane, lane);
        self.lanes =
            self.lanes.saturating_sub(usize::from(old.is_some())) + usize::from(state.lane.is_some());
        state.set_out(from, line, when);
        self.moved(param, moved);
        old
    }

    /// Notes that a parameter was changed from outside; `before` says whether it was moving.
    fn moved(&mut self, param: usize, before: bool) {
        let Some(state) = self.params.get(param) else { return };
        self.moving = self.moving.saturating_sub(usize::from(before)) + usize::from(state.moves());
        if let Some(current) = self.values.get_mut(param).filter(|_| !state.moves()) {
            *current = state.target;
        }
        self.changed = true;
    }

    /// Brings back what was taken out of the sound, now that it was reset. Who stopped by itself stays out.
    pub(crate) fn try_again(&mut self) {
        self.fault = self.fault.filter(|fault| matches!(fault, Fault::Stopped(_)));
        self.parting = PARTING;
        self.last.fill(0.0);
    }

    /// Puts live jumps at their end.
    pub(crate) fn settle(&mut self) {
        self.changed = true;
        if self.moving == 0 {
            return;
        }
        for (state, value) in self.params.iter_mut().zip(self.values.iter_mut()) {
            if state.jump.take().is_some() && state.lane.is_none() {
                *value = state.target;
            }
        }
        self.moving = self.lanes;
    }

    /// Evaluates all parameters for a block of `frames` frames. Nothing to do, and no cost, where no parameter moves.
    pub(crate) fn evaluate(
        &mut self,
        kernels: Kernels,
        line: &Timeline,
        when: When,
        frames: usize,
        table: &mut Table,
    ) {
        table.used = 0;
        if self.moving == 0 {
            return;
        }
        let mut lanes_left = self.lanes;
        for (index, (state, value)) in self.params.iter_mut().zip(self.values.iter_mut()).enumerate() {
            if !state.moves() {
                continue;
            }
            let was = *value;
            lanes_left = lanes_left.saturating_sub(usize::from(state.lane.is_some()));
            // Lanes are exact whatever happens; jumps take the rows that are left.
            let room = table.used + lanes_left < MAX_VARYING;
            let row = table.row(frames).filter(|_| room);
            let constant = match (&mut state.lane, row) {
                (Some(_), Some(row)) => state.follow(kernels, line, when, row),
                (None, Some(row)) => state.approach(kernels, when.time, row),
                (_, None) => Some(state.value(line, when)),
            };
            if state.jump.is_some_and(|(_, since)| when.time - since >= state.smoothing) {
                state.jump = None;
                self.moving = self.moving.saturating_sub(usize::from(state.lane.is_none()));
            }
            *value = constant.unwrap_or_else(|| table.take(index));
            self.changed |= constant.is_none() || value.to_bits() != was.to_bits();
        }
    }
}

impl ParamState {
    /// Fills `row` with the way to the hand; gives the value instead, where it is there.
    fn approach(&self, kernels: Kernels, time: i64, row: &mut [f32]) -> Option<f32> {
        let Some(ramp) = self.jump.map(|jump| self.ramp(jump, time)).filter(|ramp| !ramp.is_finished())
        else {
            return Some(self.target);
        };
        kernels.fill_ramp(row, ramp);
        None
    }

    /// Fills `row` with the values of the lane, and the way to it; gives the value instead, where there is but one.
    fn follow(&mut self, kernels: Kernels, line: &Timeline, when: When, row: &mut [f32]) -> Option<f32> {
        let jump = self.jump.map(|(from, since)| (from, self.share(since, when.time)));
        let jump = jump.filter(|(_, share)| !share.is_finished());
        let lane = self.lane.as_mut()?;
        let time = when.time - i64::from(when.arrival);
        if jump.is_none() && when.before.is_none() {
            return lane_values(lane, line, time, row);
        }
        fill(lane, line, time, row);
        let mut shares = [0.0; MAX_BLOCK];
        let shares = shares.get_mut(..row.len())?;
        if let Some((arrival, done)) = when.before {
            let mut before = [0.0; MAX_BLOCK];
            let before = before.get_mut(..row.len())?;
            fill(lane, line, when.time - i64::from(arrival), before);
            kernels.fill_ramp(shares, Ramp { from: 0.0, to: 1.0, position: done, length: FADE });
            for ((value, before), share) in row.iter_mut().zip(before).zip(&*shares) {
                *value = between(*before, *value, *share);
            }
        }
        if let Some((from, share)) = jump {
            kernels.fill_ramp(shares, share);
            row.iter_mut().zip(&*shares).for_each(|(value, share)| *value = between(from, *value, *share));
        }
        None
    }
}

/// From `a` to `b`, the share `share` of the way; exactly `b` at its end, whatever the rounding.
fn between(a: f32, b: f32, share: f32) -> f32 {
    if share < 1.0 { a + (b - a) * share } else { b }
}

/// The value of `lane` while the time line goes its way from `time` on, where there is but one; otherwise `row` is filled.
fn lane_values(lane: &mut Lane, line: &Timeline, time: i64, row: &mut [f32]) -> Option<f32> {
    let (now, left) = line.at(time);
    if usize::try_from(left).is_ok_and(|left| left >= row.len()) {
        let constant =
            if now.rolling { lane.constant(now.position, row.len()) } else { lane.value(now.position) };
        if constant.is_some() {
            return constant;
        }
    }
    fill(lane, line, time, row);
    None
}

/// Fills `row` with the values of `lane` while the time line goes its way from `time` on.
fn fill(lane: &mut Lane, line: &Timeline, time: i64, row: &mut [f32]) {
    let mut done = 0;
    while let Some(rest) = row.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let (now, left) = line.at(time.saturating_add_unsigned(done as u64));
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()).max(1);
        let stretch = rest.get_mut(..count).unwrap_or(&mut []);
        if now.rolling {
            lane.fill(now.position, stretch);
        } else {
            stretch.fill(lane.value(now.position).unwrap_or(0.0));
        }
        done += count;
    }
}
