//! What the audio half asks of the system: nothing but to wake a worker that sleeps.
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

use std::process::Command;

use common::{LIVE, Plugs, Rig, worker};
use omega_plugin::model::Location;
use omega_plugin::{Pace, PluginTempo, Way};
use omega_processor::{
    Channels, Event, EventKind, NoteAddress, Params, ProcessBlock, Processor, Transport, Varying,
};
use omega_rt::guard::CountingAllocator;
use omega_rt::{FlushDenormals, RtScope};
use omega_testplugs::{Kind, id};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const FRAMES: usize = 96;

/// Blocks with everything that a block can have, without a single allocation of the test's own.
fn play(rig: &mut Rig, blocks: usize, mut each: impl FnMut(usize)) {
    let mut memory = [0.25f32; 2 * FRAMES];
    let table: [f32; FRAMES] = std::array::from_fn(|n| n as f32 / 100.0);
    let varying = [Varying { param: 0, row: 0 }];
    let address = NoteAddress { note: 1, channel: 0, key: 64 };
    let events = [
        Event { frame: 3, kind: EventKind::NoteOn(address, 0.5) },
        Event { frame: 40, kind: EventKind::ParamModulation(0, 1.0) },
        Event { frame: 90, kind: EventKind::NoteOff(address, 0.0) },
    ];
    for n in 0..blocks {
        each(n);
        if n % 100 == 99 {
            rig.processor.reset();
        }
        let params = Params::new(&rig.values, &varying, &table, FRAMES, 0, FRAMES);
        let (clock, rolling) = (rig.clock, n % 7 != 0);
        let transport = Transport { position: clock, clock, rolling, ..Transport::default() };
        let mut block = ProcessBlock::new(Channels::new(&mut memory, FRAMES, 0, FRAMES), params, transport);
        block.events = &events;
        rig.processor.process(&mut block);
        rig.clock += FRAMES as i64;
    }
}

#[test]
fn nothing_is_allocated_freed_or_locked_in_any_block() {
    let plugs = Plugs::new();
    let map = std::sync::Arc::new(omega_time::TempoMap::constant(
        omega_time::SampleRate::new(48_000).unwrap(),
        omega_time::Tempo::from_bpm_f64(123.0).unwrap(),
        omega_time::TimeSignature::COMMON,
    ));
    for (kind, way) in [(Kind::Sines, Way::Inside), (Kind::Sines, worker()), (Kind::NotANumber, worker())] {
        let mut rig = Rig::open(&plugs, kind, way.clone(), LIVE);
        rig.processor.exchange(&mut PluginTempo(Some(map.clone())));
        let restarts = kind == Kind::NotANumber;
        let before = omega_rt::guard::thread_counts();
        {
            let _flush = FlushDenormals::enter();
            let scope = RtScope::enter();
            play(&mut rig, 2000, |_| {});
            assert!(scope.counts().is_clean(), "{kind:?} {way:?}: {:?}", scope.counts());
        }
        if restarts {
            // The same with an instance that is taken out and made anew in between.
            rig.values[1] = 1.0;
            let mut news = false;
            let until = std::time::Instant::now() + common::LONG;
            while !news {
                let scope = RtScope::enter();
                play(&mut rig, 10, |_| {});
                assert!(scope.counts().is_clean(), "{:?}", scope.counts());
                drop(scope);
                let told = rig.plugin.wait_for_news(std::time::Duration::from_millis(5));
                news = matches!(told, Some(omega_plugin::PluginNews::Restarted(_)));
                if told.is_some() {
                    rig.values[1] = 0.0;
                }
                assert!(std::time::Instant::now() < until, "it did not come back");
            }
        }
        assert!(omega_rt::guard::thread_counts().since(&before).is_clean());
    }
}

#[test]
fn a_seeded_allocation_in_the_scope_is_seen() {
    let plugs = Plugs::new();
    let mut rig = Rig::open(&plugs, Kind::Gain, Way::Inside, LIVE);
    let scope = RtScope::enter();
    play(&mut rig, 10, |n| drop(std::hint::black_box(vec![n; 10])));
    assert!(!scope.counts().is_clean());
}

/// Stretches that are looked at.
const STRETCHES: usize = 20;

/// Not a test of its own: what the next one runs under `strace`. It asks for the number of its parent's process where the
/// each stretch that is looked at begins and ends.
#[test]
fn helper_that_plays_under_strace() {
    let Ok(file) = std::env::var("OMEGA_TEST_STRACE") else { return };
    let location = Location { file: file.into(), id: id(Kind::Gain) };
    let mut rig = Rig::at(&location, worker(), Pace::Live { period: 256 }, None);
    play(&mut rig, 300, |_| {});
    let seeded = std::env::var("OMEGA_TEST_SEED").is_ok();
    for stretch in 0..STRETCHES {
        // The worker has nothing to do, and sleeps.
        std::thread::sleep(std::time::Duration::from_millis(5));
        std::hint::black_box(std::os::unix::process::parent_id());
        play(&mut rig, 100, |n| {
            if seeded && (stretch, n) == (10, 50) {
                std::hint::black_box(std::fs::metadata("/seeded").is_ok());
            }
        });
        std::hint::black_box(std::os::unix::process::parent_id());
    }
}

/// System calls between the marks, by the thread that made them, without what they were given.
fn calls(plugs: &Plugs, seeded: bool) -> Vec<String> {
    let trace = plugs.folder().join("trace");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_plays_under_strace", "--test-threads=1"])
        .env("OMEGA_TEST_STRACE", plugs.folder().join("Test.clap"));
    if seeded {
        command.env("OMEGA_TEST_SEED", "1");
    }
    assert!(command.output().unwrap().status.success());
    let text = std::fs::read_to_string(&trace).unwrap();
    // A worker asks for its host's number too: the thread is the one that asks twice for each stretch.
    let lines = || text.lines().filter_map(|line| line.split_once(' ').map(|(id, call)| (id, call.trim())));
    let asks = |of: &str| lines().filter(|(id, call)| *id == of && call.starts_with("getppid(")).count();
    let thread = lines()
        .map(|(id, _)| id)
        .find(|id| asks(id) == 2 * STRETCHES)
        .expect("the marks are there")
        .to_owned();
    let mut within = false;
    let mut found = Vec::new();
    for (_, call) in lines().filter(|(id, _)| *id == thread) {
        match call.starts_with("getppid(") {
            true => within = !within,
            false if within => found.push(call.to_owned()),
            false => {}
        }
    }
    found
}

#[test]
fn the_only_system_call_of_the_audio_thread_wakes_the_worker() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: strace is not installed");
        return;
    }
    let plugs = Plugs::new();
    let wakes = |call: &String| {
        (call.starts_with("futex(") && call.contains("FUTEX_WAKE,")) || call.starts_with("<... ")
    };
    let found = calls(&plugs, false);
    let others: Vec<_> = found.iter().filter(|call| !wakes(call)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(!found.is_empty(), "a worker that sleeps is woken");
    let seeded = calls(&plugs, true);
    assert!(seeded.iter().any(|call| call.contains("/seeded")), "a call that is seeded is found");
}
