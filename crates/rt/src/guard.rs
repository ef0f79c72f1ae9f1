//! Counts what must not happen on the audio thread: allocations, frees and lock acquisitions inside an [`RtScope`].
//!
//! The scope is entered at each audio callback and costs two increments of a thread-local. Allocations and frees are
//! seen when the program installs the [`CountingAllocator`]; locks are seen when they are taken through
//! [`CountedMutex`] or reported by [`count_lock`]. What it misses: allocations by C code, foreign locks, system calls
//! and page faults (other tools watch those).
//!
//! ```
//! use omega_rt::guard::{CountingAllocator, RtScope};
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! let scope = RtScope::enter();
//! let seeded_fault = std::hint::black_box(Box::new(1));
//! assert_eq!(scope.counts().allocations, 1);
//! drop(seeded_fault);
//! assert_eq!(scope.counts().frees, 1);
//! ```
extern crate std;

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
#[allow(clippy::disallowed_types, reason = "only its `get` is used inside a scope, which is one load")]
use std::sync::OnceLock;
#[allow(clippy::disallowed_types, reason = "they belong to the lock that the guard counts")]
use std::sync::{Condvar, MutexGuard};
use std::time::Duration;

/// What was counted inside RT scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtCounts {
    /// Heap allocations (a reallocation counts as one allocation and one free).
    pub allocations: u64,
    /// Heap frees.
    pub frees: u64,
    /// Lock acquisitions, contended or not.
    pub locks: u64,
}

impl RtCounts {
    const ZERO: Self = Self { allocations: 0, frees: 0, locks: 0 };

    /// True if nothing was counted.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::ZERO
    }

    /// What was counted since `earlier`, an older reading of the same counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            allocations: self.allocations.wrapping_sub(earlier.allocations),
            frees: self.frees.wrapping_sub(earlier.frees),
            locks: self.locks.wrapping_sub(earlier.locks),
        }
    }
}

/// One thing that happened inside an RT scope and should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Heap memory was allocated.
    Allocation,
    /// Heap memory was freed.
    Free,
    /// A lock was taken.
    Lock,
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static LOCKS: AtomicU64 = AtomicU64::new(0);
#[allow(clippy::disallowed_types, reason = "only its `get` is used inside a scope, which is one load")]
static HOOK: OnceLock<fn(Violation)> = OnceLock::new();

std::thread_local! {
    // Constant initialisers and no destructors: reading these never allocates and never registers anything.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static HERE: Cell<RtCounts> = const { Cell::new(RtCounts::ZERO) };
}

/// Marks the current thread as doing real-time work until it is dropped. Scopes nest. Real-time safe.
///
/// It belongs to the thread that entered it:
/// ```compile_fail
/// let scope = omega_rt::RtScope::enter();
/// std::thread::spawn(move || drop(scope));
/// ```
#[must_use = "the scope ends when this value is dropped"]
#[derive(Debug)]
pub struct RtScope {
    entered: RtCounts,
    not_send: PhantomData<*const ()>,
}

impl RtScope {
    /// Enters a scope on this thread.
    #[inline]
    pub fn enter() -> Self {
        DEPTH.set(DEPTH.get().saturating_add(1));
        Self { entered: HERE.get(), not_send: PhantomData }
    }

    /// What this thread did since the scope was entered. Other threads do not disturb it.
    #[must_use]
    pub fn counts(&self) -> RtCounts {
        HERE.get().since(&self.entered)
    }

    /// True if the current thread is inside a scope.
    #[must_use]
    pub fn is_active() -> bool {
        DEPTH.get() > 0
    }
}

