//! The clip reader against a naive oracle, for any cut into blocks, at all levels, while it is edited.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests prepare and judge off the audio thread"
)]

mod build;
mod exchange;
mod oracle;
mod play;
mod stop;

use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
