//! Who is heard: mute, solo, and what the cue listens to.

use std::collections::{BTreeMap, BTreeSet};

use omega_session::model::{Output, Project, Track, TrackId, TrackKind};

/// Which tracks are silenced, and why.
#[derive(Debug, Default)]
pub(crate) struct Audible {
    /// Muted by hand, or inside a muted folder.
    pub muted: BTreeSet<TrackId>,
    /// Silent because something else is soloed.
    pub solo_muted: BTreeSet<TrackId>,
}

/// Mute and solo of all tracks.
///
/// While anything is soloed, a track is heard when it is soloed, lies in a soloed folder, is solo-safe, or lies on the
/// way of the sound: it feeds something soloed, or something soloed feeds it. The master and cues are always heard.
pub(crate) fn audible(project: &Project) -> Audible {
    let inside = |track: &Track, says: fn(&Track) -> bool| {
        let mut next = track.parent.clone();
        // Folders may not form a cycle; the count is only a bound on damaged documents.
        for _ in 0..project.tracks().len() {
            let Some(folder) = next.and_then(|id| project.track(&id)) else { return false };
            if folder.kind == TrackKind::Folder && says(folder) {
                return true;
            }
            next = folder.parent.clone();
        }
        false
    };
    let of = |says: fn(&Track) -> bool| -> BTreeSet<TrackId> {
        let list = project.tracks().iter().filter(|(_, track)| says(track) || inside(track, says));
        list.map(|(id, _)| id.clone()).collect()
    };
    let muted = of(|track| track.mute);
    let soloed = of(|track| track.solo);
    if soloed.is_empty() {
        return Audible { muted, solo_muted: BTreeSet::new() };
    }
    let (down, up) = cables(project);
    let mut heard = reach(&soloed, &down);
    heard.extend(reach(&soloed, &up));
    let silent = |(id, track): &(&TrackId, &std::sync::Arc<Track>)| {
        !heard.contains(*id) && !track.solo_safe && !matches!(track.kind, TrackKind::Master | TrackKind::Cue)
    };
    let solo_muted = project.tracks().iter().filter(silent).map(|(id, _)| id.clone()).collect();
    Audible { muted, solo_muted }
}

type Cables = BTreeMap<TrackId, Vec<TrackId>>;

/// From each track to where it leads, and back.
fn cables(project: &Project) -> (Cables, Cables) {
    let (mut down, mut up) = (Cables::new(), Cables::new());
    let mut add = |from: &TrackId, to: &TrackId| {
        down.entry(from.clone()).or_default().push(to.clone());
        up.entry(to.clone()).or_default().push(from.clone());
    };
    for (id, track) in project.tracks() {
        if let Output::Track(to) = &track.output {
            add(id, to);
        }
    }
    for send in project.sends().values() {
        add(&send.track, &send.target);
    }
    (down, up)
}

fn reach(from: &BTreeSet<TrackId>, cables: &Cables) -> BTreeSet<TrackId> {
    let mut seen = from.clone();
    let mut open: Vec<TrackId> = from.iter().cloned().collect();
    while let Some(id) = open.pop() {
        for next in cables.get(&id).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}
