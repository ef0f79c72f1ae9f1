//! Playing through a real JACK server, captured by a second client: the bytes of a render.

mod common;

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::session;
use omega_audio_io::testing::JackServer;
use omega_audio_io::{AudioCallback, Backend, Connect, IoBlock, StreamConfig, open};
use omega_dsp::simd::Level;
use omega_media::stream;
use omega_studio::{Offline, Player, RenderRequest, Streaming, render};

const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps what it hears from the first sound on.
struct Ear {
    heard: Vec<Vec<f32>>,
    room: usize,
    filled: Arc<AtomicUsize>,
}

impl AudioCallback for Ear {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        let begun = !self.heard[0].is_empty();
        let sounds = |frame: &usize| io.inputs.iter().any(|input| input[*frame] != 0.0);
        let Some(first) = (if begun { Some(0) } else { (0..io.frames).find(sounds) }) else { return };
        for (row, input) in self.heard.iter_mut().zip(io.inputs) {
            let fits = (self.room - row.len()).min(io.frames - first);
            row.extend_from_slice(&input[first..first + fits]);
        }
        self.filled.store(self.heard[0].len(), Ordering::Release);
    }
}

#[test]
fn what_jack_hears_in_freewheel_is_what_a_render_gives() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let mut rendered = vec![Vec::new(); 2];
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        rendered.iter_mut().zip(channels).for_each(|(row, channel)| row.extend_from_slice(channel));
        Ok(())
    };
    let request = RenderRequest::default();
    render(&project, root.path(), &Offline, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
        .expect("rendered");
    let silent = |frame: &usize| rendered.iter().all(|row| row[*frame] == 0.0);
    let skip = (0..rendered[0].len()).take_while(silent).count();
    let room = rendered[0].len() - skip;

    let config = |client: &str, inputs, outputs| StreamConfig {
        backend: Backend::Jack(server.options()),
        client: client.to_owned(),
        inputs,
        outputs,
        connect: Connect::None,
        ..StreamConfig::default()
    };
    let filled = Arc::new(AtomicUsize::new(0));
    let heard = (0..2).map(|_| Vec::with_capacity(room)).collect();
    let ear =
        open(&config("ear", 2, 0), Box::new(Ear { heard, room, filled: filled.clone() })).expect("it opens");
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let mut player = Player::open(&project, root.path(), sources, &config("omega", 0, 2), Level::detect())
        .expect("it opens");
    for channel in ["1", "2"] {
        let (from, to) = (format!("omega:out_{channel}"), format!("ear:in_{channel}"));
        assert!(
            server.tool("jack_connect").args([from, to]).status().expect("jack_connect is there").success()
        );
    }
    assert!(player.wait_until_ready(0, PATIENCE), "the media is small and local");
    // In freewheel the server waits for its clients, so that there are no gaps.
    server.set_freewheel(true).expect("freewheel");
    player.locate(0);
    player.play();
    let deadline = Instant::now() + PATIENCE;
    while filled.load(Ordering::Acquire) < room {
        assert!(
            Instant::now() < deadline,
            "only {} of {room} frames were heard",
            filled.load(Ordering::Acquire)
        );
        player.poll();
        std::thread::sleep(Duration::from_millis(2));
    }
    server.set_freewheel(false).expect("no freewheel");
    assert_eq!(player.status().missing, 0);
    assert!(player.stats().violations.is_clean());
    player.close();
    let home: Box<dyn Any> = ear.stop().expect("the callback comes home");
    let heard = home.downcast::<Ear>().expect("as the type it was").heard;
    for (heard, rendered) in heard.iter().zip(&rendered) {
        assert!(heard[..] == rendered[skip..], "what was heard and what was rendered differ");
    }
}
