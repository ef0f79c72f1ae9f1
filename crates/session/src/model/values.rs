//! Small values and their text forms.

use std::fmt;
use std::str::FromStr;

use omega_time::{Frames, Ramp, SampleRate, Tempo, Ticks, TimeBase, TimePoint, TimeRange, TimeSignature};
use serde_json::Value;

use super::fact::{Fact, Reader, serde_text, text_fact};
use super::limits;

/// A colour for the window, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour(pub [u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Colour {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "it is written like #ff8000";
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = u32::from_str_radix(digits.ok_or(wrong)?, 16).map_err(|_| wrong)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

text_fact!(Colour => "a colour", Tempo => "a tempo", TimeSignature => "a time signature");
serde_text!(Colour);

impl Fact for SampleRate {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let hz = u32::read(value, at)?;
        Self::new(hz).map_err(|error| at.fault(error.to_string())).ok()
    }
    fn write(&self) -> Value {
        Value::from(self.hz())
    }
}

/// Bounds of a place on the time line.
pub(crate) fn check_time(value: i64) -> Result<(), String> {
    if value.unsigned_abs() <= limits::MAX_TIME.unsigned_abs() {
        Ok(())
    } else {
        Err(format!("{value} is out of range: places on the time line lie within ±{}", limits::MAX_TIME))
    }
}

macro_rules! unit_fact {
    ($($name:ident),*) => { $(
        impl Fact for $name {
            fn read(value: &Value, at: &mut Reader) -> Option<Self> {
                let number = i64::read(value, at)?;
                check_time(number).map_err(|what| at.fault(what)).ok()?;
                Some(Self(number))
            }
            fn write(&self) -> Value {
                Value::from(self.0)
            }
        }
    )* };
}
unit_fact!(Frames, Ticks);

/// The text form of a [`TimePoint`], `80640t` (ticks) or `48000f` (frames), which `TempoMap::parse_point` reads too.
/// In serde: `#[serde(with = "PointText")]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointText(pub TimePoint);

impl fmt::Display for PointText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TimePoint::Musical(Ticks(ticks)) => write!(f, "{ticks}t"),
            TimePoint::Absolute(Frames(frames)) => write!(f, "{frames}f"),
        }
    }
}

impl FromStr for PointText {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, point): (&str, fn(i64) -> TimePoint) =
            match (text.strip_suffix('t'), text.strip_suffix('f')) {
                (Some(number), _) => (number, |n| TimePoint::Musical(Ticks(n))),
                (_, Some(number)) => (number, |n| TimePoint::Absolute(Frames(n))),
                (None, None) => {
                    return Err(format!("{text:?} is not written like 80640t (ticks) or 48000f (frames)"));
                }
            };
        let number = number.parse().map_err(|_| format!("{number:?} in {text:?} is no whole number"))?;
        check_time(number)?;
        Ok(Self(point(number)))
    }
}

impl PointText {
    /// Serialises a time point as its text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: serde::Serializer>(point: &TimePoint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Self(*point))
    }

    /// Reads a time point from its text.
    ///
    /// # Errors
    /// Those of the deserializer, and a text that is no time point.
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<TimePoint, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse::<Self>().map(|point| point.0).map_err(serde::de::Error::custom)
    }
}

impl Fact for TimePoint {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let Some(text) = value.as_str() else {
            at.expected("a place like \"80640t\" (ticks) or \"48000f\" (frames)", value);
            return None;
        };
        text.parse::<PointText>().map(|point| point.0).map_err(|what| at.fault(what)).ok()
    }
    fn write(&self) -> Value {
        Value::String(PointText(*self).to_string())
    }
}

impl Fact for Ramp {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        match value.as_str() {
            Some("constant") => Some(Self::Constant),
            Some("linear") => Some(Self::Linear),
            _ => {
                at.expected("\"constant\" or \"linear\"", value);
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::from(match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
        })
    }
}

impl Fact for TimeBase {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        match value.as_str() {
            Some("musical") => Some(Self::Musical),
            Some("absolute") => Some(Self::Absolute),
            _ => {
                at.expected("\"musical\" or \"absolute\"", value);
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::from(match self {
            Self::Musical => "musical",
            Self::Absolute => "absolute",
        })
    }
}

/// The text form of a [`TimeRange`]: `0t..80640t`. In serde: `#[serde(with = "RangeText")]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeText(pub TimeRange);

impl fmt::Display for RangeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", PointText(self.0.start()), PointText(self.0.end()))
    }
}

