//! Devices in the chain of a track.

use std::collections::BTreeMap;

use super::fact::facts;
use super::values::{long_text, name};
use super::{OrderKey, TrackId};

facts! {
    /// A device in a track's chain, before the fader: `devices.<id>`.
    pub struct Device {
        /// The track whose chain it is in.
        pub track: TrackId;
        /// Where it stands in the chain.
        pub order: OrderKey = OrderKey::default();
        /// What it is, such as `omega.eq`. An unknown kind is kept and passes its input on.
        pub kind: String [name];
        /// Its name; that of its kind where empty.
        pub name: String [name] = String::new();
        /// Switched out; it keeps its latency.
        pub bypass: bool = false;
        /// Parameters by name, in their own units; one that is not here has its default.
        pub params: BTreeMap<String, f64> = BTreeMap::new();
        /// The track, after its fader, that feeds its side-chain.
        pub sidechain: Option<TrackId> = None;
        /// The BLAKE3 hash of an opaque state in `plugins/`; none where empty.
        pub state: String [long_text] = String::new();
    }
}

impl Device {
    /// A device of this kind in the chain of `track`, with default parameters.
    #[must_use]
    pub fn new(track: TrackId, kind: &str) -> Self {
        Self {
            track,
            order: OrderKey::default(),
            kind: kind.to_owned(),
            name: String::new(),
            bypass: false,
            params: BTreeMap::new(),
            sidechain: None,
            state: String::new(),
            extra: Default::default(),
        }
    }
}
