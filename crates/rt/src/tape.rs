//! What was heard, on its way from the audio thread to whoever keeps it: frames, and where on the time line they belong.
//!
//! Samples and [`Mark`]s go through two FIFOs. A mark is sent before the samples that it is about, so a reader that has seen
//! samples finds their marks. What finds no room is not waited for: it is lost, counted, and the next mark says how many
//! frames are missing and where, so that the frames after the hole are placed as exactly as those before it.

use crate::fifo::{Consumer, Producer, fifo};
use crate::owned::AlignedBuffer;

/// Frames that [`TapeHead::record`] takes at once at most.
pub const MAX_FRAMES: usize = 256;

/// Marks that wait to be read at most: more than a loop of the shortest length makes in the time that the samples last.
const MARKS: usize = 8192;

/// Something that happened to a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Frames that were written before it.
    pub at: u64,
    /// What happened.
    pub what: What,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The frames from here on belong to this position of the time line and those after it.
    From {
        /// Time-line frame of the next frame of the tape.
        position: i64,
    },
    /// Frames had no room, and are missing here. The frames from here on belong to the position given.
    Hole {
        /// Time-line frame of the next frame of the tape.
        position: i64,
        /// Frames that are missing before it.
        lost: u64,
    },
    /// The stretch is over: recording ended, or the time line jumped.
    End {
        /// One past the last time-line frame of the stretch.
        position: i64,
        /// Frames that are missing at its end.
        lost: u64,
    },
}

/// The audio thread's end. All of it is real-time safe.
#[derive(Debug)]
pub struct TapeHead {
    samples: Producer<f32>,
    marks: Producer<Mark>,
    scratch: AlignedBuffer,
    channels: usize,
    /// Frames written.
    written: u64,
    /// Position that the next frame has if the time line goes straight on; none between stretches.
    next: Option<i64>,
    /// Frames that found no room since the last mark.
    lost: u64,
    /// An end that found no room: its position and what is missing there.
    owed: Option<(i64, u64)>,
}

/// The other end. Not for the audio thread.
#[derive(Debug)]
pub struct TapeReader {
    samples: Consumer<f32>,
    marks: Consumer<Mark>,
    channels: usize,
    read: u64,
    seen: u64,
}

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A mark.
    Mark(What),
    /// So many frames, interleaved.
    Frames(usize),
}

/// A tape of `channels` channels with room for `frames` frames. Not real-time safe.
#[must_use]
pub fn tape(channels: usize, frames: usize) -> (TapeHead, TapeReader) {
    let channels = channels.max(1);
    let (samples, sample_reader) = fifo(frames.max(MAX_FRAMES).saturating_mul(channels));
    let (marks, mark_reader) = fifo(MARKS);
    let scratch = AlignedBuffer::zeroed(MAX_FRAMES.saturating_mul(channels));
    let head = TapeHead { samples, marks, scratch, channels, written: 0, next: None, lost: 0, owed: None };
    (head, TapeReader { samples: sample_reader, marks: mark_reader, channels, read: 0, seen: 0 })
}

impl TapeHead {
    /// Channels of a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Writes `frames` frames (at most [`MAX_FRAMES`]), which belong to `position` and those after it: all of them or none.
    /// Channels that `source` does not give are silent.
    pub fn record<'a>(&mut self, position: i64, frames: usize, source: impl Iterator<Item = &'a [f32]>) {
        let frames = frames.min(MAX_FRAMES);
        if frames == 0 {
            return;
        }
        if self.next != Some(position) {
            self.end();
        }
        let behind = position.saturating_add_unsigned(frames as u64);
        let count = frames.saturating_mul(self.channels);
        let fresh = self.next.is_none();
        self.next = Some(behind);
        let marked = !fresh && self.lost == 0 && self.owed.is_none();
        let room = self.samples.free() >= count && (marked || self.marks.free() >= 2);
        if !room {
            self.lost = self.lost.saturating_add(frames as u64);
            return;
        }
        if !marked {
            self.pay();
            let lost = core::mem::take(&mut self.lost);
            let what = if lost > 0 { What::Hole { position, lost } } else { What::From { position } };
            self.mark(what);
        }
        self.interleave(frames, source);
        // There is room for all of it.
        let _ = self.samples.write_whole(self.scratch.get(..count).unwrap_or(&[]));
        self.written = self.written.saturating_add(frames as u64);
    }

    /// The stretch is over. Does nothing between stretches.
    pub fn end(&mut self) {
        if let Some(position) = self.next.take() {
            // Ends that nobody could be told are told as one.
            let before = self.owed.map_or(0, |(_, lost)| lost);
            self.owed = Some((position, before.saturating_add(core::mem::take(&mut self.lost))));
        }
        self.pay();
    }

    /// Says that a stretch is over, if that was not said yet and can be.
    fn pay(&mut self) {
        let Some((position, lost)) = self.owed else { return };
        if self.mark(What::End { position, lost }) {
            self.owed = None;
        }
    }

    fn mark(&mut self, what: What) -> bool {
        self.marks.push(Mark { at: self.written, what }).is_ok()
    }

    fn interleave<'a>(&mut self, frames: usize, source: impl Iterator<Item = &'a [f32]>) {
        let channels = self.channels.max(1);
        let scratch = self.scratch.get_mut(..frames.saturating_mul(channels)).unwrap_or(&mut []);
        let mut source = source;
        for channel in 0..channels {
            let from = source.next().unwrap_or(&[]);
            let places = scratch.iter_mut().skip(channel).step_by(channels);
            let silence = core::iter::repeat(&0.0f32);
            places.zip(from.iter().chain(silence)).for_each(|(place, sample)| *place = *sample);
        }
    }
}

