//! A parametric equaliser of eight bands.
//!
//! Parameters of band *n* (1 to 8): `band`*n*`.on`, `.shape` (bell, shelves, low and high cuts of 12, 24 and 48 dB per octave, band pass, notch), `.freq`, `.gain`
//! (bell and shelves), `.q` (all but cuts, which are Butterworth); `gain` is the gain of the output. All bands work on all
//! channels. One channel in and two out: the input goes to both.
//!
//! **Method.** Each band is one to four second-order sections ([`omega_dsp::filter`]: the curves of R. Bristow-Johnson's cookbook, as trapezoidal
//! state-variable filters). Sections follow the parameters at the beginning of each control cell (32 frames): states go on, so that moving a
//! frequency does not click. A band that is switched on or off, or whose shape changes, goes from its effect to none and
//! from none to its effect in 10 ms each, also when automated. The first values after preparing or a reset count at once. The output's gain is exact at each frame.
//!
//! Latency 0. Tail: until the slowest poles have fallen by 120 dB. When the input has been zero for a control cell and all states are below −300 dB, they
//! are set to zero.

mod bands;

use omega_dsp::filter::{ChannelLane, Section};
use omega_dsp::kernels::Kernels;
use omega_processor::{
    BatchFn, BatchItem, Cell, Cells, Channels, MAX_BATCH, MAX_BLOCK, Param, Params, PrepareConfig,
    ProcessBlock, Processor, StateReader, StateWriter, Status, Tail,
};
use omega_rt::Owned;

use crate::level;
use bands::{ALL_PARAMS, BAND_PARAMS, BANDS, Band, Kind, MOST_SECTIONS, Values};

/// Key in the document.
pub const KEY: &str = "omega.eq";

/// Index of the output's gain.
const GAIN: usize = ALL_PARAMS;

/// Sections of one channel.
const SECTIONS: usize = BANDS * MOST_SECTIONS;

/// Frames of zero input after which states may be taken as zero: a control cell.
const QUIET: usize = 32;

/// Below this (−300 dB) a state counts as zero.
const FAINT: f32 = 1e-15;

/// Seconds in which a band comes or goes.
const FADE: f64 = 0.01;

/// Values of all bands' parameters.
type Seen = [f32; ALL_PARAMS];

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Eq {
    kernels: Kernels,
    rate: f64,
    mono_to_stereo: bool,
    /// Steps in which a band comes or goes.
    steps: u32,
    /// [`SECTIONS`] for each channel; those in use come first, in the order of the bands.
    sections: Owned<[Section]>,
    /// Sections in use.
    used: usize,
    /// All bands are where their values want them.
    settled: bool,
    state: State,
}

/// The running state beside that of the sections.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Nothing was processed yet.
    fresh: bool,
    /// Values at the beginning of the control cell.
    seen: Seen,
    bands: [Band; BANDS],
    /// Frames since the last one that was not zero, [`QUIET`] at most.
    quiet: usize,
}

impl State {
    const NEW: Self = Self {
        fresh: true,
        seen: [0.0; ALL_PARAMS],
        bands: [Band { kind: Kind::Bell, from: 0, to: 0 }; BANDS],
        quiet: QUIET,
    };

    fn values(&self) -> impl Iterator<Item = Values> + '_ {
        self.seen.as_chunks::<BAND_PARAMS>().0.iter().map(Values::new)
    }

    /// All bands are where their values want them.
    fn is_settled(&self, steps: u32) -> bool {
        !self.fresh && self.values().zip(&self.bands).all(|(values, band)| band.is_settled(&values, steps))
    }
}

