//! What a clip of notes holds: its notes and its controllers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use omega_time::Ticks;
use serde_json::Value;

use super::fact::{Changes, Fact, Path, Reader, serde_text, text_fact};
use super::{ControlId, NoteId, limits};

/// The highest key, controller, program, velocity and pressure of MIDI.
pub const MAX_MIDI: u8 = 127;
/// The highest channel of MIDI, counted from 0.
pub const MAX_CHANNEL: u8 = 15;
/// The release velocity of a note that says none.
pub const RELEASE: u8 = 64;

/// A note of a clip: `clips.<id>.notes.<id>`, in text `[at, length, key, velocity]`, or
/// `[at, length, key, velocity, release, channel, mute]` where one of the last three is not what it mostly is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name within the clip.
    pub id: NoteId,
    /// Where it starts, on the ticks of the clip's material (see [`super::Clip`]).
    pub at: Ticks,
    /// How long it sounds, 1 tick or more.
    pub length: Ticks,
    /// 0..=127; 60 is middle C.
    pub key: u8,
    /// How hard it is struck, 1..=127.
    pub velocity: u8,
    /// How fast it is let go, 0..=127; mostly 64.
    pub release: u8,
    /// 0..=15; mostly 0.
    pub channel: u8,
    /// It is silent; mostly not.
    pub mute: bool,
}

impl Note {
    /// A note on channel 0.
    #[must_use]
    pub fn new(id: NoteId, at: Ticks, length: Ticks, key: u8, velocity: u8) -> Self {
        Self { id, at, length, key, velocity, release: RELEASE, channel: 0, mute: false }
    }

    /// The first tick after it.
    #[must_use]
    pub fn end(&self) -> Ticks {
        self.at + self.length
    }
}

/// What a controller point sets. In text `cc/74`, `bend`, `pressure`, `pressure/60` (of one key) or `program`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlKind {
    /// A controller, 0..=127, to 0..=127.
    Controller(u8),
    /// The program, 0..=127.
    Program,
    /// Pitch bend, −8192..=8191; 0 is none.
    Bend,
    /// The pressure of the channel, 0..=127.
    Pressure,
    /// The pressure of a key, 0..=127, to 0..=127.
    KeyPressure(u8),
}

impl ControlKind {
    /// The values that it takes.
    #[must_use]
    pub const fn values(self) -> std::ops::RangeInclusive<i16> {
        match self {
            Self::Bend => -8_192..=8_191,
            Self::Controller(_) | Self::Program | Self::Pressure | Self::KeyPressure(_) => 0..=127,
        }
    }
}

impl fmt::Display for ControlKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(number) => write!(f, "cc/{number}"),
            Self::Program => f.write_str("program"),
            Self::Bend => f.write_str("bend"),
            Self::Pressure => f.write_str("pressure"),
            Self::KeyPressure(key) => write!(f, "pressure/{key}"),
        }
    }
}

impl FromStr for ControlKind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "it is cc/<0..127>, bend, pressure, pressure/<0..127> or program";
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u8>().ok().filter(|number| plain && *number <= MAX_MIDI).ok_or(wrong)
        };
        match text.split_once('/') {
            None if text == "program" => Ok(Self::Program),
            None if text == "bend" => Ok(Self::Bend),
            None if text == "pressure" => Ok(Self::Pressure),
            Some(("cc", text)) => number(text).map(Self::Controller),
            Some(("pressure", text)) => number(text).map(Self::KeyPressure),
            _ => Err(wrong),
        }
    }
}

text_fact!(ControlKind => "what a controller point sets");
serde_text!(ControlKind);

