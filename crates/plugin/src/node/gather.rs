//! From the engine's blocks to a plugin's quanta: samples, events, values of parameters, the time line.

use omega_processor::{ChannelsRef, Event, EventKind, MAX_AUX, ProcessBlock};
use omega_rt::AlignedBuffer;
use omega_time::{Bbt, Frames, TempoMap, Ticks};

use super::PluginProcessor;
use super::fit::{Fed, fed};
use super::owed::Owed;
use crate::quantum::{MAX_EVENTS, MAX_PARAM_EVENTS, Musical, Place, QUANTUM, Request, spare_events};

/// Parameters that may change within one quantum and be told of frame by frame; what changes beyond that is told a quantum
/// at once.
const ROWS: usize = 64;
/// Events that parameters which stand still within the quantum may have, beside those that move.
const STANDING: usize = (MAX_EVENTS - MAX_PARAM_EVENTS) / 2;
/// No row.
const NONE: u8 = u8::MAX;

/// What the plugin is told of parameters, notes and the time line.
#[derive(Debug)]
pub(super) struct Teller {
    /// Value of each parameter that was told last; NaN for none.
    sent: Box<[f32]>,
    /// Value of each parameter as of now.
    now: Box<[f32]>,
    /// The row of each parameter, or [`NONE`].
    row_of: Box<[u8]>,
    /// Values frame by frame of those parameters that change within the quantum.
    rows: AlignedBuffer,
    /// Which parameter has the row, and how many frames of it are there.
    owners: [(usize, usize); ROWS],
    used: usize,
    /// Notes and MIDI of the quantum.
    notes: Box<[Event]>,
    used_notes: usize,
    /// Releases that did not get through.
    owed: Owed,
    /// Frame of the time line that comes next if nothing happens, whether it moves, and whether that is recorded.
    expected: Option<(i64, bool, bool)>,
}

impl Teller {
    /// For a plugin that has these values. Allocates; all that follows is real-time safe.
    #[allow(clippy::disallowed_macros, reason = "prepares off the audio thread")]
    pub(super) fn new(values: &[f32]) -> Self {
        Self {
            sent: values.into(),
            now: values.into(),
            row_of: vec![NONE; values.len()].into_boxed_slice(),
            rows: AlignedBuffer::zeroed(ROWS * QUANTUM),
            owners: [(0, 0); ROWS],
            used: 0,
            notes: spare_events(),
            used_notes: 0,
            owed: Owed::default(),
            expected: None,
        }
    }

    /// The plugin is another one: it is told everything.
    pub(super) fn tell_all(&mut self) {
        self.sent.fill(f32::NAN);
        self.owed.forget();
    }

    /// The plugin did not get this request: the values that stood in it are told again, and of its notes what would hang else.
    /// Nothing else is, because a value that the plugin changed by itself since it was told would go back.
    pub(super) fn tell_again(&mut self, request: &Request) {
        self.owed.remember(request.events());
        for event in request.events() {
            if let EventKind::ParamValue(index, _) = event.kind
                && let Some(sent) = self.sent.get_mut(index as usize)
            {
                *sent = f32::NAN;
            }
        }
    }

    /// Back to the first frame; values stay.
    pub(super) fn reset(&mut self) {
        self.expected = None;
        self.used_notes = 0;
        self.clear_rows();
    }

    fn clear_rows(&mut self) {
        for (owner, _) in self.owners.iter().take(self.used) {
            if let Some(row) = self.row_of.get_mut(*owner) {
                *row = NONE;
            }
        }
        self.used = 0;
    }

    /// The row of a parameter from frame `base` on, for `count` frames; it gets one if it has none. What came before is
    /// what the parameter was.
    fn row(&mut self, index: usize, base: usize, count: usize) -> Option<&mut [f32]> {
        let before = self.now.get(index).copied()?;
        let row_of = self.row_of.get_mut(index)?;
        let fresh = *row_of == NONE;
        if fresh {
            let number = u8::try_from(self.used).ok().filter(|_| self.used < ROWS)?;
            *row_of = number;
            self.used += 1;
        }
        let row = usize::from(*row_of);
        *self.owners.get_mut(row)? = (index, base + count);
        let row = self.rows.get_mut(row * QUANTUM..(row + 1) * QUANTUM)?;
        if fresh {
            row.get_mut(..base)?.fill(before);
        }
        row.get_mut(base..base + count)
    }

