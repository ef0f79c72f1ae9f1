//! What a plugin does is what is heard, in this process and in a worker, for any cut into blocks.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "tests prepare and judge off the audio thread"
)]
#![cfg(target_os = "linux")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "numbers of frames in a test are small"
)]

mod common;

use common::{LIVE, Plugs, Rig, bits, noise, worker};
use omega_plugin::state::PluginState;
use omega_plugin::{Pace, Way};
use omega_processor::{EventKind, NoteAddress, Processor};
use omega_testplugs::{GAIN, Kind, LATENCY};

const CUTS: [&[usize]; 5] = [&[256], &[128], &[1], &[3, 200, 17, 64], &[255, 1, 128]];

fn rendered(plugs: &Plugs, kind: Kind, way: Way, cut: &[usize], set: impl Fn(&mut Rig)) -> Vec<u32> {
    let mut rig = Rig::open(plugs, kind, way, Pace::Waiting);
    set(&mut rig);
    bits(&rig.noise(6000, cut))
}

#[test]
fn what_goes_in_comes_out_later_by_the_latency_that_is_told() {
    let plugs = Plugs::new();
    for (kind, own) in [(Kind::Gain, 0), (Kind::Latency, LATENCY)] {
        for way in [Way::Inside, worker()] {
            let mut rig = Rig::open(&plugs, kind, way, Pace::Waiting);
            let latency = rig.plugin.latency();
            assert_eq!(latency, u32::try_from(Pace::Waiting.lag()).unwrap() + own);
            assert_eq!(rig.processor.latency(), latency);
            let heard = rig.noise(6000, &[100]);
            for frame in 0..6000i64 {
                let at = frame - i64::from(latency);
                let expected = if at < 0 { 0.0 } else { noise(at) };
                let heard = (heard[frame as usize], heard[6000 + frame as usize]);
                assert_eq!(heard, (expected, -0.5 * expected), "{kind:?}, frame {frame}");
            }
        }
    }
}

#[test]
fn a_worker_and_this_process_give_the_same_bytes_for_any_cut() {
    let plugs = Plugs::new();
    let automated = |rig: &mut Rig| {
        rig.line = Some((0, |frame| if frame < 1000 { -6.0 } else { (frame % 700) as f32 / 70.0 - 9.0 }));
    };
    // The last counts its calls: not even how often a plugin is called depends on the cut.
    for kind in [Kind::Gain, Kind::Latency, Kind::SideChain, Kind::Mono, Kind::Sleeps] {
        let reference = rendered(&plugs, kind, Way::Inside, &[256], automated);
        assert!(reference.iter().any(|&bits| bits != 0));
        for cut in CUTS {
            assert_eq!(rendered(&plugs, kind, Way::Inside, cut, automated), reference, "{kind:?} {cut:?}");
        }
        for cut in [CUTS[0], CUTS[3]] {
            assert_eq!(
                rendered(&plugs, kind, worker(), cut, automated),
                reference,
                "{kind:?} {cut:?} worker"
            );
        }
    }
}

#[test]
fn automation_is_heard_at_its_frame() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Gain, way, Pace::Waiting);
        rig.line = Some((0, |frame| if frame < 1234 { 0.0 } else { 6.4 }));
        let heard = rig.noise(4000, &[256]);
        for (frame, heard) in (0..).zip(&heard[256..4000]) {
            let gain = if frame < 1234 { 1.0 } else { 1.0 + f64::from(6.4f32) / 64.0 };
            assert_eq!(*heard, noise(frame) * gain as f32, "frame {frame}");
        }
    }
}

#[test]
fn modulation_is_added_and_goes_away_again() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Gain, way, Pace::Waiting);
        rig.events =
            vec![(300, EventKind::ParamModulation(0, 8.0)), (901, EventKind::ParamModulation(0, 0.0))];
        let heard = rig.noise(3000, &[77]);
        for (frame, heard) in (0..).zip(&heard[256..3000]) {
            let gain = if (300..901).contains(&frame) { 1.125 } else { 1.0 };
            assert_eq!(*heard, noise(frame) * gain, "frame {frame}");
        }
    }
}

