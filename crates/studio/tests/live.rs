//! Playing through a clock that the test turns: what is heard is what a render gives.

mod common;

use std::ops::ControlFlow;
use std::time::Duration;

use common::session;
use omega_audio_io::{Backend, BlockSizes, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_media::stream;
use omega_studio::{Offline, Player, RenderRequest, Streaming, render};

#[test]
fn playing_gives_the_bytes_of_a_render() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let mut rendered = vec![Vec::new(); 2];
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        rendered.iter_mut().zip(channels).for_each(|(row, channel)| row.extend_from_slice(channel));
        Ok(())
    };
    let request = RenderRequest::default();
    let done =
        render(&project, root.path(), &Offline, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
            .expect("rendered");

    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Random { seed: 5, max: 700 });
    clock.set_freewheel(true);
    clock.capture();
    let config =
        StreamConfig { backend: Backend::Virtual(clock.clone()), inputs: 0, ..StreamConfig::default() };
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let mut player = Player::open(&project, root.path(), sources, &config, Level::detect()).expect("opened");
    clock.run_frames(3000);
    assert!(player.wait_until_ready(0, Duration::from_secs(20)), "the media is small and local");
    player.locate(0);
    player.play();
    let mut heard = vec![Vec::new(); 2];
    drop(clock.captured());
    let wanted = rendered[0].len() + done.latency as usize;
    while heard[0].len() < wanted {
        // This clock is faster than any disk: storage is given the time that it would have.
        let position = player.status().position;
        assert!(player.wait_until_ready(position, Duration::from_secs(20)), "the media is small and local");
        clock.run_frames(256);
        player.poll();
        heard.iter_mut().zip(clock.captured()).for_each(|(row, new): (&mut Vec<f32>, _)| row.extend(new));
    }
    assert_eq!(player.status().missing, 0);
    for (heard, rendered) in heard.iter().zip(&rendered) {
        assert!(heard[done.latency as usize..wanted] == rendered[..], "played and rendered sound differ");
    }
    player.close();
}

#[test]
fn the_load_of_each_track_that_sounds_is_told() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let clock = VirtualClock::new();
    let config =
        StreamConfig { backend: Backend::Virtual(clock.clone()), inputs: 0, ..StreamConfig::default() };
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let mut player = Player::open(&project, root.path(), sources, &config, Level::detect()).expect("opened");
    player.play();
    for _ in 0..400 {
        clock.run_frames(256);
        player.poll();
    }
    let loads = player.take_loads();
    assert!(loads.engine.average > 0.0 && loads.engine.worst >= loads.engine.average, "{loads:?}");
    for (id, track) in project.tracks() {
        assert!(loads.tracks.get(id).is_some_and(|load| load.average > 0.0), "{}: {loads:?}", track.name);
    }
    assert_eq!(player.take_loads().engine.average, 0.0, "taken");
    player.close();
}
