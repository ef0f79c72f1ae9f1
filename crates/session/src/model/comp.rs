//! What is heard of a track that has takes: the comp, in frames.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omega_time::{Frames, TempoMap, Ticks, TimeBase, TimePoint};

use super::{Clip, ClipId, CompId, CompSpan, Project, TakeId, TrackId, limits};

/// A part of a clip that is heard, on the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The clip.
    pub clip: ClipId,
    /// The first frame of the time line at which it is heard.
    pub start: Frames,
    /// The first one at which it is heard no more.
    pub end: Frames,
    /// The fade at its start that the comp asks for, beside that of the clip.
    pub fade_in: CompEdge,
    /// The fade at its end that the comp asks for.
    pub fade_out: CompEdge,
    /// It keeps its place but is silent: the clip or its take is muted.
    pub muted: bool,
}

/// An equal-power fade of a comp, which can reach beyond the part of a clip that it is asked of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompEdge {
    /// All of its frames; 0 for none.
    pub length: Frames,
    /// Those that lie outside: before the part where it fades in, behind it where it fades out. Other clips sound there.
    pub outside: Frames,
}

/// A stretch of the time line over which one take sounds. Spans of one take that touch are one stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    take: TakeId,
    start: Frames,
    end: Frames,
    /// What its first span says of the fade at the start.
    fade_in: Frames,
    /// What its last span says of the fade at the end.
    fade_out: Frames,
}

/// Where a take sounds, its fades included: `start .. end`, rising over the first `fade_in` frames and falling over the
/// last `fade_out`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    start: Frames,
    end: Frames,
    fade_in: Frames,
    fade_out: Frames,
}

/// Where stretches begin, and where they end.
type Ends = (BTreeSet<Frames>, BTreeSet<Frames>);

/// The fade of a clip that begins (or ends) `inside` frames within a window, whose fade has `length` frames. `alone`: nothing of
/// its take goes before (or on).
fn edge(inside: Frames, length: Frames, alone: bool) -> CompEdge {
    let inside = inside.max(Frames(0));
    match length - inside {
        Frames(..=0) => CompEdge::default(),
        rest if alone => CompEdge { length: rest, outside: Frames(0) },
        _ => CompEdge { length, outside: inside },
    }
}

impl Project {
    /// What is heard of a track's clips of media, in no particular order. For those of notes see [`Project::notes_on`].
    ///
    /// A clip without take is heard whole. Of one in a take those parts are heard over which the comp names the take:
    ///
    /// - Where two spans with different takes touch, the first sounds on and the second begins earlier, each by half of the
    ///   second one's fade; over it they cross with equal power. Such a fade is never longer than either of its spans.
    /// - Where a span begins or ends and no other touches it, its fade lies inside, over at most half of it.
    /// - Where spans of one take touch nothing is to be heard of it.
    /// - A clip that begins or ends within a fade, where no other of its take goes before or on, fades over what is left of
    ///   that; clips that touch share the fade.
    #[must_use]
    pub fn heard_on(&self, track: &TrackId) -> Vec<Heard> {
        let map = self.tempo_map();
        let windows = windows(&self.stretches(track, &map));
        let ends = self.ends_of_takes(track, &map);
        let none = CompEdge::default();
        let mut heard = Vec::new();
        for (id, clip) in self.clips_on(track).filter(|(_, clip)| !clip.has_notes()) {
            let start = map.frame_of(clip.position);
            let (end, clip_id) = (clip.end(&map), id.clone());
            let Some(take) = &clip.take else {
                let (fade_in, fade_out, muted) = (none, none, clip.mute);
                heard.push(Heard { clip: clip_id, start, end, fade_in, fade_out, muted });
                continue;
            };
            let muted = clip.mute || self.take(take).is_none_or(|take| take.mute);
            let list = windows.get(take).map_or(&[][..], Vec::as_slice);
            let first = list.partition_point(|window| window.end <= start);
            let meets = list[first..].iter().take_while(|window| window.start < end);
            let alone = ends.get(take).map_or((true, true), |(starts, ends)| {
                (clip.mute || starts.contains(&start), clip.mute || ends.contains(&end))
            });
            heard.extend(meets.map(|window| Heard {
                clip: clip_id.clone(),
                start: start.max(window.start),
                end: end.min(window.end),
                fade_in: edge(start - window.start, window.fade_in, alone.0),
                fade_out: edge(window.end - end, window.fade_out, alone.1),
                muted,
            }));
        }
        heard
    }

