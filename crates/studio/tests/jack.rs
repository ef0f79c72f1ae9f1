//! Playing through a real JACK server, captured by a second client: the bytes of a render.

mod common;
#[path = "common/real.rs"]
mod real;

use std::any::Any;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::session;
use omega_audio_io::testing::JackServer;
use omega_audio_io::{AudioCallback, Backend, Connect, IoBlock, StreamConfig, open};
use omega_dsp::simd::Level;
use omega_media::stream;
use omega_session::Edit;
use omega_session::model::Project;
use omega_studio::{Offline, Player, RenderRequest, Streaming, demo, render};
use omega_time::SampleRate;

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
    compare(&server, &project, root.path(), 0..25_000);
}

#[test]
fn so_it_is_with_a_part_of_the_demo() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let root = tempfile::tempdir().expect("a folder");
    let project = Project::new("Demo", SampleRate::HZ_48000);
    let edits = demo(&project, root.path()).expect("a demo");
    let project = Edit::try_all(&edits, &project, [7; 32]).expect("it can be made");
    compare(&server, &project, root.path(), 960_000..1_056_000);
}

#[test]
fn so_it_is_with_a_hundred_clips_of_real_recordings() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let Some(studio) = real::session(folder.path()) else { return };
    let end = 3 * 48_000;
    assert!(studio.project().clips().len() > 100);
    compare(&server, &studio.project(), studio.root(), 0..end);
}

/// Renders a part and plays it from its first frame; what a second client hears has the same bytes.
fn compare(server: &JackServer, project: &Project, root: &Path, range: Range<i64>) {
    let from = range.start;
    let rendered = rendered(project, root, range.clone());
    let silent = |frame: &usize| rendered.iter().all(|row| row[*frame] == 0.0);
    let skip = (0..rendered[0].len()).take_while(silent).count();
    let room = rendered[0].len() - skip;
    assert!(room > 20_000, "only {room} frames sound");

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
    // Freewheel may run through the material faster than it is read: all of it is read before.
    let length = Duration::from_secs(20);
    let reading = stream::StreamConfig { ahead: length, hinted: length, ..stream::StreamConfig::default() };
    let sources = Streaming::new(&reading).expect("threads");
    let mut player =
        Player::open(project, root, sources, &config("omega", 0, 2), Level::detect()).expect("it opens");
    for channel in ["1", "2"] {
        let (from, to) = (format!("omega:out_{channel}"), format!("ear:in_{channel}"));
        assert!(
            server.tool("jack_connect").args([from, to]).status().expect("jack_connect is there").success()
        );
    }
    for second in range.step_by(48_000) {
        assert!(player.wait_until_ready(second, PATIENCE), "the media is small and local");
    }
    // In freewheel the server waits for its clients, so that there are no gaps.
    server.set_freewheel(true).expect("freewheel");
    player.locate(from);
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

/// The master's two channels.
fn rendered(project: &Project, root: &Path, range: Range<i64>) -> Vec<Vec<f32>> {
    let mut rendered = vec![Vec::new(); 2];
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        rendered.iter_mut().zip(channels).for_each(|(row, channel)| row.extend_from_slice(channel));
        Ok(())
    };
    let request = RenderRequest { range: Some(range), ..RenderRequest::default() };
    render(project, root, &Offline, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
        .expect("rendered");
    rendered
}
