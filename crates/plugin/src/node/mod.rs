//! The audio half of a plugin: what the engine runs.
//!
//! Blocks of any length come in. Their frames are gathered into quanta ([`crate::quantum`]) that begin where the clock is a
//! multiple of [`QUANTUM`]; a full quantum goes to the plugin, and its reply is heard [`Pace::lag`] frames after it came in.
//! A reply that is not there by then is not waited for: what is heard fades to the input, delayed as the plugin would have
//! done it, within one quantum, and back when the plugin has answered in time for a while.
//!
//! Everything here is real-time safe, but for what prepares ([`PluginProcessor::new`]) and as far as a plugin that is called in this process is itself. The
//! only system call is the one that wakes a worker which sleeps.

mod dry;
mod fit;
mod gather;
mod queue;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use omega_processor::{PrepareConfig, ProcessBlock, Processor, Status, Tail};
use omega_time::TempoMap;

use crate::health::{Health, Trouble};
use crate::quantum::{Outcome, QUANTUM, Reply, Request, Shape};
use dry::DryLine;
use fit::{Fed, fed};
use queue::{Queue, Segment, Source};

pub(crate) use wire::{Fetched, LocalStage, Wire, local};

/// Frames over which the sound goes from the plugin to its input and back.
pub const FADE: usize = QUANTUM;
/// Quanta in a row that have to be there in time before a plugin that was late is heard again.
pub const TRUST: u32 = 16;
/// The largest magnitude that a plugin may put out: +60 dBFS, as for any other node.
const RUNAWAY: f32 = 1000.0;
/// Frames of the input that are remembered at least, so that a plugin may come to more latency while it plays.
const REMEMBERED: usize = 16_384;

/// How time passes for a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A worker has so many frames of time, the period of the hardware, before its reply is needed; nobody waits for it.
    Live {
        /// Frames that the hardware asks for at once.
        period: usize,
    },
    /// Replies are waited for: rendering.
    Waiting,
}

impl Pace {
    /// Quanta that a worker has time for.
    fn ahead(self) -> usize {
        match self {
            Self::Live { period } => period.clamp(1, 1 << 16).div_ceil(QUANTUM),
            Self::Waiting => 1,
        }
    }

    /// Frames from the input of a quantum to its output, the plugin's own latency apart: one quantum to gather it, and what
    /// the worker has time for.
    #[must_use]
    pub fn lag(self) -> usize {
        QUANTUM * (1 + self.ahead())
    }

    /// Requests that may be on their way at once.
    pub(crate) fn slots(self) -> usize {
        self.ahead() + 5
    }
}

/// A plugin as the engine sees it. Dropped off the audio thread.
pub struct PluginProcessor {
    wire: Wire,
    health: Arc<Health>,
    shape: Shape,
    /// Channels of the track: input, output.
    channels: (usize, usize),
    waits: bool,
    lag: usize,
    /// The plugin's own latency, as it was told last.
    latency: u32,
    request: Request,
    /// Frames in the request, and how many it will have.
    gathered: (usize, usize),
    /// Something in the request is not silent.
    active: bool,
    queue: Queue,
    /// What is heard now.
    reply: Reply,
    now: Heard,
    /// 1 is the plugin, 0 its input.
    wet: f32,
    /// What the plugin put out last, on each channel of the track.
    last: Box<[f32]>,
    /// Quanta that have to be in time before it is heard again.
    doubt: u32,
    dry: DryLine,
    teller: gather::Teller,
    /// The generation of the plugin, and the one that is not listened to any more.
    generation: u32,
    banned: Option<u32>,
    /// Silence in gives silence out.
    asleep: bool,
    /// The last request in which something was not silent.
    last_active: u32,
    steady: u64,
    reset_due: bool,
    tempo: Option<Arc<TempoMap>>,
}

/// The stretch that is being heard.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// Frames of it, and how many are done.
    frames: usize,
    done: usize,
    /// What the plugin put out is there.
    wet: bool,
    /// It is known to be silent.
    silent: bool,
}

impl std::fmt::Debug for PluginProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginProcessor")
            .field("shape", &self.shape)
            .field("lag", &self.lag)
            .field("latency", &self.latency)
            .finish_non_exhaustive()
    }
}

/// A payload for [`Processor::exchange`]: the tempo map that the plugin is told of. Where the processor has one, it comes
/// back.
#[derive(Debug, Default)]
pub struct PluginTempo(pub Option<Arc<TempoMap>>);

/// A payload for [`Processor::exchange`]: another plugin in the place of this one, which comes back. It begins with
/// silence for as long as it lags; the tempo map is its own.
#[derive(Debug, Default)]
pub struct PluginSwap(pub Option<Box<PluginProcessor>>);

