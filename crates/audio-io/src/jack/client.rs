//! A JACK client as a stream.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use jack::{AudioIn, AudioOut, Client, ClientStatus, Control, MidiIn, Port, ProcessScope};

use super::library;
use super::ports::Names;
use crate::backend::AudioBackend;
use crate::callback::{HardwareTime, MAX_PERIOD};
use crate::config::{Connect, JackOptions, OpenError, StreamConfig};
use crate::hardware::{BackendReport, BackendState};
use crate::midi::{MidiBlock, MidiEvent, channel_message};
use crate::runner::{Runner, Tick, nanos_of};
use crate::shared::Shared;
use crate::stream::{Latency, Prepared, Ready, Running, Started, StreamInfo};

/// A JACK server as a backend.
#[derive(Clone, Debug, Default)]
pub struct Jack(pub JackOptions);

impl AudioBackend for Jack {
    fn name(&self) -> &'static str {
        "jack"
    }

    fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
        config.validate()?;
        let client = library::open_client(&config.client, &self.0)?;
        let rate = client.sample_rate();
        let period = client.buffer_size() as usize;
        let shared = Arc::new(Shared::new(rate, period, Some(config.watchdog)));
        let inputs =
            (1..=config.inputs).map(|n| client.register_port(&format!("in_{n}"), AudioIn::default()));
        let inputs =
            inputs.collect::<Result<_, _>>().map_err(|error| refused("register an input port", &error))?;
        let outputs =
            (1..=config.outputs).map(|n| client.register_port(&format!("out_{n}"), AudioOut::default()));
        let outputs =
            outputs.collect::<Result<_, _>>().map_err(|error| refused("register an output port", &error))?;
        let midi =
            (1..=config.midi.len()).map(|n| client.register_port(&format!("midi_{n}"), MidiIn::default()));
        let midi = midi.collect::<Result<_, _>>().map_err(|error| refused("register a MIDI port", &error))?;
        let info = StreamInfo {
            client: client.name().to_owned(),
            device: config.device.clone().unwrap_or_default(),
            warnings: unmet_wishes(config, rate, period),
            ..StreamInfo::new(self.name(), config, rate, period)
        };
        let ready = Box::new(JackReady {
            client,
            inputs,
            outputs,
            midi,
            wanted: config.midi.clone(),
            connect: config.connect,
            shared: Arc::clone(&shared),
        });
        Ok(Prepared { info, shared, measure: config.measure, ready, edge: None, midi: None })
    }

    fn report(&self) -> BackendReport {
        let state = match library::open_client("omega-look", &self.0) {
            Ok(client) => BackendState::Available(super::ports::offer(&client)),
            Err(error) => BackendState::Unavailable { reason: error.to_string() },
        };
        BackendReport { name: self.name(), description: "JACK, or PipeWire through pw-jack", state }
    }
}

fn refused(what: &str, error: &jack::Error) -> OpenError {
    OpenError::Jack { what: what.to_owned(), reason: error.to_string() }
}

fn unmet_wishes(config: &StreamConfig, rate: u32, period: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(wish) = config.rate.filter(|wish| *wish != rate) {
        warnings.push(format!(
            "the JACK server runs at {rate} frames/s, not {wish}: restart it with `-r {wish}`"
        ));
    }
    if let Some(wish) = config.period.filter(|wish| *wish != period) {
        warnings.push(format!(
            "the JACK server has a period of {period} frames, not {wish}: change it with `jack_bufsize {wish}`"
        ));
    }
    warnings
}

struct JackReady {
    client: Client,
    inputs: Vec<Port<AudioIn>>,
    outputs: Vec<Port<AudioOut>>,
    midi: Vec<Port<MidiIn>>,
    /// What the MIDI ports are to be connected to.
    wanted: Vec<String>,
    connect: Connect,
    shared: Arc<Shared>,
}

impl Ready for JackReady {
    fn start(self: Box<Self>, runner: Runner) -> Result<Started, OpenError> {
        let Self { client, inputs, outputs, midi, wanted, connect, shared } = *self;
        let names = Names {
            inputs: inputs.iter().filter_map(|port| port.name().ok()).collect(),
            outputs: outputs.iter().filter_map(|port| port.name().ok()).collect(),
            midi: midi.iter().filter_map(|port| port.name().ok()).collect(),
        };
        let gate = Arc::new(Gate::default());
        let process = Process {
            inputs,
            outputs,
            midi,
            events: MidiBlock::new(),
            part: MidiBlock::new(),
            runner,
            shared: Arc::clone(&shared),
            gate: Arc::clone(&gate),
            clock: FrameClock::default(),
        };
        let active = client
            .activate_async(Notify(Arc::clone(&shared)), process)
            .map_err(|error| refused("start the client", &error))?;
        let warnings = match connect {
            Connect::Auto => names.connect(active.as_client(), &wanted),
            Connect::None => Vec::new(),
        };
        Ok(Started { running: Box::new(JackRunning { active, names, shared, gate }), warnings })
    }
}

