//! A running stream, and the step before it: hardware that is open but not started.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, channel};

use crate::callback::AudioCallback;
use crate::config::{OpenError, StreamConfig};
use crate::edge::{Edge, EdgeParts};
use crate::events::EventReader;
use crate::midi::MidiFeed;
use crate::runner::Runner;
use crate::shared::Shared;
use crate::stats::Stats;

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// `jack`, `pipewire`, `pulse`, `alsa`, `timer` or `virtual`.
    pub backend: &'static str,
    /// Why it is this backend, in a sentence.
    pub reason: String,
    /// The hardware that is played to, or heard where nothing is played, as far as the backend names it; otherwise empty.
    pub device: String,
    /// Name under which other programs see the stream.
    pub client: String,
    /// Number of input channels.
    pub inputs: usize,
    /// Number of output channels.
    pub outputs: usize,
    /// The callback's rate in frames per second.
    pub rate: u32,
    /// The hardware's rate: another than the callback's where [`StreamConfig::resample`](crate::StreamConfig::resample) asks for it.
    pub hardware_rate: u32,
    /// The hardware's period in frames: what it calls for most of the time. A block may be of any length.
    pub period: usize,
    /// What we ourselves delay, in frames of the callback: resampling, and joining an input that has a clock of its own.
    /// Part of [`Stream::latency`].
    pub latency: Latency,
    /// What was wished for and could not be had, in sentences.
    pub warnings: Vec<String>,
}

impl StreamInfo {
    /// What a backend opened for `config`.
    pub(crate) fn new(backend: &'static str, config: &StreamConfig, rate: u32, period: usize) -> Self {
        Self {
            backend,
            reason: "asked for".to_owned(),
            device: String::new(),
            client: config.client.clone(),
            inputs: config.inputs,
            outputs: config.outputs,
            rate,
            hardware_rate: rate,
            period,
            latency: Latency::default(),
            warnings: Vec::new(),
        }
    }
}

/// How long sound is on its way between callback and cable, in frames of the callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the cable to the callback: the largest of the inputs.
    pub input: i64,
    /// From the callback to the cable: the largest of the outputs.
    pub output: i64,
    /// From a MIDI cable to the callback: the largest of the MIDI inputs.
    pub midi: i64,
}

/// What a backend keeps of a stream that is running.
pub(crate) trait Running: Send {
    /// Stops calling; when it returns the [`Runner`] has been dropped.
    fn halt(self: Box<Self>);
    /// Port latencies now, in frames of the hardware.
    fn latency(&self) -> Latency {
        Latency::default()
    }
}

/// What a backend keeps of hardware that is open but not started.
pub(crate) trait Ready: Send {
    /// Starts calling `runner`. On refusal the runner has been dropped.
    fn start(self: Box<Self>, runner: Runner) -> Result<Started, OpenError>;
}

/// What a backend has started.
pub(crate) struct Started {
    pub running: Box<dyn Running>,
    /// What did not go as wished, in sentences.
    pub warnings: Vec<String>,
}

