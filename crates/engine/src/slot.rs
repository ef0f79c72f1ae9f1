//! A node's running state: its processor and the values of its parameters.

use omega_dsp::kernels::{Kernels, Ramp};
use omega_processor::{BatchFn, MAX_BLOCK, Params, Processor, Varying};
use omega_rt::{AlignedBuffer, Owned};

use crate::timeline::Timeline;
use crate::{Lane, STRIDE};

/// Parameters of one node that may vary within a block at the same time. `prepare` refuses more.
pub(crate) const MAX_VARYING: usize = 64;

/// One parameter.
#[derive(Debug, Default)]
pub(crate) struct ParamState {
    /// Where it is, or where its ramp leads.
    pub(crate) target: f32,
    /// A live jump on its way: where from, and since when (executor time).
    pub(crate) jump: Option<(f32, i64)>,
    /// Frames that a live jump takes.
    pub(crate) smoothing: i64,
    /// Automation; hides the rest.
    pub(crate) lane: Option<Owned<Lane>>,
}

impl ParamState {
    fn ramp(&self, (from, since): (f32, i64), time: i64) -> Ramp {
        Ramp { from, to: self.target, position: time - since, length: self.smoothing }
    }

    /// The value of the hand at `time`, automation aside.
    fn live(&self, time: i64) -> f32 {
        self.jump.map_or(self.target, |jump| self.ramp(jump, time).at(0))
    }

    fn moves(&self) -> bool {
        self.lane.is_some() || self.jump.is_some()
    }
}

/// A node of a program.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) processor: Option<Owned<dyn Processor>>,
    pub(crate) batch: Option<BatchFn>,
    pub(crate) params: Owned<[ParamState]>,
    /// Values at the first frame of the block.
    pub(crate) values: Owned<[f32]>,
    /// How many parameters have a lane or a ramp.
    pub(crate) moving: usize,
    /// A value changed since the processor was called last.
    pub(crate) changed: bool,
    /// The processor said that zeros in give zeros out.
    pub(crate) idle: bool,
    /// The processor cannot go on.
    pub(crate) failed: bool,
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot")
            .field("params", &self.params)
            .field("failed", &self.failed)
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
}

impl Slot {
    /// A parameter takes a value; `smooth` makes it a live jump.
    pub(crate) fn set(&mut self, param: usize, value: f32, smooth: bool, time: i64) {
        let Some(state) = self.params.get_mut(param) else { return };
        let moved = state.moves();
        let from = state.live(time);
        state.target = value;
        let jumps = smooth && state.smoothing > 0 && from.to_bits() != value.to_bits();
        state.jump = jumps.then_some((from, time));
        self.moving = self.moving - usize::from(moved) + usize::from(state.moves());
        if let Some(current) = self.values.get_mut(param).filter(|_| !state.moves()) {
            *current = value;
        }
        self.changed = true;
    }

    /// A parameter gets a lane, or goes on from where its lane left it to where the hand is. Gives back the old lane.
    pub(crate) fn set_lane(
        &mut self,
        param: usize,
        lane: Option<Owned<Lane>>,
        time: i64,
    ) -> Option<Owned<Lane>> {
        let Some(state) = self.params.get_mut(param) else { return lane };
        let moved = state.moves();
        let from = self.values.get(param).copied().unwrap_or(state.target);
        let old = core::mem::replace(&mut state.lane, lane);
        let leaves = state.lane.is_none() && old.is_some() && state.smoothing > 0;
        state.jump = leaves.then_some((from, time));
        self.moving = self.moving - usize::from(moved) + usize::from(state.moves());
        if let Some(current) = self.values.get_mut(param).filter(|_| !state.moves()) {
            *current = state.target;
        }
        self.changed = true;
        old
    }

    /// Puts live jumps at their end.
    pub(crate) fn settle(&mut self) {
        for (state, value) in self.params.iter_mut().zip(self.values.iter_mut()) {
            if state.jump.take().is_some() && state.lane.is_none() {
                (*value, self.moving) = (state.target, self.moving.saturating_sub(1));
            }
        }
        self.changed = true;
    }

    /// Evaluates all parameters for a block of `frames` frames at executor time `time`, for a node that lags behind the
    /// sources by `arrival` frames. Nothing to do, and no cost, where no parameter moves.
    pub(crate) fn evaluate(
        &mut self,
        kernels: Kernels,
        line: &Timeline,
        time: i64,
        arrival: u32,
        frames: usize,
        table: &mut Table,
    ) {
        table.used = 0;
        if self.moving == 0 {
            return;
        }
        for (index, (state, value)) in self.params.iter_mut().zip(self.values.iter_mut()).enumerate() {
            if !state.moves() {
                continue;
            }
            let was = *value;
            let row = table.rows.get_mut(table.used * STRIDE..table.used * STRIDE + frames.min(MAX_BLOCK));
            let constant = match (&mut state.lane, state.jump) {
                (Some(lane), _) => follow(lane, line, time - i64::from(arrival), frames, row),
                (None, Some(jump)) => {
                    let ramp = state.ramp(jump, time);
                    if ramp.is_finished() {
                        (state.jump, self.moving) = (None, self.moving.saturating_sub(1));
                        Some(state.target)
                    } else {
                        row.and_then(|row| {
                            kernels.fill_ramp(row, ramp);
                            None
                        })
                    }
                }
                (None, None) => Some(state.target),
            };
            match constant {
                Some(constant) => *value = constant,
                None => {
                    *value = table.rows.get(table.used * STRIDE).copied().unwrap_or(was);
                    if let Some(varying) = table.varying.get_mut(table.used) {
                        let row = u16::try_from(table.used).unwrap_or(0);
                        *varying = Varying { param: u16::try_from(index).unwrap_or(u16::MAX), row };
                        table.used += 1;
                    }
                    self.changed = true;
                }
            }
            self.changed |= value.to_bits() != was.to_bits();
        }
    }
}

/// The values of `lane` while the time line goes its way from `time` on: the value, where there is but one; otherwise the
/// row is filled.
fn follow(
    lane: &mut Lane,
    line: &Timeline,
    time: i64,
    frames: usize,
    row: Option<&mut [f32]>,
) -> Option<f32> {
    let (now, left) = line.at(time);
    if usize::try_from(left).is_ok_and(|left| left >= frames) {
        if !now.rolling {
            return lane.value(now.position);
        }
        if let Some(constant) = lane.constant(now.position, frames) {
            return Some(constant);
        }
    }
    let row = row?;
    let mut done = 0;
    while let Some(rest) = row.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let (now, left) = line.at(time.saturating_add_unsigned(done as u64));
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let stretch = rest.get_mut(..count)?;
        if now.rolling {
            lane.fill(now.position, stretch);
        } else {
            stretch.fill(lane.value(now.position).unwrap_or(0.0));
        }
        done += count.max(1);
    }
    None
}
