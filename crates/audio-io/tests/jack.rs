//! Streams on a real JACK server with the dummy driver.

use std::any::Any;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use omega_audio_io::testing::JackServer;
use omega_audio_io::{
    AudioCallback, Backend, BackendState, Connect, Event, EventReader, IoBlock, JackOptions, Offer,
    OpenError, PortDirection, PortKind, Priority, Stream, StreamConfig, hardware, open, prepare,
};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Nothing here takes nearly this long; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(server: &JackServer, client: &str) -> StreamConfig {
    StreamConfig {
        backend: Backend::Jack(server.options()),
        client: client.to_owned(),
        ..StreamConfig::default()
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn await_event(events: &mut EventReader, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match events.wait(PATIENCE) {
            Some(event) if wanted(&event) => return event,
            _ => {}
        }
    }
    panic!("the event never came");
}

/// Plays a signal in which every sample says which one it is, as soon as `go` is set.
#[derive(Default)]
struct Counter {
    next: u32,
    go: Arc<AtomicBool>,
}

impl Counter {
    fn going() -> Box<Self> {
        Box::new(Self { next: 0, go: Arc::new(AtomicBool::new(true)) })
    }
}

impl AudioCallback for Counter {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        if !self.go.load(Ordering::Acquire) {
            return;
        }
        for frame in 0..io.frames {
            for (channel, output) in io.outputs.iter_mut().enumerate() {
                if let Some(sample) = output.get_mut(frame) {
                    *sample = sample_of(self.next, channel);
                }
            }
            self.next += 1;
        }
    }
}

fn sample_of(frame: u32, channel: usize) -> f32 {
    let exact = f32::from_bits((frame % (1 << 23)) | 0x3f80_0000);
    if channel == 0 { exact } else { -exact }
}

/// Keeps what it hears in memory reserved beforehand; silence before the first sound is left out.
struct Recorder {
    heard: Vec<Vec<f32>>,
    room: usize,
    filled: Arc<AtomicUsize>,
}

impl Recorder {
    fn new(channels: usize, room: usize) -> (Box<Self>, Arc<AtomicUsize>) {
        let filled = Arc::new(AtomicUsize::new(0));
        let heard = (0..channels).map(|_| Vec::with_capacity(room)).collect();
        (Box::new(Self { heard, room, filled: Arc::clone(&filled) }), filled)
    }
}

impl AudioCallback for Recorder {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        let started = self.heard.first().is_some_and(|list| !list.is_empty());
        let first = if started { Some(0) } else { io.inputs[0].iter().position(|x| *x != 0.0) };
        let Some(first) = first else { return };
        for (list, input) in self.heard.iter_mut().zip(io.inputs) {
            let fits = (self.room - list.len()).min(input.len() - first);
            list.extend_from_slice(&input[first..first + fits]);
        }
        self.filled.store(self.heard[0].len(), Ordering::Release);
    }
}

fn connect(server: &JackServer, from: &str, to: &str) {
    let status = server.tool("jack_connect").args([from, to]).status().expect("jack_connect is there");
    assert!(status.success(), "{from} to {to}");
}

fn come_home<T: AudioCallback>(stream: Stream) -> Box<T> {
    let home: Box<dyn Any> = stream.stop().expect("the callback comes home");
    home.downcast::<T>().expect("as the type it was")
}

#[test]
fn blocks_have_the_exact_period_and_the_server_is_told_truly() {
    let Some(server) = JackServer::start_or_skip(44_100, 128) else { return };
    let mut wishes = config(&server, "exact");
    (wishes.inputs, wishes.outputs) = (1, 3);
    (wishes.rate, wishes.period) = (Some(48_000), Some(64));
    wishes.measure = true;
    let prepared = prepare(&wishes).expect("a running server");
    assert_eq!((prepared.info().rate, prepared.info().period), (44_100, 128));
    assert_eq!(
        prepared.info().warnings.len(),
        2,
        "neither wish could be met: {:?}",
        prepared.info().warnings
    );
    let wrong = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&wrong);
    let mut expected = None;
    let stream = prepared
        .start(Box::new(move |io: &mut IoBlock<'_>| {
            let next = io.time.frame - io.flags.lost;
            let good = io.frames == 128
                && io.rate == 44_100
                && (io.inputs.len(), io.outputs.len()) == (1, 3)
                && expected.is_none_or(|frame| frame == next)
                && io.inputs.iter().all(|channel| channel.len() == 128)
                && io.outputs.iter().all(|channel| channel.len() == 128);
            expected = Some(io.time.frame + 128);
            count.fetch_add(usize::from(!good), Ordering::Relaxed);
        }))
        .expect("it starts");
    until("200 callbacks", || stream.stats().callbacks >= 200);
    let (info, stats, latency) = (stream.info(), stream.stats(), stream.latency());
    assert_eq!(wrong.load(Ordering::Relaxed), 0);
    assert_eq!(stats.frames, i64::try_from(stats.callbacks).unwrap() * 128);
    assert!(stats.violations.is_clean(), "{stats:?}");
    assert_eq!(stats.cpu.count, stats.elapsed.count);
    assert_ne!(stats.priority, Priority::Unknown);
    assert_eq!((info.backend, info.client.as_str()), ("jack", "exact"));
    assert!(info.warnings.iter().any(|w| w.starts_with("1 of 3 outputs")), "two sinks: {:?}", info.warnings);
    // The dummy driver captures a period late and plays two periods late.
    assert_eq!((latency.input, latency.output), (128, 256));
    assert!(stream.stop().is_some());
}

