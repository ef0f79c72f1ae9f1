//! Records many tracks for minutes, in real time, through a JACK server of its own, and looks at every frame of every file.
//!
//! ```sh
//! cargo run -p omega-studio --example record_many -- [--tracks 32] [--minutes 10] [--period 256]
//! ```
//!
//! A second client of the server plays a counter on each cable, so that each sample says which frame it is and on which cable.
//! What has to be: each take has as many frames as were recorded, not one of them lost on its way to the file, each on the cable
//! of its track; and the counter goes on by one from frame to frame. Where it jumps, the hardware (here: the server, on a machine
//! that stood still) dropped whole periods: those are told by it, and are the same on all tracks.
//!
//! Needs 4 bytes a frame and track in the folder for temporary files (`TMPDIR`), 3.7 GB for 32 tracks and 10 minutes, which are
//! deleted at the end.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use omega_audio_io::testing::JackServer;
use omega_audio_io::{Backend, Connect, IoBlock, StreamConfig, open};
use omega_dsp::simd::Level;
use omega_media::record::{FinishedTake, forget};
use omega_media::stream;
use omega_rt::guard::CountingAllocator;
use omega_session::CreateOptions;
use omega_session::edit::{Edit, TrackAdd, TrackArm, TrackInput, TrackMonitor};
use omega_session::model::{Monitor, TrackId, TrackKind};
use omega_studio::{Player, RecordRequest, RecordState, Streaming, Studio};
use omega_time::SampleRate;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RATE: u32 = 48_000;
/// Counters come round after so many frames: as many as single precision tells apart between 1 and 2.
const ROUND: u32 = 1 << 23;
/// How far the counters of neighbouring cables are apart.
const APART: u32 = 1009;
/// Patience with a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a cable carries at a frame: no silence among it.
fn sample(cable: u32, frame: u32) -> f32 {
    f32::from_bits((frame.wrapping_add(cable * APART) % ROUND) | 0x3f80_0000)
}

/// Which frame it was, modulo [`ROUND`]; `None` for what no cable carries.
fn frame(cable: u32, sample: f32) -> Option<u32> {
    let bits = sample.to_bits();
    let count = bits.wrapping_sub(0x3f80_0000);
    (count < ROUND).then(|| count.wrapping_sub(cable * APART) % ROUND)
}

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, usual: usize| match args.iter().position(|arg| arg == name) {
        None => Ok(usual),
        Some(at) => args.get(at + 1).and_then(|text| text.parse().ok()).ok_or(format!("{name} N")),
    };
    let (tracks, minutes) = (u16::try_from(number("--tracks", 32)?)?, number("--minutes", 10)?);
    let period = number("--period", 256)?;
    let frames = i64::try_from(minutes * 60)? * i64::from(RATE);
    let server = JackServer::start_synchronous(RATE, period)?;
    let root = tempfile::tempdir()?;
    let studio = session(root.path(), tracks)?;
    let many = usize::from(tracks);
    let config = |client: &str, inputs, outputs| StreamConfig {
        backend: Backend::Jack(server.options()),
        client: client.to_owned(),
        inputs,
        outputs,
        connect: Connect::None,
        ..StreamConfig::default()
    };
    let mut count = 0;
    let counter = move |io: &mut IoBlock<'_>| {
        for (cable, output) in (0..).zip(io.outputs.iter_mut()) {
            (count..).zip(output.iter_mut()).for_each(|(frame, place)| *place = sample(cable, frame));
        }
        count = count.wrapping_add(u32::try_from(io.frames).unwrap_or(0)) % ROUND;
    };
    let counting = open(&config("counter", 0, many), Box::new(counter))?;
    let sources = Streaming::new(&stream::StreamConfig::default())?;
    let config = config("recorder", many, 2);
    let mut player = Player::open(&studio.project(), studio.root(), sources, &config, Level::detect())?;
    for port in 1..=tracks {
        connect(&server, &format!("counter:out_{port}"), &format!("recorder:in_{port}"))?;
    }
    println!("{tracks} tracks, {minutes} min at {RATE} Hz, period {period}: {frames} frames each");
    let takes = record(&studio, &mut player, frames)?;
    let (lost, stats) = (takes.1, player.stats());
    println!(
        "audio thread: {}; {} callbacks, {} xruns, {lost} frames dropped before the callback; in the callback: {:?}",
        stats.priority, stats.callbacks, stats.xruns, stats.violations
    );
    player.close();
    drop(counting.stop());
    let clean = stats.violations.is_clean();
    let whole = judge(&studio, &takes.0, many, frames, period)?;
    if clean && whole { Ok(()) } else { Err("not as it has to be".into()) }
}

