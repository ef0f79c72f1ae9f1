//! One file that is streamed: where its pages are, and how one is loaded.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use omega_rt::pages::PageId;

use crate::pcm::silence_non_finite;
use crate::read::{OpenError, PcmFile, open};

/// Files with more pages are refused: the table would be larger than the memory it manages (1 TiB at 64 KiB a page).
const MAX_PAGES: i64 = 1 << 24;
/// In the table: loading failed. No [`PageId`] has these bits.
const FAILED: u64 = 1 << 24;
/// In the table: nothing is known. No [`PageId`] has these bits either. Not zero, because memory that is made of zeros need
/// not be there before it is written, and the audio thread may be the first to look.
const ABSENT: u64 = 2 << 24;

/// A file's PCM in pages, shared by all sources of it.
pub(super) struct StreamFile {
    pub pcm: PcmFile,
    /// Frames in a page. Never zero, so that the audio thread can divide by it.
    pub page_frames: NonZeroUsize,
    /// What is known of each page: [`ABSENT`], [`FAILED`], or the bits of a [`PageId`].
    table: Box<[AtomicU64]>,
}

/// What the table says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Absent,
    Failed,
    /// It was loaded, and may have gone since.
    Loaded(PageId),
}

impl StreamFile {
    pub fn open(path: &Path, page_samples: usize) -> Result<Self, OpenError> {
        let pcm = open_pcm(path)?;
        let page_frames = page_frames(page_samples, &pcm);
        let pages = pages_of(&pcm, page_frames);
        if pages > MAX_PAGES {
            let what = format!("{} frames; it is too long to be streamed", pcm.frames);
            return Err(OpenError::Unsupported { path: path.to_path_buf(), offset: 0, what });
        }
        let table = (0..pages).map(|_| AtomicU64::new(ABSENT)).collect();
        Ok(Self { pcm, page_frames, table })
    }

    /// Whether `other` is the same file in the same state.
    pub fn is_same(&self, other: &Self) -> bool {
        self.pcm.source.path() == other.pcm.source.path()
            && self.pcm.source.is_same_file(&other.pcm.source)
            && (self.pcm.layout, self.pcm.start, self.pcm.frames)
                == (other.pcm.layout, other.pcm.start, other.pcm.frames)
    }

    /// Wait-free.
    pub fn entry(&self, page: usize) -> Entry {
        match self.table.get(page).map_or(ABSENT, |entry| entry.load(Ordering::Relaxed)) {
            ABSENT => Entry::Absent,
            FAILED => Entry::Failed,
            bits => PageId::from_bits(bits).map_or(Entry::Absent, Entry::Loaded),
        }
    }

    /// The page's samples come with the identity (`PagePool` orders them), so the table itself needs no order.
    pub fn set(&self, page: usize, entry: Entry) {
        let bits = match entry {
            Entry::Absent => ABSENT,
            Entry::Failed => FAILED,
            Entry::Loaded(id) => id.to_bits(),
        };
        if let Some(slot) = self.table.get(page) {
            slot.store(bits, Ordering::Relaxed);
        }
    }
}

/// Opens a file whose PCM can be read at any frame.
pub(super) fn open_pcm(path: &Path) -> Result<PcmFile, OpenError> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(allow_many_files);
    let file = open(path)?;
    file.pcm().cloned().ok_or_else(|| OpenError::Unsupported {
        path: path.to_path_buf(),
        offset: 0,
        what: format!("{} cannot be streamed; import it first", file.info().file_kind),
    })
}

/// Lets this process have as many files open as the system allows: the usual soft limit, 1,024, is less than a large session
/// has media. Where it fails, opening says so when the limit is reached.
#[cfg(unix)]
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // The error has no better place than the one that `open` gives later.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

#[cfg(not(unix))]
fn allow_many_files() {}

/// Frames that fit into `samples` samples, at least one.
pub(super) fn page_frames(samples: usize, pcm: &PcmFile) -> NonZeroUsize {
    NonZeroUsize::new(samples / pcm.layout.channels.max(1)).unwrap_or(NonZeroUsize::MIN)
}

fn pages_of(pcm: &PcmFile, page_frames: NonZeroUsize) -> i64 {
    pcm.frames.max(0).saturating_add(as_frames(page_frames.get()) - 1) / as_frames(page_frames.get())
}

/// Loads a page: channel `c` goes to `samples[c * page_frames ..]`. Infinities and NaNs become silence, so that no file
/// can put them into a mix.
///
/// # Errors
/// The system's, or `UnexpectedEof` when the file has become shorter than it was when it was opened.
pub(super) fn load_page(
    pcm: &PcmFile,
    page_frames: NonZeroUsize,
    page: usize,
    samples: &mut [f32],
    scratch: &mut Vec<u8>,
) -> io::Result<()> {
    let page_frames = page_frames.get();
    let first = as_frames(page).saturating_mul(as_frames(page_frames));
    let frames =
        usize::try_from(pcm.frames.saturating_sub(first).max(0)).unwrap_or(usize::MAX).min(page_frames);
    scratch.resize(frames * pcm.layout.frame_bytes(), 0);
    let got = pcm.read_frames(first, scratch)?;
    if got < frames {
        let what = format!("the file ends before frame {}, but had {}", first + as_frames(got), pcm.frames);
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    }
    for (channel, samples) in samples.chunks_mut(page_frames).enumerate().take(pcm.layout.channels) {
        let samples = samples.get_mut(..frames).unwrap_or(&mut []);
        pcm.layout.decode_channel(scratch, channel, samples);
        if pcm.layout.kind.is_float() {
            silence_non_finite(samples);
        }
    }
    Ok(())
}

/// A count as frames.
pub(super) fn as_frames(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Calls `copy(page, first frame in it, range of out)` for each page that `from .. from + count` touches; `from` ≥ 0.
pub(super) fn for_pages(
    from: i64,
    count: usize,
    page_frames: NonZeroUsize,
    mut copy: impl FnMut(usize, usize, std::ops::Range<usize>),
) {
    let Ok(mut frame) = usize::try_from(from) else { return };
    let mut done = 0;
    while done < count {
        let (page, offset) = (frame / page_frames, frame % page_frames);
        let part = (count - done).min(page_frames.get() - offset);
        copy(page, offset, done..done + part);
        done += part;
        frame = frame.saturating_add(part);
    }
}
