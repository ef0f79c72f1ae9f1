//! MIDI inputs: every message in its frame, through any blocks, rates and servers.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "frames, keys and counts here are small"
)]

use std::any::Any;
use std::time::{Duration, Instant};

use omega_audio_io::testing::{JackServer, MidiPlayer};
use omega_audio_io::{
    AudioCallback, Backend, BlockSizes, Connect, IoBlock, MidiEvent, Reblock, StreamConfig, VirtualClock,
    open,
};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const PATIENCE: Duration = Duration::from_secs(60);

/// Notes what comes in, in memory that is there before: messages and clicks by the frames that it counts itself.
struct Listener {
    frame: i64,
    heard: Vec<(i64, MidiEvent)>,
    clicks: Vec<i64>,
    /// The loudest sample so far and where it was.
    peak: (f32, i64),
    lost: i64,
}

impl Listener {
    fn new() -> Self {
        let (heard, clicks) = (Vec::with_capacity(10_000), Vec::with_capacity(10_000));
        Self { frame: 0, heard, clicks, peak: (0.0, 0), lost: 0 }
    }
}

impl AudioCallback for Listener {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        self.lost += io.flags.lost;
        assert!(io.midi.is_sorted_by_key(|event| event.frame));
        for event in io.midi {
            assert!((event.frame as usize) < io.frames && self.heard.len() < 10_000);
            self.heard.push((self.frame + i64::from(event.frame), *event));
        }
        for (at, sample) in (self.frame..).zip(io.inputs.first().copied().unwrap_or_default()) {
            if *sample == 0.5 && self.clicks.len() < 10_000 {
                self.clicks.push(at);
            }
            if sample.abs() > self.peak.0 {
                self.peak = (sample.abs(), at);
            }
        }
        self.frame += io.frames as i64;
    }
}

fn listener(callback: Box<dyn AudioCallback>) -> Box<Listener> {
    (callback as Box<dyn Any>).downcast().expect("as it went")
}

/// Messages at frames that follow no pattern, several in one frame now and then.
fn messages(count: u32) -> Vec<(i64, u16, [u8; 3])> {
    let mut at = 0;
    (0..count)
        .map(|n| {
            at += i64::from(n.wrapping_mul(2_654_435_761) >> 24) * i64::from(n % 5 != 0);
            (at, (n % 3) as u16, [0x90 | (n % 16) as u8, (n % 128) as u8, (n / 128 % 128) as u8])
        })
        .collect()
}

#[test]
fn messages_are_where_they_came_in_whatever_the_blocks_and_after_reblocking() {
    for (reblock, max) in [(None, 700), (Some(128), 300), (Some(1024), 64)] {
        let clock = VirtualClock::new();
        clock.set_blocks(BlockSizes::Random { seed: 5, max });
        let config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
        let callback: Box<dyn AudioCallback> = match reblock {
            Some(block) => Box::new(Reblock::new(Box::new(Listener::new()), block, 2, 2)),
            None => Box::new(Listener::new()),
        };
        let stream = open(&config, callback).expect("it opens");
        let sent = messages(1000);
        clock.feed_midi(sent.clone());
        clock.run_frames(200_000);
        assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats().violations);
        assert_eq!(stream.stats().midi_lost, 0);
        let home = stream.stop().expect("it comes home");
        let home = match reblock {
            Some(_) => (home as Box<dyn Any>).downcast::<Reblock>().expect("as it went").into_inner(),
            None => home,
        };
        let heard: Vec<_> =
            listener(home).heard.iter().map(|(at, event)| (*at, event.port, event.bytes)).collect();
        assert_eq!(heard, sent, "{reblock:?}");
    }
}

#[test]
fn a_burst_beyond_all_measure_is_bounded_and_what_is_lost_is_counted() {
    let clock = VirtualClock::new();
    let config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
    let stream = open(&config, Box::new(Listener::new())).expect("it opens");
    clock.feed_midi((0..3000).map(|n| (n / 20, 0, [0x90, 1, 1])));
    clock.run(4);
    assert_eq!(stream.stats().midi_lost, 3000 - omega_audio_io::MAX_MIDI as u64);
    let heard = listener(stream.stop().expect("it comes home")).heard.len();
    assert_eq!(heard, omega_audio_io::MAX_MIDI);
}

/// Whatever rate the hardware has, a message stays beside the sound that came in with it.
#[test]
fn at_another_rate_messages_stay_beside_the_sound() {
    for hardware in [44_100, 96_000, 192_000] {
        let clock = VirtualClock::new();
        clock.set_blocks(BlockSizes::Random { seed: 8, max: 2000 });
        clock.offer_rate(Some(hardware));
        let config = StreamConfig {
            backend: Backend::Virtual(clock.clone()),
            rate: Some(48_000),
            resample: true,
            ..StreamConfig::default()
        };
        let stream = open(&config, Box::new(Listener::new())).expect("it opens");
        // A short pulse, which survives the change of rate, and a message in its middle.
        let mut sound = vec![0.0; 40_000];
        sound[30_000..30_017].fill(0.4);
        clock.feed(vec![sound.clone(), sound]);
        clock.feed_midi([(10, 0, [0x90, 1, 1]), (30_008, 1, [0x90, 60, 100]), (39_990, 0, [0x80, 1, 1])]);
        clock.run_frames(60_000);
        let latency = stream.latency();
        assert_eq!(latency.midi, latency.input, "{hardware}");
        assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats().violations);
        let listener = listener(stream.stop().expect("it comes home"));
        assert_eq!(listener.heard.len(), 3);
        let (at, event) = listener.heard[1];
        assert_eq!((event.port, event.bytes), (1, [0x90, 60, 100]));
        let (peak, loudest) = listener.peak;
        assert!(peak > 0.2 && (at - loudest).abs() <= 8, "{hardware}: {at}, {loudest}");
        // Distances are those of the hardware, in frames of the callback.
        let distance = listener.heard[2].0 - listener.heard[0].0;
        let wanted = 39_980 * 48_000 / i64::from(hardware);
        assert!((distance - wanted).abs() <= 1, "{hardware}: {distance} {wanted}");
    }
}