impl FromStr for RangeText {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (start, end) = text.split_once("..").ok_or("it is written like \"0t..80640t\"")?;
        let (start, end) = (start.parse::<PointText>()?.0, end.parse::<PointText>()?.0);
        TimeRange::new(start, end).map(Self).map_err(|error| error.to_string())
    }
}

impl RangeText {
    /// Serialises a range as its text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: serde::Serializer>(range: &TimeRange, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Self(*range))
    }

    /// Reads a range from its text.
    ///
    /// # Errors
    /// Those of the deserializer, and a text that is no range.
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<TimeRange, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse::<Self>().map(|range| range.0).map_err(serde::de::Error::custom)
    }
}

impl Fact for TimeRange {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let Some(text) = value.as_str() else {
            at.expected("a range like \"0t..80640t\"", value);
            return None;
        };
        text.parse::<RangeText>().map(|range| range.0).map_err(|what| at.fault(what)).ok()
    }
    fn write(&self) -> Value {
        Value::String(RangeText(*self).to_string())
    }
}

/// Bounds of a name.
#[allow(clippy::ptr_arg, reason = "a check of a field gets a reference to the field's own type")]
pub(crate) fn name(text: &String) -> Result<(), String> {
    bounded(text, limits::MAX_NAME)
}

/// Bounds of a longer text.
#[allow(clippy::ptr_arg, reason = "a check of a field gets a reference to the field's own type")]
pub(crate) fn long_text(text: &String) -> Result<(), String> {
    bounded(text, limits::MAX_TEXT)
}

fn bounded(text: &str, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length <= most { Ok(()) } else { Err(format!("{length} characters are too many, the most is {most}")) }
}

/// Bounds of a gain in decibels.
pub(crate) fn gain_db(gain: &f64) -> Result<(), String> {
    if (limits::SILENCE_DB..=limits::MAX_GAIN_DB).contains(gain) {
        Ok(())
    } else {
        Err(format!(
            "{gain:?} dB is out of range: {} (silence) to {}",
            limits::SILENCE_DB,
            limits::MAX_GAIN_DB
        ))
    }
}

/// Bounds of a pan position.
pub(crate) fn pan(pan: &f64) -> Result<(), String> {
    if (-1.0..=1.0).contains(pan) {
        Ok(())
    } else {
        Err(format!("{pan:?} is out of range: -1 (left) to 1 (right)"))
    }
}

/// Bounds of a number of channels.
pub(crate) fn channels(channels: &u16) -> Result<(), String> {
    if (1..=limits::MAX_CHANNELS).contains(channels) {
        Ok(())
    } else {
        Err(format!("{channels} channels are out of range: 1 to {}", limits::MAX_CHANNELS))
    }
}

/// Bounds of a list of hardware channels.
#[allow(clippy::ptr_arg, reason = "a check of a field gets a reference to the field's own type")]
pub(crate) fn hardware(list: &Vec<u16>) -> Result<(), String> {
    if list.len() > usize::from(limits::MAX_CHANNELS) {
        return Err(format!("{} channels are too many, the most is {}", list.len(), limits::MAX_CHANNELS));
    }
    match list.iter().find(|&&channel| channel > limits::MAX_HARDWARE_CHANNEL) {
        Some(channel) => Err(format!("hardware channel {channel} is above {}", limits::MAX_HARDWARE_CHANNEL)),
        None => Ok(()),
    }
}

/// Bounds of a length or an offset that cannot be negative.
pub(crate) fn not_negative(frames: &Frames) -> Result<(), String> {
    if frames.0 >= 0 { Ok(()) } else { Err(format!("{} frames are out of range: 0 or more", frames.0)) }
}

/// Bounds of a delay.
pub(crate) fn delay(frames: &Frames) -> Result<(), String> {
    if frames.0.unsigned_abs() <= limits::MAX_DELAY.unsigned_abs() {
        Ok(())
    } else {
        Err(format!("{} frames of delay are out of range: within ±{}", frames.0, limits::MAX_DELAY))
    }
}