    /// Frames `base..base + count` of a parameter that moves.
    fn varying(&mut self, index: usize, base: usize, values: &[f32]) {
        let (Some(now), Some(first)) = (self.now.get_mut(index), values.first()) else { return };
        let has_row = self.row_of.get(index).is_some_and(|row| *row != NONE);
        if base == 0 {
            *now = *first;
        }
        let moves = values.iter().any(|value| value.to_bits() != now.to_bits());
        if !moves && !has_row {
            return;
        }
        if let Some(row) = self.row(index, base, values.len()) {
            row.iter_mut().zip(values).for_each(|(row, value)| *row = *value);
        }
        if let (Some(now), Some(last)) = (self.now.get_mut(index), values.last()) {
            *now = *last;
        }
    }

    /// Frames `base..base + count` of a parameter that stands still there, unless it was told of already.
    fn constant(&mut self, index: usize, base: usize, count: usize, value: f32) {
        let (Some(now), Some(row)) = (self.now.get(index), self.row_of.get(index)) else { return };
        let (changed, has_row) = (now.to_bits() != value.to_bits(), *row != NONE);
        let written = self.owners.get(usize::from(*row)).is_some_and(|(_, frames)| *frames >= base + count);
        if has_row && written {
            return;
        }
        if (has_row || (changed && base > 0))
            && let Some(row) = self.row(index, base, count)
        {
            row.fill(value);
        }
        if changed && let Some(now) = self.now.get_mut(index) {
            *now = value;
        }
    }

    /// All that is to be told goes into the request of `frames` frames: parameters before notes, where both are at one frame.
    pub(super) fn finish(&mut self, request: &mut Request, frames: usize) {
        // Where many move at once each is told of less often. This depends on nothing but how many do.
        let stride = (self.used * QUANTUM).div_ceil(MAX_PARAM_EVENTS).max(1);
        for (number, &(index, _)) in self.owners.iter().enumerate().take(self.used) {
            let row = self.rows.get(number * QUANTUM..number * QUANTUM + frames).unwrap_or_default();
            for (frame, value) in row.iter().enumerate().step_by(stride) {
                tell(&mut self.sent, request, index, frame, *value);
            }
        }
        let mut left = STANDING;
        for (index, value) in self.now.iter().enumerate() {
            let standing = self.row_of.get(index).is_some_and(|row| *row == NONE);
            if left > 0 && standing {
                left -= usize::from(tell(&mut self.sent, request, index, 0, *value));
            }
        }
        self.owed.tell(|event| request.push_event(event));
        for note in self.notes.iter().take(self.used_notes) {
            request.push_event(*note);
        }
        self.used_notes = 0;
        self.clear_rows();
    }
}

/// Tells of a value, unless it is the one that was told last; whether it was.
fn tell(sent: &mut [f32], request: &mut Request, index: usize, frame: usize, value: f32) -> bool {
    let Some(sent) = sent.get_mut(index).filter(|sent| sent.to_bits() != value.to_bits()) else {
        return false;
    };
    let (Ok(param), Ok(frame)) = (u32::try_from(index), u32::try_from(frame)) else { return false };
    let event = Event { frame, kind: EventKind::ParamValue(param, value.into()) };
    let told = value.is_finite() && request.push_event(event);
    if told {
        *sent = value;
    }
    told
}

impl PluginProcessor {
    /// A block begins: where the time line jumped before it, the plugin is told.
    pub(super) fn note_block(&mut self, block: &ProcessBlock<'_>) {
        let transport = block.transport;
        let now = (transport.position, transport.rolling, transport.recording);
        if self.gathered.1 > 0 && self.teller.expected != Some(now) {
            let frame = u32::try_from(self.gathered.0).unwrap_or(0);
            self.request.push_place(place(block, 0, frame, self.tempo.as_deref()));
        }
        let moved = if now.1 { i64::try_from(block.frames()).unwrap_or(0) } else { 0 };
        self.teller.expected = Some((now.0.saturating_add(moved), now.1, now.2));
    }

