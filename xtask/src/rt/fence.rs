//! What runs on the audio thread cannot name what it must not do: shown on a copy of its crates, to which each forbidden thing is
//! added in turn. The compiler or clippy must refuse it, for the reason that is expected, and take the copy as it is.

use std::path::{Path, PathBuf};

use super::{Found, Outcome};
use crate::scan::Scanner;
use crate::{Result, shell, test, workspace};

/// The fenced crates, and those that their manifests name.
const COPIED: &[&str] = &[
    "time",
    "rt",
    "dsp",
    "processor",
    "graph",
    "engine",
    "devices",
    "session",
    "lowering",
    "testkit",
    "signals",
];

/// Something forbidden.
struct Fault {
    /// What it shows.
    name: &'static str,
    /// The file that it is added to.
    file: &'static str,
    /// Added at the file's end.
    text: &'static str,
    /// The refusal must say this.
    refusal: &'static str,
}

/// A file of the engine that runs on the audio thread.
const ENGINE: &str = "crates/engine/src/mix.rs";

const fn engine(name: &'static str, text: &'static str, refusal: &'static str) -> Fault {
    Fault { name, file: ENGINE, text, refusal }
}

const FAULTS: &[Fault] = &[
    // What `no_std` keeps from being named.
    engine("a Vec", "pub fn seeded() -> usize { Vec::<u8>::new().len() }", "`Vec`"),
    engine("a Box", "pub fn seeded() -> u8 { *Box::new(1) }", "`Box`"),
    engine("a String", "pub fn seeded(s: &String) -> usize { s.len() }", "`String`"),
    engine("a vec!", "pub fn seeded() -> usize { vec![1].len() }", "`vec`"),
    engine("a format!", "pub fn seeded() { drop(format!(\"\")); }", "`format`"),
    engine("a println!", "pub fn seeded() { println!(); }", "`println`"),
    engine("a std Mutex", "pub fn seeded(m: &std::sync::Mutex<u8>) { drop(m.lock()); }", "`std`"),
    engine("a file", "pub fn seeded() { drop(std::fs::File::open(\"x\")); }", "`std`"),
    engine("a clock", "pub fn seeded() { drop(std::time::Instant::now()); }", "`std`"),
    // What opens the fence in a module is caught by the bans. (Methods of `f32` come with std, which some dependency links.)
    engine("a std sine", "pub fn seeded(x: f32) -> f32 { x.sin() }", "disallowed method `f32::sin`"),
    engine(
        "a Vec through alloc",
        "extern crate alloc;\npub fn seeded(v: &mut alloc::vec::Vec<u8>) { v.push(1); }",
        "disallowed method `alloc::vec::Vec::push`",
    ),
    engine(
        "a Box through alloc",
        "extern crate alloc;\npub fn seeded() -> alloc::boxed::Box<u8> { alloc::boxed::Box::new(1) }",
        "disallowed method `alloc::boxed::Box::new`",
    ),
    engine(
        "a Mutex through std",
        "extern crate std;\npub fn seeded(m: &std::sync::Mutex<u8>) { drop(m.lock()); }",
        "disallowed type `std::sync::Mutex`",
    ),
    engine(
        "a clock through std",
        "extern crate std;\npub fn seeded() -> std::time::Instant { std::time::Instant::now() }",
        "disallowed method `std::time::Instant::now`",
    ),
    engine(
        "a file through std",
        "extern crate std;\npub fn seeded(f: &std::fs::File) -> bool { f.metadata().is_ok() }",
        "disallowed type `std::fs::File`",
    ),
    engine(
        "unsafe code where it is forbidden",
        "pub fn seeded(x: &[u8]) -> u8 { unsafe { *x.get_unchecked(0) } }",
        "usage of an `unsafe` block",
    ),
    Fault {
        name: "unsafe code outside of the named modules",
        file: "crates/dsp/src/delay.rs",
        text: "pub fn seeded(x: &[u8]) -> u8 { unsafe { *x.get_unchecked(0) } }",
        refusal: "usage of an `unsafe` block",
    },
    // Each crate has bans of its own.
    alloc("an allocation in rt", "crates/rt/src/meter.rs"),
    alloc("an allocation in dsp", "crates/dsp/src/delay.rs"),
    alloc("an allocation in processor", "crates/processor/src/block.rs"),
    alloc("an allocation in devices", "crates/devices/src/utility.rs"),
];

