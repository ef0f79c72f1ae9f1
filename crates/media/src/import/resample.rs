//! Sample-rate conversion by a windowed sinc, for import.
//!
//! Band-limited interpolation (J. O. Smith, P. Gossett, 'A flexible sampling-rate conversion method', ICASSP 1984):
//! each output frame is the input weighted by a Kaiser-windowed sinc that is centred on the frame's exact time, a
//! fraction of integers that never drifts. Nothing is delayed, so nothing has to be trimmed: output frame 0 lies on input
//! frame 0. Only IEEE additions and multiplications in a fixed order, in `f64`, so the converted audio, and with it the
//! name of an import, is the same on every machine.

use omega_dsp::math;

/// Half the width of the kernel in periods of the lower rate. With [`BETA`] the band between [`PASS`] and 1 suffices for
/// the filter's edge (J. F. Kaiser, 'Nonrecursive digital filter design using the I0-sinh window function', 1974).
const HALF_WIDTH: f64 = 100.0;
/// Stop band at −140 dB: 0.1102 · (140 − 8.7).
const BETA: f64 = 14.469;
/// Where the pass band ends, as a fraction of the lower Nyquist frequency: 20 kHz at 44.1 kHz.
const PASS: f64 = 0.907;
/// Phases above this share an interpolated table (−150 dB) instead of having one exact kernel each.
const MAX_EXACT_TAPS: usize = 1 << 20;
/// Table steps per input frame (per period of the lower rate when converting down).
const TABLE_STEPS: usize = 4096;
/// Rates that are converted, in Hz. Bounds the kernel at 192 · 2 · [`HALF_WIDTH`] frames.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 2_000..=768_000;

/// Converts audio block by block.
pub(super) struct Resampler {
    /// One output frame is `step_in / step_out` input frames.
    step_in: u64,
    step_out: u64,
    /// Input frames on each side of an output frame that have weight.
    half: usize,
    kernels: Kernels,
    history: Vec<Vec<f64>>,
    /// Input frame of `history[..][0]`; negative at the beginning, where the history is silence.
    base: i64,
    /// Input frames pushed.
    pushed: u64,
    /// Input frame at or before the next output frame, and the rest in units of 1 / `step_out`.
    whole: i64,
    rest: u64,
    produced: u64,
    /// Kernel of the current frame when it is interpolated.
    weights: Vec<f64>,
}

enum Kernels {
    /// `2 * half` weights for each of `step_out` phases.
    Exact(Vec<f64>),
    /// Half of the symmetric kernel, sampled finely, and steps per input frame.
    Table(Vec<f64>, f64),
}

impl Resampler {
    /// A converter between two different rates within [`RATES`].
    pub fn new(rate_in: u32, rate_out: u32, channels: usize) -> Self {
        let divisor = gcd(rate_in, rate_out);
        let (step_in, step_out) = (u64::from(rate_in / divisor), u64::from(rate_out / divisor));
        let scale = (f64::from(rate_out) / f64::from(rate_in)).min(1.0);
        let half = to_usize(math::ceil(HALF_WIDTH / scale)) + 1;
        let taps = 2 * half;
        let phases = usize::try_from(step_out).unwrap_or(usize::MAX);
        let kernels = if phases.saturating_mul(taps) <= MAX_EXACT_TAPS {
            Kernels::Exact(exact_kernels(half, step_out, scale))
        } else {
            let steps = TABLE_STEPS as f64 * scale;
            let len = to_usize(HALF_WIDTH / scale * steps) + 2;
            Kernels::Table((0..len).map(|step| kernel(step as f64 / steps, scale)).collect(), steps)
        };
        Self {
            step_in,
            step_out,
            half,
            kernels,
            history: vec![vec![0.0; half]; channels],
            base: -to_i64(half),
            pushed: 0,
            whole: 0,
            rest: 0,
            produced: 0,
            weights: vec![0.0; taps],
        }
    }

    /// Frames that `frames` of input become: the nearest whole number, halves up.
    pub fn output_frames(&self, frames: u64) -> u64 {
        let (frames, from, to) = (u128::from(frames), u128::from(self.step_in), u128::from(self.step_out));
        u64::try_from((frames * to * 2 + from) / (from * 2)).unwrap_or(u64::MAX)
    }

    /// Takes `frames` of each channel and appends what can be computed to `out` (a vector per channel).
    pub fn push<C: AsRef<[f32]>>(&mut self, input: &[C], frames: usize, out: &mut [Vec<f32>]) {
        for (history, samples) in self.history.iter_mut().zip(input) {
            history.extend(samples.as_ref().iter().take(frames).map(|&sample| f64::from(sample)));
        }
        self.pushed += frames as u64;
        self.produce(u64::MAX, out);
    }

