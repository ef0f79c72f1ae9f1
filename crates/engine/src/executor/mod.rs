//! The audio cycle: this file has its frame, [`commands`] what is asked of it, [`steps`] and [`nodes`] the work of a block,
//! [`watch`] the time that it takes.

mod commands;
mod nodes;
mod steps;
mod watch;

use omega_dsp::kernels::Kernels;
use omega_processor::{Event, EventKind, MAX_BATCH, MAX_BLOCK};
use omega_rt::{Consumer, FlushDenormals, LatestWriter, LoadCell, Owned, Producer, Shared};

use crate::mix::FadeGains;
use crate::slot::{Table, When};
use crate::timeline::Timeline;
use crate::{Command, DECLICK, EngineEvent, EngineStatus, FADE, Fault, Outside, Program};
use commands::Leap;
use watch::Watch;
pub use watch::{Clock, STRIKES};

/// Events for nodes that one block can hold.
const EVENTS: usize = 256;

/// Runs a program. Made by [`prepare::engine`](crate::prepare::engine).
#[derive(Debug)]
pub struct Executor {
    program: Owned<Program>,
    kernels: Kernels,
    commands: Consumer<Command>,
    events: Producer<EngineEvent>,
    status: LatestWriter<EngineStatus>,
    line: Timeline,
    /// Frames processed.
    time: i64,
    /// When the cross-fade of the program in use began; [`FADE`] frames ago or more when nothing fades.
    adopted: i64,
    leap: Option<Leap>,
    /// When the outside begins to be faded in after a locate: as soon as what was located to arrives there.
    landing: Option<i64>,
    /// The last frame that went out was not zero.
    audible: bool,
    fades: FadeGains,
    /// Gains of the outside around a locate, for each frame of a block.
    declick: [f32; MAX_BLOCK],
    tables: [Table; MAX_BATCH],
    /// Events for the next block, with their nodes.
    pending: [(u32, EventKind); EVENTS],
    pending_used: usize,
    /// MIDI of the outside in the block.
    midi: [Event; EVENTS],
    midi_used: usize,
    /// Keys that are down are let go of in the next block.
    releasing: bool,
    /// Events of the node that is being processed.
    found: [Event; EVENTS],
    /// Somebody could not be told something, see [`Untold`](crate::slot::Untold).
    untold: bool,
    missing: u64,
    dropped: u64,
    /// See [`EngineStatus::recorded_until`].
    recorded_until: i64,
    watch: Option<Watch>,
}

/// The ends of the FIFOs and cells that belong to the audio thread.
pub(crate) struct Ends {
    pub(crate) commands: Consumer<Command>,
    pub(crate) events: Producer<EngineEvent>,
    pub(crate) status: LatestWriter<EngineStatus>,
}

impl Executor {
    /// An executor that stands at frame zero.
    pub(crate) fn new(
        program: Owned<Program>,
        kernels: Kernels,
        ends: Ends,
        tables: [Table; MAX_BATCH],
    ) -> Self {
        Self {
            program,
            kernels,
            commands: ends.commands,
            events: ends.events,
            status: ends.status,
            line: Timeline::default(),
            time: 0,
            adopted: -FADE,
            leap: None,
            landing: None,
            audible: false,
            fades: FadeGains::new(),
            declick: [1.0; MAX_BLOCK],
            tables,
            pending: [(0, EventKind::Transport); EVENTS],
            pending_used: 0,
            midi: [Event { frame: 0, kind: EventKind::Transport }; EVENTS],
            midi_used: 0,
            releasing: false,
            found: [Event { frame: 0, kind: EventKind::Transport }; EVENTS],
            untold: false,
            missing: 0,
            dropped: 0,
            recorded_until: 0,
            watch: None,
        }
    }

