//! Edits while playing: what is not edited is not touched, what is edited never steps, nothing is lost or leaked, and the
//! audio thread keeps its rules. Each check first has to catch a fault that is seeded for it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests run off the audio thread"
)]

mod processors;
mod world;

use omega_dsp::simd::Level;
use omega_engine::Planar;
use omega_graph::{MeterId, NodeId};
use omega_rt::guard::CountingAllocator;
use omega_rt::{RtCounts, RtScope};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;
use world::{Direct, Kind, UNTOUCHED, World};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const OUTPUTS: usize = UNTOUCHED as usize + 1;

/// The most that the edited output may move from one frame to the next: its level is at most 1, a cross-fade takes 480
/// frames, and what goes may have the opposite sign of what comes.
const MOST_STEP: f32 = 2.0 / 480.0;

/// Frames before the first edit.
const START: usize = 2000;

/// What is done wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Plans are adopted without a transition.
    NoFades,
    /// A node of a branch that is not edited gets a new id.
    NotCarried,
    /// A processor allocates.
    Allocates,
    /// One edit is not sent.
    Forgotten,
}

/// What came of it.
struct Report {
    heard: Vec<Vec<f32>>,
    /// Frame at which the outputs lag by another number of frames from here on, and by which.
    latencies: Vec<(usize, usize)>,
    counts: RtCounts,
    /// Processors alive, and how many there should be.
    processors: (usize, usize),
    /// Programs that still hold a meter.
    programs: usize,
    /// Both played from the beginning: the edited engine, and one that never knew anything else.
    replayed: [Vec<Vec<f32>>; 2],
}

struct Stage {
    rig: Rig,
    counts: RtCounts,
}

impl Stage {
    fn new(world: &World) -> Self {
        let mut rig = Rig::new(Level::detect(), OUTPUTS);
        let plan = world.plan(|spec| rig.conductor.needs(spec));
        rig.conductor.begin(plan).expect("a valid world");
        rig.conductor.play();
        Self { rig, counts: RtCounts::default() }
    }

    fn run(&mut self, frames: usize, heard: &mut [Vec<f32>]) {
        let mut memory = vec![f32::NAN; frames * OUTPUTS];
        let scope = RtScope::enter();
        self.rig.executor.process(&mut Planar { inputs: &[], outputs: &mut memory, frames }, frames);
        let counts = scope.counts();
        drop(scope);
        self.counts.allocations += counts.allocations;
        self.counts.frees += counts.frees;
        self.counts.locks += counts.locks;
        for (row, channel) in heard.iter_mut().zip(memory.chunks(frames)) {
            row.extend_from_slice(channel);
        }
    }
}

