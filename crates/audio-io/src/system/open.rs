//! Opening, starting and stopping.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, Device, FromSample, Sample, SampleFormat, SizedSample};
use omega_rt::fifo::{Producer, fifo};

use super::choose::{self, Choice};
use super::side::{Collect, Delays, Input, InputOnly, Main, Output, Start};
use crate::bridge::{Outlet, bridge};
use crate::callback::MAX_PERIOD;
use crate::config::{OpenError, StreamConfig, System};
use crate::runner::Runner;
use crate::shared::Shared;
use crate::stream::{Latency, Prepared, Ready, Running, Started, StreamInfo};

/// How long to wait for a system that does not let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens both sides as far as they are wanted. Nothing is called yet.
pub(super) fn open(system: System, config: &StreamConfig) -> Result<Prepared, OpenError> {
    let config = config.clone();
    choose::patiently(system, move || open_now(system, &config))
}

/// A side that was found, and how it will be opened.
struct Found {
    device: Device,
    choice: Choice,
}

fn look(
    system: System,
    host: &cpal::Host,
    config: &StreamConfig,
    output: bool,
) -> Result<Option<Found>, OpenError> {
    let channels = if output { config.outputs } else { config.inputs };
    if channels == 0 {
        return Ok(None);
    }
    let device = if output {
        choose::find(system, host, config.device.as_deref(), true)?
    } else if config.input_device.is_some() {
        choose::find(system, host, config.input_device.as_deref(), false)?
    } else {
        // The same hardware where it can be heard; what has only outputs is no reason to refuse.
        let same = config.device.as_deref().map(|name| choose::find(system, host, Some(name), false));
        match same {
            Some(Ok(device)) => device,
            _ => choose::find(system, host, None, false)?,
        }
    };
    let choice = choose::choose(system, &device, config, channels, output)?;
    Ok(Some(Found { device, choice }))
}

fn open_now(system: System, config: &StreamConfig) -> Result<Prepared, OpenError> {
    let host = choose::host(system)?;
    let (output, input) = (look(system, &host, config, true)?, look(system, &host, config, false)?);
    let Some(main) = output.as_ref().or(input.as_ref()) else {
        return Err(OpenError::BadConfig {
            what: "number of channels",
            value: "0 inputs and 0 outputs".to_owned(),
            allowed: "at least one, or `--backend timer`".to_owned(),
        });
    };
    let rate = main.choice.config.sample_rate;
    let (device, warnings) = (main.device.to_string(), unmet_wishes(config, output.as_ref(), input.as_ref()));
    let shared = Arc::new(Shared::new(rate, 0, Some(config.watchdog)));
    let delays = Arc::new(Delays::default());
    let (to_main, owner) = fifo(1);
    let main = Main::new(owner, (config.inputs, config.outputs), rate);
    let opening = Opening { system, shared: Arc::clone(&shared), delays: Arc::clone(&delays) };
    let (output, input) = opening.streams(main, output, input, config.inputs)?;
    let period = output.as_ref().or(input.as_ref()).and_then(|stream| stream.buffer_size().ok());
    let wish = config.period.and_then(|frames| u32::try_from(frames).ok());
    let period = period.filter(|frames| *frames > 0).or(wish).unwrap_or(0);
    shared.period.store(period, Relaxed);
    let mut info = StreamInfo::new(system.name(), config, rate, period as usize);
    info.device = device;
    info.warnings = warnings;
    if let Some(wish) = config.period.filter(|wish| *wish != info.period) {
        info.warnings.push(format!("{system} calls for {} frames at once, not {wish}", info.period));
    }
    let ready = SystemReady {
        system,
        streams: Streams { output, input },
        to_main,
        delays,
        shared: Arc::clone(&shared),
    };
    Ok(Prepared { info, shared, measure: config.measure, ready: Box::new(ready), edge: None, midi: None })
}

