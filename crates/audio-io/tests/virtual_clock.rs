//! The callback contract, shown on the virtual clock.

use std::any::Any;
use std::sync::{Arc, Mutex};

use omega_audio_io::{
    AudioCallback, Backend, BlockSizes, Event, HardwareTime, IoBlock, IoFlags, MAX_CHANNELS, MAX_PERIOD,
    OpenError, Stream, StreamConfig, VirtualClock, open, prepare,
};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Plays a ramp that depends on nothing but the frames it has seen.
struct Ramp {
    next: f32,
}

impl AudioCallback for Ramp {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        for frame in 0..io.frames {
            for output in io.outputs.iter_mut() {
                if let Some(sample) = output.get_mut(frame) {
                    *sample = self.next;
                }
            }
            self.next += 1.0;
        }
    }
}

fn start(
    clock: &VirtualClock,
    change: impl FnOnce(&mut StreamConfig),
    callback: Box<dyn AudioCallback>,
) -> Stream {
    let mut config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
    change(&mut config);
    open(&config, callback).expect("a virtual clock opens")
}

#[test]
fn any_block_sizes_play_the_same_signal() {
    let sizes = [
        BlockSizes::Period,
        BlockSizes::Fixed(1),
        BlockSizes::Fixed(usize::MAX),
        BlockSizes::Cycle(vec![1, 333, 64]),
        BlockSizes::Cycle(Vec::new()),
        BlockSizes::Random { seed: 7, max: 1000 },
    ];
    let expected: Vec<f32> = (0_u16..10_000).map(f32::from).collect();
    for rule in sizes {
        let clock = VirtualClock::new();
        clock.set_blocks(rule.clone());
        let stream = start(&clock, |_| (), Box::new(Ramp { next: 0.0 }));
        clock.capture();
        assert_eq!(clock.run_frames(10_000), 10_000);
        assert_eq!(clock.captured(), vec![expected.clone(), expected.clone()], "{rule:?}");
        assert_eq!(stream.stats().frames, 10_000);
        assert_eq!(clock.frame(), 10_000);
        let home: Box<dyn Any> = stream.stop().expect("the callback comes home");
        assert!((home.downcast::<Ramp>().expect("as the type it was").next - 10_000.0).abs() < f32::EPSILON);
    }
}

#[test]
fn random_sizes_repeat_with_their_seed_and_stay_in_bounds() {
    let lengths = |seed| {
        let clock = VirtualClock::new();
        clock.set_blocks(BlockSizes::Random { seed, max: 500 });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&seen);
        let note = move |io: &mut IoBlock<'_>| list.lock().unwrap().push(io.frames);
        let stream = start(&clock, |_| (), Box::new(note));
        clock.run(2000);
        drop(stream);
        Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
    };
    let first = lengths(1);
    assert_eq!(first, lengths(1));
    assert_ne!(first, lengths(2));
    assert!(first.iter().all(|n| (1..=500).contains(n)));
    assert!(first.iter().any(|n| *n < 20) && first.iter().any(|n| *n > 480));
}

#[test]
fn inputs_arrive_at_their_frames_and_end_in_silence() {
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Cycle(vec![3, 5]));
    let echo = |io: &mut IoBlock<'_>| {
        for (output, input) in io.outputs.iter_mut().zip(io.inputs) {
            output.copy_from_slice(input);
        }
    };
    let stream = start(&clock, |c| (c.inputs, c.outputs) = (3, 2), Box::new(echo));
    clock.capture();
    clock.feed(vec![vec![1.0, 2.0, 3.0, 4.0], vec![5.0]]);
    clock.run_frames(6);
    assert_eq!(clock.captured(), [[1.0, 2.0, 3.0, 4.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0, 0.0, 0.0]]);
    drop(stream);
}