#[test]
fn a_known_signal_arrives_bit_for_bit_at_a_second_client() {
    const FRAMES: usize = 100_000;
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let mut listening = config(&server, "ear");
    (listening.outputs, listening.connect) = (0, Connect::None);
    let (recorder, filled) = Recorder::new(2, FRAMES);
    let ear = open(&listening, recorder).expect("it opens");
    let mut playing = config(&server, "mouth");
    (playing.inputs, playing.connect) = (0, Connect::None);
    let counter = Box::new(Counter::default());
    let go = Arc::clone(&counter.go);
    let mouth = open(&playing, counter).expect("it opens");
    connect(&server, "mouth:out_1", "ear:in_1");
    connect(&server, "mouth:out_2", "ear:in_2");
    // In freewheel the server waits for its clients, so that there are no gaps.
    server.set_freewheel(true).expect("freewheel");
    go.store(true, Ordering::Release);
    until("the recording is full", || filled.load(Ordering::Acquire) == FRAMES);
    server.set_freewheel(false).expect("no freewheel");
    let (ear_stats, mouth_stats) = (ear.stats(), mouth.stats());
    let heard = come_home::<Recorder>(ear).heard;
    assert!(come_home::<Counter>(mouth).next as usize >= FRAMES);
    assert!(ear_stats.violations.is_clean() && mouth_stats.violations.is_clean());
    assert_eq!(heard.len(), 2);
    for (channel, samples) in heard.iter().enumerate() {
        assert_eq!(samples.len(), FRAMES);
        for (frame, sample) in (0..).zip(samples) {
            assert_eq!(
                sample.to_bits(),
                sample_of(frame, channel).to_bits(),
                "frame {frame}, channel {channel}"
            );
        }
    }
}

#[test]
fn a_server_that_dies_is_an_event_and_the_stream_stops_cleanly() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let stream = open(&config(&server, "orphan"), Counter::going()).expect("it opens");
    let mut events = stream.events();
    until("it plays", || stream.stats().callbacks > 10);
    server.signal("KILL").expect("kill");
    let event = await_event(&mut events, |event| matches!(event, Event::Shutdown { .. }));
    assert!(matches!(event, Event::Shutdown { reason } if !reason.is_empty()));
    assert_eq!(stream.latency(), omega_audio_io::Latency::default());
    let begun = Instant::now();
    assert!(come_home::<Counter>(stream).next > 0);
    assert!(begun.elapsed() < PATIENCE);
    drop(server);
    let Some(server) = JackServer::start_or_skip(48_000, 64) else { return };
    let again = open(&config(&server, "reborn"), Counter::going()).expect("a new server is found");
    until("it plays again", || again.stats().callbacks > 10);
    assert_eq!(again.info().period, 64);
}

#[test]
fn the_period_changes_while_playing() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let lengths = Arc::new(Mutex::new(Vec::with_capacity(100)));
    let list = Arc::clone(&lengths);
    let note = move |io: &mut IoBlock<'_>| {
        let mut list = list.lock().unwrap();
        if list.last() != Some(&io.frames) && list.len() < 100 {
            list.push(io.frames);
        }
    };
    let stream = open(&config(&server, "elastic"), Box::new(note)).expect("it opens");
    let mut events = stream.events();
    for period in [64, 1024, 8192, 256] {
        server.set_period(period).expect("jack_bufsize");
        await_event(&mut events, |event| *event == Event::PeriodChanged { period });
        let before = stream.stats().callbacks;
        until("it plays on", || stream.stats().callbacks > before + 1);
        assert_eq!(stream.info().period, period);
    }
    assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats());
    drop(stream);
    assert_eq!(
        *lengths.lock().unwrap(),
        [256, 64, 1024, 8192, 256],
        "each block has the server's exact period"
    );
}

