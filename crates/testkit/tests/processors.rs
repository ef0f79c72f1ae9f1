//! The test processors do what their names say, for any cut into blocks.

use omega_processor::{PrepareConfig, Processor, StateReader, StateWriter, Status, Transport};
use omega_testkit::drive::{Job, Track, drive, even_cuts, random_cuts};
use omega_testkit::processors::*;
use omega_testkit::random::Random;

const CONFIG: PrepareConfig = PrepareConfig { sample_rate: 48_000, inputs: 2, outputs: 2 };
const FRAMES: usize = 1500;

fn job(rolling: bool) -> Job {
    let mut random = Random::new(7);
    Job {
        frames: FRAMES,
        input: (0..2).map(|_| (0..FRAMES).map(|_| random.value(-1.0, 1.0)).collect()).collect(),
        side: vec![(0..FRAMES).map(|_| random.value(-1.0, 1.0)).collect()],
        params: vec![Track::Frames((0..FRAMES).map(|frame| if frame < 700 { 3.0 } else { 300.5 }).collect())],
        settle: true,
        transport: Transport { position: -100, clock: 40, rolling, ..Transport::default() },
    }
}

fn any_cut_gives_the_same_bytes(name: &str, make: impl Fn() -> Box<dyn Processor>) {
    let job = job(true);
    let whole = drive(&mut *make(), &job, &even_cuts(256, FRAMES)).bits();
    let mut random = Random::new(1);
    for _ in 0..4 {
        let cuts = random_cuts(&mut random, FRAMES);
        assert_eq!(drive(&mut *make(), &job, &cuts).bits(), whole, "{name}");
    }
    assert_eq!(drive(&mut *make(), &job, &even_cuts(1, FRAMES)).bits(), whole, "{name}");
}

#[test]
fn no_test_processor_depends_on_the_cut() {
    any_cut_gives_the_same_bytes("impulse", || Box::new(Impulse { at: 17 }));
    any_cut_gives_the_same_bytes("ramp", || Box::new(Ramp));
    any_cut_gives_the_same_bytes("clock", || Box::new(Clock));
    any_cut_gives_the_same_bytes("constant", || Box::new(Constant { value: 0.25 }));
    any_cut_gives_the_same_bytes("sine", || Box::new(Sine { cycles_per_frame: 0.01, peak: 0.5 }));
    any_cut_gives_the_same_bytes("noise", || Box::new(Noise { seed: 3 }));
    any_cut_gives_the_same_bytes("latency", || Box::new(LatencyNode::new(&CONFIG, 5)));
    any_cut_gives_the_same_bytes("echo", || Box::new(Echo::new(&CONFIG, 77)));
    any_cut_gives_the_same_bytes("side sum", || Box::new(SideSum));
    any_cut_gives_the_same_bytes("param probe", || Box::new(ParamProbe));
    any_cut_gives_the_same_bytes("nan", || Box::new(NanNode { from: 500 }));
}

#[test]
fn sources_follow_the_time_line() {
    let job = Job { input: vec![vec![]; 2], ..job(true) };
    let cuts = even_cuts(256, FRAMES);
    let impulse = drive(&mut Impulse { at: 17 }, &job, &cuts).output;
    assert!((0..FRAMES).all(|frame| impulse[1][frame] == if frame == 117 { 1.0 } else { 0.0 }));
    assert_eq!(drive(&mut Ramp, &job, &cuts).output[0][250], Ramp::sample(150));
    assert_eq!(drive(&mut Clock, &job, &cuts).output[0][250], 290.0);
    let sine = drive(&mut Sine { cycles_per_frame: 0.01, peak: 0.5 }, &job, &cuts).output;
    assert!((sine[0][125] - 0.5).abs() < 1e-6, "a quarter of a period after position zero");
    let stopped = Job { transport: Transport { rolling: false, ..job.transport }, ..job };
    for source in [&mut Impulse { at: -100 } as &mut dyn Processor, &mut Ramp, &mut Noise { seed: 1 }] {
        assert!(drive(source, &stopped, &cuts).output.iter().flatten().all(|s| *s == 0.0));
    }
}

#[test]
fn a_latency_node_delays_by_its_parameter_and_announces_changes() {
    let job = job(true);
    let mut node = LatencyNode::new(&CONFIG, 3);
    let outcome = drive(&mut node, &job, &even_cuts(256, FRAMES));
    assert_eq!(outcome.output[0][500], job.input[0][497]);
    assert_eq!(outcome.output[1][1000], job.input[1][700]);
    assert_eq!(outcome.latencies, [(512, 300)]);
    assert_eq!(node.latency(), 300);
}

#[test]
fn an_echo_is_silent_only_at_its_fixed_point() {
    let frames = 40_000;
    let job = Job { frames, input: vec![vec![1.0]; 2], ..Job::default() };
    let mut echo = Echo::new(&CONFIG, 300);
    let outcome = drive(&mut echo, &job, &even_cuts(200, frames));
    let sounding: Vec<_> = (0..frames).filter(|frame| outcome.output[0][*frame] != 0.0).collect();
    assert_eq!(sounding, [0, 300]);
    assert_eq!(outcome.statuses.last(), Some(&Status::Silent));
    let state = |echo: &Echo| {
        let mut words = vec![0; echo.state_words()];
        let mut writer = StateWriter::new(&mut words);
        echo.save_state(&mut writer);
        assert_eq!(writer.finish(), Some(echo.state_words()));
        words
    };
    let fixed = state(&echo);
    drive(&mut echo, &Job { frames: 100, input: vec![vec![]; 2], ..Job::default() }, &[100]);
    assert_eq!(state(&echo), fixed);
}

#[test]
fn a_restored_state_goes_on_as_the_saved_one() {
    let job = job(true);
    let mut node = LatencyNode::new(&CONFIG, 3);
    drive(&mut node, &job, &even_cuts(100, FRAMES));
    let mut words = vec![0; node.state_words()];
    node.save_state(&mut StateWriter::new(&mut words));
    let mut other = LatencyNode::new(&CONFIG, 0);
    other.restore_state(&mut StateReader::new(&words));
    let cuts = even_cuts(256, FRAMES);
    assert_eq!(drive(&mut node, &job, &cuts).bits(), drive(&mut other, &job, &cuts).bits());
}

#[test]
fn probes_tell_what_reached_them() {
    let job = job(true);
    let (mut recorder, recording) = Recorder::new(&CONFIG, 1000);
    drive(&mut recorder, &job, &even_cuts(256, FRAMES));
    assert_eq!(recording.frames(), 1000, "as far as there is room");
    assert_eq!(recording.channel(1), job.input[1][..1000]);
    assert_eq!(recording.positions()[..3], [-100, -99, -98]);
    let (mut counting, counts) = Counting::new();
    drive(&mut counting, &job, &even_cuts(500, FRAMES));
    counting.reset();
    drop(counting);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&counts.blocks), count(&counts.frames)), (6, 1500));
    assert_eq!((count(&counts.resets), count(&counts.drops), count(&counts.silent_inputs)), (1, 1, 0));
}

#[test]
fn faults_show_from_their_frame_on() {
    let job = job(true);
    let nan = drive(&mut NanNode { from: 540 }, &job, &even_cuts(256, FRAMES)).output;
    assert_eq!(nan[0].iter().position(|s| s.is_nan()), Some(500));
    let outcome = drive(&mut FailingNode { from: 540, code: 9 }, &job, &even_cuts(250, FRAMES));
    assert_eq!(outcome.statuses[1..3], [Status::Sound, Status::Failed(9)]);
}
