//! Automation lanes: their names, their ranges, and their curves.

use egui::{Align2, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};
use omega_studio::session::{Lane, ParamTarget, PointShape, Project, SendParam, TrackParam};
use omega_studio::{Taper, device_params};

use super::layout::Row;
use crate::paint;
use crate::palette::{Palette, veil};
use crate::theme::{SMALL, font};
use crate::view::Axis;

/// Points between two places at which a bent stretch is looked up.
const FINE: f32 = 3.0;
/// Points above and below the range of a lane.
const MARGIN: f32 = 6.0;

/// What a lane moves, for people.
#[must_use]
pub fn name_of(project: &Project, target: &ParamTarget) -> String {
    match target {
        ParamTarget::Track(_, TrackParam::Volume) => "Volume".to_owned(),
        ParamTarget::Track(_, TrackParam::Pan) => "Pan".to_owned(),
        ParamTarget::Track(_, TrackParam::Mute) => "Mute".to_owned(),
        ParamTarget::Send(id, param) => {
            let to = project.send(id).and_then(|send| project.track(&send.target));
            let to = to.map_or("a track", |track| track.name.as_str());
            match param {
                SendParam::Gain => format!("Send to {to}"),
                SendParam::Pan => format!("Pan of send to {to}"),
                SendParam::Mute => format!("Mute of send to {to}"),
            }
        }
        ParamTarget::Device(id, key) => {
            let Some(device) = project.device(id) else { return key.clone() };
            let info =
                device_params(&device.kind).and_then(|all| all.into_iter().find(|info| info.key == *key));
            let param = info.map_or_else(|| key.clone(), |info| info.name.into_owned());
            let name = if device.name.is_empty() { &device.kind } else { &device.name };
            format!("{name}: {param}")
        }
    }
}

/// How the values of a parameter spread over the height of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    /// Even ratios.
    ratio: bool,
    /// The law of faders.
    fader: bool,
}

impl Scale {
    /// That of a parameter. One that nobody knows is taken from 0 to 1.
    #[must_use]
    pub fn of(project: &Project, target: &ParamTarget) -> Self {
        let even = |low, high| Self { low, high, ratio: false, fader: false };
        match target {
            ParamTarget::Track(_, TrackParam::Volume) | ParamTarget::Send(_, SendParam::Gain) => {
                Self { fader: true, ..even(-60.0, 6.0) }
            }
            ParamTarget::Track(_, TrackParam::Pan) | ParamTarget::Send(_, SendParam::Pan) => even(-1.0, 1.0),
            ParamTarget::Track(_, TrackParam::Mute) | ParamTarget::Send(_, SendParam::Mute) => even(0.0, 1.0),
            ParamTarget::Device(id, key) => {
                let infos = project.device(id).and_then(|device| device_params(&device.kind));
                let info = infos.and_then(|all| all.into_iter().find(|info| info.key == *key));
                info.map_or(even(0.0, 1.0), |info| Self {
                    ratio: matches!(info.taper, Taper::Logarithmic) && info.min > 0.0,
                    ..even(info.min, info.max)
                })
            }
        }
    }

    /// Where a value stands, 0 at the foot and 1 at the head.
    #[must_use]
    pub fn share(&self, value: f64) -> f32 {
        if self.fader {
            #[allow(clippy::cast_possible_truncation, reason = "a place on the screen")]
            let db = value as f32;
            return crate::meter::deflection(db);
        }
        let share = if self.ratio {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        #[allow(clippy::cast_possible_truncation, reason = "0 to 1")]
        let share = share.clamp(0.0, 1.0) as f32;
        share
    }
}

/// The way done between two points at `x` from 0 to 1.
#[must_use]
pub fn bend(shape: &PointShape, x: f64) -> f64 {
    match shape {
        PointShape::Hold => 0.0,
        PointShape::Linear => x,
        PointShape::Curve(c) => {
            let c = c.clamp(-0.999, 0.999);
            let k = (1.0 - c) / (1.0 + c);
            if x >= 1.0 { 1.0 } else { x / (x + k * (1.0 - x)) }
        }
    }
}

/// Draws the curve of a lane.
pub fn show(
    painter: &Painter,
    rect: Rect,
    axis: Axis,
    row: &Row,
    lane: &Lane,
    project: &Project,
    p: &Palette,
) {
    let (map, scale) = (project.tempo_map(), Scale::of(project, &lane.target));
    let y = |value: f64| rect.bottom() - MARGIN - scale.share(value) * (rect.height() - 2.0 * MARGIN);
    let x = |at: i64| rect.left() + axis.x(map.frame_of(lane.place(at)).0 as f64);
    let points = lane.points.points();
    let Some((first, last)) = points.first().zip(points.last()) else {
        let place = rect.shrink2(vec2(8.0, 0.0));
        paint::text(painter, place, Align2::LEFT_CENTER, "No points yet", font(SMALL), p.dim);
        return;
    };
    let colour = if lane.enabled { row.colour } else { veil(p.dim, 0.6) };
    let mut way: Vec<Pos2> = vec![pos2(rect.left() - 2.0, y(first.value))];
    let mut dots = Vec::new();
    for (n, point) in points.iter().enumerate() {
        let left = x(point.at);
        let at = pos2(left.clamp(rect.left() - 4.0, rect.right() + 4.0), y(point.value));
        if (rect.left() - 4.0..=rect.right() + 4.0).contains(&left) {
            go(&mut way, at);
            dots.push(at);
        }
        let Some(next) = points.get(n + 1) else { continue };
        let right = x(next.at);
        if right < rect.left() || left > rect.right() || right <= left {
            continue;
        }
        let mut column = left.max(rect.left() - FINE);
        let stop = right.min(rect.right() + FINE);
        let straight = matches!(point.shape, PointShape::Linear) && !scale.ratio && !scale.fader;
        while column < stop {
            let done = bend(&point.shape, f64::from((column - left) / (right - left)));
            go(&mut way, pos2(column, y(point.value + (next.value - point.value) * done)));
            column += if straight || matches!(point.shape, PointShape::Hold) { stop - column } else { FINE };
        }
        let done = bend(&point.shape, f64::from(((stop - left) / (right - left)).min(1.0)));
        go(&mut way, pos2(stop, y(point.value + (next.value - point.value) * done)));
    }
    way.push(pos2(rect.right() + 2.0, y(last.value)));
    // The last place to the right is where the lane still is at the edge, not where it ends.
    if x(last.at) > rect.right() {
        way.pop();
    }
    painter.add(Shape::line(way, Stroke::new(1.5, colour)));
    for dot in dots {
        painter.circle(dot, 3.0, p.canvas, Stroke::new(1.5, colour));
    }
}

/// Goes on to a place; on a level way no stop is made.
fn go(way: &mut Vec<Pos2>, to: Pos2) {
    let level = |a: Pos2, b: Pos2| (a.y - b.y).abs() < 0.02;
    match way.as_mut_slice() {
        [.., before, last] if level(*before, *last) && level(*last, to) => last.x = to.x,
        _ => way.push(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_begins_and_ends_where_its_points_are_and_never_turns() {
        for bow in [-1.0, -0.5, 0.0, 0.3, 1.0] {
            let shape = PointShape::Curve(bow);
            assert!(bend(&shape, 0.0).abs() < 1e-9 && (bend(&shape, 1.0) - 1.0).abs() < 1e-9);
            let mut last = 0.0;
            for n in 1..=50_u8 {
                let now = bend(&shape, f64::from(n) / 50.0);
                assert!(now >= last, "{bow}");
                last = now;
            }
        }
    }
}
