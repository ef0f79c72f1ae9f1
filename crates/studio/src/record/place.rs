//! Where takes go in a session: the one place that decides it.

use std::collections::BTreeSet;

use omega_media::record::{FinishedTake, NoteTake, Stretch};
use omega_session::document::ApplyError;
use omega_session::edit::{
    ClipAdd, ClipNotes, ClipSplit, ClipTake, CompSet, Edit, MediaAdd, TakeAdd, TrackAdd,
};
use omega_session::model::{
    COMP_FADE, ClipId, CompId, MediaId, MediaOrigin, Project, TakeId, TrackId, TrackKind,
};
use omega_time::{Frames, Ticks, TimePoint, TimeRange};

use super::notes::{controls, notes, tick_at};
use super::passes::{Span, end, heard, lay_over, overlap, passes, spare_the_ends};

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
    /// The new takes that the clips are in, one for each pass; none where nothing lay there and nothing was repeated.
    pub takes: Vec<TakeId>,
    /// Clips that were there before and are not heard now where something was recorded over them: whole, or a part of them.
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
/// Where nothing lay and no pass lies over another these are clips of the track itself. Else each pass becomes a take of the
/// track, the comp lets the last whole one be heard where it was recorded, and the clips of the track that it lies over become a
/// take as well, heard wherever nothing was recorded. All of them can be chosen again. So it is with MIDI, whose stretches become
/// clips of notes.
pub(crate) fn place(project: &Project, takes: &[FinishedTake], notes: &[NoteTake]) -> Placed {
    let mut placing = Placing {
        project,
        out: Placed::default(),
        pool: project.media().keys().cloned().collect(),
        ids: BTreeSet::new(),
    };
    for take in takes {
        placing.take(take);
    }
    for take in notes {
        placing.notes(take);
    }
    placing.out
}

/// Whether a take of MIDI has its place already: its log could only not be removed any more.
pub(crate) fn has_notes(project: &Project, take: &NoteTake) -> bool {
    let first = take.log.stretches.first();
    let id = first.and_then(|stretch| {
        ClipId::new(&id_of(ClipId::PREFIX, &note_seed(take, 0, stretch.position), 0)).ok()
    });
    id.is_some_and(|id| project.clip(&id).is_some_and(|clip| clip.has_notes()))
}

/// What the id of a clip of notes is made from; the same for everybody who places this take.
fn note_seed(take: &NoteTake, number: usize, position: i64) -> String {
    let file = take.file.file_name().unwrap_or_default().to_string_lossy();
    format!("notes/{file}/{}/{number}/{position}", take.log.begun)
}

struct Placing<'a> {
    project: &'a Project,
    out: Placed,
    pool: BTreeSet<MediaId>,
    /// Ids that are given already.
    ids: BTreeSet<String>,
}

/// A clip on the time line.
#[derive(Clone, Debug)]
struct Part {
    id: ClipId,
    start: i64,
    end: i64,
}

impl Part {
    fn meets(&self, from: i64, to: i64) -> bool {
        self.start < to && from < self.end
    }
}

/// What is recorded: clips of media and clips of notes do not get into each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    Sound,
    Notes,
}

impl Matter {
    /// The longest fade from one take to another. Notes begin and end; they do not fade.
    fn fade(self) -> Frames {
        match self {
            Self::Sound => COMP_FADE,
            Self::Notes => Frames(0),
        }
    }
}

