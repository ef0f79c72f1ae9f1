//! The tape, the monitor and the metronome.

use std::sync::Arc;

use omega_devices::metronome::Metronome;
use omega_devices::monitor::FADE;
use omega_devices::tape::{Reel, Tape};
use omega_processor::{PrepareConfig, Processor, Status, Transport};
use omega_rt::tape::{Found, What, tape};
use omega_testkit::drive::{Job, Track, drive, even_cuts, random_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::random::Random;
use omega_time::{Bbt, MeterPoint, Ramp, SampleRate, Tempo, TempoMap, TempoPoint, Ticks, TimeSignature};

use crate::{job, run};

fn rolling(position: i64) -> Transport {
    Transport { position, clock: position, rolling: true, ..Transport::default() }
}

#[test]
fn a_tape_keeps_what_comes_while_it_records_and_passes_all_of_it() {
    let mut random = Random::new(4);
    let frames = 3000;
    let input: Vec<Vec<f32>> =
        (0..2).map(|_| (0..frames).map(|_| random.value(-1.0, 1.0)).collect()).collect();
    let (head, mut reader) = tape(2, 10_000);
    let mut device = Guarded(Tape::new());
    device.exchange(&mut Reel(Some(head)));
    for (position, recording) in [(500, true), (500 + 3000, false), (9000, true), (12_000, true)] {
        let transport = Transport { recording, ..rolling(position) };
        let job = Job { frames, input: input.clone(), transport, ..Job::default() };
        let outcome = drive(&mut device, &job, &random_cuts(&mut random, frames));
        assert_eq!(outcome.output, input, "it passes unchanged");
    }
    let mut reel = Reel(None);
    device.exchange(&mut reel);
    assert!(reel.0.is_some(), "the reel comes back");
    let mut block = vec![0.0; 2 * 20_000];
    let mut all = Vec::new();
    let mut marks = Vec::new();
    while let Some(found) = reader.next(&mut block) {
        match found {
            Found::Mark(what) => marks.push((all.len() / 2, what)),
            Found::Frames(count) => all.extend_from_slice(&block[..2 * count]),
        }
    }
    let end = marks.pop();
    assert_eq!((all.len(), end), (18_000, Some((9000, What::End { position: 15_000, lost: 0 }))));
    let from = |position| What::From { position };
    assert_eq!(marks, [(0, from(500)), (3000, What::End { position: 3500, lost: 0 }), (3000, from(9000))]);
    for (frame, pair) in all.chunks(2).enumerate() {
        assert_eq!(pair, [input[0][frame % 3000], input[1][frame % 3000]], "frame {frame}");
    }
}

#[test]
fn what_is_heard_follows_the_monitor_the_arm_and_the_transport() {
    const KEY: &str = "omega.monitor";
    let (clips, input) = (0.25f32, 0.5f32);
    let standing = Transport::default();
    let recording = Transport { recording: true, ..rolling(0) };
    let cases = [
        // monitor, armed, then what is heard standing, rolling and recording
        (0.0, 1.0, [clips, clips, clips]),
        (1.0, 0.0, [clips, clips, clips]),
        (1.0, 1.0, [input, clips, input]),
        (2.0, 0.0, [clips + input; 3]),
        (2.0, 1.0, [clips + input; 3]),
    ];
    for (monitor, armed, wanted) in cases {
        for (transport, wanted) in [standing, rolling(0), recording].into_iter().zip(wanted) {
            let changes = [("monitor", Track::Constant(monitor)), ("armed", Track::Constant(armed))];
            let mut job = job(KEY, vec![vec![clips; 700]], &changes);
            (job.side, job.transport) = (vec![vec![input; 700]], transport);
            let output = run(KEY, 1, &job).output;
            assert!(output[0].iter().all(|sample| *sample == wanted), "{monitor} {armed} {transport:?}");
        }
    }
    // A punch begins: the input comes and the clips go, in a straight line and within the fade.
    let config = PrepareConfig { sample_rate: 48_000, inputs: 1, outputs: 1 };
    let level = omega_dsp::simd::Level::detect();
    let mut device = omega_devices::registry::build(KEY, &config, level).expect("there");
    let changes = [("armed", Track::Constant(1.0))];
    let mut job = job(KEY, vec![vec![clips; 1000]], &changes);
    (job.side, job.transport) = (vec![vec![input; 1000]], rolling(0));
    drive(&mut *device, &job, &even_cuts(100, 1000));
    job.transport = recording;
    let output = drive(&mut *device, &job, &even_cuts(77, 1000)).output;
    for (frame, sample) in output[0].iter().enumerate() {
        let share = ((frame + 1) as f32 / f32::from(FADE)).min(1.0);
        let wanted = clips * (1.0 - share) + input * share;
        assert!((sample - wanted).abs() < 1e-6, "frame {frame}");
    }
}

/// A map with a ramp, odd meters, and beats between frames.
fn map() -> Arc<TempoMap> {
    let point = |tick, bpm, ramp| TempoPoint {
        tick: Ticks(tick),
        tempo: Tempo::from_bpm_f64(bpm).expect("a tempo"),
        ramp,
    };
    let bar = |bar, top, bottom| MeterPoint {
        bar,
        signature: TimeSignature::new(top, bottom).expect("a signature"),
    };
    let tempo = [
        point(0, 121.3, Ramp::Constant),
        point(8 * 80_640, 97.0, Ramp::Linear),
        point(40 * 80_640, 203.7, Ramp::Constant),
    ];
    let meter = [bar(1, 4, 4), bar(3, 7, 8), bar(6, 3, 4), bar(9, 5, 16)];
    Arc::new(TempoMap::new(SampleRate::HZ_48000, &tempo, &meter).expect("a map"))
}

/// All beats whose frames lie in a range, and whether each is the first of its bar: bar by bar.
fn beats(map: &TempoMap, range: std::ops::Range<i64>) -> Vec<(i64, bool)> {
    let mut found = Vec::new();
    for bar in -8..200 {
        let mut beat = 1;
        while let Ok(tick) = map.bbt_to_tick(Bbt { bar, beat, tick: 0 }) {
            let frame = map.to_frame(tick).0;
            if range.contains(&frame) {
                found.push((frame, beat == 1));
            }
            beat += 1;
        }
    }
    found
}

fn clicks(transport: Transport, frames: usize, cuts: &[usize]) -> Vec<f32> {
    let config = PrepareConfig { sample_rate: 48_000, inputs: 0, outputs: 2 };
    let mut device = Guarded(Metronome::new(&config, map()));
    let job = Job {
        frames,
        input: vec![vec![9.0; frames]; 2],
        params: vec![Track::Constant(0.0), Track::Constant(1.0)],
        transport,
        ..Job::default()
    };
    let mut output = drive(&mut device, &job, cuts).output;
    assert_eq!(output[0], output[1]);
    output.remove(0)
}

#[test]
fn a_metronome_clicks_on_the_frames_of_beats_whatever_the_tempo_does() {
    let frames = 20 * 48_000;
    let mut random = Random::new(1);
    let heard = clicks(rolling(0), frames, &even_cuts(256, frames));
    let beats = beats(&map(), 0..i64::try_from(frames).expect("short"));
    assert!(beats.len() > 60 && beats.iter().filter(|(_, first)| *first).count() > 15);
    // A click begins with its loudest sample: 0.9 on the first beat of a bar, 0.5 on the others.
    for (frame, first) in &beats {
        let sample = heard[usize::try_from(*frame).expect("in range")];
        assert_eq!(sample, if *first { 0.9 } else { 0.5 }, "beat at {frame}");
    }
    let loud = |sample: &&f32| **sample == 0.9 || **sample == 0.5;
    assert_eq!(heard.iter().filter(loud).count(), beats.len(), "there is no other click");
    let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    let again = clicks(rolling(0), frames, &random_cuts(&mut random, frames));
    assert!(bits(&heard) == bits(&again), "the same bytes at any cut");
    for begin in [1, 777, 30_000, 400_123] {
        let part = clicks(rolling(begin), 5000, &even_cuts(101, 5000));
        let begin = usize::try_from(begin).expect("positive");
        assert!(bits(&part) == bits(&heard[begin..begin + 5000]), "from {begin} on");
    }
}

#[test]
fn a_count_in_clicks_the_beats_before_the_beginning_and_standing_is_silent() {
    let map = map();
    let begin = map.to_frame(map.bbt_to_tick(Bbt { bar: 3, beat: 1, tick: 0 }).expect("there")).0;
    let from = map.to_frame(map.bbt_to_tick(Bbt { bar: 1, beat: 1, tick: 0 }).expect("there")).0;
    let count_in = begin - from;
    let frames = usize::try_from(count_in).expect("short");
    let transport = Transport { position: begin, count_in, ..Transport::default() };
    let counted = clicks(transport, frames, &even_cuts(200, frames));
    assert_eq!(counted, clicks(rolling(from), frames, &even_cuts(256, frames)));
    let off = Job {
        frames: 2000,
        input: vec![vec![9.0; 2000]],
        params: vec![Track::Constant(0.0), Track::Constant(0.0)],
        transport: rolling(from),
        ..Job::default()
    };
    let config = PrepareConfig { sample_rate: 48_000, inputs: 0, outputs: 1 };
    let mut device = Metronome::new(&config, map);
    let silent =
        |outcome: omega_testkit::drive::Outcome| outcome.output[0].iter().all(|sample| *sample == 0.0);
    assert!(silent(drive(&mut device, &off, &even_cuts(256, 2000))), "switched off");
    let counting = Job { transport: Transport { position: begin, count_in, ..Transport::default() }, ..off };
    assert!(!silent(drive(&mut device, &counting, &even_cuts(256, 2000))), "but not in a count-in");
    assert!(clicks(Transport::default(), 2000, &even_cuts(256, 2000)).iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_metronome_survives_the_ends_of_time_and_no_map() {
    let far = [i64::MIN, i64::MIN + 1, -(1 << 60), -1, 1 << 55, 1 << 60, i64::MAX - 100, i64::MAX];
    for position in far {
        clicks(rolling(position), 1000, &even_cuts(256, 1000));
        let transport = Transport { position, count_in: i64::MAX, ..Transport::default() };
        clicks(transport, 1000, &even_cuts(256, 1000));
    }
    let config = PrepareConfig { sample_rate: 8_000, inputs: 0, outputs: 1 };
    let mut device = Metronome::new(&config, map());
    device.exchange(&mut None::<omega_rt::Shared<TempoMap>>);
    let job = Job {
        frames: 256,
        input: vec![vec![1.0; 256]],
        params: vec![Track::Constant(0.0), Track::Constant(1.0)],
        transport: rolling(0),
        ..Job::default()
    };
    assert_eq!(drive(&mut device, &job, &[256]).statuses, [Status::Silent]);
}
