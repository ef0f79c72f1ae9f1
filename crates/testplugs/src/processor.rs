//! The audio half of the plugins.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clack_extensions::params::PluginAudioProcessorParams;
use clack_extensions::tail::{PluginTailImpl, TailLength};
use clack_plugin::events::Pckn;
use clack_plugin::events::event_types::ParamValueEvent;
use clack_plugin::events::spaces::CoreEventSpace;
use clack_plugin::prelude::*;

use crate::kinds::{Kind, hang};
use crate::main_thread::Main;
use crate::voices::Voices;
use crate::{GAIN, LATENCY, Shared};

/// An active instance.
pub struct Audio<'a> {
    host: HostAudioProcessorHandle<'a>,
    shared: &'a Shared<'a>,
    rate: f64,
    /// The gain as a factor.
    gain: f32,
    latency: usize,
    /// The last frames of each channel, for as long as the latency.
    line: [Vec<f32>; 2],
    at: usize,
    voices: Voices,
    calls: u32,
}

impl<'a> PluginAudioProcessor<'a, Shared<'a>, Main<'a>> for Audio<'a> {
    fn activate(
        host: HostAudioProcessorHandle<'a>,
        main: &Main<'a>,
        shared: &'a Shared<'a>,
        config: PluginAudioConfiguration,
    ) -> Result<Self, PluginError> {
        main.watch("activate");
        shared.watch.activated(&config);
        main.activating();
        let latency = shared.latency.load(Ordering::SeqCst) as usize;
        Ok(Self {
            host,
            shared,
            rate: config.sample_rate,
            gain: factor(shared.gain_db()),
            latency,
            line: [vec![0.0; latency.max(1)], vec![0.0; latency.max(1)]],
            at: 0,
            voices: Voices::default(),
            calls: 0,
        })
    }

    fn process(
        &mut self,
        process: Process,
        mut audio: clack_plugin::process::Audio,
        events: Events,
    ) -> Result<ProcessStatus, PluginError> {
        let shared = self.shared;
        shared.watch.on_audio(&shared.host, "process");
        let frames = audio.frames_count();
        shared.watch.processes(&process, frames, events.input);
        self.ports(&mut audio);
        self.calls += 1;
        for batch in events.input.batch() {
            for event in batch.events() {
                self.event(event.as_core_event());
            }
            self.misbehave()?;
            self.be_wilful(events.output);
            let end = batch.next_batch_first_sample().unwrap_or(frames as usize).min(frames as usize);
            self.sound(&mut audio, batch.first_sample().min(end)..end);
        }
        Ok(match shared.kind {
            Kind::Sleeps | Kind::Flushes => ProcessStatus::Sleep,
            Kind::Latency | Kind::Moving => ProcessStatus::Tail,
            _ => ProcessStatus::Continue,
        })
    }

    fn deactivate(self, main: &Main<'a>) {
        main.watch("deactivate");
        self.shared.watch.deactivated();
    }

    fn reset(&mut self) {
        self.shared.watch.on_audio(&self.shared.host, "reset");
        self.shared.watch.was_reset();
        self.line.iter_mut().for_each(|line| line.fill(0.0));
        self.voices.silence();
    }

    fn start_processing(&mut self) -> Result<(), PluginError> {
        self.shared.watch.on_audio(&self.shared.host, "start_processing");
        self.shared.watch.started();
        Ok(())
    }

    fn stop_processing(&mut self) {
        self.shared.watch.on_audio(&self.shared.host, "stop_processing");
        self.shared.watch.stopped();
    }
}

