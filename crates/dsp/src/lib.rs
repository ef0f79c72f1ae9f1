//! SIMD kernels, filters, envelopes, metering and deterministic maths, each with a scalar reference.
//!
//! # The promise of this crate
//! Every function gives the same bytes on every supported CPU and at every [`simd::Level`]: there is no fused
//! multiply-add, no sum whose order depends on the vector width, and no function of the platform's maths library.
//! The scalar form of a kernel is written independently, one sample at a time; it is the oracle that the vector forms are
//! compared with, bit for bit.
//!
//! What is excluded: the payload bits of NaN (all functions accept NaN and infinity without panicking, and
//! [`kernels::Kernels::is_finite`] finds them), and the floating-point environment: a thread that renders
//! sets flush-to-zero and denormals-are-zero, and all threads of one render must agree on it.
//!
//! # Map
//! - [`simd`]: which instruction sets there are, and the eight-lane vector type.
//! - [`kernels`]: operations on whole buffers (gain, mix, interleave, peak …), dispatched at run time.
//! - [`math`]: elementary functions for control-rate work, and fast eight-lane approximations.
//! - [`dynamics`]: level detection and gain computer of compressors, nodes side by side.
//! - [`filter`]: second-order sections, designed, and cascaded across lanes.
//! - [`pan`], [`delay`], [`meter`]: what a mixer is made of.
//! - [`resample`]: the value of a signal between its frames, for rates that differ or drift.
//! - [`dither`]: counter-based random numbers and TPDF dither.
//!
//! The crate is `no_std` without `alloc`: everything here may run on the audio thread, unless its documentation says that it is
//! meant for control rate.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod delay;
pub mod dither;
pub mod dynamics;
pub mod filter;
pub mod kernels;
pub mod math;
pub mod meter;
pub mod pan;
pub mod resample;
pub mod simd;
