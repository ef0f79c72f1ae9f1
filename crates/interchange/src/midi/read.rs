//! Bytes become a [`MidiFile`].

use std::collections::{BTreeMap, VecDeque};

use omega_session::edit::{ControlValue, NoteValue};
use omega_session::model::{ControlKind, RELEASE};
use omega_time::{TICKS_PER_QUARTER, Tempo, Ticks, TimeSignature};

use super::smf::{self, Event, Events};
use super::{MAX_EVENTS, MAX_FILE, MAX_TICK, MAX_TRACKS, MidiFile, MidiTrack, ReadError};

/// Reads a file.
///
/// # Errors
/// [`ReadError`], which says what is wrong and where; nothing is read then.
pub fn read(bytes: &[u8]) -> Result<MidiFile, ReadError> {
    if bytes.len() > MAX_FILE {
        return Err(ReadError::Size);
    }
    let parts = smf::parse(bytes, MAX_TRACKS + 1).map_err(ReadError::NoMidi)?;
    if parts.format > 1 {
        return Err(ReadError::Format2);
    }
    if parts.tracks.len() > MAX_TRACKS {
        return Err(ReadError::TooManyTracks);
    }
    let clock = Clock::new(parts.division)?;
    let mut reader = Reader { clock, file: MidiFile::default(), events: 0 };
    for (n, track) in parts.tracks.iter().enumerate() {
        let track = reader.track(n + 1, Events::new(track))?;
        reader.file.tracks.extend(if parts.format == 0 { by_channel(track) } else { vec![track] });
    }
    let mut file = reader.file;
    file.tracks.retain(|track| !track.notes.is_empty() || !track.controls.is_empty());
    // Of two tempos or time signatures at one place the one that was said last counts.
    file.tempo = file.tempo.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    file.meter.sort_by_key(|(at, _)| *at);
    file.meter.reverse();
    file.meter.dedup_by_key(|(at, _)| *at);
    file.meter.reverse();
    file.markers.sort();
    Ok(file)
}

/// How a file counts: its tick `n` is tick `n · numerator / denominator` of a session.
#[derive(Clone, Copy)]
struct Clock {
    numerator: i128,
    denominator: i128,
    /// It counts quarter notes, so that its tempos mean something.
    musical: bool,
}

impl Clock {
    fn new(division: u16) -> Result<Self, ReadError> {
        let quarter = i128::from(TICKS_PER_QUARTER);
        let [high, low] = division.to_be_bytes();
        if division < 0x8000 {
            let denominator = i128::from(division);
            let clock = Self { numerator: quarter, denominator, musical: true };
            return if division == 0 { Err(ReadError::Resolution) } else { Ok(clock) };
        }
        // Frames of film: at 120 BPM a second is two quarter notes.
        let (frames, seconds) = match high.wrapping_neg() {
            29 => (30_000, 1_001),
            rate => (i128::from(rate), 1),
        };
        let denominator = frames * i128::from(low);
        let clock = Self { numerator: 2 * quarter * seconds, denominator, musical: false };
        if denominator == 0 { Err(ReadError::Resolution) } else { Ok(clock) }
    }

    /// A place of the file, rounded to the nearest tick, half-way the later one.
    fn place(self, ticks: u64) -> Ticks {
        let twice = i128::from(ticks) * self.numerator * 2 + self.denominator;
        Ticks(i64::try_from(twice / (2 * self.denominator)).unwrap_or(i64::MAX))
    }
}

struct Reader {
    clock: Clock,
    file: MidiFile,
    events: usize,
}

/// A note that sounds: where it was struck in the list of the track.
type Held = BTreeMap<(u8, u8), VecDeque<usize>>;

impl Reader {
    fn track(&mut self, number: usize, events: Events<'_>) -> Result<MidiTrack, ReadError> {
        let mut track = MidiTrack::default();
        let (mut passed, mut held, mut whole) = (0_u64, Held::new(), false);
        for (delta, event) in events {
            self.events += 1;
            if self.events > MAX_EVENTS {
                return Err(ReadError::TooManyEvents);
            }
            passed += u64::from(delta);
            let at = self.clock.place(passed);
            if at.0 > MAX_TICK {
                return Err(ReadError::TooLong { track: number });
            }
            track.end = at;
            match event {
                Event::Midi(message) => play(&mut track, &mut held, at, message),
                Event::Meta(smf::END_OF_TRACK, _) => {
                    whole = true;
                    break;
                }
                Event::Meta(kind, data) => self.meta(&mut track, at, kind, data),
                Event::Exclusive => self.file.left_out += 1,
            }
        }
        self.file.cut += usize::from(!whole);
        for index in held.into_values().flatten() {
            self.file.unreleased += 1;
            release(&mut track.notes[index], track.end, RELEASE);
        }
        number_controls(&mut track.controls);
        Ok(track)
    }

