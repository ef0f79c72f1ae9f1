//! Repairing what merging can break although each side was right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cycle::Cable;
use super::{Device, Output, Project, Send, Track};

impl Project {
    /// This project without what two people can make together but neither could alone: folders that hold each other,
    /// signals that run in a circle, cables laid twice, two tempos or time signatures at one place, two lanes for one
    /// parameter, two takes over one stretch of a comp.
    ///
    /// The result depends on nothing but this value, so every peer that merged the same edits repairs them alike, and a
    /// repaired project is left as it is. Of twins the one with the lowest id stays; a circle is cut at side-chains
    /// before sends before outputs; an output that is cut goes to the master. Of spans of a comp that overlap, the one that
    /// starts later sounds, and the other goes on behind it.
    #[must_use]
    pub fn repaired(&self) -> Self {
        let mut project = self.clone();
        project.open_folders();
        project.cut_circles();
        project.drop_twins();
        project.part_comp();
        project
    }

    fn open_folders(&mut self) {
        for cycle in self.folder_cycles() {
            if let Some((id, track)) = cycle.first().and_then(|id| Some((id, self.track(id)?))) {
                let track = Track { parent: None, ..Track::clone(track) };
                self.put_track(id.clone(), track);
            }
        }
    }

    fn cut_circles(&mut self) {
        // An output that is cut goes to the master, which can close a circle through a send of the master; that send is
        // cut in the next turn, and no output is cut twice.
        loop {
            let cut = self.cables_to_cut();
            if cut.is_empty() {
                return;
            }
            for cable in cut {
                match cable {
                    Cable::Output(id) => {
                        if let Some(track) = self.track(&id) {
                            let track = Track { output: Output::master(), ..Track::clone(track) };
                            self.put_track(id, track);
                        }
                    }
                    Cable::Send(id) => drop(self.remove_send(&id)),
                    Cable::Sidechain(id) => {
                        if let Some(device) = self.device(&id) {
                            let device = Device { sidechain: None, ..Device::clone(device) };
                            self.put_device(id, device);
                        }
                    }
                }
            }
        }
    }

    fn drop_twins(&mut self) {
        let mut kept: BTreeMap<_, Vec<Arc<Send>>> = BTreeMap::new();
        for (id, send) in self.sends().clone() {
            let between = kept.entry((send.track.clone(), send.target.clone())).or_default();
            if between.iter().any(|other| other.is_twin_of(&send)) {
                self.remove_send(&id);
            } else {
                between.push(send);
            }
        }
        let mut places = BTreeSet::new();
        for (id, point) in self.tempo().clone() {
            if !places.insert(point.at) {
                self.remove_tempo(&id);
            }
        }
        let mut bars = BTreeSet::new();
        for (id, point) in self.meter().clone() {
            if !bars.insert(point.bar) {
                self.remove_meter(&id);
            }
        }
        let mut targets = BTreeSet::new();
        for (id, lane) in self.lanes().clone() {
            if !targets.insert(lane.target.clone()) {
                self.remove_lane(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use omega_time::{SampleRate, Tempo, Ticks, TimeSignature};

    use super::*;
    use crate::model::{
        DeviceId, Lane, LaneId, MeterId, MeterPoint, ParamTarget, SendId, TempoId, TempoPoint, TrackId,
        TrackKind, TrackParam,
    };

    fn id(text: &str) -> TrackId {
        TrackId::new(text).unwrap()
    }

    #[test]
    fn what_merging_breaks_is_repaired_once() {
        let mut project = Project::new("", SampleRate::HZ_48000);
        for (name, parent) in [("f", "g"), ("g", "f")] {
            let mut folder = Track::new(TrackKind::Folder, "");
            folder.parent = Some(id(parent));
            project.put_track(id(name), folder);
        }
        for (name, output) in [("a", "b"), ("b", "c"), ("c", "a")] {
            let mut bus = Track::new(TrackKind::Bus, "");
            bus.output = Output::Track(id(output));
            project.put_track(id(name), bus);
        }
        for (send, from, to) in [("s2", "a", "master"), ("s1", "a", "master"), ("s3", "master", "a")] {
            project.put_send(SendId::new(send).unwrap(), Send::new(id(from), id(to)));
        }
        let mut device = Device::new(id("a"), "omega.compressor");
        device.sidechain = Some(id("master"));
        project.put_device(DeviceId::new("d").unwrap(), device);
        for name in ["x", "y"] {
            project.put_tempo(TempoId::new(name).unwrap(), TempoPoint::new(Ticks(0), Tempo::DEFAULT));
            project.put_meter(MeterId::new(name).unwrap(), MeterPoint::new(1, TimeSignature::COMMON));
            let target = ParamTarget::Track(id("a"), TrackParam::Pan);
            project.put_lane(LaneId::new(name).unwrap(), Lane::new(target));
        }
        let repaired = project.repaired();
        assert_eq!(repaired.signal_cycle(), None);
        assert!(repaired.folder_cycles().is_empty());
        let changes: Vec<String> = project
            .changes_to(&repaired)
            .iter()
            .map(|change| format!("{} {}", change.path, change.value.clone().unwrap_or_default()))
            .collect();
        let expected = [
            "devices.d.sidechain null",
            "lanes.y.deleted true",
            "meter.y.deleted true",
            "sends.s2.deleted true",
            "sends.s3.deleted true",
            "tempo.y.deleted true",
            "tracks.c.output null",
            "tracks.f.parent null",
        ];
        assert_eq!(changes, expected);
        assert_eq!(repaired.repaired(), repaired);
    }
}