/// A controller point of a clip: `clips.<id>.controls.<id>`, in text `[at, kind, value]`, or
/// `[at, kind, value, channel, order]` where one of the last two is not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name within the clip.
    pub id: ControlId,
    /// Where it is, on the ticks of the clip's material.
    pub at: Ticks,
    /// What it sets.
    pub kind: ControlKind,
    /// To what: one of [`ControlKind::values`].
    pub value: i16,
    /// 0..=15.
    pub channel: u8,
    /// Of points at one tick the one with the lower number comes first: some messages mean something only in their order.
    pub order: u32,
}

impl Control {
    /// A point on channel 0.
    #[must_use]
    pub fn new(id: ControlId, at: Ticks, kind: ControlKind, value: i16) -> Self {
        Self { id, at, kind, value, channel: 0, order: 0 }
    }
}

/// Something in a list of a clip: an id, and an array of numbers that is one fact.
pub trait Entry: Clone + Eq {
    /// What names it within the clip.
    type Id: Clone + Ord + fmt::Display + FromStr<Err = super::IdError>;
    /// The order of the list; equal ones follow their ids.
    type Place: Ord;
    /// What several of them are called.
    const NAMES: &'static str;
    /// The most of them in one clip.
    const MOST: usize;

    /// Its name.
    fn id(&self) -> &Self::Id;
    /// Where it stands in the list.
    fn place(&self) -> Self::Place;
    /// Its fact.
    fn fact(&self) -> Value;
    /// It from its fact, or what is wrong there.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    fn from_fact(id: Self::Id, value: &Value) -> Result<Self, String>;
}

/// A whole number of an array, within bounds.
fn number<T: TryFrom<i64>>(
    value: &Value,
    what: &str,
    (low, high): (impl Into<i64>, impl Into<i64>),
) -> Result<T, String> {
    let (low, high) = (low.into(), high.into());
    let number = value.as_i64().filter(|number| (low..=high).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        format!("{} is no {what}, which is a whole number from {low} to {high}", super::fact::shorten(value))
    })
}

fn place_of(value: &Value) -> Result<Ticks, String> {
    number(value, "place in ticks", (-limits::MAX_TIME, limits::MAX_TIME)).map(Ticks)
}

impl Entry for Note {
    type Id = NoteId;
    type Place = (Ticks, u8, u8);
    const NAMES: &'static str = "notes";
    const MOST: usize = limits::MAX_NOTES;

    fn id(&self) -> &NoteId {
        &self.id
    }

    fn place(&self) -> (Ticks, u8, u8) {
        (self.at, self.channel, self.key)
    }

    fn fact(&self) -> Value {
        let mut list = vec![
            Value::from(self.at.0),
            Value::from(self.length.0),
            Value::from(self.key),
            Value::from(self.velocity),
        ];
        if (self.release, self.channel, self.mute) != (RELEASE, 0, false) {
            list.extend([Value::from(self.release), Value::from(self.channel), Value::from(self.mute)]);
        }
        Value::Array(list)
    }

    fn from_fact(id: NoteId, value: &Value) -> Result<Self, String> {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        let (first, rest) = match list {
            [at, length, key, velocity] => ([at, length, key, velocity], None),
            [at, length, key, velocity, release, channel, mute] => {
                ([at, length, key, velocity], Some([release, channel, mute]))
            }
            _ => return Err(format!("expected {NOTE}, found {}", super::fact::shorten(value))),
        };
        let [at, length, key, velocity] = first;
        let mut note = Self::new(
            id,
            place_of(at)?,
            Ticks(number(length, "length in ticks", (1, limits::MAX_TIME))?),
            number(key, "key", (0, MAX_MIDI))?,
            number(velocity, "velocity", (1, MAX_MIDI))?,
        );
        if let Some([release, channel, mute]) = rest {
            note.release = number(release, "release velocity", (0, MAX_MIDI))?;
            note.channel = number(channel, "channel", (0, MAX_CHANNEL))?;
            note.mute = mute.as_bool().ok_or("whether a note is muted is true or false")?;
        }
        Ok(note)
    }
}

const NOTE: &str = "a note like [0, 80640, 60, 100] (place, length, key, velocity), or with release velocity, channel and \
                    mute behind that";
