//! A [`MidiFile`] becomes edits.

use omega_session::edit::{
    ClipNotes, Edit, MarkerAdd, MeterAdd, MeterRemove, TempoAdd, TempoRemove, TrackAdd,
};
use omega_session::model::{Project, TrackId, TrackKind};
use omega_time::{SampleRate, Tempo, TempoMap, Ticks, TimePoint, TimeSignature};

use super::{MidiFile, MidiTrack};

/// Where a file goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// All of it onto this track, a clip for each track of the file; new tracks where there is none.
    pub track: Option<TrackId>,
    /// Where it begins.
    pub at: Ticks,
    /// Its tempos and time signatures take the place of those of the session. They are used as they are, so it has to begin
    /// at the start.
    pub tempo: bool,
}

/// The edits that bring `file` into `project`. `name` is for tracks that have none.
#[must_use]
pub fn to_edits(file: &MidiFile, project: &Project, place: &Place, name: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    if place.tempo {
        tempo(file, project, &mut edits);
    }
    for (at, name) in &file.markers {
        edits.push(MarkerAdd::new(TimePoint::Musical(place.at + *at), name).into());
    }
    for (n, track) in file.tracks.iter().enumerate() {
        let name = match (track.name.as_str(), file.tracks.len()) {
            ("", 1) => name.to_owned(),
            ("", _) => format!("{name} {}", n + 1),
            (own, _) => own.to_owned(),
        };
        let on = place.track.clone().unwrap_or_else(|| {
            let id = free_id(project, name.as_str(), n);
            edits.push(TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, &name) }.into());
            id
        });
        edits.push(clip(track, on, place.at, name).into());
    }
    edits
}

/// An id for a new track that follows from what it is, so that a script that is run again makes the same session.
fn free_id(project: &Project, name: &str, n: usize) -> TrackId {
    let plain: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let ids = (0_u32..).map(|salt| match salt {
        0 => format!("{}-{plain}-{}", TrackId::PREFIX, n + 1),
        salt => format!("{}-{plain}-{}-{salt}", TrackId::PREFIX, n + 1),
    });
    let mut ids = ids.filter_map(|text| TrackId::new(&text).ok());
    ids.find(|id| project.track(id).is_none()).unwrap_or_else(TrackId::master)
}

/// All of a track as one clip, from the first bar to its end.
fn clip(track: &MidiTrack, on: TrackId, at: Ticks, name: String) -> ClipNotes {
    let notes = track.notes.iter().map(|note| note.at + note.length);
    let controls = track.controls.iter().map(|control| control.at + Ticks(1));
    let end = notes.chain(controls).max().unwrap_or(Ticks(1)).max(track.end).max(Ticks(1));
    ClipNotes {
        name,
        notes: track.notes.clone(),
        controls: track.controls.clone(),
        ..ClipNotes::new(on, TimePoint::Musical(at), end)
    }
}

fn tempo(file: &MidiFile, project: &Project, edits: &mut Vec<Edit>) {
    edits.extend(project.tempo().keys().map(|id| TempoRemove { id: id.clone() }.into()));
    edits.extend(project.meter().keys().map(|id| MeterRemove { id: id.clone() }.into()));
    let most = TempoMap::MAX_POINTS;
    // What holds before the first tempo of a file is 120 BPM, and 4/4 before its first time signature.
    let first = file.tempo.first().is_none_or(|(at, _)| *at > Ticks::ZERO);
    edits.extend(first.then(|| TempoAdd::new(Ticks::ZERO, Tempo::DEFAULT).into()));
    edits.extend(file.tempo.iter().take(most - 1).map(|(at, tempo)| TempoAdd::new(*at, *tempo).into()));
    let mut bars: Vec<(i64, TimeSignature)> = vec![(1, TimeSignature::COMMON)];
    for (at, signature) in file.meter.iter().take(most - 1) {
        // A time signature begins with a bar: where a file says it in the middle of one, with the next.
        let points: Vec<omega_time::MeterPoint> = bars.iter().map(|point| (*point).into()).collect();
        let start = [omega_time::TempoPoint::constant(Ticks::ZERO, Tempo::DEFAULT)];
        let Ok(map) = TempoMap::new(SampleRate::HZ_48000, &start, &points) else { continue };
        let bar = map.bar_at_or_after(*at).1.bar;
        match bars.last_mut().filter(|(last, _)| *last == bar) {
            Some(last) => last.1 = *signature,
            None => bars.push((bar, *signature)),
        }
    }
    bars.dedup_by_key(|(_, signature)| *signature);
    edits.extend(bars.into_iter().map(|(bar, signature)| MeterAdd::new(bar, signature).into()));
}
