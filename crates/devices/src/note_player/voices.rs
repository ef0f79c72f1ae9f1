//! The notes that sound.

use omega_rt::Owned;

use super::list::{Name, NoteList, Shot};

/// One for each key of each channel.
pub(super) const VOICES: usize = 16 * 128;

/// A note that was struck and is not released yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Voice {
    /// Whose it is.
    pub name: Name,
    /// The frame of the time line at which it is released; the least there is for at once.
    pub end: i64,
    /// What the instrument knows it by.
    pub number: i32,
    pub channel: u8,
    pub key: u8,
    pub release: u8,
}

/// In the order in which they were struck.
#[derive(Debug)]
pub(super) struct Voices {
    list: Owned<[Voice]>,
    used: usize,
    number: i32,
}

impl Voices {
    pub(super) fn over(list: Owned<[Voice]>) -> Self {
        Self { list, used: 0, number: 0 }
    }

    fn all(&self) -> &[Voice] {
        self.list.get(..self.used).unwrap_or(&[])
    }

    fn all_mut(&mut self) -> &mut [Voice] {
        self.list.get_mut(..self.used).unwrap_or(&mut [])
    }

    pub(super) fn len(&self) -> usize {
        self.used
    }

    pub(super) fn get(&self, index: usize) -> Option<Voice> {
        self.all().get(index).copied()
    }

    /// The one that ends first, at `position` or before it.
    pub(super) fn due(&self, position: i64) -> Option<usize> {
        let due = self.all().iter().enumerate().filter(|(_, voice)| voice.end <= position);
        due.min_by_key(|(_, voice)| voice.end).map(|(index, _)| index)
    }

    /// When the next one ends, of those that end at `from` or later.
    pub(super) fn next_end_from(&self, from: i64) -> Option<i64> {
        self.all().iter().map(|voice| voice.end).filter(|end| *end >= from).min()
    }

    /// The one on a key.
    pub(super) fn at_key(&self, channel: u8, key: u8) -> Option<usize> {
        self.all().iter().position(|voice| (voice.channel, voice.key) == (channel, key))
    }

    /// The number for the next note.
    pub(super) fn next_number(&mut self) -> i32 {
        let number = self.number;
        self.number = number.checked_add(1).unwrap_or(0);
        number
    }

    /// Notes are counted from the beginning again.
    pub(super) fn count_anew(&mut self) {
        self.number = 0;
    }

    pub(super) fn add(&mut self, shot: &Shot, number: i32) {
        let Shot { name, end, channel, key, release, .. } = *shot;
        if let Some(place) = self.list.get_mut(self.used) {
            *place = Voice { name, end, number, channel, key, release };
            self.used += 1;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some([first, rest @ ..]) = self.all_mut().get_mut(index..) {
            let mut before = first;
            for voice in rest {
                core::mem::swap(before, voice);
                before = voice;
            }
            self.used -= 1;
        }
    }

    /// All of them end at once.
    pub(super) fn end_all(&mut self) {
        self.all_mut().iter_mut().for_each(|voice| voice.end = i64::MIN);
    }

    /// Those that end at `position` or before it end at `later`: there was no room to release them.
    pub(super) fn put_off(&mut self, position: i64, later: i64) {
        let due = self.all_mut().iter_mut().filter(|voice| voice.end <= position);
        due.for_each(|voice| voice.end = later);
    }

    /// Each ends as a new list says; one that would not sound at `position` by that list ends at once.
    pub(super) fn follow(&mut self, list: &NoteList, position: i64) {
        for voice in self.all_mut() {
            let there = list.named(voice.name).filter(|shot| {
                (shot.channel, shot.key) == (voice.channel, voice.key)
                    && (shot.start..shot.end).contains(&position)
            });
            (voice.end, voice.release) =
                there.map_or((i64::MIN, voice.release), |shot| (shot.end, shot.release));
        }
    }
}
