//! Planar channels of several nodes, filtered side by side.

use super::{Lane, Section};
use crate::kernels::Kernels;
use crate::simd::dispatch;
use crate::simd::lanes::{Lanes, WIDTH};

/// One channel with its cascade.
#[derive(Debug, Default)]
pub struct ChannelLane<'a> {
    /// The samples, filtered in place.
    pub samples: &'a mut [f32],
    /// The cascade.
    pub sections: &'a mut [Section],
}

/// Frames that are laid across lanes at once: 8 KiB, a quarter of the first-level cache.
const PIECE: usize = 256;

impl Kernels {
    /// Filters any number of channels, each with its own cascade, in place: eight at a time in the lanes of a vector, what is left pipelined.
    ///
    /// Gives the bytes of [`Kernels::cascade_mono`] on each channel.
    pub fn cascade_channels(self, channels: &mut [ChannelLane<'_>]) {
        for group in channels.chunks_mut(WIDTH) {
            let same = group.windows(2).all(|pair| match pair {
                [a, b] => a.samples.len() == b.samples.len(),
                _ => true,
            });
            match group {
                [one] => self.cascade_mono(one.samples, one.sections),
                [l, r] if same => self.cascade_stereo(l.samples, r.samples, [l.sections, r.sections]),
                _ if same => dispatch!(self.level(), channels, (group: &mut [ChannelLane<'_>])),
                _ => group.iter_mut().for_each(|one| self.cascade_mono(one.samples, one.sections)),
            }
        }
    }
}

mod scalar {
    use super::ChannelLane;
    use crate::kernels::Kernels;
    use crate::simd::Level;

    pub fn channels(group: &mut [ChannelLane<'_>]) {
        for ChannelLane { samples, sections } in group {
            Kernels::new(Level::Scalar).cascade_mono(samples, sections);
        }
    }
}

mod vector {
    use super::{ChannelLane, Lane, Lanes, PIECE, Section, WIDTH};
    use crate::filter::cascade::vector::lanes;

    /// Up to eight channels of the same length.
    #[inline(always)]
    pub fn channels<V: Lanes>(group: &mut [ChannelLane<'_>]) {
        let frames = group.first().map_or(0, |channel| channel.samples.len());
        let mut samples: [&mut [f32]; WIDTH] = Default::default();
        let mut sections: [&mut [Section]; WIDTH] = Default::default();
        for (channel, (to_samples, to_sections)) in
            group.iter_mut().zip(samples.iter_mut().zip(&mut sections))
        {
            *to_samples = &mut *channel.samples;
            *to_sections = &mut *channel.sections;
        }
        let mut scratch = [[0.0; WIDTH]; PIECE];
        for at in (0..frames).step_by(PIECE) {
            let Some(piece) = scratch.get_mut(..PIECE.min(frames - at)) else { return };
            gather::<V>(piece, &samples, at);
            lanes::<V>(piece, &mut sections);
            scatter::<V>(piece, &mut samples, at);
        }
    }

    /// Frames `at..` of the channels, a frame after the other; lanes without a channel are zero.
    #[inline(always)]
    fn gather<V: Lanes>(piece: &mut [Lane], samples: &[&mut [f32]; WIDTH], at: usize) {
        let (blocks, rest) = piece.as_chunks_mut::<WIDTH>();
        let mut from = at;
        for block in blocks {
            let mut rows = [V::splat(0.0); WIDTH];
            for (row, channel) in rows.iter_mut().zip(samples) {
                if let Some(chunk) = channel.get(from..).and_then(<[f32]>::first_chunk) {
                    *row = V::load(chunk);
                }
            }
            for (frame, column) in block.iter_mut().zip(V::transpose(rows)) {
                column.store(frame);
            }
            from += WIDTH;
        }
        for (frame, from) in rest.iter_mut().zip(from..) {
            for (sample, channel) in frame.iter_mut().zip(samples) {
                *sample = channel.get(from).copied().unwrap_or(0.0);
            }
        }
    }

    /// The inverse of [`gather`].
    #[inline(always)]
    fn scatter<V: Lanes>(piece: &[Lane], samples: &mut [&mut [f32]; WIDTH], at: usize) {
        let (blocks, rest) = piece.as_chunks::<WIDTH>();
        let mut to = at;
        for block in blocks {
            let mut rows = [V::splat(0.0); WIDTH];
            for (row, frame) in rows.iter_mut().zip(block) {
                *row = V::load(frame);
            }
            for (column, channel) in V::transpose(rows).into_iter().zip(samples.iter_mut()) {
                if let Some(chunk) = channel.get_mut(to..).and_then(<[f32]>::first_chunk_mut) {
                    column.store(chunk);
                }
            }
            to += WIDTH;
        }
        for (frame, to) in rest.iter().zip(to..) {
            for (sample, channel) in frame.iter().zip(samples.iter_mut()) {
                if let Some(slot) = channel.get_mut(to) {
                    *slot = *sample;
                }
            }
        }
    }
}
