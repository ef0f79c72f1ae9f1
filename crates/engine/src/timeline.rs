//! Where each frame lies on the time line.
//!
//! Executor time counts frames from the beginning and never jumps. The time line does: it stands, rolls, wraps at the end
//! of the loop. A node behind `n` frames of latency sees at time `t` what the sources saw at `t − n`, so the past is kept:
//! one [`Piece`] for each command of the transport, loops being a property of a piece and not a piece for each turn.

use omega_processor::Transport;

/// Frames of the shortest loop.
pub const MIN_LOOP: i64 = 64;

/// The position farthest from frame zero, either way, that can be located or looped (761,000 years at 48 kHz): sums of
/// positions and lengths never overflow.
pub const MAX_POSITION: i64 = 1 << 60;

/// A loop: `begin` is played after the frame before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopRange {
    begin: i64,
    end: i64,
}

impl LoopRange {
    /// From `begin` up to, not including, `end`; `None` when shorter than [`MIN_LOOP`] or beyond [`MAX_POSITION`].
    #[must_use]
    pub fn new(begin: i64, end: i64) -> Option<Self> {
        let sound = begin >= -MAX_POSITION && end <= MAX_POSITION;
        (sound && end.checked_sub(begin)? >= MIN_LOOP).then_some(Self { begin, end })
    }

    /// First frame.
    #[must_use]
    pub fn begin(self) -> i64 {
        self.begin
    }

    /// One past the last frame.
    #[must_use]
    pub fn end(self) -> i64 {
        self.end
    }
}

/// Where armed tracks record: from `begin` up to, not including, `end`, whenever the time line rolls there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    begin: i64,
    end: i64,
}

impl RecordRange {
    /// Everywhere.
    pub const ALL: Self = Self { begin: -MAX_POSITION, end: MAX_POSITION };

    /// From `begin` up to, not including, `end`, as far as they lie within [`MAX_POSITION`]; `None` when nothing lies
    /// between them.
    #[must_use]
    pub fn new(begin: i64, end: i64) -> Option<Self> {
        let (begin, end) = (begin.max(-MAX_POSITION), end.min(MAX_POSITION));
        (begin < end).then_some(Self { begin, end })
    }

    /// First frame.
    #[must_use]
    pub fn begin(self) -> i64 {
        self.begin
    }

    /// One past the last frame.
    #[must_use]
    pub fn end(self) -> i64 {
        self.end
    }

    /// Whether a position is recorded, and for how many frames that stays so while the time line goes straight on.
    fn at(self, position: i64) -> (bool, i64) {
        if position < self.begin {
            (false, self.begin.saturating_sub(position))
        } else if position < self.end {
            (true, self.end.saturating_sub(position))
        } else {
            (false, i64::MAX)
        }
    }
}

/// What holds from one command of the transport to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Piece {
    time: i64,
    position: i64,
    clock: i64,
    rolling: bool,
    range: Option<LoopRange>,
    record: Option<RecordRange>,
    /// When the count-in ends that goes on.
    counts_to: Option<i64>,
}

impl Piece {
    /// The transport at `time`, and for how many frames it goes on without a jump. Before the piece begins it is
    /// continued backwards, as if it had always been.
    fn at(&self, time: i64) -> (Transport, i64) {
        let passed = time.saturating_sub(self.time);
        let clock = self.clock.saturating_add(passed);
        if !self.rolling {
            let count_in = self.counts_to.map_or(0, |end| end.saturating_sub(time).max(0));
            return (
                Transport { position: self.position, clock, count_in, ..Transport::default() },
                i64::MAX,
            );
        }
        let straight = self.position.saturating_add(passed);
        let (position, left) = match self.range {
            Some(range) if self.position < range.end => {
                let beyond = straight - range.end;
                let position = if beyond < 0 {
                    straight
                } else {
                    range.begin + beyond.rem_euclid((range.end - range.begin).max(1))
                };
                (position, range.end - position)
            }
            _ => (straight, i64::MAX),
        };
        let (recording, same) = match self.record {
            None => (false, i64::MAX),
            // What came before the piece was played somewhere else.
            Some(_) if passed < 0 => (false, passed.saturating_neg()),
            Some(record) => record.at(position),
        };
        (Transport { position, clock, rolling: true, recording, count_in: 0 }, left.min(same))
    }
}

/// Moments at which the transport was commanded that are remembered: more than a hand can give within the longest
/// latency. Of commands at one moment only what comes out of them is.
const PIECES: usize = 256;

/// The transport and its past. All calls are real-time safe.
#[derive(Clone, Debug)]
pub struct Timeline {
    pieces: [Piece; PIECES],
    used: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { pieces: [Piece::default(); PIECES], used: 1 }
    }
}

