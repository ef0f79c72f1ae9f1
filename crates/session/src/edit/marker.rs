//! `marker.add`, `marker.remove`, `marker.move` and what a marker sets.

use omega_time::TimePoint;

use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{Colour, Marker, MarkerId, PointText};

verb! {
    /// Adds a marker.
    pub struct MarkerAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<MarkerId>,
        /// Where it is: `80640t` or `48000f`.
        #[serde(with = "PointText")]
        pub at: TimePoint,
        /// Its name.
        #[serde(default)]
        pub name: String,
        /// Its colour.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub colour: Option<Colour>,
    }
}

impl MarkerAdd {
    /// A marker with this name.
    #[must_use]
    pub fn new(at: TimePoint, name: &str) -> Self {
        Self { id: None, at, name: name.to_owned(), colour: None }
    }
}

impl Verb for MarkerAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let mut marker = Marker::new(self.at, &self.name);
        marker.colour = self.colour;
        draft.add(self.id.as_ref(), marker).map(drop)
    }
}

verb! {
    /// Removes a marker.
    pub struct MarkerRemove {
        /// Which one.
        pub id: MarkerId,
    }
}

impl Verb for MarkerRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<Marker>(&self.id).map(drop)
    }
}

verb! {
    /// Moves a marker.
    pub struct MarkerMove {
        /// Which one.
        pub id: MarkerId,
        /// Where to: `80640t` or `48000f`.
        #[serde(with = "PointText")]
        pub at: TimePoint,
    }
}

impl Verb for MarkerMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.change::<Marker>(&self.id, |marker| marker.at = self.at)
    }
}

setters! {
    /// Names a marker.
    MarkerRename(Marker, MarkerId) {
        /// Its name, up to 1,000 characters.
        name: String,
    } |marker, this| marker.name.clone_from(&this.name);

    /// Colours a marker, or takes its colour away (`null`).
    MarkerColour(Marker, MarkerId) {
        /// `#rrggbb`
        colour: Option<Colour>,
    } |marker, this| marker.colour = this.colour;
}
