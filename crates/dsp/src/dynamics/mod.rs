//! Level detection, gain computer and ballistics of a compressor or limiter, for many nodes side by side.
//!
//! # Method
//! Feed-forward, after D. Giannoulis, M. Massberg, J. D. Reiss, *Digital Dynamic Range Compressor Design – A Tutorial and Analysis*, JAES 60 (2012): level → logarithm → static
//! curve with a quadratic soft knee → smoothing of the gain, in the logarithmic domain, by one pole whose time constant is the attack time while the gain falls and
//! the release time while it rises.
//!
//! Time runs in **cells** of [`CELL`] frames on the grid of absolute frames. The detector sees each frame; the rest is computed once a cell, at its end; the gain then
//! goes in a straight line to the new value during the next cell, each frame's value computed from its place in the cell. So the gain at a frame
//! depends on the input up to the frame before, and it follows the detector by 8 to 16 frames (which a look-ahead of 16 frames hides).
//! Nothing depends on how the frames are cut into blocks.
//!
//! - **Peak** detection takes the largest magnitude of all channels and holds it for one to two hold times, so that the gain does not follow the
//!   wave itself: a steady tone above 1 / (2 · hold) Hz is met exactly by the static curve.
//! - **RMS** detection takes the mean power of all channels, averaged by one pole.
//!
//! Gains and levels are binary logarithms here (1 is 6.02 dB), made by the fast approximations of [`crate::math::fast`].

mod follow;

pub use follow::Node;

use crate::math::{self, fast, to_f32};

/// Frames of one cell of the control grid.
pub const CELL: usize = 8;

/// Decibels of a factor of 2.
const DB_PER_OCTAVE: f64 = 6.020_599_913_279_624;

/// What counts as the level of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detector {
    /// The largest magnitude of all channels, held.
    #[default]
    Peak,
    /// The root of the mean power of all channels, averaged.
    Rms,
}

/// The static curve: gain over level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Level at which compression begins, as a binary logarithm.
    threshold: f32,
    /// Width of the soft knee, as a binary logarithm; ≥ 0.
    knee: f32,
    /// 1 / (2 · knee), 0 without a knee.
    bend: f32,
    /// Change of gain for a change of level above the knee: 1 / ratio − 1, in −1..=0.
    slope: f32,
}

impl Curve {
    /// A curve of `ratio`:1 (1 to ∞) above `threshold_db` (dB of full scale), with a knee that is `knee_db` wide, centred on the threshold.
    ///
    /// Ratios below 1 and NaN count as 1 (no compression), knees below 0 and NaN as 0; threshold and knee are forced into ±200 dB. Control rate.
    #[must_use]
    pub fn new(threshold_db: f64, ratio: f64, knee_db: f64) -> Self {
        let octaves = |db: f64| to_f32(at_least(db, -200.0).min(200.0) / DB_PER_OCTAVE);
        let knee = octaves(at_least(knee_db, 0.0));
        Self {
            threshold: octaves(threshold_db),
            knee,
            bend: if knee > 0.0 { 0.5 / knee } else { 0.0 },
            slope: to_f32(1.0 / at_least(ratio, 1.0) - 1.0),
        }
    }

    /// The gain (≤ 0) for a level, both as binary logarithms.
    ///
    /// With `o` = level − threshold: 0 below the knee, slope · (o + knee/2)² / (2 · knee) within, slope · o above.
    #[must_use]
    pub fn gain(&self, level: f32) -> f32 {
        let over = level - self.threshold;
        let half = self.knee * 0.5;
        let bent = over + half;
        let bent = if bent > 0.0 { bent } else { 0.0 };
        let bent = if bent < self.knee { bent } else { self.knee };
        let straight = over - half;
        let straight = if straight > 0.0 { straight } else { 0.0 };
        self.slope * (bent * bent * self.bend + straight)
    }

    /// The gain in dB for a level in dB: for displays and tests.
    #[must_use]
    pub fn gain_db(&self, level_db: f64) -> f64 {
        f64::from(self.gain(to_f32(level_db / DB_PER_OCTAVE))) * DB_PER_OCTAVE
    }
}

/// How fast the gain follows, for one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ballistics {
    /// What is left of a difference after one cell, while the gain falls.
    attack: f32,
    /// What is left of a difference after one cell, while the gain rises.
    release: f32,
    /// What is left of a difference of mean power after one cell.
    average: f32,
    /// Cells of one hold time, ≥ 1; whole.
    hold: f32,
}

