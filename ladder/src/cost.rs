//! What a cycle costs, apart from what the machine adds: the same storm of edits is played again and again on a clock of its
//! own, so that each run has the same cycles, and of each cycle the least time counts.

use omega_dsp::simd::Level;
use omega_engine::Planar;
use omega_engine::prepare::{Conductor, engine};
use omega_testkit::random::Random;

use crate::Outcome;
use crate::desk::Desk;
use crate::system::thread_cpu;

const RATE: u32 = 48_000;
const PERIOD: usize = 256;
/// Cycles from one edit to the next, about as many as a soak has.
const APART: usize = 8;

/// Plays `cycles` cycles of a desk of `tracks` tracks `runs` times.
///
/// # Errors
/// It cannot be played.
pub fn run(tracks: usize, cycles: usize, runs: usize, storm: bool) -> Outcome<bool> {
    let mut least = vec![u32::MAX; cycles];
    for _ in 0..runs.max(1) {
        let times = play(tracks, cycles, storm)?;
        least.iter_mut().zip(times).for_each(|(least, time)| *least = (*least).min(time));
    }
    let worst = least.iter().zip(0..).max().map_or(0, |(_, cycle)| cycle);
    least.sort_unstable();
    println!(
        "{tracks} tracks, {cycles} cycles of {PERIOD} frames at {RATE} Hz, least of {runs} runs, edits: {storm}"
    );
    crate::soak::report::quantiles(&least, PERIOD as u64 * 1_000_000_000 / u64::from(RATE));
    println!("the worst was cycle {worst}");
    Ok(true)
}

/// Processor time of each cycle in nanoseconds.
fn play(tracks: usize, cycles: usize, storm: bool) -> Outcome<Vec<u32>> {
    let (mut executor, control) = engine(Level::detect());
    let mut conductor = Conductor::new(control, RATE);
    let mut desk = Desk::new(tracks, RATE, 96_000);
    desk.begin(&mut conductor)?;
    let (mut random, mut memory) = (Random::new(17), vec![0.0; 2 * PERIOD]);
    let mut times = Vec::with_capacity(cycles);
    // The first cycles find nothing in any cache.
    for cycle in 0..cycles + 100 {
        desk.poll(&mut conductor)?;
        if storm && cycle % APART == 0 {
            desk.edit(&mut random, &mut conductor)?;
        }
        let before = thread_cpu();
        executor.process(&mut Planar { inputs: &[], outputs: &mut memory, frames: PERIOD }, PERIOD);
        let time = thread_cpu().saturating_sub(before);
        if cycle >= 100 {
            times.push(u32::try_from(time).unwrap_or(u32::MAX));
        }
    }
    Ok(times)
}
