//! `cargo xtask setup`: the Debian packages that a fresh machine lacks.
//!
//! Besides Rust and a C compiler (which Rust's linker needs anyway) few of them are needed to build; most are for tests. A
//! test whose package is absent says `SKIPPED: …`, and `cargo xtask test` repeats it at the end.

use std::path::Path;
use std::process::Command;

use crate::{Result, shell};

/// A Debian package, how one sees that it is there, and what it is for.
struct Package {
    name: &'static str,
    /// A program in `PATH` or, with a leading slash, a file or folder; for systems without dpkg.
    sign: &'static str,
    need: Need,
    why: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing builds without it.
    Build,
    /// Some tests are skipped without it.
    Tests,
}

use Need::{Build, Tests};

const PACKAGES: &[Package] = &[
    Package {
        name: "pkg-config",
        sign: "pkg-config",
        need: Build,
        why: "finds the JACK library at build time",
    },
    Package {
        name: "libjack-jackd2-dev",
        sign: "/usr/include/jack/jack.h",
        need: Build,
        why: "where jack-sys looks the JACK library up; the program loads it only when it runs",
    },
    Package {
        name: "libasound2-dev",
        sign: "/usr/include/alsa/asoundlib.h",
        need: Build,
        why: "ALSA, which cpal is linked with",
    },
    Package {
        name: "libasound2-plugins",
        sign: "/usr/lib/x86_64-linux-gnu/alsa-lib/libasound_module_pcm_jack.so",
        need: Tests,
        why: "ALSA onto a JACK server: sound through ALSA without a sound card",
    },
    Package {
        name: "pulseaudio",
        sign: "pulseaudio",
        need: Tests,
        why: "a server with a sink that goes nowhere: what is played is heard on its monitor",
    },
    Package { name: "pulseaudio-utils", sign: "pactl", need: Tests, why: "tells when that server is ready" },
    Package {
        name: "libpipewire-0.3-dev",
        sign: "/usr/include/pipewire-0.3/pipewire/pipewire.h",
        need: Tests,
        why: "the feature `pipewire` is built with it, where it is wanted",
    },
    Package {
        name: "libclang-dev",
        sign: "/usr/lib/llvm-14/lib/libclang.so",
        need: Tests,
        why: "the feature `pipewire` reads its headers with it",
    },
    Package {
        name: "pipewire-bin",
        sign: "pw-cli",
        need: Tests,
        why: "a PipeWire server with a sink that goes nowhere",
    },
    Package { name: "pipewire", sign: "pipewire", need: Tests, why: "the same" },
    Package {
        name: "wireplumber",
        sign: "wireplumber",
        need: Tests,
        why: "PipeWire's session manager: without one it never calls",
    },
    Package {
        name: "dbus",
        sign: "dbus-run-session",
        need: Tests,
        why: "a session bus for that session manager",
    },
    Package {
        name: "jackd2",
        sign: "jackd",
        need: Tests,
        why: "a JACK server with a dummy driver: what is played is compared with what is rendered",
    },
    Package {
        name: "strace",
        sign: "strace",
        need: Tests,
        why: "kills the program at every system call in turn: crash tests",
    },
    Package {
        name: "qemu-user",
        sign: "qemu-x86_64",
        need: Tests,
        why: "a processor without AVX and FMA: determinism tests",
    },
    Package {
        name: "flac",
        sign: "flac",
        need: Tests,
        why: "an independent FLAC coder to compare ours with",
    },
    Package { name: "sox", sign: "sox", need: Tests, why: "an independent reader and writer of audio files" },
    Package {
        name: "procps",
        sign: "kill",
        need: Tests,
        why: "stops and freezes test servers: hardware that goes away",
    },
    Package {
        name: "binutils",
        sign: "objdump",
        need: Tests,
        why: "reads machine code: nothing on the audio thread leads to a panic",
    },
    Package {
        name: "zam-plugins",
        sign: "/usr/lib/clap/ZaMaximX2.clap",
        need: Tests,
        why: "17 real CLAP plugins: scan, process, save and restore, here and in workers",
    },
    Package {
        name: "libvulkan1",
        sign: "/usr/lib/x86_64-linux-gnu/libvulkan.so.1",
        need: Tests,
        why: "the window and its pictures find what draws through it",
    },
    Package {
        name: "mesa-vulkan-drivers",
        sign: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
        need: Tests,
        why: "draws without a graphics card: pictures of the window",
    },
    Package { name: "xvfb", sign: "Xvfb", need: Tests, why: "a screen in memory: the real window" },
    Package { name: "xdotool", sign: "xdotool", need: Tests, why: "presses keys in the real window" },
    Package {
        name: "libxkbcommon-x11-0",
        sign: "/usr/lib/x86_64-linux-gnu/libxkbcommon-x11.so.0",
        need: Tests,
        why: "keys of X11, loaded when the window opens",
    },
    Package {
        name: "libx11-xcb1",
        sign: "/usr/lib/x86_64-linux-gnu/libX11-xcb.so.1",
        need: Tests,
        why: "the connection to X11, loaded when the window opens",
    },
    Package {
        name: "libxcursor1",
        sign: "/usr/lib/x86_64-linux-gnu/libXcursor.so.1",
        need: Tests,
        why: "pointers of X11, loaded when the window opens",
    },
    Package {
        name: "libxi6",
        sign: "/usr/lib/x86_64-linux-gnu/libXi.so.6",
        need: Tests,
        why: "pointers and wheels of X11, loaded when the window opens",
    },
    Package { name: "git", sign: "git", need: Tests, why: "merges of project.json in the session tests" },
    Package {
        name: "sonic-pi-samples",
        sign: "/usr/share/sonic-pi/samples",
        need: Tests,
        why: "165 real FLAC files: import, play and render tests",
    },
    Package {
        name: "hydrogen-data",
        sign: "/usr/share/hydrogen/data/drumkits",
        need: Tests,
        why: "drum kits as WAV and FLAC: import, play and render tests",
    },
    Package {
        name: "mma",
        sign: "/usr/share/doc/mma/examples",
        need: Tests,
        why: "73 real MIDI files: import and export tests",
    },
    Package {
        name: "openttd-openmsx",
        sign: "/usr/share/games/openttd/baseset/openmsx",
        need: Tests,
        why: "31 real MIDI files: import and export tests",
    },
];

