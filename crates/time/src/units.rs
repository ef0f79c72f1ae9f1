//! The two integer axes of time: frames at the session's rate, and musical ticks.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// Ticks in a quarter note: 2⁸·3²·5·7, so the usual MIDI resolutions (24, 96, 120, 192, 480, 960 …)
/// and every 3-, 5-, 7- and 9-tuplet down to the 64th note are whole numbers of ticks.
pub const TICKS_PER_QUARTER: i64 = 80_640;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $suffix:literal) => {
        $(#[$doc])*
        ///
        /// The operators saturate at the ends of `i64`: they never wrap and never panic, so that a hostile
        /// number stays an absurd number. Use the `checked_` methods where a caller has to be told.
        /// Serialised as the plain integer. Every method is real-time safe.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The origin, 0.
            pub const ZERO: Self = Self(0);
            /// The smallest value.
            pub const MIN: Self = Self(i64::MIN);
            /// The largest value.
            pub const MAX: Self = Self(i64::MAX);

            /// The plain number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// The sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(n) => Some(Self(n)),
                    None => None,
                }
            }

            /// The difference, or `None` on overflow.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(n) => Some(Self(n)),
                    None => None,
                }
            }

            /// The product with a plain number, or `None` on overflow.
            #[must_use]
            pub const fn checked_mul(self, by: i64) -> Option<Self> {
                match self.0.checked_mul(by) {
                    Some(n) => Some(Self(n)),
                    None => None,
                }
            }

            /// The sum, held at the ends of the range (what `+` does, usable in constants).
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, held at the ends of the range (what `-` does, usable in constants).
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The distance from zero, held at the largest value.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.saturating_abs())
            }

            /// Where this position goes when `length` is inserted at `at`: positions at or after `at` move later.
            /// A negative length counts as zero.
            #[must_use]
            pub fn after_insert(self, at: Self, length: Self) -> Self {
                if self >= at { self + length.max(Self::ZERO) } else { self }
            }

            /// Where this position goes when `length` is deleted from `from` on: positions inside the deleted
            /// span fall on `from`, later ones move earlier. A negative length counts as zero.
            #[must_use]
            pub fn after_delete(self, from: Self, length: Self) -> Self {
                if self <= from { self } else { (self - length.max(Self::ZERO)).max(from) }
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                self.saturating_add(other)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                self.saturating_sub(other)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.saturating_neg())
            }
        }

        impl Mul<i64> for $name {
            type Output = Self;
            fn mul(self, by: i64) -> Self {
                Self(self.0.saturating_mul(by))
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }

        impl From<i64> for $name {
            fn from(n: i64) -> Self {
                Self(n)
            }
        }

        impl From<$name> for i64 {
            fn from(n: $name) -> i64 {
                n.0
            }
        }

        /// The number and its unit letter, such as `480f` or `960t`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $suffix), self.0)
            }
        }
    };
}

unit! {
    /// A position or a length in frames (one sample per channel) at the session's rate.
    Frames, "f"
}

unit! {
    /// A position or a length in musical ticks, [`TICKS_PER_QUARTER`] to the quarter note.
    Ticks, "t"
}

impl Ticks {
    /// A whole number of quarter notes (saturating).
    ///
    /// ```
    /// assert_eq!(omega_time::Ticks::quarters(2).get(), 161_280);
    /// ```
    #[must_use]
    pub const fn quarters(n: i64) -> Self {
        Self(n.saturating_mul(TICKS_PER_QUARTER))
    }

    /// The position in quarter notes; exact while `|ticks| < 2⁵³`. For the edges (window, interchange) only.
    #[must_use]
    pub fn as_quarters_f64(self) -> f64 {
        self.0 as f64 / TICKS_PER_QUARTER as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_saturate_instead_of_wrapping() {
        assert_eq!(Frames::MAX + Frames(1), Frames::MAX);
        assert_eq!(Frames::MIN - Frames(1), Frames::MIN);
        assert_eq!(-Ticks::MIN, Ticks::MAX);
        assert_eq!(Ticks(i64::MAX / 2) * 3, Ticks::MAX);
        assert_eq!(Frames::MAX.checked_add(Frames(1)), None);
        assert_eq!(Frames(3).checked_sub(Frames(5)), Some(Frames(-2)));
        assert_eq!([Frames(1), Frames(2)].into_iter().sum::<Frames>(), Frames(3));
    }

    #[test]
    fn usual_resolutions_and_tuplets_are_whole() {
        for ppq in [24, 48, 96, 120, 192, 240, 384, 480, 960, 1920, 3840 / 3] {
            assert_eq!(TICKS_PER_QUARTER % ppq, 0, "PPQ {ppq}");
        }
        for tuplet in [3, 5, 7, 9] {
            assert_eq!(TICKS_PER_QUARTER / 16 % tuplet, 0, "{tuplet}-tuplet of a 64th note");
        }
    }

    #[test]
    fn insert_then_delete_of_the_same_span_is_identity() {
        for t in -5..20 {
            let moved = Ticks(t).after_insert(Ticks(7), Ticks(4));
            assert_eq!(moved.after_delete(Ticks(7), Ticks(4)), Ticks(t));
        }
        assert_eq!(Ticks(9).after_delete(Ticks(7), Ticks(4)), Ticks(7));
        assert_eq!(Ticks(9).after_insert(Ticks(7), Ticks(-4)), Ticks(9));
    }
}
