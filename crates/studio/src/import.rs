//! Bringing audio files into a session: decoded and converted once, side by side, and turned into edits.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use omega_media::{ImportError, MediaInfo};
use omega_session::edit::{ClipAdd, Edit, MediaAdd, TrackAdd};
use omega_session::model::{MediaId, MediaOrigin, Project, TrackId, TrackKind};
use omega_time::{Frames, TimePoint};

/// Where imported files go.
#[derive(Clone, Debug)]
pub struct Import {
    /// One behind the other on this track; else each on a new track of its own.
    pub track: Option<TrackId>,
    /// Where the (first) clip begins.
    pub at: TimePoint,
    /// Only into the pool, without clips.
    pub pool_only: bool,
}

impl Default for Import {
    fn default() -> Self {
        Self { track: None, at: TimePoint::Musical(omega_time::Ticks(0)), pool_only: false }
    }
}

/// A file that was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// As it was given.
    pub path: PathBuf,
    /// Its name in the pool.
    pub media: MediaId,
    /// The track that its clip lies on.
    pub track: Option<TrackId>,
    /// What it is.
    pub info: MediaInfo,
}

/// A file that was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFailure {
    /// As it was given.
    pub path: PathBuf,
    /// Why not, for people.
    pub why: String,
}

/// What came of an import: edits to be applied as one group, what they bring, and what failed.
#[derive(Debug, Default)]
pub struct ImportOutcome {
    /// To be applied together.
    pub edits: Vec<Edit>,
    /// In the order of the files.
    pub imported: Vec<Imported>,
    /// In the order of the files.
    pub failed: Vec<ImportFailure>,
}

/// Told how much of which file is done, 0..=1; breaks to cancel.
pub type ImportProgress<'a> = &'a mut dyn FnMut(&Path, f32) -> ControlFlow<()>;

enum Message {
    Progress(usize, f32),
    Done(usize, Result<Box<MediaInfo>, String>),
}

/// Imports `paths` into the media folder of the session at `root`, on as many threads as there are cores. A file that
/// cannot be read, or that makes a decoder panic, is a failure of that file alone. Nothing is edited: the edits are given
/// back. Cancelled files are failures too; media files that are finished stay in the folder.
pub fn import(
    project: &Project,
    root: &Path,
    paths: &[PathBuf],
    options: &Import,
    progress: ImportProgress<'_>,
) -> ImportOutcome {
    let rate = project.sample_rate().hz();
    let results = decode(paths, rate, &root.join("media"), progress);
    let mut outcome = ImportOutcome::default();
    let mut pool: BTreeSet<MediaId> = project.media().keys().cloned().collect();
    let mut tracks: BTreeSet<TrackId> = project.tracks().keys().cloned().collect();
    let tempo = project.tempo_map();
    let mut next = options.at;
    for (path, result) in paths.iter().zip(results) {
        let placed = result.and_then(|info| {
            let media = MediaId::new(&info.hash.to_string()).map_err(|error| error.to_string())?;
            Ok((info, media))
        });
        let (info, media) = match placed {
            Ok(found) => found,
            Err(why) => {
                outcome.failed.push(ImportFailure { path: path.clone(), why });
                continue;
            }
        };
        if pool.insert(media.clone()) {
            outcome.edits.push(media_add(&info, media.clone(), project).into());
        }
        let mut track = options.track.clone();
        if !options.pool_only {
            let on = track.get_or_insert_with(|| {
                let (id, edit) = track_add(&info, &media, &mut tracks);
                outcome.edits.push(edit.into());
                id
            });
            let clip = ClipAdd { name: stem(path), ..ClipAdd::new(on.clone(), media.clone(), next) };
            outcome.edits.push(clip.into());
            if options.track.is_some() {
                // One behind the other: frames, because the end of a clip lies on no tick.
                next = TimePoint::Absolute(Frames(tempo.frame_of(next).0 + info.frames));
            }
        }
        let track = track.filter(|_| !options.pool_only);
        outcome.imported.push(Imported { path: path.clone(), media, track, info: *info });
    }
    outcome
}

/// Decodes all files; results in the order of the files.
fn decode(
    paths: &[PathBuf],
    rate: u32,
    folder: &Path,
    progress: ImportProgress<'_>,
) -> Vec<Result<Box<MediaInfo>, String>> {
    let mut results: Vec<Option<Result<Box<MediaInfo>, String>>> = paths.iter().map(|_| None).collect();
    let (next, cancelled) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, cancelled) = (sender.clone(), &next, &cancelled);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { return };
                    let mut told = |share: f32| {
                        let gone = sender.send(Message::Progress(index, share)).is_err();
                        if gone || cancelled.load(Ordering::Relaxed) {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        }
                    };
                    let result = decode_one(path, rate, folder, &mut told);
                    // The receiver lives as long as this scope.
                    let _ = sender.send(Message::Done(index, result));
                }
            });
        }
        drop(sender);
        for message in receiver {
            let (index, share) = match message {
                Message::Progress(index, share) => (index, share),
                Message::Done(index, result) => {
                    results[index] = Some(result);
                    (index, 1.0)
                }
            };
            if progress(&paths[index], share).is_break() {
                cancelled.store(true, Ordering::Relaxed);
            }
        }
    });
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(|| Err("the import was cancelled".to_owned())))
        .collect()
}

fn decode_one(
    path: &Path,
    rate: u32,
    folder: &Path,
    told: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<Box<MediaInfo>, String> {
    let caught = catch_unwind(AssertUnwindSafe(|| omega_media::import(path, rate, folder, told)));
    match caught {
        Ok(result) => result.map(Box::new).map_err(|error: ImportError| error.to_string()),
        Err(_) => Err(format!("'{}' made its decoder fail; it was left out", path.display())),
    }
}

fn media_add(info: &MediaInfo, id: MediaId, project: &Project) -> MediaAdd {
    let mut origin = MediaOrigin::unknown();
    origin.path = info.origin.path.display().to_string();
    origin.format =
        format!("{:?} {:?} {} Hz", info.origin.file_kind, info.origin.sample_kind, info.origin.rate);
    MediaAdd {
        id,
        name: info.origin.file_name.clone(),
        file: format!("media/{}", info.file_name),
        channels: u16::try_from(info.channels).unwrap_or(u16::MAX),
        frames: Frames(info.frames),
        sample_rate: project.sample_rate(),
        origin: Some(origin),
    }
}

/// A track for a file. Its id comes from the file and from how many tracks there are, so that a script that is run
/// again makes the same session.
fn track_add(info: &MediaInfo, media: &MediaId, taken: &mut BTreeSet<TrackId>) -> (TrackId, TrackAdd) {
    let mut salt = taken.len();
    let id = loop {
        let hash = blake3::hash(format!("{media}/{salt}").as_bytes()).to_hex();
        match TrackId::new(&format!("{}-{}", TrackId::PREFIX, &hash[..12])) {
            Ok(id) if taken.insert(id.clone()) => break id,
            _ => salt += 1,
        }
    };
    let add = TrackAdd {
        id: Some(id.clone()),
        channels: u16::try_from(info.channels).ok(),
        ..TrackAdd::new(TrackKind::Audio, &stem(Path::new(&info.origin.file_name)))
    };
    (id, add)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().chars().take(200).collect()).unwrap_or_default()
}
