//! The eight-lane vector: one trait, and an implementation for each set of instructions.
//!
//! **Invariant.** Values of a type are made only in code that was entered through `dispatch!` (see `kernels`), which checks
//! the level once, when [`crate::kernels::Kernels`] is made. The methods are `#[inline(always)]`, so that they
//! are compiled with the instruction set of the kernel that they are inlined into.
#![allow(unsafe_code, reason = "vector intrinsics; each is valid by the invariant above")]

use core::ops::{Add, Div, Mul, Sub};

/// Number of lanes of every vector, at every level.
pub const WIDTH: usize = 8;

/// Eight `f32` lanes. All operations are per lane and IEEE-754 exact (round to nearest, even).
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Eight `f64` lanes.
    type Wide: Wide<Narrow = Self>;

    /// The same value in all lanes.
    fn splat(value: f32) -> Self;
    /// Lane `i` is `array[i]`.
    fn load(array: &[f32; WIDTH]) -> Self;
    /// The inverse of [`Lanes::load`].
    fn store(self, array: &mut [f32; WIDTH]);
    /// `self > other ? self : other` (so `other` where either is NaN or both are zero).
    fn max(self, other: Self) -> Self;
    /// `self < other ? self : other` (so `other` where either is NaN or both are zero).
    fn min(self, other: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Clears the sign bits.
    fn abs(self) -> Self;
    /// `self > other ? yes : no`.
    fn if_gt(self, other: Self, yes: Self, no: Self) -> Self;
    /// Bitwise or.
    fn or_bits(self, other: Self) -> Self;
    /// Bitwise and.
    fn and_bits(self, other: Self) -> Self;
    /// Sum of the bit patterns as wrapping integers.
    fn add_bits(self, other: Self) -> Self;
    /// Difference of the bit patterns as wrapping integers.
    fn sub_bits(self, other: Self) -> Self;
    /// The bit patterns shifted left by 23, the place of the exponent.
    fn shift_into_exponent(self) -> Self;
    /// The bit patterns, as signed integers, shifted right by 23.
    fn shift_from_exponent(self) -> Self;
    /// The bit patterns, as signed integers, converted to numbers.
    fn int_to_float(self) -> Self;
    /// The same bit pattern in all lanes.
    #[inline(always)]
    fn splat_bits(bits: u32) -> Self {
        Self::splat(f32::from_bits(bits))
    }
    /// Each lane as `f64`.
    fn widen(self) -> Self::Wide;
    /// Rows become columns: lane `j` of row `i` goes to lane `i` of row `j`.
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH];
    /// Lane `i` takes lane `i − 1`, lane 0 takes lane 7.
    fn shift_up(self) -> Self;
    /// Lanes 0–3 are `low`, lanes 4–7 are `high`.
    fn halves(low: f32, high: f32) -> Self;
    /// Lane 7.
    fn last(self) -> f32;
    /// Lane 3.
    fn middle(self) -> f32;
}

/// Eight `f64` lanes.
pub trait Wide: Copy + Add<Output = Self> + Mul<Output = Self> {
    /// Eight `f32` lanes.
    type Narrow;
    /// The same value in all lanes.
    fn splat(value: f64) -> Self;
    /// Lane `i` is `array[i]`.
    fn load(array: &[f64; WIDTH]) -> Self;
    /// The inverse of [`Wide::load`].
    fn store(self, array: &mut [f64; WIDTH]);
    /// Each lane rounded to `f32`.
    fn narrow(self) -> Self::Narrow;
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Sse2};

#[cfg(target_arch = "x86_64")]
mod x86;
