//! Building play lists, off the audio thread.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
extern crate alloc;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use omega_dsp::kernels::{Kernels, Ramp};
use omega_dsp::simd::Level;
use omega_processor::{MAX_BLOCK, PrepareConfig};
use omega_rt::{AlignedBuffer, Owned, PcmSource};

use super::play_list::{Entry, PlayList, Slot};
use super::segment::{ChannelMap, Cut, Fade, Segment, SourceId};
use super::{ClipReader, MAX_SEGMENTS, MAX_SOUNDING, MAX_SOURCES, MIN_REPEAT};

/// Frames beyond which no segment and no source range may reach, so that sums of positions never overflow.
const FAR: i64 = 1 << 60;

/// A source for a list, with its name.
pub type NamedSource = (SourceId, Owned<dyn PcmSource>);

/// Why a play list was refused. Indices are those of the segments as they were given.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PlayListError {
    /// More segments than [`MAX_SEGMENTS`].
    #[error("{0} clips on one track; the most is {MAX_SEGMENTS}: spread them over several tracks")]
    TooManySegments(usize),
    /// More sources than [`MAX_SOURCES`].
    #[error("{0} sources on one track; the most is {MAX_SOURCES}: spread the clips over several tracks")]
    TooManySources(usize),
    /// A length that is not above zero, or a position, an offset or an end beyond ±2⁶⁰ frames; a cut or a phase that cannot be.
    #[error("clip {0}: its length must be above zero, and all its positions within 2^60 frames of zero")]
    Range(usize),
    /// A gain that is no finite number.
    #[error("clip {0}: its gain must be a finite number")]
    Gain(usize),
    /// A fade below zero frames or longer than [`Ramp::MAX_LENGTH`].
    #[error("clip {0}: a fade must have 0 to 2^30 frames")]
    Fade(usize),
    /// A repetition that is below zero, or shorter than [`MIN_REPEAT`] although it is played more than once.
    #[error("clip {0}: a looped clip must have a loop of at least {MIN_REPEAT} frames")]
    Repeat(usize),
    /// More than [`MAX_SOUNDING`] segments within one block.
    #[error(
        "{count} clips sound at once around frame {frame}; the most is {MAX_SOUNDING} on one track: move some to other tracks"
    )]
    TooDense {
        /// Time-line frame.
        frame: i64,
        /// Segments within a block before it.
        count: usize,
    },
    /// Two sources of one name.
    #[error("source {0} was given twice")]
    DuplicateSource(SourceId),
}

impl ClipReader {
    /// A reader without a play list, for the channels that `config` gives.
    #[must_use]
    pub fn new(config: &PrepareConfig, level: Level) -> Self {
        let channels = config.inputs.max(config.outputs);
        Self::from_parts(
            Kernels::new(level),
            i64::from(config.sample_rate) * i64::from(super::EXCHANGE_FADE_MS) / 1000,
            i64::from(config.sample_rate) * super::LOOK_AHEAD_SECONDS,
            config.inputs > 0,
            AlignedBuffer::zeroed(MAX_BLOCK * channels),
        )
    }
}

impl PlayList {
    /// Sorts `segments` and checks them. `sources` are the ones that the reader does not have yet; all others that the
    /// segments name are taken out of the list before it when the reader gets this one. A source that was given,
    /// but is not named by any segment, is kept for a later list.
    ///
    /// # Errors
    /// [`PlayListError`] when a segment makes no sense, or playing the list would take unbounded work.
    pub fn build(segments: Vec<Segment>, sources: Vec<NamedSource>) -> Result<Self, PlayListError> {
        if segments.len() > MAX_SEGMENTS {
            return Err(PlayListError::TooManySegments(segments.len()));
        }
        segments.iter().enumerate().try_for_each(|(index, segment)| check(index, segment))?;
        let slots = slots(&segments, sources)?;
        let mut entries = entries(segments, &slots);
        let neighbours = neighbours(&mut entries)?;
        Ok(Self {
            entries: Owned::from(entries.into_boxed_slice()),
            neighbours: Owned::from(neighbours.into_boxed_slice()),
            slots: Owned::from(slots.into_boxed_slice()),
            waits: false,
        })
    }

    /// With a reader that waits for its sources instead of counting missing frames: for rendering offline only, never on the
    /// audio thread.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }
}

fn check(index: usize, segment: &Segment) -> Result<(), PlayListError> {
    let near = |frame: i64| (-FAR..=FAR).contains(&frame);
    let range = segment.length > 0
        && [segment.length, segment.start, segment.offset].into_iter().all(near)
        && near(segment.start + segment.length)
        && near(segment.offset + segment.length.max(segment.repeat.clamp(0, FAR)))
        && [segment.phase, segment.cut.before, segment.cut.behind, segment.cut.risen, segment.cut.left]
            .into_iter()
            .all(|n| (0..=FAR).contains(&n))
        && (segment.phase == 0 || segment.phase < segment.repeat);
    if !range {
        return Err(PlayListError::Range(index));
    }
    if !segment.gain.is_finite() {
        return Err(PlayListError::Gain(index));
    }
    let possible = |fade: Fade| (0..=Ramp::MAX_LENGTH).contains(&fade.length);
    let fades = [segment.fade_in, segment.fade_out, segment.cut.fade_in, segment.cut.fade_out];
    if !fades.into_iter().all(possible) {
        return Err(PlayListError::Fade(index));
    }
    let once = segment.repeat == 0 || (segment.length + segment.phase..=FAR).contains(&segment.repeat);
    if !once && !(MIN_REPEAT..=FAR).contains(&segment.repeat) {
        return Err(PlayListError::Repeat(index));
    }
    Ok(())
}

