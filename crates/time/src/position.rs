//! Positions between frames and between ticks, without floating-point numbers.

use core::fmt;
use core::ops::{Add, Neg, Sub};

use crate::{Frames, Ticks};

/// A position or length in frames with an exact fraction: a whole number of 2⁻⁶⁴ frames in an `i128`.
///
/// The tempo map is defined on this grid (see [`crate::TempoMap`]), so two computations of one position are equal to
/// the bit and can be compared and subtracted. The operators saturate. Every method is real-time safe.
///
/// ```
/// use omega_time::{FramePosition, Frames};
/// let position = FramePosition::new(Frames(-2), 1 << 63); // half a frame after frame -2
/// assert_eq!((position.frame(), position.fraction()), (Frames(-2), 1 << 63));
/// assert_eq!(position.round(), Frames(-1));
/// assert_eq!(position.to_f64(), -1.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePosition(i128);

impl FramePosition {
    /// Frame 0.
    pub const ZERO: Self = Self(0);
    /// One unit of the grid, 2⁻⁶⁴ frames.
    pub const EPSILON: Self = Self(1);

    /// `frame + fraction / 2⁶⁴`.
    #[must_use]
    pub const fn new(frame: Frames, fraction: u64) -> Self {
        Self(((frame.0 as i128) << 64) | fraction as i128)
    }

    /// From the whole number of 2⁻⁶⁴ frames.
    #[must_use]
    pub const fn from_bits(bits: i128) -> Self {
        Self(bits)
    }

    /// The whole number of 2⁻⁶⁴ frames.
    #[must_use]
    pub const fn to_bits(self) -> i128 {
        self.0
    }

    /// The frame at or before this position (floor).
    #[must_use]
    pub const fn frame(self) -> Frames {
        #[allow(clippy::cast_possible_truncation, reason = "an i128 shifted right by 64 bits fits an i64")]
        Frames((self.0 >> 64) as i64)
    }

    /// The fraction after [`FramePosition::frame`], in 2⁻⁶⁴ frames.
    #[must_use]
    pub const fn fraction(self) -> u64 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the low 64 bits are wanted"
        )]
        let low = self.0 as u64;
        low
    }

    /// The nearest frame; a position half-way between two goes to the later one.
    #[must_use]
    pub const fn round(self) -> Frames {
        Self(self.0.saturating_add(1 << 63)).frame()
    }

    /// The first frame at or after this position.
    #[must_use]
    pub const fn ceil(self) -> Frames {
        Self(self.0.saturating_add((1 << 64) - 1)).frame()
    }

    /// The position in frames as the nearest floating-point number (ties to even).
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // The conversion from i128 rounds correctly; a power of two scales without rounding.
        self.0 as f64 * (1.0 / 18_446_744_073_709_551_616.0)
    }
}

impl From<Frames> for FramePosition {
    fn from(frame: Frames) -> Self {
        Self::new(frame, 0)
    }
}

impl Add for FramePosition {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for FramePosition {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for FramePosition {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// The frame and the fraction in units of 2⁻⁶⁴.
impl fmt::Display for FramePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}/2^64", self.frame(), self.fraction())
    }
}

/// A position between ticks: the tick at or before it, and the exact time since that tick.
///
/// The rest is kept in frames, because inside a tempo ramp the same rest in ticks is irrational. It is at least zero
/// and shorter than the tick, except beyond the ends of the map's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TickPosition {
    /// The tick at or before the position.
    pub tick: Ticks,
    /// The time from that tick to the position.
    pub rest: FramePosition,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_round_and_ceil_agree_with_their_names_below_zero_too() {
        for (frame, fraction, round, ceil) in [
            (3, 0, 3, 3),
            (3, 1, 3, 4),
            (3, (1 << 63) - 1, 3, 4),
            (3, 1 << 63, 4, 4),
            (-3, 1 << 63, -2, -2),
            (-3, (1 << 63) - 1, -3, -2),
            (-1, u64::MAX, 0, 0),
        ] {
            let p = FramePosition::new(Frames(frame), fraction);
            assert_eq!(p.frame(), Frames(frame));
            assert_eq!(p.fraction(), fraction);
            assert_eq!(p.round(), Frames(round));
            assert_eq!(p.ceil(), Frames(ceil));
        }
    }

    #[test]
    fn the_ends_of_the_range_do_not_wrap() {
        let last = FramePosition::new(Frames::MAX, u64::MAX);
        assert_eq!(last + FramePosition::EPSILON, last);
        assert_eq!(last.round(), Frames::MAX);
        assert_eq!(FramePosition::from(Frames::MIN) - last, FramePosition::from_bits(i128::MIN));
    }
}
