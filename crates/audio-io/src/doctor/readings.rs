//! What the system says about itself. Files are read below a root, so that tests can bring a system of their own.

use std::path::{Path, PathBuf};

use crate::backend::AudioBackend;
use crate::config::{OpenError, StreamConfig, System};
use crate::hardware::BackendState;
use crate::jack::Jack;
use crate::priority::{self, Priority};

/// All that [`diagnose`](super::diagnose) looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// What became of a thread that asked to be real-time.
    pub promotion: Priority,
    /// The largest real-time priority that may be asked for.
    pub rtprio: Limit,
    /// Bytes that may be locked in memory.
    pub memlock: Limit,
    /// The process may lock memory without regard to the limit (`CAP_IPC_LOCK`).
    pub may_lock: bool,
    /// The user belongs to the group `audio`.
    pub in_audio_group: bool,
    /// Files that set limits for real-time priority or locked memory.
    pub limits_files: Vec<LimitsFile>,
    /// The processor.
    pub cpu: Cpu,
    /// Frequency governor of each processor; empty where frequencies are not ours to see.
    pub governors: Vec<String>,
    /// How eagerly memory is moved to disk, 0 to 200.
    pub swappiness: Option<u32>,
    /// The system moves pages to other places of its memory, locked ones too, when it looks for large ones.
    pub moves_locked: Option<bool>,
    /// There is disk space to move memory to.
    pub has_swap: bool,
    /// The kernel.
    pub kernel: Kernel,
    /// Sound hardware.
    pub sound: Sound,
    /// JACK.
    pub jack: JackReading,
    /// The other sound systems of this platform.
    pub systems: Vec<SystemReading>,
    /// rtkit is installed: the way in which PipeWire's threads become real-time.
    pub rtkit: bool,
}

/// A limit on a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// Not known on this system.
    #[default]
    Unknown,
    /// At most this.
    Of(u64),
    /// None.
    Unlimited,
}

/// A file of `limits.conf(5)` that names real-time priority or locked memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsFile {
    /// Where it is.
    pub path: PathBuf,
    /// False for a file that is there but switched off by its name, as Debian's `audio.conf.disabled`.
    pub enabled: bool,
}

/// The processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Architecture the program was built for.
    pub architecture: String,
    /// SSE2 is there.
    pub sse2: bool,
    /// AVX2 is there.
    pub avx2: bool,
    /// Threads that run at the same time.
    pub threads: usize,
}

/// The kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Release, as `6.1.0-28-amd64`.
    pub release: String,
    /// Whether it can be interrupted.
    pub preemption: Preemption,
    /// It can switch to full preemption at boot (`PREEMPT_DYNAMIC`).
    pub dynamic: bool,
    /// Microseconds of each second that real-time threads may take altogether; -1 is all.
    pub rt_runtime: Option<i64>,
    /// What time is read from.
    pub clock: Option<String>,
}

/// Whether the kernel can be interrupted for an audio thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preemption {
    /// It does not say.
    #[default]
    Unknown,
    /// Hardly.
    None,
    /// At places of its choice.
    Voluntary,
    /// Nearly everywhere.
    Full,
    /// Everywhere (`PREEMPT_RT`).
    RealTime,
}

/// Sound hardware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// `/dev/snd` is there.
    pub dev: bool,
    /// Sound cards by name.
    pub cards: Vec<String>,
    /// The card's controls may be opened; `None` without a card.
    pub accessible: Option<bool>,
    /// `/dev/snd/seq` is there: MIDI through ALSA.
    pub sequencer: bool,
}

/// JACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JackReading {
    /// Rate and period of the running server, or why there is none.
    pub server: Result<(u32, usize), OpenError>,
    /// `jackd` is installed.
    pub jackd: bool,
    /// `pw-jack` is installed.
    pub pw_jack: bool,
}

/// A sound system other than JACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemReading {
    /// Which.
    pub system: System,
    /// Names of what it can play to, or why it cannot be used.
    pub outputs: Result<Vec<String>, String>,
}

