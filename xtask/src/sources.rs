//! What can be read off the source text: where `unsafe` lives, what is left unfinished, how long files are.

/// Where `allow(unsafe_code)` may stand (path prefixes), and why.
const UNSAFE_PLACES: &[(&str, &str)] = &[
    ("crates/rt/src/", "lock-free structures, aligned slabs, float control register, allocation guard"),
    ("crates/dsp/src/simd", "SIMD intrinsics behind run-time detection"),
    ("crates/audio-io/src/jack/", "a C library loaded at run time"),
    ("crates/audio-io/src/memory.rs", "locking pages in memory"),
    ("crates/plugin/src/clap/", "loading plugins"),
    ("crates/plugin/src/sandbox/memory.rs", "memory that is shared with worker processes"),
    ("crates/plugin/src/sandbox/priority.rs", "the scheduler, which is reached through the C library"),
    (
        "crates/testplugs/src/processor.rs",
        "a plugin that reads memory which is not its own, to be caught at it",
    ),
    ("crates/dsp/examples/kernels.rs", "plain loops to compare with, compiled for AVX2 after detection"),
    ("ladder/src/system.rs", "system calls, the trap for system calls, a seeded system call"),
    ("bench/src/primitives/heap.rs", "the calls of allocators to compare with"),
    ("bench/src/ceiling.rs", "the call of loops compiled for AVX2 after detection"),
];

/// Above this many lines a file probably holds two concepts.
const LONG_FILE: usize = 600;

/// `unsafe` outside the named places, and marks of unfinished work.
pub fn violations(sources: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| !path.starts_with("xtask/src/")) {
        let named = UNSAFE_PLACES.iter().any(|(place, _)| path.starts_with(place));
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let at = at + 1;
            if opens_unsafe(code) && !named {
                wrong.push(format!("{path}:{at}: unsafe code is only for {}", places()));
            }
            if code.contains("allow(clippy::undocumented_unsafe_blocks") {
                wrong.push(format!("{path}:{at}: every unsafe block says why it is sound"));
            }
            for mark in ["#[ignore", "todo!(", "unimplemented!("] {
                if code.contains(mark) {
                    wrong.push(format!("{path}:{at}: {mark} is unfinished work"));
                }
            }
        }
    }
    wrong
}

/// Files in which unsafe code is allowed, for the report.
pub fn unsafe_inventory(sources: &[(String, String)]) -> Vec<String> {
    let unfenced = sources.iter().filter(|(path, _)| !path.starts_with("xtask/src/"));
    unfenced.filter(|(_, text)| text.lines().any(opens_unsafe)).map(|(path, _)| path.clone()).collect()
}

/// Files over the length at which a concept may want a room of its own, longest first.
pub fn long_files(sources: &[(String, String)]) -> Vec<String> {
    let mut long: Vec<(usize, &str)> = sources
        .iter()
        .map(|(path, text)| (text.lines().count(), path.as_str()))
        .filter(|(n, _)| *n > LONG_FILE)
        .collect();
    long.sort_by(|a, b| b.cmp(a));
    long.into_iter().map(|(lines, path)| format!("{lines} {path}")).collect()
}

fn opens_unsafe(line: &str) -> bool {
    line.contains("allow(unsafe_code")
        || line.contains("expect(unsafe_code")
        || line.contains("warn(unsafe_code")
}

fn places() -> String {
    UNSAFE_PLACES.iter().map(|(place, why)| format!("{place} ({why})")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_in(path: &str, text: &str) -> Vec<String> {
        violations(&[(path.to_owned(), text.to_owned())])
    }

    #[test]
    fn unsafe_outside_the_named_places_is_found() {
        let text = "#![allow(unsafe_code, reason = \"fast\")]\n";
        assert!(wrong_in("crates/session/src/lib.rs", text)[0].starts_with("crates/session/src/lib.rs:1:"));
        assert!(wrong_in("crates/dsp/src/lib.rs", text).len() == 1);
        assert!(wrong_in("crates/rt/src/pool.rs", text).is_empty());
        assert!(wrong_in("crates/dsp/src/simd/avx2.rs", text).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_and_words_about_it_are_not() {
        assert_eq!(wrong_in("crates/session/src/a.rs", "fn a() { todo!() }\n").len(), 1);
        assert_eq!(wrong_in("crates/session/src/a.rs", "#[ignore]\n#[test]\nfn a() {}\n").len(), 1);
        assert!(wrong_in("crates/session/src/a.rs", "// never todo!() here\n").is_empty());
    }

    #[test]
    fn long_files_are_listed_longest_first() {
        let file = |name: &str, lines: usize| (name.to_owned(), "x\n".repeat(lines));
        let list = long_files(&[file("a", 10), file("b", 700), file("c", 900)]);
        assert_eq!(list, ["900 c", "700 b"]);
    }
}
