//! What to play through: the options, and what to do when it goes away.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use omega_studio::audio_io::{Backend, Event, EventReader, JackOptions, StreamConfig, System};
use omega_studio::{Player, Studio};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// For how long hardware that was asked for by name may be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for.
const AGAIN: Duration = Duration::from_millis(500);

/// What to play through
#[derive(clap::Args)]
pub struct Through {
    /// The sound system; auto: JACK where it runs, otherwise PipeWire, PulseAudio or ALSA, or a timer in silence
    #[arg(long, value_name = "SYSTEM", default_value = "auto")]
    backend: Choice,
    /// The hardware, by the name that `omega devices` shows, or a part of it
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Frames at once, where the hardware leaves the choice
    #[arg(long, value_name = "FRAMES")]
    period: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    Auto,
    Jack,
    #[value(name = "pipewire")]
    PipeWire,
    Pulse,
    Alsa,
    Timer,
}

impl Through {
    /// What a stream is asked for, without inputs.
    pub fn config(&self) -> StreamConfig {
        let backend = match self.backend {
            Choice::Auto => Backend::Auto,
            Choice::Jack => Backend::Jack(JackOptions::default()),
            Choice::PipeWire => Backend::System(System::PipeWire),
            Choice::Pulse => Backend::System(System::PulseAudio),
            Choice::Alsa => Backend::System(System::Alsa),
            Choice::Timer => Backend::Timer,
        };
        let device = self.device.clone();
        StreamConfig { backend, device, period: self.period, inputs: 0, ..StreamConfig::default() }
    }
}

/// Says what is played through.
pub fn hello(player: &Player, output: &Output) {
    let hardware = player.hardware();
    let device = if hardware.device.is_empty() { String::new() } else { format!(" '{}'", hardware.device) };
    output.say(format_args!(
        "{}{device}: {} Hz, {} frames at once. {}",
        hardware.backend, hardware.hardware_rate, hardware.period, hardware.reason
    ));
    hardware.warnings.iter().for_each(|warning| output.say(format_args!("note: {warning}")));
}

/// Says which media and plugins will not be heard.
pub fn what_is_missing(player: &Player, output: &Output) {
    player.unreadable().iter().for_each(|file| output.say(format_args!("note: cannot be read: {file}")));
    player.plugin_complaints().iter().for_each(|why| output.say(format_args!("note: {why}")));
}

/// Watches the hardware of a player, and takes it to other hardware when it has to be.
pub struct Watch {
    config: StreamConfig,
    events: EventReader,
    /// Since when nothing was called, although hardware was opened again and again.
    silent_since: Option<Instant>,
}

impl Watch {
    /// Watches what was opened with `config`.
    pub fn new(config: StreamConfig, player: &Player) -> Self {
        Self { config, events: player.events(), silent_since: None }
    }

    /// Waits a moment for what the hardware has to say, and does what it takes to go on.
    ///
    /// # Errors
    /// The failure when it cannot go on.
    pub fn wait(
        &mut self,
        moment: Duration,
        studio: &Studio,
        player: &mut Player,
        stop: &Interrupt,
        output: &Output,
    ) -> Result<(), Failure> {
        let Some(event) = self.events.wait(moment) else { return Ok(()) };
        let why = match event {
            Event::CallbackFailed => {
                return Err(Failure::failed("the engine failed; the sound was stopped"));
            }
            Event::PeriodChanged { period } => {
                output.say(format_args!("note: the hardware goes on with {period} frames at once"));
                return Ok(studio.period_changed(player, period)?);
            }
            Event::Rerouted => {
                output.say("note: the system took the sound to other hardware, where it goes on");
                return Ok(());
            }
            Event::Shutdown { reason } => format!("the hardware is gone: {reason}"),
            Event::RateChanged { rate } => format!("the hardware went over to {rate} Hz"),
            Event::NoCallback { waited } => {
                self.avoid_silent(player);
                format!("the hardware has not called for {:.1} s", waited.as_secs_f64())
            }
            _ => return Ok(()),
        };
        output.say(format_args!("note: {why}; playing pauses"));
        self.go_on(&why, studio, player, stop, output)
    }

    /// A backend that never calls would be the first to be opened again: auto leaves it out.
    fn avoid_silent(&mut self, player: &Player) {
        if matches!(self.config.backend, Backend::Auto) {
            self.config.avoid.push(player.hardware().backend);
        }
    }

    fn go_on(
        &mut self,
        why: &str,
        studio: &Studio,
        player: &mut Player,
        stop: &Interrupt,
        output: &Output,
    ) -> Result<(), Failure> {
        let called = player.stats().callbacks > 0;
        let since = if called { Instant::now() } else { self.silent_since.unwrap_or_else(Instant::now) };
        self.silent_since = Some(since);
        loop {
            let refused = if since.elapsed() > PATIENCE {
                "it was opened again, and did not call".to_owned()
            } else {
                match studio.reopen(player, &self.config) {
                    Ok(()) => {
                        self.events = player.events();
                        hello(player, output);
                        return Ok(());
                    }
                    Err(refused) => refused.to_string(),
                }
            };
            if stop.asked() {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(Failure::failed(format!(
                    "{why}, and could not be had again within {} s: {refused}",
                    PATIENCE.as_secs()
                )));
            }
            std::thread::sleep(AGAIN);
        }
    }
}
