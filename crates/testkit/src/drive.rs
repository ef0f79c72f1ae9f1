//! Runs one processor over any cut into blocks, without an engine.

use omega_processor::{
    Channels, ChannelsRef, MAX_AUX, MAX_BLOCK, Params, ProcessBlock, Processor, Status, Transport, Varying,
};

use crate::random::Random;

/// One parameter over the whole run.
#[derive(Clone, Debug, PartialEq)]
pub enum Track {
    /// The same value at each frame.
    Constant(f32),
    /// One value a frame.
    Frames(Vec<f32>),
}

/// What a processor is run over.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// Frames to run.
    pub frames: usize,
    /// Planar input of the main port; what is shorter than `frames` is followed by zeros. The block gets as many
    /// channels as there are here.
    pub input: Vec<Vec<f32>>,
    /// Planar input of the first extra port; no channels leave it unconnected.
    pub side: Vec<Vec<f32>>,
    /// Parameters in the descriptor's order.
    pub params: Vec<Track>,
    /// Hand over a [`Track::Frames`] that happens to be constant within a block as constant, as the engine does.
    pub settle: bool,
    /// Transport at the first frame.
    pub transport: Transport,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Planar output of the main port.
    pub output: Vec<Vec<f32>>,
    /// Status of each block.
    pub statuses: Vec<Status>,
    /// First frame and value of each change of latency.
    pub latencies: Vec<(usize, u32)>,
    /// Frames reported as missing.
    pub missing: u64,
}

impl Outcome {
    /// The output as bits: equal exactly when the bytes are.
    #[must_use]
    pub fn bits(&self) -> Vec<Vec<u32>> {
        self.output.iter().map(|channel| channel.iter().map(|s| s.to_bits()).collect()).collect()
    }
}

/// Random block lengths that sum up to `frames`: many of one frame, some of [`MAX_BLOCK`].
#[must_use]
pub fn random_cuts(random: &mut Random, frames: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut left = frames;
    while left > 0 {
        let length = match random.index(4) {
            0 => 1,
            1 => MAX_BLOCK,
            2 => 1 + random.index(16),
            _ => 1 + random.index(MAX_BLOCK),
        };
        cuts.push(length.min(left));
        left -= length.min(left);
    }
    cuts
}

/// Blocks of `length` frames, the last one shorter if need be.
#[must_use]
pub fn even_cuts(length: usize, frames: usize) -> Vec<usize> {
    let length = length.clamp(1, MAX_BLOCK);
    (0..frames).step_by(length).map(|begin| length.min(frames - begin)).collect()
}

/// Runs `processor` over `job`, cut into blocks of the lengths `cuts`.
///
/// # Panics
/// If the cuts do not sum up to the job's frames, or one is longer than [`MAX_BLOCK`].
pub fn drive(processor: &mut dyn Processor, job: &Job, cuts: &[usize]) -> Outcome {
    assert_eq!(cuts.iter().sum::<usize>(), job.frames, "the cuts make up the job");
    let mut outcome = Outcome { output: vec![Vec::new(); job.input.len()], ..Outcome::default() };
    let mut begin = 0;
    for &frames in cuts {
        assert!(frames <= MAX_BLOCK, "a block has at most {MAX_BLOCK} frames");
        drive_block(processor, job, begin, frames, &mut outcome);
        begin += frames;
    }
    outcome
}

/// Planar channels, frames `begin..begin + frames` of them, side by side in one slab.
fn slab(channels: &[Vec<f32>], begin: usize, frames: usize) -> Vec<f32> {
    channels
        .iter()
        .flat_map(|channel| channel.iter().copied().chain(std::iter::repeat(0.0)).skip(begin).take(frames))
        .collect()
}

fn drive_block(processor: &mut dyn Processor, job: &Job, begin: usize, frames: usize, outcome: &mut Outcome) {
    let mut main = slab(&job.input, begin, frames);
    let side = slab(&job.side, begin, frames);
    let (mut values, mut varying, mut table) = (Vec::new(), Vec::new(), Vec::new());
    for (param, track) in (0u16..).zip(&job.params) {
        match track {
            Track::Constant(value) => values.push(*value),
            Track::Frames(all) => {
                let row = &all[begin..begin + frames];
                values.push(row[0]);
                if !(job.settle && row.iter().all(|value| value.to_bits() == row[0].to_bits())) {
                    let index = u16::try_from(table.len() / frames).expect("few rows");
                    varying.push(Varying { param, row: index });
                    table.extend_from_slice(row);
                }
            }
        }
    }
    let moved = i64::try_from(begin).expect("a test is short");
    let transport = Transport {
        position: job.transport.position + if job.transport.rolling { moved } else { 0 },
        clock: job.transport.clock + moved,
        ..job.transport
    };
    let silent = main.iter().all(|sample| *sample == 0.0);
    let mut block = ProcessBlock::new(
        Channels::new(&mut main, frames, 0, frames),
        Params::new(&values, &varying, &table, frames, 0, frames),
        transport,
    );
    block.input_silent = silent;
    block.aux = [ChannelsRef::none(); MAX_AUX];
    if !side.is_empty() {
        block.aux[0] = ChannelsRef::new(&side, frames, 0, frames, side.iter().all(|sample| *sample == 0.0));
    }
    outcome.statuses.push(processor.process(&mut block));
    outcome.missing += u64::from(block.missing);
    outcome.latencies.extend(block.new_latency.map(|latency| (begin, latency)));
    for (index, output) in outcome.output.iter_mut().enumerate() {
        output.extend_from_slice(block.main.get(index));
    }
}
