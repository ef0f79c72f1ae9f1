//! `omega-bench`: the engine beside bare loops that do the same work, interleaved in one run.
//!
//! The machine is noisy, so nothing is compared across runs: every round renders the ceiling and then each contender on
//! the same material in memory, and the ratio is taken within the round.

mod ceiling;
mod clock;
mod edits;
mod engine;
mod growth;
mod harness;
mod material;
mod open;
mod primitives;
mod session;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use engine::Player;
use harness::{Contender, Report};
use omega_dsp::simd::Level;
use session::{Error, Material};
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
    /// Edits in each round of the workload `edits`.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    edits: u16,
    /// Instead: how the time of an edit and of a block grows from 10 to 1,000 tracks.
    #[arg(long)]
    growth: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Which {
    /// Gain and balance on each track.
    Mix,
    /// Filters and compressors too.
    Fx,
    /// What edits cost the callback while the demo plays.
    Edits,
    /// How long one waits for the demo.
    Open,
    /// Pool, FIFO and latest value beside their rivals.
    Primitives,
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

fn run(options: &Options) -> Result<bool, Error> {
    let workloads: &[Workload] = match options.workload {
        Which::Mix => &[Workload::Mix],
        Which::Fx => &[Workload::Fx],
        Which::Edits | Which::Open | Which::Primitives => &[],
        Which::All => &[Workload::Mix, Workload::Fx],
    };
    let level = options.simd.unwrap_or_else(Level::detect);
    if options.growth {
        for &workload in workloads {
            print_growth(workload, &growth::measure(workload, options.rounds.into(), level)?);
        }
        return Ok(true);
    }
    let mut all_equal = true;
    if !workloads.is_empty() {
        all_equal = side_by_side(options, workloads, level)?;
    }
    if matches!(options.workload, Which::Edits | Which::All) {
        print_edits(options, level)?;
    }
    if matches!(options.workload, Which::Open | Which::All) {
        print_open(&open::measure(options.rounds.into(), level)?);
    }
    if matches!(options.workload, Which::Primitives | Which::All) {
        primitives::print(&primitives::measure(options.rounds.into(), 200_000)?);
    }
    Ok(all_equal)
}

/// Runs the engine beside bare loops.
fn side_by_side(options: &Options, workloads: &[Workload], level: Level) -> Result<bool, Error> {
    let (seconds, block) = (usize::from(options.seconds), usize::from(options.block));
    let tracks = material::tracks(usize::from(options.tracks), seconds * material::RATE);
    println!(
        "{} stereo tracks, {seconds} s, {} rounds, one thread, blocks of {block}, {level}",
        tracks.len(),
        options.rounds
    );
    println!(
        "{:<4} {:<10} {:>17} {:>17} {:>8} {:>9}",
        "", "", "µs/track-s (min)", "(median)", "ratio", "RMS"
    );
    let mut all_equal = true;
    for &workload in workloads {
        let project = session::project(workload, tracks.len(), seconds * material::RATE)?;
        let material = Material(&tracks);
        let plan = engine::plan(&engine::lowered(&project, level), &material, &project, level)?;
        let mut player = Player::new(plan, level, block)?;
        let mut failure = None;
        let mut contenders = [
            Contender::new("ceiling", |out| ceiling::render(workload, &tracks, out)),
            Contender::new("engine", |out| player.render(out)),
            Contender::new("render", |out| {
                failure = engine::whole_render(&project, &material, level, block, out).err();
            }),
        ];
        let report = harness::run(&mut contenders, tracks.len(), seconds, options.rounds.into());
        drop(contenders);
        if let Some(failure) = failure {
            return Err(failure);
        }
        all_equal &= print(workload, &report, tracks.len());
    }
    Ok(all_equal)
}

/// Runs the storm of edits, once a round, and prints what a callback costs with and without it.
fn print_edits(options: &Options, level: Level) -> Result<(), Error> {
    let mut pairs = Vec::new();
    for round in 0..options.rounds {
        pairs.extend(edits::measure(options.edits.into(), round.into(), options.block.into(), level)?);
    }
    println!(
        "\nedits: the demo, {} edits in {} blocks of {}, {level}",
        u32::from(options.edits) * u32::from(options.rounds),
        pairs.len(),
        options.block
    );
    println!("{:<30} {:>8} {:>8} {:>8} {:>8}", "CPU of a callback, µs", "mean", "median", "p99", "worst");
    print_pairs("", &pairs);
    pairs.retain(|pair| pair.transition);
    print_pairs(" in transitions", &pairs);
    Ok(())
}

fn print_open(report: &open::Report) {
    println!("\nopen: the demo, {} times", report.document.len());
    println!("{:<30} {:>8} {:>8} {:>8} {:>8}", "wall time, ms", "mean", "median", "p99", "worst");
    for (name, times) in [("document", &report.document), ("ready to play, from there", &report.player)] {
        let [mean, median, p99, worst] = harness::spread(times.iter().copied());
        println!("{name:<30} {mean:>8.1} {median:>8.1} {p99:>8.1} {worst:>8.1}");
    }
}

fn print_pairs(which: &str, pairs: &[edits::Pair]) {
    let alone = harness::spread(pairs.iter().map(|pair| pair.alone));
    let edited = harness::spread(pairs.iter().map(|pair| pair.edited));
    let ratio: [f64; 4] = std::array::from_fn(|n| edited[n] / alone[n]);
    for (name, [mean, median, p99, worst]) in [("without edits", alone), ("with edits", edited)] {
        println!("{:<30} {mean:>8.1} {median:>8.1} {p99:>8.1} {worst:>8.1}", format!("{name}{which}"));
    }
    let [mean, median, p99, worst] = ratio;
    println!("{:<30} {mean:>8.2} {median:>8.2} {p99:>8.2} {worst:>8.2}", "ratio");
}

fn print_growth(workload: Workload, rows: &[growth::Row]) {
    println!("{}: least time of each", workload.name());
    println!(
        "{:>6} {:>6} {:>9} {:>11} {:>9} {:>9} {:>15} {:>11} {:>9}",
        "tracks",
        "nodes",
        "lower/ms",
        "compile/ms",
        "build/ms",
        "block/µs",
        "block/track/µs",
        "dearest/µs",
        "edited/µs"
    );
    for row in rows {
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let block = row.block.as_secs_f64() * 1e6;
        println!(
            "{:>6} {:>6} {:>9.2} {:>11.2} {:>9.2} {block:>9.1} {:>15.3} {:>11.1} {:>9.1}",
            row.tracks,
            row.nodes,
            millis(row.lower),
            millis(row.compile),
            millis(row.build),
            block / row.tracks as f64,
            row.steady.as_secs_f64() * 1e6,
            row.edit.as_secs_f64() * 1e6
        );
    }
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
