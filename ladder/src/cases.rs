//! Situations of playing, each on a clock that this thread turns: one process per case, because a sanitizer ends the process
//! at the first thing that it finds.

use omega_audio_io::{Backend, BlockSizes, Stream, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_engine::LoopRange;
use omega_engine::prepare::{Conductor, engine};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::faults::{AFTER, Fault};
use crate::material::Material;
use crate::watch::Cycle;

/// The cases by name.
pub const NAMES: [&str; 7] = ["playing", "edits", "locate", "loop", "streaming", "hardware", "resampled"];

/// Tracks of the desk: enough to fill a batch of lanes and to leave some over.
const TRACKS: usize = 6;
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
        Self::on(rate, rate, period, material, fault)
    }

    /// On hardware at a rate of its own.
    fn on(hardware: u32, rate: u32, period: usize, material: Material, fault: Option<&str>) -> Outcome<Self> {
        let clock = VirtualClock::new();
        clock.offer_rate(Some(hardware));
        let (executor, control) = engine(Level::detect());
        let mut conductor = Conductor::new(control, rate);
        let desk = Desk::with(material, TRACKS, rate);
        desk.begin(&mut conductor)?;
        let config = StreamConfig {
            backend: Backend::Virtual(clock.clone()),
            rate: Some(rate),
            resample: true,
            period: Some(period),
            ..StreamConfig::default()
        };
        let fault = fault.map(Fault::new).transpose()?;
        let stream = omega_audio_io::open(&config, Box::new(Cycle::new(executor, fault)))?;
        clock.capture();
        Ok(Self { clock, conductor, desk, stream })
    }

    fn run(&mut self, blocks: usize) -> Outcome {
        self.clock.run(blocks);
        self.desk.poll(&mut self.conductor)?;
        self.desk.look(&mut self.conductor);
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
    fn end(self) -> Outcome {
        let heard = self.clock.captured();
        let sounds = heard.iter().flatten().filter(|sample| sample.abs() > 1e-4).count();
        let all: usize = heard.iter().map(Vec::len).sum();
        drop(self.stream.stop());
        self.desk.material().check()?;
        if let Some(failure) = self.desk.failures.first() {
            return Err(failure.clone().into());
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
        _ => {}
    }
    let material = Material::new(name == "streaming", TRACKS, FRAMES, 48_000)?;
    let mut stage = Stage::new(48_000, 256, material, fault)?;
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
        let material = Material::in_memory(TRACKS, FRAMES);
        let mut stage = Stage::on(hardware, rate, 256, material, fault)?;
        for size in [BlockSizes::Period, BlockSizes::Random { seed: 5, max: 3000 }, BlockSizes::Fixed(8192)] {
            stage.clock.set_blocks(size);
            stage.run(100)?;
            stage.clock.lose(777);
            stage.run(20)?;
        }
        stage.end()?;
    }
    println!("resampled: 4 devices");
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
