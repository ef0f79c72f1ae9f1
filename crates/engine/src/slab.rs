//! The channel buffers of a program, and which of them are known to hold nothing but zeros.

use omega_graph::PortBuffer;
use omega_rt::{AlignedBuffer, Owned};

use crate::STRIDE;

/// Channel buffers of [`STRIDE`] samples each.
#[derive(Debug)]
pub(crate) struct Slab {
    samples: AlignedBuffer,
    silent: Owned<[bool]>,
}

impl Slab {
    /// All zeros; `samples` has [`STRIDE`] samples for each value of `silent`.
    pub(crate) fn new(samples: AlignedBuffer, silent: Owned<[bool]>) -> Self {
        Self { samples, silent }
    }

    /// The samples of a port: channels at [`STRIDE`].
    pub(crate) fn port(&self, port: PortBuffer) -> &[f32] {
        self.samples.get(span(port)).unwrap_or(&[])
    }

    /// As [`port`](Self::port).
    pub(crate) fn port_mut(&mut self, port: PortBuffer) -> &mut [f32] {
        self.samples.get_mut(span(port)).unwrap_or(&mut [])
    }

    /// Several ports at once; `None` where they overlap.
    pub(crate) fn ports_mut<const N: usize>(&mut self, ports: [PortBuffer; N]) -> Option<[&mut [f32]; N]> {
        self.samples.get_disjoint_mut(ports.map(span)).ok()
    }

    /// All samples, and what is known of each channel.
    pub(crate) fn parts_mut(&mut self) -> (&mut [f32], &mut [bool]) {
        (&mut self.samples, &mut self.silent)
    }

    /// All channels of a port are known to be zero.
    pub(crate) fn is_silent(&self, port: PortBuffer) -> bool {
        self.silent.get(channels(port)).is_none_or(|channels| channels.iter().all(|&silent| silent))
    }

    /// Notes whether all channels of a port hold zeros.
    pub(crate) fn set_silent(&mut self, port: PortBuffer, silent: bool) {
        if let Some(channels) = self.silent.get_mut(channels(port)) {
            channels.fill(silent);
        }
    }

    /// Makes a port silent for a block of `frames` frames.
    pub(crate) fn silence(&mut self, port: PortBuffer, frames: usize) {
        for channel in self.port_mut(port).chunks_exact_mut(STRIDE) {
            if let Some(channel) = channel.get_mut(..frames) {
                channel.fill(0.0);
            }
        }
        self.set_silent(port, true);
    }

    /// The samples of a port, to be written, and all the others.
    pub(crate) fn apart(&mut self, port: PortBuffer) -> Option<(&mut [f32], Others<'_>)> {
        let span = span(port);
        let (before, rest) = self.samples.split_at_mut_checked(span.start)?;
        let (here, after) = rest.split_at_mut_checked(span.len())?;
        Some((here, Others { before, after, end: span.end, silent: &self.silent }))
    }
}

/// The channel buffers without those of one port.
pub(crate) struct Others<'a> {
    before: &'a [f32],
    after: &'a [f32],
    /// Where `after` begins.
    end: usize,
    silent: &'a [bool],
}

impl<'a> Others<'a> {
    /// The samples of a port, and whether all its channels are known to be zero.
    pub(crate) fn port(&self, port: PortBuffer) -> (&'a [f32], bool) {
        let at = span(port);
        let samples = if at.end <= self.before.len() {
            self.before.get(at)
        } else {
            let at = at.start.checked_sub(self.end).zip(at.end.checked_sub(self.end));
            at.and_then(|(begin, end)| self.after.get(begin..end))
        };
        let silent = self.silent.get(channels(port));
        (samples.unwrap_or(&[]), silent.is_none_or(|channels| channels.iter().all(|&silent| silent)))
    }
}

/// The samples of a port within the slab.
fn span(port: PortBuffer) -> core::ops::Range<usize> {
    let channels = channels(port);
    channels.start * STRIDE..channels.end * STRIDE
}

fn channels(port: PortBuffer) -> core::ops::Range<usize> {
    let begin = port.first as usize;
    begin..begin + usize::from(port.count)
}