#[test]
fn notes_sound_from_their_frame_to_their_end() {
    let plugs = Plugs::new();
    let address = |note| NoteAddress { note, channel: 0, key: 60 };
    let run = |way: Way, cut: &[usize]| {
        let mut rig = Rig::open(&plugs, Kind::Sines, way, Pace::Waiting);
        rig.events = vec![
            (500, EventKind::NoteOn(address(1), 0.5)),
            (1000, EventKind::NoteOn(address(2), 0.25)),
            (1500, EventKind::NoteOff(address(1), 0.0)),
            (2001, EventKind::NoteChoke(address(-1))),
            (2500, EventKind::Midi(0, [0x90, 64, 127])),
            (2700, EventKind::Midi(0, [0x80, 64, 0])),
        ];
        rig.noise(4000, cut)
    };
    let reference = run(Way::Inside, &[256]);
    let loud = |range: std::ops::Range<usize>| reference[range].iter().any(|&sample| sample != 0.0);
    let lag = Pace::Waiting.lag();
    assert!(!loud(0..lag + 500) && reference[lag + 500] != 0.0, "a note begins at its frame");
    assert!(loud(lag + 500..lag + 2001) && !loud(lag + 2001..lag + 2500), "and ends at its frame");
    assert!(reference[lag + 2500] != 0.0 && !loud(lag + 2700..4000));
    for (way, cut) in [(Way::Inside, CUTS[3]), (worker(), CUTS[0]), (worker(), CUTS[4])] {
        assert_eq!(bits(&run(way, cut)), bits(&reference), "{cut:?}");
    }
}

#[test]
fn a_side_chain_is_heard_through_the_plugin_that_has_one() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::SideChain, way, Pace::Waiting);
        assert_eq!(rig.plugin.descriptor().aux_inputs.len(), 1);
        rig.side = true;
        let heard = rig.noise(2000, &[50]);
        for (frame, heard) in (0..).zip(&heard[256..2000]) {
            assert_eq!(*heard, noise(frame) + noise(frame + 7), "frame {frame}");
        }
    }
}

#[test]
fn a_mono_plugin_on_a_stereo_track_gets_both_sides_and_is_heard_on_both() {
    let plugs = Plugs::new();
    let mut rig = Rig::open(&plugs, Kind::Mono, Way::Inside, Pace::Waiting);
    let heard = rig.noise(1000, &[256]);
    for frame in 256..1000 {
        let input = noise(frame as i64 - 256);
        let expected = (input + -0.5 * input) * 0.5;
        assert_eq!((heard[frame], heard[1000 + frame]), (expected, expected));
    }
}

#[test]
fn state_is_saved_and_restored_and_values_stand_in_for_it() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        for (kind, has_state) in [(Kind::Gain, true), (Kind::Stateless, false)] {
            let mut rig = Rig::open(&plugs, kind, way.clone(), Pace::Waiting);
            rig.values[0] = -6.4;
            rig.noise(512, &[256]);
            let state = rig.plugin.save().unwrap();
            assert_eq!(state.bytes.is_some(), has_state);
            assert_eq!(state.values[0], (GAIN, f64::from(-6.4f32)));
            let state = PluginState::from_bytes(&state.to_bytes()).unwrap();
            let mut again = Rig::with_state(&plugs, kind, way.clone(), Pace::Waiting, Some(state));
            assert_eq!(again.plugin.warning(), None);
            assert_eq!(again.values[0], -6.4, "the descriptor's defaults are the values of the state");
            let heard = again.noise(1000, &[256]);
            let gain = (1.0 + f64::from(-6.4f32) / 64.0) as f32;
            assert_eq!(heard[300], noise(300 - 256) * gain, "nothing was sent that the state did not have");
        }
    }
}

