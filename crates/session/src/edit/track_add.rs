//! `track.add`

use super::order::place;
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{Colour, OrderKey, Output, Project, Track, TrackId, TrackKind};

verb! {
    /// Adds a track, bus, return, folder or cue bus.
    pub struct TrackAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<TrackId>,
        /// What it is for: `audio`, `bus`, `return`, `folder` or `cue`.
        pub kind: TrackKind,
        /// Its name.
        #[serde(default)]
        pub name: String,
        /// The folder that holds it; at the top where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub parent: Option<TrackId>,
        /// The track of that folder that it stands before; at the end where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<TrackId>,
        /// Its channels, 1 to 64; 2 where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub channels: Option<u16>,
        /// Its hardware inputs, counted from 0.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub input: Vec<u16>,
        /// Where it goes: the id of a track, hardware channels, or `none`; the master where left out (a cue bus: hardware
        /// channels 0 and 1).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub output: Option<Output>,
        /// Its colour.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub colour: Option<Colour>,
    }
}

impl TrackAdd {
    /// A track of this kind with this name at the end of the list.
    #[must_use]
    pub fn new(kind: TrackKind, name: &str) -> Self {
        let name = name.to_owned();
        let (input, output, colour) = (Vec::new(), None, None);
        Self { id: None, kind, name, parent: None, before: None, channels: None, input, output, colour }
    }
}

impl Verb for TrackAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if self.kind == TrackKind::Master {
            return Err(EditError::refused("a session has one master; add a bus instead"));
        }
        let mut track = Track::new(self.kind, &self.name);
        track.order = make_room(draft, self.parent.as_ref(), self.before.as_ref(), None)?;
        track.parent = self.parent.clone();
        track.channels = self.channels.unwrap_or(track.channels);
        track.input = self.input.clone();
        track.colour = self.colour;
        if let Some(output) = &self.output {
            check_output(&draft.project, None, self.kind, output)?;
            track.output = output.clone();
        }
        draft.add(self.id.as_ref(), track).map(drop)
    }
}

/// The key of a place within a folder, which has to be one.
pub(super) fn make_room(
    draft: &mut Draft,
    folder: Option<&TrackId>,
    before: Option<&TrackId>,
    mover: Option<&TrackId>,
) -> Result<OrderKey, EditError> {
    if let Some(id) = folder
        && draft.get::<Track>(id)?.kind != TrackKind::Folder
    {
        return Err(EditError::refused(format!("track {:?} is no folder; choose a folder", id.as_str())));
    }
    let siblings = draft.project.children(folder).filter(|(id, _)| Some(*id) != mover);
    let siblings: Vec<_> = siblings.map(|(id, track)| (id.clone(), track.order.clone())).collect();
    let (key, others) = place("track", &siblings, before)?;
    for (id, key) in others {
        draft.change::<Track>(&id, |track| track.order = key)?;
    }
    Ok(key)
}

/// Whether a track of this kind can go there.
pub(super) fn check_output(
    project: &Project,
    id: Option<&TrackId>,
    kind: TrackKind,
    output: &Output,
) -> Result<(), EditError> {
    match (kind, output) {
        (TrackKind::Folder, Output::None) => Ok(()),
        (TrackKind::Folder, _) => {
            Err(EditError::refused("a folder has no sound of its own; route what it holds"))
        }
        (TrackKind::Master, Output::Track(_)) => {
            Err(EditError::refused("the master goes to hardware outputs; use a send to a cue bus"))
        }
        (_, Output::Track(target)) => check_target(project, id, target),
        _ => Ok(()),
    }
}

/// Whether a signal can go to this track.
pub(super) fn check_target(
    project: &Project,
    from: Option<&TrackId>,
    target: &TrackId,
) -> Result<(), EditError> {
    match project.track(target) {
        None => Err(EditError::Unknown { kind: "track", id: target.to_string() }),
        Some(_) if from == Some(target) => Err(EditError::SignalCycle(vec![target.clone()])),
        Some(track) if track.takes_signal() => Ok(()),
        Some(track) => Err(EditError::refused(format!(
            "track {:?} is of kind {} and takes no signal from others; choose a bus, a return, a cue bus or the master",
            target.as_str(),
            track.kind
        ))),
    }
}
