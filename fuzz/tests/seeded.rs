//! The harness finds what is broken on purpose, and its case number repeats it.

use std::process::{Command, Output};

fn fuzz(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_omega-fuzz")).args(args).output().unwrap()
}

fn finding(target: &str) -> String {
    let output = fuzz(&["--target", target, "--seconds", "60", "--patience", "2"]);
    assert!(!output.status.success(), "{target} must be found");
    String::from_utf8(output.stdout).unwrap()
}

fn case_in(finding: &str) -> &str {
    finding.rsplit("--case ").next().unwrap().trim()
}

#[test]
fn a_panic_is_found_and_its_case_repeats_it() {
    let said = finding("seeded-panic");
    assert!(said.contains("ended the process"), "{said}");
    let again = fuzz(&["--target", "seeded-panic", "--case", case_in(&said)]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("a panic that the harness must find"));
}

#[test]
fn a_hang_is_found() {
    let said = finding("seeded-hang");
    assert!(said.contains("hangs for 2 s"), "{said}");
}

#[test]
fn an_allocation_beyond_all_measure_is_found() {
    let said = finding("seeded-memory");
    assert!(said.contains("ended the process"), "{said}");
}

#[test]
fn an_unknown_target_is_refused() {
    assert!(!fuzz(&["--target", "no-such-thing"]).status.success());
}
