//! Pan laws, balance and stereo width.
//!
//! A pan position `p` runs from −1 (left) over 0 (centre) to +1 (right) and is clamped to that range; NaN counts as −1. Gains are computed in `f32` by
//! polynomials of a fixed order of operations, so that a constant position and a position per sample give the same bytes.
//! All functions are real-time safe.

use crate::kernels::Kernels;
use crate::math::to_f32;
use crate::simd::lanes::{Lanes, WIDTH};
use crate::simd::{dispatch, one_at_a_time};

/// How loud a source is in the centre, relative to the side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PanLaw {
    /// 0 dB in the centre: one side is turned down, the other stays. `left = min(1, 1 − p)`.
    #[default]
    Balance,
    /// −3 dB: constant power. `left = cos((1 + p)·π/4)`.
    Minus3,
    /// −4.5 dB: the geometric mean of −3 and −6 dB.
    Minus4p5,
    /// −6 dB: constant voltage. `left = (1 − p) / 2`.
    Minus6,
}

impl PanLaw {
    /// All laws, loudest centre first.
    pub const ALL: [Self; 4] = [Self::Balance, Self::Minus3, Self::Minus4p5, Self::Minus6];

    /// Gains `[left, right]` of a mono source at `position`. At ±1 one of them is exactly 1, the other exactly 0.
    #[must_use]
    pub fn mono(self, position: f32) -> [f32; 2] {
        gains(self, 1.0, position)
    }

    /// Gains `[left, right]` of the channels of a stereo source at `position`: the law, scaled to exactly 1 in the centre.
    #[must_use]
    pub fn stereo(self, position: f32) -> [f32; 2] {
        if position == 0.0 { [1.0; 2] } else { gains(self, self.scale(), position) }
    }

    /// What makes the gain in the centre 1.
    fn scale(self) -> f32 {
        let [centre, _] = gains(self, 1.0, 0.0);
        1.0 / centre
    }
}

impl Kernels {
    /// [`PanLaw::mono`] for a position per sample, into a gain per sample for each side.
    pub fn pan_mono(self, law: PanLaw, positions: &[f32], left: &mut [f32], right: &mut [f32]) {
        fill(self, law, 1.0, positions, left, right);
    }

    /// [`PanLaw::stereo`] for a position per sample, into a gain per sample for each side.
    pub fn pan_stereo(self, law: PanLaw, positions: &[f32], left: &mut [f32], right: &mut [f32]) {
        fill(self, law, law.scale(), positions, left, right);
        for ((position, l), r) in positions.iter().zip(left).zip(right) {
            if *position == 0.0 {
                (*l, *r) = (1.0, 1.0);
            }
        }
    }

    /// Changes the width of a stereo signal in place: mid = (L + R) / 2 stays, side = (L − R) / 2 is multiplied with `width`.
    ///
    /// 0 is mono, 1 leaves the signal as it is, 2 doubles the sides, −1 exchanges left and right.
    pub fn width(self, left: &mut [f32], right: &mut [f32], width: f32) {
        dispatch!(self.level(), width, (left: &mut [f32], right: &mut [f32], width: f32));
    }
}

fn fill(kernels: Kernels, law: PanLaw, scale: f32, positions: &[f32], left: &mut [f32], right: &mut [f32]) {
    dispatch!(
        kernels.level(),
        pan,
        (law: PanLaw, scale: f32, positions: &[f32], left: &mut [f32], right: &mut [f32])
    );
}

/// `[left, right]` of one position; [`vector::gains`] does the same in lanes.
fn gains(law: PanLaw, scale: f32, position: f32) -> [f32; 2] {
    let p = if position > -1.0 { position } else { -1.0 };
    let p = if p < 1.0 { p } else { 1.0 };
    let (to_left, to_right) = (1.0 - p, 1.0 + p);
    let half = |toward: f32| toward * 0.5;
    match law {
        PanLaw::Balance => [to_left, to_right].map(|x| if x < 1.0 { x } else { 1.0 }),
        PanLaw::Minus3 => quarter_wave(to_left, to_right).map(|x| x * scale),
        PanLaw::Minus4p5 => {
            let [left, right] = quarter_wave(to_left, to_right);
            [left * half(to_left), right * half(to_right)].map(|x| crate::math::sqrt_f32(x) * scale)
        }
        PanLaw::Minus6 => [half(to_left), half(to_right)].map(|x| x * scale),
    }
}