impl Placing<'_> {
    fn take(&mut self, take: &FinishedTake) {
        let Ok(media) = MediaId::new(&take.hash.to_string()) else { return };
        let track = self.track(take, &media);
        if self.pool.insert(media.clone()) {
            self.out.edits.push(self.media_add(take, &media).into());
        }
        self.out.kept.media.push(media.clone());
        let clip = |this: &mut Self, stretch: &Stretch, of: Option<&TakeId>| {
            this.clip(take, &media, &track, stretch, of);
        };
        self.lay(&track, Matter::Sound, &take.log.stretches, media.as_str(), clip);
    }

    fn notes(&mut self, take: &NoteTake) {
        let track = self.track_for(&take.log.track, &take.log.name, &note_seed(take, 0, 0), None);
        // Like those of sound; `at` says which stretch it is.
        let stretch = |(number, one): (i64, &omega_media::record::NoteStretch)| Stretch {
            at: number,
            position: one.position,
            frames: one.end - one.position,
        };
        let stretches: Vec<Stretch> = (0..).zip(&take.log.stretches).map(stretch).collect();
        let clip = |this: &mut Self, stretch: &Stretch, of: Option<&TakeId>| {
            this.note_clip(take, &track, stretch, of);
        };
        self.lay(&track, Matter::Notes, &stretches, &note_seed(take, 0, 0), clip);
    }

    /// Makes clips of stretches with `clip`, and takes of them where they lie over each other or over something.
    fn lay(
        &mut self,
        track: &TrackId,
        matter: Matter,
        stretches: &[Stretch],
        seed: &str,
        mut clip: impl FnMut(&mut Self, &Stretch, Option<&TakeId>),
    ) {
        if !overlap(stretches) && !self.lies_there(track, matter, stretches) {
            stretches.iter().for_each(|stretch| clip(self, stretch, None));
            return;
        }
        let heard = heard(stretches);
        self.note_silenced(track, matter, &heard);
        let mut comp = self.comp_of(track);
        self.make_way(track, matter, &heard, &mut comp);
        for pass in passes(stretches) {
            let made = self.new_take(track, &format!("{seed}/{:?}", pass.first()));
            for stretch in pass {
                clip(self, stretch, Some(&made));
            }
            for stretch in heard.iter().filter(|stretch| pass.contains(stretch)) {
                lay_over(&mut comp, &made, (stretch.position, end(stretch)), matter.fade());
            }
            self.out.kept.takes.push(made);
        }
        spare_the_ends(&mut comp);
        for span in comp.iter().filter(|span| span.fresh) {
            self.comp_set(span);
        }
    }

    /// A stretch becomes a clip.
    fn clip(
        &mut self,
        take: &FinishedTake,
        media: &MediaId,
        track: &TrackId,
        stretch: &Stretch,
        of: Option<&TakeId>,
    ) {
        let id = self.clip_id(&format!("{media}/{track}/{}/{}", stretch.at, stretch.position));
        let number = self.clips_so_far(track);
        let add = ClipAdd {
            id: Some(id.clone()),
            take: of.cloned(),
            length: Some(Frames(stretch.frames)),
            offset: Frames(stretch.at),
            name: format!("{} {number}", short(&take.log.name)),
            ..ClipAdd::new(track.clone(), media.clone(), TimePoint::Absolute(Frames(stretch.position)))
        };
        self.out.edits.push(add.into());
        self.out.kept.clips.push(id);
    }

    /// A stretch of MIDI becomes a clip of notes.
    fn note_clip(&mut self, take: &NoteTake, track: &TrackId, stretch: &Stretch, of: Option<&TakeId>) {
        let number = usize::try_from(stretch.at).unwrap_or(0);
        let Some(played) = take.log.stretches.get(number) else { return };
        let map = self.project.tempo_map();
        let start = tick_at(&map, played.position);
        let id = self.clip_id(&note_seed(take, number, played.position));
        let name = format!("{} {}", short(&take.log.name), self.clips_so_far(track));
        let length = Ticks((tick_at(&map, played.end) - start).0.max(1));
        let out = notes(played);
        let add = ClipNotes {
            id: Some(id.clone()),
            take: of.cloned(),
            name,
            notes: out.values(&map, start),
            controls: controls(&out, &map, start),
            ..ClipNotes::new(track.clone(), TimePoint::Musical(start), length)
        };
        self.out.edits.push(add.into());
        self.out.kept.clips.push(id);
    }

    /// The number of the next clip on a track.
    fn clips_so_far(&self, track: &TrackId) -> usize {
        self.project.clips_on(track).count() + self.out.kept.clips.len() + 1
    }

    fn new_take(&mut self, track: &TrackId, seed: &str) -> TakeId {
        let project = self.project;
        let id = self
            .fresh(TakeId::PREFIX, seed, |id| TakeId::new(id).ok().filter(|id| project.take(id).is_none()));
        self.out.edits.push(TakeAdd { id: Some(id.clone()), ..TakeAdd::new(track.clone()) }.into());
        id
    }

    fn comp_set(&mut self, span: &Span) {
        let project = self.project;
        let seed = format!("{}/{}/{}", span.take, span.from, span.to);
        let id = self.fresh(CompId::PREFIX, &seed, |id| {
            CompId::new(id).ok().filter(|id| project.comp_span(id).is_none())
        });
        let range = TimeRange::Absolute { start: Frames(span.from), end: Frames(span.to) };
        let set =
            CompSet { id: Some(id), fade: Some(Frames(span.fade)), ..CompSet::new(span.take.clone(), range) };
        self.out.edits.push(set.into());
    }

    // --- What was there -------------------------------------------------------------------------------------------

    /// Whether something that could be heard, or takes, lie where it was recorded.
    fn lies_there(&self, track: &TrackId, matter: Matter, stretches: &[Stretch]) -> bool {
        let parts = self.parts(track, matter, |clip| !clip.mute);
        stretches.iter().any(|stretch| parts.iter().any(|part| part.meets(stretch.position, end(stretch))))
    }

    /// Clips of a track that hold this and are as asked.
    fn parts(
        &self,
        track: &TrackId,
        matter: Matter,
        wanted: impl Fn(&omega_session::model::Clip) -> bool,
    ) -> Vec<Part> {
        let map = self.project.tempo_map();
        let notes = matter == Matter::Notes;
        let clips =
            self.project.clips_on(track).filter(|(_, clip)| clip.has_notes() == notes && wanted(clip));
        let part = |(id, clip): (&ClipId, &std::sync::Arc<omega_session::model::Clip>)| {
            let start = map.frame_of(clip.position).0;
            Part { id: id.clone(), start, end: clip.end(&map).0 }
        };
        clips.map(part).collect()
    }

    fn note_silenced(&mut self, track: &TrackId, matter: Matter, heard: &[Stretch]) {
        let over = |from: Frames, to: Frames| {
            heard.iter().any(|stretch| from.0 < end(stretch) && stretch.position < to.0)
        };
        let before = match matter {
            Matter::Sound => self.project.heard_on(track),
            Matter::Notes => self.project.notes_on(track),
        };
        let silenced = before.into_iter().filter(|part| !part.muted && over(part.start, part.end));
        let silenced: BTreeSet<ClipId> = silenced.map(|part| part.clip).collect();
        self.out.kept.silenced.extend(silenced);
    }

    /// The comp of a track as it is.
    fn comp_of(&self, track: &TrackId) -> Vec<Span> {
        let map = self.project.tempo_map();
        let spans = self.project.comp_on(track).map(|(_, span)| {
            let from = map.frame_of(span.start).0;
            let (take, to, fade) = (span.take.clone(), from.saturating_add(span.length.0), span.fade.0);
            Span { take, from, to, fade, fresh: false }
        });
        let mut spans: Vec<Span> = spans.collect();
        spans.sort_by_key(|span| span.from);
        spans
    }

    /// Clips of the track itself that something was recorded over become a take, heard where they were heard. One that lies over
    /// a comp is split, so that what is heard of both elsewhere stays.
    fn make_way(&mut self, track: &TrackId, matter: Matter, heard: &[Stretch], comp: &mut Vec<Span>) {
        let under = |part: &Part| heard.iter().any(|stretch| part.meets(stretch.position, end(stretch)));
        let parts: Vec<Part> = self
            .parts(track, matter, |clip| clip.take.is_none() && !clip.mute)
            .into_iter()
            .filter(|part| under(part))
            .collect();
        if parts.is_empty() {
            return;
        }
        let seed: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        let earlier = self.new_take(track, &format!("earlier/{}", seed.join("/")));
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for part in parts {
            if comp.iter().any(|span| part.meets(span.from, span.to)) {
                for middle in self.cut_out(part, heard) {
                    self.put_into_take(middle, &earlier);
                }
            } else {
                spans.push((part.start, part.end));
                self.put_into_take(part.id, &earlier);
            }
        }
        spans.sort_unstable();
        for (from, to) in spans {
            match comp.last_mut().filter(|last| last.take == earlier && from <= last.to) {
                Some(last) => last.to = last.to.max(to),
                None => comp.push(Span { take: earlier.clone(), from, to, fade: 0, fresh: true }),
            }
        }
        comp.sort_by_key(|span| span.from);
    }

    fn put_into_take(&mut self, id: ClipId, take: &TakeId) {
        self.out.edits.push(ClipTake { id, take: Some(take.clone()) }.into());
    }

    /// Splits a clip where something heard begins and ends; gives the parts under it.
    fn cut_out(&mut self, part: Part, heard: &[Stretch]) -> Vec<ClipId> {
        let (mut left, mut under) = (vec![part], Vec::new());
        for stretch in heard {
            let (from, to) = (stretch.position, end(stretch));
            for part in std::mem::take(&mut left) {
                if !part.meets(from, to) {
                    left.push(part);
                    continue;
                }
                let mut middle = part.id.clone();
                if part.start < from {
                    let right = self.split(&middle, from);
                    left.push(Part { id: middle, start: part.start, end: from });
                    middle = right;
                }
                if to < part.end {
                    let right = self.split(&middle, to);
                    left.push(Part { id: right, start: to, end: part.end });
                }
                under.push(middle);
            }
        }
        under
    }

    /// Splits a clip and gives the right part.
    fn split(&mut self, id: &ClipId, at: i64) -> ClipId {
        let right = self.clip_id(&format!("{id}/{at}"));
        let at = TimePoint::Absolute(Frames(at));
        self.out.edits.push(ClipSplit { id: id.clone(), at, right: Some(right.clone()) }.into());
        right
    }

    // --- Tracks, media, names -------------------------------------------------------------------------------------

    fn track(&mut self, take: &FinishedTake, media: &MediaId) -> TrackId {
        let channels = u16::try_from(take.log.channels).ok();
        self.track_for(&take.log.track, &take.log.name, media.as_str(), channels)
    }

    /// The track of a take, or a new one if that is gone.
    fn track_for(&mut self, track: &str, name: &str, seed: &str, channels: Option<u16>) -> TrackId {
        let project = self.project;
        let is_audio = |id: &TrackId| project.track(id).is_some_and(|track| track.kind == TrackKind::Audio);
        if let Some(id) = TrackId::new(track).ok().filter(is_audio) {
            return id;
        }
        let id = self.fresh(TrackId::PREFIX, &format!("{seed}/{track}"), |id| {
            TrackId::new(id).ok().filter(|id| project.track(id).is_none())
        });
        let add = TrackAdd { id: Some(id.clone()), channels, ..TrackAdd::new(TrackKind::Audio, short(name)) };
        self.out.edits.push(add.into());
        id
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

    fn clip_id(&mut self, seed: &str) -> ClipId {
        let project = self.project;
        self.fresh(ClipId::PREFIX, seed, |id| ClipId::new(id).ok().filter(|id| project.clip(id).is_none()))
    }

    /// An id that nothing has, the same for the same session and take.
    fn fresh<Id>(&mut self, prefix: &str, seed: &str, free: impl Fn(&str) -> Option<Id>) -> Id {
        let mut salt = 0_u32;
        loop {
            let text = id_of(prefix, seed, salt);
            if let Some(id) = free(&text).filter(|_| !self.ids.contains(&text)) {
                self.ids.insert(text);
                return id;
            }
            salt += 1;
        }
    }
}

/// The text of an id that is made from something.
fn id_of(prefix: &str, seed: &str, salt: u32) -> String {
    let hash = blake3::hash(format!("{seed}/{salt}").as_bytes()).to_hex();
    format!("{prefix}-{}", &hash[..12])
}

/// A name that leaves room for a number.
fn short(name: &str) -> &str {
    let end = name.char_indices().nth(200).map_or(name.len(), |(end, _)| end);
    name.get(..end).filter(|name| !name.is_empty()).unwrap_or("Take")
}
