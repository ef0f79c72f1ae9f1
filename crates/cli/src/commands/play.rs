//! `omega play`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use omega_studio::audio_io::StreamConfig;
use omega_studio::session::TrackId;
use omega_studio::time::{Frames, TempoMap};
use omega_studio::{Level, LoopRange, Player};

use super::through::{Through, bar_width, seconds, told};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::parse;

/// How often housekeeping is done and the line is drawn.
const TICK: Duration = Duration::from_millis(50);

/// Play a session
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega play Song.omega\n  omega play Song.omega --from '9|1|0' --loop '9|1|0..17|1|0'\n  \
                        omega play Song.omega --backend timer --seconds 5\n\nCtrl-C stops. The counters of the \
                        hardware come last."
)]
pub struct Play {
    /// The session
    session: PathBuf,
    /// Where to begin: 5|1|0, 0:12.5, 3s, 48000f
    #[arg(long, value_name = "TIME", default_value = "0f", allow_hyphen_values = true)]
    from: String,
    /// Repeat a part of the time line
    #[arg(long = "loop", value_name = "A..B", allow_hyphen_values = true)]
    looped: Option<String>,
    /// What to play through: JACK where it runs, or a timer without hardware
    #[arg(long, default_value = "auto")]
    backend: Through,
    /// Stop after so long; 0 only opens the hardware [default: at the end of the last clip]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Frames at once, where the hardware leaves the choice
    #[arg(long, value_name = "FRAMES")]
    period: Option<usize>,
}

impl Play {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let studio = output.read(&self.session)?;
        let project = studio.project();
        let map = project.tempo_map();
        let from = parse::frame(&map, "--from", &self.from)?;
        let looped = self.looped.as_deref().map(|text| parse::range(&map, "--loop", text)).transpose()?;
        let looped = looped.map(|range| {
            LoopRange::new(range.start, range.end)
                .ok_or_else(|| Failure::usage("--loop: the range is too short"))
        });
        let looped = looped.transpose()?;
        let limit = self.seconds.map(|given| seconds("--seconds", given)).transpose()?;
        let backend = self.backend.backend();
        let config = StreamConfig { backend, period: self.period, inputs: 0, ..StreamConfig::default() };
        let mut player = studio.player(&config, Level::detect())?;
        let stop = Interrupt::listen()?;
        hello(&player, output);
        player.set_loop(looped);
        player.locate(from);
        if !player.wait_until_ready(from, Duration::from_secs(5)) {
            output.say("note: storage is slow; it may begin with gaps");
        }
        // In no time nothing is to be heard: it only shows whether the hardware can be had.
        if limit != Some(Duration::ZERO) {
            player.play();
        }
        let end = player.lowered().map_or(0, |lowered| lowered.end);
        let until = Until { limit, end: looped.is_none().then_some(end), from };
        let ended = roll(&mut player, &until, &stop, &map, output);
        player.stop();
        farewell(&mut player, output)?;
        player.close();
        ended
    }
}

fn hello(player: &Player, output: &Output) {
    let hardware = player.hardware();
    output.say(format_args!(
        "{}: {} Hz, {} frames at once. {}",
        hardware.backend, hardware.rate, hardware.period, hardware.reason
    ));
    hardware.warnings.iter().for_each(|warning| output.say(format_args!("note: {warning}")));
    player.unreadable().iter().for_each(|file| output.say(format_args!("note: cannot be read: {file}")));
}

/// When playing ends by itself.
struct Until {
    limit: Option<Duration>,
    end: Option<i64>,
    from: i64,
}

fn roll(
    player: &mut Player,
    until: &Until,
    stop: &Interrupt,
    map: &TempoMap,
    output: &Output,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut events = player.events();
    let live = !output.quiet && std::io::stderr().is_terminal();
    let (mut peak, mut load) = (0.0f32, 0.0f32);
    let ended = loop {
        if let Some(gone) = told(&mut events, TICK, output) {
            break Err(gone);
        }
        player.poll();
        for fault in player.take_failed() {
            output.say(format_args!("note: {fault}, and is silent now; the rest plays on"));
        }
        let position = player.status().position;
        let meter = player.take_meter(&TrackId::master()).map_or(0.0, |meter| meter.peak);
        peak = meter.max(peak * 0.8);
        load = player.take_loads().engine.worst.max(load * 0.95);
        if live {
            draw(position, peak, load, map);
        }
        let over = until.limit.is_some_and(|limit| begun.elapsed() >= limit);
        let end = until.limit.is_none() && until.end.is_some_and(|end| position >= end.max(until.from));
        if over || end || stop.asked() {
            break Ok(());
        }
    };
    if live {
        // The line is over; where nobody sees it nothing is lost.
        let _ = writeln!(std::io::stderr());
    }
    ended
}

/// Position, level and load, on one line that is written over.
fn draw(position: i64, peak: f32, load: f32, map: &TempoMap) {
    let bbt = map.to_bbt(map.to_tick(Frames(position)));
    let seconds = position as f64 / map.rate().as_f64();
    let width = bar_width(peak, 40);
    let mut line = std::io::stderr().lock();
    // A line that cannot be drawn is drawn again a moment later.
    let (bar, beat, percent) = (bbt.bar, bbt.beat, load * 100.0);
    let meter = "=".repeat(width);
    let _ = write!(line, "\r{bar:>4}|{beat}  {seconds:>8.2} s  [{meter:<40}]  load {percent:>3.0} %\x1b[K");
    let _ = line.flush();
}

fn farewell(player: &mut Player, output: &Output) -> Result<(), Failure> {
    let (stats, status) = (player.stats(), player.status());
    output.print(format_args!(
        "{} blocks, {} frames, {} frames lost, {} xruns, {} late, {} frames missing from storage",
        stats.callbacks, stats.frames, stats.lost, stats.xruns, stats.late, status.missing
    ))
}