#[test]
fn outputs_left_alone_are_silent_and_every_width_is_handed_over_whole() {
    for (inputs, outputs) in [(0, 0), (0, 1), (8, 9), (64, 65), (MAX_CHANNELS, MAX_CHANNELS)] {
        let clock = VirtualClock::new();
        let mut first = true;
        let callback = move |io: &mut IoBlock<'_>| {
            assert_eq!((io.inputs.len(), io.outputs.len()), (inputs, outputs));
            assert!(io.inputs.iter().all(|channel| channel.len() == io.frames));
            assert!(
                io.outputs
                    .iter()
                    .all(|channel| channel.len() == io.frames && channel.iter().all(|x| *x == 0.0))
            );
            if std::mem::take(&mut first) {
                io.outputs.iter_mut().for_each(|channel| channel.fill(1.0));
            }
        };
        let stream = start(&clock, |c| (c.inputs, c.outputs) = (inputs, outputs), Box::new(callback));
        clock.capture();
        clock.run(2);
        let played = clock.captured();
        assert_eq!(played.len(), outputs);
        assert!(
            played.iter().all(|c| c[..256].iter().all(|x| *x == 1.0) && c[256..].iter().all(|x| *x == 0.0))
        );
        assert_eq!(stream.events().poll(), None, "no assertion failed in the callback");
        drop(stream);
    }
}

#[test]
fn time_counts_frames_and_jumps_over_what_was_lost() {
    let clock = VirtualClock::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&seen);
    let note = move |io: &mut IoBlock<'_>| list.lock().unwrap().push((io.time, io.flags, io.rate));
    let stream = start(&clock, |c| (c.rate, c.period) = (Some(44_100), Some(441)), Box::new(note));
    let mut events = stream.events();
    clock.run(2);
    clock.lose(100);
    clock.lose(0);
    clock.set_freewheel(true);
    clock.set_rate(88_200);
    clock.run(1);
    clock.set_freewheel(false);
    clock.run(1);
    let at = |frame, nanos| HardwareTime { frame, nanos };
    let quiet = IoFlags::default();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (at(0, 0), quiet, 44_100),
            (at(441, 10_000_000), quiet, 44_100),
            (
                at(982, 982 * 1_000_000_000 / 88_200),
                IoFlags { xrun: true, freewheel: true, lost: 100 },
                88_200
            ),
            (at(1423, 1423 * 1_000_000_000 / 88_200), quiet, 88_200),
        ]
    );
    assert_eq!(events.poll(), Some(Event::RateChanged { rate: 88_200 }));
    assert_eq!(events.poll(), Some(Event::Xrun { count: 2 }), "freewheel came and went: nothing to tell");
    assert_eq!(events.poll(), None);
    let stats = stream.stats();
    assert_eq!((stats.callbacks, stats.frames, stats.lost, stats.xruns), (4, 4 * 441, 100, 2));
    assert_eq!(stream.info().rate, 88_200);
}

#[test]
fn an_allocating_callback_is_seen_and_a_clean_one_is_not_blamed() {
    let clock = VirtualClock::new();
    let mut kept = Vec::with_capacity(0);
    let mut clean = true;
    let callback = move |io: &mut IoBlock<'_>| {
        if !std::mem::take(&mut clean) {
            kept = vec![io.frames; 1000];
        }
        std::hint::black_box(&kept);
    };
    let stream = start(&clock, |_| (), Box::new(callback));
    clock.run(1);
    assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats());
    clock.run(2);
    let counted = stream.stats().violations;
    assert_eq!((counted.allocations, counted.frees, counted.locks), (2, 1, 0));
}

#[test]
fn a_panicking_callback_is_silenced_and_reported_and_still_comes_home() {
    let clock = VirtualClock::new();
    let mut block = 0;
    let callback = move |io: &mut IoBlock<'_>| {
        block += 1;
        io.outputs.iter_mut().for_each(|output| output.fill(1.0));
        assert!(block < 2, "seeded fault");
    };
    let stream = start(&clock, |_| (), Box::new(callback));
    let mut events = stream.events();
    clock.capture();
    clock.run(1);
    assert_eq!(events.poll(), None);
    clock.run(3);
    assert_eq!(events.poll(), Some(Event::CallbackFailed));
    assert_eq!(events.poll(), None, "told once");
    for played in clock.captured() {
        assert!(played[..256].iter().all(|x| *x == 1.0) && played[256..].iter().all(|x| *x == 0.0));
    }
    assert_eq!(stream.stats().callbacks, 2, "it is not called again");
    assert!(stream.stop().is_some());
}

