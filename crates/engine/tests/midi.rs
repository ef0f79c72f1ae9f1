//! MIDI from outside: every message in its frame at the nodes that hear it, and no key left hanging.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests run off the audio thread"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "frames, keys and counts here are small"
)]

use std::sync::{Arc, Mutex};

use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, NodeSetup, Plan, engine};
use omega_engine::{Executor, LoopRange, Slices};
use omega_graph::{EdgeId, EdgeSpec, MeterId, MeterSpec, NodeId, NodeSpec, Role};
use omega_processor::{Event, EventKind, ProcessBlock, Processor, Status};
use omega_rt::RtScope;
use omega_rt::guard::CountingAllocator;
use omega_testkit::random::Random;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Frame of the executor's time, position on the time line, message.
type Heard = Vec<(i64, i64, [u8; 3])>;

/// Notes what it hears, in memory that is there before.
struct Ear {
    time: i64,
    heard: Arc<Mutex<Heard>>,
}

impl Processor for Ear {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let mut last = 0;
        if !block.events.is_empty() {
            let mut heard = self.heard.try_lock().expect("nobody reads meanwhile");
            for event in block.events {
                assert!(
                    (event.frame as usize) < block.frames() && event.frame >= last,
                    "sorted, within the block"
                );
                last = event.frame;
                if let EventKind::Midi(_, bytes) = event.kind {
                    assert!(heard.len() < heard.capacity());
                    let frame = i64::from(event.frame);
                    heard.push((self.time + frame, block.transport.position + frame, bytes));
                }
            }
        }
        self.time += block.frames() as i64;
        block.main.iter_mut().for_each(|channel| channel.fill(0.0));
        Status::Silent
    }

    fn reset(&mut self) {}
}

/// A node that hears input `hears`, behind so many frames of latency.
fn plan(hears: Option<u16>, behind: i32, heard: &Arc<Mutex<Heard>>) -> Plan {
    let mut plan = Plan::default();
    let spec = &mut plan.spec;
    // A channel that is not there.
    spec.nodes.push(NodeSpec::new(NodeId(1), "nothing", Role::Input { first: 99 }, 1));
    spec.nodes.push(NodeSpec { hears, ..NodeSpec::new(NodeId(2), "ear", Role::Processor, 1) });
    spec.edges.push(EdgeSpec { shift: -behind, ..EdgeSpec::new(EdgeId(1), NodeId(1), NodeId(2)) });
    spec.meters.push(MeterSpec { id: MeterId(1), node: NodeId(2) });
    plan.params.insert(NodeId(2), Vec::new());
    let ear: Box<dyn Processor> = Box::new(Ear { time: 0, heard: Arc::clone(heard) });
    plan.setups.insert(NodeId(2), NodeSetup { processor: Some(ear), params: Vec::new() });
    plan
}

fn begin(hears: Option<u16>, behind: i32) -> (Executor, Conductor, Arc<Mutex<Heard>>) {
    let heard = Arc::new(Mutex::new(Heard::with_capacity(10_000)));
    let (executor, control) = engine(Level::detect());
    let mut conductor = Conductor::new(control, 48_000);
    conductor.begin(plan(hears, behind, &heard)).expect("compiled");
    (executor, conductor, heard)
}

/// Calls the engine for `frames` frames with what comes in during them.
fn call(executor: &mut Executor, frames: usize, midi: &[Event]) {
    let mut memory = vec![0.0; frames];
    let scope = RtScope::enter();
    executor.process(&mut Slices { inputs: &[], outputs: &mut [&mut memory], midi, waits: true }, frames);
    assert!(scope.counts().is_clean(), "{:?}", scope.counts());
}

fn midi(frame: u32, port: u16, bytes: [u8; 3]) -> Event {
    Event { frame, kind: EventKind::Midi(port, bytes) }
}

fn taken(heard: &Mutex<Heard>) -> Vec<[u8; 3]> {
    heard.lock().expect("whole").drain(..).map(|(_, _, bytes)| bytes).collect()
}

