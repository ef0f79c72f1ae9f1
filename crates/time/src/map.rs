//! The tempo map: which tick sounds at which frame, and which bar it is in.

extern crate alloc;

use alloc::vec::Vec;
use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::curve::{Curve, MAX_RAMP, Wide};
use crate::meter_map::{MeterMap, MeterPoint};
use crate::{
    Bbt, BbtError, FramePosition, Frames, MeterError, SampleRate, TICKS_PER_QUARTER, Tempo, TickPosition,
    Ticks, TimePoint, TimeRange, TimeSignature,
};

/// How the tempo goes from a point to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ramp {
    /// It holds until the next point.
    #[default]
    Constant,
    /// The *period* of a quarter note changes linearly over ticks to that of the next point. At the last point there
    /// is nothing to go to, and the tempo holds.
    Linear,
}

/// A tempo that begins at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TempoPoint {
    /// Where it begins.
    pub tick: Ticks,
    /// The tempo at that tick.
    pub tempo: Tempo,
    /// How it goes on from there.
    #[serde(default)]
    pub ramp: Ramp,
}

impl TempoPoint {
    /// A tempo that holds from a tick on.
    #[must_use]
    pub const fn constant(tick: Ticks, tempo: Tempo) -> Self {
        Self { tick, tempo, ramp: Ramp::Constant }
    }

    /// A tempo that ramps from a tick to the next point.
    #[must_use]
    pub const fn linear(tick: Ticks, tempo: Tempo) -> Self {
        Self { tick, tempo, ramp: Ramp::Linear }
    }
}

/// Why points do not make a tempo map. Indexes count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TempoMapError {
    /// No tempo point, or the first one is not at tick 0.
    #[error("a tempo map starts with a tempo at tick 0")]
    Start,
    /// More points than [`TempoMap::MAX_POINTS`].
    #[error("a tempo map holds at most {max} tempo points, not {0}", max = TempoMap::MAX_POINTS)]
    TooManyPoints(usize),
    /// A point is not after the one before it.
    #[error("tempo point {index} at tick {tick} is not after the point before it", tick = tick.get())]
    Order {
        /// Which point.
        index: usize,
        /// Where it is.
        tick: Ticks,
    },
    /// A point lies beyond [`TempoMap::MAX_TICK`].
    #[error("tempo point {index} at tick {tick} is beyond the last tick {last}", tick = tick.get(),
            last = TempoMap::MAX_TICK.get())]
    Range {
        /// Which point.
        index: usize,
        /// Where it is.
        tick: Ticks,
    },
    /// A ramp is longer than 2³⁶ ticks.
    #[error("the ramp from tempo point {index} is {length} ticks long; the longest is {max}", length = length.get(),
            max = MAX_RAMP)]
    RampTooLong {
        /// The point the ramp starts from.
        index: usize,
        /// Its length.
        length: Ticks,
    },
    /// The meter is wrong.
    #[error(transparent)]
    Meter(#[from] MeterError),
}

/// A tempo point with what was computed for it.
#[derive(Clone, Debug)]
struct Segment {
    point: TempoPoint,
    /// The tick of the next point; the end of the map for the last.
    end: i64,
    /// The position of `point.tick`, with guard bits.
    anchor: Wide,
    /// The same on the grid.
    start: i128,
    curve: Curve,
}

impl Segment {
    /// What holds before tick 0: the first tempo, counted backwards.
    fn before_start(rate: SampleRate, first: Tempo) -> Self {
        Self {
            point: TempoPoint::constant(Ticks::ZERO, first),
            end: 0,
            anchor: Wide::default(),
            start: 0,
            curve: Curve::constant(rate, first),
        }
    }

    /// The position of a tick on the grid of 2⁻⁶⁴ frames. Only the segment before the start is asked for ticks before
    /// its point.
    fn position(&self, tick: i64) -> i128 {
        let x = tick - self.point.tick.0;
        let frames = self.curve.frames(x.unsigned_abs());
        self.anchor.add(if x < 0 { frames.neg() } else { frames }).to_grid()
    }

