//! Planar ⇄ interleaved.

use super::Kernels;
use crate::simd::lanes::{Lanes, WIDTH};
use crate::simd::{dispatch, one_at_a_time};

impl Kernels {
    /// `interleaved[i · channels + c] ← planar[c][i]` with `channels = planar.len()`, for as many frames as fit in
    /// `interleaved`; a channel that is shorter is continued with zeros. Without channels nothing is written.
    pub fn interleave(self, interleaved: &mut [f32], planar: &[&[f32]]) {
        dispatch!(self.level, interleave,
            (interleaved: &mut [f32], planar: &[&[f32]])
        );
    }

    /// `planar[c][i] ← interleaved[i · channels + c]` with `channels = planar.len()`, for as many whole frames as
    /// `interleaved` has; what is left of a longer channel is not touched.
    pub fn deinterleave(self, planar: &mut [&mut [f32]], interleaved: &[f32]) {
        dispatch!(self.level, deinterleave,
            (planar: &mut [&mut [f32]], interleaved: &[f32])
        );
    }
}

mod scalar {
    use super::one_at_a_time;

    pub fn interleave(interleaved: &mut [f32], planar: &[&[f32]]) {
        interleave_from(interleaved, planar, 0);
    }

    /// `interleaved` begins at frame `first` of the channels.
    pub fn interleave_from(interleaved: &mut [f32], planar: &[&[f32]], first: usize) {
        if planar.is_empty() {
            return;
        }
        for (i, frame) in (first..).zip(interleaved.chunks_exact_mut(planar.len())) {
            for (sample, channel) in frame.iter_mut().zip(planar) {
                *sample = one_at_a_time(channel.get(i).copied().unwrap_or(0.0));
            }
        }
    }

    pub fn deinterleave(planar: &mut [&mut [f32]], interleaved: &[f32]) {
        deinterleave_from(planar, interleaved, 0);
    }

    /// `interleaved` begins at frame `first` of the channels.
    pub fn deinterleave_from(planar: &mut [&mut [f32]], interleaved: &[f32], first: usize) {
        let channels = planar.len();
        for (c, channel) in planar.iter_mut().enumerate() {
            let samples = interleaved.chunks_exact(channels).filter_map(|frame| frame.get(c));
            for (d, s) in channel.iter_mut().skip(first).zip(samples) {
                *d = one_at_a_time(*s);
            }
        }
    }
}

mod vector {
    use super::{Lanes, WIDTH};

    /// Stereo and eight channels have a fast way; the rest is bound by memory more than by instructions.
    #[inline(always)]
    pub fn interleave<V: Lanes>(interleaved: &mut [f32], planar: &[&[f32]]) {
        let mut frames = 0;
        match planar {
            [left, right] => {
                let (l, r) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
                for ((pair, l), r) in interleaved.as_chunks_mut::<{ 2 * WIDTH }>().0.iter_mut().zip(l).zip(r)
                {
                    for ((frame, l), r) in pair.as_chunks_mut::<2>().0.iter_mut().zip(l).zip(r) {
                        *frame = [*l, *r];
                    }
                    frames += WIDTH;
                }
            }
            [a, b, c, d, e, f, g, h] => {
                let channels = [a, b, c, d, e, f, g, h];
                for block in interleaved.as_chunks_mut::<{ WIDTH * WIDTH }>().0 {
                    let Some(rows) = rows::<V>(&channels, frames) else { break };
                    for (row, frame) in V::transpose(rows).into_iter().zip(block.as_chunks_mut().0) {
                        row.store(frame);
                    }
                    frames += WIDTH;
                }
            }
            _ => {}
        }
        let rest = interleaved.get_mut(frames * planar.len()..).unwrap_or_default();
        super::scalar::interleave_from(rest, planar, frames);
    }

    #[inline(always)]
    fn rows<V: Lanes>(channels: &[&&[f32]; WIDTH], at: usize) -> Option<[V; WIDTH]> {
        let mut rows = [V::splat(0.0); WIDTH];
        for (row, channel) in rows.iter_mut().zip(channels) {
            *row = V::load(channel.get(at..)?.first_chunk()?);
        }
        Some(rows)
    }

    #[inline(always)]
    pub fn deinterleave<V: Lanes>(planar: &mut [&mut [f32]], interleaved: &[f32]) {
        let channels = planar.len();
        let mut frames = 0;
        match planar {
            [left, right] => {
                let (l, r) = (left.as_chunks_mut::<WIDTH>().0, right.as_chunks_mut::<WIDTH>().0);
                for ((pair, l), r) in interleaved.as_chunks::<{ 2 * WIDTH }>().0.iter().zip(l).zip(r) {
                    for ((frame, l), r) in pair.as_chunks::<2>().0.iter().zip(l).zip(r) {
                        [*l, *r] = *frame;
                    }
                    frames += WIDTH;
                }
            }
            [a, b, c, d, e, f, g, h] => {
                let shortest =
                    [&a, &b, &c, &d, &e, &f, &g, &h].into_iter().map(|x| x.len()).min().unwrap_or(0);
                for block in interleaved.as_chunks::<{ WIDTH * WIDTH }>().0 {
                    if frames + WIDTH > shortest {
                        break;
                    }
                    let mut rows = [V::splat(0.0); WIDTH];
                    for (row, frame) in rows.iter_mut().zip(block.as_chunks().0) {
                        *row = V::load(frame);
                    }
                    let columns = V::transpose(rows);
                    let to: [&mut [f32]; WIDTH] = [a, b, c, d, e, f, g, h];
                    for (column, channel) in columns.into_iter().zip(to) {
                        if let Some(chunk) = channel.get_mut(frames..).and_then(<[f32]>::first_chunk_mut) {
                            column.store(chunk);
                        }
                    }
                    frames += WIDTH;
                }
            }
            _ => {}
        }
        let rest = interleaved.get(frames * channels..).unwrap_or_default();
        super::scalar::deinterleave_from(planar, rest, frames);
    }
}
