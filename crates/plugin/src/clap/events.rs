//! Our events as CLAP's, and what a plugin puts out.

use clack_host::events::event_types::{
    MidiEvent, NoteChokeEvent, NoteExpressionEvent, NoteExpressionType, NoteOffEvent, NoteOnEvent,
    ParamModEvent, ParamValueEvent, TransportEvent, TransportFlags,
};
use clack_host::events::io::{InputEventBuffer, OutputEventBuffer, TryPushError};
use clack_host::events::spaces::CoreEventSpace;
use clack_host::events::{Event as _, EventFlags, EventHeader, Pckn, UnknownEvent};
use clack_host::utils::{BeatTime, ClapId, SecondsTime};
use omega_processor::{Event, EventKind, NoteAddress, NoteExpression};

use crate::quantum::{MAX_EVENTS, MAX_PLACES, Place};

/// What the note port of a plugin understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// CLAP's notes and expressions.
    pub clap: bool,
    /// MIDI 1.0.
    pub midi: bool,
}

/// A parameter, as events name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamKey {
    pub id: ClapId,
    pub modulatable: bool,
    pub read_only: bool,
}

/// One event of CLAP.
enum Entry {
    On(NoteOnEvent),
    Off(NoteOffEvent),
    Choke(NoteChokeEvent),
    Expression(NoteExpressionEvent),
    Value(ParamValueEvent),
    Modulation(ParamModEvent),
    Midi(MidiEvent),
    Transport(TransportEvent),
}

impl Entry {
    fn unknown(&self) -> &UnknownEvent {
        match self {
            Self::On(event) => event.as_unknown(),
            Self::Off(event) => event.as_unknown(),
            Self::Choke(event) => event.as_unknown(),
            Self::Expression(event) => event.as_unknown(),
            Self::Value(event) => event.as_unknown(),
            Self::Modulation(event) => event.as_unknown(),
            Self::Midi(event) => event.as_unknown(),
            Self::Transport(event) => event.as_unknown(),
        }
    }
}

/// The events of one call, in memory that was made before.
pub(crate) struct InEvents(Vec<Entry>);

impl InEvents {
    /// Allocates.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(MAX_EVENTS + MAX_PLACES))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[allow(clippy::disallowed_methods, reason = "within the capacity that was made before")]
    fn push(&mut self, entry: Entry) {
        if self.0.len() < self.0.capacity() {
            self.0.push(entry);
        }
    }

    /// Fills in the events of a quantum, sorted by frame; the time line's jumps go before what happens at their frame.
    pub(crate) fn fill(
        &mut self,
        events: &[Event],
        places: &[Place],
        frames: u32,
        rate: f64,
        (params, dialect): (&[ParamKey], Dialect),
    ) {
        self.clear();
        let mut jumps = places.iter().skip(1).filter(|place| place.frame < frames).peekable();
        for event in events {
            let frame = event.frame.min(frames.saturating_sub(1));
            while let Some(place) = jumps.next_if(|place| place.frame <= frame) {
                self.push(Entry::Transport(transport(place, place.frame, rate)));
            }
            if let Some(entry) = convert(frame, &event.kind, params, dialect) {
                self.push(entry);
            }
        }
        for place in jumps {
            self.push(Entry::Transport(transport(place, place.frame, rate)));
        }
    }

    /// Values only, for when nothing is processed.
    #[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
    pub(crate) fn values(values: &[(ClapId, f64)]) -> Self {
        let value = |&(id, value): &(ClapId, f64)| {
            Entry::Value(ParamValueEvent::new(0, id, Pckn::match_all(), value))
        };
        Self(values.iter().map(value).collect())
    }
}

impl InputEventBuffer for InEvents {
    fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn get(&self, index: u32) -> Option<&UnknownEvent> {
        self.0.get(index as usize).map(Entry::unknown)
    }
}

