//! Delay compensation against the oracle: whatever the latencies, all that belongs to one moment is heard in one moment.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests run off the audio thread")]

use std::collections::BTreeMap;

use omega_dsp::simd::Level;
use omega_engine::{DECLICK, LoopRange};
use omega_graph::{MeterId, NodeId, Notice};
use omega_rt::guard::CountingAllocator;
use omega_testkit::graphs::{EARLIEST, Graph, Kind};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const GRAPHS: u64 = 1000;

/// Feedback delays as the compiler gave them, by cable.
fn given(rig: &Rig) -> BTreeMap<usize, u32> {
    rig.conductor
        .notices()
        .iter()
        .map(|Notice::FeedbackLengthened { edge, given, .. }| {
            (usize::try_from(edge.0).expect("small"), *given)
        })
        .collect()
}

fn begin(graph: &Graph) -> Rig {
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(graph.plan()).expect("random graphs are valid");
    rig.skip(0);
    rig
}

fn run(rig: &mut Rig, random: &mut Random, frames: usize) -> Vec<f32> {
    let mut heard = vec![Vec::new()];
    while heard[0].len() < frames {
        let block = [1, 7, 64, 256, 333][random.index(5)].min(frames - heard[0].len());
        rig.run(block, &mut heard);
    }
    heard.remove(0)
}

/// Sums of small tails may round differently when a side-chain is added last; an impulse in a wrong frame differs wholly.
fn assert_same(seed: u64, what: &str, heard: &[f32], ideal: &[f32], from: usize) {
    let differs =
        heard.iter().zip(ideal).enumerate().skip(from).find(|(_, (a, b))| (*a - *b).abs() > 1e-6 * b.abs());
    if let Some((frame, (heard, ideal))) = differs {
        panic!("graph {seed}, {what}: frame {frame} is {heard}, should be {ideal}");
    }
}

#[test]
fn every_output_is_the_ideal_one_later_by_the_latency() {
    for seed in 0..GRAPHS {
        let mut random = Random::new(seed);
        let latency = if seed % 10 == 0 { 8192 } else { 300 };
        let graph = Graph::random(&mut random, 12, latency);
        let mut rig = begin(&graph);
        rig.conductor.play();
        let whole = rig.conductor.schedule().latency as usize;
        let frames = 3500;
        let heard = run(&mut rig, &mut random, whole + frames);
        let ideal = graph.ideal(frames, &given(&rig), |t| i64::try_from(t).ok());
        let output = ideal.last().expect("an output");
        assert!(heard[..whole].iter().all(|&v| v == 0.0), "graph {seed}: sound before its time");
        assert_same(seed, "output", &heard[whole..], output, 0);
    }
}

#[test]
fn every_meter_sees_the_impulse_in_its_one_right_frame() {
    for seed in 0..GRAPHS / 10 {
        let mut random = Random::new(seed);
        let graph = Graph::random(&mut random, 8, 300);
        let mut rig = begin(&graph);
        rig.conductor.play();
        let whole = rig.conductor.schedule().latency as usize;
        let frames = 2200;
        let ideal = graph.ideal(frames, &given(&rig), |t| i64::try_from(t).ok());
        let meters: Vec<_> = (0..graph.nodes.len())
            .filter_map(|n| rig.conductor.meters().get(&MeterId(n as u64)).map(|cell| (n, cell.clone())))
            .collect();
        let mut seen = vec![BTreeMap::new(); graph.nodes.len()];
        // A node that nobody hears may lie behind more latency than the output.
        for _ in 0..whole + 8 * 300 + frames {
            rig.skip(1);
            for (node, cell) in &meters {
                let reading = cell.take();
                seen[*node].insert(reading.position, reading.peak);
            }
        }
        for (node, row) in ideal.iter().enumerate() {
            for (frame, value) in row.iter().enumerate() {
                let peak = seen[node].get(&i64::try_from(frame).expect("small"));
                let kind = graph.nodes[node];
                assert_eq!(peak, Some(&value.abs()), "graph {seed}, node {node} {kind:?}, frame {frame}");
            }
        }
    }
}

