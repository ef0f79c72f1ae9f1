//! Memory that two processes share, as words that each may change at any time.
//!
//! All access is atomic, word by word, so that whatever the other side does, nothing here is undefined: a value is the one
//! that is there in that moment, and whoever reads it checks it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]
#![allow(unsafe_code, reason = "maps memory that another process maps too")]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

/// A mapping of shared words.
pub(crate) struct SharedWords {
    begin: NonNull<AtomicU32>,
    len: usize,
}

// SAFETY: The mapping belongs to this value alone and is only reached as atomics, which any thread may use.
unsafe impl Send for SharedWords {}
// SAFETY: As above.
unsafe impl Sync for SharedWords {}

const WORD: usize = size_of::<AtomicU32>();

impl SharedWords {
    /// New memory of `len` zero words, and the file that stands for it. Its size is sealed: the other side cannot shrink it
    /// under our feet, which would be a `SIGBUS`.
    pub(crate) fn create(len: usize) -> Result<(Self, OwnedFd), Errno> {
        let file = rustix::fs::memfd_create("omega-plugin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, (len * WORD) as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let words = Self::map(file.as_fd(), len)?;
        // Its pages are there before the audio thread comes.
        words.words().iter().for_each(|word| word.store(0, std::sync::atomic::Ordering::Relaxed));
        Ok((words, file))
    }

    /// Maps what the other side created; it has to be `len` words long, and sealed.
    pub(crate) fn attach(file: &OwnedFd, len: usize) -> Result<Self, Errno> {
        let seals = rustix::fs::fcntl_get_seals(file)?;
        let size = rustix::fs::fstat(file)?.st_size;
        if !seals.contains(SealFlags::SHRINK) || u64::try_from(size) != Ok((len * WORD) as u64) {
            return Err(Errno::INVAL);
        }
        Self::map(file.as_fd(), len)
    }

    fn map(file: std::os::fd::BorrowedFd<'_>, len: usize) -> Result<Self, Errno> {
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: A fresh mapping at a place of the system's choice touches no memory of ours.
        let begin = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len * WORD,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
                file,
                0,
            )
        }?;
        let begin = NonNull::new(begin.cast::<AtomicU32>()).ok_or(Errno::NOMEM)?;
        Ok(Self { begin, len })
    }

    /// All words. Real-time safe.
    pub(crate) fn words(&self) -> &[AtomicU32] {
        // SAFETY: The mapping is `len` words long, aligned to a page, lives as long as `self`, and its file cannot shrink
        // (sealed). Other processes change it only by atomic stores of whole words or, if they are broken or hostile, in
        // ways that an atomic load turns into some value.
        unsafe { std::slice::from_raw_parts(self.begin.as_ptr(), self.len) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: The mapping was made by `map` with this length, and no reference to it outlives `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.begin.as_ptr().cast(), self.len * WORD) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn two_mappings_are_one_memory_that_cannot_shrink() {
        let (ours, file) = SharedWords::create(3000).unwrap();
        let theirs = SharedWords::attach(&file, 3000).unwrap();
        theirs.words()[2999].store(7, Relaxed);
        assert_eq!(ours.words()[2999].load(Relaxed), 7);
        assert!(rustix::fs::ftruncate(&file, 0).is_err(), "a worker cannot take the memory away");
        assert!(SharedWords::attach(&file, 4000).is_err(), "nor is more of it mapped than there is");
    }

    #[test]
    fn a_file_that_can_shrink_is_refused() {
        let file = rustix::fs::memfd_create("t", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&file, 4096).unwrap();
        assert!(SharedWords::attach(&file, 1024).is_err());
    }
}
