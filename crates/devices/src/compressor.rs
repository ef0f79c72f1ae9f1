//! A compressor with look-ahead, soft knee and side-chain.
//!
//! | parameter | meaning |
//! |---|---|
//! | `threshold` | dB of full scale above which the gain falls |
//! | `ratio` | n:1 above the knee |
//! | `knee` | width of the soft knee in dB, centred on the threshold |
//! | `attack`, `release` | time constants (63 % of a change, in dB) of a falling and of a rising gain, ms |
//! | `makeup` | gain behind the compression, dB |
//! | `mix` | 0 dry … 1 compressed |
//! | `lookahead` | how much later than the detector the sound comes, ms: the latency |
//! | `detector` | peak or RMS |
//!
//! **Method.** [`omega_dsp::dynamics`]: feed-forward, gain computer and smoothing in the logarithmic domain (Giannoulis, Massberg, Reiss, JAES 2012), in cells of 8
//! frames, so that the gain follows the detector by 8 to 16 frames (hidden by a look-ahead of 16 frames or more). All channels
//! get the same gain. What is detected is the side-chain if one is connected, else the input. Peaks are held for 5 ms at least and for the look-ahead at least, so that the gain
//! does not follow the wave above 100 Hz and does not rise before a peak has passed. RMS averages over 10 ms.
//!
//! Parameters are taken at the beginning of each control cell (32 frames). When the look-ahead changes, the sound goes from the old delay to the new one in
//! 10 ms, as soon as the new one has been remembered; what it changes to in the meantime counts afterwards. The first values after preparing or a reset count at once. One channel in and two out: the input goes to both.
//!
//! Latency: the look-ahead in whole frames. Tail: the same.

use omega_dsp::delay::DelayLine;
use omega_dsp::dynamics::{Ballistics, Curve, Detector, Dynamics, Node, Settings, Times};
use omega_dsp::kernels::{Kernels, Ramp};
use omega_processor::{
    BatchFn, BatchItem, Cells, Channels, ChannelsRef, MAX_BATCH, MAX_BLOCK, MAX_CHANNELS, Params,
    PrepareConfig, ProcessBlock, Processor, StateReader, StateWriter, Status, Tail,
};
use omega_rt::AlignedBuffer;

use crate::level;

/// Key in the document.
pub const KEY: &str = "omega.compressor";

/// Number of parameters.
const PARAMS: usize = 9;

/// Index of the look-ahead.
const LOOKAHEAD: usize = 7;

/// Longest look-ahead in ms.
const MOST_LOOKAHEAD: f32 = 20.0;

/// Seconds for which peaks are held at least.
const HOLD: f64 = 0.005;

/// Seconds over which RMS averages.
const AVERAGE: f64 = 0.01;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Compressor {
    kernels: Kernels,
    rate: f64,
    mono_to_stereo: bool,
    /// Frames of memory of each channel.
    length: usize,
    /// Frames in which a change of the look-ahead is done.
    fade: i32,
    memory: AlignedBuffer,
    settings: Settings,
    /// The latency that the engine knows of.
    latency: u32,
    state: State,
}

/// The running state beside the memory.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Nothing was processed yet.
    fresh: bool,
    /// Values at the beginning of the control cell.
    seen: [f32; PARAMS],
    dynamics: Dynamics,
    line: DelayLine,
    /// Look-ahead before and after a change, in frames.
    from: u32,
    to: u32,
    /// Frames of the change that are done; negative (by the longest look-ahead, two fades, at most) while it waits for
    /// the memory to be filled.
    faded: i32,
    /// Frames in the memory that count, its length at most. Without look-ahead nothing is remembered.
    heard: usize,
    /// Frames since the last one that was not zero, the memory's length at most.
    quiet: usize,
}

impl State {
    fn new(fade: i32, length: usize) -> Self {
        Self {
            fresh: true,
            seen: [0.0; PARAMS],
            dynamics: Dynamics::new(),
            line: DelayLine::new(),
            from: 0,
            to: 0,
            faded: fade,
            heard: length,
            quiet: length,
        }
    }
}