#[test]
fn a_clock_drives_one_stream_at_a_time_and_is_free_again_afterwards() {
    let clock = VirtualClock::new();
    let config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
    let prepared = prepare(&config).expect("the first");
    assert_eq!(prepare(&config).unwrap_err(), OpenError::ClockInUse);
    assert_eq!(clock.run(5), 0, "nothing is called before the start");
    drop(prepared);
    let stream = open(&config, Box::new(Ramp { next: 0.0 })).expect("free after a preparation was dropped");
    assert_eq!(prepare(&config).unwrap_err(), OpenError::ClockInUse);
    assert_eq!(clock.run(1), 256);
    drop(stream);
    assert_eq!(clock.run(1), 0, "nothing is called after the stop");
    let again = open(&config, Box::new(Ramp { next: 0.0 })).expect("free after a stream was dropped");
    assert_eq!(clock.frame(), 0, "a new stream begins at 0");
    drop(again);
}

#[test]
fn hardware_that_goes_away_calls_no_more_and_gives_the_callback_back() {
    let clock = VirtualClock::new();
    let stream = start(&clock, |_| (), Box::new(Ramp { next: 0.0 }));
    let mut events = stream.events();
    clock.run(2);
    clock.shut_down("cable pulled");
    assert_eq!(clock.run(2), 0);
    assert_eq!(clock.run_frames(100), 0);
    assert_eq!(events.poll(), Some(Event::Shutdown { reason: "cable pulled".to_owned() }));
    assert_eq!(events.poll(), None);
    assert_eq!(stream.stats().callbacks, 2);
    assert!(stream.stop().is_some());
}

#[test]
fn measuring_and_counting_anew() {
    let clock = VirtualClock::new();
    let stream = start(&clock, |c| c.measure = true, Box::new(Ramp { next: 0.0 }));
    clock.run(50);
    let before = stream.stats();
    assert_eq!((before.elapsed.count, before.cpu.count), (50, 50));
    assert!(before.elapsed.worst >= before.elapsed.p999 && before.elapsed.p999 >= before.elapsed.median);
    assert!(before.elapsed.median > 0 && before.cpu.total > 0);
    stream.reset_stats();
    clock.run(3);
    let after = stream.stats();
    assert_eq!((after.callbacks, after.frames, after.elapsed.count, after.cpu.count), (3, 3 * 256, 3, 3));

    let unmeasured = VirtualClock::new();
    let stream = start(&unmeasured, |_| (), Box::new(Ramp { next: 0.0 }));
    unmeasured.run(3);
    assert_eq!((stream.stats().elapsed.count, stream.stats().cpu.count), (3, 0));
}

#[test]
fn a_callback_that_takes_longer_than_its_block_is_late_but_not_in_freewheel() {
    let clock = VirtualClock::new();
    let busy = |_: &mut IoBlock<'_>| {
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_micros(1100) {
            std::hint::spin_loop();
        }
    };
    let stream = start(&clock, |c| (c.rate, c.period) = (Some(48_000), Some(48)), Box::new(busy));
    clock.run(3);
    assert_eq!(stream.stats().late, 3);
    clock.set_freewheel(true);
    clock.run(3);
    assert_eq!(stream.stats().late, 3);
}

#[test]
fn blocks_are_never_longer_than_the_maximum() {
    let clock = VirtualClock::new();
    let stream = start(&clock, |_| (), Box::new(|io: &mut IoBlock<'_>| assert!(io.frames <= MAX_PERIOD)));
    for rule in [
        BlockSizes::Fixed(MAX_PERIOD + 1),
        BlockSizes::Random { seed: 0, max: usize::MAX },
        BlockSizes::Fixed(0),
    ] {
        clock.set_blocks(rule);
        assert!(clock.run(20) >= 20);
    }
    assert_eq!(stream.events().poll(), None);
    assert_eq!(stream.stats().callbacks, 60);
}

#[test]
fn denormals_are_zero_inside_of_the_callback_and_numbers_again_outside() {
    let clock = VirtualClock::new();
    let tiny = std::hint::black_box(f32::MIN_POSITIVE);
    let half = |x: f32| std::hint::black_box(x) * std::hint::black_box(0.5);
    let callback = move |io: &mut IoBlock<'_>| io.outputs[0].fill(half(tiny));
    let stream = start(&clock, |_| (), Box::new(callback));
    clock.capture();
    clock.run(1);
    assert!(clock.captured()[0].iter().all(|x| x.to_bits() == 0));
    assert!(half(tiny) > 0.0);
    drop(stream);
}
