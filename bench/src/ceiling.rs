//! Bare loops over material in memory: what the work costs without a graph, meters, smoothing, compensation or events.
//!
//! Four stereo tracks lie side by side in eight lanes (L L L L R R R R), so that each filter is one vector operation per
//! coefficient; a plain loop over each channel is several times slower. The compressor's gain is computed every eight
//! frames and drawn straight in between.

use crate::material::{Stereo, Track};
use crate::workload::{
    ATTACK, BUS_BAND, BUS_GAIN, BUSES, Peak, RATIO, RELEASE, THRESHOLD, TRACK_BANDS, TRACK_GAIN, Workload,
    balance,
};

const BLOCK: usize = 256;
const LANES: usize = 8;
const GAIN_STEP: usize = 8;

type Lanes = [f32; LANES];
type Channel = [f32; BLOCK];
type Bus = [Channel; 2];

/// Renders `workload` with the widest vectors that this processor has.
pub fn render(workload: Workload, tracks: &[Track], out: &mut Stereo) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return wide::render(workload, tracks, out);
    }
    plain(workload, tracks, out);
}

#[cfg(target_arch = "x86_64")]
mod wide {
    #![allow(unsafe_code, reason = "calls loops compiled for AVX2 after their caller has detected it")]
    use super::{Stereo, Track, Workload, plain};

    pub fn render(workload: Workload, tracks: &[Track], out: &mut Stereo) {
        // SAFETY: the one caller has detected AVX2 at run time.
        unsafe { compiled_for_avx2(workload, tracks, out) }
    }

    #[target_feature(enable = "avx2")]
    fn compiled_for_avx2(workload: Workload, tracks: &[Track], out: &mut Stereo) {
        plain(workload, tracks, out);
    }
}

#[inline(always)]
fn plain(workload: Workload, tracks: &[Track], out: &mut Stereo) {
    match workload {
        Workload::Mix => mix(tracks, out),
        Workload::Fx => fx(tracks, out),
    }
}

#[inline(always)]
fn mix(tracks: &[Track], out: &mut Stereo) {
    let gains: Vec<[f32; 2]> =
        (0..tracks.len()).map(|index| balance(index).1.map(|gain| gain * TRACK_GAIN)).collect();
    for start in (0..out.left.len()).step_by(BLOCK) {
        let frames = BLOCK.min(out.left.len() - start);
        let mut buses = [[[0.0; BLOCK]; 2]; BUSES];
        for (index, (track, gain)) in tracks.iter().zip(&gains).enumerate() {
            let bus = &mut buses[index % BUSES];
            add(&mut bus[0], &track.left[start..start + frames], gain[0]);
            add(&mut bus[1], &track.right[start..start + frames], gain[1]);
        }
        master(&buses, out, start, frames);
    }
}

#[inline(always)]
fn fx(tracks: &[Track], out: &mut Stereo) {
    let mut groups: Vec<Group> = (0..tracks.len().div_ceil(4)).map(|_| Group::new()).collect();
    let bands = TRACK_BANDS.map(coefficients);
    let bus_band = coefficients(BUS_BAND);
    let mut bus_state = [[[0.0; LANES]; 2]; 2];
    let ballistics = Ballistics::new();
    for start in (0..out.left.len()).step_by(BLOCK) {
        let frames = BLOCK.min(out.left.len() - start);
        let mut buses = [[[0.0; BLOCK]; 2]; BUSES];
        let mut lanes = [[0.0; LANES]; BLOCK];
        for (number, group) in groups.iter_mut().enumerate() {
            let first = number * 4;
            let members = &tracks[first..(first + 4).min(tracks.len())];
            gather(members, &mut lanes, start, frames);
            group.filter(&bands, &mut lanes[..frames]);
            group.compress(&ballistics, &mut lanes[..frames]);
            spread(members.len(), first, &lanes[..frames], &mut buses);
        }
        filter_buses(&mut buses, &bus_band, &mut bus_state);
        master(&buses, out, start, frames);
    }
}

/// Four tracks into lanes, with the track gain.
#[inline(always)]
fn gather(members: &[Track], lanes: &mut [Lanes; BLOCK], start: usize, frames: usize) {
    for (lane, track) in members.iter().enumerate() {
        let sides = track.left[start..start + frames].iter().zip(&track.right[start..start + frames]);
        for (frame, (left, right)) in lanes.iter_mut().zip(sides) {
            frame[lane] = left * TRACK_GAIN;
            frame[lane + 4] = right * TRACK_GAIN;
        }
    }
}

