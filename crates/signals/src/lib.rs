//! Test signals and comparison, without dependencies.
//!
//! For tests and benches only: it uses the floating-point functions of `std`, whose last bits may differ between
//! machines. Nothing here may feed a path that ends in audio. Frequencies are in Hz, rates in frames per second,
//! levels in linear amplitude unless a name ends in `_db`. Signals are mono, full scale being ±1.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test signals are rounded from f64 to f32, and their indexes are small"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the functions of std are good enough to make and measure test signals; see the note on last bits above"
)]

mod compare;
mod generate;
mod spectrum;

pub use compare::{
    clicks, db, first_difference, from_db, max_abs_diff, max_step, null_depth_db, peak, rms, same_bits,
};
pub use generate::{
    counter, dc, impulse, multitone, noise, noise_at, pink, scaled, sine, square, step, sweep,
};
pub use spectrum::{SineFit, delay_of, dft, fit_sine, gain_db_at, goertzel, thd, thd_plus_noise};
