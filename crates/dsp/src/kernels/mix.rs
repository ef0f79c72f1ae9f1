//! Sums of any number of inputs, in one pass.

use super::Kernels;
use crate::simd::lanes::{Lanes, WIDTH, Wide};
use crate::simd::{dispatch, one_at_a_time};

/// What an input of a mix is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain<'a> {
    /// Nothing: the input is added as it is.
    Unity,
    /// The same factor for all samples.
    Constant(f32),
    /// A factor for each sample. Past the end of the slice the input contributes nothing.
    PerSample(&'a [f32]),
}

/// One input of a mix. Past the end of `samples` it contributes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixInput<'a> {
    /// The signal.
    pub samples: &'a [f32],
    /// Its gain.
    pub gain: Gain<'a>,
}

impl<'a> MixInput<'a> {
    /// An input with unity gain.
    #[must_use]
    pub const fn unity(samples: &'a [f32]) -> Self {
        Self { samples, gain: Gain::Unity }
    }

    /// An input with a constant gain.
    #[must_use]
    pub const fn constant(samples: &'a [f32], gain: f32) -> Self {
        Self { samples, gain: Gain::Constant(gain) }
    }

    /// An input with a gain for each sample.
    #[must_use]
    pub const fn per_sample(samples: &'a [f32], gains: &'a [f32]) -> Self {
        Self { samples, gain: Gain::PerSample(gains) }
    }

    fn len(&self) -> usize {
        match self.gain {
            Gain::PerSample(gains) => gains.len().min(self.samples.len()),
            _ => self.samples.len(),
        }
    }
}