impl Eq {
    fn new(config: &PrepareConfig, kernels: Kernels, sections: Owned<[Section]>) -> Self {
        let rate = f64::from(config.sample_rate);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "120 at most")]
        let steps = (FADE * rate / QUIET as f64) as u32;
        let mono_to_stereo = (config.inputs, config.outputs) == (1, 2);
        Self {
            kernels,
            rate,
            mono_to_stereo,
            steps: steps.max(1),
            sections,
            used: 0,
            settled: false,
            state: State::NEW,
        }
    }

    /// The sections in use, channel by channel.
    fn used(&mut self) -> impl Iterator<Item = &mut [Section]> {
        let used = self.used;
        self.sections
            .chunks_exact_mut(SECTIONS)
            .map(move |channel| channel.get_mut(..used).unwrap_or(&mut []))
    }

    /// Filters some frames; `clock` is that of the first frame of `main`. Over them the parameters stay; bands that come or go do so
    /// within one control cell.
    fn filter(&mut self, main: &mut Channels<'_>, clock: i64, begin: usize, end: usize) {
        let (kernels, steps) = (self.kernels, self.steps);
        if begin >= end || self.used == 0 {
            return;
        }
        let mut main = main.range(begin, end);
        let bands = self.state.bands;
        if !bands.iter().all(|band| band.sections() == 0 || band.is_full(steps)) {
            let phase = Cells::new(clock, end)
                .find(|cell| cell.end > begin)
                .map_or(0, |cell| cell.phase + begin - cell.begin);
            for (samples, mut sections) in main.iter_mut().zip(self.used()) {
                for band in bands {
                    let (own, rest) = sections.split_at_mut(band.sections().min(sections.len()));
                    sections = rest;
                    fade(kernels, samples, own, |frame| band.share(phase + frame, QUIET, steps));
                }
            }
        } else if let (2, Some((left, right))) = (main.count(), main.pair_mut()) {
            let mut sections = self.used();
            if let (Some(l), Some(r)) = (sections.next(), sections.next()) {
                kernels.cascade_stereo(left, right, [l, r]);
            }
        } else {
            for (samples, sections) in main.iter_mut().zip(self.used()) {
                kernels.cascade_mono(samples, sections);
            }
        }
    }

    /// All states are exactly zero.
    fn is_at_rest(&mut self) -> bool {
        self.used().flatten().all(|section| section.state() == [0.0; 2])
    }

    /// Takes states that are next to nothing as nothing.
    fn calm(&mut self) {
        let faint = |section: &Section| section.state().iter().all(|s| s.abs() < FAINT);
        if self.used().flatten().all(|section| faint(section)) {
            self.used().flatten().for_each(Section::reset);
        }
    }

    /// Takes the parameters of a frame.
    fn control(&mut self, params: &Params<'_>, frame: usize) {
        let before = self.state;
        for (index, value) in self.state.seen.iter_mut().enumerate() {
            *value = params.at(index, frame);
        }
        let (fresh, steps) = (self.state.fresh, self.steps);
        self.state.fresh = false;
        let State { seen, bands, .. } = &mut self.state;
        for (values, band) in seen.as_chunks::<BAND_PARAMS>().0.iter().map(Values::new).zip(bands) {
            if fresh { band.jump(&values, steps) } else { band.step(&values, steps) }
        }
        self.settled = self.state.is_settled(steps);
        self.arrange(&before.bands);
        self.design(&before);
    }

    /// Puts the sections of bands that are in use one behind the other. What stays keeps its states, what is new is at rest.
    fn arrange(&mut self, before: &[Band; BANDS]) {
        let counts = |bands: &[Band; BANDS]| bands.map(|band| band.sections());
        let (old, new) = (counts(before), counts(&self.state.bands));
        self.used = new.iter().sum();
        let begins = self.state.bands.map(|band| band.begins());
        if old == new && begins == [false; BANDS] {
            return;
        }
        for channel in self.sections.chunks_exact_mut(SECTIONS) {
            let mut copy = [Section::default(); SECTIONS];
            copy.iter_mut().zip(&*channel).for_each(|(copy, section)| *copy = *section);
            let (mut from, mut to) = (copy.as_slice(), channel);
            for ((old, new), begins) in old.into_iter().zip(new).zip(begins) {
                let (kept, from_rest) = from.split_at(old.min(from.len()));
                let Some((place, to_rest)) = core::mem::take(&mut to).split_at_mut_checked(new) else {
                    break;
                };
                place.fill(Section::default());
                if old == new && !begins {
                    place.iter_mut().zip(kept).for_each(|(place, kept)| *place = *kept);
                }
                (from, to) = (from_rest, to_rest);
            }
        }
    }

    /// Coefficients of all bands that changed since `before`.
    fn design(&mut self, before: &State) {
        let (rate, state) = (self.rate, self.state);
        let mut first = 0;
        let old = before.seen.as_chunks::<BAND_PARAMS>().0;
        let new = state.seen.as_chunks::<BAND_PARAMS>().0;
        for ((band, before_band), (old, new)) in
            state.bands.iter().zip(&before.bands).zip(old.iter().zip(new))
        {
            let count = band.sections();
            if before.fresh || band != before_band || !same(old, new) {
                let values = Values::new(new);
                for index in 0..count {
                    let coefficients = values.coefficients(band.kind, index, rate);
                    for channel in self.sections.chunks_exact_mut(SECTIONS) {
                        if let Some(section) = channel.get_mut(first + index) {
                            section.set_coefficients(coefficients);
                        }
                    }
                }
            }
            first += count;
        }
    }

    /// The parameters are what they were at the beginning of the control cell, all over the block.
    fn is_steady(&self, params: &Params<'_>) -> bool {
        params.all_constant()
            && params.values().get(..ALL_PARAMS).is_some_and(|values| same(values, &self.state.seen))
            && self.settled
    }

    /// The input was zero for a control cell before frame `at` (frames before `at` are not processed yet).
    fn was_quiet(&self, main: &Channels<'_>, at: usize) -> bool {
        // Sound is the rule, and its last frame tells.
        if at > 0 && main.get(0).get(at - 1).is_some_and(|x| x.to_bits() != 0) {
            return false;
        }
        let zeros = zeros_before(main, at);
        zeros >= QUIET || zeros == at && at + self.state.quiet >= QUIET
    }

    /// Filters the block. `steady`: see [`is_steady`](Self::is_steady).
    fn run(&mut self, main: &mut Channels<'_>, params: &Params<'_>, clock: i64, steady: bool) {
        let frames = main.frames();
        let mut begin = 0;
        for cell in Cells::new(clock, frames).filter(|cell| cell.phase == 0 || cell.begin == 0) {
            if cell.phase != 0 && !self.state.fresh {
                continue;
            }
            let at = cell.begin;
            let quiet = cell.phase == 0 && self.was_quiet(main, at);
            if steady && !quiet {
                continue;
            }
            self.filter(main, clock, begin, at);
            begin = at;
            if quiet {
                self.calm();
            }
            if !steady {
                self.control(params, at);
            }
        }
        self.filter(main, clock, begin, frames);
    }

    fn gain(&self, main: &mut Channels<'_>, params: &Params<'_>) {
        match params.get(GAIN) {
            Param::Constant(db) => {
                let gain = level::amplitude(db);
                if gain != 1.0 {
                    main.iter_mut().for_each(|channel| self.kernels.gain(channel, gain));
                }
            }
            Param::Varying(db) => {
                let mut gains = [0.0; MAX_BLOCK];
                let Some(gains) = gains.get_mut(..db.len().min(main.frames())) else { return };
                level::amplitudes(self.kernels, db, gains);
                main.iter_mut().for_each(|channel| self.kernels.mul(channel, gains));
            }
        }
    }

    /// Looks at the input before it is filtered: whether all of it is zero, and how many zeros are at the end.
    fn listen(&self, main: &mut Channels<'_>, silent: bool) -> (bool, usize) {
        let frames = main.frames();
        if !silent && main.get(0).last().is_some_and(|x| x.to_bits() != 0) {
            return (false, 0);
        }
        let zeros = if silent { frames.min(QUIET) } else { zeros_before(main, frames) };
        let all = zeros >= frames.min(QUIET)
            && (silent || main.iter_mut().all(|channel| channel.iter().all(|x| x.to_bits() == 0)));
        (all, if all { (self.state.quiet + frames).min(QUIET) } else { zeros })
    }

    /// Makes the input ready; a status when there is nothing to do.
    fn begin(&mut self, block: &mut ProcessBlock<'_>) -> Begun {
        if let (true, Some((left, right))) = (self.mono_to_stereo, block.main.pair_mut()) {
            self.kernels.copy(right, left);
        }
        let (zero, quiet) = self.listen(&mut block.main, block.input_silent);
        let steady = self.is_steady(&block.params);
        let rests = zero && steady && self.state.quiet >= QUIET && self.is_at_rest();
        Begun { steady, quiet, rests }
    }
}

