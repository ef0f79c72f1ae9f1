//! Situations of playing, each on a clock that this thread turns: one process per case, because a sanitizer ends the process
//! at the first thing that it finds.

use std::time::Duration;

use omega_audio_io::testing::clock_bridge;
use omega_audio_io::{Backend, BlockSizes, Stream, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, engine};
use omega_engine::{LoopRange, RecordRange};
use omega_processor::PrepareConfig;
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::faults::{AFTER, Fault, Seed};
use crate::material::Material;
use crate::plugins::Rack;
use crate::takes::Takes;
use crate::watch::{Capture, Cycle, Sound};

/// The cases by name.
pub const NAMES: [&str; 10] = [
    "playing",
    "edits",
    "locate",
    "loop",
    "streaming",
    "recording",
    "plugins",
    "hardware",
    "resampled",
    "bridge",
];

/// Tracks of the desk: enough to fill a batch of lanes and to leave some over.
const TRACKS: usize = 6;
/// Tracks where all are recorded.
const ARMED: usize = 32;
/// Tracks with a plugin in a worker, and those that are recorded where the hardware has another rate.
const FEW: usize = 2;
const BLOCKS: usize = 1500;
/// Frames of the material of each track.
const FRAMES: usize = 20_000;

/// A desk that plays through a clock.
struct Stage {
    clock: VirtualClock,
    conductor: Conductor,
    desk: Desk,
    stream: Stream,
}

impl Stage {
    fn new(rate: u32, period: usize, material: Material, fault: Option<&str>) -> Outcome<Self> {
        Self::on((rate, rate), period, Desk::with(material, TRACKS, rate), 0, fault)
    }

    /// On hardware at a rate of its own, before that of the session, with so many inputs.
    fn on(
        (hardware, rate): (u32, u32),
        period: usize,
        mut desk: Desk,
        inputs: usize,
        fault: Option<&str>,
    ) -> Outcome<Self> {
        let clock = VirtualClock::new();
        clock.offer_rate(Some(hardware));
        let (executor, control) = engine(Level::detect());
        let mut conductor = Conductor::new(control, rate);
        desk.begin(&mut conductor)?;
        let config = StreamConfig {
            backend: Backend::Virtual(clock.clone()),
            rate: Some(rate),
            resample: true,
            period: Some(period),
            inputs,
            ..StreamConfig::default()
        };
        let fault = fault.filter(|name| Seed::named(name).is_none()).map(Fault::new).transpose()?;
        let cycle = Cycle::new(executor, Sound::default(), fault);
        let stream = omega_audio_io::open(&config, Box::new(cycle))?;
        clock.capture();
        Ok(Self { clock, conductor, desk, stream })
    }

    /// A desk of which all tracks are recorded, into files.
    fn recording(fault: Option<&str>) -> Outcome<Self> {
        let mut desk = Desk::new(ARMED, 48_000, FRAMES);
        desk.record(Takes::in_files(ARMED, 48_000, fault.and_then(Seed::named))?);
        Self::on((48_000, 48_000), 256, desk, ARMED, fault)
    }

    /// A desk with plugins in workers.
    fn hosting(fault: Option<&str>) -> Outcome<Self> {
        let mut desk = Desk::new(TRACKS, 48_000, FRAMES);
        let config = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
        desk.host(Rack::new(FEW, &config, 256, false, fault.and_then(Seed::named))?);
        Self::on((48_000, 48_000), 256, desk, 0, fault)
    }

    fn run(&mut self, blocks: usize) -> Outcome {
        self.clock.run(blocks);
        self.desk.poll(&mut self.conductor)?;
        self.desk.look(&mut self.conductor);
        Ok(())
    }

