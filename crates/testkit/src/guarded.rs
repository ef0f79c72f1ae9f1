//! Holds a processor to the rules of the audio thread.

use std::any::Any;

use omega_processor::{BatchFn, ProcessBlock, Processor, StateReader, StateWriter, Status, Tail};
use omega_rt::RtScope;

/// Runs a processor inside an [`RtScope`] and panics when it allocates, frees or locks there. Sees allocations only where the test
/// installs `omega_rt::guard::CountingAllocator`.
#[derive(Clone, Copy, Debug)]
pub struct Guarded<P>(pub P);

/// What `work` gives, done within the rules.
pub(crate) fn guard<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let scope = RtScope::enter();
    let result = work();
    let counts = scope.counts();
    drop(scope);
    assert!(counts.is_clean(), "{what}: {counts:?}");
    result
}

impl<P: Processor> Processor for Guarded<P> {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        guard("process", || self.0.process(block))
    }

    fn reset(&mut self) {
        guard("reset", || self.0.reset());
    }

    fn latency(&self) -> u32 {
        guard("latency", || self.0.latency())
    }

    fn tail(&self) -> Tail {
        guard("tail", || self.0.tail())
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        guard("exchange", || self.0.exchange(payload));
    }

    fn state_words(&self) -> usize {
        self.0.state_words()
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        guard("save_state", || self.0.save_state(out));
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        guard("restore_state", || self.0.restore_state(state));
    }

    fn batch(&self) -> Option<BatchFn> {
        None
    }
}
