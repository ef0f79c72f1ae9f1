//! The engine as a callback, and what watches it there: guard, trap, faults, switches, processor time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use omega_audio_io::testing::{Capturing, Playing};
use omega_audio_io::{AudioCallback, IoBlock, MAX_PERIOD, nanoseconds};
use omega_engine::{Executor, Outside, Slices};
use omega_rt::RtScope;

use crate::faults::{AFTER, Fault};
use crate::system::{Trap, Usage, monotonic, thread_cpu};

/// Inputs that a cycle hears at most, if the hardware has none.
const INPUTS: usize = 64;

/// What a cycle hears in place of inputs of the hardware: channels behind a bridge to another clock, and noise.
#[derive(Default)]
pub struct Sound {
    bridge: Option<Playing>,
    noise: Vec<Vec<f32>>,
}

impl Sound {
    /// Noise on `inputs` inputs, of which the first come over the bridge, if there is one.
    pub fn new(inputs: usize, bridge: Option<Playing>) -> Self {
        let mut random = omega_testkit::random::Random::new(5);
        let channel = |_| (0..MAX_PERIOD).map(|_| random.value(-0.05, 0.05)).collect();
        Self { bridge, noise: (0..inputs.min(INPUTS)).map(channel).collect() }
    }

    /// Calls `work` with the inputs for a block.
    fn hear(&mut self, frames: usize, work: impl for<'a> FnOnce(&'a [&'a [f32]])) {
        let mut inputs: [&[f32]; INPUTS] = [&[]; INPUTS];
        let mut count = 0;
        for (place, channel) in inputs.iter_mut().zip(&self.noise) {
            *place = channel.get(..frames).unwrap_or_default();
            count += 1;
        }
        if let Some(bridge) = &mut self.bridge {
            let now = nanoseconds() as f64 * 1e-9;
            inputs.iter_mut().zip(bridge.read(now, frames)).for_each(|(place, channel)| *place = channel);
        }
        work(inputs.get(..count).unwrap_or_default());
    }
}

/// The audio thread's side of the product: the engine and nothing else, and a fault where one is seeded.
pub struct Cycle {
    executor: Executor,
    sound: Sound,
    fault: Option<Fault>,
    blocks: u64,
}

impl Cycle {
    /// Without a fault, or with one that strikes in each block from [`AFTER`] on.
    pub fn new(executor: Executor, sound: Sound, fault: Option<Fault>) -> Self {
        Self { executor, sound, fault, blocks: 0 }
    }

    /// Times that the bridge to its inputs was interrupted.
    pub fn breaks(&self) -> Option<u64> {
        self.sound.bridge.as_ref().map(Playing::breaks)
    }
}

impl AudioCallback for Cycle {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        let frames = io.frames;
        let outside = Slices { inputs: io.inputs, outputs: io.outputs, midi: &[], waits: io.flags.freewheel };
        if self.sound.noise.is_empty() {
            callback(&mut self.executor, outside, frames);
        } else {
            let executor = &mut self.executor;
            self.sound.hear(frames, |inputs| hearing(executor, Heard { inputs, outside }, frames));
        }
        self.blocks += 1;
        if let Some(fault) = self.fault.as_mut().filter(|_| self.blocks > AFTER) {
            fault.strike(self.blocks);
        }
    }
}

/// What the product does in its callback, in a function of its own: [`panics`](crate::panics) begins to read here.
#[inline(never)]
fn callback(executor: &mut Executor, mut outside: Slices<'_, '_>, frames: usize) {
    executor.process(&mut outside, frames);
}

/// The same with other inputs.
#[inline(never)]
fn hearing(executor: &mut Executor, mut outside: Heard<'_, '_, '_>, frames: usize) {
    executor.process(&mut outside, frames);
}

/// Hardware whose inputs are others.
struct Heard<'a, 'b, 'c> {
    inputs: &'a [&'a [f32]],
    outside: Slices<'b, 'c>,
}

impl Outside for Heard<'_, '_, '_> {
    fn input(&self, channel: usize) -> &[f32] {
        self.inputs.get(channel).copied().unwrap_or(&[])
    }

    fn output(&mut self, channel: usize) -> &mut [f32] {
        self.outside.output(channel)
    }

    fn outputs(&self) -> usize {
        self.outside.outputs()
    }

    fn waits(&self) -> bool {
        self.outside.waits()
    }
}

