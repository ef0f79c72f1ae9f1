//! Filters: all layouts and levels give the bytes of the reference, the responses are those of the theory, and the noise is as
//! low as the documentation says.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests allocate, and their numbers are small"
)]

mod common;

use std::f64::consts::PI;

use common::{assert_same, nasty, scalar, signal, vector_levels};
use omega_dsp::filter::{
    ChannelLane, Coefficients, Lane, Section, Shape, Slope, butterworth_q, design, q_of_shelf_slope,
    response, response_db,
};
use omega_dsp::kernels::Kernels;
use omega_dsp::math;

const RATE: f64 = 48_000.0;

/// A cascade of different sections, different for each seed.
fn cascade(count: usize, seed: usize) -> Vec<Section> {
    let shapes = [
        Shape::Bell(6.0),
        Shape::Bell(-9.0),
        Shape::LowShelf(4.0),
        Shape::HighShelf(-3.0),
        Shape::HighPass,
        Shape::LowPass,
        Shape::Notch,
    ];
    let section = |i: usize| {
        let frequency = 40.0 * 1.7_f64.powi((i * 3 + seed) as i32 % 12);
        Section::new(design(shapes[(i + seed) % shapes.len()], frequency, 0.5 + 0.1 * i as f64, RATE))
    };
    (0..count).map(section).collect()
}

fn reference(input: &[f32], sections: &mut [Section]) -> Vec<f32> {
    input.iter().map(|x| sections.iter_mut().fold(*x, |x, section| section.step(x))).collect()
}

fn block_lengths() -> impl Iterator<Item = usize> {
    (0..=40).chain([63, 64, 65, 100, 255, 256, 257, 300])
}

#[test]
fn one_channel_gives_the_bytes_of_the_reference() {
    for count in 0..=20 {
        for length in block_lengths() {
            let input = nasty(length, 3);
            let mut sections = cascade(count, 1);
            let expected = reference(&input, &mut sections);
            for kernels in vector_levels().into_iter().chain([scalar()]) {
                let (mut buf, mut other) = (input.clone(), cascade(count, 1));
                kernels.cascade_mono(&mut buf, &mut other);
                let what = format!("{} sections, {length} frames, {}", count, kernels.level());
                assert_same(&buf, &expected, &what);
                assert_eq!(other, sections, "{what}: states");
            }
        }
    }
}

#[test]
fn two_channels_give_the_bytes_of_the_reference() {
    for (left_count, right_count) in (0..=19).map(|n| (n, n)).chain([(3, 5), (0, 2), (8, 4)]) {
        for length in block_lengths() {
            let (left, right) = (nasty(length, 4), nasty(length, 5));
            let (mut l, mut r) = (cascade(left_count, 1), cascade(right_count, 2));
            let expected = (reference(&left, &mut l), reference(&right, &mut r));
            for kernels in vector_levels().into_iter().chain([scalar()]) {
                let (mut a, mut b) = (left.clone(), right.clone());
                let (mut al, mut br) = (cascade(left_count, 1), cascade(right_count, 2));
                kernels.cascade_stereo(&mut a, &mut b, [&mut al, &mut br]);
                let what = format!("{left_count}+{right_count}, {length} frames, {}", kernels.level());
                assert_same(&a, &expected.0, &what);
                assert_same(&b, &expected.1, &what);
                assert_eq!((al, br), (l.clone(), r.clone()), "{what}: states");
            }
        }
    }
}

fn lanes_of(channels: &[Vec<f32>]) -> Vec<Lane> {
    (0..channels[0].len()).map(|i| std::array::from_fn(|lane| channels[lane][i])).collect()
}

