//! Cycles: folders that hold themselves and signals that feed themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::{DeviceId, Output, Project, SendId, TrackId};

/// What carries signal from one track to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cable {
    /// The output of this track.
    Output(TrackId),
    /// This send.
    Send(SendId),
    /// The side-chain of this device.
    Sidechain(DeviceId),
}

impl Project {
    /// Every cable with the track it comes from and the track it goes to, feedback sends left out: first outputs, then
    /// sends, then side-chains, each by id.
    pub(crate) fn cables(&self) -> Vec<(Cable, TrackId, TrackId)> {
        let mut cables = Vec::new();
        for (id, track) in self.tracks() {
            if let Output::Track(target) = &track.output {
                cables.push((Cable::Output(id.clone()), id.clone(), target.clone()));
            }
        }
        for (id, send) in self.sends().iter().filter(|(_, send)| send.feedback_delay.is_none()) {
            cables.push((Cable::Send(id.clone()), send.track.clone(), send.target.clone()));
        }
        for (id, device) in self.devices() {
            if let Some(source) = &device.sidechain {
                cables.push((Cable::Sidechain(id.clone()), source.clone(), device.track.clone()));
            }
        }
        cables.retain(|(_, from, to)| self.track(from).is_some() && self.track(to).is_some());
        cables
    }

    /// A cycle of signal, as the tracks that it runs through; `None` where there is none. Feedback sends do not count.
    #[must_use]
    pub fn signal_cycle(&self) -> Option<Vec<TrackId>> {
        let cables = self.cables();
        let tangle = tangle(&cables);
        // Within a tangle every track leads on to another one of it, so walking on closes a cycle.
        let next: BTreeMap<&TrackId, &TrackId> = cables
            .iter()
            .filter(|(_, from, to)| tangle.contains(from) && tangle.contains(to))
            .map(|(_, from, to)| (from, to))
            .collect();
        let mut walk = vec![*tangle.first()?];
        loop {
            let step = next.get(walk.last()?)?;
            if let Some(start) = walk.iter().position(|seen| seen == step) {
                return Some(walk[start..].iter().map(|id| (*id).clone()).collect());
            }
            walk.push(step);
        }
    }

    /// Folders that hold themselves, as the tracks of each such cycle, the lowest id first.
    #[must_use]
    pub fn folder_cycles(&self) -> Vec<Vec<TrackId>> {
        let mut cycles = Vec::new();
        let mut done: BTreeSet<&TrackId> = BTreeSet::new();
        for start in self.tracks().keys() {
            let mut walk: Vec<&TrackId> = Vec::new();
            let mut here = Some(start);
            while let Some(id) = here.filter(|id| !done.contains(id)) {
                done.insert(id);
                walk.push(id);
                here = self.track(id).and_then(|track| track.parent.as_ref());
                if let Some(place) = here.and_then(|next| walk.iter().position(|seen| *seen == next)) {
                    let mut cycle: Vec<TrackId> = walk[place..].iter().map(|id| (*id).clone()).collect();
                    let lowest = (0..cycle.len()).min_by_key(|&n| &cycle[n]).unwrap_or(0);
                    cycle.rotate_left(lowest);
                    cycles.push(cycle);
                }
            }
        }
        cycles
    }

    /// The cables to cut so that no signal feeds itself: those that would close a cycle when they are laid one after the
    /// other in the order of [`Project::cables`]. The same for every peer.
    pub(crate) fn cables_to_cut(&self) -> Vec<Cable> {
        let cables = self.cables();
        let tangle = tangle(&cables);
        let mut laid: BTreeMap<&TrackId, Vec<&TrackId>> = BTreeMap::new();
        let mut cut = Vec::new();
        for (cable, from, to) in
            cables.iter().filter(|(_, from, to)| tangle.contains(from) && tangle.contains(to))
        {
            if leads(&laid, to, from) {
                cut.push(cable.clone());
            } else {
                laid.entry(from).or_default().push(to);
            }
        }
        cut
    }
}

/// Whether there is a way along the laid cables.
fn leads(laid: &BTreeMap<&TrackId, Vec<&TrackId>>, from: &TrackId, to: &TrackId) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(here) = open.pop() {
        if here == to {
            return true;
        }
        if seen.insert(here) {
            open.extend(laid.get(here).into_iter().flatten().copied());
        }
    }
    false
}

/// The tracks that lie on cycles or between them: what is left when tracks that nothing feeds, and tracks that feed
/// nothing, are taken away again and again. Linear in the number of cables.
fn tangle(cables: &[(Cable, TrackId, TrackId)]) -> BTreeSet<&TrackId> {
    let ends = cables.iter().map(|(_, from, to)| (from, to));
    let forward = peel(ends.clone());
    let inner = ends.filter(|(from, to)| forward.contains(from) && forward.contains(to));
    peel(inner.map(|(from, to)| (to, from)))
}

