//! What plugins cost the audio thread: cycles of 256 frames, two quanta, at the pace of 48 kHz.
//!
//! ```sh
//! cargo run --release -p omega-plugin --example plugin_cost -- FILE.clap ID [CYCLES]   # here, and in a worker
//! cargo run --release -p omega-plugin --example plugin_cost                            # the test plugins, in workers
//! ```
//!
//! Test plugins do what they are there for in the second quarter, until that is noticed. The worker is the program
//! `omega-plugin-worker` beside the folder of this example; the test plugins lie in `deps` there.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "numbers of frames here are small"
)]

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there are no workers on this system");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::time::{Duration, Instant};

    use omega_plugin::model::Location;
    use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginProcessor, Way, WorkerProgram};
    use omega_processor::{Channels, Params, PrepareConfig, ProcessBlock, Processor, Transport};
    use omega_rt::FlushDenormals;
    use omega_testplugs::{Kind, id};

    const FRAMES: usize = 256;
    /// Test plugins, and what they are called in the table.
    const KINDS: [(Kind, &str); 11] = [
        (Kind::Gain, "well"),
        (Kind::Latency, "latency of 512 frames"),
        (Kind::Allocates, "allocates in each call"),
        (Kind::NotANumber, "NaN"),
        (Kind::Loud, "a level beyond +60 dBFS"),
        (Kind::Panics, "panic"),
        (Kind::Refuses, "refuses to process"),
        (Kind::Aborts, "crash"),
        (Kind::Hangs, "hang"),
        (Kind::Slow, "20 ms for each call"),
        (Kind::Moving, "another latency"),
    ];

    /// What was measured.
    #[derive(Default)]
    struct Run {
        cycles: Vec<Duration>,
        late: u32,
        /// From the trigger until it was noticed, and from there until it was heard again.
        noticed: Option<Duration>,
        again: Option<Duration>,
    }

    pub fn main() -> Result<(), Box<dyn Error>> {
        let mut arguments = std::env::args().skip(1);
        let beside = std::env::current_exe()?;
        let folder = beside.parent().and_then(|folder| folder.parent()).ok_or("this program lies nowhere")?;
        let program = WorkerProgram { program: folder.join("omega-plugin-worker"), arguments: Vec::new() };
        println!("| | median | p99 | worst | late quanta | noticed after | heard again after |");
        println!("|---|---|---|---|---|---|---|");
        if let (Some(file), Some(id)) = (arguments.next(), arguments.next()) {
            let cycles: usize = arguments.next().map_or(Ok(2000), |text| text.parse())?;
            let location = Location { file: file.into(), id };
            for way in [Way::Inside, Way::Worker(program)] {
                let name = if way == Way::Inside { "in this process" } else { "in a worker" };
                row(name, run(&location, way, cycles, None)?);
            }
            return Ok(());
        }
        let file = folder.join("deps/libomega_testplugs.so");
        for (kind, name) in KINDS {
            let location = Location { file: file.clone(), id: id(kind) };
            row(name, run(&location, Way::Worker(program.clone()), 2000, Some(kind))?);
        }
        Ok(())
    }

    /// Plays so many cycles.
    fn run(location: &Location, way: Way, cycles: usize, kind: Option<Kind>) -> Result<Run, Box<dyn Error>> {
        let config = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
        let options = OpenOptions { config, pace: Pace::Live { period: FRAMES }, way };
        let (plugin, mut processor) = Plugin::open(location, &options, None)?;
        let mut values: Vec<f32> = plugin.info().params.iter().map(|param| param.value as f32).collect();
        let mut run = Run { cycles: Vec::with_capacity(cycles), ..Run::default() };
        let (mut triggered, mut noticed, mut restarted) = (None, None, false);
        let _flush = FlushDenormals::enter();
        let start = Instant::now();
        for cycle in 0..cycles {
            if kind.is_some() && cycle == cycles / 4 {
                values[1] = 1.0;
                triggered = Some(Instant::now());
            }
            if kind.is_some() && cycle == cycles / 2 {
                values[1] = 0.0;
            }
            let due = start + Duration::from_nanos(cycle as u64 * FRAMES as u64 * 1_000_000_000 / 48_000);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            run.cycles.push(one(&mut processor, &values, cycle));
            for news in plugin.news() {
                if matches!(news, PluginNews::Trouble(_) | PluginNews::Latency(_)) && noticed.is_none() {
                    noticed = Some(Instant::now());
                    run.noticed = triggered.map(|at| at.elapsed());
                    values[1] = 0.0;
                }
                restarted |= matches!(news, PluginNews::Restarted(_) | PluginNews::Latency(_));
            }
            if restarted && run.again.is_none() && !plugin.is_bypassed() {
                run.again = noticed.map(|at| at.elapsed());
            }
        }
        run.late = plugin.late();
        Ok(run)
    }

    /// One cycle: how long the audio thread takes for it.
    fn one(processor: &mut PluginProcessor, values: &[f32], cycle: usize) -> Duration {
        let mut memory = [0.1f32; 2 * FRAMES];
        memory.iter_mut().enumerate().for_each(|(n, sample)| *sample = (n % 7) as f32 * 0.05);
        let clock = (cycle * FRAMES) as i64;
        let transport = Transport { position: clock, clock, rolling: true, ..Transport::default() };
        let main = Channels::new(&mut memory, FRAMES, 0, FRAMES);
        let mut block = ProcessBlock::new(main, Params::constant(values), transport);
        let began = Instant::now();
        processor.process(&mut block);
        began.elapsed()
    }

    fn row(name: &str, mut run: Run) {
        run.cycles.sort();
        let at = |share: f64| {
            let at = run.cycles[((run.cycles.len() - 1) as f64 * share) as usize];
            format!("{:.1} µs", at.as_secs_f64() * 1e6)
        };
        let after =
            |time: Option<Duration>| time.map_or("–".to_owned(), |time| format!("{} ms", time.as_millis()));
        println!(
            "| {name} | {} | {} | {} | {} of {} | {} | {} |",
            at(0.5),
            at(0.99),
            at(1.0),
            run.late,
            2 * run.cycles.len(),
            after(run.noticed),
            after(run.again)
        );
    }
}