#[test]
fn eight_lanes_give_the_bytes_of_the_reference() {
    let counts: [[usize; 8]; 9] = [
        [0; 8],
        [1; 8],
        [2; 8],
        [3; 8],
        [4; 8],
        [7; 8],
        [10; 8],
        [4, 4, 4, 3, 5, 4, 0, 4],
        [1, 0, 0, 0, 0, 0, 0, 9],
    ];
    for counts in counts {
        for length in [0, 1, 2, 7, 8, 64, 256] {
            let channels: Vec<Vec<f32>> = (0..8).map(|lane| nasty(length, 20 + lane)).collect();
            let mut sections: Vec<Vec<Section>> = (0..8).map(|lane| cascade(counts[lane], lane)).collect();
            let initial = sections.clone();
            let expected: Vec<Vec<f32>> =
                channels.iter().zip(&mut sections).map(|(x, s)| reference(x, s)).collect();
            for kernels in vector_levels().into_iter().chain([scalar()]) {
                let (mut frames, mut other) = (lanes_of(&channels), initial.clone());
                let mut slices = other.iter_mut().map(Vec::as_mut_slice);
                kernels.cascade_lanes(&mut frames, &mut std::array::from_fn(|_| slices.next().unwrap()));
                for (lane, expected) in expected.iter().enumerate() {
                    let got: Vec<f32> = frames.iter().map(|frame| frame[lane]).collect();
                    assert_same(&got, expected, &format!("{counts:?} lane {lane} {}", kernels.level()));
                }
                assert_eq!(other, sections, "{counts:?}: states");
            }
        }
    }
}

#[test]
fn channels_side_by_side_give_the_bytes_of_the_reference() {
    for channels in [0, 1, 2, 3, 7, 8, 9, 19] {
        for length in [0, 1, 7, 8, 31, 256, 300, 777] {
            for ragged in [false, true] {
                let frames = |c: usize| if ragged { length + 3 * c } else { length };
                let input: Vec<Vec<f32>> = (0..channels).map(|c| nasty(frames(c), 40 + c as u64)).collect();
                let cascades: Vec<Vec<Section>> =
                    (0..channels).map(|c| cascade(c % 5 + length % 4, c)).collect();
                let mut states = cascades.clone();
                let expected: Vec<Vec<f32>> =
                    input.iter().zip(&mut states).map(|(x, s)| reference(x, s)).collect();
                for kernels in vector_levels().into_iter().chain([scalar()]) {
                    let (mut output, mut other) = (input.clone(), cascades.clone());
                    let pairs = output.iter_mut().zip(&mut other);
                    let mut lanes: Vec<ChannelLane<'_>> =
                        pairs.map(|(samples, sections)| ChannelLane { samples, sections }).collect();
                    kernels.cascade_channels(&mut lanes);
                    for (a, b) in output.iter().zip(&expected) {
                        assert_same(
                            a,
                            b,
                            &format!("{channels} channels, {length} frames, {}", kernels.level()),
                        );
                    }
                    assert_eq!(other, states);
                }
            }
        }
    }
}

#[test]
fn any_cut_into_blocks_gives_the_same_bytes() {
    let (left, right) = (signal(2000, 6), signal(2000, 7));
    for count in [1, 4, 6, 8, 11] {
        let (mut l, mut r) = (cascade(count, 1), cascade(count, 2));
        let expected = (reference(&left, &mut l), reference(&right, &mut r));
        for kernels in vector_levels() {
            for block in [1, 5, 16, 17, 64, 333, 2000] {
                let (mut a, mut b) = (left.clone(), right.clone());
                let (mut l, mut r) = (cascade(count, 1), cascade(count, 2));
                for (a, b) in a.chunks_mut(block).zip(b.chunks_mut(block)) {
                    kernels.cascade_stereo(a, b, [&mut l, &mut r]);
                }
                assert_same(&a, &expected.0, &format!("{count} sections, blocks of {block}"));
                assert_same(&b, &expected.1, &format!("{count} sections, blocks of {block}"));
            }
        }
    }
}

#[test]
fn a_buffer_longer_than_the_pipeline_takes_at_once_is_filtered_whole() {
    let input = signal((1 << 16) + 1000, 8);
    let mut sections = cascade(5, 1);
    let expected = reference(&input, &mut sections);
    for kernels in vector_levels() {
        let (mut buf, mut other) = (input.clone(), cascade(5, 1));
        kernels.cascade_mono(&mut buf, &mut other);
        assert_same(&buf, &expected, "long");
    }
}

