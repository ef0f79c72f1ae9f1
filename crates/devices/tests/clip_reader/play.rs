//! Playing on: every frame is the naive one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use omega_devices::clip_reader::{ChannelMap, ClipReader, Fade, FadeShape, PlayList, Segment};
use omega_dsp::simd::Level;
use omega_processor::{PrepareConfig, Processor, Status, Transport};
use omega_rt::{Owned, PcmSource};
use omega_testkit::drive::{Job, drive, even_cuts, random_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::random::Random;

use crate::oracle::*;

#[test]
fn random_lists_are_the_naive_sum_for_any_cut_and_level() {
    let frames = 2500;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let library = library(&mut random);
        let segments: Vec<Segment> = (0..random.index(40)).map(|_| segment(&mut random, &library)).collect();
        let level = Level::ALL[random.index(3)];
        let job = job(-400, frames);
        let list = list(&library, &segments);
        let order: Vec<Segment> = list.segments().cloned().collect();
        let expected = naive(&library, &order, &job);
        let mut reader = Guarded(reader(list, level));
        let cuts = match seed % 6 {
            0 => even_cuts(1, frames),
            1 => even_cuts(256, frames),
            _ => random_cuts(&mut random, frames),
        };
        for pass in 0..2 {
            let outcome = drive(&mut reader, &job, &cuts);
            assert!(outcome.bits() == expected, "seed {seed}, {level}, pass {pass}");
            assert_eq!(outcome.missing, 0);
            reader.reset();
        }
    }
}

#[test]
fn the_order_in_which_clips_are_given_changes_nothing() {
    let mut random = Random::new(5);
    let library = library(&mut random);
    let mut segments: Vec<Segment> =
        (0..30).map(|_| Segment { start: 7, ..segment(&mut random, &library) }).collect();
    let render = |segments: &[Segment]| {
        drive(&mut reader(list(&library, segments), Level::detect()), &job(0, 900), &even_cuts(256, 900))
            .bits()
    };
    let forwards = render(&segments);
    segments.reverse();
    assert!(forwards == render(&segments));
}

#[test]
fn jumps_of_the_position_land_exactly() {
    let mut random = Random::new(11);
    let library = library(&mut random);
    let segments: Vec<Segment> = (0..35).map(|_| segment(&mut random, &library)).collect();
    let list = list(&library, &segments);
    let order: Vec<Segment> = list.segments().cloned().collect();
    let mut reader = reader(list, Level::detect());
    for _ in 0..200 {
        let job = job(random.within(-900, 4000), 1 + random.index(256));
        let outcome = drive(&mut reader, &job, &[job.frames]);
        assert!(outcome.bits() == naive(&library, &order, &job), "at {}", job.transport.position);
    }
}

#[test]
fn positions_at_the_ends_of_time_are_silent() {
    let library = vec![vec![vec![1.0; 100]]];
    let mut reader = reader(list(&library, &[Segment::new(0, 0, 100, 0)]), Level::detect());
    for position in [i64::MIN, i64::MIN + 1, -(1 << 60), 1 << 60, i64::MAX - 100, i64::MAX] {
        let transport = Transport { position, clock: 0, rolling: true, ..Transport::default() };
        let job = Job { transport, ..job(0, 256) };
        let outcome = drive(&mut reader, &job, &[256]);
        assert!(outcome.output.iter().flatten().all(|sample| sample.to_bits() == 0));
    }
}

#[test]
fn a_reader_without_a_list_is_silent() {
    let mut reader = Guarded(ClipReader::new(&CONFIG, Level::detect()));
    let outcome = drive(&mut reader, &job(0, 300), &even_cuts(256, 300));
    assert!(outcome.output.iter().flatten().all(|sample| *sample == 0.0));
    let stopped = Job { transport: Transport::default(), ..job(0, 600) };
    assert_eq!(drive(&mut reader, &stopped, &even_cuts(200, 600)).statuses.last(), Some(&Status::Silent));
}