impl Kernels {
    /// `dst[i] ← ((+0 + s₀[i]·g₀) + s₁[i]·g₁) + …`: the sum of all inputs, strictly from left to right.
    ///
    /// The result is never −0, and without inputs it is +0. Any number of inputs; `dst` is overwritten.
    pub fn mix(self, dst: &mut [f32], inputs: &[MixInput<'_>]) {
        dispatch!(self.level, mix_fresh, (dst: &mut [f32], inputs: &[MixInput<'_>]));
    }

    /// Like [`Kernels::mix`], but the sum starts from what `dst` holds: `mix(a, b)` then `mix_more(c)` gives the same bytes
    /// as `mix(a, b, c)`, so a long list of inputs may be cut anywhere.
    pub fn mix_more(self, dst: &mut [f32], inputs: &[MixInput<'_>]) {
        dispatch!(self.level, mix_more, (dst: &mut [f32], inputs: &[MixInput<'_>]));
    }

    /// Like [`Kernels::mix`], with products and sums in `f64`, rounded to `f32` once at the end.
    pub fn mix_f64(self, dst: &mut [f32], inputs: &[MixInput<'_>]) {
        dispatch!(self.level, mix_f64, (dst: &mut [f32], inputs: &[MixInput<'_>]));
    }
}

mod scalar {
    use super::{Gain, MixInput, one_at_a_time};

    fn product(input: &MixInput<'_>, i: usize) -> Option<(f32, f32)> {
        let x = *input.samples.get(i)?;
        match input.gain {
            Gain::Unity => Some((x, 1.0)),
            Gain::Constant(g) => Some((x, g)),
            Gain::PerSample(gains) => gains.get(i).map(|g| (x, *g)),
        }
    }

    pub fn mix_fresh(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        mix::<true>(dst, inputs);
    }

    pub fn mix_more(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        mix::<false>(dst, inputs);
    }

    fn mix<const FRESH: bool>(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        for (i, d) in dst.iter_mut().enumerate() {
            let mut sum = if FRESH { 0.0 } else { *d };
            for (x, g) in inputs.iter().filter_map(|input| product(input, i)) {
                sum = one_at_a_time(sum + x * g);
            }
            *d = sum + 0.0;
        }
    }

    pub fn mix_f64(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        mix_f64_from(dst, inputs, 0);
    }

    /// `dst[0]` is frame `at` of the inputs.
    pub fn mix_f64_from(dst: &mut [f32], inputs: &[MixInput<'_>], at: usize) {
        for (i, d) in (at..).zip(dst) {
            let mut sum = 0.0;
            for (x, g) in inputs.iter().filter_map(|input| product(input, i)) {
                sum += f64::from(x) * f64::from(g);
            }
            *d = one_at_a_time(round(sum));
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what is wanted")]
    fn round(sum: f64) -> f32 {
        sum as f32 + 0.0
    }
}

mod vector {
    use super::{Gain, Lanes, MixInput, WIDTH, Wide};

    /// Chunks of eight frames that are summed together. Their sums stay in registers while all inputs are added.
    const STRIP: usize = 8;

    #[inline(always)]
    pub fn mix_fresh<V: Lanes>(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        mix::<V, true>(dst, inputs);
    }

    #[inline(always)]
    pub fn mix_more<V: Lanes>(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        mix::<V, false>(dst, inputs);
    }

    #[inline(always)]
    fn mix<V: Lanes, const FRESH: bool>(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        let shortest = inputs.iter().map(MixInput::len).fold(dst.len(), usize::min);
        let whole = shortest - shortest % (STRIP * WIDTH);
        let (strips, rest) = dst.split_at_mut(whole.min(dst.len()));
        for (index, strip) in strips.as_chunks_mut::<{ STRIP * WIDTH }>().0.iter_mut().enumerate() {
            mix_strip::<V, STRIP, FRESH>(strip.as_chunks_mut().0, inputs, index * STRIP * WIDTH);
        }
        let mut at = whole;
        let mut rest = rest;
        while at + WIDTH <= shortest {
            let Some((chunk, tail)) = core::mem::take(&mut rest).split_at_mut_checked(WIDTH) else { return };
            mix_strip::<V, 1, FRESH>(chunk.as_chunks_mut().0, inputs, at);
            rest = tail;
            at += WIDTH;
        }
        mix_ragged::<FRESH>(rest, inputs, at);
    }

    /// All inputs have at least `at + N · WIDTH` samples.
    #[inline(always)]
    fn mix_strip<V: Lanes, const N: usize, const FRESH: bool>(
        dst: &mut [[f32; WIDTH]],
        inputs: &[MixInput<'_>],
        at: usize,
    ) {
        let Some(dst) = dst.first_chunk_mut::<N>() else { return };
        let mut sums = [V::splat(0.0); N];
        if !FRESH {
            for (sum, d) in sums.iter_mut().zip(dst.iter()) {
                *sum = V::load(d);
            }
        }
        for input in inputs {
            let Some(samples) = chunks::<N>(input.samples, at) else { continue };
            match input.gain {
                Gain::Unity => {
                    for (sum, x) in sums.iter_mut().zip(samples) {
                        *sum = *sum + V::load(x);
                    }
                }
                Gain::Constant(gain) => {
                    let gain = V::splat(gain);
                    for (sum, x) in sums.iter_mut().zip(samples) {
                        *sum = *sum + V::load(x) * gain;
                    }
                }
                Gain::PerSample(gains) => {
                    let Some(gains) = chunks::<N>(gains, at) else { continue };
                    for ((sum, x), g) in sums.iter_mut().zip(samples).zip(gains) {
                        *sum = *sum + V::load(x) * V::load(g);
                    }
                }
            }
        }
        for (sum, d) in sums.iter().zip(dst) {
            (*sum + V::splat(0.0)).store(d);
        }
    }

    #[inline(always)]
    fn chunks<const N: usize>(samples: &[f32], at: usize) -> Option<&[[f32; WIDTH]; N]> {
        samples.get(at..)?.as_chunks::<WIDTH>().0.first_chunk::<N>()
    }

    /// The last frames, and those where some input has ended.
    #[inline(always)]
    fn mix_ragged<const FRESH: bool>(dst: &mut [f32], inputs: &[MixInput<'_>], at: usize) {
        if FRESH {
            dst.fill(0.0);
        }
        for input in inputs {
            let samples = dst.iter_mut().zip(input.samples.get(at..).unwrap_or_default());
            match input.gain {
                Gain::Unity => samples.for_each(|(d, x)| *d += *x),
                Gain::Constant(g) => samples.for_each(|(d, x)| *d += *x * g),
                Gain::PerSample(gains) => {
                    samples.zip(gains.get(at..).unwrap_or_default()).for_each(|((d, x), g)| *d += *x * *g);
                }
            }
        }
        for d in dst {
            *d += 0.0;
        }
    }

    #[inline(always)]
    pub fn mix_f64<V: Lanes>(dst: &mut [f32], inputs: &[MixInput<'_>]) {
        let shortest = inputs.iter().map(MixInput::len).fold(dst.len(), usize::min);
        let whole = shortest - shortest % WIDTH;
        let (chunks, rest) = dst.split_at_mut(whole.min(dst.len()));
        let mut at = 0;
        for chunk in chunks.as_chunks_mut::<WIDTH>().0 {
            mix_chunk_f64::<V>(chunk, inputs, at);
            at += WIDTH;
        }
        super::scalar::mix_f64_from(rest, inputs, at);
    }

    #[inline(always)]
    fn mix_chunk_f64<V: Lanes>(dst: &mut [f32; WIDTH], inputs: &[MixInput<'_>], at: usize) {
        let mut sum = V::Wide::splat(0.0);
        for input in inputs {
            let Some([samples]) = self::chunks::<1>(input.samples, at) else { continue };
            let wide = V::load(samples).widen();
            sum = sum
                + match input.gain {
                    Gain::Unity => wide,
                    Gain::Constant(gain) => wide * V::Wide::splat(f64::from(gain)),
                    Gain::PerSample(gains) => match self::chunks::<1>(gains, at) {
                        Some([gains]) => wide * V::load(gains).widen(),
                        None => continue,
                    },
                };
        }
        (sum.narrow() + V::splat(0.0)).store(dst);
    }
}