/// The other clock's side of the bridge: captures noise, and does what is seeded there.
pub struct Capture {
    side: Capturing,
    noise: Vec<f32>,
    channels: usize,
    fault: Option<Fault>,
    blocks: u64,
}

impl Capture {
    /// Of `channels` channels.
    pub fn new(side: Capturing, channels: usize, fault: Option<Fault>) -> Self {
        let mut random = omega_testkit::random::Random::new(3);
        let noise = (0..MAX_PERIOD * channels).map(|_| random.value(-0.05, 0.05)).collect();
        Self { side, noise, channels, fault, blocks: 0 }
    }

    /// Captures `frames` frames at `now`, in seconds.
    pub fn capture(&mut self, now: f64, frames: usize) {
        self.blocks += 1;
        let (fault, blocks) = (self.fault.as_mut().filter(|_| self.blocks > AFTER), self.blocks);
        let samples = self.noise.get(..frames * self.channels).unwrap_or_default();
        self.side.write(now, samples, || {
            if let Some(fault) = fault {
                fault.strike(blocks);
            }
        });
    }
}

impl AudioCallback for Capture {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        self.capture(nanoseconds() as f64 * 1e-9, io.frames);
    }
}

/// A cycle that took longer than its period, or came too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// When it began, on the monotonic clock in nanoseconds.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// Processor time that it used.
    pub cpu: u64,
    /// Frames that were lost before it.
    pub lost: i64,
    /// Times that its processor was taken away while it ran.
    pub involuntary: i64,
}

/// How many late cycles are kept; further ones are only counted.
const LATES: usize = 4096;

#[derive(Debug, Default)]
struct LateCell {
    begin: AtomicU64,
    end: AtomicU64,
    cpu: AtomicU64,
    lost: AtomicI64,
    involuntary: AtomicI64,
}

/// What was seen after the warm-up. The audio thread writes, all others read.
#[derive(Debug)]
pub struct Record {
    cycles: AtomicU64,
    allocations: AtomicU64,
    frees: AtomicU64,
    locks: AtomicU64,
    faults: AtomicI64,
    voluntary: AtomicI64,
    involuntary: AtomicI64,
    late: AtomicU64,
    lates: Box<[LateCell]>,
    /// Processor time of each cycle, in nanoseconds.
    cpu: Box<[AtomicU32]>,
}

impl Record {
    /// With room for the times of `cycles` cycles.
    pub fn new(cycles: usize) -> Self {
        Self {
            cycles: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            locks: AtomicU64::new(0),
            faults: AtomicI64::new(0),
            voluntary: AtomicI64::new(0),
            involuntary: AtomicI64::new(0),
            late: AtomicU64::new(0),
            lates: (0..LATES).map(|_| LateCell::default()).collect(),
            // Not zero: zeroed memory would be there only once it is written.
            cpu: (0..cycles).map(|_| AtomicU32::new(u32::MAX)).collect(),
        }
    }

    /// Cycles seen.
    pub fn cycles(&self) -> u64 {
        self.cycles.load(Relaxed)
    }