/// Installs what is missing; asks first unless we are root or `yes` says so.
///
/// # Errors
/// When packages are missing and were not installed; the message holds the command to run.
pub fn run(yes: bool) -> Result {
    packages(yes)?;
    check_components()
}

fn packages(yes: bool) -> Result {
    let missing = missing();
    if missing.is_empty() {
        println!("all {} packages are there", PACKAGES.len());
        return Ok(());
    }
    println!("missing:");
    for package in &missing {
        println!("  {:<18} {}", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", names.join(" "));
    if shell::find("apt-get").is_none() {
        return Err(format!(
            "this is not a Debian system: install the equivalents of {} by hand",
            names.join(", ")
        )
        .into());
    }
    let root = is_root();
    let sudo = !root && shell::find("sudo").is_some();
    if !root && !sudo {
        return Err(
            format!("installing needs root; as root, run: {}", by_hand.trim_start_matches("sudo ")).into()
        );
    }
    let agreed = root || yes || (shell::interactive() && shell::ask(&format!("run `{by_hand}`?")));
    if !agreed {
        return Err(format!("packages are missing; run: {by_hand}").into());
    }
    install(&names, sudo)?;
    let still: Vec<&str> = self::missing().iter().map(|package| package.name).collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(format!("still missing after the installation: {}", still.join(", ")).into())
    }
}

/// As [`run`], but goes on without packages that only tests need: those tests are skipped, and say so.
///
/// # Errors
/// As [`run`], when a package without which nothing builds is missing.
pub fn run_for_build(yes: bool) -> Result {
    let Err(error) = packages(yes) else { return Ok(()) };
    let missing = missing();
    if missing.iter().any(|package| package.need == Build) {
        return Err(error);
    }
    println!("{error}\ngoing on: tests that need these packages are skipped and listed at the end");
    Ok(())
}

fn missing() -> Vec<&'static Package> {
    let known = installed_by_dpkg();
    PACKAGES
        .iter()
        .filter(|package| !known.iter().any(|name| name == package.name) && !sign_is_there(package))
        .collect()
}

fn sign_is_there(package: &Package) -> bool {
    if package.sign.starts_with('/') {
        Path::new(package.sign).exists()
    } else {
        shell::find(package.sign).is_some()
    }
}

/// The names among ours that dpkg has installed; empty where there is no dpkg.
fn installed_by_dpkg() -> Vec<String> {
    let mut query = Command::new("dpkg-query");
    query
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(PACKAGES.iter().map(|package| package.name));
    let Ok(output) = query.output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect()
}

/// Formatting and lints are parts of the Rust toolchain that a minimal installation leaves out.
fn check_components() -> Result {
    for (sub, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !shell::succeeds(&mut shell::cargo(&[sub, "--version"])) {
            return Err(format!(
                "the Rust toolchain lacks {component}; run: rustup component add {component}"
            )
            .into());
        }
    }
    Ok(())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install(names: &[&str], sudo: bool) -> Result {
    if !package_lists_exist() {
        shell::run(apt(sudo).arg("update"))?;
    }
    if shell::run(&mut install_command(names, sudo)).is_ok() {
        return Ok(());
    }
    // Old lists name packages that the mirror has replaced since.
    shell::run(apt(sudo).arg("update"))?;
    shell::run(&mut install_command(names, sudo))
}

fn install_command(names: &[&str], sudo: bool) -> Command {
    let mut command = apt(sudo);
    command.args(["install", "--yes", "--no-install-recommends"]).args(names);
    command
}

/// apt-get without questions: jackd2 would ask whether to grant real-time priority.
fn apt(sudo: bool) -> Command {
    let mut command = Command::new(if sudo { "sudo" } else { "env" });
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).stdin(std::process::Stdio::null());
    command
}

fn package_lists_exist() -> bool {
    let Ok(folder) = std::fs::read_dir("/var/lib/apt/lists") else { return false };
    folder.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_says_why_and_how_it_is_seen() {
        for (at, package) in PACKAGES.iter().enumerate() {
            assert!(!package.why.is_empty() && !package.sign.is_empty(), "{}", package.name);
            assert!(PACKAGES[..at].iter().all(|other| other.name != package.name), "{} twice", package.name);
        }
    }

    #[test]
    fn installing_never_waits_for_an_answer() {
        for sudo in [false, true] {
            let line = shell::line(&install_command(&["a", "b"], sudo));
            assert!(line.contains("DEBIAN_FRONTEND=noninteractive apt-get"), "{line}");
            assert!(line.ends_with("install --yes --no-install-recommends a b"), "{line}");
            assert_eq!(line.starts_with("sudo "), sudo);
        }
    }
}
