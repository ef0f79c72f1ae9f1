//! Extreme numbers and full FIFOs.

use omega_dsp::simd::Level;
use omega_engine::prepare::{Notification, ParamSetup, engine};
use omega_engine::{Command, EngineEvent, Fault, LoopRange, Planar};
use omega_graph::{ChannelMap, NodeId};
use omega_processor::{EventKind, ProcessBlock, Processor, Smoothing, Status};
use omega_testkit::processors::{Constant, EventProbe, FailingNode, LatencyNode, ParamProbe, Ramp};
use omega_testkit::rig::Rig;

use crate::{Builder, CONFIG};

fn rig(builder: Builder) -> Rig {
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    rig
}

fn run(rig: &mut Rig, frames: usize) -> Vec<f32> {
    let mut heard = vec![Vec::new()];
    rig.run(frames, &mut heard);
    heard.remove(0)
}

#[test]
fn blocks_of_any_size_and_no_outputs_are_served() {
    let mut builder = Builder::default();
    let (source, output) = (builder.source(Ramp), builder.output());
    builder.chain(&[source, output]);
    let mut rig = rig(builder);
    rig.conductor.play();
    assert!(run(&mut rig, 0).is_empty());
    assert_eq!(run(&mut rig, 1), [0.0]);
    let heard = run(&mut rig, 100_000);
    assert!(heard.iter().zip(1..).all(|(value, frame)| *value == Ramp::sample(frame)));
    rig.executor.process(&mut Planar { inputs: &[], outputs: &mut [], frames: 50 }, 50);
    let mut short = [9.0; 10];
    rig.executor.process(&mut Planar { inputs: &[], outputs: &mut short, frames: 10 }, 500);
    assert_eq!(short, [0.0; 10], "what is shorter than announced stays silent");
    assert_eq!(run(&mut rig, 1), [Ramp::sample(100_551)]);
}

#[test]
fn positions_at_the_ends_of_time_are_survived() {
    let mut builder = Builder::default();
    let source = builder.source(Ramp);
    let late = builder.effect(LatencyNode::new(&CONFIG, 500), vec![ParamSetup::new(500.0, Smoothing::None)]);
    let probe = builder.effect(ParamProbe, vec![ParamSetup::new(0.5, Smoothing::Linear(1.0))]);
    let output = builder.output();
    builder.chain(&[source, late, probe, output]);
    let mut rig = rig(builder);
    for position in [i64::MAX, i64::MIN, i64::MAX - 100, 0, i64::MIN + 1] {
        rig.conductor.locate(position);
        rig.conductor.play();
        run(&mut rig, 1000);
        rig.conductor.set_loop(LoopRange::new(position.saturating_sub(100), position));
        run(&mut rig, 1000);
        rig.conductor.stop();
        run(&mut rig, 1000);
    }
    assert!(run(&mut rig, 100).iter().all(|value| *value == 0.5));
}

#[test]
fn commands_for_what_is_not_there_come_to_nothing_and_heap_values_come_back() {
    let (mut executor, mut control) = engine(Level::detect());
    let far = u32::MAX;
    let payload: Box<dyn core::any::Any + Send> = Box::new(1u8);
    let commands = [
        Command::Param { node: far, param: u16::MAX, value: 1.0, smooth: true },
        Command::Event { node: far, kind: EventKind::Transport },
        Command::Exchange { node: far, payload: payload.into() },
        Command::Lane { node: far, param: 0, lane: None },
    ];
    for command in commands {
        control.commands.push(command).expect("room");
    }
    executor.process(&mut Planar { inputs: &[], outputs: &mut [], frames: 0 }, 64);
    assert!(matches!(control.events.pop(), Some(EngineEvent::Payload(_))));
    assert!(control.events.pop().is_none());
    for _ in 0..1000 {
        control.commands.push(Command::Event { node: 0, kind: EventKind::Transport }).expect("room");
    }
    (0..10).for_each(|_| executor.process(&mut Planar { inputs: &[], outputs: &mut [], frames: 0 }, 0));
    assert_eq!(control.status.get().dropped, 1000 - 256, "more events than a block can hold");
}

#[test]
fn values_that_are_not_numbers_change_nothing() {
    let mut builder = Builder::default();
    let probe = builder.effect(ParamProbe, vec![ParamSetup::new(f32::NAN, Smoothing::Linear(1.0))]);
    let (source, output) = (builder.source(Constant { value: 0.0 }), builder.output());
    builder.chain(&[source, probe, output]);
    let mut rig = rig(builder);
    assert_eq!(run(&mut rig, 1), [0.0]);
    rig.conductor.set_param(NodeId(probe), 0, 2.0);
    run(&mut rig, 100);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        rig.conductor.set_param(NodeId(probe), 0, value);
        rig.conductor.set_param(NodeId(probe), 1, value);
        rig.conductor.set_param(NodeId(99), 0, value);
        assert!(run(&mut rig, 100).iter().all(|value| *value == 2.0));
    }
}

