//! Planar buffers for backends whose hardware has none of its own.

/// `channels` slices of up to `stride` frames each, in one allocation.
#[derive(Debug, Default)]
pub(crate) struct Planar {
    samples: Vec<f32>,
    stride: usize,
}

impl Planar {
    /// Silence. `stride` is at least 1.
    pub(crate) fn new(channels: usize, stride: usize) -> Self {
        let stride = stride.max(1);
        Self { samples: vec![0.0; channels * stride], stride }
    }

    /// The first `frames` of every channel.
    pub(crate) fn read(&self, frames: usize) -> impl Iterator<Item = &[f32]> {
        self.samples
            .chunks_exact(self.stride.max(1))
            .map(move |channel| channel.get(..frames).unwrap_or_default())
    }

    /// The first `frames` of every channel, to write to.
    pub(crate) fn write(&mut self, frames: usize) -> impl Iterator<Item = &mut [f32]> {
        self.samples
            .chunks_exact_mut(self.stride.max(1))
            .map(move |channel| channel.get_mut(..frames).unwrap_or_default())
    }

    /// Writes one sample; one that lies outside is dropped.
    #[inline]
    pub(crate) fn set(&mut self, channel: usize, frame: usize, sample: f32) {
        if frame < self.stride
            && let Some(place) = self.samples.get_mut(channel * self.stride + frame)
        {
            *place = sample;
        }
    }
}
