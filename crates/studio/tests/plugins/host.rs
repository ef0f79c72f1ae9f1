//! What the tests share: the test plugins, hosted by this program, and a player on a clock that they turn.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use omega_audio_io::{Backend, StreamConfig, VirtualClock};
use omega_session::model::DeviceId;
use omega_studio::plugin::scan::ScanOptions;
use omega_studio::plugin::{Way, WorkerProgram};
use omega_studio::{Player, PluginHosting, host_plugins};

/// Long enough for anything that happens at all.
pub const LONG: Duration = Duration::from_secs(60);
/// How long a period lasts at first, and at most; nobody knows how late a worker is on a machine with too much to do.
const PACE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(60));

/// The folder with the test plugins, of which there is one for this program; what they hold against it lies beside them.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("studio-plugins");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let beside = std::env::current_exe().expect("a program").with_file_name("libomega_testplugs.so");
        std::fs::copy(beside, folder.join("Test.clap")).expect("cargo builds them with this test");
        // One that others made, where it is installed.
        let _ = std::fs::copy(LIMITER, folder.join("ZaMaximX2.clap"));
        let program = WorkerProgram::itself(&["--exact", "worker"]).expect("a program");
        let folders = vec![folder.clone()];
        let scan = ScanOptions { folders, cache: None, ..ScanOptions::new(program.clone()) };
        assert!(host_plugins(PluginHosting { way: Way::Worker(program), scan }));
        folder
    })
}

/// A limiter with latency, of Debian's `zam-plugins`.
pub const LIMITER: &str = "/usr/lib/clap/ZaMaximX2.clap";

/// Hosts the test plugins for as long as this lives; a test is not passed while a plugin has something against its host.
pub struct Hosted;

impl Hosted {
    pub fn new() -> Self {
        folder();
        Self
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let report = folder().join("Test.clap.violations");
        if !std::thread::panicking() && report.exists() {
            panic!(
                "the host broke the rules of CLAP: {}",
                std::fs::read_to_string(report).unwrap_or_default()
            );
        }
    }
}

/// A clock that waits for storage, and what to open it with.
pub fn hardware(outputs: usize, period: usize) -> (VirtualClock, StreamConfig) {
    let clock = VirtualClock::new();
    clock.set_freewheel(true);
    clock.capture();
    let backend = Backend::Virtual(clock.clone());
    let config =
        StreamConfig { backend, inputs: 0, outputs, period: Some(period), ..StreamConfig::default() };
    (clock, config)
}

/// Turns the clock, and gives plugins the time for it: more and more, for as long as they are late.
pub struct Turner {
    pub clock: VirtualClock,
    /// Frames at once.
    pub frames: usize,
    /// How long that lasts; it never changes where the other is false.
    pub pace: (Duration, bool),
    late: u32,
    /// What the player said.
    pub said: Vec<String>,
}

impl Turner {
    pub fn new(clock: VirtualClock, frames: usize) -> Self {
        Self { clock, frames, pace: (PACE.0, true), late: 0, said: Vec::new() }
    }

    /// One turn. Gives what each channel heard.
    pub fn turn(&mut self, player: &mut Player) -> Vec<Vec<f32>> {
        let position = player.status().position;
        assert!(player.wait_until_ready(position, LONG), "the media is small and local");
        self.clock.run_frames(self.frames);
        player.poll();
        self.said.extend(player.take_failed());
        std::thread::sleep(self.pace.0);
        let late = player.plugin_health().values().map(|health| health.late).sum();
        if self.pace.1 && late != self.late {
            self.pace.0 = (self.pace.0 * 5 / 4).min(PACE.1);
        }
        self.late = late;
        self.clock.captured()
    }

    /// Turns until `done` says so of what was heard.
    pub fn until(
        &mut self,
        player: &mut Player,
        mut done: impl FnMut(&mut Player, &[Vec<f32>], &[String]) -> bool,
    ) {
        let until = Instant::now() + LONG;
        loop {
            let heard = self.turn(player);
            if done(player, &heard, &self.said) {
                return;
            }
            assert!(
                Instant::now() < until,
                "it did not happen: {:?} {:?}",
                self.said,
                player.plugin_health()
            );
        }
    }
}

pub fn is_heard(player: &Player, device: &DeviceId) -> bool {
    player.plugin_health().get(device).is_some_and(|health| !health.bypassed)
}