    /// A quantum begins at frame `done` of the block; it ends where the clock is a multiple of [`QUANTUM`].
    pub(super) fn begin_quantum(&mut self, block: &ProcessBlock<'_>, done: usize) {
        let clock = block.transport.clock.saturating_add(i64::try_from(done).unwrap_or(0));
        let quantum = i64::try_from(QUANTUM).unwrap_or(1);
        let phase = usize::try_from(clock.rem_euclid(quantum)).unwrap_or(0);
        let frames = if self.queue.has_room_to_spare() { QUANTUM - phase.min(QUANTUM - 1) } else { QUANTUM };
        self.gathered = (0, frames);
        self.request.push_place(place(block, done, 0, self.tempo.as_deref()));
    }

    /// Takes frames `done..done + count` of the block.
    pub(super) fn gather(&mut self, block: &ProcessBlock<'_>, done: usize, count: usize) {
        let base = self.gathered.0;
        self.gather_samples(block, done, count);
        for (index, values) in block.params.varying() {
            self.teller.varying(index, base, values.get(done..done + count).unwrap_or_default());
        }
        for (index, value) in block.params.values().iter().enumerate() {
            let moves =
                !block.params.all_constant() && block.params.varying().any(|(varying, _)| varying == index);
            if !moves {
                self.teller.constant(index, base, count, *value);
            }
        }
        for event in block.events {
            let at = event.frame as usize;
            // Values of parameters come evaluated, and the time line has its own place.
            let told = matches!(event.kind, EventKind::ParamValue(..) | EventKind::Transport);
            if told || !(done..done + count).contains(&at) {
                continue;
            }
            if let Some(place) = self.teller.notes.get_mut(self.teller.used_notes) {
                let frame = u32::try_from(base + at - done).unwrap_or(0);
                *place = Event { frame, kind: event.kind };
                self.teller.used_notes += 1;
            }
        }
        self.gathered.0 += count;
        self.dry.advance(count);
    }

    fn gather_samples(&mut self, block: &ProcessBlock<'_>, done: usize, count: usize) {
        let into = usize::from(self.shape.inputs.first().copied().unwrap_or(0));
        let inputs = self.channels.0;
        for channel in 0..inputs {
            let source = block.main.get(channel).get(done..done + count).unwrap_or_default();
            self.dry.write(channel, source);
        }
        let range = self.gathered.0..self.gathered.0 + count;
        for channel in 0..into {
            let target = self.request.input_mut(channel).get_mut(range.clone()).unwrap_or_default();
            let source = |channel| block.main.get(channel).get(done..done + count).unwrap_or_default();
            self.active |= fill(target, fed(inputs, into, channel), source);
        }
        for port in 0..MAX_AUX {
            let width = usize::from(self.shape.inputs.get(port + 1).copied().unwrap_or(0));
            let first = self.shape.first_channel(port + 1);
            let side = block.aux.get(port).copied().unwrap_or(ChannelsRef::none());
            for channel in 0..width {
                let target = self.request.input_mut(first + channel);
                let target = target.get_mut(range.clone()).unwrap_or_default();
                let source = |channel| side.get(channel).get(done..done + count).unwrap_or_default();
                self.active |= fill(target, fed(side.count(), width, channel), source);
            }
        }
    }
}

/// Fills `target` from its source; says whether anything in it is not zero.
fn fill<'a>(target: &mut [f32], fed: Fed, source: impl Fn(usize) -> &'a [f32]) -> bool {
    let copy = |target: &mut [f32], source: &[f32]| {
        target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
    };
    match fed {
        Fed::Silent => target.fill(0.0),
        Fed::By(channel) => copy(target, source(channel)),
        Fed::ByBoth => {
            copy(target, source(0));
            let other = source(1);
            target.iter_mut().zip(other).for_each(|(target, other)| *target = (*target + *other) * 0.5);
        }
    }
    target.iter().any(|&sample| sample != 0.0)
}

/// Where frame `done` of a block lies.
fn place(block: &ProcessBlock<'_>, done: usize, frame: u32, tempo: Option<&TempoMap>) -> Place {
    let transport = block.transport;
    let moved = if transport.rolling { i64::try_from(done).unwrap_or(0) } else { 0 };
    let position = transport.position.saturating_add(moved);
    let musical = tempo.map(|map| musical(map, Frames(position)));
    let (rolling, recording) = (transport.rolling, transport.recording);
    Place { frame, position, rolling, recording, before_roll: transport.count_in > 0, musical }
}

