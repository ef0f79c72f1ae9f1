//! The lint fences: which clippy bans stand where, and whether each `clippy.toml` still carries them.
//!
//! A `clippy.toml` inside a crate *replaces* the one at the top of the repository, so a ban that is missing there is gone
//! without a word. Here is the one list; every file is held against it.
//!
//! Two lists: *deterministic maths* holds everywhere, *real-time* holds in the crates whose code runs on the audio
//! thread. Code in those crates that prepares (off the audio thread) says so with
//! `#![allow(clippy::disallowed_methods, reason = "…")]` at the top of its own module.

use std::path::Path;

use crate::Result;

/// Crates that run on the audio thread: their own `clippy.toml` carries both lists.
const REAL_TIME_CRATES: &[&str] = &["rt", "dsp", "processor", "engine", "devices", "plugin"];

/// Crates that must be `#![no_std]`, so that what allocates or blocks cannot be named in them.
const NO_STD_CRATES: &[&str] = &["time", "rt", "dsp", "processor", "engine"];

/// Methods of `f32` and `f64` whose bytes change with the CPU or the C library.
const FLOAT_METHODS: &[&str] = &[
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sin_cos", "sinh", "cosh", "tanh", "asinh",
    "acosh", "atanh", "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "cbrt",
    "hypot", "mul_add",
];

/// What allocates, locks or prints: (key in `clippy.toml`, path).
const REAL_TIME: &[(&str, &str)] = &[
    ("disallowed-methods", "alloc::boxed::Box::new"),
    ("disallowed-methods", "alloc::vec::Vec::with_capacity"),
    ("disallowed-methods", "alloc::vec::Vec::push"),
    ("disallowed-methods", "alloc::vec::Vec::insert"),
    ("disallowed-methods", "alloc::vec::Vec::extend_from_slice"),
    ("disallowed-methods", "alloc::vec::Vec::resize"),
    ("disallowed-methods", "alloc::vec::Vec::reserve"),
    ("disallowed-methods", "core::iter::Iterator::collect"),
    ("disallowed-methods", "slice::to_vec"),
    ("disallowed-methods", "alloc::borrow::ToOwned::to_owned"),
    ("disallowed-methods", "alloc::string::ToString::to_string"),
    ("disallowed-methods", "std::thread::sleep"),
    ("disallowed-methods", "std::thread::spawn"),
    ("disallowed-methods", "std::thread::yield_now"),
    ("disallowed-methods", "std::time::Instant::now"),
    ("disallowed-methods", "std::time::SystemTime::now"),
    ("disallowed-types", "alloc::string::String"),
    ("disallowed-types", "alloc::rc::Rc"),
    ("disallowed-types", "std::sync::Mutex"),
    ("disallowed-types", "std::sync::RwLock"),
    ("disallowed-types", "std::sync::Condvar"),
    ("disallowed-types", "std::sync::mpsc::Sender"),
    ("disallowed-types", "std::collections::HashMap"),
    ("disallowed-types", "std::collections::HashSet"),
    ("disallowed-types", "std::fs::File"),
    ("disallowed-macros", "alloc::vec"),
    ("disallowed-macros", "alloc::format"),
    ("disallowed-macros", "std::print"),
    ("disallowed-macros", "std::println"),
    ("disallowed-macros", "std::eprintln"),
];

/// Everything that is wrong with the fences of this tree.
///
/// # Errors
/// When a file cannot be read.
pub fn violations() -> Result<Vec<String>> {
    let root = crate::workspace::root();
    let mut wrong = missing_bans(&root.join("clippy.toml"), &shared())?;
    for entry in std::fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = folder.join("clippy.toml");
        if REAL_TIME_CRATES.contains(&name.as_str()) {
            let mut bans = shared();
            bans.extend(REAL_TIME.iter().map(|(key, path)| (*key, (*path).to_owned())));
            wrong.extend(missing_bans(&file, &bans)?);
        } else if file.exists() {
            wrong.extend(missing_bans(&file, &shared())?);
        }
        if NO_STD_CRATES.contains(&name.as_str()) {
            let text = std::fs::read_to_string(folder.join("src/lib.rs"))?;
            wrong.extend(
                no_std_faults(&text).into_iter().map(|fault| format!("crates/{name}/src/lib.rs: {fault}")),
            );
        }
    }
    wrong.sort();
    Ok(wrong)
}

/// The bans that hold in every crate.
fn shared() -> Vec<(&'static str, String)> {
    let both =
        |method: &&str| ["f32", "f64"].map(|float| ("disallowed-methods", format!("{float}::{method}")));
    FLOAT_METHODS.iter().flat_map(both).collect()
}

fn missing_bans(file: &Path, bans: &[(&str, String)]) -> Result<Vec<String>> {
    let name = file.strip_prefix(crate::workspace::root()).unwrap_or(file).display().to_string();
    if !file.exists() {
        return Ok(vec![format!("{name} is missing: copy the one of crates/engine")]);
    }
    let entries = read_bans(&std::fs::read_to_string(file)?);
    let has = |key: &str, path: &str| entries.iter().any(|entry| entry.key == key && entry.path == path);
    let absent = bans.iter().filter(|(key, path)| !has(key, path));
    let mut wrong: Vec<String> =
        absent.map(|(key, path)| format!("{name}: {key} lacks {path} (list: xtask/src/fences.rs)")).collect();
    let silent = entries.iter().filter(|entry| !entry.reasoned);
    wrong.extend(silent.map(|entry| format!("{name}: the ban of {} gives no reason", entry.path)));
    Ok(wrong)
}

