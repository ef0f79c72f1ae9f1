//! The tempo map of a project.

use std::sync::Arc;

use omega_time::{MeterError, Ramp, Tempo, TempoMap, TempoMapError, Ticks, TimeSignature};

use super::Project;

impl Project {
    /// The tempo map of this project. It is made once for each value of tempo, meter and rate.
    ///
    /// Every project has one: the first tempo and the first time signature hold from the start on (120 BPM and 4/4 where
    /// there is none), of two at one place the one with the lower id counts, and what lies beyond the last tick that a
    /// map can hold is left out.
    #[must_use]
    pub fn tempo_map(&self) -> Arc<TempoMap> {
        self.map_cell().get_or_init(|| Arc::new(self.make_map())).clone()
    }

    fn make_map(&self) -> TempoMap {
        let rate = self.sample_rate();
        let mut tempo: Vec<omega_time::TempoPoint> = Vec::new();
        for (_, point) in self.tempo_points() {
            let tick = if tempo.is_empty() { Ticks::ZERO } else { point.at };
            if tempo.last().is_none_or(|last| last.tick < tick) {
                tempo.push(omega_time::TempoPoint { tick, tempo: point.tempo, ramp: point.ramp });
                // The first tempo holds from the start to its own place before it goes on.
                if tempo.len() == 1 && point.at > Ticks::ZERO {
                    tempo[0].ramp = Ramp::Constant;
                    tempo.push(omega_time::TempoPoint {
                        tick: point.at,
                        tempo: point.tempo,
                        ramp: point.ramp,
                    });
                }
            }
        }
        let mut meter: Vec<omega_time::MeterPoint> = Vec::new();
        for (_, point) in self.meter_points() {
            if meter.is_empty() && point.bar > 1 {
                meter.push(omega_time::MeterPoint { bar: 1, signature: point.signature });
            }
            if meter.last().is_none_or(|last| last.bar < point.bar) {
                meter.push(omega_time::MeterPoint { bar: point.bar, signature: point.signature });
            }
        }
        if tempo.is_empty() {
            tempo.push(omega_time::TempoPoint::constant(Ticks::ZERO, Tempo::DEFAULT));
        }
        if meter.is_empty() {
            meter.push((1, TimeSignature::COMMON).into());
        }
        // Each turn mends or takes away every point with one kind of fault: there are few turns, and one point at the
        // start always makes a map.
        loop {
            match TempoMap::new(rate, &tempo, &meter) {
                Ok(map) => return map,
                Err(TempoMapError::RampTooLong { index, .. }) => hold_long_ramps(&mut tempo, index),
                Err(TempoMapError::Range { index, .. }) => tempo.truncate(index),
                Err(TempoMapError::TooManyPoints(_)) => tempo.truncate(TempoMap::MAX_POINTS),
                Err(TempoMapError::Meter(MeterError::Range { index, .. })) => meter.truncate(index),
                Err(TempoMapError::Meter(MeterError::TooManyPoints(_))) => {
                    meter.truncate(TempoMap::MAX_POINTS);
                }
                Err(_) => return TempoMap::constant(rate, tempo[0].tempo, meter[0].signature),
            }
        }
    }
}

/// Lets each tempo from `first` on hold whose ramp would be longer than a map can compute.
fn hold_long_ramps(points: &mut [omega_time::TempoPoint], first: usize) {
    for index in first..points.len() {
        if let [point, next, ..] = &mut points[index..]
            && next.tick - point.tick > TempoMap::MAX_RAMP
        {
            point.ramp = Ramp::Constant;
        }
    }
}

#[cfg(test)]
mod tests {
    use omega_time::{Frames, SampleRate};

    use crate::model::{MeterId, MeterPoint, TempoId, TempoPoint};

    use super::*;

    fn tempo(project: &mut Project, id: &str, at: i64, bpm: u32, ramp: Ramp) {
        let mut point = TempoPoint::new(Ticks(at), Tempo::bpm(bpm).unwrap());
        point.ramp = ramp;
        project.put_tempo(TempoId::new(id).unwrap(), point);
    }

    #[test]
    fn every_project_has_a_map() {
        let mut project = Project::new("", SampleRate::HZ_48000);
        assert_eq!(project.tempo_map().to_frame(Ticks::quarters(2)), Frames(48_000));
        tempo(&mut project, "b", Ticks::quarters(4).0, 60, Ramp::Constant);
        assert_eq!(
            project.tempo_map().to_frame(Ticks::quarters(4)),
            Frames(4 * 48_000),
            "the first holds from 0 on"
        );
        tempo(&mut project, "a", Ticks::quarters(4).0, 120, Ramp::Linear);
        assert_eq!(
            project.tempo_map().tempo_at(Ticks::quarters(5)),
            Tempo::bpm(120).unwrap(),
            "the lower id counts"
        );
        tempo(&mut project, "c", 1 << 46, 90, Ramp::Constant);
        let map = project.tempo_map();
        assert_eq!(
            map.tempo_at(Ticks::quarters(9)),
            Tempo::bpm(120).unwrap(),
            "a ramp that is too long holds"
        );
        assert!(Arc::ptr_eq(&map, &project.clone().tempo_map()), "made once");
        for (id, bar, top) in [("m1", 5, 3), ("m2", 5, 7), ("m3", 100_000_000, 99)] {
            let signature = TimeSignature::new(top, 1).unwrap();
            project.put_meter(MeterId::new(id).unwrap(), MeterPoint::new(bar, signature));
        }
        assert_eq!(project.tempo_map().signature_at(Ticks(0)).numerator(), 3);
        let bars: Vec<i64> = project.tempo_map().meter_points().map(|point| point.bar).collect();
        assert_eq!(bars, [1, 5], "of twins one counts, and a bar beyond the last tick is left out");
    }
}
