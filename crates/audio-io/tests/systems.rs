//! PulseAudio, PipeWire and ALSA as they really are, without hardware: what is played to a sink that goes nowhere is heard on its
//! monitor, over both streams and the bridge between them.
//!
//! A sound system is chosen by the environment, so each test runs itself again in a process with an environment of its own.
#![cfg(all(target_os = "linux", feature = "system"))]

use std::any::Any;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use omega_audio_io::testing::{AlsaOnJack, JackServer, SINK, SoundServer};
use omega_audio_io::{
    AudioCallback, Backend, Event, IoBlock, OpenError, Stream, StreamConfig, System, hardware, open, prepare,
};
use omega_rt::fifo::{Producer, fifo};
use omega_rt::guard::CountingAllocator;
use omega_signals as signals;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Set in a process that a test started.
const INSIDE: &str = "OMEGA_TEST_INSIDE";
/// What it prints when sound is on its way.
const PLAYING: &str = "it plays";
/// The sine that is played, in hertz, and how loud.
const FREQ: f64 = 440.0;
const LEVEL: f32 = 0.25;
/// Noise and distortion in decibels below which it is the sine that came back. The loops are young: what they come to is
/// measured elsewhere, with clocks that are known.
const GOOD: f64 = -40.0;
/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs `test` of this program in another process, and `meanwhile` once that plays; what it printed, once it has ended well.
fn again(test: &str, environment: &[(&str, String)], meanwhile: impl FnOnce()) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]);
    // What this machine may have of its own is not meant.
    for name in ["PULSE_SERVER", "PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value))).env(INSIDE, "1");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut text = String::new();
    let mut until = |sign: &str| {
        for line in lines.by_ref() {
            text += &line;
            text.push('\n');
            if line.contains(sign) {
                break;
            }
        }
    };
    until(PLAYING);
    meanwhile();
    until("\0");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{text}");
    text
}

/// Says that sound is on its way, for `again`.
fn wait_until_it_plays(stream: &Stream) {
    let mut events = stream.events();
    let end = Instant::now() + PATIENCE;
    while stream.stats().callbacks == 0 {
        assert!(Instant::now() < end, "it does not play: {:?}", events.poll());
        std::thread::yield_now();
    }
    println!("{PLAYING}");
}

/// Plays a sine and hands over what it hears.
struct Loop {
    frame: i64,
    heard: Producer<f32>,
}

impl AudioCallback for Loop {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        for (n, frame) in (self.frame..).take(io.frames).enumerate() {
            let cycles = (FREQ * frame as f64 / f64::from(io.rate)).fract();
            let sample =
                LEVEL * omega_dsp::math::sin_f32(omega_dsp::math::to_f32(cycles * std::f64::consts::TAU));
            io.outputs.iter_mut().filter_map(|output| output.get_mut(n)).for_each(|place| *place = sample);
        }
        self.frame += i64::try_from(io.frames).unwrap_or(0);
        // What nobody has fetched for seconds tears a hole, as a machine that stands still does.
        let _ = self.heard.write_whole(io.inputs.first().copied().unwrap_or_default());
    }
}

/// Frames that are judged at once.
const PIECE: usize = 4096;

/// Noise and distortion in decibels, and the level, of a piece of what was heard.
fn judge(piece: &[f32], rate: u32) -> (f64, f64) {
    let fit = signals::fit_sine(piece, FREQ, f64::from(rate));
    (signals::db(fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2)), fit.amplitude)
}

