//! Whatever a plugin does, what is heard goes on: it fades to the input, the plugin is named, and comes back with its last
//! state.
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

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{LIVE, LONG, Plugs, Rig, bits, largest_step, noise, options, worker};
use omega_plugin::{FADE, Pace, Plugin, PluginNews, Trouble, Way};
use omega_processor::Status;
use omega_testplugs::{GAIN, Kind, TRIGGER};

/// The gain in decibels that the plugin is given, and what it is as a factor.
const DB: f32 = -6.4;
const FACTOR: f32 = (1.0 + DB as f64 / 64.0) as f32;
const LEVEL: f32 = 0.5;
/// The steepest that a fade between the plugin and its input may be, with the rounding of a sum.
const STEEPEST: f32 = LEVEL * (1.0 - FACTOR) / FADE as f32 + 1e-6;

fn was_restarted(news: &[PluginNews]) -> bool {
    news.iter().any(|news| matches!(news, PluginNews::Restarted(_)))
}

/// A plugin that plays at its gain.
fn playing(plugs: &Plugs, kind: Kind, way: Way) -> Rig {
    let mut rig = Rig::open(plugs, kind, way, LIVE);
    rig.values[0] = DB;
    let mut in_a_row = 0;
    rig.level_until(LEVEL, |rig, _| {
        in_a_row = if rig.plugin.is_bypassed() { 0 } else { in_a_row + 1 };
        in_a_row > 20
    });
    rig
}

/// Triggers what the plugin is there for, and plays on until it is back and well. Gives all that was heard and told.
fn triggered(rig: &mut Rig) -> (Vec<f32>, Vec<PluginNews>) {
    // Until it was seen: a reply that the machine was late with is not looked at.
    rig.values[1] = 1.0;
    let seen = |_: &Rig, news: &[PluginNews]| news.iter().any(|news| matches!(news, PluginNews::Trouble(_)));
    let (mut heard, mut news) = rig.level_until(LEVEL, seen);
    rig.values[1] = 0.0;
    let before = news.clone();
    let (more, told) = rig.level_until(LEVEL, |_, news| was_restarted(&before) || was_restarted(news));
    heard.extend(more);
    news.extend(told);
    let mut well = 0;
    let (more, told) = rig.level_until(LEVEL, |rig, _| {
        well = if rig.plugin.is_bypassed() { 0 } else { well + 1 };
        well > 4
    });
    heard.extend(more);
    news.extend(told);
    (heard, news)
}

fn check(kind: Kind, trouble: Trouble, way: &Way) {
    let plugs = Plugs::new();
    let mut rig = playing(&plugs, kind, way.clone());
    let (heard, news) = triggered(&mut rig);
    let what = format!("{kind:?}");
    assert!(heard.iter().all(|sample| sample.is_finite()), "{what}");
    assert!(largest_step(&heard) <= STEEPEST, "{what}: a step of {}", largest_step(&heard));
    let wet = LEVEL * FACTOR;
    assert!(heard.iter().all(|&s| s >= wet - 1e-6 && s <= LEVEL + 1e-6), "{what}: between plugin and input");
    assert!(heard.contains(&LEVEL), "{what}: in between, its input was heard");
    assert_eq!(heard.last(), Some(&wet), "{what}: in the end the plugin, with its last value");
    // An instance that came back before the hand let go does the same once more.
    let mut troubles = news.iter().filter(|news| matches!(news, PluginNews::Trouble(_)));
    assert!(troubles.all(|news| *news == PluginNews::Trouble(trouble)), "{what}: {news:?}");
    if let Some(PluginNews::Restarted(after)) = news.iter().find(|n| matches!(n, PluginNews::Restarted(_))) {
        println!("{what} {way:?}: {trouble}; another instance after {after:?}");
    }
}

#[test]
fn a_plugin_that_crashes_fades_to_its_input_and_comes_back() {
    check(Kind::Aborts, Trouble::Crashed, &worker());
    check(Kind::Segfaults, Trouble::Crashed, &worker());
}

#[test]
fn a_plugin_that_hangs_fades_to_its_input_and_comes_back() {
    check(Kind::Hangs, Trouble::Hung, &worker());
}

#[test]
fn numbers_that_are_none_are_never_heard() {
    check(Kind::NotANumber, Trouble::NotFinite, &worker());
    check(Kind::NotANumber, Trouble::NotFinite, &Way::Inside);
}

