//! `track.remove`

use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{Output, Track, TrackId};

verb! {
    /// Removes a track with its clips, takes, devices, sends and lanes. What was routed to it goes where it went; sends to it
    /// and side-chains from it are out of use until it is back.
    pub struct TrackRemove {
        /// Which one; not the master.
        pub id: TrackId,
        /// Of a folder: removes the tracks in it too. Else they move to where the folder was.
        #[serde(default)]
        pub contents: bool,
    }
}

impl Verb for TrackRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if self.id.is_master() {
            return Err(EditError::refused("the master cannot be removed"));
        }
        let removed = draft.get::<Track>(&self.id)?.clone();
        let inside: Vec<TrackId> = draft.project.children(Some(&self.id)).map(|(id, _)| id.clone()).collect();
        for id in inside {
            if self.contents {
                Self { id, contents: true }.apply(draft)?;
            } else {
                draft.change::<Track>(&id, |track| track.parent = removed.parent.clone())?;
            }
        }
        let fed: Vec<TrackId> = draft
            .project
            .tracks()
            .iter()
            .filter(|(_, track)| track.output == Output::Track(self.id.clone()))
            .map(|(id, _)| id.clone())
            .collect();
        for id in fed {
            draft.change::<Track>(&id, |track| track.output = removed.output.clone())?;
        }
        draft.remove::<Track>(&self.id).map(drop)
    }
}
