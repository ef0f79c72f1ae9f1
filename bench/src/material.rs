//! The input: stereo tracks in memory, half noise, half sines, at about −30 dBFS.
//!
//! The neutral workload has 32 different tracks; later tracks repeat them (in memory of their own, as files would be),
//! which is part of what makes the output level a check of equal work. Odd tracks are Gaussian-like noise of standard
//! deviation 0.03, even ones sines of peak 0.05, the right side 0.3 % sharp.

#![allow(
    clippy::disallowed_methods,
    reason = "made before the clock starts; compared by level, not by bytes"
)]
#![allow(clippy::cast_possible_truncation, reason = "f64 material is stored as f32 samples")]

use std::sync::Arc;

/// Frames per second.
pub const RATE: usize = 48_000;

/// How many tracks differ.
const UNIQUE: usize = 32;

/// One track of input, to be shared by all contenders.
pub struct Track {
    /// Left samples.
    pub left: Arc<[f32]>,
    /// Right samples.
    pub right: Arc<[f32]>,
}

/// Two channels of output of equal length.
pub struct Stereo {
    /// Left samples.
    pub left: Vec<f32>,
    /// Right samples.
    pub right: Vec<f32>,
}

impl Stereo {
    /// `frames` of silence.
    pub fn silent(frames: usize) -> Self {
        Self { left: vec![0.0; frames], right: vec![0.0; frames] }
    }

    /// Root of the mean square over both channels.
    pub fn rms(&self) -> f64 {
        rms(&self.left, &self.right)
    }
}

fn rms(left: &[f32], right: &[f32]) -> f64 {
    let square = |channel: &[f32]| channel.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    ((square(left) + square(right)) / (left.len() + right.len()).max(1) as f64).sqrt()
}

/// `count` tracks of `frames` frames; the same arguments give the same samples.
pub fn tracks(count: usize, frames: usize) -> Vec<Track> {
    (0..count).map(|index| track(index % UNIQUE, frames)).collect()
}

fn track(index: usize, frames: usize) -> Track {
    if index % 2 == 1 {
        return Track { left: noise(index, 0, frames).into(), right: noise(index, 1, frames).into() };
    }
    let frequency = 55.0 * (index as f64 / 12.0).exp2();
    Track { left: sine(frequency, frames).into(), right: sine(frequency * 1.003, frames).into() }
}

fn sine(frequency: f64, frames: usize) -> Vec<f32> {
    let step = std::f64::consts::TAU * frequency / RATE as f64;
    (0..frames).map(|frame| (0.05 * (step * frame as f64).sin()) as f32).collect()
}

/// Sums of sixteen uniform bytes, which are close to Gaussian, from a counter keyed by track, channel and frame.
fn noise(index: usize, channel: usize, frames: usize) -> Vec<f32> {
    let key = ((index * 2 + channel) as u64) << 40;
    // A byte has the mean 127.5 and the variance (256² − 1) / 12.
    let (mean, deviation) = (16.0 * 127.5, (16.0 * 65_535.0 / 12.0_f64).sqrt());
    let sample = |frame: usize| {
        let counter = key + frame as u64 * 2;
        let sum: u32 =
            [counter, counter + 1].iter().flat_map(|n| scramble(*n).to_le_bytes()).map(u32::from).sum();
        0.03 * (f64::from(sum) - mean) / deviation
    };
    (0..frames).map(|frame| sample(frame) as f32).collect()
}

/// The finaliser of the SplitMix64 generator (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, 2014).
fn scramble(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_have_the_levels_of_the_neutral_workload() {
        let tracks = tracks(34, RATE);
        let level = |index: usize| rms(&tracks[index].left, &tracks[index].right);
        assert!((level(1) / 0.03 - 1.0).abs() < 0.01, "{}", level(1));
        assert!((level(2) / (0.05 / 2.0_f64.sqrt()) - 1.0).abs() < 0.01, "{}", level(2));
        assert_eq!(tracks[33].left, tracks[1].left, "track 33 repeats track 1");
        assert_ne!(tracks[1].left, tracks[1].right);
        assert_ne!(tracks[1].left, tracks[3].left);
    }
}
