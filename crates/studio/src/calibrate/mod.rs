//! How long sound takes from an output of the hardware, through a cable, to one of its inputs: measured.
//!
//! What hardware says of its latency is often not the whole truth. [`calibrate`] plays a sweep a few times, looks for it in what comes in
//! ([`Probe`]), and gives what is to be added to what the hardware says. [`Store`] keeps that for each hardware, rate and
//! period in the user's configuration.

mod correlate;
mod store;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use omega_audio_io::{AudioCallback, Event, IoBlock, Latency, OpenError, StreamConfig, StreamInfo, prepare};

pub use correlate::{Probe, Reply};
pub use store::{Hardware, Store, StoreError};

/// How often the sweep is played.
const TURNS: usize = 5;
/// How long nothing may happen before the hardware is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Times that a measurement is repeated when the hardware dropped something.
const ATTEMPTS: usize = 3;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrateRequest {
    /// The output that the cable begins at, counted from 0.
    pub output: usize,
    /// The input that it leads to, counted from 0.
    pub input: usize,
    /// The longest round trip that is looked for, in seconds.
    pub longest: f64,
    /// Seconds before the first sweep, for the hardware to settle and for cables to be made.
    pub settle: f64,
    /// Peak of the sweep, full scale being 1.
    pub level: f32,
}

impl Default for CalibrateRequest {
    fn default() -> Self {
        Self { output: 0, input: 0, longest: 0.75, settle: 0.25, level: 0.5 }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The hardware.
    pub info: StreamInfo,
    /// What it says of itself.
    pub reported: Latency,
    /// The round trip, in frames.
    pub round_trip: f64,
    /// By how many frames the turns differ at most.
    pub spread: f64,
    /// How far the sweep stands out of everything else that came in; the least of the turns.
    pub clarity: f64,
    /// What is to be added to what the hardware says, in whole frames.
    pub offset: i64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The hardware refused.
    #[error(transparent)]
    Hardware(#[from] OpenError),
    /// There is no such channel.
    #[error("there is no {what} {number}: the hardware was opened with {there}")]
    NoChannel {
        /// `input` or `output`.
        what: &'static str,
        /// Counted from 1.
        number: usize,
        /// How many there are.
        there: usize,
    },
    /// It stopped.
    #[error("the hardware stopped in the middle of the measurement: {0}")]
    Gone(String),
    /// Nothing that looks like the sweep came in.
    #[error(
        "the sweep did not come back: connect output {output} with input {input} by a cable, and turn the input up \
         (what came in peaked at {peak:.1} dBFS)"
    )]
    NotHeard {
        /// Counted from 1.
        output: usize,
        /// Counted from 1.
        input: usize,
        /// Of what came in.
        peak: f64,
    },
    /// The turns differ.
    #[error(
        "the turns differ by {spread:.1} frames: the latency is not constant. Other programs may be in the way, or the \
         hardware drops frames (`omega doctor`)"
    )]
    Unsteady {
        /// In frames.
        spread: f64,
    },
}

/// Plays, and keeps what comes in.
struct Measure {
    request: CalibrateRequest,
    sweep: Vec<f32>,
    /// First frame of each turn.
    starts: Vec<usize>,
    heard: Vec<f32>,
    at: usize,
    /// Frames that the hardware dropped.
    lost: i64,
    done: Arc<AtomicBool>,
    progress: Arc<AtomicUsize>,
}

impl AudioCallback for Measure {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        if self.at > 0 {
            self.lost += io.flags.lost;
        }
        let end = self.at + io.frames;
        if let Some(output) = io.outputs.get_mut(self.request.output) {
            for start in &self.starts {
                // The part of this turn that lies within the block.
                let from = self.at.max(*start);
                let to = end.min(start + self.sweep.len());
                for frame in from..to {
                    output[frame - self.at] = self.sweep[frame - start];
                }
            }
        }
        if let Some(input) = io.inputs.get(self.request.input) {
            let room = self.heard.get_mut(self.at..).unwrap_or_default();
            room.iter_mut().zip(*input).for_each(|(to, from)| *to = *from);
        }
        self.at = end;
        self.progress.store(end, Ordering::Relaxed);
        if self.at >= self.heard.len() {
            self.done.store(true, Ordering::Release);
        }
    }
}

