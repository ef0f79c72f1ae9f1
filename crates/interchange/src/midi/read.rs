//! Bytes become a [`MidiFile`].

use std::collections::{BTreeMap, VecDeque};

use midly::{EventIter, Format, Header, MetaMessage, MidiMessage, Timing, TrackEventKind};
use omega_session::edit::{ControlValue, NoteValue};
use omega_session::model::ControlKind;
use omega_time::{TICKS_PER_QUARTER, Tempo, Ticks, TimeSignature};

use super::{MAX_EVENTS, MAX_FILE, MAX_TICK, MAX_TRACKS, MidiFile, MidiTrack, ReadError};

/// Reads a file.
///
/// # Errors
/// [`ReadError`], which says what is wrong and where; nothing is read then.
pub fn read(bytes: &[u8]) -> Result<MidiFile, ReadError> {
    if bytes.len() > MAX_FILE {
        return Err(ReadError::Size);
    }
    let (header, tracks) = midly::parse(bytes).map_err(|error| ReadError::NoMidi(error.to_string()))?;
    if header.format == Format::Sequential {
        return Err(ReadError::Format2);
    }
    let clock = Clock::new(&header)?;
    let mut reader = Reader { clock, file: MidiFile::default(), events: 0 };
    for (n, track) in tracks.enumerate() {
        if n == MAX_TRACKS {
            return Err(ReadError::TooManyTracks);
        }
        let damaged = |events, what: String| ReadError::Damaged { track: n + 1, events, what };
        let events = track.map_err(|error| damaged(0, error.to_string()))?;
        let track = reader.track(n + 1, events)?;
        reader.file.tracks.extend(match header.format {
            Format::SingleTrack => by_channel(track),
            Format::Parallel | Format::Sequential => vec![track],
        });
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
    fn new(header: &Header) -> Result<Self, ReadError> {
        let quarter = i128::from(TICKS_PER_QUARTER);
        match header.timing {
            Timing::Metrical(ticks) if ticks.as_int() == 0 => Err(ReadError::Resolution),
            Timing::Metrical(ticks) => {
                Ok(Self { numerator: quarter, denominator: i128::from(ticks.as_int()), musical: true })
            }
            Timing::Timecode(_, 0) => Err(ReadError::Resolution),
            // Frames of film: at 120 BPM a second is two quarter notes.
            Timing::Timecode(rate, parts) => {
                let (frames, seconds) = match rate {
                    midly::Fps::Fps24 => (24, 1),
                    midly::Fps::Fps25 => (25, 1),
                    midly::Fps::Fps29 => (30_000, 1_001),
                    midly::Fps::Fps30 => (30, 1),
                };
                let denominator = frames * i128::from(parts);
                Ok(Self { numerator: 2 * quarter * seconds, denominator, musical: false })
            }
        }
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
    fn track(&mut self, number: usize, events: EventIter<'_>) -> Result<MidiTrack, ReadError> {
        let mut track = MidiTrack::default();
        let (mut passed, mut held, mut whole) = (0_u64, Held::new(), false);
        for (n, event) in events.enumerate() {
            let event = event.map_err(|error| ReadError::Damaged {
                track: number,
                events: n,
                what: error.to_string(),
            })?;
            self.events += 1;
            if self.events > MAX_EVENTS {
                return Err(ReadError::TooManyEvents);
            }
            passed += u64::from(event.delta.as_int());
            let at = self.clock.place(passed);
            if at.0 > MAX_TICK {
                return Err(ReadError::TooLong { track: number });
            }
            track.end = at;
            whole = matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack));
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    play(&mut track, &mut held, at, channel.as_int(), message);
                }
                TrackEventKind::Meta(meta) => self.meta(&mut track, at, meta),
                TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => self.file.left_out += 1,
            }
        }
        self.file.cut += usize::from(!whole);
        for index in held.into_values().flatten() {
            self.file.unreleased += 1;
            release(&mut track.notes[index], track.end, omega_session::model::RELEASE);
        }
        number_controls(&mut track.controls);
        Ok(track)
    }

    fn meta(&mut self, track: &mut MidiTrack, at: Ticks, meta: MetaMessage<'_>) {
        match meta {
            MetaMessage::TrackName(name) if track.name.is_empty() => track.name = text(name),
            MetaMessage::Tempo(micros) if self.clock.musical => {
                // What is slower or faster than a session can be is held at its bounds.
                let micros = micros.as_int().clamp(60_000, 60_000_000);
                self.file.tempo.extend(Tempo::from_micros_per_quarter(micros).ok().map(|tempo| (at, tempo)));
            }
            MetaMessage::TimeSignature(numerator, power, _, _) => {
                let denominator = 1_u32.checked_shl(u32::from(power)).unwrap_or(0);
                match TimeSignature::new(numerator.into(), denominator) {
                    Ok(signature) => self.file.meter.push((at, signature)),
                    Err(_) => self.file.left_out += 1,
                }
            }
            MetaMessage::Marker(name) => self.file.markers.push((at, text(name))),
            MetaMessage::EndOfTrack | MetaMessage::TrackNumber(_) => {}
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

fn play(track: &mut MidiTrack, held: &mut Held, at: Ticks, channel: u8, message: MidiMessage) {
    let mut control = |kind, value| {
        let point = ControlValue::new(at, kind, value);
        track.controls.push(ControlValue { channel, ..point });
    };
    let (key, velocity) = match message {
        MidiMessage::NoteOn { key, vel } => (key.as_int(), Some(vel.as_int()).filter(|vel| *vel > 0)),
        MidiMessage::NoteOff { key, .. } => (key.as_int(), None),
        MidiMessage::Aftertouch { key, vel } => {
            return control(ControlKind::KeyPressure(key.as_int()), vel.as_int().into());
        }
        MidiMessage::Controller { controller, value } => {
            return control(ControlKind::Controller(controller.as_int()), value.as_int().into());
        }
        MidiMessage::ProgramChange { program } => {
            return control(ControlKind::Program, program.as_int().into());
        }
        MidiMessage::ChannelAftertouch { vel } => return control(ControlKind::Pressure, vel.as_int().into()),
        MidiMessage::PitchBend { bend } => return control(ControlKind::Bend, bend.as_int()),
    };
    match velocity {
        Some(velocity) => {
            held.entry((channel, key)).or_default().push_back(track.notes.len());
            // Its length is not known before its release.
            let note = NoteValue::new(at, Ticks(1), key, velocity);
            track.notes.push(NoteValue { channel, ..note });
        }
        None => {
            let velocity = match message {
                MidiMessage::NoteOff { vel, .. } => vel.as_int(),
                _ => omega_session::model::RELEASE,
            };
            // Of notes of one key the one that was struck first is released first.
            if let Some(index) = held.get_mut(&(channel, key)).and_then(VecDeque::pop_front) {
                release(&mut track.notes[index], at, velocity);
            }
        }
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
