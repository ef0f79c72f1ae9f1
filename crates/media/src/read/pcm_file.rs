//! PCM inside a file: where it is and how it is stored, and a forward reader over it.

use std::io;

use crate::pcm::PcmLayout;
use crate::source::ByteSource;

use super::{ReadError, Warning, room};

/// Bytes decoded at a time.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Uncompressed audio in a file, readable at any frame by any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PcmFile {
    pub source: ByteSource,
    pub layout: PcmLayout,
    /// Byte of frame 0.
    pub start: u64,
    /// Frames that were there when it was opened.
    pub frames: i64,
    pub rate: u32,
}

impl PcmFile {
    /// The byte at which `frame` (≥ 0) begins.
    pub fn offset_of(&self, frame: i64) -> u64 {
        self.start.saturating_add(frame.unsigned_abs().saturating_mul(self.layout.frame_bytes() as u64))
    }

    /// Reads stored frames from `frame` on into `bytes` (a whole number of frames) and returns how many whole frames
    /// were there.
    pub fn read_frames(&self, frame: i64, bytes: &mut [u8]) -> io::Result<usize> {
        let frame_bytes = self.layout.frame_bytes().max(1);
        let left = usize::try_from((self.frames - frame).max(0)).unwrap_or(usize::MAX);
        let want = (bytes.len() / frame_bytes).min(left);
        match bytes.get_mut(..want * frame_bytes) {
            Some(wanted) if frame >= 0 => {
                Ok(self.source.read_at(self.offset_of(frame), wanted)? / frame_bytes)
            }
            _ => Ok(0),
        }
    }
}

/// Decodes a [`PcmFile`] from its beginning to its end.
pub(super) struct PcmStream {
    pcm: PcmFile,
    position: i64,
    scratch: Vec<u8>,
}

impl PcmStream {
    pub fn new(pcm: PcmFile) -> Self {
        Self { pcm, position: 0, scratch: Vec::new() }
    }

    pub const fn position(&self) -> i64 {
        self.position
    }

    pub const fn pcm(&self) -> &PcmFile {
        &self.pcm
    }

    pub fn seek(&mut self, frame: i64) -> bool {
        let inside = (0..=self.pcm.frames).contains(&frame);
        if inside {
            self.position = frame;
        }
        inside
    }

    pub fn read_block<C: AsMut<[f32]>>(
        &mut self,
        out: &mut [C],
        warnings: &mut Vec<Warning>,
    ) -> Result<usize, ReadError> {
        let layout = self.pcm.layout;
        let frame_bytes = layout.frame_bytes().max(1);
        let room = room(out, layout.channels);
        let mut done = 0;
        while done < room {
            let want = (room - done).min((SCRATCH_BYTES / frame_bytes).max(1));
            self.scratch.resize(want * frame_bytes, 0);
            let got =
                self.pcm.read_frames(self.position, &mut self.scratch).map_err(|error| ReadError::Io {
                    path: self.pcm.source.path().to_path_buf(),
                    offset: self.pcm.offset_of(self.position),
                    error,
                })?;
            if got == 0 {
                if self.position < self.pcm.frames {
                    let offset = self.pcm.offset_of(self.position);
                    warnings
                        .push(Warning { offset, what: "the file became shorter while it was read".into() });
                    self.pcm.frames = self.position;
                }
                break;
            }
            layout.decode(self.scratch.get(..got * frame_bytes).unwrap_or(&[]), out, done);
            done += got;
            self.position += i64::try_from(got).unwrap_or(0);
        }
        Ok(done)
    }
}
