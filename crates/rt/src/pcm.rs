//! Recorded audio as the audio thread sees it: random access to planar samples that another thread makes available.
extern crate alloc;

use crate::owned::{Owned, Shared};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// Random access to planar PCM that another thread pages in.
///
/// Frames count from 0 at the start of the source, at the source's own rate. All methods are real-time safe, but for
/// [`wait_until_ready`](Self::wait_until_ready), which belongs to offline rendering.
pub trait PcmSource: Send {
    /// Number of channels.
    fn channels(&self) -> usize;

    /// Length in frames.
    fn frames(&self) -> i64;

    /// Copies the frames `start .. start + out.len()` of `channel` into `out`.
    ///
    /// Frames before 0, at or after [`frames`](Self::frames), or of a channel that does not exist are zeros. Returns
    /// how many frames of the source were not available and were written as zeros instead: more than 0 is an underrun.
    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize;

    /// Playback is now at `frame` of this source and moves forwards (`direction` ≥ 0) or backwards (< 0). Steers the
    /// read-ahead. Wait-free.
    fn steer(&mut self, frame: i64, direction: i32);

    /// The frames `start .. start + len` of `channel` where they lie in memory, if they all exist, are available, and
    /// are contiguous. `None` says nothing about availability: use [`read`](Self::read) then.
    fn slice(&self, channel: usize, start: i64, len: usize) -> Option<&[f32]> {
        let _ = (channel, start, len);
        None
    }

    /// Waits until the frames `start .. start + len` can be read without an underrun, or until it is certain that they
    /// never can (the file is damaged or gone). Offline rendering only: **not real-time safe**.
    fn wait_until_ready(&mut self, start: i64, len: usize) {
        let _ = (start, len);
    }
}

impl<P: PcmSource + ?Sized> PcmSource for Owned<P> {
    fn channels(&self) -> usize {
        (**self).channels()
    }

    fn frames(&self) -> i64 {
        (**self).frames()
    }

    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize {
        (**self).read(channel, start, out)
    }

    fn steer(&mut self, frame: i64, direction: i32) {
        (**self).steer(frame, direction);
    }

    fn slice(&self, channel: usize, start: i64, len: usize) -> Option<&[f32]> {
        (**self).slice(channel, start, len)
    }

    fn wait_until_ready(&mut self, start: i64, len: usize) {
        (**self).wait_until_ready(start, len);
    }
}

/// The part of `start .. start + len` that lies within `0 .. frames`: how many frames of the request come before it,
/// the first frame of the source in it, and how many frames it has.
///
/// Total for any arguments. Use it in every [`PcmSource`] so that ranges are cut in one way.
///
/// ```
/// use omega_rt::pcm::overlap;
/// assert_eq!(overlap(-2, 5, 100), (2, 0, 3));
/// assert_eq!(overlap(98, 5, 100), (0, 98, 2));
/// assert_eq!(overlap(200, 5, 100).2, 0);
/// ```
#[must_use]
pub fn overlap(start: i64, len: usize, frames: i64) -> (usize, i64, usize) {
    let frames = frames.max(0);
    let from = start.clamp(0, frames);
    let wanted = i64::try_from(len).unwrap_or(i64::MAX);
    let to = start.saturating_add(wanted).clamp(from, frames);
    let skip = usize::try_from(from.saturating_sub(start)).unwrap_or(len).min(len);
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(len.saturating_sub(skip));
    (skip, from, count)
}

/// PCM that lies in memory as a whole, one slice per channel.
///
/// Cloning shares the samples (it allocates the list of channels: not for the audio thread).
#[derive(Debug)]
pub struct RamPcm {
    channels: Owned<[Shared<[f32]>]>,
    frames: i64,
}

impl RamPcm {
    /// Takes the channels as they are; the longest gives the length, shorter ones end in zeros. Allocates.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub fn new(channels: impl IntoIterator<Item = Arc<[f32]>>) -> Self {
        let channels = channels.into_iter().map(Shared::from).collect::<Box<[_]>>();
        let frames = channels.iter().map(|channel| channel.len()).max().unwrap_or(0);
        Self { channels: channels.into(), frames: i64::try_from(frames).unwrap_or(i64::MAX) }
    }
}

impl Clone for RamPcm {
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    fn clone(&self) -> Self {
        Self { channels: self.channels.iter().cloned().collect::<Box<[_]>>().into(), frames: self.frames }
    }
}

