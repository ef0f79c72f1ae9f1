//! The engine on one thread, everything that talks to it on another: for ThreadSanitizer.
//!
//! Not a test: the harness of the tests hands results over through a std that is not instrumented, which gives false reports
//! and hides true ones. For the same reason nothing here goes through a channel of std.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use omega_audio_io::testing::clock_bridge;
use omega_dsp::simd::Level;
use omega_engine::Planar;
use omega_engine::prepare::{Conductor, engine};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::material::Material;
use crate::takes::Takes;
use crate::watch::Capture;

const EDITS: usize = 300;
/// Tracks that are recorded.
const ARMED: usize = 3;
/// Steps of what they count.
const ROUND: u32 = 1 << 16;
/// Blocks that are played behind the bridge.
const BLOCKS: u32 = 1000;

/// Plays a storm of edits between two threads; `streamed`, between four, two of which load files; `recorded`, with one that takes
/// what is recorded from the tapes, and looks at it.
///
/// # Errors
/// The fault is not known in this build, or nothing was played.
pub fn run(streamed: bool, recorded: bool, fault: Option<&str>) -> Outcome {
    if let Some(fault) = fault {
        seed(fault)?;
    }
    let (mut executor, control) = engine(Level::detect());
    let mut conductor = Conductor::new(control, 48_000);
    let material = Material::new(streamed, 5, 20_000, 48_000)?;
    let mut desk = Desk::with(material, 5, 48_000);
    if recorded {
        desk.record(Takes::watched(ARMED, ROUND));
    }
    desk.begin(&mut conductor)?;
    let (stop, blocks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (told, played) = (Arc::clone(&stop), Arc::clone(&blocks));
    let audio = std::thread::spawn(move || {
        let (mut memory, mut inputs, mut count) = (vec![0.0; 2 * 256], vec![0.0; ARMED * 256], 0);
        while !told.load(Ordering::Relaxed) {
            for channel in inputs.chunks_exact_mut(256) {
                let counts = (count..).map(|count: u32| (count % ROUND) as f32 / ROUND as f32);
                channel.iter_mut().zip(counts).for_each(|(place, count)| *place = count);
            }
            count = (count + 256) % ROUND;
            executor.process(&mut Planar { inputs: &inputs, outputs: &mut memory, frames: 256 }, 256);
            played.fetch_add(1, Ordering::Relaxed);
            // Two threads that share one processor still take turns.
            std::thread::yield_now();
        }
        executor
    });
    let mut random = Random::new(11);
    for _ in 0..EDITS {
        desk.edit(&mut random, &mut conductor)?;
        let until = blocks.load(Ordering::Relaxed) + 3;
        while blocks.load(Ordering::Relaxed) < until {
            desk.poll(&mut conductor)?;
            desk.look(&mut conductor);
            std::thread::yield_now();
        }
        desk.material().wait(conductor.status().position);
    }
    stop.store(true, Ordering::Relaxed);
    drop(audio.join().map_err(|_| "the audio thread panicked")?);
    desk.poll(&mut conductor)?;
    desk.material().check()?;
    if let Some(takes) = desk.take_takes() {
        let tally = takes.finish()?;
        println!("{tally:?}");
        if tally.frames == 0 || tally.wrong > 0 {
            return Err("what was recorded is not what came in".into());
        }
    }
    println!("{EDITS} edits in {} blocks", blocks.load(Ordering::Relaxed));
    Ok(())
}

/// The bridge between two clocks, each side on a thread of its own.
///
/// # Errors
/// The fault is not known in this build, or nothing was heard.
pub fn bridge(fault: Option<&str>) -> Outcome {
    if let Some(fault) = fault {
        seed(fault)?;
    }
    let (capturing, mut playing) = clock_bridge(2, (48_000, 48_000));
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let mut capture = Capture::new(capturing, 2, None);
    let seconds = |blocks: u32| f64::from(blocks) * 256.0 / 48_000.0;
    let turns = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let theirs = Arc::clone(&turns);
    let other = std::thread::spawn(move || {
        let mut blocks = 0;
        while !told.load(Ordering::Relaxed) {
            // In step with the other side, more or less: time is what both have played.
            if theirs[0].load(Ordering::Relaxed) <= theirs[1].load(Ordering::Relaxed) + 2 {
                blocks += 1;
                capture.capture(seconds(blocks), 256);
                theirs[0].fetch_add(1, Ordering::Relaxed);
            }
            std::thread::yield_now();
        }
    });
    let (mut heard, mut blocks) = (0, 0);
    while blocks < BLOCKS {
        if turns[1].load(Ordering::Relaxed) < turns[0].load(Ordering::Relaxed) {
            blocks += 1;
            let sounds = |channel: &[f32]| channel.iter().any(|sample| sample.abs() > 1e-4);
            heard += playing.read(seconds(blocks), 256).filter(|channel| sounds(channel)).count();
            turns[1].fetch_add(1, Ordering::Relaxed);
        }
        std::thread::yield_now();
    }
    stop.store(true, Ordering::Relaxed);
    other.join().map_err(|_| "the input's thread panicked")?;
    println!("{heard} of {} blocks over the bridge sound", 2 * BLOCKS);
    if heard == 0 { Err("nothing was heard".into()) } else { Ok(()) }
}

/// What one thread wrote is handed to the other without release order.
#[cfg(seeded_faults)]
fn seed(fault: &str) -> Outcome {
    if fault != "relaxed" {
        return Err(format!("no fault is called {fault:?}: relaxed").into());
    }
    omega_rt::faults::RELAXED_PUBLISH.set(true);
    Ok(())
}

#[cfg(not(seeded_faults))]
fn seed(fault: &str) -> Outcome {
    Err(format!("{fault:?}: build with RUSTFLAGS=\"--cfg seeded_faults\" to seed a fault").into())
}
