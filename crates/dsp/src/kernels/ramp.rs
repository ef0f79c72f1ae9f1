//! Gain, constant, ramped or per sample.

use super::Kernels;
use crate::simd::lanes::{Lanes, WIDTH};
use crate::simd::{dispatch, one_at_a_time};

/// A straight line between two values.
///
/// The value at frame `k` of the ramp is `from` for `k ≤ 0`, `to` for `k ≥ length`, and
/// `from + (to − from) · (k / length)` between, each operation rounded to `f32`. It is computed from `k` alone
/// and never accumulated, so that a ramp does not depend on how it is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Value at the start.
    pub from: f32,
    /// Value at the end.
    pub to: f32,
    /// Frame of the ramp (`k`) at the first sample of the buffer; may be negative.
    pub position: i64,
    /// Frames from `from` to `to`, at most [`Ramp::MAX_LENGTH`]; a length ≤ 0 is a step at `k = 0` (`to` for `k ≥ 0`).
    pub length: i64,
}

impl Ramp {
    /// The longest ramp, in frames (6 hours at 48 kHz); longer ones are treated as this length.
    pub const MAX_LENGTH: i64 = 1 << 30;

    /// The same ramp, `frames` later.
    #[must_use]
    pub const fn advanced(self, frames: i64) -> Self {
        Self { position: self.position.saturating_add(frames), ..self }
    }

    /// The value at `index` frames after the position.
    #[must_use]
    pub fn at(&self, index: i64) -> f32 {
        let length = self.clamped_length();
        let frame = self.frame(index, length);
        if length == 0 {
            return if frame >= 0 { self.to } else { self.from };
        }
        line(self.from, self.to, int_to_float(frame), int_to_float(length))
    }

    /// Whether the ramp has reached `to` at its position.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.position >= self.length
    }

    fn clamped_length(&self) -> i32 {
        clamp_to_int(self.length.max(0))
    }

    /// Frame of the ramp at `index`, cut to what matters: everything before the start and everything after the end is alike.
    fn frame(&self, index: i64, length: i32) -> i32 {
        clamp_to_int(self.position.saturating_add(index)).min(length)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to ±2³⁰")]
fn clamp_to_int(frames: i64) -> i32 {
    frames.clamp(-Ramp::MAX_LENGTH, Ramp::MAX_LENGTH) as i32
}

#[inline(always)]
fn int_to_float(frames: i32) -> f32 {
    frames as f32
}

#[inline(always)]
fn line(from: f32, to: f32, frame: f32, length: f32) -> f32 {
    let t = frame / length;
    if t >= 1.0 {
        to
    } else if t > 0.0 {
        from + (to - from) * t
    } else {
        from
    }
}

impl Kernels {
    /// `buf[i] ← buf[i] · gain`.
    pub fn gain(self, buf: &mut [f32], gain: f32) {
        dispatch!(self.level, gain, (buf: &mut [f32], gain: f32));
    }

    /// `dst[i] ← src[i] · gain`.
    pub fn copy_gain(self, dst: &mut [f32], src: &[f32], gain: f32) {
        dispatch!(self.level, copy_gain, (dst: &mut [f32], src: &[f32], gain: f32));
    }

    /// `buf[i] ← buf[i] · ramp.at(i)`.
    pub fn gain_ramp(self, buf: &mut [f32], ramp: Ramp) {
        dispatch!(self.level, gain_ramp, (buf: &mut [f32], ramp: Ramp));
    }

    /// `dst[i] ← ramp.at(i)`.
    pub fn fill_ramp(self, dst: &mut [f32], ramp: Ramp) {
        dispatch!(self.level, fill_ramp, (dst: &mut [f32], ramp: Ramp));
    }

    /// `buf[i] ← buf[i] · gains[i]`.
    pub fn mul(self, buf: &mut [f32], gains: &[f32]) {
        dispatch!(self.level, mul, (buf: &mut [f32], gains: &[f32]));
    }

    /// `buf[i] ← buf[i] + src[i]`.
    pub fn add(self, buf: &mut [f32], src: &[f32]) {
        dispatch!(self.level, add, (buf: &mut [f32], src: &[f32]));
    }

    /// `dst[i] ← src[i]`.
    pub fn copy(self, dst: &mut [f32], src: &[f32]) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = *s;
        }
    }
}

mod scalar {
    use super::{Ramp, one_at_a_time};

    pub fn gain(buf: &mut [f32], gain: f32) {
        for x in buf {
            *x = one_at_a_time(*x * gain);
        }
    }

