//! Bars, beats and frames of a project.

use omega_session::model::Project;
use omega_time::{MeterPoint, Ramp, Tempo, TempoMap, TempoPoint, Ticks, TimeSignature};

/// The tempo map of a project. Where it says nothing: 120 BPM, 4/4. A meter that does not stand at the beginning of a bar
/// begins with the next one; a map that the time library refuses falls back to its first tempo throughout.
#[must_use]
pub fn tempo_map(project: &Project) -> TempoMap {
    let rate = project.sample_rate();
    let mut tempo: Vec<TempoPoint> = Vec::new();
    for (_, point) in project.tempo_points() {
        let ramp = if point.ramp { Ramp::Linear } else { Ramp::Constant };
        let point = TempoPoint { tick: point.at.max(Ticks(0)), tempo: point.tempo, ramp };
        // Two at one place: the last one counts.
        if tempo.last().is_some_and(|last| last.tick == point.tick) {
            tempo.pop();
        }
        tempo.push(point);
    }
    let first = tempo.first().map_or_else(default_tempo, |point| point.tempo);
    if tempo.first().is_none_or(|point| point.tick > Ticks(0)) {
        tempo.insert(0, TempoPoint::constant(Ticks(0), first));
    }
    let mut meter: Vec<MeterPoint> = Vec::new();
    for (_, point) in project.meter_points() {
        let bar = match TempoMap::new(rate, &[TempoPoint::constant(Ticks(0), first)], &with_start(&meter)) {
            Ok(map) => map.bar_at_or_after(point.at.max(Ticks(0))).1.bar,
            Err(_) => break,
        };
        if meter.last().is_some_and(|last| last.bar >= bar) {
            meter.pop();
        }
        meter.push(MeterPoint { bar, signature: point.signature });
    }
    let meter = with_start(&meter);
    TempoMap::new(rate, &tempo, &meter)
        .or_else(|_| TempoMap::new(rate, &[TempoPoint::constant(Ticks(0), first)], &meter))
        .unwrap_or_else(|_| TempoMap::constant(rate, first, TimeSignature::default()))
}

fn with_start(meter: &[MeterPoint]) -> Vec<MeterPoint> {
    let start = MeterPoint { bar: 1, signature: TimeSignature::default() };
    let missing = meter.first().is_none_or(|point| point.bar > 1);
    missing.then_some(start).into_iter().chain(meter.iter().copied()).collect()
}

fn default_tempo() -> Tempo {
    Tempo::default()
}
