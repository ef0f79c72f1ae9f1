//! What lies where in the shared memory, and how quanta are written there and read.
//!
//! ```text
//! head      0 submitted   count of requests, by the host; the worker sleeps on it
//!           1 served      count of replies, by the worker; a host that waits sleeps on it
//!           2 sleeping    1 while the worker sleeps, so that the host need not call the system otherwise
//!           3 waiting     1 while the host waits
//!           …             up to 16
//! slot n    request: frames, flags, steady (2), places, events, count of each; places; events; samples
//!           reply:   sequence, outcome; samples
//! ```
//!
//! Request number *s* lies in slot *s* modulo the number of slots. The host writes a slot only when the reply to what lay
//! there before has come, and the worker only between seeing a request and counting its reply. All that the host reads was
//! written by a process that nobody trusts: counts are compared with what can be, samples are looked over after they were
//! copied.

use std::sync::atomic::{AtomicU32, Ordering};

use omega_processor::{Event, EventKind, NoteAddress, NoteExpression};

use crate::quantum::{MAX_EVENTS, MAX_PLACES, Musical, Outcome, Place, QUANTUM, Reply, Request, Shape};

/// Words of the head; a cache line.
const HEAD: usize = 16;
/// Words before the places of a request.
const REQUEST: usize = 8;
/// Words of a place.
const PLACE: usize = 16;
/// Words of an event.
const EVENT: usize = 6;
/// Words before the samples of a reply.
const REPLY: usize = 4;

/// Where everything lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    shape: Shape,
    slots: usize,
}

impl Layout {
    pub(crate) fn new(shape: &Shape, slots: usize) -> Self {
        Self { shape: *shape, slots: slots.max(1) }
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Words in all.
    pub(crate) fn words(&self) -> usize {
        HEAD + self.slots * self.slot_words()
    }

    fn slot_words(&self) -> usize {
        self.reply_begin() + REPLY + self.shape.output_channels() * QUANTUM
    }

    fn samples_begin(&self) -> usize {
        REQUEST + MAX_PLACES * PLACE + MAX_EVENTS * EVENT
    }

    fn reply_begin(&self) -> usize {
        self.samples_begin() + self.shape.input_channels() * QUANTUM
    }

    fn slot<'a>(&self, words: &'a [AtomicU32], sequence: u32) -> &'a [AtomicU32] {
        let begin = HEAD + (sequence as usize % self.slots.max(1)) * self.slot_words();
        words.get(begin..begin + self.slot_words()).unwrap_or_default()
    }
}

/// A word of the head.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    Submitted = 0,
    Served = 1,
    Sleeping = 2,
    Waiting = 3,
}

/// A word of the head.
pub(crate) fn head(words: &[AtomicU32], which: Head) -> &AtomicU32 {
    static NONE: AtomicU32 = AtomicU32::new(0);
    words.get(which as usize).unwrap_or(&NONE)
}

fn put(words: &[AtomicU32], at: usize, value: u32) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

