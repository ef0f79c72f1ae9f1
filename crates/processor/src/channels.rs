//! Views on planar audio: channels that lie at a fixed stride in one piece of memory.

/// Writable planar channels. Channel `c`, frame `f` is one `f32`, nominal full scale ±1.
#[derive(Debug)]
pub struct Channels<'a> {
    data: &'a mut [f32],
    stride: usize,
    offset: usize,
    frames: usize,
}

/// Read-only planar channels.
#[derive(Clone, Copy, Debug)]
pub struct ChannelsRef<'a> {
    data: &'a [f32],
    stride: usize,
    offset: usize,
    frames: usize,
    silent: bool,
}

impl<'a> Channels<'a> {
    /// Channels of `frames` frames that begin at `offset` within each stretch of `stride` values.
    ///
    /// `frames` is cut to what fits into the stride. A stride of zero gives no channels.
    #[must_use]
    pub fn new(data: &'a mut [f32], stride: usize, offset: usize, frames: usize) -> Self {
        let offset = offset.min(stride);
        let frames = frames.min(stride - offset);
        Self { data, stride, offset, frames }
    }

    /// Number of channels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.len().checked_div(self.stride).unwrap_or(0)
    }

    /// Frames in each channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Channel `index`; empty where there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> &[f32] {
        let begin = index.saturating_mul(self.stride).saturating_add(self.offset);
        self.data.get(begin..begin.saturating_add(self.frames)).unwrap_or(&[])
    }

    /// Channel `index`, writable; empty where there is none.
    #[must_use]
    pub fn get_mut(&mut self, index: usize) -> &mut [f32] {
        let begin = index.saturating_mul(self.stride).saturating_add(self.offset);
        self.data.get_mut(begin..begin.saturating_add(self.frames)).unwrap_or(&mut [])
    }

    /// All channels in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (stride, offset, frames) = (self.stride.max(1), self.offset, self.frames);
        let mut rest = &mut *self.data;
        // As `chunks_exact_mut` would, which begins with a division.
        core::iter::from_fn(move || {
            let (channel, after) = core::mem::take(&mut rest).split_at_mut_checked(stride)?;
            rest = after;
            channel.get_mut(offset..offset + frames)
        })
    }

    /// The first two channels at once; `None` when there are fewer.
    #[must_use]
    pub fn pair_mut(&mut self) -> Option<(&mut [f32], &mut [f32])> {
        let (offset, frames) = (self.offset, self.frames);
        if self.stride == 0 {
            return None;
        }
        let (left, right) = self.data.split_at_mut_checked(self.stride)?;
        let right = right.get_mut(..self.stride)?;
        Some((left.get_mut(offset..offset + frames)?, right.get_mut(offset..offset + frames)?))
    }

    /// The same channels, frames `begin..end` of them; what lies outside is cut off.
    #[must_use]
    pub fn range(&mut self, begin: usize, end: usize) -> Channels<'_> {
        let end = end.min(self.frames);
        let begin = begin.min(end);
        Channels { data: self.data, stride: self.stride, offset: self.offset + begin, frames: end - begin }
    }

    /// Writes zeros.
    pub fn clear(&mut self) {
        self.iter_mut().for_each(|channel| channel.fill(0.0));
    }
}

impl<'a> ChannelsRef<'a> {
    /// As [`Channels::new`]; `silent` says that all frames are known to be exactly zero.
    #[must_use]
    pub fn new(data: &'a [f32], stride: usize, offset: usize, frames: usize, silent: bool) -> Self {
        let offset = offset.min(stride);
        let frames = frames.min(stride - offset);
        Self { data, stride, offset, frames, silent }
    }

    /// No channels: an unconnected port.
    #[must_use]
    pub const fn none() -> Self {
        Self { data: &[], stride: 0, offset: 0, frames: 0, silent: true }
    }

    /// Number of channels; zero when nothing is connected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.len().checked_div(self.stride).unwrap_or(0)
    }

    /// Frames in each channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// All frames are known to be exactly zero.
    #[must_use]
    pub fn silent(&self) -> bool {
        self.silent
    }

    /// Channel `index`; empty where there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [f32] {
        let begin = index.saturating_mul(self.stride).saturating_add(self.offset);
        self.data.get(begin..begin.saturating_add(self.frames)).unwrap_or(&[])
    }

    /// The same channels, frames `begin..end` of them; what lies outside is cut off.
    #[must_use]
    pub fn range(&self, begin: usize, end: usize) -> ChannelsRef<'a> {
        let end = end.min(self.frames);
        let begin = begin.min(end);
        ChannelsRef { offset: self.offset + begin, frames: end - begin, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_cut_to_the_memory_there_is() {
        let mut data = [0.0f32; 8];
        let mut channels = Channels::new(&mut data, 4, 1, 9);
        assert_eq!((channels.count(), channels.frames()), (2, 3));
        channels.get_mut(1).fill(1.0);
        assert!(channels.get(2).is_empty() && channels.get_mut(usize::MAX).is_empty());
        channels.range(1, 2).get_mut(0).fill(2.0);
        assert_eq!(data, [0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(Channels::new(&mut data, 0, 0, 4).count(), 0);
    }

    #[test]
    fn a_pair_needs_two_channels() {
        let mut data = [0.0f32; 8];
        assert!(Channels::new(&mut data, 4, 0, 4).pair_mut().is_some());
        assert!(Channels::new(&mut data[..4], 4, 0, 4).pair_mut().is_none());
        assert_eq!(ChannelsRef::none().get(0), &[] as &[f32]);
    }
}