impl Drop for RtScope {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// What all threads together did inside RT scopes since the last [`reset`]. Real-time safe.
#[must_use]
pub fn counts() -> RtCounts {
    RtCounts {
        allocations: ALLOCATIONS.load(Ordering::Relaxed),
        frees: FREES.load(Ordering::Relaxed),
        locks: LOCKS.load(Ordering::Relaxed),
    }
}

/// What the current thread did inside RT scopes since it was started. Real-time safe.
#[must_use]
pub fn thread_counts() -> RtCounts {
    HERE.get()
}

/// Sets the counts of [`counts`] to zero. In tests that run side by side prefer [`RtScope::counts`], which belongs to
/// one thread.
pub fn reset() {
    for counter in [&ALLOCATIONS, &FREES, &LOCKS] {
        counter.store(0, Ordering::Relaxed);
    }
}

/// Calls `hook` at every violation, on the violating thread, outside its scope (so the hook may allocate, to print a
/// backtrace for instance). A debugging aid. Returns false if a hook was set before, which then stays.
pub fn set_hook(hook: fn(Violation)) -> bool {
    HOOK.set(hook).is_ok()
}

/// Reports that a lock is about to be taken. Counts only inside an RT scope.
#[inline]
pub fn count_lock() {
    note(Violation::Lock);
}

#[inline]
fn note(violation: Violation) {
    // During thread exit a thread-local may be gone: no real-time work is done then.
    if DEPTH.try_with(Cell::get).unwrap_or(0) > 0 {
        record(violation);
    }
}

#[cold]
fn record(violation: Violation) {
    let mut here = HERE.get();
    let (mine, all) = match violation {
        Violation::Allocation => (&mut here.allocations, &ALLOCATIONS),
        Violation::Free => (&mut here.frees, &FREES),
        Violation::Lock => (&mut here.locks, &LOCKS),
    };
    *mine = mine.wrapping_add(1);
    all.fetch_add(1, Ordering::Relaxed);
    HERE.set(here);
    if let Some(hook) = HOOK.get() {
        let depth = DEPTH.replace(0);
        hook(violation);
        DEPTH.set(depth);
    }
}

/// The system allocator, counting what happens inside RT scopes. Install it with `#[global_allocator]` in test
/// binaries and tools; a program that does not install it pays nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

#[allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; every call is forwarded unchanged")]
// SAFETY: every method forwards its arguments unchanged to `System`, which keeps the contract of `GlobalAlloc`;
// counting neither allocates nor unwinds (a hook runs outside the scope, so its own allocations do not recurse).
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(Violation::Allocation);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(Violation::Allocation);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(Violation::Free);
        // SAFETY: `ptr` came from this allocator, so from `System`, with the same layout.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(Violation::Allocation);
        note(Violation::Free);
        // SAFETY: `ptr` came from this allocator, so from `System`, with the same layout.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// A mutex for code off the audio thread that tells the guard when it is taken. A poisoned lock is taken all the same:
/// what it protects must stay valid after a panic.
#[allow(clippy::disallowed_types, reason = "this is the lock that the guard counts")]
#[derive(Debug, Default)]
pub struct CountedMutex<T>(std::sync::Mutex<T>);

#[allow(clippy::disallowed_types, reason = "this is the lock that the guard counts")]
impl<T> CountedMutex<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }
}

#[allow(clippy::disallowed_types, reason = "this is the lock that the guard counts")]
impl<T> CountedMutex<T> {
    /// Takes the lock, waiting for it if need be. Never on the audio thread: counted if it happens there.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        count_lock();
        self.take()
    }

    /// Lets go of the lock until `told` is notified, but for no longer than `most`, and takes it again. May come back early.
    /// Never on the audio thread.
    pub fn wait<'a>(&'a self, guard: MutexGuard<'a, T>, told: &Condvar, most: Duration) -> MutexGuard<'a, T> {
        count_lock();
        self.sleep(guard, told, most)
    }

    #[cfg(not(tsan))]
    fn take(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[cfg(not(tsan))]
    #[allow(clippy::unused_self, reason = "as in the build for ThreadSanitizer")]
    fn sleep<'a>(&'a self, guard: MutexGuard<'a, T>, told: &Condvar, most: Duration) -> MutexGuard<'a, T> {
        told.wait_timeout(guard, most).unwrap_or_else(std::sync::PoisonError::into_inner).0
    }
}

/// Whoever waits for a lock does so within std, where ThreadSanitizer does not see that it was taken, and would report what the
/// lock protects. In its build the lock is tried until it is had, which it does see.
#[cfg(tsan)]
#[allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the lock that the guard counts"
)]
impl<T> CountedMutex<T> {
    fn take(&self) -> MutexGuard<'_, T> {
        use std::sync::TryLockError;
        loop {
            match self.0.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    fn sleep<'a>(&'a self, guard: MutexGuard<'a, T>, _: &Condvar, most: Duration) -> MutexGuard<'a, T> {
        drop(guard);
        std::thread::sleep(most.min(Duration::from_millis(1)));
        self.take()
    }
}
