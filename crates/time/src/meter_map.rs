//! Time signatures along the time line: ticks to bars and beats and back.

extern crate alloc;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Bbt, TempoMap, Ticks, TimeSignature};

/// A time signature that begins with a bar.
///
/// It names the bar, not the tick, so it always stands on a bar line; its tick follows from the points before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MeterPoint {
    /// The bar it begins with, from 1.
    pub bar: i64,
    /// The time signature from there on.
    pub signature: TimeSignature,
}

impl From<(i64, TimeSignature)> for MeterPoint {
    fn from((bar, signature): (i64, TimeSignature)) -> Self {
        Self { bar, signature }
    }
}

/// Why meter points were refused. Indexes count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeterError {
    /// No meter point, or the first one is not at bar 1.
    #[error("a tempo map starts with a time signature at bar 1")]
    Start,
    /// More points than [`TempoMap::MAX_POINTS`].
    #[error("a tempo map holds at most {max} time signatures, not {0}", max = TempoMap::MAX_POINTS)]
    TooManyPoints(usize),
    /// A point is not after the one before it.
    #[error("time signature {index} at bar {bar} is not after the one before it")]
    Order {
        /// Which point.
        index: usize,
        /// Its bar.
        bar: i64,
    },
    /// A point lies beyond [`TempoMap::MAX_TICK`].
    #[error("time signature {index} at bar {bar} is beyond the last tick of the map")]
    Range {
        /// Which point.
        index: usize,
        /// Its bar.
        bar: i64,
    },
}

/// Why a bar, beat and tick is no place on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BbtError {
    /// The bar has no such beat.
    #[error("bar {bar} is in {signature}: its beats are 1 to {}, not {beat}", signature.numerator())]
    Beat {
        /// The bar.
        bar: i64,
        /// The beat asked for.
        beat: u32,
        /// The time signature of the bar.
        signature: TimeSignature,
    },
    /// The beat has no such tick.
    #[error("a beat of {signature} has ticks 0 to {}, not {tick}", signature.ticks_per_beat().get() - 1)]
    Tick {
        /// The tick asked for.
        tick: u32,
        /// The time signature of the bar.
        signature: TimeSignature,
    },
    /// The place is beyond the map.
    #[error("bar {0} is beyond the end of the time line")]
    Range(i64),
}

/// A meter point with the tick of its bar line.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    point: MeterPoint,
    tick: i64,
}

/// The meter half of a [`TempoMap`].
#[derive(Clone, Debug)]
pub(crate) struct MeterMap {
    stretches: Vec<Stretch>,
}

impl MeterMap {
    pub fn new(points: &[MeterPoint]) -> Result<Self, MeterError> {
        if points.len() > TempoMap::MAX_POINTS {
            return Err(MeterError::TooManyPoints(points.len()));
        }
        let mut map = Self { stretches: Vec::with_capacity(points.len()) };
        for &point in points {
            map.push(point)?;
        }
        if map.stretches.is_empty() { Err(MeterError::Start) } else { Ok(map) }
    }

    /// No point yet; to be filled with [`MeterMap::push`].
    pub fn empty() -> Self {
        Self { stretches: Vec::new() }
    }

    pub fn push(&mut self, point: MeterPoint) -> Result<(), MeterError> {
        let (index, bar) = (self.stretches.len(), point.bar);
        if index >= TempoMap::MAX_POINTS {
            return Err(MeterError::TooManyPoints(index + 1));
        }
        let tick = match self.stretches.last() {
            None if bar != 1 => return Err(MeterError::Start),
            None => 0,
            Some(last) if bar <= last.point.bar => return Err(MeterError::Order { index, bar }),
            Some(last) => last.bar_tick(bar).ok_or(MeterError::Range { index, bar })?,
        };
        self.stretches.push(Stretch { point, tick });
        Ok(())
    }

    /// Takes the last point away if it begins with this bar.
    pub fn remove_last_at(&mut self, bar: i64) {
        if self.stretches.last().is_some_and(|s| s.point.bar == bar) {
            self.stretches.pop();
        }
    }