#[test]
fn clips_are_added_to_the_input() {
    let library = vec![vec![vec![0.25; 1000]]];
    let config = PrepareConfig { inputs: 2, outputs: 2, ..CONFIG };
    let mut reader = ClipReader::new(&config, Level::detect());
    let segment = Segment { channels: ChannelMap::Single(0), ..Segment::new(0, 100, 50, 0) };
    reader.exchange(&mut *ClipReader::payload(list(&library, &[segment])));
    let job = Job { input: vec![vec![0.5; 300]; 2], ..job(0, 300) };
    let outcome = drive(&mut reader, &job, &even_cuts(50, 300));
    for (frame, sample) in outcome.output[1].iter().enumerate() {
        assert_eq!(*sample, if (100..150).contains(&frame) { 0.75 } else { 0.5 });
    }
}

#[test]
fn blocks_between_clips_are_silent_only_where_nothing_comes_in() {
    let library = vec![vec![vec![1.0; 100]]];
    let clip = Segment { channels: ChannelMap::Single(0), ..Segment::new(0, 300, 100, 0) };
    for (inputs, quiet) in [(0, Status::Silent), (2, Status::Sound)] {
        let mut reader = ClipReader::new(&PrepareConfig { inputs, outputs: 2, ..CONFIG }, Level::detect());
        reader.exchange(&mut *ClipReader::payload(list(&library, std::slice::from_ref(&clip))));
        let job = Job { input: vec![vec![]; 2], ..job(0, 1000) };
        let statuses = drive(&mut reader, &job, &even_cuts(250, 1000)).statuses;
        assert_eq!(statuses, [quiet, Status::Sound, quiet, quiet]);
    }
}

#[test]
fn crossing_fades_keep_amplitude_or_power() {
    let library = vec![vec![vec![1.0; 4000]]];
    let crossing = |shape| {
        let fade = Fade { length: 1000, shape };
        let first = Segment { fade_out: fade, ..Segment::new(0, 0, 2000, 0) };
        let second = Segment { fade_in: fade, ..Segment::new(0, 1000, 2000, 0) };
        let render = |segment: Segment| {
            let mut reader = reader(list(&library, &[segment]), Level::detect());
            drive(&mut reader, &job(1000, 1000), &even_cuts(256, 1000)).output.swap_remove(0)
        };
        (render(first), render(second))
    };
    for shape in [FadeShape::Linear, FadeShape::SCurve] {
        let (out, into) = crossing(shape);
        assert!(out.iter().zip(&into).all(|(a, b)| (a + b - 1.0).abs() < 1e-6), "{shape:?}");
    }
    let (out, into) = crossing(FadeShape::EqualPower);
    assert!(out.iter().zip(&into).all(|(a, b)| (a * a + b * b - 1.0).abs() < 1e-6));
    let (_, into) = crossing(FadeShape::Exponential);
    assert!((into[500] - (1000f32.sqrt() - 1.0) / 999.0).abs() < 1e-5);
    let (_, fast) = crossing(FadeShape::Fast);
    assert!(
        (1..1000).all(|i| (fast[i] + into[1000 - i] - 1.0).abs() < 1e-6),
        "the one upside down is the other"
    );
    assert_eq!((out[0], into[0], fast[0]), (1.0, 0.0, 0.0), "fades begin and end exactly");
}

/// Where a source was steered to, and what it lacks.
struct Watched {
    steered: Arc<AtomicI64>,
    reads: Arc<AtomicUsize>,
}

impl PcmSource for Watched {
    fn channels(&self) -> usize {
        2
    }

    fn frames(&self) -> i64 {
        1_000_000
    }

    fn read(&mut self, _channel: usize, _start: i64, out: &mut [f32]) -> usize {
        self.reads.fetch_add(1, Ordering::Relaxed);
        out.fill(0.0);
        out.len().min(10)
    }

    fn steer(&mut self, frame: i64, direction: i32) {
        self.steered.store(frame * i64::from(direction), Ordering::Relaxed);
    }
}

