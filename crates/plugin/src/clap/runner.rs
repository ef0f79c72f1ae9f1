//! The half of a plugin that processes. May be sent to another thread; real-time safe as far as the plugin is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clack_extensions::params::PluginParams;
use clack_extensions::tail::{PluginTail, TailLength};
use clack_host::events::io::{InputEvents, OutputEvents};
use clack_host::process::audio_buffers::{AudioPortBuffer, AudioPortBufferType, AudioPorts, InputChannel};
use clack_host::process::{PluginAudioProcessor, ProcessStatus, StoppedPluginAudioProcessor};
use omega_processor::Event;
use omega_rt::AlignedBuffer;

use super::events::{Dialect, InEvents, OutEvents, ParamKey, transport};
use super::host::{Host, Wishes};
use super::role::{Acting, Role};
use crate::quantum::{Outcome, Place, QUANTUM, Reply, Request, Shape, spare_events};

/// Ports of the plugin, and what of them is fed and heard.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Channels of each input.
    pub inputs: Vec<usize>,
    /// Channels of each output.
    pub outputs: Vec<usize>,
    /// What requests bring and replies take.
    pub shape: Shape,
    /// What the first note port understands.
    pub dialect: Dialect,
}

/// Values that the plugin changed by itself: the latest ones, until somebody looks. One side writes, one reads; a value that
/// is overwritten before it was read is gone, which is what latest means.
#[derive(Debug)]
pub(crate) struct Changes {
    slots: Box<[(AtomicU64, AtomicU64)]>,
}

/// No parameter.
const NOBODY: u64 = u64::MAX;

impl Changes {
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    fn new(params: usize) -> Self {
        let slots = (0..params).map(|_| (AtomicU64::new(NOBODY), AtomicU64::new(0))).collect();
        Self { slots }
    }

    fn set(&self, index: usize, id: u32, value: f64) {
        if let Some((key, bits)) = self.slots.get(index) {
            bits.store(value.to_bits(), Ordering::Relaxed);
            key.store(id.into(), Ordering::Release);
        }
    }

    /// What changed since the last call.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub(crate) fn take(&self) -> Vec<(u32, f64)> {
        let taken = self.slots.iter().filter_map(|(key, bits)| {
            let id = key.swap(NOBODY, Ordering::AcqRel);
            let value = f64::from_bits(bits.load(Ordering::Relaxed));
            u32::try_from(id).ok().map(|id| (id, value))
        });
        taken.collect()
    }
}

/// An active plugin.
pub(crate) struct Runner {
    processor: PluginAudioProcessor<Host>,
    ports: Ports,
    params: Vec<ParamKey>,
    tail: Option<PluginTail>,
    flushes: Option<PluginParams>,
    wishes: Arc<Wishes>,
    changes: Arc<Changes>,
    rate: f64,
    inputs: (AudioPorts, AlignedBuffer),
    outputs: (AudioPorts, AlignedBuffer),
    in_events: InEvents,
    out_events: OutEvents,
    spare: Box<[Event]>,
    /// Frames of silence that came in without a break.
    quiet: u64,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Runner {
    /// Makes all memory that processing needs.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub(crate) fn new(
        processor: PluginAudioProcessor<Host>,
        ports: Ports,
        params: Vec<ParamKey>,
        (tail, flushes): (Option<PluginTail>, Option<PluginParams>),
        wishes: Arc<Wishes>,
        rate: u32,
    ) -> Self {
        let (inputs, outputs) = (ports.inputs.iter().sum(), ports.outputs.iter().sum());
        let memory = |channels: usize, ports: usize| {
            (AudioPorts::with_capacity(channels, ports), AlignedBuffer::zeroed(channels * QUANTUM))
        };
        Self {
            inputs: memory(inputs, ports.inputs.len()),
            outputs: memory(outputs, ports.outputs.len()),
            changes: Arc::new(Changes::new(params.len())),
            processor,
            ports,
            params,
            tail,
            flushes,
            wishes,
            rate: rate.into(),
            in_events: InEvents::new(),
            out_events: OutEvents::new(),
            spare: spare_events(),
            quiet: 0,
        }
    }