#[test]
fn a_state_that_is_refused_leaves_the_values() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let state = PluginState {
            values: vec![(GAIN, -3.0), (99, 1.0), (GAIN + 1, f64::NAN)],
            bytes: Some(b"something else, and longer".to_vec()),
            ..PluginState::default()
        };
        let rig = Rig::with_state(&plugs, Kind::Gain, way, Pace::Waiting, Some(state));
        assert!(rig.plugin.warning().unwrap().contains("refused its state"));
        assert_eq!(rig.values[0], -3.0);
    }
}

#[test]
fn values_have_words() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let rig = Rig::open(&plugs, Kind::Gain, way, Pace::Waiting);
        assert_eq!(rig.plugin.text(GAIN, -6.0).as_deref(), Some("-6.0 dB"));
        assert_eq!(rig.plugin.value(GAIN, "-12.5 dB"), Some(-12.5));
        assert_eq!(
            rig.plugin.value(GAIN, "1000"),
            Some(12.0),
            "a value outside of the range is brought into it"
        );
        assert_eq!((rig.plugin.value(GAIN, "loud"), rig.plugin.text(77, 0.0)), (None, None));
        assert_eq!(rig.plugin.values().unwrap(), [(GAIN, 0.0), (GAIN + 1, 0.0)]);
    }
}

#[test]
fn a_reset_forgets_what_was_on_its_way_and_begins_on_the_grid() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Latency, way, Pace::Waiting);
        rig.noise(3001, &[256]);
        rig.processor.reset();
        rig.clock = 1_000_070;
        let heard = rig.noise(3000, &[90]);
        let latency = rig.plugin.latency() as usize;
        assert!(heard[..latency].iter().all(|&sample| sample == 0.0));
        assert_eq!(heard[latency], noise(1_000_070));
        assert_eq!(heard[2999], noise(1_000_070 + 2999 - latency as i64));
    }
}

#[test]
fn a_plugin_that_sleeps_is_not_called_and_wakes_up() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Sleeps, way, Pace::Waiting);
        let lag = rig.plugin.latency() as usize;
        // One call for the first quantum, which has sound, and some for silence until the reply to it was heard.
        let mut play = |quanta: usize, level: f32| {
            let mut last = 0.0;
            for _ in 0..quanta {
                let (mut left, mut right) = (vec![level; 128], vec![level; 128]);
                rig.block(&mut left, &mut right);
                last = left[127];
            }
            last
        };
        play(1, 1.0);
        play(100, 0.0);
        let calls = play(1 + lag / 128, 1.0);
        assert!((3.0..8.0).contains(&calls), "{calls} calls: silence was not slept through");
    }
}

#[test]
fn latency_that_changes_is_told_and_the_sound_goes_on() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Moving, way, LIVE);
        let before = rig.plugin.latency();
        rig.noise(1280, &[128]);
        rig.values[1] = 1.0;
        rig.until(|news| *news == omega_plugin::PluginNews::Latency(LATENCY));
        rig.noise(256, &[128]);
        assert_eq!(rig.latencies, [before + LATENCY]);
        assert_eq!(rig.processor.latency(), before + LATENCY);
        rig.noise_until_heard();
        let begin = rig.clock;
        let heard = rig.noise(4096, &[128]);
        let right = (0..)
            .zip(&heard[..4096])
            .filter(|(frame, heard)| **heard == noise(begin + frame - i64::from(before + LATENCY)));
        assert!(right.count() > 0, "it is heard with its new latency");
    }
}

#[test]
fn instances_come_and_go_and_leave_nothing() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        for _ in 0..5 {
            let Rig { plugin, processor, .. } = Rig::open(&plugs, Kind::Gain, way.clone(), LIVE);
            drop(plugin);
            drop(processor);
            let Rig { plugin, processor, .. } = Rig::open(&plugs, Kind::Sines, way.clone(), LIVE);
            drop(processor);
            assert!(plugin.save().is_ok(), "the half that is left still answers");
        }
    }
}
