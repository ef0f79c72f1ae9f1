//! Synchronous reading, for rendering.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use omega_rt::PcmSource;
use omega_rt::pcm::overlap;

use crate::read::{OpenError, PcmFile};

use super::file::{for_pages, load_page, open_pcm, page_frames};

/// Samples in a page.
const PAGE_SAMPLES: usize = 4_096;
/// Pages that are kept.
const PAGES: usize = 4;

/// Audio that is read from its file when it is asked for: the same samples as a [`StreamSource`](super::StreamSource),
/// and never an underrun, but it blocks. For offline rendering; keeps 64 KiB. Everything is always ready.
pub struct OfflineSource {
    pcm: PcmFile,
    page_frames: NonZeroUsize,
    /// Page number, when it was used, samples.
    pages: Vec<(usize, u64, Vec<f32>)>,
    uses: u64,
    scratch: Vec<u8>,
    error: Option<io::Error>,
}

impl OfflineSource {
    /// Opens a PCM file.
    ///
    /// # Errors
    /// [`OpenError`]; `Unsupported` for coded audio.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let pcm = open_pcm(path)?;
        let page_frames = page_frames(PAGE_SAMPLES, &pcm);
        Ok(Self { pcm, page_frames, pages: Vec::new(), uses: 0, scratch: Vec::new(), error: None })
    }

    /// The file's own frames per second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.pcm.rate
    }

    /// The first error since it was asked last. What could not be read was counted as missing.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Where the page is in `pages`; loads it if need be.
    fn page(&mut self, page: usize) -> io::Result<usize> {
        self.uses += 1;
        if let Some(at) = self.pages.iter().position(|(number, ..)| *number == page) {
            if let Some((_, used, _)) = self.pages.get_mut(at) {
                *used = self.uses;
            }
            return Ok(at);
        }
        let mut samples = if self.pages.len() < PAGES {
            vec![0.0; self.page_frames.get() * self.pcm.layout.channels]
        } else {
            let oldest =
                self.pages.iter().enumerate().min_by_key(|(_, (_, used, _))| *used).map_or(0, |(at, _)| at);
            self.pages.swap_remove(oldest).2
        };
        load_page(&self.pcm, self.page_frames, page, &mut samples, &mut self.scratch)?;
        self.pages.push((page, self.uses, samples));
        Ok(self.pages.len() - 1)
    }
}

impl PcmSource for OfflineSource {
    fn channels(&self) -> usize {
        self.pcm.layout.channels
    }

    fn frames(&self) -> i64 {
        self.pcm.frames
    }

    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize {
        let (skip, from, count) = overlap(start, out.len(), self.frames());
        out.fill(0.0);
        if channel >= self.channels() {
            return 0;
        }
        let mut missing = 0;
        let page_frames = self.page_frames;
        for_pages(from, count, page_frames, |page, offset, range| {
            let Some(out) = out.get_mut(skip + range.start..skip + range.end) else { return };
            let first = channel * page_frames.get() + offset;
            match self.page(page) {
                Ok(at) => {
                    let samples =
                        self.pages.get(at).and_then(|(_, _, all)| all.get(first..first + out.len()));
                    if let Some(samples) = samples {
                        out.copy_from_slice(samples);
                    }
                }
                Err(error) => {
                    missing += out.len();
                    self.error.get_or_insert(error);
                }
            }
        });
        missing
    }

    fn steer(&mut self, _frame: i64, _direction: i32) {}
}