    /// What is heard of a track's clips of notes, in no particular order: those without take whole, and of those in a take what
    /// starts where the comp names it. Notes are not cross-faded: at a seam those of one take end and those of the other begin.
    #[must_use]
    pub fn notes_on(&self, track: &TrackId) -> Vec<Heard> {
        let map = self.tempo_map();
        let stretches = self.stretches(track, &map);
        let mut heard = Vec::new();
        for (id, clip) in self.clips_on(track).filter(|(_, clip)| clip.has_notes()) {
            let (start, end) = (map.frame_of(clip.position), clip.end(&map));
            let mut add = |start, end, muted| {
                let (clip, none) = (id.clone(), CompEdge::default());
                heard.push(Heard { clip, start, end, fade_in: none, fade_out: none, muted });
            };
            let Some(take) = &clip.take else {
                add(start, end, clip.mute);
                continue;
            };
            let muted = clip.mute || self.take(take).is_none_or(|take| take.mute);
            for stretch in stretches.iter().filter(|stretch| stretch.take == *take) {
                let (start, end) = (start.max(stretch.start), end.min(stretch.end));
                if start < end {
                    add(start, end, muted);
                }
            }
        }
        heard
    }

    /// Of each take of a track, where stretches without a gap begin and where they end.
    fn ends_of_takes(&self, track: &TrackId, map: &TempoMap) -> BTreeMap<TakeId, Ends> {
        let mut clips: BTreeMap<&TakeId, Vec<(Frames, Frames)>> = BTreeMap::new();
        let sounding = |clip: &&Arc<Clip>| !clip.mute && !clip.has_notes();
        for clip in self.clips_on(track).map(|(_, clip)| clip).filter(sounding) {
            let start = map.frame_of(clip.position);
            if let Some(take) = &clip.take {
                clips.entry(take).or_default().push((start, clip.end(map)));
            }
        }
        let joined = |mut clips: Vec<(Frames, Frames)>| {
            clips.sort();
            let (mut ends, mut reach) = (Ends::default(), None::<Frames>);
            for (start, end) in clips {
                if reach.is_none_or(|reach| reach < start) {
                    ends.0.insert(start);
                    ends.1.extend(reach);
                }
                reach = Some(reach.map_or(end, |reach| reach.max(end)));
            }
            ends.1.extend(reach);
            ends
        };
        clips.into_iter().map(|(take, clips)| (take.clone(), joined(clips))).collect()
    }

    /// Where a take's clips lie: from the start of the first to the end of the last. `None` where it has none.
    #[must_use]
    pub fn extent_of_take(&self, id: &TakeId) -> Option<(Frames, Frames)> {
        let map = self.tempo_map();
        let ends = |clip: &Clip| {
            let start = map.frame_of(clip.position);
            (start, clip.end(&map))
        };
        let clips = self.clips_in(id).map(|(_, clip)| ends(clip));
        clips.reduce(|(start, end), (first, last)| (start.min(first), end.max(last)))
    }

    /// The spans of a track with the frames they lie on, by place; where some overlap, as they are meant (see [`pieces`]).
    pub(crate) fn comp_in_frames(&self, track: &TrackId, map: &TempoMap) -> Vec<(CompId, Frames, Frames)> {
        let spans: Vec<(&CompId, Frames, Frames)> = self
            .comp_on(track)
            .map(|(id, span)| {
                let start = map.frame_of(span.start);
                (id, start, start + span.length)
            })
            .collect();
        pieces(&spans).into_iter().map(|(n, start, end)| (spans[n].0.clone(), start, end)).collect()
    }

    fn stretches(&self, track: &TrackId, map: &TempoMap) -> Vec<Stretch> {
        let mut list: Vec<Stretch> = Vec::new();
        for (id, start, end) in self.comp_in_frames(track, map) {
            let Some(span) = self.comp_span(&id) else { continue };
            match list.last_mut().filter(|last| last.end == start && last.take == span.take) {
                Some(last) => (last.end, last.fade_out) = (end, span.fade),
                None => {
                    let (take, fade) = (span.take.clone(), span.fade);
                    list.push(Stretch { take, start, end, fade_in: fade, fade_out: fade });
                }
            }
        }
        list
    }