/// The RBJ cookbook's biquad, evaluated on the unit circle: an oracle that shares nothing with the design under test.
fn cookbook_db(shape: Shape, f0: f64, q: f64, rate: f64, f: f64) -> f64 {
    let w = 2.0 * PI * f0 / rate;
    let (cos, alpha) = (w.cos(), w.sin() / (2.0 * q));
    let (b, a) = match shape {
        Shape::Bell(db) => {
            let a = 10_f64.powf(db / 40.0);
            ([1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a], [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a])
        }
        Shape::LowShelf(db) | Shape::HighShelf(db) => {
            let a = 10_f64.powf(db / 40.0);
            let (p, m, r) = (a + 1.0, a - 1.0, 2.0 * a.sqrt() * alpha);
            // The high shelf is the low shelf with the sign of the cosine (and of the odd terms) changed.
            let sign = if matches!(shape, Shape::LowShelf(_)) { 1.0 } else { -1.0 };
            let cos = sign * cos;
            (
                [a * (p - m * cos + r), sign * 2.0 * a * (m - p * cos), a * (p - m * cos - r)],
                [p + m * cos + r, sign * -2.0 * (m + p * cos), p + m * cos - r],
            )
        }
        Shape::LowPass => {
            let half = (1.0 - cos) / 2.0;
            ([half, 1.0 - cos, half], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
        }
        Shape::HighPass => {
            let half = (1.0 + cos) / 2.0;
            ([half, -(1.0 + cos), half], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
        }
        Shape::BandPass => ([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]),
        Shape::Notch => ([1.0, -2.0 * cos, 1.0], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]),
    };
    let at = 2.0 * PI * f / rate;
    let norm = |c: [f64; 3]| {
        let re = c[0] + c[1] * at.cos() + c[2] * (2.0 * at).cos();
        let im = c[1] * at.sin() + c[2] * (2.0 * at).sin();
        re * re + im * im
    };
    10.0 * (norm(b) / norm(a)).log10()
}

const SHAPES: [Shape; 10] = [
    Shape::Bell(12.0),
    Shape::Bell(-12.0),
    Shape::Bell(0.5),
    Shape::LowShelf(9.0),
    Shape::LowShelf(-15.0),
    Shape::HighShelf(9.0),
    Shape::HighShelf(-15.0),
    Shape::LowPass,
    Shape::HighPass,
    Shape::BandPass,
];

fn frequencies(rate: f64) -> Vec<f64> {
    (0..60).map(|i| 10.0 * 1.15_f64.powi(i)).filter(|f| *f < 0.49 * rate).collect()
}

#[test]
fn responses_are_those_of_the_cookbook() {
    for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0] {
        for shape in SHAPES.into_iter().chain([Shape::Notch]) {
            for f0 in [20.0, 100.0, 1000.0, 10_000.0, 18_000.0] {
                for q in [0.3, 0.7, 2.0, 10.0] {
                    let coefficients = design(shape, f0, q, rate);
                    for f in frequencies(rate) {
                        let expected = cookbook_db(shape, f0, q, rate, f);
                        let got = response_db([coefficients], f, rate);
                        // Deep in a stop band only the depth matters.
                        let fine = (got - expected).abs() < 0.002 || (got < -80.0 && expected < -80.0);
                        assert!(fine, "{shape:?} {f0} Hz q {q} at {f} Hz, rate {rate}: {got} not {expected}");
                    }
                }
            }
        }
    }
}

/// The response of what the kernel really does, from its impulse response.
fn measured_db(coefficients: &[Coefficients], f: f64, rate: f64) -> f64 {
    let mut sections: Vec<Section> = coefficients.iter().map(|c| Section::new(*c)).collect();
    let mut impulse = vec![0.0; 1 << 16];
    impulse[0] = 1.0;
    Kernels::detect().cascade_mono(&mut impulse, &mut sections);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, h) in impulse.iter().enumerate() {
        let angle = 2.0 * PI * f / rate * i as f64;
        re += f64::from(*h) * angle.cos();
        im += f64::from(*h) * angle.sin();
    }
    10.0 * (re * re + im * im).log10()
}