/// One slot for each source that is named or given, sorted by name.
fn slots(segments: &[Segment], sources: Vec<NamedSource>) -> Result<Vec<Slot>, PlayListError> {
    let mut slots: Vec<Slot> =
        sources.into_iter().map(|(id, source)| Slot { id, source: Some(source) }).collect();
    slots.extend(segments.iter().map(|segment| Slot { id: segment.source, source: None }));
    // Given sources come first among equal names.
    slots.sort_by_key(|slot| (slot.id, slot.source.is_none()));
    let twice = slots.windows(2).find(|pair| pair[0].id == pair[1].id && pair[1].source.is_some());
    if let Some(pair) = twice {
        return Err(PlayListError::DuplicateSource(pair[0].id));
    }
    slots.dedup_by_key(|slot| slot.id);
    if slots.len() > MAX_SOURCES {
        return Err(PlayListError::TooManySources(slots.len()));
    }
    Ok(slots)
}

/// The audible segments in playing order. The order depends on their content only, never on the order in which they were given, so that
/// sums stay the same from one list to the next.
fn entries(segments: Vec<Segment>, slots: &[Slot]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = segments
        .into_iter()
        .filter(|segment| !segment.muted)
        .map(|segment| {
            let slot = slots.partition_point(|slot| slot.id < segment.source);
            let key = content(&segment);
            Entry { segment, key, rank: 0, slot, neighbours: 0, neighbour_count: 0 }
        })
        .collect();
    entries.sort_by_key(|entry| (entry.segment.start, entry.key));
    for index in 1..entries.len() {
        let (before, rest) = entries.split_at_mut(index);
        if before[index - 1].segment == rest[0].segment {
            rest[0].rank = before[index - 1].rank + 1;
        }
    }
    entries
}

/// For each entry, those before it that may sound in the same block, one list behind the other.
fn neighbours(entries: &mut [Entry]) -> Result<Vec<u32>, PlayListError> {
    let reach = i64::try_from(MAX_BLOCK).unwrap_or(0) - 1;
    let mut sounding: Vec<(u32, i64)> = Vec::new();
    let mut all = vec![];
    for (index, entry) in (0u32..).zip(entries) {
        let start = entry.segment.start;
        sounding.retain(|(_, end)| end + reach > start);
        if sounding.len() >= MAX_SOUNDING {
            return Err(PlayListError::TooDense { frame: start, count: sounding.len() + 1 });
        }
        (entry.neighbours, entry.neighbour_count) = (all.len(), sounding.len());
        all.extend(sounding.iter().map(|(index, _)| *index));
        sounding.push((index, entry.segment.end()));
    }
    Ok(all)
}

/// A hash of everything that is heard of a segment.
fn content(segment: &Segment) -> u64 {
    let word = |value: i64| value.cast_unsigned();
    let fade = |fade: Fade| mixed(word(fade.length), fade.shape as u64);
    let channels = match &segment.channels {
        ChannelMap::Straight => 0,
        ChannelMap::Single(channel) => mixed(1, u64::from(*channel)),
        ChannelMap::Listed(list) => {
            list.iter().fold(2, |key, channel| mixed(key, channel.map_or(u64::MAX, u64::from)))
        }
    };
    let cut = &segment.cut;
    let whole = *cut == Cut::NONE && segment.phase == 0;
    let cuts = [
        word(cut.before),
        word(cut.behind),
        fade(cut.fade_in),
        fade(cut.fade_out),
        word(cut.risen),
        word(cut.left),
        word(segment.phase),
    ];
    [
        word(segment.length),
        segment.source,
        word(segment.offset),
        channels,
        u64::from(segment.gain.to_bits()),
        fade(segment.fade_in),
        fade(segment.fade_out),
        u64::from(segment.reverse),
        word(segment.repeat),
    ]
    .into_iter()
    .chain(cuts.into_iter().filter(|_| !whole))
    .fold(word(segment.start), mixed)
}

/// SplitMix64's finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) over `key` and `value`.
fn mixed(key: u64, value: u64) -> u64 {
    let mut x = key.rotate_left(23).wrapping_add(0x9e37_79b9_7f4a_7c15) ^ value;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl ClipReader {
    /// Puts `list` into a payload for [`exchange`](omega_processor::Processor::exchange).
    #[must_use]
    pub fn payload(list: PlayList) -> Box<dyn core::any::Any + Send> {
        Box::new(Some(list))
    }

    /// A payload that brings nothing and takes back what the reader has done with.
    #[must_use]
    pub fn empty_payload() -> Box<dyn core::any::Any + Send> {
        Box::new(None::<PlayList>)
    }
}
