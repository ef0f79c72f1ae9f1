//! Playing in time on the timer backend: `watch` for a few seconds, where the counters decide, and `soak` for as long as one
//! likes, where each cycle is measured too.

mod beside;
pub mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use omega_audio_io::{Backend, Stream, StreamConfig};
use omega_dsp::simd::Level;
use omega_engine::Clock;
use omega_engine::prepare::{Conductor, engine};
use omega_rt::{LoadCell, Shared};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::faults::{AFTER, Fault};
use crate::material::Material;
use crate::watch::{Cycle, Record, Watched};
use beside::{Busy, Control};

const RATE: u32 = 48_000;
const PERIOD: usize = 256;

/// Nanoseconds of a period.
const PERIOD_NANOS: u64 = PERIOD as u64 * 1_000_000_000 / RATE as u64;

/// Frames of the material of each track: two seconds, so that 64 tracks do not fit into a cache.
const MATERIAL: usize = 96_000;

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
    /// The material is streamed from files.
    pub streamed: bool,
}

/// A desk that plays in time.
struct Stage {
    conductor: Conductor,
    desk: Desk,
    stream: Stream,
    record: Arc<Record>,
    load: Arc<LoadCell>,
}

impl Stage {
    fn new(
        (tracks, streamed): (usize, bool),
        cycles: usize,
        warm_up: u64,
        fault: Option<Fault>,
    ) -> Outcome<Self> {
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
        let desk = Desk::with(Material::new(streamed, tracks, MATERIAL, RATE)?, tracks, RATE);
        desk.begin(&mut conductor)?;
        let record = Arc::new(Record::new(cycles));
        let callback = Watched::new(Cycle::new(executor, fault), Arc::clone(&record), warm_up);
        let stream = prepared.start(Box::new(callback))?;
        Ok(Self { conductor, desk, stream, record, load })
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
        match self.desk.failures.first() {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(edits),
        }
    }
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
    let fault = fault.map(Fault::new).transpose()?;
    let storm = fault.is_none();
    let warm_up = 150;
    let mut stage = Stage::new((8, false), usize::try_from(cycles)?, warm_up, fault)?;
    let begun = Instant::now();
    let edits = stage.play(storm, |stage| {
        stage.record.cycles() >= cycles - warm_up || begun.elapsed() > Duration::from_secs(60)
    })?;
    drop(stage.stream.stop());
    println!("cycles={} edits={edits}", stage.record.cycles());
    if stage.record.cycles() == 0 {
        return Err("no cycle was played".into());
    }
    measured(&stage.load)?;
    Ok(report::counts(&stage.record))
}

/// Plays and measures; true when nothing was counted that must be zero. Times are printed, and never decide.
///
/// # Errors
/// It cannot be played.
pub fn run(options: &Options) -> Outcome<bool> {
    let cycles = options.seconds * RATE as usize / PERIOD;
    let mut stage = Stage::new((options.tracks, options.streamed), cycles + 1000, 400, None)?;
    let control = Control::start(PERIOD_NANOS, cycles + 1000);
    let busy = Busy::start(options.busy);
    let begun = Instant::now();
    let patience = Duration::from_secs(options.seconds as u64 * 2 + 60);
    let edits = stage
        .play(options.storm, |stage| stage.record.cycles() >= cycles as u64 || begun.elapsed() > patience)?;
    let priority = stage.stream.stats().priority;
    drop(stage.stream.stop());
    measured(&stage.load)?;
    stage.desk.material().check()?;
    busy.stop();
    let stalls = control.stop();
    println!(
        "{} tracks, {PERIOD} frames at {RATE} Hz, {} cycles, {edits} edits, {} busy loops, audio thread: {priority}",
        options.tracks,
        stage.record.cycles(),
        options.busy
    );
    report::times(&stage.record, PERIOD_NANOS);
    report::lates(&stage.record, &stalls, PERIOD_NANOS);
    Ok(report::counts(&stage.record) && stage.record.cycles() > 0)
}