#[test]
fn the_impulse_response_has_the_computed_response() {
    for shape in SHAPES {
        for f0 in [50.0, 3000.0, 15_000.0] {
            let coefficients = design(shape, f0, 0.9, RATE);
            for f in [25.0, 45.0, 400.0, 2500.0, 3500.0, 14_000.0] {
                let (expected, got) =
                    (response_db([coefficients], f, RATE), measured_db(&[coefficients], f, RATE));
                let fine = (got - expected).abs() < 0.005 || (got < -80.0 && expected < -80.0);
                assert!(fine, "{shape:?} {f0} Hz at {f} Hz: {got} not {expected}");
            }
        }
    }
}

#[test]
fn butterworth_cascades_are_flat_and_fall_as_they_should() {
    for (slope, per_octave) in [(Slope::Db12, 12.0), (Slope::Db24, 24.0), (Slope::Db48, 48.0)] {
        let n = slope.sections();
        let cascade: Vec<Coefficients> =
            (0..n).map(|i| design(Shape::HighPass, 1000.0, butterworth_q(i, n), 192_000.0)).collect();
        let db = |f: f64| response_db(cascade.iter().copied(), f, 192_000.0);
        assert!((db(1000.0) + 3.0103).abs() < 0.001, "{}", db(1000.0));
        assert!((db(400.0) - db(200.0) - per_octave).abs() < 0.4);
        assert!((db(1500.0)..=1e-4).contains(&db(3000.0)), "no ripple");
        for f in frequencies(192_000.0) {
            let analog = -10.0 * (1.0 + (1000.0 / f).powi(4 * n as i32)).log10();
            assert!(
                (db(f) - analog).abs() < 0.05 || f > 10_000.0 || analog < -90.0,
                "{f}: {} {analog}",
                db(f)
            );
        }
    }
}

#[test]
fn shelf_slope_one_does_not_overshoot() {
    assert!((q_of_shelf_slope(0.0, 1.0) - 0.5_f64.sqrt()).abs() < 1e-12);
    let shelf = design(Shape::LowShelf(12.0), 1000.0, q_of_shelf_slope(12.0, 1.0), RATE);
    let levels: Vec<f64> = frequencies(RATE).iter().map(|f| response_db([shelf], *f, RATE)).collect();
    assert!(levels.is_sorted_by(|a, b| a >= &(b - 1e-4)));
    assert!((levels[0] - 12.0).abs() < 0.01);
}

/// Error against the same filter in f64, in dB below full scale, for noise and a loud 41 Hz tone.
fn noise_db(shape: Shape, f0: f64, q: f64, rate: f64) -> f64 {
    let c = design(shape, f0, q, rate);
    let mut section = Section::new(c);
    let ([b1, b2, b3], [c0, c1, c2]) = (exact_b(f0, q, shape, rate), exact_c(f0, q, shape, rate));
    let (mut s1, mut s2, mut sum) = (0.0_f64, 0.0_f64, 0.0);
    let frames = 2 * rate as usize;
    for (i, u) in signal(frames, 9).into_iter().enumerate() {
        let x = 0.25 * u + 0.5 * (2.0 * PI * 41.3 * i as f64 / rate).sin() as f32;
        let wide = f64::from(x);
        let v = wide - s2;
        let y = c0 * wide + (c1 * s1 + c2 * s2);
        (s1, s2) = (s1 + (b1 * s1 + b2 * v), s2 + (b2 * s1 + b3 * v));
        let error = f64::from(section.step(x)) - y;
        if i > frames / 3 {
            sum += error * error;
        }
    }
    10.0 * (sum / (frames as f64 * 2.0 / 3.0)).log10()
}

/// The bell's and the high-pass's coefficients in f64, from the formulas of the cited papers.
fn svf(f0: f64, q: f64, shape: Shape, rate: f64) -> (f64, f64, [f64; 3]) {
    let g = (PI * f0 / rate).tan();
    match shape {
        Shape::Bell(db) => {
            let a = 10_f64.powf(db / 40.0);
            (g, 1.0 / (q * a), [1.0, (a * a - 1.0) / (q * a), 0.0])
        }
        _ => (g, 1.0 / q, [1.0, -1.0 / q, -1.0]),
    }
}

fn exact_b(f0: f64, q: f64, shape: Shape, rate: f64) -> [f64; 3] {
    let (g, k, _) = svf(f0, q, shape, rate);
    let a1 = 1.0 / (1.0 + g * (g + k));
    [2.0 * (a1 - 1.0), 2.0 * g * a1, 2.0 * g * g * a1]
}

