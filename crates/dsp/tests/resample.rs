//! Interpolation against the sines that it must give: at every position, up to the edge of the pass band, and nothing of what
//! lies beyond the lower rate.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests allocate"
)]

use omega_dsp::math;
use omega_dsp::resample::{Shape, WIDEST, weighted_sum};
use omega_signals as signals;

/// `input` read from where it is known, each position `step` frames behind the one before.
fn read(input: &[f32], shape: Shape, step: f64) -> (f64, Vec<f32>) {
    let mut table = vec![0.0; shape.table_len()];
    shape.fill(&mut table);
    let mut weights = vec![0.0; shape.taps()];
    let first = shape.half() as f64 - 1.0 + 0.123_456_7;
    let mut out = Vec::new();
    loop {
        let at = first + out.len() as f64 * step;
        let whole = math::floor(at);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in a slice")]
        let begin = whole as usize + 1 - shape.half();
        let Some(samples) = input.get(begin..begin + shape.taps()) else { return (first, out) };
        shape.weigh(&table, at - whole, &mut weights);
        out.push(weighted_sum(&weights, samples));
    }
}

/// Steps of drifting clocks, and of usual pairs of rates.
const PAIRS: [(f64, f64); 8] = [
    (48_000.0, 48_000.0),
    (48_000.0, 48_014.4),
    (48_000.0, 47_985.6),
    (44_100.0, 48_000.0),
    (48_000.0, 44_100.0),
    (96_000.0, 48_000.0),
    (44_100.0, 192_000.0),
    (8_000.0, 48_000.0),
];

#[test]
fn a_sine_is_read_at_any_position_with_its_phase_amplitude_and_nothing_else() {
    for (from, to) in PAIRS {
        for part in [0.01, 0.1, 0.5, 0.8, 0.83] {
            let freq = part * from.min(to) / 2.0;
            let input = signals::scaled(&signals::sine(freq, from, 40_000), 0.5);
            let (first, out) = read(&input, Shape::new(from, to), from / to);
            let fit = signals::fit_sine(&out, freq, to);
            let noise = signals::db(fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2));
            assert!(noise < -105.0, "{from} to {to} at {freq:.0} Hz: {noise:.1} dB");
            let level = signals::db(fit.amplitude / 0.5);
            assert!(level.abs() < 2e-3, "{from} to {to} at {freq:.0} Hz: {level:.5} dB");
            let start = std::f64::consts::TAU * (freq * first / from).fract();
            let error = (fit.phase - start + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
                - std::f64::consts::PI;
            assert!(error.abs() < 1e-5, "{from} to {to} at {freq:.0} Hz: {error} rad");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_gone() {
    for (from, to) in [(96_000.0, 48_000.0), (192_000.0, 44_100.0), (48_000.0, 8_000.0)] {
        for part in [1.08, 1.3, 1.9] {
            let freq = part * to / 2.0;
            let input = signals::sine(freq, from, 60_000);
            let (_, out) = read(&input, Shape::new(from, to), from / to);
            let left = signals::db(signals::rms(&out));
            assert!(left < -110.0, "{from} to {to}: {left:.1} dB left of {freq:.0} Hz");
        }
    }
}

#[test]
fn a_constant_stays_what_it_is() {
    for (from, to) in PAIRS {
        let (_, out) = read(&signals::dc(0.7, 3_000), Shape::new(from, to), from / to);
        let worst = out.iter().map(|sample| (sample - 0.7).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{from} to {to}: {worst}");
    }
}

#[test]
fn bad_ratios_and_short_slices_are_survived() {
    for (from, to) in [(0.0, 48_000.0), (48_000.0, 0.0), (f64::NAN, 1.0), (1e12, 1.0), (1.0, 1e12)] {
        let shape = Shape::new(from, to);
        assert!(shape.half() <= 4 * 12 * 48 && shape.half() as f64 <= 48.0 * WIDEST, "{from} to {to}");
        assert!(shape.table_len() < 80_000, "the table keeps its size: {}", shape.table_len());
    }
    let shape = Shape::new(48_000.0, 48_000.0);
    let mut weights = [1.0; 96];
    shape.weigh(&[0.5; 10], f64::NAN, &mut weights);
    shape.weigh(&[], 2.0, &mut []);
    assert_eq!(weighted_sum(&weights, &[]), 0.0);
}