/// The look-ahead of a parameter's value in whole frames.
fn lookahead(ms: f32, rate: f64) -> u32 {
    let ms = if ms > 0.0 { ms.min(MOST_LOOKAHEAD) } else { 0.0 };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "7,680 at most")]
    let frames = (f64::from(ms) * rate / 1000.0 + 0.5) as u32;
    frames
}

/// What the parameters make of the dynamics.
fn settings(values: &[f32; PARAMS], rate: f64) -> Settings {
    let [threshold, ratio, knee, attack, release, makeup, mix, ahead, detector] = *values;
    let ahead = f64::from(lookahead(ahead, rate)) / rate;
    let times = Times {
        attack: f64::from(attack) / 1000.0,
        release: f64::from(release) / 1000.0,
        hold: if ahead > HOLD { ahead } else { HOLD },
        average: AVERAGE,
    };
    let mix = if mix > 0.0 { mix.min(1.0) } else { 0.0 };
    Settings {
        detector: if detector >= 0.5 { Detector::Rms } else { Detector::Peak },
        curve: Curve::new(threshold.into(), ratio.into(), knee.into()),
        ballistics: Ballistics::new(times, rate),
        dry: 1.0 - mix,
        wet: mix * level::amplitude(makeup.min(60.0)),
    }
}

impl Compressor {
    fn new(config: &PrepareConfig, kernels: Kernels, memory: AlignedBuffer, length: usize) -> Self {
        let rate = f64::from(config.sample_rate);
        let fade = i32::try_from(config.sample_rate / 100).unwrap_or(i32::MAX);
        Self {
            kernels,
            rate,
            mono_to_stereo: (config.inputs, config.outputs) == (1, 2),
            length,
            fade,
            memory,
            settings: Settings::NEUTRAL,
            latency: 0,
            state: State::new(fade, length),
        }
    }

    /// Takes the parameters of a frame.
    fn control(&mut self, params: &Params<'_>, frame: usize) {
        let mut values = [0.0; PARAMS];
        for (index, value) in values.iter_mut().enumerate() {
            *value = params.at(index, frame);
        }
        let state = &mut self.state;
        if state.fresh || !same(&values, &state.seen) {
            state.seen = values;
            self.settings = settings(&values, self.rate);
        }
        let ahead = lookahead(values[LOOKAHEAD], self.rate);
        if state.fresh {
            (state.from, state.to, state.fresh) = (ahead, ahead, false);
        } else if state.faded >= self.fade {
            state.from = state.to;
            if ahead != state.to {
                let missing = (ahead as usize).saturating_sub(state.heard);
                (state.to, state.faded) = (ahead, -i32::try_from(missing).unwrap_or(0));
            }
        }
    }

    /// The parameters stay as they are all over the block.
    fn is_steady(&self, params: &Params<'_>) -> bool {
        let state = &self.state;
        !state.fresh
            && params.all_constant()
            && params.values().get(..PARAMS).is_some_and(|values| same(values, &state.seen))
            && state.from == state.to
            && state.to == lookahead(state.seen[LOOKAHEAD], self.rate)
    }

    /// Delays frames `begin..end` by the look-ahead.
    fn delay(&mut self, main: &mut Channels<'_>, begin: usize, end: usize) {
        let State { line, from, to, faded, heard, .. } = self.state;
        if from == 0 && to == 0 {
            self.state.heard = 0;
            return;
        }
        let fade = Ramp { from: 0.0, to: 1.0, position: faded.into(), length: self.fade.into() };
        let mut after = line;
        for (memory, channel) in
            self.memory.chunks_exact_mut(self.length.max(1)).zip(main.range(begin, end).iter_mut())
        {
            after = line;
            if from == to {
                after.process(memory, channel, to as usize);
            } else {
                after.process_fade(memory, channel, [from as usize, to as usize], fade);
            }
        }
        let frames = end - begin;
        self.state.line = after;
        self.state.heard = heard.saturating_add(frames).min(self.length);
        self.state.faded = faded.saturating_add(i32::try_from(frames).unwrap_or(i32::MAX)).min(self.fade);
    }

