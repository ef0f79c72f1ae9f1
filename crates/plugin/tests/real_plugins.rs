//! Plugins that others made: those of Debian's `zam-plugins`. Without them these tests are skipped.
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

use std::path::Path;
use std::time::Duration;

use common::{LONG, Rig, bits, noise, worker};
use omega_plugin::scan::{Found, Scan, ScanOptions, scan};
use omega_plugin::state::PluginState;
use omega_plugin::{Pace, Way};
use omega_processor::{Processor, Status};

/// The plugins, or why the test is skipped.
fn plugins() -> Option<Scan> {
    let folder = Path::new("/usr/lib/clap");
    if !folder.join("ZaMaximX2.clap").is_file() {
        println!("SKIPPED: the package zam-plugins is not installed");
        return None;
    }
    let Way::Worker(program) = worker() else { unreachable!() };
    let options =
        ScanOptions { folders: vec![folder.to_owned()], cache: None, fresh: false, patience: LONG, program };
    let mut found = scan(&options, &mut |_| {}).unwrap();
    found.plugins.retain(|plugin| {
        plugin.location.file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Za"))
    });
    Some(found)
}

fn open(plugin: &Found, way: Way, state: Option<PluginState>) -> Rig {
    Rig::at(&plugin.location, way, Pace::Waiting, state)
}

#[test]
fn all_are_found_with_ports_and_parameters() {
    let Some(scan) = plugins() else { return };
    assert!(scan.plugins.len() >= 17, "{} plugins", scan.plugins.len());
    assert!(scan.troubles.is_empty(), "{:?}", scan.troubles);
    for found in &scan.plugins {
        let info = &found.info;
        assert!(!info.outputs.is_empty() && info.vendor == "Damien Zammit", "{info:?}");
        assert!(!info.name.is_empty() && !info.features.is_empty(), "{info:?}");
    }
}

#[test]
fn each_gives_the_same_bytes_here_and_in_a_worker_automated_saved_and_restored() {
    let Some(scan) = plugins() else { return };
    for found in &scan.plugins {
        let run = |way: Way, cut: &[usize], state: Option<PluginState>| {
            let mut rig = open(found, way, state);
            let first = rig.plugin.info().params.iter().position(|param| param.automatable && !param.stepped);
            rig.line = first.map(|first| {
                let line: common::Line = |frame| if frame < 3000 { 0.25 } else { 0.5 };
                (u16::try_from(first).unwrap(), line)
            });
            let heard = rig.noise(12_000, cut);
            assert!(heard.iter().all(|sample| sample.is_finite()), "{}", found.info.id);
            assert!(rig.statuses.iter().all(|status| *status == Status::Sound), "{}", found.info.id);
            let well = !rig.plugin.is_bypassed() && rig.plugin.late() == 0;
            assert!(well, "{}: {:?}", found.info.id, rig.plugin.wait_for_news(Duration::from_secs(1)));
            // What it shows of itself (its meters) is a matter of the moment.
            let shows =
                |id: u32| rig.plugin.info().params.iter().any(|param| param.id == id && param.read_only);
            let mut state = rig.plugin.save().unwrap();
            state.values.retain(|(id, _)| !shows(*id));
            (bits(&heard), state)
        };
        let (here, state) = run(Way::Inside, &[256], None);
        let (there, state_there) = run(worker(), &[100, 256, 3], None);
        assert!(here == there, "{}", found.info.id);
        assert_eq!(state, state_there, "{}", found.info.id);
        let state = PluginState::from_bytes(&state.to_bytes()).unwrap();
        let rig = open(found, worker(), Some(state.clone()));
        assert_eq!(rig.plugin.warning(), None, "{}", found.info.id);
        let again = rig.plugin.save().unwrap();
        for (id, saved) in &state.values {
            let (_, value) = again.values.iter().find(|(other, _)| other == id).unwrap();
            assert!((value - saved).abs() <= 1e-4 * saved.abs().max(1.0), "{} {id}", found.info.id);
        }
        for param in &rig.plugin.info().params {
            assert!(rig.plugin.text(param.id, param.value).is_some(), "{} {}", found.info.id, param.name);
        }
    }
}

#[test]
fn a_limiter_that_has_nothing_to_do_nulls_against_its_input_later_by_its_latency() {
    let Some(scan) = plugins() else { return };
    let limiter = scan.plugins.iter().find(|found| found.location.file.ends_with("ZaMaximX2.clap")).unwrap();
    for way in [Way::Inside, worker()] {
        let mut rig = open(limiter, way, None);
        let lag = u32::try_from(Pace::Waiting.lag()).unwrap();
        assert_eq!(rig.plugin.latency() - lag, 480, "its own latency at 48 kHz");
        assert_eq!(rig.processor.latency(), rig.plugin.latency());
        let params = &rig.plugin.info().params;
        for (param, value) in params.iter().zip(&mut rig.values) {
            // Nothing that comes in reaches the threshold, and the ceiling is full scale.
            if param.name.to_lowercase().contains("thresh") || param.name.to_lowercase().contains("ceiling") {
                *value = param.max as f32;
            }
        }
        let heard = rig.noise(24_000, &[256]);
        let latency = i64::from(rig.plugin.latency());
        let worst = (12_000..24_000i64)
            .map(|frame| (heard[frame as usize] - noise(frame - latency)).abs())
            .fold(0.0, f32::max);
        assert!(worst < 1e-5, "it leaves {worst} of its input");
    }
}