    /// The last tick from `first` to the end of this segment at or before a position.
    fn tick_at(&self, bits: i128, first: i64) -> i64 {
        let guess = self.point.tick.0.saturating_add(self.curve.estimate(bits - self.start));
        last_where(first..self.end, guess, |tick| self.position(tick) <= bits)
    }
}

/// The tempo map of a session at its sample rate: it converts ticks to frames and back, and ticks to bars and beats.
///
/// **What is exact.** The position of a tick is the integral of the tick's length from tick 0 on, computed with
/// integers and rounded once to a grid of 2⁻⁶⁴ frames ([`FramePosition`]); positions are summed with 64 further
/// guard bits, so wherever the ideal position is a whole frame, or a binary fraction of one, the map gives just that.
/// The same points give the same bits everywhere. Positions grow strictly with ticks, so nothing is lost either way:
/// [`TempoMap::to_ticks_exact`] undoes [`TempoMap::to_frames_exact`], and for any position, tick and rest together
/// give the position back.
///
/// **Rounding.** [`TempoMap::to_frame`] rounds half up; [`TempoMap::to_tick`] takes the last tick that does not lie
/// after the frame. Each is stated because neither undoes the other.
///
/// **Range.** Ticks from −2⁴⁶ to 2⁴⁶ ([`TempoMap::MAX_TICK`]: 13 years at 120 BPM); ticks beyond are held at the
/// nearer end. Before tick 0 the first tempo holds. Up to [`TempoMap::MAX_POINTS`] tempo points.
///
/// **Cost.** Reading is O(log points), does not allocate, lock or fail, and is real-time safe. Making a map allocates.
///
/// ```
/// use omega_time::{Frames, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeSignature};
/// let map = TempoMap::new(
///     SampleRate::HZ_48000,
///     &[
///         TempoPoint::linear(Ticks(0), Tempo::bpm(60)?),
///         TempoPoint::constant(Ticks::quarters(4), Tempo::bpm(120)?),
///     ],
///     &[(1, TimeSignature::COMMON).into()],
/// )?;
/// // The period falls from 1 s to 0.5 s over four quarter notes: 3 s in all.
/// assert_eq!(map.to_frame(Ticks::quarters(4)), Frames(144_000));
/// assert_eq!(map.to_tick(Frames(144_000)), Ticks::quarters(4));
/// assert_eq!(map.to_bbt(Ticks::quarters(5)).to_string(), "2|2|00000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TempoMap {
    rate: SampleRate,
    /// First what holds before tick 0, then one for each point.
    segments: Vec<Segment>,
    meter: MeterMap,
}

impl TempoMap {
    /// The most tempo points (and meter points) a map holds.
    pub const MAX_POINTS: usize = 65_536;
    /// The last tick of the map; the first is its negative.
    pub const MAX_TICK: Ticks = Ticks(1 << 46);
    /// A frame after every tick of every map: 2⁵⁵.
    pub const MAX_FRAME: Frames = Frames(1 << 55);

    /// The longest ramp between different tempos: 2³⁶ ticks, 852,176 quarter notes.
    pub const MAX_RAMP: Ticks = Ticks(MAX_RAMP);