/// Opens `system`, plays and hears until what comes back is what was played, and judges it.
fn round_trip(system: System, device: Option<&str>, input: Option<&str>, rate: u32) {
    let config = StreamConfig {
        backend: Backend::System(system),
        rate: Some(rate),
        resample: true,
        inputs: 1,
        outputs: 2,
        period: Some(512),
        device: device.map(str::to_owned),
        input_device: input.map(str::to_owned),
        ..StreamConfig::default()
    };
    let (heard, mut pieces) = fifo(rate as usize * 4);
    let callback = Loop { frame: 0, heard };
    let stream = open(&config, Box::new(callback)).unwrap_or_else(|error| panic!("{error}"));
    println!("{:?}", stream.info());
    wait_until_it_plays(&stream);
    let mut events = stream.events();
    let end = Instant::now() + PATIENCE;
    let (mut piece, mut best, mut since) = ([0.0; PIECE], (f64::INFINITY, 0.0), 0);
    // A machine that stands still now and then tears holes, so one piece without is enough, and the best of a second after the
    // first that is good enough is told. How soon it comes is not asked.
    while since < rate as usize / PIECE {
        assert!(Instant::now() < end, "nothing comes back as it was played: {best:?}, {:?}", stream.stats());
        while pieces.read_whole(&mut piece) {
            let (noise, level) = judge(&piece, rate);
            if noise < best.0 {
                best = (noise, level);
            }
            since += usize::from(best.0 < GOOD);
        }
        match events.wait(Duration::from_millis(20)) {
            Some(gone @ (Event::Shutdown { .. } | Event::CallbackFailed)) => panic!("{gone:?}"),
            Some(event) => println!("{event:?}"),
            None => {}
        }
    }
    let (info, stats, latency) = (stream.info(), stream.stats(), stream.latency());
    println!("{stats:?}\n{latency:?} {:?}", info.latency);
    assert!(stats.violations.is_clean(), "{:?}", stats.violations);
    assert!(info.latency.input > 0, "the bridge tells what it delays");
    let callback: Box<dyn Any> = stream.stop().expect("the callback comes home");
    let callback = callback.downcast::<Loop>().expect("the same one");
    assert!(callback.frame >= i64::from(rate), "it plays: {} frames", callback.frame);
    let (noise, level) = best;
    println!("{noise:.1} dB of noise and distortion at {level:.4}");
    assert!((level / f64::from(LEVEL) - 1.0).abs() < 0.01, "{noise:.1} dB at {level}");
}

#[test]
fn pulseaudio_plays_and_hears() {
    if inside() {
        let monitor = format!("{SINK}.monitor");
        let offer = hardware(&Default::default());
        println!("{:?}", offer.iter().find(|report| report.name == "pulse"));
        return round_trip(System::PulseAudio, Some(SINK), Some(&monitor), 48_000);
    }
    let Some(server) = SoundServer::pulse_or_skip(48_000) else { return };
    print!("{}", again("pulseaudio_plays_and_hears", server.environment(), || ()));
}

#[test]
fn pulseaudio_at_another_rate_is_resampled_by_us() {
    if inside() {
        let monitor = format!("{SINK}.monitor");
        return round_trip(System::PulseAudio, Some(SINK), Some(&monitor), 48_000);
    }
    let Some(server) = SoundServer::pulse_or_skip(44_100) else { return };
    let told = again("pulseaudio_at_another_rate_is_resampled_by_us", server.environment(), || ());
    assert!(told.contains("hardware_rate: 44100") && told.contains("resampled"), "{told}");
}

#[test]
fn a_pulseaudio_that_dies_is_an_event_and_the_callback_comes_home() {
    if inside() {
        return dies(System::PulseAudio);
    }
    let Some(mut server) = SoundServer::pulse_or_skip(48_000) else { return };
    let environment = server.environment().to_vec();
    again("a_pulseaudio_that_dies_is_an_event_and_the_callback_comes_home", &environment, || {
        server.kill();
    });
}

