//! Processors that could panic, allocate or call the system, two calls deep: what the walk must find.
#![allow(non_camel_case_types, reason = "named as on the command line")]

use omega_processor::{ProcessBlock, Processor, StateReader, Status};

/// The faults by name.
pub const NAMES: [&str; 5] = ["index", "division", "allocation", "restoring", "calling"];

/// How the names of its methods of the contract begin. (Dropping it is none of them, and would come to the heap.)
pub fn methods(fault: &str) -> String {
    format!("<omega_ladder::panics::seeded::{fault} as ")
}

/// Reads beyond the end of a slice when told to.
#[derive(Debug)]
pub struct index(pub usize);

/// Divides by zero when told to.
#[derive(Debug)]
pub struct division(pub usize);

/// Grows a vector.
#[derive(Debug)]
pub struct allocation(pub Vec<f32>);

/// Its state says how long a part of it is.
#[derive(Debug)]
pub struct restoring(pub Vec<f32>);

/// Calls the system, past all libraries.
#[derive(Debug)]
pub struct calling;

#[inline(never)]
fn read(values: &[f32], at: usize) -> f32 {
    values[at]
}

#[inline(never)]
fn divide(frames: usize, by: usize) -> usize {
    frames / by
}

#[inline(never)]
fn grow(values: &mut Vec<f32>) {
    values.push(1.0);
}

#[inline(never)]
fn call() -> bool {
    crate::system::raw_getpid() > 0
}

#[inline(never)]
fn part(values: &mut [f32], length: usize) -> &mut [f32] {
    &mut values[..length]
}

impl Processor for index {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let at = self.0;
        block.main.iter_mut().for_each(|channel| channel.fill(read(channel, at)));
        Status::Sound
    }

    fn reset(&mut self) {}
}

impl Processor for division {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        self.0 = divide(block.frames(), self.0);
        Status::Sound
    }

    fn reset(&mut self) {}
}

impl Processor for allocation {
    fn process(&mut self, _: &mut ProcessBlock<'_>) -> Status {
        grow(&mut self.0);
        Status::Sound
    }

    fn reset(&mut self) {}
}

impl Processor for calling {
    fn process(&mut self, _: &mut ProcessBlock<'_>) -> Status {
        if call() { Status::Sound } else { Status::Silent }
    }

    fn reset(&mut self) {}
}

impl Processor for restoring {
    fn process(&mut self, _: &mut ProcessBlock<'_>) -> Status {
        Status::Sound
    }

    fn reset(&mut self) {}

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let length = state.word() as usize;
        state.values(part(&mut self.0, length));
    }
}

/// One of each, so that they are in the program.
pub fn all() -> Vec<Box<dyn Processor>> {
    vec![
        Box::new(index(0)),
        Box::new(division(1)),
        Box::new(allocation(Vec::new())),
        Box::new(restoring(Vec::new())),
        Box::new(calling),
    ]
}
