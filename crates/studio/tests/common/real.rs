//! A session of a hundred real recordings: what other people recorded, at their rates, in their formats.
//!
//! Shared by the tests of this crate and of the command line.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use omega_studio::session::CreateOptions;
use omega_studio::session::edit::{
    ClipAdd, ClipCrossfade, ClipFade, ClipGain, ClipReverse, ClipSplit, DeviceAdd, DeviceBypass, Edit,
    LaneAdd, PointAdd, SendAdd, TrackAdd, TrackDelay, TrackPan, TrackVolume,
};
use omega_studio::session::model::{
    ClipId, DeviceId, Fade, FadeShape, LaneId, MediaId, Output, ParamTarget, PointShape, TrackId, TrackKind,
    TrackParam,
};
use omega_studio::time::{Frames, Ticks, TimePoint};
use omega_studio::{Import, ImportReport, Studio};

type Made<T> = Result<T, Box<dyn std::error::Error>>;

/// Where the Debian packages `sonic-pi-samples` and `hydrogen-data` put their sounds, and how many are taken of each.
const FOLDERS: [(&str, usize); 2] =
    [("/usr/share/sonic-pi/samples", 45), ("/usr/share/hydrogen/data/drumkits", 55)];
/// Larger files are left out, so that the import stays short.
const LARGEST: u64 = 400_000;
/// The longest clip, in frames.
const LONGEST: i64 = 50_000;
/// Frames from the start of one clip to the start of the next.
const STEP: i64 = 1_501;
const TRACKS: usize = 10;

/// A session in `folder`, imported, edited and saved; prints `SKIPPED: …` and gives `None` where the recordings are absent.
pub fn session(folder: &Path) -> Option<Studio> {
    let mut files = Vec::new();
    for (place, count) in FOLDERS {
        let mut found = Vec::new();
        collect(Path::new(place), &mut found);
        found.sort();
        if found.len() < count {
            println!(
                "SKIPPED: {place} does not hold {count} sounds; install sonic-pi-samples and hydrogen-data"
            );
            return None;
        }
        files.extend((0..count).map(|n| found[n * found.len() / count].clone()));
    }
    // The packages hold sounds of one rate.
    for (n, file) in files.iter_mut().enumerate().filter(|(n, _)| n % 5 == 0) {
        match at_48000(file, &folder.join(format!("{n}"))) {
            Ok(converted) => *file = converted,
            Err(why) => {
                println!("SKIPPED: sounds cannot be brought to 48 kHz: {why}; install sox");
                return None;
            }
        }
    }
    Some(made(folder, &files).expect("the session is made"))
}

/// The sound at 48 kHz, in a folder of its own: equal bytes whenever it is made.
fn at_48000(file: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let converted = folder.join(file.file_name().unwrap_or_default());
    let done =
        Command::new("sox").args(["-D", "-R"]).arg(file).args(["-r", "48000"]).arg(&converted).output()?;
    if done.status.success() {
        return Ok(converted);
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let sound =
            path.extension().is_some_and(|end| ["flac", "wav", "aiff"].iter().any(|kind| end == *kind));
        let size = entry.metadata().map_or(0, |data| data.len());
        if path.is_dir() {
            collect(&path, found);
        } else if sound && (1..LARGEST).contains(&size) {
            found.push(path);
        }
    }
}

fn made(folder: &Path, files: &[PathBuf]) -> Made<Studio> {
    let mut studio = Studio::create(&folder.join("Real.omega"), &CreateOptions::seeded("Real", 11))?;
    let pool = Import { pool_only: true, ..Import::default() };
    let report = studio.import(files, &pool, &mut |_, _| ControlFlow::Continue(()))?;
    check(&report);
    studio.apply("tracks", &tracks()?)?;
    let mut clips = Vec::new();
    for (n, file) in report.imported.iter().enumerate() {
        clips.push(clip(n, &file.media, file.info.frames)?);
    }
    studio.apply("clips", &clips)?;
    studio.apply("devices", &devices()?)?;
    studio.apply("polish", &polish(&studio)?)?;
    // What was taken back is not heard.
    studio.apply("mistake", &[TrackVolume { id: track(0)?, db: -90.0 }.into()])?;
    studio.undo()?;
    studio.save()?;
    assert_eq!(studio.project().clips().len(), 101, "a hundred, of which one was split");
    Ok(studio)
}

/// The recordings are as mixed as they are meant to be.
fn check(report: &ImportReport) {
    assert_eq!((report.imported.len(), report.failed.as_slice()), (100, &[][..]));
    let mut kinds = std::collections::BTreeSet::new();
    for file in &report.imported {
        let origin = &file.info.origin;
        kinds.insert((format!("{:?}", origin.file_kind), origin.rate, file.info.channels));
    }
    for seen in ["Wav", "Flac"] {
        assert!(kinds.iter().any(|(kind, ..)| kind.eq_ignore_ascii_case(seen)), "{seen}: {kinds:?}");
    }
    assert!([44_100, 48_000].iter().all(|rate| kinds.iter().any(|kind| kind.1 == *rate)), "{kinds:?}");
    assert!([1, 2].iter().all(|channels| kinds.iter().any(|kind| kind.2 == *channels)), "{kinds:?}");
}

fn track(n: usize) -> Made<TrackId> {
    Ok(TrackId::new(&format!("trk-{n}"))?)
}

fn bus(name: &str) -> Made<TrackId> {
    Ok(TrackId::new(&format!("trk-{name}"))?)
}

