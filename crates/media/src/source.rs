//! Positioned reads from a file, or from bytes in memory (so that tests and fuzz targets need no file).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something that can be read at any offset by any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ByteSource {
    data: Data,
    len: u64,
    path: Arc<PathBuf>,
}

#[derive(Clone, Debug)]
enum Data {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl ByteSource {
    /// Opens a regular file. Anything else (a directory, a pipe that would block for ever) is an error.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { data: Data::File(Arc::new(file)), len, path: Arc::new(path.to_path_buf()) })
    }

    /// Bytes in memory that go by the name `path` in messages.
    pub fn memory(path: &Path, bytes: &[u8]) -> Self {
        Self { data: Data::Memory(bytes.into()), len: bytes.len() as u64, path: Arc::new(path.to_path_buf()) }
    }

    /// The length when it was opened.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether both are the same open file in the same state, as far as the system tells.
    pub fn is_same_file(&self, other: &Self) -> bool {
        let stamp = |data: &Data| match data {
            Data::File(file) => file.metadata().ok().map(|m| (m.len(), m.modified().ok())),
            Data::Memory(_) => None,
        };
        self.len == other.len && stamp(&self.data).is_some_and(|own| Some(own) == stamp(&other.data))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads until `buffer` is full or the source ends; returns the bytes read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.data {
            Data::File(file) => read_file_at(file, offset, buffer),
            Data::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or(&[]);
                let count = rest.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                Ok(count)
            }
        }
    }

    /// Exactly `N` bytes at `offset`, or `None` when the source ends before.
    pub fn array_at<const N: usize>(&self, offset: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok((self.read_at(offset, &mut bytes)? == N).then_some(bytes))
    }

    /// Up to `len` bytes at `offset`; never allocates more than the source holds.
    pub fn bytes_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(left)];
        let count = self.read_at(offset, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

/// `pread` until `buffer` is full or the file ends.
fn read_file_at(file: &File, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match pread(file, rest, offset) {
            Ok(0) => break,
            Ok(count) => {
                done += count;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn pread(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn pread(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
