//! The demo's bytes, whatever renders it: block sizes, instruction sets, other processors.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A part of the demo that is short enough for an emulated processor.
const PART: &str = "0:20..0:22";

/// `omega` on this processor.
fn omega() -> Command {
    Command::new(env!("CARGO_BIN_EXE_omega"))
}

/// `omega` on an emulated processor.
fn emulated(processor: &str) -> Command {
    let mut command = Command::new("qemu-x86_64");
    command.args(["-cpu", processor, env!("CARGO_BIN_EXE_omega")]);
    command
}

fn demo(folder: &Path) -> PathBuf {
    let session = folder.join("Demo.omega");
    let made = omega().arg("--quiet").arg("demo").arg(&session).output().expect("omega starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    session
}

/// The hash of a render of two seconds.
fn hash(mut command: Command, session: &Path, range: &str, options: &[&str]) -> String {
    let out = session.with_file_name("out.wav");
    command.args(["--quiet", "render"]).arg(session).arg("-o").arg(out);
    command.args(["--range", range, "--tail", "none", "--json"]).args(options);
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["frames"], 96_000);
    report["blake3"].as_str().expect("a hash").to_owned()
}

#[test]
fn the_demo_has_one_hash_at_any_block_size_and_instruction_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let session = demo(folder.path());
    let first = hash(omega(), &session, PART, &[]);
    for block in ["1", "16", "64", "333", "1000", "4096", "random:5"] {
        assert_eq!(hash(omega(), &session, PART, &["--block", block]), first, "blocks of {block}");
    }
    for simd in ["scalar", "sse2", "avx2"] {
        if simd == "avx2" && !has_avx2() {
            println!("SKIPPED: this processor has no AVX2: the instruction set avx2 was not tried");
            continue;
        }
        assert_eq!(hash(omega(), &session, PART, &["--simd", simd]), first, "{simd}");
    }
    let elsewhere = hash(omega(), &session, "0:21..0:23", &[]);
    assert_ne!(elsewhere, first, "another part sounds different, so that the hash says something");
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[test]
fn processors_without_avx_and_with_fused_multiply_add_give_the_same_bytes() {
    let qemu = Command::new("qemu-x86_64").arg("--version").output();
    if !cfg!(target_arch = "x86_64") || !qemu.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: no qemu-x86_64 (Debian: apt install qemu-user), or this is no x86-64 machine");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let session = demo(folder.path());
    let here = hash(omega(), &session, PART, &[]);
    // Westmere has SSE4.2 but neither AVX nor FMA; Haswell has all of them.
    for processor in ["Westmere", "Haswell"] {
        assert_eq!(hash(emulated(processor), &session, PART, &[]), here, "{processor}");
    }
}
