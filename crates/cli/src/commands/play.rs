//! `omega play`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use omega_studio::session::TrackId;
use omega_studio::time::{Frames, TempoMap};
use omega_studio::{Level, LoopRange, Player, Studio};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::parse;
use crate::through::{Through, Watch, hello, what_is_missing};

/// How often housekeeping is done and the line is drawn.
const TICK: Duration = Duration::from_millis(50);

/// Play a session
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega play Song.omega\n  omega play Song.omega --from '9|1|0' --loop '9|1|0..17|1|0'\n  \
                        omega play Song.omega --backend alsa --device Scarlett --period 128\n  \
                        omega play Song.omega --backend timer --seconds 5\n\nCtrl-C stops. The counters of the \
                        hardware come last.\n\nHardware that goes away, or changes its rate, makes playing pause and \
                        go on: with the next system that there is (auto), or once it is back (within 10 s)."
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
    #[command(flatten)]
    through: Through,
    /// Stop after so long; 0 only opens the hardware [default: at the end of the last clip]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seconds: Option<f64>,
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
        let limit = match self.seconds {
            Some(seconds) => Some(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| Failure::usage(format!("--seconds {seconds}: give 0 or more seconds")))?,
            ),
            None => None,
        };
        let config = self.through.config();
        let mut player = studio.player(&config, Level::detect())?;
        let stop = Interrupt::listen()?;
        hello(&player, output);
        what_is_missing(&player, output);
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
        let watch = Watch::new(config, &player);
        let ended = roll(&studio, &mut player, watch, &until, &stop, &map, output);
        player.stop();
        for plugin in player.changed_plugins() {
            output.say(format_args!("note: {plugin} changed by itself; playing changes no session"));
        }
        farewell(&mut player, output)?;
        player.close();
        ended
    }
}

/// When playing ends by itself.
struct Until {
    limit: Option<Duration>,
    end: Option<i64>,
    from: i64,
}

fn roll(
    studio: &Studio,
    player: &mut Player,
    mut watch: Watch,
    until: &Until,
    stop: &Interrupt,
    map: &TempoMap,
    output: &Output,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let live = !output.quiet && std::io::stderr().is_terminal();
    let (mut peak, mut load) = (0.0f32, 0.0f32);
    let ended = loop {
        if let Err(gone) = watch.wait(TICK, studio, player, stop, output) {
            break Err(gone);
        }
        // A device changed its latency: the others are brought in line.
        if player.poll()
            && let Err(refused) = player.update(&studio.project(), studio.root())
        {
            break Err(Failure::failed(refused));
        }
        for fault in player.take_failed() {
            output.say(format_args!("note: {fault}; the rest plays on"));
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
    let width = bar_width(peak);
    let mut line = std::io::stderr().lock();
    // A line that cannot be drawn is drawn again a moment later.
    let (bar, beat, percent) = (bbt.bar, bbt.beat, load * 100.0);
    let meter = "=".repeat(width);
    let _ = write!(line, "\r{bar:>4}|{beat}  {seconds:>8.2} s  [{meter:<40}]  load {percent:>3.0} %\x1b[K");
    let _ = line.flush();
}

/// 0 to 40 for −60 to 0 dBFS; halvings are steps of 6 dB.
fn bar_width(peak: f32) -> usize {
    let mut level = 1.0f32;
    let mut width = 40;
    while width > 0 && (peak.is_nan() || peak < level) {
        // −1.5 dB
        level *= 0.841_395;
        width -= 1;
    }
    width
}

fn farewell(player: &mut Player, output: &Output) -> Result<(), Failure> {
    let (stats, status) = (player.stats(), player.status());
    output.print(format_args!(
        "{} blocks, {} frames, {} frames lost, {} xruns, {} late, {} frames missing from storage",
        stats.callbacks, stats.frames, stats.lost, stats.xruns, stats.late, status.missing
    ))
}