impl SystemReading {
    fn take(system: System) -> Self {
        let outputs = match system.report().state {
            BackendState::Available(offer) => Ok(offer
                .devices
                .into_iter()
                .filter(|device| device.output)
                .map(|device| device.name)
                .collect()),
            BackendState::Unavailable { reason } => Err(reason),
        };
        Self { system, outputs }
    }
}

impl Default for JackReading {
    fn default() -> Self {
        Self {
            server: Err(OpenError::NoJackServer { name: None, detail: None }),
            jackd: false,
            pw_jack: false,
        }
    }
}

impl Readings {
    /// Reads this machine.
    #[must_use]
    pub fn take() -> Self {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let installed =
            |program: &str| std::env::split_paths(&search).any(|folder| folder.join(program).is_file());
        Self {
            promotion: std::thread::spawn(|| priority::promote_this_thread(256, 48_000))
                .join()
                .unwrap_or_default(),
            cpu: Cpu::here(),
            jack: JackReading {
                server: Jack::default()
                    .prepare(&StreamConfig { client: "omega-doctor".to_owned(), ..StreamConfig::default() })
                    .map(|prepared| (prepared.info().rate, prepared.info().period)),
                jackd: installed("jackd"),
                pw_jack: installed("pw-jack"),
            },
            systems: System::ALL
                .into_iter()
                .filter(|system| system.missing() != Some(System::ELSEWHERE))
                .map(SystemReading::take)
                .collect(),
            ..Self::from_files(Path::new("/"))
        }
    }

    /// Reads what stands in files below `root` (`/` for this machine); the rest is as by default.
    #[must_use]
    pub fn from_files(root: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let limits = read("proc/self/limits");
        let status = read("proc/self/status");
        let capability = |bit: u32| {
            let bits =
                field(&status, "CapEff:").and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
            bits >> bit & 1 == 1
        };
        Self {
            rtprio: limit(&limits, "Max realtime priority"),
            memlock: limit(&limits, "Max locked memory"),
            may_lock: capability(CAP_IPC_LOCK),
            in_audio_group: in_audio_group(&status, &read("etc/group")),
            limits_files: limits_files(root),
            governors: governors(root),
            swappiness: read("proc/sys/vm/swappiness").trim().parse().ok(),
            moves_locked: match read("proc/sys/vm/compact_unevictable_allowed").trim() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
            has_swap: read("proc/swaps").lines().nth(1).is_some(),
            kernel: Kernel::from_files(root),
            sound: Sound::from_files(root),
            rtkit: root
                .join("usr/share/dbus-1/system-services/org.freedesktop.RealtimeKit1.service")
                .exists(),
            ..Self::default()
        }
    }
}

/// capabilities(7).
const CAP_IPC_LOCK: u32 = 14;

/// The rest of the line that begins with `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The soft limit, from `/proc/self/limits`.
fn limit(limits: &str, name: &str) -> Limit {
    match field(limits, name).and_then(|rest| rest.split_ascii_whitespace().next()) {
        Some("unlimited") => Limit::Unlimited,
        Some(number) => number.parse().map_or(Limit::Unknown, Limit::Of),
        None => Limit::Unknown,
    }
}

/// Whether one of the process's groups is `audio`: `status` has the numbers, `group` the name.
fn in_audio_group(status: &str, group: &str) -> bool {
    let Some(number) = field(group, "audio:").and_then(|rest| rest.split(':').nth(1)) else { return false };
    let own = field(status, "Gid:").unwrap_or_default().split_ascii_whitespace();
    let others = field(status, "Groups:").unwrap_or_default().split_ascii_whitespace();
    own.chain(others).any(|id| id == number)
}

fn limits_files(root: &Path) -> Vec<LimitsFile> {
    let folder = root.join("etc/security/limits.d");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.chain([root.join("etc/security/limits.conf")]).collect();
    paths.sort();
    let grants = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace).any(|word| word == "rtprio" || word == "memlock")
    };
    paths.retain(grants);
    let enabled = |path: &Path| path.extension().is_some_and(|extension| extension == "conf");
    paths.into_iter().map(|path| LimitsFile { enabled: enabled(&path), path }).collect()
}

fn governors(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("sys/devices/system/cpu")).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path().join("cpufreq/scaling_governor"));
    let mut governors: Vec<String> = files
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .map(|text| text.trim().to_owned())
        .collect();
    governors.sort();
    governors
}