const CONTROL: &str = "a controller point like [0, \"cc/74\", 64], or with channel and order behind that";

impl Entry for Control {
    type Id = ControlId;
    type Place = (Ticks, u32, u8, ControlKind);
    const NAMES: &'static str = "controller points";
    const MOST: usize = limits::MAX_CONTROLS;

    fn id(&self) -> &ControlId {
        &self.id
    }

    fn place(&self) -> (Ticks, u32, u8, ControlKind) {
        (self.at, self.order, self.channel, self.kind)
    }

    fn fact(&self) -> Value {
        let mut list =
            vec![Value::from(self.at.0), Value::from(self.kind.to_string()), Value::from(self.value)];
        if (self.channel, self.order) != (0, 0) {
            list.extend([Value::from(self.channel), Value::from(self.order)]);
        }
        Value::Array(list)
    }

    fn from_fact(id: ControlId, value: &Value) -> Result<Self, String> {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        let (first, rest) = match list {
            [at, kind, value] => ([at, kind, value], None),
            [at, kind, value, channel, order] => ([at, kind, value], Some([channel, order])),
            _ => return Err(format!("expected {CONTROL}, found {}", super::fact::shorten(value))),
        };
        let [at, kind, value] = first;
        let kind: ControlKind = kind
            .as_str()
            .unwrap_or_default()
            .parse()
            .map_err(|what| format!("{} sets nothing: {what}", super::fact::shorten(kind)))?;
        let values = kind.values();
        let value = number(value, "value", (*values.start(), *values.end()))?;
        let mut control = Self::new(id, place_of(at)?, kind, value);
        if let Some([channel, order]) = rest {
            control.channel = number(channel, "channel", (0, MAX_CHANNEL))?;
            control.order = number(order, "order", (0, u32::MAX))?;
        }
        Ok(control)
    }
}

/// Notes or controller points by place, and by id where two are at one place. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<E: Entry>(Arc<Vec<E>>);

/// The notes of a clip.
pub type Notes = Entries<Note>;
/// The controller points of a clip.
pub type Controls = Entries<Control>;

impl<E: Entry> Default for Entries<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<E: Entry> Entries<E> {
    /// These, sorted. Of two with the same id the last counts.
    #[must_use]
    pub fn new(entries: Vec<E>) -> Self {
        let unique: BTreeMap<E::Id, E> =
            entries.into_iter().map(|entry| (entry.id().clone(), entry)).collect();
        let mut entries: Vec<E> = unique.into_values().collect();
        entries.sort_by(|a, b| (a.place(), a.id()).cmp(&(b.place(), b.id())));
        Self(Arc::new(entries))
    }

    /// All of them in their order.
    #[must_use]
    pub fn all(&self) -> &[E] {
        &self.0
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &E::Id) -> Option<&E> {
        self.0.iter().find(|entry| entry.id() == id)
    }
}

