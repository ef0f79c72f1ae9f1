//! Places on the time line that belong to one time base.

use serde::{Deserialize, Serialize};

use crate::{Frames, Ticks};

/// What a place on the time line is tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBase {
    /// To bars and beats: it moves when the tempo changes.
    Musical,
    /// To the clock: it stays where it is when the tempo changes.
    Absolute,
}

/// A place on the time line, stored in the one base it belongs to and never as a converted copy.
///
/// It has no order of its own: two bases can be compared only through a tempo map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePoint {
    /// A musical position.
    Musical(Ticks),
    /// An absolute position at the session's rate.
    Absolute(Frames),
}

impl TimePoint {
    /// What the point is tied to.
    #[must_use]
    pub const fn base(self) -> TimeBase {
        match self {
            Self::Musical(_) => TimeBase::Musical,
            Self::Absolute(_) => TimeBase::Absolute,
        }
    }
}

/// A length of time in one time base. How long a musical length lasts depends on where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeLength {
    /// A musical length.
    Musical(Ticks),
    /// A length in frames at the session's rate.
    Absolute(Frames),
}

impl TimeLength {
    /// What the length is measured in.
    #[must_use]
    pub const fn base(self) -> TimeBase {
        match self {
            Self::Musical(_) => TimeBase::Musical,
            Self::Absolute(_) => TimeBase::Absolute,
        }
    }
}

/// A stretch of the time line, `start` inside and `end` outside, both in one time base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeRange {
    /// Tied to bars and beats.
    Musical {
        /// The first tick inside.
        start: Ticks,
        /// The first tick after.
        end: Ticks,
    },
    /// Tied to the clock.
    Absolute {
        /// The first frame inside.
        start: Frames,
        /// The first frame after.
        end: Frames,
    },
}

/// Two points that do not make a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeRangeError {
    /// One point is musical and the other absolute.
    #[error("a range starts and ends in one time base; convert one of its points first")]
    MixedBases,
    /// The range would end before it starts.
    #[error("a range cannot end before it starts")]
    Backwards,
}

impl TimeRange {
    /// The range between two points of one base; it may be empty.
    ///
    /// # Errors
    /// [`TimeRangeError`] if the bases differ or `end` lies before `start`.
    pub fn new(start: TimePoint, end: TimePoint) -> Result<Self, TimeRangeError> {
        let range = match (start, end) {
            (TimePoint::Musical(start), TimePoint::Musical(end)) => Self::Musical { start, end },
            (TimePoint::Absolute(start), TimePoint::Absolute(end)) => Self::Absolute { start, end },
            _ => return Err(TimeRangeError::MixedBases),
        };
        if range.is_backwards() { Err(TimeRangeError::Backwards) } else { Ok(range) }
    }

    /// What the range is tied to.
    #[must_use]
    pub const fn base(self) -> TimeBase {
        match self {
            Self::Musical { .. } => TimeBase::Musical,
            Self::Absolute { .. } => TimeBase::Absolute,
        }
    }

    /// The first point inside.
    #[must_use]
    pub const fn start(self) -> TimePoint {
        match self {
            Self::Musical { start, .. } => TimePoint::Musical(start),
            Self::Absolute { start, .. } => TimePoint::Absolute(start),
        }
    }

    /// The first point after.
    #[must_use]
    pub const fn end(self) -> TimePoint {
        match self {
            Self::Musical { end, .. } => TimePoint::Musical(end),
            Self::Absolute { end, .. } => TimePoint::Absolute(end),
        }
    }

    /// Whether it holds nothing: it ends where it starts (or before, if a document was edited by hand).
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Musical { start, end } => end <= start,
            Self::Absolute { start, end } => end <= start,
        }
    }

    /// Whether it ends before it starts, which only a document edited by hand can hold.
    #[must_use]
    pub fn is_backwards(self) -> bool {
        match self {
            Self::Musical { start, end } => end < start,
            Self::Absolute { start, end } => end < start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_base_and_one_direction() {
        let (m, a) = (TimePoint::Musical(Ticks(4)), TimePoint::Absolute(Frames(4)));
        assert_eq!(TimeRange::new(m, a), Err(TimeRangeError::MixedBases));
        assert_eq!(TimeRange::new(m, TimePoint::Musical(Ticks(3))), Err(TimeRangeError::Backwards));
        let range = TimeRange::new(a, TimePoint::Absolute(Frames(9))).unwrap();
        assert_eq!(
            (range.start(), range.end(), range.base()),
            (a, TimePoint::Absolute(Frames(9)), TimeBase::Absolute)
        );
        assert!(!range.is_empty() && TimeRange::new(m, m).unwrap().is_empty());
    }
}