const QUARTER_PI: f32 = core::f32::consts::FRAC_PI_4;

/// Taylor series of sine (x, x³ … x⁹), for |x| ≤ π/4: error below 2·10⁻⁹.
const SINE: [f32; 5] =
    [1.0, to_f32(-1.0 / 6.0), to_f32(1.0 / 120.0), to_f32(-1.0 / 5_040.0), to_f32(1.0 / 362_880.0)];
/// Taylor series of cosine (1, x² … x⁸), for |x| ≤ π/4: error below 3·10⁻⁸.
const COSINE: [f32; 5] = [1.0, -0.5, to_f32(1.0 / 24.0), to_f32(-1.0 / 720.0), to_f32(1.0 / 40_320.0)];

/// cos and sin of (1 + p)·π/4, given 1 − p and 1 + p. The smaller of the two angles from a side is at most π/4.
fn quarter_wave(to_left: f32, to_right: f32) -> [f32; 2] {
    let from_side = if to_left < to_right { to_left } else { to_right };
    let x = from_side * QUARTER_PI;
    let t = x * x;
    let [s0, s1, s2, s3, s4] = SINE;
    let [c0, c1, c2, c3, c4] = COSINE;
    let sine = x * (s0 + t * (s1 + t * (s2 + t * (s3 + t * s4))));
    let cosine = c0 + t * (c1 + t * (c2 + t * (c3 + t * c4)));
    // In the centre both are the sine, so that the sides are exactly equal.
    [if to_left > to_right { cosine } else { sine }, if to_right > to_left { cosine } else { sine }]
}

mod scalar {
    use super::{PanLaw, one_at_a_time};

    pub fn pan(law: PanLaw, scale: f32, positions: &[f32], left: &mut [f32], right: &mut [f32]) {
        for ((p, l), r) in positions.iter().zip(left).zip(right) {
            [*l, *r] = super::gains(law, scale, one_at_a_time(*p));
        }
    }

    pub fn width(left: &mut [f32], right: &mut [f32], width: f32) {
        let (same, other) = (0.5 + 0.5 * width, 0.5 - 0.5 * width);
        for (l, r) in left.iter_mut().zip(right) {
            (*l, *r) = (one_at_a_time(*l * same + *r * other), one_at_a_time(*r * same + *l * other));
        }
    }
}

mod vector {
    use super::{COSINE, Lanes, PanLaw, QUARTER_PI, SINE, WIDTH};

    #[inline(always)]
    pub fn pan<V: Lanes>(law: PanLaw, scale: f32, positions: &[f32], left: &mut [f32], right: &mut [f32]) {
        let length = positions.len().min(left.len()).min(right.len());
        let whole = length - length % WIDTH;
        let (positions, rest) = positions.split_at(whole.min(positions.len()));
        let (left, left_rest) = left.split_at_mut(whole.min(left.len()));
        let (right, right_rest) = right.split_at_mut(whole.min(right.len()));
        let sides = left.as_chunks_mut().0.iter_mut().zip(right.as_chunks_mut().0);
        for (p, (l, r)) in positions.as_chunks().0.iter().zip(sides) {
            let [x, y] = gains(law, V::splat(scale), V::load(p));
            x.store(l);
            y.store(r);
        }
        super::scalar::pan(law, scale, rest, left_rest, right_rest);
    }

    #[inline(always)]
    fn gains<V: Lanes>(law: PanLaw, scale: V, position: V) -> [V; 2] {
        let (one, half) = (V::splat(1.0), V::splat(0.5));
        let p = position.max(V::splat(-1.0)).min(one);
        let (to_left, to_right) = (one - p, one + p);
        match law {
            PanLaw::Balance => [to_left.min(one), to_right.min(one)],
            PanLaw::Minus3 => {
                let [l, r] = quarter_wave(to_left, to_right);
                [l * scale, r * scale]
            }
            PanLaw::Minus4p5 => {
                let [l, r] = quarter_wave(to_left, to_right);
                [(l * (to_left * half)).sqrt() * scale, (r * (to_right * half)).sqrt() * scale]
            }
            PanLaw::Minus6 => [to_left * half * scale, to_right * half * scale],
        }
    }