#[test]
fn ten_thousand_nodes_in_one_sum_and_a_thousand_in_a_loop_of_one_frame_are_exact() {
    let mut builder = Builder::default();
    let (sum, output) = (builder.sum(false), builder.output());
    for _ in 0..10_000 {
        let source = builder.source(Constant { value: 1.0 });
        builder.cable(source, sum);
    }
    builder.chain(&[sum, output]);
    assert!(run(&mut rig(builder), 300).iter().all(|value| *value == 10_000.0));

    let mut builder = Builder::default();
    let source = builder.source(Constant { value: 1.0 });
    let nodes: Vec<u64> = (0..1000).map(|_| builder.sum(false)).collect();
    let output = builder.output();
    builder.chain(&[source, nodes[0]]);
    builder.chain(&nodes);
    builder.chain(&[nodes[999], output]);
    let back = builder.cable(nodes[999], nodes[0]);
    (back.feedback, back.map) = (Some(1), ChannelMap::List(vec![(0, 0, 0.5)]));
    let mut rig = rig(builder);
    rig.conductor.play();
    let heard = run(&mut rig, 40);
    let mut last = 0.0;
    for value in heard {
        last = 1.0 + 0.5 * last;
        assert_eq!(value, last);
    }
}

/// The audio thread has not run for a while: everything waits, the last value of a parameter counts, order is kept.
#[test]
fn a_full_fifo_loses_nothing() {
    let mut builder = Builder::default();
    let (source, events) = (builder.source(Ramp), builder.source(EventProbe));
    let probe = builder.effect(ParamProbe, vec![ParamSetup::new(0.0, Smoothing::None)]);
    let (idle, output) = (builder.source(Constant { value: 0.0 }), builder.output());
    builder.chain(&[source, output]);
    builder.chain(&[idle, probe, output]);
    builder.chain(&[events, output]);
    let mut rig = rig(builder);
    run(&mut rig, 1);
    for turn in 0..50_000u16 {
        rig.conductor.set_param(NodeId(probe), 0, turn.into());
    }
    rig.conductor.locate(100);
    rig.conductor.play();
    rig.conductor.set_param(NodeId(probe), 0, 0.25);
    assert!(!rig.conductor.settled());
    for _ in 0..500 {
        run(&mut rig, 0);
        rig.conductor.poll();
    }
    assert!(rig.conductor.settled());
    assert_eq!(run(&mut rig, 2), [100, 101].map(|frame| Ramp::sample(frame) + 0.25));
    assert_eq!(rig.conductor.status().dropped, 0);
}

/// Nobody fetches what the engine has to say, until there is no room: news waits, and is told when there is.
#[test]
fn news_is_told_even_when_nobody_listened_for_long() {
    let mut builder = Builder::default();
    let source = builder.source(Constant { value: 1.0 });
    let late = builder.effect(LatencyNode::new(&CONFIG, 10), vec![ParamSetup::new(10.0, Smoothing::None)]);
    let failing = builder.effect(FailingNode { from: 3000, code: 7 }, Vec::new());
    let output = builder.output();
    builder.chain(&[source, late, failing, output]);
    let mut rig = rig(builder);
    run(&mut rig, 1);
    for _ in 0..20_000 {
        rig.conductor.exchange(NodeId(source), Box::new(0u8));
    }
    rig.conductor.set_param(NodeId(late), 0, 20.0);
    for _ in 0..100 {
        run(&mut rig, 10);
    }
    // The events' FIFO is full, the parameter's command waits behind payloads.
    let mut heard = Vec::new();
    for _ in 0..400 {
        run(&mut rig, 10);
        heard.extend(rig.conductor.poll());
    }
    let latency = Notification::LatencyChanged { node: NodeId(late), frames: 20 };
    let failed = Notification::Failed { node: NodeId(failing), fault: Fault::Stopped(7) };
    assert!(heard.contains(&latency) && heard.contains(&failed), "{heard:?}");
    assert_eq!(rig.conductor.status().dropped, 0);
    assert_eq!(run(&mut rig, 1), [0.0], "what failed is silent");
}

/// Allocates and frees in every block.
struct Wasteful;

impl Processor for Wasteful {
    fn process(&mut self, _: &mut ProcessBlock<'_>) -> Status {
        drop(std::hint::black_box(vec![0u8; 64]));
        Status::Sound
    }

    fn reset(&mut self) {}
}

#[test]
#[should_panic(expected = "the engine: RtCounts")]
fn what_allocates_in_the_engine_fails_every_test_that_runs_it() {
    let mut builder = Builder::default();
    let (source, output) = (builder.source(Wasteful), builder.output());
    builder.chain(&[source, output]);
    rig(builder).skip(64);
}
