//! Recorded bit patterns: the maths gives the same bytes on every CPU and with every compiler. A change here changes renders.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "tests allocate")]

use omega_dsp::math;
use omega_dsp::math::fast;

/// Folds the bits of many results into one number (FNV-1a over 64-bit words).
fn digest(values: impl IntoIterator<Item = u64>) -> u64 {
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3))
}

fn sweep(low: f64, high: f64) -> impl Iterator<Item = f64> {
    (0..=10_000).map(move |i| low + (high - low) * f64::from(i) / 10_000.0)
}

fn digest_f64(function: fn(f64) -> f64, low: f64, high: f64) -> u64 {
    digest(sweep(low, high).map(|x| function(x).to_bits()))
}

fn digest_f32(function: fn(f32) -> f32, low: f64, high: f64) -> u64 {
    digest(sweep(low, high).map(|x| u64::from(function(math::to_f32(x)).to_bits())))
}

#[test]
fn double_precision_functions_keep_their_bytes() {
    let digests = [
        ("sin", digest_f64(math::sin, -100.0, 100.0)),
        ("cos", digest_f64(math::cos, -100.0, 100.0)),
        ("tan", digest_f64(math::tan, 0.0, 1.57)),
        ("asin", digest_f64(math::asin, -1.0, 1.0)),
        ("sinh", digest_f64(math::sinh, -5.0, 5.0)),
        ("asinh", digest_f64(math::asinh, -50.0, 50.0)),
        ("tanh", digest_f64(math::tanh, -5.0, 5.0)),
        ("exp", digest_f64(math::exp, -50.0, 50.0)),
        ("exp2", digest_f64(math::exp2, -50.0, 50.0)),
        ("ln", digest_f64(math::ln, 1e-9, 1e3)),
        ("log2", digest_f64(math::log2, 1e-9, 1e3)),
        ("log10", digest_f64(math::log10, 1e-9, 1e3)),
        ("sqrt", digest_f64(math::sqrt, 0.0, 1e3)),
        ("powf", digest(sweep(0.01, 10.0).map(|x| math::powf(x, 1.7 - x).to_bits()))),
        ("atan2", digest(sweep(-7.0, 7.0).map(|x| math::atan2(x, 1.0 - x).to_bits()))),
        ("hypot", digest(sweep(-7.0, 7.0).map(|x| math::hypot(x, 1.0 - x).to_bits()))),
        ("db_to_gain", digest_f64(math::db_to_gain, -144.0, 24.0)),
        ("gain_to_db", digest_f64(math::gain_to_db, 1e-8, 16.0)),
    ];
    assert_eq!(digests, GOLDEN_F64);
}

#[test]
fn single_precision_functions_keep_their_bytes() {
    let digests = [
        ("sin", digest_f32(math::sin_f32, -100.0, 100.0)),
        ("cos", digest_f32(math::cos_f32, -100.0, 100.0)),
        ("exp", digest_f32(math::exp_f32, -50.0, 50.0)),
        ("ln", digest_f32(math::ln_f32, 1e-9, 1e3)),
        ("tanh", digest_f32(math::tanh_f32, -5.0, 5.0)),
        ("sqrt", digest_f32(math::sqrt_f32, 0.0, 1e3)),
        ("powf", digest_f32(|x| math::powf_f32(x, 1.7 - x), 0.01, 10.0)),
        ("fast log2", digest_f32(fast::log2, 1e-9, 1e3)),
        ("fast exp2", digest_f32(fast::exp2, -50.0, 50.0)),
    ];
    assert_eq!(digests, GOLDEN_F32);
}

#[test]
fn spot_values_keep_their_bytes() {
    let bits = [
        math::sin(1.0),
        math::tan(std::f64::consts::PI * 1000.0 / 48_000.0),
        math::exp(-1.0 / 480.0),
        math::db_to_gain(-6.0),
        math::gain_to_db(0.5),
        math::powf(10.0, 0.3),
    ]
    .map(f64::to_bits);
    assert_eq!(bits.map(|b| format!("{b:016x}")), SPOT_VALUES);
}

#[test]
fn levels_convert_exactly_where_they_can() {
    assert_eq!(math::db_to_gain(0.0), 1.0);
    assert_eq!(math::db_to_gain(20.0), 10.0);
    assert_eq!(math::db_to_gain(f64::NEG_INFINITY), 0.0);
    assert_eq!(math::gain_to_db(1.0), 0.0);
    assert_eq!(math::gain_to_db(0.0), f64::NEG_INFINITY);
    for db in [-90.0, -6.0, 0.1, 12.0] {
        assert!((math::gain_to_db(math::db_to_gain(db)) - db).abs() < 1e-12);
    }
}

const GOLDEN_F64: [(&str, u64); 18] = [
    ("sin", 0xc9a96f39adb752e6),
    ("cos", 0xdd2078cd58d948fe),
    ("tan", 0xa293c5fdff21529b),
    ("asin", 0xd62745b66bc301db),
    ("sinh", 0x6d0831818f92ca48),
    ("asinh", 0x55ce10d90c3085b6),
    ("tanh", 0x6c0fda2f91a0637d),
    ("exp", 0x4d88bcc798c31d68),
    ("exp2", 0x0f4cb6e2b89d273f),
    ("ln", 0xa2d94b28b80eda0c),
    ("log2", 0x4f4a7a785dde28e4),
    ("log10", 0x2b47e512ef1f2f25),
    ("sqrt", 0x9346152cf308daa3),
    ("powf", 0x911cc456039b67c2),
    ("atan2", 0xc182bd2d7a36d0d6),
    ("hypot", 0xb24108286b232d99),
    ("db_to_gain", 0xeefaa349cea36862),
    ("gain_to_db", 0xe01834b860eec9da),
];
const GOLDEN_F32: [(&str, u64); 9] = [
    ("sin", 0x9718ed65b2898f97),
    ("cos", 0x3c3e7ad552d10d7f),
    ("exp", 0xae3270edd022c650),
    ("ln", 0x09a6e3c430712262),
    ("tanh", 0x49bb5f2feb11a98f),
    ("sqrt", 0x3d98f48697c7b905),
    ("powf", 0xe7c5fdd0fc51833e),
    ("fast log2", 0xc36c0c94d954d24f),
    ("fast exp2", 0xba92e526102054f9),
];
const SPOT_VALUES: [&str; 6] = [
    "3feaed548f090cee",
    "3fb0c774d5420eed",
    "3fefeef37b358867",
    "3fe009b9cf334252",
    "c018151824c7587f",
    "3fffec982d5bb8af",
];