    /// This project with spans that do not overlap; the same for everybody.
    pub(super) fn part_comp(&mut self) {
        let map = self.tempo_map();
        let tracks: BTreeSet<TrackId> = self.comp().values().map(|span| span.track.clone()).collect();
        for track in tracks {
            let pieces = self.comp_in_frames(&track, &map);
            let alone: BTreeSet<&CompId> = pieces.iter().map(|(id, ..)| id).collect();
            let gone: Vec<CompId> =
                self.comp_on(&track).map(|(id, _)| id.clone()).filter(|id| !alone.contains(id)).collect();
            gone.iter().for_each(|id| drop(self.remove_comp(id)));
            let mut seen = BTreeSet::new();
            for (id, start, end) in &pieces {
                let Some(span) = self.comp_span(id).map(|span| CompSpan::clone(span)) else { continue };
                let at = if map.frame_of(span.start) == *start {
                    span.start
                } else {
                    place(&map, *start, span.start.base())
                };
                if start.0 > limits::MAX_TIME {
                    continue;
                }
                let first = seen.insert(id);
                let target = if first { id.clone() } else { self.piece_id(id, *start) };
                let piece = CompSpan { start: at, length: *end - *start, ..span.clone() };
                if !first || piece != span {
                    self.put_comp(target, piece);
                }
            }
        }
    }

    /// An id for a further piece of a span, which everybody makes alike.
    fn piece_id(&self, of: &CompId, start: Frames) -> CompId {
        let free = (0_u32..).find_map(|n| {
            let hash = blake3::hash(format!("{of} {} {n}", start.0).as_bytes()).to_hex();
            let text = format!("{}-{}", CompId::PREFIX, &hash[..16]);
            text.parse().ok().filter(|id| self.comp_span(id).is_none())
        });
        free.unwrap_or_else(CompId::least)
    }
}

/// A frame as a place in this base if one lies there exactly, else as the frame.
pub(crate) fn place(map: &TempoMap, frame: Frames, base: TimeBase) -> TimePoint {
    let absolute = TimePoint::Absolute(frame);
    let tick = map.tick_of(absolute);
    let musical = [tick, tick + Ticks(1)].map(TimePoint::Musical).into_iter();
    let exact = musical.filter(|_| base == TimeBase::Musical && tick.0.abs() < limits::MAX_TIME);
    exact.into_iter().find(|place| map.frame_of(*place) == frame).unwrap_or(absolute)
}

/// What is left of spans that overlap: of two that sound at one frame, the one that starts later is meant, and of two that
/// start together the shorter one, and else the first by its name; the other goes on behind it. Pieces by place, each
/// with the index of its span.
fn pieces<Id: Ord>(spans: &[(Id, Frames, Frames)]) -> Vec<(usize, Frames, Frames)> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|&a, &b| {
        let ((a, start, end), (b, other, last)) = (&spans[a], &spans[b]);
        start.cmp(other).then(last.cmp(end)).then(b.cmp(a))
    });
    // From edge to edge, the last in this order of those that are there sounds.
    let mut edges: Vec<(Frames, bool, usize)> = Vec::with_capacity(2 * spans.len());
    for (rank, &n) in order.iter().enumerate() {
        edges.extend([(spans[n].1, true, rank), (spans[n].2, false, rank)]);
    }
    edges.sort();
    let (mut there, mut found) = (BTreeSet::new(), Vec::<(usize, Frames, Frames)>::new());
    let mut since = Frames(i64::MIN);
    for (at, begins, rank) in edges {
        if let Some(&top) = there.last()
            && at > since
        {
            match found.last_mut().filter(|(last, _, end)| *last == order[top] && *end == since) {
                Some((_, _, end)) => *end = at,
                None => found.push((order[top], since, at)),
            }
        }
        since = at;
        if begins {
            there.insert(rank)
        } else {
            there.remove(&rank)
        };
    }
    found
}

