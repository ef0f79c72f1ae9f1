//! Where takes go in a session: the one place that decides it.

use std::collections::BTreeSet;

use omega_media::record::{FinishedTake, Stretch};
use omega_session::document::ApplyError;
use omega_session::edit::{ClipAdd, ClipMute, ClipSplit, Edit, MediaAdd, TrackAdd};
use omega_session::model::{ClipId, MediaId, MediaOrigin, Project, TrackId, TrackKind};
use omega_time::{Frames, TimePoint};

/// Why takes have no place in the session yet. Their files are in its folder, and are offered again.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The session refuses.
    #[error(
        "the takes could not be put into the session ({0}); they are kept and offered again (`omega unfinished`)"
    )]
    Apply(#[from] ApplyError),
}

/// What became of takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The new clips.
    pub clips: Vec<ClipId>,
    /// The media that they play.
    pub media: Vec<MediaId>,
    /// Clips that were there before and are silent now where something was recorded over them: whole, or a part of them.
    pub silenced: Vec<ClipId>,
}

/// Edits that give takes their places, to be applied as one group.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub edits: Vec<Edit>,
    pub kept: Kept,
}

/// Gives each take its place: its audio goes into the pool, and each of its stretches becomes a clip where it was recorded, on
/// its track (on a new one if that is gone).
///
/// Where stretches of a take overlap (passes of a loop) the last whole one is heard and the others are muted. What lay on
/// the track before is muted where something heard was recorded over it; it is split there, and not touched elsewhere.
pub(crate) fn place(project: &Project, takes: &[FinishedTake]) -> Placed {
    let mut placing = Placing {
        project,
        out: Placed::default(),
        pool: project.media().keys().cloned().collect(),
        tracks: project.tracks().keys().cloned().collect(),
        clips: project.clips().keys().cloned().collect(),
    };
    for take in takes {
        placing.take(take);
    }
    placing.out
}

struct Placing<'a> {
    project: &'a Project,
    out: Placed,
    pool: BTreeSet<MediaId>,
    tracks: BTreeSet<TrackId>,
    clips: BTreeSet<ClipId>,
}

