//! Inserting and deleting time: how tempo and meter points follow.

extern crate alloc;

use alloc::vec::Vec;

use crate::meter_map::MeterMap;
use crate::{Bbt, MeterPoint, Ramp, TempoMap, TempoMapError, TempoPoint, Ticks, TimeSignature};

impl TempoMap {
    /// The map after `length` ticks of time were inserted at `at`; a negative place or length counts as zero.
    ///
    /// Everything before `at` keeps its frame, everything from `at` on keeps its distances. The new time has the tempo
    /// that was reached at `at`. A ramp that is running there is parted in two with the new time between them; its
    /// tempo at the parting is the representable one nearest to the exact one ([`TempoMap::tempo_at`]).
    /// A time signature has to begin with a bar: if the length is not a whole number of bars, the first later one begins
    /// with the first bar line at or after its shifted place, and the others keep their bars from it. Allocates; not
    /// for the audio thread.
    ///
    /// # Errors
    /// [`TempoMapError`] if a point would leave the map.
    pub fn insert_time(&self, at: Ticks, length: Ticks) -> Result<Self, TempoMapError> {
        let (at, length) = on_map(at, length);
        if length == Ticks::ZERO {
            return Ok(self.clone());
        }
        let mut tempo: Vec<TempoPoint> = self.tempo_points().filter(|p| p.tick < at).collect();
        let reached = self.tempo_at(at);
        let running = tempo.last().is_some_and(|p| p.ramp == Ramp::Linear);
        let later = || self.tempo_points().filter(|p| p.tick >= at);
        let parts_a_ramp = running && later().next().is_some();
        if at == Ticks::ZERO || parts_a_ramp {
            tempo.push(TempoPoint::constant(at, reached));
            if later().next().is_none_or(|p| p.tick > at) {
                tempo.push(TempoPoint::linear(at + length, reached));
            }
        }
        let stays = tempo.last().copied();
        let moved = later().map(|p| TempoPoint { tick: p.tick + length, ..p });
        tempo.extend(moved.filter(|&p| at > Ticks::ZERO || p.tick > length || !is_redundant(stays, p)));
        let mut meters = MeterMap::empty();
        self.meter_starts()
            .filter(|m| m.tick == Ticks::ZERO || m.tick < at)
            .try_for_each(|m| meters.push(m.point))?;
        self.move_meters(&mut meters, |m| m.tick > Ticks::ZERO && m.tick >= at, |tick| tick + length)?;
        Self::new(self.rate(), &tempo, &meters.points().collect::<Vec<_>>())
    }

    /// The map after `length` ticks of time were deleted from `from` on; a negative place or length counts as zero.
    ///
    /// Everything before `from` keeps its frame, everything from the end of the deleted time on keeps its distances and
    /// begins at `from`. A ramp that is running at the end of the deleted time goes on with the tempo it had reached;
    /// one that is running into the deleted time ends one tick before it, where its tempo holds for that tick, because
    /// a point has only one tempo. Both are the representable ones nearest to the exact ones. Time signatures
    /// follow as in [`TempoMap::insert_time`]. Allocates; not for the audio thread.
    ///
    /// # Errors
    /// [`TempoMapError`] if the points that are left do not make a map.
    pub fn delete_time(&self, from: Ticks, length: Ticks) -> Result<Self, TempoMapError> {
        let (from, length) = on_map(from, length);
        if length == Ticks::ZERO {
            return Ok(self.clone());
        }
        let end = from + length;
        let mut tempo: Vec<TempoPoint> = self.tempo_points().filter(|p| p.tick < from).collect();
        let ramp =
            self.tempo_points().take_while(|p| p.tick <= end).last().map_or(Ramp::Constant, |p| p.ramp);
        let goes_on = TempoPoint { tick: from, tempo: self.tempo_at(end), ramp };
        self.end_ramp_before(from, goes_on, &mut tempo);
        if self.tempo_points().any(|p| p.tick == end) || !is_redundant(tempo.last().copied(), goes_on) {
            tempo.push(goes_on);
        }
        tempo.extend(
            self.tempo_points().filter(|p| p.tick > end).map(|p| TempoPoint { tick: p.tick - length, ..p }),
        );
        let mut meters = MeterMap::empty();
        self.meter_starts().filter(|m| m.tick < from).try_for_each(|m| meters.push(m.point))?;
        place_meter(&mut meters, from, self.signature_at(end))?;
        self.move_meters(&mut meters, |m| m.tick > end, |tick| tick - length)?;
        Self::new(self.rate(), &tempo, &meters.points().collect::<Vec<_>>())
    }

    /// Ends the ramp of the last of `kept` one tick before `cut`, unless it arrives at the tempo that goes on there.
    fn end_ramp_before(&self, cut: Ticks, goes_on: TempoPoint, kept: &mut Vec<TempoPoint>) {
        let Some(last) = kept.last_mut().filter(|p| p.ramp == Ramp::Linear) else { return };
        if self.tempo_at(cut) == goes_on.tempo {
            return;
        }
        let before = cut - Ticks(1);
        if last.tick == before {
            last.ramp = Ramp::Constant;
        } else {
            let reached = self.tempo_at(before);
            kept.push(TempoPoint::constant(before, reached));
        }
    }

    /// Adds the wanted meter points: the first on the bar line at or after its new tick, the others as many bars after
    /// it as they were.
    fn move_meters(
        &self,
        meters: &mut MeterMap,
        wanted: impl Fn(&MeterStart) -> bool,
        new_tick: impl Fn(Ticks) -> Ticks,
    ) -> Result<(), TempoMapError> {
        let mut later = self.meter_starts().filter(wanted);
        let Some(first) = later.next() else { return Ok(()) };
        let bar = place_meter(meters, new_tick(first.tick), first.point.signature)?;
        for MeterStart { point, .. } in later {
            meters.push(MeterPoint { bar: bar + (point.bar - first.point.bar), ..point })?;
        }
        Ok(())
    }

    fn meter_starts(&self) -> impl Iterator<Item = MeterStart> + '_ {
        self.meter_points().map(|point| {
            let tick = self.bbt_to_tick(Bbt { bar: point.bar, beat: 1, tick: 0 });
            MeterStart { tick: tick.unwrap_or(Ticks::ZERO), point }
        })
    }
}

/// A meter point and the tick of its bar line.
struct MeterStart {
    tick: Ticks,
    point: MeterPoint,
}

/// A place and a length held where sums of them are harmless: at most the whole map from its start.
fn on_map(at: Ticks, length: Ticks) -> (Ticks, Ticks) {
    (at.clamp(Ticks::ZERO, TempoMap::MAX_TICK), length.clamp(Ticks::ZERO, TempoMap::MAX_TICK * 2))
}

/// Lets a signature begin with the first bar line at or after a tick and gives its bar. A point that is there already
/// gives way; one that would change nothing is left out.
fn place_meter(meters: &mut MeterMap, tick: Ticks, signature: TimeSignature) -> Result<i64, TempoMapError> {
    let bar = meters.first_bar_at_or_after(tick);
    meters.remove_last_at(bar);
    if meters.points().last().is_none_or(|p| p.signature != signature) {
        meters.push(MeterPoint { bar, signature })?;
    }
    Ok(bar)
}

/// Whether a point only says what the constant one before it said.
fn is_redundant(before: Option<TempoPoint>, point: TempoPoint) -> bool {
    before.is_some_and(|p| p.ramp == Ramp::Constant && point.ramp == Ramp::Constant && p.tempo == point.tempo)
}
