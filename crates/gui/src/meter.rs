//! Meters: how needles fall, what they hold, and how they are drawn.

use std::collections::HashMap;

use egui::{Painter, Rect, pos2};
use omega_studio::session::TrackId;
use omega_studio::{MeterLevel, Meters};

use crate::palette::{Palette, mix};

/// The lowest level that is shown, in dBFS.
const FLOOR: f32 = -60.0;
/// The highest.
const CEILING: f32 = 6.0;
/// Decibels that a needle falls in a second (IEC 60268-10, type I: 20 dB in 1.7 s).
const FALL: f32 = 20.0 / 1.7;
/// Seconds for which the highest level is held.
const HOLD: f64 = 2.0;

/// What a meter shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needle {
    /// Peak in dBFS.
    pub peak: f32,
    /// RMS in dBFS.
    pub rms: f32,
    /// The highest peak of late, in dBFS.
    pub hold: f32,
    /// It was beyond full scale since it was reset.
    pub clipped: bool,
    held_since: f64,
}

impl Needle {
    const REST: Self = Self {
        peak: f32::NEG_INFINITY,
        rms: f32::NEG_INFINITY,
        hold: f32::NEG_INFINITY,
        clipped: false,
        held_since: 0.0,
    };

    fn follow(&mut self, level: MeterLevel, now: f64, passed: f32) {
        let (peak, rms) = (decibels(level.peak), decibels(level.rms));
        self.peak = peak.max(self.peak - FALL * passed);
        self.rms = rms.max(self.rms - FALL * passed);
        if self.peak < FLOOR {
            self.peak = f32::NEG_INFINITY;
        }
        if self.rms < FLOOR {
            self.rms = f32::NEG_INFINITY;
        }
        if peak >= self.hold || now - self.held_since > HOLD {
            (self.hold, self.held_since) = (self.peak, now);
        }
        self.clipped |= level.peak > 1.0;
    }
}

/// The needles of all tracks.
#[derive(Clone, Debug, Default)]
pub struct Needles {
    needles: HashMap<TrackId, Needle>,
    last: f64,
}

impl Needles {
    /// Moves them on to `now`, in seconds. True while one of them moves.
    pub fn follow<'a>(
        &mut self,
        meters: &Meters,
        tracks: impl Iterator<Item = &'a TrackId>,
        now: f64,
    ) -> bool {
        #[allow(clippy::cast_possible_truncation, reason = "a tenth of a second at most")]
        let passed = (now - self.last).clamp(0.0, 0.1) as f32;
        self.last = now;
        let mut moves = false;
        for id in tracks {
            let level = meters.of(id);
            if level.peak <= 0.0 && !self.needles.contains_key(id) {
                continue;
            }
            let needle = self.needles.entry(id.clone()).or_insert(Needle::REST);
            needle.follow(level, now, passed);
            moves |= needle.peak > FLOOR || needle.hold > FLOOR;
        }
        moves
    }

    /// What the meter of a track shows.
    #[must_use]
    pub fn of(&self, track: &TrackId) -> Needle {
        self.needles.get(track).copied().unwrap_or(Needle::REST)
    }

    /// Forgets that a track was beyond full scale; of all where none is named.
    pub fn reset(&mut self, track: Option<&TrackId>) {
        let named = |id: &TrackId| track.is_none_or(|track| track == id);
        self.needles.iter_mut().filter(|(id, _)| named(id)).for_each(|(_, needle)| {
            (needle.clipped, needle.hold) = (false, needle.peak);
        });
    }
}

/// Decibels of a linear level.
#[must_use]
pub fn decibels(linear: f32) -> f32 {
    if linear > 0.0 { 20.0 * linear.log10() } else { f32::NEG_INFINITY }
}

/// Where on a scale of meters a level stands, 0 at its foot and 1 at its head. The upper part is drawn wider: 20 dB take
/// up more than half.
#[must_use]
pub fn deflection(db: f32) -> f32 {
    let knots = [(FLOOR, 0.0), (-40.0, 0.15), (-20.0, 0.42), (-10.0, 0.63), (0.0, 0.88), (CEILING, 1.0)];
    if db <= FLOOR {
        return 0.0;
    }
    let between = knots.windows(2).find(|pair| db <= pair[1].0);
    between.map_or(1.0, |pair| {
        let ((a, low), (b, high)) = (pair[0], pair[1]);
        low + (high - low) * (db - a) / (b - a)
    })
}

/// Draws an upright meter: RMS filled, peak behind it, the hold as a line, and a lamp on top once it clipped.
pub fn draw(painter: &Painter, rect: Rect, needle: &Needle, p: &Palette) {
    painter.rect_filled(rect, 1.0, p.sunk);
    let row = |db: f32| rect.bottom() - rect.height() * deflection(db);
    for (level, share) in [(needle.peak, 0.55), (needle.rms, 1.0)] {
        let mut low = rect.bottom();
        for (end, colour) in [(-18.0, p.green), (-3.0, p.yellow), (CEILING, p.red)] {
            let high = row(level.min(end));
            if high < low {
                let part = Rect::from_min_max(pos2(rect.left(), high), pos2(rect.right(), low));
                painter.rect_filled(part, 0.0, mix(p.sunk, colour, share));
                low = high;
            }
        }
    }
    if needle.hold > FLOOR {
        let y = row(needle.hold).round();
        let colour = if needle.hold > -3.0 { p.red } else { p.text };
        painter.rect_filled(
            Rect::from_min_max(pos2(rect.left(), y), pos2(rect.right(), y + 1.0)),
            0.0,
            colour,
        );
    }
    if needle.clipped {
        let lamp = Rect::from_min_max(rect.left_top(), pos2(rect.right(), rect.top() + 3.0));
        painter.rect_filled(lamp, 0.0, p.red);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_rises_at_once_falls_as_the_standard_says_and_holds() {
        let mut needle = Needle::REST;
        needle.follow(MeterLevel { peak: 1.0, rms: 0.5 }, 0.0, 0.0);
        assert!(needle.peak.abs() < 1e-6);
        let mut now = 0.0;
        for _ in 0..17 {
            now += 0.1;
            needle.follow(MeterLevel::default(), now, 0.1);
        }
        assert!((needle.peak + 20.0).abs() < 0.01, "{needle:?}");
        assert!(needle.hold.abs() < 1e-6, "held for two seconds: {needle:?}");
        needle.follow(MeterLevel::default(), 2.5, 0.1);
        assert!(needle.hold < -20.0);
        assert!(!needle.clipped, "full scale is not beyond it");
        needle.follow(MeterLevel { peak: 1.01, rms: 0.0 }, 3.0, 0.1);
        assert!(needle.clipped);
    }

    #[test]
    fn the_scale_rises_from_foot_to_head() {
        let mut last = -1.0;
        for db in -60..=6_i8 {
            let at = deflection(f32::from(db));
            assert!(at > last && (0.0..=1.0).contains(&at), "{db}: {at}");
            last = at;
        }
        assert!(deflection(f32::NEG_INFINITY) <= 0.0 && deflection(40.0) >= 1.0);
    }
}
