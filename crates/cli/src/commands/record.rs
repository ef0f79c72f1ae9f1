//! `omega record`

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use omega_studio::audio_io::{Event, EventReader, StreamConfig};
use omega_studio::session::{Metronome, Monitor, Project, Track, TrackId, TrackKind};
use omega_studio::time::{Frames, TempoMap};
use omega_studio::{Level, LoopRange, Player, RecordRequest, RecordState, RecordStatus, Studio, bars_before};

use super::kept;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, plain};
use crate::parse;
use crate::through::{Through, hello, what_is_missing};

/// How often housekeeping is done and the line is drawn.
const TICK: Duration = Duration::from_millis(50);
/// How long the hardware may take for what it has to do at the beginning and at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Record the armed tracks, or those that are named
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega record Song.omega --track Vocals --from '9|1|0' --count-in 2\n  \
                  omega record Song.omega --punch '17|1|0..25|1|0' --pre-roll 2\n  \
                  omega record Song.omega --loop '1|1|0..9|1|0' --metronome\n  omega record Song.omega --seconds 10 --json\n\n\
                  Ctrl-C ends the recording; all that was heard until then is kept. Each pass of a loop becomes a take, and the \
                  last whole one is heard; so does what is recorded over something, which is kept as a take itself (`omega \
                  takes`). Takes are written into the session as they come: after a crash, \
                  `omega unfinished` shows what is there, and `--recover` puts it into the session.")]
pub struct Record {
    /// The session
    session: PathBuf,
    /// Record this track, by its id or name, and no other; may be given several times [default: what is armed]
    #[arg(long = "track", value_name = "TRACK")]
    tracks: Vec<String>,
    /// Where to begin: 5|1|0, 0:12.5, 3s, 48000f
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Where to end [default: when it is told to]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Record only within this part of the time line [default: the session's punch range, where that is on]
    #[arg(long, value_name = "A..B", allow_hyphen_values = true, conflicts_with_all = ["to"])]
    punch: Option<String>,
    /// Repeat a part of the time line; each pass becomes a take [default: the session's loop, where that is on]
    #[arg(long = "loop", value_name = "A..B", allow_hyphen_values = true, conflicts_with_all = ["to"])]
    looped: Option<String>,
    /// Let the metronome count so many bars before the time line rolls
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    count_in: u32,
    /// Play so many bars before recording begins
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    pre_roll: u32,
    /// Let the metronome click while recording
    #[arg(long)]
    metronome: bool,
    /// Stop after so long
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    #[command(flatten)]
    through: Through,
    /// Record nothing: put takes that were never finished into the session
    #[arg(long)]
    recover: bool,
    /// Print what was recorded as JSON
    #[arg(long)]
    json: bool,
}

/// What plugins changed by themselves belongs to the session as what was recorded does.
fn keep_plugins(studio: &mut Studio, player: &mut Player, output: &Output) -> Result<(), Failure> {
    let kept = studio.keep_plugins(player)?;
    for (device, why) in &kept.failed {
        output.say(format_args!("note: the state of {device} is not kept: {why}"));
    }
    if !kept.kept.is_empty() {
        output.say(format_args!(
            "the states of {} plugin(s) that changed by themselves are kept",
            kept.kept.len()
        ));
    }
    Ok(())
}

/// When it ends by itself.
struct Until {
    /// After so many frames, counted where frames are counted: what the hardware drops is not among them.
    limit: Option<i64>,
    end: Option<i64>,
}

impl Record {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        if self.recover {
            return super::unfinished::recover(&mut studio, output);
        }
        let waiting = studio.unfinished_takes()?.len() + studio.unfinished_notes()?.len();
        if waiting > 0 {
            output.say(format_args!(
                "note: {waiting} take(s) were never finished: omega unfinished {}",
                self.session.display()
            ));
        }
        let project = self.project(&studio)?;
        let map = project.tempo_map();
        let request = self.request(&project, &map)?;
        let limit = self.seconds.map(|given| frames("--seconds", given, &map)).transpose()?;
        let end = request.punch.as_ref().filter(|_| request.looped.is_none()).map(|punch| punch.end);
        let end = end.filter(|end| *end < i64::MAX);
        let config = StreamConfig { inputs: inputs(&project), ..self.through.config() };
        let mut player = studio.player_of(&project, &config, Level::detect())?;
        hello(&player, output);
        output.say(format_args!("round trip {} frames", player.round_trip()));
        what_is_missing(&player, output);
        let stop = Interrupt::listen()?;
        begin(&mut player, &project, &studio, &request)?;
        let ended = roll(&mut player, &project, &Until { limit, end }, &stop, output);
        if ended.is_ok() {
            bring_home(&mut player, output);
        }
        let lost = player.recording().map_or(0, |status| status.hardware_lost);
        let recorded = player.finish_recording();
        let stats = player.stats();
        let plugins = keep_plugins(&mut studio, &mut player, output);
        player.close();
        if lost > 0 {
            output.say(format_args!(
                "note: the hardware dropped {lost} frames ({} xruns); what was played then is missing",
                stats.xruns
            ));
        }
        let kept = kept::keep(&mut studio, recorded, self.json, output);
        ended.and(kept).and(plugins)
    }

