//! The sample rate of a session.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A sample rate in frames per second, 8 kHz to 384 kHz inclusive.
///
/// ```
/// use omega_time::SampleRate;
/// assert_eq!(SampleRate::new(48_000)?.hz(), 48_000);
/// assert!(SampleRate::new(7_999).is_err());
/// # Ok::<(), omega_time::SampleRateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleRate(u32);

/// A number that is not a sample rate of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sample rate {0} Hz is outside 8000 to 384000 Hz")]
pub struct SampleRateError(pub u32);

impl SampleRate {
    /// The lowest rate, 8 kHz.
    pub const MIN: Self = Self(8_000);
    /// The highest rate, 384 kHz.
    pub const MAX: Self = Self(384_000);
    /// 44.1 kHz.
    pub const HZ_44100: Self = Self(44_100);
    /// 48 kHz, the rate of a new session.
    pub const HZ_48000: Self = Self(48_000);
    /// 96 kHz.
    pub const HZ_96000: Self = Self(96_000);

    /// A validated rate. Real-time safe.
    ///
    /// # Errors
    /// [`SampleRateError`] outside 8,000..=384,000.
    pub const fn new(hz: u32) -> Result<Self, SampleRateError> {
        if hz < Self::MIN.0 || hz > Self::MAX.0 { Err(SampleRateError(hz)) } else { Ok(Self(hz)) }
    }

    /// Frames per second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Frames per second as a floating-point number (exact).
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0)
    }
}

impl Default for SampleRate {
    fn default() -> Self {
        Self::HZ_48000
    }
}

impl TryFrom<u32> for SampleRate {
    type Error = SampleRateError;
    fn try_from(hz: u32) -> Result<Self, Self::Error> {
        Self::new(hz)
    }
}

impl From<SampleRate> for u32 {
    fn from(rate: SampleRate) -> u32 {
        rate.0
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exactly_its_range() {
        for (hz, ok) in [(0, false), (7_999, false), (8_000, true), (384_000, true), (384_001, false)] {
            assert_eq!(SampleRate::new(hz).is_ok(), ok, "{hz}");
        }
    }
}
