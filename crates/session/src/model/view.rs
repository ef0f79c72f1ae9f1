//! From things as they are stored to a consistent project.
//!
//! Merging can leave a thing whose track, bus or device somebody else removed. Such a thing keeps its facts but is not
//! part of the project until what it needs is back, and a reference to something that is gone counts as its default;
//! so undoing a removal gives back everything that hung on it.

use std::sync::Arc;

use imbl::OrdMap;

use super::fact::Fault;
use super::{
    Clip, CompSpan, Device, DeviceId, Lane, Output, ParamTarget, Project, Send, SendId, Take, TakeId, Track,
    TrackId, TrackKind, limits,
};

/// Things as they are stored, each readable by itself.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Every thing that is there and not deleted.
    pub things: Project,
    /// Deleted tracks: what was in a deleted folder moves to where that folder was.
    pub buried: OrdMap<TrackId, Arc<Track>>,
}

impl Stored {
    /// The consistent project.
    pub fn view(&self) -> Project {
        let mut view = Project::new("", self.things.sample_rate());
        self.update_all(&mut view);
        view
    }

    /// Brings all of `view` up to date; what is right already keeps its identity.
    pub fn update_all(&self, view: &mut Project) {
        let stored = &self.things;
        if view.settings() != stored.settings() {
            view.put_settings(stored.settings().clone());
        }
        if view.extra() != stored.extra() {
            view.put_extra(stored.extra().clone());
        }
        macro_rules! update {
            ($($all:ident, $update:ident;)*) => { $(
                let gone: Vec<_> = view.$all().keys().filter(|id| !stored.$all().contains_key(*id)).cloned().collect();
                for id in stored.$all().keys().chain(&gone) {
                    self.$update(view, id);
                }
            )* };
        }
        update! {
            tracks, update_track;
            takes, update_take;
            clips, update_clip;
            comp, update_comp;
            devices, update_device;
            sends, update_send;
            lanes, update_lane;
            markers, update_marker;
            tempo, update_tempo;
            meter, update_meter;
            media, update_media;
        }
        self.update_track(view, &TrackId::master());
    }

    fn has_track(&self, id: &TrackId) -> bool {
        id.is_master() || self.things.track(id).is_some()
    }

    fn takes_signal(&self, id: &TrackId) -> bool {
        id.is_master() || self.things.track(id).is_some_and(|track| track.takes_signal())
    }

    /// The folder that `parent` means: itself, or the nearest that is there of those it was in.
    fn folder(&self, parent: Option<&TrackId>) -> Option<TrackId> {
        let mut folder = parent?;
        for _ in 0..limits::MAX_TRACKS {
            match self.things.track(folder) {
                Some(track) if track.kind == TrackKind::Folder => return Some(folder.clone()),
                Some(track) => folder = track.parent.as_ref()?,
                None => folder = self.buried.get(folder)?.parent.as_ref()?,
            }
        }
        None
    }

    fn track(&self, id: &TrackId) -> Option<Arc<Track>> {
        let Some(stored) = self.things.track(id) else {
            return id.is_master().then(|| Arc::new(Track::new(TrackKind::Master, "Master")));
        };
        let kind = match (id.is_master(), stored.kind) {
            (true, _) => TrackKind::Master,
            (false, TrackKind::Master) => TrackKind::Bus,
            (false, kind) => kind,
        };
        let parent = if id.is_master() { None } else { self.folder(stored.parent.as_ref()) };
        let output = match &stored.output {
            _ if kind == TrackKind::Folder => Output::None,
            Output::Track(_) if kind == TrackKind::Master => Output::None,
            Output::Track(target) if target == id || !self.takes_signal(target) => Output::master(),
            output => output.clone(),
        };
        if kind == stored.kind && parent == stored.parent && output == stored.output {
            return Some(stored.clone());
        }
        Some(Arc::new(Track { kind, parent, output, ..Track::clone(stored) }))
    }

    fn device(&self, id: &DeviceId) -> Option<Arc<Device>> {
        let stored = self.things.device(id).filter(|device| self.has_track(&device.track))?;
        match &stored.sidechain {
            Some(source) if !self.has_track(source) || *source == stored.track => {
                Some(Arc::new(Device { sidechain: None, ..Device::clone(stored) }))
            }
            _ => Some(stored.clone()),
        }
    }

    fn send(&self, id: &SendId) -> Option<Arc<Send>> {
        let there = |send: &&Arc<Send>| self.has_track(&send.track) && self.takes_signal(&send.target);
        self.things.send(id).filter(there).cloned()
    }

    fn lane(&self, lane: &Arc<Lane>) -> Option<Arc<Lane>> {
        let there = match &lane.target {
            ParamTarget::Track(id, _) => self.has_track(id),
            ParamTarget::Send(id, _) => self.send(id).is_some(),
            ParamTarget::Device(id, _) => self.device(id).is_some(),
        };
        there.then(|| lane.clone())
    }

    fn take(&self, take: &Arc<Take>) -> Option<Arc<Take>> {
        self.has_track(&take.track).then(|| take.clone())
    }

    /// The track of a take that is there.
    fn track_of(&self, take: &TakeId) -> Option<&TrackId> {
        self.things.take(take).map(|take| &take.track).filter(|track| self.has_track(track))
    }

    /// A clip whose take is gone is not there; one whose take is of another track is in none.
    fn clip(&self, clip: &Arc<Clip>) -> Option<Arc<Clip>> {
        if !self.has_track(&clip.track) {
            return None;
        }
        match &clip.take {
            Some(take) if *self.track_of(take)? != clip.track => {
                Some(Arc::new(Clip { take: None, ..Clip::clone(clip) }))
            }
            _ => Some(clip.clone()),
        }
    }