/// Times of a dynamics processor, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Time constant (to 63 % of a change, in dB) of a falling gain.
    pub attack: f64,
    /// Time constant of a rising gain.
    pub release: f64,
    /// Hold time of the peak detector.
    pub hold: f64,
    /// Time constant of the RMS detector.
    pub average: f64,
}

impl Ballistics {
    /// The longest hold time, in cells.
    const MOST_HOLD: f64 = 100_000.0;

    /// For a rate in frames per second. Times ≤ 0 and NaN mean: at once (a hold lasts for one cell at least). Control rate.
    #[must_use]
    pub fn new(times: Times, sample_rate: f64) -> Self {
        let cells = |seconds: f64| at_least(seconds, 0.0) * at_least(sample_rate, 1.0) / CELL as f64;
        let rest = |seconds: f64| {
            let cells = cells(seconds);
            if cells > 0.0 { to_f32(math::exp(-1.0 / cells)) } else { 0.0 }
        };
        Self {
            attack: rest(times.attack),
            release: rest(times.release),
            average: rest(times.average),
            hold: to_f32(math::ceil(cells(times.hold).clamp(1.0, Self::MOST_HOLD))),
        }
    }
}

/// Everything that stays the same over a stretch of frames. May change at any frame; it takes effect at the end of the cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What counts as the level.
    pub detector: Detector,
    /// The static curve.
    pub curve: Curve,
    /// How fast.
    pub ballistics: Ballistics,
    /// Factor of the uncompressed signal in the output.
    pub dry: f32,
    /// Factor of the compressed signal in the output (make-up gain included).
    pub wet: f32,
}

/// The running state of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Dynamics {
    /// Peak, or sum of power, of the cell so far.
    cell: f32,
    /// Peak of the current and of the previous hold time.
    current: f32,
    previous: f32,
    /// Averaged power.
    mean: f32,
    /// Smoothed gain as a binary logarithm, ≤ 0.
    gain: f32,
    /// Factor at the end of the previous cell and at the end of this one.
    from: f32,
    to: f32,
    /// 1 once a frame was seen, else 0.
    started: f32,
}

impl Dynamics {
    /// Numbers that make up the state.
    pub const STATE: usize = 8;

    /// At rest: nothing heard, no gain reduction.
    #[must_use]
    pub const fn new() -> Self {
        Self::from_state([0.0; Self::STATE])
    }

    /// The gain reduction at the end of the last cell, in dB (≤ 0): for a meter.
    #[must_use]
    pub fn gain_db(&self) -> f64 {
        f64::from(self.gain) * DB_PER_OCTAVE
    }

    /// The state as numbers.
    #[must_use]
    pub const fn state(&self) -> [f32; Self::STATE] {
        let Self { cell, current, previous, mean, gain, from, to, started } = *self;
        [cell, current, previous, mean, gain, from, to, started]
    }

    /// A state that was saved.
    #[must_use]
    pub const fn from_state(
        [cell, current, previous, mean, gain, from, to, started]: [f32; Self::STATE],
    ) -> Self {
        Self { cell, current, previous, mean, gain, from, to, started }
    }

    /// Whether the state has come to rest: with silence at the input and the same settings it would stay as it is, bit for bit.
    #[must_use]
    pub fn is_at_rest(&self, settings: &Settings) -> bool {
        let heard = [self.cell, self.current, self.previous, self.mean, self.gain];
        let factor = settings.factor(0.0);
        heard.iter().all(|x| *x == 0.0) && (self.started == 0.0 || (self.from == factor && self.to == factor))
    }
}

impl Default for Dynamics {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// No compression: the factor is always 1.
    pub const NEUTRAL: Self = Self {
        detector: Detector::Peak,
        curve: Curve { threshold: 0.0, knee: 0.0, bend: 0.0, slope: 0.0 },
        ballistics: Ballistics { attack: 0.0, release: 0.0, average: 0.0, hold: 1.0 },
        dry: 1.0,
        wet: 0.0,
    };

    /// The factor of the output for a smoothed gain.
    fn factor(&self, gain: f32) -> f32 {
        self.dry + self.wet * fast::exp2(gain)
    }
}

/// `value`, but not below `low`; `low` for NaN.
fn at_least(value: f64, low: f64) -> f64 {
    if value > low { value } else { low }
}
