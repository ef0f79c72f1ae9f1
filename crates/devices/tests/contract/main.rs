//! What every device of the registry must hold to, whatever it does: the same bytes for any cut into blocks, at all levels, with parameters given
//! as constant or per frame; no allocation; states that go on; silence that is a fixed point; hostile input.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests prepare and judge off the audio thread"
)]

mod batch;

use std::any::Any;

use omega_devices::registry::{self, BuildError};
use omega_dsp::math::{powf_f32, to_f32};
use omega_dsp::simd::Level;
use omega_processor::{
    Descriptor, ParamInfo, PrepareConfig, ProcessBlock, Processor, StateReader, StateWriter, Status, Taper,
    Transport,
};
use omega_rt::guard::CountingAllocator;
use omega_testkit::drive::{Job, Track, drive, even_cuts, random_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::random::Random;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Channels in and out that a device may meet.
const SHAPES: [(usize, usize); 4] = [(1, 1), (1, 2), (2, 2), (3, 3)];

/// A boxed device as a processor, so that it can be guarded.
struct Boxed(Box<dyn Processor>);

impl Processor for Boxed {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.0.process(block)
    }
    fn reset(&mut self) {
        self.0.reset();
    }
    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        self.0.exchange(payload);
    }
    fn state_words(&self) -> usize {
        self.0.state_words()
    }
    fn save_state(&self, out: &mut StateWriter<'_>) {
        self.0.save_state(out);
    }
    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        self.0.restore_state(state);
    }
}

fn config((inputs, outputs): (usize, usize)) -> PrepareConfig {
    PrepareConfig { sample_rate: 48_000, inputs, outputs }
}

fn device(key: &str, shape: (usize, usize), level: Level) -> Guarded<Boxed> {
    Guarded(Boxed(registry::build(key, &config(shape), level).expect("a device of the registry")))
}

fn state(processor: &dyn Processor) -> Vec<u32> {
    let mut words = vec![0; processor.state_words()];
    let mut writer = StateWriter::new(&mut words);
    processor.save_state(&mut writer);
    assert_eq!(writer.finish(), Some(processor.state_words()), "a state has as many words as it says");
    words
}

fn value(random: &mut Random, info: &ParamInfo) -> f32 {
    let (low, high) = (to_f32(info.min), to_f32(info.max));
    match info.taper {
        _ if random.once_in(6) => *[low, high, to_f32(info.default)].get(random.index(3)).expect("three"),
        Taper::Logarithmic => low * powf_f32(high / low, random.value(0.0, 1.0)),
        _ => to_f32(info.clamp(f64::from(random.value(low, high)))),
    }
}

/// A constant, or steps and (where values need not be whole) straight lines.
fn track(random: &mut Random, info: &ParamInfo, frames: usize) -> Track {
    if random.once_in(3) {
        return Track::Constant(value(random, info));
    }
    let whole = matches!(info.taper, Taper::Choice(_) | Taper::Toggle);
    let mut values = vec![value(random, info)];
    while values.len() < frames {
        let from = *values.last().expect("not empty");
        let to = value(random, info);
        let length = 1 + random.index(400);
        let line = !whole && random.once_in(2);
        for step in 1..=length {
            let share = step as f32 / length as f32;
            values.push(if line { from + (to - from) * share } else { to });
        }
    }
    values.truncate(frames);
    Track::Frames(values)
}

/// Noise with stretches of exact zero, for a device with random parameters.
fn job(
    random: &mut Random,
    descriptor: &Descriptor,
    (inputs, outputs): (usize, usize),
    frames: usize,
) -> Job {
    let mut noise = |channels: usize| -> Vec<Vec<f32>> {
        let mut planar = vec![vec![0.0; frames]; channels];
        let mut at = 0;
        while at < frames {
            let end = frames.min(at + 1 + random.index(500));
            if !random.once_in(3) {
                let fill = |channel: &mut Vec<f32>| {
                    channel[at..end].iter_mut().for_each(|sample| *sample = random.value(-1.0, 1.0));
                };
                planar.iter_mut().for_each(fill);
            }
            at = end;
        }
        planar
    };
    let mut input = noise(inputs);
    input.resize(inputs.max(outputs), vec![0.0; frames]);
    let side = if descriptor.aux_inputs.is_empty() { Vec::new() } else { noise(2) };
    let clock = random.within(-1000, 1000);
    Job {
        frames,
        input,
        side,
        params: descriptor.params.iter().map(|info| track(random, info, frames)).collect(),
        settle: random.once_in(2),
        transport: Transport { position: clock, clock, rolling: true, ..Transport::default() },
    }
}

