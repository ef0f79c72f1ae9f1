//! Where sound comes from: media files, opened for playing or for rendering.

use std::path::Path;
use std::sync::Arc;

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
