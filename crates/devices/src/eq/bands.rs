//! The bands of the equaliser: from parameters to sections, and how a band comes and goes.

use omega_dsp::filter::{Coefficients, Shape, Slope, butterworth_q, design};
use omega_dsp::math;

/// Bands.
pub const BANDS: usize = 8;

/// Parameters of a band: on, shape, frequency, gain, Q.
pub const BAND_PARAMS: usize = 5;

/// Parameters of all bands.
pub const ALL_PARAMS: usize = BANDS * BAND_PARAMS;

/// Sections that one band takes at most.
pub const MOST_SECTIONS: usize = 4;

/// What a band can do, in the order of the parameter's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Bell,
    LowShelf,
    HighShelf,
    LowCut(Slope),
    HighCut(Slope),
    BandPass,
    Notch,
}

impl Kind {
    /// All kinds with their names.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Bell, "Bell"),
        (Self::LowShelf, "Low shelf"),
        (Self::HighShelf, "High shelf"),
        (Self::LowCut(Slope::Db12), "Low cut 12 dB"),
        (Self::LowCut(Slope::Db24), "Low cut 24 dB"),
        (Self::LowCut(Slope::Db48), "Low cut 48 dB"),
        (Self::HighCut(Slope::Db12), "High cut 12 dB"),
        (Self::HighCut(Slope::Db24), "High cut 24 dB"),
        (Self::HighCut(Slope::Db48), "High cut 48 dB"),
        (Self::BandPass, "Band pass"),
        (Self::Notch, "Notch"),
    ];

    /// The kind of a parameter's value; what is no value counts as the nearest one, NaN as the first.
    pub fn of(value: f32) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, NaN gives 0"
        )]
        let index = (value + 0.5) as usize;
        Self::ALL.get(index.min(Self::ALL.len() - 1)).map_or(Self::Bell, |(kind, _)| *kind)
    }

    /// Its place in [`Kind::ALL`].
    pub fn index(self) -> u32 {
        (0..).zip(Self::ALL).find(|(_, (kind, _))| *kind == self).map_or(0, |(index, _)| index)
    }

    /// Sections that it takes.
    pub fn sections(self) -> usize {
        match self {
            Self::LowCut(slope) | Self::HighCut(slope) => slope.sections(),
            _ => 1,
        }
    }

    /// Its shape, with the Q of section `index`.
    fn section(self, index: usize, gain: f64, q: f64) -> (Shape, f64) {
        match self {
            Self::Bell => (Shape::Bell(gain), q),
            Self::LowShelf => (Shape::LowShelf(gain), q),
            Self::HighShelf => (Shape::HighShelf(gain), q),
            Self::LowCut(slope) => (Shape::HighPass, butterworth_q(index, slope.sections())),
            Self::HighCut(slope) => (Shape::LowPass, butterworth_q(index, slope.sections())),
            Self::BandPass => (Shape::BandPass, q),
            Self::Notch => (Shape::Notch, q),
        }
    }
}

/// Values of a band's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    pub on: bool,
    pub kind: Kind,
    frequency: f64,
    gain: f64,
    q: f64,
}

impl Values {
    pub fn new(values: &[f32; BAND_PARAMS]) -> Self {
        let [on, kind, frequency, gain, q] = *values;
        Self {
            on: on >= 0.5,
            kind: Kind::of(kind),
            frequency: frequency.into(),
            gain: gain.into(),
            q: q.into(),
        }
    }

    /// Coefficients of section `index` of a band of `kind` (which may still be the one before).
    pub fn coefficients(&self, kind: Kind, index: usize, rate: f64) -> Coefficients {
        let (shape, q) = kind.section(index, self.gain, self.q);
        design(shape, self.frequency, q, rate)
    }

    /// Seconds in which the slowest section of a band of `kind` falls to 1/e.
    pub fn decay(&self, kind: Kind) -> f64 {
        let sections = kind.sections();
        // Of a Butterworth cascade the last section has the highest Q.
        let (shape, q) = kind.section(sections - 1, self.gain, self.q);
        let (stretch, q) = match shape {
            Shape::Bell(gain) => (1.0, q * math::db_to_gain(gain / 2.0)),
            Shape::LowShelf(gain) | Shape::HighShelf(gain) => (math::db_to_gain(gain.abs() / 4.0), q),
            _ => (1.0, q),
        };
        let omega = 2.0 * core::f64::consts::PI * self.frequency.max(1.0) / stretch;
        // Poles at ω · (−k ± √(k² − 4)) / 2, k = 1 / Q.
        let k = 1.0 / q.max(1e-3);
        let slowest = if k < 2.0 { k / 2.0 } else { (k - math::sqrt(k * k - 4.0)) / 2.0 };
        sections as f64 / (omega * slowest)
    }
}

/// How far a band has come: it goes in steps, one a control cell, between nothing and all of its effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Band {
    pub kind: Kind,
    /// Steps done at the beginning of the cell.
    pub from: u32,
    /// Steps done at its end.
    pub to: u32,
}

impl Band {
    /// Sections in use.
    pub fn sections(&self) -> usize {
        if self.from == 0 && self.to == 0 { 0 } else { self.kind.sections() }
    }

    /// It begins to come in this cell: its sections are at rest.
    pub fn begins(&self) -> bool {
        self.from == 0 && self.to > 0
    }

    /// Has all of its effect all over the cell.
    pub fn is_full(&self, steps: u32) -> bool {
        self.from == steps && self.to == steps
    }

    /// Has come to where the values want it.
    pub fn is_settled(&self, values: &Values, steps: u32) -> bool {
        if values.on {
            self.is_full(steps) && self.kind == values.kind
        } else {
            self.from == 0 && self.to == 0
        }
    }

    /// One step towards what the values want.
    pub fn step(&mut self, values: &Values, steps: u32) {
        self.from = self.to;
        if values.on && self.to == 0 {
            (self.kind, self.to) = (values.kind, 1);
        } else if values.on && self.kind == values.kind {
            self.to = (self.to + 1).min(steps);
        } else {
            self.to = self.to.saturating_sub(1);
        }
    }

    /// There at once.
    pub fn jump(&mut self, values: &Values, steps: u32) {
        let there = if values.on { steps } else { 0 };
        *self = Self { kind: values.kind, from: there, to: there };
    }

    /// The share of the effect at frame `frame` of a cell of `length` frames.
    pub fn share(&self, frame: usize, length: usize, steps: u32) -> f32 {
        let (from, to) = (self.from as f32, self.to as f32);
        (from + (to - from) * ((frame + 1) as f32 / length as f32)) / steps as f32
    }
}