    fn span(&self, span: &Arc<CompSpan>) -> Option<Arc<CompSpan>> {
        let there = self.has_track(&span.track) && self.track_of(&span.take) == Some(&span.track);
        there.then(|| span.clone())
    }

    /// What of the stored things the project does not show, and why.
    pub fn latent(&self, view: &Project) -> Vec<Fault> {
        let mut list = Vec::new();
        let mut note = |path: String, what: String| list.push(Fault { path, what });
        for (id, stored) in self.things.tracks() {
            let Some(shown) = view.track(id) else { continue };
            if shown.kind != stored.kind {
                note(
                    format!("tracks.{id}.kind"),
                    format!("{id} cannot be a {}; it is a {}", stored.kind, shown.kind),
                );
            }
            if shown.parent != stored.parent {
                let folder = stored.parent.as_ref().map_or("", |parent| parent.as_str());
                note(
                    format!("tracks.{id}.parent"),
                    format!("there is no folder {folder:?}; the track is shown outside"),
                );
            }
            if let (Output::Track(target), true) = (&stored.output, shown.output != stored.output) {
                note(
                    format!("tracks.{id}.output"),
                    format!("{:?} takes no signal here; it is not used", target.as_str()),
                );
            }
        }
        for (id, stored) in self.things.devices() {
            match view.device(id) {
                None => note(format!("devices.{id}.track"), missing(&stored.track)),
                Some(shown) if shown.sidechain != stored.sidechain => {
                    note(
                        format!("devices.{id}.sidechain"),
                        "there is no such other track; it is not used".to_owned(),
                    );
                }
                Some(_) => {}
            }
        }
        for (id, stored) in self.things.sends().iter().filter(|(id, _)| view.send(id).is_none()) {
            let (end, track) = if self.has_track(&stored.track) {
                ("target", &stored.target)
            } else {
                ("track", &stored.track)
            };
            note(format!("sends.{id}.{end}"), missing(track));
        }
        for (id, stored) in self.things.lanes().iter().filter(|(id, _)| view.lane(id).is_none()) {
            note(
                format!("lanes.{id}.target"),
                format!("there is no {}; the lane is not used", stored.target),
            );
        }
        self.latent_takes(view, &mut note);
        list
    }

    /// The same of takes, clips and comps.
    fn latent_takes(&self, view: &Project, note: &mut dyn FnMut(String, String)) {
        for (id, stored) in self.things.takes().iter().filter(|(id, _)| view.take(id).is_none()) {
            note(format!("takes.{id}.track"), missing(&stored.track));
        }
        let no_take =
            |take: &TakeId| format!("there is no take {:?} on this track; it is not used", take.as_str());
        for (id, stored) in self.things.clips() {
            let shown = view.clip(id);
            match &stored.take {
                Some(take)
                    if self.has_track(&stored.track) && shown.is_none_or(|clip| clip.take.is_none()) =>
                {
                    note(format!("clips.{id}.take"), no_take(take));
                }
                _ if shown.is_none() => note(format!("clips.{id}.track"), missing(&stored.track)),
                _ => {}
            }
        }
        for (id, stored) in self.things.comp().iter().filter(|(id, _)| view.comp_span(id).is_none()) {
            if self.has_track(&stored.track) {
                note(format!("comp.{id}.take"), no_take(&stored.take));
            } else {
                note(format!("comp.{id}.track"), missing(&stored.track));
            }
        }
    }
}

fn missing(track: &TrackId) -> String {
    format!("there is no track {:?} that takes this; it is not used", track.as_str())
}

/// Brings one thing of a view up to date.
macro_rules! updates {
    ($($update:ident, $id:ident, $one:ident, $put:ident, $remove:ident, |$this:ident, $name:ident| $shown:expr;)*) => {
        impl Stored { $(
            pub fn $update(&self, view: &mut Project, id: &super::$id) {
                let ($this, $name) = (self, id);
                match ($shown, view.$one(id)) {
                    (Some(new), Some(old)) if Arc::ptr_eq(&new, old) || new == *old => {}
                    (Some(new), _) => view.$put(id.clone(), new),
                    (None, Some(_)) => drop(view.$remove(id)),
                    (None, None) => {}
                }
            }
        )* }
    };
}

updates! {
    update_track, TrackId, track, put_track, remove_track, |this, id| this.track(id);
    update_clip, ClipId, clip, put_clip, remove_clip, |this, id| this.things.clip(id).and_then(|c| this.clip(c));
    update_take, TakeId, take, put_take, remove_take, |this, id| this.things.take(id).and_then(|t| this.take(t));
    update_comp, CompId, comp_span, put_comp, remove_comp,
        |this, id| this.things.comp_span(id).and_then(|s| this.span(s));
    update_device, DeviceId, device, put_device, remove_device, |this, id| this.device(id);
    update_send, SendId, send, put_send, remove_send, |this, id| this.send(id);
    update_lane, LaneId, lane, put_lane, remove_lane, |this, id| this.things.lane(id).and_then(|l| this.lane(l));
    update_marker, MarkerId, marker, put_marker, remove_marker, |this, id| this.things.marker(id).cloned();
    update_tempo, TempoId, tempo_point, put_tempo, remove_tempo, |this, id| this.things.tempo_point(id).cloned();
    update_meter, MeterId, meter_point, put_meter, remove_meter, |this, id| this.things.meter_point(id).cloned();
    update_media, MediaId, media_file, put_media, remove_media, |this, id| this.things.media_file(id).cloned();
}