fn tracks() -> Made<Vec<Edit>> {
    let mut edits: Vec<Edit> = Vec::new();
    for (kind, name) in [(TrackKind::Bus, "low"), (TrackKind::Bus, "high"), (TrackKind::Return, "echo")] {
        edits.push(TrackAdd { id: Some(bus(name)?), ..TrackAdd::new(kind, name) }.into());
    }
    for n in 0..TRACKS {
        let output = Some(Output::Track(bus(if n.is_multiple_of(2) { "low" } else { "high" })?));
        let add = TrackAdd::new(TrackKind::Audio, &format!("Track {n}"));
        edits.push(TrackAdd { id: Some(track(n)?), output, ..add }.into());
        edits.push(TrackVolume { id: track(n)?, db: -6.0 - n as f64 * 0.7 }.into());
        edits.push(TrackPan { id: track(n)?, pan: n as f64 * 0.2 - 0.9 }.into());
    }
    edits.push(TrackDelay { id: track(3)?, frames: Frames(-211) }.into());
    for n in [1, 4, 7] {
        let send = SendAdd::new(track(n)?, bus("echo")?);
        edits.push(SendAdd { gain_db: -8.0, pre: n == 4, ..send }.into());
    }
    let again = SendAdd::new(bus("echo")?, bus("echo")?);
    let delayed = SendAdd { gain_db: -9.0, feedback_delay: Some(Frames(7_001)), ..again };
    edits.push(delayed.into());
    Ok(edits)
}

fn clip(n: usize, media: &MediaId, frames: i64) -> Made<Edit> {
    let at = i64::try_from(n)? * STEP;
    // Most ticks lie between two frames.
    let position =
        if n.is_multiple_of(3) { TimePoint::Musical(Ticks(at * 3)) } else { TimePoint::Absolute(Frames(at)) };
    let add = ClipAdd::new(track(n % TRACKS)?, media.clone(), position);
    let length = Some(Frames(frames.min(LONGEST)));
    Ok(ClipAdd { id: Some(id(n)?), length, ..add }.into())
}

fn id(n: usize) -> Made<ClipId> {
    Ok(ClipId::new(&format!("clp-{n}"))?)
}

fn device(to: TrackId, kind: &str, name: &str, params: &[(&str, f64)]) -> Made<DeviceAdd> {
    let params = params.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
    let id = Some(DeviceId::new(&format!("dev-{name}"))?);
    Ok(DeviceAdd { id, params, ..DeviceAdd::new(to, kind) })
}

fn devices() -> Made<Vec<Edit>> {
    let eq = [("band2.on", 1.0), ("band2.freq", 180.0), ("band2.gain", 4.0), ("band7.on", 1.0)];
    let press = [("threshold", -24.0), ("ratio", 4.0), ("lookahead", 5.0), ("makeup", 3.0)];
    let duck = device(bus("high")?, "omega.compressor", "duck", &press)?;
    let edits: Vec<Edit> = vec![
        device(track(2)?, "omega.eq", "eq", &eq)?.into(),
        device(track(5)?, "omega.utility", "wide", &[("width", 1.6)])?.into(),
        device(bus("low")?, "omega.eq", "low", &eq)?.into(),
        device(bus("low")?, "omega.compressor", "press", &press)?.into(),
        DeviceAdd { sidechain: Some(bus("low")?), ..duck }.into(),
        device(bus("echo")?, "omega.eq", "off", &eq)?.into(),
        DeviceBypass { id: DeviceId::new("dev-off")?, on: true }.into(),
    ];
    Ok(edits)
}

fn polish(studio: &Studio) -> Made<Vec<Edit>> {
    let project = studio.project();
    let length =
        |n: usize| Ok::<_, Box<dyn std::error::Error>>(project.clip(&id(n)?).ok_or("no clip")?.length);
    let mut edits: Vec<Edit> = Vec::new();
    let shapes =
        [FadeShape::Linear, FadeShape::EqualPower, FadeShape::SCurve, FadeShape::Slow, FadeShape::Fast];
    for n in 0..100 {
        let quarter = Frames(length(n)?.0 / 4);
        let fade = |n: usize| Some(Fade::new(quarter, shapes[n % shapes.len()]));
        edits.push(
            ClipFade { id: id(n)?, fade_in: fade(n).filter(|_| n.is_multiple_of(4)), fade_out: fade(n + 2) }
                .into(),
        );
        edits.push(ClipGain { id: id(n)?, db: (n % 7) as f64 - 3.0 }.into());
    }
    for n in [6, 29, 73] {
        edits.push(ClipReverse { id: id(n)?, on: true }.into());
    }
    let start = project.tempo_map().frame_of(project.clip(&id(9)?).ok_or("no clip")?.position);
    let at = TimePoint::Absolute(Frames(start.0 + length(9)?.0 / 2));
    let (left, right) = (id(9)?, ClipId::new("clp-right")?);
    edits.push(ClipSplit { id: left.clone(), at, right: Some(right.clone()) }.into());
    edits.push(ClipCrossfade { left, right, length: Some(Frames(64)), shape: FadeShape::EqualPower }.into());
    let lane = LaneId::new("lan-fader")?;
    let target = ParamTarget::Track(track(8)?, TrackParam::Volume);
    edits.push(LaneAdd { id: Some(lane.clone()), ..LaneAdd::new(target) }.into());
    for (tick, value, shape) in [
        (0, -30.0, PointShape::Curve(0.5)),
        (161_281, -4.0, PointShape::Linear),
        (322_560, -20.0, PointShape::Hold),
    ] {
        edits.push(
            PointAdd { lane: lane.clone(), id: None, at: TimePoint::Musical(Ticks(tick)), value, shape }
                .into(),
        );
    }
    Ok(edits)
}
