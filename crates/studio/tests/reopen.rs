//! Hardware that goes away, changes or hangs while a session plays: the player goes on elsewhere, and nothing is lost.

mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use common::session;
use omega_audio_io::testing::JackServer;
use omega_audio_io::{Backend, Connect, Event, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_media::stream;
use omega_session::model::Project;
use omega_studio::{LoopRange, Offline, PlayError, Player, RenderRequest, Streaming, render};

/// Frames of the loop on JACK.
const LOOP: i64 = 24_000;
/// Frames of the fade with which hardware begins.
const FADE: usize = 64;

const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that waits for storage, as it is faster than any disk, and what to open it with.
fn hardware() -> (VirtualClock, StreamConfig) {
    let clock = VirtualClock::new();
    clock.set_freewheel(true);
    clock.capture();
    let config =
        StreamConfig { backend: Backend::Virtual(clock.clone()), inputs: 0, ..StreamConfig::default() };
    (clock, config)
}

fn open(project: &Project, root: &Path, config: &StreamConfig) -> Player {
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    Player::open(project, root, sources, config, Level::detect()).expect("it opens")
}

/// Plays `frames` frames; what was heard of the first channel.
fn play(clock: &VirtualClock, player: &mut Player, frames: usize) -> Vec<f32> {
    let mut heard = Vec::new();
    drop(clock.captured());
    while heard.len() < frames {
        let position = player.status().position;
        assert!(player.wait_until_ready(position, PATIENCE), "the media is small and local");
        clock.run_frames(256.min(frames - heard.len()));
        player.poll();
        heard.extend(clock.captured().remove(0));
    }
    heard
}

#[test]
fn on_other_hardware_it_goes_on_bit_for_bit_where_it_stopped() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let mut rendered = Vec::new();
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        rendered.extend_from_slice(channels[0]);
        Ok(())
    };
    let request = RenderRequest::default();
    let done =
        render(&project, root.path(), &Offline, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
            .expect("rendered");
    let (first, config) = hardware();
    let mut player = open(&project, root.path(), &config);
    first.run_frames(3000);
    player.locate(0);
    player.play();
    let third = rendered.len() / 3;
    let mut heard = play(&first, &mut player, third);
    let mut events = player.events();
    first.shut_down("pulled out");
    assert!(matches!(events.wait(PATIENCE), Some(Event::Freewheel(true) | Event::Shutdown { .. })));
    assert_eq!(first.run(4), 0, "nothing calls any more");
    // Hardware that cannot be had: all stays as it is, and may be tried again.
    let (busy, other) = hardware();
    let holder = omega_audio_io::prepare(&other).expect("it opens");
    let refused = player.reopen(&project, root.path(), &other).expect_err("it is in use");
    assert!(matches!(refused, PlayError::Hardware(_)), "{refused}");
    assert!(!player.is_plugged());
    drop(holder);
    player.reopen(&project, root.path(), &other).expect("it is free now");
    assert!(player.is_plugged());
    heard.extend(play(&busy, &mut player, third));
    // And back to the first one, which nobody pulled out this time.
    player.unplug();
    player.reopen(&project, root.path(), &config).expect("it is there again");
    let wanted = rendered.len() + done.latency as usize;
    heard.extend(play(&first, &mut player, wanted - heard.len()));
    let differs = |(frame, (heard, rendered)): (usize, (&f32, &f32))| {
        (heard.to_bits() != rendered.to_bits()).then_some(frame + done.latency as usize)
    };
    let pairs = heard[done.latency as usize..].iter().zip(&rendered).enumerate();
    let different: Vec<usize> = pairs.filter_map(differs).collect();
    // Where other hardware begins it fades in, so that nobody hears a click.
    let fades = |frame: &&usize| {
        (third..third + FADE).contains(*frame) || (2 * third..2 * third + FADE).contains(*frame)
    };
    let first = different.iter().find(|frame| !fades(frame));
    assert_eq!(first, None, "what was heard is not what is rendered");
    assert!(!different.is_empty(), "the piece sounds where it changes over");
    player.close();
}

#[test]
fn another_rate_pauses_and_another_period_does_not() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let rate = project.sample_rate().hz();
    let (clock, config) = hardware();
    let mut player = open(&project, root.path(), &config);
    player.play();
    let sounds = |heard: &[f32]| heard.iter().any(|sample| sample.abs() > 1e-3);
    assert!(sounds(&play(&clock, &mut player, 12_000)));
    let mut events = player.events();
    clock.set_period(64);
    assert!(sounds(&play(&clock, &mut player, 12_000)));
    clock.set_rate(rate * 2);
    let position = player.status().position;
    let heard = play(&clock, &mut player, 12_000);
    assert!(!sounds(&heard[64..]), "silence, after a fade");
    assert_eq!(player.status().position, position, "the engine stands still");
    let told: Vec<Event> = std::iter::from_fn(|| events.poll()).collect();
    assert!(told.contains(&Event::RateChanged { rate: rate * 2 }), "{told:?}");
    assert!(told.contains(&Event::PeriodChanged { period: 64 }), "{told:?}");
    clock.offer_rate(Some(rate * 2));
    player.reopen(&project, root.path(), &config).expect("it opens at its new rate");
    let hardware = player.hardware();
    assert_eq!((hardware.rate, hardware.hardware_rate), (rate, rate * 2));
    assert!(hardware.warnings.iter().any(|warning| warning.contains("resampled")), "{hardware:?}");
    assert!(sounds(&play(&clock, &mut player, 24_000)));
    let passed = player.status().position - position;
    assert!((12_000..12_200).contains(&passed), "24,000 frames at twice the rate: {passed}");
    player.close();
}

/// Plays on a JACK server to which `happens`, then on a clock.
fn from_jack(happens: impl FnOnce(&JackServer), hangs: bool) {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let config = StreamConfig {
        backend: Backend::Jack(server.options()),
        connect: Connect::None,
        inputs: 0,
        watchdog: Duration::from_millis(500),
        ..StreamConfig::default()
    };
    let mut player = open(&project, root.path(), &config);
    // However slow this machine is: the piece does not end.
    player.set_loop(LoopRange::new(0, LOOP));
    player.play();
    let mut events = player.events();
    while player.status().position < 4_800 {
        player.poll();
        let event = events.wait(Duration::from_millis(5));
        assert!(!matches!(event, Some(Event::Shutdown { .. })), "{event:?}");
    }
    happens(&server);
    let gone = |event: &Event| matches!(event, Event::Shutdown { .. } | Event::NoCallback { .. });
    let event = std::iter::from_fn(|| events.wait(PATIENCE)).find(gone).expect("it is told");
    assert_eq!(matches!(event, Event::NoCallback { .. }), hangs, "{event:?}");
    let stood = player.status().position;
    let (clock, other) = hardware();
    player.reopen(&project, root.path(), &other).expect("the clock is there");
    let heard = play(&clock, &mut player, 9_600);
    let position = player.status().position;
    let passed = (position - stood).rem_euclid(LOOP);
    assert!((9_000..=9_700).contains(&passed), "from {stood} to {position}");
    assert!(heard.iter().any(|sample| sample.abs() > 1e-3), "it rolls on, and sounds");
    player.close();
}

#[test]
fn a_server_that_dies_leaves_the_engine_where_it_was() {
    from_jack(|server| server.signal("KILL").expect("kill"), false);
}

#[test]
fn a_server_that_hangs_keeps_the_engine_and_another_takes_its_place() {
    from_jack(|server| server.signal("STOP").expect("kill"), true);
}