fn convert(frame: u32, kind: &EventKind, params: &[ParamKey], dialect: Dialect) -> Option<Entry> {
    let param = |index: u32| params.get(index as usize);
    Some(match *kind {
        EventKind::ParamValue(index, value) => {
            let param = param(index).filter(|param| !param.read_only && value.is_finite())?;
            Entry::Value(ParamValueEvent::new(frame, param.id, Pckn::match_all(), value))
        }
        EventKind::ParamModulation(index, amount) => {
            let param = param(index).filter(|param| param.modulatable && amount.is_finite())?;
            Entry::Modulation(ParamModEvent::new(frame, param.id, Pckn::match_all(), amount))
        }
        EventKind::NoteOn(address, velocity) if dialect.clap => {
            Entry::On(NoteOnEvent::new(frame, pckn(address), unit(velocity)))
        }
        EventKind::NoteOff(address, velocity) if dialect.clap => {
            Entry::Off(NoteOffEvent::new(frame, pckn(address), unit(velocity)))
        }
        EventKind::NoteChoke(address) if dialect.clap => {
            Entry::Choke(NoteChokeEvent::new(frame, pckn(address)))
        }
        EventKind::NoteExpression(address, which, value) if dialect.clap && value.is_finite() => {
            let (which, least, most) = expression(which);
            Entry::Expression(NoteExpressionEvent::new(frame, pckn(address), which, value.clamp(least, most)))
        }
        EventKind::NoteOn(address, velocity) if dialect.midi => {
            // A velocity of zero would be a release.
            midi(frame, 0, [0x90, key(address)?, seven_bits(velocity).max(1)], address)
        }
        EventKind::NoteOff(address, velocity) if dialect.midi => {
            midi(frame, 0, [0x80, key(address)?, seven_bits(velocity)], address)
        }
        EventKind::NoteChoke(address) if dialect.midi => midi(frame, 0, [0x80, key(address)?, 0x40], address),
        EventKind::Midi(port, bytes) if dialect.midi => Entry::Midi(MidiEvent::new(frame, port, bytes)),
        EventKind::Midi(_, bytes) if dialect.clap => from_midi(frame, bytes)?,
        EventKind::NoteOn(..)
        | EventKind::NoteOff(..)
        | EventKind::NoteChoke(..)
        | EventKind::NoteExpression(..)
        | EventKind::Midi(..)
        | EventKind::Transport => return None,
    })
}

/// MIDI notes for a plugin that only understands CLAP's.
fn from_midi(frame: u32, [status, key, velocity]: [u8; 3]) -> Option<Entry> {
    let address = NoteAddress { note: -1, channel: (status & 0x0f).into(), key: (key & 0x7f).into() };
    let velocity = f64::from(velocity & 0x7f) / 127.0;
    match status & 0xf0 {
        0x90 if velocity > 0.0 => Some(Entry::On(NoteOnEvent::new(frame, pckn(address), velocity))),
        0x80 | 0x90 => Some(Entry::Off(NoteOffEvent::new(frame, pckn(address), velocity))),
        _ => None,
    }
}

fn midi(frame: u32, port: u16, [status, key, value]: [u8; 3], address: NoteAddress) -> Entry {
    let channel = u8::try_from(address.channel.clamp(0, 15)).unwrap_or(0);
    Entry::Midi(MidiEvent::new(frame, port, [status | channel, key, value]))
}

fn pckn(address: NoteAddress) -> Pckn {
    let (channel, key) = (address.channel.clamp(-1, 15), address.key.clamp(-1, 127));
    Pckn::from_raw(0, channel, key, address.note.max(-1))
}

fn key(address: NoteAddress) -> Option<u8> {
    u8::try_from(address.key).ok().filter(|&key| key < 128)
}