impl Audio<'_> {
    /// Looks at the buffers: as many as were asked for, and none that lies on another one.
    fn ports(&self, audio: &mut clack_plugin::process::Audio<'_>) {
        let watch = &self.shared.watch;
        let inputs = match self.shared.kind {
            Kind::Sines => 0,
            Kind::SideChain => 2,
            _ => 1,
        };
        let counts = (audio.input_port_count(), audio.output_port_count());
        let outputs = if self.shared.kind == Kind::TwoOutputs { 2 } else { 1 };
        watch.holds(counts == (inputs, outputs), format_args!("process: {counts:?} ports"));
        let mut seen: Vec<(usize, &str)> = Vec::new();
        let bytes = audio.frames_count() as usize * size_of::<f32>();
        let mut look = |pointer: *mut f32, what: &'static str| {
            watch.holds(
                !pointer.is_null() && pointer.is_aligned(),
                format_args!("process: {what}: no buffer"),
            );
            let apart = seen.iter().all(|(other, _)| other.abs_diff(pointer.addr()) >= bytes);
            watch.holds(apart, format_args!("process: {what}: a buffer lies on another one"));
            seen.push((pointer.addr(), what));
        };
        let channels = self.shared.kind.channels() as usize;
        for port in audio.input_ports() {
            if let Ok(port) = port.channels()
                && let Some(port) = port.as_f32()
            {
                watch.holds(port.channel_count() as usize == channels, "process: channels of an input");
                port.raw_data().iter().for_each(|pointer| look(*pointer, "input"));
            }
        }
        for mut port in audio.output_ports() {
            if let Ok(port) = port.channels()
                && let Some(port) = port.as_f32()
            {
                watch.holds(port.channel_count() as usize == channels, "process: channels of the output");
                port.raw_data().iter().for_each(|pointer| look(*pointer, "output"));
            }
        }
    }

    fn event(&mut self, event: Option<CoreEventSpace<'_>>) {
        match event {
            Some(CoreEventSpace::ParamValue(value)) => {
                if let Some(id) = value.param_id() {
                    self.shared.set(id.get(), value.value());
                    self.gain = factor(self.shared.gain_db());
                }
            }
            Some(CoreEventSpace::ParamMod(modulation)) => {
                self.gain = factor(self.shared.gain_db() + modulation.amount());
            }
            Some(CoreEventSpace::NoteOn(note)) => {
                let pckn = note.pckn();
                self.voices.on(pckn.raw_key(), pckn.raw_note_id(), note.velocity());
            }
            Some(CoreEventSpace::NoteOff(note)) => {
                self.voices.off(note.pckn().raw_key(), note.pckn().raw_note_id());
            }
            Some(CoreEventSpace::NoteChoke(note)) => {
                self.voices.off(note.pckn().raw_key(), note.pckn().raw_note_id());
            }
            _ => {}
        }
    }

    /// Does what it was triggered for.
    #[allow(unsafe_code, reason = "a plugin that reads memory which is not its own")]
    fn misbehave(&mut self) -> Result<(), PluginError> {
        if self.shared.kind == Kind::Allocates {
            black_box(vec![0u8; 1000]);
        }
        if !self.shared.trigger.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.shared.kind {
            Kind::Panics => panic!("as it was told to"),
            Kind::Refuses => return Err(PluginError::Message("as it was told to")),
            Kind::Aborts => std::process::abort(),
            Kind::Segfaults => {
                // SAFETY: There is none; this ends the process, which is what it is for.
                let lost =
                    unsafe { std::ptr::read_volatile(black_box(std::ptr::without_provenance::<u8>(8))) };
                black_box(lost);
            }
            Kind::Hangs => hang(),
            Kind::Slow => std::thread::sleep(Duration::from_millis(20)),
            Kind::Moving if !self.shared.asked.swap(true, Ordering::SeqCst) => self.host.request_restart(),
            _ => {}
        }
        Ok(())
    }

    /// Goes to another gain by itself, once, and tells.
    fn be_wilful(&mut self, out: &mut OutputEvents<'_>) {
        let wills = self.shared.kind == Kind::Wilful && self.shared.trigger.load(Ordering::Relaxed);
        if wills && !self.shared.asked.swap(true, Ordering::SeqCst) {
            self.go_to(-12.8, out);
            self.host.request_callback();
        }
    }

    fn go_to(&mut self, db: f64, out: &mut OutputEvents<'_>) {
        self.shared.set_gain_db(db);
        self.gain = factor(db);
        let _ = out.try_push(ParamValueEvent::new(0, ClapId::new(GAIN), Pckn::match_all(), db));
    }

    fn sound(&mut self, audio: &mut clack_plugin::process::Audio<'_>, range: std::ops::Range<usize>) {
        let kind = self.shared.kind;
        let triggered = self.shared.trigger.load(Ordering::Relaxed);
        for frame in range {
            let voice = if kind == Kind::Sines { single(self.voices.next(self.rate)) } else { 0.0 };
            for channel in 0..kind.channels() {
                let input = sample(audio, 0, channel, frame);
                let side = sample(audio, 1, channel, frame);
                let out = match kind {
                    Kind::Sines => voice * self.gain,
                    Kind::SideChain => input + side * self.gain,
                    Kind::NotANumber if triggered => f32::NAN,
                    Kind::Loud if triggered => 1e6,
                    Kind::Renders if self.shared.offline.load(Ordering::SeqCst) => input * 0.5,
                    #[allow(clippy::cast_precision_loss, reason = "a count of calls in a test")]
                    Kind::Sleeps => input * self.calls as f32,
                    _ => self.delayed(channel as usize, input * self.gain),
                };
                if let Some(mut port) = audio.output_port(0)
                    && let Ok(mut channels) = port.channels()
                    && let Some(channels) = channels.as_f32_mut()
                    && let Some(place) = channels.channel_mut(channel).and_then(|c| c.get_mut(frame))
                {
                    *place = out;
                }
                if kind == Kind::TwoOutputs
                    && let Some(mut port) = audio.output_port(1)
                    && let Ok(mut channels) = port.channels()
                    && let Some(channels) = channels.as_f32_mut()
                    && let Some(place) = channels.channel_mut(channel).and_then(|c| c.get_mut(frame))
                {
                    *place = -out;
                }
            }
            self.at = if self.at + 1 >= self.latency.max(1) { 0 } else { self.at + 1 };
        }
    }

    fn delayed(&mut self, channel: usize, sample: f32) -> f32 {
        if self.latency == 0 {
            return sample;
        }
        let place = self.line.get_mut(channel).and_then(|line| line.get_mut(self.at));
        place.map_or(0.0, |place| std::mem::replace(place, sample))
    }
}

