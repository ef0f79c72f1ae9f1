//! Cells of which only the newest value matters: parameters, positions, meters.
//!
//! | type | carries | writer | reader |
//! |---|---|---|---|
//! | [`AtomicF32`] | one `f32` | any number | any number |
//! | [`latest_value`] | any `Copy` value, whole | one, wait-free | one, wait-free |
//! | [`PeakCell`](crate::meter::PeakCell) | what a meter needs | one, wait-free | one |
use crate::sync::{Arc, AtomicU8, Ordering, UnsafeCell, publishing};
use core::sync::atomic::AtomicU32;

/// An `f32` that threads share; the last write wins. Every operation is relaxed, wait-free and keeps all 32 bits.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct AtomicF32(AtomicU32);

impl AtomicF32 {
    /// Holds `value`.
    #[must_use]
    pub const fn new(value: f32) -> Self {
        Self(AtomicU32::new(value.to_bits()))
    }

    /// Reads the value.
    #[inline]
    #[must_use]
    pub fn load(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Replaces the value.
    #[inline]
    pub fn store(&self, value: f32) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Replaces the value and returns the one before.
    #[inline]
    pub fn swap(&self, value: f32) -> f32 {
        f32::from_bits(self.0.swap(value.to_bits(), Ordering::Relaxed))
    }
}

/// Keeps what two threads write out of each other's cache lines.
#[repr(align(64))]
struct Slot<T>(UnsafeCell<T>);

const INDEX: u8 = 0b011;
const FRESH: u8 = 0b100;

/// A triple buffer: the writer owns one slot, the reader another, and `middle` names the third, which they exchange
/// for theirs in one step. (The fourth slot is never used; it makes every index of two bits valid.)
///
/// Invariant: the writer's index, the reader's index and the index in `middle` are three different numbers.
struct Cell<T> {
    slots: [Slot<T>; 4],
    middle: AtomicU8,
}

#[allow(unsafe_code, reason = "the slots are handed over by the exchange of indices")]
// SAFETY: a slot is touched only by the end that owns its index, and ownership moves through `middle` with
// acquire-release order (loom model `latest_value_is_whole_and_never_older`), so `&Cell` only moves values between
// threads: `T: Send` is enough.
unsafe impl<T: Send> Sync for Cell<T> {}

/// The writing end of a latest-value cell.
pub struct LatestWriter<T> {
    cell: Arc<Cell<T>>,
    back: u8,
}

/// The reading end of a latest-value cell.
pub struct LatestReader<T> {
    cell: Arc<Cell<T>>,
    front: u8,
}

/// Makes a latest-value cell holding `initial`. Allocates: not for the audio thread.
///
/// The value may be of any size and always arrives whole. Values that were overwritten before they were read are lost.
/// The ends may live on any two threads; dropping the second of them frees the cell, so let that be the one off the
/// audio thread.
///
/// ```
/// let (mut writer, mut reader) = omega_rt::latest::latest_value((0_i64, 120.0_f64));
/// writer.set((48_000, 121.5));
/// writer.set((96_000, 122.0));
/// assert_eq!(reader.take(), Some((96_000, 122.0)));
/// assert_eq!(reader.take(), None);
/// assert_eq!(reader.get(), (96_000, 122.0));
/// ```
#[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
#[must_use]
pub fn latest_value<T: Copy>(initial: T) -> (LatestWriter<T>, LatestReader<T>) {
    let slots = core::array::from_fn(|_| Slot(UnsafeCell::new(initial)));
    let cell = Arc::new(Cell { slots, middle: AtomicU8::new(1) });
    (LatestWriter { cell: cell.clone(), back: 2 }, LatestReader { cell, front: 0 })
}

impl<T> Cell<T> {
    #[inline]
    fn slot(&self, index: u8) -> &UnsafeCell<T> {
        &self.slots[usize::from(index & INDEX)].0
    }
}

#[allow(unsafe_code, reason = "writes the slot that the writer owns")]
impl<T: Copy> LatestWriter<T> {
    /// Publishes `value`. Wait-free: one copy and one atomic exchange.
    #[inline]
    pub fn set(&mut self, value: T) {
        // SAFETY: `back` is owned by this end (the invariant of `Cell`), and `&mut self` makes this its only use.
        self.cell.slot(self.back).with_mut(|slot| unsafe { slot.write(value) });
        self.back = self.cell.middle.swap(self.back | FRESH, publishing(Ordering::AcqRel)) & INDEX;
    }
}

#[allow(unsafe_code, reason = "reads the slot that the reader owns")]
impl<T: Copy> LatestReader<T> {
    /// The newest value. Wait-free: one load, and if there is a newer value one atomic exchange and one copy.
    #[inline]
    pub fn get(&mut self) -> T {
        self.refresh();
        // SAFETY: `front` is owned by this end (the invariant of `Cell`); the writer does not touch it.
        self.cell.slot(self.front).with(|slot| unsafe { slot.read() })
    }

    /// The newest value if it was not read before. Wait-free.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        // SAFETY: as in `get`.
        self.refresh().then(|| self.cell.slot(self.front).with(|slot| unsafe { slot.read() }))
    }

    /// Exchanges slots if there is a newer value; true if there was.
    #[inline]
    fn refresh(&mut self) -> bool {
        let fresh = self.cell.middle.load(Ordering::Relaxed) & FRESH != 0;
        if fresh {
            self.front = self.cell.middle.swap(self.front, Ordering::AcqRel) & INDEX;
        }
        fresh
    }
}

impl<T> core::fmt::Debug for LatestWriter<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LatestWriter").finish_non_exhaustive()
    }
}

impl<T> core::fmt::Debug for LatestReader<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LatestReader").finish_non_exhaustive()
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

    #[test]
    fn the_reader_sees_the_initial_value_then_always_the_newest() {
        let (mut writer, mut reader) = latest_value(1);
        assert_eq!((reader.take(), reader.get()), (None, 1));
        for n in 2..50 {
            for extra in 0..n % 5 {
                writer.set(n * 100 + extra);
            }
            writer.set(n);
            assert_eq!((reader.take(), reader.take(), reader.get()), (Some(n), None, n));
        }
    }

    #[test]
    fn between_threads_values_are_whole_and_never_go_back() {
        const LAST: u64 = 200_000;
        let (mut writer, mut reader) = latest_value([0_u64; 9]);
        let sender = std::thread::spawn(move || (1..=LAST).for_each(|n| writer.set([n; 9])));
        let mut before = 0;
        while before < LAST {
            let value = reader.get();
            assert!(value.iter().all(|&v| v == value[0]) && value[0] >= before, "{value:?} after {before}");
            before = value[0];
        }
        sender.join().unwrap();
    }

    #[test]
    fn an_atomic_float_keeps_its_bits() {
        let cell = AtomicF32::new(-0.0);
        assert_eq!(cell.load().to_bits(), (-0.0_f32).to_bits());
        let nan = f32::from_bits(0x7fc0_1234);
        assert_eq!(cell.swap(nan).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(cell.load().to_bits(), nan.to_bits());
        cell.store(f32::from_bits(1));
        assert_eq!(cell.load().to_bits(), 1);
    }
}