#[test]
fn missing_frames_are_counted_once_and_sources_are_steered_ahead() {
    let (now, later) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let reads = Arc::new(AtomicUsize::new(0));
    let watched = |steered: &Arc<AtomicI64>| {
        let boxed: Box<dyn PcmSource> =
            Box::new(Watched { steered: Arc::clone(steered), reads: Arc::clone(&reads) });
        Owned::from(boxed)
    };
    let backwards = Segment { reverse: true, ..Segment::new(2, 97_000, 1000, 5000) };
    // The third one begins soon, but its source is being read elsewhere.
    let segments = vec![Segment::new(1, 0, 10_000, 300), backwards, Segment::new(1, 15_000, 1000, 70_000)];
    let list = PlayList::build(segments, vec![(1, watched(&now)), (2, watched(&later))]).expect("good");
    let mut reader = Guarded(reader(list, Level::detect()));
    let outcome = drive(&mut reader, &job(0, 512), &even_cuts(256, 512));
    assert_eq!(outcome.missing, 20, "ten frames a block, whatever the number of channels");
    assert_eq!(reads.load(Ordering::Relaxed), 4, "channels that exist are read once a block");
    assert_eq!(now.load(Ordering::Relaxed), 556);
    assert_eq!(later.load(Ordering::Relaxed), 0, "more than two seconds ahead");
    drive(&mut reader, &job(1000, 512), &even_cuts(256, 512));
    assert_eq!(later.load(Ordering::Relaxed), -5999, "the last frame of the range, backwards");
}

#[test]
fn a_source_that_never_came_is_silence_and_counted() {
    let list = PlayList::build(vec![Segment::new(9, 10, 100, 0)], Vec::new()).expect("good");
    let outcome = drive(&mut Guarded(reader(list, Level::detect())), &job(0, 256), &[256]);
    assert_eq!(outcome.missing, 100);
    assert!(outcome.output.iter().flatten().all(|sample| *sample == 0.0));
}

#[test]
fn rendering_offline_waits_for_what_it_needs() {
    struct Slow(Arc<AtomicI64>);
    impl PcmSource for Slow {
        fn channels(&self) -> usize {
            1
        }
        fn frames(&self) -> i64 {
            1000
        }
        fn read(&mut self, _channel: usize, start: i64, out: &mut [f32]) -> usize {
            let ready = self.0.load(Ordering::Relaxed);
            assert!(start + i64::try_from(out.len()).expect("small") <= ready, "waited before reading");
            out.fill(1.0);
            0
        }
        fn steer(&mut self, _frame: i64, _direction: i32) {}
        fn wait_until_ready(&mut self, start: i64, len: usize) {
            self.0.store(start + i64::try_from(len).expect("small"), Ordering::Relaxed);
        }
    }
    let source: Box<dyn PcmSource> = Box::new(Slow(Arc::new(AtomicI64::new(0))));
    let looped = Segment { repeat: 100, ..Segment::new(0, 20, 700, 0) };
    let list = PlayList::build(vec![looped], vec![(0, Owned::from(source))]).expect("good").waiting();
    let outcome = drive(&mut reader(list, Level::detect()), &job(0, 900), &even_cuts(256, 900));
    assert_eq!(outcome.output[0].iter().sum::<f32>(), 700.0);
}

#[test]
fn the_ranges_that_a_clip_reads_are_those_of_its_frames() {
    let mut random = Random::new(23);
    let library = library(&mut random);
    for _ in 0..200 {
        let segment = segment(&mut random, &library);
        let (from, count) = (random.within(-50, segment.length + 50), random.index(3000));
        let mut read: Vec<i64> = segment
            .source_ranges(from, count)
            .flat_map(|(first, frames)| first..first + i64::try_from(frames).expect("small"))
            .collect();
        let end = (from + i64::try_from(count).expect("small")).min(segment.length);
        let span = if segment.repeat > 0 { segment.repeat } else { segment.length };
        let mut naive: Vec<i64> = (from.max(0)..end)
            .map(|frame| (frame + segment.phase) % span)
            .map(|phase| segment.offset + if segment.reverse { span - 1 - phase } else { phase })
            .collect();
        read.sort_unstable();
        naive.sort_unstable();
        assert!(read == naive, "{segment:?}");
    }
}
