//! `lane.add`, `lane.remove`, `lane.enable`, `lane.base`, `lane.clear`, `lane.write` and the points: `point.add`,
//! `point.set`, `point.remove`

use omega_time::{TempoMap, TimeBase, TimePoint, TimeRange};

use super::clip_place::in_base;
use super::param;
use super::verb::{Verb, optional_point, setters, verb};
use super::{Draft, EditError};
use crate::model::fact::check_value;
use crate::model::{
    Automation, Device, Fault, Lane, LaneId, ParamTarget, Point, PointId, PointShape, PointText, RangeText,
    Send, SendParam, Track, TrackParam, limits,
};

verb! {
    /// Adds an automation lane for a parameter that has none.
    pub struct LaneAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<LaneId>,
        /// The parameter: `track/<id>/volume_db`, `send/<id>/gain_db`, `device/<id>/<name>`.
        pub target: ParamTarget,
        /// Whether its points are tied to bars and beats (`musical`) or to the clock (`absolute`).
        #[serde(default = "musical")]
        pub base: TimeBase,
    }
}

const fn musical() -> TimeBase {
    TimeBase::Musical
}

impl LaneAdd {
    /// A lane tied to bars and beats.
    #[must_use]
    pub fn new(target: ParamTarget) -> Self {
        Self { id: None, target, base: TimeBase::Musical }
    }
}

impl Verb for LaneAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        match &self.target {
            ParamTarget::Track(id, _) => drop(draft.get::<Track>(id)?),
            ParamTarget::Send(id, _) => drop(draft.get::<Send>(id)?),
            ParamTarget::Device(id, key) => {
                let device = draft.get::<Device>(id)?;
                param::check_key(draft.params, device, key, true).map_err(EditError::Refused)?;
            }
        }
        if let Some((other, _)) = draft.project.lane_of(&self.target) {
            let (other, target) = (other.as_str(), &self.target);
            return Err(EditError::refused(format!(
                "lane {other:?} moves {target} already; add points to that one"
            )));
        }
        let mut lane = Lane::new(self.target.clone());
        lane.base = self.base;
        draft.add(self.id.as_ref(), lane).map(drop)
    }
}

verb! {
    /// Removes a lane with its points.
    pub struct LaneRemove {
        /// Which one.
        pub id: LaneId,
    }
}

impl Verb for LaneRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<Lane>(&self.id).map(drop)
    }
}

setters! {
    /// Puts a lane in effect or out of it.
    LaneEnable(Lane, LaneId) {
        /// In effect.
        on: bool,
    } |lane, this| lane.enabled = this.on;
}

verb! {
    /// Ties the points of a lane to bars and beats or to the clock. They stay where they are, to the next tick or frame.
    pub struct LaneBase {
        /// Which one.
        pub id: LaneId,
        /// `musical` or `absolute`.
        pub base: TimeBase,
    }
}

impl Verb for LaneBase {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let mut lane = Lane::clone(draft.get::<Lane>(&self.id)?);
        let moved = lane.points.points().iter().map(|point| {
            let place = in_base(&map, lane.place(point.at), self.base);
            Point { at: number(place), ..point.clone() }
        });
        lane.points = Automation::new(moved.collect());
        lane.base = self.base;
        draft.change_checked::<Lane>(&self.id, lane);
        Ok(())
    }
}

/// A place as the number that a lane of its base stores.
pub(super) fn number(place: TimePoint) -> i64 {
    match place {
        TimePoint::Musical(ticks) => ticks.0,
        TimePoint::Absolute(frames) => frames.0,
    }
}

/// The bounds of a range in the base of a lane.
fn bounds(map: &TempoMap, lane: &Lane, range: TimeRange) -> (i64, i64) {
    let place = |point| number(in_base(map, point, lane.base));
    (place(range.start()), place(range.end()))
}

/// Checks a point against what its parameter takes.
fn check(draft: &Draft, id: &LaneId, target: &ParamTarget, point: &Point) -> Result<(), EditError> {
    let bounds = match target {
        ParamTarget::Track(_, TrackParam::Volume) | ParamTarget::Send(_, SendParam::Gain) => {
            Some((limits::SILENCE_DB, limits::MAX_GAIN_DB))
        }
        ParamTarget::Track(_, TrackParam::Pan) | ParamTarget::Send(_, SendParam::Pan) => Some((-1.0, 1.0)),
        ParamTarget::Track(_, TrackParam::Mute) | ParamTarget::Send(_, SendParam::Mute) => Some((0.0, 1.0)),
        ParamTarget::Device(..) => None,
    };
    let what = match (check_value(&point.value), bounds) {
        (Err(what), _) => what,
        (Ok(()), Some((low, high))) if !(low..=high).contains(&point.value) => {
            format!("{:?} is out of range: {target} takes {low} to {high}", point.value)
        }
        _ if point.at.unsigned_abs() > limits::MAX_TIME.unsigned_abs() => {
            format!("{} is out of range: places on the time line lie within ±{}", point.at, limits::MAX_TIME)
        }
        _ => match (point.shape, device_value(draft, target, point.value)) {
            (PointShape::Curve(bend), _) if !(-1.0..=1.0).contains(&bend) => {
                format!("a curve is bent by -1 to 1, not by {bend:?}")
            }
            (_, Err(what)) => what,
            (_, Ok(())) => return Ok(()),
        },
    };
    Err(EditError::Value(Fault { path: format!("lanes.{id}.points.{}", point.id), what }))
}

fn device_value(draft: &Draft, target: &ParamTarget, value: f64) -> Result<(), String> {
    match target {
        ParamTarget::Device(id, key) => match draft.project.device(id) {
            Some(device) => param::check_value(draft.params, device, key, value, true),
            None => Ok(()),
        },
        ParamTarget::Track(..) | ParamTarget::Send(..) => Ok(()),
    }
}