struct Ban {
    key: String,
    path: String,
    reasoned: bool,
}

/// The entries of a `clippy.toml` in the one form we write: `{ path = "…", reason = "…" },` on a line, below `key = [`.
fn read_bans(text: &str) -> Vec<Ban> {
    let mut bans = Vec::new();
    let mut key = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_suffix("= [") {
            name.trim().clone_into(&mut key);
        } else if let Some(path) = quoted_after(line, "path = \"") {
            let reasoned = quoted_after(line, "reason = \"").is_some_and(|reason| !reason.is_empty());
            bans.push(Ban { key: key.clone(), path, reasoned });
        }
    }
    bans
}

fn quoted_after(line: &str, start: &str) -> Option<String> {
    let (_, rest) = line.split_once(start)?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// What keeps a crate root from being a fence.
fn no_std_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let fenced = ["#![no_std]", "#![cfg_attr(not(test), no_std)]"];
    if !text.lines().any(|line| fenced.contains(&line.trim())) {
        faults.push("must say #![no_std], so that nothing in the crate can name an allocation".to_owned());
    }
    let mut before = "";
    for line in text.lines() {
        let root_level = line.starts_with("extern crate") || line.starts_with("pub extern crate");
        if root_level && !before.starts_with("#[cfg(test)]") && !before.starts_with("#[cfg(all(test") {
            faults.push(format!(
                "`{line}` at the crate's root opens the fence: declare it inside the module that prepares"
            ));
        }
        before = line;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_that_was_dropped_from_a_crate_is_found() {
        let folder = std::env::temp_dir().join(format!("omega-xtask-fences-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("clippy.toml");
        let engine =
            std::fs::read_to_string(crate::workspace::root().join("crates/engine/clippy.toml")).unwrap();
        let kept: String = engine
            .lines()
            .filter(|line| !line.contains("\"f32::sin\""))
            .fold(String::new(), |a, b| a + b + "\n");
        std::fs::write(&file, kept).unwrap();
        let wrong = missing_bans(&file, &shared()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains("f32::sin"), "{wrong:?}");
    }

    /// What the fence must stop, one fault a line, in a crate that is written to break it.
    const SEEDED: &str = "\
#![no_std]
extern crate alloc;
extern crate std;
pub fn a(x: f32) -> f32 { x.sin() }
pub fn b(x: f64) -> f64 { x.mul_add(x, x) }
pub fn c() -> alloc::boxed::Box<u8> { alloc::boxed::Box::new(1) }
pub fn d(v: &mut alloc::vec::Vec<u8>) { v.push(1); }
pub fn e() -> alloc::vec::Vec<u8> { alloc::vec![0; 3] }
pub fn f(x: &str) -> alloc::string::String { alloc::format!(\"{x}{x}\") }
pub fn g(x: &[u8]) -> alloc::vec::Vec<u8> { x.to_vec() }
pub fn h(m: &std::sync::Mutex<u8>) { drop(m.lock()); }
pub fn i() { std::println!(); }
";

    #[test]
    fn clippy_itself_catches_each_seeded_fault_and_knows_each_path() {
        let folder = std::env::temp_dir().join(format!("omega-xtask-seeded-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let manifest = "[package]\nname = \"seeded\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/lib.rs"), SEEDED).unwrap();
        std::fs::copy(crate::workspace::root().join("crates/engine/clippy.toml"), folder.join("clippy.toml"))
            .unwrap();
        let mut clippy = crate::shell::cargo(&["clippy", "--offline", "--message-format", "short"]);
        clippy.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target")).env_remove("RUSTFLAGS");
        let output = clippy.output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        for (at, fault) in SEEDED.lines().enumerate().skip(3) {
            let place = format!("src/lib.rs:{}:", at + 1);
            let caught = said.lines().any(|line| line.starts_with(&place) && line.contains("disallowed"));
            assert!(caught, "not caught: {fault}\n{said}");
        }
        assert!(!said.contains("does not refer"), "{said}");
    }

    #[test]
    fn a_ban_in_a_comment_or_under_another_key_or_without_reason_does_not_count() {
        let bans =
            read_bans("disallowed-types = [\n# { path = \"a\", reason = \"r\" },\n{ path = \"b\" },\n]\n");
        assert_eq!(bans.len(), 1);
        assert_eq!(
            (bans[0].key.as_str(), bans[0].path.as_str(), bans[0].reasoned),
            ("disallowed-types", "b", false)
        );
    }

    #[test]
    fn a_crate_root_that_names_alloc_is_no_fence() {
        assert!(no_std_faults("#![no_std]\n#[cfg(test)]\nextern crate std;\nmod a;\n").is_empty());
        assert_eq!(no_std_faults("#![no_std]\nextern crate alloc;\n").len(), 1);
        assert_eq!(no_std_faults("//! Docs.\nmod a;\n").len(), 1);
        assert!(no_std_faults("#![no_std]\nmod prepare {\n    extern crate alloc;\n}\n").is_empty());
    }
}
