//! Storms of transport commands against an oracle that counts frame by frame.

use std::collections::VecDeque;
use std::sync::Arc;

use omega_dsp::math::to_f32;
use omega_dsp::simd::Level;
use omega_engine::prepare::ParamSetup;
use omega_engine::{DECLICK, LanePoint, LaneShape, LoopRange};
use omega_processor::Smoothing;
use omega_testkit::processors::{Constant, LatencyNode, ParamProbe, Ramp, Recorder, Recording};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;

use crate::{Builder, CONFIG};

const LATENCIES: [u32; 3] = [0, 100, 3000];

#[derive(Clone, Copy, Debug)]
enum Order {
    Play,
    Stop,
    Locate(i64),
    Loop(Option<(i64, i64)>),
}

/// The transport, one frame at a time.
#[derive(Default)]
struct Oracle {
    orders: VecDeque<Order>,
    position: i64,
    rolling: bool,
    range: Option<(i64, i64)>,
    /// Whether the loop's end is still ahead, as it was when the last order came.
    wraps: bool,
    leap: Option<(usize, i64)>,
    /// Where each frame lay.
    past: Vec<i64>,
    /// Frame before which everything was forgotten, and whether it rolled there.
    forgotten: usize,
}

impl Oracle {
    /// At the beginning of a call, and where a jump is done.
    fn obey(&mut self) {
        while let Some(order) = self.orders.front().copied() {
            if self.leap.is_some() && !matches!(order, Order::Loop(_)) {
                return;
            }
            self.orders.pop_front();
            let now = self.past.len();
            match order {
                Order::Play if !self.rolling => (self.rolling, self.forgotten) = (true, now),
                Order::Play => {}
                Order::Stop => self.rolling = false,
                Order::Locate(position) if self.rolling => self.leap = Some((now, position)),
                Order::Locate(position) => (self.position, self.forgotten) = (position, now),
                Order::Loop(range) => self.range = range,
            }
            self.wraps = self.range.is_some_and(|(_, end)| self.position < end);
        }
    }

    fn frame(&mut self) {
        self.past.push(self.position);
        if self.rolling {
            self.position += 1;
            if let Some((begin, end)) = self.range.filter(|_| self.wraps) {
                self.position = if self.position == end { begin } else { self.position };
            }
        }
        let (now, declick) = (self.past.len(), usize::try_from(DECLICK).expect("small"));
        if let Some((_, position)) = self.leap.filter(|(since, _)| now - since == declick) {
            (self.leap, self.position, self.forgotten) = (None, position, now);
            self.wraps = self.range.is_some_and(|(_, end)| self.position < end);
            self.obey();
        }
    }
}

/// What each recorder should have heard, while nothing was forgotten that reaches it.
fn naive_lane(points: &[LanePoint], position: i64) -> f32 {
    let at = position as f64;
    let Some(next) = points.iter().position(|point| point.frame > at) else {
        return points.last().expect("points").value;
    };
    let Some(before) = next.checked_sub(1) else { return points[0].value };
    let (a, b) = (points[before], points[next]);
    match a.shape {
        LaneShape::Hold => a.value,
        _ => {
            let share = (at - a.frame) / (b.frame - a.frame);
            to_f32(f64::from(a.value) + (f64::from(b.value) - f64::from(a.value)) * share)
        }
    }
}

fn points(random: &mut Random) -> Vec<LanePoint> {
    let mut frame = -5000.0;
    let mut points = Vec::new();
    while frame < 20_000.0 {
        frame += f64::from(random.value(0.0, 400.0));
        let shape = if random.once_in(3) { LaneShape::Hold } else { LaneShape::Linear };
        points.push(LanePoint { frame, value: random.value(-100.0, 100.0), shape });
    }
    points
}