const fn alloc(name: &'static str, file: &'static str) -> Fault {
    let text = "extern crate alloc as seeded_alloc;\npub fn seeded(v: &mut seeded_alloc::vec::Vec<u8>) { v.push(1); }";
    Fault { name, file, text, refusal: "disallowed method `alloc::vec::Vec::push`" }
}

/// Copies, checks the copy, adds each fault in turn.
///
/// # Errors
/// The copy cannot be made.
pub fn run(_: &mut Scanner) -> Result<Outcome> {
    let folder = test::target()?.join("xtask").join("fence");
    copy_workspace(&folder)?;
    let mut found = Found::default();
    for package in ["rt", "dsp", "processor", "engine", "devices"] {
        let (passes, said) = clippy(&folder, package)?;
        if !passes {
            found.wrong.push(format!("the copy of omega-{package} is refused as it is:\n{said}"));
        }
    }
    for fault in FAULTS {
        let file = folder.join(fault.file);
        let whole = std::fs::read_to_string(&file)?;
        let text =
            fault.text.replace("pub fn", "#[allow(dead_code, missing_docs, reason = \"seeded\")]\npub fn");
        std::fs::write(&file, format!("{whole}\n{text}\n"))?;
        let (passes, said) = clippy(&folder, package_of(fault.file))?;
        std::fs::write(&file, whole)?;
        let caught = !passes && said.contains(fault.refusal);
        if !caught {
            println!("{}: expected a refusal that says {:?}, got:\n{said}", fault.name, fault.refusal);
        }
        found.fault(fault.name, caught);
    }
    println!("{} forbidden things added to a copy of the fenced crates, one by one", FAULTS.len());
    Ok(Outcome::Done(found))
}

fn package_of(file: &str) -> &str {
    file.split('/').nth(1).unwrap_or_default()
}

/// Whether clippy passes without a warning, and what it says.
fn clippy(folder: &Path, package: &str) -> Result<(bool, String)> {
    let package = format!("omega-{package}");
    let mut command = shell::cargo(&["clippy", "--offline", "--quiet", "--package", &package, "--lib"]);
    command.args(["--", "-D", "warnings"]).current_dir(folder);
    command.env("CARGO_TARGET_DIR", folder.join("target")).env_remove("RUSTFLAGS");
    let output = command.output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The crates of [`COPIED`], with the workspace's manifest cut down to them.
fn copy_workspace(folder: &Path) -> Result {
    let root = workspace::root();
    let crates = folder.join("crates");
    if crates.exists() {
        std::fs::remove_dir_all(&crates)?;
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let members =
        manifest.lines().find(|line| line.starts_with("members")).ok_or("Cargo.toml names no members")?;
    let list: Vec<String> = COPIED.iter().map(|name| format!("\"crates/{name}\"")).collect();
    std::fs::create_dir_all(folder)?;
    std::fs::write(
        folder.join("Cargo.toml"),
        manifest.replace(members, &format!("members = [{}]", list.join(", "))),
    )?;
    for file in ["Cargo.lock", "clippy.toml"] {
        std::fs::copy(root.join(file), folder.join(file))?;
    }
    for name in COPIED {
        copy(&root.join("crates").join(name), &crates.join(name))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &PathBuf) -> Result {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_goes_into_a_file_that_exists_and_is_copied() {
        for fault in FAULTS {
            assert!(workspace::root().join(fault.file).is_file(), "{}", fault.file);
            assert!(COPIED.contains(&package_of(fault.file)), "{}", fault.file);
        }
    }
}