/// A velocity in its range.
fn unit(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=127 after the clamp")]
fn seven_bits(value: f64) -> u8 {
    (unit(value) * 127.0 + 0.5) as u8
}

fn expression(which: NoteExpression) -> (NoteExpressionType, f64, f64) {
    match which {
        NoteExpression::Volume => (NoteExpressionType::Volume, 0.0, 4.0),
        NoteExpression::Pan => (NoteExpressionType::Pan, 0.0, 1.0),
        NoteExpression::Tuning => (NoteExpressionType::Tuning, -120.0, 120.0),
        NoteExpression::Vibrato => (NoteExpressionType::Vibrato, 0.0, 1.0),
        NoteExpression::Expression => (NoteExpressionType::Expression, 0.0, 1.0),
        NoteExpression::Brightness => (NoteExpressionType::Brightness, 0.0, 1.0),
        NoteExpression::Pressure => (NoteExpressionType::Pressure, 0.0, 1.0),
    }
}

/// The time line at a place, as CLAP tells of it.
pub(crate) fn transport(place: &Place, frame: u32, rate: f64) -> TransportEvent {
    let mut flags = TransportFlags::HAS_SECONDS_TIMELINE;
    if place.rolling {
        flags |= TransportFlags::IS_PLAYING;
    }
    if place.recording {
        flags |= TransportFlags::IS_RECORDING;
    }
    if place.before_roll {
        flags |= TransportFlags::IS_WITHIN_PRE_ROLL;
    }
    let musical = place.musical.unwrap_or_default();
    if place.musical.is_some() {
        flags |= TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE;
    }
    let nothing = (BeatTime::from_int(0), SecondsTime::from_int(0));
    #[allow(clippy::cast_precision_loss, reason = "positions in seconds are for show")]
    let seconds = place.position as f64 / rate;
    TransportEvent {
        header: EventHeader::new_core(frame, EventFlags::empty()),
        flags,
        song_pos_beats: BeatTime::from_float(musical.beat),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: musical.tempo,
        tempo_inc: 0.0,
        loop_start_beats: nothing.0,
        loop_end_beats: nothing.0,
        loop_start_seconds: nothing.1,
        loop_end_seconds: nothing.1,
        bar_start: BeatTime::from_float(musical.bar_begin),
        bar_number: musical.bar,
        time_signature_numerator: musical.signature.0,
        time_signature_denominator: musical.signature.1,
    }
}

/// Values that a plugin changes in one call and we listen to.
const MAX_CHANGES: usize = 256;

/// What a plugin puts out in one call: values of parameters are kept, the rest is not ours to use. Never allocates.
pub(crate) struct OutEvents {
    /// CLAP's id and the value.
    changes: [(u32, f64); MAX_CHANGES],
    used: usize,
}

impl OutEvents {
    pub(crate) fn new() -> Self {
        Self { changes: [(0, 0.0); MAX_CHANGES], used: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    pub(crate) fn changes(&self) -> &[(u32, f64)] {
        self.changes.get(..self.used).unwrap_or_default()
    }
}

impl OutputEventBuffer for OutEvents {
    fn try_push(&mut self, event: &UnknownEvent) -> Result<(), TryPushError> {
        if let Some(CoreEventSpace::ParamValue(value)) = event.as_core_event() {
            let id = value.param_id().map_or(u32::MAX, ClapId::get);
            let free = self.changes.get_mut(self.used).ok_or_else(TryPushError::new)?;
            if value.value().is_finite() {
                *free = (id, value.value());
                self.used += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_told_whether_it_rolls_records_or_counts_in() {
        let told =
            |place: Place| transport(&place, 0, 48_000.0).flags & !TransportFlags::HAS_SECONDS_TIMELINE;
        assert_eq!(told(Place::default()), TransportFlags::empty());
        let rolls = Place { rolling: true, recording: true, ..Place::default() };
        assert_eq!(told(rolls), TransportFlags::IS_PLAYING | TransportFlags::IS_RECORDING);
        let counts_in = Place { before_roll: true, ..Place::default() };
        assert_eq!(told(counts_in), TransportFlags::IS_WITHIN_PRE_ROLL);
    }
}
