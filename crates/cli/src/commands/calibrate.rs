//! `omega calibrate`

use omega_studio::audio_io::{Backend, JackOptions, StreamConfig};
use omega_studio::{CalibrateRequest, Hardware, Store, calibrate};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;
use crate::through::Through;

/// Measure the true latency of the hardware through a cable from an output to an input
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega calibrate\n  omega calibrate --output 3 --input 1 --backend jack\n\nConnect the output with \
                  the input by a cable first, and turn monitors down: a sweep is heard. What is measured is kept for \
                  this hardware, rate and period, and used by `omega record`."
)]
pub struct Calibrate {
    /// The output that the cable begins at, counted from 1
    #[arg(long, default_value_t = 1)]
    output: usize,
    /// The input that it leads to, counted from 1
    #[arg(long, default_value_t = 1)]
    input: usize,
    #[command(flatten)]
    through: Through,
    /// The JACK server [default: $JACK_DEFAULT_SERVER, else `default`]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Frames per second, where the hardware leaves the choice
    #[arg(long)]
    rate: Option<u32>,
    /// Leave the cables of JACK to somebody else
    #[arg(long)]
    no_connect: bool,
    /// Only tell; keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
}

impl Calibrate {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let channel = |option: &str, number: usize| {
            number.checked_sub(1).ok_or_else(|| Failure::usage(format!("{option}: channels count from 1")))
        };
        let request = CalibrateRequest {
            output: channel("--output", self.output)?,
            input: channel("--input", self.input)?,
            ..CalibrateRequest::default()
        };
        let mut config = StreamConfig {
            inputs: self.input.max(2),
            outputs: self.output.max(2),
            rate: self.rate,
            ..self.through.config()
        };
        if matches!(config.backend, Backend::Timer) {
            return Err(Failure::usage("--backend timer: a timer has no inputs to measure"));
        }
        if self.server.is_some() {
            config.backend = Backend::Jack(JackOptions { server: self.server.clone(), start_server: false });
        }
        if self.no_connect {
            config.connect = omega_studio::audio_io::Connect::None;
        }
        config.validate().map_err(Failure::usage)?;
        let found = calibrate(&config, &request).map_err(Failure::failed)?;
        let hardware = Hardware::new(&config, &found.info);
        let mut kept = None;
        if !self.dry_run {
            let mut store = Store::open().map_err(Failure::failed)?;
            store.keep(hardware, found.offset).map_err(Failure::failed)?;
            kept = Some(store.path().to_owned());
        }
        let milliseconds = found.round_trip * 1000.0 / f64::from(found.info.rate);
        if self.json {
            return output.json(&json!({
                "backend": found.info.backend, "rate": found.info.rate, "period": found.info.period,
                "round_trip": found.round_trip, "milliseconds": milliseconds, "spread": found.spread,
                "clarity": found.clarity, "reported_input": found.reported.input,
                "reported_output": found.reported.output, "offset": found.offset, "kept": kept,
            }));
        }
        output.print(format_args!(
            "{}: {} Hz, {} frames at once: round trip {:.2} frames ({milliseconds:.2} ms)",
            found.info.backend, found.info.rate, found.info.period, found.round_trip
        ))?;
        output.print(format_args!(
            "the hardware says {} in and {} out; {:+} frames are added to that when recording",
            found.reported.input, found.reported.output, found.offset
        ))?;
        if let Some(kept) = kept {
            output.say(format_args!("kept in {}", kept.display()));
        }
        Ok(())
    }
}
