//! Stands in for `rtrb` in models: a ring between two threads with the part of its interface that is used here.
//!
//! Two counts that only grow, one written by each end, and a cell for each place: the place of message *n* belongs to the
//! sending end until `sent` is above *n*, then to the receiving end until `received` is.
extern crate alloc;

use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell, publishing};
use alloc::boxed::Box;

/// What both ends share.
pub(super) struct Ring<T> {
    places: Box<[UnsafeCell<Option<T>>]>,
    sent: AtomicU64,
    received: AtomicU64,
    /// An end is gone.
    abandoned: AtomicBool,
}

#[allow(unsafe_code, reason = "the places are handed over by the counts")]
// SAFETY: a place is touched only by the end that the counts name, and there is one handle for each end. The counts are
// stored with release and read with acquire order, so `&Ring` only moves values between threads: `T: Send` is enough.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below the number of places")]
    fn place(&self, number: u64) -> Option<&UnsafeCell<Option<T>>> {
        self.places.get((number % self.places.len() as u64) as usize)
    }

    pub fn capacity(&self) -> usize {
        self.places.len()
    }
}

/// As `rtrb::RingBuffer`.
pub(super) struct RingBuffer;

impl RingBuffer {
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    #[allow(clippy::new_ret_no_self, reason = "as in rtrb")]
    pub fn new<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
        let ring = Arc::new(Ring {
            places: core::iter::repeat_with(|| UnsafeCell::new(None)).take(capacity).collect(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
        });
        (Producer { ring: ring.clone(), sent: 0 }, Consumer { ring, received: 0 })
    }
}

/// As `rtrb::PushError`.
pub(super) enum PushError<T> {
    Full(T),
}

/// As `rtrb::Producer`.
pub(super) struct Producer<T> {
    ring: Arc<Ring<T>>,
    sent: u64,
}

impl<T> Producer<T> {
    pub fn buffer(&self) -> &Ring<T> {
        &self.ring
    }

    pub fn slots(&self) -> usize {
        let waiting = self.sent - self.ring.received.load(Ordering::Acquire);
        self.ring.capacity().saturating_sub(usize::try_from(waiting).unwrap_or(usize::MAX))
    }

    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.slots() == 0 {
            return Err(PushError::Full(value));
        }
        self.put(value);
        self.publish();
        Ok(())
    }

    pub fn push_partial_slice<'a>(&mut self, values: &'a [T]) -> (&'a [T], &'a [T])
    where
        T: Copy,
    {
        let (now, later) = values.split_at(self.slots().min(values.len()));
        now.iter().for_each(|value| self.put(*value));
        self.publish();
        (now, later)
    }

    pub fn push_entire_slice(&mut self, values: &[T]) -> Result<(), ()>
    where
        T: Copy,
    {
        if self.slots() < values.len() {
            return Err(());
        }
        self.push_partial_slice(values);
        Ok(())
    }

    pub fn is_abandoned(&self) -> bool {
        self.ring.abandoned.load(Ordering::Acquire)
    }

    #[allow(unsafe_code, reason = "writes a place that this end owns")]
    fn put(&mut self, value: T) {
        if let Some(place) = self.ring.place(self.sent) {
            // SAFETY: fewer than `capacity` messages wait, as the caller has made sure, so that this place was given back;
            // `&mut self` is the only handle of this end.
            place.with_mut(|place| unsafe { *place = Some(value) });
        }
        self.sent += 1;
    }

    fn publish(&self) {
        self.ring.sent.store(self.sent, publishing(Ordering::Release));
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.ring.abandoned.store(true, Ordering::Release);
    }
}

/// As `rtrb::Consumer`.
pub(super) struct Consumer<T> {
    ring: Arc<Ring<T>>,
    received: u64,
}

impl<T> Consumer<T> {
    pub fn buffer(&self) -> &Ring<T> {
        &self.ring
    }

    pub fn slots(&self) -> usize {
        usize::try_from(self.ring.sent.load(Ordering::Acquire) - self.received).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.slots() == 0
    }

    #[allow(unsafe_code, reason = "reads a place that this end owns")]
    pub fn peek(&self) -> Result<&T, ()> {
        if self.is_empty() {
            return Err(());
        }
        let place = self.ring.place(self.received).ok_or(())?;
        // SAFETY: the message was sent and not received yet, so that the place belongs to this end; it is given back by
        // `pop` only, which needs `&mut self`.
        place.with(|place| unsafe { (*place).as_ref() }).ok_or(())
    }

    pub fn pop(&mut self) -> Result<T, ()> {
        if self.is_empty() {
            return Err(());
        }
        let value = self.take().ok_or(());
        self.give_back();
        value
    }

    pub fn pop_partial_slice<'a>(&mut self, values: &'a mut [T]) -> (&'a mut [T], &'a mut [T])
    where
        T: Copy,
    {
        let count = self.slots().min(values.len());
        let (now, later) = values.split_at_mut(count);
        for place in now.iter_mut() {
            if let Some(value) = self.take() {
                *place = value;
            }
        }
        self.give_back();
        (now, later)
    }

    pub fn pop_entire_slice(&mut self, values: &mut [T]) -> Result<(), ()>
    where
        T: Copy,
    {
        if self.slots() < values.len() {
            return Err(());
        }
        self.pop_partial_slice(values);
        Ok(())
    }

    pub fn is_abandoned(&self) -> bool {
        self.ring.abandoned.load(Ordering::Acquire)
    }

    #[allow(unsafe_code, reason = "empties a place that this end owns")]
    fn take(&mut self) -> Option<T> {
        let place = self.ring.place(self.received)?;
        self.received += 1;
        // SAFETY: as in `peek`; `&mut self` is the only handle of this end.
        place.with_mut(|place| unsafe { (*place).take() })
    }

    fn give_back(&self) {
        self.ring.received.store(self.received, publishing(Ordering::Release));
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.abandoned.store(true, Ordering::Release);
    }
}

impl<T> core::fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Producer").field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl<T> core::fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Consumer").field("received", &self.received).finish_non_exhaustive()
    }
}
