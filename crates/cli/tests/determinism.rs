//! A session's bytes, whatever renders it: block sizes, instruction sets, other processors.

#[path = "../../studio/tests/common/real.rs"]
mod real;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A session and a part of it that is short enough for an emulated processor, with another part of the same length.
struct Piece {
    session: PathBuf,
    part: &'static str,
    elsewhere: &'static str,
    frames: u64,
}

impl Piece {
    fn demo(folder: &Path) -> Self {
        let session = folder.join("Demo.omega");
        let made = omega().arg("--quiet").arg("demo").arg(&session).output().expect("omega starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { session, part: "0:20..0:22", elsewhere: "0:21..0:23", frames: 96_000 }
    }

    /// A hundred clips of real recordings, if they are there.
    fn real(folder: &Path) -> Option<Self> {
        let session = real::session(folder)?.root().to_owned();
        Some(Self { session, part: "0:01..0:02", elsewhere: "0:02..0:03", frames: 48_000 })
    }

    /// The hash of a render.
    fn hash(&self, mut command: Command, range: &str, options: &[&str]) -> String {
        let out = self.session.with_file_name("out.wav");
        command.args(["--quiet", "render"]).arg(&self.session).arg("-o").arg(out);
        command.args(["--range", range, "--tail", "none", "--json"]).args(options);
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["frames"], self.frames);
        let level = report["files"][0]["sample_peak_dbfs"].as_f64().expect("it is not silent");
        assert!(level > -30.0, "{level}");
        report["blake3"].as_str().expect("a hash").to_owned()
    }

    fn has_one_hash_at_any_block_size_and_instruction_set(&self) {
        let first = self.hash(omega(), self.part, &[]);
        for block in ["1", "16", "64", "333", "1000", "4096", "random:5"] {
            assert_eq!(self.hash(omega(), self.part, &["--block", block]), first, "blocks of {block}");
        }
        for simd in ["scalar", "sse2", "avx2"] {
            if simd == "avx2" && !has_avx2() {
                println!("SKIPPED: this processor has no AVX2: the instruction set avx2 was not tried");
                continue;
            }
            assert_eq!(self.hash(omega(), self.part, &["--simd", simd]), first, "{simd}");
        }
        let elsewhere = self.hash(omega(), self.elsewhere, &[]);
        assert_ne!(elsewhere, first, "another part sounds different, so that the hash says something");
    }

    fn has_one_hash_on_other_processors(&self) {
        let here = self.hash(omega(), self.part, &[]);
        // Westmere has SSE4.2 but neither AVX nor FMA; Haswell has all of them.
        for processor in ["Westmere", "Haswell"] {
            assert_eq!(self.hash(emulated(processor), self.part, &[]), here, "{processor}");
        }
    }
}

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

/// Whether processors can be emulated; says so if not.
fn can_emulate() -> bool {
    let qemu = Command::new("qemu-x86_64").arg("--version").output();
    let can = cfg!(target_arch = "x86_64") && qemu.is_ok_and(|output| output.status.success());
    if !can {
        println!("SKIPPED: no qemu-x86_64 (Debian: apt install qemu-user), or this is no x86-64 machine");
    }
    can
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
fn the_demo_has_one_hash_at_any_block_size_and_instruction_set() {
    let folder = tempfile::tempdir().expect("a folder");
    Piece::demo(folder.path()).has_one_hash_at_any_block_size_and_instruction_set();
}

#[test]
fn so_have_a_hundred_clips_of_real_recordings() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(piece) = Piece::real(folder.path()) else { return };
    piece.has_one_hash_at_any_block_size_and_instruction_set();
    if can_emulate() {
        piece.has_one_hash_on_other_processors();
    }
}

#[test]
fn processors_without_avx_and_with_fused_multiply_add_give_the_same_bytes() {
    if !can_emulate() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    Piece::demo(folder.path()).has_one_hash_on_other_processors();
}
