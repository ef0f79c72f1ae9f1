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

/// What holds from one command of the transport to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Piece {
    time: i64,
    position: i64,
    clock: i64,
    rolling: bool,
    range: Option<LoopRange>,
}

impl Piece {
    /// The transport at `time`, and for how many frames it goes on without a jump. Before the piece begins it is
    /// continued backwards, as if it had always been.
    fn at(&self, time: i64) -> (Transport, i64) {
        let passed = time.saturating_sub(self.time);
        let clock = self.clock.saturating_add(passed);
        if !self.rolling {
            return (Transport { position: self.position, clock, rolling: false }, i64::MAX);
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
        (Transport { position, clock, rolling: true }, left)
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
        let (now, range) = (self.now(time), self.range());
        let clock = if fresh { now.position } else { now.clock };
        self.used = if fresh { 0 } else { self.used };
        self.push(Piece { time, position: now.position, clock, rolling: true, range });
    }

    /// Stands still from here on.
    pub fn stop(&mut self, time: i64) {
        let now = self.now(time);
        self.push(Piece {
            time,
            position: now.position,
            clock: now.clock,
            rolling: false,
            range: self.range(),
        });
    }

    /// Jumps (at most to [`MAX_POSITION`]), and forgets the past: delay lines are flushed, so nothing from before is heard again.
    pub fn locate(&mut self, time: i64, position: i64) {
        let position = position.clamp(-MAX_POSITION, MAX_POSITION);
        let (rolling, range) = (self.now(time).rolling, self.range());
        self.used = 0;
        self.push(Piece { time, position, clock: position, rolling, range });
    }

    /// Sets or clears the loop. A position at or behind its end is not drawn into it.
    pub fn set_loop(&mut self, time: i64, range: Option<LoopRange>) {
        let now = self.now(time);
        self.push(Piece { time, position: now.position, clock: now.clock, rolling: now.rolling, range });
    }

    fn range(&self) -> Option<LoopRange> {
        self.used.checked_sub(1).and_then(|last| self.pieces.get(last)).and_then(|piece| piece.range)
    }

    fn push(&mut self, piece: Piece) {
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
    fn the_ends_of_time_are_survived() {
        for position in [i64::MIN, i64::MAX] {
            let mut line = Timeline::default();
            line.locate(0, position);
            line.play(0, true);
            assert_eq!(line.now(0).position, position.clamp(-MAX_POSITION, MAX_POSITION));
            for time in [i64::MIN, -1, 0, 1, i64::MAX] {
                assert!(line.at(time).1 > 0);
            }
            line.set_loop(i64::MAX, LoopRange::new(MAX_POSITION - 64, MAX_POSITION));
            assert!(line.at(i64::MAX).1 > 0);
        }
    }
}
