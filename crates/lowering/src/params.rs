//! Values and automation of one node's parameters.

use omega_processor::{Descriptor, ParamInfo};
use omega_session::model::{Lane, ParamTarget, PointShape, Project};
use omega_time::{TempoMap, TimePoint};

use crate::{LanePoint, LaneShape, Param};

/// How strongly the greatest bend of the session (±1) bows the engine's curve.
const BOW: f64 = 8.0;

/// A parameter of `info` with the hand at `value` and the automation of `target`, if it has any.
pub(crate) fn param(
    project: &Project,
    tempo: &TempoMap,
    info: &ParamInfo,
    value: f64,
    target: Option<&ParamTarget>,
    map: impl Fn(f64) -> f64,
) -> Param {
    let lane = target.and_then(|target| project.lane_of(target)).filter(|(_, lane)| lane.enabled);
    let lane =
        lane.map(|(_, lane)| points(lane, tempo, |value| single(info.clamp(map(value))))).unwrap_or_default();
    Param { value: single(info.clamp(map(value))), smoothing: info.smoothing, lane }
}

/// All parameters of a descriptor at their defaults.
pub(crate) fn defaults(descriptor: &Descriptor) -> Vec<Param> {
    descriptor
        .params
        .iter()
        .map(|info| Param { value: single(info.default), smoothing: info.smoothing, lane: Vec::new() })
        .collect()
}

fn points(lane: &Lane, tempo: &TempoMap, value: impl Fn(f64) -> f32) -> Vec<LanePoint> {
    let frame = |at: TimePoint| match at {
        TimePoint::Musical(ticks) => tempo.to_frame_f64(ticks),
        TimePoint::Absolute(frames) => frames.0 as f64,
    };
    let shape = |shape: PointShape| match shape {
        PointShape::Hold => LaneShape::Hold,
        PointShape::Linear => LaneShape::Linear,
        PointShape::Curve(bend) => LaneShape::Curve(single(bend * BOW)),
    };
    lane.points
        .points()
        .iter()
        .map(|point| LanePoint {
            frame: frame(lane.place(point.at)),
            value: value(point.value),
            shape: shape(point.shape),
        })
        .collect()
}

/// To single precision, in which the engine keeps values.
#[allow(clippy::cast_possible_truncation, reason = "values are kept in single precision")]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}