#[test]
fn freewheel_is_faster_than_time_flagged_and_leaves_no_gap() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let wheeled = Arc::new(AtomicUsize::new(0));
    let gaps = Arc::new(AtomicUsize::new(0));
    let (count, lost) = (Arc::clone(&wheeled), Arc::clone(&gaps));
    let note = move |io: &mut IoBlock<'_>| {
        if io.flags.freewheel {
            // The way into freewheel may cost a cycle.
            if count.fetch_add(1, Ordering::Relaxed) > 0 && io.flags.lost > 0 {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let stream = open(&config(&server, "wheel"), Box::new(note)).expect("it opens");
    let mut events = stream.events();
    server.set_freewheel(true).expect("freewheel");
    await_event(&mut events, |event| *event == Event::Freewheel(true));
    until("a minute of audio", || wheeled.load(Ordering::Relaxed) * 256 > 60 * 48_000);
    server.set_freewheel(false).expect("no freewheel");
    await_event(&mut events, |event| *event == Event::Freewheel(false));
    assert_eq!(gaps.load(Ordering::Relaxed), 0);
}

#[test]
fn a_server_that_hangs_is_noticed() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let mut watched = config(&server, "watched");
    watched.watchdog = Duration::from_millis(300);
    let stream = open(&watched, Counter::going()).expect("it opens");
    let mut events = stream.events();
    until("it plays", || stream.stats().callbacks > 10);
    server.signal("STOP").expect("kill");
    let event = await_event(&mut events, |event| matches!(event, Event::NoCallback { .. }));
    assert!(matches!(event, Event::NoCallback { waited } if waited >= watched.watchdog));
    let before = stream.stats().callbacks;
    server.signal("CONT").expect("kill");
    until("it plays on", || stream.stats().callbacks > before + 10);
    assert!(stream.stop().is_some());
}

#[test]
fn stopping_waits_for_a_callback_that_is_busy() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let inside = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&inside);
    let busy = move |_: &mut IoBlock<'_>| {
        seen.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(40) {
            std::hint::spin_loop();
        }
        seen.store(false, Ordering::SeqCst);
    };
    let stream = open(&config(&server, "busy"), Box::new(busy)).expect("it opens");
    until("it is in the callback", || inside.load(Ordering::SeqCst));
    assert!(stream.stop().is_some());
    assert!(!inside.load(Ordering::SeqCst), "not cancelled in the middle");
}

/// In a process of its own, because the library holds on to a server that hangs.
#[test]
fn a_server_that_hangs_does_not_hang_us() {
    let output = in_a_child("child_on_a_server_that_hangs", |_| ());
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter(|line| line.contains("SKIPPED")).for_each(|line| println!("{line}"));
}

#[test]
fn child_on_a_server_that_hangs() {
    if std::env::var_os(IN_A_CHILD).is_none() {
        return;
    }
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let stream = open(&config(&server, "patient"), Counter::going()).expect("it opens");
    until("it plays", || stream.stats().callbacks > 10);
    server.signal("STOP").expect("kill");
    let error = prepare(&config(&server, "second")).unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");
    assert!(stream.stop().is_none());
}

#[test]
fn names_are_made_unique_and_bad_ones_refused() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let first = open(&config(&server, "twin"), Counter::going()).expect("it opens");
    let second = open(&config(&server, "twin"), Counter::going()).expect("it opens too");
    assert_eq!(first.info().client, "twin");
    assert_ne!(second.info().client, "twin");
    let refused = open(&config(&server, "a:b"), Counter::going()).unwrap_err();
    assert!(matches!(refused, OpenError::BadConfig { what: "client name", .. }));
}

fn open_on_a_missing_server() -> OpenError {
    let options = JackOptions { server: Some("no-such-server".to_owned()), start_server: false };
    prepare(&StreamConfig { backend: Backend::Jack(options), ..StreamConfig::default() }).unwrap_err()
}

/// Runs one of the tests below, named `child_…`, in a process of its own. They pass without doing anything otherwise.
fn in_a_child(test: &str, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture"]).env(IN_A_CHILD, "1");
    change(&mut command);
    command.output().expect("it runs")
}

const IN_A_CHILD: &str = "OMEGA_TEST_IN_A_CHILD";

