//! Where sound comes from: media files, opened for playing or for rendering.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use omega_media::stream::{DiskStreamer, OfflineSource, StreamHandle, StreamStats};
use omega_rt::{Owned, PcmSource, RamPcm};
use omega_session::model::MediaId;

/// Opens media for playing: read ahead by other threads, or read on the spot.
pub trait Sources {
    /// The frames of one media file.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn open(&self, media: &MediaId, file: &Path) -> Result<Owned<dyn PcmSource>, String>;

    /// Whether readers wait for their sources: only where nothing is in real time.
    fn waits(&self) -> bool {
        false
    }
}

/// Reads on the spot, and lets the reader wait for it: for rendering.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offline;

impl Sources for Offline {
    fn open(&self, _: &MediaId, file: &Path) -> Result<Owned<dyn PcmSource>, String> {
        let source: Box<dyn PcmSource> =
            Box::new(OfflineSource::open(file).map_err(|error| error.to_string())?);
        Ok(Owned::from(source))
    }

    fn waits(&self) -> bool {
        true
    }
}

/// Reads ahead on threads of its own: for playing.
#[derive(Clone)]
pub struct Streaming {
    streamer: Arc<DiskStreamer>,
    handles: Arc<Mutex<BTreeMap<MediaId, StreamHandle>>>,
}

impl Streaming {
    /// Starts the reading threads.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn new(config: &omega_media::stream::StreamConfig) -> std::io::Result<Self> {
        Ok(Self { streamer: Arc::new(DiskStreamer::new(config)?), handles: Arc::default() })
    }

    /// Asks for the frames of a media file from `frame` on, because playing may begin there.
    pub(crate) fn hint(&self, media: &MediaId, frame: i64) {
        if let Some(handle) = self.handle(media) {
            handle.hint(frame);
        }
    }

    /// Waits until `frames` frames from `frame` on are there; `false` when the time is up before.
    pub(crate) fn wait(&self, media: &MediaId, frame: i64, frames: usize, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        self.handle(media).is_none_or(|handle| handle.wait_until_ready(frame, frames, left))
    }

    /// Counters of all reading.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.streamer.stats()
    }

    fn handle(&self, media: &MediaId) -> Option<StreamHandle> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).get(media).cloned()
    }
}

impl Sources for Streaming {
    fn open(&self, media: &MediaId, file: &Path) -> Result<Owned<dyn PcmSource>, String> {
        let source = self.streamer.open(file).map_err(|error| error.to_string())?;
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).insert(media.clone(), source.handle());
        let source: Box<dyn PcmSource> = Box::new(source);
        Ok(Owned::from(source))
    }
}

/// Reads whole files into memory: for short material and for measuring the engine alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct InMemory;

/// Frames decoded at a time.
const BLOCK: usize = 8192;

impl Sources for InMemory {
    fn open(&self, _: &MediaId, file: &Path) -> Result<Owned<dyn PcmSource>, String> {
        let mut audio = omega_media::open(file).map_err(|error| error.to_string())?;
        let mut channels = vec![Vec::new(); audio.info().channels];
        let mut block = vec![vec![0.0; BLOCK]; channels.len()];
        loop {
            let frames = audio.read_block(&mut block).map_err(|error| error.to_string())?;
            if frames == 0 {
                break;
            }
            for (channel, block) in channels.iter_mut().zip(&block) {
                channel.extend_from_slice(&block[..frames]);
            }
        }
        let source: Box<dyn PcmSource> = Box::new(RamPcm::new(channels.into_iter().map(Arc::from)));
        Ok(Owned::from(source))
    }
}