impl Timeline {
    /// The transport at executor time `time`, and the number of frames until it jumps.
    #[must_use]
    pub fn at(&self, time: i64) -> (Transport, i64) {
        let pieces = self.pieces.get(..self.used).unwrap_or(&[]);
        let mut after = i64::MAX;
        for (index, piece) in pieces.iter().enumerate().rev() {
            if piece.time <= time || index == 0 {
                let (transport, left) = piece.at(time);
                return (transport, left.min(after.saturating_sub(time)).max(1));
            }
            after = piece.time;
        }
        (Transport::default(), i64::MAX)
    }

    /// The transport at the sources.
    #[must_use]
    pub fn now(&self, time: i64) -> Transport {
        self.at(time).0
    }

    /// Starts to roll. When `fresh`, the past is forgotten and the control grid is put in step with the position, as a
    /// render that starts here does.
    pub fn play(&mut self, time: i64, fresh: bool) {
        let piece = self.piece(time);
        let clock = if fresh { piece.position } else { piece.clock };
        self.used = if fresh { 0 } else { self.used };
        self.push(Piece { clock, rolling: true, counts_to: None, ..piece });
    }

    /// Starts to roll in `frames` frames, after a count-in. To play, to stop or to locate before then ends it.
    pub fn play_in(&mut self, time: i64, frames: i64) {
        let counts_to = Some(time.saturating_add(frames));
        let piece = self.piece(time);
        self.push(Piece { rolling: false, counts_to, ..piece });
    }

    /// Stands still from here on.
    pub fn stop(&mut self, time: i64) {
        let piece = self.piece(time);
        self.push(Piece { rolling: false, counts_to: None, ..piece });
    }

    /// Jumps (at most to [`MAX_POSITION`]), and forgets the past: delay lines are flushed, so nothing from before is heard again.
    pub fn locate(&mut self, time: i64, position: i64) {
        let position = position.clamp(-MAX_POSITION, MAX_POSITION);
        let piece = self.piece(time);
        self.used = 0;
        self.push(Piece { position, clock: position, counts_to: None, ..piece });
    }

    /// Sets or clears the loop. A position at or behind its end is not drawn into it.
    pub fn set_loop(&mut self, time: i64, range: Option<LoopRange>) {
        let piece = self.piece(time);
        self.push(Piece { range, ..piece });
    }

    /// Says where is recorded from here on, or that nothing is.
    pub fn set_record(&mut self, time: i64, record: Option<RecordRange>) {
        let piece = self.piece(time);
        self.push(Piece { record, ..piece });
    }

    /// Whether it was said where to record.
    #[must_use]
    pub fn records(&self, time: i64) -> bool {
        self.piece(time).record.is_some()
    }

    /// What holds at `time`, the time of the next command.
    fn piece(&self, time: i64) -> Piece {
        let now = self.now(time);
        let pieces = self.pieces.get(..self.used).unwrap_or(&[]);
        let last = pieces.iter().rev().find(|piece| piece.time <= time).or(pieces.first());
        let Piece { range, record, counts_to, .. } = last.copied().unwrap_or_default();
        let Transport { position, clock, rolling, .. } = now;
        let counts_to = counts_to.filter(|end| *end > time);
        Piece { time, position, clock, rolling, range, record, counts_to }
    }

    /// Adds a piece, and where a count-in goes on the one that begins at its end.
    fn push(&mut self, piece: Piece) {
        while self.used > 1 && self.pieces.get(self.used - 1).is_some_and(|last| last.time > piece.time) {
            self.used -= 1;
        }
        self.add(piece);
        if let Some(time) = piece.counts_to {
            let clock = piece.clock.saturating_add(time.saturating_sub(piece.time));
            self.add(Piece { time, clock, rolling: true, counts_to: None, ..piece });
        }
    }

