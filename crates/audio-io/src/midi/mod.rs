//! MIDI inputs, beside the audio: what comes in reaches the callback as [`MidiEvent`]s of its block.
//!
//! | backend | where messages come from | when |
//! |---|---|---|
//! | JACK | ports of the same client, in the same callback | exact to the frame |
//! | PipeWire, PulseAudio, ALSA, timer | the system's own MIDI (`midir`: the ALSA sequencer, CoreMIDI, Windows) | a period later, within the jitter of two clocks |
//! | virtual clock | [`VirtualClock::feed_midi`](crate::VirtualClock::feed_midi) | exact to the frame |
//!
//! Only messages of channels are handed over: notes, controllers, programs, pressure, bends. At most [`MAX_MIDI`] of them come
//! with one block; what is beyond that is counted ([`Stats::midi_lost`](crate::Stats::midi_lost)).

#[cfg_attr(not(feature = "midi"), allow(dead_code, reason = "nobody sends without the system's MIDI"))]
mod feed;
mod system;

pub(crate) use feed::MidiFeed;
pub use system::{MidiInputs, midi_inputs};
pub(crate) use system::{choose, open};

/// Messages in one block at most: more than ten MIDI cables can carry in the longest period.
pub const MAX_MIDI: usize = 1024;

/// A message of a MIDI channel, as it came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MidiEvent {
    /// Frames from the beginning of the block.
    pub frame: u32,
    /// Which input: its place in [`StreamConfig::midi`](crate::StreamConfig::midi), counted from 0.
    pub port: u16,
    /// Status, which is 0x80 to 0xEF, and two values of 0 to 127; 0 where the message has no second one.
    pub bytes: [u8; 3],
}

/// A message of a channel, complete and with values in range; `None` for all others.
pub(crate) fn channel_message(raw: &[u8]) -> Option<[u8; 3]> {
    let (status, values) = raw.split_first()?;
    let wanted = match status {
        0x80..=0xBF | 0xE0..=0xEF => 2,
        0xC0..=0xDF => 1,
        _ => return None,
    };
    let sound = values.len() == wanted && values.iter().all(|value| *value < 0x80);
    sound.then(|| [*status, values.first().copied().unwrap_or(0), values.get(1).copied().unwrap_or(0)])
}

/// The events of a block, sorted by frame, in memory that is there from the beginning. Real-time safe but for its making.
#[derive(Debug)]
pub(crate) struct MidiBlock {
    events: Vec<MidiEvent>,
    used: usize,
}

impl MidiBlock {
    pub(crate) fn new() -> Self {
        let mut events = vec![MidiEvent::default(); MAX_MIDI];
        // Zeroed memory is not there before it is written to.
        events.fill(MidiEvent { frame: 1, ..MidiEvent::default() });
        Self { events, used: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds an event behind those of its frame; false if there is no room.
    pub(crate) fn add(&mut self, event: MidiEvent) -> bool {
        if self.used >= self.events.len() {
            return false;
        }
        let mut place = self.used;
        // Nearly always it is the last one.
        while let Some(before) = place.checked_sub(1)
            && let Some(other) = self.events.get(before).copied().filter(|other| other.frame > event.frame)
        {
            if let Some(free) = self.events.get_mut(place) {
                *free = other;
            }
            place = before;
        }
        if let Some(free) = self.events.get_mut(place) {
            *free = event;
        }
        self.used += 1;
        true
    }

    pub(crate) fn events(&self) -> &[MidiEvent] {
        self.events.get(..self.used).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_messages_of_channels_pass() {
        assert_eq!(channel_message(&[0x90, 60, 100]), Some([0x90, 60, 100]));
        assert_eq!(channel_message(&[0xC5, 7]), Some([0xC5, 7, 0]));
        for bad in [
            &[][..],
            &[0x90, 60],
            &[0x90, 60, 100, 0],
            &[0xC0, 1, 2],
            &[60, 100, 1],
            &[0xF8],
            &[0x90, 200, 1],
        ] {
            assert_eq!(channel_message(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn events_are_sorted_and_those_of_one_frame_keep_their_order() {
        let mut block = MidiBlock::new();
        for (frame, key) in [(5, 0), (3, 1), (5, 2), (0, 3), (3, 4)] {
            assert!(block.add(MidiEvent { frame, port: 0, bytes: [0x90, key, 1] }));
        }
        let keys: Vec<(u32, u8)> = block.events().iter().map(|event| (event.frame, event.bytes[1])).collect();
        assert_eq!(keys, [(0, 3), (3, 1), (3, 4), (5, 0), (5, 2)]);
        block.clear();
        assert!((0..MAX_MIDI).all(|_| block.add(MidiEvent::default())) && !block.add(MidiEvent::default()));
    }
}
