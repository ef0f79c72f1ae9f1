//! An engine that looks at a clock: loads, and nodes that take too long. The clock is one that the test turns.

use std::cell::Cell;
use std::sync::Arc;

use omega_dsp::simd::Level;
use omega_engine::prepare::Notification;
use omega_engine::{Clock, Fault, PARTING, STRIKES, Slices};
use omega_graph::NodeId;
use omega_processor::{ProcessBlock, Processor, Status};
use omega_rt::{LoadCell, RtScope, Shared};
use omega_testkit::processors::{Constant, Noise};
use omega_testkit::rig::Rig;

use crate::Builder;

thread_local! {
    /// Each test runs on a thread of its own.
    static NOW: Cell<u64> = const { Cell::new(0) };
}

fn pass(ticks: u64) {
    NOW.set(NOW.get() + ticks);
}

/// One tick a frame.
const CLOCK: Clock = Clock { now: || NOW.get(), ticks_per_second: 48_000, sample_rate: 48_000 };

/// Frames of a call, and so ticks that there are for it.
const CALL: usize = 100;

/// Lets everything through, and takes `ticks` for each block from block `from` on, `blocks` times.
struct Slow {
    ticks: u64,
    from: u64,
    blocks: u64,
    seen: u64,
}

impl Slow {
    fn new(ticks: u64) -> Self {
        Self { ticks, from: 0, blocks: u64::MAX, seen: 0 }
    }
}

impl Processor for Slow {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let slow = self.seen >= self.from && self.seen - self.from < self.blocks;
        self.seen += 1;
        pass(if slow { self.ticks } else { 0 });
        let _ = block;
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// Each of `effects` behind noise of its own, on an output of its own. Gives the effects' ids, and the load as a whole.
fn side_by_side(effects: Vec<Slow>) -> (Rig, Vec<NodeId>, Arc<LoadCell>) {
    let mut builder = Builder::default();
    let count = effects.len();
    let mut ids = Vec::new();
    for (track, effect) in (0u16..).zip(effects) {
        let source = builder.source(Noise { seed: track.into() });
        let effect = builder.effect(effect, Vec::new());
        let output = builder.next(omega_graph::Role::Output { first: track });
        let output = builder.push(output);
        builder.chain(&[source, effect, output]);
        ids.push(NodeId(effect));
    }
    let mut rig = Rig::new(Level::detect(), count);
    let load = Arc::new(LoadCell::default());
    rig.executor.watch(CLOCK, Shared::from(Arc::clone(&load)));
    rig.conductor.begin(builder.plan).expect("valid");
    rig.conductor.play();
    (rig, ids, load)
}

fn play(rig: &mut Rig, calls: usize) -> Vec<Vec<f32>> {
    let mut heard = vec![Vec::new(); rig.outputs];
    (0..calls).for_each(|_| rig.run(CALL, &mut heard));
    heard
}

#[test]
fn who_takes_too_long_is_faded_out_and_named_and_the_rest_plays_on() {
    let (mut clean, _, _) = side_by_side(vec![Slow::new(1), Slow::new(1), Slow::new(1)]);
    let (mut rig, ids, _) =
        side_by_side(vec![Slow::new(1), Slow { from: 50, ..Slow::new(130) }, Slow::new(1)]);
    let (clean, heard) = (play(&mut clean, 200), play(&mut rig, 200));
    assert!(heard[0] == clean[0] && heard[2] == clean[2], "the others are untouched");
    let failed = Notification::Failed { node: ids[1], fault: Fault::Overrun };
    assert_eq!(rig.conductor.poll(), [failed]);
    // The first late call may not have been timed node by node.
    let out = (50..50 + STRIKES as usize + 2).find(|call| heard[1][call * CALL..] != clean[1][call * CALL..]);
    let out = out.expect("it is taken out soon") * CALL;
    assert!(heard[1][..50 * CALL] == clean[1][..50 * CALL]);
    let parting = &heard[1][heard[1].len() - 100 * CALL..];
    assert!(parting.iter().all(|sample| *sample == 0.0), "silent after frame {out}");
    let last = heard[1].iter().rposition(|sample| *sample != 0.0).expect("it sounded");
    let parting = usize::try_from(PARTING).expect("small");
    let left = &heard[1][last + 2 - parting..=last];
    assert!(left.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 1.0 / PARTING as f32 + 1e-6), "a step");
}