/// Plays until the server is gone.
fn dies(system: System) {
    let config =
        StreamConfig { backend: Backend::System(system), inputs: 0, outputs: 2, ..StreamConfig::default() };
    let stream = open(&config, Box::new(|_: &mut IoBlock<'_>| ())).expect("it opens");
    wait_until_it_plays(&stream);
    let mut events = stream.events();
    let end = Instant::now() + PATIENCE;
    let told = loop {
        match events.wait(Duration::from_secs(1)) {
            Some(event @ (Event::Shutdown { .. } | Event::NoCallback { .. })) => break event,
            _ => assert!(Instant::now() < end, "nothing was told"),
        }
    };
    println!("{told:?}");
    assert!(stream.stop().is_some(), "the callback comes home");
    // A busy machine may tell of silence before the server is gone.
    let refused = loop {
        match prepare(&config) {
            Err(refused) => break refused,
            Ok(_) => assert!(Instant::now() < end, "there is no server any more"),
        }
    };
    assert!(matches!(refused, OpenError::NoSystem { .. }), "{refused}");
}

#[cfg(feature = "pipewire")]
#[test]
fn pipewire_plays_and_hears() {
    if inside() {
        println!("{:?}", hardware(&Default::default()).iter().find(|report| report.name == "pipewire"));
        return round_trip(System::PipeWire, Some(SINK), Some(SINK), 48_000);
    }
    let Some(server) = SoundServer::pipewire_or_skip(48_000) else { return };
    print!("{}", again("pipewire_plays_and_hears", server.environment(), || ()));
}

#[cfg(feature = "pipewire")]
#[test]
fn a_pipewire_that_dies_is_an_event_and_the_callback_comes_home() {
    if inside() {
        return dies(System::PipeWire);
    }
    let Some(mut server) = SoundServer::pipewire_or_skip(48_000) else { return };
    let environment = server.environment().to_vec();
    again("a_pipewire_that_dies_is_an_event_and_the_callback_comes_home", &environment, || {
        server.kill();
    });
}

#[test]
fn alsa_plays_and_hears_through_its_plugin_for_jack() {
    if inside() {
        return round_trip(System::Alsa, None, None, 48_000);
    }
    let Some(server) = JackServer::start_or_skip(48_000, 512) else { return };
    let Some(alsa) = AlsaOnJack::new_or_skip(&server) else { return };
    let told = again("alsa_plays_and_hears_through_its_plugin_for_jack", &alsa.environment(), || {
        // From what is played to what is heard, once both are there.
        let end = Instant::now() + PATIENCE;
        while !connect(&server) {
            assert!(Instant::now() < end, "the plugin's ports are not there");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    print!("{told}");
}

/// Makes a cable from the plugin's output to its input; false while they are not there.
fn connect(server: &JackServer) -> bool {
    let list = server.tool("jack_lsp").output().expect("jack_lsp");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let port = |part: &str| list.lines().find(|name| name.contains("omega-alsa") && name.contains(part));
    let (Some(out), Some(input)) = (port("out_000"), port("in_000")) else { return false };
    server.tool("jack_connect").args([out, input]).status().is_ok_and(|status| status.success())
}

#[test]
fn systems_that_are_not_there_say_so_at_once() {
    if !inside() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().display().to_string();
        let environment = [
            ("XDG_RUNTIME_DIR", nowhere.clone()),
            ("PULSE_RUNTIME_PATH", nowhere.clone()),
            ("ALSA_CONFIG_PATH", format!("{nowhere}/none")),
            ("JACK_DEFAULT_SERVER", "omega-test-none".to_owned()),
        ];
        again("systems_that_are_not_there_say_so_at_once", &environment, || ());
        return;
    }
    for system in [System::PulseAudio, System::PipeWire, System::Alsa] {
        let config = StreamConfig { backend: Backend::System(system), ..StreamConfig::default() };
        let refused = prepare(&config).map(|_| ()).expect_err("there is none").to_string();
        assert!(refused.contains(&system.to_string()), "{refused}");
    }
    let prepared = prepare(&StreamConfig::default()).expect("auto finds the timer");
    assert_eq!(prepared.info().backend, "timer");
    let reason = &prepared.info().reason;
    assert!(reason.starts_with("nothing is heard: no JACK server"), "{reason}");
    assert!(reason.contains("PulseAudio") && reason.contains("ALSA"), "{reason}");
    let named = StreamConfig { device: Some("Scarlett".to_owned()), ..StreamConfig::default() };
    assert!(prepare(&named).is_err(), "who names hardware gets no silence");
}