#[test]
fn any_cut_at_any_level_gives_the_same_bytes() {
    let frames = 1500;
    for descriptor in registry::all() {
        for seed in 0..16 {
            let mut random = Random::new(seed);
            let shape = SHAPES[random.index(SHAPES.len())];
            let mut job = job(&mut random, &descriptor, shape, frames);
            let key = &descriptor.key;
            let whole = drive(&mut device(key, shape, Level::Scalar), &job, &even_cuts(256, frames)).bits();
            for level in Level::ALL {
                let mut device = device(key, shape, level);
                for pass in 0..2 {
                    job.settle = pass == 0;
                    let bits = drive(&mut device, &job, &random_cuts(&mut random, frames)).bits();
                    assert!(bits == whole, "{key}, seed {seed}, {shape:?}, {level}, pass {pass}");
                    device.reset();
                }
            }
            let bits = drive(&mut device(key, shape, Level::detect()), &job, &even_cuts(1, frames)).bits();
            assert!(bits == whole, "{key}, seed {seed}, {shape:?}, one frame at a time");
        }
    }
}

#[test]
fn a_saved_state_goes_on_in_another_instance() {
    for descriptor in registry::all() {
        let key = &descriptor.key;
        for (seed, shape) in (0..).zip(SHAPES) {
            let mut random = Random::new(seed);
            let frames = 700;
            let (first, mut second) =
                (job(&mut random, &descriptor, shape, frames), job(&mut random, &descriptor, shape, frames));
            let moved = i64::try_from(frames).expect("small");
            second.transport =
                Transport { clock: first.transport.clock + moved, position: 0, ..first.transport };
            let cuts = random_cuts(&mut random, frames);
            let mut device_a = device(key, shape, Level::detect());
            drive(&mut device_a, &first, &cuts);
            let words = state(&device_a);
            let mut device_b = device(key, shape, Level::detect());
            drive(&mut device_b, &second, &cuts);
            let mut reader = StateReader::new(&words);
            device_b.restore_state(&mut reader);
            assert!(reader.complete(), "{key}: all words are read");
            assert!(state(&device_b) == words, "{key}: what was restored is saved again");
            let bits = drive(&mut device_a, &second, &cuts).bits();
            assert!(bits == drive(&mut device_b, &second, &cuts).bits(), "{key}, {shape:?}");
        }
    }
}

#[test]
fn a_silent_device_is_at_its_fixed_point() {
    for descriptor in registry::all() {
        let key = &descriptor.key;
        for (seed, shape) in (0..).zip(SHAPES) {
            let mut random = Random::new(seed);
            let mut device = device(key, shape, Level::detect());
            let sounding = job(&mut random, &descriptor, shape, 600);
            drive(&mut device, &sounding, &random_cuts(&mut random, 600));
            let constant = |track: &Track| match track {
                Track::Frames(values) => Track::Constant(values[values.len() - 1]),
                Track::Constant(_) => track.clone(),
            };
            let mut zeros = Job {
                frames: 4096,
                input: vec![vec![]; shape.0.max(shape.1)],
                side: Vec::new(),
                params: sounding.params.iter().map(constant).collect(),
                settle: true,
                transport: Transport { clock: sounding.transport.clock + 600, ..sounding.transport },
            };
            let mut statuses = Vec::new();
            for _ in 0..40 {
                let outcome = drive(&mut device, &zeros, &even_cuts(256, 4096));
                statuses = outcome.statuses;
                zeros.transport.clock += 4096;
                if statuses.last() == Some(&Status::Silent) {
                    break;
                }
            }
            if statuses.last() != Some(&Status::Silent) {
                continue;
            }
            let fixed = state(&device);
            for frames in [1, 77, 256] {
                let silence = Job { frames, ..zeros.clone() };
                let outcome = drive(&mut device, &silence, &[frames]);
                assert_eq!(outcome.statuses, [Status::Silent], "{key}");
                assert!(outcome.bits().iter().flatten().all(|bits| *bits == 0), "{key}: exactly +0");
                assert!(state(&device) == fixed, "{key}: the state does not move");
            }
        }
    }
}