fn play(seed: u64, edits: usize, fault: Fault) -> Report {
    let mut random = Random::new(seed);
    let mut world = World::new();
    let mut stage = Stage::new(&world);
    let mut heard = vec![Vec::new(); OUTPUTS];
    let mut latencies = Vec::new();
    // Until the beginning has come through the latency.
    stage.run(START, &mut heard);
    latencies.push((0, stage.rig.executor.program().schedule().latency as usize));
    for edit in 0..edits {
        let mut sent = world.clone();
        for _ in 0..=random.index(4) / 3 {
            let direct = world.edit(&mut random);
            // Some parameters go the direct way, as a hand does; the rest comes with the plan.
            match direct {
                Some(Direct::Exchange(node, value)) => {
                    stage.rig.conductor.exchange(NodeId(node), Box::new(value));
                }
                Some(Direct::Param(node, value)) if random.once_in(2) => {
                    stage.rig.conductor.set_param(NodeId(node), 0, value);
                }
                _ => {}
            }
        }
        if edit == edits / 2 {
            seed_fault(fault, &mut world);
        }
        if !(fault == Fault::Forgotten && edit + 1 == edits) {
            sent = world.clone();
        }
        let plan = sent.plan(|spec| stage.rig.conductor.needs(spec));
        let done = match fault {
            Fault::NoFades => stage.rig.conductor.begin(plan),
            _ => stage.rig.conductor.update(plan),
        };
        done.expect("a valid world");
        let until = heard[0].len() + if random.once_in(4) { 3000 } else { random.index(700) };
        while heard[0].len() < until {
            let begin = heard[0].len();
            stage.run([1, 17, 64, 256, 300][random.index(5)], &mut heard);
            stage.rig.conductor.poll();
            let latency = stage.rig.executor.program().schedule().latency as usize;
            if latencies.last().is_none_or(|(_, last)| *last != latency) {
                latencies.push((begin, latency));
            }
        }
    }
    settle(&mut stage, &mut heard);
    let running = stage.rig.executor.program().schedule().nodes.iter();
    let with_processor = running.filter(|node| {
        let kind = world.nodes.get(&node.id.0).map(|node| node.kind);
        !matches!(kind, None | Some(Kind::Sum | Kind::Out(_)))
    });
    let processors = (std::sync::Arc::strong_count(&world.token) - 1, with_processor.count());
    let meter = stage.rig.conductor.meters().values().next().expect("a meter").clone();
    // The bank and this one hold it too.
    let programs = std::sync::Arc::strong_count(&meter) - 2;
    let counts = stage.counts;
    let replayed = [replay(stage), replay(Stage::new(&world))];
    Report { heard, latencies, counts, processors, programs, replayed }
}

fn seed_fault(fault: Fault, world: &mut World) {
    let noise =
        world.nodes.iter().find(|(_, node)| node.kind == Kind::Echo).map(|(id, _)| *id).expect("an echo");
    let changed = match fault {
        Fault::NotCarried => world.add(Kind::Echo, 0.0),
        Fault::Allocates => world.add(Kind::Allocating, 0.0),
        _ => return,
    };
    for cable in &mut world.cables {
        cable.from = if cable.from == noise { changed } else { cable.from };
        cable.to = if cable.to == noise { changed } else { cable.to };
    }
    world.nodes.remove(&noise);
}

fn settle(stage: &mut Stage, heard: &mut [Vec<f32>]) {
    for _ in 0..1000 {
        stage.rig.conductor.poll();
        if stage.rig.conductor.settled() {
            return;
        }
        stage.run(64, heard);
    }
    panic!("the engine does not settle");
}

/// From frame zero, after everything was reset.
fn replay(mut stage: Stage) -> Vec<Vec<f32>> {
    let mut heard = vec![Vec::new(); OUTPUTS];
    stage.run(1, &mut heard);
    stage.rig.conductor.locate(0);
    stage.run(256, &mut heard);
    heard.iter_mut().for_each(Vec::clear);
    for _ in 0..40 {
        stage.run(500, &mut heard);
    }
    heard
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|value| value.to_bits()).collect()).collect()
}

/// The greatest step of the edited output, and where.
fn greatest_step(report: &Report) -> (f32, usize) {
    let row = &report.heard[OUTPUTS - 1][START..];
    let steps = row.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.zip(START + 1..).fold((0.0, 0), |most, step| if step.0 > most.0 { step } else { most })
}

/// Untouched outputs that differ from those of a run without edits, where that was long enough ago to have come through
/// all delays.
fn touched(report: &Report) -> Vec<(usize, usize)> {
    let world = World::new();
    let mut stage = Stage::new(&world);
    let mut plain = vec![Vec::new(); OUTPUTS];
    while plain[0].len() < report.heard[0].len() {
        stage.run(256, &mut plain);
    }
    let base = stage.rig.executor.program().schedule().latency as usize;
    let mut differences = Vec::new();
    let ends = report.latencies.iter().skip(1).map(|(begin, _)| *begin).chain([report.heard[0].len()]);
    for ((begin, latency), end) in report.latencies.iter().zip(ends) {
        // After a change of the whole latency the outputs fade over, and lines that came into being fill up.
        let settled = if *begin == 0 { 0 } else { begin + latency + 1500 };
        for (row, (plain, heard)) in plain.iter().zip(&report.heard).take(usize::from(UNTOUCHED)).enumerate()
        {
            let same = |at: &usize| {
                let then = (at + base).checked_sub(*latency).and_then(|then| plain.get(then));
                then.is_none_or(|then| then.to_bits() == heard[*at].to_bits())
            };
            differences.extend((settled..end).find(|at| !same(at)).map(|at| (row, at)));
        }
    }
    differences
}