/// Where each take sounds, by place.
fn windows(stretches: &[Stretch]) -> BTreeMap<TakeId, Vec<Window>> {
    let mut all: BTreeMap<TakeId, Vec<Window>> = BTreeMap::new();
    let length = |stretch: &Stretch| stretch.end - stretch.start;
    let seam = |left: &Stretch, right: &Stretch| right.fade_in.min(length(left)).min(length(right));
    for (n, here) in stretches.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| &stretches[n]).filter(|before| before.end == here.start);
        let after = stretches.get(n + 1).filter(|after| after.start == here.end);
        let half = Frames(length(here).0 / 2);
        let (start, fade_in) = match before {
            Some(before) => {
                let fade = seam(before, here);
                (here.start - Frames(fade.0 / 2), fade)
            }
            None => (here.start, here.fade_in.min(half)),
        };
        let (end, fade_out) = match after {
            Some(after) => {
                let fade = seam(here, after);
                (here.end - Frames(fade.0 / 2) + fade, fade)
            }
            None => (here.end, here.fade_out.min(half)),
        };
        all.entry(here.take.clone()).or_default().push(Window { start, end, fade_in, fade_out });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: frame by frame.
    fn painted(spans: &[(u32, Frames, Frames)]) -> BTreeMap<i64, usize> {
        let mut all = BTreeMap::new();
        for at in -5..60 {
            let there =
                spans.iter().enumerate().filter(|(_, (_, start, end))| (start.0..end.0).contains(&at));
            let meant = there.max_by_key(|(_, (id, start, end))| (start.0, -end.0, std::cmp::Reverse(*id)));
            all.extend(meant.map(|(n, _)| (at, n)));
        }
        all
    }

    #[test]
    fn of_spans_that_overlap_the_later_one_is_meant_and_the_other_goes_on_behind_it() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % below).unwrap()
        };
        let (mut apart, mut cut) = (0, 0);
        for _ in 0..3_000 {
            let count = random(6);
            let spans: Vec<(u32, Frames, Frames)> = (0..count)
                .map(|_| {
                    let start = random(40);
                    // Ids are given in no order.
                    (u32::try_from(random(1_000)).unwrap(), Frames(start), Frames(start + 1 + random(15)))
                })
                .collect();
            let ids: BTreeSet<u32> = spans.iter().map(|(id, ..)| *id).collect();
            if ids.len() != spans.len() {
                continue;
            }
            let pieces = pieces(&spans);
            let told: BTreeMap<i64, usize> =
                pieces.iter().flat_map(|(n, start, end)| (start.0..end.0).map(|at| (at, *n))).collect();
            assert_eq!(told, painted(&spans), "{spans:?}");
            assert!(pieces.windows(2).all(|pair| pair[0].2 <= pair[1].1 && pair[0].1 < pair[0].2));
            if pieces.len() == spans.len() { apart += 1 } else { cut += 1 }
        }
        assert!(apart > 100 && cut > 100, "{apart} {cut}");
    }

    #[test]
    fn windows_of_a_take_do_not_overlap_and_seams_are_shared() {
        let take = |n: usize| TakeId::new(["a", "b", "c"][n]).unwrap();
        let mut state = 7_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % below).unwrap()
        };
        for _ in 0..2_000 {
            let (mut at, mut list) = (random(10), Vec::<Stretch>::new());
            for _ in 0..random(8) {
                let next = take(usize::try_from(random(3)).unwrap());
                at += if random(2) == 0 { random(20) } else { 0 };
                let length = 1 + random(30);
                let touches = list.last().is_some_and(|last| last.end.0 == at && last.take == next);
                if !touches {
                    let (fade_in, fade_out) = (Frames(random(40)), Frames(random(40)));
                    list.push(Stretch {
                        take: next,
                        start: Frames(at),
                        end: Frames(at + length),
                        fade_in,
                        fade_out,
                    });
                    at += length;
                }
            }
            let all = windows(&list);
            for windows in all.values() {
                assert!(windows.windows(2).all(|pair| pair[0].end <= pair[1].start), "{list:?}");
                for Window { start, end, fade_in, fade_out } in windows {
                    assert!(start < end && *fade_in + *fade_out <= *end - *start, "{list:?}");
                }
            }
            for pair in list.windows(2).filter(|pair| pair[0].end == pair[1].start) {
                let left =
                    all[&pair[0].take].iter().find(|w| w.start <= pair[0].start && w.end >= pair[0].end);
                let right =
                    all[&pair[1].take].iter().find(|w| w.start <= pair[1].start && w.end >= pair[1].end);
                let (left, right) = (left.unwrap(), right.unwrap());
                assert_eq!((left.end - left.fade_out, left.end), (right.start, right.start + right.fade_in));
            }
        }
    }
}
