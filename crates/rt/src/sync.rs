//! The atomics, cells and reference counts that this crate builds on: the real ones, or loom's under `--cfg loom`.
//!

use crate::faults;

/// The order of a store or exchange that hands something to another thread.
#[inline]
pub(crate) fn publishing(order: Ordering) -> Ordering {
    if faults::RELAXED_PUBLISH.is_on() { Ordering::Relaxed } else { order }
}

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
};

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use modelled::{Life, Uses};

#[cfg(not(loom))]
mod real {
    extern crate alloc;
    pub(crate) use alloc::sync::Arc;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

    /// `core::cell::UnsafeCell` with loom's interface.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        /// Hands out a pointer for reading. The caller proves that nobody writes meanwhile.
        #[inline]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Hands out a pointer for writing. The caller proves that nobody else reads or writes meanwhile.
        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// What a model follows of a heap value: nothing, outside of a model.
    #[derive(Debug)]
    pub(crate) struct Life;

    impl Life {
        #[inline]
        pub(crate) const fn begin() -> Self {
            Self
        }

        #[inline]
        pub(crate) const fn read(&self) {}

        #[inline]
        pub(crate) const fn write(&self) {}

        #[inline]
        pub(crate) const fn witness(&self) -> crate::faults::Witness {
            crate::faults::Witness::NONE
        }
    }
}

/// Loom follows what goes through its own cells. What lies in a `Box` it would not see, so each
/// [`Owned`](crate::Owned) has a cell beside it that is read where the value is read, and written where it is written and
/// freed: a use that is not ordered with another thread's writing or freeing ends the model, as does a value that is never
/// freed, and one that is freed on the audio thread.
#[cfg(loom)]
mod modelled {
    extern crate std;

    use crate::faults::Witness;
    use loom::alloc::Track;
    use loom::cell::UnsafeCell;
    use std::sync::Arc;

    /// The cell of a value. It holds nothing.
    #[derive(Debug)]
    pub(crate) struct Uses(UnsafeCell<()>);

    #[allow(unsafe_code, reason = "the cell holds nothing")]
    // SAFETY: there is nothing in the cell that two threads could touch at once; loom's own account of it is kept by the
    // one system thread that runs all threads of a model.
    unsafe impl Sync for Uses {}

    /// A model that has failed is unwound, and looks at nothing any more.
    impl Uses {
        pub(crate) fn read(&self) {
            if !std::thread::panicking() {
                self.0.with(|_| ());
            }
        }

        fn write(&self) {
            if !std::thread::panicking() {
                self.0.with_mut(|_| ());
            }
        }
    }

    #[derive(Debug)]
    pub(crate) struct Life {
        uses: Arc<Uses>,
        _freed: Track<()>,
    }

    impl Life {
        #[allow(clippy::disallowed_methods, reason = "a model keeps account beside the audio thread")]
        pub(crate) fn begin() -> Self {
            Self { uses: Arc::new(Uses(UnsafeCell::new(()))), _freed: Track::new(()) }
        }

        pub(crate) fn read(&self) {
            self.uses.read();
        }

        pub(crate) fn write(&self) {
            self.uses.write();
        }

        pub(crate) fn witness(&self) -> Witness {
            Witness::of(&self.uses)
        }
    }

    impl Drop for Life {
        fn drop(&mut self) {
            self.write();
            let elsewhere = std::thread::panicking() || !crate::faults::on_audio_thread();
            assert!(elsewhere, "a heap value is freed on the audio thread");
        }
    }
}
