//! Hardware for tests: time passes when the caller says so, block by block, on the caller's thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::AudioBackend;
use crate::callback::{HardwareTime, MAX_PERIOD};
use crate::config::{OpenError, StreamConfig};
use crate::hardware::{BackendReport, BackendState, Offer};
use crate::midi::{MidiBlock, MidiEvent};
use crate::planar::Planar;
use crate::runner::{Runner, Tick, nanos_of};
use crate::shared::Shared;
use crate::stream::{Prepared, Ready, Running, Started, StreamInfo};
use crate::timer::{DEFAULT_PERIOD, DEFAULT_RATE};

/// Block sizes of a [`VirtualClock`], in frames. Sizes outside of 1 to [`MAX_PERIOD`] are brought inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockSizes {
    /// The stream's period.
    Period,
    /// Always this.
    Fixed(usize),
    /// These in turn, from the beginning again at the end. An empty list is the stream's period.
    Cycle(Vec<usize>),
    /// Anything from 1 to `max`, the same for the same seed.
    Random {
        /// Where the numbers start.
        seed: u64,
        /// The largest.
        max: usize,
    },
}

/// The handle with which a test moves time. Clones move the same clock.
///
/// ```
/// use omega_audio_io::{Backend, IoBlock, StreamConfig, VirtualClock, open};
/// let clock = VirtualClock::new();
/// let config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
/// let stream = open(&config, Box::new(|io: &mut IoBlock<'_>| {
///     for output in io.outputs.iter_mut() {
///         output.fill(0.5);
///     }
/// }))?;
/// clock.capture();
/// assert_eq!(clock.run(3), 3 * 256);
/// assert_eq!(clock.captured(), vec![vec![0.5; 3 * 256]; 2]);
/// assert_eq!(stream.stats().callbacks, 3);
/// # Ok::<(), omega_audio_io::OpenError>(())
/// ```
#[derive(Clone, Default)]
pub struct VirtualClock(Arc<Mutex<State>>);

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VirtualClock")
    }
}

#[derive(Default)]
struct State {
    /// A stream was prepared or runs.
    claimed: bool,
    runner: Option<Runner>,
    shared: Option<Arc<Shared>>,
    inputs: Planar,
    outputs: Planar,
    widths: (usize, usize),
    frame: i64,
    sizes: Sizes,
    lost: i64,
    freewheel: bool,
    feed: Vec<Vec<f32>>,
    fed: usize,
    /// What the MIDI inputs hear, by frame, counted from `midi_now`.
    midi: VecDeque<(i64, u16, [u8; 3])>,
    midi_now: i64,
    midi_block: Option<MidiBlock>,
    capture: Option<Vec<Vec<f32>>>,
    offered: Option<u32>,
}

struct Sizes {
    rule: BlockSizes,
    next: usize,
    random: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self::new(BlockSizes::Period)
    }
}

impl Sizes {
    fn new(rule: BlockSizes) -> Self {
        let random = if let BlockSizes::Random { seed, .. } = rule { seed } else { 0 };
        Self { rule, next: 0, random }
    }

    fn next(&mut self, period: usize) -> usize {
        let size = match &self.rule {
            BlockSizes::Period => period,
            BlockSizes::Fixed(size) => *size,
            BlockSizes::Cycle(sizes) => {
                let size = sizes.get(self.next).copied().unwrap_or(period);
                self.next = (self.next + 1) % sizes.len().max(1);
                size
            }
            BlockSizes::Random { max, .. } => {
                // SplitMix64 (Steele, Lea, Flood 2014).
                self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let max = (*max).clamp(1, MAX_PERIOD) as u64;
                1 + usize::try_from((z ^ (z >> 31)) % max).unwrap_or(0)
            }
        };
        size.clamp(1, MAX_PERIOD)
    }
}

impl VirtualClock {
    /// A clock at frame 0 that drives nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Block sizes from now on.
    pub fn set_blocks(&self, rule: BlockSizes) {
        self.state().sizes = Sizes::new(rule);
    }