impl Placing<'_> {
    fn take(&mut self, take: &FinishedTake) {
        let Ok(media) = MediaId::new(&take.hash.to_string()) else { return };
        let track = self.track(take, &media);
        if self.pool.insert(media.clone()) {
            self.out.edits.push(self.media_add(take, &media).into());
        }
        self.out.kept.media.push(media.clone());
        let heard = heard(&take.log.stretches);
        let spans: Vec<(i64, i64)> =
            heard.iter().map(|s| (s.position, s.position.saturating_add(s.frames))).collect();
        self.silence(&track, &spans);
        let before = self.project.clips_on(&track).count();
        for (number, stretch) in (before + 1..).zip(&take.log.stretches) {
            let id = self.clip_id(&format!("{media}/{track}/{}/{}", stretch.at, stretch.position));
            let add = ClipAdd {
                id: Some(id.clone()),
                length: Some(Frames(stretch.frames)),
                offset: Frames(stretch.at),
                name: format!("{} {number}", short(&take.log.name)),
                ..ClipAdd::new(track.clone(), media.clone(), TimePoint::Absolute(Frames(stretch.position)))
            };
            self.out.edits.push(add.into());
            if !heard.contains(stretch) {
                self.out.edits.push(ClipMute { id: id.clone(), on: true }.into());
            }
            self.out.kept.clips.push(id);
        }
    }

    fn track(&mut self, take: &FinishedTake, media: &MediaId) -> TrackId {
        let is_audio =
            |id: &TrackId| self.project.track(id).is_some_and(|track| track.kind == TrackKind::Audio);
        if let Some(id) = TrackId::new(&take.log.track).ok().filter(is_audio) {
            return id;
        }
        let mut salt = 0;
        loop {
            let hash = blake3::hash(format!("{media}/{}/{salt}", take.log.track).as_bytes()).to_hex();
            match TrackId::new(&format!("{}-{}", TrackId::PREFIX, &hash[..12])) {
                Ok(id) if self.tracks.insert(id.clone()) => {
                    let add = TrackAdd {
                        id: Some(id.clone()),
                        channels: u16::try_from(take.log.channels).ok(),
                        ..TrackAdd::new(TrackKind::Audio, short(&take.log.name))
                    };
                    self.out.edits.push(add.into());
                    return id;
                }
                _ => salt += 1,
            }
        }
    }

    fn media_add(&self, take: &FinishedTake, id: &MediaId) -> MediaAdd {
        let mut origin = MediaOrigin::unknown();
        origin.format = format!("recorded {} UTC", take.log.begun);
        MediaAdd {
            id: id.clone(),
            name: format!("{} {}", short(&take.log.name), take.log.begun),
            file: format!("media/{}", take.file_name),
            channels: u16::try_from(take.log.channels).unwrap_or(u16::MAX),
            frames: Frames(take.frames),
            sample_rate: self.project.sample_rate(),
            origin: Some(origin),
        }
    }

    /// Mutes what is heard on a track within spans of the time line.
    fn silence(&mut self, track: &TrackId, spans: &[(i64, i64)]) {
        let map = self.project.tempo_map();
        let mut parts: Vec<(ClipId, i64, i64)> = self
            .project
            .clips_on(track)
            .filter(|(_, clip)| !clip.mute)
            .map(|(id, clip)| {
                let start = map.frame_of(clip.position).0;
                (id.clone(), start, start + clip.length.0)
            })
            .collect();
        for &(from, to) in spans {
            for (id, start, end) in std::mem::take(&mut parts) {
                if end <= from || to <= start {
                    parts.push((id, start, end));
                    continue;
                }
                let mut middle = id.clone();
                if start < from {
                    middle = self.split(&middle, from);
                    parts.push((id, start, from));
                }
                if to < end {
                    let right = self.split(&middle, to);
                    parts.push((right, to, end));
                }
                self.out.edits.push(ClipMute { id: middle.clone(), on: true }.into());
                self.out.kept.silenced.push(middle);
            }
        }
    }

    /// Splits a clip and gives the right part.
    fn split(&mut self, id: &ClipId, at: i64) -> ClipId {
        let right = self.clip_id(&format!("{id}/{at}"));
        let at = TimePoint::Absolute(Frames(at));
        self.out.edits.push(ClipSplit { id: id.clone(), at, right: Some(right.clone()) }.into());
        right
    }

    /// An id that nothing has, the same for the same session and take.
    fn clip_id(&mut self, seed: &str) -> ClipId {
        let mut salt = 0;
        loop {
            let hash = blake3::hash(format!("{seed}/{salt}").as_bytes()).to_hex();
            match ClipId::new(&format!("{}-{}", ClipId::PREFIX, &hash[..12])) {
                Ok(id) if self.clips.insert(id.clone()) => return id,
                _ => salt += 1,
            }
        }
    }
}

/// The stretches that are heard: of those that overlap the last one that is as long as any, or the last one that does not
/// overlap a longer one.
fn heard(stretches: &[Stretch]) -> Vec<Stretch> {
    let overlap = |a: &Stretch, b: &Stretch| {
        a.position < b.position.saturating_add(b.frames) && b.position < a.position.saturating_add(a.frames)
    };
    let hidden = |index: usize, one: &Stretch| {
        stretches.iter().enumerate().any(|(other_index, other)| {
            let wins =
                if other.frames == one.frames { other_index > index } else { other.frames > one.frames };
            other_index != index && overlap(one, other) && wins
        })
    };
    stretches.iter().enumerate().filter(|(index, one)| !hidden(*index, one)).map(|(_, one)| *one).collect()
}

/// A name that leaves room for a number.
fn short(name: &str) -> &str {
    let end = name.char_indices().nth(200).map_or(name.len(), |(end, _)| end);
    name.get(..end).filter(|name| !name.is_empty()).unwrap_or("Take")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_passes_that_overlap_the_last_whole_one_is_heard() {
        let stretch = |at, position, frames| Stretch { at, position, frames };
        let passes = [stretch(0, 100, 50), stretch(50, 100, 50), stretch(100, 100, 20), stretch(120, 900, 5)];
        assert_eq!(heard(&passes), [passes[1], passes[3]]);
        let punched = [stretch(0, 0, 10), stretch(10, 10, 90)];
        assert_eq!(heard(&punched), punched);
        assert!(heard(&[]).is_empty());
    }
}