    /// Something to record for some blocks, and on some turns a loop, an edit, or another place to record.
    fn record(&mut self, turn: usize, random: &mut Random) -> Outcome {
        let channel = |_| (0..4000).map(|_| random.value(-0.1, 0.1)).collect();
        self.clock.feed((0..ARMED).map(channel).collect());
        match turn % 6 {
            0 => self.desk.edit(random, &mut self.conductor)?,
            2 => {
                let begin = random.within(0, 5000);
                self.conductor.set_loop(LoopRange::new(begin, begin + random.within(64, 9000)));
                self.conductor.set_record(RecordRange::new(begin + 10, begin + random.within(20, 9000)));
                self.conductor.locate(begin);
            }
            4 => {
                self.conductor.set_loop(None);
                self.conductor.set_record(Some(RecordRange::ALL));
                self.conductor.stop();
                self.conductor.play_in(random.within(0, 3000));
            }
            _ => {}
        }
        Ok(())
    }

    /// Edits, with a moment between them, so that workers answer.
    fn host(&mut self, turn: usize, random: &mut Random) -> Outcome {
        if turn.is_multiple_of(3) {
            self.desk.edit(random, &mut self.conductor)?;
        }
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    }

    /// Edits and locates; between them, what is played next is mostly waited for.
    fn stream(&mut self, turn: usize, random: &mut Random) -> Outcome {
        match turn % 4 {
            0 => self.desk.edit(random, &mut self.conductor)?,
            2 => self.conductor.locate(random.within(-10_000, 1_000_000)),
            _ => self.desk.material().wait(self.conductor.status().position),
        }
        Ok(())
    }

    /// Stops, and fails where nothing was heard: silence proves nothing.
    fn end(mut self) -> Outcome {
        let heard = self.clock.captured();
        let sounds = heard.iter().flatten().filter(|sample| sample.abs() > 1e-4).count();
        let all: usize = heard.iter().map(Vec::len).sum();
        drop(self.stream.stop());
        self.desk.material().check()?;
        if let Some(failure) = self.desk.failures.first() {
            return Err(failure.clone().into());
        }
        if let Some((report, troubles)) = self.desk.plugins() {
            println!("{report}");
            if let Some(trouble) = troubles.first() {
                return Err(trouble.clone().into());
            }
        }
        if let Some(takes) = self.desk.take_takes() {
            drop((self.conductor, self.desk));
            let tally = takes.finish()?;
            println!("{tally:?}");
            if tally.takes == 0 || tally.stretches < tally.takes as u64 * 3 {
                return Err("hardly anything was recorded".into());
            }
        }
        if sounds * 10 < all { Err(format!("only {sounds} of {all} samples sound").into()) } else { Ok(()) }
    }
}

/// Plays the case `name`, with a fault in its callback if one is named.
///
/// # Errors
/// There is no such case or fault, or the case does not sound.
pub fn run(name: &str, fault: Option<&str>) -> Outcome {
    match name {
        "hardware" => return hardware(fault),
        "resampled" => return resampled(fault),
        "bridge" => return bridge(fault),
        _ => {}
    }
    let mut stage = match name {
        "recording" => Stage::recording(fault)?,
        "plugins" => Stage::hosting(fault)?,
        _ => Stage::new(48_000, 256, Material::new(name == "streaming", TRACKS, FRAMES, 48_000)?, fault)?,
    };
    let mut random = Random::new(7);
    stage.clock.set_blocks(BlockSizes::Random { seed: 3, max: 700 });
    let blocks = if fault.is_some() { usize::try_from(AFTER)? + 200 } else { BLOCKS };
    for turn in 0..blocks / 5 {
        match name {
            "playing" => {}
            "edits" => stage.desk.edit(&mut random, &mut stage.conductor)?,
            "locate" => stage.conductor.locate(random.within(-10_000, 1_000_000)),
            "loop" if turn % 7 == 0 => {
                let begin = random.within(0, 5000);
                stage.conductor.set_loop(LoopRange::new(begin, begin + random.within(64, 9000)));
                stage.conductor.locate(begin);
            }
            "loop" => {}
            "streaming" => stage.stream(turn, &mut random)?,
            "recording" => stage.record(turn, &mut random)?,
            "plugins" => stage.host(turn, &mut random)?,
            _ => return Err(format!("no case is called {name:?}: {}", NAMES.join(", ")).into()),
        }
        stage.run(5)?;
    }
    stage.end()?;
    println!("{name}: {blocks} blocks");
    Ok(())
}

