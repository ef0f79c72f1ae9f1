//! Messages from another thread, brought onto the frames of blocks.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use omega_rt::fifo::{Consumer, Producer, fifo};

use super::{MidiBlock, MidiEvent, channel_message};
use crate::shared::Shared;

/// Messages that wait at most: a second of a cable that is never silent.
const WAITING: usize = 4096;

/// A message and when it came, in nanoseconds on the clock of [`Shared::now`].
#[derive(Clone, Copy, Debug)]
struct Stamped {
    nanos: u64,
    port: u16,
    bytes: [u8; 3],
}

/// The audio thread's end: gives each block what came in during the one before, in the places where it came. So the distances
/// between messages are kept, at the price of a period.
pub(crate) struct MidiFeed {
    inputs: Vec<Consumer<Stamped>>,
    block: MidiBlock,
    /// When the block before began.
    before: u64,
    /// Keeps the system's connections; dropped off the audio thread, with the stream.
    _connections: Vec<Box<dyn Send>>,
}

/// The other end: for one input, on its thread.
pub(crate) struct MidiSender {
    out: Producer<Stamped>,
    port: u16,
    shared: Arc<Shared>,
    /// The least that our clock was ahead of the system's stamps, in nanoseconds: what is more is delay of the thread.
    ahead: Option<i128>,
}

impl MidiSender {
    /// An input numbered `port`, and where its messages come out.
    pub(crate) fn new(port: u16, shared: Arc<Shared>) -> (Self, Source) {
        let (out, messages) = fifo(WAITING);
        (Self { out, port, shared, ahead: None }, Source(messages))
    }

    /// A message that the system stamped with `micros`, on a clock of its own.
    pub(crate) fn send(&mut self, micros: u64, raw: &[u8]) {
        self.send_at(self.shared.now(), micros, raw);
    }

    /// [`send`](Self::send), when it is `now` by our clock.
    fn send_at(&mut self, now: u64, micros: u64, raw: &[u8]) {
        let Some(bytes) = channel_message(raw) else { return };
        let (now, stamp) = (i128::from(now), i128::from(micros) * 1000);
        let ahead = self.ahead.map_or(now - stamp, |ahead| ahead.min(now - stamp));
        self.ahead = Some(ahead);
        let nanos = u64::try_from(stamp + ahead).unwrap_or(0);
        if self.out.push(Stamped { nanos, port: self.port, bytes }).is_err() {
            self.shared.midi_lost.fetch_add(1, Relaxed);
        }
    }
}

/// Where the messages of a [`MidiSender`] come out.
pub(crate) struct Source(Consumer<Stamped>);

impl MidiFeed {
    pub(crate) fn new(sources: Vec<Source>, connections: Vec<Box<dyn Send>>) -> Self {
        let inputs = sources.into_iter().map(|source| source.0).collect();
        Self { inputs, block: MidiBlock::new(), before: 0, _connections: connections }
    }

    /// What belongs to a block of `frames` frames that begins `now`. Real-time safe.
    pub(crate) fn block(&mut self, now: u64, frames: usize, rate: u32, shared: &Shared) -> &[MidiEvent] {
        self.block.clear();
        let last = u32::try_from(frames.saturating_sub(1)).unwrap_or(u32::MAX);
        let (before, block) = (self.before, &mut self.block);
        for input in &mut self.inputs {
            while let Some(message) = input.peek().copied().filter(|message| message.nanos < now) {
                // What came before the last block came late, and is first in this one; where the last block was called for late,
                // what came in the meantime is at the end.
                let after = u128::from(message.nanos.saturating_sub(before));
                let frame = after * u128::from(rate) / 1_000_000_000;
                let frame = u32::try_from(frame).unwrap_or(u32::MAX).min(last);
                if !block.add(MidiEvent { frame, port: message.port, bytes: message.bytes }) {
                    shared.midi_lost.fetch_add(1, Relaxed);
                }
                input.pop();
            }
        }
        self.before = now;
        self.block.events()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_distances_and_come_a_block_later() {
        let shared = Arc::new(Shared::new(48_000, 480, None));
        let (mut sender, source) = MidiSender::new(3, Arc::clone(&shared));
        // Our clock is the system's, and its thread is never late.
        let mut send = |micros: u64, raw: &[u8]| sender.send_at(micros * 1000, micros, raw);
        let mut feed = MidiFeed::new(vec![source], Vec::new());
        let ms = 1_000_000;
        assert!(feed.block(10 * ms, 480, 48_000, &shared).is_empty());
        for (micros, key) in [(10_000, 1), (10_000, 2), (12_500, 3), (19_999, 4), (20_000, 5)] {
            send(micros, &[0x90, key, 64]);
        }
        send(13_000, &[0xF8]);
        let places = |events: &[MidiEvent]| -> Vec<(u32, u8)> {
            events.iter().map(|event| (event.frame, event.bytes[1])).collect()
        };
        let first = places(feed.block(20 * ms, 480, 48_000, &shared));
        assert_eq!(first, [(0, 1), (0, 2), (120, 3), (479, 4)]);
        // A call that comes late still gives what came by then.
        send(33_000, &[0x80, 6, 64]);
        assert_eq!(places(feed.block(35 * ms, 480, 48_000, &shared)), [(0, 5), (479, 6)]);
        assert!(feed.block(45 * ms, 480, 48_000, &shared).is_empty());
    }

    #[test]
    fn stamps_are_believed_and_threads_that_are_late_are_not() {
        let shared = Arc::new(Shared::new(48_000, 480, None));
        let (mut sender, source) = MidiSender::new(0, Arc::clone(&shared));
        let MidiFeed { mut inputs, .. } = MidiFeed::new(vec![source], Vec::new());
        // By our clock 7 µs behind their stamps, 3 µs, 9 µs: the least is what lies between the clocks, and more is the thread's delay.
        for (now, micros) in [(5_007_000, 5_000), (6_002_000, 5_999), (8_009_000, 8_000)] {
            sender.send_at(now, micros, &[0x90, 1, 64]);
        }
        let stamps: Vec<u64> = std::iter::from_fn(|| inputs[0].pop()).map(|message| message.nanos).collect();
        assert_eq!(stamps, [5_007_000, 6_002_000, 8_003_000]);
    }
}
