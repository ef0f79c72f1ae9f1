//! Automation lanes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use omega_time::{Frames, Ticks, TimeBase, TimePoint};
use serde_json::Value;

use super::fact::{Changes, Fact, Path, Reader, check_value, facts, serde_text, text_fact, words};
use super::values::check_time;
use super::{DeviceId, PointId, SendId, TrackId, limits};

words! {
    /// A parameter that every track has.
    pub enum TrackParam {
        /// `volume_db`, in decibels.
        Volume = "volume_db",
        /// `pan`, −1 to 1.
        Pan = "pan",
        /// `mute`: on from 0.5.
        Mute = "mute",
    }
}

words! {
    /// A parameter that every send has.
    pub enum SendParam {
        /// `gain_db`, in decibels.
        Gain = "gain_db",
        /// `pan`, −1 to 1.
        Pan = "pan",
        /// `mute`: on from 0.5.
        Mute = "mute",
    }
}

/// The name by which a lane moves the bypass of a device, which every device has: `device/<id>/bypass`.
pub const BYPASS: &str = "bypass";

/// A parameter of something in the session. In text `track/<id>/volume_db`, `send/<id>/gain_db`, `device/<id>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParamTarget {
    /// Of a track.
    Track(TrackId, TrackParam),
    /// Of a send.
    Send(SendId, SendParam),
    /// Of a device, by the name that the device gives it.
    Device(DeviceId, String),
}

impl fmt::Display for ParamTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Track(id, param) => write!(f, "track/{id}/{param}"),
            Self::Send(id, param) => write!(f, "send/{id}/{param}"),
            Self::Device(id, param) => write!(f, "device/{id}/{param}"),
        }
    }
}

impl FromStr for ParamTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        let (kind, id, param) = (parts.next(), parts.next(), parts.next());
        let (Some(kind), Some(id), Some(param)) = (kind, id, param) else {
            return Err("it is written like track/<id>/volume_db".to_owned());
        };
        let id_error = |error: super::IdError| error.to_string();
        match kind {
            "track" => Ok(Self::Track(TrackId::new(id).map_err(id_error)?, param.parse()?)),
            "send" => Ok(Self::Send(SendId::new(id).map_err(id_error)?, param.parse()?)),
            "device" if param.is_empty() || param.chars().count() > limits::MAX_NAME => {
                Err("the name of a parameter has 1 to 1000 characters".to_owned())
            }
            "device" => Ok(Self::Device(DeviceId::new(id).map_err(id_error)?, param.to_owned())),
            _ => Err("it starts with track/, send/ or device/".to_owned()),
        }
    }
}

text_fact!(ParamTarget => "a parameter");
serde_text!(ParamTarget);

/// How the value runs from a point to the next one.
///
/// In text: `"hold"`, `"linear"`, or the number of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointShape {
    /// It stays until the next point.
    Hold,
    /// It runs straight.
    Linear,
    /// It runs along a curve, bent by −1 (late) to 1 (early); 0 is straight. With `x` from 0 to 1 between the points and
    /// `k = (1 − c) / (1 + c)` the way done is `x / (x + k·(1 − x))`; ±1 are taken as ±0.999.
    Curve(f64),
}

impl Fact for PointShape {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        match value {
            Value::String(text) if text == "hold" => Some(Self::Hold),
            Value::String(text) if text == "linear" => Some(Self::Linear),
            Value::Number(_) => {
                let bend = f64::read(value, at)?;
                if (-1.0..=1.0).contains(&bend) {
                    return Some(Self::Curve(bend));
                }
                at.fault(format!("a curve is bent by -1 to 1, not by {bend}"));
                None
            }
            _ => {
                at.expected("\"hold\", \"linear\" or the bend of a curve, -1 to 1", value);
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            Self::Hold => Value::from("hold"),
            Self::Linear => Value::from("linear"),
            Self::Curve(bend) => bend.write(),
        }
    }
}

impl serde::Serialize for PointShape {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for PointShape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <Value as serde::Deserialize>::deserialize(deserializer)?;
        let mut at = Reader::default();
        let read = Self::read(&value, &mut at);
        read.ok_or_else(|| {
            serde::de::Error::custom(at.faults.first().map_or("", |fault| fault.what.as_str()))
        })
    }
}

