//! What plugins want by themselves, and what they are asked for beside sound: states, presets, flushes, rendering, logs.
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

use common::{LIVE, LONG, Plugs, RATE, Rig, noise, worker};
use omega_plugin::preset::PresetPlace;
use omega_plugin::scan::{ScanOptions, presets};
use omega_plugin::state::PluginState;
use omega_plugin::{OpenOptions, Pace, Plugin, PluginNews, PluginSwap, Way};
use omega_processor::{PrepareConfig, Processor};
use omega_testplugs::{GAIN, Kind, TRIGGER};

/// The gain in decibels as the test plugins have it, as a factor.
fn factor(db: f64) -> f32 {
    (1.0 + db / 64.0) as f32
}

/// What is heard of the frame `back` frames before the last one that was played, on the left.
fn heard_as(rig: &mut Rig) -> f32 {
    let heard = rig.noise(2048, &[128]);
    let at = rig.clock - 1 - i64::from(rig.plugin.latency());
    heard[2047] / noise(at)
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5
}

#[test]
fn a_plugin_that_changes_itself_is_heard_of_and_its_state_has_it() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Wilful, way, LIVE);
        rig.values[1] = 1.0;
        let (mut dirty, mut line, mut values) = (false, false, Vec::new());
        rig.until(|news| {
            match news {
                PluginNews::Changed => dirty = true,
                PluginNews::Line(said) => line |= said.contains("a will of its own"),
                PluginNews::Values(told) => values.extend(told.clone()),
                _ => {}
            }
            dirty && line && !values.is_empty()
        });
        assert_eq!(values, [(GAIN, -12.8)]);
        let state = rig.plugin.save().unwrap();
        assert_eq!(state.values[0], (GAIN, -12.8));
    }
}

#[test]
fn a_plugin_that_sleeps_is_flushed_when_its_timer_asks_for_it() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Flushes, way, LIVE);
        let mut flushed = false;
        // Silence, so that it sleeps.
        let until = std::time::Instant::now() + LONG;
        while !flushed {
            rig.level(0.0);
            flushed = rig.plugin.news().contains(&PluginNews::Values(vec![(GAIN, -6.4)]));
            assert!(std::time::Instant::now() < until, "it was not flushed");
        }
    }
}

#[test]
fn a_plugin_is_told_that_it_renders() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rendering = Rig::open(&plugs, Kind::Renders, way.clone(), Pace::Waiting);
        assert!(near(heard_as(&mut rendering), 0.5));
        let mut playing = Rig::open(&plugs, Kind::Renders, way, LIVE);
        // Whether it is in time does not matter: what it puts out is its input, or nothing is heard of it.
        assert!(near(heard_as(&mut playing), 1.0));
    }
}

#[test]
fn another_state_is_taken_while_it_runs_and_told_values_come_again() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        for kind in [Kind::Gain, Kind::Stateless] {
            let before = Rig::open(&plugs, kind, way.clone(), Pace::Waiting).plugin.save().unwrap();
            let mut rig = Rig::open(&plugs, kind, way.clone(), Pace::Waiting);
            rig.values[0] = -6.4;
            assert!(near(heard_as(&mut rig), factor(-6.4)));
            // The engine has the values of the state from now on, as its descriptor says.
            assert_eq!(rig.plugin.load(&before), Ok(None));
            let defaults: Vec<f32> =
                rig.plugin.descriptor().params.iter().map(|p| p.default as f32).collect();
            assert_eq!(defaults, [0.0, 0.0], "{kind:?}");
            rig.values = defaults;
            rig.plugin.retell();
            assert!(near(heard_as(&mut rig), 1.0), "{kind:?}");
            // A value that the session has is told again, whatever the state says.
            rig.values[0] = 6.4;
            heard_as(&mut rig);
            rig.plugin.load(&before).unwrap();
            rig.plugin.retell();
            assert!(near(heard_as(&mut rig), factor(6.4)), "{kind:?}");
        }
        let mut rig = Rig::open(&plugs, Kind::Gain, way, Pace::Waiting);
        let bytes = Some(b"something else, and longer".to_vec());
        let foreign = PluginState { values: vec![(GAIN, -3.0)], bytes, ..PluginState::default() };
        let warning = rig.plugin.load(&foreign).unwrap();
        assert!(warning.unwrap().contains("refused its state"));
        assert_eq!(rig.plugin.info().params[0].value, -3.0, "its values stand in for it");
    }
}