    /// Where values that the plugin changes arrive.
    pub(crate) fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.changes)
    }

    /// The plugin wants to be activated anew, or its main thread has to see whether it has to be.
    pub(crate) fn wants_restart(&self) -> bool {
        self.wishes.restarts()
    }

    /// Processes one quantum. The calling thread is the audio thread for its duration.
    pub(crate) fn run(&mut self, request: &mut Request, reply: &mut Reply) {
        let _acting = Acting::enter(Role::Audio);
        let frames = (request.frames as usize).clamp(1, QUANTUM);
        request.sort_events(&mut self.spare);
        // What it wants to exchange, it can in this call.
        self.wishes.flush.store(false, Ordering::Release);
        reply.outputs.fill(0.0);
        reply.outcome = match self.call(request, frames) {
            Some(status) => {
                self.take_outputs(reply, frames);
                self.judge(status, request, frames)
            }
            None => Outcome::Refused,
        };
        self.tell();
    }

    /// Has it exchange its values without processing, if it asked for that and was not processed since. The calling thread is the audio thread
    /// for its duration.
    pub(crate) fn flush(&mut self) {
        if !Wishes::take(&self.wishes.flush) {
            return;
        }
        let _acting = Acting::enter(Role::Audio);
        let Some(params) = self.flushes else { return };
        self.in_events.clear();
        self.out_events.clear();
        params.flush_active(
            &mut self.processor.plugin_handle(),
            &InputEvents::from_buffer(&self.in_events),
            &mut OutputEvents::from_buffer(&mut self.out_events),
        );
        self.tell();
    }

    /// Stops processing, so that the plugin may be deactivated. To be called where it was processed, or where nothing is
    /// any more.
    pub(crate) fn stop(&mut self) {
        let _acting = Acting::enter(Role::Audio);
        self.processor.ensure_processing_stopped();
    }

    pub(super) fn into_stopped(mut self) -> StoppedPluginAudioProcessor<Host> {
        self.stop();
        self.processor.into_stopped()
    }

    fn call(&mut self, request: &Request, frames: usize) -> Option<ProcessStatus> {
        if request.reset {
            self.processor.reset();
            self.quiet = 0;
        }
        let started = self.processor.ensure_processing_started().ok()?;
        let count = u32::try_from(frames).ok()?;
        let place = request.places().first().copied().unwrap_or_default();
        let params = (self.params.as_slice(), self.ports.dialect);
        self.in_events.fill(request.events(), request.places(), count, self.rate, params);
        self.out_events.clear();
        feed(&mut self.inputs.1, &self.ports, request);
        self.outputs.1.fill(0.0);
        let mut rest: &mut [f32] = &mut self.inputs.1;
        let inputs = self.inputs.0.with_input_buffers(self.ports.inputs.iter().map(|&channels| {
            let mine = take(&mut rest, channels);
            let channels = mine
                .chunks_exact_mut(QUANTUM)
                .map(move |channel| InputChannel::variable(channel.get_mut(..frames).unwrap_or_default()));
            AudioPortBuffer { latency: 0, channels: AudioPortBufferType::f32_input_only(channels) }
        }));
        let mut rest: &mut [f32] = &mut self.outputs.1;
        let mut outputs = self.outputs.0.with_output_buffers(self.ports.outputs.iter().map(|&channels| {
            let mine = take(&mut rest, channels);
            let channels = mine
                .chunks_exact_mut(QUANTUM)
                .map(move |channel| channel.get_mut(..frames).unwrap_or_default());
            AudioPortBuffer { latency: 0, channels: AudioPortBufferType::f32_output_only(channels) }
        }));
        let begin = Place { frame: 0, ..place };
        started
            .process(
                &inputs,
                &mut outputs,
                &InputEvents::from_buffer(&self.in_events),
                &mut OutputEvents::from_buffer(&mut self.out_events),
                Some(request.steady),
                Some(&transport(&begin, 0, self.rate)),
            )
            .ok()
    }

    /// Copies the main output.
    fn take_outputs(&self, reply: &mut Reply, frames: usize) {
        let channels = self.outputs.1.chunks_exact(QUANTUM).take(self.ports.shape.output_channels());
        for (target, source) in reply.outputs.chunks_exact_mut(QUANTUM).zip(channels) {
            target.iter_mut().zip(source).take(frames).for_each(|(target, source)| *target = *source);
        }
    }

    /// Whether the plugin may rest.
    fn judge(&mut self, status: ProcessStatus, request: &Request, frames: usize) -> Outcome {
        let silent = request.inputs.iter().all(|&sample| sample == 0.0);
        self.quiet = if silent { self.quiet.saturating_add(frames as u64) } else { 0 };
        let rests = silent
            && match status {
                ProcessStatus::Continue => false,
                ProcessStatus::Sleep => true,
                ProcessStatus::ContinueIfNotQuiet => self.outputs.1.iter().all(|&sample| sample == 0.0),
                ProcessStatus::Tail => {
                    self.tail.is_some_and(|tail| match tail.get(&self.processor.plugin_handle()) {
                        TailLength::Finite(tail) => self.quiet >= u64::from(tail),
                        TailLength::Infinite => false,
                    })
                }
            };
        if rests { Outcome::Asleep } else { Outcome::Done }
    }

    /// Passes on values that the plugin changed.
    fn tell(&self) {
        for &(id, value) in self.out_events.changes() {
            if let Some(index) = self.params.iter().position(|param| param.id.get() == id) {
                self.changes.set(index, id, value);
            }
        }
    }
}

/// Takes the memory of so many channels off `rest`.
fn take<'a>(rest: &mut &'a mut [f32], channels: usize) -> &'a mut [f32] {
    let memory = std::mem::take(rest);
    let (mine, others) = memory.split_at_mut((channels * QUANTUM).min(memory.len()));
    *rest = others;
    mine
}

/// Fills the plugin's inputs from the request; what is not fed is silent.
fn feed(memory: &mut [f32], ports: &Ports, request: &Request) {
    let mut first = 0;
    for (index, &channels) in ports.inputs.iter().enumerate() {
        let fed = ports.shape.inputs.get(index).map_or(0, |&fed| usize::from(fed));
        let from = ports.shape.first_channel(index);
        for channel in 0..channels {
            let begin = (first + channel) * QUANTUM;
            let target = memory.get_mut(begin..begin + QUANTUM).unwrap_or_default();
            let source = if channel < fed { request.input(from + channel) } else { &[] };
            if source.len() == target.len() {
                target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
            } else {
                target.fill(0.0);
            }
        }
        first += channels;
    }
}
