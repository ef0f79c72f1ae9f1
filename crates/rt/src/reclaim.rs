//! Deferred reclaim: what the audio thread no longer needs is dropped by another thread.
//!
//! A ring of slots with one flag each (after Giacomoni, Moseley and Vachharajani, "FastForward for efficient pipeline
//! parallelism", 2008): the audio side fills the slot at its own position if it is empty, the other side empties the
//! slot at its own position if it is full. Neither reads the other's position, every step is wait-free, and the whole
//! hand-over is small enough to be checked by loom.
extern crate alloc;

use crate::faults;
use crate::owned::Owned;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell, publishing};
use alloc::boxed::Box;
use core::any::Any;

/// A slot: while `full` is false it belongs to the audio side, while it is true to the reclaiming side.
struct Slot<T> {
    full: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// How many values the audio side gave away; written by it alone.
    sent: AtomicU64,
    /// How many values the other side dropped; written by it alone.
    dropped: AtomicU64,
}

#[allow(unsafe_code, reason = "the slots are handed over by their flags")]
// SAFETY: a slot's value is touched only by the side that its flag names, and the flag changes hands with
// release-acquire order (loom model `reclaim_drops_each_value_once_on_the_other_side`). There is one handle per side.
// So `&Ring` only moves values between threads: `T: Send` is enough.
unsafe impl<T: Send> Sync for Ring<T> {}

/// The audio side: gives values away.
///
/// Dropping it drops the value it may have parked: let that happen off the audio thread.
pub struct Reclaim<T = Owned<dyn Any + Send>> {
    ring: Arc<Ring<T>>,
    at: usize,
    parked: Option<T>,
}

/// The other side: drops them.
pub struct Reclaimer<T = Owned<dyn Any + Send>> {
    ring: Arc<Ring<T>>,
    at: usize,
}

/// Makes both sides, with room for `capacity` values (at least one) between two calls of [`Reclaimer::collect`], and
/// one more that is parked on the audio side. Allocates: not for the audio thread.
///
/// ```
/// use omega_rt::{Owned, reclaim::reclaim};
/// let (mut audio, mut other) = reclaim(2);
/// let old_table: Owned<Vec<f32>> = Box::new(vec![0.0; 512]).into();
/// audio.send(old_table.erase()).expect("there is room");
/// assert_eq!((audio.outstanding(), other.collect(), audio.outstanding()), (1, 1, 0));
/// ```
#[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
#[must_use]
pub fn reclaim<T: Send>(capacity: usize) -> (Reclaim<T>, Reclaimer<T>) {
    let empty = || Slot { full: AtomicBool::new(false), value: UnsafeCell::new(None) };
    let slots = core::iter::repeat_with(empty).take(capacity.max(1)).collect();
    let ring = Arc::new(Ring { slots, sent: AtomicU64::new(0), dropped: AtomicU64::new(0) });
    (Reclaim { ring: ring.clone(), at: 0, parked: None }, Reclaimer { ring, at: 0 })
}

impl<T> Ring<T> {
    fn outstanding(&self) -> u64 {
        // `dropped` first: it never overtakes `sent`, so the difference is never negative.
        let dropped = self.dropped.load(Ordering::Acquire);
        self.sent.load(Ordering::Relaxed).saturating_sub(dropped)
    }

    /// The position after `at`.
    fn after(&self, at: usize) -> usize {
        if at + 1 < self.slots.len() { at + 1 } else { 0 }
    }
}

impl<T: Send> Reclaim<T> {
    /// Gives `value` away to be dropped elsewhere. Wait-free. If the ring is full the value is parked on this side and
    /// goes at the next call of `send` or [`flush`](Self::flush).
    ///
    /// # Errors
    /// Gives the value back if one is parked already and the ring is still full. Ask [`has_room`](Self::has_room)
    /// before taking on anything new that will replace something.
    pub fn send(&mut self, value: T) -> Result<(), T> {
        if !self.flush() {
            return Err(value);
        }
        let sent = self.ring.sent.load(Ordering::Relaxed);
        self.ring.sent.store(sent.wrapping_add(1), Ordering::Relaxed);
        self.parked = self.put(value).err();
        Ok(())
    }

    /// Moves a parked value on if there is room by now; true if none is parked afterwards. Wait-free.
    pub fn flush(&mut self) -> bool {
        if let Some(value) = self.parked.take() {
            self.parked = self.put(value).err();
        }
        self.parked.is_none()
    }

    /// True if the next [`send`](Self::send) is certain to take its value. Wait-free.
    #[must_use]
    pub fn has_room(&mut self) -> bool {
        self.flush()
    }