fn exact_c(f0: f64, q: f64, shape: Shape, rate: f64) -> [f64; 3] {
    let (g, k, m) = svf(f0, q, shape, rate);
    let a1 = 1.0 / (1.0 + g * (g + k));
    let (a2, a3) = (g * a1, g * g * a1);
    [m[0] + m[1] * a2 + m[2] * a3, m[1] * a1 + m[2] * a2, m[2] * (1.0 - a3) - m[1] * a2]
}

#[test]
fn low_frequencies_at_high_rates_are_not_noisy() {
    for (shape, f0, q, rate, limit) in [
        (Shape::Bell(12.0), 20.0, 1.0, 48_000.0, -130.0),
        (Shape::Bell(12.0), 20.0, 1.0, 192_000.0, -123.0),
        (Shape::Bell(6.0), 100.0, 1.0, 96_000.0, -136.0),
        (Shape::Bell(6.0), 1000.0, 1.0, 48_000.0, -148.0),
        (Shape::HighPass, 20.0, 0.707, 96_000.0, -133.0),
    ] {
        let noise = noise_db(shape, f0, q, rate);
        assert!(noise < limit, "{shape:?} {f0} Hz at {rate}: {noise:.1} dB");
    }
}

#[test]
fn silence_stays_silence_and_a_ringing_section_comes_to_rest_at_zero_input() {
    let mut sections = cascade(8, 3);
    let mut buf = vec![0.0; 500];
    Kernels::detect().cascade_mono(&mut buf, &mut sections);
    assert!(buf.iter().all(|x| *x == 0.0));
    assert!(sections.iter().all(|s| s.state() == [0.0; 2]));
}

#[test]
fn hostile_parameters_give_stable_sections() {
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e-300, 1e300, 47_999.0];
    for f0 in wild {
        for q in wild {
            for db in wild {
                for shape in [Shape::Bell(db), Shape::LowShelf(db), Shape::HighShelf(db), Shape::HighPass] {
                    let c = design(shape, f0, q, RATE);
                    assert!(c.b.iter().chain(&c.c).all(|x| x.is_finite()), "{shape:?} {f0} {q}: {c:?}");
                    let mut section = Section::new(c);
                    let peak =
                        signal(300, 1).into_iter().fold(0.0, |peak: f32, x| peak.max(section.step(x).abs()));
                    assert!(peak.is_finite() && peak < 1e9, "{shape:?} {f0} {q}: {peak}");
                }
            }
        }
    }
}

#[test]
fn coefficients_may_jump_without_a_transient_beyond_the_signal() {
    let mut section = Section::new(design(Shape::LowPass, 100.0, 0.7, RATE));
    let mut peak = 0.0_f32;
    for (i, x) in signal(48_000, 2).into_iter().enumerate() {
        if i % 32 == 0 {
            let f0 = if i / 32 % 2 == 0 { 50.0 } else { 15_000.0 };
            section.set_coefficients(design(Shape::LowPass, f0, 0.7, RATE));
        }
        peak = peak.max(section.step(x).abs());
    }
    assert!(peak < 2.0, "{peak}");
}

#[test]
fn designs_keep_their_bytes() {
    let bits =
        |c: Coefficients| c.b.iter().chain(&c.c).map(|x| format!("{:08x}", x.to_bits())).collect::<String>();
    let bell = bits(design(Shape::Bell(-3.3), 1234.5, 0.71, 44_100.0));
    let shelf = bits(design(Shape::HighShelf(2.5), 9876.0, 0.6, 96_000.0));
    assert_eq!([bell.as_str(), shelf.as_str()], RECORDED);
    let h = response(&design(Shape::LowPass, 1000.0, 0.7, RATE), 0.0, RATE);
    assert!((math::hypot(h.re, h.im) - 1.0).abs() < 1e-6);
}

const RECORDED: [&str; 2] =
    ["be8bab5e3e1bf1aa3c5bfeb33f75819dbeee081d3d27e636", "bf57f2583ed51cff3e1968b83f9f8ea1be777744be7c7504"];