/// Bars and beats at a frame. Reading the tempo map is real-time safe.
fn musical(map: &TempoMap, frame: Frames) -> Musical {
    let tick = map.to_tick(frame);
    let bar = map.to_bbt(tick).bar;
    let begin = map.bbt_to_tick(Bbt { bar, beat: 1, tick: 0 });
    let signature = map.signature_at(tick);
    let small = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    Musical {
        tempo: map.tempo_at(tick).as_bpm_f64(),
        beat: map.to_quarters_f64(frame),
        bar_begin: begin.map_or(0.0, Ticks::as_quarters_f64),
        bar: i32::try_from(bar.saturating_sub(1)).unwrap_or(0),
        signature: (small(signature.numerator()), small(signature.denominator())),
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
    use crate::quantum::Shape;

    fn events(request: &Request) -> Vec<(u32, u32, f64)> {
        let values = request.events().iter().filter_map(|event| match event.kind {
            EventKind::ParamValue(index, value) => Some((event.frame, index, value)),
            _ => None,
        });
        values.collect()
    }

    #[test]
    fn what_is_told_does_not_depend_on_how_the_quantum_was_cut() {
        let line: Vec<f32> = (0..128u8).map(|n| if n < 40 { 1.0 } else { f32::from(n) }).collect();
        let all = |cuts: &[usize]| {
            let (mut teller, mut request) = (Teller::new(&[0.0, 1.0, 7.0]), Request::new(&Shape::default()));
            let mut begin = 0;
            for &end in cuts.iter().chain(&[128]) {
                let value = if begin >= 64 { 8.0 } else { 7.0 };
                // What happens at frame 64 happens between two blocks.
                teller.varying(1, begin, &line[begin..end]);
                teller.constant(2, begin, end - begin, value);
                teller.constant(0, begin, end - begin, 0.5);
                begin = end;
            }
            teller.finish(&mut request, 128);
            events(&request)
        };
        let expected = all(&[64]);
        assert_eq!(expected.len(), 88 + 1 + 1);
        assert!(expected.contains(&(64, 2, 8.0)) && expected.contains(&(0, 0, 0.5)));
        assert!(expected.contains(&(40, 1, 40.0)) && expected.contains(&(127, 1, 127.0)));
        for cuts in [vec![1, 64, 65], vec![39, 40, 41, 64, 100], (1..128).collect()] {
            assert_eq!(all(&cuts), expected, "{cuts:?}");
        }
    }

    #[test]
    fn many_moving_parameters_are_told_of_less_often_and_arrive() {
        let (mut teller, mut request) = (Teller::new(&[0.0; 100]), Request::new(&Shape::default()));
        let line: Vec<f32> = (0..128u8).map(f32::from).collect();
        for index in 0..64 {
            teller.varying(index, 0, &line);
        }
        (64..100).for_each(|index| teller.constant(index, 0, 128, 3.0));
        teller.finish(&mut request, 128);
        let told = events(&request);
        assert_eq!(
            told.len(),
            64 * 15 + 36,
            "one frame in eight, but for the value that was known, and those that stand"
        );
        request.clear();
        (0..64).for_each(|index| teller.constant(index, 0, 128, 127.0));
        teller.finish(&mut request, 128);
        assert_eq!(events(&request).len(), 64, "the last value is told when the next quantum begins");
    }

    #[test]
    fn what_was_in_a_request_that_was_lost_is_told_again_and_nothing_else() {
        let (mut teller, mut request) = (Teller::new(&[0.0; 3]), Request::new(&Shape::default()));
        teller.constant(1, 0, 128, 5.0);
        teller.finish(&mut request, 128);
        teller.tell_again(&request);
        request.clear();
        (0..3).for_each(|index| teller.constant(index, 0, 128, if index == 1 { 5.0 } else { 0.0 }));
        teller.finish(&mut request, 128);
        assert_eq!(events(&request), [(0, 1, 5.0)]);
    }

    #[test]
    fn thousands_of_parameters_are_told_over_some_quanta() {
        let (mut teller, mut request) = (Teller::new(&[0.0; 3000]), Request::new(&Shape::default()));
        teller.tell_all();
        let mut told = 0;
        for _ in 0..(3000usize.div_ceil(STANDING)) {
            request.clear();
            (0..3000).for_each(|index| teller.constant(index, 0, 128, 0.0));
            teller.finish(&mut request, 128);
            told += events(&request).len();
        }
        assert_eq!(told, 3000);
    }
}
