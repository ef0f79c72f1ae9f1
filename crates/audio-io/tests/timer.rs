//! The paced timer: any rate, any period, never early, never more than a period behind.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use omega_audio_io::{
    AudioBackend, Backend, Event, IoBlock, MAX_PERIOD, OpenError, Priority, RATES, Stream, StreamConfig,
    Timer, open,
};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(rate: u32, period: usize) -> StreamConfig {
    StreamConfig {
        backend: Backend::Timer,
        rate: Some(rate),
        period: Some(period),
        ..StreamConfig::default()
    }
}

fn until_callbacks(stream: &Stream, count: u64) {
    let deadline = Instant::now() + PATIENCE;
    while stream.stats().callbacks < count {
        assert!(Instant::now() < deadline, "in vain: {count} callbacks");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a block tells of its place: first frame, length, nanoseconds, frames lost before it.
type Note = (i64, usize, i64, i64);

/// Plays until there are `count` blocks and gives what they told.
fn observe(
    config: &StreamConfig,
    count: usize,
    mut disturb: impl FnMut(usize) + Send + 'static,
) -> Vec<Note> {
    let notes = Arc::new(Mutex::new(Vec::with_capacity(count)));
    let list = Arc::clone(&notes);
    let mut number = 0;
    let callback = move |io: &mut IoBlock<'_>| {
        disturb(number);
        number += 1;
        let mut list = list.lock().unwrap();
        if list.len() < count {
            list.push((io.time.frame, io.frames, io.time.nanos, io.flags.lost));
        }
    };
    let stream = open(config, Box::new(callback)).expect("a timer opens");
    until_callbacks(&stream, count as u64);
    let stats = stream.stats();
    assert!(stats.violations.is_clean(), "{:?}", stats.violations);
    assert_eq!(
        stats.frames,
        i64::try_from(stats.callbacks).unwrap() * i64::try_from(config.period.unwrap()).unwrap()
    );
    drop(stream);
    let notes = notes.lock().unwrap();
    notes.clone()
}

/// Blocks follow each other without overlap, and none is called early or when the next is due already.
fn check(notes: &[Note], rate: u32, period: usize) {
    let mut expected = 0;
    let length = i64::try_from(period).unwrap();
    for (frame, frames, nanos, lost) in notes {
        assert_eq!((*frame, *frames), (expected + lost, period));
        let due = i64::try_from(i128::from(*nanos) * i128::from(rate) / 1_000_000_000).unwrap();
        // The deadline is rounded down to a nanosecond, so the frame may be due a nanosecond later.
        assert!((-1..length).contains(&(due - frame)), "frame {frame} called at {due}");
        assert_eq!(lost % length, 0);
        expected = frame + length;
    }
}

#[test]
fn any_rate_and_period() {
    for (rate, period, count) in [
        (48_000, 256, 40),
        (44_100, 1, 500),
        (*RATES.start(), 7, 20),
        (*RATES.end(), MAX_PERIOD, 20),
        (96_000, 333, 40),
    ] {
        check(&observe(&config(rate, period), count, |_| ()), rate, period);
    }
}

#[test]
fn a_callback_that_takes_too_long_costs_whole_periods_which_are_counted() {
    const PERIOD: usize = 48;
    let slow = |number| {
        let begun = Instant::now();
        while number % 20 == 10 && begun.elapsed() < Duration::from_millis(15) {
            std::hint::spin_loop();
        }
    };
    let notes = observe(&config(48_000, PERIOD), 100, slow);
    check(&notes, 48_000, PERIOD);
    for (number, (_, _, _, lost)) in notes.iter().enumerate().filter(|(number, _)| number % 20 == 11) {
        assert!(
            *lost >= 14 * 48,
            "15 periods of a millisecond passed before block {number}, {lost} frames lost"
        );
    }
}

#[test]
fn lost_frames_late_blocks_and_xruns_are_counted_and_told() {
    let callback = |io: &mut IoBlock<'_>| {
        let begun = Instant::now();
        while io.time.frame == 0 && begun.elapsed() < Duration::from_millis(15) {
            std::hint::spin_loop();
        }
    };
    let stream = open(&config(48_000, 48), Box::new(callback)).expect("a timer opens");
    let mut events = stream.events();
    until_callbacks(&stream, 3);
    let stats = stream.stats();
    assert!(stats.lost >= 14 * 48 && stats.late >= 1 && stats.xruns >= 1, "{stats:?}");
    assert!(stats.elapsed.worst >= 15_000_000);
    let told = std::iter::from_fn(|| events.poll())
        .any(|event| matches!(event, Event::Xrun { count } if count >= 1));
    assert!(told);
}

#[test]
fn a_stall_is_told() {
    let callback = |io: &mut IoBlock<'_>| {
        if io.time.frame > 0 {
            std::thread::sleep(Duration::from_millis(250));
        }
    };
    let config = StreamConfig { watchdog: Duration::from_millis(100), ..config(48_000, 480) };
    let stream = open(&config, Box::new(callback)).expect("a timer opens");
    let mut events = stream.events();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "in vain: a stall");
        if let Some(Event::NoCallback { waited }) = events.wait(Duration::from_secs(1)) {
            assert!(waited >= config.watchdog);
            break;
        }
    }
}

#[test]
fn stopping_does_not_wait_for_a_distant_deadline() {
    let period = Duration::from_millis(1024);
    let stopping_took = || {
        let config = config(*RATES.start(), MAX_PERIOD);
        let stream = open(&config, Box::new(|_: &mut IoBlock<'_>| ())).expect("a timer opens");
        until_callbacks(&stream, 1);
        let begun = Instant::now();
        assert!(stream.stop().is_some());
        begun.elapsed()
    };
    // A busy machine may delay some of them.
    assert!((0..30).any(|_| stopping_took() < period / 2));
}

#[test]
fn the_thread_says_how_it_is_scheduled() {
    let stream = open(&config(48_000, 64), Box::new(|_: &mut IoBlock<'_>| ())).expect("a timer opens");
    until_callbacks(&stream, 1);
    let priority = stream.stats().priority;
    assert!(!cfg!(target_os = "linux") || matches!(priority, Priority::Normal | Priority::RealTime(1..=99)));
}

#[test]
fn bad_configurations_are_refused_before_a_thread_is_made() {
    let bad = StreamConfig { period: Some(MAX_PERIOD + 1), ..StreamConfig::default() };
    assert!(matches!(Timer.prepare(&bad), Err(OpenError::BadConfig { what: "period", .. })));
}