impl Cpu {
    fn here() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let (sse2, avx2) =
            (std::arch::is_x86_feature_detected!("sse2"), std::arch::is_x86_feature_detected!("avx2"));
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let (sse2, avx2) = (false, false);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { architecture: std::env::consts::ARCH.to_owned(), sse2, avx2, threads }
    }
}

impl Kernel {
    fn from_files(root: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let release = read("proc/sys/kernel/osrelease").trim().to_owned();
        let version = read("proc/sys/kernel/version");
        let built = read(&format!("boot/config-{release}"));
        let clock = read("sys/devices/system/clocksource/clocksource0/current_clocksource");
        Self {
            preemption: preemption(
                &version,
                &read("proc/cmdline"),
                &read("sys/kernel/debug/sched/preempt"),
                &built,
            ),
            dynamic: version.contains("PREEMPT_DYNAMIC"),
            rt_runtime: read("proc/sys/kernel/sched_rt_runtime_us").trim().parse().ok(),
            clock: Some(clock.trim().to_owned()).filter(|clock| !clock.is_empty()),
            release,
        }
    }
}

/// In order of trust: the build (real-time or not switchable), the running choice (for root only), the command line, the
/// default it was built with.
fn preemption(version: &str, command_line: &str, running: &str, built: &str) -> Preemption {
    let named = |name: &str| match name {
        "full" | "lazy" => Preemption::Full,
        "voluntary" => Preemption::Voluntary,
        "none" => Preemption::None,
        _ => Preemption::Unknown,
    };
    let words: Vec<&str> = version.split_ascii_whitespace().collect();
    if words.contains(&"PREEMPT_RT") {
        return Preemption::RealTime;
    }
    if words.contains(&"PREEMPT") {
        return Preemption::Full;
    }
    if !version.trim().is_empty() && !words.contains(&"PREEMPT_DYNAMIC") {
        return Preemption::Voluntary;
    }
    let chosen = running.split(['(', ')']).nth(1).or_else(|| {
        command_line.split_ascii_whitespace().rev().find_map(|word| word.strip_prefix("preempt="))
    });
    if let Some(name) = chosen {
        return named(name);
    }
    let set = |option: &str| built.lines().any(|line| line.strip_suffix("=y") == Some(option));
    if set("CONFIG_PREEMPT") || set("CONFIG_PREEMPT_LAZY") {
        Preemption::Full
    } else if set("CONFIG_PREEMPT_VOLUNTARY") {
        Preemption::Voluntary
    } else if set("CONFIG_PREEMPT_NONE") {
        Preemption::None
    } else {
        Preemption::Unknown
    }
}

impl Sound {
    fn from_files(root: &Path) -> Self {
        let dev = root.join("dev/snd");
        let cards = std::fs::read_to_string(root.join("proc/asound/cards")).unwrap_or_default();
        let name = |line: &str| line.split_once(" - ").map(|(_, name)| name.trim().to_owned());
        let controls: Vec<PathBuf> = std::fs::read_dir(&dev)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("controlC"))
            .map(|entry| entry.path())
            .collect();
        let open = |path: &PathBuf| std::fs::File::options().read(true).write(true).open(path).is_ok();
        Self {
            dev: dev.is_dir(),
            cards: cards.lines().filter_map(name).collect(),
            accessible: if controls.is_empty() { None } else { Some(controls.iter().any(open)) },
            sequencer: dev.join("seq").exists(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of `(path, contents)`.
    fn system(files: &[(&str, &str)]) -> (tempfile::TempDir, Readings) {
        let root = tempfile::tempdir().expect("a folder");
        for (path, contents) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, contents).expect("a file");
        }
        let readings = Readings::from_files(root.path());
        (root, readings)
    }

    #[test]
    fn an_empty_system_says_nothing_and_breaks_nothing() {
        let (_root, readings) = system(&[]);
        assert_eq!(readings, Readings::default());
    }