/// What could not be had, in sentences.
fn unmet_wishes(config: &StreamConfig, output: Option<&Found>, input: Option<&Found>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (found, wish, what) in [(output, config.outputs, "outputs"), (input, config.inputs, "inputs")] {
        let Some(found) = found else { continue };
        let there = usize::from(found.choice.config.channels);
        if there == 1 && wish > 1 && what == "outputs" {
            warnings
                .push(format!("'{}' has one channel: all {wish} outputs are mixed into it", found.device));
        } else if there < wish {
            warnings.push(format!(
                "'{}' has {there} channels: {} of {wish} {what} are left out",
                found.device,
                wish - there
            ));
        }
        let rate = found.choice.config.sample_rate;
        if let Some(wish) = config.rate.filter(|wish| *wish != rate && !config.resample) {
            warnings.push(format!("'{}' runs at {rate} frames/s, not {wish}", found.device));
        }
    }
    warnings
}

struct Opening {
    system: System,
    shared: Arc<Shared>,
    delays: Arc<Delays>,
}

impl Opening {
    fn streams(
        &self,
        main: Main,
        output: Option<Found>,
        input: Option<Found>,
        inputs: usize,
    ) -> Result<(Option<cpal::Stream>, Option<cpal::Stream>), OpenError> {
        let (shared, delays) = (&self.shared, &self.delays);
        match (output, input) {
            (None, None) => Ok((None, None)),
            (None, Some(found)) => {
                let channels = usize::from(found.choice.config.channels);
                let (shared, delays) = (Arc::clone(shared), Arc::clone(delays));
                let side = InputOnly { main, channels, delays, shared };
                Ok((None, Some(self.input(&found, Hearing::Alone(side))?)))
            }
            (Some(found), None) => Ok((Some(self.output(&found, main, None)?), None)),
            (Some(playing), Some(hearing)) => {
                let rates = (hearing.choice.config.sample_rate, playing.choice.config.sample_rate);
                let (inlet, outlet) = bridge(inputs, rates, MAX_PERIOD, shared);
                let channels = usize::from(hearing.choice.config.channels);
                let side = Input {
                    inlet,
                    interleaver: Collect::new(channels, inputs),
                    delays: Arc::clone(delays),
                    shared: Arc::clone(shared),
                    rate: rates.0,
                    promoted: false,
                };
                let input = self.input(&hearing, Hearing::Bridged(side))?;
                Ok((Some(self.output(&playing, main, Some(outlet))?), Some(input)))
            }
        }
    }

    fn output(&self, found: &Found, main: Main, outlet: Option<Outlet>) -> Result<cpal::Stream, OpenError> {
        let side = Output {
            main,
            outlet,
            channels: usize::from(found.choice.config.channels),
            delays: Arc::clone(&self.delays),
            shared: Arc::clone(&self.shared),
        };
        match found.choice.format {
            SampleFormat::F64 => self.output_of::<f64>(found, side),
            SampleFormat::I32 => self.output_of::<i32>(found, side),
            SampleFormat::I24 => self.output_of::<cpal::I24>(found, side),
            SampleFormat::I16 => self.output_of::<i16>(found, side),
            SampleFormat::U8 => self.output_of::<u8>(found, side),
            _ => self.output_of::<f32>(found, side),
        }
    }

