//! Playing in time on the timer backend: `watch` for a few seconds, where the counters decide, and `soak` for as long as one
//! likes, where each cycle is measured too.

mod beside;
pub mod report;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omega_audio_io::testing::{Capturing, clock_bridge};
use omega_audio_io::{Backend, Stream, StreamConfig};
use omega_dsp::simd::Level;
use omega_engine::Clock;
use omega_engine::prepare::{Conductor, engine};
use omega_processor::PrepareConfig;
use omega_rt::{LoadCell, Shared};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::faults::{AFTER, Fault, Seed};
use crate::material::Material;
use crate::plugins::Rack;
use crate::takes::Takes;
use crate::watch::{Capture, Cycle, Record, Sound, Watched};
use beside::{Busy, Control};

const RATE: u32 = 48_000;
const PERIOD: usize = 256;

/// Nanoseconds of a period.
const PERIOD_NANOS: u64 = PERIOD as u64 * 1_000_000_000 / RATE as u64;

/// Frames of the material of each track: two seconds, so that 64 tracks do not fit into a cache.
const MATERIAL: usize = 96_000;

/// The clock of the other hardware, where inputs come over a bridge: a quartz that is off by 200 millionths, and a period of its
/// own.
const OTHER: (u32, usize) = (RATE - 10, 192);
/// Channels that come over the bridge.
const BRIDGED: usize = 2;

/// What is there beside tracks that play from memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// The material is streamed from files.
    pub streamed: bool,
    /// Tracks that are recorded.
    pub record: usize,
    /// Tracks with a plugin in a worker.
    pub plugins: usize,
    /// Those are real ones, where there are any.
    pub real: bool,
    /// The first inputs come from hardware with a clock of its own.
    pub bridged: bool,
}

/// How a soak runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long it is measured.
    pub seconds: usize,
    /// Tracks of the desk.
    pub tracks: usize,
    /// Edits while playing.
    pub storm: bool,
    /// Busy loops beside it.
    pub busy: usize,
    /// What is there beside tracks that play from memory.
    pub beside: Beside,
}

/// What is wrong on purpose.
#[derive(Default)]
struct Wrong {
    cycle: Option<Fault>,
    capture: Option<Fault>,
    node: Option<Seed>,
}

/// A desk that plays in time.
struct Stage {
    conductor: Conductor,
    desk: Desk,
    stream: Stream,
    record: Arc<Record>,
    load: Arc<LoadCell>,
    /// Hardware with a clock of its own, and what was seen on its thread.
    other: Option<(Stream, Arc<Record>)>,
    plugins: bool,
    /// Nothing is wrong on purpose, so that whatever fails besides is an error.
    strict: bool,
}

impl Stage {
    fn new(tracks: usize, beside: Beside, cycles: usize, warm_up: u64, wrong: Wrong) -> Outcome<Self> {
        let config = StreamConfig {
            backend: Backend::Timer,
            rate: Some(RATE),
            period: Some(PERIOD),
            ..StreamConfig::default()
        };
        // As the player does: from here on buffers are locked in memory.
        let prepared = omega_audio_io::prepare(&config)?;
        let (mut executor, control) = engine(Level::detect());
        // As the player does: it looks at the clock, which the trap for system calls must not see.
        let clock =
            Clock { now: omega_audio_io::nanoseconds, ticks_per_second: 1_000_000_000, sample_rate: RATE };
        (clock.now)();
        let load = Arc::new(LoadCell::default());
        executor.watch(clock, Shared::from(Arc::clone(&load)));
        let mut conductor = Conductor::new(control, RATE);
        let strict = wrong.node.is_none();
        let mut desk = Desk::with(Material::new(beside.streamed, tracks, MATERIAL, RATE)?, tracks, RATE);
        if beside.record > 0 {
            desk.record(Takes::in_files(beside.record.min(tracks), RATE, wrong.node)?);
        }
        if beside.plugins > 0 {
            let config = PrepareConfig { sample_rate: RATE, inputs: 2, outputs: 2 };
            let count = beside.plugins.min(tracks);
            desk.host(Rack::new(count, &config, PERIOD, beside.real, wrong.node)?);
        }
        desk.begin(&mut conductor)?;
        let record = Arc::new(Record::new(cycles));
        let ends = beside.bridged.then(|| clock_bridge(BRIDGED, (OTHER.0, RATE)));
        let (capturing, playing) = ends.unzip();
        let other = capturing.map(|side| capture(side, warm_up, wrong.capture)).transpose()?;
        let inputs = beside.record.max(if beside.bridged { BRIDGED } else { 0 });
        let cycle = Cycle::new(executor, Sound::new(inputs, playing), wrong.cycle);
        let callback = Watched::new(cycle, Arc::clone(&record), warm_up);
        let stream = prepared.start(Box::new(callback))?;
        Ok(Self { conductor, desk, stream, record, load, other, plugins: beside.plugins > 0, strict })
    }

    /// Plays on until `done`, with an edit about every 40 ms if there is to be a storm. Returns the number of edits.
    fn play(&mut self, storm: bool, done: impl Fn(&Self) -> bool) -> Outcome<u64> {
        let mut random = Random::new(17);
        let (mut turns, mut edits) = (0_u32, 0);
        while !done(self) {
            std::thread::sleep(Duration::from_millis(5));
            self.desk.poll(&mut self.conductor)?;
            self.desk.look(&mut self.conductor);
            turns += 1;
            if storm && turns.is_multiple_of(8) {
                self.desk.edit(&mut random, &mut self.conductor)?;
                edits += 1;
            }
        }
        match self.desk.failures.first().filter(|_| self.strict) {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(edits),
        }
    }

