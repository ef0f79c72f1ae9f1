//! The last step before a callback, the same for every backend: guards, measurements, the fence for panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::Sender;

use omega_rt::RtScope;
use omega_rt::denormals::FlushDenormals;

use crate::callback::{AudioCallback, BlockFrame, HardwareTime, IoBlock, IoFlags, with_block};
use crate::midi::{MidiEvent, MidiFeed};
use crate::shared::Shared;
use crate::{memory, priority};

/// Owns the callback while a stream runs. Dropping it, which never happens on the audio thread, sends the callback home.
pub(crate) struct Runner {
    callback: Option<Box<dyn AudioCallback>>,
    home: Sender<Box<dyn AudioCallback>>,
    shared: Arc<Shared>,
    measure: bool,
    promote: bool,
    xruns_seen: u64,
    /// The system's MIDI, where the backend has none of its own.
    feed: Option<MidiFeed>,
}

/// Where a block lies, as the backend knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub frames: usize,
    pub time: HardwareTime,
    pub rate: u32,
    pub freewheel: bool,
    /// Frames lost since the previous block.
    pub lost: i64,
}

impl Runner {
    pub(crate) fn new(
        callback: Box<dyn AudioCallback>,
        home: Sender<Box<dyn AudioCallback>>,
        shared: Arc<Shared>,
        measure: bool,
        feed: Option<MidiFeed>,
    ) -> Self {
        Self { callback: Some(callback), home, shared, measure, promote: true, xruns_seen: 0, feed }
    }

    /// For a backend whose thread is not ours to promote.
    pub(crate) fn without_promotion(mut self) -> Self {
        self.promote = false;
        self
    }

    /// Hands one block to the callback. `inputs` and `outputs` give `widths.0` and `widths.1` slices of `tick.frames`
    /// frames each. Real-time safe, but for the first call, which promotes the thread.
    pub(crate) fn run<'a>(
        &mut self,
        inputs: impl Iterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        widths: (usize, usize),
        tick: Tick,
    ) {
        let mut feed = self.feed.take();
        let now = self.shared.now();
        let midi = feed.as_mut().map(|feed| feed.block(now, tick.frames, tick.rate, &self.shared));
        self.run_with(inputs, outputs, widths, tick, midi.unwrap_or(&[]));
        // What is replaced is nothing, so nothing is dropped.
        std::mem::forget(std::mem::replace(&mut self.feed, feed));
    }

    /// As [`run`](Self::run), with the MIDI that the backend has of its own.
    pub(crate) fn run_with<'a>(
        &mut self,
        inputs: impl Iterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        widths: (usize, usize),
        tick: Tick,
        midi: &[MidiEvent],
    ) {
        self.prepare(tick);
        let xruns = self.shared.xruns.load(Relaxed);
        let flags = IoFlags { xrun: xruns != self.xruns_seen, freewheel: tick.freewheel, lost: tick.lost };
        self.xruns_seen = xruns;
        let frame = BlockFrame { frames: tick.frames, time: tick.time, rate: tick.rate, flags };
        with_block(inputs, outputs, widths, (frame, midi), |io| self.call(io, tick));
    }

    /// Calls the callback and measures it.
    fn call(&mut self, io: &mut IoBlock<'_>, tick: Tick) {
        let Some(callback) = self.callback.as_deref_mut().filter(|_| !self.shared.failed.load(Relaxed))
        else {
            return;
        };
        let cpu_before = if self.measure { thread_cpu() } else { 0 };
        let before = self.shared.now();
        let denormals = FlushDenormals::enter();
        let scope = RtScope::enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| real_time(callback, io)));
        let counts = scope.counts();
        drop(scope);
        drop(denormals);
        let elapsed = self.shared.now().saturating_sub(before);
        if self.measure {
            self.shared.counters.cpu.record(thread_cpu().saturating_sub(cpu_before));
        }
        if let Err(panic) = outcome {
            io.outputs.iter_mut().for_each(|output| output.fill(0.0));
            self.shared.failed.store(true, SeqCst);
            // Dropping the payload could panic again; a failed callback may leak it.
            std::mem::forget(panic);
        }
        self.count(tick, elapsed, &counts);
    }

    /// What has to be done before a block, callback or not.
    fn prepare(&mut self, tick: Tick) {
        let counters = &self.shared.counters;
        self.shared.last_callback.store(self.shared.now(), Relaxed);
        if self.promote {
            self.promote = false;
            memory::touch_stack();
            counters.priority.set(priority::promote_this_thread(tick.frames, tick.rate));
        }
        if counters.reset.load(Relaxed) && counters.reset.swap(false, SeqCst) {
            counters.elapsed.clear();
            counters.cpu.clear();
            for counter in
                [&counters.callbacks, &counters.late, &counters.allocations, &counters.frees, &counters.locks]
            {
                counter.store(0, Relaxed);
            }
            counters.frames.store(0, Relaxed);
            counters.lost.store(0, Relaxed);
        }
    }

    fn count(&self, tick: Tick, elapsed: u64, violations: &omega_rt::RtCounts) {
        let counters = &self.shared.counters;
        counters.elapsed.record(elapsed);
        let frames = i64::try_from(tick.frames).unwrap_or(0);
        counters.frames.store(counters.frames.load(Relaxed).wrapping_add(frames), Relaxed);
        counters.lost.store(counters.lost.load(Relaxed).wrapping_add(tick.lost), Relaxed);
        if !tick.freewheel && elapsed > nanos_of(tick.frames as u64, tick.rate) {
            add(&counters.late, 1);
        }
        add(&counters.allocations, violations.allocations);
        add(&counters.frees, violations.frees);
        add(&counters.locks, violations.locks);
        // Last, so that who sees this many callbacks sees what they counted.
        let callbacks = counters.callbacks.load(Relaxed).wrapping_add(1);
        counters.callbacks.store(callbacks, std::sync::atomic::Ordering::Release);
    }
}