impl PluginProcessor {
    /// Prepares. `values` are the plugin's parameters as they are, in the order of the engine's.
    #[allow(clippy::disallowed_macros, reason = "prepares off the audio thread")]
    pub(crate) fn new(
        wire: Wire,
        health: Arc<Health>,
        shape: Shape,
        config: &PrepareConfig,
        pace: Pace,
        values: &[f32],
    ) -> Self {
        let latency = health.latency.load(Ordering::Acquire);
        let lag = pace.lag();
        let remembered = (lag + latency as usize + QUANTUM).max(REMEMBERED);
        let mut new = Self {
            wire,
            shape,
            channels: (config.inputs, config.outputs),
            waits: pace == Pace::Waiting,
            lag,
            latency,
            request: Request::new(&shape),
            gathered: (0, 0),
            active: false,
            queue: Queue::new(pace.slots()),
            reply: Reply::new(&shape),
            now: Heard::default(),
            wet: 1.0,
            last: vec![0.0; config.outputs].into_boxed_slice(),
            doubt: 0,
            dry: DryLine::new(config.inputs, remembered),
            teller: gather::Teller::new(values),
            generation: health.generation.load(Ordering::Acquire),
            banned: None,
            asleep: false,
            last_active: 0,
            steady: 0,
            reset_due: false,
            tempo: None,
            health,
        };
        new.begin();
        new
    }

    /// Back to the first frame.
    fn begin(&mut self) {
        self.gathered = (0, 0);
        self.request.clear();
        self.queue.clear();
        self.queue.push(Segment { frames: self.lag, source: Source::Silence });
        self.now = Heard::default();
        self.dry.reset();
        self.last.fill(0.0);
        self.asleep = false;
        self.teller.reset();
        self.wet = if self.doubt == 0 { 1.0 } else { 0.0 };
    }

    // --- Towards the plugin ---------------------------------------------------------------------------------------

    /// The quantum is full: it goes to the plugin.
    fn send(&mut self) {
        self.wire.attend(self.waits, &self.health);
        let frames = self.gathered.0;
        self.request.frames = u32::try_from(frames).unwrap_or(1);
        self.request.steady = self.steady;
        self.request.reset = self.reset_due;
        self.teller.finish(&mut self.request, frames);
        self.steady = self.steady.saturating_add(frames as u64);
        let woken = self.health.wake.swap(false, Ordering::AcqRel);
        let active = self.active || woken || self.request.reset || !self.request.events().is_empty();
        let source = if self.asleep && !active {
            self.wire.rest();
            Source::Silence
        } else if self.banned == Some(self.generation) {
            Source::Nothing
        } else {
            self.submit(active)
        };
        self.queue.push(Segment { frames, source });
        self.gathered = (0, 0);
        self.active = false;
        self.request.clear();
    }

    fn submit(&mut self, active: bool) -> Source {
        let Some(sequence) = self.wire.submit(&mut self.request, self.waits, &self.health) else {
            self.teller.tell_again(&self.request);
            return Source::Nothing;
        };
        self.reset_due = false;
        self.health.submitted.store(sequence.wrapping_add(1), Ordering::Release);
        if active {
            self.last_active = sequence;
            self.asleep = false;
        }
        Source::Reply(sequence)
    }

    /// Takes over what the other half has to say.
    fn listen(&mut self) -> Option<u32> {
        let generation = self.health.generation.load(Ordering::Acquire);
        let retell = self.health.retell.swap(false, Ordering::AcqRel);
        if generation != self.generation || retell {
            self.generation = generation;
            self.teller.tell_all();
            self.asleep = false;
        }
        let latency = self.health.latency.load(Ordering::Acquire);
        let changed = latency != self.latency;
        self.latency = latency;
        changed.then(|| self.latency())
    }

    // --- From the plugin ------------------------------------------------------------------------------------------

    /// Goes on to the next stretch to be heard.
    fn next_segment(&mut self) {
        let segment = self.queue.pop().unwrap_or(Segment { frames: QUANTUM, source: Source::Nothing });
        let mut now = Heard { frames: segment.frames.max(1), done: 0, wet: false, silent: false };
        let failed = match segment.source {
            Source::Silence => {
                (now.wet, now.silent) = (true, true);
                None
            }
            Source::Nothing => None,
            Source::Reply(sequence) => {
                let failed = self.fetch(sequence, segment.frames);
                now.wet = failed == Some(Ok(()));
                failed.and_then(Result::err)
            }
        };
        if let Some(trouble) = failed {
            self.banned = Some(self.generation);
            self.health.complain(self.generation, trouble);
        }
        if !now.wet {
            self.doubt = TRUST;
            self.health.late.fetch_add(1, Ordering::Relaxed);
        } else if !now.silent || self.asleep {
            self.doubt = self.doubt.saturating_sub(1);
        }
        self.health.bypassed.store(self.doubt > 0, Ordering::Relaxed);
        self.now = now;
    }