#[test]
fn hostile_samples_and_parameters_are_survived() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-40, -0.0];
    for descriptor in registry::all() {
        for seed in 0..8 {
            let mut random = Random::new(seed);
            let shape = SHAPES[random.index(SHAPES.len())];
            let mut job = job(&mut random, &descriptor, shape, 600);
            for channel in job.input.iter_mut().chain(&mut job.side) {
                channel.iter_mut().step_by(37).for_each(|sample| *sample = bad[random.index(bad.len())]);
            }
            for track in &mut job.params {
                *track = match random.index(3) {
                    0 => Track::Constant(bad[random.index(bad.len())]),
                    1 => Track::Frames((0..600).map(|_| bad[random.index(bad.len())]).collect()),
                    _ => track.clone(),
                };
            }
            let mut device = device(&descriptor.key, shape, Level::detect());
            drive(&mut device, &job, &random_cuts(&mut random, 600));
            device.restore_state(&mut StateReader::new(&[u32::MAX; 100]));
            drive(&mut device, &job, &random_cuts(&mut random, 600));
            device.reset();
            let none = Job { params: Vec::new(), ..job.clone() };
            drive(&mut device, &none, &random_cuts(&mut random, 600));
        }
    }
}

#[test]
fn descriptors_are_consistent() {
    let mut keys = Vec::new();
    for descriptor in registry::all() {
        let key = descriptor.key.clone();
        assert!(key.starts_with("omega.") && !keys.contains(&key), "{key}");
        assert_eq!(registry::descriptor(&key), Some(descriptor.clone()));
        for (index, info) in descriptor.params.iter().enumerate() {
            assert_eq!(descriptor.param_index(&info.key), Some(index), "{key}: {} is there once", info.key);
            assert!(info.min < info.max, "{key}: {}", info.key);
            assert_eq!(info.clamp(info.default), info.default, "{key}: {}", info.key);
            assert!(info.taper != Taper::Logarithmic || info.min > 0.0, "{key}: {}", info.key);
            if let Taper::Choice(names) = &info.taper {
                assert_eq!(names.len() as f64, info.max - info.min + 1.0, "{key}: {}", info.key);
            }
        }
        keys.push(key);
    }
    let shipped = [
        "omega.fader",
        "omega.send",
        "omega.pan",
        "omega.utility",
        "omega.frame_delay",
        "omega.bypass",
        "omega.eq",
        "omega.compressor",
    ];
    for key in shipped {
        assert!(keys.iter().any(|known| known == key), "{key}");
    }
}

#[test]
fn what_cannot_be_built_is_refused_with_a_reason() {
    let level = Level::detect();
    let error =
        |key: &str, config: PrepareConfig| registry::build(key, &config, level).err().expect("refused");
    assert_eq!(
        error("omega.nothing", config((2, 2))),
        BuildError::UnknownDevice(String::from("omega.nothing"))
    );
    assert!(registry::descriptor("omega.nothing").is_none());
    for (inputs, outputs) in [(2, 0), (65, 2), (2, usize::MAX)] {
        assert_eq!(error("omega.fader", config((inputs, outputs))), BuildError::Channels { inputs, outputs });
    }
    for rate in [0, 7_999, 384_001, u32::MAX] {
        let config = PrepareConfig { sample_rate: rate, ..config((2, 2)) };
        assert_eq!(error("omega.fader", config), BuildError::SampleRate(rate));
    }
}