    fn meta(&mut self, track: &mut MidiTrack, at: Ticks, kind: u8, data: &[u8]) {
        match (kind, data) {
            (smf::TRACK_NAME, name) if track.name.is_empty() => track.name = text(name),
            (smf::TEMPO, &[a, b, c, ..]) if self.clock.musical => {
                // What is slower or faster than a session can be is held at its bounds.
                let micros = u32::from_be_bytes([0, a, b, c]).clamp(60_000, 60_000_000);
                self.file.tempo.extend(Tempo::from_micros_per_quarter(micros).ok().map(|tempo| (at, tempo)));
            }
            (smf::TIME_SIGNATURE, &[numerator, power, ..]) => {
                let denominator = 1_u32.checked_shl(u32::from(power)).unwrap_or(0);
                match TimeSignature::new(numerator.into(), denominator) {
                    Ok(signature) => self.file.meter.push((at, signature)),
                    Err(_) => self.file.left_out += 1,
                }
            }
            (smf::MARKER, name) => self.file.markers.push((at, text(name))),
            _ => self.file.left_out += 1,
        }
    }
}

/// A text of a file: UTF-8, or else Latin 1; without control characters, and of a length that a name can have.
fn text(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|&byte| char::from(byte)).collect(), str::to_owned);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    plain.trim().to_owned()
}

fn play(track: &mut MidiTrack, held: &mut Held, at: Ticks, [status, number, value]: [u8; 3]) {
    let channel = status & 0x0f;
    let mut control = |kind, value: i16| {
        let point = ControlValue::new(at, kind, value);
        track.controls.push(ControlValue { channel, ..point });
    };
    match status & 0xf0 {
        0x90 if value > 0 => {
            held.entry((channel, number)).or_default().push_back(track.notes.len());
            // Its length is not known before its release.
            let note = NoteValue::new(at, Ticks(1), number, value);
            track.notes.push(NoteValue { channel, ..note });
        }
        kind @ (0x80 | 0x90) => {
            let velocity = if kind == 0x80 { value } else { RELEASE };
            // Of notes of one key the one that was struck first is released first.
            if let Some(index) = held.get_mut(&(channel, number)).and_then(VecDeque::pop_front) {
                release(&mut track.notes[index], at, velocity);
            }
        }
        0xa0 => control(ControlKind::KeyPressure(number), value.into()),
        0xb0 => control(ControlKind::Controller(number), value.into()),
        0xc0 => control(ControlKind::Program, number.into()),
        0xd0 => control(ControlKind::Pressure, number.into()),
        _ => control(ControlKind::Bend, (i16::from(value) << 7 | i16::from(number)) - 8_192),
    }
}

/// Ends a note; one that ends where it starts is a tick long.
fn release(note: &mut NoteValue, at: Ticks, velocity: u8) {
    note.length = (at - note.at).max(Ticks(1));
    note.release = velocity;
}

/// Numbers points at one place, so that they keep their order.
fn number_controls(controls: &mut [ControlValue]) {
    let mut order = 0;
    for n in 1..controls.len() {
        order = if controls[n].at == controls[n - 1].at { order + 1 } else { 0 };
        controls[n].order = order;
    }
}

/// A track for each channel that is used.
fn by_channel(track: MidiTrack) -> Vec<MidiTrack> {
    let mut channels: BTreeMap<u8, MidiTrack> = BTreeMap::new();
    let fresh = || MidiTrack { name: track.name.clone(), end: track.end, ..MidiTrack::default() };
    for note in track.notes {
        channels.entry(note.channel).or_insert_with(fresh).notes.push(note);
    }
    for control in track.controls {
        channels.entry(control.channel).or_insert_with(fresh).controls.push(control);
    }
    channels
        .into_values()
        .map(|mut track| {
            number_controls(&mut track.controls);
            track
        })
        .collect()
}
