//! Time signatures and bar, beat, tick positions.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{TICKS_PER_QUARTER, Ticks};

/// A time signature, such as 4/4 or 7/8: 1 to 99 beats of a note value that is a power of two up to the 64th.
///
/// Read and written as `numerator/denominator`, in serde too.
///
/// ```
/// use omega_time::TimeSignature;
/// let waltz: TimeSignature = "3/4".parse()?;
/// assert_eq!(waltz.ticks_per_bar().get(), 3 * 80_640);
/// assert_eq!(waltz.to_string(), "3/4");
/// # Ok::<(), omega_time::TimeSignatureError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeSignature {
    numerator: u8,
    denominator: u8,
}

/// Why a time signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeSignatureError {
    /// The number of beats is out of range.
    #[error("a bar has 1 to 99 beats, not {0}")]
    Numerator(u32),
    /// The note value is not a power of two up to 64.
    #[error("the lower number of a time signature is 1, 2, 4, 8, 16, 32 or 64, not {0}")]
    Denominator(u32),
    /// The text is not two numbers with a slash between them.
    #[error("a time signature is written like 4/4")]
    Text,
}

impl TimeSignature {
    /// 4/4.
    pub const COMMON: Self = Self { numerator: 4, denominator: 4 };

    /// A validated time signature. Real-time safe.
    ///
    /// # Errors
    /// [`TimeSignatureError`] if the numerator is not 1..=99 or the denominator not a power of two up to 64.
    pub const fn new(numerator: u32, denominator: u32) -> Result<Self, TimeSignatureError> {
        if numerator < 1 || numerator > 99 {
            return Err(TimeSignatureError::Numerator(numerator));
        }
        if denominator > 64 || !denominator.is_power_of_two() {
            return Err(TimeSignatureError::Denominator(denominator));
        }
        #[allow(clippy::cast_possible_truncation, reason = "both were just checked to be below 100")]
        Ok(Self { numerator: numerator as u8, denominator: denominator as u8 })
    }

    /// Beats in a bar.
    #[must_use]
    pub const fn numerator(self) -> u32 {
        self.numerator as u32
    }

    /// The note value of a beat: 4 is a quarter note.
    #[must_use]
    pub const fn denominator(self) -> u32 {
        self.denominator as u32
    }

    /// Length of a beat; whole for every denominator, because 64 divides 4 · 80,640.
    #[must_use]
    pub const fn ticks_per_beat(self) -> Ticks {
        // It is never zero; the compiler is told so, so that reading a map cannot panic.
        let denominator = if self.denominator == 0 { 1 } else { self.denominator };
        Ticks(4 * TICKS_PER_QUARTER / denominator as i64)
    }

    /// Length of a bar.
    #[must_use]
    pub const fn ticks_per_bar(self) -> Ticks {
        let numerator = if self.numerator == 0 { 1 } else { self.numerator };
        Ticks(self.ticks_per_beat().0 * numerator as i64)
    }
}

impl Default for TimeSignature {
    fn default() -> Self {
        Self::COMMON
    }
}

impl fmt::Display for TimeSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for TimeSignature {
    type Err = TimeSignatureError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (top, bottom) = text.split_once('/').ok_or(TimeSignatureError::Text)?;
        let number = |s: &str| s.trim().parse::<u32>().map_err(|_| TimeSignatureError::Text);
        Self::new(number(top)?, number(bottom)?)
    }
}

crate::as_text::serde_as_text!(TimeSignature, "a time signature like \"4/4\"");

/// A position as musicians count it: bar and beat from 1, ticks within the beat from 0.
///
/// Bars before the first are 0, −1, … (a count-in). The beat is the note value of the time signature.
/// Written as `bar|beat|tick`, the tick with five digits: `5|3|40000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bbt {
    /// The bar, 1 being the one that starts at tick 0.
    pub bar: i64,
    /// The beat in the bar, from 1.
    pub beat: u32,
    /// Ticks since the beat, from 0.
    pub tick: u32,
}

impl fmt::Display for Bbt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{:05}", self.bar, self.beat, self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_time_signature() {
        assert_eq!(TimeSignature::new(0, 4), Err(TimeSignatureError::Numerator(0)));
        assert_eq!(TimeSignature::new(100, 4), Err(TimeSignatureError::Numerator(100)));
        assert!(TimeSignature::new(99, 64).is_ok());
        for bad in [0, 3, 6, 12, 65, 128, u32::MAX] {
            assert_eq!(TimeSignature::new(4, bad), Err(TimeSignatureError::Denominator(bad)));
        }
        for bad in ["", "4", "4/", "/4", "4/4/4", "-4/4", "4.0/4", "x/y"] {
            assert!(bad.parse::<TimeSignature>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_beat_is_a_whole_number_of_ticks() {
        for power in 0..=6 {
            let signature = TimeSignature::new(1, 1 << power).unwrap();
            assert_eq!(signature.ticks_per_beat().0 << power, 4 * TICKS_PER_QUARTER);
        }
    }
}
