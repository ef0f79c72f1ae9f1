//! Models of the hand-over of schedules: the real conductor on one thread, the real executor on another, FIFOs with one or two
//! places between them, over all interleavings and all orders that the memory model allows (preemption bound 3).
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p omega-engine --release --test loom
//! ```
//!
//! Under `--cfg loom` each `Owned` value (programs, slots, processors, buffers) tells loom when it is read, written and freed,
//! so that a use which is not ordered with another thread's writing or freeing ends the model; so does a value that is never
//! freed, and one that is freed on the audio thread. The FIFO is a stand-in for `rtrb` (`omega_rt::fifo`); `rtrb` itself runs
//! under ThreadSanitizer. Each model must also find its own seeded faults.
#![cfg(loom)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "tests run off the audio thread, and loom runs its threads one at a time"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, NodeSetup, Plan, engine_with_room};
use omega_engine::{Executor, FADE, Planar};
use omega_graph::{EdgeId, EdgeSpec, GraphSpec, NodeId, NodeSpec, Role};
use omega_processor::{ProcessBlock, Processor, Status};
use omega_rt::faults::{self, Fault};

/// The switches of the seeded faults belong to the whole process: one model at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An engine wants more stack than loom's threads have, so a model runs on threads of its own.
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> loom::thread::JoinHandle<T> {
    loom::thread::Builder::new().stack_size(1 << 17).spawn(work).expect("loom makes threads")
}

fn explore(model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.max_branches = 10_000;
    builder.check(move || spawn(model).join().expect("it ends"));
}

/// Explores a model that must hold.
fn holds(model: fn()) {
    let _turn = lock(&ONE_AT_A_TIME);
    explore(model);
}

/// Explores the same model with a mistake switched on; it must be found, and for what it is.
fn finds(fault: &Fault, finding: &str, model: fn()) {
    let _turn = lock(&ONE_AT_A_TIME);
    fault.set(true);
    let found = catch_unwind(AssertUnwindSafe(|| explore(model)));
    fault.set(false);
    let found = found.expect_err("the seeded fault was not found");
    let words = found.downcast_ref::<String>().map(String::as_str).or_else(|| found.downcast_ref().copied());
    let words = words.unwrap_or_default();
    assert!(words.contains(finding), "expected {finding:?}, found: {words}");
}

/// Node of the processor that every program has, and of the output.
const KEPT: u64 = 1;
const OUTPUT: u64 = 2;
/// Program `n` of a model has a processor of its own at this node and `n` more.
const OWN: u64 = 10;

/// What the processors did, by node. No part of the model.
#[derive(Default)]
struct Log {
    calls: [AtomicU64; 16],
    freed: Mutex<Vec<u64>>,
}

impl Log {
    fn calls(&self, node: u64) -> u64 {
        self.calls[usize::try_from(node).expect("small")].load(Ordering::Relaxed)
    }
}

/// Counts its own calls: another one in its place would begin anew.
struct Probe {
    node: u64,
    calls: u64,
    log: Arc<Log>,
}

impl Processor for Probe {
    fn process(&mut self, _: &mut ProcessBlock<'_>) -> Status {
        self.calls += 1;
        self.log.calls[usize::try_from(self.node).expect("small")].store(self.calls, Ordering::Relaxed);
        Status::Sound
    }

    fn reset(&mut self) {}
}

impl Drop for Probe {
    fn drop(&mut self) {
        lock(&self.log.freed).push(self.node);
    }
}

/// Program `number`: the kept processor, then its own one, then the output.
fn plan(number: u64, conductor: &Conductor, log: &Arc<Log>) -> Plan {
    let own = OWN + number;
    let node = |id: u64, role| NodeSpec::new(NodeId(id), format!("{id}"), role, 1);
    let edge = |from: u64, to: u64| EdgeSpec::new(EdgeId(from * 100 + to), NodeId(from), NodeId(to));
    let spec = GraphSpec {
        nodes: vec![
            NodeSpec { inputs: 0, ..node(KEPT, Role::Processor) },
            node(own, Role::Processor),
            node(OUTPUT, Role::Output { first: 0 }),
        ],
        edges: vec![edge(KEPT, own), edge(own, OUTPUT)],
        ..GraphSpec::default()
    };
    let probe = |id: NodeId| {
        let probe = || Probe { node: id.0, calls: 0, log: Arc::clone(log) };
        let processor = (id.0 != OUTPUT).then(|| Box::new(probe()) as Box<dyn Processor>);
        (id, NodeSetup { processor, params: Vec::new() })
    };
    let setups = conductor.needs(&spec).into_iter().map(probe).collect();
    Plan { spec, setups, params: BTreeMap::new() }
}

/// The audio thread's side: an executor, and what was seen of it.
struct Audio {
    executor: Executor,
    log: Arc<Log>,
}

impl Audio {
    /// Nodes with processors in the program that runs.
    fn nodes(&self) -> BTreeSet<u64> {
        let nodes = &self.executor.program().schedule().nodes;
        nodes.iter().map(|node| node.id.0).filter(|id| *id != OUTPUT).collect()
    }

