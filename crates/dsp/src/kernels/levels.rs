//! Looking at a buffer: peak, sum of squares, silence, NaN and infinity.

use super::Kernels;
use crate::simd::lanes::{Lanes, WIDTH, Wide};
use crate::simd::{dispatch, one_at_a_time};

/// All bits but the sign.
const MAGNITUDE: u32 = 0x7fff_ffff;

/// Number of partial sums of [`Kernels::add_squares`]: enough to hide the latency of an addition.
pub const PARTIAL_SUMS: usize = 16;

/// Samples whose squares are added in single precision: eight to a partial sum.
const STRIP: usize = 256;

/// Number of single-precision partial sums in a strip: four vectors hide the latency of an addition.
const STRIP_SUMS: usize = 32;

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

    /// The peak and the sum of squares, in one pass: what a meter on every track needs, in half the time of exact sums.
    ///
    /// Squares are added in single precision within strips of 256 samples, and strips in double precision: the sum is within
    /// 10⁻⁶ of the exact one (4·10⁻⁶ dB). Magnitudes below 10⁻¹⁹ may count as nothing and those above 10¹⁹ give infinity;
    /// NaN in any sample gives NaN.
    #[must_use]
    pub fn peak_and_sum_squares(self, buf: &[f32]) -> (f32, f64) {
        dispatch!(self.level, peak_and_squares, (buf: &[f32]) -> (f32, f64))
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

/// The sum of a strip's partial sums, in a fixed order: by halves.
fn fold_strip(sums: &[f32; STRIP_SUMS]) -> f64 {
    let mut sums = *sums;
    let mut count = STRIP_SUMS;
    while count > 1 {
        count /= 2;
        let (low, high) = sums.split_at_mut(count);
        low.iter_mut().zip(high).for_each(|(a, b)| *a += *b);
    }
    let [sum, ..] = sums;
    f64::from(sum)
}

/// The partial sum of an absolute frame.
fn lane(frame: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "less than 16")]
    {
        (frame % PARTIAL_SUMS as u64) as usize
    }
}

mod scalar {
    use super::{MAGNITUDE, PartialSums, STRIP, STRIP_SUMS, fold_strip, lane, one_at_a_time};

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

    pub fn peak_and_squares(buf: &[f32]) -> (f32, f64) {
        let mut total = 0.0;
        for strip in buf.chunks(STRIP) {
            let mut sums = [0.0; STRIP_SUMS];
            for samples in strip.chunks(STRIP_SUMS) {
                sums.iter_mut().zip(samples).for_each(|(sum, x)| *sum += one_at_a_time(*x) * *x);
            }
            total += fold_strip(&sums);
        }
        (peak(buf), total)
    }

    pub fn is_silent(buf: &[f32]) -> bool {
        buf.iter().all(|x| x.to_bits() & MAGNITUDE == 0)
    }

    pub fn is_within(buf: &[f32], limit: f32) -> bool {
        buf.iter().all(|x| x.abs() <= limit)
    }
}

mod vector {
    use super::{
        Lanes, MAGNITUDE, PARTIAL_SUMS, PartialSums, STRIP, STRIP_SUMS, WIDTH, Wide, fold_strip, lane,
    };

    /// Vectors that hold the partial sums of a strip.
    const VECTORS: usize = STRIP_SUMS / WIDTH;

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
    pub fn peak_and_squares<V: Lanes>(buf: &[f32]) -> (f32, f64) {
        let (mut peak, mut total) = (0.0, 0.0);
        for strip in buf.chunks(STRIP) {
            let (groups, rest) = strip.as_chunks::<STRIP_SUMS>();
            let (mut peaks, mut sums) = ([V::splat(0.0); VECTORS], [V::splat(0.0); VECTORS]);
            for group in groups {
                let places = peaks.iter_mut().zip(&mut sums);
                for ((peak, sum), chunk) in places.zip(group.as_chunks::<WIDTH>().0) {
                    let x = V::load(chunk);
                    // The new sample first: a NaN leaves the peak alone.
                    *peak = x.abs().max(*peak);
                    *sum = *sum + x * x;
                }
            }
            let [a, b, c, d] = peaks;
            peak = larger(largest(a.max(b).max(c.max(d))), peak);
            let mut partial = [0.0; STRIP_SUMS];
            partial.as_chunks_mut().0.iter_mut().zip(sums).for_each(|(place, sum)| sum.store(place));
            for (sum, x) in partial.iter_mut().zip(rest) {
                *sum += x * x;
                peak = larger(x.abs(), peak);
            }
            total += fold_strip(&partial);
        }
        (peak, total)
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
