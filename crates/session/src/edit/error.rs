//! Why an edit was refused.

use std::fmt;

use crate::model::{Fault, TrackId};

/// Why an edit was refused. The document is then as it was before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// What the edit names is not there.
    #[error("there is no {kind} {id:?}; it may have been removed")]
    Unknown {
        /// The kind of thing, such as `track`.
        kind: &'static str,
        /// The id that was given.
        id: String,
    },
    /// The id for a new thing is taken.
    #[error("there is a {kind} {id:?} already; leave the id out or choose another one")]
    Exists {
        /// The kind of thing.
        kind: &'static str,
        /// The id that was given.
        id: String,
    },
    /// A value cannot be used.
    #[error("{0}")]
    Value(Fault),
    /// What was asked for makes no sense as the session stands.
    #[error("{0}")]
    Refused(String),
    /// The signal would run in a circle.
    #[error(
        "the signal would run in a circle through {}; make one of its sends a feedback send, or route elsewhere",
        Names(.0)
    )]
    SignalCycle(Vec<TrackId>),
    /// A folder would hold itself.
    #[error("the folders {} would hold each other; choose another folder", Names(.0))]
    FolderCycle(Vec<TrackId>),
    /// There would be more things than a session can hold.
    #[error("the session cannot hold more than {most} {kind}s")]
    TooMany {
        /// The kind of thing.
        kind: &'static str,
        /// The most there may be.
        most: usize,
    },
    /// An edit of a group was refused, and with it the whole group.
    #[error("edit {number} of {count} ({name}): {source}")]
    InGroup {
        /// Which one, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// Its verb.
        name: &'static str,
        /// Why.
        source: Box<EditError>,
    },
}

impl EditError {
    /// A refusal with this reason.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

struct Names<'a>(&'a [TrackId]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, id) in self.0.iter().enumerate() {
            write!(f, "{}{id}", if n == 0 { "" } else { " → " })?;
        }
        Ok(())
    }
}