fn session(root: &Path, tracks: u16) -> Outcome<Studio> {
    let options = CreateOptions { sample_rate: SampleRate::new(RATE)?, ..CreateOptions::new("Many") };
    let mut studio = Studio::create(&root.join("Many.omega"), &options)?;
    let mut edits: Vec<Edit> = Vec::new();
    for number in 0..tracks {
        let id = TrackId::new(&format!("t{number}"))?;
        let track = TrackAdd::new(TrackKind::Audio, &format!("Track {number}"));
        edits.push(TrackAdd { id: Some(id.clone()), channels: Some(1), ..track }.into());
        edits.push(TrackInput { id: id.clone(), input: vec![number] }.into());
        edits.push(TrackMonitor { id: id.clone(), mode: Monitor::Off }.into());
        edits.push(TrackArm { id, on: true }.into());
    }
    studio.apply("tracks", &edits)?;
    Ok(studio)
}

fn connect(server: &JackServer, from: &str, to: &str) -> Outcome {
    let until = Instant::now() + PATIENCE;
    while !server.tool("jack_connect").args([from, to]).stdout(Stdio::null()).status()?.success() {
        if Instant::now() > until {
            return Err(format!("{from} and {to} cannot be connected").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Records from the beginning up to frame `end`. Gives the takes, and the frames that the hardware dropped.
fn record(studio: &Studio, player: &mut Player, end: i64) -> Outcome<(Vec<FinishedTake>, i64)> {
    let project = studio.project();
    let until = Instant::now() + PATIENCE;
    while !player.prepare_to_record(&project, studio.root())? {
        if Instant::now() > until {
            return Err("it never gets ready".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let request = RecordRequest { from: Some(0), punch: Some(0..end), ..RecordRequest::default() };
    player.record(&project, studio.root(), &request)?;
    let mut stopped = false;
    loop {
        player.poll();
        let status = player.recording().ok_or("it was ended")?;
        if let Some(problem) = status.takes.iter().find_map(|take| take.problem.clone()) {
            return Err(problem.into());
        }
        if player.status().position >= end && !stopped {
            stopped = true;
            player.stop();
        }
        if status.state == RecordState::Done {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let lost = player.recording().map_or(0, |status| status.hardware_lost);
    let mut takes = Vec::new();
    for take in player.finish_recording().takes {
        takes.extend(take?);
    }
    Ok((takes, lost))
}

/// Looks at every frame of every take; true when all are there.
fn judge(
    studio: &Studio,
    takes: &[FinishedTake],
    tracks: usize,
    frames: i64,
    period: usize,
) -> Outcome<bool> {
    let mut good = takes.len() == tracks;
    let (mut all, mut first) = (0, None);
    for take in takes {
        let cable: u32 = take.log.track.trim_start_matches('t').parse()?;
        let seen = look(&studio.root().join("media").join(&take.file_name), cable)?;
        let places: Vec<(i64, i64)> = take.log.stretches.iter().map(|s| (s.position, s.frames)).collect();
        let right = seen.frames == frames
            && take.frames == frames
            && take.log.lost() == 0
            && places == [(0, frames)]
            && seen.foreign == 0
            && seen.jumps.iter().all(|(_, by)| (*by as usize).is_multiple_of(period));
        let same = *first.get_or_insert_with(|| seen.jumps.clone()) == seen.jumps;
        if !right || !same {
            println!(
                "track {cable}: {} of {frames} frames, {} lost, stretches {places:?}, {seen:?}",
                take.frames,
                take.log.lost()
            );
        }
        good &= right && same;
        all += seen.frames;
        forget(&take.log_file)?;
    }
    let jumps = first.unwrap_or_default();
    let dropped: u64 = jumps.iter().map(|(_, by)| u64::from(*by)).sum();
    println!("jumps: {jumps:?}");
    println!(
        "{} takes, {all} frames looked at; the counters jumped {} times, over {dropped} frames that no callback got: {}",
        takes.len(),
        jumps.len(),
        if good { "every frame is there" } else { "NOT as it has to be" }
    );
    Ok(good)
}

/// What was seen in a file.
#[derive(Debug, Default)]
struct Seen {
    frames: i64,
    /// Samples that no cable carries.
    foreign: u64,
    /// Where the counter jumped, and over how many frames.
    jumps: Vec<(i64, u32)>,
}

fn look(path: &Path, cable: u32) -> Outcome<Seen> {
    let mut file = omega_media::open(path)?;
    let (mut seen, mut next) = (Seen::default(), None);
    let mut block = vec![0.0; 1 << 16];
    loop {
        let count = file.read_block(&mut [&mut block[..]])?;
        if count == 0 {
            return Ok(seen);
        }
        for value in &block[..count] {
            match frame(cable, *value) {
                None => seen.foreign += 1,
                Some(now) => {
                    let over = next.map_or(0, |next: u32| now.wrapping_sub(next) % ROUND);
                    if over != 0 {
                        seen.jumps.push((seen.frames, over));
                    }
                    next = Some((now + 1) % ROUND);
                }
            }
            seen.frames += 1;
        }
    }
}
