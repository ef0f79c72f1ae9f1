//! Hardware that runs at another rate than its callback, on a clock that the test turns.

use std::time::Duration;

use omega_audio_io::{
    Backend, BlockSizes, Event, HardwareTime, IoBlock, StreamConfig, VirtualClock, open, prepare,
};
use omega_rt::guard::CountingAllocator;
use omega_signals as signals;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A clock at `hardware` frames per second, and what to ask it for.
fn config(clock: &VirtualClock, hardware: u32, rate: u32, channels: (usize, usize)) -> StreamConfig {
    clock.offer_rate(Some(hardware));
    StreamConfig {
        backend: Backend::Virtual(clock.clone()),
        rate: Some(rate),
        resample: true,
        inputs: channels.0,
        outputs: channels.1,
        ..StreamConfig::default()
    }
}

const PAIRS: [(u32, u32); 6] = [
    (44_100, 48_000),
    (48_000, 44_100),
    (96_000, 48_000),
    (48_000, 96_000),
    (192_000, 44_100),
    (48_000, 48_000),
];

#[test]
fn what_is_played_sounds_the_same_at_the_rate_of_the_hardware() {
    for (hardware, rate) in PAIRS {
        let clock = VirtualClock::new();
        let config = config(&clock, hardware, rate, (0, 1));
        let prepared = prepare(&config).expect("it opens");
        let info = prepared.info().clone();
        assert_eq!((info.rate, info.hardware_rate), (rate, hardware));
        assert_eq!(info.warnings.iter().any(|w| w.contains("resampled")), hardware != rate, "{info:?}");
        let played = signals::scaled(&signals::sine(1000.0, f64::from(rate), rate as usize * 2), 0.5);
        let mut frame = 0;
        let callback = move |io: &mut IoBlock<'_>| {
            assert_eq!((io.rate, io.time.frame), (rate, i64::try_from(frame).unwrap()));
            let end = (frame + io.frames).min(played.len());
            let begin = frame.min(end);
            io.outputs[0][..end - begin].copy_from_slice(&played[begin..end]);
            frame += io.frames;
        };
        let stream = prepared.start(Box::new(callback)).expect("it starts");
        clock.set_blocks(BlockSizes::Random { seed: 3, max: 3000 });
        clock.capture();
        clock.run_frames(hardware as usize);
        let heard = clock.captured().remove(0);
        assert_eq!(heard.len(), hardware as usize, "as many frames as the hardware wants");
        let fit = signals::fit_sine(&heard[4000..], 1000.0, f64::from(hardware));
        let noise = signals::db(fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2));
        assert!(noise < -110.0, "{hardware} from {rate}: {noise:.1} dB");
        assert!((fit.amplitude - 0.5).abs() < 1e-4);
        // Nothing is delayed: the first frame is the first frame.
        let start = std::f64::consts::TAU * (1000.0 * 4000.0 / f64::from(hardware)).fract();
        let off = (fit.phase - start + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
            - std::f64::consts::PI;
        assert!(off.abs() < 1e-4, "{hardware} from {rate}: {off} rad");
        let stats = stream.stats();
        assert!(stats.violations.is_clean(), "{:?}", stats.violations);
        assert!(stream.stop().is_some(), "the callback comes home out of its edge");
    }
}