    pub fn copy_gain(dst: &mut [f32], src: &[f32], gain: f32) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = one_at_a_time(*s * gain);
        }
    }

    pub fn gain_ramp(buf: &mut [f32], ramp: Ramp) {
        for (i, x) in (0..).zip(buf) {
            *x = one_at_a_time(*x * ramp.at(i));
        }
    }

    pub fn fill_ramp(dst: &mut [f32], ramp: Ramp) {
        for (i, x) in (0..).zip(dst) {
            *x = one_at_a_time(ramp.at(i));
        }
    }

    pub fn mul(buf: &mut [f32], gains: &[f32]) {
        for (x, g) in buf.iter_mut().zip(gains) {
            *x = one_at_a_time(*x * *g);
        }
    }

    pub fn add(buf: &mut [f32], src: &[f32]) {
        for (x, s) in buf.iter_mut().zip(src) {
            *x = one_at_a_time(*x + *s);
        }
    }
}

mod vector {
    use super::{Lanes, Ramp, WIDTH, int_to_float, line};

    #[inline(always)]
    pub fn gain<V: Lanes>(buf: &mut [f32], gain: f32) {
        let (chunks, rest) = buf.as_chunks_mut::<WIDTH>();
        let gains = V::splat(gain);
        for chunk in chunks {
            (V::load(chunk) * gains).store(chunk);
        }
        for x in rest {
            *x *= gain;
        }
    }

    #[inline(always)]
    pub fn copy_gain<V: Lanes>(dst: &mut [f32], src: &[f32], gain: f32) {
        map2::<V>(dst, src, |_, s| s * V::splat(gain), |_, s| s * gain);
    }

    #[inline(always)]
    pub fn mul<V: Lanes>(buf: &mut [f32], gains: &[f32]) {
        map2::<V>(buf, gains, |x, g| x * g, |x, g| x * g);
    }

    #[inline(always)]
    pub fn add<V: Lanes>(buf: &mut [f32], src: &[f32]) {
        map2::<V>(buf, src, |x, s| x + s, |x, s| x + s);
    }

    /// `a[i] ← f(a[i], b[i])`, with `f` given for eight lanes and for one.
    #[inline(always)]
    fn map2<V: Lanes>(a: &mut [f32], b: &[f32], lanes: impl Fn(V, V) -> V, one: impl Fn(f32, f32) -> f32) {
        let length = a.len().min(b.len());
        let (a, b) = (a.split_at_mut(length).0, b.split_at(length).0);
        let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks_mut::<WIDTH>(), b.as_chunks::<WIDTH>());
        for (x, y) in a_chunks.iter_mut().zip(b_chunks) {
            lanes(V::load(x), V::load(y)).store(x);
        }
        for (x, y) in a_rest.iter_mut().zip(b_rest) {
            *x = one(*x, *y);
        }
    }

    #[inline(always)]
    pub fn gain_ramp<V: Lanes>(buf: &mut [f32], ramp: Ramp) {
        along_ramp::<V>(buf, ramp, |x, g| x * g, |x, g| x * g);
    }

    #[inline(always)]
    pub fn fill_ramp<V: Lanes>(dst: &mut [f32], ramp: Ramp) {
        along_ramp::<V>(dst, ramp, |_, g| g, |_, g| g);
    }

    #[inline(always)]
    fn along_ramp<V: Lanes>(
        buf: &mut [f32],
        ramp: Ramp,
        lanes: impl Fn(V, V) -> V,
        one: impl Fn(f32, f32) -> f32,
    ) {
        const IOTA: [u32; WIDTH] = [0, 1, 2, 3, 4, 5, 6, 7];
        let length = ramp.clamped_length();
        if length == 0 || ramp.is_finished() {
            for (i, x) in (0..).zip(buf) {
                *x = one(*x, ramp.at(i));
            }
            return;
        }
        let iota = V::load(&IOTA.map(f32::from_bits));
        let (from, to, span) = (V::splat(ramp.from), V::splat(ramp.to), V::splat(ramp.to - ramp.from));
        let (lengths, zero, one_lanes) = (V::splat(int_to_float(length)), V::splat(0.0), V::splat(1.0));
        let (chunks, rest) = buf.as_chunks_mut::<WIDTH>();
        let mut index = 0;
        for chunk in chunks {
            // Not above 2³⁰ + 7, so the lanes cannot overflow.
            let first = ramp.frame(index, length);
            let t = V::splat_bits(first.cast_unsigned()).add_bits(iota).int_to_float() / lengths;
            let value = t.if_gt(zero, from + span * t, from);
            let value = one_lanes.if_gt(t, value, to);
            lanes(V::load(chunk), value).store(chunk);
            index += 8;
        }
        for (i, x) in (index..).zip(rest) {
            let value = line(ramp.from, ramp.to, int_to_float(ramp.frame(i, length)), int_to_float(length));
            *x = one(*x, value);
        }
    }
}