    /// Appends the rest: what lies after the last input frame counts as silence.
    pub fn finish(&mut self, out: &mut [Vec<f32>]) {
        for history in &mut self.history {
            history.resize(history.len() + 2 * self.half, 0.0);
        }
        self.produce(self.output_frames(self.pushed), out);
    }

    fn produce(&mut self, limit: u64, out: &mut [Vec<f32>]) {
        let available = self.base + to_i64(self.history.first().map_or(0, Vec::len));
        while self.produced < limit && self.whole + to_i64(self.half) < available {
            // Weight 0 belongs to input frame `whole - half + 1`.
            let start = usize::try_from(self.whole - to_i64(self.half) + 1 - self.base).unwrap_or(0);
            let weights = match &self.kernels {
                Kernels::Exact(all) => {
                    let phase = usize::try_from(self.rest).unwrap_or(0) * self.weights.len();
                    all.get(phase..phase + self.weights.len()).unwrap_or(&[])
                }
                Kernels::Table(table, steps) => {
                    interpolate(
                        table,
                        *steps,
                        self.half,
                        self.rest as f64 / self.step_out as f64,
                        &mut self.weights,
                    );
                    &self.weights
                }
            };
            for (history, out) in self.history.iter().zip(out.iter_mut()) {
                out.push(math::to_f32(dot(weights, history.get(start..).unwrap_or(&[]))));
            }
            self.produced += 1;
            self.whole += i64::try_from(self.step_in / self.step_out).unwrap_or(0);
            self.rest += self.step_in % self.step_out;
            if self.rest >= self.step_out {
                self.rest -= self.step_out;
                self.whole += 1;
            }
        }
        self.forget();
    }

    /// Drops input that no later frame needs.
    fn forget(&mut self) {
        let first_needed = self.whole - to_i64(self.half) + 1;
        let len = self.history.first().map_or(0, Vec::len);
        let unneeded = usize::try_from(first_needed - self.base).unwrap_or(0).min(len);
        for history in &mut self.history {
            history.drain(..unneeded);
        }
        self.base += to_i64(unneeded);
    }
}

/// The kernel at `t` input frames from its centre.
fn kernel(t: f64, scale: f64) -> f64 {
    let cutoff = (1.0 + PASS) / 2.0 * scale;
    let x = t * scale / HALF_WIDTH;
    if x.abs() >= 1.0 {
        return 0.0;
    }
    let phase = std::f64::consts::PI * cutoff * t;
    let sinc = if t == 0.0 { 1.0 } else { math::sin(phase) / phase };
    cutoff * sinc * bessel_i0(BETA * math::sqrt(1.0 - x * x)) / bessel_i0(BETA)
}

/// The modified Bessel function of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        term *= quarter / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}

/// One kernel per phase, each with a sum of exactly 1 (up to rounding): a constant stays what it is.
fn exact_kernels(half: usize, phases: u64, scale: f64) -> Vec<f64> {
    let mut all = Vec::with_capacity(usize::try_from(phases).unwrap_or(0) * 2 * half);
    for phase in 0..phases {
        let begin = all.len();
        let centre = half as f64 - 1.0 + phase as f64 / phases as f64;
        all.extend((0..2 * half).map(|tap| kernel(tap as f64 - centre, scale)));
        let weights = all.get_mut(begin..).unwrap_or(&mut []);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
    all
}

/// Fills `weights` for a frame that lies `fraction` of an input frame after its whole one.
fn interpolate(table: &[f64], steps: f64, half: usize, fraction: f64, weights: &mut [f64]) {
    let centre = half as f64 - 1.0 + fraction;
    for (tap, weight) in weights.iter_mut().enumerate() {
        let at = (tap as f64 - centre).abs() * steps;
        let below = math::floor(at);
        let pair = table.get(to_usize(below)..).and_then(|rest| rest.first_chunk::<2>());
        *weight = pair.map_or(0.0, |[a, b]| a + (b - a) * (at - below));
    }
}

/// The sum of products, in four interleaved partial sums (so that a compiler may use vectors without changing a bit).
fn dot(weights: &[f64], samples: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (chunks, rest) = weights.as_chunks::<4>();
    for (weights, samples) in chunks.iter().zip(samples.as_chunks::<4>().0) {
        for ((sum, weight), sample) in sums.iter_mut().zip(weights).zip(samples) {
            *sum += weight * sample;
        }
    }
    let tail = samples.get(weights.len() - rest.len()..).unwrap_or(&[]);
    let tail: f64 = rest.iter().zip(tail).map(|(weight, sample)| weight * sample).sum();
    let [a, b, c, d] = sums;
    (a + b) + (c + d) + tail
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "kernel sizes: small and not negative"
)]
const fn to_usize(value: f64) -> usize {
    value as usize
}

