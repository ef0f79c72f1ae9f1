//! What a plugin in a worker costs the audio thread: a cycle of 256 frames, two quanta, at the pace of 48 kHz.
//!
//! ```sh
//! cargo run --release -p omega-plugin --example plugin_cost -- FILE.clap ID [CYCLES]
//! ```
//!
//! The worker is the program `omega-plugin-worker` beside the folder of this example.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "numbers of frames here are small"
)]

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::{Duration, Instant};

    use omega_plugin::model::Location;
    use omega_plugin::{OpenOptions, Pace, Plugin, Way, WorkerProgram};
    use omega_processor::{Channels, Params, PrepareConfig, ProcessBlock, Processor, Transport};
    use omega_rt::FlushDenormals;

    const FRAMES: usize = 256;
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(id)) = (arguments.next(), arguments.next()) else {
        return Err("cost FILE.clap ID [CYCLES]".into());
    };
    let cycles: usize = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    let beside = std::env::current_exe()?;
    let folder = beside.parent().and_then(|folder| folder.parent()).ok_or("this program lies nowhere")?;
    let program = WorkerProgram { program: folder.join("omega-plugin-worker"), arguments: Vec::new() };
    let location = Location { file: file.into(), id };
    for way in [Way::Inside, Way::Worker(program)] {
        let config = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
        let options = OpenOptions { config, pace: Pace::Live { period: FRAMES }, way: way.clone() };
        let began = Instant::now();
        let (plugin, mut processor) = Plugin::open(&location, &options, None)?;
        let opened = began.elapsed();
        let values: Vec<f32> = plugin.info().params.iter().map(|param| param.value as f32).collect();
        let mut memory = [0.1f32; 2 * FRAMES];
        let mut times = Vec::with_capacity(cycles);
        let _flush = FlushDenormals::enter();
        let start = Instant::now();
        for cycle in 0..cycles {
            let due = start + Duration::from_nanos(cycle as u64 * FRAMES as u64 * 1_000_000_000 / 48_000);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            memory.iter_mut().enumerate().for_each(|(n, sample)| *sample = (n % 7) as f32 * 0.05);
            let clock = i64::try_from(cycle * FRAMES)?;
            let transport = Transport { position: clock, clock, rolling: true, ..Transport::default() };
            let main = Channels::new(&mut memory, FRAMES, 0, FRAMES);
            let mut block = ProcessBlock::new(main, Params::constant(&values), transport);
            let began = Instant::now();
            processor.process(&mut block);
            times.push(began.elapsed());
        }
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let way = if way == Way::Inside { "in this process" } else { "in a worker" };
        println!(
            "{way}: opened in {opened:?}; a cycle takes {:?} (median), {:?} (p99), {:?} (worst); {} of {} quanta late",
            at(0.5),
            at(0.99),
            at(1.0),
            plugin.late(),
            cycles * 2
        );
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there are no workers on this system");
}
