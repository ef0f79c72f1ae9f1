//! Every kernel gives the same bytes at every level, for all short lengths, unaligned buffers and nasty input; and means
//! what its documentation says.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests allocate, and their numbers are small"
)]

mod common;

use common::{assert_same, bits, nasty, scalar, signal, vector_levels};
use omega_dsp::kernels::{Gain, Kernels, MixInput, PARTIAL_SUMS, Ramp, fold_squares};
use omega_dsp::pan::PanLaw;

const LONGEST: usize = 300;

/// Runs `kernel` on two buffers at the scalar level and at all others, at every length and several offsets.
#[track_caller]
fn compare(name: &str, kernel: impl Fn(Kernels, &mut [f32], &[f32])) {
    let (a, b) = (nasty(LONGEST + 8, 1), nasty(LONGEST + 8, 2));
    for length in 0..=LONGEST {
        let offset = length % 5;
        let run = |kernels: Kernels| {
            let mut out = a.clone();
            kernel(kernels, &mut out[offset..offset + length], &b[(offset + 3) % 7..][..length]);
            out
        };
        let expected = run(scalar());
        for kernels in vector_levels() {
            assert_same(&run(kernels), &expected, &format!("{name} {} length {length}", kernels.level()));
        }
    }
}

#[test]
fn elementwise_kernels_give_the_same_bytes() {
    compare("gain", |k, a, _| k.gain(a, 0.7));
    compare("copy_gain", |k, a, b| k.copy_gain(a, b, -1.3));
    compare("mul", Kernels::mul);
    compare("add", Kernels::add);
    compare("copy", Kernels::copy);
    compare("log2", |k, a, _| k.log2(a));
    compare("exp2", |k, a, _| k.exp2(a));
}

#[test]
fn pan_gains_and_width_give_the_same_bytes() {
    for law in PanLaw::ALL {
        compare(&format!("pan_mono {law:?}"), |k, a, b| k.pan_mono(law, b, a, &mut vec![0.0; a.len()]));
        compare(&format!("pan_mono right {law:?}"), |k, a, b| k.pan_mono(law, b, &mut vec![0.0; a.len()], a));
        compare(&format!("pan_stereo {law:?}"), |k, a, b| k.pan_stereo(law, b, a, &mut vec![0.0; a.len()]));
    }
    compare("width", |k, a, b| k.width(a, &mut b.to_vec(), 1.3));
    compare("width of the right channel", |k, a, b| k.width(&mut b.to_vec(), a, -0.3));
}

#[test]
fn a_constant_pan_position_gives_the_gains_of_a_position_per_sample() {
    let positions: Vec<f32> = (-20..=20_i16).map(|i| f32::from(i) / 19.0).collect();
    for law in PanLaw::ALL {
        for kernels in vector_levels() {
            let (mut left, mut right) = (positions.clone(), positions.clone());
            kernels.pan_mono(law, &positions, &mut left, &mut right);
            let (one_left, one_right): (Vec<f32>, Vec<f32>) =
                positions.iter().map(|p| law.mono(*p).into()).unzip();
            assert_same(&left, &one_left, "mono left");
            assert_same(&right, &one_right, "mono right");
            kernels.pan_stereo(law, &positions, &mut left, &mut right);
            let (one_left, one_right): (Vec<f32>, Vec<f32>) =
                positions.iter().map(|p| law.stereo(*p).into()).unzip();
            assert_same(&left, &one_left, "stereo left");
            assert_same(&right, &one_right, "stereo right");
        }
    }
}

#[test]
fn ramps_give_the_same_bytes() {
    let base = Ramp { from: 0.1, to: 1.7, position: 0, length: 100 };
    let ramps = [
        base,
        Ramp { position: -50, ..base },
        Ramp { position: 77, length: 78, ..base },
        Ramp { length: 0, ..base },
        Ramp { length: -3, position: -2, ..base },
        Ramp { position: i64::MAX, ..base },
        Ramp { position: i64::MIN, length: i64::MAX, ..base },
        Ramp { position: Ramp::MAX_LENGTH - 50, length: i64::MAX, ..base },
        Ramp { position: 1 << 26, length: 1 << 28, ..base },
        Ramp { from: -1.0, to: -1.0, ..base },
    ];
    for ramp in ramps {
        compare(&format!("gain_ramp {ramp:?}"), |k, a, _| k.gain_ramp(a, ramp));
        compare(&format!("fill_ramp {ramp:?}"), |k, a, _| k.fill_ramp(a, ramp));
    }
}

