//! How typed values are read from facts, written as facts and compared.
//!
//! A fact is a path and a JSON value that is no object (an empty object counts as a value). Objects nest facts; arrays
//! and scalars are facts, changed as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Number, Value};

use super::limits;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;
/// Facts that this version does not know; they are carried along and written back.
pub type Extra = BTreeMap<String, Value>;
/// What became of each fact: a new value, or nothing (`None`: the fact is gone).
pub(crate) type Changes = Vec<(String, Option<Value>)>;

/// Between the segments of a fact's path. It cannot occur in a key.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// The register that says that a thing is deleted. Its other facts stay, so that undoing the deletion keeps what others
/// changed meanwhile.
pub(crate) const DELETED: &str = "deleted";

/// A place in the session that holds something unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The place, as keys with dots between them: `tracks.trk-1.volume_db`.
    pub path: String,
    /// What is wrong there and what would be right.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Where the reader stands, and what it found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    path: Vec<String>,
    pub faults: Vec<Fault>,
}

impl Reader {
    /// Runs `read` one level down.
    pub fn within<R>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(key.to_owned());
        let result = read(self);
        self.path.pop();
        result
    }

    /// Notes a fault here.
    pub fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(Fault { path: self.path.join("."), what: what.into() });
    }

    /// Notes that something else was expected here.
    pub fn expected(&mut self, what: &str, found: &Value) {
        self.fault(format!("expected {what}, found {}", shorten(found)));
    }

    /// The object here, or a fault.
    pub fn object<'v>(&mut self, value: &'v Value) -> Option<&'v Object> {
        if let Value::Object(object) = value {
            return Some(object);
        }
        self.expected("an object", value);
        None
    }
}

/// The value as one short line.
pub(crate) fn shorten(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::String(text) if text.chars().count() > 40 => {
            format!("{:?}…", text.chars().take(40).collect::<String>())
        }
        other => other.to_string(),
    }
}

/// A path being built, segment by segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(String);

impl Path {
    pub fn new(segment: &str) -> Self {
        Self(segment.to_owned())
    }

    pub fn of(segments: &[&str]) -> Self {
        Self(segments.join("\u{1f}"))
    }

    pub fn within<R>(&mut self, key: &str, run: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.0.len();
        if length > 0 {
            self.0.push(SEPARATOR);
        }
        self.0.push_str(key);
        let result = run(self);
        self.0.truncate(length);
        result
    }

    pub fn text(&self) -> String {
        self.0.clone()
    }
}

/// One or several facts as a typed value.
pub(crate) trait Fact: Sized + PartialEq {
    /// Reads the value; what is unusable becomes a fault.
    fn read(value: &Value, at: &mut Reader) -> Option<Self>;

    /// The value as JSON; an object holds only what differs from its default.
    fn write(&self) -> Value;

    /// What to change so that `old` becomes `new`. `default` is the value that is not stored.
    fn diff(old: &Self, new: &Self, default: Option<&Self>, at: &mut Path, out: &mut Changes) {
        if old != new {
            let value = if default == Some(new) { None } else { Some(new.write()) };
            out.push((at.text(), value));
        }
    }
}

/// All facts of a value. Objects are entered, everything else is a fact.
pub(crate) fn flatten(value: &Value, at: &mut Path, out: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, inner) in object {
                at.within(key, |at| flatten(inner, at, out));
            }
        }
        leaf => out(&at.0, leaf),
    }
}

/// What to change so that the facts of `old` become those of `new`.
pub(crate) fn diff_values(old: Option<&Value>, new: Option<&Value>, at: &mut Path, out: &mut Changes) {
    if old == new {
        return;
    }
    let nested = |value: Option<&Value>| match value {
        Some(Value::Object(object)) if !object.is_empty() => Some(object.clone()),
        _ => None,
    };
    let (before, after) = (nested(old), nested(new));
    if before.is_none() && old.is_some() && (new.is_none() || after.is_some()) {
        out.push((at.text(), None));
    }
    let empty = Object::new();
    let (before, inside) = (before.unwrap_or_else(|| empty.clone()), after.is_some());
    let after = after.unwrap_or(empty);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        at.within(key, |at| diff_values(before.get(key), after.get(key), at, out));
    }
    if let (Some(new), false) = (new, inside) {
        out.push((at.text(), Some(new.clone())));
    }
}

/// As [`diff_values`], for the facts that this version does not know.
pub(crate) fn diff_extra(old: &Extra, new: &Extra, at: &mut Path, out: &mut Changes) {
    if old == new {
        return;
    }
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        at.within(key, |at| diff_values(old.get(key), new.get(key), at, out));
    }
}