    pub fn constant(signature: TimeSignature) -> Self {
        Self { stretches: alloc::vec![Stretch { point: MeterPoint { bar: 1, signature }, tick: 0 }] }
    }

    pub fn points(&self) -> impl ExactSizeIterator<Item = MeterPoint> + '_ {
        self.stretches.iter().map(|s| s.point)
    }

    /// The stretch that holds a tick; the first one holds what is before it, too.
    fn stretch(&self, tick: i64) -> Stretch {
        let after = self.stretches.partition_point(|s| s.tick <= tick).max(1);
        self.stretches.get(after - 1).copied().unwrap_or(Stretch::FIRST)
    }

    /// The first bar whose line is at or after a tick; 1 while there is no point.
    pub fn first_bar_at_or_after(&self, tick: Ticks) -> i64 {
        if self.stretches.is_empty() { 1 } else { self.bar_at_or_after(tick).1.bar }
    }

    pub fn signature_at(&self, tick: Ticks) -> TimeSignature {
        self.stretch(tick.0).point.signature
    }

    pub fn to_bbt(&self, tick: Ticks) -> Bbt {
        self.stretch(tick.0).to_bbt(tick.0)
    }

    pub fn bbt_to_tick(&self, bbt: Bbt) -> Result<Ticks, BbtError> {
        let Bbt { bar, beat, tick } = bbt;
        let after = self.stretches.partition_point(|s| s.point.bar <= bar).max(1);
        let stretch = self.stretches.get(after - 1).copied().unwrap_or(Stretch::FIRST);
        let signature = stretch.point.signature;
        if beat < 1 || beat > signature.numerator() {
            return Err(BbtError::Beat { bar, beat, signature });
        }
        let beat_length = signature.ticks_per_beat().0;
        if i64::from(tick) >= beat_length {
            return Err(BbtError::Tick { tick, signature });
        }
        let line = stretch.bar_tick(bar).ok_or(BbtError::Range(bar))?;
        let place = line + i64::from(beat - 1) * beat_length + i64::from(tick);
        if place > TempoMap::MAX_TICK.0 { Err(BbtError::Range(bar)) } else { Ok(Ticks(place)) }
    }

    pub fn beat_at_or_after(&self, tick: Ticks) -> (Ticks, Bbt) {
        self.line_at_or_after(tick, |signature| signature.ticks_per_beat().0)
    }

    pub fn bar_at_or_after(&self, tick: Ticks) -> (Ticks, Bbt) {
        self.line_at_or_after(tick, |signature| signature.ticks_per_bar().0)
    }

    /// The first multiple of a beat or bar counted from the start of the stretch. The next stretch begins on such a line.
    fn line_at_or_after(&self, tick: Ticks, length: impl Fn(TimeSignature) -> i64) -> (Ticks, Bbt) {
        let stretch = self.stretch(tick.0);
        let length = length(stretch.point.signature);
        let past = (tick.0 - stretch.tick).rem_euclid(length);
        let line = if past == 0 { tick.0 } else { tick.0 + length - past };
        (Ticks(line), self.to_bbt(Ticks(line)))
    }
}

impl Stretch {
    /// What stands in for a map without points, which cannot be made.
    const FIRST: Self = Self { point: MeterPoint { bar: 1, signature: TimeSignature::COMMON }, tick: 0 };

    /// The tick of a bar line counted from this point, if it lies on the map.
    fn bar_tick(&self, bar: i64) -> Option<i64> {
        let bars = bar.checked_sub(self.point.bar)?;
        let tick = bars.checked_mul(self.point.signature.ticks_per_bar().0)?.checked_add(self.tick)?;
        (tick.saturating_abs() <= TempoMap::MAX_TICK.0).then_some(tick)
    }

    fn to_bbt(self, tick: i64) -> Bbt {
        let since = tick - self.tick;
        let (bar, beat) = (self.point.signature.ticks_per_bar().0, self.point.signature.ticks_per_beat().0);
        let in_bar = since.rem_euclid(bar);
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        Bbt {
            bar: self.point.bar + since.div_euclid(bar),
            beat: 1 + small(in_bar / beat),
            tick: small(in_bar % beat),
        }
    }
}