    /// The session with the tracks armed that are to be recorded.
    fn project(&self, studio: &Studio) -> Result<Project, Failure> {
        let mut project = Project::clone(&studio.project());
        if !self.tracks.is_empty() {
            let wanted = self.tracks.iter().map(|text| parse::track(&project, text));
            let wanted: Vec<TrackId> = wanted.collect::<Result<_, _>>()?;
            let tracks: Vec<TrackId> = project.tracks().keys().cloned().collect();
            for id in tracks {
                let Some(track) = project.track(&id) else { continue };
                let arm = wanted.contains(&id);
                let deaf = track.input.is_empty() && track.midi_input.is_empty();
                if arm && (track.kind != TrackKind::Audio || deaf) {
                    return Err(Failure::usage(format!(
                        "track '{}' cannot record: give it an input (omega edit {} track.input --id {id} --input '[0]', or for MIDI \
                         omega arm {} {id} on --midi-in PORT)",
                        plain(&track.name),
                        self.session.display(),
                        self.session.display()
                    )));
                }
                if track.arm != arm {
                    let changed = Track { arm, ..Track::clone(track) };
                    project.put_track(id, changed);
                }
            }
        }
        if self.metronome {
            let mut settings = project.settings().clone();
            settings.metronome = Metronome { on: true, ..settings.metronome };
            project.put_settings(settings);
        }
        Ok(project)
    }

    fn request(&self, project: &Project, map: &TempoMap) -> Result<RecordRequest, Failure> {
        let range = |option, text: &Option<String>, set: &omega_studio::session::RangeSetting| match text {
            Some(text) => parse::range(map, option, text).map(Some),
            None if set.on && self.to.is_none() => {
                let frames = map.frames_of(set.range);
                Ok(Some(frames.start.0..frames.end.0))
            }
            None => Ok(None),
        };
        let punch: Option<Range<i64>> = range("--punch", &self.punch, &project.settings().punch_range)?;
        let looped = range("--loop", &self.looped, &project.settings().loop_range)?;
        let begins = punch.as_ref().or(looped.as_ref()).map_or(0, |range| range.start);
        let from = self.from.as_deref().map(|text| parse::frame(map, "--from", text)).transpose()?;
        let from = from.unwrap_or(begins);
        let to = self.to.as_deref().map(|text| parse::frame(map, "--to", text)).transpose()?;
        if to.is_some_and(|to| to <= from) {
            return Err(Failure::usage("--to: the end lies after the beginning"));
        }
        let looped = looped.map(|range| {
            LoopRange::new(range.start, range.end)
                .ok_or_else(|| Failure::usage("--loop: the range is too short"))
        });
        Ok(RecordRequest {
            from: Some(from),
            punch: punch.or(to.map(|to| from..to)),
            pre_roll: bars_before(map, from, self.pre_roll),
            count_in: bars_before(map, from - bars_before(map, from, self.pre_roll), self.count_in),
            looped: looped.transpose()?,
        })
    }
}

/// As many as the tracks that are heard or recorded need.
fn inputs(project: &Project) -> usize {
    let used = project.tracks().values().filter(|track| track.arm || track.monitor == Monitor::On);
    used.flat_map(|track| &track.input).map(|input| usize::from(*input) + 1).max().unwrap_or(0)
}

/// Frames from an option in seconds.
fn frames(option: &str, seconds: f64, map: &TempoMap) -> Result<i64, Failure> {
    let given = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::usage(format!("{option} {seconds}: give 0 or more seconds")))?;
    let frames = given.as_nanos().saturating_mul(map.rate().hz().into()) / 1_000_000_000;
    Ok(i64::try_from(frames).unwrap_or(i64::MAX))
}