impl<E: Entry> Fact for Entries<E> {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let object = at.object(value)?;
        if object.len() > E::MOST {
            at.fault(format!("{} {} are too many, the most is {}", object.len(), E::NAMES, E::MOST));
            return None;
        }
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object {
            let read = at.within(key, |at| {
                let id = key.parse::<E::Id>().map_err(|error| at.fault(error.to_string())).ok()?;
                E::from_fact(id, value).map_err(|what| at.fault(what)).ok()
            });
            entries.extend(read);
        }
        Some(Self::new(entries))
    }

    fn write(&self) -> Value {
        Value::Object(self.0.iter().map(|entry| (entry.id().to_string(), entry.fact())).collect())
    }

    fn diff(old: &Self, new: &Self, _: Option<&Self>, at: &mut Path, out: &mut Changes) {
        // Entries that stand in both, in order, are skipped without building maps of them.
        let same = old.0.iter().zip(new.0.iter()).take_while(|(a, b)| a == b).count();
        let rest = old.0[same..].iter().rev().zip(new.0[same..].iter().rev());
        let tail = rest.take_while(|(a, b)| a == b).count();
        let by_id = |entries: &[E]| -> BTreeMap<E::Id, E> {
            entries.iter().map(|entry| (entry.id().clone(), entry.clone())).collect()
        };
        let before = by_id(&old.0[same..old.0.len() - tail]);
        let after = by_id(&new.0[same..new.0.len() - tail]);
        for id in before.keys().filter(|id| !after.contains_key(*id)) {
            at.within(&id.to_string(), |at| out.push((at.text(), None)));
        }
        for (id, entry) in after.iter().filter(|(id, entry)| before.get(*id) != Some(entry)) {
            at.within(&id.to_string(), |at| out.push((at.text(), Some(entry.fact()))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<E: Entry>(text: &str) -> Result<Entries<E>, String> {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut at = Reader::default();
        let read = Entries::read(&value, &mut at);
        at.faults.first().map_or_else(|| Ok(read.unwrap()), |fault| Err(fault.to_string()))
    }

    #[test]
    fn notes_and_controls_are_read_as_they_are_written_and_sorted_by_place() {
        let text = r#"{"b":[0,1,60,100],"a":[5,7,0,1,0,15,true],"c":[0,1,59,127]}"#;
        let notes = read::<Note>(text).unwrap();
        assert_eq!(notes.all().iter().map(|note| note.id.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(notes.write(), serde_json::from_str::<Value>(text).unwrap());
        let text =
            r#"{"p":[0,"program",9,2,1],"m":[0,"cc/0",1,2,0],"w":[-5,"bend",-8192],"k":[1,"pressure/60",3]}"#;
        let controls = read::<Control>(text).unwrap();
        let order: Vec<&str> = controls.all().iter().map(|control| control.id.as_str()).collect();
        assert_eq!(order, ["w", "m", "p", "k"]);
        assert_eq!(controls.write().to_string(), read::<Control>(text).unwrap().write().to_string());
    }

    #[test]
    fn absurd_entries_are_refused_and_named() {
        for (text, message) in [
            (r#"{"n":[0,0,60,100]}"#, "n: 0 is no length in ticks"),
            (r#"{"n":[0,1,128,100]}"#, "n: 128 is no key, which is a whole number from 0 to 127"),
            (r#"{"n":[0,1,60,0]}"#, "n: 0 is no velocity"),
            (r#"{"n":[0,1,60,1,64,16,false]}"#, "n: 16 is no channel"),
            (r#"{"n":[1e300,1,60,1]}"#, "is no place in ticks"),
            (r#"{"n":[9223372036854775807,1,60,1]}"#, "is no place in ticks"),
            (r#"{"n":[0,1]}"#, "n: expected a note like [0, 80640, 60, 100]"),
            (r#"{"n":7}"#, "n: expected a note"),
            (r#"{"N":[0,1,60,1]}"#, "an id is 1 to 64 characters"),
            ("[]", "expected an object"),
        ] {
            let error = read::<Note>(text).unwrap_err();
            assert!(error.contains(message), "{error}\nwants {message}");
        }
        for (text, message) in [
            (r#"{"c":[0,"cc/128",0]}"#, "c: \"cc/128\" sets nothing: it is cc/<0..127>"),
            (r#"{"c":[0,"cc/+1",0]}"#, "sets nothing"),
            (r#"{"c":[0,"bend",8192]}"#, "c: 8192 is no value, which is a whole number from -8192 to 8191"),
            (r#"{"c":[0,"program",-1]}"#, "-1 is no value"),
            (r#"{"c":[0,5,1]}"#, "5 sets nothing"),
        ] {
            let error = read::<Control>(text).unwrap_err();
            assert!(error.contains(message), "{error}\nwants {message}");
        }
    }
}