fn sample(audio: &clack_plugin::process::Audio<'_>, port: usize, channel: u32, frame: usize) -> f32 {
    let port = audio.input_port(port).and_then(|port| port.channels().ok()).and_then(SampleType::into_f32);
    port.and_then(|port| port.channel(channel).and_then(|c| c.get(frame)).copied()).unwrap_or(0.0)
}

/// Decibels as a factor, by a rational curve: exact on every CPU, which the true one is not.
fn factor(db: f64) -> f32 {
    single(if db <= -60.0 { 0.0 } else { 1.0 + db / 64.0 })
}

#[allow(clippy::cast_possible_truncation, reason = "sound is in single precision")]
fn single(value: f64) -> f32 {
    value as f32
}

impl PluginAudioProcessorParams for Audio<'_> {
    fn flush(&mut self, input: &InputEvents, out: &mut OutputEvents) {
        self.shared.watch.on_audio(&self.shared.host, "params.flush");
        self.shared.watch.events(input, 1);
        if self.shared.kind == Kind::Flushes {
            self.go_to(-6.4, out);
        }
        for event in input {
            self.event(event.as_core_event());
        }
    }
}

impl PluginTailImpl for Audio<'_> {
    fn get(&self) -> TailLength {
        self.shared.watch.on_audio(&self.shared.host, "tail.get");
        TailLength::Finite(if self.latency > 0 { LATENCY } else { 0 })
    }
}