    /// A map of tempo points and meter points, each sorted and without two at one place.
    ///
    /// The first tempo is at tick 0 and the first meter at bar 1. Allocates; not for the audio thread.
    ///
    /// # Errors
    /// [`TempoMapError`], naming the point.
    pub fn new(rate: SampleRate, tempo: &[TempoPoint], meter: &[MeterPoint]) -> Result<Self, TempoMapError> {
        if tempo.len() > Self::MAX_POINTS {
            return Err(TempoMapError::TooManyPoints(tempo.len()));
        }
        let first = tempo.first().filter(|p| p.tick == Ticks::ZERO).ok_or(TempoMapError::Start)?;
        let mut segments: Vec<Segment> = Vec::with_capacity(tempo.len() + 1);
        segments.push(Segment::before_start(rate, first.tempo));
        let mut anchor = Wide::default();
        for (index, point) in tempo.iter().enumerate() {
            if point.tick > Self::MAX_TICK {
                return Err(TempoMapError::Range { index, tick: point.tick });
            }
            let next = tempo.get(index + 1);
            let length = next.map_or(0, |n| (n.tick - point.tick).0);
            if let Some(next) = next.filter(|n| n.tick <= point.tick) {
                return Err(TempoMapError::Order { index: index + 1, tick: next.tick });
            }
            let curve = match (point.ramp, next) {
                (Ramp::Linear, Some(next)) if length <= MAX_RAMP || point.tempo == next.tempo => {
                    Curve::ramp(rate, point.tempo, next.tempo, length.unsigned_abs())
                }
                (Ramp::Linear, Some(_)) => {
                    return Err(TempoMapError::RampTooLong { index, length: Ticks(length) });
                }
                _ => Curve::constant(rate, point.tempo),
            };
            let end = next.map_or(Self::MAX_TICK.0 + 1, |n| n.tick.0);
            segments.push(Segment { point: *point, end, anchor, start: anchor.to_grid(), curve });
            if next.is_some_and(|n| n.tick <= Self::MAX_TICK) {
                anchor = anchor.add(curve.frames(length.unsigned_abs()));
            }
        }
        Ok(Self { rate, segments, meter: MeterMap::new(meter)? })
    }

    /// One tempo and one time signature throughout. Allocates; not for the audio thread.
    #[must_use]
    pub fn constant(rate: SampleRate, tempo: Tempo, signature: TimeSignature) -> Self {
        let before = Segment::before_start(rate, tempo);
        let after = Segment { end: Self::MAX_TICK.0 + 1, ..before.clone() };
        Self { rate, segments: alloc::vec![before, after], meter: MeterMap::constant(signature) }
    }

