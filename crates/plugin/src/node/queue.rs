//! What is to be heard next: stretches of frames, in the order in which they came in.

/// Where the sound of a stretch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is silent.
    Silence,
    /// The reply to that request.
    Reply(u32),
    /// Nobody was asked.
    Nothing,
}

/// A stretch of frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub frames: usize,
    pub source: Source,
}

/// Stretches in their order, in memory of a fixed size.
#[derive(Debug)]
pub(crate) struct Queue {
    ring: Box<[Segment]>,
    first: usize,
    used: usize,
}

impl Queue {
    /// Room for so many. Allocates; all that follows is real-time safe.
    #[allow(clippy::disallowed_macros, reason = "prepares off the audio thread")]
    pub(crate) fn new(capacity: usize) -> Self {
        let nothing = Segment { frames: 0, source: Source::Nothing };
        Self { ring: vec![nothing; capacity.max(1)].into_boxed_slice(), first: 0, used: 0 }
    }

    pub(crate) fn clear(&mut self) {
        (self.first, self.used) = (0, 0);
    }

    /// More than the one stretch that is due can be added.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        self.used + 2 <= self.ring.len()
    }

    /// Adds a stretch. Where there is no room, the last one grows, and is not heard: this keeps the time right.
    pub(crate) fn push(&mut self, segment: Segment) {
        let capacity = self.ring.len().max(1);
        let full = self.used == capacity;
        let at = (self.first + self.used - usize::from(full)) % capacity;
        if let Some(place) = self.ring.get_mut(at) {
            *place = if full {
                Segment { frames: place.frames + segment.frames, source: Source::Nothing }
            } else {
                segment
            };
            self.used += usize::from(!full);
        }
    }

    /// Takes the first.
    pub(crate) fn pop(&mut self) -> Option<Segment> {
        let segment = self.ring.get(self.first).copied().filter(|_| self.used > 0)?;
        self.first = (self.first + 1) % self.ring.len().max(1);
        self.used -= 1;
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;

    #[test]
    fn stretches_come_out_in_their_order_and_no_frame_is_lost() {
        let mut queue = Queue::new(3);
        for turn in 0..10 {
            for n in 0..5 {
                queue.push(Segment { frames: 10 + n, source: Source::Reply(turn) });
            }
            let all: Vec<Segment> = std::iter::from_fn(|| queue.pop()).collect();
            assert_eq!(all.iter().map(|s| s.frames).collect::<Vec<_>>(), [10, 11, 12 + 13 + 14]);
            assert_eq!(all[2].source, Source::Nothing);
        }
        assert!(queue.has_room_to_spare());
        queue.push(Segment { frames: 1, source: Source::Silence });
        queue.push(Segment { frames: 1, source: Source::Silence });
        assert!(!queue.has_room_to_spare());
    }
}