#[test]
fn a_thousand_edits_touch_nothing_else_never_step_and_are_all_applied() {
    for (seed, edits) in [(1, 400), (2, 300), (3, 300)] {
        let report = play(seed, edits, Fault::None);
        assert_eq!(touched(&report), [], "seed {seed}: untouched outputs and frames that differ");
        let sounding = report.heard[OUTPUTS - 1].iter().filter(|value| value.abs() > 0.05).count();
        let share = sounding as f64 / report.heard[0].len() as f64;
        assert!(share > 0.4, "seed {seed}: too little sounds to prove anything: {share}");
        let (step, at) = greatest_step(&report);
        assert!(step <= MOST_STEP, "seed {seed}: a step of {step} at frame {at}");
        assert!(report.counts.is_clean(), "seed {seed}: {:?}", report.counts);
        assert_eq!(report.processors.0, report.processors.1, "seed {seed}: processors alive");
        assert_eq!(report.programs, 1, "seed {seed}: programs alive");
        let [edited, fresh] = &report.replayed;
        assert!(bits(edited) == bits(fresh), "seed {seed}: an edit was lost");
    }
}

#[test]
fn edits_without_cross_fades_are_seen_as_steps() {
    assert!(greatest_step(&play(1, 100, Fault::NoFades)).0 > 10.0 * MOST_STEP);
}

#[test]
fn a_node_that_is_not_carried_over_is_heard() {
    assert_ne!(touched(&play(1, 60, Fault::NotCarried)), []);
}

#[test]
fn a_processor_that_allocates_is_counted() {
    let counts = play(1, 60, Fault::Allocates).counts;
    assert!(counts.allocations > 0 && counts.frees > 0);
}

#[test]
fn an_edit_that_is_not_sent_is_missed() {
    let missed = (0..10).filter(|seed| {
        let [edited, fresh] = play(*seed, 5, Fault::Forgotten).replayed;
        bits(&edited) != bits(&fresh)
    });
    assert!(missed.count() >= 3);
}

#[test]
fn programs_that_are_not_fetched_are_counted() {
    let mut world = World::new();
    let mut stage = Stage::new(&world);
    let mut heard = vec![Vec::new(); OUTPUTS];
    stage.run(64, &mut heard);
    stage.rig.conductor.poll();
    world.edit(&mut Random::new(1));
    let source = world.add(Kind::Constant(0.05), 0.0);
    let out = world.cables.last().expect("a cable").to;
    world.cables.last_mut().expect("a cable").to = out;
    let mut plan = world.plan(|spec| stage.rig.conductor.needs(spec));
    let out = NodeId(*world.nodes.iter().find(|(_, node)| node.kind == Kind::Out(UNTOUCHED)).expect("one").0);
    plan.spec.edges.push(omega_graph::EdgeSpec::new(omega_graph::EdgeId(1 << 40), NodeId(source), out));
    stage.rig.conductor.update(plan).expect("valid");
    for _ in 0..40 {
        stage.run(64, &mut heard);
    }
    let meter = stage.rig.conductor.meters()[&MeterId(out.0)].clone();
    assert!(std::sync::Arc::strong_count(&meter) - 2 > 1);
    assert!(!stage.rig.conductor.settled());
    stage.rig.conductor.poll();
    assert_eq!(std::sync::Arc::strong_count(&meter) - 2, 1);
    assert!(stage.rig.conductor.settled());
}