struct JackRunning {
    active: jack::AsyncClient<Notify, Process>,
    names: Names,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
}

/// How long to wait for a server that does not answer. One that hangs would otherwise hang us.
const PATIENCE: Duration = Duration::from_secs(2);

impl Running for JackRunning {
    /// JACK 2 ends its threads by asynchronous cancellation, wherever they are, and a thread that is cancelled inside of
    /// Rust code aborts the program. So both threads are led out of ours first: the audio thread by the gate, the
    /// notification thread, which matters only if the server died, by time.
    fn halt(self: Box<Self>) {
        let (done, ended) = channel::<()>();
        let end = move || {
            self.gate.close();
            if self.shared.shutdown.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(50));
            }
            // An error means that the server is gone; the client is closed and the runner dropped all the same.
            drop(self.active.deactivate());
            drop(done);
        };
        if std::thread::Builder::new().name("jack-halt".to_owned()).spawn(end).is_ok() {
            // The sender is dropped at the end: an error other than a time-out.
            let _ = ended.recv_timeout(PATIENCE);
        }
    }

    fn latency(&self) -> Latency {
        if self.shared.shutdown.load(SeqCst) {
            return Latency::default();
        }
        self.names.latency(self.active.as_client())
    }
}

/// Lets the audio thread in until it is closed.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    inside: AtomicBool,
}

impl Gate {
    /// Enters; false if the gate is closed. Real-time safe.
    pub(crate) fn enter(&self) -> bool {
        // Announced first and looked second, while `close` does it the other way round: one of the two sees the other.
        self.inside.store(true, SeqCst);
        let open = !self.closed.load(SeqCst);
        if !open {
            self.leave();
        }
        open
    }

    pub(crate) fn leave(&self) {
        self.inside.store(false, SeqCst);
    }

    /// Lets nobody in any more and waits, for a time, until nobody is inside.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        let deadline = Instant::now() + PATIENCE;
        while self.inside.load(SeqCst) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What runs on JACK's audio thread.
struct Process {
    inputs: Vec<Port<AudioIn>>,
    outputs: Vec<Port<AudioOut>>,
    midi: Vec<Port<MidiIn>>,
    /// What came in this cycle, and in a part of it.
    events: MidiBlock,
    part: MidiBlock,
    runner: Runner,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    clock: FrameClock,
}

impl Process {
    fn cycle(&mut self, scope: &ProcessScope) {
        let frames = scope.n_frames() as usize;
        let rate = self.shared.rate.load(Relaxed);
        let freewheel = self.shared.freewheel.load(Relaxed);
        let (first, mut lost) = self.clock.advance(scope.last_frame_time(), scope.n_frames());
        let micros = scope.cycle_times().map_or(0, |times| times.current_usecs);
        let start = i64::try_from(micros).unwrap_or(0).saturating_mul(1000);
        self.collect_midi(scope);
        let widths = (self.inputs.len(), self.outputs.len());
        for begin in (0..frames).step_by(MAX_PERIOD) {
            let part = begin..frames.min(begin + MAX_PERIOD);
            let frame = first + i64::try_from(begin).unwrap_or(0);
            let nanos = start.saturating_add(i64::try_from(nanos_of(begin as u64, rate)).unwrap_or(0));
            let time = HardwareTime { frame, nanos };
            let tick = Tick { frames: part.len(), time, rate, freewheel, lost: std::mem::take(&mut lost) };
            let inputs = self.inputs.iter().map(|p| p.as_slice(scope).get(part.clone()).unwrap_or_default());
            let outputs = self.outputs.iter_mut();
            let outputs = outputs.map(|p| p.as_mut_slice(scope).get_mut(part.clone()).unwrap_or_default());
            self.part.clear();
            for event in self.events.events() {
                let at = (event.frame as usize)
                    .checked_sub(part.start)
                    .filter(|_| (event.frame as usize) < part.end);
                if let Some(frame) = at.and_then(|at| u32::try_from(at).ok()) {
                    self.part.add(MidiEvent { frame, ..*event });
                }
            }
            self.runner.run_with(inputs, outputs, widths, tick, self.part.events());
        }
    }

