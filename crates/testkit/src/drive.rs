//! Runs one processor over any cut into blocks, without an engine.

use omega_processor::{
    BatchFn, BatchItem, Channels, ChannelsRef, MAX_AUX, MAX_BATCH, MAX_BLOCK, Params, ProcessBlock,
    Processor, Status, Transport, Varying,
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
    let mut outcome = Outcome::new(job);
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

/// The memory of one block of a job.
struct Prepared {
    frames: usize,
    main: Vec<f32>,
    side: Vec<f32>,
    values: Vec<f32>,
    varying: Vec<Varying>,
    table: Vec<f32>,
    transport: Transport,
}

impl Prepared {
    fn new(job: &Job, begin: usize, frames: usize) -> Self {
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
            position: job.transport.position.saturating_add(if job.transport.rolling { moved } else { 0 }),
            clock: job.transport.clock.saturating_add(moved),
            count_in: (job.transport.count_in - moved).max(0),
            ..job.transport
        };
        let (main, side) = (slab(&job.input, begin, frames), slab(&job.side, begin, frames));
        Self { frames, main, side, values, varying, table, transport }
    }

    fn block(&mut self) -> ProcessBlock<'_> {
        let frames = self.frames;
        let silent = self.main.iter().all(|sample| *sample == 0.0);
        let mut block = ProcessBlock::new(
            Channels::new(&mut self.main, frames, 0, frames),
            Params::new(&self.values, &self.varying, &self.table, frames, 0, frames),
            self.transport,
        );
        block.input_silent = silent;
        block.aux = [ChannelsRef::none(); MAX_AUX];
        if !self.side.is_empty() {
            let silent = self.side.iter().all(|sample| *sample == 0.0);
            block.aux[0] = ChannelsRef::new(&self.side, frames, 0, frames, silent);
        }
        block
    }
}

impl Outcome {
    fn new(job: &Job) -> Self {
        Self { output: vec![Vec::new(); job.input.len()], ..Self::default() }
    }

    /// Notes a block that began at frame `begin`.
    fn note(&mut self, begin: usize, status: Status, block: &ProcessBlock<'_>) {
        self.statuses.push(status);
        self.missing += u64::from(block.missing);
        self.latencies.extend(block.new_latency.map(|latency| (begin, latency)));
        for (index, output) in self.output.iter_mut().enumerate() {
            output.extend_from_slice(block.main.get(index));
        }
    }
}

fn drive_block(processor: &mut dyn Processor, job: &Job, begin: usize, frames: usize, outcome: &mut Outcome) {
    let mut prepared = Prepared::new(job, begin, frames);
    let mut block = prepared.block();
    let status = processor.process(&mut block);
    outcome.note(begin, status, &block);
}

/// Runs processors of one kind side by side through their batch function, each over its job, all cut into blocks of
/// the lengths `cuts`. A lane is left empty where `rests(lane, block)` says so (its block is lost to the outcome).
///
/// # Panics
/// As [`drive`]; if there are more than [`MAX_BATCH`] processors, or the first has no batch function.
pub fn drive_batch(
    processors: &mut [Box<dyn Processor>],
    jobs: &[Job],
    cuts: &[usize],
    rests: impl Fn(usize, usize) -> bool,
) -> Vec<Outcome> {
    assert!(processors.len() <= MAX_BATCH, "a batch has at most {MAX_BATCH} processors");
    let function: BatchFn = processors[0].batch().expect("a batch function");
    let mut outcomes: Vec<Outcome> = jobs.iter().map(Outcome::new).collect();
    let mut begin = 0;
    for (index, &frames) in cuts.iter().enumerate() {
        let mut prepared: Vec<Prepared> = jobs.iter().map(|job| Prepared::new(job, begin, frames)).collect();
        let lanes = processors.iter_mut().zip(&mut prepared).enumerate();
        let mut items: Vec<Option<BatchItem<'_>>> = lanes
            .map(|(lane, (processor, prepared))| {
                let item = BatchItem {
                    processor: &mut **processor,
                    block: prepared.block(),
                    status: Status::Failed(0),
                };
                (!rests(lane, index)).then_some(item)
            })
            .collect();
        function(&mut items);
        for (item, outcome) in items.iter().zip(&mut outcomes) {
            if let Some(item) = item {
                outcome.note(begin, item.status, &item.block);
            }
        }
        begin += frames;
    }
    outcomes
}
