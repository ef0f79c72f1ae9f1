//! Parsers that are broken on purpose, so that a silent harness does not pass for clean parsers.

use super::Target;

/// Panics on a letter that no seed has.
pub const PANICS: Target = Target { name: "seeded-panic", about: "panics", seeds, words: &[], feed: panics };
/// Never comes back from the same letter.
pub const HANGS: Target = Target { name: "seeded-hang", about: "hangs", seeds, words: &[], feed: hangs };
/// Believes a length in the input.
pub const ALLOCATES: Target =
    Target { name: "seeded-memory", about: "allocates 2 GiB", seeds, words: &[], feed: allocates };

fn seeds() -> Vec<Vec<u8>> {
    vec![b"12 bytes or so".to_vec()]
}

fn bad(bytes: &[u8]) -> bool {
    bytes.contains(&b'X')
}

fn panics(bytes: &[u8]) {
    assert!(!bad(bytes), "a panic that the harness must find");
}

fn hangs(bytes: &[u8]) {
    while bad(bytes) {
        std::thread::park();
    }
}

fn allocates(bytes: &[u8]) {
    if bad(bytes) {
        std::hint::black_box(vec![1_u8; 2 << 30]);
    }
}
