//! Curves that fades and pan laws share: functions of one `f32`, with the same bytes on every CPU.

use omega_dsp::math::fast;

/// sin(πx/2) for x in 0..=1, clamped outside; absolute error below 2·10⁻⁷.
///
/// Taylor's series up to the eleventh power; its remainder at x = 1 is (π/2)¹³/13! ≈ 6·10⁻⁸.
pub fn quarter_sine(x: f32) -> f32 {
    const SERIES: [f32; 6] =
        [1.570_796_4, -0.645_964_1, 0.079_692_63, -0.004_681_754, 0.000_160_441_2, -3.598_843_3e-6];
    let [a, b, c, d, e, f] = SERIES;
    let square = x * x;
    let sine = x * (a + square * (b + square * (c + square * (d + square * (e + square * f)))));
    clamped(x, sine)
}

/// 3x² − 2x³ for x in 0..=1, clamped outside: begins and ends level.
pub fn smooth_step(x: f32) -> f32 {
    clamped(x, x * x * (3.0 - 2.0 * x))
}

/// (1000ˣ − 1) / 999 for x in 0..=1, clamped outside: nearly even steps of level over 60 dB.
pub fn exponential(x: f32) -> f32 {
    const OCTAVES: f32 = 9.965_784;
    clamped(x, (fast::exp2(x * OCTAVES) - 1.0) / 999.0)
}

/// 1 − [`exponential`]`(1 − x)` for x in 0..=1, clamped outside: rises fast.
pub fn inverted_exponential(x: f32) -> f32 {
    clamped(x, 1.0 - exponential(1.0 - x))
}

/// 0 where `x` is not above 0, 1 where it is not below 1, else `value`.
fn clamped(x: f32, value: f32) -> f32 {
    if x >= 1.0 {
        1.0
    } else if x > 0.0 {
        value
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use omega_dsp::math;

    fn worst(curve: fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let steps = 100_000;
        (0..=steps)
            .map(|step| {
                let x = step as f32 / steps as f32;
                (f64::from(curve(x)) - exact(f64::from(x))).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn curves_are_accurate() {
        let sine = worst(quarter_sine, |x| math::sin(x * core::f64::consts::FRAC_PI_2));
        assert!(sine < 2e-7, "{sine:e}");
        let step = worst(smooth_step, |x| x * x * (3.0 - 2.0 * x));
        assert!(step < 2e-7, "{step:e}");
        let exponential = worst(exponential, |x| (math::powf(1000.0, x) - 1.0) / 999.0);
        assert!(exponential < 2e-6, "{exponential:e}");
        let inverted = worst(inverted_exponential, |x| 1.0 - (math::powf(1000.0, 1.0 - x) - 1.0) / 999.0);
        assert!(inverted < 2e-6, "{inverted:e}");
    }

    #[test]
    fn curves_begin_at_zero_end_at_one_and_never_fall() {
        for curve in [quarter_sine, smooth_step, exponential, inverted_exponential] {
            assert_eq!(
                [curve(-1.0), curve(0.0), curve(1.0), curve(7.0), curve(f32::NAN)],
                [0.0, 0.0, 1.0, 1.0, 0.0]
            );
            let mut before = 0.0;
            for step in 0..=4096u16 {
                let now = curve(f32::from(step) / 4096.0);
                assert!((before - 1e-6..=1.0).contains(&now));
                before = now;
            }
        }
    }
}