    /// What must be zero, by name.
    pub fn counts(&self) -> [(&'static str, i64); 6] {
        let of = |counter: &AtomicU64| i64::try_from(counter.load(Relaxed)).unwrap_or(i64::MAX);
        [
            ("allocations", of(&self.allocations)),
            ("frees", of(&self.frees)),
            ("locks", of(&self.locks)),
            ("system-calls", i64::try_from(Trap::trapped().0).unwrap_or(i64::MAX)),
            ("page-faults", self.faults.load(Relaxed)),
            ("voluntary-switches", self.voluntary.load(Relaxed)),
        ]
    }

    /// Times that the machine took the processor away within a cycle.
    pub fn involuntary(&self) -> i64 {
        self.involuntary.load(Relaxed)
    }

    /// Late cycles: how many, and the first of them.
    pub fn lates(&self) -> (u64, Vec<Late>) {
        let late = self.late.load(Relaxed);
        let kept = self.lates.iter().take(usize::try_from(late).unwrap_or(LATES)).map(|cell| Late {
            begin: cell.begin.load(Relaxed),
            end: cell.end.load(Relaxed),
            cpu: cell.cpu.load(Relaxed),
            lost: cell.lost.load(Relaxed),
            involuntary: cell.involuntary.load(Relaxed),
        });
        (late, kept.collect())
    }

    /// As much again as another thread's record has seen; its cycles and late ones stay its own.
    pub fn add_counts(&self, other: &Self) {
        let pairs = [
            (&self.allocations, &other.allocations),
            (&self.frees, &other.frees),
            (&self.locks, &other.locks),
        ];
        for (mine, theirs) in pairs {
            mine.fetch_add(theirs.load(Relaxed), Relaxed);
        }
        let pairs = [(&self.faults, &other.faults), (&self.voluntary, &other.voluntary)];
        for (mine, theirs) in pairs {
            mine.fetch_add(theirs.load(Relaxed), Relaxed);
        }
    }

    /// Processor times of the cycles in nanoseconds, sorted.
    pub fn times(&self) -> Vec<u32> {
        let count = usize::try_from(self.cycles()).unwrap_or(usize::MAX);
        let mut times: Vec<u32> = self.cpu.iter().take(count).map(|time| time.load(Relaxed)).collect();
        times.sort_unstable();
        times
    }

    fn note_late(&self, late: Late) {
        let index = usize::try_from(self.late.fetch_add(1, Relaxed)).unwrap_or(LATES);
        if let Some(cell) = self.lates.get(index) {
            cell.begin.store(late.begin, Relaxed);
            cell.end.store(late.end, Relaxed);
            cell.cpu.store(late.cpu, Relaxed);
            cell.lost.store(late.lost, Relaxed);
            cell.involuntary.store(late.involuntary, Relaxed);
        }
    }
}

/// Watches another callback.
pub struct Watched<C> {
    inner: C,
    record: Arc<Record>,
    trap: Option<Trap>,
    warm_up: u64,
    blocks: u64,
}

impl<C: AudioCallback> Watched<C> {
    /// Records into `record` after `warm_up` blocks.
    pub fn new(inner: C, record: Arc<Record>, warm_up: u64) -> Self {
        Self { inner, record, trap: None, warm_up, blocks: 0 }
    }

    /// What is watched.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// One cycle, watched. The measurements are outside of the trap: some of them are system calls.
    fn watch(&mut self, io: &mut IoBlock<'_>, trap: &Trap) {
        let usage = Usage::now();
        let cpu = thread_cpu();
        let begin = monotonic();
        trap.arm();
        let scope = RtScope::enter();
        self.inner.process(io);
        let counts = scope.counts();
        drop(scope);
        trap.disarm();
        let end = monotonic();
        let cpu = thread_cpu().saturating_sub(cpu);
        let after = Usage::now();
        let record = &*self.record;
        record.allocations.fetch_add(counts.allocations, Relaxed);
        record.frees.fetch_add(counts.frees, Relaxed);
        record.locks.fetch_add(counts.locks, Relaxed);
        record.faults.fetch_add(after.faults - usage.faults, Relaxed);
        record.voluntary.fetch_add(after.voluntary - usage.voluntary, Relaxed);
        let involuntary = after.involuntary - usage.involuntary;
        record.involuntary.fetch_add(involuntary, Relaxed);
        let cycle = record.cycles.load(Relaxed);
        if let Some(time) = usize::try_from(cycle).ok().and_then(|cycle| record.cpu.get(cycle)) {
            time.store(u32::try_from(cpu).unwrap_or(u32::MAX), Relaxed);
        }
        let period = io.frames as u64 * 1_000_000_000 / u64::from(io.rate.max(1));
        if end - begin > period || io.flags.lost > 0 {
            record.note_late(Late { begin, end, cpu, lost: io.flags.lost, involuntary });
        }
        record.cycles.store(cycle + 1, Relaxed);
    }
}

impl<C: AudioCallback> AudioCallback for Watched<C> {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        self.blocks += 1;
        if self.blocks <= self.warm_up {
            self.inner.process(io);
            return;
        }
        // The trap belongs to the thread, so it is set up here, once.
        let trap = match self.trap.take() {
            Some(trap) => trap,
            None => match Trap::new() {
                Ok(trap) => trap,
                Err(error) => {
                    eprintln!("{error}");
                    std::process::abort()
                }
            },
        };
        self.watch(io, &trap);
        self.trap = Some(trap);
    }
}