/// A point of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its name within the lane.
    pub id: PointId,
    /// Where it is, in ticks or frames as the lane's time base says.
    pub at: i64,
    /// The value there, in the parameter's own unit.
    pub value: f64,
    /// How it goes on from here.
    pub shape: PointShape,
}

impl Point {
    fn facts(&self) -> Value {
        Value::Array(vec![Value::from(self.at), self.value.write(), self.shape.write()])
    }

    fn read(id: PointId, value: &Value, at: &mut Reader) -> Option<Self> {
        let Some([place, number, shape]) = value.as_array().map(Vec::as_slice) else {
            at.expected("a point like [80640, -6.0, \"linear\"]", value);
            return None;
        };
        let place = i64::read(place, at)?;
        check_time(place).map_err(|what| at.fault(what)).ok()?;
        let number = f64::read(number, at)?;
        check_value(&number).map_err(|what| at.fault(what)).ok()?;
        Some(Self { id, at: place, value: number, shape: PointShape::read(shape, at)? })
    }
}

/// The points of a lane, sorted by place, and by id where two are at one place (a jump).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Automation(Vec<Point>);

impl Automation {
    /// These points, sorted. Of two with the same id the last counts.
    #[must_use]
    pub fn new(points: Vec<Point>) -> Self {
        let unique: BTreeMap<PointId, Point> =
            points.into_iter().map(|point| (point.id.clone(), point)).collect();
        let mut points: Vec<Point> = unique.into_values().collect();
        points.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Self(points)
    }

    /// The points in their order.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.0
    }
}

impl Fact for Automation {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let object = at.object(value)?;
        if object.len() > limits::MAX_POINTS {
            at.fault(format!("{} points are too many, the most is {}", object.len(), limits::MAX_POINTS));
            return None;
        }
        let point = |(key, value): (&String, &Value), at: &mut Reader| {
            at.within(key, |at| {
                let id = PointId::new(key).map_err(|error| at.fault(error.to_string())).ok()?;
                Point::read(id, value, at)
            })
        };
        Some(Self::new(object.iter().filter_map(|entry| point(entry, at)).collect()))
    }

    fn write(&self) -> Value {
        Value::Object(self.0.iter().map(|point| (point.id.to_string(), point.facts())).collect())
    }

    fn diff(old: &Self, new: &Self, _: Option<&Self>, at: &mut Path, out: &mut Changes) {
        let by_id = |points: &[Point]| -> BTreeMap<PointId, Point> {
            points.iter().map(|point| (point.id.clone(), point.clone())).collect()
        };
        // Points that stand in both, in order, are skipped without building maps of them.
        let same = old.0.iter().zip(&new.0).take_while(|(a, b)| a == b).count();
        let rest = old.0[same..].iter().rev().zip(new.0[same..].iter().rev());
        let tail = rest.take_while(|(a, b)| a == b).count();
        let before = by_id(&old.0[same..old.0.len() - tail]);
        let after = by_id(&new.0[same..new.0.len() - tail]);
        for id in before.keys().filter(|id| !after.contains_key(*id)) {
            at.within(id.as_str(), |at| out.push((at.text(), None)));
        }
        for (id, point) in after.iter().filter(|(id, point)| before.get(*id) != Some(point)) {
            at.within(id.as_str(), |at| out.push((at.text(), Some(point.facts()))));
        }
    }
}

facts! {
    /// The automation of one parameter: `lanes.<id>`.
    ///
    /// Before the first point the first value holds, after the last point the last; a lane without points does nothing.
    pub struct Lane {
        /// What it moves. Where two lanes move one parameter, the one with the lower id counts.
        pub target: ParamTarget;
        /// It is in effect.
        pub enabled: bool = true;
        /// Whether its points are in ticks or in frames.
        pub base: TimeBase = TimeBase::Musical;
        /// Its points.
        pub points: Automation = Automation::default();
    }
}

impl Lane {
    /// An empty lane in ticks.
    #[must_use]
    pub fn new(target: ParamTarget) -> Self {
        let (base, points) = (TimeBase::Musical, Automation::default());
        Self { target, enabled: true, base, points, extra: Default::default() }
    }

    /// A place of this lane as a time point.
    #[must_use]
    pub fn place(&self, at: i64) -> TimePoint {
        match self.base {
            TimeBase::Musical => TimePoint::Musical(Ticks(at)),
            TimeBase::Absolute => TimePoint::Absolute(Frames(at)),
        }
    }
}
