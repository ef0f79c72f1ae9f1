//! Prints what devices cost: nanoseconds for a stereo block of 256 frames, best of many runs, at each level.
//!
//! `cargo run --release -p omega-devices --example cost`
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program at a desk: it prints and looks at the clock"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use omega_devices::clip_reader::{ClipReader, Fade, FadeShape, PlayList, Segment};
use omega_devices::registry;
use omega_dsp::math::to_f32;
use omega_dsp::simd::Level;
use omega_processor::{Channels, Params, PrepareConfig, ProcessBlock, Processor, Transport, Varying};
use omega_rt::{Owned, PcmSource, RamPcm};

const BLOCK: usize = 256;
const STEREO: PrepareConfig = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };

/// Best time of a call in ns, over 100 runs of `calls` calls.
fn best(calls: usize, mut call: impl FnMut()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / calls as f64
    };
    (0..100).map(run).fold(f64::MAX, f64::min)
}

/// One line of the table: a device with its defaults, but for the parameters named; those without a value vary.
fn device(name: &str, key: &str, changes: &[(usize, Option<f32>)]) {
    print!("{name:34}");
    for level in Level::ALL.into_iter().filter(|level| level.available()) {
        let mut device = registry::build(key, &STEREO, level).expect("a device of the registry");
        let descriptor = registry::descriptor(key).expect("a device of the registry");
        let mut values: Vec<f32> = descriptor.params.iter().map(|info| to_f32(info.default)).collect();
        let table: Vec<f32> = (0..BLOCK).map(|frame| -0.001 * frame as f32).collect();
        let mut varying = Vec::new();
        for (param, change) in changes {
            match change {
                Some(value) => values[*param] = *value,
                None => varying.push(Varying { param: u16::try_from(*param).expect("few"), row: 0 }),
            }
        }
        let mut memory = vec![0.25f32; 2 * BLOCK];
        let nanoseconds = best(200, || {
            let params = Params::new(&values, &varying, &table, BLOCK, 0, BLOCK);
            let main = Channels::new(black_box(&mut memory), BLOCK, 0, BLOCK);
            black_box(device.process(&mut ProcessBlock::new(main, params, Transport::default())));
            memory[0] = 0.25;
        });
        print!(" {nanoseconds:8.0}");
    }
    println!();
}

fn ram(frames: usize) -> Owned<dyn PcmSource> {
    let channel = |value| -> Arc<[f32]> { vec![value; frames].into() };
    let boxed: Box<dyn PcmSource> = Box::new(RamPcm::new([channel(0.25), channel(0.5)]));
    Owned::from(boxed)
}

/// One line of the table: readers that play one after the other, each from its own memory of `frames` frames.
fn readers(name: &str, count: usize, frames: i64, segment: impl Fn(Segment) -> Vec<Segment>) {
    print!("{name:34}");
    for level in Level::ALL.into_iter().filter(|level| level.available()) {
        let config = PrepareConfig { inputs: 0, ..STEREO };
        let mut readers: Vec<ClipReader> = (0..count)
            .map(|_| {
                let mut reader = ClipReader::new(&config, level);
                let segments = segment(Segment::new(1, 0, frames, 0));
                let source = ram(usize::try_from(frames).expect("it fits"));
                let list = PlayList::build(segments, vec![(1, source)]).expect("good");
                reader.exchange(&mut *ClipReader::payload(list));
                reader
            })
            .collect();
        let mut memory = vec![0.0f32; 2 * BLOCK];
        let mut position = 0;
        let nanoseconds = best(100, || {
            for reader in &mut readers {
                memory.fill(0.0);
                let main = Channels::new(black_box(&mut memory), BLOCK, 0, BLOCK);
                let transport =
                    Transport { position, clock: position, rolling: true, ..Transport::default() };
                let mut block = ProcessBlock::new(main, Params::constant(&[]), transport);
                black_box(reader.process(&mut block));
            }
            position = (position + 256) % (frames - 256);
        });
        print!(" {:8.0}", nanoseconds / count as f64);
    }
    println!();
}

/// One line of the table: taking over a list in which every source is kept, while rolling.
fn exchange(sources: u64) {
    let list = |first: bool| {
        let segments = (0..sources).map(|id| Segment::new(id, id.cast_signed() * 1000, 1000, 0));
        let given = (0..if first { sources } else { 0 }).map(|id| (id, ram(1))).collect();
        PlayList::build(segments.collect(), given).expect("good")
    };
    let mut reader = ClipReader::new(&STEREO, Level::detect());
    reader.exchange(&mut *ClipReader::payload(list(true)));
    let mut nanoseconds = f64::MAX;
    for _ in 0..50 {
        let mut payload = ClipReader::payload(list(false));
        let start = Instant::now();
        reader.exchange(&mut *payload);
        nanoseconds = nanoseconds.min(start.elapsed().as_nanos() as f64);
    }
    println!("{:34} {nanoseconds:8.0}", format!("exchange, {sources} sources kept"));
}

fn main() {
    print!("{:34}", "ns per stereo block of 256 frames");
    Level::ALL.into_iter().filter(|level| level.available()).for_each(|level| print!(" {level:>8}"));
    println!();
    device("fader, volume and pan", "omega.fader", &[(0, Some(-3.0)), (1, Some(0.3))]);
    device("fader, at its defaults", "omega.fader", &[]);
    device("fader, phase inverted", "omega.fader", &[(4, Some(1.0))]);
    device("fader, volume varies", "omega.fader", &[(0, None)]);
    device("fader, pan varies (balance)", "omega.fader", &[(1, None)]);
    device("fader, pan varies (power)", "omega.fader", &[(1, None), (5, Some(1.0))]);
    device("utility, width", "omega.utility", &[(1, Some(1.5))]);
    device("utility, gain varies", "omega.utility", &[(0, None)]);
    device("frame delay, 1000 frames", "omega.frame_delay", &[(0, Some(1000.0))]);
    let fade = Fade { length: 1 << 30, shape: FadeShape::EqualPower };
    readers("reader, one clip, in cache", 1, 2048, |s| vec![s]);
    readers("reader, 64 tracks of 8 MB", 64, 1 << 20, |s| vec![s]);
    readers("reader, nothing here", 1, 4096, |s| vec![Segment { start: 1 << 40, ..s }]);
    readers("reader, one clip, fading", 1, 4096, |s| vec![Segment { fade_in: fade, ..s }]);
    readers("reader, one clip, backwards", 1, 4096, |s| vec![Segment { reverse: true, ..s }]);
    readers("reader, 8 clips at once", 1, 4096, |s| vec![s; 8]);
    exchange(10);
    exchange(4000);
}