fn get(words: &[AtomicU32], at: usize) -> u32 {
    words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

#[allow(clippy::cast_possible_truncation, reason = "the two halves of a long")]
fn put_long(words: &[AtomicU32], at: usize, value: u64) {
    put(words, at, value as u32);
    put(words, at + 1, (value >> 32) as u32);
}

fn get_long(words: &[AtomicU32], at: usize) -> u64 {
    u64::from(get(words, at)) | (u64::from(get(words, at + 1)) << 32)
}

fn put_samples(words: &[AtomicU32], at: usize, samples: &[f32]) {
    let words = words.get(at..).unwrap_or_default();
    for (word, sample) in words.iter().zip(samples) {
        word.store(sample.to_bits(), Ordering::Relaxed);
    }
}

fn get_samples(words: &[AtomicU32], at: usize, samples: &mut [f32]) {
    let words = words.get(at..).unwrap_or_default();
    for (word, sample) in words.iter().zip(samples) {
        *sample = f32::from_bits(word.load(Ordering::Relaxed));
    }
}

impl Layout {
    /// Writes request `sequence`. Real-time safe, as is all that follows.
    pub(crate) fn write_request(&self, words: &[AtomicU32], sequence: u32, request: &Request) {
        let slot = self.slot(words, sequence);
        put(slot, 0, request.frames);
        put(slot, 1, u32::from(request.reset));
        put_long(slot, 2, request.steady);
        put(slot, 4, u32::try_from(request.places().len()).unwrap_or(0));
        put(slot, 5, u32::try_from(request.events().len()).unwrap_or(0));
        for (n, place) in request.places().iter().enumerate() {
            write_place(slot, REQUEST + n * PLACE, place);
        }
        for (n, event) in request.events().iter().enumerate() {
            write_event(slot, REQUEST + MAX_PLACES * PLACE + n * EVENT, event);
        }
        put_samples(slot, self.samples_begin(), &request.inputs);
        // Whatever reply lies here belongs to another request.
        put(slot, self.reply_begin(), !sequence);
    }

    /// Reads request `sequence`.
    pub(crate) fn read_request(&self, words: &[AtomicU32], sequence: u32, request: &mut Request) {
        let slot = self.slot(words, sequence);
        request.clear();
        request.frames = get(slot, 0).clamp(1, u32::try_from(QUANTUM).unwrap_or(1));
        request.reset = get(slot, 1) != 0;
        request.steady = get_long(slot, 2);
        for n in 0..(get(slot, 4) as usize).min(MAX_PLACES) {
            request.push_place(read_place(slot, REQUEST + n * PLACE));
        }
        for n in 0..(get(slot, 5) as usize).min(MAX_EVENTS) {
            if let Some(event) = read_event(slot, REQUEST + MAX_PLACES * PLACE + n * EVENT) {
                request.push_event(event);
            }
        }
        get_samples(slot, self.samples_begin(), &mut request.inputs);
    }

    /// Writes the reply to request `sequence`.
    pub(crate) fn write_reply(&self, words: &[AtomicU32], sequence: u32, reply: &Reply) {
        let slot = self.slot(words, sequence);
        let begin = self.reply_begin();
        put(slot, begin, sequence);
        put(slot, begin + 1, reply.outcome as u32);
        put_samples(slot, begin + REPLY, &reply.outputs);
    }

    /// Reads the reply to request `sequence`; `false` when what lies there is no reply to it. The samples may be anything.
    pub(crate) fn read_reply(&self, words: &[AtomicU32], sequence: u32, reply: &mut Reply) -> bool {
        let slot = self.slot(words, sequence);
        let begin = self.reply_begin();
        let outcome = match get(slot, begin + 1) {
            0 => Outcome::Done,
            1 => Outcome::Asleep,
            2 => Outcome::Refused,
            _ => return false,
        };
        reply.outcome = outcome;
        get_samples(slot, begin + REPLY, &mut reply.outputs);
        get(slot, begin) == sequence
    }
}

fn write_place(slot: &[AtomicU32], at: usize, place: &Place) {
    put(slot, at, place.frame);
    let flags = [place.rolling, place.musical.is_some(), place.recording, place.before_roll];
    let flags = flags.iter().rev().fold(0, |flags, on| (flags << 1) | u32::from(*on));
    put(slot, at + 1, flags);
    put_long(slot, at + 2, place.position.cast_unsigned());
    let musical = place.musical.unwrap_or_default();
    put_long(slot, at + 4, musical.tempo.to_bits());
    put_long(slot, at + 6, musical.beat.to_bits());
    put_long(slot, at + 8, musical.bar_begin.to_bits());
    put(slot, at + 10, musical.bar.cast_unsigned());
    put(slot, at + 11, u32::from(musical.signature.0) | (u32::from(musical.signature.1) << 16));
}

fn read_place(slot: &[AtomicU32], at: usize) -> Place {
    let (flags, signature) = (get(slot, at + 1), get(slot, at + 11));
    let long = |offset| f64::from_bits(get_long(slot, at + offset));
    let half = |value: u32| u16::try_from(value & 0xffff).unwrap_or(0);
    let musical = Musical {
        tempo: long(4),
        beat: long(6),
        bar_begin: long(8),
        bar: get(slot, at + 10).cast_signed(),
        signature: (half(signature), half(signature >> 16)),
    };
    Place {
        frame: get(slot, at),
        position: get_long(slot, at + 2).cast_signed(),
        rolling: flags & 1 != 0,
        recording: flags & 4 != 0,
        before_roll: flags & 8 != 0,
        musical: (flags & 2 != 0).then_some(musical),
    }
}

/// Kinds of events, as words.
mod kinds {
    pub const ON: u32 = 0;
    pub const OFF: u32 = 1;
    pub const CHOKE: u32 = 2;
    pub const EXPRESSION: u32 = 3;
    pub const VALUE: u32 = 4;
    pub const MODULATION: u32 = 5;
    pub const MIDI: u32 = 6;
    pub const TRANSPORT: u32 = 7;
}

/// Note expressions, in the order of their words.
const EXPRESSIONS: [NoteExpression; 7] = [
    NoteExpression::Volume,
    NoteExpression::Pan,
    NoteExpression::Tuning,
    NoteExpression::Vibrato,
    NoteExpression::Expression,
    NoteExpression::Brightness,
    NoteExpression::Pressure,
];

/// An event as words: frame and kind; note; channel and key; what else there is; a value of two words.
fn write_event(slot: &[AtomicU32], at: usize, event: &Event) {
    let nobody = NoteAddress { note: -1, channel: -1, key: -1 };
    let (kind, address, which, value) = match event.kind {
        EventKind::NoteOn(address, value) => (kinds::ON, address, 0, value),
        EventKind::NoteOff(address, value) => (kinds::OFF, address, 0, value),
        EventKind::NoteChoke(address) => (kinds::CHOKE, address, 0, 0.0),
        EventKind::NoteExpression(address, which, value) => {
            let index = EXPRESSIONS.iter().position(|known| *known == which).unwrap_or(0);
            (kinds::EXPRESSION, address, u32::try_from(index).unwrap_or(0), value)
        }
        EventKind::ParamValue(index, value) => (kinds::VALUE, nobody, index, value),
        EventKind::ParamModulation(index, value) => (kinds::MODULATION, nobody, index, value),
        EventKind::Midi(port, [a, b, c]) => {
            let note = i32::from(port);
            (kinds::MIDI, NoteAddress { note, ..nobody }, u32::from_le_bytes([a, b, c, 0]), 0.0)
        }
        EventKind::Transport => (kinds::TRANSPORT, nobody, 0, 0.0),
    };
    put(slot, at, (event.frame & 0xffff) | (kind << 16));
    put(slot, at + 1, address.note.cast_unsigned());
    let (channel, key) = (address.channel.cast_unsigned(), address.key.cast_unsigned());
    put(slot, at + 2, u32::from(channel) | (u32::from(key) << 16));
    put(slot, at + 3, which);
    put_long(slot, at + 4, value.to_bits());
}

/// `None` for what is no event.
fn read_event(slot: &[AtomicU32], at: usize) -> Option<Event> {
    let (head, note, place, which) = (get(slot, at), get(slot, at + 1), get(slot, at + 2), get(slot, at + 3));
    let value = f64::from_bits(get_long(slot, at + 4));
    let half = |value: u32| u16::try_from(value & 0xffff).unwrap_or(0);
    let address = NoteAddress {
        note: note.cast_signed(),
        channel: half(place).cast_signed(),
        key: half(place >> 16).cast_signed(),
    };
    let kind = match head >> 16 {
        kinds::ON => EventKind::NoteOn(address, value),
        kinds::OFF => EventKind::NoteOff(address, value),
        kinds::CHOKE => EventKind::NoteChoke(address),
        kinds::EXPRESSION => EventKind::NoteExpression(address, *EXPRESSIONS.get(which as usize)?, value),
        kinds::VALUE => EventKind::ParamValue(which, value),
        kinds::MODULATION => EventKind::ParamModulation(which, value),
        kinds::MIDI => {
            let [a, b, c, _] = which.to_le_bytes();
            EventKind::Midi(half(note), [a, b, c])
        }
        kinds::TRANSPORT => EventKind::Transport,
        _ => return None,
    };
    Some(Event { frame: head & 0xffff, kind })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;

    fn shape() -> Shape {
        Shape { inputs: [2, 1, 0, 0, 0], outputs: 2 }
    }

    fn memory(layout: &Layout) -> Vec<AtomicU32> {
        (0..layout.words()).map(|_| AtomicU32::new(0)).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let layout = Layout::new(&shape(), 3);
        let memory = memory(&layout);
        let mut request = Request::new(&shape());
        (request.frames, request.reset, request.steady) = (100, true, u64::MAX - 5);
        let musical = Musical { tempo: 123.4, beat: -1.5, bar_begin: 8.0, bar: -2, signature: (7, 8) };
        let place = Place {
            position: -77,
            rolling: true,
            recording: true,
            musical: Some(musical),
            ..Place::default()
        };
        request.push_place(place);
        request.push_place(Place { frame: 99, position: i64::MAX, before_roll: true, ..Place::default() });
        let address = NoteAddress { note: i32::MIN, channel: -1, key: 127 };
        let kinds = [
            EventKind::NoteOn(address, 0.25),
            EventKind::NoteOff(address, 1.0),
            EventKind::NoteChoke(address),
            EventKind::NoteExpression(address, NoteExpression::Pressure, 0.125),
            EventKind::ParamValue(8191, -1e300),
            EventKind::ParamModulation(3, 0.5),
            EventKind::Midi(7, [0xb0, 1, 127]),
            EventKind::Transport,
        ];
        for (frame, kind) in (0..).zip(kinds) {
            assert!(request.push_event(Event { frame, kind }));
        }
        request.inputs.iter_mut().zip(0u16..).for_each(|(sample, n)| *sample = f32::from(n) - 100.5);
        layout.write_request(&memory, u32::MAX, &request);
        let mut read = Request::new(&shape());
        layout.read_request(&memory, u32::MAX, &mut read);
        assert_eq!((read.frames, read.reset, read.steady), (100, true, u64::MAX - 5));
        assert_eq!(read.places(), request.places());
        assert_eq!(read.events(), request.events());
        assert_eq!(read.inputs[..], request.inputs[..]);

        let mut reply = Reply::new(&shape());
        reply.outcome = Outcome::Asleep;
        reply.outputs[255] = -0.5;
        layout.write_reply(&memory, 5, &reply);
        let mut back = Reply::new(&shape());
        assert!(layout.read_reply(&memory, 5, &mut back));
        assert_eq!((back.outcome, back.outputs[255]), (Outcome::Asleep, -0.5));
        assert!(!layout.read_reply(&memory, 8, &mut back), "slot 2 holds a reply to another request");
    }

    #[test]
    fn whatever_lies_there_is_read_without_harm() {
        let layout = Layout::new(&shape(), 2);
        let memory = memory(&layout);
        let (mut request, mut reply) = (Request::new(&shape()), Reply::new(&shape()));
        let mut state = 1u64;
        for turn in 0..200 {
            for word in &memory {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let small = turn % 2 == 0 && state >> 63 == 0;
                word.store(u32::try_from(state >> if small { 61 } else { 32 }).unwrap(), Ordering::Relaxed);
            }
            layout.read_request(&memory, turn, &mut request);
            assert!((1..=128).contains(&request.frames));
            assert!(request.events().len() <= MAX_EVENTS && request.places().len() <= MAX_PLACES);
            layout.read_reply(&memory, turn, &mut reply);
        }
        // Memory that is too short is read as zeros.
        layout.read_request(&memory[..20], 1, &mut request);
        assert!(!layout.read_reply(&[], 1, &mut reply));
    }
}
