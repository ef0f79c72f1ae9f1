//! What a clip reader plays, and how it is found in bounded time.

use omega_rt::{Owned, PcmSource};

use super::segment::{Segment, SourceId};

/// A source and its name. It is empty while the source is on its way here from the list before.
pub(super) struct Slot {
    pub id: SourceId,
    pub source: Option<Owned<dyn PcmSource>>,
}

/// A segment and what was computed of it when the list was built.
pub(super) struct Entry {
    pub segment: Segment,
    /// A hash of the segment: equal segments have equal keys.
    pub key: u64,
    /// How many equal segments come before it in the list.
    pub rank: u32,
    /// Index of its slot.
    pub slot: usize,
    /// Where its neighbours begin in [`PlayList::neighbours`].
    pub neighbours: usize,
    /// How many neighbours it has.
    pub neighbour_count: usize,
}

/// Segments, sorted, with their sources. Built off the audio thread by [`PlayList::build`].
///
/// It travels to a [`ClipReader`](super::ClipReader) as an `Option<PlayList>`; see there.
pub struct PlayList {
    /// Sorted by start, then by key.
    pub(super) entries: Owned<[Entry]>,
    /// For each entry, the entries before it that sound less than [`MAX_BLOCK`](omega_processor::MAX_BLOCK) frames
    /// before its start, or later: ascending indices.
    pub(super) neighbours: Owned<[u32]>,
    /// Sorted by name.
    pub(super) slots: Owned<[Slot]>,
    /// Wait for sources instead of counting missing frames.
    pub(super) waits: bool,
}

impl PlayList {
    /// The segments that are heard, in the order in which they are summed.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.entries.iter().map(|entry| &entry.segment)
    }

    /// The sources that the list has or expects to find in the list before it, ascending.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> {
        self.slots.iter().map(|slot| slot.id)
    }

    /// Whether an equal segment of equal rank is in this list.
    pub(super) fn contains(&self, wanted: &Entry) -> bool {
        let order = (wanted.segment.start, wanted.key);
        let first = self.entries.partition_point(|entry| (entry.segment.start, entry.key) < order);
        let equals = self.entries.iter().skip(first).take_while(|e| (e.segment.start, e.key) == order);
        equals.take(super::MAX_SOUNDING).any(|e| e.rank == wanted.rank && e.segment == wanted.segment)
    }

    /// Moves the sources that this list expects, and has not, out of `other`. Time proportional to the slots of both.
    pub(super) fn take_sources(&mut self, other: &mut PlayList) {
        let mut theirs = other.slots.iter_mut().peekable();
        for slot in self.slots.iter_mut() {
            while theirs.next_if(|theirs| theirs.id < slot.id).is_some() {}
            if let Some(found) = theirs.next_if(|theirs| theirs.id == slot.id)
                && slot.source.is_none()
            {
                core::mem::swap(&mut slot.source, &mut found.source);
            }
        }
    }

    /// The source of that name, if it is here.
    pub(super) fn source(&mut self, id: SourceId) -> Option<&mut Owned<dyn PcmSource>> {
        let index = self.slots.binary_search_by_key(&id, |slot| slot.id).ok()?;
        self.slots.get_mut(index)?.source.as_mut()
    }
}

/// Indices of the entries that sound in the block of at most [`MAX_BLOCK`](omega_processor::MAX_BLOCK) frames before time-line
/// frame `end`, ascending, and perhaps of some that end shortly before it. `started` is how many entries start before the
/// `end` of the last search, and is brought up to date.
pub(super) fn around<'a>(
    entries: &[Entry],
    neighbours: &'a [u32],
    end: i64,
    started: &mut usize,
) -> impl Iterator<Item = usize> + use<'a> {
    *started = count_before(entries, end, *started);
    let last = started.checked_sub(1);
    let listed = last.and_then(|last| entries.get(last)).and_then(|entry| {
        neighbours.get(entry.neighbours..entry.neighbours.saturating_add(entry.neighbour_count))
    });
    listed.unwrap_or(&[]).iter().filter_map(|index| usize::try_from(*index).ok()).chain(last)
}

/// How many entries start before `end`.
fn count_before(entries: &[Entry], end: i64, guess: usize) -> usize {
    let starts_before = |index: usize| entries.get(index).is_some_and(|entry| entry.segment.start < end);
    // While playing on, it is what it was last time, or one more.
    for guess in [guess, guess.saturating_add(1)] {
        if guess.checked_sub(1).is_none_or(starts_before) && !starts_before(guess) && guess <= entries.len() {
            return guess;
        }
    }
    entries.partition_point(|entry| entry.segment.start < end)
}

impl core::fmt::Debug for PlayList {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PlayList")
            .field("segments", &self.entries.len())
            .field("sources", &self.slots.len())
            .finish_non_exhaustive()
    }
}
