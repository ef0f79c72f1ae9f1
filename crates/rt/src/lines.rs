//! Zeroed memory in cache lines, with every page already there.
extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use crate::resident;

/// Bytes in a cache line, and the alignment of all slabs.
pub(crate) const LINE_BYTES: usize = 64;

/// Samples in a cache line.
pub(crate) const LINE_SAMPLES: usize = LINE_BYTES / size_of::<f32>();

/// Lines in the smallest page of the supported systems (4,096 bytes).
const PAGE_LINES: usize = 4096 / LINE_BYTES;

/// One cache line of samples.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([f32; LINE_SAMPLES]);

/// Makes `count` zeroed lines and touches each of their pages, so that a first use on the audio thread does not fault.
#[allow(clippy::disallowed_methods, reason = "prepares off the audio thread")]
pub(crate) fn zeroed_lines(count: usize) -> Result<Box<[Line]>, TryReserveError> {
    let mut lines = Vec::new();
    lines.try_reserve_exact(count)?;
    lines.resize(count, Line([0.0; LINE_SAMPLES]));
    // The compiler may turn an allocation that is filled with zeros into one of untouched zero pages; it may not leave
    // out a volatile write.
    for line in lines.iter_mut().step_by(PAGE_LINES) {
        touch(line);
    }
    let lines = lines.into_boxed_slice();
    resident::made(lines.as_ptr().addr(), size_of_val(&*lines));
    Ok(lines)
}

/// Lines that [`zeroed_lines`] made are about to be freed.
pub(crate) fn release(start: *const Line, count: usize) {
    resident::gone(start.addr(), count.saturating_mul(LINE_BYTES));
}

#[allow(unsafe_code, reason = "a volatile write has no safe form")]
fn touch(line: &mut Line) {
    // SAFETY: the reference is valid for writes and aligned.
    unsafe { core::ptr::from_mut(line).write_volatile(Line([0.0; LINE_SAMPLES])) };
}
