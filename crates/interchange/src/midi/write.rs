//! A project becomes the bytes of a MIDI file.

use omega_session::model::{Control, ControlKind, PlayedNote, Project, TrackId};
use omega_time::{Bbt, Ramp, TICKS_PER_QUARTER, Tempo, Ticks};

use super::smf::{self, Event, MAX_DELTA};
use super::{MAX_EVENTS, MAX_TICK, RESOLUTION};

/// Ticks between the steps that stand for a tempo ramp, which a file cannot hold: a sixteenth.
const RAMP_STEP: i64 = TICKS_PER_QUARTER / 4;

/// Why a file is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There is nothing to write.
    #[error("no clip of notes is heard on these tracks")]
    NoNotes,
    /// There is more than a file should hold.
    #[error("the tracks hold more than {MAX_EVENTS} notes or controller points")]
    TooMuch,
    /// Something lies where no file reaches.
    #[error("track {0}: a MIDI file begins at tick 0, and reaches to tick {MAX_TICK} of a session")]
    Place(TrackId),
}

/// Writes what is played of the clips of notes on `tracks`, loops unrolled and muted ones left out: a file of format 1 at
/// [`RESOLUTION`], first a track with tempo, time signatures and markers, then one for each of `tracks`. Places are rounded to
/// the nearest third tick, half-way the later one. A ramp of tempo is written in steps of a sixteenth.
///
/// # Errors
/// [`WriteError`], when there is nothing to write, or too much.
pub fn write(project: &Project, tracks: &[TrackId]) -> Result<Vec<u8>, WriteError> {
    let played: Vec<_> = tracks.iter().map(|id| (id, project.played_on(id, MAX_EVENTS / 2))).collect();
    if played.iter().all(|(_, played)| played.notes.is_empty() && played.controls.is_empty()) {
        return Err(WriteError::NoNotes);
    }
    if played.iter().any(|(_, played)| played.cut) {
        return Err(WriteError::TooMuch);
    }
    let names: Vec<String> =
        tracks.iter().map(|id| project.track(id).map_or_else(String::new, |t| t.name.clone())).collect();
    let markers: Vec<(Ticks, String)> = {
        let map = project.tempo_map();
        project.markers().values().map(|marker| (map.tick_of(marker.at), marker.name.clone())).collect()
    };
    let mut written = vec![conductor(project, &markers)];
    for ((id, played), name) in played.iter().zip(&names) {
        let mut line = Line::default();
        line.meta(Ticks::ZERO, smf::TRACK_NAME, name.as_bytes());
        for note in &played.notes {
            line.note(note);
        }
        for control in &played.controls {
            line.control(control.at, &control.control);
        }
        if line.reaches(Ticks::ZERO, Ticks(MAX_TICK)) {
            written.push(line.finish());
        } else {
            return Err(WriteError::Place(TrackId::clone(id)));
        }
    }
    smf::file(RESOLUTION, &written).ok_or(WriteError::TooMuch)
}

/// The track of tempo, time signatures and markers.
fn conductor(project: &Project, markers: &[(Ticks, String)]) -> Vec<u8> {
    let map = project.tempo_map();
    let mut line = Line::default();
    let points: Vec<omega_time::TempoPoint> = map.tempo_points().collect();
    for (n, point) in points.iter().enumerate() {
        line.meta(point.tick, smf::TEMPO, &micros(point.tempo));
        let next = points.get(n + 1).map_or(point.tick, |next| next.tick);
        let mut at = point.tick + Ticks(RAMP_STEP);
        // A ramp that goes on for very long is written in fewer steps.
        let step = RAMP_STEP.max((next - point.tick).0 / 10_000);
        while point.ramp == Ramp::Linear && at < next {
            line.meta(at, smf::TEMPO, &micros(map.tempo_at(at)));
            at += Ticks(step);
        }
    }
    for point in map.meter_points() {
        let Ok(at) = map.bbt_to_tick(Bbt { bar: point.bar, beat: 1, tick: 0 }) else { continue };
        let numerator = u8::try_from(point.signature.numerator()).unwrap_or(u8::MAX);
        let power = u8::try_from(point.signature.denominator().trailing_zeros()).unwrap_or(2);
        line.meta(at, smf::TIME_SIGNATURE, &[numerator, power, 24, 8]);
    }
    for (at, name) in markers.iter().filter(|(at, _)| (0..=MAX_TICK).contains(&at.0)) {
        line.meta(*at, smf::MARKER, name.as_bytes());
    }
    line.finish()
}