    /// The session's rate.
    #[must_use]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The tempo points in order.
    pub fn tempo_points(&self) -> impl ExactSizeIterator<Item = TempoPoint> + '_ {
        self.segments.iter().skip(1).map(|s| s.point)
    }

    /// The meter points in order.
    pub fn meter_points(&self) -> impl ExactSizeIterator<Item = MeterPoint> + '_ {
        self.meter.points()
    }

    /// The segment that holds a tick. There is always one, as `new` refuses an empty map.
    fn segment(&self, tick: i64) -> Option<&Segment> {
        let after = self.segments.partition_point(|s| s.point.tick.0 <= tick);
        self.segments.get(after.saturating_sub(1))
    }

    /// The exact position of a tick. Real-time safe.
    #[must_use]
    pub fn to_frames_exact(&self, tick: Ticks) -> FramePosition {
        let tick = hold(tick);
        FramePosition::from_bits(self.segment(tick).map_or(0, |s| s.position(tick)))
    }

    /// The last tick at or before a position, and the exact time since it. Real-time safe.
    ///
    /// `to_frames_exact(result.tick) + result.rest` is the position again, for every position within ±2⁶² frames.
    #[must_use]
    pub fn to_ticks_exact(&self, position: FramePosition) -> TickPosition {
        let bits = position.to_bits();
        let after = self.segments.partition_point(|s| s.start <= bits);
        let index = after.saturating_sub(1);
        let Some(segment) = self.segments.get(index) else {
            return TickPosition { tick: Ticks::ZERO, rest: position };
        };
        let first = if index == 0 { -Self::MAX_TICK.0 } else { segment.point.tick.0 };
        let tick = Ticks(if segment.position(first) >= bits {
            first
        } else if segment.position(segment.end - 1) <= bits {
            segment.end - 1
        } else {
            segment.tick_at(bits, first)
        });
        TickPosition { tick, rest: position - FramePosition::from_bits(segment.position(tick.0)) }
    }

    /// The frame nearest to a tick; half-way between two frames is the later one. Real-time safe.
    #[must_use]
    pub fn to_frame(&self, tick: Ticks) -> Frames {
        self.to_frames_exact(tick).round()
    }

    /// The last tick that does not lie after a frame (floor). Real-time safe.
    #[must_use]
    pub fn to_tick(&self, frame: Frames) -> Ticks {
        self.to_ticks_exact(frame.into()).tick
    }

    /// The position of a tick in frames as the nearest floating-point number to the exact one: where a point of an
    /// automation lane lies between frames. Real-time safe.
    #[must_use]
    pub fn to_frame_f64(&self, tick: Ticks) -> f64 {
        self.to_frames_exact(tick).to_f64()
    }

    /// A frame's position in quarter notes, for the edges (plugins, window): linear within a tick. Real-time safe.
    #[must_use]
    pub fn to_quarters_f64(&self, frame: Frames) -> f64 {
        let TickPosition { tick, rest } = self.to_ticks_exact(frame.into());
        let length = self.to_frames_exact(tick + Ticks(1)) - self.to_frames_exact(tick);
        // At the ends of the map there is no next tick, and the position is held like the tick.
        let part = if length > rest { rest.to_f64() / length.to_f64() } else { 0.0 };
        tick.as_quarters_f64() + part / TICKS_PER_QUARTER as f64
    }

    /// The frame of a point, rounded as [`TempoMap::to_frame`] does. Real-time safe.
    #[must_use]
    pub fn frame_of(&self, point: TimePoint) -> Frames {
        match point {
            TimePoint::Musical(tick) => self.to_frame(tick),
            TimePoint::Absolute(frame) => frame,
        }
    }

    /// The tick of a point, rounded as [`TempoMap::to_tick`] does. Real-time safe.
    #[must_use]
    pub fn tick_of(&self, point: TimePoint) -> Ticks {
        match point {
            TimePoint::Musical(tick) => tick,
            TimePoint::Absolute(frame) => self.to_tick(frame),
        }
    }

    /// The frames of a range. Real-time safe.
    #[must_use]
    pub fn frames_of(&self, range: TimeRange) -> Range<Frames> {
        self.frame_of(range.start())..self.frame_of(range.end())
    }

    /// The tempo at a tick. Inside a ramp it is the representable tempo nearest to the exact one. Real-time safe.
    #[must_use]
    pub fn tempo_at(&self, tick: Ticks) -> Tempo {
        let tick = hold(tick);
        let after = self.segments.partition_point(|s| s.point.tick.0 <= tick);
        let at = after.saturating_sub(1);
        let Some(segment) = self.segments.get(at) else { return Tempo::DEFAULT };
        let from = segment.point.tempo;
        match (segment.curve, self.segments.get(at + 1)) {
            (Curve::Ramp { early, late, length, .. }, Some(next)) => {
                // 1/BPM = (early·(L − x) + late·x) / (k·L), where k = p0·p1 over the same common factor as early.
                let x = (tick - segment.point.tick.0).unsigned_abs();
                let to = next.point.tempo;
                // Neither divisor is zero; the compiler is told so, so that nothing here can panic.
                let early = u128::from(early).max(1);
                let common = (u128::from(from.denominator()) * u128::from(to.numerator()) / early).max(1);
                let top =
                    u128::from(from.numerator()) * u128::from(to.numerator()) / common * u128::from(length);
                Tempo::nearest(top, early * u128::from(length - x) + u128::from(late) * u128::from(x))
            }
            _ => from,
        }
    }

    /// The length of a quarter note in frames at the tempo of a tick. Real-time safe.
    #[must_use]
    pub fn frames_per_quarter(&self, tick: Ticks) -> f64 {
        let tick = hold(tick);
        self.segment(tick).map_or(0.0, |s| {
            s.curve.frames_per_tick(tick.saturating_sub(s.point.tick.0).max(0).unsigned_abs())
                * TICKS_PER_QUARTER as f64
        })
    }

    /// The time signature at a tick. Real-time safe.
    #[must_use]
    pub fn signature_at(&self, tick: Ticks) -> TimeSignature {
        self.meter.signature_at(tick)
    }

    /// Bar, beat and tick of a tick. Real-time safe.
    #[must_use]
    pub fn to_bbt(&self, tick: Ticks) -> Bbt {
        self.meter.to_bbt(Ticks(hold(tick)))
    }

    /// The tick of a bar, beat and tick. Real-time safe.
    ///
    /// # Errors
    /// [`BbtError`] if that bar has no such beat, the beat no such tick, or the bar lies beyond the map.
    pub fn bbt_to_tick(&self, bbt: Bbt) -> Result<Ticks, BbtError> {
        self.meter.bbt_to_tick(bbt)
    }

    /// The first beat at or after a tick and its place in the bar: what a metronome needs. Real-time safe.
    #[must_use]
    pub fn beat_at_or_after(&self, tick: Ticks) -> (Ticks, Bbt) {
        self.meter.beat_at_or_after(Ticks(hold(tick)))
    }

    /// The first bar line at or after a tick. Real-time safe.
    #[must_use]
    pub fn bar_at_or_after(&self, tick: Ticks) -> (Ticks, Bbt) {
        self.meter.bar_at_or_after(Ticks(hold(tick)))
    }
}

