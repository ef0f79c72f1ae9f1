//! `omega-fuzz`: hostile input for every parser, on a stable compiler.
//!
//! Each case is made from valid seeds by a counter-based generator, so that a target's name and a case number are all one
//! needs to repeat it. Cases run in a child process with a limit on its memory; the parent watches the child's progress,
//! so that a panic, an abort, a crash, an allocation beyond all measure and a hang are all found and named by number.

mod mutate;
mod run;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Feeds mutated input to every parser.
#[derive(Parser)]
#[command(name = "omega-fuzz", after_help = "Repeat a finding: omega-fuzz --target time --case 1234")]
struct Options {
    /// Only this target (all of them without it).
    #[arg(long)]
    target: Option<String>,
    /// How long each target is run, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds after which a case counts as hanging.
    #[arg(long, default_value_t = 20)]
    patience: u64,
    /// First case.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs this one case in this process and prints what it was fed.
    #[arg(long, requires = "target")]
    case: Option<u64>,
    /// For the parent: runs cases in this process and reports each on the standard output.
    #[arg(long, hide = true)]
    child: bool,
    /// Lists the targets.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let chosen: Vec<&'static targets::Target> = match &options.target {
        None => targets::ALL.to_vec(),
        Some(name) => {
            targets::ALL.iter().chain(targets::SEEDED).copied().filter(|t| t.name == name).collect()
        }
    };
    if chosen.is_empty() {
        eprintln!("no such target; try --list");
        return ExitCode::FAILURE;
    }
    if options.list {
        chosen.iter().for_each(|target| println!("{:<16} {}", target.name, target.about));
        return ExitCode::SUCCESS;
    }
    if let Some(case) = options.case {
        run::one(chosen[0], case);
        return ExitCode::SUCCESS;
    }
    if options.child {
        run::child(chosen[0], options.from);
    }
    let patience = Duration::from_secs(options.patience);
    let mut found = 0;
    for target in chosen {
        match run::watch(target, options.from, Duration::from_secs(options.seconds), patience) {
            Ok(cases) => println!("{:<16} {cases} cases", target.name),
            Err(finding) => {
                println!("{:<16} {finding}", target.name);
                found += 1;
            }
        }
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
