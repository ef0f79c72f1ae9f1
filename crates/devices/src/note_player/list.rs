//! What is played: notes and controllers on the frames of the time line.

use omega_rt::Owned;

/// Tells notes apart over edits: the same note of the same clip has the same name in every list.
pub type Name = u64;

/// A note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shot {
    /// Its name.
    pub name: Name,
    /// The frame in which it is struck.
    pub start: i64,
    /// The frame in which it is released, behind its start.
    pub end: i64,
    /// 0..=15.
    pub channel: u8,
    /// 0..=127.
    pub key: u8,
    /// 1..=127.
    pub velocity: u8,
    /// The velocity of the release, 0..=127.
    pub release: u8,
}

/// A controller, a bend, a pressure or a program that is set: a MIDI message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch(pub [u8; 3]);

/// Things that can be set on one channel.
const PER_CHANNEL: usize = 267;
/// Things that can be set.
pub(super) const SLOTS: usize = 16 * PER_CHANNEL;

impl Touch {
    /// What it sets, as a number. Of one channel what others depend on comes first: the bank before the program, the number of a
    /// registered parameter before its value.
    #[must_use]
    pub fn slot(self) -> usize {
        let Self([status, first, _]) = self;
        let number = usize::from(first & 0x7f);
        let within = match (status & 0xf0, number) {
            (0xb0, 0) => 0,
            (0xb0, 32) => 1,
            (0xc0, _) => 2,
            (0xb0, 98..=101) => 3 + ((101 - number) ^ 2),
            (0xb0, 6) => 7,
            (0xb0, 38) => 8,
            (0xb0, _) => 9 + number,
            (0xe0, _) => 137,
            (0xd0, _) => 138,
            _ => 139 + number,
        };
        usize::from(status & 0x0f) * PER_CHANNEL + within
    }

    /// What puts it to rest, where something would be held by it: pedals, the wheel, bends and pressures.
    #[must_use]
    pub fn rest(self) -> Option<Self> {
        let Self([status, first, _]) = self;
        match (status & 0xf0, first) {
            (0xb0, 1 | 64..=69) | (0xa0, _) => Some(Self([status, first, 0])),
            (0xd0, _) => Some(Self([status, 0, 0])),
            (0xe0, _) => Some(Self([status, 0, 0x40])),
            _ => None,
        }
    }
}

/// All that sets one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub slot: usize,
    first: usize,
    count: usize,
}

/// What a track plays. Made by [`NoteList::build`], off the audio thread.
#[derive(Debug, Default)]
pub struct NoteList {
    /// By start.
    shots: Owned<[Shot]>,
    /// Indices of them, by name.
    names: Owned<[u32]>,
    /// By place.
    touches: Owned<[(i64, Touch)]>,
    /// By slot.
    lanes: Owned<[Lane]>,
    /// Those of one lane after those of the other, each by place.
    by_lane: Owned<[(i64, Touch)]>,
}

impl NoteList {
    /// The first note and the first touch at `position` or behind it.
    pub(super) fn from(&self, position: i64) -> (usize, usize) {
        let shot = self.shots.partition_point(|shot| shot.start < position);
        (shot, self.touches.partition_point(|(at, _)| *at < position))
    }

    pub(super) fn shot(&self, index: usize) -> Option<Shot> {
        self.shots.get(index).copied()
    }

    pub(super) fn touch(&self, index: usize) -> Option<(i64, Touch)> {
        self.touches.get(index).copied()
    }

    /// The note of that name.
    pub(super) fn named(&self, name: Name) -> Option<Shot> {
        let of = |index: &u32| self.shot(*index as usize);
        let place = self.names.partition_point(|index| of(index).is_some_and(|shot| shot.name < name));
        self.names.get(place).and_then(of).filter(|shot| shot.name == name)
    }

    /// The first lane of that slot or a higher one.
    pub(super) fn lane_from(&self, slot: usize) -> Option<Lane> {
        self.lanes.get(self.lanes.partition_point(|lane| lane.slot < slot)).copied()
    }

    /// What a lane was set to last before a position.
    pub(super) fn last_before(&self, lane: Lane, position: i64) -> Option<Touch> {
        let points = self.by_lane.get(lane.first..lane.first.saturating_add(lane.count))?;
        let behind = points.partition_point(|(at, _)| *at < position);
        behind.checked_sub(1).and_then(|last| points.get(last)).map(|(_, touch)| *touch)
    }
}

pub mod prepare {
    //! Building lists and players, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use omega_processor::{Event, EventKind, Processor};
    use omega_rt::Owned;

    use super::super::voices::{VOICES, Voice, Voices};
    use super::super::{BUFFER, NotePlayer};
    use super::{Lane, NoteList, SLOTS, Shot, Touch};

    /// Notes of one list at most, and as many touches.
    pub const MAX_NOTES: usize = 1 << 20;

    impl NoteList {
        /// Sorts notes and touches; those at one place keep their order. What is beyond [`MAX_NOTES`] is left out, and a note ends
        /// one frame behind its start or later.
        #[must_use]
        pub fn build(mut shots: Vec<Shot>, mut touches: Vec<(i64, Touch)>) -> Self {
            shots.sort_by_key(|shot| shot.start);
            shots.truncate(MAX_NOTES);
            shots.iter_mut().for_each(|shot| shot.end = shot.end.max(shot.start.saturating_add(1)));
            touches.sort_by_key(|(at, _)| *at);
            touches.truncate(MAX_NOTES);
            let mut names: Vec<u32> = (0..u32::try_from(shots.len()).unwrap_or(0)).collect();
            names.sort_by_key(|index| shots[*index as usize].name);
            let mut by_lane = touches.clone();
            by_lane.sort_by_key(|(_, touch)| touch.slot());
            let mut lanes: Vec<Lane> = Vec::new();
            for (index, (_, touch)) in by_lane.iter().enumerate() {
                match lanes.last_mut().filter(|lane| lane.slot == touch.slot()) {
                    Some(lane) => lane.count += 1,
                    None => lanes.push(Lane { slot: touch.slot(), first: index, count: 1 }),
                }
            }
            Self {
                shots: Owned::from(shots.into_boxed_slice()),
                names: Owned::from(names.into_boxed_slice()),
                touches: Owned::from(touches.into_boxed_slice()),
                lanes: Owned::from(lanes.into_boxed_slice()),
                by_lane: Owned::from(by_lane.into_boxed_slice()),
            }
        }

        /// What an exchange takes to play this.
        #[must_use]
        pub fn payload(self) -> Box<Option<Self>> {
            Box::new(Some(self))
        }
    }

    impl NotePlayer {
        /// A player around an instrument, with nothing to play.
        #[must_use]
        pub fn new(instrument: Box<dyn Processor>) -> Self {
            let event = Event { frame: 0, kind: EventKind::Transport };
            let boxed = |voices: Vec<Voice>| Owned::from(voices.into_boxed_slice());
            Self {
                instrument: Owned::from(instrument),
                list: None,
                voices: Voices::over(boxed(vec![Voice::default(); VOICES])),
                set: Owned::from(vec![Touch::default(); SLOTS].into_boxed_slice()),
                expected: None,
                exchanged: false,
                forgot: false,
                chase: None,
                next_note: 0,
                next_touch: 0,
                cell: 0,
                spent: (0, 0),
                events: Owned::from(vec![event; BUFFER].into_boxed_slice()),
                used: 0,
            }
        }
    }
}