impl Fact for bool {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        value.as_bool().or_else(|| {
            at.expected("true or false", value);
            None
        })
    }
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Fact for f64 {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        // Adding zero turns −0 into 0, which would otherwise be equal but written differently.
        value.as_f64().filter(|number| number.is_finite()).map(|number| number + 0.0).or_else(|| {
            at.expected("a number", value);
            None
        })
    }
    fn write(&self) -> Value {
        Number::from_f64(*self + 0.0).map_or(Value::Null, Value::Number)
    }
}

macro_rules! integer_fact {
    ($($type:ty),*) => { $(
        impl Fact for $type {
            fn read(value: &Value, at: &mut Reader) -> Option<Self> {
                value.as_i64().and_then(|number| <$type>::try_from(number).ok()).or_else(|| {
                    at.expected(&format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX), value);
                    None
                })
            }
            fn write(&self) -> Value {
                Value::from(*self)
            }
        }
    )* };
}
integer_fact!(u16, u32, i64);

impl Fact for String {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        value.as_str().map(str::to_owned).or_else(|| {
            at.expected("a text", value);
            None
        })
    }
    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

impl<T: Fact> Fact for Option<T> {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value, at).map(Some) }
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
}

impl<T: Fact> Fact for Vec<T> {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let Value::Array(items) = value else {
            at.expected("an array", value);
            return None;
        };
        items.iter().enumerate().map(|(n, item)| at.within(&n.to_string(), |at| T::read(item, at))).collect()
    }
    fn write(&self) -> Value {
        Value::Array(self.iter().map(T::write).collect())
    }
}

impl Fact for BTreeMap<String, f64> {
    fn read(value: &Value, at: &mut Reader) -> Option<Self> {
        let object = at.object(value)?;
        if object.len() > limits::MAX_PARAMS {
            at.fault(format!("{} entries are too many, the most is {}", object.len(), limits::MAX_PARAMS));
            return None;
        }
        let mut map = Self::new();
        for (key, value) in object {
            let number = at.within(key, |at| {
                check_key(key, at)?;
                let number = f64::read(value, at)?;
                check_value(&number).map_err(|what| at.fault(what)).ok()?;
                Some(number)
            });
            if let Some(number) = number {
                map.insert(key.clone(), number);
            }
        }
        Some(map)
    }
    fn write(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.write())).collect())
    }
    fn diff(old: &Self, new: &Self, _: Option<&Self>, at: &mut Path, out: &mut Changes) {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            at.within(key, |at| out.push((at.text(), None)));
        }
        for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
            at.within(key, |at| out.push((at.text(), Some(value.write()))));
        }
    }
}

/// Keys are texts of 1 to 1,000 characters without control characters.
pub(crate) fn check_key(key: &str, at: &mut Reader) -> Option<()> {
    if key.is_empty() || key.chars().count() > limits::MAX_NAME || key.chars().any(char::is_control) {
        at.fault("a key is a text of 1 to 1000 characters without control characters");
        return None;
    }
    Some(())
}

/// A parameter or automation value.
pub(crate) fn check_value(value: &f64) -> Result<(), String> {
    if value.is_finite() && value.abs() <= limits::MAX_VALUE {
        Ok(())
    } else {
        Err(format!("{value:?} is out of range: a value lies within ±{:e}", limits::MAX_VALUE))
    }
}

/// Reads a fact through `FromStr` and writes it through `Display`.
macro_rules! text_fact {
    ($($type:ty => $what:literal),* $(,)?) => { $(
        impl $crate::model::fact::Fact for $type {
            fn read(value: &serde_json::Value, at: &mut $crate::model::fact::Reader) -> Option<Self> {
                let Some(text) = value.as_str() else {
                    at.expected($what, value);
                    return None;
                };
                text.parse().map_err(|error| at.fault(format!("{text:?} is not {}: {error}", $what))).ok()
            }
            fn write(&self) -> serde_json::Value {
                serde_json::Value::String(self.to_string())
            }
        }
    )* };
}
pub(crate) use text_fact;

/// An enum of words: its text forms, `FromStr`, `Display`, serde and [`Fact`].
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands for the value in text.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.word() == text).ok_or_else(|| {
                    let all: Vec<&str> = Self::ALL.iter().map(|value| value.word()).collect();
                    format!("it is one of {}", all.join(", "))
                })
            }
        }

        $crate::model::fact::text_fact!($name => "one of the known words");
        $crate::model::fact::serde_text!($name);
    };
}
pub(crate) use words;

/// Serde through `Display` and `FromStr`.
macro_rules! serde_text {
    ($($name:ty),*) => { $(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}")))
            }
        }
    )* };
}
pub(crate) use serde_text;