#[test]
fn too_much_work_for_all_takes_nobody_out() {
    let (mut rig, _, load) = side_by_side((0..10).map(|_| Slow::new(15)).collect());
    play(&mut rig, 300);
    assert_eq!(rig.conductor.poll(), []);
    let load = load.take();
    assert!((load.average - 1.5).abs() < 1e-3 && (load.worst - 1.5).abs() < 1e-3, "{load:?}");
}

#[test]
fn a_machine_that_stands_still_now_and_then_takes_nobody_out() {
    let stalls = |from| Slow { from, blocks: u64::from(STRIKES) - 1, ..Slow::new(5000) };
    let (mut rig, _, load) = side_by_side(vec![stalls(10), stalls(20), stalls(200), Slow::new(1)]);
    play(&mut rig, 300);
    assert_eq!(rig.conductor.poll(), []);
    assert!(load.take().worst > 40.0);
}

#[test]
fn loads_are_told_node_by_node() {
    let (mut rig, ids, load) = side_by_side(vec![Slow::new(10), Slow::new(25), Slow::new(0)]);
    play(&mut rig, 1000);
    let loads: Vec<_> = ids.iter().map(|id| rig.conductor.loads()[id].take()).collect();
    for (load, expected) in loads.iter().zip([0.1, 0.25, 0.0]) {
        assert!((load.average - expected).abs() < 1e-6 && (load.worst - expected).abs() < 1e-6, "{loads:?}");
    }
    assert!((load.take().average - 0.35).abs() < 1e-4);
    assert_eq!(rig.conductor.loads()[&ids[0]].take(), omega_rt::LoadReading::default(), "taken");
}

#[test]
fn after_a_locate_it_is_tried_again() {
    let (mut rig, ids, _) = side_by_side(vec![Slow { blocks: STRIKES.into(), ..Slow::new(130) }]);
    play(&mut rig, 20);
    assert_eq!(rig.conductor.poll(), [Notification::Failed { node: ids[0], fault: Fault::Overrun }]);
    rig.conductor.locate(0);
    let heard = play(&mut rig, 20);
    assert!(heard[0][19 * CALL..].iter().any(|sample| *sample != 0.0), "it works again");
    assert_eq!(rig.conductor.poll(), []);
}

#[test]
fn looking_at_the_clock_breaks_no_rule() {
    let (mut rig, _, _) = side_by_side(vec![Slow { from: 50, ..Slow::new(130) }, Slow::new(1)]);
    let mut memory = vec![0.0; 2 * CALL];
    for _ in 0..100 {
        let scope = RtScope::enter();
        let mut outside = omega_engine::Planar { inputs: &[], outputs: &mut memory, frames: CALL };
        rig.executor.process(&mut outside, CALL);
        assert_eq!(scope.counts(), omega_rt::RtCounts::default());
    }
}

#[test]
fn where_the_outside_waits_nobody_is_late() {
    let (mut rig, _, load) = side_by_side(vec![Slow::new(1000)]);
    let mut memory = [0.0; CALL];
    for _ in 0..100 {
        let mut outside = Slices { inputs: &[], outputs: &mut [&mut memory], midi: &[], waits: true };
        rig.executor.process(&mut outside, CALL);
    }
    assert_eq!(rig.conductor.poll(), []);
    assert!((load.take().average - 10.0).abs() < 1e-3);
}

#[test]
fn without_a_clock_there_is_all_the_time_in_the_world() {
    let mut builder = Builder::default();
    let source = builder.source(Constant { value: 0.5 });
    let (slow, output) = (builder.effect(Slow::new(1_000_000), Vec::new()), builder.output());
    builder.chain(&[source, slow, output]);
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    assert!(play(&mut rig, 50)[0].iter().all(|sample| *sample == 0.5));
    assert_eq!(rig.conductor.poll(), []);
}
