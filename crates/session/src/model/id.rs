//! Names of things in a session: short, stable texts.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters of a-z, 0-9, - and _, the first a letter or a digit")]
pub struct IdError;

fn check(text: &str) -> Result<(), IdError> {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let fits = (1..=64).contains(&bytes.len()) && inside(bytes[0]);
    if fits && bytes.iter().all(|&b| inside(b) || b == b'-' || b == b'_') { Ok(()) } else { Err(IdError) }
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident, $prefix:literal, $what:literal;)*) => { $(
        $(#[$meta])*
        ///
        /// 1 to 64 characters of `a-z`, `0-9`, `-` and `_`, the first a letter or a digit. Cheap to clone.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What ids that the document makes begin with.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this text.
            ///
            /// # Errors
            /// [`IdError`] if the text is no id.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.into()))
            }

            /// The least id there can be.
            #[allow(dead_code, reason = "one macro serves all ids; some are never searched by range")]
            pub(crate) fn least() -> Self {
                Self("0".into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        super::fact::text_fact!($name => $what);
        super::fact::serde_text!($name);
    )* };
}

ids! {
    /// Names a track, a bus, a return, a folder, a cue bus or the master.
    TrackId, "trk", "the id of a track";
    /// Names a clip.
    ClipId, "clp", "the id of a clip";
    /// Names a take of a track.
    TakeId, "tak", "the id of a take";
    /// Names a span of a comp.
    CompId, "cmp", "the id of a span of a comp";
    /// Names a device in a chain.
    DeviceId, "dev", "the id of a device";
    /// Names a send.
    SendId, "snd", "the id of a send";
    /// Names an automation lane.
    LaneId, "lan", "the id of a lane";
    /// Names a point of a lane.
    PointId, "pnt", "the id of a point";
    /// Names a note of a clip.
    NoteId, "nte", "the id of a note";
    /// Names a controller point of a clip.
    ControlId, "ctl", "the id of a controller point";
    /// Names a marker.
    MarkerId, "mrk", "the id of a marker";
    /// Names a change of tempo.
    TempoId, "tmp", "the id of a tempo point";
    /// Names a change of time signature.
    MeterId, "mtr", "the id of a meter point";
    /// Names a media file: the BLAKE3 hash of its audio (format and samples), 64 hexadecimal digits.
    MediaId, "med", "the id of a media file";
}

impl TrackId {
    /// The one master of a session.
    #[must_use]
    pub fn master() -> Self {
        Self("master".into())
    }

    /// Whether this is the master.
    #[must_use]
    pub fn is_master(&self) -> bool {
        &*self.0 == "master"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_short_plain_text() {
        for good in ["a", "0", "trk-1", "drums_left", &"x".repeat(64)] {
            assert_eq!(TrackId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "A", "a b", "a.b", "a/b", "ä", "a\u{1f}b", &"x".repeat(65)] {
            assert_eq!(TrackId::new(bad), Err(IdError), "{bad:?}");
        }
        assert!(TrackId::master().is_master());
    }
}
