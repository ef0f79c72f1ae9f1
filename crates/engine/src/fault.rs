//! What takes a node out of the sound, so that the rest plays on.

use core::fmt;

use omega_dsp::kernels::Kernels;

/// The largest magnitude that a node may put out: +60 dBFS. Headroom for any gain that is meant; a feedback that runs away, or
/// a broken filter, goes beyond it within milliseconds.
pub const RUNAWAY: f32 = 1000.0;

/// Frames over which a node that is taken out fades from its last good sample to silence.
pub const PARTING: i64 = 256;

/// Why a node is silent from now on. After the next locate, or start from standstill without live inputs, it is reset and
/// tried again, unless it stopped by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The processor said that it cannot go on, with a number of its own.
    Stopped(u32),
    /// It put out NaN or infinity.
    NotFinite,
    /// It put out more than [`RUNAWAY`].
    Runaway,
    /// It took more than half of the time that there was, in [`STRIKES`](crate::STRIKES) late calls in a row. Only an engine with
    /// a [`Clock`](crate::Clock) looks.
    Overrun,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(code) => write!(f, "stopped working (code {code})"),
            Self::NotFinite => f.write_str("put out values that are no numbers (NaN or infinity)"),
            Self::Runaway => f.write_str("put out more than +60 dBFS"),
            Self::Overrun => f.write_str("took more time than there was"),
        }
    }
}

/// Looks over what a node put out on one channel: its first bad frame.
pub(crate) fn first_bad(kernels: Kernels, channel: &[f32]) -> Option<(usize, Fault)> {
    if kernels.is_within(channel, RUNAWAY) {
        return None;
    }
    let bad = |sample: &f32| sample.is_nan() || sample.abs() > RUNAWAY;
    let frame = channel.iter().position(bad)?;
    let finite = channel.get(frame).is_some_and(|sample| sample.is_finite());
    Some((frame, if finite { Fault::Runaway } else { Fault::NotFinite }))
}

/// Fades from the sample `last` to silence; `channel` begins `done` frames after the node was taken out.
pub(crate) fn part(channel: &mut [f32], last: f32, done: i64) {
    for (sample, at) in channel.iter_mut().zip(done..) {
        #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
        let left = (PARTING - at - 1).max(0) as f32 / PARTING as f32;
        *sample = last * left + 0.0;
    }
}