/// Takes away tracks that nothing leads to, again and again.
fn peel<'a>(edges: impl Iterator<Item = (&'a TrackId, &'a TrackId)>) -> BTreeSet<&'a TrackId> {
    let mut out: BTreeMap<&TrackId, Vec<&TrackId>> = BTreeMap::new();
    let mut fed: BTreeMap<&TrackId, usize> = BTreeMap::new();
    for (from, to) in edges {
        out.entry(from).or_default().push(to);
        fed.entry(from).or_default();
        *fed.entry(to).or_default() += 1;
    }
    let mut open: Vec<&TrackId> = fed.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(here) = open.pop() {
        fed.remove(here);
        for to in out.get(here).into_iter().flatten() {
            if let Some(count) = fed.get_mut(to) {
                *count -= 1;
                if *count == 0 {
                    open.push(to);
                }
            }
        }
    }
    fed.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use omega_time::SampleRate;

    use super::*;
    use crate::model::{Device, Send, Track, TrackKind};

    fn id(n: u64) -> TrackId {
        TrackId::new(&format!("b{n}")).unwrap()
    }

    /// The oracle: every simple way from every track.
    fn has_cycle(cables: &[(Cable, TrackId, TrackId)]) -> bool {
        let mut laid: BTreeMap<&TrackId, Vec<&TrackId>> = BTreeMap::new();
        cables.iter().for_each(|(_, from, to)| laid.entry(from).or_default().push(to));
        cables.iter().any(|(_, from, to)| leads(&laid, to, from))
    }

    #[test]
    fn cycles_are_found_where_there_are_some_and_cut_so_that_none_is_left() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut with, mut without) = (0, 0);
        for _ in 0..400 {
            let tracks = 2 + random(7);
            let mut project = Project::new("", SampleRate::HZ_48000);
            for n in 0..tracks {
                let mut track = Track::new(TrackKind::Bus, "");
                if random(2) == 0 {
                    track.output = Output::Track(id(random(tracks)));
                }
                project.put_track(id(n), track);
            }
            for n in 0..random(5) {
                let send = Send::new(id(random(tracks)), id(random(tracks)));
                project.put_send(SendId::new(&format!("s{n}")).unwrap(), send);
            }
            for n in 0..random(3) {
                let mut device = Device::new(id(random(tracks)), "omega.compressor");
                device.sidechain = Some(id(random(tracks)));
                project.put_device(DeviceId::new(&format!("d{n}")).unwrap(), device);
            }
            let cables = project.cables();
            let cycle = project.signal_cycle();
            assert_eq!(cycle.is_some(), has_cycle(&cables));
            if let Some(cycle) = cycle {
                with += 1;
                for (n, from) in cycle.iter().enumerate() {
                    let to = &cycle[(n + 1) % cycle.len()];
                    assert!(cables.iter().any(|(_, a, b)| a == from && b == to), "{from} does not feed {to}");
                }
            } else {
                without += 1;
            }
            let cut = project.cables_to_cut();
            let left: Vec<_> = cables.iter().filter(|(cable, _, _)| !cut.contains(cable)).cloned().collect();
            assert!(!has_cycle(&left));
            // Nothing is cut without need: laying any one of them again closes a cycle.
            for cable in cables.iter().filter(|(cable, _, _)| cut.contains(cable)) {
                let mut more = left.clone();
                more.push(cable.clone());
                assert!(has_cycle(&more));
            }
        }
        assert!(with > 50 && without > 50, "{with} with, {without} without");
    }

    #[test]
    fn a_feedback_send_closes_no_cycle_and_folders_do() {
        let mut project = Project::new("", SampleRate::HZ_48000);
        for n in 0..4 {
            let mut track = Track::new(TrackKind::Folder, "");
            track.parent = [None, Some(id(2)), Some(id(3)), Some(id(1))][usize::try_from(n).unwrap()].clone();
            project.put_track(id(n), track);
        }
        assert_eq!(project.folder_cycles(), [[id(1), id(2), id(3)]]);
        let send = SendId::new("s").unwrap();
        project.put_send(send.clone(), Send::new(id(0), id(0)));
        assert_eq!(project.signal_cycle(), Some(vec![id(0)]));
        let feedback = Send { feedback_delay: Some(omega_time::Frames(64)), ..Send::new(id(0), id(0)) };
        project.put_send(send, feedback);
        assert_eq!(project.signal_cycle(), None);
    }
}
