//! What to play and record through.

use clap::ValueEnum;
use omega_studio::audio_io::{Backend, Event, EventReader, JackOptions};
use std::time::Duration;

use crate::failure::Failure;
use crate::output::Output;

/// A backend, by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum Through {
    Auto,
    Jack,
    Timer,
}

impl Through {
    pub fn backend(self) -> Backend {
        match self {
            Self::Auto => Backend::Auto,
            Self::Jack => Backend::Jack(JackOptions::default()),
            Self::Timer => Backend::Timer,
        }
    }
}

/// Seconds from an option.
pub fn seconds(option: &str, seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::usage(format!("{option} {seconds}: give 0 or more seconds")))
}

/// Waits a moment, at most `tick`, for what the hardware has to say; the failure if it is gone.
pub fn told(events: &mut EventReader, tick: Duration, output: &Output) -> Option<Failure> {
    let event = events.wait(tick)?;
    match event {
        Event::CallbackFailed => Some(Failure::failed("the engine failed; the sound was stopped")),
        Event::Shutdown { reason } => Some(Failure::failed(format!("the hardware is gone: {reason}"))),
        Event::NoCallback { waited } => {
            output.say(format_args!("note: the hardware has not called for {:.1} s", waited.as_secs_f64()));
            None
        }
        Event::RateChanged { rate } => {
            Some(Failure::failed(format!("the hardware went over to {rate} Hz; start again")))
        }
        _ => None,
    }
}

/// 0 to `width` for −60 to 0 dBFS.
pub fn bar_width(peak: f32, width: usize) -> usize {
    // −1.5 dB a step of 40.
    let (mut level, mut left) = (1.0f32, 40);
    while left > 0 && (peak.is_nan() || peak < level) {
        level *= 0.841_395;
        left -= 1;
    }
    left * width / 40
}
