//! The unit of work of a plugin: so many frames in, as many out, wherever the plugin lives.
//!
//! A plugin is never called with the engine's blocks but with quanta: [`QUANTUM`] frames that begin where the node's clock
//! is a multiple of it. So what it computes does not depend on how the engine's blocks are cut, and a plugin in this process
//! and one in a worker get the same calls and give the same bytes.

use omega_processor::{Event, EventKind, MAX_AUX, MAX_CHANNELS};
use omega_rt::AlignedBuffer;
use serde::{Deserialize, Serialize};

/// Frames of a quantum.
pub const QUANTUM: usize = 128;
/// Events of one quantum at most.
pub const MAX_EVENTS: usize = 1536;
/// Of these, how many may be values of parameters; the rest is for notes and MIDI.
pub const MAX_PARAM_EVENTS: usize = 1024;
/// Places of the time line within one quantum at most: it jumps no more often than the shortest loop wraps.
pub const MAX_PLACES: usize = 4;

/// Channels that go to and come from a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Channels of the plugin's main input, and of its further inputs as far as they are fed.
    pub inputs: [u16; 1 + MAX_AUX],
    /// Channels of the plugin's main output.
    pub outputs: u16,
}

impl Shape {
    /// No port has more channels than there can be.
    #[must_use]
    pub(crate) fn is_sound(&self) -> bool {
        let ports = self.inputs.iter().chain([&self.outputs]);
        ports.into_iter().all(|&channels| usize::from(channels) <= MAX_CHANNELS) && self.outputs > 0
    }

    /// Channels of all inputs together.
    #[must_use]
    pub fn input_channels(&self) -> usize {
        self.inputs.iter().map(|&channels| usize::from(channels)).sum()
    }

    /// First channel of input `port` among all of them.
    #[must_use]
    pub fn first_channel(&self, port: usize) -> usize {
        self.inputs.iter().take(port).map(|&channels| usize::from(channels)).sum()
    }

    /// Channels of the output.
    #[must_use]
    pub fn output_channels(&self) -> usize {
        usize::from(self.outputs)
    }
}

/// Where a frame of a quantum lies on the time line, and how fast that goes there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Frame within the quantum from which on this holds.
    pub frame: u32,
    /// Frame of the time line there.
    pub position: i64,
    /// The time line moves.
    pub rolling: bool,
    /// What comes in is recorded.
    pub recording: bool,
    /// A count-in is heard before the time line moves.
    pub before_roll: bool,
    /// Bars and beats there; `None` where nobody knows a tempo.
    pub musical: Option<Musical>,
}

/// Bars and beats at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Musical {
    /// Quarter notes per minute.
    pub tempo: f64,
    /// Quarter notes since the beginning.
    pub beat: f64,
    /// Quarter notes from the beginning to that of the bar.
    pub bar_begin: f64,
    /// The bar, counted from zero.
    pub bar: i32,
    /// Time signature.
    pub signature: (u16, u16),
}

/// What a plugin is asked to do.
#[derive(Debug)]
pub struct Request {
    /// 1..=[`QUANTUM`].
    pub frames: u32,
    /// The plugin forgets the past first.
    pub reset: bool,
    /// Frames that this node has processed before.
    pub steady: u64,
    /// Where the frames lie, the first at frame 0; at least one.
    places: [Place; MAX_PLACES],
    used_places: usize,
    /// Each channel of each input has [`QUANTUM`] frames here.
    pub inputs: AlignedBuffer,
    events: Box<[Event]>,
    used_events: usize,
}

/// An event that stands for none.
const NO_EVENT: Event = Event { frame: 0, kind: EventKind::Transport };

impl Request {
    /// Memory for requests of that shape. Allocates.
    #[must_use]
    #[allow(clippy::disallowed_macros, reason = "prepares off the audio thread")]
    pub fn new(shape: &Shape) -> Self {
        Self {
            frames: 0,
            reset: false,
            steady: 0,
            places: [Place::default(); MAX_PLACES],
            used_places: 0,
            inputs: AlignedBuffer::zeroed(shape.input_channels() * QUANTUM),
            events: vec![NO_EVENT; MAX_EVENTS].into_boxed_slice(),
            used_events: 0,
        }
    }

    /// Begins anew, without places and events; the samples stay. Real-time safe, as all that follows.
    pub fn clear(&mut self) {
        (self.frames, self.reset, self.used_places, self.used_events) = (0, false, 0, 0);
    }

    /// Channel `index` of all inputs.
    #[must_use]
    pub fn input(&self, index: usize) -> &[f32] {
        channel(&self.inputs, index)
    }

    /// Channel `index` of all inputs, to be written.
    pub fn input_mut(&mut self, index: usize) -> &mut [f32] {
        channel_mut(&mut self.inputs, index)
    }