    /// One call, in which nothing may be freed, and after which programs must have come in order and whole.
    fn play(&mut self, frames: usize) {
        let before = self.nodes();
        let calls: BTreeMap<u64, u64> = before.iter().map(|node| (*node, self.log.calls(*node))).collect();
        let mut memory = [0.0; 256];
        let outputs = &mut memory[..frames];
        let mut outside = Planar { inputs: &[], outputs, frames };
        faults::as_audio_thread(|| self.executor.process(&mut outside, frames));
        let after = self.nodes();
        let ends = |nodes: &BTreeSet<u64>| {
            let own = || nodes.iter().filter(|node| **node >= OWN);
            (own().min().copied(), own().max().copied())
        };
        let (old, new) = (ends(&before), ends(&after));
        assert!(old.0 <= new.0 && old.1 <= new.1, "{old:?}, then {new:?}: out of order");
        assert!(before.is_empty() || after.contains(&KEPT), "what stays is gone");
        for node in before.intersection(&after) {
            let once = calls[node] + 1;
            assert_eq!(self.log.calls(*node), once, "the processor of node {node} was not carried over");
        }
    }
}

fn bench(messages: usize) -> (Conductor, Audio, Arc<Log>) {
    let (executor, control) = engine_with_room(Level::detect(), messages);
    let log = Arc::new(Log::default());
    (Conductor::new(control, 48_000), Audio { executor, log: Arc::clone(&log) }, log)
}

/// Plays `calls` calls on a thread of their own.
fn play(mut audio: Audio, calls: usize, frames: usize) -> loom::thread::JoinHandle<Audio> {
    spawn(move || {
        (0..calls).for_each(|_| audio.play(frames));
        audio
    })
}

/// Lets both sides go on, one after the other, until all is done: program `last` runs, and those before it came back in
/// their order. Then everything goes, and must have gone once.
fn finish(mut conductor: Conductor, mut audio: Audio, log: &Log, last: u64) {
    for _ in 0..20 {
        conductor.poll();
        if conductor.settled() {
            break;
        }
        audio.play(240);
    }
    assert!(conductor.settled(), "a program was lost");
    assert_eq!(audio.nodes(), BTreeSet::from([KEPT, OWN + last]));
    let gone: Vec<u64> = (0..last).map(|number| OWN + number).collect();
    assert_eq!(*lock(&log.freed), gone, "freed by the conductor, in order");
    drop(conductor);
    drop(audio);
    all_gone(log, last);
}

/// Every processor was freed once.
fn all_gone(log: &Log, last: u64) {
    let mut freed = lock(&log.freed).clone();
    freed.sort_unstable();
    let all: Vec<u64> = [KEPT].into_iter().chain((0..=last).map(|number| OWN + number)).collect();
    assert_eq!(freed, all, "not all were freed once");
}

/// Three programs at once through one place each way: the second and third wait on both sides.
fn full() {
    let (mut conductor, audio, log) = bench(1);
    let audio = play(audio, 3, 1);
    for number in 0..3 {
        let plan = plan(number, &conductor, &log);
        conductor.begin(plan).expect("a good graph");
    }
    conductor.poll();
    conductor.poll();
    finish(conductor, audio.join().expect("it ends"), &log, 2);
}

#[test]
fn schedules_are_adopted_once_whole_and_in_order_and_freed_by_the_conductor() {
    holds(full);
}

#[test]
fn a_relaxed_hand_over_of_schedules_is_caught() {
    finds(&faults::RELAXED_PUBLISH, "Causality violation", full);
}

#[test]
fn an_early_free_of_a_schedule_is_caught() {
    finds(&faults::EARLY_FREE, "Causality violation", full);
}

#[test]
fn a_schedule_freed_on_the_audio_thread_is_caught() {
    finds(&faults::FREED_HERE, "freed on the audio thread", full);
}

#[test]
fn a_schedule_adopted_without_room_for_the_old_one_is_caught() {
    finds(&faults::NO_ROOM, "lost", full);
}

#[test]
fn a_schedule_that_overtakes_is_caught() {
    finds(&faults::OVERTAKING, "out of order", full);
}

/// An edit while playing: its cross-fade lasts two calls, and what comes next waits for it.
fn edit() {
    let (mut conductor, audio, log) = bench(2);
    let first = plan(0, &conductor, &log);
    conductor.begin(first).expect("a good graph");
    let audio = play(audio, 4, usize::try_from(FADE / 2).expect("short"));
    conductor.poll();
    let second = plan(1, &conductor, &log);
    conductor.update(second).expect("a good graph");
    conductor.poll();
    finish(conductor, audio.join().expect("it ends"), &log, 1);
}

#[test]
fn an_edit_waits_for_the_fade_of_the_one_before_and_carries_over_what_stays() {
    holds(edit);
}

#[test]
fn an_early_free_within_an_edit_is_caught() {
    finds(&faults::EARLY_FREE, "Causality violation", edit);
}

/// The conductor goes while its programs are on the way. Nobody takes back what the audio thread has done with.
fn abandoned() {
    let (mut conductor, audio, log) = bench(1);
    let audio = play(audio, 3, 1);
    for number in 0..3 {
        let plan = plan(number, &conductor, &log);
        conductor.begin(plan).expect("a good graph");
    }
    drop(conductor);
    let mut audio = audio.join().expect("it ends");
    audio.play(1);
    drop(audio);
    all_gone(&log, 2);
}

#[test]
fn a_conductor_that_goes_leaves_nothing_to_be_freed_on_the_audio_thread() {
    holds(abandoned);
}

#[test]
fn a_schedule_freed_here_because_the_conductor_is_gone_is_caught() {
    finds(&faults::FREED_HERE, "freed on the audio thread", abandoned);
}

#[test]
fn a_schedule_lost_because_the_conductor_is_gone_is_caught() {
    finds(&faults::NO_ROOM, "freed once", abandoned);
}