#[test]
fn positions_and_lanes_are_exact_behind_any_latency_through_storms() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let curve = points(&mut random);
        let frames = 100_000;
        let mut builder = Builder::default();
        let mut recordings: Vec<(Arc<Recording>, usize)> = Vec::new();
        for latency in LATENCIES {
            let source = builder.source(Ramp);
            let late = builder.effect(
                LatencyNode::new(&CONFIG, latency),
                vec![ParamSetup::new(latency as f32, Smoothing::None)],
            );
            let lane = ParamSetup { lane: curve.clone(), ..ParamSetup::new(0.0, Smoothing::Linear(20.0)) };
            let probe = builder.effect(ParamProbe, vec![lane]);
            let (recorder, recording) = Recorder::new(&CONFIG, frames + 1000);
            let recorder = builder.effect(recorder, Vec::new());
            builder.chain(&[source, late, probe, recorder]);
            builder.meter(recorder);
            recordings.push((recording, latency as usize));
        }
        let mut rig = Rig::new(Level::detect(), 0);
        rig.conductor.begin(builder.plan).expect("valid");
        let mut oracle = Oracle::default();
        let mut forgotten = Vec::new();
        while oracle.past.len() < frames {
            let orders = if random.once_in(6) { random.index(5) } else { 0 };
            for _ in 0..orders {
                let order = match random.index(6) {
                    0 => Order::Stop,
                    1 => Order::Locate(random.within(-3000, 12_000)),
                    2 | 3 => {
                        let begin = random.within(-2000, 9000);
                        // Often shorter than the latency.
                        let end = begin + random.within(64, 2500);
                        Order::Loop(Some((begin, end)).filter(|_| !random.once_in(4)))
                    }
                    _ => Order::Play,
                };
                oracle.orders.push_back(order);
                match order {
                    Order::Play => rig.conductor.play(),
                    Order::Stop => rig.conductor.stop(),
                    Order::Locate(position) => rig.conductor.locate(position),
                    Order::Loop(range) => {
                        rig.conductor.set_loop(range.and_then(|(begin, end)| LoopRange::new(begin, end)));
                    }
                }
            }
            let block = [1, 32, 64, 255, 256, 600, 1500][random.index(7)];
            oracle.obey();
            for _ in 0..block {
                forgotten.push(oracle.forgotten);
                oracle.frame();
            }
            rig.skip(block);
            rig.conductor.poll();
        }
        for (recording, latency) in recordings {
            let (positions, samples) = (recording.positions(), recording.channel(0));
            let mut compared = 0;
            for (frame, (position, sample)) in positions.iter().zip(&samples).enumerate() {
                let value = naive_lane(&curve, *position);
                assert_eq!(
                    sample.to_bits(),
                    value.to_bits(),
                    "seed {seed}, latency {latency}, frame {frame}: lane"
                );
                if let Some(then) = frame.checked_sub(latency).filter(|then| *then >= forgotten[frame]) {
                    assert_eq!(*position, oracle.past[then], "seed {seed}, latency {latency}, frame {frame}");
                    compared += 1;
                }
            }
            assert!(compared > frames / 8, "only {compared} frames compared");
        }
    }
}

/// Sound goes on while the transport stands: then a jump is faded too, and another jump on top of it does not step.
#[test]
fn jumps_in_quick_succession_never_step() {
    let mut random = Random::new(5);
    let mut builder = Builder::default();
    let source = builder.source(Constant { value: 1.0 });
    let late = builder.effect(LatencyNode::new(&CONFIG, 300), vec![ParamSetup::new(300.0, Smoothing::None)]);
    let output = builder.output();
    builder.chain(&[source, late, output]);
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    let mut heard = vec![Vec::new()];
    rig.run(2000, &mut heard);
    heard[0].clear();
    for _ in 0..300 {
        match random.index(3) {
            0 => rig.conductor.locate(random.within(0, 1000)),
            1 => rig.conductor.stop(),
            _ => rig.conductor.set_loop(LoopRange::new(0, 100)),
        }
        rig.run([1, 64, 256, 700][random.index(4)], &mut heard);
    }
    let step = heard[0].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step <= 1.01 / DECLICK as f32, "a step of {step}");
    assert!(heard[0].contains(&0.0) && heard[0].contains(&1.0));
}

#[test]
fn a_jump_while_nothing_sounds_is_exact_at_once() {
    let mut builder = Builder::default();
    let (source, output) = (builder.source(Ramp), builder.output());
    builder.chain(&[source, output]);
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    let mut heard = vec![Vec::new()];
    rig.conductor.locate(1000);
    rig.conductor.play();
    rig.run(300, &mut heard);
    assert_eq!((heard[0][0], heard[0][299]), (Ramp::sample(1000), Ramp::sample(1299)));
    rig.conductor.stop();
    rig.run(10, &mut heard);
    rig.conductor.locate(7);
    rig.conductor.play();
    rig.run(1, &mut heard);
    assert_eq!(
        heard[0][309..],
        [0.0, Ramp::sample(7)],
        "the ramp stops by itself, so there is nothing to fade"
    );
}
