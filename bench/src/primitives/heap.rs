//! Allocators beside the pool, called as the language calls them.
#![allow(unsafe_code, reason = "GlobalAlloc has no safe form")]

use std::alloc::{GlobalAlloc, Layout};

/// Takes 64 bytes on a boundary of 64, writes to them, and gives them back.
#[inline]
pub fn pair(allocator: &impl GlobalAlloc) {
    const LAYOUT: Layout = match Layout::from_size_align(64, 64) {
        Ok(layout) => layout,
        Err(_) => Layout::new::<u64>(),
    };
    // SAFETY: the layout is not empty.
    let start = unsafe { allocator.alloc(LAYOUT) };
    if start.is_null() {
        return;
    }
    // SAFETY: the memory was just given, and is at least a byte.
    unsafe { start.write_volatile(1) };
    // SAFETY: it came from this allocator with this layout, and nobody else knows of it.
    unsafe { allocator.dealloc(std::hint::black_box(start), LAYOUT) };
}
