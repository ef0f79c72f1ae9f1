//! A running stream, and the step before it: hardware that is open but not started.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, channel};

use crate::callback::AudioCallback;
use crate::config::OpenError;
use crate::events::EventReader;
use crate::runner::Runner;
use crate::shared::Shared;
use crate::stats::Stats;

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// `jack`, `timer` or `virtual`.
    pub backend: &'static str,
    /// Why it is this backend, in a sentence.
    pub reason: String,
    /// Name under which other programs see the stream.
    pub client: String,
    /// Number of input channels.
    pub inputs: usize,
    /// Number of output channels.
    pub outputs: usize,
    /// Rate in frames per second.
    pub rate: u32,
    /// Period in frames.
    pub period: usize,
    /// What was wished for and could not be had, in sentences.
    pub warnings: Vec<String>,
}

/// How long sound is on its way outside of us, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the cable to the callback: the largest of the inputs.
    pub input: i64,
    /// From the callback to the cable: the largest of the outputs.
    pub output: i64,
}

/// What a backend keeps of a stream that is running.
pub(crate) trait Running: Send {
    /// Stops calling; when it returns the [`Runner`] has been dropped.
    fn halt(self: Box<Self>);
    /// Port latencies now.
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
        let Self { mut info, shared, measure, ready } = self;
        crate::memory::hold_code();
        let (sender, home) = channel();
        let runner = Runner::new(callback, sender, Arc::clone(&shared), measure);
        shared.last_callback.store(shared.now(), Relaxed);
        let Started { running, warnings } = ready.start(runner)?;
        info.warnings.extend(warnings);
        Ok(Stream { info, shared, running: Some(running), home })
    }
}

/// A running stream. Dropping it stops it.
#[must_use = "dropping a stream stops it"]
pub struct Stream {
    info: StreamInfo,
    shared: Arc<Shared>,
    running: Option<Box<dyn Running>>,
    home: Receiver<Box<dyn AudioCallback>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Stream {
    /// What was opened. Rate and period as they are now.
    #[must_use]
    pub fn info(&self) -> StreamInfo {
        let mut info = self.info.clone();
        info.rate = self.shared.rate.load(Relaxed);
        info.period = self.shared.period.load(Relaxed) as usize;
        info
    }

    /// Latencies of the hardware as they are now; they may change with cables and with the period.
    #[must_use]
    pub fn latency(&self) -> Latency {
        self.running.as_ref().map(|running| running.latency()).unwrap_or_default()
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
        EventReader::new(Arc::clone(&self.shared), self.info.rate, self.info.period)
    }

    /// Stops the stream and gives its callback back. When this returns the callback is not called any more.
    ///
    /// `None` only if a server hangs and does not let go within two seconds: the callback is dropped when it does.
    pub fn stop(mut self) -> Option<Box<dyn AudioCallback>> {
        self.halt();
        self.home.try_recv().ok()
    }

    fn halt(&mut self) {
        if let Some(running) = self.running.take() {
            running.halt();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.halt();
    }
}
