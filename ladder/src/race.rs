//! The engine on one thread, everything that talks to it on another: for ThreadSanitizer.
//!
//! Not a test: the harness of the tests hands results over through a std that is not instrumented, which gives false reports
//! and hides true ones. For the same reason nothing here goes through a channel of std.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use omega_dsp::simd::Level;
use omega_engine::Planar;
use omega_engine::prepare::{Conductor, engine};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::material::Material;

const EDITS: usize = 300;

/// Plays a storm of edits between two threads; `streamed`, between four, two of which load files.
///
/// # Errors
/// The fault is not known in this build, or nothing was played.
pub fn run(streamed: bool, fault: Option<&str>) -> Outcome {
    if let Some(fault) = fault {
        seed(fault)?;
    }
    let (mut executor, control) = engine(Level::detect());
    let mut conductor = Conductor::new(control, 48_000);
    let material = Material::new(streamed, 5, 20_000, 48_000)?;
    let mut desk = Desk::with(material, 5, 48_000);
    desk.begin(&mut conductor)?;
    let (stop, blocks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (told, played) = (Arc::clone(&stop), Arc::clone(&blocks));
    let audio = std::thread::spawn(move || {
        let mut memory = vec![0.0; 2 * 256];
        while !told.load(Ordering::Relaxed) {
            executor.process(&mut Planar { inputs: &[], outputs: &mut memory, frames: 256 }, 256);
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
    println!("{EDITS} edits in {} blocks", blocks.load(Ordering::Relaxed));
    Ok(())
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