    /// One block in stretches over which the parameters stay.
    fn run(&mut self, block: &mut ProcessBlock<'_>, steady: bool) {
        let (clock, frames) = (block.transport.clock, block.frames());
        let mut factors = [0.0; MAX_BLOCK];
        let mut begin = 0;
        for cell in Cells::new(clock, frames) {
            if !steady && (cell.phase == 0 || self.state.fresh) {
                self.stretch(block, begin, cell.begin, &mut factors);
                begin = cell.begin;
                self.control(&block.params, cell.begin);
            }
        }
        self.stretch(block, begin, frames, &mut factors);
        self.apply(&mut block.main, &factors);
    }

    /// The factors of frames `begin..end`, and their delay.
    fn stretch(
        &mut self,
        block: &mut ProcessBlock<'_>,
        begin: usize,
        end: usize,
        factors: &mut [f32; MAX_BLOCK],
    ) {
        let Some(factors) = factors.get_mut(begin..end).filter(|factors| !factors.is_empty()) else { return };
        let clock = block.transport.clock.wrapping_add(i64::try_from(begin).unwrap_or(0));
        {
            let mut slices: [&[f32]; MAX_CHANNELS] = [&[]; MAX_CHANNELS];
            let key = key(&block.main, &block.aux[0], begin, end, &mut slices);
            let (dynamics, settings) = (&mut self.state.dynamics, &self.settings);
            self.kernels.dynamics(clock, &mut [Node { dynamics, settings, key, factors }]);
        }
        self.delay(&mut block.main, begin, end);
    }

    fn apply(&self, main: &mut Channels<'_>, factors: &[f32]) {
        main.iter_mut().for_each(|channel| self.kernels.mul(channel, factors));
    }

    /// Makes the input ready, and looks at it.
    fn begin(&mut self, block: &mut ProcessBlock<'_>) -> Begun {
        if let (true, Some((left, right))) = (self.mono_to_stereo, block.main.pair_mut()) {
            self.kernels.copy(right, left);
        }
        let frames = block.frames();
        let last = match block.input_silent {
            true => None,
            false => block.main.iter_mut().filter_map(|c| c.iter().rposition(|x| x.to_bits() != 0)).max(),
        };
        let quiet = last.map_or((self.state.quiet + frames).min(self.length), |last| frames - 1 - last);
        Begun { steady: self.is_steady(&block.params), quiet, zero: last.is_none() }
    }

    /// Notes how the block was, tells a new latency, and whether there is nothing to do until something is heard.
    fn end(&mut self, begun: Begun, block: &mut ProcessBlock<'_>) -> Status {
        let side = &block.aux[0];
        if self.state.to != self.latency {
            self.latency = self.state.to;
            block.new_latency = Some(self.latency);
        }
        let rested = self.state.quiet >= self.length;
        self.state.quiet = begun.quiet.min(self.length);
        // The key's silence is known only by what the engine says of it: with a side-chain that sounds it goes on.
        let deaf = side.count() == 0 || side.silent();
        if !(begun.zero && rested && begun.steady && deaf && self.state.dynamics.is_at_rest(&self.settings)) {
            return Status::Sound;
        }
        self.state.line = DelayLine::new();
        Status::Silent
    }
}

/// What is known of a block before it is processed.
#[derive(Clone, Copy)]
struct Begun {
    steady: bool,
    /// Zeros at the end of the input and before.
    quiet: usize,
    /// All input is zero.
    zero: bool,
}

/// The channels that are detected: the side-chain if one is connected, else the input.
fn key<'a, 'b>(
    main: &'b Channels<'a>,
    side: &ChannelsRef<'b>,
    begin: usize,
    end: usize,
    slices: &'b mut [&'b [f32]; MAX_CHANNELS],
) -> &'b [&'b [f32]] {
    let count = if side.count() > 0 { side.count() } else { main.count() };
    let slices = slices.get_mut(..count.min(MAX_CHANNELS)).unwrap_or_default();
    for (index, slice) in slices.iter_mut().enumerate() {
        let channel: &'b [f32] = if side.count() > 0 { side.get(index) } else { main.get(index) };
        *slice = channel.get(begin..end).unwrap_or_default();
    }
    slices
}