    /// All messages of channels that came in this cycle, by their frames.
    fn collect_midi(&mut self, scope: &ProcessScope) {
        self.events.clear();
        for (number, port) in (0u16..).zip(&self.midi) {
            for message in port.iter(scope) {
                let Some(bytes) = channel_message(message.bytes) else { continue };
                // JACK promises that it lies within the cycle.
                let frame = message.time.min(scope.n_frames().saturating_sub(1));
                if !self.events.add(MidiEvent { frame, port: number, bytes }) {
                    self.shared.midi_lost.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

impl jack::ProcessHandler for Process {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        if self.gate.enter() {
            self.cycle(scope);
            self.gate.leave();
        } else {
            for output in &mut self.outputs {
                output.as_mut_slice(scope).fill(0.0);
            }
        }
        Control::Continue
    }

    fn buffer_size(&mut self, _: &Client, frames: jack::Frames) -> Control {
        // Buffers are the server's own and every block says its length: there is nothing to make.
        self.shared.period.store(frames, Relaxed);
        self.shared.notify();
        Control::Continue
    }
}

/// Extends JACK's 32-bit frame counter, which wraps after a day, and finds gaps.
#[derive(Debug, Default)]
struct FrameClock {
    /// JACK's counter at the last cycle.
    last: Option<u32>,
    /// Our counter at the end of the last cycle.
    end: i64,
    /// Frames of the last cycle.
    frames: u32,
}

impl FrameClock {
    /// Our counter at the beginning of a cycle that JACK numbers `counter`, and the frames that no cycle saw.
    fn advance(&mut self, counter: u32, frames: u32) -> (i64, i64) {
        let passed = self.last.map_or(self.frames, |last| counter.wrapping_sub(last));
        // A counter that went back or stood still (a restarted clock) is no gap.
        let lost = i64::from(passed.cast_signed()) - i64::from(self.frames);
        let lost = if self.last.is_some() { lost.max(0) } else { 0 };
        let first = self.end + lost;
        self.last = Some(counter);
        self.frames = frames;
        self.end = first + i64::from(frames);
        (first, lost)
    }
}

/// What JACK tells on threads other than the audio thread.
struct Notify(Arc<Shared>);

impl jack::NotificationHandler for Notify {
    #[allow(unsafe_code, reason = "the trait says so; setting a flag and a string is all that happens")]
    unsafe fn shutdown(&mut self, _: ClientStatus, reason: &str) {
        let reason = if reason.is_empty() { "the JACK server stopped" } else { reason };
        self.0.shut_down(reason);
    }

    fn ports_connected(&mut self, client: &Client, a: jack::PortId, b: jack::PortId, connected: bool) {
        let ours = |id| {
            client.port_by_id(id).is_some_and(|port| client.is_mine(&port) && super::ports::is_midi(&port))
        };
        if !connected && (ours(a) || ours(b)) {
            self.0.midi_gone.fetch_add(1, Relaxed);
            self.0.notify();
        }
    }

    fn freewheel(&mut self, _: &Client, on: bool) {
        self.0.freewheel.store(on, Relaxed);
        self.0.notify();
    }

    fn sample_rate(&mut self, _: &Client, rate: jack::Frames) -> Control {
        self.0.rate.store(rate, Relaxed);
        self.0.notify();
        Control::Continue
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.0.xruns.fetch_add(1, Relaxed);
        self.0.notify();
        Control::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_clock_survives_the_wrap_of_32_bits() {
        let mut clock = FrameClock::default();
        let mut counter = u32::MAX - 1000;
        for cycle in 0..20 {
            assert_eq!(clock.advance(counter, 256), (cycle * 256, 0));
            counter = counter.wrapping_add(256);
        }
    }

    #[test]
    fn a_gap_is_counted_once_and_a_counter_that_goes_back_is_none() {
        let mut clock = FrameClock::default();
        assert_eq!(clock.advance(5000, 256), (0, 0), "where JACK begins does not matter");
        assert_eq!(clock.advance(5000 + 256 + 512, 256), (768, 512));
        assert_eq!(clock.advance(6024, 128), (1024, 0));
        assert_eq!(clock.advance(6152, 256), (1152, 0), "after a change of the period");
        assert_eq!(clock.advance(100, 256), (1408, 0), "a counter that starts anew");
        assert_eq!(clock.advance(356, 256), (1664, 0));
    }
}
