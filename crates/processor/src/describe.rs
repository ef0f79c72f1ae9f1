//! What a processor tells about itself, for the document, the window and the graph. Plain data, off the audio thread.

extern crate alloc;

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The unit that a parameter's value is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number.
    None,
    /// Decibels.
    Decibels,
    /// Hertz.
    Hertz,
    /// Milliseconds.
    Milliseconds,
    /// Frames.
    Frames,
    /// A share, 0..=1 shown as per cent.
    Percent,
    /// A ratio n:1.
    Ratio,
    /// −1 left … +1 right.
    Pan,
    /// Degrees.
    Degrees,
}

/// How a control travels over the range.
#[derive(Clone, Debug, PartialEq)]
pub enum Taper {
    /// Even steps.
    Linear,
    /// Even ratios; the range is positive.
    Logarithmic,
    /// Whole numbers `min..=max`, each with its name.
    Choice(Vec<Cow<'static, str>>),
    /// Off (0) or on (1).
    Toggle,
}

/// How a live jump (a hand on a fader) is made smooth. Automation is never smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// Jumps at once: choices, switches, whatever the processor cross-fades itself.
    None,
    /// A straight line to the new value over so many milliseconds.
    Linear(f32),
}

/// One parameter. Its index in [`Descriptor::params`] is its index in [`crate::Params`].
#[derive(Clone, Debug, PartialEq)]
pub struct ParamInfo {
    /// Stable key in the document, such as `band1.freq`.
    pub key: Cow<'static, str>,
    /// For people.
    pub name: Cow<'static, str>,
    /// Unit of the value.
    pub unit: Unit,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Value of a new instance.
    pub default: f64,
    /// Travel of a control.
    pub taper: Taper,
    /// Smoothing of live jumps.
    pub smoothing: Smoothing,
}

impl ParamInfo {
    /// A parameter of even travel, smoothed over 20 ms.
    #[must_use]
    pub const fn new(
        key: &'static str,
        name: &'static str,
        unit: Unit,
        range: [f64; 2],
        default: f64,
    ) -> Self {
        Self {
            key: Cow::Borrowed(key),
            name: Cow::Borrowed(name),
            unit,
            min: range[0],
            max: range[1],
            default,
            taper: Taper::Linear,
            smoothing: Smoothing::Linear(20.0),
        }
    }

    /// With another travel; choices and toggles are not smoothed.
    #[must_use]
    pub fn taper(mut self, taper: Taper) -> Self {
        if matches!(taper, Taper::Choice(_) | Taper::Toggle) {
            self.smoothing = Smoothing::None;
        }
        self.taper = taper;
        self
    }

    /// With another smoothing.
    #[must_use]
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// `value` forced into the range; whole for choices and toggles; the default for NaN.
    #[must_use]
    pub fn clamp(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.default;
        }
        let value = value.clamp(self.min, self.max);
        match self.taper {
            Taper::Choice(_) | Taper::Toggle => nearest_whole(value),
            Taper::Linear | Taper::Logarithmic => value,
        }
    }
}

/// The nearest whole number, halves upwards (`core` has no `round`).
fn nearest_whole(value: f64) -> f64 {
    let rest = value % 1.0;
    let low = if rest < 0.0 { value - rest - 1.0 } else { value - rest };
    if value - low >= 0.5 { low + 1.0 } else { low }
}

/// One audio port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// For people.
    pub name: Cow<'static, str>,
    /// Channels; `None` follows the track.
    pub channels: Option<u16>,
}

/// What kind of processor it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// Stable key in the document, such as `omega.eq`.
    pub key: Cow<'static, str>,
    /// For people.
    pub name: Cow<'static, str>,
    /// Extra inputs beside the main one: side-chains. At most [`crate::MAX_AUX`].
    pub aux_inputs: Vec<PortInfo>,
    /// It plays the notes of its track.
    pub takes_notes: bool,
    /// Parameters.
    pub params: Vec<ParamInfo>,
}

impl Descriptor {
    /// Index of the parameter with that key.
    #[must_use]
    pub fn param_index(&self, key: &str) -> Option<usize> {
        self.params.iter().position(|param| param.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_forced_into_the_range() {
        let gain = ParamInfo::new("gain", "Gain", Unit::Decibels, [-60.0, 12.0], 0.0);
        assert_eq!(gain.clamp(99.0), 12.0);
        assert_eq!(gain.clamp(f64::NAN), 0.0);
        assert_eq!(gain.clamp(f64::NEG_INFINITY), -60.0);
        let choice = ParamInfo::new("c", "C", Unit::None, [-2.0, 3.0], 0.0).taper(Taper::Choice(Vec::new()));
        assert_eq!(choice.clamp(1.5), 2.0);
        assert_eq!(choice.clamp(-1.4), -1.0);
        assert_eq!(choice.smoothing, Smoothing::None);
    }
}