/// A struct of facts: the struct itself, [`Fact`] and serde.
///
/// A field is `name: Type [check] = default`; `check` (a function from `&Type` to `Result<(), String>`) and the default
/// are optional, and a field without default must be there. The struct gets a field `extra` for facts that this version
/// does not know. A check behind the struct's name looks at the whole value, once its fields are right by themselves.
macro_rules! facts {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $([$whole:expr])? {
            $($(#[$fmeta:meta])* pub $field:ident : $type:ty $([$check:expr])? $(= $default:expr)? ;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$fmeta])* pub $field: $type,)+
            /// Facts that this version does not know; they are kept and written back.
            pub extra: $crate::model::fact::Extra,
        }

        impl $name {
            /// What lies outside its bounds, if anything does. Paths are relative to this value.
            #[must_use]
            pub fn faults(&self) -> Vec<$crate::model::Fault> {
                let mut reader = $crate::model::fact::Reader::default();
                let value = $crate::model::fact::Fact::write(self);
                let _: Option<Self> = $crate::model::fact::Fact::read(&value, &mut reader);
                reader.faults
            }
        }

        impl $crate::model::fact::Fact for $name {
            fn read(value: &serde_json::Value, at: &mut $crate::model::fact::Reader) -> Option<Self> {
                let object = at.object(value)?;
                $(
                    let $field: Option<$type> = match object.get(stringify!($field)) {
                        Some(value) => at.within(stringify!($field), |at| {
                            let read = <$type as $crate::model::fact::Fact>::read(value, at)?;
                            $(
                                let check: fn(&$type) -> Result<(), String> = $check;
                                if let Err(what) = check(&read) {
                                    at.fault(what);
                                    return None;
                                }
                            )?
                            Some(read)
                        }),
                        None => None,
                    };
                    let $field = match $field {
                        Some(value) => Some(value),
                        None => $crate::model::fact::facts!(@missing at, stringify!($field), object, $type, $($default)?),
                    };
                )+
                let mut extra = $crate::model::fact::Extra::new();
                for (key, value) in object {
                    let known = [$(stringify!($field)),+].contains(&key.as_str()) || key == $crate::model::fact::DELETED;
                    if !known && at.within(key, |at| $crate::model::fact::check_key(key, at)).is_some() {
                        extra.insert(key.clone(), value.clone());
                    }
                }
                let read = Self { $($field: $field?,)+ extra };
                $(
                    let check: fn(&Self) -> Result<(), $crate::model::Fault> = $whole;
                    if let Err($crate::model::Fault { path, what }) = check(&read) {
                        at.within(&path, |at| at.fault(what));
                        return None;
                    }
                )?
                Some(read)
            }

            fn write(&self) -> serde_json::Value {
                let mut object = $crate::model::fact::Object::new();
                $(
                    if $crate::model::fact::facts!(@stored self.$field, $type, $($default)?) {
                        object.insert(stringify!($field).to_owned(), $crate::model::fact::Fact::write(&self.$field));
                    }
                )+
                object.extend(self.extra.iter().map(|(key, value)| (key.clone(), value.clone())));
                serde_json::Value::Object(object)
            }

            fn diff(
                old: &Self,
                new: &Self,
                _: Option<&Self>,
                at: &mut $crate::model::fact::Path,
                out: &mut $crate::model::fact::Changes,
            ) {
                $(
                    if old.$field != new.$field {
                        let default: Option<$type> = $crate::model::fact::facts!(@default $type, $($default)?);
                        at.within(stringify!($field), |at| {
                            <$type as $crate::model::fact::Fact>::diff(&old.$field, &new.$field, default.as_ref(), at, out);
                        });
                    }
                )+
                $crate::model::fact::diff_extra(&old.extra, &new.extra, at, out);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::model::fact::Fact::write(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                let mut at = $crate::model::fact::Reader::default();
                let read = <Self as $crate::model::fact::Fact>::read(&value, &mut at);
                match (at.faults.first(), read) {
                    (None, Some(read)) => Ok(read),
                    (Some(fault), _) => Err(serde::de::Error::custom(fault)),
                    (None, None) => Err(serde::de::Error::custom("something is missing")),
                }
            }
        }
    };
    (@missing $at:ident, $key:expr, $object:ident, $type:ty, ) => {{
        if !$object.contains_key($key) {
            $at.within($key, |at| at.fault("is missing"));
        }
        None
    }};
    (@missing $at:ident, $key:expr, $object:ident, $type:ty, $default:expr) => {{
        let default: $type = $default;
        Some(default)
    }};
    (@stored $value:expr, $type:ty, ) => { true };
    (@stored $value:expr, $type:ty, $default:expr) => {{
        let default: $type = $default;
        $value != default
    }};
    (@default $type:ty, ) => { None };
    (@default $type:ty, $default:expr) => {{
        let default: $type = $default;
        Some(default)
    }};
}
pub(crate) use facts;