#[test]
fn a_ramp_is_exact_at_its_ends_and_does_not_depend_on_blocks() {
    let ramp = Ramp { from: 0.3, to: 0.9, position: -10, length: 1000 };
    for kernels in vector_levels() {
        let mut whole = vec![0.0; 1100];
        kernels.fill_ramp(&mut whole, ramp);
        assert!(whole[..=10].iter().all(|x| *x == 0.3));
        assert!(whole[1010..].iter().all(|x| *x == 0.9));
        assert!(whole[10..1011].is_sorted_by(|a, b| a < b), "strictly rising");
        for (i, x) in whole.iter().enumerate() {
            let exact = (0.3 + 0.6 * (i as f64 - 10.0) / 1000.0).clamp(0.3, 0.9);
            assert!((f64::from(*x) - exact).abs() < 1e-7, "{i}: {x}");
        }
        let mut parts = vec![0.0; 1100];
        let mut at = 0;
        for block in [1, 7, 8, 64, 333, 5, 682] {
            kernels.fill_ramp(&mut parts[at..at + block], ramp.advanced(at as i64));
            at += block;
        }
        assert_eq!(at, 1100);
        assert_same(&parts, &whole, "parts");
    }
}

fn mix_inputs(count: usize, length: usize) -> (Vec<Vec<f32>>, Vec<f32>) {
    ((0..count as u64).map(|i| nasty(length, 10 + i)).collect(), signal(length, 9))
}

fn as_inputs<'a>(signals: &'a [Vec<f32>], gains: &'a [f32], ragged: bool) -> Vec<MixInput<'a>> {
    let input = |(i, samples): (usize, &'a Vec<f32>)| MixInput {
        samples: if ragged { &samples[..samples.len() - samples.len().min(3 * i)] } else { samples },
        gain: match i % 3 {
            0 => Gain::Constant(0.3 + i as f32),
            1 => Gain::Unity,
            _ => Gain::PerSample(gains),
        },
    };
    signals.iter().enumerate().map(input).collect()
}