    /// Stops, says what became of all that was beside, and counts; true when nothing was counted that must be zero.
    fn end(self) -> Outcome<bool> {
        let Self { conductor, mut desk, stream, record, load, other, plugins, strict } = self;
        let home: Option<Box<dyn Any>> = stream.stop().map(|home| home as Box<dyn Any>);
        let home = home.and_then(|home| home.downcast::<Watched<Cycle>>().ok()).ok_or("it hangs")?;
        measured(&load)?;
        desk.material().check()?;
        let breaks = home.inner().breaks();
        if let Some((stream, seen)) = other {
            drop(stream.stop());
            record.add_counts(&seen);
            let (breaks, cycles) = (breaks.unwrap_or(0), seen.cycles());
            println!(
                "inputs over a bridge from {} Hz: {cycles} blocks captured, {breaks} interruptions",
                OTHER.0
            );
            if cycles == 0 {
                return Err("nothing was captured".into());
            }
        }
        if let Some((report, troubles)) = desk.plugins() {
            println!("{report}");
            if let Some(trouble) = troubles.first().filter(|_| strict) {
                return Err(trouble.clone().into());
            }
        }
        let takes = desk.take_takes();
        // With the engine go the tapes' ends in it.
        drop((home, conductor, desk));
        if let Some(takes) = takes {
            let tally = takes.finish()?;
            println!(
                "recorded: {} takes, {} frames in {} stretches, {} lost",
                tally.takes, tally.frames, tally.stretches, tally.lost
            );
            if tally.frames == 0 && strict {
                return Err("nothing was recorded".into());
            }
        }
        Ok(report::counts(&record, plugins))
    }
}

/// Hardware with a clock of its own, which captures.
fn capture(side: Capturing, warm_up: u64, fault: Option<Fault>) -> Outcome<(Stream, Arc<Record>)> {
    let config = StreamConfig {
        backend: Backend::Timer,
        rate: Some(OTHER.0),
        period: Some(OTHER.1),
        ..StreamConfig::default()
    };
    let seen = Arc::new(Record::new(0));
    let callback = Watched::new(Capture::new(side, BRIDGED, fault), Arc::clone(&seen), warm_up);
    Ok((omega_audio_io::open(&config, Box::new(callback))?, seen))
}

/// The engine has looked at its clock.
fn measured(load: &LoadCell) -> Outcome {
    if load.take().worst > 0.0 { Ok(()) } else { Err("the engine did not look at its clock".into()) }
}

/// Plays a small desk under a storm of edits for some hundred cycles; true when nothing was counted. Prints the counts.
///
/// # Errors
/// It cannot be played.
pub fn watch(fault: Option<&str>) -> Outcome<bool> {
    let cycles = if fault.is_some() { AFTER + 100 } else { 800 };
    let storm = fault.is_none();
    let (mut wrong, mut beside) = (Wrong::default(), Beside::default());
    match fault.map(|name| (name, Seed::named(name), name.strip_prefix("capture:"))) {
        None => {}
        Some((_, Some(seed), _)) => {
            wrong.node = Some(seed);
            (beside.record, beside.plugins) = if seed.is_in_a_tape() { (2, 0) } else { (0, 2) };
        }
        Some((_, _, Some(name))) => (wrong.capture, beside.bridged) = (Some(Fault::new(name)?), true),
        Some((name, ..)) => wrong.cycle = Some(Fault::new(name)?),
    }
    // A node that is in the way is taken out soon.
    let warm_up = if wrong.node.is_some() { 2 } else { 150 };
    let seeded = wrong.node.is_some();
    let mut stage = Stage::new(8, beside, usize::try_from(cycles)?, warm_up, wrong)?;
    let begun = Instant::now();
    let edits = stage.play(storm, |stage| {
        let seen =
            seeded && stage.record.cycles() > 0 && stage.record.counts().iter().any(|(_, count)| *count > 1);
        seen || stage.record.cycles() >= cycles - warm_up || begun.elapsed() > Duration::from_secs(60)
    })?;
    println!("cycles={} edits={edits}", stage.record.cycles());
    if stage.record.cycles() == 0 {
        return Err("no cycle was played".into());
    }
    stage.end()
}

/// Plays and measures; true when nothing was counted that must be zero. Times are printed, and never decide.
///
/// # Errors
/// It cannot be played.
pub fn run(options: &Options) -> Outcome<bool> {
    let cycles = options.seconds * RATE as usize / PERIOD;
    let mut stage = Stage::new(options.tracks, options.beside, cycles + 1000, 400, Wrong::default())?;
    let control = Control::start(PERIOD_NANOS, cycles + 1000);
    let busy = Busy::start(options.busy);
    let begun = Instant::now();
    let patience = Duration::from_secs(options.seconds as u64 * 2 + 60);
    let edits = stage
        .play(options.storm, |stage| stage.record.cycles() >= cycles as u64 || begun.elapsed() > patience)?;
    let priority = stage.stream.stats().priority;
    let record = Arc::clone(&stage.record);
    let clean = stage.end();
    busy.stop();
    let stalls = control.stop();
    println!(
        "{} tracks, {PERIOD} frames at {RATE} Hz, {} cycles, {edits} edits, {} busy loops, audio thread: {priority}",
        options.tracks,
        record.cycles(),
        options.busy
    );
    report::times(&record, PERIOD_NANOS);
    report::lates(&record, &stalls, PERIOD_NANOS);
    Ok(clean? && record.cycles() > 0)
}