    /// Where the frames lie.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        self.places.get(..self.used_places).unwrap_or_default()
    }

    /// Adds a place; one too many is left out.
    pub fn push_place(&mut self, place: Place) {
        if let Some(free) = self.places.get_mut(self.used_places) {
            *free = place;
            self.used_places += 1;
        }
    }

    /// What happens, sorted by frame when the request is on its way.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.events.get(..self.used_events).unwrap_or_default()
    }

    /// Adds an event; `false`, and nothing is added, where there are [`MAX_EVENTS`].
    pub fn push_event(&mut self, event: Event) -> bool {
        let Some(free) = self.events.get_mut(self.used_events) else { return false };
        *free = event;
        self.used_events += 1;
        true
    }

    /// Sorts the events by frame, equal frames in their order; `spare` has room for all of them.
    pub fn sort_events(&mut self, spare: &mut [Event]) {
        let events = self.events.get_mut(..self.used_events).unwrap_or_default();
        if events.is_sorted_by_key(|event| event.frame) {
            return;
        }
        let mut ends = [0usize; QUANTUM + 1];
        let slot = |event: &Event| (event.frame as usize).min(QUANTUM);
        for event in &*events {
            if let Some(count) = ends.get_mut(slot(event)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            let count = *end;
            *end = sum;
            sum += count;
        }
        for event in &*events {
            let Some(place) = ends.get_mut(slot(event)) else { continue };
            if let Some(free) = spare.get_mut(*place) {
                *free = *event;
            }
            *place += 1;
        }
        events.iter_mut().zip(spare.iter()).for_each(|(event, sorted)| *event = *sorted);
    }
}

/// Memory to sort the events of a request in. Allocates.
#[must_use]
#[allow(clippy::disallowed_macros, reason = "prepares off the audio thread")]
pub fn spare_events() -> Box<[Event]> {
    vec![NO_EVENT; MAX_EVENTS].into_boxed_slice()
}

/// How a quantum went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was processed.
    #[default]
    Done,
    /// It was processed, and silence in would give silence out from now on.
    Asleep,
    /// The plugin said that it could not.
    Refused,
}

/// What came of a request.
#[derive(Debug)]
pub struct Reply {
    /// How it went.
    pub outcome: Outcome,
    /// Each channel of the main output has [`QUANTUM`] frames here.
    pub outputs: AlignedBuffer,
}

impl Reply {
    /// Memory for replies of that shape. Allocates.
    #[must_use]
    pub fn new(shape: &Shape) -> Self {
        let outputs = AlignedBuffer::zeroed(shape.output_channels() * QUANTUM);
        Self { outcome: Outcome::Done, outputs }
    }

    /// Channel `index` of the output.
    #[must_use]
    pub fn output(&self, index: usize) -> &[f32] {
        channel(&self.outputs, index)
    }

    /// Channel `index` of the output, to be written.
    pub fn output_mut(&mut self, index: usize) -> &mut [f32] {
        channel_mut(&mut self.outputs, index)
    }
}

fn channel(memory: &[f32], index: usize) -> &[f32] {
    let begin = index.saturating_mul(QUANTUM);
    memory.get(begin..begin.saturating_add(QUANTUM)).unwrap_or_default()
}

fn channel_mut(memory: &mut [f32], index: usize) -> &mut [f32] {
    let begin = index.saturating_mul(QUANTUM);
    memory.get_mut(begin..begin.saturating_add(QUANTUM)).unwrap_or_default()
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
    fn events_are_sorted_by_frame_and_equal_frames_keep_their_order() {
        let shape = Shape { inputs: [2, 0, 0, 0, 0], outputs: 2 };
        let mut request = Request::new(&shape);
        let mut spare = spare_events();
        let frames = [5, 0, 127, 5, 64, 0, 127, 5];
        for (n, &frame) in (0..).zip(&frames) {
            assert!(request.push_event(Event { frame, kind: EventKind::ParamValue(n, 0.0) }));
        }
        request.sort_events(&mut spare);
        let order = request.events().iter().map(|event| match event.kind {
            EventKind::ParamValue(n, _) => (event.frame, n),
            _ => unreachable!(),
        });
        let order: Vec<_> = order.collect();
        assert_eq!(order, [(0, 1), (0, 5), (5, 0), (5, 3), (5, 7), (64, 4), (127, 2), (127, 6)]);
    }

    #[test]
    fn a_request_takes_so_many_events_and_no_more() {
        let mut request = Request::new(&Shape::default());
        for _ in 0..MAX_EVENTS {
            assert!(request.push_event(NO_EVENT));
        }
        assert!(!request.push_event(NO_EVENT));
        for _ in 0..=MAX_PLACES {
            request.push_place(Place::default());
        }
        assert_eq!((request.events().len(), request.places().len()), (MAX_EVENTS, MAX_PLACES));
    }

    #[test]
    fn channels_that_are_not_there_are_empty() {
        let shape = Shape { inputs: [2, 1, 0, 0, 0], outputs: 1 };
        let request = Request::new(&shape);
        assert_eq!((request.input(2).len(), request.input(3).len()), (QUANTUM, 0));
        assert_eq!((shape.first_channel(1), shape.input_channels()), (2, 3));
        assert!(Reply::new(&shape).output(usize::MAX).is_empty());
    }
}
