//! What the desk's tracks play: noise that lies in memory, or in files that are streamed while they play.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use omega_media::{Depth, DiskStreamer, Format, StreamConfig, StreamHandle, Writer};
use omega_rt::{PcmSource, RamPcm};
use omega_testkit::random::Random;

use crate::Outcome;

/// Samples in a page of a streamed file: 512 stereo frames, so that blocks often reach over two of them.
const PAGE_SAMPLES: usize = 1024;

/// Noise for each track.
pub enum Material {
    /// In memory as a whole.
    Memory(Vec<[Arc<[f32]>; 2]>),
    /// In files.
    Files(Box<Files>),
}

/// Files, and the loader threads that read them.
pub struct Files {
    streamer: DiskStreamer,
    paths: Vec<PathBuf>,
    frames: i64,
    /// Of all sources that were ever opened, so that what they share with the loaders goes here, after the loaders:
    /// ThreadSanitizer does not see that the last owner of an `Arc` comes after all others.
    handles: RefCell<Vec<StreamHandle>>,
    _folder: tempfile::TempDir,
}

fn noise(random: &mut Random, frames: usize) -> [Vec<f32>; 2] {
    [(); 2].map(|()| (0..frames).map(|_| random.value(-0.1, 0.1)).collect())
}

impl Material {
    /// Noise in memory, or `streamed` from files at `rate` frames per second.
    ///
    /// # Errors
    /// As [`in_files`](Self::in_files).
    pub fn new(streamed: bool, tracks: usize, frames: usize, rate: u32) -> Outcome<Self> {
        if streamed { Self::in_files(tracks, frames, rate) } else { Ok(Self::in_memory(tracks, frames)) }
    }

    /// `frames` frames of noise in memory for each of `tracks` tracks.
    pub fn in_memory(tracks: usize, frames: usize) -> Self {
        let mut random = Random::new(1);
        Self::Memory((0..tracks.max(1)).map(|_| noise(&mut random, frames).map(Arc::from)).collect())
    }

    /// The same in files, of which about two thirds fit into the memory of the loaders, so that pages come and go.
    ///
    /// # Errors
    /// They cannot be written, or there are no threads.
    pub fn in_files(tracks: usize, frames: usize, rate: u32) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut random = Random::new(1);
        let mut paths = Vec::new();
        for track in 0..tracks.max(1) {
            let path = folder.path().join(format!("{track}.wav"));
            let format = Format::wav(Depth::Float32, 2, rate);
            let mut writer = Writer::create(&path, format)?;
            writer.write(&noise(&mut random, frames))?;
            writer.finish()?;
            paths.push(path);
        }
        let streamer = DiskStreamer::new(&StreamConfig {
            budget: paths.len() * frames * 2 * size_of::<f32>() * 2 / 3,
            page_samples: PAGE_SAMPLES,
            poll: Duration::from_millis(2),
            ..StreamConfig::default()
        })?;
        let (frames, handles) = (i64::try_from(frames)?, RefCell::default());
        Ok(Self::Files(Box::new(Files { streamer, paths, frames, handles, _folder: folder })))
    }

    /// The noise of track `number`, and its frames.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn source(&self, number: u64) -> Outcome<(Box<dyn PcmSource>, i64)> {
        let number = usize::try_from(number)?;
        match self {
            Self::Memory(all) => {
                let sides = all.get(number % all.len()).ok_or("no material")?;
                let source = RamPcm::new(sides.iter().map(Arc::clone));
                Ok((Box::new(source), i64::try_from(sides[0].len())?))
            }
            Self::Files(files) => {
                let path = files.paths.get(number % files.paths.len()).ok_or("no material")?;
                let source = files.streamer.open(path)?;
                files.handles.borrow_mut().push(source.handle());
                Ok((Box::new(source), files.frames))
            }
        }
    }

    /// Waits a little until what is played at `position` was loaded; nothing to wait for in memory. Where it was not, or
    /// has gone again, silence is played, and counted.
    pub fn wait(&self, position: i64) {
        if let Self::Files(files) = self {
            // One for each file; the others share their pages.
            let handles = files.handles.borrow();
            for handle in handles.iter().rev().take(files.paths.len()) {
                let start = position.rem_euclid(files.frames.max(1));
                // Whether it was loaded is seen by what sounds.
                let _ = handle.wait_until_ready(start, 2048, Duration::from_millis(20));
            }
        }
    }

    /// Files were streamed, if there are any: pages came and went, and none failed.
    ///
    /// # Errors
    /// What did not happen.
    pub fn check(&self) -> Outcome {
        let Self::Files(files) = self else { return Ok(()) };
        let stats = files.streamer.stats();
        println!("{stats:?}");
        let happened = [("loaded", stats.loaded), ("evicted", stats.evicted)];
        if let Some((what, _)) = happened.iter().find(|(_, count)| *count == 0) {
            return Err(format!("no page was {what}: nothing is proved").into());
        }
        if stats.failed > 0 {
            Err(format!("{} pages could not be read", stats.failed).into())
        } else {
            Ok(())
        }
    }
}