impl TapeReader {
    /// Channels of a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames read so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.read
    }

    /// The audio thread's end is gone, and all was read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        // In this order: what was written before the other end went away is seen.
        let gone = self.samples.is_abandoned();
        gone && self.samples.is_empty() && self.marks.is_empty()
    }

    /// The next mark, or the next frames: as many as there are before the next mark and as `out` holds. `None` when
    /// there is nothing now.
    pub fn next(&mut self, out: &mut [f32]) -> Option<Found> {
        // Samples first and marks second: the marks of all samples that are seen here are seen then.
        let there = (self.samples.len() / self.channels.max(1)) as u64;
        self.seen = self.seen.max(self.read.saturating_add(there));
        let mark = self.marks.peek().copied();
        if let Some(mark) = mark.filter(|mark| mark.at <= self.read) {
            self.marks.pop();
            return Some(Found::Mark(mark.what));
        }
        let until = mark.map_or(self.seen, |mark| mark.at.min(self.seen));
        let count = usize::try_from(until.saturating_sub(self.read)).unwrap_or(usize::MAX);
        let count = count.min(out.len() / self.channels.max(1));
        let samples = out.get_mut(..count.saturating_mul(self.channels)).unwrap_or(&mut []);
        if count == 0 || !self.samples.read_whole(samples) {
            return None;
        }
        self.read = self.read.saturating_add(count as u64);
        Some(Found::Frames(count))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// A stretch as a reader puts it together: where it begins, its frames, holes filled with NaN.
    #[derive(Debug, Default, PartialEq)]
    struct Stretch {
        position: i64,
        frames: Vec<f32>,
        ended: bool,
    }

    /// Reads all there is and puts it where it belongs.
    fn drain(reader: &mut TapeReader, stretches: &mut Vec<Stretch>) {
        let mut block = [0.0; 100];
        while let Some(found) = reader.next(&mut block) {
            match found {
                Found::Mark(What::From { position }) => {
                    stretches.push(Stretch { position, ..Stretch::default() });
                }
                Found::Mark(What::Hole { position, lost }) => hole(stretches, position, lost),
                Found::Mark(What::End { position, lost }) => {
                    hole(stretches, position, lost);
                    stretches.last_mut().unwrap().ended = true;
                }
                Found::Frames(count) => {
                    stretches.last_mut().unwrap().frames.extend_from_slice(&block[..count]);
                }
            }
        }
    }

    /// Missing frames up to `position`: of the stretch before, or of one of their own.
    fn hole(stretches: &mut Vec<Stretch>, position: i64, lost: u64) {
        let begin = position - i64::try_from(lost).unwrap();
        let goes_on = stretches.last().is_some_and(|last: &Stretch| {
            !last.ended && last.position + i64::try_from(last.frames.len()).unwrap() == begin
        });
        if !goes_on {
            stretches.push(Stretch { position: begin, ..Stretch::default() });
        }
        let last = stretches.last_mut().unwrap();
        last.frames.extend(std::iter::repeat_n(f32::NAN, usize::try_from(lost).unwrap()));
    }

    fn value(position: i64) -> f32 {
        position as f32
    }

    fn record(head: &mut TapeHead, position: i64, frames: usize) {
        let samples: Vec<f32> = (position..).take(frames).map(value).collect();
        head.record(position, frames, [&samples[..]].into_iter());
    }

    #[test]
    fn frames_come_out_interleaved_with_their_positions() {
        let (mut head, mut reader) = tape(3, 1000);
        let (left, right) = ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]);
        head.record(-5, 3, [&left[..], &right[..]].into_iter());
        head.end();
        head.end();
        let mut out = [9.0; 9];
        assert_eq!(reader.next(&mut out), Some(Found::Mark(What::From { position: -5 })));
        assert_eq!(reader.next(&mut out), Some(Found::Frames(3)));
        assert_eq!(out, [1.0, -1.0, 0.0, 2.0, -2.0, 0.0, 3.0, -3.0, 0.0]);
        assert_eq!(reader.next(&mut out), Some(Found::Mark(What::End { position: -2, lost: 0 })));
        assert_eq!((reader.next(&mut out), reader.is_over()), (None, false));
        drop(head);
        assert!(reader.is_over());
    }

    #[test]
    fn what_has_no_room_is_a_hole_of_the_right_length_in_the_right_place() {
        let (mut head, mut reader) = tape(1, 300);
        let mut stretches = Vec::new();
        for turn in 0..4 {
            record(&mut head, turn * 100, 100);
        }
        drain(&mut reader, &mut stretches);
        record(&mut head, 400, 100);
        head.end();
        drain(&mut reader, &mut stretches);
        let [only] = &stretches[..] else { panic!("{stretches:?}") };
        assert_eq!((only.position, only.frames.len(), only.ended), (0, 500, true));
        for (frame, sample) in only.frames.iter().enumerate() {
            assert_eq!(sample.is_nan(), (300..400).contains(&frame), "frame {frame}");
        }
    }

    #[test]
    fn random_recording_and_reading_loses_nothing_unsaid() {
        let mut random = 7u32;
        let mut dice = |sides: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % sides
        };
        let mut lost = 0;
        for _ in 0..200 {
            let (mut head, mut reader) = tape(1, 400);
            let (mut wanted, mut got) = (Vec::<Stretch>::new(), Vec::new());
            let mut position = 0;
            for _ in 0..200 {
                match dice(12) {
                    0 => {
                        head.end();
                        wanted.last_mut().into_iter().for_each(|last| last.ended = true);
                    }
                    1 => position = i64::from(dice(1000)) - 500,
                    2..=4 => drain(&mut reader, &mut got),
                    _ => {
                        let frames = 1 + dice(150) as usize;
                        record(&mut head, position, frames);
                        let goes_on = wanted.last().is_some_and(|last| {
                            !last.ended
                                && last.position + i64::try_from(last.frames.len()).unwrap() == position
                        });
                        if !goes_on {
                            wanted.last_mut().into_iter().for_each(|last| last.ended = true);
                            wanted.push(Stretch { position, ..Stretch::default() });
                        }
                        let last = wanted.last_mut().unwrap();
                        last.frames.extend((position..).take(frames).map(value));
                        position += i64::try_from(frames).unwrap();
                    }
                }
            }
            drain(&mut reader, &mut got);
            head.end();
            wanted.last_mut().into_iter().for_each(|last| last.ended = true);
            drain(&mut reader, &mut got);
            assert_eq!(wanted.len(), got.len());
            for (wanted, got) in wanted.iter().zip(&got) {
                assert_eq!(
                    (wanted.position, wanted.frames.len(), wanted.ended),
                    (got.position, got.frames.len(), got.ended)
                );
                let frames = wanted.frames.iter().zip(&got.frames);
                assert!(frames.into_iter().all(|(wanted, got)| got.is_nan() || wanted == got));
            }
            lost += got.iter().flat_map(|stretch| &stretch.frames).filter(|sample| sample.is_nan()).count();
        }
        assert!(lost > 1000, "the tape was short enough to lose something");
    }

    #[test]
    fn a_tape_is_real_time_safe() {
        let (mut head, _reader) = tape(2, 1000);
        let samples = vec![0.5; MAX_FRAMES];
        let scope = crate::RtScope::enter();
        for turn in 0..100 {
            head.record(turn * 300, MAX_FRAMES, [&samples[..], &samples[..]].into_iter());
            if turn % 3 == 0 {
                head.end();
            }
        }
        assert!(scope.counts().is_clean());
    }
}