/// However calls are cut and wherever a loop wraps: a message is heard in the frame in which it came in, and a node behind the
/// sources hears it at once and sees where those were.
#[test]
fn messages_are_heard_in_their_frames_for_any_cut_and_over_loops() {
    let mut random = Random::new(3);
    for behind in [0, 1, 777] {
        let (mut executor, mut conductor, heard) = begin(Some(1), behind);
        conductor.set_loop(LoopRange::new(100, 1100));
        conductor.locate(100);
        call(&mut executor, 1, &[]);
        conductor.play();
        let (mut time, mut wanted) = (1, Vec::new());
        while time < 20_000 {
            let frames = 1 + random.index(700);
            let mut events: Vec<Event> = (0..random.index(6))
                .map(|n| {
                    midi(
                        random.index(frames) as u32,
                        (n % 2) as u16,
                        [0xB0, n as u8, random.index(128) as u8],
                    )
                })
                .collect();
            events.sort_by_key(|event| event.frame);
            for event in &events {
                if let EventKind::Midi(1, bytes) = event.kind {
                    let at = time + i64::from(event.frame);
                    let rolled = at - 1 - i64::from(behind);
                    wanted.push((at, (rolled >= 0).then_some(100 + rolled.max(0) % 1000), bytes));
                }
            }
            call(&mut executor, frames, &events);
            time += frames as i64;
        }
        let heard = heard.lock().expect("whole");
        assert_eq!(heard.len(), wanted.len());
        // Where it was before it began to roll matters to nobody.
        let alike = |heard: &(i64, i64, [u8; 3]), wanted: &(i64, Option<i64>, [u8; 3])| {
            (heard.0, heard.2) == (wanted.0, wanted.2) && wanted.1.is_none_or(|position| position == heard.1)
        };
        let wrong = heard.iter().zip(&wanted).find(|(heard, wanted)| !alike(heard, wanted));
        assert_eq!(wrong, None, "{behind} frames behind");
    }
}

#[test]
fn keys_are_let_go_of_at_a_stop_when_asked_and_when_nobody_hears_them_any_more() {
    let held = [midi(3, 0, [0x92, 60, 99]), midi(5, 0, [0x92, 64, 1]), midi(6, 0, [0xB2, 64, 127])];
    let released = [[0x82, 60, 64], [0x82, 64, 64], [0xB2, 64, 0]];
    let (mut executor, mut conductor, heard) = begin(Some(0), 0);
    let press = |executor: &mut Executor| {
        call(executor, 64, &held);
        assert_eq!(taken(&heard).len(), 3);
    };
    press(&mut executor);
    conductor.stop();
    call(&mut executor, 64, &[]);
    assert_eq!(taken(&heard), released, "a stop");
    press(&mut executor);
    conductor.release_keys();
    // What is pressed in the same block stays down.
    call(&mut executor, 64, &[midi(0, 0, [0x92, 60, 7])]);
    assert_eq!(taken(&heard), [&released[..], &[[0x92, 60, 7]]].concat(), "it was asked for");
    call(&mut executor, 64, &[midi(1, 0, [0x82, 60, 7])]);
    assert_eq!(taken(&heard), [[0x82, 60, 7]]);
    conductor.stop();
    call(&mut executor, 64, &[]);
    assert!(taken(&heard).is_empty(), "nothing is down");
    press(&mut executor);
    // Another input, then none: those who held keys on the first are not heard any more.
    let told = goes_over(&mut executor, &mut conductor, &heard, Some(1));
    assert_eq!(told, released, "another input is heard");
    call(&mut executor, 64, &[midi(0, 0, [0x90, 9, 1]), midi(0, 1, [0x90, 1, 1])]);
    assert_eq!(taken(&heard), [[0x90, 1, 1]]);
    let told = goes_over(&mut executor, &mut conductor, &heard, None);
    assert_eq!(told, [[0x80, 1, 64]], "disarmed");
}

/// Lets the node hear another input; gives what it heard meanwhile.
fn goes_over(
    executor: &mut Executor,
    conductor: &mut Conductor,
    heard: &Arc<Mutex<Heard>>,
    hears: Option<u16>,
) -> Vec<[u8; 3]> {
    settle(executor, conductor);
    let mut other = plan(hears, 0, heard);
    other.setups.clear();
    conductor.update(other).expect("compiled");
    settle(executor, conductor);
    taken(heard)
}

/// Calls the engine until all that was sent is in use.
fn settle(executor: &mut Executor, conductor: &mut Conductor) {
    for _ in 0..1000 {
        conductor.poll();
        call(executor, 64, &[]);
        if conductor.settled() {
            return;
        }
    }
    panic!("it is never in use");
}

#[test]
fn more_than_a_block_holds_is_counted() {
    let (mut executor, mut conductor, heard) = begin(Some(0), 0);
    let burst: Vec<Event> = (0..1000).map(|n| midi(n / 20, 0, [0xB0, 1, (n % 128) as u8])).collect();
    call(&mut executor, 64, &burst);
    let kept = taken(&heard).len();
    assert!(kept > 200, "{kept}");
    assert_eq!(conductor.status().dropped, 1000 - kept as u64);
}
