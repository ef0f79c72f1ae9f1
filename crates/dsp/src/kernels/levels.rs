//! Looking at a buffer: peak, sum of squares, silence, NaN and infinity.

use super::Kernels;
use crate::simd::lanes::{Lanes, WIDTH, Wide};
use crate::simd::{dispatch, one_at_a_time};

/// All bits but the sign.
const MAGNITUDE: u32 = 0x7fff_ffff;

/// Number of partial sums of [`Kernels::add_squares`]: enough to hide the latency of an addition.
pub const PARTIAL_SUMS: usize = 16;

/// Sums of squares, one for each residue of the frame modulo [`PARTIAL_SUMS`]; their total is [`fold_squares`].
pub type PartialSums = [f64; PARTIAL_SUMS];

impl Kernels {
    /// The largest magnitude in the buffer; +0 for an empty one. NaN samples are passed over.
    #[must_use]
    pub fn peak(self, buf: &[f32]) -> f32 {
        dispatch!(self.level, peak, (buf: &[f32]) -> f32)
    }

    /// Adds the squares of the samples to partial sums: the square of `buf[i]` goes to `sums[(phase + i) % 16]`, in the order of
    /// `i`. With `phase` = the absolute frame of `buf[0]` the sums do not depend on how a signal is cut into blocks.
    pub fn add_squares(self, sums: &mut PartialSums, buf: &[f32], phase: u64) {
        dispatch!(self.level, add_squares,
            (sums: &mut PartialSums, buf: &[f32], phase: u64)
        );
    }

    /// The peak and the sum of squares in one call; the order of the sum is that of [`Kernels::add_squares`] with phase 0,
    /// folded by [`fold_squares`].
    #[must_use]
    pub fn peak_and_sum_squares(self, buf: &[f32]) -> (f32, f64) {
        let mut totals = [0.0; PARTIAL_SUMS];
        let sums = &mut totals;
        let peak = dispatch!(self.level, peak_and_squares, (sums: &mut PartialSums, buf: &[f32]) -> f32);
        (peak, fold_squares(&totals))
    }

    /// Whether all samples are +0 or −0; true for an empty buffer.
    #[must_use]
    pub fn is_silent(self, buf: &[f32]) -> bool {
        dispatch!(self.level, is_silent, (buf: &[f32]) -> bool)
    }

    /// Whether no sample is NaN or infinite; true for an empty buffer.
    #[must_use]
    pub fn is_finite(self, buf: &[f32]) -> bool {
        self.is_within(buf, f32::MAX)
    }

    /// Whether the magnitude of each sample is at most `limit` (finite, 0 or more), and so none is NaN; true for an empty
    /// buffer.
    #[must_use]
    pub fn is_within(self, buf: &[f32], limit: f32) -> bool {
        dispatch!(self.level, is_within, (buf: &[f32], limit: f32) -> bool)
    }
}

/// The sum of the partial sums of [`Kernels::add_squares`], in a fixed order (a balanced tree).
#[must_use]
pub fn fold_squares(sums: &PartialSums) -> f64 {
    let quarter = |s: &[f64; 4]| (s[0] + s[1]) + (s[2] + s[3]);
    match sums.as_chunks::<4>().0 {
        [a, b, c, d] => (quarter(a) + quarter(b)) + (quarter(c) + quarter(d)),
        _ => 0.0,
    }
}

/// The partial sum of an absolute frame.
fn lane(frame: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "less than 16")]
    {
        (frame % PARTIAL_SUMS as u64) as usize
    }
}

mod scalar {
    use super::{MAGNITUDE, PartialSums, lane, one_at_a_time};

    pub fn peak(buf: &[f32]) -> f32 {
        let mut peak = 0.0;
        for x in buf {
            let magnitude = one_at_a_time(x.abs());
            if magnitude > peak {
                peak = magnitude;
            }
        }
        peak
    }

    pub fn add_squares(sums: &mut PartialSums, buf: &[f32], phase: u64) {
        for (i, x) in (0..).zip(buf) {
            let x = f64::from(one_at_a_time(*x));
            if let Some(sum) = sums.get_mut(lane(phase.wrapping_add(i))) {
                *sum += x * x;
            }
        }
    }

    pub fn peak_and_squares(sums: &mut PartialSums, buf: &[f32]) -> f32 {
        add_squares(sums, buf, 0);
        peak(buf)
    }

    pub fn is_silent(buf: &[f32]) -> bool {
        buf.iter().all(|x| x.to_bits() & MAGNITUDE == 0)
    }

    pub fn is_within(buf: &[f32], limit: f32) -> bool {
        buf.iter().all(|x| x.abs() <= limit)
    }
}

mod vector {
    use super::{Lanes, MAGNITUDE, PARTIAL_SUMS, PartialSums, WIDTH, Wide, lane};

    /// The larger one; `b` where `a` is NaN.
    #[inline(always)]
    fn larger(a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }

    /// The largest of all lanes, none of which is NaN: by halves, so that no comparison waits for all before it.
    #[inline(always)]
    fn largest<V: Lanes>(lanes: V) -> f32 {
        let mut values = [0.0; WIDTH];
        lanes.store(&mut values);
        let [a, b, c, d, e, f, g, h] = values;
        larger(larger(larger(a, e), larger(c, g)), larger(larger(b, f), larger(d, h)))
    }