/// The callback and nothing else: where RealtimeSanitizer, in builds that have it, begins to watch.
#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
fn real_time(callback: &mut dyn AudioCallback, io: &mut IoBlock<'_>) {
    callback.process(io);
}

/// Does work of a backend on the audio thread, before or after its callback, as the callback is called: with denormals off, and
/// what must not happen counted.
#[cfg(any(feature = "system", feature = "testing"))]
pub(crate) fn guarded(shared: &Shared, work: impl FnOnce()) {
    let denormals = FlushDenormals::enter();
    let scope = RtScope::enter();
    real_time_work(work);
    let counts = scope.counts();
    drop(scope);
    drop(denormals);
    add(&shared.counters.allocations, counts.allocations);
    add(&shared.counters.frees, counts.frees);
    add(&shared.counters.locks, counts.locks);
}

/// As [`real_time`], for work of a backend.
#[cfg(any(feature = "system", feature = "testing"))]
#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
fn real_time_work(work: impl FnOnce()) {
    work();
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(callback) = self.callback.take() {
            // The owner may be gone already; then the callback is dropped here, off the audio thread.
            drop(self.home.send(callback));
        }
    }
}

/// Mostly nothing is added, and then nothing is written: input and output may have a thread each.
fn add(counter: &AtomicU64, amount: u64) {
    if amount > 0 {
        counter.fetch_add(amount, Relaxed);
    }
}

/// How long `frames` last at `rate`, in nanoseconds, rounded down.
pub(crate) fn nanos_of(frames: u64, rate: u32) -> u64 {
    let nanos = u128::from(frames) * 1_000_000_000 / u128::from(rate.max(1));
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// CPU time of this thread in nanoseconds. A system call.
#[cfg(unix)]
fn thread_cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000)
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(not(unix))]
fn thread_cpu() -> u64 {
    0
}
