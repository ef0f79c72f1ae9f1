//! The structures of `rt` between real threads under ThreadSanitizer, which needs a nightly compiler.

use std::process::Command;

use crate::scan::{Scanner, Skip};
use crate::{Result, shell, test};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg seeded_faults";

/// The status that a program under ThreadSanitizer ends with when it has reported a race.
const RACE: i32 = 66;

/// Scenarios in which a seeded fault (a publish without release order) must be reported.
const LISTENING: [&str; 3] = ["pool", "latest", "reclaim"];

/// Runs `rt`'s program of two-thread scenarios: clean as it is, and reported once a fault is seeded.
///
/// # Errors
/// When the program does not build, a race is reported, or a seeded one is not.
pub fn threads(scanner: &mut Scanner) -> Result {
    let nightly = || {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]).current_dir(crate::workspace::root());
        command.env_remove("RUSTC").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        command
    };
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) || !shell::succeeds(nightly().arg("-V")) {
        let reason = "no nightly toolchain for x86-64 Linux (rustup toolchain install nightly)".to_owned();
        println!("SKIPPED: {reason}");
        scanner.passed += 1;
        scanner.skips.push(Skip { test: "ThreadSanitizer".to_owned(), reason });
        return Ok(());
    }
    let folder = test::target()?.join("tsan");
    let mut build = nightly();
    build.args(["build", "--locked", "--package", "omega-rt", "--example", "threads", "--target", TARGET]);
    shell::run(build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &folder))?;
    let program = folder.join(TARGET).join("debug/examples/threads");
    shell::run(&mut Command::new(&program))?;
    scanner.passed += 1;
    for scenario in LISTENING {
        let output = Command::new(&program).args([scenario, "relaxed"]).output()?;
        if output.status.code() != Some(RACE) {
            return Err(
                format!("the fault seeded in {scenario:?} was not reported ({})", output.status).into()
            );
        }
        println!("{scenario}: the seeded race is reported");
        scanner.passed += 1;
    }
    Ok(())
}
