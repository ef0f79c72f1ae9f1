//! Deliberate mistakes, for proofs only.
//!
//! Under `--cfg loom` and `--cfg seeded_faults` each of these is a switch that a model, or a program under ThreadSanitizer,
//! throws to prove that it would notice the mistake. In every other build they are constants that are false, and leave no
//! code behind.

#[cfg(any(loom, seeded_faults))]
mod switch {
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A switch, thrown before the threads start. Not modelled by loom itself.
    #[derive(Debug)]
    pub struct Fault(AtomicBool);

    impl Fault {
        pub(super) const fn new() -> Self {
            Self(AtomicBool::new(false))
        }

        /// Switches the mistake on or off.
        pub fn set(&self, on: bool) {
            self.0.store(on, Ordering::Relaxed);
        }

        /// Whether the mistake is to be made.
        #[inline]
        #[must_use]
        pub fn is_on(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }
}

#[cfg(not(any(loom, seeded_faults)))]
mod switch {
    /// A mistake that this build cannot make.
    #[derive(Debug)]
    pub struct Fault(());

    impl Fault {
        pub(super) const fn new() -> Self {
            Self(())
        }

        /// Never.
        #[inline]
        #[must_use]
        pub const fn is_on(&self) -> bool {
            false
        }
    }
}

pub use switch::Fault;

/// What one thread wrote is handed to another without release order.
pub static RELAXED_PUBLISH: Fault = Fault::new();
/// The pool's free list does not count its changes.
pub static UNTAGGED_INDEX: Fault = Fault::new();
/// A value is freed by one side while the audio side still uses it.
pub static EARLY_FREE: Fault = Fault::new();
/// The audio side frees what it should give back.
pub static FREED_HERE: Fault = Fault::new();
/// The audio side takes on something new without room for what that replaces.
pub static NO_ROOM: Fault = Fault::new();
/// A message is sent before those that still wait for room.
pub static OVERTAKING: Fault = Fault::new();
/// A page is claimed while readers are in it.
pub static IGNORED_READERS: Fault = Fault::new();
/// The meter's reader does not check whether the writer was in the middle.
pub static UNCHECKED_READ: Fault = Fault::new();

/// Stands for the use of an [`Owned`](crate::Owned) value that was given away. Empty outside of a model.
#[derive(Debug)]
pub struct Witness(#[cfg(loom)] std::sync::Arc<crate::sync::Uses>);

#[cfg(not(loom))]
impl Witness {
    pub(crate) const NONE: Self = Self();

    /// Uses the value, as a model sees it.
    #[inline]
    pub const fn read(&self) {}
}

#[cfg(loom)]
extern crate std;

#[cfg(loom)]
impl Witness {
    pub(crate) fn of(cell: &std::sync::Arc<crate::sync::Uses>) -> Self {
        Self(std::sync::Arc::clone(cell))
    }

    /// Uses the value, as a model sees it.
    pub fn read(&self) {
        self.0.read();
    }
}

#[cfg(loom)]
loom::thread_local! {
    static AUDIO: core::cell::Cell<bool> = core::cell::Cell::new(false);
}

/// Does `work` as the audio thread of a model does: freeing an [`Owned`](crate::Owned) value in it ends the model.
#[cfg(loom)]
pub fn as_audio_thread<R>(work: impl FnOnce() -> R) -> R {
    AUDIO.with(|audio| audio.set(true));
    let result = work();
    AUDIO.with(|audio| audio.set(false));
    result
}

#[cfg(loom)]
pub(crate) fn on_audio_thread() -> bool {
    AUDIO.with(core::cell::Cell::get)
}