/// Waits a moment for what the hardware has to say; the failure if it is gone.
fn told(events: &mut EventReader, tick: Duration, output: &Output) -> Option<Failure> {
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
fn bar_width(peak: f32, width: usize) -> usize {
    // −1.5 dB a step of 40.
    let (mut level, mut left) = (1.0f32, 40);
    while left > 0 && (peak.is_nan() || peak < level) {
        level *= 0.841_395;
        left -= 1;
    }
    left * width / 40
}

/// Waits until the hardware has taken over what is to be recorded, and begins.
fn begin(
    player: &mut Player,
    project: &Project,
    studio: &Studio,
    request: &RecordRequest,
) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    let ready =
        |player: &mut Player| player.prepare_to_record(project, studio.root()).map_err(Failure::failed);
    while !ready(player)? {
        if Instant::now() > until {
            return Err(Failure::failed("the hardware does not call; `omega doctor` may know why"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    player.record(project, studio.root(), request).map_err(Failure::failed)
}

fn roll(
    player: &mut Player,
    project: &Project,
    until: &Until,
    stop: &Interrupt,
    output: &Output,
) -> Result<(), Failure> {
    let map = project.tempo_map();
    let names: Vec<(TrackId, String)> = project
        .tracks()
        .iter()
        .filter(|(_, track)| track.arm && track.kind == TrackKind::Audio)
        .map(|(id, track)| (id.clone(), plain(&track.name).chars().take(12).collect()))
        .collect();
    for (track, early) in player.constrained() {
        let name = project.track(&track).map_or("", |track| &track.name);
        output.say(format_args!(
            "note: {} is heard live, so it is not held back: it plays {early} frames before what it is mixed with",
            plain(name)
        ));
    }
    let mut events = player.events();
    let live = !output.quiet && std::io::stderr().is_terminal();
    let (mut rolling, mut problem) = (None, None);
    let ended = loop {
        if let Some(gone) = told(&mut events, TICK, output) {
            break Err(gone);
        }
        player.poll();
        for fault in player.take_failed() {
            output.say(format_args!("note: {fault}; the rest plays on"));
        }
        let status = player.status();
        let Some(recording) = player.recording() else { break Ok(()) };
        if status.rolling && rolling.is_none() {
            rolling = Some(status.time);
        }
        tell_problem(&recording, &mut problem, output);
        if live {
            draw(player, &names, &recording, &map);
        }
        let over = until.limit.zip(rolling).is_some_and(|(limit, begun)| status.time - begun >= limit);
        let end = status.rolling && until.end.is_some_and(|end| status.position >= end);
        if over || end || stop.asked() || recording.state == RecordState::Done {
            break Ok(());
        }
    };
    if live {
        // The line is over; where nobody sees it nothing is lost.
        let _ = writeln!(std::io::stderr());
    }
    ended
}

/// Stops, and waits for what is still on its way in.
fn bring_home(player: &mut Player, output: &Output) {
    player.stop();
    let (mut seen, mut since) = (player.status().time, Instant::now());
    loop {
        player.poll();
        let state = player.recording().map(|status| status.state);
        if matches!(state, None | Some(RecordState::Done | RecordState::Waiting)) {
            return;
        }
        let time = player.status().time;
        if time != seen {
            (seen, since) = (time, Instant::now());
        } else if since.elapsed() > PATIENCE {
            output.say("note: the hardware does not call any more; the very end may be missing");
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says once what stands in the way of writing, and when that is over.
fn tell_problem(recording: &RecordStatus, told: &mut Option<String>, output: &Output) {
    let notes = recording.notes.iter().find_map(|take| take.problem.clone());
    let now = recording.takes.iter().find_map(|take| take.problem.clone()).or(notes);
    if now != *told {
        match &now {
            Some(problem) => {
                output.say(format_args!("warning: {problem}; what was recorded until now is safe"));
            }
            None => output.say("note: writing goes on"),
        }
        *told = now;
    }
}

/// Position, levels and what is in the files, on one line that is written over.
fn draw(player: &mut Player, names: &[(TrackId, String)], recording: &RecordStatus, map: &TempoMap) {
    let status = player.status();
    let state = match recording.state {
        RecordState::Waiting if status.count_in > 0 => "count",
        RecordState::Waiting => "wait",
        RecordState::Rolling => "REC",
        RecordState::Ending | RecordState::Done => "end",
    };
    let bbt = map.to_bbt(map.to_tick(Frames(status.position)));
    let seconds = status.position as f64 / map.rate().as_f64();
    let mut line = format!("\r{state:<5} {:>4}|{}  {seconds:>8.2} s ", bbt.bar, bbt.beat);
    for (id, name) in names.iter().take(6) {
        let peak = player.take_input_meter(id).map_or(0.0, |meter| meter.peak);
        let meter = "=".repeat(bar_width(peak, 10));
        line.push_str(&format!(" {name}[{meter:<10}]"));
    }
    let messages: u64 = recording.notes.iter().map(|take| take.messages).sum();
    if !recording.notes.is_empty() {
        line.push_str(&format!("  {messages} MIDI events"));
    }
    let lost: u64 = recording.takes.iter().map(|take| take.lost).sum();
    if lost > 0 {
        line.push_str(&format!("  {lost} LOST"));
    }
    let mut out = std::io::stderr().lock();
    // A line that cannot be drawn is drawn again a moment later.
    let _ = write!(out, "{line}\x1b[K");
    let _ = out.flush();
}
