//! Rendering into files: the master, and beside it a file for each stem.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;

use omega_media::{
    Container, CreateError, Depth, Format, Loudness, LoudnessError, LoudnessMeter, WriteError, Writer,
};
use omega_session::model::{Project, TrackId};

use crate::render::{Progress, RenderError, RenderRequest, Rendered, render};
use crate::sources::Offline;

/// What to render, and into which files.
#[derive(Clone, Debug)]
pub struct RenderFiles {
    /// What.
    pub request: RenderRequest,
    /// The file of the master. Stems go beside it, as `NAME.TRACK.wav`.
    pub output: PathBuf,
    /// Kind of file.
    pub container: Container,
    /// Form of the samples.
    pub depth: Depth,
    /// Dither of integer samples, from a seed.
    pub dither_seed: Option<u64>,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct RenderReport {
    /// The sound.
    pub rendered: Rendered,
    /// The files: the master's, then the stems'.
    pub files: Vec<PathBuf>,
    /// Loudness of each file's sound.
    pub loudness: Vec<Loudness>,
    /// Samples that were beyond full scale, of each file; cut off in integer files.
    pub clipped: Vec<u64>,
    /// Seconds of sound.
    pub seconds: f64,
    /// Seconds that it took.
    pub elapsed: f64,
}

/// Why files were not rendered. What was written under its final name is whole; nothing half-done is left.
#[derive(Debug, thiserror::Error)]
pub enum RenderFilesError {
    /// The sound.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file cannot be begun.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Nothing can be rendered to there.
    #[error("cannot render into '{}': {why}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A file cannot get its name.
    #[error("cannot put the finished file at '{}': {error}", path.display())]
    Rename {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// Loudness cannot be measured.
    #[error(transparent)]
    Loudness(#[from] LoudnessError),
}

/// The file that a render writes, `NAME.part`: it gets its name when it is whole, so that a broken render leaves an older
/// file as it was. It goes when this value does. One that a killed program left behind is written over.
struct Part {
    path: PathBuf,
    /// Locked, so that two renders do not write into one file.
    _lock: File,
}

impl Part {
    fn begin(of: &Path) -> Result<Self, RenderFilesError> {
        let mut path = of.to_owned().into_os_string();
        path.push(".part");
        let path = PathBuf::from(path);
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = open.map_err(|error| CreateError::Create { path: path.clone(), error })?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(RenderFilesError::Place {
                path: of.to_owned(),
                why: "another render is writing it; wait for that one, or choose another name".to_owned(),
            }),
            // Not every file system has locks.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { path, _lock: lock }),
        }
    }

    fn rename(self, to: &Path) -> Result<(), RenderFilesError> {
        std::fs::rename(&self.path, to)
            .map_err(|error| RenderFilesError::Rename { path: to.to_owned(), error })?;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It is gone when it got its name; nothing more can be done about one that cannot be removed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One file on its way.
struct Target {
    path: PathBuf,
    channels: usize,
    writer: Writer,
    meter: LoudnessMeter,
    part: Part,
}

impl Target {
    fn new(
        path: &Path,
        channels: u16,
        (rate, root): (u32, &Path),
        files: &RenderFiles,
    ) -> Result<Self, RenderFilesError> {
        let path = place(path, root)?;
        let part = Part::begin(&path)?;
        let channels = usize::from(channels);
        let dither_seed = files.dither_seed.filter(|_| files.depth != Depth::Float32);
        let (container, bits) = (files.container, files.depth);
        let format = Format { container, bits, channels, rate, dither_seed, bext: None };
        let writer = Writer::create(&part.path, format)?;
        let meter = LoudnessMeter::new(channels, rate)?;
        Ok(Self { path, channels, writer, meter, part })
    }
}

/// Where the file really goes: through a symbolic link to what it means. Refused is what a finished file must not take the
/// place of: folders, hardware and pipes, and anything inside the session at `root`.
fn place(path: &Path, root: &Path) -> Result<PathBuf, RenderFilesError> {
    let refuse = |why: String| Err(RenderFilesError::Place { path: path.to_owned(), why });
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => return refuse("it is a folder; add the name of a file".to_owned()),
        Ok(there) if !there.is_file() => {
            return refuse("it is no regular file; choose another name".to_owned());
        }
        _ => {}
    }
    let Some(name) = path.file_name() else { return refuse("it has no name; add one".to_owned()) };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let real = match (path.canonicalize(), folder.canonicalize()) {
        (Ok(real), _) => real,
        (_, Ok(folder)) => folder.join(name),
        (_, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return refuse(format!("there is no folder '{}'; make it first", folder.display()));
        }
        (_, Err(error)) => return refuse(format!("the folder '{}': {error}", folder.display())),
    };
    if root.canonicalize().is_ok_and(|root| real.starts_with(root)) {
        return refuse("it lies inside the session, whose folder holds only what belongs to it".to_owned());
    }
    // What was asked for is what is reported, unless it is a link.
    Ok(if path.is_symlink() { real } else { path.to_owned() })
}

/// Renders `project`, whose media lies relative to `root`, into files. Each is written as `NAME.part` beside its place and
/// gets its name when all are whole: a render that fails, is cancelled or killed leaves an older file of the name as it
/// was. Only a killed one leaves parts behind; the next render of the name writes over them.
///
/// # Errors
/// [`RenderFilesError`].
pub fn render_files(
    project: &Project,
    root: &Path,
    files: &RenderFiles,
    progress: Progress<'_>,
) -> Result<RenderReport, RenderFilesError> {
    let begun = Instant::now();
    let rate = project.sample_rate().hz();
    let mut targets: Vec<Target> = Vec::new();
    let rendered = run(project, root, files, &mut targets, progress)?;
    let (mut paths, mut loudness, mut clipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut whole = Vec::new();
    for Target { path, writer, meter, part, .. } in targets {
        clipped.push(writer.finish()?.clipped);
        loudness.push(meter.finish());
        whole.push((part, path));
    }
    for (part, path) in whole {
        part.rename(&path)?;
        paths.push(path);
    }
    let seconds = rendered.frames as f64 / f64::from(rate);
    let elapsed = begun.elapsed().as_secs_f64();
    Ok(RenderReport { rendered, files: paths, loudness, clipped, seconds, elapsed })
}

fn run(
    project: &Project,
    root: &Path,
    files: &RenderFiles,
    targets: &mut Vec<Target>,
    progress: Progress<'_>,
) -> Result<Rendered, RenderFilesError> {
    let rate = project.sample_rate().hz();
    // Files are begun with the first block: only then the channels of each are known, and nothing is left of a render
    // that was refused.
    let mut failed = None;
    let mut names = std::iter::once(files.output.clone())
        .chain(files.request.stems.iter().map(|id| stem_path(&files.output, project, id)));
    let mut sink = |layout: &[u16], channels: &[&[f32]]| -> Result<(), RenderFilesError> {
        if targets.is_empty() {
            for (&width, path) in layout.iter().zip(&mut names) {
                targets.push(Target::new(&path, width, (rate, root), files)?);
            }
        }
        let mut rest = channels;
        for target in targets.iter_mut() {
            let (mine, others) = rest.split_at(target.channels.min(rest.len()));
            rest = others;
            target.writer.write(mine)?;
            target.meter.add(mine);
        }
        Ok(())
    };
    let mut keep = |layout: &[u16], channels: &[&[f32]]| {
        sink(layout, channels).map_err(|error| {
            let text = error.to_string();
            failed = Some(error);
            text
        })
    };
    let rendered = render(project, root, &Offline, &files.request, &mut keep, progress);
    match (rendered, failed) {
        (Err(RenderError::Sink(_)), Some(error)) => Err(error),
        (rendered, _) => Ok(rendered?),
    }
}

/// `NAME.TRACK.wav` for `NAME.wav`; what a file name cannot hold becomes `_`.
fn stem_path(output: &Path, project: &Project, id: &TrackId) -> PathBuf {
    let name = project.track(id).map_or_else(|| id.to_string(), |track| track.name.clone());
    let safe =
        |c: char| if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '(' | ')') { c } else { '_' };
    let name: String = name.chars().map(safe).take(80).collect();
    let twice = project.tracks().iter().filter(|(_, track)| track.name == name).count() != 1;
    let name = if twice || name.trim().is_empty() { format!("{name} {id}") } else { name };
    let stem = output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = output.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    output.with_file_name(format!("{stem}.{}{extension}", name.trim()))
}