    /// Lets `blocks` blocks pass, calling the stream's callback on this thread. Returns the frames that passed: 0 if no
    /// stream runs. Not to be called from inside the callback.
    pub fn run(&self, blocks: usize) -> usize {
        let mut state = self.state();
        (0..blocks).map(|_| state.step(usize::MAX)).sum()
    }

    /// Lets exactly `frames` frames pass, the last block being cut short if need be. Returns the frames that passed: 0
    /// if no stream runs.
    pub fn run_frames(&self, frames: usize) -> usize {
        let mut state = self.state();
        let mut done = 0;
        while done < frames {
            match state.step(frames - done) {
                0 => break,
                step => done += step,
            }
        }
        done
    }

    /// Frames since the stream was started.
    #[must_use]
    pub fn frame(&self) -> i64 {
        self.state().frame
    }

    /// What the inputs hear from now on, a list per channel; silence afterwards and on channels without a list.
    pub fn feed(&self, channels: Vec<Vec<f32>>) {
        let mut state = self.state();
        state.feed = channels;
        state.fed = 0;
    }

    /// What the MIDI inputs hear from now on: frames from now, inputs and messages, by frame. What was to come before is dropped.
    pub fn feed_midi(&self, messages: impl IntoIterator<Item = (i64, u16, [u8; 3])>) {
        let mut state = self.state();
        state.midi = messages.into_iter().collect();
        state.midi_now = 0;
    }

    /// Keeps everything that is played from now on.
    pub fn capture(&self) {
        let mut state = self.state();
        state.capture = Some(vec![Vec::new(); state.widths.1]);
    }

    /// Takes what was played since [`capture`](Self::capture), a list per output, and captures on. Empty if it was not
    /// asked to capture.
    #[must_use]
    pub fn captured(&self) -> Vec<Vec<f32>> {
        let mut state = self.state();
        let empty = vec![Vec::new(); state.widths.1];
        state.capture.as_mut().map(|capture| std::mem::replace(capture, empty)).unwrap_or_default()
    }

    /// An xrun: `frames` pass without a callback, and the next block is told so.
    pub fn lose(&self, frames: u32) {
        let mut state = self.state();
        state.lost += i64::from(frames);
        if let Some(shared) = &state.shared {
            shared.xruns.fetch_add(1, Relaxed);
            shared.notify();
        }
    }

    /// Says from now on that the hardware runs as fast as it can, or that it does not.
    pub fn set_freewheel(&self, freewheel: bool) {
        let mut state = self.state();
        state.freewheel = freewheel;
        if let Some(shared) = &state.shared {
            shared.freewheel.store(freewheel, Relaxed);
            shared.notify();
        }
    }

    /// Streams that are opened from now on run at `rate`, whatever is wished for; `None` grants every wish.
    pub fn offer_rate(&self, rate: Option<u32>) {
        self.state().offered = rate;
    }

    /// Goes on with another period, which the block sizes of [`BlockSizes::Period`] follow.
    pub fn set_period(&self, period: usize) {
        if let Some(shared) = &self.state().shared {
            shared.period.store(u32::try_from(period.clamp(1, MAX_PERIOD)).unwrap_or(1), Relaxed);
            shared.notify();
        }
    }

    /// Goes on at another rate.
    pub fn set_rate(&self, rate: u32) {
        if let Some(shared) = &self.state().shared {
            shared.rate.store(rate.max(1), Relaxed);
            shared.notify();
        }
    }

    /// The hardware goes away: the callback is called no more.
    pub fn shut_down(&self, reason: &str) {
        let mut state = self.state();
        if let Some(shared) = state.shared.take() {
            shared.shut_down(reason);
        }
    }
}

