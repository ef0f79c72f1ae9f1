//! What one node does wrong stays with it: it fades out and is named, everything else plays on.

use omega_dsp::simd::Level;
use omega_engine::prepare::{Notification, ParamSetup};
use omega_engine::{Fault, PARTING, Planar, RUNAWAY};
use omega_graph::{ChannelMap, MeterId, NodeId, NodeSpec, Role};
use omega_processor::{ProcessBlock, Processor, Smoothing, Status};
use omega_testkit::processors::{Constant, FailingNode, LatencyNode, NanNode, Noise};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;

use crate::determinism::Pole;
use crate::{Builder, CONFIG};

/// Lets everything through but for one frame of the clock.
struct Spike {
    at: i64,
    value: f32,
}

impl Processor for Spike {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let frame = usize::try_from(self.at - block.transport.clock).unwrap_or(usize::MAX);
        for channel in block.main.iter_mut() {
            if let Some(sample) = channel.get_mut(frame) {
                *sample = self.value;
            }
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}

/// A constant through `suspect`, which may have a meter, beside another constant. Gives the suspect's id.
fn beside_another(suspect: impl Processor, metered: bool) -> (Rig, NodeId) {
    let mut builder = Builder::default();
    let (source, other) = (builder.source(Constant { value: 0.5 }), builder.source(Constant { value: 0.25 }));
    let (suspect, output) = (builder.effect(suspect, Vec::new()), builder.output());
    builder.chain(&[source, suspect, output]);
    builder.cable(other, output);
    if metered {
        builder.meter(suspect);
    }
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    rig.conductor.play();
    (rig, NodeId(suspect))
}

/// What is heard of [`beside_another`] when the suspect is taken out at `frame`.
fn parted(frame: usize, frames: usize) -> Vec<f32> {
    let left = |at: usize| (PARTING as f32 - (at + 1) as f32).max(0.0) / PARTING as f32;
    (0..frames).map(|at| 0.25 + if at < frame { 0.5 } else { 0.5 * left(at - frame) }).collect()
}

#[test]
fn bad_numbers_fade_out_where_they_arise_for_any_cut_and_are_named_once() {
    let bad = [
        (f32::NAN, Fault::NotFinite),
        (f32::NEG_INFINITY, Fault::NotFinite),
        (RUNAWAY * 1.001, Fault::Runaway),
        (-f32::MAX, Fault::Runaway),
    ];
    for (seed, (value, fault)) in bad.into_iter().cycle().take(24).enumerate() {
        let (mut random, metered) = (Random::new(seed as u64), seed % 8 < 4);
        let at = random.index(1500);
        let (mut rig, suspect) =
            beside_another(Spike { at: i64::try_from(at).expect("small"), value }, metered);
        let mut heard = vec![Vec::new()];
        while heard[0].len() < 3000 {
            let left = 3000 - heard[0].len();
            rig.run((1 + random.index(400)).min(left), &mut heard);
        }
        let expected = parted(at, 3000);
        for (frame, (heard, expected)) in heard[0].iter().zip(&expected).enumerate() {
            assert!((heard - expected).abs() < 1e-6, "{value} at {at}: {heard}, not {expected} at {frame}");
        }
        assert_eq!(rig.conductor.poll(), [Notification::Failed { node: suspect, fault }]);
        // The meter shows what was heard of the node, and nothing of what was kept back.
        let Some(meter) = rig.conductor.meters().get(&MeterId(suspect.0)).filter(|_| metered) else {
            continue;
        };
        let shown = meter.take();
        let heard = expected.iter().map(|sample| f64::from(sample - 0.25));
        assert_eq!((shown.peak, shown.frames), (0.5, 3000), "{value} at {at}");
        assert!((shown.sum_sq - heard.map(|sample| sample * sample).sum::<f64>()).abs() < 1e-3);
    }
}

#[test]
fn the_loudest_sample_that_is_allowed_passes() {
    let (mut rig, _) = beside_another(Spike { at: 100, value: RUNAWAY }, true);
    let mut heard = vec![Vec::new()];
    rig.run(500, &mut heard);
    assert_eq!((heard[0][99], heard[0][100], heard[0][101]), (0.75, RUNAWAY + 0.25, 0.75));
    assert_eq!(rig.conductor.poll(), []);
}

#[test]
fn a_node_that_stops_by_itself_fades_too_and_stays_out() {
    let (mut rig, suspect) = beside_another(FailingNode { from: 640, code: 3 }, false);
    let mut heard = vec![Vec::new()];
    (0..20).for_each(|_| rig.run(64, &mut heard));
    let largest = heard[0].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(largest <= 0.5 / PARTING as f32 + 1e-6, "a step of {largest}");
    assert_eq!(heard[0].last(), Some(&0.25));
    assert_eq!(rig.conductor.poll(), [Notification::Failed { node: suspect, fault: Fault::Stopped(3) }]);
    rig.conductor.locate(0);
    heard[0].clear();
    (0..10).for_each(|_| rig.run(64, &mut heard));
    assert_eq!(heard[0].last(), Some(&0.25), "nothing brings it back");
}

#[test]
fn after_a_locate_it_is_tried_again_and_taken_out_again() {
    let (mut rig, suspect) = beside_another(NanNode { from: 1000 }, true);
    let told = [Notification::Failed { node: suspect, fault: Fault::NotFinite }];
    for _ in 0..3 {
        let mut heard = vec![Vec::new()];
        rig.run(2000, &mut heard);
        assert!(heard[0].iter().all(|sample| sample.is_finite()));
        assert!(heard[0].contains(&0.75), "it works again");
        assert_eq!(heard[0].last(), Some(&0.25));
        assert_eq!(rig.conductor.poll(), told);
        rig.conductor.locate(0);
    }
}

#[test]
fn a_feedback_that_runs_away_is_stopped_and_the_rest_plays_on() {
    let mut builder = Builder::default();
    let source = builder.source(Noise { seed: 1 });
    let late = builder.effect(LatencyNode::new(&CONFIG, 64), vec![ParamSetup::new(64.0, Smoothing::None)]);
    let (other, output) = (builder.source(Constant { value: 0.25 }), builder.output());
    builder.chain(&[source, late, output]);
    builder.cable(other, output);
    let back = builder.cable(late, late);
    (back.feedback, back.map) = (Some(300), ChannelMap::List(vec![(0, 0, 4.0)]));
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    rig.conductor.play();
    let mut heard = vec![Vec::new()];
    (0..100).for_each(|_| rig.run(256, &mut heard));
    assert!(heard[0].iter().all(|sample| sample.abs() <= RUNAWAY + 1.0));
    assert_eq!(heard[0].last(), Some(&0.25));
    assert_eq!(rig.conductor.poll(), [Notification::Failed { node: NodeId(late), fault: Fault::Runaway }]);
}

/// Eight strips in lanes, one of which goes wrong: the bytes of the others are those of a run in which it does not.
#[test]
fn neighbours_in_lanes_are_untouched() {
    let run = |bad: Option<u64>| {
        let mut builder = Builder::default();
        for track in 0..8u64 {
            let source = builder.source(Noise { seed: track });
            let value = if bad == Some(track) { f32::NAN } else { 0.0 };
            let spike = builder.effect(Spike { at: 777, value }, Vec::new());
            let pole = NodeSpec { batch: Some(1), ..builder.next(Role::Processor) };
            let pole = builder.node(pole, Pole(0.0), Vec::new());
            let output = builder.push(NodeSpec {
                role: Role::Output { first: u16::try_from(track).expect("small") },
                ..builder.next(Role::Processor)
            });
            builder.chain(&[source, spike, pole, output]);
        }
        let mut rig = Rig::new(Level::detect(), 8);
        rig.conductor.begin(builder.plan).expect("valid");
        rig.conductor.play();
        let mut heard = vec![Vec::new(); 8];
        (0..20).for_each(|_| rig.run(100, &mut heard));
        heard
    };
    let (clean, spoiled) = (run(None), run(Some(3)));
    for (track, (clean, spoiled)) in clean.iter().zip(&spoiled).enumerate() {
        assert_eq!(clean == spoiled, track != 3, "track {track}");
        assert!(spoiled.iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn hardware_that_sends_no_numbers_is_silence() {
    let mut builder = Builder::default();
    let input = builder.push(NodeSpec { inputs: 0, ..builder.next(Role::Input { first: 0 }) });
    let output = builder.output();
    builder.chain(&[input, output]);
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(builder.plan).expect("valid");
    let mut hear = |inputs: &[f32; 4]| {
        let mut outputs = [9.0; 4];
        rig.executor.process(&mut Planar { inputs, outputs: &mut outputs, frames: 4 }, 4);
        outputs
    };
    assert_eq!(hear(&[1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(hear(&[1.0, f32::NAN, 3.0, 4.0]), [0.0; 4]);
    assert_eq!(hear(&[1.0, 2.0, 3.0, f32::INFINITY]), [0.0; 4]);
    assert_eq!(hear(&[1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]);
}