    /// Fetches a reply and looks it over; `None` when it is not there.
    fn fetch(&mut self, sequence: u32, frames: usize) -> Option<Result<(), Trouble>> {
        if self.banned == Some(self.generation) {
            return None;
        }
        match self.wire.fetch(sequence, &mut self.reply, self.waits, &self.health) {
            Fetched::Missing => return None,
            Fetched::Nonsense => return Some(Err(Trouble::Nonsense)),
            Fetched::Ready => {}
        }
        let channels = self.reply.outputs.chunks_exact(QUANTUM);
        let heard = channels.flat_map(|channel| channel.iter().take(frames));
        let (mut finite, mut within) = (true, true);
        for sample in heard {
            finite &= sample.is_finite();
            within &= sample.abs() <= RUNAWAY;
        }
        Some(match (self.reply.outcome, finite, within) {
            (Outcome::Refused, ..) => Err(Trouble::Refused),
            (_, false, _) => Err(Trouble::NotFinite),
            (_, _, false) => Err(Trouble::Runaway),
            (outcome, ..) => {
                let since_active = sequence.wrapping_sub(self.last_active).cast_signed();
                self.asleep = outcome == Outcome::Asleep && since_active >= 0;
                Ok(())
            }
        })
    }

    /// Writes the frames `done..done + count` of the block's output.
    fn deliver(&mut self, block: &mut ProcessBlock<'_>, done: usize, count: usize) {
        let goal = if self.now.wet && self.doubt == 0 { 1.0 } else { 0.0 };
        let back = self.lag.saturating_add(self.latency as usize).saturating_add(count);
        let (from, begin) = (self.now.done, self.wet);
        for (channel, last) in (0..self.channels.1).zip(self.last.iter_mut()) {
            let Some(out) = block.main.get_mut(channel).get_mut(done..done + count) else { continue };
            let source = fed(self.shape.output_channels(), self.channels.1, channel);
            let mut wet = begin;
            for (i, out) in out.iter_mut().enumerate() {
                if self.now.wet {
                    *last = if self.now.silent { 0.0 } else { heard(&self.reply, source, from + i) };
                }
                wet = step(wet, goal);
                *out = if wet >= 1.0 {
                    *last
                } else {
                    let dry = if channel < self.channels.0 { self.dry.read(channel, back - i) } else { 0.0 };
                    if wet <= 0.0 { dry } else { dry + (*last - dry) * wet }
                };
            }
        }
        self.wet = (0..count).fold(begin, |wet, _| step(wet, goal));
        self.now.done += count;
    }
}

/// One frame further from the input to the plugin, or back.
fn step(wet: f32, goal: f32) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
    const STEP: f32 = 1.0 / FADE as f32;
    if goal > wet { (wet + STEP).min(goal) } else { (wet - STEP).max(goal) }
}

/// A frame of what the plugin put out, for a channel of the track.
fn heard(reply: &Reply, source: Fed, frame: usize) -> f32 {
    let sample = |channel| reply.output(channel).get(frame).copied().unwrap_or(0.0);
    match source {
        Fed::Silent => 0.0,
        Fed::By(channel) => sample(channel),
        Fed::ByBoth => (sample(0) + sample(1)) * 0.5,
    }
}

impl Processor for PluginProcessor {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        block.new_latency = self.listen();
        let frames = block.frames();
        self.note_block(block);
        let mut done = 0;
        while done < frames {
            if self.gathered.1 == 0 {
                self.begin_quantum(block, done);
            }
            if self.now.done >= self.now.frames {
                self.next_segment();
            }
            let room = self.gathered.1.saturating_sub(self.gathered.0).max(1);
            let count = (frames - done).min(room).min(self.now.frames.saturating_sub(self.now.done).max(1));
            self.gather(block, done, count);
            self.deliver(block, done, count);
            done += count;
            if self.gathered.0 >= self.gathered.1 {
                self.send();
            }
        }
        if self.waits && self.health.lost.load(Ordering::Acquire) {
            return Trouble::Lost.status();
        }
        Status::Sound
    }

    fn reset(&mut self) {
        self.reset_due = true;
        self.begin();
    }

    fn latency(&self) -> u32 {
        u32::try_from(self.lag).unwrap_or(u32::MAX).saturating_add(self.latency)
    }

    fn tail(&self) -> Tail {
        Tail::Infinite
    }

    fn exchange(&mut self, payload: &mut (dyn std::any::Any + Send)) {
        if let Some(PluginTempo(tempo)) = payload.downcast_mut::<PluginTempo>() {
            std::mem::swap(&mut self.tempo, tempo);
        } else if let Some(PluginSwap(Some(other))) = payload.downcast_mut::<PluginSwap>() {
            std::mem::swap(self, other);
        }
    }
}

impl Drop for PluginProcessor {
    fn drop(&mut self) {
        self.health.gone.store(true, Ordering::Release);
    }
}
