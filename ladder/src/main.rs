//! `omega-ladder`: plays the real engine (schedules, devices, clips, edits, transport) where tools can watch it.
//!
//! `cargo xtask rt` builds this program once for each tool and runs it: without a fault, where the tool must be silent,
//! and with one, where it must not be. Nothing here judges by itself but `watch`, which is the guard, the trap for
//! system calls and the counters of the system in one.

#![cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code, unused, reason = "the tools of the ladder exist on Linux on x86-64 only")
)]

mod cases;
mod cost;
mod desk;
mod faults;
mod material;
mod panics;
mod plugins;
mod race;
mod soak;
mod system;
mod takes;
mod watch;

use std::process::ExitCode;

use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Anything that went wrong, in words.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
Usage: omega-ladder <task> [options]

  case NAME [--fault FAULT]   plays one case on a clock of its own (for RealtimeSanitizer)
  panics [--seeded FAULT]     reads its own machine code: can the callback panic, or come to the heap?
  race [--streamed] [--record] [--bridge] [--fault relaxed]
                              two threads: the engine, and edits of it (for ThreadSanitizer); with loader threads, with one
                              that takes what is recorded from the tapes; or the two sides of the bridge between clocks
  watch [--fault FAULT]       plays in time, under guard, trap and the system's counters; fails when they count
  soak [--seconds N] [--tracks N] [--storm] [--idle] [--streamed] [--record N] [--plugins N] [--bridged]
                              plays in time beside two busy loops (--idle: without), and measures each cycle; with N tracks
                              recorded, N with a plugin in a worker, two inputs behind another clock
  cost [--cycles N] [--tracks N] [--runs N] [--storm]
                              the least processor time of each cycle over several equal runs
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, host] = &args[..]
        && word == plugins::WORKER
    {
        return worker(host);
    }
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("omega-ladder: {error}");
            ExitCode::from(2)
        }
    }
}

/// This program as the worker of a plugin.
#[cfg(target_os = "linux")]
fn worker(host: &str) -> ExitCode {
    omega_plugin::worker_main(host)
}

#[cfg(not(target_os = "linux"))]
fn worker(_: &str) -> ExitCode {
    ExitCode::FAILURE
}

/// True when nothing was found.
fn run(args: &[String]) -> Outcome<bool> {
    let fault = option(args, "--fault")?;
    let has = |name: &str| args.iter().any(|arg| arg == name);
    match args.first().map(String::as_str) {
        Some("case") => {
            let name = args.get(1).filter(|name| !name.starts_with("--"));
            cases::run(name.ok_or_else(|| cases::NAMES.join(", "))?, fault)?;
            Ok(true)
        }
        Some("panics") => {
            // Seeded processors are in the program only if something can make them.
            std::hint::black_box(panics::seeded::all());
            panics::run(option(args, "--seeded")?)
        }
        Some("race") if has("--bridge") => race::bridge(fault).map(|()| true),
        Some("race") => race::run(has("--streamed"), has("--record"), fault).map(|()| true),
        Some("watch") => soak::watch(fault),
        Some("soak") => soak::run(&soak::Options {
            seconds: number(args, "--seconds", 60)?,
            tracks: number(args, "--tracks", 64)?,
            storm: has("--storm"),
            busy: if has("--idle") { 0 } else { 2 },
            beside: soak::Beside {
                streamed: has("--streamed"),
                record: number(args, "--record", 0)?,
                plugins: number(args, "--plugins", 0)?,
                real: true,
                bridged: has("--bridged"),
            },
        }),
        Some("cost") => cost::run(
            number(args, "--tracks", 64)?,
            number(args, "--cycles", 2000)?,
            number(args, "--runs", 7)?,
            has("--storm"),
        ),
        _ => {
            print!("{HELP}");
            Ok(true)
        }
    }
}

/// What follows `name`.
fn option<'a>(args: &'a [String], name: &str) -> Outcome<Option<&'a str>> {
    let Some(at) = args.iter().position(|arg| arg == name) else { return Ok(None) };
    Ok(Some(args.get(at + 1).ok_or_else(|| format!("{name} wants a value"))?))
}

fn number(args: &[String], name: &str, usual: usize) -> Outcome<usize> {
    match option(args, name)? {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| format!("{name}: {text:?} is no number").into()),
    }
}