    #[inline(always)]
    pub fn peak<V: Lanes>(buf: &[f32]) -> f32 {
        let (pairs, rest) = buf.as_chunks::<{ 2 * WIDTH }>();
        let mut peaks = [V::splat(0.0); 2];
        for pair in pairs {
            for (peak, chunk) in peaks.iter_mut().zip(pair.as_chunks().0) {
                // The new sample first: a NaN leaves the peak alone.
                *peak = V::load(chunk).abs().max(*peak);
            }
        }
        rest.iter().fold(largest(peaks[0].max(peaks[1])), |peak, x| larger(x.abs(), peak))
    }

    #[inline(always)]
    pub fn add_squares<V: Lanes>(sums: &mut PartialSums, buf: &[f32], phase: u64) {
        // Up to the next frame of lane 0 one by one, then whole vectors.
        let (head, body) = buf.split_at((PARTIAL_SUMS - lane(phase)).min(buf.len()) % PARTIAL_SUMS);
        super::scalar::add_squares(sums, head, phase);
        if lane(phase.wrapping_add(head.len() as u64)) != 0 {
            return super::scalar::add_squares(sums, body, phase.wrapping_add(head.len() as u64));
        }
        let (pairs, rest) = body.as_chunks::<PARTIAL_SUMS>();
        if let [low, high] = sums.as_chunks_mut::<WIDTH>().0 {
            let (mut low_sums, mut high_sums) = (V::Wide::load(low), V::Wide::load(high));
            for pair in pairs {
                if let [x, y] = pair.as_chunks::<WIDTH>().0 {
                    let (x, y) = (V::load(x).widen(), V::load(y).widen());
                    low_sums = low_sums + x * x;
                    high_sums = high_sums + y * y;
                }
            }
            low_sums.store(low);
            high_sums.store(high);
        }
        super::scalar::add_squares(sums, rest, 0);
    }

    /// Both in one pass: a meter is on every track.
    #[inline(always)]
    pub fn peak_and_squares<V: Lanes>(sums: &mut PartialSums, buf: &[f32]) -> f32 {
        let (pairs, rest) = buf.as_chunks::<PARTIAL_SUMS>();
        let mut peaks = [V::splat(0.0); 2];
        if let [low, high] = sums.as_chunks_mut::<WIDTH>().0 {
            let (mut low_sums, mut high_sums) = (V::Wide::load(low), V::Wide::load(high));
            for pair in pairs {
                if let [x, y] = pair.as_chunks::<WIDTH>().0 {
                    let (x, y) = (V::load(x), V::load(y));
                    // The new sample first: a NaN leaves the peak alone.
                    peaks = [x.abs().max(peaks[0]), y.abs().max(peaks[1])];
                    let (x, y) = (x.widen(), y.widen());
                    low_sums = low_sums + x * x;
                    high_sums = high_sums + y * y;
                }
            }
            low_sums.store(low);
            high_sums.store(high);
        }
        super::scalar::add_squares(sums, rest, 0);
        rest.iter().fold(largest(peaks[0].max(peaks[1])), |peak, x| larger(x.abs(), peak))
    }

    #[inline(always)]
    pub fn is_silent<V: Lanes>(buf: &[f32]) -> bool {
        // A strip at a time, so that a loud buffer is left soon.
        let (strips, rest) = buf.as_chunks::<{ 8 * WIDTH }>();
        for strip in strips {
            let any =
                strip.as_chunks().0.iter().fold(V::splat(0.0), |any, chunk| any.or_bits(V::load(chunk)));
            let mut lanes = [0.0; WIDTH];
            any.store(&mut lanes);
            if lanes.iter().fold(0, |any, x| any | x.to_bits()) & MAGNITUDE != 0 {
                return false;
            }
        }
        super::scalar::is_silent(rest)
    }

    #[inline(always)]
    pub fn is_within<V: Lanes>(buf: &[f32], limit: f32) -> bool {
        // Magnitudes order like integers, with infinity and NaN at the end: what lies above the limit reaches the sign bit.
        let to_sign = V::splat_bits(MAGNITUDE - (limit.to_bits() & MAGNITUDE));
        let (pairs, rest) = buf.as_chunks::<{ 2 * WIDTH }>();
        let mut any = [V::splat(0.0); 2];
        // To the end: a sample above the limit is rare, and an end to each strip costs more than it saves.
        for pair in pairs {
            for (any, chunk) in any.iter_mut().zip(pair.as_chunks().0) {
                let magnitude = V::load(chunk).and_bits(V::splat_bits(MAGNITUDE));
                *any = any.or_bits(magnitude.add_bits(to_sign));
            }
        }
        let mut lanes = [0.0; WIDTH];
        any[0].or_bits(any[1]).store(&mut lanes);
        let above = lanes.iter().fold(0, |any, x| any | x.to_bits()) & !MAGNITUDE != 0;
        !above && super::scalar::is_within(rest, limit)
    }
}