    /// How many values were given away and are not dropped yet. Wait-free.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.ring.outstanding()
    }

    #[allow(unsafe_code, reason = "writes the slot that this side owns")]
    fn put(&mut self, value: T) -> Result<(), T> {
        let Some(slot) = self.ring.slots.get(self.at) else { return Err(value) };
        if slot.full.load(Ordering::Acquire) {
            return Err(value);
        }
        // SAFETY: the flag is false, so the slot belongs to this side, of which `&mut self` is the only handle. It
        // holds `None` (it started so, or was taken from), so nothing is dropped here.
        slot.value.with_mut(|place| unsafe { place.write(Some(value)) });
        slot.full.store(true, publishing(Ordering::Release));
        self.at = self.ring.after(self.at);
        Ok(())
    }
}

impl<T: Send> Reclaimer<T> {
    /// Drops everything that was given away so far; returns how many values that were. Runs their destructors: not
    /// for the audio thread.
    pub fn collect(&mut self) -> usize {
        core::iter::from_fn(|| self.take_and_count()).count()
    }

    /// How many values were given away and are not dropped yet (a parked one included).
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.ring.outstanding()
    }

    fn take_and_count(&mut self) -> Option<()> {
        drop(self.take()?);
        let dropped = self.ring.dropped.load(Ordering::Relaxed);
        self.ring.dropped.store(dropped.wrapping_add(1), Ordering::Release);
        Some(())
    }

    /// Takes the oldest value out instead of dropping it.
    #[allow(unsafe_code, reason = "empties the slot that this side owns")]
    fn take(&mut self) -> Option<T> {
        let slot = self.ring.slots.get(self.at)?;
        if !slot.full.load(Ordering::Acquire) {
            return None;
        }
        if faults::EARLY_FREE.is_on() {
            slot.full.store(false, Ordering::Release);
        }
        // SAFETY: the flag is true, so the slot belongs to this side, of which `&mut self` is the only handle.
        let value = slot.value.with_mut(|place| unsafe { place.replace(None) });
        slot.full.store(false, Ordering::Release);
        self.at = self.ring.after(self.at);
        value
    }
}

impl<T> core::fmt::Debug for Reclaim<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reclaim").field("outstanding", &self.ring.outstanding()).finish_non_exhaustive()
    }
}

impl<T> core::fmt::Debug for Reclaimer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reclaimer").field("outstanding", &self.ring.outstanding()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;
    use std::sync::Mutex;
    use std::thread::{self, ThreadId};
    use std::vec::Vec;

    /// Notes where it was dropped.
    struct Tracked(u32, std::sync::Arc<Mutex<Vec<(u32, ThreadId)>>>);

    impl Drop for Tracked {
        fn drop(&mut self) {
            self.1.lock().unwrap().push((self.0, thread::current().id()));
        }
    }

    #[test]
    fn a_full_ring_parks_one_value_then_gives_values_back_and_drops_nothing() {
        let drops = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (mut audio, mut other) = reclaim(2);
        for n in 0..3 {
            assert!(audio.has_room());
            assert!(audio.send(Tracked(n, drops.clone())).is_ok());
        }
        assert!(!audio.has_room());
        let back = audio.send(Tracked(3, drops.clone())).unwrap_err();
        assert_eq!((back.0, drops.lock().unwrap().len(), audio.outstanding()), (3, 0, 3));
        assert_eq!((other.collect(), other.outstanding()), (2, 1));
        assert!(audio.send(back).is_ok());
        assert_eq!((other.collect(), other.collect(), audio.outstanding()), (2, 0, 0));
        let order: Vec<u32> = drops.lock().unwrap().iter().map(|drop| drop.0).collect();
        assert_eq!(order, [0, 1, 2, 3]);
    }

    #[test]
    fn every_value_is_dropped_once_in_order_on_the_other_thread() {
        const VALUES: u32 = 20_000;
        let drops = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (mut audio, mut other) = reclaim(8);
        let mine = drops.clone();
        let collector = thread::spawn(move || {
            let mut count = 0;
            while count < VALUES as usize {
                count += other.collect();
                thread::yield_now();
            }
            assert_eq!(other.outstanding(), 0);
        });
        let reclaiming = collector.thread().id();
        for n in 0..VALUES {
            let mut value = Tracked(n, mine.clone());
            while let Err(back) = audio.send(value) {
                value = back;
                thread::yield_now();
            }
        }
        while !audio.flush() {
            thread::yield_now();
        }
        collector.join().unwrap();
        let drops = drops.lock().unwrap();
        assert_eq!(drops.len(), VALUES as usize);
        assert!(drops.iter().zip(0..).all(|(drop, n)| *drop == (n, reclaiming)));
    }

    #[test]
    fn values_left_when_both_sides_go_are_dropped_once() {
        let drops = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (mut audio, other) = reclaim(1);
        assert!(audio.send(Tracked(0, drops.clone())).is_ok());
        assert!(audio.send(Tracked(1, drops.clone())).is_ok());
        drop(other);
        assert_eq!(drops.lock().unwrap().len(), 0);
        drop(audio);
        assert_eq!(drops.lock().unwrap().len(), 2);
    }
}