/// Hardware at other rates than the session, with blocks of any length.
fn resampled(fault: Option<&str>) -> Outcome {
    for (hardware, rate) in [(44_100, 48_000), (48_000, 44_100), (192_000, 48_000), (48_000, 96_000)] {
        let mut desk = Desk::new(TRACKS, rate, FRAMES);
        desk.record(Takes::in_files(FEW, rate, None)?);
        let mut stage = Stage::on((hardware, rate), 256, desk, FEW, fault)?;
        let sizes = [
            (BlockSizes::Period, 100),
            (BlockSizes::Random { seed: 5, max: 3000 }, 60),
            (BlockSizes::Fixed(8192), 10),
        ];
        for (size, blocks) in sizes {
            stage.clock.set_blocks(size);
            stage.clock.feed(vec![vec![0.1; 200_000]; FEW]);
            stage.conductor.locate(7);
            stage.run(blocks)?;
            stage.clock.lose(777);
            stage.run(20)?;
        }
        stage.end()?;
    }
    println!("resampled: 4 devices");
    Ok(())
}

/// Inputs and outputs with a clock each: quartzes that differ, blocks of other lengths, calls that come early and late, and an input
/// that is silent for a while.
fn bridge(fault: Option<&str>) -> Outcome {
    let mut random = Random::new(9);
    for (rates, ppm) in [((48_000, 48_000), 80.0), ((44_100, 48_000), -150.0), ((96_000, 48_000), 20.0)] {
        let (capturing, mut playing) = clock_bridge(2, rates);
        let mut capture = Capture::new(capturing, 2, fault.map(Fault::new).transpose()?);
        let (rate_in, rate_out) = (f64::from(rates.0) * (1.0 + ppm * 1e-6), f64::from(rates.1));
        let (mut next_in, mut next_out, mut heard) = (0.0, 0.01, 0);
        for call in 0..6000 {
            let frames = [64, 256, 300][random.index(3)];
            if next_in <= next_out {
                next_in += frames as f64 / rate_in;
                if !(3000..3020).contains(&call) {
                    capture.capture(next_in + f64::from(random.value(0.0, 2e-3)), frames);
                }
            } else {
                next_out += frames as f64 / rate_out;
                let late = f64::from(random.value(0.0, 2e-3));
                let sounds = |channel: &[f32]| channel.iter().any(|sample| sample.abs() > 1e-4);
                heard += playing.read(next_out + late, frames).filter(|channel| sounds(channel)).count();
            }
        }
        if heard < 1000 || playing.breaks() == 0 || !playing.violations().is_clean() {
            let (breaks, violations) = (playing.breaks(), playing.violations());
            return Err(format!("{rates:?}: {heard} blocks sound, {breaks} breaks, {violations:?}").into());
        }
    }
    println!("bridge: 3 pairs of devices");
    Ok(())
}

/// Hardware that changes: other block sizes, a gap, another rate, then other hardware altogether.
fn hardware(fault: Option<&str>) -> Outcome {
    for (rate, period) in [(48_000, 256), (44_100, 64), (96_000, 1000), (48_000, 8192)] {
        let mut stage = Stage::new(rate, period, Material::in_memory(TRACKS, FRAMES), fault)?;
        let sizes = [
            BlockSizes::Period,
            BlockSizes::Fixed(1),
            BlockSizes::Cycle(vec![7, 256, 257, 4096]),
            BlockSizes::Random { seed: 5, max: 3000 },
        ];
        for size in sizes {
            stage.clock.set_blocks(size);
            stage.run(100)?;
            stage.clock.lose(777);
            stage.clock.set_freewheel(true);
            stage.run(20)?;
            stage.clock.set_freewheel(false);
            stage.clock.set_rate(rate + 100);
            stage.run(20)?;
            stage.clock.set_rate(rate);
        }
        stage.end()?;
    }
    println!("hardware: 4 devices");
    Ok(())
}