/// The same bits.
fn same(a: &[f32], b: &[f32]) -> bool {
    // Without a way out in the middle, so that the compiler can use vectors.
    a.len() == b.len() && a.iter().zip(b).fold(0, |other, (a, b)| other | (a.to_bits() ^ b.to_bits())) == 0
}

impl Processor for Compressor {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let begun = self.begin(block);
        self.run(block, begun.steady);
        self.end(begun, block)
    }

    fn reset(&mut self) {
        self.memory.fill(0.0);
        self.state = State::new(self.fade, self.length);
    }

    fn latency(&self) -> u32 {
        self.latency
    }

    fn tail(&self) -> Tail {
        Tail::Frames(self.state.from.max(self.state.to))
    }

    fn state_words(&self) -> usize {
        7 + PARAMS + Dynamics::STATE + self.memory.len()
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        let State { fresh, seen, dynamics, line, from, to, faded, heard, quiet } = self.state;
        let word = |value: usize| u32::try_from(value).unwrap_or(0);
        let faded = faded.cast_unsigned();
        for value in [u32::from(fresh), word(line.position()), from, to, faded, word(heard), word(quiet)] {
            out.word(value);
        }
        out.values(&seen);
        out.values(&dynamics.state());
        out.values(&self.memory);
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let [fresh, line, from, to, faded, heard, quiet] = core::array::from_fn(|_| state.word());
        let most = lookahead(MOST_LOOKAHEAD, self.rate);
        let (mut seen, mut dynamics) = ([0.0; PARAMS], [0.0; Dynamics::STATE]);
        state.values(&mut seen);
        state.values(&mut dynamics);
        state.values(&mut self.memory);
        self.settings = settings(&seen, self.rate);
        self.state = State {
            fresh: fresh != 0,
            seen,
            dynamics: Dynamics::from_state(dynamics),
            line: DelayLine::at(line as usize % self.length.max(1)),
            from: from.min(most),
            to: to.min(most),
            faded: faded.cast_signed().min(self.fade).max(-2 * self.fade),
            heard: (heard as usize).min(self.length),
            quiet: (quiet as usize).min(self.length),
        };
    }

    fn batch(&self) -> Option<BatchFn> {
        Some(process_batch)
    }
}