#[test]
fn a_level_that_would_hurt_is_never_heard() {
    check(Kind::Loud, Trouble::Runaway, &worker());
    check(Kind::Loud, Trouble::Runaway, &Way::Inside);
}

#[test]
fn a_plugin_that_panics_or_refuses_comes_back() {
    for way in [worker(), Way::Inside] {
        check(Kind::Panics, Trouble::Refused, &way);
        check(Kind::Refuses, Trouble::Refused, &way);
    }
}

#[test]
fn a_plugin_that_is_too_slow_is_not_waited_for() {
    let plugs = Plugs::new();
    let mut rig = playing(&plugs, Kind::Slow, worker());
    // It takes ten times as long as there is.
    rig.pace = (Duration::from_millis(2), false);
    rig.values[1] = 1.0;
    let late = rig.plugin.late();
    let (mut heard, _) = rig.level_until(LEVEL, |rig, _| rig.plugin.late() > late + 50);
    assert_eq!(heard.last(), Some(&LEVEL), "its input is heard");
    rig.values[1] = 0.0;
    rig.pace.1 = true;
    let (more, news) = rig.level_until(LEVEL, |rig, _| !rig.plugin.is_bypassed());
    heard.extend(more);
    let (more, _) = rig.level_until(LEVEL, |_, _| true);
    heard.extend(more);
    assert!(largest_step(&heard) <= STEEPEST, "a step of {}", largest_step(&heard));
    assert!(!news.iter().any(|news| matches!(news, PluginNews::Trouble(_))), "slow is no crime: {news:?}");
}

#[test]
fn a_plugin_that_does_it_again_and_again_is_given_up_and_its_input_plays_on() {
    for (kind, way) in [(Kind::Aborts, worker()), (Kind::NotANumber, Way::Inside)] {
        let plugs = Plugs::new();
        let mut rig = playing(&plugs, kind, way);
        rig.values[1] = 1.0;
        let gave_up =
            |_: &Rig, news: &[PluginNews]| news.iter().any(|news| matches!(news, PluginNews::GivenUp(_)));
        let (mut heard, _) = rig.level_until(LEVEL, gave_up);
        for _ in 0..100 {
            heard.extend(rig.level(LEVEL));
        }
        assert_eq!(heard.last(), Some(&LEVEL));
        assert!(largest_step(&heard) <= STEEPEST, "a step of {}", largest_step(&heard));
        assert!(
            rig.statuses.iter().all(|status| *status == Status::Sound),
            "the engine has no reason to step in"
        );
    }
}

#[test]
fn a_plugin_that_hangs_in_saving_gives_its_last_state() {
    let plugs = Plugs::new();
    let mut rig = playing(&plugs, Kind::HangsInSave, worker());
    let known = rig.plugin.save().unwrap();
    assert_eq!(known.values[0], (GAIN, f64::from(DB)));
    rig.values[1] = 1.0;
    let mut in_time = 0;
    rig.level_until(LEVEL, |rig, _| {
        in_time = if rig.plugin.is_bypassed() { 0 } else { in_time + 1 };
        in_time > 20 && rig.plugin.values().is_ok_and(|values| values.contains(&(TRIGGER, 1.0)))
    });
    assert_eq!(rig.plugin.save(), Ok(known), "what was saved before is better than nothing");
    rig.values[1] = 0.0;
    rig.level_until(LEVEL, |rig, _| !rig.plugin.is_bypassed() && rig.plugin.save().is_ok());
}

#[test]
fn a_render_says_that_its_plugin_crashed_and_does_not_go_on_without_it() {
    let plugs = Plugs::new();
    let mut rig = Rig::open(&plugs, Kind::Aborts, worker(), Pace::Waiting);
    rig.noise(1024, &[256]);
    assert!(rig.statuses.iter().all(|status| *status == Status::Sound));
    rig.values[1] = 1.0;
    rig.noise(4096, &[256]);
    let Some(Status::Failed(code)) = rig.statuses.last() else { panic!("it went on without its plugin") };
    assert_eq!(Trouble::from_code(*code), Some(Trouble::Lost));
    assert!(rig.plugin.news().contains(&PluginNews::Trouble(Trouble::Crashed)));
}

