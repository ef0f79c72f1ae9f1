//! Processors that tell what reached them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use omega_processor::{ParamInfo, PrepareConfig, ProcessBlock, Processor, Smoothing, Status, Unit};

/// What a [`Counting`] processor went through; shared with the test.
#[derive(Debug, Default)]
pub struct Counts {
    /// Calls of `process`.
    pub blocks: AtomicU64,
    /// Frames processed.
    pub frames: AtomicU64,
    /// Blocks whose input was announced as silent.
    pub silent_inputs: AtomicU64,
    /// Calls of `reset`.
    pub resets: AtomicU64,
    /// Drops.
    pub drops: AtomicU64,
}

/// Lets everything through, and counts. Says silent exactly where its input is announced as silent.
#[derive(Debug)]
pub struct Counting {
    counts: Arc<Counts>,
}

impl Counting {
    /// The processor and what it counts.
    #[must_use]
    pub fn new() -> (Self, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        (Self { counts: Arc::clone(&counts) }, counts)
    }
}

impl Processor for Counting {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.counts.blocks.fetch_add(1, Ordering::Relaxed);
        self.counts.frames.fetch_add(block.frames() as u64, Ordering::Relaxed);
        if block.input_silent {
            self.counts.silent_inputs.fetch_add(1, Ordering::Relaxed);
            return Status::Silent;
        }
        Status::Sound
    }

    fn reset(&mut self) {
        self.counts.resets.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.counts.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a [`Recorder`] heard; shared with the test.
#[derive(Debug)]
pub struct Recording {
    channels: usize,
    heard: AtomicUsize,
    samples: Vec<AtomicU32>,
    positions: Vec<AtomicI64>,
}

impl Recording {
    /// Frames recorded so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.heard.load(Ordering::Acquire)
    }

    /// All samples recorded of a channel.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Vec<f32> {
        let of_channel = self.samples.iter().skip(channel).step_by(self.channels.max(1));
        of_channel.take(self.frames()).map(|bits| f32::from_bits(bits.load(Ordering::Relaxed))).collect()
    }

    /// The time-line position of each recorded frame.
    #[must_use]
    pub fn positions(&self) -> Vec<i64> {
        self.positions.iter().take(self.frames()).map(|at| at.load(Ordering::Relaxed)).collect()
    }
}

/// Lets everything through and records it, as far as the recording has room; resets do not clear it.
#[derive(Debug)]
pub struct Recorder {
    recording: Arc<Recording>,
}

impl Recorder {
    /// The processor and its recording with room for `frames` frames.
    #[must_use]
    pub fn new(config: &PrepareConfig, frames: usize) -> (Self, Arc<Recording>) {
        let channels = config.outputs;
        let recording = Arc::new(Recording {
            channels,
            heard: AtomicUsize::new(0),
            samples: (0..frames * channels).map(|_| AtomicU32::new(0)).collect(),
            positions: (0..frames).map(|_| AtomicI64::new(0)).collect(),
        });
        (Self { recording: Arc::clone(&recording) }, recording)
    }
}

impl Processor for Recorder {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let recording = &*self.recording;
        let begin = recording.frames();
        let end = recording.positions.len().min(begin + block.frames());
        let transport = block.transport;
        for (at, frame) in recording.positions[begin..end].iter().zip(0..) {
            let moved = if transport.rolling { frame } else { 0 };
            at.store(transport.position + moved, Ordering::Relaxed);
        }
        for index in 0..recording.channels.min(block.main.count()) {
            for (at, sample) in (begin..end).zip(block.main.get(index)) {
                recording.samples[at * recording.channels + index].store(sample.to_bits(), Ordering::Relaxed);
            }
        }
        recording.heard.store(end, Ordering::Release);
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Puts out the value of its one parameter at each frame, on all channels.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParamProbe;

impl ParamProbe {
    /// Its parameter, `value`: −1000..=1000, smoothed over 20 ms.
    #[must_use]
    pub fn params() -> Vec<ParamInfo> {
        vec![ParamInfo::new("value", "Value", Unit::None, [-1000.0, 1000.0], 0.0)]
    }

    /// As [`params`](Self::params), without smoothing.
    #[must_use]
    pub fn params_that_jump() -> Vec<ParamInfo> {
        Self::params().into_iter().map(|info| info.smoothing(Smoothing::None)).collect()
    }
}

impl Processor for ParamProbe {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let params = block.params;
        for channel in block.main.iter_mut() {
            channel.iter_mut().enumerate().for_each(|(frame, out)| *out = params.at(0, frame));
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Puts out the number of events that fell on each frame, on all channels.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventProbe;

impl Processor for EventProbe {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        block.main.clear();
        for event in block.events {
            for channel in block.main.iter_mut() {
                if let Some(out) = channel.get_mut(event.frame as usize) {
                    *out += 1.0;
                }
            }
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}
