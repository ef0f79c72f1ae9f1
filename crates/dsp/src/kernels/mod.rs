//! Operations on whole buffers, with the level of vector instructions chosen at run time.
//!
//! [`Kernels`] is made once (it checks the CPU) and copied to where it is needed. All methods are real-time safe: no
//! allocation, no lock, no panic, time proportional to the number of samples. Buffers may have any length and alignment; where several
//! buffers take part, the shortest length counts, unless the method says otherwise.
//!
//! Each method has three bodies: `scalar` (the reference, one sample at a time) and `vector` compiled for SSE2 and for
//! AVX2. They give the same bytes: elementwise kernels because each sample sees the same operations, sums because their
//! order is part of the definition.

mod layout;
mod levels;
mod mix;
mod ramp;

pub use levels::{PARTIAL_SUMS, PartialSums, fold_squares};
pub use mix::{Gain, MixInput};
pub use ramp::Ramp;

use crate::simd::Level;

/// The kernels of one level. A small `Copy` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// Never higher than what the CPU offers: [`Kernels::new`] is the only constructor.
    level: Level,
}

impl Kernels {
    /// The kernels of `level`, or of the highest available one below it. The bytes do not depend on the level.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level: level.min(Level::detect()) }
    }

    /// The fastest kernels that run here.
    #[must_use]
    pub fn detect() -> Self {
        Self { level: Level::detect() }
    }

    /// The level in use.
    #[must_use]
    pub const fn level(self) -> Level {
        self.level
    }
}

impl Default for Kernels {
    fn default() -> Self {
        Self::detect()
    }
}
