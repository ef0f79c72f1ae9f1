//! Plugins in the engine: what one of them does is not heard by its neighbours.
#![cfg(target_os = "linux")]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::session;
use omega_audio_io::{Backend, BlockSizes, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_media::stream;
use omega_session::model::{
    Clip, ClipId, Device, DeviceId, MediaId, Output, Project, Track, TrackId, TrackKind,
};
use omega_studio::plugin::scan::ScanOptions;
use omega_studio::plugin::{Way, WorkerProgram};
use omega_studio::{Player, PluginHosting, Streaming, host_plugins};
use omega_testplugs::{Kind, TRIGGER, id};
use omega_time::{Frames, TimePoint};

const LONG: Duration = Duration::from_secs(60);

/// Not a test of its own: what this program is when it is started as a worker.
#[test]
fn worker() {
    let host = std::env::args().next_back().unwrap_or_default();
    if host == std::os::unix::process::parent_id().to_string() {
        let served = omega_studio::plugin::worker_main(&host);
        std::process::exit(i32::from(served != std::process::ExitCode::SUCCESS));
    }
}

fn host(folder: &Path) {
    let beside: PathBuf = std::env::current_exe().unwrap().parent().unwrap().join("libomega_testplugs.so");
    std::fs::copy(beside, folder.join("Test.clap")).unwrap();
    let program = WorkerProgram::itself(&["--exact", "worker"]).unwrap();
    let scan =
        ScanOptions { folders: vec![folder.to_owned()], cache: None, ..ScanOptions::new(program.clone()) };
    assert!(host_plugins(PluginHosting { way: Way::Worker(program), scan }));
}

/// The session of the other tests with ten more tracks, and one with a plugin that has outputs of its own.
fn desk(root: &Path, kind: Kind) -> Project {
    let mut project = session(root);
    let mut add = |name: &str, media: usize, output: Output| {
        let track = TrackId::new(&format!("trk-{name}")).unwrap();
        let mut new = Track::new(TrackKind::Audio, name);
        new.channels = 2;
        new.output = output;
        project.put_track(track.clone(), new);
        let media = MediaId::new(&format!("med-{media}")).unwrap();
        let clip = Clip::new(track.clone(), media, TimePoint::Absolute(Frames(0)), Frames(30_000));
        project.put_clip(ClipId::new(&format!("clp-{name}")).unwrap(), clip);
        track
    };
    for number in 0..10 {
        add(&format!("more{number}"), number % 6, Output::master());
    }
    let bad = add("bad", 3, Output::Hardware(vec![2, 3]));
    let device = Device::new(bad, &format!("clap:{}", id(kind)));
    project.put_device(DeviceId::new("dev-bad").unwrap(), device);
    project
}

/// Plays the desk, triggers the plugin in the middle; what all channels heard, and what was said.
fn play(root: &Path, kind: Kind) -> (Vec<Vec<f32>>, Vec<String>) {
    let project = desk(root, kind);
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Random { seed: 3, max: 300 });
    clock.set_freewheel(true);
    clock.capture();
    let backend = Backend::Virtual(clock.clone());
    let config = StreamConfig { backend, inputs: 0, outputs: 4, ..StreamConfig::default() };
    let sources = Streaming::new(&stream::StreamConfig::default()).unwrap();
    let mut player = Player::open(&project, root, sources, &config, Level::detect()).unwrap();
    assert_eq!(player.plugin_complaints(), Vec::<String>::new());
    clock.run_frames(3000);
    assert!(player.wait_until_ready(0, LONG));
    player.locate(0);
    player.play();
    drop(clock.captured());
    let mut triggered = project;
    let device = DeviceId::new("dev-bad").unwrap();
    let mut changed = Device::clone(triggered.device(&device).unwrap());
    changed.params.insert(TRIGGER.to_string(), 1.0);
    triggered.put_device(device, changed);
    let (mut heard, mut said) = (vec![Vec::new(); 4], Vec::new());
    for block in 0..110 {
        assert!(player.wait_until_ready(player.lowered().map_or(0, |_| block * 256), LONG));
        if block == 40 {
            player.update(&triggered, root).unwrap();
        }
        clock.run_frames(256);
        player.poll();
        said.extend(player.take_failed());
        heard.iter_mut().zip(clock.captured()).for_each(|(row, new): (&mut Vec<f32>, _)| row.extend(new));
    }
    let until = Instant::now() + LONG;
    while kind == Kind::Aborts && !said.iter().any(|line| line.contains("crashed")) {
        assert!(Instant::now() < until, "nothing was said: {said:?}");
        clock.run_frames(256);
        player.poll();
        said.extend(player.take_failed());
    }
    player.close();
    (heard, said)
}

#[test]
fn sixteen_tracks_null_against_a_desk_whose_plugin_is_well() {
    let root = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    host(folder.path());
    let (well, silence) = play(root.path(), Kind::Gain);
    assert!(well[0].iter().any(|&sample| sample != 0.0));
    assert_eq!(silence, Vec::<String>::new());
    let (with_bad, said) = play(root.path(), Kind::Aborts);
    let first = said.first().map(String::as_str);
    assert_eq!(first, Some("Test aborts on bad crashed; its input is heard in its place"));
    for channel in 0..2 {
        assert!(well[channel] == with_bad[channel], "channel {channel} heard of it");
    }
    assert!(with_bad[2].iter().all(|sample| sample.is_finite()));
    let report = folder.path().join("Test.clap.violations");
    assert!(!report.exists(), "{}", std::fs::read_to_string(report).unwrap_or_default());
}
