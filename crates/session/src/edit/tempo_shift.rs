//! Storing a changed tempo map in the points of a project, so that points that only moved keep their ids.

use omega_time::{Ramp, Tempo, TempoMap, Ticks};

use super::{Draft, EditError};
use crate::model::{MeterId, MeterPoint, TempoId, TempoPoint};

/// Makes the tempo and meter points those of `map`. `moved` says where the tempo points of before went.
pub(super) fn store_map(
    draft: &mut Draft,
    map: &TempoMap,
    moved: impl Fn(Ticks) -> Option<Ticks>,
) -> Result<(), EditError> {
    store_tempo(draft, map, moved)?;
    store_meter(draft, map)
}

fn store_tempo(
    draft: &mut Draft,
    map: &TempoMap,
    moved: impl Fn(Ticks) -> Option<Ticks>,
) -> Result<(), EditError> {
    let old: Vec<(TempoId, TempoPoint)> = draft
        .project
        .tempo_points()
        .into_iter()
        .map(|(id, point)| (id.clone(), TempoPoint::clone(point)))
        .collect();
    let mut free: Vec<(Option<Ticks>, &TempoId, &TempoPoint)> =
        old.iter().map(|(id, point)| (moved(point.at), id, point)).collect();
    let mut wanted: Vec<omega_time::TempoPoint> = map.tempo_points().collect();
    if !old.iter().any(|(_, point)| point.at == Ticks::ZERO) && starts_needlessly(&wanted) {
        wanted.remove(0);
    }
    for point in wanted {
        match free.iter().position(|(at, _, old)| *at == Some(point.tick) && old.tempo == point.tempo) {
            Some(place) => {
                let (_, id, old) = free.swap_remove(place);
                if old.at != point.tick || old.ramp != point.ramp {
                    draft.change::<TempoPoint>(id, |old| (old.at, old.ramp) = (point.tick, point.ramp))?;
                }
            }
            None => {
                let mut new = TempoPoint::new(point.tick, point.tempo);
                new.ramp = point.ramp;
                draft.add(None, new)?;
            }
        }
    }
    free.into_iter().try_for_each(|(_, id, _)| draft.remove::<TempoPoint>(id).map(drop))
}

/// Whether the point that every map has at its start says only what would hold without it.
fn starts_needlessly(points: &[omega_time::TempoPoint]) -> bool {
    match points {
        [first] => first.tempo == Tempo::DEFAULT,
        [first, second, ..] => first.tempo == second.tempo && first.ramp == Ramp::Constant,
        [] => false,
    }
}

fn store_meter(draft: &mut Draft, map: &TempoMap) -> Result<(), EditError> {
    let old: Vec<(MeterId, MeterPoint)> = draft
        .project
        .meter_points()
        .into_iter()
        .map(|(id, point)| (id.clone(), MeterPoint::clone(point)))
        .collect();
    let mut wanted: Vec<omega_time::MeterPoint> = map.meter_points().collect();
    let needless = match wanted.as_slice() {
        [first] => old.is_empty() && first.signature == omega_time::TimeSignature::COMMON,
        [first, second, ..] => first.signature == second.signature,
        [] => false,
    };
    if needless && !old.iter().any(|(_, point)| point.bar == 1) {
        wanted.remove(0);
    }
    // Points before the change stay as they are, those after it keep their order: match from both ends.
    let same = |(_, old): &(MeterId, MeterPoint), new: &omega_time::MeterPoint| {
        (old.bar, old.signature) == (new.bar, new.signature)
    };
    let head = old.iter().zip(&wanted).take_while(|(old, new)| same(old, new)).count();
    let (old, wanted) = (&old[head..], &wanted[head..]);
    let behind = old.iter().rev().zip(wanted.iter().rev());
    let tail = behind.take_while(|((_, old), new)| old.signature == new.signature).count();
    for (id, _) in &old[..old.len() - tail] {
        draft.remove::<MeterPoint>(id)?;
    }
    for new in &wanted[..wanted.len() - tail] {
        draft.add(None, MeterPoint::new(new.bar, new.signature))?;
    }
    for ((id, old), new) in old[old.len() - tail..].iter().zip(&wanted[wanted.len() - tail..]) {
        if old.bar != new.bar {
            draft.change::<MeterPoint>(id, |point| point.bar = new.bar)?;
        }
    }
    Ok(())
}
