//! What all verbs have in common.

use super::{Draft, EditError};

/// A change of the project. It either does all it says or returns an error; a draft that saw an error is thrown away.
pub(crate) trait Verb {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError>;
}

/// A struct with the fields of a verb, as it is written in JSON. Unknown fields are refused.
macro_rules! verb {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($body)* }
    };
}
pub(crate) use verb;

/// Verbs that set facts of one thing: `/// doc  Name(Thing, Id) { fields } |thing, this| assignment`.
macro_rules! setters {
    ($(
        $(#[$meta:meta])*
        $name:ident($thing:ident, $id:ident) { $($(#[$fmeta:meta])* $field:ident : $type:ty),* $(,)? }
        |$it:ident, $this:ident| $set:expr;
    )*) => { $(
        crate::edit::verb::verb! {
            $(#[$meta])*
            pub struct $name {
                /// Which one.
                pub id: crate::model::$id,
                $($(#[$fmeta])* pub $field: $type,)*
            }
        }

        impl crate::edit::verb::Verb for $name {
            fn apply(&self, draft: &mut crate::edit::Draft) -> Result<(), crate::edit::EditError> {
                let $this = self;
                draft.change::<crate::model::$thing>(&self.id, |$it| $set)
            }
        }
    )* };
}
pub(crate) use setters;

/// Whether a switch that is left out of JSON is on: it is.
pub(crate) const fn yes() -> bool {
    true
}

/// Serde of an optional place on the time line.
pub(crate) mod optional_point {
    use omega_time::TimePoint;

    use crate::model::PointText;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Text(#[serde(with = "PointText")] TimePoint);

    pub fn serialize<S: serde::Serializer>(
        point: &Option<TimePoint>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&point.map(Text), serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TimePoint>, D::Error> {
        <Option<Text> as serde::Deserialize>::deserialize(deserializer).map(|text| text.map(|text| text.0))
    }
}

/// Serde of an optional range of the time line.
pub(crate) mod optional_range {
    use omega_time::TimeRange;

    use crate::model::RangeText;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Text(#[serde(with = "RangeText")] TimeRange);

    pub fn serialize<S: serde::Serializer>(
        range: &Option<TimeRange>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&range.map(Text), serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TimeRange>, D::Error> {
        <Option<Text> as serde::Deserialize>::deserialize(deserializer).map(|text| text.map(|text| text.0))
    }
}

/// Serde of a length of time: `80640t` or `48000f`.
pub(crate) mod length {
    use omega_time::{TimeLength, TimePoint};

    use crate::model::PointText;

    pub fn serialize<S: serde::Serializer>(length: &TimeLength, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&PointText(match *length {
            TimeLength::Musical(ticks) => TimePoint::Musical(ticks),
            TimeLength::Absolute(frames) => TimePoint::Absolute(frames),
        }))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<TimeLength, D::Error> {
        PointText::deserialize(deserializer).map(|point| match point {
            TimePoint::Musical(ticks) => TimeLength::Musical(ticks),
            TimePoint::Absolute(frames) => TimeLength::Absolute(frames),
        })
    }
}