impl Eq {
    /// [`begin`](Self::begin), if the block can be filtered in one go in the lanes of a batch.
    fn begin_lanes(&mut self, block: &mut ProcessBlock<'_>) -> Option<Begun> {
        let begun = self.begin(block);
        let calm = |cell: Cell| cell.phase == 0 && self.was_quiet(&block.main, cell.begin);
        let plain = begun.steady && !begun.rests && block.main.count() <= 2 && !block.cells().any(calm);
        plain.then_some(begun)
    }
}

/// What is known of a block before it is processed.
#[derive(Clone, Copy)]
struct Begun {
    steady: bool,
    /// Zeros at the end of the input.
    quiet: usize,
    /// There is nothing to do.
    rests: bool,
}

/// Filters a channel with a band of which only a share is there: `share(i)` at frame `i`.
fn fade(kernels: Kernels, samples: &mut [f32], sections: &mut [Section], share: impl Fn(usize) -> f32) {
    if sections.is_empty() {
        return;
    }
    for (piece, samples) in samples.chunks_mut(QUIET).enumerate() {
        let mut filtered = [0.0; QUIET];
        let Some(filtered) = filtered.get_mut(..samples.len()) else { return };
        kernels.copy(filtered, samples);
        kernels.cascade_mono(filtered, sections);
        for ((frame, sample), filtered) in (piece * QUIET..).zip(samples).zip(filtered) {
            *sample += (*filtered - *sample) * share(frame);
        }
    }
}

