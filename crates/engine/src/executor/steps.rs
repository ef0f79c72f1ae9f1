//! The steps of a block, but for processing.

use omega_dsp::kernels::Ramp;
use omega_graph::{PortBuffer, Step};

use super::Executor;
use super::watch::Watch;
use crate::level::Levels;
use crate::{DECLICK, Outside, RUNAWAY, STRIDE, mix};

impl Executor {
    pub(super) fn run<O: Outside>(&mut self, outside: &mut O, begin: usize, frames: usize) {
        self.fades.set(self.kernels, self.time - self.adopted);
        let declicks = self.set_declick();
        self.audible = false;
        for index in 0..self.program.schedule.steps.len() {
            let Some(&step) = self.program.schedule.steps.get(index) else { return };
            match step {
                Step::Mix(step) => {
                    let program = &mut *self.program;
                    let begin = step.first as usize;
                    let end = begin.saturating_add(step.count as usize);
                    let terms = program.schedule.mix_inputs.get(begin..end).unwrap_or(&[]);
                    mix::run(self.kernels, &step, terms, program.slab.parts_mut(), &self.fades, frames);
                }
                Step::Process { first, count } => {
                    let began = self.watch.as_ref().and_then(Watch::look);
                    if count == 1 {
                        self.process_one(first, frames);
                    } else {
                        self.process_batch(first, count, frames);
                    }
                    if let Some(began) = began {
                        self.time_taken(first, count, began, frames);
                    }
                }
                Step::LineWrite { line, source } => self.line_write(line, source, frames),
                Step::LineRead { tap, target } => self.line_read(tap, target, frames),
                Step::Meter { meter, node, source, arrival } => {
                    self.meter(meter, (node, source), arrival, frames);
                }
                Step::Input { node, first } => self.input(outside, node, first, begin, frames),
                Step::Output { source, first } => {
                    self.output(outside, source, first, begin..begin + frames, declicks);
                }
            }
        }
    }

    /// Notes what the nodes of a step took since `began`; those that went side by side took an equal share each.
    fn time_taken(&mut self, first: u32, count: u32, began: u64, frames: usize) {
        let Some(watch) = &mut self.watch else { return };
        let (each, had) = (watch.since(began) / u64::from(count.max(1)), watch.time_of(frames));
        let program = &mut *self.program;
        for index in first..first.saturating_add(count) {
            let id = program.schedule.nodes.get(index as usize).map(|node| node.id);
            let slot = program.slots.get_mut(index as usize).and_then(Option::as_deref_mut);
            let Some((id, slot)) = id.zip(slot) else { continue };
            slot.load.add(each, had);
            watch.took(id, each);
        }
    }

    fn line_write(&mut self, line: u32, source: PortBuffer, frames: usize) {
        let program = &mut *self.program;
        let Some(line) = program.lines.get_mut(line as usize) else { return };
        if !program.slab.is_silent(source) {
            line.heard(self.time, frames);
        } else if line.at_rest(self.time) {
            return;
        }
        for (channel, source) in program.slab.port(source).chunks_exact(STRIDE).enumerate() {
            line.write(self.kernels, channel, self.time, source.get(..frames).unwrap_or(&[]));
        }
    }

    fn line_read(&mut self, tap: u32, target: PortBuffer, frames: usize) {
        let program = &mut *self.program;
        let scheduled = program.schedule.taps.get(tap as usize);
        let Some((tap, scheduled)) = program.taps.get(tap as usize).zip(scheduled) else { return };
        let Some(line) = program.lines.get(scheduled.line as usize) else { return };
        let done = self.time - self.adopted;
        if tap.reads_silence(line, self.time, done) {
            program.slab.silence(target, frames);
            return;
        }
        program.slab.set_silent(target, false);
        for (channel, target) in program.slab.port_mut(target).chunks_exact_mut(STRIDE).enumerate() {
            let Some(target) = target.get_mut(..frames) else { return };
            tap.read(self.kernels, line, channel, (self.time, done), target);
        }
    }

    fn meter(&mut self, meter: u32, (node, source): (u32, PortBuffer), arrival: u32, frames: usize) {
        let program = &mut *self.program;
        let Some(cell) = program.meters.get(meter as usize) else { return };
        let position = self.line.now(self.time - i64::from(arrival)).position;
        let slot = program.slots.get_mut(node as usize).and_then(Option::as_deref_mut);
        // Where the node was just looked over, that is what the meter shows.
        let levels = match slot.and_then(|slot| slot.levels.take()) {
            Some(levels) => levels,
            None if program.slab.is_silent(source) => Levels::default(),
            None => Levels::of(self.kernels, program.slab.port(source), frames),
        };
        cell.update(levels.peak, levels.squares, u32::try_from(frames).unwrap_or(0), position);
    }

    fn input<O: Outside>(&mut self, outside: &O, node: u32, first: u16, begin: usize, frames: usize) {
        let program = &mut *self.program;
        let Some(port) = program.schedule.nodes.get(node as usize).map(|node| node.main) else { return };
        for (channel, target) in program.slab.port_mut(port).chunks_exact_mut(STRIDE).enumerate() {
            let Some(target) = target.get_mut(..frames) else { return };
            let source = outside.input(usize::from(first) + channel).get(begin..begin + frames);
            // Hardware, and other programs behind it, may send anything.
            match source.filter(|source| self.kernels.is_within(source, RUNAWAY)) {
                Some(source) => self.kernels.copy(target, source),
                None => target.fill(0.0),
            }
        }
        program.slab.set_silent(port, false);
    }

    /// Gains of the outside for the block to come; says whether there are any. A jump that comes while the one before is
    /// still being faded in fades out what is heard then.
    fn set_declick(&mut self) -> bool {
        let landing = self.landing.map(|begin| self.time - begin).filter(|&position| position < DECLICK);
        if landing.is_none() {
            self.landing = None;
        }
        let ramp = |position, from| Ramp { from, to: 1.0 - from, position, length: DECLICK };
        let landing = landing.map(|position| ramp(position, 0.0));
        match (landing, self.leap.map(|leap| ramp(self.time - leap.since, 1.0))) {
            (None, None) => return false,
            (Some(ramp), None) | (None, Some(ramp)) => self.kernels.fill_ramp(&mut self.declick, ramp),
            (Some(landing), Some(leap)) => {
                self.kernels.fill_ramp(&mut self.declick, landing);
                self.kernels.gain_ramp(&mut self.declick, leap);
            }
        }
        true
    }

    fn output<O: Outside>(
        &mut self,
        outside: &mut O,
        source: PortBuffer,
        first: u16,
        frames: core::ops::Range<usize>,
        declicks: bool,
    ) {
        let program = &mut *self.program;
        if program.slab.is_silent(source) {
            return;
        }
        for (channel, source) in program.slab.port_mut(source).chunks_exact_mut(STRIDE).enumerate() {
            let Some(source) = source.get_mut(..frames.len()) else { return };
            if declicks {
                self.kernels.mul(source, self.declick.get(..source.len()).unwrap_or(&[]));
            }
            self.audible |= source.last().is_some_and(|&last| last != 0.0);
            if let Some(target) = outside.output(usize::from(first) + channel).get_mut(frames.clone()) {
                self.kernels.add(target, source);
            }
        }
    }
}
