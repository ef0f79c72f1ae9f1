//! Sound systems of one's own, for tests: PulseAudio and PipeWire with a sink that goes nowhere and can be heard, and ALSA on a
//! JACK server. Each has a folder of its own for its sockets; a program reaches it by its environment alone.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{JackServer, PATIENCE, wait_until};

/// What the sinks are called.
pub const SINK: &str = "omega";

/// A server and what a program needs in its environment to talk to it. It ends when this value is dropped.
#[derive(Debug)]
pub struct SoundServer {
    child: Child,
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

/// A failure to start, or a missing program.
fn started(server: io::Result<SoundServer>, packages: &str) -> Option<SoundServer> {
    match server {
        Ok(server) => Some(server),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("SKIPPED: {error} (Debian: apt install {packages})");
            None
        }
        Err(error) => panic!("the sound server does not start: {error}"),
    }
}

/// The first of `programs` that is not in the path.
fn missing(programs: &[&str]) -> io::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &&&str| !std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    match programs.iter().find(is_there) {
        None => Ok(()),
        Some(program) => Err(io::Error::new(io::ErrorKind::NotFound, format!("{program} is not installed"))),
    }
}

impl SoundServer {
    /// PulseAudio with a null sink at `rate` frames per second; prints `SKIPPED: …` and gives `None` if it is not installed.
    ///
    /// # Panics
    /// If it is there and does not start.
    #[must_use]
    pub fn pulse_or_skip(rate: u32) -> Option<Self> {
        started(Self::pulse(rate), "pulseaudio pulseaudio-utils")
    }

    /// PipeWire and its session manager with a null sink; prints `SKIPPED: …` and gives `None` if they are not installed.
    ///
    /// # Panics
    /// If they are there and do not start.
    #[must_use]
    pub fn pipewire_or_skip(rate: u32) -> Option<Self> {
        started(Self::pipewire(rate), "pipewire pipewire-bin wireplumber dbus")
    }

    fn pulse(rate: u32) -> io::Result<Self> {
        missing(&["pulseaudio", "pactl"])?;
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("native");
        let sink = format!("module-null-sink sink_name={SINK} format=float32le rate={rate} channels=2");
        let protocol = format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]);
        command.args(["-L", &sink, "-L", &protocol]);
        // Asked for or not, a client shows a key of this length.
        let cookie = folder.path().join("cookie");
        std::fs::write(&cookie, [0; 256])?;
        let environment = vec![
            ("PULSE_SERVER", format!("unix:{}", socket.display())),
            ("PULSE_COOKIE", cookie.display().to_string()),
        ];
        let server = Self::start(command, folder, environment)?;
        server.wait(|server| {
            let list = server.tool("pactl").args(["list", "short", "sinks"]).output()?;
            Ok(String::from_utf8_lossy(&list.stdout).contains(SINK))
        })
    }

    fn pipewire(rate: u32) -> io::Result<Self> {
        missing(&["pipewire", "wireplumber", "pw-cli", "dbus-run-session"])?;
        let folder = tempfile::tempdir()?;
        // The session manager is there before the sink, so that the sink becomes the default.
        let script = format!(
            "pipewire & until pw-cli info 0 >/dev/null; do sleep 0.1; done; wireplumber & \
             until pw-cli ls Client | grep -qi wireplumber; do sleep 0.1; done; \
             pw-cli create-node adapter '{{ factory.name=support.null-audio-sink node.name={SINK} \
             node.description={SINK} media.class=Audio/Sink object.linger=true audio.rate={rate} \
             audio.position=[FL FR] }}'; wait"
        );
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", &script]);
        let server = Self::start(command, folder, Vec::new())?;
        server.wait(|server| {
            let list = server.tool("pw-cli").args(["ls", "Node"]).output()?;
            Ok(String::from_utf8_lossy(&list.stdout).contains(&format!("\"{SINK}\"")))
        })
    }

    fn start(
        mut command: Command,
        folder: tempfile::TempDir,
        mut environment: Vec<(&'static str, String)>,
    ) -> io::Result<Self> {
        let home = folder.path().display().to_string();
        environment.extend(
            ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"].map(|name| (name, home.clone())),
        );
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, which can be ended with all that it started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { child: command.spawn()?, folder, environment })
    }

    fn wait(mut self, answers: impl Fn(&Self) -> io::Result<bool>) -> io::Result<Self> {
        wait_until(PATIENCE, || {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended at once: {status}")));
            }
            answers(&self)
        })?;
        Ok(self)
    }

    /// What a program needs in its environment to reach this server.
    #[must_use]
    pub fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// A program that talks to this server.
    #[must_use]
    pub fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stderr(Stdio::null());
        command
    }

    /// The folder of its sockets.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server and all that it started, at once.
    pub fn kill(&mut self) {
        // Its processes are in a group that is called like the first of them.
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status());
        drop(self.child.wait());
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// ALSA whose default device is a plugin onto a JACK server: a file for `ALSA_CONFIG_PATH`.
#[derive(Debug)]
pub struct AlsaOnJack {
    folder: tempfile::TempDir,
    server: String,
}

impl AlsaOnJack {
    /// Leads to `server`; prints `SKIPPED: …` and gives `None` if the plugin is not installed.
    ///
    /// # Panics
    /// If there is no place for the file.
    #[must_use]
    pub fn new_or_skip(server: &JackServer) -> Option<Self> {
        let plugin = "alsa-lib/libasound_module_pcm_jack.so";
        let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
        if !places.iter().any(|place| Path::new(place).join(plugin).exists()) {
            println!(
                "SKIPPED: ALSA's plugin for JACK is not installed (Debian: apt install libasound2-plugins)"
            );
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let text = "pcm.!default {\n  type jack\n  name omega-alsa\n  playback_ports { 0 system:playback_1 1 system:playback_2 }\n  \
                    capture_ports { 0 system:capture_1 1 system:capture_2 }\n  hint { show on description \"JACK\" }\n}\n\
                    ctl.!default { type hw card 0 }\n";
        std::fs::write(folder.path().join("asound.conf"), text).expect("a file");
        Some(Self { folder, server: server.name().to_owned() })
    }

    /// What a program needs in its environment to use it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ALSA_CONFIG_PATH", self.folder.path().join("asound.conf").display().to_string()),
            ("JACK_DEFAULT_SERVER", self.server.clone()),
            ("JACK_NO_START_SERVER", "1".to_owned()),
        ]
    }
}