#[test]
fn mixes_give_the_same_bytes_for_any_number_of_inputs() {
    type Mix = fn(Kernels, &mut [f32], &[MixInput<'_>]);
    let mixes: [(&str, Mix); 3] =
        [("mix", Kernels::mix), ("mix_more", Kernels::mix_more), ("mix_f64", Kernels::mix_f64)];
    for (name, mix) in mixes {
        for count in [0, 1, 2, 3, 5, 8, 9, 17, 64] {
            for length in [0, 1, 7, 8, 9, 31, 64, 65, 127, 128, 200, 256, 300] {
                for ragged in [false, true] {
                    let (signals, gains) = mix_inputs(count, length);
                    let inputs = as_inputs(&signals, &gains, ragged);
                    let run = |kernels| {
                        let mut out = nasty(length, 5);
                        mix(kernels, &mut out, &inputs);
                        out
                    };
                    let expected = run(scalar());
                    for kernels in vector_levels() {
                        let what = format!(
                            "{name} {} of {count}, length {length}, ragged {ragged}",
                            kernels.level()
                        );
                        assert_same(&run(kernels), &expected, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn a_mix_sums_from_left_to_right_however_it_is_cut() {
    let (signals, gains) = mix_inputs(13, 100);
    let inputs = as_inputs(&signals, &gains, false);
    let mut naive = vec![0.0_f32; 100];
    for input in &inputs {
        for (i, sum) in naive.iter_mut().enumerate() {
            let gain = match input.gain {
                Gain::Unity => 1.0,
                Gain::Constant(gain) => gain,
                Gain::PerSample(gains) => gains[i],
            };
            *sum += input.samples[i] * gain;
        }
    }
    for cut in 0..=13 {
        for kernels in vector_levels() {
            let mut out = nasty(100, 5);
            kernels.mix(&mut out, &inputs[..cut]);
            kernels.mix_more(&mut out, &inputs[cut..]);
            assert_same(&out, &naive, "cut mix");
        }
    }
}

#[test]
fn a_mix_is_never_minus_zero() {
    let minus = vec![-0.0; 100];
    let one = signal(100, 3);
    let opposite: Vec<f32> = one.iter().map(|x| -x).collect();
    for kernels in vector_levels().into_iter().chain([scalar()]) {
        for inputs in [
            vec![MixInput::unity(&minus)],
            vec![MixInput::constant(&minus, 1.0), MixInput::unity(&minus)],
            vec![MixInput::unity(&one), MixInput::unity(&opposite), MixInput::unity(&minus)],
            vec![],
        ] {
            let mut out = minus.clone();
            kernels.mix(&mut out, &inputs);
            assert_eq!(bits(&out), vec![0; 100]);
            out.fill(-0.0);
            kernels.mix_f64(&mut out, &inputs);
            assert_eq!(bits(&out), vec![0; 100]);
        }
        let mut out = minus.clone();
        kernels.mix_more(&mut out, &[MixInput::unity(&minus)]);
        assert_eq!(bits(&out), vec![0; 100]);
    }
}

#[test]
fn an_f64_mix_keeps_what_an_f32_mix_loses() {
    let (big, small) = (vec![1e8; 40], vec![0.5; 40]);
    let minus: Vec<f32> = vec![-1e8; 40];
    let inputs = [MixInput::unity(&big), MixInput::constant(&small, 0.25), MixInput::unity(&minus)];
    let mut out = vec![0.0; 40];
    Kernels::detect().mix_f64(&mut out, &inputs);
    assert_eq!(out, vec![0.125; 40]);
    Kernels::detect().mix(&mut out, &inputs);
    assert_eq!(out, vec![0.0; 40]);
}

#[test]
fn interleaving_gives_the_same_bytes_and_comes_back() {
    for channels in [1, 2, 3, 6, 8, 9, 64] {
        for length in (0..=70).chain([255, 256, 300]) {
            let planar: Vec<Vec<f32>> = (0..channels).map(|c| nasty(length, c as u64)).collect();
            let slices: Vec<&[f32]> = planar.iter().map(Vec::as_slice).collect();
            for kernels in vector_levels().into_iter().chain([scalar()]) {
                let mut interleaved = vec![9.0; length * channels];
                kernels.interleave(&mut interleaved, &slices);
                for (c, channel) in planar.iter().enumerate() {
                    for (i, x) in channel.iter().enumerate() {
                        assert_eq!(interleaved[i * channels + c].to_bits(), x.to_bits());
                    }
                }
                let mut back: Vec<Vec<f32>> = (0..channels).map(|_| vec![7.0; length]).collect();
                kernels.deinterleave(
                    &mut back.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(),
                    &interleaved,
                );
                for (a, b) in back.iter().zip(&planar) {
                    assert_same(a, b, "there and back");
                }
            }
        }
    }
}

#[test]
fn interleaving_ragged_channels_pads_with_zeros_and_leaves_the_rest_alone() {
    for channels in [1, 2, 8] {
        let planar: Vec<Vec<f32>> = (0..channels).map(|c| vec![1.0; 40 - 5 * c]).collect();
        let slices: Vec<&[f32]> = planar.iter().map(Vec::as_slice).collect();
        for kernels in vector_levels().into_iter().chain([scalar()]) {
            let mut interleaved = vec![9.0; 40 * channels];
            kernels.interleave(&mut interleaved, &slices);
            for (i, x) in interleaved.iter().enumerate() {
                assert_eq!(*x, if i / channels < 40 - 5 * (i % channels) { 1.0 } else { 0.0 });
            }
            let mut back: Vec<Vec<f32>> = (0..channels).map(|c| vec![7.0; 50 - 10 * (c % 2)]).collect();
            kernels
                .deinterleave(&mut back.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), &interleaved);
            assert!(back.iter().all(|channel| channel.iter().skip(40).all(|x| *x == 7.0)));
            assert!(back.iter().all(|channel| channel[0] == 1.0));
        }
    }
    let mut untouched = [3.0; 4];
    Kernels::detect().interleave(&mut untouched, &[]);
    Kernels::detect().deinterleave(&mut [], &untouched);
    assert_eq!(untouched, [3.0; 4]);
}

#[test]
fn levels_give_the_same_bytes() {
    let samples = nasty(LONGEST + 8, 4);
    for length in 0..=LONGEST {
        let buf = &samples[length % 6..][..length];
        let (peak, sum) = scalar().peak_and_sum_squares(buf);
        let exact: f64 = buf.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        // In single precision a square below the least normal number may be lost.
        let lost = f64::from(f32::MIN_POSITIVE) * buf.len() as f64;
        assert!((sum - exact).abs() <= exact * 1e-6 + lost, "{sum} for {exact}");
        assert_eq!(peak, buf.iter().fold(0.0, |peak: f32, x| peak.max(x.abs())));
        for kernels in vector_levels() {
            let (other_peak, other_sum) = kernels.peak_and_sum_squares(buf);
            assert_eq!(
                (peak.to_bits(), sum.to_bits()),
                (other_peak.to_bits(), other_sum.to_bits()),
                "length {length}"
            );
        }
    }
}

#[test]
fn sums_of_squares_do_not_depend_on_blocks() {
    let samples = signal(1000, 6);
    for start in 0..17_u64 {
        let mut whole = [0.0; PARTIAL_SUMS];
        scalar().add_squares(&mut whole, &samples, start);
        for kernels in vector_levels() {
            for block in [1, 3, 8, 13, 64, 999] {
                let mut sums = [0.0; PARTIAL_SUMS];
                let mut frame = start;
                for part in samples.chunks(block) {
                    kernels.add_squares(&mut sums, part, frame);
                    frame += part.len() as u64;
                }
                assert_eq!(sums, whole, "start {start} block {block}");
                assert_eq!(fold_squares(&sums).to_bits(), fold_squares(&whole).to_bits());
            }
        }
    }
}

#[test]
fn silence_and_non_finite_samples_are_found_wherever_they_are() {
    for kernels in vector_levels().into_iter().chain([scalar()]) {
        for length in 0..=200_usize {
            let mut buf: Vec<f32> = (0..length).map(|i| if i % 2 == 0 { 0.0 } else { -0.0 }).collect();
            assert!(kernels.is_silent(&buf));
            assert!(kernels.is_finite(&buf));
            for at in [0, length / 2, length.wrapping_sub(1)] {
                let Some(x) = buf.get(at).copied() else { continue };
                buf[at] = f32::from_bits(1);
                assert!(!kernels.is_silent(&buf), "{at} of {length}");
                for bad in
                    [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7f80_0001)]
                {
                    buf[at] = bad;
                    assert!(!kernels.is_finite(&buf), "{at} of {length}");
                }
                buf[at] = -f32::MAX;
                assert!(kernels.is_finite(&buf));
                for limit in [0.0, 1e-40, 1.0, 1000.0] {
                    buf[at] = -limit;
                    assert!(kernels.is_within(&buf, limit), "{limit} at {at} of {length}");
                    buf[at] = f32::from_bits(limit.to_bits() + 1);
                    assert!(!kernels.is_within(&buf, limit), "above {limit} at {at} of {length}");
                }
                buf[at] = x;
            }
        }
    }
}

#[test]
fn a_nan_does_not_hide_the_peak() {
    let mut buf = signal(64, 8);
    buf[20] = 5.0;
    for at in [0, 19, 21, 28, 36, 63] {
        let mut buf = buf.clone();
        buf[at] = f32::NAN;
        for kernels in vector_levels().into_iter().chain([scalar()]) {
            assert_eq!(kernels.peak(&buf), 5.0);
            assert_eq!(kernels.peak_and_sum_squares(&buf).0, 5.0);
        }
    }
}
