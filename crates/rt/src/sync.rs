//! The atomics, cells and reference counts that this crate builds on: the real ones, or loom's under `--cfg loom`.
//!
//! Under `--cfg loom` and `--cfg seeded_faults` there are also [`faults`]: deliberate mistakes that a model, or a
//! program under ThreadSanitizer, switches on to prove that it would notice them. In every other build they are
//! constants that are false, and leave no code behind.

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
}

/// Deliberate mistakes, one switch each.
#[cfg(any(loom, seeded_faults))]
pub mod faults {
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A switch, thrown before the threads start. Not modelled by loom itself.
    #[derive(Debug)]
    pub struct Fault(AtomicBool);

    impl Fault {
        /// Switches the mistake on or off.
        pub fn set(&self, on: bool) {
            self.0.store(on, Ordering::Relaxed);
        }

        #[inline]
        pub(crate) fn is_on(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// What one thread wrote is handed to another without release order.
    pub static RELAXED_PUBLISH: Fault = Fault(AtomicBool::new(false));
    /// The pool's free list does not count its changes.
    pub static UNTAGGED_INDEX: Fault = Fault(AtomicBool::new(false));
    /// The reclaiming side frees a value while the audio side still uses it.
    pub static EARLY_FREE: Fault = Fault(AtomicBool::new(false));
    /// A page is claimed while readers are in it.
    pub static IGNORED_READERS: Fault = Fault(AtomicBool::new(false));
    /// The meter's reader does not check whether the writer was in the middle.
    pub static UNCHECKED_READ: Fault = Fault(AtomicBool::new(false));
}

#[cfg(not(any(loom, seeded_faults)))]
pub(crate) mod faults {
    #[derive(Debug)]
    pub(crate) struct Fault;

    impl Fault {
        #[inline]
        #[expect(clippy::unused_self, reason = "the model build's switch has state")]
        pub(crate) const fn is_on(&self) -> bool {
            false
        }
    }

    pub(crate) static RELAXED_PUBLISH: Fault = Fault;
    pub(crate) static UNTAGGED_INDEX: Fault = Fault;
    pub(crate) static EARLY_FREE: Fault = Fault;
    pub(crate) static UNCHECKED_READ: Fault = Fault;
    pub(crate) static IGNORED_READERS: Fault = Fault;
}