/// Lanes onto their buses, with the balance gains.
#[inline(always)]
fn spread(members: usize, first: usize, lanes: &[Lanes], buses: &mut [Bus; BUSES]) {
    for lane in 0..members {
        let (_, gains) = balance(first + lane);
        let [left, right] = &mut buses[(first + lane) % BUSES];
        for ((frame, left), right) in lanes.iter().zip(left).zip(right) {
            *left += frame[lane] * gains[0];
            *right += frame[lane + 4] * gains[1];
        }
    }
}

/// The bus filter: eight buses side by side, first all left channels, then all right ones.
#[inline(always)]
fn filter_buses(buses: &mut [Bus; BUSES], band: &Coefficients, state: &mut [[Lanes; 2]; 2]) {
    for (side, state) in state.iter_mut().enumerate() {
        for frame in 0..BLOCK {
            let mut lanes = [0.0; LANES];
            for (lane, bus) in lanes.iter_mut().zip(buses.iter()) {
                *lane = bus[side][frame];
            }
            let lanes = section(lanes, band, state);
            for (lane, bus) in lanes.iter().zip(buses.iter_mut()) {
                bus[side][frame] = *lane;
            }
        }
    }
}

/// Bus gain, sum, master gain.
#[inline(always)]
fn master(buses: &[Bus; BUSES], out: &mut Stereo, start: usize, frames: usize) {
    for (side, channel) in [&mut out.left, &mut out.right].into_iter().enumerate() {
        let mut sum = [0.0; BLOCK];
        for bus in buses {
            add(&mut sum, &bus[side], BUS_GAIN * BUS_GAIN);
        }
        channel[start..start + frames].copy_from_slice(&sum[..frames]);
    }
}

#[inline(always)]
fn add(sum: &mut [f32], input: &[f32], gain: f32) {
    for (sum, input) in sum.iter_mut().zip(input) {
        *sum += input * gain;
    }
}

/// b0, b1, b2, a1, a2 of a second-order section, a0 being 1.
type Coefficients = [f32; 5];

/// A peak filter by the bilinear transform (Robert Bristow-Johnson, *Audio EQ Cookbook*).
#[allow(clippy::disallowed_methods, reason = "computed once; compared by level, not by bytes")]
#[allow(clippy::cast_possible_truncation, reason = "coefficients are f32 as in the engine")]
fn coefficients(peak: Peak) -> Coefficients {
    let amplitude = 10_f64.powf(peak.decibels / 40.0);
    let angle = std::f64::consts::TAU * peak.hertz / crate::material::RATE as f64;
    let alpha = angle.sin() / (2.0 * peak.q);
    let a0 = 1.0 + alpha / amplitude;
    let turn = -2.0 * angle.cos();
    [1.0 + alpha * amplitude, turn, 1.0 - alpha * amplitude, turn, 1.0 - alpha / amplitude]
        .map(|value| (value / a0) as f32)
}

/// One second-order section on eight lanes, transposed direct form II.
#[inline(always)]
fn section(input: Lanes, c: &Coefficients, state: &mut [Lanes; 2]) -> Lanes {
    let mut output = [0.0; LANES];
    for lane in 0..LANES {
        let (x, y) = (input[lane], c[0] * input[lane] + state[0][lane]);
        state[0][lane] = c[1] * x - c[3] * y + state[1][lane];
        state[1][lane] = c[2] * x - c[4] * y;
        output[lane] = y;
    }
    output
}

struct Ballistics {
    attack: f32,
    release: f32,
}

impl Ballistics {
    #[allow(clippy::disallowed_methods, reason = "computed once; compared by level, not by bytes")]
    #[allow(clippy::cast_possible_truncation, reason = "coefficients are f32 as in the engine")]
    fn new() -> Self {
        let approach = |seconds: f64| (1.0 - (-1.0 / (seconds * crate::material::RATE as f64)).exp()) as f32;
        Self { attack: approach(ATTACK), release: approach(RELEASE) }
    }
}

/// State of four stereo tracks.
struct Group {
    bands: [[Lanes; 2]; 4],
    envelope: Lanes,
    gain: Lanes,
}

impl Group {
    fn new() -> Self {
        Self { bands: [[[0.0; LANES]; 2]; 4], envelope: [0.0; LANES], gain: [1.0; LANES] }
    }