/// Microseconds of a quarter note, rounded.
fn micros(tempo: Tempo) -> [u8; 3] {
    let (numerator, denominator) = (u64::from(tempo.numerator()).max(1), u64::from(tempo.denominator()));
    let micros = (60_000_000 * denominator + numerator / 2) / numerator;
    let [_, a, b, c] = u32::try_from(micros).unwrap_or(u32::MAX).min(0x00ff_ffff).to_be_bytes();
    [a, b, c]
}

/// What comes first at one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Meta,
    /// A note is released, unless it was struck here.
    Off,
    Control,
    On,
    /// A note is released that was struck here.
    OffAtOnce,
}

/// What is written of an event.
enum What {
    Midi([u8; 3]),
    Meta(u8, Vec<u8>),
}

/// The events of a track, in no order.
#[derive(Default)]
struct Line(Vec<(i64, Turn, What)>);

/// A place of a session at the file's resolution.
fn place(at: Ticks) -> i64 {
    let ratio = TICKS_PER_QUARTER / i64::from(RESOLUTION);
    at.0.saturating_add(ratio / 2).div_euclid(ratio)
}

impl Line {
    fn meta(&mut self, at: Ticks, kind: u8, data: &[u8]) {
        self.0.push((place(at), Turn::Meta, What::Meta(kind, data.to_vec())));
    }

    fn message(&mut self, at: Ticks, turn: Turn, message: [u8; 3]) {
        self.0.push((place(at), turn, What::Midi(message)));
    }

    fn note(&mut self, note: &PlayedNote) {
        let (channel, key) = (note.channel & 0x0f, note.key & 0x7f);
        let turn = if place(note.end) == place(note.start) { Turn::OffAtOnce } else { Turn::Off };
        self.message(note.start, Turn::On, [0x90 | channel, key, note.velocity & 0x7f]);
        self.message(note.end, turn, [0x80 | channel, key, note.release & 0x7f]);
    }

    fn control(&mut self, at: Ticks, control: &Control) {
        let channel = control.channel & 0x0f;
        let value = u8::try_from(control.value.clamp(0, 127)).unwrap_or(0);
        let message = match control.kind {
            ControlKind::Controller(number) => [0xb0 | channel, number & 0x7f, value],
            ControlKind::Program => [0xc0 | channel, value, 0],
            ControlKind::Pressure => [0xd0 | channel, value, 0],
            ControlKind::KeyPressure(key) => [0xa0 | channel, key & 0x7f, value],
            ControlKind::Bend => {
                let bend = u16::try_from(i32::from(control.value) + 8_192).unwrap_or(8_192).min(16_383);
                let [high, low] = (bend << 1).to_be_bytes();
                [0xe0 | channel, low >> 1, high]
            }
        };
        self.message(at, Turn::Control, message);
    }

    fn reaches(&self, first: Ticks, last: Ticks) -> bool {
        self.0.iter().all(|(at, _, _)| (place(first)..=place(last)).contains(at))
    }

    /// The events by place, each with how far it lies behind the one before. What is at one place in one turn keeps its order.
    fn finish(mut self) -> Vec<u8> {
        self.0.sort_by_key(|(at, turn, _)| (*at, *turn));
        let (mut track, mut before) = (Vec::new(), 0);
        for (at, _, what) in self.0 {
            let mut delta = at - before;
            // What is farther apart than a delta can say gets an empty text in between.
            while delta > i64::from(MAX_DELTA) {
                smf::push(&mut track, MAX_DELTA, Event::Meta(smf::TEXT, &[]));
                delta -= i64::from(MAX_DELTA);
            }
            let event = match &what {
                What::Midi(message) => Event::Midi(*message),
                What::Meta(kind, data) => Event::Meta(*kind, data),
            };
            smf::push(&mut track, u32::try_from(delta).unwrap_or(0), event);
            before = at;
        }
        smf::push(&mut track, 0, Event::Meta(smf::END_OF_TRACK, &[]));
        track
    }
}