impl PcmSource for RamPcm {
    fn channels(&self) -> usize {
        self.channels.len()
    }

    fn frames(&self) -> i64 {
        self.frames
    }

    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize {
        let samples = self.channels.get(channel).map_or(&[][..], |samples| &samples[..]);
        let (skip, from, count) = overlap(start, out.len(), i64::try_from(samples.len()).unwrap_or(i64::MAX));
        let source =
            usize::try_from(from).ok().and_then(|from| samples.get(from..)?.get(..count)).unwrap_or(&[]);
        let (before, rest) = out.split_at_mut(skip.min(out.len()));
        let (middle, after) = rest.split_at_mut(source.len().min(rest.len()));
        before.fill(0.0);
        middle.iter_mut().zip(source).for_each(|(middle, source)| *middle = *source);
        after.fill(0.0);
        0
    }

    fn steer(&mut self, _frame: i64, _direction: i32) {}

    fn slice(&self, channel: usize, start: i64, len: usize) -> Option<&[f32]> {
        let start = usize::try_from(start).ok()?;
        self.channels.get(channel)?.get(start..start.checked_add(len)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;
    use std::vec;

    /// The obvious way, frame by frame in wide integers.
    fn naive(samples: &[f32], start: i64, n: usize) -> f32 {
        let at = i128::from(start) + i128::try_from(n).unwrap();
        usize::try_from(at).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
    }

    #[test]
    fn any_range_reads_like_the_naive_one_and_slices_agree() {
        let left: Arc<[f32]> = (1..=50_u8).map(f32::from).collect();
        let right: Arc<[f32]> = (101..=130_u8).map(f32::from).collect();
        let mut pcm = RamPcm::new([left.clone(), right.clone()]);
        assert_eq!((pcm.channels(), pcm.frames()), (2, 50));
        let starts = (-70..70).chain([i64::MIN, i64::MIN + 3, i64::MAX - 3, i64::MAX]);
        for start in starts {
            for len in [0, 1, 3, 29, 50, 64] {
                for (channel, samples) in
                    [(0, &left[..]), (1, &right[..]), (2, &[][..]), (usize::MAX, &[][..])]
                {
                    let mut out = vec![9.0; len];
                    assert_eq!(pcm.read(channel, start, &mut out), 0);
                    assert!(
                        out.iter()
                            .enumerate()
                            .all(|(n, &v)| v.to_bits() == naive(samples, start, n).to_bits())
                    );
                    if let Some(slice) = pcm.slice(channel, start, len) {
                        assert_eq!(slice, &out[..]);
                    } else {
                        let end = i128::from(start) + i128::try_from(len).unwrap();
                        assert!(start < 0 || end > i128::try_from(samples.len()).unwrap() || channel > 1);
                    }
                }
            }
        }
    }

    #[test]
    fn overlap_is_total() {
        for start in [i64::MIN, -1, 0, 1, i64::MAX] {
            for len in [0, 1, 256, usize::MAX] {
                for frames in [i64::MIN, -1, 0, 1, 300, i64::MAX] {
                    let (skip, from, count) = overlap(start, len, frames);
                    assert!(skip <= len && count <= len - skip);
                    assert!(
                        from >= 0
                            && from.checked_add(i64::try_from(count).unwrap()).unwrap() <= frames.max(0)
                    );
                }
            }
        }
    }

    #[test]
    fn a_clone_shares_the_samples_and_an_owned_source_is_a_source() {
        let pcm = RamPcm::new([Arc::from([1.0_f32, 2.0])]);
        let copy = pcm.clone();
        assert_eq!(pcm.slice(0, 0, 2).unwrap().as_ptr(), copy.slice(0, 0, 2).unwrap().as_ptr());
        let mut boxed: Owned<dyn PcmSource> = Owned::from(Box::new(copy) as Box<dyn PcmSource>);
        let mut out = [0.0; 3];
        boxed.steer(0, -1);
        boxed.wait_until_ready(0, 3);
        assert_eq!((boxed.read(0, 1, &mut out), boxed.frames(), boxed.channels()), (0, 2, 1));
        assert_eq!(out, [2.0, 0.0, 0.0]);
        assert_eq!(boxed.slice(0, 1, 1), Some(&[2.0][..]));
    }
}
