//! Random input for tests, from a counter.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests allocate, and their numbers are small"
)]

use omega_dsp::dither::Noise;
use omega_dsp::kernels::Kernels;
use omega_dsp::simd::Level;

/// The levels that this machine can compare with the scalar reference.
pub fn vector_levels() -> Vec<Kernels> {
    let levels: Vec<_> = [Level::Sse2, Level::Avx2].into_iter().filter(|level| level.available()).collect();
    if levels.len() < 2 {
        println!("NOTE: only {levels:?} can be compared with the scalar reference on this CPU");
    }
    levels.into_iter().map(Kernels::new).collect()
}

pub fn scalar() -> Kernels {
    Kernels::new(Level::Scalar)
}

/// Signal-like samples in [−1, 1).
pub fn signal(length: usize, seed: u64) -> Vec<f32> {
    (0..length as i64).map(|i| Noise::new(seed, 0).uniform(i)).collect()
}

/// Nasty finite samples: zeros of both signs, subnormals, and magnitudes from 1e-38 to 1e18.
pub fn nasty(length: usize, seed: u64) -> Vec<f32> {
    let (kind, value) = (Noise::new(seed, 1), Noise::new(seed, 2));
    (0..length as i64)
        .map(|i| {
            let u = value.uniform(i);
            match kind.bits(i) % 8 {
                0 => 0.0,
                1 => -0.0,
                2 => u * 1e-38,
                3 => f32::from_bits((value.bits(i) & 0x807f_ffff) as u32),
                4 => u * 1e18,
                5 => u.signum(),
                _ => u,
            }
        })
        .collect()
}

pub fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// Panics with the first differing sample.
#[track_caller]
pub fn assert_same(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: length");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert_eq!(x.to_bits(), y.to_bits(), "{what}: sample {i}: {x:e} against {y:e}");
    }
}
