//! Automation: a curve through points, evaluated at absolute frames.

use omega_dsp::math;
use omega_rt::Owned;

/// How the curve goes on from a point to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LaneShape {
    /// Stays, then jumps.
    Hold,
    /// A straight line.
    Linear,
    /// An exponential bow, `(e^(c·t) − 1) / (e^c − 1)`: positive starts slowly, negative fast. −20..=20; 0 is straight.
    Curve(f32),
}

/// One point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LanePoint {
    /// Frame on the time line; musical points may lie between frames.
    pub frame: f64,
    /// Value in the parameter's unit.
    pub value: f32,
    /// The way to the next point.
    pub shape: LaneShape,
}

/// A curve: points sorted by frame. Before the first and after the last it stays at their values. Where several points
/// share a frame the last of them counts from that frame on.
#[derive(Debug)]
pub struct Lane {
    points: Owned<[LanePoint]>,
    /// The segment used last: playing onwards finds the next one at once.
    cursor: usize,
}

impl Lane {
    /// A curve through `points`, which are sorted by frame and finite; see
    /// [`prepare::lane`](crate::prepare::lane), which sees to it.
    pub(crate) fn new(points: Owned<[LanePoint]>) -> Self {
        Self { points, cursor: 0 }
    }

    /// Writes the values at `position`, `position + 1`, … Real-time safe; a search of at most log₂ of the number of
    /// points after a jump, none while playing on.
    pub fn fill(&mut self, position: i64, out: &mut [f32]) {
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = position.saturating_add_unsigned(done as u64);
            let (segment, frames) = self.segment(at, rest.len());
            if let Some(stretch) = rest.get_mut(..frames) {
                segment.fill(at, stretch);
            }
            done += frames.max(1);
        }
    }

    /// The value over all of `position..position + frames`, if there is but one.
    pub fn constant(&mut self, position: i64, frames: usize) -> Option<f32> {
        let (segment, covered) = self.segment(position, frames);
        let flat =
            matches!(segment.shape, LaneShape::Hold) || segment.from.1.to_bits() == segment.to.1.to_bits();
        (flat && covered >= frames).then_some(segment.from.1)
    }

    /// The value at `position`.
    pub fn value(&mut self, position: i64) -> Option<f32> {
        let mut value = [0.0];
        self.fill(position, &mut value);
        value.first().copied()
    }

    /// The segment at `position`, and how many of the next `frames` frames it covers.
    fn segment(&mut self, position: i64, frames: usize) -> (Segment, usize) {
        let points = &*self.points;
        let at = position as f64;
        let begins = |index: usize| points.get(index).is_none_or(|point| point.frame <= at);
        let here = |cursor: usize| {
            (cursor == 0 || begins(cursor - 1)) && (cursor >= points.len() || !begins(cursor))
        };
        if !here(self.cursor) {
            self.cursor = match self.cursor + 1 {
                next if next <= points.len() && here(next) => next,
                _ => points.partition_point(|point| point.frame <= at),
            };
        }
        let (before, after) =
            (self.cursor.checked_sub(1).and_then(|i| points.get(i)), points.get(self.cursor));
        let covered = after.map_or(frames, |next| frames_before(next.frame - at, frames));
        let segment = match (before, after) {
            (Some(a), Some(b)) => {
                Segment { from: (a.frame, a.value), to: (b.frame, b.value), shape: a.shape }
            }
            (Some(only), None) | (None, Some(only)) => Segment::flat(only.value),
            (None, None) => Segment::flat(0.0),
        };
        (segment, covered.max(1))
    }
}

/// Whole frames before `distance`, at most `limit`.
fn frames_before(distance: f64, limit: usize) -> usize {
    let whole = math::ceil(distance);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in 0..limit")]
    if whole >= 0.0 && whole < limit as f64 { whole as usize } else { limit }
}

/// A bow below this is a straight line, within the precision of a value.
const STRAIGHT: f32 = 1e-7;

struct Segment {
    from: (f64, f32),
    to: (f64, f32),
    shape: LaneShape,
}

impl Segment {
    fn flat(value: f32) -> Self {
        Self { from: (0.0, value), to: (1.0, value), shape: LaneShape::Hold }
    }

    #[allow(clippy::cast_possible_truncation, reason = "values are kept in single precision")]
    fn fill(&self, position: i64, out: &mut [f32]) {
        let (low, high) = (f64::from(self.from.1), f64::from(self.to.1));
        let (start, length) = (self.from.0, self.to.0 - self.from.0);
        let share = |index: usize| (position.saturating_add_unsigned(index as u64) as f64 - start) / length;
        match self.shape {
            LaneShape::Hold => out.fill(self.from.1),
            LaneShape::Curve(bow) if bow.abs() >= STRAIGHT => {
                let bow = f64::from(bow);
                let whole = math::exp(bow) - 1.0;
                for (index, value) in out.iter_mut().enumerate() {
                    *value = (low + (high - low) * ((math::exp(bow * share(index)) - 1.0) / whole)) as f32;
                }
            }
            LaneShape::Linear | LaneShape::Curve(_) => {
                for (index, value) in out.iter_mut().enumerate() {
                    *value = (low + (high - low) * share(index)) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::lane;

    fn point(frame: f64, value: f32, shape: LaneShape) -> LanePoint {
        LanePoint { frame, value, shape }
    }

    #[test]
    fn each_shape_goes_its_way() {
        let points = [
            point(10.0, 0.0, LaneShape::Linear),
            point(20.0, 1.0, LaneShape::Hold),
            point(30.5, 5.0, LaneShape::Curve(2.0)),
            point(40.5, 6.0, LaneShape::Linear),
        ];
        let mut lane = lane(&points).expect("points");
        let mut out = [0.0; 60];
        lane.fill(0, &mut out);
        assert_eq!((out[0], out[10], out[15], out[20], out[30]), (0.0, 0.0, 0.5, 1.0, 1.0));
        assert!(out[31] > 5.0 && out[35] < 5.5, "a positive bow starts slowly");
        assert_eq!((out[41], out[59]), (6.0, 6.0));
        assert_eq!(lane.constant(21, 9), Some(1.0));
        assert_eq!(lane.constant(21, 11), None);
        assert_eq!(lane.constant(50, 1 << 20), Some(6.0));
    }

    #[test]
    fn the_cut_into_blocks_does_not_show() {
        let shapes = [LaneShape::Hold, LaneShape::Linear, LaneShape::Curve(-3.0)];
        let points: [LanePoint; 40] =
            core::array::from_fn(|i| point(i as f64 * 7.3 - 20.0, ((i * 37) % 11) as f32, shapes[i % 3]));
        let mut lane = lane(&points).expect("points");
        let mut whole = [0.0; 400];
        lane.fill(-50, &mut whole);
        for size in [1usize, 2, 3, 7, 64, 255] {
            let mut parts = [0.0; 400];
            let mut position = -50;
            for chunk in parts.chunks_mut(size) {
                lane.fill(position, chunk);
                position += i64::try_from(chunk.len()).expect("small");
            }
            assert_eq!(parts.map(f32::to_bits), whole.map(f32::to_bits), "blocks of {size}");
        }
    }

    #[test]
    fn of_points_at_one_frame_the_last_counts() {
        let points = [
            point(5.0, 1.0, LaneShape::Linear),
            point(5.0, 2.0, LaneShape::Linear),
            point(5.0, 3.0, LaneShape::Hold),
        ];
        let mut lane = lane(&points).expect("points");
        let mut out = [0.0; 8];
        lane.fill(0, &mut out);
        assert_eq!(out, [1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0]);
    }
}
