//! Levels in decibels as parameters have them.

use omega_dsp::kernels::Kernels;
use omega_dsp::math::fast;

/// The lowest level that a parameter can have, in dB: it, and what is below, stands for −∞.
pub const SILENCE_DB: f32 = -144.0;

/// log₂(10) / 20: octaves of amplitude in a decibel.
const OCTAVES_PER_DB: f32 = 0.166_096_4;

/// The amplitude factor of a level: exactly 0 up to [`SILENCE_DB`] (and for NaN), exactly 1 for 0 dB; relative error below 2·10⁻⁶.
pub fn amplitude(db: f32) -> f32 {
    if db > SILENCE_DB { fast::exp2(db * OCTAVES_PER_DB) } else { 0.0 }
}

/// [`amplitude`] for each frame: `out[i] ← amplitude(db[i])`, with the same bytes.
pub fn amplitudes(kernels: Kernels, db: &[f32], out: &mut [f32]) {
    for (out, db) in out.iter_mut().zip(db) {
        *out = *db * OCTAVES_PER_DB;
    }
    kernels.exp2(out);
    for (out, db) in out.iter_mut().zip(db) {
        *out = if *db > SILENCE_DB { *out } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use omega_dsp::math;
    use omega_dsp::simd::Level;

    #[test]
    fn amplitudes_are_accurate_and_exact_where_it_matters() {
        let mut worst = 0.0f64;
        for step in -143_999..=48_000i32 {
            let db = step as f32 / 1000.0;
            let exact = math::db_to_gain(f64::from(db));
            worst = worst.max((f64::from(amplitude(db)) - exact).abs() / exact);
        }
        assert!(worst < 2e-6, "{worst:e}");
        assert_eq!(amplitude(0.0), 1.0);
        assert_eq!([-144.0, -1e30, f32::NEG_INFINITY, f32::NAN].map(amplitude), [0.0; 4]);
    }

    #[test]
    fn a_level_per_frame_gives_the_same_bytes() {
        let db: [f32; 1000] = core::array::from_fn(|i| i as f32 * 0.217 - 180.0);
        for level in Level::ALL {
            let mut out = [9.0; 1000];
            amplitudes(Kernels::new(level), &db, &mut out);
            assert!(out.iter().zip(&db).all(|(out, db)| out.to_bits() == amplitude(*db).to_bits()));
        }
    }
}
