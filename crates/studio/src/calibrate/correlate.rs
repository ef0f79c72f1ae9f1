//! Finding a known sound in what came in, to a part of a frame.
//!
//! The sound is a linear sweep under a raised-cosine window; its autocorrelation is one narrow peak. It is found by
//! cross-correlation, normalised by the energy of the stretch that it is compared with, and its place between frames by a parabola through
//! the peak and its neighbours (as in Smith, Spectral Audio Signal Processing, "Quadratic interpolation of spectral
//! peaks", applied to lags).

use omega_dsp::math;

/// Frames of the sweep: 85 ms at 48 kHz.
const LENGTH: usize = 4096;
/// Where the sweep begins and ends, as parts of the rate.
const FROM: f64 = 0.01;
const TO: f64 = 0.2;
/// What the peak of the correlation has to have over its root mean square elsewhere.
const CLEAR: f64 = 8.0;
/// Frames around the peak that belong to it.
const AROUND: usize = 64;

/// The sweep.
#[derive(Clone, Debug)]
pub struct Probe {
    samples: Vec<f32>,
}

/// Where the sweep was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reply {
    /// Frames from the beginning of what was searched.
    pub frames: f64,
    /// The peak of the correlation over its root mean square elsewhere.
    pub clarity: f64,
    /// The cable turns the phase.
    pub inverted: bool,
}

impl Default for Probe {
    /// The same number of frames, and the same parts of the band, at all rates.
    fn default() -> Self {
        let length = LENGTH as f64;
        let sample = |n: usize| {
            let n = n as f64;
            let phase = FROM * n + (TO - FROM) * n * n / (2.0 * length);
            let window = 0.5 - 0.5 * math::cos(core::f64::consts::TAU * n / length);
            math::to_f32(window * math::sin(core::f64::consts::TAU * phase))
        };
        Self { samples: (0..LENGTH).map(sample).collect() }
    }
}

impl Probe {
    /// Its samples, full scale ±1.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Where it begins in `heard`; `None` when nothing in there is clearly it.
    #[must_use]
    pub fn find(&self, heard: &[f32]) -> Option<Reply> {
        let lags = heard.len().checked_sub(self.samples.len())? + 1;
        let correlation: Vec<f64> = (0..lags)
            .map(|lag| {
                let stretch = &heard[lag..lag + self.samples.len()];
                // Chunks, so that the sums can run side by side.
                let products = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                self.samples.chunks(16).zip(stretch.chunks(16)).map(products).map(f64::from).sum()
            })
            .collect();
        let best = (0..lags).max_by(|a, b| correlation[*a].abs().total_cmp(&correlation[*b].abs()))?;
        let peak = correlation[best].abs();
        let far = |lag: &usize| lag.abs_diff(best) > AROUND;
        let (sum, count) = (0..lags).filter(far).fold((0.0, 0.0f64), |(sum, count), lag| {
            (sum + correlation[lag] * correlation[lag], count + 1.0)
        });
        let rest = math::sqrt(sum / count.max(1.0));
        let clarity = if rest > 0.0 { (peak / rest).min(1e9) } else { 1e9 };
        if peak <= 1e-6 || clarity < CLEAR {
            return None;
        }
        let at = |lag: usize| correlation.get(lag).map(|value| value.abs());
        // At either end of what was searched there is no telling on which side of the frame it lies.
        let shift = match best.checked_sub(1).and_then(at).zip(at(best + 1)) {
            Some((before, after)) if before - 2.0 * peak + after < 0.0 => {
                0.5 * (before - after) / (before - 2.0 * peak + after)
            }
            _ => 0.0,
        };
        Some(Reply { frames: best as f64 + shift, clarity, inverted: correlation[best] < 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sweep `delay` frames late, between frames by a windowed sinc, with noise, turned if `gain` is negative.
    fn heard(probe: &Probe, delay: f64, gain: f64, noise: f64) -> Vec<f32> {
        let mut random = 9u32;
        (0..12_000)
            .map(|n| {
                let from = f64::from(n) - delay;
                #[allow(clippy::cast_possible_truncation, reason = "a few thousand frames")]
                let whole = from.floor() as i64;
                let near = whole - 31..whole + 32;
                let sound: f64 = near
                    .map(|k| {
                        let sample = usize::try_from(k).ok().and_then(|k| probe.samples().get(k));
                        let x = from - k as f64;
                        let (sinc, window) = if x.abs() < 1e-12 {
                            (1.0, 1.0)
                        } else {
                            let a = core::f64::consts::PI * x;
                            (math::sin(a) / a, 0.5 + 0.5 * math::cos(a / 32.0))
                        };
                        f64::from(*sample.unwrap_or(&0.0)) * sinc * window
                    })
                    .sum();
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = f64::from(random >> 8) / f64::from(1u32 << 23) - 1.0;
                math::to_f32(gain * sound + noise * hiss)
            })
            .collect()
    }

    #[test]
    fn any_delay_is_found_to_a_twentieth_of_a_frame_in_noise_and_turned() {
        let probe = Probe::default();
        for (delay, gain, noise) in [
            (0.0, 0.5, 0.0),
            (1.0, 0.5, 0.01),
            (2345.0, 0.001, 0.0),
            (777.37, -0.3, 0.03),
            (7000.5, 0.1, 0.1),
        ] {
            let reply = probe.find(&heard(&probe, delay, gain, noise)).expect("it is there");
            assert!((reply.frames - delay).abs() < 0.05, "{delay}: {reply:?}");
            assert_eq!(reply.inverted, gain < 0.0);
        }
    }

    #[test]
    fn nothing_and_noise_are_no_reply() {
        let probe = Probe::default();
        assert_eq!(probe.find(&vec![0.0; 9000]), None);
        assert_eq!(probe.find(&heard(&probe, 0.0, 0.0, 0.5)), None);
        assert_eq!(probe.find(&[0.5; 100]), None, "too short");
        let hum: Vec<f32> = (0..9000).map(|n| math::to_f32(math::sin(f64::from(n) * 0.0065))).collect();
        assert_eq!(probe.find(&hum), None);
    }
}