#[test]
fn another_instance_takes_the_place_of_one_that_runs() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::Latency, way.clone(), Pace::Waiting);
        rig.values[0] = -6.4;
        rig.noise(1000, &[100]);
        let state = rig.plugin.save().unwrap();
        let config = PrepareConfig { sample_rate: RATE, inputs: 2, outputs: 2 };
        let options = OpenOptions { config, pace: Pace::Waiting, way };
        let (plugin, processor) =
            Plugin::open(&plugs.location(Kind::Latency), &options, Some(state)).unwrap();
        let mut swap = PluginSwap(Some(Box::new(processor)));
        rig.processor.exchange(&mut swap);
        drop((std::mem::replace(&mut rig.plugin, plugin), swap));
        assert!(near(heard_as(&mut rig), factor(-6.4)));
    }
}

fn options(plugs: &Plugs) -> ScanOptions {
    let Way::Worker(program) = worker() else { unreachable!() };
    ScanOptions { folders: vec![plugs.folder().to_owned()], cache: None, ..ScanOptions::new(program) }
}

#[test]
fn presets_within_a_plugin_and_in_files_are_listed_and_those_that_are_none_are_named() {
    let plugs = Plugs::new();
    let folder = plugs.preset_files(&[
        ("Soft.testpreset", "-19.2"),
        ("more/Softer.testpreset", "-25.6"),
        ("Broken.testpreset", "loud"),
        ("notes.txt", "-1"),
    ]);
    let listed = presets(&options(&plugs), &plugs.location(Kind::Gain).file).unwrap();
    let names: Vec<&str> = listed.found.iter().map(|preset| preset.name.as_str()).collect();
    assert_eq!(names, ["Half", "Quiet", "Soft", "Softer"]);
    assert!(listed.troubles.len() == 1 && listed.troubles[0].contains("Broken.testpreset"));
    let half = &listed.found[0];
    assert_eq!((half.place.file.as_ref(), half.place.key.as_deref()), (None, Some("half")));
    assert_eq!(half.plugins, [omega_testplugs::id(Kind::Gain)]);
    assert_eq!(
        (half.creators.as_slice(), half.features.as_slice()),
        (&["OmegaStudio".into()][..], &["quiet".into()][..])
    );
    assert_eq!(listed.found[2].place.file, Some(folder.join("Soft.testpreset")));
    // A file that crashes when it is loaded is named, and nothing else happens.
    let crash = presets(&options(&plugs), &plugs.copy("crash-on-load.clap")).unwrap();
    assert!(crash.found.is_empty() && crash.troubles[0].contains("SIGABRT"), "{crash:?}");
}

#[test]
fn a_preset_is_loaded_and_one_that_is_none_is_refused_with_the_reason() {
    let plugs = Plugs::new();
    let folder = plugs.preset_files(&[("Soft.testpreset", "-19.2"), ("Broken.testpreset", "loud")]);
    for way in [Way::Inside, worker()] {
        let rig = Rig::open(&plugs, Kind::Gain, way, Pace::Waiting);
        let gain = || rig.plugin.save().unwrap().values[0];
        let within = |key: &str| PresetPlace { file: None, key: Some(key.to_owned()) };
        let file = |name: &str| PresetPlace { file: Some(folder.join(name)), key: None };
        rig.plugin.load_preset(&within("half")).unwrap();
        assert_eq!(gain(), (GAIN, -32.0));
        rig.plugin.load_preset(&file("Soft.testpreset")).unwrap();
        assert_eq!(gain(), (GAIN, -19.2));
        for place in [within("nothing"), within("a\0b"), file("Broken.testpreset"), file("gone")] {
            let error = rig.plugin.load_preset(&place).unwrap_err().to_string();
            assert!(error.contains("there is no gain in it") || error.contains("zero"), "{error}");
        }
        assert_eq!(gain(), (GAIN, -19.2));
    }
}

#[test]
fn outputs_that_are_not_heard_are_said() {
    let plugs = Plugs::new();
    for way in [Way::Inside, worker()] {
        let mut rig = Rig::open(&plugs, Kind::TwoOutputs, way, Pace::Waiting);
        assert_eq!(rig.plugin.unheard_outputs().collect::<Vec<_>>(), ["Negative"]);
        assert!(near(heard_as(&mut rig), 1.0), "the main one is heard");
        assert!(rig.plugin.values().unwrap().contains(&(TRIGGER, 0.0)));
    }
}
