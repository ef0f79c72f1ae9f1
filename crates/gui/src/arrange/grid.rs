//! Lines of the time line: bars, beats and parts of beats, as fine as there is room for; and what things snap to.

use omega_studio::time::{Bbt, Frames, TempoMap, Ticks};

use crate::view::Axis;

/// Points between two lines at least.
const GAP: f64 = 14.0;
/// Points between two numbers at least.
const LABEL_GAP: f64 = 56.0;
/// Bars that are looked at for one screen at most.
const MOST: usize = 2_000;

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its frame.
    pub frame: f64,
    /// The number of the bar that begins there.
    pub bar: Option<i64>,
    /// That number has room.
    pub numbered: bool,
    /// It is a beat or a bar, and not a part of one.
    pub beat: bool,
}

/// How fine the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bars, a power of two.
    Bars(i64),
    /// A beat divided by so many, a power of two.
    Beat(i64),
}

/// The finest step that has room at `frame`.
#[must_use]
pub fn step(map: &TempoMap, axis: &Axis, frame: f64) -> Step {
    let tick = map.to_tick(whole(frame));
    let signature = map.signature_at(tick);
    let quarter = map.frames_per_quarter(tick) / axis.scale;
    let points = |ticks: Ticks| ticks.as_quarters_f64() * quarter;
    let (beat, bar) = (points(signature.ticks_per_beat()), points(signature.ticks_per_bar()));
    if beat >= GAP {
        let fits = |n: &i64| beat / (*n as f64) >= GAP;
        return Step::Beat([16, 8, 4, 2].into_iter().find(fits).unwrap_or(1));
    }
    Step::Bars(bars(bar, GAP))
}

/// The least power of two of bars that takes up `gap` points.
fn bars(bar: f64, gap: f64) -> i64 {
    let mut bars = 1_i64;
    while bars < 1 << 30 && bar * (bars as f64) < gap {
        bars *= 2;
    }
    bars
}

/// The lines that are seen in `width` points.
#[must_use]
pub fn lines(map: &TempoMap, axis: &Axis, width: f32) -> Vec<Line> {
    let (left, right) = (axis.frame(0.0).max(0.0), axis.frame(width));
    if right <= 0.0 {
        return Vec::new();
    }
    let (mut lines, mut at) = (Vec::new(), left);
    let mut bar = map.to_bbt(map.to_tick(whole(left))).bar;
    for _ in 0..MOST {
        let step = step(map, axis, at);
        let stride = if let Step::Bars(bars) = step { bars } else { 1 };
        bar -= (bar - 1).rem_euclid(stride);
        let Ok(tick) = map.bbt_to_tick(Bbt { bar, beat: 1, tick: 0 }) else { break };
        let signature = map.signature_at(tick);
        let quarter = map.frames_per_quarter(tick) / axis.scale;
        let every = bars(signature.ticks_per_bar().as_quarters_f64() * quarter, LABEL_GAP);
        let frame = map.to_frame_f64(tick);
        if frame > right {
            break;
        }
        if frame >= left {
            lines.push(Line {
                frame,
                bar: Some(bar),
                numbered: (bar - 1).rem_euclid(every) == 0,
                beat: true,
            });
        }
        if let Step::Beat(parts) = step {
            let unit = signature.ticks_per_beat().0 / parts;
            let count = i64::from(signature.numerator()) * parts;
            let inner = (1..count).map(|n| (n, map.to_frame_f64(tick + Ticks(n * unit))));
            let seen = inner.filter(|(_, frame)| (left..=right).contains(frame));
            lines.extend(seen.map(|(n, frame)| Line {
                frame,
                bar: None,
                numbered: false,
                beat: n % parts == 0,
            }));
        }
        bar += stride;
        at = frame;
    }
    lines
}

/// The tick of the grid that is nearest to `frame`, at the step that is seen there.
#[must_use]
pub fn snap(map: &TempoMap, axis: &Axis, frame: f64) -> Ticks {
    let tick = map.to_tick(whole(frame.max(0.0)));
    let bar = map.to_bbt(tick).bar;
    let bar_tick = |bar| map.bbt_to_tick(Bbt { bar, beat: 1, tick: 0 }).unwrap_or(tick);
    match step(map, axis, frame) {
        Step::Bars(bars) => {
            let first = bar - (bar - 1).rem_euclid(bars);
            let (before, after) = (bar_tick(first), bar_tick(first + bars));
            if tick - before <= after - tick { before } else { after }
        }
        Step::Beat(parts) => {
            let start = bar_tick(bar);
            let unit = (map.signature_at(tick).ticks_per_beat().0 / parts).max(1);
            Ticks((start.0 + ((tick - start).0 + unit / 2).div_euclid(unit) * unit).min(bar_tick(bar + 1).0))
        }
    }
}

/// The grid's next tick after `frame`, or the one before it.
#[must_use]
pub fn neighbour(map: &TempoMap, axis: &Axis, frame: i64, forward: bool) -> i64 {
    let at = map.to_tick(Frames(frame));
    let signature = map.signature_at(at);
    let unit = match step(map, axis, frame as f64) {
        Step::Bars(bars) => signature.ticks_per_bar().0 * bars,
        Step::Beat(parts) => signature.ticks_per_beat().0 / parts,
    };
    let unit = unit.max(1);
    let tick = if forward { (at.0.div_euclid(unit) + 1) * unit } else { (at.0 - 1).div_euclid(unit) * unit };
    map.to_frame(Ticks(tick.max(0))).0
}

/// A frame as a whole number.
#[must_use]
pub fn whole(frame: f64) -> Frames {
    #[allow(clippy::cast_possible_truncation, reason = "places on the time line lie far within 2^52")]
    let frame = frame.round() as i64;
    Frames(frame)
}

#[cfg(test)]
mod tests {
    use omega_studio::time::{SampleRate, Tempo, TimeSignature};

    use super::*;

    fn map() -> TempoMap {
        TempoMap::constant(SampleRate::HZ_48000, Tempo::bpm(120).unwrap(), TimeSignature::COMMON)
    }

    #[test]
    fn lines_are_never_too_close_and_numbers_have_room() {
        let map = map();
        for zoom in 0..40 {
            let axis = Axis { left: 1_000.0, scale: 0.1 * 1.5_f64.powi(zoom) };
            let lines = lines(&map, &axis, 1_000.0);
            for pair in lines.windows(2) {
                let gap = (pair[1].frame - pair[0].frame) / axis.scale;
                assert!(gap > GAP - 0.1, "{gap} points at {axis:?}");
            }
            let numbers: Vec<f64> =
                lines.iter().filter(|line| line.numbered).map(|line| line.frame).collect();
            for pair in numbers.windows(2) {
                assert!((pair[1] - pair[0]) / axis.scale >= LABEL_GAP - 0.1, "{axis:?}");
            }
        }
    }

    #[test]
    fn what_snaps_lies_on_a_line() {
        let map = map();
        for scale in [20.0, 300.0, 4_000.0, 60_000.0] {
            let axis = Axis { left: 0.0, scale };
            let all: Vec<i64> = lines(&map, &axis, 2_000.0).iter().map(|line| whole(line.frame).0).collect();
            for x in [3.0, 77.0, 512.0, 900.0_f32] {
                let snapped = map.to_frame(snap(&map, &axis, axis.frame(x))).0;
                assert!(all.iter().any(|line| (line - snapped).abs() <= 1), "{snapped} at {axis:?}");
                let off = (snapped as f64 - axis.frame(x)).abs() / scale;
                assert!(off < LABEL_GAP, "{off} points away");
            }
        }
    }
}