    #[inline(always)]
    fn quarter_wave<V: Lanes>(to_left: V, to_right: V) -> [V; 2] {
        let x = to_left.min(to_right) * V::splat(QUARTER_PI);
        let t = x * x;
        let [s0, s1, s2, s3, s4] = SINE.map(V::splat);
        let [c0, c1, c2, c3, c4] = COSINE.map(V::splat);
        let sine = x * (s0 + t * (s1 + t * (s2 + t * (s3 + t * s4))));
        let cosine = c0 + t * (c1 + t * (c2 + t * (c3 + t * c4)));
        [to_left.if_gt(to_right, cosine, sine), to_right.if_gt(to_left, cosine, sine)]
    }

    #[inline(always)]
    pub fn width<V: Lanes>(left: &mut [f32], right: &mut [f32], width: f32) {
        let length = left.len().min(right.len());
        let (left, left_rest) = left.split_at_mut(length - length % WIDTH);
        let (right, right_rest) = right.split_at_mut(left.len());
        let (same, other) = (V::splat(0.5 + 0.5 * width), V::splat(0.5 - 0.5 * width));
        for (l, r) in left.as_chunks_mut().0.iter_mut().zip(right.as_chunks_mut().0) {
            let (x, y) = (V::load(l), V::load(r));
            (x * same + y * other).store(l);
            (y * same + x * other).store(r);
        }
        super::scalar::width(left_rest, right_rest, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    #[test]
    fn laws_have_their_level_in_the_centre_and_are_exact_at_the_sides() {
        for (law, db) in PanLaw::ALL.into_iter().zip([0.0, -3.0103, -4.515_45, -6.0206]) {
            let [left, right] = law.mono(0.0);
            assert_eq!(left, right);
            assert!((math::gain_to_db(f64::from(left)) - db).abs() < 1e-4, "{law:?}: {left}");
            assert_eq!(law.mono(-1.0), [1.0, 0.0]);
            assert_eq!(law.mono(1.0), [0.0, 1.0]);
            assert_eq!(law.mono(-7.0), [1.0, 0.0]);
            assert_eq!(law.mono(f32::INFINITY), [0.0, 1.0]);
            assert_eq!(law.mono(f32::NAN), [1.0, 0.0]);
            assert_eq!(law.stereo(0.0), [1.0; 2]);
            assert_eq!(law.stereo(-0.0), [1.0; 2]);
        }
    }

    #[test]
    fn laws_follow_their_formulas_and_are_symmetric() {
        for step in -1000..=1000_i16 {
            let p = f64::from(step) / 1000.0;
            let angle = (1.0 + p) * core::f64::consts::FRAC_PI_4;
            let (power, voltage) = ([math::cos(angle), math::sin(angle)], [(1.0 - p) / 2.0, (1.0 + p) / 2.0]);
            let between = [0, 1].map(|side| math::sqrt((power[side] * voltage[side]).max(0.0)));
            let balance = [(1.0 - p).min(1.0), (1.0 + p).min(1.0)];
            for (law, exact) in PanLaw::ALL.into_iter().zip([balance, power, between, voltage]) {
                let [left, right] = law.mono(math::to_f32(p));
                let error = (f64::from(left) - exact[0]).abs().max((f64::from(right) - exact[1]).abs());
                assert!(error < 3e-7, "{law:?} at {p}: {error:e}");
                assert_eq!(law.mono(math::to_f32(-p)), [right, left]);
            }
        }
    }

    #[test]
    fn width_one_is_identity_and_zero_is_mono() {
        let (l, r) = ([0.5, -0.25, 1e-30], [0.1, 0.2, -0.3]);
        let run = |width: f32| {
            let (mut a, mut b) = (l, r);
            Kernels::detect().width(&mut a, &mut b, width);
            (a, b)
        };
        assert_eq!(run(1.0), (l, r));
        assert_eq!(run(-1.0), (r, l));
        let (a, b) = run(0.0);
        assert_eq!(a, b);
        assert_eq!(a[0], 0.3);
        let (a, b) = run(2.0);
        assert!((a[0] - b[0] - 0.8).abs() < 1e-6 && (a[0] + b[0] - 0.6).abs() < 1e-6);
    }
}
