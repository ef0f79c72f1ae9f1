//! JSON read strictly: each key once, bounded depth, and git's conflict markers named for what they are.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::fact::{Object, SEPARATOR};
use super::limits;

/// Why a text is no JSON that can be used. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("line {line} is a conflict marker of git")]
    Conflict { line: usize },
    #[error("line {line}, column {column}: {what}")]
    Syntax { line: usize, column: usize, what: String },
}

/// Reads a text.
pub(crate) fn parse(text: &str) -> Result<Value, JsonError> {
    // No line of JSON begins like this, because a text within it cannot hold a line break.
    let marker =
        |line: &str| ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark));
    if let Some(line) = text.lines().position(marker) {
        return Err(JsonError::Conflict { line: line + 1 });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict(limits::MAX_DEPTH).deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        JsonError::Syntax { line: error.line(), column: error.column(), what }
    })
}

/// Reads one value, so many levels deep at most.
#[derive(Clone, Copy)]
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        if value.chars().count() > limits::MAX_TEXT {
            return Err(E::custom(format!("a text is longer than {} characters", limits::MAX_TEXT)));
        }
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            if list.len() >= limits::MAX_LIST {
                return Err(A::Error::custom(format!(
                    "an array holds more than {} values",
                    limits::MAX_LIST
                )));
            }
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Object::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} is there twice; keep one")));
            }
            if key.contains(SEPARATOR) || key.chars().count() > limits::MAX_NAME {
                return Err(A::Error::custom("a key is up to 1000 characters without control characters"));
            }
            let value = entries.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.0.checked_sub(1);
        left.map(Self).ok_or_else(|| E::custom(format!("more than {} levels deep", limits::MAX_DEPTH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_session_is_named_with_its_line() {
        assert!(error("{\n  \"a\": 1,\n  \"a\": 2\n}").starts_with("line 3, column"));
        assert!(error("{\"a\": 1, \"a\": 2}").contains("\"a\" is there twice"));
        assert_eq!(error("{\n<<<<<<< HEAD\n  \"a\": 1\n=======\n"), "line 2 is a conflict marker of git");
        assert!(error("{\"a\": 1e999}").contains("number out of range"));
        assert!(error("{\"a\": 1} x").contains("trailing characters"));
        assert!(error("").contains("EOF"));
        assert!(error(&"[".repeat(100)).contains("more than 32 levels deep"));
        assert!(error(&"[".repeat(100_000)).contains("more than 32 levels deep"));
        assert!(error("{\"a\\u001fb\": 1}").contains("control characters"));
        assert!(error(&format!("\"{}\"", "x".repeat(200_000))).contains("longer than"));
    }

    #[test]
    fn every_number_survives() {
        for text in
            ["0", "-0.0", "1.0", "1", "-9223372036854775808", "18446744073709551615", "0.1", "1e-7", "5e-324"]
        {
            let value = parse(text).unwrap();
            assert_eq!(parse(&value.to_string()).unwrap().to_string(), value.to_string(), "{text}");
        }
        let mut state = 3_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(state);
            if number.is_finite() {
                let text = Value::from(number).to_string();
                assert_eq!(
                    parse(&text).unwrap().as_f64().map(f64::to_bits),
                    Some(number.to_bits()),
                    "{text}"
                );
            }
        }
    }
}
