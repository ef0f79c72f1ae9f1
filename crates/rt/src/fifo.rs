//! FIFOs between two threads, where every message counts (for values of which only the newest matters see
//! [`latest`](crate::latest)).
//!
//! A thin layer over `rtrb`, a ring with one producer and one consumer. Every operation is wait-free: it ends after a
//! bounded number of steps whatever the other end does, and neither allocates, locks nor calls the system. Single
//! messages cost an exchange of cache lines each when the ends run on two cores; a batch costs one for all of it, so
//! prefer the batches wherever more than one value moves.
//!
//! Values arrive in the order in which they were sent, once each. What is still in the FIFO when both ends are gone is
//! dropped by the end that goes last; let that be the end off the audio thread.
//!
//! `rtrb` cannot be modelled. Under `--cfg loom` another ring stands in its place, so that what is built on FIFOs can be;
//! `rtrb` itself is watched by ThreadSanitizer.

#[cfg(loom)]
mod stand_in;

#[cfg(loom)]
use stand_in as rtrb;

/// The sending end.
#[derive(Debug)]
pub struct Producer<T>(rtrb::Producer<T>);

/// The receiving end.
#[derive(Debug)]
pub struct Consumer<T>(rtrb::Consumer<T>);

/// Makes a FIFO that holds up to `capacity` values (at least one). Allocates, and writes to all of its memory, so that no
/// message is the first to touch a page: not for the audio thread.
///
/// ```
/// let (mut producer, mut consumer) = omega_rt::fifo::fifo(2);
/// assert_eq!(producer.push('a'), Ok(()));
/// assert_eq!(producer.push('b'), Ok(()));
/// assert_eq!(producer.push('c'), Err('c'));
/// assert_eq!(consumer.pop(), Some('a'));
/// ```
#[must_use]
pub fn fifo<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let (mut producer, consumer) = rtrb::RingBuffer::new(capacity.max(1));
    touch(&mut producer, capacity.max(1));
    (Producer(producer), Consumer(consumer))
}

#[cfg(not(loom))]
fn touch<T>(producer: &mut rtrb::Producer<T>, capacity: usize) {
    if let Ok(mut places) = producer.write_chunk_uninit(capacity) {
        let (first, second) = places.as_mut_slices();
        // Nothing is sent: a chunk that is dropped without a commit leaves the FIFO empty.
        first.iter_mut().chain(second).for_each(|place| *place = core::mem::MaybeUninit::zeroed());
    }
}

#[cfg(loom)]
fn touch<T>(_: &mut rtrb::Producer<T>, _: usize) {}

impl<T> Producer<T> {
    /// Sends one value. Wait-free.
    ///
    /// # Errors
    /// Gives the value back if the FIFO is full.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        self.0.push(value).map_err(|rtrb::PushError::Full(value)| value)
    }

    /// Sends as many leading values of `values` as fit, in order, and returns how many. Wait-free.
    #[inline]
    pub fn write_batch(&mut self, values: &[T]) -> usize
    where
        T: Copy,
    {
        self.0.push_partial_slice(values).0.len()
    }

    /// Sends all of `values` or none of them; true if they were sent. Wait-free.
    #[inline]
    pub fn write_whole(&mut self, values: &[T]) -> bool
    where
        T: Copy,
    {
        self.0.push_entire_slice(values).is_ok()
    }

    /// How many values can be sent for certain (more may fit by the time they are sent). Wait-free.
    #[inline]
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.slots()
    }

    /// How many values the FIFO holds when full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.buffer().capacity()
    }

    /// True if the other end is gone: what is sent now is never received. Wait-free.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }
}

impl<T> Consumer<T> {
    /// Receives the oldest value, `None` if there is none. Wait-free.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop().ok()
    }

    /// Looks at the oldest value and leaves it there. Wait-free.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.0.peek().ok()
    }

    /// Receives as many values as there are, but no more than fit into `values`; returns how many of its leading
    /// elements were written. Wait-free.
    #[inline]
    pub fn read_batch(&mut self, values: &mut [T]) -> usize
    where
        T: Copy,
    {
        self.0.pop_partial_slice(values).0.len()
    }

    /// Fills all of `values` or takes nothing; true if it was filled. Wait-free.
    #[inline]
    pub fn read_whole(&mut self, values: &mut [T]) -> bool
    where
        T: Copy,
    {
        self.0.pop_entire_slice(values).is_ok()
    }

    /// How many values are there for certain. Wait-free.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.slots()
    }

    /// True if no value is there. Wait-free.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values the FIFO holds when full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.buffer().capacity()
    }

    /// True if the other end is gone: what is here now is all that will ever come. Wait-free.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
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
    use std::collections::VecDeque;
    use std::vec;

    #[test]
    fn a_full_fifo_gives_the_value_back_and_an_empty_one_gives_none() {
        let (mut producer, mut consumer) = fifo(3);
        for n in 0..3 {
            assert_eq!(producer.push(n), Ok(()));
        }
        assert_eq!(producer.push(3), Err(3));
        assert_eq!(producer.write_batch(&[4, 5]), 0);
        assert_eq!(consumer.peek(), Some(&0));
        assert_eq!(consumer.pop(), Some(0));
        assert_eq!(producer.write_batch(&[4, 5]), 1);
        let mut rest = [0; 8];
        assert_eq!(consumer.read_batch(&mut rest), 3);
        assert_eq!(&rest[..3], &[1, 2, 4]);
        assert_eq!((consumer.pop(), consumer.is_empty()), (None, true));
    }

    #[test]
    fn whole_writes_and_reads_move_everything_or_nothing() {
        let (mut producer, mut consumer) = fifo(4);
        assert!(producer.write_whole(&[1, 2, 3]));
        assert!(!producer.write_whole(&[4, 5]));
        assert_eq!(consumer.len(), 3);
        let mut four = [9; 4];
        assert!(!consumer.read_whole(&mut four));
        assert_eq!(four, [9; 4]);
        assert!(consumer.read_whole(&mut four[..3]));
        assert_eq!(four, [1, 2, 3, 9]);
    }

    #[test]
    fn a_capacity_of_zero_still_carries_one_value() {
        let (mut producer, mut consumer) = fifo(0);
        assert_eq!((producer.capacity(), producer.push(7), producer.push(8)), (1, Ok(()), Err(8)));
        assert_eq!(consumer.pop(), Some(7));
        drop(producer);
        assert!(consumer.is_abandoned());
    }

    #[test]
    fn random_batches_behave_like_a_queue() {
        let (mut producer, mut consumer) = fifo::<u32>(37);
        let (mut model, mut next, mut random) = (VecDeque::new(), 0, 1_u32);
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let n = (random >> 16) as usize % 50;
            if random & 1 == 0 {
                let values = (next..).take(n).collect::<vec::Vec<_>>();
                let sent = producer.write_batch(&values);
                assert_eq!(sent, n.min(37 - model.len()));
                model.extend(&values[..sent]);
                next = values.get(sent).copied().unwrap_or(next + u32::try_from(sent).unwrap());
            } else {
                let mut values = vec![0; n];
                let got = consumer.read_batch(&mut values);
                assert_eq!(got, n.min(model.len()));
                assert!(values[..got].iter().all(|v| model.pop_front() == Some(*v)));
            }
            assert_eq!((consumer.len(), producer.free()), (model.len(), 37 - model.len()));
        }
    }
}