#[test]
fn an_instrument_that_crashes_is_silent_until_it_is_back() {
    let plugs = Plugs::new();
    let location = plugs.location(Kind::Aborts);
    let mut options = options(worker(), LIVE);
    // Without an input of the track there is nothing to be heard in place of the plugin.
    options.config.inputs = 0;
    let mut rig = Rig::with(Plugin::open(&location, &options, None).unwrap());
    rig.values[1] = 1.0;
    let (heard, _) = rig.level_until(0.25, |_, news| news.contains(&PluginNews::Trouble(Trouble::Crashed)));
    assert!(heard.iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_plugin_that_is_not_there_or_cannot_be_made_is_an_error_with_its_name() {
    let plugs = Plugs::new();
    let mut nobody = plugs.location(Kind::Gain);
    nobody.id = "org.omega.nobody".to_owned();
    let mut nowhere = plugs.location(Kind::Gain);
    nowhere.file.set_file_name("gone.clap");
    let crash = omega_plugin::model::Location {
        file: plugs.copy("crash-on-load.clap"),
        ..plugs.location(Kind::Gain)
    };
    for way in [worker(), Way::Inside] {
        let error =
            |location| Plugin::open(location, &options(way.clone(), LIVE), None).unwrap_err().to_string();
        assert!(error(&nobody).contains("org.omega.nobody"));
        assert!(error(&nowhere).contains("gone.clap") && error(&nowhere).contains("cannot be loaded"));
    }
    let error = Plugin::open(&crash, &options(worker(), LIVE), None).unwrap_err().to_string();
    assert!(error.contains("crashed") && error.contains("SIGABRT"), "{error}");
}

/// Not a test of its own: what the next one starts as another process.
#[test]
fn helper_that_holds_a_plugin_until_it_is_killed() {
    let Ok(file) = std::env::var("OMEGA_TEST_HOLD") else { return };
    let location = omega_plugin::model::Location { file: file.into(), id: omega_testplugs::id(Kind::Gain) };
    let rig = Rig::at(&location, worker(), LIVE, None);
    println!("\nheld");
    std::thread::sleep(LONG);
    drop(rig);
}

#[test]
fn workers_end_with_their_host_however_it_ends() {
    let plugs = Plugs::new();
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_holds_a_plugin_until_it_is_killed", "--nocapture"])
        .env("OMEGA_TEST_HOLD", plugs.folder().join("Test.clap"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(host.stdout.take().unwrap()));
    assert!(lines.map_while(Result::ok).any(|line| line == "held"), "it has its plugin");
    let children = children_of(host.id());
    assert_eq!(children.len(), 1, "it has one worker");
    host.kill().unwrap();
    host.wait().unwrap();
    let until = std::time::Instant::now() + LONG;
    while children.iter().any(|child| is_running(*child)) {
        assert!(std::time::Instant::now() < until, "the worker outlived its host");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stat(process: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|process| stat(*process).is_some_and(|(_, of)| of == parent)).collect()
}

fn is_running(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z')
}

#[test]
fn sixteen_neighbours_do_not_hear_of_it() {
    // The plugins of a desk in one thread, as the engine has them: one of them crashes, hangs and recovers.
    let plugs = Plugs::new();
    let bad = plugs.location(Kind::Hangs);
    let run = |with_bad: bool| {
        let mut bad = with_bad.then(|| Rig::at(&bad, worker(), LIVE, None));
        bad.iter_mut().for_each(|bad| bad.pace.1 = false);
        let mut good: Vec<Rig> =
            (0..16).map(|_| Rig::open(&plugs, Kind::Latency, Way::Inside, LIVE)).collect();
        let mut heard = vec![Vec::new(); 16];
        for block in 0..400 {
            if let Some(bad) = &mut bad {
                bad.values[1] = f32::from(u8::from((100..200).contains(&block)));
                bad.level(0.25);
            }
            for (rig, heard) in good.iter_mut().zip(&mut heard) {
                heard.extend(bits(&rig.noise(128, &[128])));
            }
        }
        if let Some(bad) = bad {
            assert!(bad.plugin.late() > 0, "it did hang");
        }
        heard
    };
    assert!(run(true) == run(false), "the neighbours null against a desk without the bad one");
    assert!(noise(1) != noise(2));
}
