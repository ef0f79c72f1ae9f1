//! Rendering into files: the master, and beside it a file for each stem.

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

/// One file on its way: written under another name, so that a broken render leaves an older file as it was.
struct Target {
    path: PathBuf,
    part: PathBuf,
    channels: usize,
    writer: Writer,
    meter: LoudnessMeter,
}

impl Target {
    fn new(path: PathBuf, channels: u16, rate: u32, files: &RenderFiles) -> Result<Self, RenderFilesError> {
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let channels = usize::from(channels);
        let dither_seed = files.dither_seed.filter(|_| files.depth != Depth::Float32);
        let (container, bits) = (files.container, files.depth);
        let format = Format { container, bits, channels, rate, dither_seed, bext: None };
        let writer = Writer::create(&part, format)?;
        let meter = LoudnessMeter::new(channels, rate)?;
        Ok(Self { path, part, channels, writer, meter })
    }
}

/// Renders `project`, whose media lies relative to `root`, into files.
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
    let result = run(project, root, files, &mut targets, progress);
    if result.is_err() {
        for target in &targets {
            // Nothing more can be done about a part that cannot be removed.
            let _ = std::fs::remove_file(&target.part);
        }
    }
    let rendered = result?;
    let (mut paths, mut loudness, mut clipped) = (Vec::new(), Vec::new(), Vec::new());
    for target in targets {
        let summary = target.writer.finish()?;
        std::fs::rename(&target.part, &target.path)
            .map_err(|error| RenderFilesError::Rename { path: target.path.clone(), error })?;
        paths.push(target.path);
        loudness.push(target.meter.finish());
        clipped.push(summary.clipped);
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
                targets.push(Target::new(path, width, rate, files)?);
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