/// Open hardware: its rate and period are known, nothing is called yet.
///
/// Between [`prepare`](crate::prepare) and [`start`](Self::start) there is time to build what depends on the rate.
#[must_use = "nothing is called before `start`"]
pub struct Prepared {
    pub(crate) info: StreamInfo,
    pub(crate) shared: Arc<Shared>,
    pub(crate) measure: bool,
    pub(crate) ready: Box<dyn Ready>,
    /// What stands between the hardware's rate and the callback's: nothing where the callback takes what comes.
    pub(crate) edge: Option<EdgeParts>,
    /// The system's MIDI, where the backend has none of its own.
    pub(crate) midi: Option<MidiFeed>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Prepared {
    /// What was opened.
    #[must_use]
    pub fn info(&self) -> &StreamInfo {
        &self.info
    }

    /// Starts calling `callback`.
    ///
    /// # Errors
    /// [`OpenError`] if the hardware refuses now; the callback is dropped then.
    pub fn start(self, callback: Box<dyn AudioCallback>) -> Result<Stream, OpenError> {
        let Self { mut info, shared, measure, ready, edge, midi } = self;
        crate::memory::hold_code();
        let ours = edge.as_ref().map_or(info.latency, EdgeParts::latency);
        let resampled = edge.is_some();
        let callback = match edge {
            Some(parts) => Box::new(parts.around(callback)),
            None => callback,
        };
        let (sender, home) = channel();
        let fed = midi.is_some();
        let runner = Runner::new(callback, sender, Arc::clone(&shared), measure, midi);
        shared.last_callback.store(shared.now(), Relaxed);
        let Started { running, warnings } = ready.start(runner)?;
        info.warnings.extend(warnings);
        info.latency = ours;
        Ok(Stream { info, shared, running: Some(running), home, resampled, fed })
    }

    /// Gives the callback `rate`, whatever the hardware has.
    pub(crate) fn keep_rate(&mut self, rate: u32) {
        let info = &mut self.info;
        let parts = EdgeParts::new(info.hardware_rate, rate, (info.inputs, info.outputs));
        info.latency = parts.latency();
        info.rate = rate;
        if info.hardware_rate != rate {
            info.warnings.push(format!(
                "the hardware runs at {} frames/s and the session at {rate}: what is heard is resampled on its way, what is \
                 rendered is not",
                info.hardware_rate
            ));
        }
        self.edge = Some(parts);
    }
}

/// A running stream. Dropping it stops it.
#[must_use = "dropping a stream stops it"]
pub struct Stream {
    info: StreamInfo,
    shared: Arc<Shared>,
    running: Option<Box<dyn Running>>,
    home: Receiver<Box<dyn AudioCallback>>,
    /// The callback that comes home has an [`Edge`] around it.
    resampled: bool,
    /// MIDI comes from the system, a period late.
    fed: bool,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Stream {
    /// What was opened. Rates, period and latency as they are now.
    #[must_use]
    pub fn info(&self) -> StreamInfo {
        let mut info = self.info.clone();
        info.hardware_rate = self.shared.rate.load(Relaxed);
        info.rate = if self.resampled { info.rate } else { info.hardware_rate };
        info.period = self.shared.period.load(Relaxed) as usize;
        info.latency.input += to_callback(&info, self.shared.input_delay.load(Relaxed));
        info
    }

    /// Latencies between callback and cable as they are now; they may change with cables and with the period.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let outside = self.running.as_ref().map(|running| running.latency()).unwrap_or_default();
        let info = self.info();
        let period = if self.fed { i64::try_from(info.period).unwrap_or(0) } else { 0 };
        Latency {
            input: info.latency.input + to_callback(&info, outside.input),
            output: info.latency.output + to_callback(&info, outside.output),
            midi: info.latency.midi + to_callback(&info, outside.midi + period),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::read(&self.shared)
    }

    /// Starts counting anew at the next block. Xruns and the thread's priority stay.
    pub fn reset_stats(&self) {
        self.shared.counters.reset.store(true, SeqCst);
    }

    /// A reader of what happens, beginning with what happened since the stream was opened. Several readers see everything
    /// each.
    #[must_use]
    pub fn events(&self) -> EventReader {
        EventReader::new(Arc::clone(&self.shared), self.info.hardware_rate, self.info.period)
    }

    /// Stops the stream and gives its callback back. When this returns the callback is not called any more.
    ///
    /// `None` only if a server hangs and does not let go within two seconds: the callback is dropped when it does.
    pub fn stop(mut self) -> Option<Box<dyn AudioCallback>> {
        self.halt();
        let callback = self.home.try_recv().ok()?;
        if self.resampled { Edge::take_apart(callback) } else { Some(callback) }
    }

    fn halt(&mut self) {
        if let Some(running) = self.running.take() {
            running.halt();
        }
    }
}

/// `frames` of the hardware in frames of the callback.
fn to_callback(info: &StreamInfo, frames: i64) -> i64 {
    let hardware = i64::from(info.hardware_rate.max(1));
    (frames * i64::from(info.rate) + hardware / 2).div_euclid(hardware)
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.halt();
    }
}