#[test]
fn what_is_captured_comes_back_after_the_latency_that_is_told() {
    for (hardware, rate) in PAIRS {
        let clock = VirtualClock::new();
        let config = config(&clock, hardware, rate, (1, 1));
        let echo = |io: &mut IoBlock<'_>| io.outputs[0].copy_from_slice(io.inputs[0]);
        let stream = open(&config, Box::new(echo)).expect("it opens");
        clock.set_blocks(BlockSizes::Cycle(vec![256, 1, 700, 64]));
        let told = stream.latency();
        let frames = hardware as usize / 2;
        clock.feed(vec![signals::scaled(&signals::sine(100.0, f64::from(hardware), frames), 0.5)]);
        clock.capture();
        clock.run_frames(frames);
        let heard = clock.captured().remove(0);
        let fit = signals::fit_sine(&heard[frames / 5..], 100.0, f64::from(hardware));
        assert!((fit.amplitude - 0.5).abs() < 1e-3, "{hardware} and {rate}: {}", fit.amplitude);
        let noise = signals::db(fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2));
        assert!(noise < -105.0, "{hardware} and {rate}: {noise:.1} dB: no frame is missing");
        let there = (100.0 * (frames / 5) as f64 / f64::from(hardware)).fract() * std::f64::consts::TAU;
        let late = (there - fit.phase).rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU;
        // Half a frame at most is lost in rounding, on either way.
        let (late, told) = (late / 100.0 * f64::from(rate), (told.input + told.output) as f64);
        let late = if hardware == rate { (late + 0.5) % f64::from(rate / 100) - 0.5 } else { late };
        assert!((late - told).abs() < 1.6, "{hardware} and {rate}: {late:.2} frames late, {told} told");
        assert!(stream.stats().violations.is_clean());
    }
}

#[test]
fn only_inputs_are_converted_as_well() {
    let clock = VirtualClock::new();
    let config = config(&clock, 44_100, 48_000, (1, 0));
    let (sender, heard) = std::sync::mpsc::channel();
    let callback = move |io: &mut IoBlock<'_>| drop(sender.send(io.inputs[0].to_vec()));
    let stream = open(&config, Box::new(callback)).expect("it opens");
    clock.feed(vec![signals::sine(1000.0, 44_100.0, 44_100)]);
    clock.run_frames(44_100);
    drop(stream.stop());
    let heard: Vec<f32> = heard.into_iter().flatten().collect();
    assert!((47_900..=48_100).contains(&heard.len()), "{}", heard.len());
    let fit = signals::fit_sine(&heard[1000..], 1000.0, 48_000.0);
    assert!(signals::db(fit.residual_rms) < -110.0);
}

#[test]
fn hardware_that_changes_its_rate_gets_silence_and_the_callback_stands_still() {
    for hardware in [48_000, 44_100] {
        let clock = VirtualClock::new();
        let config = config(&clock, hardware, 48_000, (0, 1));
        let callback = move |io: &mut IoBlock<'_>| {
            assert_eq!(io.rate, 48_000, "the callback never sees another rate");
            io.outputs[0].fill(0.7);
        };
        let stream = open(&config, Box::new(callback)).expect("it opens");
        let mut events = stream.events();
        clock.capture();
        clock.run(20);
        clock.set_rate(96_000);
        let before = stream.stats().frames;
        clock.run(20);
        assert_eq!(events.poll(), Some(Event::RateChanged { rate: 96_000 }));
        let info = stream.info();
        assert_eq!((info.rate, info.hardware_rate), (48_000, 96_000));
        clock.set_rate(hardware);
        clock.run(20);
        let heard = clock.captured().remove(0);
        assert!(signals::max_step(&heard) < 0.1, "it fades: {}", signals::max_step(&heard));
        let silent = heard[20 * 256 + 64..40 * 256].iter().all(|sample| *sample == 0.0);
        assert!(silent && heard[19 * 256] > 0.69 && heard[heard.len() - 1] > 0.69);
        assert!(stream.stats().frames > before);
        assert_eq!(events.wait(Duration::ZERO), Some(Event::RateChanged { rate: hardware }));
    }
}

#[test]
fn what_is_lost_at_the_hardware_is_told_in_frames_of_the_callback() {
    let clock = VirtualClock::new();
    let config = config(&clock, 96_000, 48_000, (0, 1));
    let (sender, told) = std::sync::mpsc::channel();
    let callback = move |io: &mut IoBlock<'_>| {
        sender.send((io.time, io.flags.lost, io.frames)).expect("it is listened to");
    };
    let stream = open(&config, Box::new(callback)).expect("it opens");
    clock.run(2);
    clock.lose(1000);
    clock.run(2);
    drop(stream.stop());
    let mut next = 0;
    let mut lost = Vec::new();
    for (HardwareTime { frame, .. }, gap, frames) in told {
        assert_eq!(frame, next + gap);
        next = frame + i64::try_from(frames).unwrap();
        lost.push(gap);
    }
    assert_eq!(lost, [0, 0, 500, 0]);
}