/// Measures the round trip of the hardware that `config` names, with its cables as they are. Sound is heard.
///
/// # Errors
/// [`CalibrateError`].
pub fn calibrate(config: &StreamConfig, request: &CalibrateRequest) -> Result<Calibration, CalibrateError> {
    for (what, wanted, there) in
        [("output", request.output, config.outputs), ("input", request.input, config.inputs)]
    {
        if wanted >= there {
            return Err(CalibrateError::NoChannel { what, number: wanted + 1, there });
        }
    }
    let mut attempts = 1;
    loop {
        let (measure, info, reported) = measure(config, request)?;
        if measure.lost == 0 || attempts == ATTEMPTS {
            return judge(&measure, info, reported);
        }
        attempts += 1;
    }
}

fn measure(
    config: &StreamConfig,
    request: &CalibrateRequest,
) -> Result<(Measure, StreamInfo, Latency), CalibrateError> {
    let prepared = prepare(config)?;
    let info = prepared.info().clone();
    let probe = Probe::default();
    let frames = |seconds: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
        let frames = (seconds.clamp(0.0, 60.0) * f64::from(info.rate)) as usize;
        frames
    };
    let turn = probe.samples().len() + frames(request.longest);
    let starts: Vec<usize> = (0..TURNS).map(|number| frames(request.settle) + number * turn).collect();
    let (done, progress) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let measure = Measure {
        request: *request,
        sweep: probe.samples().iter().map(|sample| sample * request.level).collect(),
        heard: vec![0.0; frames(request.settle) + TURNS * turn],
        starts,
        at: 0,
        lost: 0,
        done: Arc::clone(&done),
        progress: Arc::clone(&progress),
    };
    let stream = prepared.start(Box::new(measure))?;
    let mut events = stream.events();
    let (mut seen, mut since) = (0, Instant::now());
    while !done.load(Ordering::Acquire) {
        match events.wait(Duration::from_millis(20)) {
            Some(Event::Shutdown { reason }) => return Err(CalibrateError::Gone(reason)),
            Some(Event::CallbackFailed) => {
                return Err(CalibrateError::Gone("the measurement failed".to_owned()));
            }
            _ => {}
        }
        let now = progress.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Err(CalibrateError::Gone("it calls no more".to_owned()));
        }
    }
    // As it is while the cables are there.
    let reported = stream.latency();
    let home: Option<Box<dyn Any>> = stream.stop().map(|home| home as Box<dyn Any>);
    match home.and_then(|home| home.downcast::<Measure>().ok()) {
        Some(measure) => Ok((*measure, info, reported)),
        None => Err(CalibrateError::Gone("it does not let go".to_owned())),
    }
}

fn judge(measure: &Measure, info: StreamInfo, reported: Latency) -> Result<Calibration, CalibrateError> {
    let probe = Probe::default();
    let turn = measure.starts.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(measure.heard.len());
    let replies: Vec<Option<Reply>> = measure
        .starts
        .iter()
        .map(|&start| probe.find(measure.heard.get(start..start + turn).unwrap_or_default()))
        .collect();
    let Some(replies) = replies.into_iter().collect::<Option<Vec<Reply>>>() else {
        let peak = measure.heard.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        return Err(CalibrateError::NotHeard {
            output: measure.request.output + 1,
            input: measure.request.input + 1,
            peak: omega_dsp::math::gain_to_db(f64::from(peak)),
        });
    };
    let mut delays: Vec<f64> = replies.iter().map(|reply| reply.frames).collect();
    delays.sort_by(f64::total_cmp);
    let spread = delays.last().unwrap_or(&0.0) - delays.first().unwrap_or(&0.0);
    if spread > 1.0 {
        return Err(CalibrateError::Unsteady { spread });
    }
    let round_trip = delays.get(delays.len() / 2).copied().unwrap_or(0.0);
    let clarity = replies.iter().map(|reply| reply.clarity).fold(f64::INFINITY, f64::min);
    #[allow(clippy::cast_possible_truncation, reason = "a few seconds of frames")]
    let whole = omega_dsp::math::round(round_trip) as i64;
    let offset = whole - reported.input - reported.output;
    Ok(Calibration { info, reported, round_trip, spread, clarity, offset })
}