/// Another program plays a thousand messages on known frames, with a click beside each.
fn arrives(period: usize) -> bool {
    let Some(server) = JackServer::start_or_skip(48_000, period) else { return true };
    let config = StreamConfig {
        backend: Backend::Jack(server.options()),
        client: "listener".to_owned(),
        inputs: 1,
        outputs: 0,
        midi: vec![String::new()],
        connect: Connect::None,
        ..StreamConfig::default()
    };
    let stream = open(&config, Box::new(Listener::new())).expect("it opens");
    let mut at = 0;
    let sent: Vec<(u64, [u8; 3])> = (0..1000u32)
        .map(|n| {
            at += 1 + u64::from(n.wrapping_mul(2_654_435_761) >> 25);
            (at, [0x90 | (n % 16) as u8, (n % 128) as u8, 1 + (n / 128) as u8])
        })
        .collect();
    let player = MidiPlayer::start(&server, "player", sent.clone()).expect("it opens");
    for (from, to) in [("player:midi", "listener:midi_1"), ("player:click", "listener:in_1")] {
        let status = server.tool("jack_connect").args([from, to]).status().expect("jack_connect is there");
        assert!(status.success(), "{from} {to}");
    }
    player.go();
    let until = Instant::now() + PATIENCE;
    while !player.is_done() {
        assert!(Instant::now() < until, "the server does not go on");
        std::thread::sleep(Duration::from_millis(5));
    }
    // What was played in the last cycle has come in after some more.
    let frames = stream.stats().frames;
    while stream.stats().frames < frames + 4 * period as i64 {
        assert!(Instant::now() < until, "the server does not go on");
        std::thread::sleep(Duration::from_millis(5));
    }
    let whole = player.is_whole() && stream.stats().xruns == 0;
    assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats().violations);
    drop(player);
    let listener = listener(stream.stop().expect("it comes home"));
    if !whole || listener.lost > 0 {
        println!("note: period {period}: this machine dropped frames; again");
        return false;
    }
    let bytes: Vec<[u8; 3]> = listener.heard.iter().map(|(_, event)| event.bytes).collect();
    assert!(
        bytes.iter().eq(sent.iter().map(|(_, bytes)| bytes)),
        "period {period}: all of them, in their order"
    );
    let frames: Vec<i64> = listener.heard.iter().map(|(at, _)| *at).collect();
    assert_eq!(frames, listener.clicks, "period {period}: each in the frame of its click");
    let begin = frames[0] - sent[0].0 as i64;
    let wrong = frames.iter().zip(&sent).find(|(heard, (sent, _))| **heard - begin != *sent as i64);
    assert_eq!(wrong, None, "period {period}");
    true
}

#[test]
fn a_thousand_messages_of_another_jack_client_arrive_in_their_frames() {
    for period in [64, 256, 1024] {
        assert!((0..8).any(|_| arrives(period)), "period {period}: the machine drops frames all the time");
    }
}

#[test]
fn a_jack_port_is_connected_by_its_name_and_one_that_is_not_there_is_told() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let _player = MidiPlayer::start(&server, "keys", Vec::new()).expect("it opens");
    let config = StreamConfig {
        backend: Backend::Jack(server.options()),
        client: "listener".to_owned(),
        midi: vec!["KEYS".to_owned(), "nobody".to_owned()],
        ..StreamConfig::default()
    };
    let stream = open(&config, Box::new(|_: &mut IoBlock<'_>| ())).expect("it opens");
    let warnings = stream.info().warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("no MIDI input 'nobody'; there are: keys:midi")),
        "{warnings:?}"
    );
    let told = server.tool("jack_lsp").args(["-c", "listener:midi_1"]).output().expect("jack_lsp is there");
    assert!(String::from_utf8_lossy(&told.stdout).contains("keys:midi"), "{told:?}");
    drop(stream.stop());
}

#[test]
fn without_the_systems_midi_all_else_works_and_it_is_said() {
    let midi = vec!["a keyboard that nobody has".to_owned()];
    let config = StreamConfig { backend: Backend::Timer, midi, ..StreamConfig::default() };
    let stream = open(&config, Box::new(|_: &mut IoBlock<'_>| ())).expect("it opens all the same");
    let warnings = stream.info().warnings;
    assert!(warnings.iter().any(|warning| warning.to_lowercase().contains("no midi input")), "{warnings:?}");
    assert!(stream.stop().is_some());
}