    #[test]
    fn a_studio_machine_is_read() {
        let (root, readings) = system(&[
            (
                "proc/self/limits",
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max locked memory         unlimited            unlimited            bytes     \n\
                 Max realtime priority     95                   95                   \n",
            ),
            (
                "proc/self/status",
                "Name:\tomega\nGid:\t1000\t1000\t1000\t1000\nGroups:\t24 29 \nCapEff:\t0000000000004000\n",
            ),
            ("etc/group", "root:x:0:\naudio:x:29:ann\nvideo:x:44:\n"),
            ("etc/security/limits.conf", "# @audio - rtprio 95\n"),
            ("etc/security/limits.d/audio.conf", "@audio   -  rtprio     95\n@audio - memlock unlimited\n"),
            ("etc/security/limits.d/other.conf.disabled", "@audio - memlock unlimited\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/online", "0-1\n"),
            ("proc/sys/vm/swappiness", "10\n"),
            ("proc/sys/vm/compact_unevictable_allowed", "1\n"),
            ("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n"),
            ("proc/sys/kernel/osrelease", "6.1.0-rt-amd64\n"),
            ("proc/sys/kernel/version", "#1 SMP PREEMPT_RT Debian 6.1\n"),
            ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
            (
                "proc/asound/cards",
                " 0 [USB            ]: USB-Audio - Scarlett 2i2\n                      Focusrite at usb\n",
            ),
            ("dev/snd/controlC0", ""),
            ("dev/snd/seq", ""),
            ("usr/share/dbus-1/system-services/org.freedesktop.RealtimeKit1.service", ""),
        ]);
        let limits = |name: &str, enabled| LimitsFile {
            path: root.path().join("etc/security/limits.d").join(name),
            enabled,
        };
        let expected = Readings {
            rtprio: Limit::Of(95),
            memlock: Limit::Unlimited,
            may_lock: true,
            in_audio_group: true,
            limits_files: vec![limits("audio.conf", true), limits("other.conf.disabled", false)],
            governors: vec!["performance".to_owned(), "powersave".to_owned()],
            swappiness: Some(10),
            moves_locked: Some(true),
            has_swap: true,
            kernel: Kernel {
                release: "6.1.0-rt-amd64".to_owned(),
                preemption: Preemption::RealTime,
                dynamic: false,
                rt_runtime: Some(-1),
                clock: Some("tsc".to_owned()),
            },
            sound: Sound {
                dev: true,
                cards: vec!["Scarlett 2i2".to_owned()],
                accessible: Some(true),
                sequencer: true,
            },
            rtkit: true,
            ..Readings::default()
        };
        assert_eq!(readings, expected);
    }

    #[test]
    fn garbage_in_files_is_unknown_not_a_panic() {
        let (_root, readings) = system(&[
            ("proc/self/limits", "Max realtime priority\nMax locked memory     many   \n"),
            ("proc/self/status", "CapEff:\tzzz\nGroups:\n"),
            ("etc/group", "audio\naudio:\naudio:x\n"),
            ("proc/sys/vm/swappiness", "-1"),
            ("proc/sys/kernel/sched_rt_runtime_us", "9e9"),
            ("proc/asound/cards", "--- no soundcards ---\n"),
            ("dev/snd", "a file where a folder should be"),
        ]);
        assert_eq!(readings, Readings::default());
    }

    #[test]
    fn preemption_is_what_runs_not_what_could() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian";
        let built = "# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_PREEMPT_DYNAMIC=y\n";
        assert_eq!(preemption("#1 SMP PREEMPT Debian", "", "", ""), Preemption::Full);
        assert_eq!(preemption("#1 SMP Debian", "preempt=full", "", ""), Preemption::Voluntary);
        assert_eq!(preemption(dynamic, "", "", ""), Preemption::Unknown);
        assert_eq!(preemption(dynamic, "", "", built), Preemption::Voluntary);
        assert_eq!(preemption(dynamic, "quiet preempt=none preempt=full", "", built), Preemption::Full);
        assert_eq!(preemption(dynamic, "preempt=full", "(none) voluntary full", built), Preemption::None);
        assert_eq!(preemption(dynamic, "", "none voluntary (full)", ""), Preemption::Full);
        assert_eq!(preemption("", "", "", ""), Preemption::Unknown);
    }
}