/// Computes the gains of several compressors side by side: those whose parameters stay; the others go one by one.
fn process_batch(items: &mut [Option<BatchItem<'_>>]) {
    let mut waiting: [Option<Begun>; MAX_BATCH] = [None; MAX_BATCH];
    let mut factors = [[0.0; MAX_BLOCK]; MAX_BATCH];
    for (item, waits) in items.iter_mut().zip(&mut waiting) {
        let Some(item) = item else { continue };
        *waits = item.downcast::<Compressor>().and_then(|(compressor, block)| {
            let begun = compressor.begin(block);
            let plain = begun.steady && block.main.count() <= 2 && block.aux[0].count() == 0;
            plain.then_some(begun)
        });
        if waits.is_none() {
            item.process_alone();
        }
    }
    gains(items, &waiting, &mut factors);
    for ((item, begun), factors) in items.iter_mut().zip(waiting).zip(&factors) {
        let (Some(item), Some(begun)) = (item, begun) else { continue };
        if let Some((compressor, block)) = item.downcast::<Compressor>() {
            let frames = block.frames();
            compressor.delay(&mut block.main, 0, frames);
            compressor.apply(&mut block.main, factors);
            item.status = compressor.end(begun, block);
        }
    }
}

/// The factors of all items that wait, each in its row.
fn gains(
    items: &mut [Option<BatchItem<'_>>],
    waiting: &[Option<Begun>; MAX_BATCH],
    factors: &mut [[f32; MAX_BLOCK]; MAX_BATCH],
) {
    let mut spare = [Dynamics::new(); MAX_BATCH];
    let mut keys: [[&[f32]; 2]; MAX_BATCH] = Default::default();
    let mut nodes = spare.each_mut().map(|dynamics| Node {
        dynamics,
        settings: &Settings::NEUTRAL,
        key: &[],
        factors: &mut [],
    });
    let (mut free, mut count, mut together) = (nodes.iter_mut(), 0, None);
    let rows = keys.iter_mut().zip(factors);
    for ((item, _), (key, factors)) in
        items.iter_mut().zip(waiting).zip(rows).filter(|((_, begun), _)| begun.is_some())
    {
        let Some((compressor, block)) = item.as_mut().and_then(BatchItem::downcast::<Compressor>) else {
            continue;
        };
        let block: &ProcessBlock<'_> = block;
        let channels = block.main.count();
        for (index, slot) in key.iter_mut().enumerate().take(channels) {
            *slot = block.main.get(index);
        }
        let (Some(key), Some(factors)) = (key.get(..channels), factors.get_mut(..block.frames())) else {
            continue;
        };
        if let Some(node) = free.next() {
            let Compressor { kernels, settings, state, .. } = compressor;
            *node = Node { dynamics: &mut state.dynamics, settings, key, factors };
            together = Some((*kernels, block.transport.clock));
            count += 1;
        }
    }
    if let (Some((kernels, clock)), Some(nodes)) = (together, nodes.get_mut(..count)) {
        kernels.dynamics(clock, nodes);
    }
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;

    use omega_dsp::kernels::Kernels;
    use omega_dsp::simd::Level;
    use omega_processor::{
        Descriptor, MAX_BLOCK, ParamInfo, PortInfo, PrepareConfig, Processor, Smoothing, Taper, Unit,
    };
    use omega_rt::AlignedBuffer;

    use super::{Compressor, KEY, MOST_LOOKAHEAD, lookahead};

    pub(crate) fn descriptor() -> Descriptor {
        let log = |info: ParamInfo| info.taper(Taper::Logarithmic);
        let ms =
            |key, name, range, default| log(ParamInfo::new(key, name, Unit::Milliseconds, range, default));
        let ahead = [0.0, f64::from(MOST_LOOKAHEAD)];
        let detectors = vec!["Peak".into(), "RMS".into()];
        Descriptor {
            key: KEY.into(),
            name: "Compressor".into(),
            aux_inputs: vec![PortInfo { name: "Side-chain".into(), channels: None }],
            takes_notes: false,
            params: vec![
                ParamInfo::new("threshold", "Threshold", Unit::Decibels, [-60.0, 0.0], -18.0),
                log(ParamInfo::new("ratio", "Ratio", Unit::Ratio, [1.0, 100.0], 4.0)),
                ParamInfo::new("knee", "Knee", Unit::Decibels, [0.0, 24.0], 6.0),
                ms("attack", "Attack", [0.1, 300.0], 10.0),
                ms("release", "Release", [5.0, 3000.0], 100.0),
                ParamInfo::new("makeup", "Make-up", Unit::Decibels, [-12.0, 36.0], 0.0),
                ParamInfo::new("mix", "Mix", Unit::Percent, [0.0, 1.0], 1.0),
                ParamInfo::new("lookahead", "Look-ahead", Unit::Milliseconds, ahead, 0.0)
                    .smoothing(Smoothing::None),
                ParamInfo::new("detector", "Detector", Unit::None, [0.0, 1.0], 0.0)
                    .taper(Taper::Choice(detectors)),
            ],
        }
    }

    pub(crate) fn build(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        let most = lookahead(MOST_LOOKAHEAD, f64::from(config.sample_rate)) as usize;
        let length = AlignedBuffer::aligned_len(most + MAX_BLOCK);
        let memory = AlignedBuffer::zeroed(length * config.inputs.max(config.outputs));
        Box::new(Compressor::new(config, Kernels::new(level), memory, length))
    }
}
