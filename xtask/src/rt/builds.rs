//! The ladder's program, built once for each tool: one folder for each configuration, so that none undoes another's work.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, shell, test};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A sanitizer of the nightly compiler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sanitizer {
    Thread,
    RealTime,
}

impl Sanitizer {
    fn folder(self) -> &'static str {
        match self {
            Self::Thread => "tsan",
            Self::RealTime => "rtsan",
        }
    }

    fn flags(self) -> &'static str {
        match self {
            Self::Thread => {
                "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg seeded_faults --cfg tsan"
            }
            Self::RealTime => "-Zsanitizer=realtime --cfg rtsan",
        }
    }

    /// Builds what runs under it; gives the folder of the programs, or why it cannot be had here.
    ///
    /// # Errors
    /// The build fails.
    pub fn build(self) -> Result<std::result::Result<PathBuf, String>> {
        if let Some(reason) = nothing_to_build_with() {
            return Ok(Err(reason));
        }
        let folder = test::target()?.join(self.folder());
        let mut build = nightly();
        build.args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--package",
            "omega-ladder",
            "--bin",
            "omega-ladder",
        ]);
        if self == Self::Thread {
            build.args(["--package", "omega-rt", "--example", "threads"]);
        }
        shell::run(build.env("RUSTFLAGS", self.flags()).env("CARGO_TARGET_DIR", &folder))?;
        Ok(Ok(folder.join(TARGET).join("debug")))
    }
}

/// The test plugins as the tests have them, without a sanitizer: gives their file.
///
/// # Errors
/// The build fails.
pub fn test_plugins() -> Result<PathBuf> {
    shell::run(&mut shell::cargo(&["build", "--locked", "--package", "omega-testplugs", "--lib"]))?;
    let (before, after) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(test::target()?.join("debug").join(format!("{before}omega_testplugs{after}")))
}

fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(crate::workspace::root());
    command.env_remove("RUSTC").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn nothing_to_build_with() -> Option<String> {
    if !linux() {
        return Some("the sanitizers are used on Linux on x86-64 only".to_owned());
    }
    (!shell::succeeds(nightly().arg("-V")))
        .then(|| "no nightly toolchain (rustup toolchain install nightly --profile minimal)".to_owned())
}

/// Whether this is the system that the ladder's own tools are made for.
pub fn linux() -> bool {
    cfg!(all(target_arch = "x86_64", target_os = "linux"))
}

/// The ladder's program as it is released, without the code that runs after a panic, so that its machine code can be read: gives
/// its path.
///
/// # Errors
/// The build fails.
pub fn audit() -> Result<PathBuf> {
    shell::run(&mut shell::cargo(&["build", "--locked", "--profile", "audit", "--package", "omega-ladder"]))?;
    Ok(test::target()?.join("audit").join(format!("omega-ladder{}", std::env::consts::EXE_SUFFIX)))
}
