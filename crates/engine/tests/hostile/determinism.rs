//! The same bytes for any cut into blocks, at any level, batched or not, with silence skipped or not.

use omega_dsp::simd::Level;
use omega_engine::prepare::{ParamSetup, Plan};
use omega_engine::{LanePoint, LaneShape, LoopRange};
use omega_graph::{ChannelMap, MeterId, NodeSpec, Role};
use omega_processor::{BatchFn, ProcessBlock, Processor, Smoothing, Status};
use omega_testkit::processors::{Constant, Echo, Impulse, LatencyNode, Noise, ParamProbe, SideSum, Sine};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;

use crate::{Builder, CONFIG};

/// A low-pass of one pole, alone or in lanes. Where its state is zero it says that it is silent.
pub struct Pole(pub f32);

impl Pole {
    fn run(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let mut state = self.0;
        for out in block.main.get_mut(0) {
            state += 0.25 * (*out - state);
            *out = state + 0.0;
        }
        self.0 = state;
        if block.input_silent && state == 0.0 { Status::Silent } else { Status::Sound }
    }
}

impl Processor for Pole {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.run(block)
    }

    fn reset(&mut self) {
        self.0 = 0.0;
    }

    fn batch(&self) -> Option<BatchFn> {
        Some(|items| {
            for item in items.iter_mut().flatten() {
                let status = item.downcast::<Pole>().map(|(pole, block)| pole.run(block));
                item.status = status.unwrap_or(Status::Failed(0));
            }
        })
    }
}

/// Never says that it is silent, so that nothing is skipped.
struct Loud<P>(P);

impl<P: Processor> Processor for Loud<P> {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.0.process(block);
        Status::Sound
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn latency(&self) -> u32 {
        self.0.latency()
    }
}

#[derive(Clone, Copy)]
struct How {
    batch: bool,
    loud: bool,
}

/// Tracks that sound now and then, latencies, a side-chain, a feedback send, sums in both precisions, automation.
fn plan(how: How) -> Plan {
    let mut builder = Builder::default();
    let (bus, wide, output) = (builder.sum(false), builder.sum(true), builder.output());
    let put = |builder: &mut Builder, loud: bool| match loud {
        true => builder.effect(Loud(Pole(0.0)), Vec::new()),
        false => builder.effect(Pole(0.0), Vec::new()),
    };
    for track in 0..20u32 {
        let seed = track.into();
        let source = match track % 4 {
            0 => builder.source(Noise { seed }),
            1 => builder.source(Impulse { at: i64::from(track) * 100 }),
            2 => builder.source(Sine { cycles_per_frame: 0.01, peak: 0.5 }),
            _ => builder.source(Constant { value: 0.0 }),
        };
        let first = put(&mut builder, how.loud);
        let second = put(&mut builder, how.loud);
        for node in [first, second] {
            builder.plan.spec.nodes[usize::try_from(node).expect("small")].batch = how.batch.then_some(1);
        }
        builder.chain(&[source, first, second]);
        let mut last = second;
        if track % 5 == 0 {
            let setup = vec![ParamSetup::new(track as f32 * 10.0, Smoothing::None)];
            let late = LatencyNode::new(&CONFIG, track * 10);
            last = if how.loud { builder.effect(Loud(late), setup) } else { builder.effect(late, setup) };
            builder.chain(&[second, last]);
        }
        if track % 3 == 0 {
            let echo = Echo::new(&CONFIG, 500);
            let echo =
                if how.loud { builder.effect(Loud(echo), vec![]) } else { builder.effect(echo, vec![]) };
            builder.chain(&[last, echo]);
            last = echo;
        }
        builder.cable(last, if track % 2 == 0 { bus } else { wide });
    }
    let points = (0..30u16).map(|index| LanePoint {
        frame: f64::from(index) * 333.3,
        value: f32::from(index * 7 % 11) * 0.1,
        shape: if index % 2 == 0 { LaneShape::Curve(2.0) } else { LaneShape::Linear },
    });
    let lane = ParamSetup { lane: points.collect(), ..ParamSetup::new(0.0, Smoothing::Linear(5.0)) };
    let probe = builder.effect(ParamProbe, vec![lane]);
    let side = NodeSpec { aux: vec![1], ..builder.next(Role::Processor) };
    let side = builder.node(side, SideSum, Vec::new());
    builder.chain(&[bus, side, wide, output]);
    builder.cable(bus, probe);
    builder.cable(probe, side).port = omega_graph::Port::Aux(0);
    let back = builder.cable(wide, bus);
    (back.feedback, back.map) = (Some(777), ChannelMap::List(vec![(0, 0, 0.25)]));
    builder.meter(output);
    builder.plan
}

/// Plays, loops, edits, stops and plays again, with commands at the same frames for any cut.
fn play(how: How, level: Level, mut block: impl FnMut() -> usize) -> (Vec<u32>, (u32, u64)) {
    let mut rig = Rig::new(level, 1);
    rig.conductor.begin(plan(how)).expect("valid");
    rig.conductor.play();
    let mut heard = vec![Vec::new()];
    for turn in 0..6 {
        match turn {
            1 => rig.conductor.set_loop(LoopRange::new(1000, 2100)),
            2 => {
                let mut plan = plan(how);
                plan.setups.clear();
                // Another route, and another gain on a cable that stays.
                plan.spec.edges.remove(40);
                plan.spec.edges[3].map = ChannelMap::List(vec![(0, 0, 0.5)]);
                rig.conductor.update(plan).expect("valid");
            }
            3 => rig.conductor.stop(),
            4 => rig.conductor.locate(300),
            5 => rig.conductor.play(),
            _ => {}
        }
        let until = heard[0].len() + 2000;
        while heard[0].len() < until {
            let frames = block().min(until - heard[0].len());
            rig.run(frames, &mut heard);
        }
        rig.conductor.poll();
    }
    let reading = rig.conductor.meters()[&MeterId(2)].take();
    (heard[0].iter().map(|value| value.to_bits()).collect(), (reading.peak.to_bits(), reading.frames))
}

#[test]
fn any_cut_and_level_batched_or_not_gives_the_same_bytes() {
    let (batched, single) = (How { batch: true, loud: false }, How { batch: false, loud: false });
    let whole = play(single, Level::Scalar, || 256);
    assert!(whole.0.iter().filter(|bits| **bits != 0).count() > 5000);
    for size in [1, 16, 64, 333, 1000, 4096] {
        assert!(play(batched, Level::detect(), || size) == whole, "blocks of {size}");
    }
    for level in Level::ALL {
        for how in [batched, single] {
            let mut random = Random::new(3);
            let cut = || 1 + random.index(700);
            assert!(play(how, level, cut) == whole, "random blocks, {level}, batched: {}", how.batch);
        }
    }
}

#[test]
fn skipping_silence_changes_no_byte() {
    let skipped = play(How { batch: true, loud: false }, Level::detect(), || 100);
    assert!(skipped == play(How { batch: false, loud: true }, Level::detect(), || 100));
}