    fn add(&mut self, piece: Piece) {
        let last = self.used.checked_sub(1).and_then(|last| self.pieces.get_mut(last));
        if let Some(last) = last.filter(|last| last.time == piece.time) {
            *last = piece;
            return;
        }
        if self.used == PIECES {
            self.pieces.rotate_left(1);
            self.used -= 1;
        }
        if let Some(slot) = self.pieces.get_mut(self.used) {
            *slot = piece;
            self.used += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(line: &Timeline, from: i64, count: i64) -> [i64; 8] {
        core::array::from_fn(|i| line.now(from + i64::try_from(i).unwrap_or(0).min(count)).position)
    }

    #[test]
    fn a_loop_wraps_for_as_long_as_it_rolls() {
        let mut line = Timeline::default();
        line.locate(0, 100);
        line.set_loop(0, LoopRange::new(64, 128));
        line.play(0, true);
        assert_eq!(line.at(0).1, 28);
        assert_eq!(positions(&line, 26, 7), [126, 127, 64, 65, 66, 67, 68, 69]);
        assert_eq!(line.now(28 + 64 * 1000 + 5).position, 69);
        assert_eq!(line.at(28).1, 64);
    }

    #[test]
    fn the_past_stays_what_it_was() {
        let mut line = Timeline::default();
        line.locate(0, 0);
        line.play(10, true);
        line.stop(50);
        line.play(70, false);
        assert_eq!(line.now(5).position, -5, "before the start, time is continued backwards");
        assert_eq!((line.now(49).position, line.now(50).position, line.now(69).position), (39, 40, 40));
        assert_eq!(line.now(71).position, 41);
        assert_eq!(line.at(45).1, 5, "the stop cuts the stretch");
    }

    #[test]
    fn behind_the_loop_it_goes_straight_on() {
        let mut line = Timeline::default();
        line.locate(0, 500);
        line.set_loop(0, LoopRange::new(0, 100));
        line.play(0, true);
        assert_eq!(line.now(1000).position, 1500);
        assert!(LoopRange::new(0, MIN_LOOP - 1).is_none());
        assert!(LoopRange::new(i64::MIN, i64::MAX).is_none());
        assert!(LoopRange::new(0, i64::MAX).is_none() && LoopRange::new(i64::MIN, 0).is_none());
    }

    #[test]
    fn many_commands_forget_the_oldest() {
        let mut line = Timeline::default();
        for time in 0..1000 {
            if time % 2 == 0 { line.play(time, false) } else { line.stop(time) }
        }
        assert_eq!(line.now(1000).position, 500);
        assert_eq!(line.now(998).position, 499);
    }

    #[test]
    fn of_commands_at_one_moment_the_outcome_is_remembered() {
        let mut line = Timeline::default();
        line.play(0, true);
        for turn in 0..1000 {
            line.set_loop(500, LoopRange::new(turn, turn + 64));
            line.stop(500);
            line.play(500, false);
        }
        assert_eq!((line.now(400).position, line.now(600).position), (400, 600));
        assert_eq!(line.at(400).1, 100);
    }

    #[test]
    fn recording_begins_and_ends_in_its_frames_in_every_turn_of_a_loop_and_not_before_a_locate() {
        let mut line = Timeline::default();
        line.locate(0, 100);
        line.set_loop(0, LoopRange::new(100, 200));
        line.set_record(0, RecordRange::new(120, 150));
        line.play(0, false);
        let recording = |line: &Timeline, time| line.now(time).recording;
        for time in -300..300i64 {
            let position = line.now(time).position;
            let wanted = time >= 0 && (120..150).contains(&position);
            assert_eq!(recording(&line, time), wanted, "time {time}, position {position}");
            let (first, left) = line.at(time);
            let behind = line.now(time.saturating_add(left));
            assert!(left == 1 || behind != first, "a stretch ends where something changes");
            for step in 0..left.min(400) {
                let now = line.now(time + step);
                assert_eq!((now.position, now.recording), (first.position + step, first.recording));
            }
        }
        line.stop(130);
        assert!(recording(&line, 129) && !recording(&line, 130));
        line.set_record(140, None);
        line.play(150, false);
        assert!((150..400).all(|time| !recording(&line, time)), "the past is not recorded anew");
        assert!(recording(&line, 129));
        assert!(RecordRange::new(5, 5).is_none() && RecordRange::new(i64::MAX, i64::MIN).is_none());
    }

    #[test]
    fn a_count_in_stands_and_counts_and_anything_else_ends_it() {
        let mut line = Timeline::default();
        line.locate(0, 1000);
        line.stop(5);
        line.play_in(10, 48);
        assert_eq!((line.now(9).count_in, line.now(10).count_in, line.now(57).count_in), (0, 48, 1));
        assert_eq!(
            line.at(20),
            (Transport { position: 1000, clock: 1020, count_in: 38, ..Transport::default() }, 38)
        );
        let begun = line.now(58);
        assert!(begun.rolling && begun.count_in == 0);
        assert_eq!((begun.position, begun.clock, line.now(100).position), (1000, 1058, 1042));
        line.stop(150);
        line.play_in(200, 48);
        line.set_record(205, Some(RecordRange::ALL));
        assert!(line.now(248).recording && line.now(247).count_in == 1, "it goes on with what is set");
        line.stop(210);
        assert!((200..500).all(|time| !line.now(time).rolling));
        assert_eq!((line.now(209).count_in, line.now(210).count_in), (39, 0));
    }

    #[test]
    fn the_ends_of_time_are_survived() {
        for position in [i64::MIN, i64::MAX] {
            let mut line = Timeline::default();
            line.locate(0, position);
            line.play(0, true);
            assert_eq!(line.now(0).position, position.clamp(-MAX_POSITION, MAX_POSITION));
            for time in [i64::MIN, -1, 0, 1, i64::MAX] {
                assert!(line.at(time).1 > 0);
            }
            line.play_in(i64::MAX, i64::MAX);
            line.set_record(i64::MAX, Some(RecordRange::ALL));
            line.set_loop(i64::MAX, LoopRange::new(MAX_POSITION - 64, MAX_POSITION));
            assert!(line.at(i64::MAX).1 > 0);
        }
    }
}