/// Zero frames right before frame `at`, [`QUIET`] at most.
fn zeros_before(main: &Channels<'_>, at: usize) -> usize {
    let zeros = |channel: usize| {
        let before = main.get(channel).get(..at).unwrap_or_default();
        before.iter().rev().take(QUIET).take_while(|x| x.to_bits() == 0).count()
    };
    (0..main.count()).map(zeros).min().unwrap_or(0)
}

/// The same bits.
fn same(a: &[f32], b: &[f32]) -> bool {
    // Without a way out in the middle, so that the compiler can use vectors.
    a.len() == b.len() && a.iter().zip(b).fold(0, |other, (a, b)| other | (a.to_bits() ^ b.to_bits())) == 0
}

impl Processor for Eq {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let begun = self.begin(block);
        if begun.rests {
            return Status::Silent;
        }
        self.run(&mut block.main, &block.params, block.transport.clock, begun.steady);
        self.state.quiet = begun.quiet;
        self.gain(&mut block.main, &block.params);
        Status::Sound
    }

    fn reset(&mut self) {
        self.state = State::NEW;
        (self.used, self.settled) = (0, false);
        self.sections.fill(Section::default());
    }

    fn tail(&self) -> Tail {
        const LN_MINUS_120_DB: f64 = 13.815_5;
        let bands = self.state.values().zip(&self.state.bands);
        let seconds: f64 =
            bands.filter(|(_, band)| band.sections() > 0).map(|(values, band)| values.decay(band.kind)).sum();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        Tail::Frames((seconds * LN_MINUS_120_DB * self.rate) as u32)
    }

    fn state_words(&self) -> usize {
        2 + ALL_PARAMS + 3 * BANDS + 2 * self.sections.len()
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        out.word(u32::from(self.state.fresh));
        out.word(u32::try_from(self.state.quiet).unwrap_or(0));
        out.values(&self.state.seen);
        for band in &self.state.bands {
            out.word(band.kind.index());
            out.word(band.from);
            out.word(band.to);
        }
        for channel in self.sections.chunks_exact(SECTIONS) {
            for (index, section) in channel.iter().enumerate() {
                out.values(&if index < self.used { section.state() } else { [0.0; 2] });
            }
        }
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        self.reset();
        self.state.fresh = state.word() != 0;
        self.state.quiet = (state.word() as usize).min(QUIET);
        state.values(&mut self.state.seen);
        for band in &mut self.state.bands {
            let kind = state.word() as usize;
            band.kind = Kind::ALL.get(kind).map_or(Kind::Bell, |(kind, _)| *kind);
            band.from = state.word().min(self.steps);
            band.to = state.word().min(self.steps);
        }
        for section in self.sections.iter_mut() {
            let mut values = [0.0; 2];
            state.values(&mut values);
            section.set_state(values);
        }
        self.used = self.state.bands.iter().map(Band::sections).sum();
        self.settled = self.state.is_settled(self.steps);
        self.design(&State::NEW);
    }

    fn batch(&self) -> Option<BatchFn> {
        Some(process_batch)
    }
}

/// Lanes that are filtered in one go.
const LANES: usize = 2 * MAX_BATCH;

