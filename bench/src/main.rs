//! `omega-bench`: the engine beside bare loops that do the same work, interleaved in one run.
//!
//! The machine is noisy, so nothing is compared across runs: every round renders the ceiling and then each contender on
//! the same material in memory, and the ratio is taken within the round.

mod ceiling;
mod clock;
mod engine;
mod harness;
mod material;
mod session;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use engine::Player;
use harness::{Contender, Report};
use omega_dsp::simd::Level;
use session::Session;
use workload::Workload;

/// Side-by-side benchmarks: CPU time per track-second and ratio to a loop without graph, meters or smoothing.
#[derive(Parser)]
#[command(
    name = "omega-bench",
    after_help = "Example: omega-bench --workload fx --tracks 64 --seconds 15 --rounds 7"
)]
struct Options {
    /// What to run.
    #[arg(long, value_enum, default_value = "all")]
    workload: Which,
    /// Stereo tracks.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    tracks: u16,
    /// Length of the material, in seconds; its memory is 384 kB for each track and second.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    /// How often everything is rendered.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Frames that the outside asks for at once.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=8192))]
    block: u16,
    /// Instructions that the engine may use: scalar, sse2 or avx2 (the best that there are without it).
    #[arg(long)]
    simd: Option<Level>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Which {
    Mix,
    Fx,
    All,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("omega-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, session::Error> {
    let workloads: &[Workload] = match options.workload {
        Which::Mix => &[Workload::Mix],
        Which::Fx => &[Workload::Fx],
        Which::All => &[Workload::Mix, Workload::Fx],
    };
    let level = options.simd.unwrap_or_else(Level::detect);
    let seconds = usize::from(options.seconds);
    let tracks = material::tracks(usize::from(options.tracks), seconds * material::RATE);
    println!(
        "{} stereo tracks, {seconds} s, {} rounds, one thread, blocks of {}, {level}",
        tracks.len(),
        options.rounds,
        options.block
    );
    println!(
        "{:<4} {:<10} {:>17} {:>17} {:>8} {:>9}",
        "", "", "µs/track-s (min)", "(median)", "ratio", "RMS"
    );
    let mut all_equal = true;
    for &workload in workloads {
        let mut contenders = vec![Contender::new("ceiling", |out| ceiling::render(workload, &tracks, out))];
        let session = match workload {
            Workload::Mix => Session::mix(&tracks, level)?,
            Workload::Fx => Session::fx(&tracks, level)?,
        };
        let mut player = Player::new(session, level, usize::from(options.block))?;
        contenders.push(Contender::new("engine", move |out| player.render(out)));
        let report = harness::run(&mut contenders, tracks.len(), seconds, options.rounds.into());
        all_equal &= print(workload, &report, tracks.len());
    }
    Ok(all_equal)
}

/// Prints one workload and says whether every output carries the level that shows equal work.
fn print(workload: Workload, report: &[Report], tracks: usize) -> bool {
    let mut equal = true;
    for line in report {
        let verdict = match workload.expected_rms(tracks) {
            Some(rms) if (line.rms / rms - 1.0).abs() > 0.01 => {
                equal = false;
                format!("not equal work: expected {rms} within 1 %")
            }
            Some(_) => "equal work".to_owned(),
            None => String::new(),
        };
        println!(
            "{:<4} {:<10} {:>17.1} {:>17.1} {:>8.2} {:>9.5}  {verdict}",
            workload.name(),
            line.name,
            line.min_micros,
            line.median_micros,
            line.ratio,
            line.rms
        );
    }
    equal
}
