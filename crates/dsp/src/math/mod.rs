//! Deterministic elementary functions.
//!
//! The standard library's `sin`, `exp`, `powf` … call the platform's maths library, whose bytes change with the CPU (glibc selects
//! fused multiply-add at run time). These call the pure-Rust `libm`, which is compiled once, from additions and multiplications;
//! what it selects at run time (`sqrt`, `fma`) is correctly rounded either way. `tests/golden.rs` holds recorded bit patterns.
//!
//! The scalar functions are real-time safe (no allocation, bounded time: 10–100 ns), meant for control rate. [`fast`] has
//! approximations for gain computers, eight lanes at a time.

pub mod fast;

/// Sine of `x` radians.
#[must_use]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of `x` radians.
#[must_use]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Tangent of `x` radians.
#[must_use]
pub fn tan(x: f64) -> f64 {
    libm::tan(x)
}

/// Arc tangent of `y / x` in the right quadrant, radians in [−π, π].
#[must_use]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// Arc sine, radians in [−π/2, π/2]; NaN outside [−1, 1].
#[must_use]
pub fn asin(x: f64) -> f64 {
    libm::asin(x)
}

/// Hyperbolic sine.
#[must_use]
pub fn sinh(x: f64) -> f64 {
    libm::sinh(x)
}

/// Inverse hyperbolic sine.
#[must_use]
pub fn asinh(x: f64) -> f64 {
    libm::asinh(x)
}

/// Hyperbolic tangent.
#[must_use]
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// eˣ.
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// 2ˣ.
#[must_use]
pub fn exp2(x: f64) -> f64 {
    libm::exp2(x)
}

/// Natural logarithm; −∞ for 0, NaN below.
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Binary logarithm; −∞ for 0, NaN below.
#[must_use]
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Decimal logarithm; −∞ for 0, NaN below.
#[must_use]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// `base` to the power of `exponent`.
#[must_use]
pub fn powf(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Square root, correctly rounded; NaN below 0.
#[must_use]
pub fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

/// √(x² + y²) without overflow on the way.
#[must_use]
pub fn hypot(x: f64, y: f64) -> f64 {
    libm::hypot(x, y)
}

/// The largest integer not above `x`.
#[must_use]
pub fn floor(x: f64) -> f64 {
    libm::floor(x)
}

/// The smallest integer not below `x`.
#[must_use]
pub fn ceil(x: f64) -> f64 {
    libm::ceil(x)
}

/// The nearest integer, halves away from zero.
#[must_use]
pub fn round(x: f64) -> f64 {
    libm::round(x)
}

/// The amplitude factor of a level: 10^(dB / 20). Exactly 1 for 0 dB, +0 for −∞.
#[must_use]
pub fn db_to_gain(db: f64) -> f64 {
    libm::pow(10.0, db / 20.0)
}

/// The level of an amplitude factor: 20 · log₁₀ |gain|, in dB. Exactly 0 for 1, −∞ for 0.
#[must_use]
pub fn gain_to_db(gain: f64) -> f64 {
    20.0 * libm::log10(gain.abs())
}

/// Sine of `x` radians, single precision.
#[must_use]
pub fn sin_f32(x: f32) -> f32 {
    libm::sinf(x)
}

/// Cosine of `x` radians, single precision.
#[must_use]
pub fn cos_f32(x: f32) -> f32 {
    libm::cosf(x)
}

/// eˣ, single precision.
#[must_use]
pub fn exp_f32(x: f32) -> f32 {
    libm::expf(x)
}

/// Natural logarithm, single precision.
#[must_use]
pub fn ln_f32(x: f32) -> f32 {
    libm::logf(x)
}

/// `base` to the power of `exponent`, single precision.
#[must_use]
pub fn powf_f32(base: f32, exponent: f32) -> f32 {
    libm::powf(base, exponent)
}

/// Hyperbolic tangent, single precision.
#[must_use]
pub fn tanh_f32(x: f32) -> f32 {
    libm::tanhf(x)
}

/// Square root, single precision, correctly rounded; NaN below 0.
#[must_use]
pub fn sqrt_f32(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// The `f32` nearest to a control value computed in double precision.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what is wanted")]
pub const fn to_f32(x: f64) -> f32 {
    x as f32
}
