//! From frequency, Q and gain to coefficients, and back to the response.

use super::Coefficients;
use crate::math::{self, to_f32};

/// What a section does to the spectrum. Gains in dB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Raises or lowers a band around the frequency; the gain is that at the frequency. The Q is that of the RBJ cookbook: bandwidth between the points of half the gain (in dB).
    Bell(f64),
    /// Raises or lowers everything below the frequency, at which half the gain (in dB) is reached.
    LowShelf(f64),
    /// Raises or lowers everything above the frequency, at which half the gain (in dB) is reached.
    HighShelf(f64),
    /// Lets pass what is below the frequency, 12 dB per octave.
    LowPass,
    /// Lets pass what is above the frequency, 12 dB per octave.
    HighPass,
    /// Lets pass what is around the frequency, at 0 dB there.
    BandPass,
    /// Takes out the frequency.
    Notch,
}

/// Steepness of a cut made of a cascade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slope {
    /// 12 dB per octave: one section.
    Db12,
    /// 24 dB per octave: two sections.
    Db24,
    /// 48 dB per octave: four sections.
    Db48,
}

impl Slope {
    /// Sections of the cascade.
    #[must_use]
    pub const fn sections(self) -> usize {
        match self {
            Self::Db12 => 1,
            Self::Db24 => 2,
            Self::Db48 => 4,
        }
    }
}

/// The Q of section `index` of a Butterworth low- or high-pass of `sections` second-order sections: 1 / (2 sin((2·index + 1)·π / (4·sections))).
///
/// Flat in the pass band, −3 dB at the frequency (S. Butterworth, *On the Theory of Filter Amplifiers*, 1930). Control rate.
#[must_use]
pub fn butterworth_q(index: usize, sections: usize) -> f64 {
    let angle = (2 * index + 1) as f64 * core::f64::consts::PI / (4 * sections.max(1)) as f64;
    1.0 / (2.0 * math::sin(angle))
}

/// The Q of a shelf of slope `slope` (1 is the steepest without overshoot), as in the RBJ cookbook. Control rate.
#[must_use]
pub fn q_of_shelf_slope(gain_db: f64, slope: f64) -> f64 {
    let a = math::db_to_gain(gain_db / 2.0);
    let inverse_square = (a + 1.0 / a) * (1.0 / slope - 1.0) + 2.0;
    1.0 / math::sqrt(inverse_square)
}

/// `value` within `low..=high`; `low` for NaN.
fn within(value: f64, low: f64, high: f64) -> f64 {
    if value > low { value.min(high) } else { low }
}

/// The coefficients of a section at `frequency` Hz for a rate of `sample_rate` frames per second.
///
/// The magnitude is that of the bilinear transform with the frequency prewarped: the curves of R. Bristow-Johnson, *Cookbook formulae for audio EQ biquad filter coefficients*, 1998. The
/// mixing of low, band and input for each shape follows A. Simper, *SvfLinearTrapOptimised2*, Cytomic, 2013.
///
/// Any input is taken: the frequency is forced into 10⁻⁶ … 0.49 of the rate, Q into 0.01 … 1000, the gain into ±60 dB (NaN
/// counts as the least). The result is finite and stable. Real-time safe, about 100 ns: control rate.
#[must_use]
pub fn design(shape: Shape, frequency: f64, q: f64, sample_rate: f64) -> Coefficients {
    let turns = within(frequency / sample_rate, 1e-6, 0.49);
    let g = math::tan(core::f64::consts::PI * turns);
    let k = 1.0 / within(q, 0.01, 1000.0);
    // Square root of the gain: the gain is applied once in the zeros and once in the poles.
    let root = |db: f64| math::db_to_gain(within(db, -60.0, 60.0) / 2.0);
    let (g, k, mix) = match shape {
        Shape::Bell(db) => {
            let a = root(db);
            (g, k / a, [1.0, (k / a) * (a * a - 1.0), 0.0])
        }
        Shape::LowShelf(db) => {
            let a = root(db);
            (g / math::sqrt(a), k, [1.0, k * (a - 1.0), a * a - 1.0])
        }
        Shape::HighShelf(db) => {
            let a = root(db);
            (g * math::sqrt(a), k, [a * a, k * (1.0 - a) * a, 1.0 - a * a])
        }
        Shape::LowPass => (g, k, [0.0, 0.0, 1.0]),
        Shape::HighPass => (g, k, [1.0, -k, -1.0]),
        Shape::BandPass => (g, k, [0.0, k, 0.0]),
        Shape::Notch => (g, k, [1.0, -k, 0.0]),
    };
    coefficients(g, k, mix)
}

/// The section whose output is `mix · [input, band, low]`, with integrator gain `g` and damping `k`.
fn coefficients(g: f64, k: f64, [m0, m1, m2]: [f64; 3]) -> Coefficients {
    let a1 = 1.0 / (1.0 + g * (g + k));
    let a2 = g * a1;
    let a3 = g * a2;
    Coefficients {
        b: [-2.0 * g * (g + k) * a1, 2.0 * a2, 2.0 * a3].map(to_f32),
        c: [m0 + m1 * a2 + m2 * a3, m1 * a1 + m2 * a2, m2 * (1.0 - a3) - m1 * a2].map(to_f32),
    }
}

/// A complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// The product.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    /// The square of the magnitude.
    #[must_use]
    pub const fn norm(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

/// The frequency response of a section at `frequency` Hz: of the coefficients as they are rounded, in `f64`.
///
/// `H = c₀ + C (zI − A)⁻¹ B`, with `z − 1` computed directly, so that it is exact at low frequencies, too.
#[must_use]
pub fn response(coefficients: &Coefficients, frequency: f64, sample_rate: f64) -> Complex {
    let angle = 2.0 * core::f64::consts::PI * frequency / sample_rate;
    let half = math::sin(angle / 2.0);
    let z1 = Complex { re: -2.0 * half * half, im: math::sin(angle) };
    let [b1, b2, b3] = coefficients.b.map(f64::from);
    let [c0, c1, c2] = coefficients.c.map(f64::from);
    // (z − 1) s₁ = b₁ s₁ − b₂ s₂ + b₂ x,  (z − 1) s₂ = b₂ s₁ − b₃ s₂ + b₃ x, solved by Cramer's rule.
    let (p, q) = (Complex { re: z1.re - b1, ..z1 }, Complex { re: z1.re + b3, ..z1 });
    let product = p.times(q);
    let determinant = Complex { re: product.re + b2 * b2, ..product };
    let s1 = Complex { re: b2 * q.re - b2 * b3, im: b2 * q.im };
    let s2 = Complex { re: b3 * p.re + b2 * b2, im: b3 * p.im };
    let numerator = Complex { re: c1 * s1.re + c2 * s2.re, im: c1 * s1.im + c2 * s2.im };
    let inverse =
        Complex { re: determinant.re / determinant.norm(), im: -determinant.im / determinant.norm() };
    let h = numerator.times(inverse);
    Complex { re: c0 + h.re, im: h.im }
}

/// The level of a cascade at `frequency` Hz, in dB; −∞ at a zero. For tests and displays: control rate.
#[must_use]
pub fn response_db(
    sections: impl IntoIterator<Item = Coefficients>,
    frequency: f64,
    sample_rate: f64,
) -> f64 {
    let norm = sections.into_iter().map(|c| response(&c, frequency, sample_rate).norm()).product();
    10.0 * math::log10(norm)
}