#[test]
fn child_without_a_server() {
    if std::env::var_os(IN_A_CHILD).is_some() {
        let error = open_on_a_missing_server();
        let OpenError::NoJackServer { name, .. } = &error else { panic!("{error:?}") };
        assert_eq!(name.as_deref(), Some("no-such-server"));
        assert!(
            error.to_string().contains("jackd -d alsa") && error.to_string().contains("--backend timer"),
            "{error}"
        );
    }
}

#[test]
fn child_without_the_library() {
    if std::env::var_os(IN_A_CHILD).is_some() {
        let error = open_on_a_missing_server();
        assert!(matches!(error, OpenError::NoJackLibrary { .. }), "{error:?}");
        assert!(error.to_string().contains("libjack-jackd2-0"), "{error}");
    }
}

#[test]
fn child_on_the_default_server() {
    if let Some(name) =
        std::env::var_os("JACK_DEFAULT_SERVER").filter(|_| std::env::var_os(IN_A_CHILD).is_some())
    {
        let config =
            StreamConfig { backend: Backend::Jack(JackOptions::default()), ..StreamConfig::default() };
        assert_eq!(prepare(&config).expect("the server of the environment").info().period, 333, "{name:?}");
        let config = StreamConfig { backend: Backend::Auto, ..config };
        let prepared = prepare(&config).expect("anything");
        assert_eq!(
            (prepared.info().backend, prepared.info().reason.as_str()),
            ("jack", "a JACK server runs")
        );
    }
}

#[test]
fn a_missing_server_is_our_message_and_nothing_is_printed_by_the_library() {
    if library_is_missing() {
        return;
    }
    let output = in_a_child("child_without_a_server", |_| ());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_missing_library_is_a_message() {
    let folder = std::env::temp_dir().join(format!("omega-no-jack-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("libjack.so.0"), "not a library").expect("a file");
    let output = in_a_child("child_without_the_library", |command| {
        command.env("LD_LIBRARY_PATH", &folder);
    });
    std::fs::remove_dir_all(&folder).expect("the folder was ours");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_environment_chooses_the_default_server() {
    let Some(server) = JackServer::start_or_skip(48_000, 333) else { return };
    let output = in_a_child("child_on_the_default_server", |command| {
        command.env("JACK_DEFAULT_SERVER", server.name());
    });
    assert!(output.status.success(), "{output:?}");
}

fn library_is_missing() -> bool {
    let missing = matches!(open_on_a_missing_server(), OpenError::NoJackLibrary { .. });
    if missing {
        println!("SKIPPED: the JACK library is not installed (Debian: apt install libjack-jackd2-0)");
    }
    missing
}

#[test]
fn the_hardware_listing_names_ports_and_says_why_there_are_none() {
    let Some(server) = JackServer::start_or_skip(48_000, 256) else { return };
    let stream = open(&config(&server, "seen"), Counter::going()).expect("it opens");
    let reports = hardware(&server.options());
    let names: Vec<_> = reports.iter().map(|report| report.name).collect();
    assert_eq!((names.first(), names.last()), (Some(&"jack"), Some(&"timer")), "JACK first, nothing last");
    let BackendState::Available(offer) = &reports[0].state else { panic!("{reports:?}") };
    assert_eq!((offer.rate, offer.period), (Some(48_000), Some(256)));
    let seen: Vec<_> = offer
        .ports
        .iter()
        .map(|port| (port.name.as_str(), port.kind, port.direction, port.physical))
        .collect();
    let (audio, capture, playback) = (PortKind::Audio, PortDirection::Capture, PortDirection::Playback);
    for wanted in [
        ("system:capture_1", audio, capture, true),
        ("system:capture_2", audio, capture, true),
        ("system:playback_1", audio, playback, true),
        ("system:playback_2", audio, playback, true),
        ("seen:in_1", audio, playback, false),
        ("seen:out_2", audio, capture, false),
    ] {
        assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
    }
    assert!(offer.ports.iter().all(|port| !port.physical || port.latency >= 256), "{offer:?}");
    let timer = reports.last().map(|report| &report.state);
    assert_eq!(timer, Some(&BackendState::Available(Offer::default())));
    drop(stream);
    let missing = JackOptions { server: Some("no-such-server".to_owned()), start_server: false };
    drop(server);
    let BackendState::Unavailable { reason } = &hardware(&missing)[0].state else { panic!("there is one") };
    assert!(reason.contains("no-such-server") && reason.contains("jackd -d alsa"), "{reason}");
}