    /// Four bands in two passes of two, so that the state of a pass stays in registers.
    #[inline(always)]
    fn filter(&mut self, bands: &[Coefficients; 4], lanes: &mut [Lanes]) {
        for pass in 0..2 {
            let [mut first, mut second] = [self.bands[2 * pass], self.bands[2 * pass + 1]];
            for frame in lanes.iter_mut() {
                *frame =
                    section(section(*frame, &bands[2 * pass], &mut first), &bands[2 * pass + 1], &mut second);
            }
            [self.bands[2 * pass], self.bands[2 * pass + 1]] = [first, second];
        }
    }

    #[inline(always)]
    fn compress(&mut self, ballistics: &Ballistics, lanes: &mut [Lanes]) {
        let (mut envelope, mut gain) = (self.envelope, self.gain);
        for step in lanes.chunks_mut(GAIN_STEP) {
            for frame in step.iter() {
                for lane in 0..LANES {
                    let level = frame[lane].abs();
                    let rate = if level > envelope[lane] { ballistics.attack } else { ballistics.release };
                    envelope[lane] += rate * (level - envelope[lane]);
                }
            }
            let mut slope = [0.0; LANES];
            for lane in 0..LANES / 2 {
                let target = gain_at(envelope[lane].max(envelope[lane + 4]));
                slope[lane] = (target - gain[lane]) / GAIN_STEP as f32;
                slope[lane + 4] = (target - gain[lane + 4]) / GAIN_STEP as f32;
            }
            for frame in step.iter_mut() {
                for lane in 0..LANES {
                    gain[lane] += slope[lane];
                    frame[lane] *= gain[lane];
                }
            }
        }
        (self.envelope, self.gain) = (envelope, gain);
    }
}

/// Hard knee: above the threshold the level rises by one part in `RATIO`.
#[inline(always)]
#[allow(clippy::disallowed_methods, reason = "compared by level, not by bytes")]
fn gain_at(level: f32) -> f32 {
    if level > THRESHOLD { (THRESHOLD / level).powf(1.0 - 1.0 / RATIO) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::{RATE, tracks};

    #[test]
    fn the_output_has_the_level_that_other_programs_give() {
        let tracks = tracks(64, RATE);
        for workload in [Workload::Mix, Workload::Fx] {
            let mut out = Stereo::silent(RATE);
            render(workload, &tracks, &mut out);
            let expected = workload.expected_rms(64).unwrap();
            assert!((out.rms() / expected - 1.0).abs() < 0.01, "{} {}", workload.name(), out.rms());
        }
    }

    #[test]
    fn lanes_do_what_one_channel_after_another_does() {
        let tracks = tracks(7, 1000);
        let mut out = Stereo::silent(1000);
        render(Workload::Fx, &tracks, &mut out);
        let mut sums = [[[0.0_f64; 1000]; 2]; BUSES];
        for (index, track) in tracks.iter().enumerate() {
            for (side, gain) in balance(index).1.into_iter().enumerate() {
                let mut samples: Vec<f32> =
                    [&track.left, &track.right][side].iter().map(|x| x * TRACK_GAIN).collect();
                TRACK_BANDS.iter().for_each(|band| one_section(&mut samples, *band));
                for (sum, sample) in sums[index % BUSES][side].iter_mut().zip(&samples) {
                    *sum += f64::from(sample * gain);
                }
            }
        }
        for (side, result) in [&out.left, &out.right].into_iter().enumerate() {
            let mut total = vec![0.0_f32; 1000];
            for bus in &sums {
                #[allow(clippy::cast_possible_truncation, reason = "a sum of samples is a sample")]
                let mut samples: Vec<f32> = bus[side].iter().map(|x| *x as f32).collect();
                one_section(&mut samples, BUS_BAND);
                add(&mut total, &samples, BUS_GAIN * BUS_GAIN);
            }
            // No compressor in this oracle: the material stays below the threshold in its first thousand frames.
            let worst = total.iter().zip(result).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "side {side}: {worst}");
        }
    }

    fn one_section(samples: &mut [f32], band: Peak) {
        let c = coefficients(band);
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for sample in samples {
            let y = c[0] * *sample + c[1] * x1 + c[2] * x2 - c[3] * y1 - c[4] * y2;
            (x2, x1, y2, y1) = (x1, *sample, y1, y);
            *sample = y;
        }
    }

    #[test]
    fn the_compressor_reaches_its_static_curve() {
        let mut group = Group::new();
        let mut lanes = [[0.5; LANES]; BLOCK];
        for _ in 0..200 {
            lanes = [[0.5; LANES]; BLOCK];
            group.compress(&Ballistics::new(), &mut lanes);
        }
        let expected = 0.5 * gain_at(0.5);
        assert!((lanes[BLOCK - 1][5] / expected - 1.0).abs() < 1e-3);
    }
}