/// Gives a lane these points, after their number was checked.
fn store(draft: &mut Draft, id: &LaneId, mut lane: Lane, points: Vec<Point>) -> Result<(), EditError> {
    if points.len() > limits::MAX_POINTS {
        return Err(EditError::TooMany { kind: "point", most: limits::MAX_POINTS });
    }
    lane.points = Automation::new(points);
    draft.change_checked::<Lane>(id, lane);
    Ok(())
}

const fn linear() -> PointShape {
    PointShape::Linear
}

verb! {
    /// A point as it is written into a lane.
    pub struct PointValue {
        /// Where it is.
        #[serde(with = "PointText")]
        pub at: TimePoint,
        /// The value there, in the parameter's own unit.
        pub value: f64,
        /// How it goes on: `"hold"`, `"linear"` (where left out), or the bend of a curve, −1 to 1.
        #[serde(default = "linear")]
        pub shape: PointShape,
    }
}

verb! {
    /// Adds a point to a lane.
    pub struct PointAdd {
        /// The lane.
        pub lane: LaneId,
        /// The id of the point; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<PointId>,
        /// Where it is; it takes the lane's time base.
        #[serde(with = "PointText")]
        pub at: TimePoint,
        /// The value there, in the parameter's own unit.
        pub value: f64,
        /// How it goes on: `"hold"`, `"linear"` (where left out), or the bend of a curve, −1 to 1.
        #[serde(default = "linear")]
        pub shape: PointShape,
    }
}

impl Verb for PointAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let lane = Lane::clone(draft.get::<Lane>(&self.lane)?);
        let taken = |id: &PointId| lane.points.points().iter().any(|point| point.id == *id);
        let id = match &self.id {
            Some(id) if taken(id) => return Err(EditError::Exists { kind: "point", id: id.to_string() }),
            Some(id) => id.clone(),
            None => draft.new_inner_id(PointId::PREFIX, &taken),
        };
        let at = number(in_base(&map, self.at, lane.base));
        let point = Point { id: id.clone(), at, value: self.value, shape: self.shape };
        check(draft, &self.lane, &lane.target, &point)?;
        let mut points = lane.points.points().to_vec();
        points.push(point);
        draft.created.push(id.to_string());
        store(draft, &self.lane, lane, points)
    }
}

verb! {
    /// Changes a point; what is left out stays.
    pub struct PointSet {
        /// The lane.
        pub lane: LaneId,
        /// The point.
        pub id: PointId,
        /// Where it is to be.
        #[serde(default, with = "optional_point", skip_serializing_if = "Option::is_none")]
        pub at: Option<TimePoint>,
        /// The value there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub value: Option<f64>,
        /// How it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub shape: Option<PointShape>,
    }
}

impl Verb for PointSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let lane = Lane::clone(draft.get::<Lane>(&self.lane)?);
        let mut points = lane.points.points().to_vec();
        let point = points.iter_mut().find(|point| point.id == self.id).ok_or_else(|| unknown(&self.id))?;
        point.at = self.at.map_or(point.at, |at| number(in_base(&map, at, lane.base)));
        point.value = self.value.unwrap_or(point.value);
        point.shape = self.shape.unwrap_or(point.shape);
        check(draft, &self.lane, &lane.target, point)?;
        store(draft, &self.lane, lane, points)
    }
}

fn unknown(id: &PointId) -> EditError {
    EditError::Unknown { kind: "point", id: id.to_string() }
}

verb! {
    /// Removes a point.
    pub struct PointRemove {
        /// The lane.
        pub lane: LaneId,
        /// The point.
        pub id: PointId,
    }
}

impl Verb for PointRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let lane = Lane::clone(draft.get::<Lane>(&self.lane)?);
        let mut points = lane.points.points().to_vec();
        let place = points.iter().position(|point| point.id == self.id).ok_or_else(|| unknown(&self.id))?;
        points.remove(place);
        store(draft, &self.lane, lane, points)
    }
}

verb! {
    /// Removes the points of a range.
    pub struct LaneClear {
        /// The lane.
        pub id: LaneId,
        /// The range.
        #[serde(with = "RangeText")]
        pub range: TimeRange,
    }
}

impl Verb for LaneClear {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        LaneWrite { id: self.id.clone(), range: self.range, points: Vec::new() }.apply(draft)
    }
}

verb! {
    /// Replaces the points of a range, as recorded automation does.
    pub struct LaneWrite {
        /// The lane.
        pub id: LaneId,
        /// The range.
        #[serde(with = "RangeText")]
        pub range: TimeRange,
        /// Its points from now on, within it.
        pub points: Vec<PointValue>,
    }
}

impl Verb for LaneWrite {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let map = draft.project.tempo_map();
        let lane = Lane::clone(draft.get::<Lane>(&self.id)?);
        let (from, to) = bounds(&map, &lane, self.range);
        let mut points = lane.points.points().to_vec();
        points.retain(|point| !(from..to).contains(&point.at));
        let mut ids: std::collections::BTreeSet<PointId> =
            points.iter().map(|point| point.id.clone()).collect();
        for PointValue { at, value, shape } in &self.points {
            let id = draft.new_inner_id(PointId::PREFIX, &|id: &PointId| ids.contains(id));
            ids.insert(id.clone());
            let point = Point { id, at: number(in_base(&map, *at, lane.base)), value: *value, shape: *shape };
            if !(from..to).contains(&point.at) {
                let (at, range) = (PointText(*at), RangeText(self.range));
                return Err(EditError::refused(format!("the point at {at} is not within {range}")));
            }
            check(draft, &self.id, &lane.target, &point)?;
            points.push(point);
        }
        store(draft, &self.id, lane, points)
    }
}
