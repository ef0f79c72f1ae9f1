//! Real-time primitives: block pools, FIFOs, latest-value cells, deferred reclaim, guards.