/// A tick held in the range of the map.
fn hold(tick: Ticks) -> i64 {
    tick.0.clamp(-TempoMap::MAX_TICK.0, TempoMap::MAX_TICK.0)
}

/// The last place of a range at which `holds` is true; `holds` is true at the start of the range and, once false, stays
/// false. From a guess it steps away, doubling each step, and then halves: O(log of the error of the guess).
fn last_where(range: Range<i64>, guess: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (range.start, range.end);
    let guess = guess.min(high - 1).max(low);
    let mut step = 1;
    if holds(guess) {
        low = guess;
        while low + step < high {
            if !holds(low + step) {
                high = low + step;
                break;
            }
            low += step;
            step *= 2;
        }
    } else {
        high = guess;
        while high - step > low {
            if holds(high - step) {
                low = high - step;
                break;
            }
            high -= step;
            step *= 2;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn any_guess_finds_the_last_place() {
        for last in -5..60 {
            for guess in -20..80 {
                assert_eq!(last_where(-5..60, guess, |n| n <= last), last, "from {guess}");
            }
        }
    }

    #[test]
    fn a_useless_guess_costs_the_logarithm() {
        let asked = Cell::new(0);
        let count = |n| {
            asked.set(asked.get() + 1);
            n <= 12_345
        };
        assert_eq!(last_where(-(1 << 46)..1 << 46, 1 << 45, count), 12_345);
        assert!(asked.get() < 100, "{}", asked.get());
    }

    #[test]
    fn estimates_are_good_enough_to_need_few_corrections() {
        let ramp = |from: &str, to: &str, length| {
            Curve::ramp(SampleRate::HZ_48000, from.parse().unwrap(), to.parse().unwrap(), length)
        };
        for (curve, length) in [
            (ramp("1", "1000", 1 << 36), 1u64 << 36),
            (ramp("1000", "1", 1 << 36), 1 << 36),
            (ramp("133.333", "133.334", 80_640), 80_640),
        ] {
            for part in 0..=64 {
                let x = length / 64 * part;
                let found = curve.estimate(curve.frames(x).to_grid());
                assert!(found.abs_diff(x.cast_signed()) <= 64, "{found} for {x}");
            }
        }
    }
}