fn to_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omega_signals as signals;

    fn convert(input: &[Vec<f32>], from: u32, to: u32, block: usize) -> Vec<Vec<f32>> {
        let mut resampler = Resampler::new(from, to, input.len());
        let mut out = vec![Vec::new(); input.len()];
        let frames = input[0].len();
        for start in (0..frames).step_by(block) {
            let end = frames.min(start + block);
            let cut: Vec<&[f32]> = input.iter().map(|channel| &channel[start..end]).collect();
            resampler.push(&cut, end - start, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    const PAIRS: [(u32, u32); 10] = [
        (44_100, 48_000),
        (48_000, 44_100),
        (96_000, 44_100),
        (44_100, 192_000),
        (22_050, 48_000),
        (8_000, 48_000),
        (192_000, 48_000),
        (47_999, 48_000),
        (22_255, 44_100),
        (48_000, 44_101),
    ];

    #[test]
    fn a_sine_comes_out_with_its_phase_amplitude_and_nothing_else() {
        for (from, to) in PAIRS {
            let (rate_in, rate_out) = (f64::from(from), f64::from(to));
            for part in [0.013, 0.31, 0.62, 0.9] {
                let freq = part * rate_in.min(rate_out) / 2.0;
                let frames = from as usize / 4;
                let input = [signals::scaled(&signals::sine(freq, rate_in, frames), 0.5)];
                let out = &convert(&input, from, to, 4_096)[0];
                // Away from the ends, where silence meets the sine.
                let skip = to as usize / 15;
                let middle = &out[skip..out.len() - skip];
                let fit = signals::fit_sine(middle, freq, rate_out);
                let snr = signals::db(fit.amplitude / std::f64::consts::SQRT_2 / fit.residual_rms);
                // 0.5 in f32 is quantised at −150 dB of itself; input and output both are.
                assert!(snr > 135.0, "{from} to {to} at {freq:.0} Hz: {snr:.1} dB");
                assert!((fit.amplitude - 0.5).abs() < 2e-7, "{from} to {to} at {freq:.0}: {}", fit.amplitude);
                let start = std::f64::consts::TAU * (freq * skip as f64 / rate_out).fract();
                let error = (fit.phase - start + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
                    - std::f64::consts::PI;
                assert!(error.abs() < 1e-6, "{from} to {to} at {freq:.0}: phase error {error}");
            }
        }
    }

    #[test]
    fn what_lies_above_the_new_nyquist_frequency_is_gone() {
        for (from, to) in [(96_000, 44_100), (48_000, 44_100), (192_000, 48_000), (44_100, 22_255)] {
            for part in [1.0, 1.03, 1.7] {
                let freq = part * f64::from(to) / 2.0;
                if freq >= f64::from(from) / 2.0 {
                    continue;
                }
                let input = [signals::sine(freq, f64::from(from), from as usize / 2)];
                let out = &convert(&input, from, to, 4_096)[0];
                let skip = to as usize / 10;
                let left = signals::db(signals::rms(&out[skip..out.len() - skip]));
                assert!(left < -130.0, "{from} to {to}: {left:.1} dB left of {freq} Hz");
            }
        }
    }

    #[test]
    fn the_length_is_rounded_and_blocks_make_no_difference() {
        for (from, to) in PAIRS {
            for frames in [1, 2, 601] {
                let input = [signals::noise(3, frames), signals::noise(4, frames)];
                let whole = convert(&input, from, to, frames);
                let want = to_usize((frames as f64 * f64::from(to) / f64::from(from)).round());
                assert_eq!((whole[0].len(), whole[1].len()), (want, want), "{from} to {to}, {frames} frames");
                for block in [7, 333] {
                    assert!(convert(&input, from, to, block) == whole, "{from} to {to}, blocks of {block}");
                }
            }
        }
    }

    #[test]
    fn a_constant_stays_what_it_is() {
        for (from, to) in PAIRS {
            let out = &convert(&[signals::dc(0.7, 4_000)], from, to, 512)[0];
            let skip = out.len() * 2 / 5;
            let worst =
                out[skip..out.len() - skip].iter().map(|sample| (sample - 0.7).abs()).fold(0.0, f32::max);
            assert!(worst <= 1.2e-7, "{from} to {to}: {worst}");
        }
    }

    #[test]
    fn the_widest_ratios_stay_within_memory() {
        for (from, to, frames) in
            [(2_000, 768_000, 50), (768_000, 2_000, 20_000), (767_999, 2_003, 20_000), (2_003, 767_999, 50)]
        {
            let out = &convert(&[signals::noise(9, frames)], from, to, 1_000)[0];
            assert_eq!(out.len() as u64, (frames as u64 * u64::from(to) * 2 / u64::from(from)).div_ceil(2));
        }
    }
}