    /// From now on the engine looks at `clock`: it measures how much of the time that there is it takes, as a whole (in
    /// `load`) and node by node ([`Conductor::loads`](crate::prepare::Conductor::loads)), and takes out a node that takes too
    /// much, see [`Fault::Overrun`]. Without a clock, as in a render, there is all the time in the world. Call it off the
    /// audio thread, and keep a clone of `load` there.
    pub fn watch(&mut self, clock: Clock, load: Shared<LoadCell>) {
        self.watch = Some(Watch::new(clock, load));
    }

    /// One call of the hardware, or of whoever renders: `frames` frames, any number.
    ///
    /// Real-time safe. Outputs are overwritten, all of them; denormals are flushed to zero for the duration.
    pub fn process<O: Outside>(&mut self, outside: &mut O, frames: usize) {
        let _flush = FlushDenormals::enter();
        if let Some(watch) = &mut self.watch {
            watch.begin();
        }
        for channel in 0..outside.outputs() {
            outside.output(channel).fill(0.0);
        }
        self.take_commands();
        let mut done = 0;
        while done < frames {
            let count = self.stretch(frames - done);
            self.hear(outside.midi(), done, count);
            self.run(outside, done, count);
            self.time = self.time.saturating_add_unsigned(count as u64);
            (self.pending_used, self.releasing) = (0, false);
            done += count;
            // What waited for a fade goes on at its end, wherever a call ends.
            if self.land() || self.time - self.adopted == FADE {
                self.take_commands();
            }
        }
        if let Some(culprit) = self.watch.as_mut().and_then(|watch| watch.end(frames, outside.waits())) {
            self.take_out(culprit, Fault::Overrun);
        }
        self.tell();
        self.report();
    }

    /// Takes the MIDI of the next `count` frames, which lie `done` frames into the call.
    fn hear(&mut self, midi: &[Event], done: usize, count: usize) {
        self.midi_used = 0;
        for event in midi {
            let Some(into) = (event.frame as usize).checked_sub(done).filter(|into| *into < count) else {
                continue;
            };
            match self.midi.get_mut(self.midi_used) {
                Some(place) => {
                    *place = Event { frame: u32::try_from(into).unwrap_or(0), kind: event.kind };
                    self.midi_used += 1;
                }
                None => self.dropped = self.dropped.saturating_add(1),
            }
        }
    }

    /// Frames processed since the beginning.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The program that runs.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Frames to do at once: fades end with a block, so that none of them depends on where blocks begin.
    fn stretch(&self, left: usize) -> usize {
        let limit = |frames: u32| usize::try_from(frames).unwrap_or(MAX_BLOCK).clamp(1, MAX_BLOCK);
        let until = |begin: i64, length: i64| {
            usize::try_from(begin + length - self.time).ok().filter(|&frames| frames > 0).unwrap_or(MAX_BLOCK)
        };
        let mut most = left.min(limit(self.program.schedule.max_frames));
        if self.fading() {
            most = most.min(limit(self.program.change.max_frames)).min(until(self.adopted, FADE));
        }
        most.min(self.leap.map_or(MAX_BLOCK, |leap| until(leap.since, DECLICK)))
    }

    /// The cross-fade of the program in use lasts.
    fn fading(&self) -> bool {
        self.time - self.adopted < FADE
    }

    /// The block to come, as a node sees it.
    fn when(&self, node: u32, arrival: u32) -> When {
        let before = if self.fading() { self.program.arrival_before(node) } else { None };
        When { time: self.time, arrival, before: before.map(|frames| (frames, self.time - self.adopted)) }
    }

    fn report(&mut self) {
        let latency = self.program.schedule.latency;
        let now = self.line.now(self.time - i64::from(latency));
        let sources = self.line.now(self.time);
        let records = sources.rolling && self.line.records(self.time);
        if records {
            self.recorded_until = self.time;
        }
        self.status.set(EngineStatus {
            position: now.position,
            rolling: sources.rolling,
            records,
            recorded_until: self.recorded_until,
            count_in: sources.count_in,
            time: self.time,
            latency,
            missing: self.missing,
            dropped: self.dropped,
        });
    }
}
