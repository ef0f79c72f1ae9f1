//! Effects with a known latency, tail or second input.

use omega_processor::{
    ParamInfo, PrepareConfig, ProcessBlock, Processor, Smoothing, StateReader, StateWriter, Status, Tail,
    Unit,
};

/// Most latency that a [`LatencyNode`] and most delay that an [`Echo`] can have, in frames.
pub const MAX_LATENCY: u32 = 8192;

/// Frames of a ring: a power of two above [`MAX_LATENCY`].
const RING: usize = 16384;

/// The last [`RING`] frames of each channel.
#[derive(Clone, Debug)]
struct Rings {
    channels: Vec<Vec<f32>>,
    next: usize,
}

impl Rings {
    fn new(channels: usize) -> Self {
        Self { channels: vec![vec![0.0; RING]; channels], next: 0 }
    }

    fn clear(&mut self) {
        self.channels.iter_mut().for_each(|ring| ring.fill(0.0));
        self.next = 0;
    }

    /// Takes in each frame of each channel and puts out `f(input, input delay(frame) frames ago)`.
    fn run(&mut self, block: &mut ProcessBlock<'_>, delay: impl Fn(usize) -> usize, f: fn(f32, f32) -> f32) {
        for (ring, channel) in self.channels.iter_mut().zip(block.main.iter_mut()) {
            for (frame, sample) in channel.iter_mut().enumerate() {
                let at = (self.next + frame) % RING;
                ring[at] = *sample;
                *sample = f(*sample, ring[(at + RING - delay(frame)) % RING]);
            }
        }
        self.next = (self.next + block.frames()) % RING;
    }

    fn words(&self) -> usize {
        1 + self.channels.len() * RING
    }

    fn save(&self, out: &mut StateWriter<'_>) {
        out.word(u32::try_from(self.next).unwrap_or(0));
        self.channels.iter().for_each(|ring| out.values(ring));
    }

    fn restore(&mut self, state: &mut StateReader<'_>) {
        self.next = state.word() as usize % RING;
        self.channels.iter_mut().for_each(|ring| state.values(ring));
    }
}

/// Delays by as many frames as its one parameter says, and declares them as latency. The parameter may change at any
/// frame: the output at frame `n` is the input at frame `n - latency(n)`.
#[derive(Clone, Debug)]
pub struct LatencyNode {
    rings: Rings,
    latency: u32,
}

impl LatencyNode {
    /// Index of the latency in frames, 0..=[`MAX_LATENCY`].
    pub const LATENCY: usize = 0;

    /// With the latency that it has until the parameter says otherwise.
    #[must_use]
    pub fn new(config: &PrepareConfig, latency: u32) -> Self {
        Self { rings: Rings::new(config.outputs), latency: latency.min(MAX_LATENCY) }
    }

    /// Its parameter, `latency`.
    #[must_use]
    pub fn params() -> Vec<ParamInfo> {
        let range = [0.0, f64::from(MAX_LATENCY)];
        vec![ParamInfo::new("latency", "Latency", Unit::Frames, range, 0.0).smoothing(Smoothing::None)]
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=8192 before")]
    fn frames(value: f32) -> u32 {
        value.clamp(0.0, MAX_LATENCY as f32) as u32
    }
}

impl Processor for LatencyNode {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let params = block.params;
        let latency = Self::frames(params.at(Self::LATENCY, block.frames().saturating_sub(1)));
        let delay = |frame| Self::frames(params.at(Self::LATENCY, frame)) as usize;
        self.rings.run(block, delay, |_, delayed| delayed);
        if latency != self.latency {
            self.latency = latency;
            block.new_latency = Some(latency);
        }
        Status::Sound
    }

    fn reset(&mut self) {
        self.rings.clear();
    }

    fn latency(&self) -> u32 {
        self.latency
    }

    fn tail(&self) -> Tail {
        Tail::Frames(self.latency)
    }

    fn state_words(&self) -> usize {
        self.rings.words() + 1
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        out.word(self.latency);
        self.rings.save(out);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        self.latency = state.word().min(MAX_LATENCY);
        self.rings.restore(state);
    }
}

/// The input plus half of the input `delay` frames before: a tail of exactly `delay` frames.
#[derive(Clone, Debug)]
pub struct Echo {
    rings: Rings,
    delay: usize,
    /// Frames since the last one that was not zero on all channels.
    quiet: usize,
}

impl Echo {
    /// With a delay of 1..=[`MAX_LATENCY`] frames.
    #[must_use]
    pub fn new(config: &PrepareConfig, delay: u32) -> Self {
        let delay = delay.clamp(1, MAX_LATENCY) as usize;
        Self { rings: Rings::new(config.outputs), delay, quiet: RING }
    }
}

impl Processor for Echo {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let frames = block.frames();
        let last = block.main.iter_mut().filter_map(|channel| channel.iter().rposition(|&s| s != 0.0)).max();
        self.quiet = match last {
            Some(last) => frames - 1 - last,
            None => (self.quiet + frames).min(RING),
        };
        let delay = self.delay;
        self.rings.run(block, |_| delay, |dry, delayed| dry + 0.5 * delayed + 0.0);
        // Only a ring that is zero all over stays as it is when zeros go in.
        if self.quiet < RING {
            return Status::Sound;
        }
        self.rings.next = 0;
        block.main.clear();
        Status::Silent
    }

    fn reset(&mut self) {
        self.rings.clear();
        self.quiet = RING;
    }

    fn tail(&self) -> Tail {
        Tail::Frames(u32::try_from(self.delay).unwrap_or(MAX_LATENCY))
    }

    fn state_words(&self) -> usize {
        self.rings.words() + 1
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        out.word(u32::try_from(self.quiet).unwrap_or(0));
        self.rings.save(out);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        self.quiet = state.word() as usize;
        self.rings.restore(state);
    }
}

/// Adds its first extra input to the main one, channel by channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct SideSum;

impl Processor for SideSum {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let [side, ..] = block.aux;
        for (index, channel) in block.main.iter_mut().enumerate() {
            channel.iter_mut().zip(side.get(index)).for_each(|(out, side)| *out += side);
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}
