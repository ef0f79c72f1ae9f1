//! Renders one segment onto the channels of a block.

use omega_dsp::kernels::{Gain, Kernels, MixInput, Ramp};
use omega_dsp::simd::prefetch;
use omega_processor::{Channels, MAX_BLOCK};
use omega_rt::{Owned, PcmSource};

use super::segment::{Run, Segment};

/// Memory for one segment's work at a time.
#[derive(Debug)]
pub(super) struct Voice {
    kernels: Kernels,
    /// One gain a frame, where it is not constant.
    gains: [f32; MAX_BLOCK],
    /// Frames of a source in the order in which they are heard, where they do not lie so in memory.
    samples: [f32; MAX_BLOCK],
    /// Nothing was written to the block yet, and its channels hold anything.
    fresh: bool,
    /// Something was written to the block.
    pub sounded: bool,
    /// Frames that were missing in the block.
    pub missing: usize,
    /// Wait for sources; not real-time safe.
    pub waits: bool,
}

/// Where a segment and a block meet.
#[derive(Clone, Copy)]
pub(super) struct Meeting {
    /// First frame within the block.
    pub begin: usize,
    /// Number of frames.
    pub frames: usize,
    /// First frame after the segment's start.
    pub entry: i64,
}

impl Meeting {
    /// Of `segment` and the `frames` frames from `position` on; `None` when they do not meet.
    pub fn of(segment: &Segment, position: i64, frames: usize) -> Option<Self> {
        let end = position.saturating_add(i64::try_from(frames).ok()?).min(segment.end());
        let begin = position.max(segment.start);
        let count = usize::try_from(end.checked_sub(begin)?).ok().filter(|count| *count > 0)?;
        let skipped = usize::try_from(begin - position).ok()?;
        Some(Self { begin: skipped, frames: count, entry: begin - segment.start })
    }
}

/// The gain over a meeting.
#[derive(Clone, Copy)]
enum Level {
    Constant(f32),
    /// In [`Voice::gains`].
    PerFrame,
}

impl Voice {
    pub fn new(kernels: Kernels) -> Self {
        Self {
            kernels,
            gains: [0.0; MAX_BLOCK],
            samples: [0.0; MAX_BLOCK],
            fresh: false,
            sounded: false,
            missing: 0,
            waits: false,
        }
    }

    /// Begins a block; `fresh` when its channels hold anything, and not what is to be added to.
    pub fn begin(&mut self, fresh: bool) {
        self.fresh = fresh;
    }

    /// Ends a block: what no segment was written to becomes zero.
    pub fn finish(&mut self, out: &mut Channels<'_>) {
        if core::mem::take(&mut self.fresh) {
            out.clear();
        }
    }

    /// Adds a segment where it meets the block, `weight` (which begins with the block) times if there is one.
    pub fn render(
        &mut self,
        segment: &Segment,
        source: &mut Owned<dyn PcmSource>,
        meeting: Meeting,
        weight: Option<Ramp>,
        out: &mut Channels<'_>,
    ) {
        let level = self.level(segment, meeting, weight);
        // The first segment need not be added to zeros where it covers the whole block.
        let covers = self.fresh && meeting.frames == out.frames();
        if !covers {
            self.finish(out);
        }
        (self.fresh, self.sounded) = (false, true);
        let mut done = 0;
        while done < meeting.frames {
            let at = meeting.entry.saturating_add(i64::try_from(done).unwrap_or(0));
            let run = segment.run(at, meeting.frames - done);
            if self.waits {
                source.wait_until_ready(run.first, run.frames);
            }
            let mut held = None;
            let mut lacking = 0;
            for (output, channel) in out.iter_mut().enumerate() {
                let wanted = segment.channels.source_channel(output).filter(|c| *c < source.channels());
                let begin = meeting.begin + done;
                let Some(channel) = channel.get_mut(begin..begin + run.frames) else { continue };
                let Some(wanted) = wanted else {
                    if covers {
                        channel.fill(0.0);
                    }
                    continue;
                };
                let gain = match level {
                    Level::Constant(gain) => Gain::Constant(gain),
                    Level::PerFrame => Gain::PerSample(self.gains.get(done..).unwrap_or(&[])),
                };
                let direct = if run.reverse { None } else { source.slice(wanted, run.first, run.frames) };
                // What is played on from here lies in nobody's cache: another thread wrote it, long ago.
                let after = run.first.saturating_add(i64::try_from(run.frames).unwrap_or(0));
                prefetch(source.slice(wanted, after, run.frames).unwrap_or(&[]));
                let samples = if let Some(samples) = direct {
                    samples
                } else {
                    let own = self.samples.get_mut(..run.frames).unwrap_or(&mut []);
                    if held != Some(wanted) {
                        lacking = lacking.max(fetch(source, wanted, run, own));
                        held = Some(wanted);
                    }
                    own
                };
                let input = [MixInput { samples, gain }];
                if covers {
                    self.kernels.mix(channel, &input);
                } else {
                    self.kernels.mix_more(channel, &input);
                }
            }
            self.missing += lacking;
            done += run.frames;
        }
    }

    fn level(&mut self, segment: &Segment, meeting: Meeting, weight: Option<Ramp>) -> Level {
        let end = meeting.entry.saturating_add(i64::try_from(meeting.frames).unwrap_or(0));
        if weight.is_none() && segment.level(meeting.entry, end) {
            return Level::Constant(segment.gain);
        }
        let first = i64::try_from(meeting.begin).unwrap_or(0);
        for (gain, (at, index)) in self.gains.iter_mut().zip((meeting.entry..end).zip(first..)) {
            *gain = segment.gain_at(at);
            if let Some(weight) = weight {
                *gain *= weight.at(index);
            }
        }
        Level::PerFrame
    }
}

/// Reads a run in the order in which it is heard. Returns how many frames were missing.
fn fetch(source: &mut Owned<dyn PcmSource>, channel: usize, run: Run, out: &mut [f32]) -> usize {
    let missing = source.read(channel, run.first, out);
    if run.reverse {
        out.reverse();
    }
    missing
}
