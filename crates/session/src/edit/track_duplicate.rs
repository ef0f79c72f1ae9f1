//! `track.duplicate`

use std::collections::BTreeMap;

use super::track_add::make_room;
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{
    Clip, CompSpan, Device, DeviceId, Lane, Output, ParamTarget, Send, SendId, Take, TakeId, Track, TrackId,
    limits,
};

verb! {
    /// Copies a track with what is on it: devices with their parameters, sends, clips, takes with the comp, and automation, each under an id of
    /// its own. The copy stands right after the track and goes where that goes; what is routed to the track is not
    /// routed to the copy.
    ///
    /// Of a folder the tracks in it are copied too, and what goes from one of them to another goes from copy to copy.
    pub struct TrackDuplicate {
        /// Which one; not the master.
        pub id: TrackId,
        /// The id of the copy; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub copy: Option<TrackId>,
        /// The name of the copy; that of the track and `copy` where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
    }
}

impl TrackDuplicate {
    /// A copy with a name and an id that follow from the track's.
    #[must_use]
    pub fn new(id: TrackId) -> Self {
        Self { id, copy: None, name: None }
    }
}

impl Verb for TrackDuplicate {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if self.id.is_master() {
            return Err(EditError::refused("a session has one master; duplicate a bus instead"));
        }
        let parent = draft.get::<Track>(&self.id)?.parent.clone();
        let siblings = draft.project.children(parent.as_ref()).map(|(id, _)| id);
        let next = siblings.skip_while(|id| **id != self.id).nth(1).cloned();
        let order = make_room(draft, parent.as_ref(), next.as_ref(), None)?;
        let mut top = Track::clone(draft.get::<Track>(&self.id)?);
        top.name = self.name.clone().unwrap_or_else(|| copy_name(&top.name));
        top.order = order;
        let mut copies = Copies::default();
        let copy = draft.add(self.copy.as_ref(), top)?;
        copies.tracks.insert(self.id.clone(), copy);
        copies.contents(draft, &self.id)?;
        copies.reroute(draft)?;
        let originals: Vec<TrackId> = copies.tracks.keys().cloned().collect();
        originals.iter().try_for_each(|track| copies.what_is_on(draft, track))?;
        copies.lanes(draft)
    }
}

/// `X copy`, where that is no longer than a name may be.
pub(super) fn copy_name(name: &str) -> String {
    const ENDING: &str = " copy";
    name.chars().take(limits::MAX_NAME - ENDING.len()).chain(ENDING.chars()).collect()
}

/// Of each thing that was copied, its copy.
#[derive(Default)]
struct Copies {
    tracks: BTreeMap<TrackId, TrackId>,
    devices: BTreeMap<DeviceId, DeviceId>,
    sends: BTreeMap<SendId, SendId>,
}

impl Copies {
    /// The copy of a track where it has one, else the track itself.
    fn of_track(&self, id: &TrackId) -> TrackId {
        self.tracks.get(id).unwrap_or(id).clone()
    }

    /// Copies the tracks in a folder.
    fn contents(&mut self, draft: &mut Draft, folder: &TrackId) -> Result<(), EditError> {
        let mut open = vec![folder.clone()];
        while let Some(folder) = open.pop() {
            let inside = draft.project.children(Some(&folder));
            let inside: Vec<(TrackId, Track)> =
                inside.map(|(id, track)| (id.clone(), Track::clone(track))).collect();
            for (id, track) in inside {
                let copy = draft.add(None, Track { parent: Some(self.of_track(&folder)), ..track })?;
                self.tracks.insert(id.clone(), copy);
                open.push(id);
            }
        }
        Ok(())
    }

    /// Lets copies go to copies.
    fn reroute(&self, draft: &mut Draft) -> Result<(), EditError> {
        for copy in self.tracks.values() {
            if let Output::Track(target) = &draft.get::<Track>(copy)?.output {
                let target = self.of_track(target);
                draft.change::<Track>(copy, |track| track.output = Output::Track(target))?;
            }
        }
        Ok(())
    }

    /// Copies the devices, sends and clips of a track.
    fn what_is_on(&mut self, draft: &mut Draft, id: &TrackId) -> Result<(), EditError> {
        let track = self.of_track(id);
        let chain: Vec<(DeviceId, Device)> =
            draft.project.chain(id).map(|(id, device)| (id.clone(), Device::clone(device))).collect();
        for (old, device) in chain {
            let sidechain = device.sidechain.as_ref().map(|source| self.of_track(source));
            let copy = draft.add(None, Device { track: track.clone(), sidechain, ..device })?;
            self.devices.insert(old, copy);
        }
        let sends: Vec<(SendId, Send)> =
            draft.project.sends_from(id).map(|(id, send)| (id.clone(), Send::clone(send))).collect();
        for (old, send) in sends {
            let target = self.of_track(&send.target);
            let copy = draft.add(None, Send { track: track.clone(), target, ..send })?;
            self.sends.insert(old, copy);
        }
        self.clips(draft, id, &track)
    }

    /// Copies the takes of a track, the clips in them and in none, and the comp.
    fn clips(&self, draft: &mut Draft, id: &TrackId, track: &TrackId) -> Result<(), EditError> {
        let takes: Vec<(TakeId, Take)> =
            draft.project.takes_of(id).map(|(id, take)| (id.clone(), Take::clone(take))).collect();
        let mut copies: BTreeMap<TakeId, TakeId> = BTreeMap::new();
        for (old, take) in takes {
            copies.insert(old, draft.add(None, Take { track: track.clone(), ..take })?);
        }
        let clips: Vec<Clip> = draft.project.clips_on(id).map(|(_, clip)| Clip::clone(clip)).collect();
        for clip in clips {
            let take = clip.take.as_ref().and_then(|take| copies.get(take)).cloned();
            draft.add(None, Clip { track: track.clone(), take, ..clip })?;
        }
        let spans: Vec<CompSpan> = draft.project.comp_on(id).map(|(_, span)| CompSpan::clone(span)).collect();
        for span in spans {
            if let Some(take) = copies.get(&span.take).cloned() {
                draft.add(None, CompSpan { track: track.clone(), take, ..span })?;
            }
        }
        Ok(())
    }

    /// Copies the automation of everything that was copied. Points keep their ids, which are names within a lane.
    fn lanes(&self, draft: &mut Draft) -> Result<(), EditError> {
        let lanes: Vec<Lane> = draft.project.lanes().values().map(|lane| Lane::clone(lane)).collect();
        for lane in lanes {
            let target = match &lane.target {
                ParamTarget::Track(id, param) => {
                    self.tracks.get(id).map(|copy| ParamTarget::Track(copy.clone(), *param))
                }
                ParamTarget::Send(id, param) => {
                    self.sends.get(id).map(|copy| ParamTarget::Send(copy.clone(), *param))
                }
                ParamTarget::Device(id, param) => {
                    self.devices.get(id).map(|copy| ParamTarget::Device(copy.clone(), param.clone()))
                }
            };
            if let Some(target) = target {
                draft.add(None, Lane { target, ..lane })?;
            }
        }
        Ok(())
    }
}