#[test]
fn after_a_locate_and_over_loop_wraps_it_still_holds() {
    for seed in 0..GRAPHS / 10 {
        let mut random = Random::new(seed);
        let graph = Graph::random(&mut random, 10, 400);
        let mut rig = begin(&graph);
        rig.conductor.play();
        let before = 100 + random.index(900);
        run(&mut rig, &mut random, before);
        let (start, length) = (random.within(EARLIEST, EARLIEST + 200), random.within(64, 500));
        let target = random.within(0, start + length - 1);
        rig.conductor.locate(target);
        rig.conductor.set_loop(LoopRange::new(start, start + length));
        run(&mut rig, &mut random, usize::try_from(DECLICK).expect("positive"));
        let whole = rig.conductor.schedule().latency as usize;
        let frames = 3700;
        let position = |t: usize| {
            let straight = target + i64::try_from(t).expect("small");
            let end = start + length;
            Some(if straight < end { straight } else { start + (straight - end) % length })
        };
        let heard = run(&mut rig, &mut random, whole + frames);
        let ideal = graph.ideal(frames, &given(&rig), position);
        assert!(heard[..whole].iter().all(|&v| v == 0.0), "graph {seed}: delay lines were not flushed");
        let faded = usize::try_from(DECLICK).expect("positive");
        assert_same(seed, "output", &heard[whole..], ideal.last().expect("an output"), faded);
    }
}

/// Latencies change while playing; then the transport goes back to where the impulses are, and they must line up.
#[test]
fn a_latency_that_changes_while_playing_is_compensated_anew() {
    let mut changes = 0;
    for seed in 0..GRAPHS / 5 {
        let mut random = Random::new(seed);
        let mut graph = Graph::random(&mut random, 10, 500);
        let mut rig = begin(&graph);
        rig.conductor.set_loop(LoopRange::new(0, 4000));
        rig.conductor.play();
        run(&mut rig, &mut random, 700);
        for node in 0..graph.nodes.len() {
            let Kind::Latency(_) = graph.nodes[node] else { continue };
            let latency = u32::try_from(random.within(0, 8192)).expect("positive");
            graph.nodes[node] = Kind::Latency(latency);
            rig.conductor.set_param(NodeId(node as u64), 0, latency as f32);
            // The command waits while an earlier transition fades.
            let told = (0..60).any(|_| {
                rig.skip(64);
                !rig.conductor.poll().is_empty()
            });
            if told {
                let mut plan = graph.plan();
                plan.setups.clear();
                rig.conductor.update(plan).expect("valid");
                rig.skip(1 + random.index(1500));
                changes += 1;
            }
        }
        rig.settle();
        let whole = rig.conductor.schedule().latency as usize;
        // No flush: what is heard from here on has gone through the lines as the edits left them.
        let feedback = graph.cables.iter().any(|cable| cable.feedback.is_some());
        if feedback {
            rig.conductor.locate(0);
            rig.skip(usize::try_from(DECLICK).expect("positive"));
            let heard = run(&mut rig, &mut random, whole + 3700);
            let ideal = graph.ideal(3700, &given(&rig), |t| i64::try_from(t).ok());
            let faded = usize::try_from(DECLICK).expect("positive");
            assert_same(seed, "output", &heard[whole..], ideal.last().expect("an output"), faded);
        } else {
            rig.skip(whole + 9000);
            let now = rig.conductor.status();
            assert!(now.rolling);
            let heard = run(&mut rig, &mut random, 8000);
            let start = now.position;
            let looped = |t: usize| Some((start + i64::try_from(t).expect("small")).rem_euclid(4000));
            // The ideal of a loop that has been going on: begin one turn earlier and leave that turn out.
            let ideal = graph.ideal(4000 + 8000, &BTreeMap::new(), |t| looped(t).map(|p| p.rem_euclid(4000)));
            assert_same(seed, "looped output", &heard, &ideal.last().expect("an output")[4000..], 0);
        }
    }
    assert!(changes > GRAPHS / 10, "{changes} changes are too few to prove anything");
}