impl State {
    /// One block of at most `limit` frames; returns its length.
    fn step(&mut self, limit: usize) -> usize {
        let (Some(runner), Some(shared)) = (self.runner.as_mut(), self.shared.as_ref()) else { return 0 };
        let period = shared.period.load(Relaxed) as usize;
        let rate = shared.rate.load(Relaxed);
        let frames = self.sizes.next(period).min(limit);
        for (channel, input) in self.inputs.write(frames).enumerate() {
            let source = self.feed.get(channel).and_then(|list| list.get(self.fed..)).unwrap_or_default();
            input.fill(0.0);
            for (sample, value) in input.iter_mut().zip(source) {
                *sample = *value;
            }
        }
        self.fed = self.fed.saturating_add(frames);
        let lost = std::mem::take(&mut self.lost);
        self.frame += lost;
        let nanos = nanos_of(u64::try_from(self.frame).unwrap_or(0), rate);
        let time = HardwareTime { frame: self.frame, nanos: i64::try_from(nanos).unwrap_or(i64::MAX) };
        let tick = Tick { frames, time, rate, freewheel: self.freewheel, lost };
        let count = i64::try_from(frames).unwrap_or(0);
        let block = self.midi_block.get_or_insert_with(MidiBlock::new);
        block.clear();
        while let Some((at, port, bytes)) =
            self.midi.front().copied().filter(|(at, ..)| at - self.midi_now < count)
        {
            self.midi.pop_front();
            let frame = u32::try_from((at - self.midi_now).max(0)).unwrap_or(0);
            if !block.add(MidiEvent { frame, port, bytes }) {
                shared.midi_lost.fetch_add(1, Relaxed);
            }
        }
        self.midi_now += count;
        let (inputs, outputs) = (self.inputs.read(frames), self.outputs.write(frames));
        runner.run_with(inputs, outputs, self.widths, tick, block.events());
        if let Some(capture) = &mut self.capture {
            for (list, output) in capture.iter_mut().zip(self.outputs.read(frames)) {
                list.extend_from_slice(output);
            }
        }
        self.frame += i64::try_from(frames).unwrap_or(0);
        frames
    }
}

impl AudioBackend for VirtualClock {
    fn name(&self) -> &'static str {
        "virtual"
    }

    fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
        config.validate()?;
        let mut state = self.state();
        if std::mem::replace(&mut state.claimed, true) {
            return Err(OpenError::ClockInUse);
        }
        let rate = state.offered.or(config.rate).unwrap_or(DEFAULT_RATE);
        let period = config.period.unwrap_or(DEFAULT_PERIOD);
        let shared = Arc::new(Shared::new(rate, period, None));
        state.widths = (config.inputs, config.outputs);
        state.inputs = Planar::new(config.inputs, MAX_PERIOD);
        state.outputs = Planar::new(config.outputs, MAX_PERIOD);
        state.capture = state.capture.take().map(|_| vec![Vec::new(); config.outputs]);
        state.frame = 0;
        state.lost = 0;
        shared.freewheel.store(state.freewheel, Relaxed);
        let info = StreamInfo::new(self.name(), config, rate, period);
        let ready = Box::new(Claim { clock: self.clone(), shared: Arc::clone(&shared) });
        Ok(Prepared { info, shared, measure: config.measure, ready, edge: None, midi: None })
    }

    fn report(&self) -> BackendReport {
        let description = "no hardware: time passes when a test says so";
        let state = if self.state().claimed {
            BackendState::Unavailable { reason: OpenError::ClockInUse.to_string() }
        } else {
            BackendState::Available(Offer::default())
        };
        BackendReport { name: self.name(), description, state }
    }
}

/// Holds the clock for one stream, prepared or running, and frees it at the end.
struct Claim {
    clock: VirtualClock,
    shared: Arc<Shared>,
}

impl Ready for Claim {
    fn start(self: Box<Self>, runner: Runner) -> Result<Started, OpenError> {
        let mut state = self.clock.state();
        state.runner = Some(runner.without_promotion());
        state.shared = Some(Arc::clone(&self.shared));
        drop(state);
        Ok(Started { running: self, warnings: Vec::new() })
    }
}

impl Running for Claim {
    fn halt(self: Box<Self>) {}
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        state.shared = None;
        state.claimed = false;
        let runner = state.runner.take();
        drop(state);
        drop(runner);
    }
}
