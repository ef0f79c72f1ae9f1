//! The guard catches the fault that it is for.

use omega_processor::Processor;
use omega_rt::guard::CountingAllocator;
use omega_testkit::drive::{Job, drive, even_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::processors::{AllocatingNode, Ramp};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn run(processor: &mut dyn Processor) {
    drive(processor, &Job { frames: 100, input: vec![vec![]], ..Job::default() }, &even_cuts(64, 100));
}

#[test]
fn a_processor_that_keeps_the_rules_passes() {
    run(&mut Guarded(Ramp));
}

#[test]
#[should_panic(expected = "process: RtCounts { allocations: 1, frees: 1, locks: 0 }")]
fn a_processor_that_allocates_is_caught() {
    run(&mut Guarded(AllocatingNode));
}
