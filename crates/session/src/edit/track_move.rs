//! `track.move`

use super::track_add::make_room;
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{Track, TrackId};

verb! {
    /// Moves a track to another place in the list, within a folder or out of it.
    pub struct TrackMove {
        /// Which one.
        pub id: TrackId,
        /// The folder that is to hold it; at the top where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub parent: Option<TrackId>,
        /// The track of that folder that it is to stand before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<TrackId>,
    }
}

impl Verb for TrackMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Track>(&self.id)?;
        if self.id.is_master() && self.parent.is_some() {
            return Err(EditError::refused("the master is in no folder"));
        }
        let mut above = self.parent.as_ref();
        let mut chain = vec![self.id.clone()];
        while let Some(id) = above {
            if *id == self.id {
                return Err(EditError::FolderCycle(chain));
            }
            chain.push(id.clone());
            above = draft.get::<Track>(id)?.parent.as_ref();
        }
        let order = make_room(draft, self.parent.as_ref(), self.before.as_ref(), Some(&self.id))?;
        draft.change::<Track>(&self.id, |track| {
            track.parent = self.parent.clone();
            track.order = order;
        })
    }
}