/// Filters the channels of several equalisers side by side: those whose parameters stay; the others go one by one.
fn process_batch(items: &mut [Option<BatchItem<'_>>]) {
    let mut waiting: [Option<Begun>; MAX_BATCH] = [None; MAX_BATCH];
    for (item, waits) in items.iter_mut().zip(&mut waiting) {
        let Some(item) = item else { continue };
        *waits = item.downcast::<Eq>().and_then(|(eq, block)| eq.begin_lanes(block));
        if waits.is_none() {
            item.process_alone();
        }
    }
    filter_lanes(items, &waiting);
    for (item, begun) in items.iter_mut().zip(waiting) {
        let (Some(item), Some(begun)) = (item, begun) else { continue };
        if let Some((eq, block)) = item.downcast::<Eq>() {
            eq.state.quiet = begun.quiet;
            eq.gain(&mut block.main, &block.params);
            item.status = Status::Sound;
        }
    }
}

/// Filters all channels of the items that wait.
fn filter_lanes(items: &mut [Option<BatchItem<'_>>], waiting: &[Option<Begun>; MAX_BATCH]) {
    let mut kernels = None;
    let mut lanes: [ChannelLane<'_>; LANES] = Default::default();
    let mut free = lanes.iter_mut();
    let mut count = 0;
    for (item, _) in items.iter_mut().zip(waiting).filter(|(_, begun)| begun.is_some()) {
        let Some((eq, block)) = item.as_mut().and_then(BatchItem::downcast::<Eq>) else { continue };
        kernels = Some(eq.kernels);
        for (samples, sections) in block.main.iter_mut().zip(eq.used()) {
            if let Some(lane) = free.next() {
                *lane = ChannelLane { samples, sections };
                count += 1;
            }
        }
    }
    if let (Some(kernels), Some(lanes)) = (kernels, lanes.get_mut(..count)) {
        kernels.cascade_channels(lanes);
    }
}

pub(crate) mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::format;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_dsp::filter::Section;
    use omega_dsp::kernels::Kernels;
    use omega_dsp::simd::Level;
    use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Processor, Smoothing, Taper, Unit};
    use omega_rt::Owned;

    use super::bands::{BANDS, Kind};
    use super::{Eq, KEY, SECTIONS};

    /// Frequency and place in [`Kind::ALL`] that each band begins with.
    const DEFAULTS: [(f64, Kind); BANDS] = [
        (80.0, Kind::LowShelf),
        (120.0, Kind::Bell),
        (250.0, Kind::Bell),
        (600.0, Kind::Bell),
        (1500.0, Kind::Bell),
        (3500.0, Kind::Bell),
        (7000.0, Kind::Bell),
        (10_000.0, Kind::HighShelf),
    ];

    fn band(number: usize, (frequency, kind): (f64, Kind)) -> [ParamInfo; 5] {
        let named = |key: &str, name: &str, info: ParamInfo| ParamInfo {
            key: format!("band{number}.{key}").into(),
            name: format!("{name} {number}").into(),
            ..info
        };
        let kinds = Kind::ALL.iter().map(|(_, name)| (*name).into()).collect();
        let plain = |unit, range, default| ParamInfo::new("", "", unit, range, default);
        let last = (Kind::ALL.len() - 1) as f64;
        let shape = plain(Unit::None, [0.0, last], f64::from(kind.index())).taper(Taper::Choice(kinds));
        let log = |info: ParamInfo| info.taper(Taper::Logarithmic).smoothing(Smoothing::Linear(20.0));
        [
            named("on", "Band", plain(Unit::None, [0.0, 1.0], 0.0).taper(Taper::Toggle)),
            named("shape", "Shape", shape),
            named("freq", "Frequency", log(plain(Unit::Hertz, [10.0, 22_000.0], frequency))),
            named("gain", "Gain", plain(Unit::Decibels, [-24.0, 24.0], 0.0)),
            named("q", "Q", log(plain(Unit::None, [0.1, 20.0], core::f64::consts::FRAC_1_SQRT_2))),
        ]
    }

    pub(crate) fn descriptor() -> Descriptor {
        let mut params: Vec<ParamInfo> =
            (1..).zip(DEFAULTS).flat_map(|(number, defaults)| band(number, defaults)).collect();
        params.push(ParamInfo::new("gain", "Output gain", Unit::Decibels, [-24.0, 24.0], 0.0));
        Descriptor {
            key: KEY.into(),
            name: "Equaliser".into(),
            aux_inputs: Vec::new(),
            takes_notes: false,
            params,
        }
    }

    pub(crate) fn build(config: &PrepareConfig, level: Level) -> Box<dyn Processor> {
        let channels = config.inputs.max(config.outputs);
        let sections = Owned::from(vec![Section::default(); SECTIONS * channels].into_boxed_slice());
        Box::new(Eq::new(config, Kernels::new(level), sections))
    }
}