    fn output_of<T>(&self, found: &Found, mut side: Output) -> Result<cpal::Stream, OpenError>
    where
        T: SizedSample + Sample + FromSample<f32>,
    {
        let call = move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
            let time = info.timestamp();
            side.call(data, time.playback.checked_duration_since(time.callback));
        };
        let (device, config) = (&found.device, found.choice.config);
        device
            .build_output_stream(config, call, self.on_error(), Some(PATIENCE))
            .map_err(|error| self.refused(found, &error))
    }

    fn input(&self, found: &Found, side: Hearing) -> Result<cpal::Stream, OpenError> {
        match found.choice.format {
            SampleFormat::F64 => self.input_of::<f64>(found, side),
            SampleFormat::I32 => self.input_of::<i32>(found, side),
            SampleFormat::I24 => self.input_of::<cpal::I24>(found, side),
            SampleFormat::I16 => self.input_of::<i16>(found, side),
            SampleFormat::U8 => self.input_of::<u8>(found, side),
            _ => self.input_of::<f32>(found, side),
        }
    }

    fn input_of<T>(&self, found: &Found, mut side: Hearing) -> Result<cpal::Stream, OpenError>
    where
        T: SizedSample + Sample,
        f32: FromSample<T>,
    {
        let call = move |data: &[T], info: &cpal::InputCallbackInfo| {
            let time = info.timestamp();
            let delay = time.callback.checked_duration_since(time.capture);
            match &mut side {
                Hearing::Bridged(side) => side.call(data, delay),
                Hearing::Alone(side) => side.call(data, delay),
            }
        };
        let (device, config) = (&found.device, found.choice.config);
        device
            .build_input_stream(config, call, self.on_error(), Some(PATIENCE))
            .map_err(|error| self.refused(found, &error))
    }

    fn refused(&self, found: &Found, error: &cpal::Error) -> OpenError {
        let BufferSize::Fixed(period) = found.choice.config.buffer_size else {
            return choose::refused(self.system, &format!("open '{}'", found.device), error);
        };
        let hint = if choose::wants_another_period(error) { " (try another `--period`)" } else { "" };
        OpenError::Refused {
            system: self.system,
            what: format!("open '{}' with {period} frames at once", found.device),
            reason: format!("{error}{hint}"),
        }
    }

    /// What cpal tells beside the callbacks. An xrun may be told on the audio thread, so it only counts.
    fn on_error(&self) -> impl FnMut(cpal::Error) + Send + 'static {
        let (shared, system) = (Arc::clone(&self.shared), self.system);
        move |error| match error.kind() {
            cpal::ErrorKind::Xrun => {
                shared.xruns.fetch_add(1, Relaxed);
            }
            cpal::ErrorKind::DeviceChanged => {
                shared.reroutes.fetch_add(1, Relaxed);
            }
            cpal::ErrorKind::RealtimeDenied => {}
            _ => {
                if !shared.shutdown.load(Relaxed) {
                    shared.shut_down(&format!("{system}: {error}"));
                }
            }
        }
    }
}

enum Hearing {
    Bridged(Input),
    Alone(InputOnly),
}

struct Streams {
    output: Option<cpal::Stream>,
    input: Option<cpal::Stream>,
}

struct SystemReady {
    system: System,
    streams: Streams,
    to_main: Producer<Start>,
    delays: Arc<Delays>,
    shared: Arc<Shared>,
}

impl Ready for SystemReady {
    fn start(self: Box<Self>, runner: Runner) -> Result<Started, OpenError> {
        let Self { system, streams, mut to_main, delays, shared } = *self;
        let (sender, gone) = channel();
        // The first clock reading sets its origin: not on the audio thread.
        let _ = crate::clock::nanoseconds();
        drop(to_main.push(Start { runner, _done: sender }));
        for stream in [&streams.input, &streams.output].into_iter().flatten() {
            stream.play().map_err(|error| choose::refused(system, "start", &error))?;
        }
        let running = SystemRunning { streams, gone, delays, shared };
        Ok(Started { running: Box::new(running), warnings: Vec::new() })
    }
}

struct SystemRunning {
    streams: Streams,
    /// Ends when the runner was dropped.
    gone: Receiver<()>,
    delays: Arc<Delays>,
    shared: Arc<Shared>,
}

impl Running for SystemRunning {
    fn halt(self: Box<Self>) {
        let Self { streams, gone, .. } = *self;
        // Closing joins threads of the system, which one that hangs would not let us.
        let close = move || drop(streams);
        if std::thread::Builder::new().name("sound-halt".to_owned()).spawn(close).is_ok() {
            // The sender is dropped with the callback: an error other than a time-out.
            let _ = gone.recv_timeout(PATIENCE);
        }
    }

    fn latency(&self) -> Latency {
        let rate = i64::from(self.shared.rate.load(Relaxed));
        let frames = |nanos: i64| nanos.saturating_mul(rate) / 1_000_000_000;
        Latency {
            input: frames(self.delays.input.load(Relaxed)),
            output: frames(self.delays.output.load(Relaxed)),
            midi: 0,
        }
    }
}
