//! What a stream is asked for, and why it may be refused.

use std::time::Duration;

use omega_time::SampleRate;

use crate::callback::{MAX_CHANNELS, MAX_PERIOD};
use crate::virtual_clock::VirtualClock;

/// Rates that a stream may be asked for, in frames per second: those of a session.
pub const RATES: std::ops::RangeInclusive<u32> = SampleRate::MIN.hz()..=SampleRate::MAX.hz();

/// What drives the callback.
#[derive(Clone, Debug, Default)]
pub enum Backend {
    /// The first of these that can be opened: a JACK server that runs, PipeWire, PulseAudio, ALSA (elsewhere: the system's own
    /// sound), and the timer. [`StreamInfo::reason`](crate::StreamInfo::reason) says why. Where hardware is named, the first that
    /// has it, and never the timer.
    #[default]
    Auto,
    /// A JACK server (or PipeWire through `pw-jack`).
    Jack(JackOptions),
    /// A sound system of this machine.
    System(System),
    /// A thread that wakes up in time, with no hardware behind it: inputs are silent, outputs go nowhere.
    Timer,
    /// The caller itself, block by block: for tests.
    Virtual(VirtualClock),
}

/// A sound system other than JACK. Which of them this program can use is a matter of its platform and of the features it was
/// built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// PipeWire (Linux; feature `pipewire`).
    PipeWire,
    /// PulseAudio, or PipeWire through its protocol (Linux; feature `pulseaudio`).
    PulseAudio,
    /// ALSA: the kernel's sound cards, and what its configuration leads to (Linux; feature `system`).
    Alsa,
    /// CoreAudio (macOS; feature `system`). Not tried yet.
    CoreAudio,
    /// WASAPI (Windows; feature `system`). Not tried yet.
    Wasapi,
}

impl System {
    /// All of them, in the order in which [`Backend::Auto`] tries them.
    pub const ALL: [Self; 5] = [Self::PipeWire, Self::PulseAudio, Self::Alsa, Self::CoreAudio, Self::Wasapi];

    /// A short name in lower case, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PipeWire => "pipewire",
            Self::PulseAudio => "pulse",
            Self::Alsa => "alsa",
            Self::CoreAudio => "coreaudio",
            Self::Wasapi => "wasapi",
        }
    }
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PipeWire => "PipeWire",
            Self::PulseAudio => "PulseAudio",
            Self::Alsa => "ALSA",
            Self::CoreAudio => "CoreAudio",
            Self::Wasapi => "WASAPI",
        })
    }
}

/// Which JACK server, and how to treat it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JackOptions {
    /// Name of the server; `None` means `$JACK_DEFAULT_SERVER`, or `default`.
    pub server: Option<String>,
    /// Start a server if none runs (as `~/.jackdrc` says). Otherwise a missing server is an error.
    pub start_server: bool,
}

/// Whether to make cables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    /// Input *n* to the *n*-th physical capture port, output *n* to the *n*-th physical playback port.
    #[default]
    Auto,
    /// Leave all ports unconnected.
    None,
}

/// What a stream is asked for.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// What drives the callback.
    pub backend: Backend,
    /// Name seen by other programs, 1–32 bytes without `:`. The server may add a number to make it unique.
    pub client: String,
    /// Number of input channels, 0 to [`MAX_CHANNELS`].
    pub inputs: usize,
    /// Number of output channels, 0 to [`MAX_CHANNELS`].
    pub outputs: usize,
    /// Rate in frames per second that is wished for, in [`RATES`]. JACK has its own and keeps it.
    pub rate: Option<u32>,
    /// The callback gets `rate` whatever the hardware has: what goes to and from hardware at another rate is resampled, which
    /// [`StreamInfo::warnings`](crate::StreamInfo::warnings) tells. Hardware that changes its rate later is given silence, and the
    /// callback stands still, until the stream is opened anew.
    pub resample: bool,
    /// Period in frames that is wished for, 1 to [`MAX_PERIOD`]. JACK has its own and keeps it.
    pub period: Option<usize>,
    /// Hardware to play to: a name as [`hardware`](crate::hardware()) lists it, or a part of one that no other has. `None` is what
    /// the system uses by default. For JACK: the client whose physical ports to connect to.
    pub device: Option<String>,
    /// Hardware to hear; `None` is `device` where that has inputs, otherwise what the system uses by default.
    pub input_device: Option<String>,
    /// MIDI inputs to hear, each by its name or a part of it that no other has; one whose name is empty is a port that others connect
    /// to (JACK). What cannot be had is told in [`StreamInfo::warnings`](crate::StreamInfo::warnings).
    pub midi: Vec<String>,
    /// Backends that [`Backend::Auto`] leaves out, by name: those that failed a moment ago.
    pub avoid: Vec<&'static str>,
    /// Whether to make cables.
    pub connect: Connect,
    /// Measure the CPU time of each callback as well. It costs two system calls per block, outside the callback.
    pub measure: bool,
    /// Without a callback for this long, [`Event::NoCallback`](crate::Event::NoCallback) is reported.
    pub watchdog: Duration,
}

impl Default for StreamConfig {
    /// Stereo in and out on whatever is there.
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            client: "omega".to_owned(),
            inputs: 2,
            outputs: 2,
            rate: None,
            resample: false,
            period: None,
            device: None,
            input_device: None,
            midi: Vec::new(),
            avoid: Vec::new(),
            connect: Connect::Auto,
            measure: false,
            watchdog: Duration::from_secs(2),
        }
    }
}

/// Why a stream could not be opened or started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The configuration cannot be met by any hardware.
    #[error("{what}: {value} is out of range; choose {allowed}")]
    BadConfig {
        /// The field.
        what: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// The JACK library is not installed.
    #[error(
        "the JACK library could not be loaded ({reason}); install it (Debian: `apt install libjack-jackd2-0 jackd2`, \
         or `pipewire-jack`), or use `--backend timer`"
    )]
    NoJackLibrary {
        /// What the loader said.
        reason: String,
    },
    /// No JACK server answers.
    #[error(
        "no JACK server{} is running{}; start one (`jackd -d alsa -r 48000 -p 256`, or run this program through \
         `pw-jack` under PipeWire), or use `--backend timer`",
        name.as_deref().map(|n| format!(" named '{n}'")).unwrap_or_default(),
        detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default()
    )]
    NoJackServer {
        /// The server that was looked for, if it was named.
        name: Option<String>,
        /// What the library said.
        detail: Option<String>,
    },
    /// The server is there and refused.
    #[error("JACK refused to {what}: {reason}")]
    Jack {
        /// What was tried.
        what: String,
        /// What the library said.
        reason: String,
    },
    /// A sound system that this program cannot use.
    #[error("{system} is not in this program: {reason}")]
    NotBuilt {
        /// Which.
        system: System,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A sound system that is not there, or has nothing to play through.
    #[error("{system} cannot be used: {reason}; {mend}")]
    NoSystem {
        /// Which.
        system: System,
        /// What it said.
        reason: String,
        /// What to do.
        mend: &'static str,
    },
    /// There is no such hardware.
    #[error("{backend} has no {what} called '{name}'; there is {}", list(there))]
    NoDevice {
        /// The backend's name.
        backend: &'static str,
        /// `output` or `input`.
        what: &'static str,
        /// What was looked for.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// The sound system is there and refused.
    #[error("{system} refused to {what}: {reason}")]
    Refused {
        /// Which.
        system: System,
        /// What was tried.
        what: String,
        /// What it said.
        reason: String,
    },
    /// A thread could not be started.
    #[error("the audio thread could not be started: {reason}")]
    Thread {
        /// What the system said.
        reason: String,
    },
    /// A virtual clock drives one stream at a time.
    #[error("this virtual clock already drives a stream; stop that one first")]
    ClockInUse,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "),
    }
}

impl StreamConfig {
    /// Checks all that can be checked without hardware.
    ///
    /// # Errors
    /// [`OpenError::BadConfig`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), OpenError> {
        let refuse =
            |what, value: String, allowed: String| Err(OpenError::BadConfig { what, value, allowed });
        for (what, count) in [("number of inputs", self.inputs), ("number of outputs", self.outputs)] {
            if count > MAX_CHANNELS {
                return refuse(what, count.to_string(), format!("0 to {MAX_CHANNELS}"));
            }
        }
        if let Some(rate) = self.rate.filter(|rate| !RATES.contains(rate)) {
            return refuse("rate", rate.to_string(), format!("{} to {}", RATES.start(), RATES.end()));
        }
        if let Some(period) = self.period.filter(|period| !(1..=MAX_PERIOD).contains(period)) {
            return refuse("period", period.to_string(), format!("1 to {MAX_PERIOD} frames"));
        }
        let name = &self.client;
        if name.is_empty() || name.len() > 32 || name.chars().any(|c| c == ':' || c.is_control()) {
            let allowed = "1 to 32 bytes without ':' or control characters".to_owned();
            return refuse("client name", format!("{name:?}"), allowed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(change: impl FnOnce(&mut StreamConfig)) -> Option<&'static str> {
        let mut config = StreamConfig::default();
        change(&mut config);
        match config.validate() {
            Ok(()) => None,
            Err(OpenError::BadConfig { what, .. }) => Some(what),
            Err(other) => panic!("unexpected {other}"),
        }
    }

    #[test]
    fn what_no_hardware_can_do_is_refused_by_name() {
        assert_eq!(field(|_| ()), None);
        assert_eq!(field(|c| c.inputs = MAX_CHANNELS), None);
        assert_eq!(field(|c| c.inputs = MAX_CHANNELS + 1), Some("number of inputs"));
        assert_eq!(field(|c| c.outputs = usize::MAX), Some("number of outputs"));
        assert_eq!(field(|c| c.rate = Some(0)), Some("rate"));
        assert_eq!(field(|c| c.rate = Some(44_100)), None);
        assert_eq!(field(|c| c.period = Some(0)), Some("period"));
        assert_eq!(field(|c| c.period = Some(MAX_PERIOD)), None);
        assert_eq!(field(|c| c.period = Some(MAX_PERIOD + 1)), Some("period"));
        for name in ["", "a:b", "a\0b", "a\nb", "a name of more than thirty-two bytes"] {
            assert_eq!(field(|c| c.client = name.to_owned()), Some("client name"), "{name:?}");
        }
    }

    #[test]
    fn a_missing_server_says_what_to_do() {
        let plain = OpenError::NoJackServer { name: None, detail: None }.to_string();
        assert!(
            plain.contains("start one (`jackd")
                && plain.contains("pw-jack")
                && plain.contains("--backend timer")
        );
        let named = OpenError::NoJackServer { name: Some("studio".into()), detail: Some("refused".into()) };
        assert!(named.to_string().starts_with("no JACK server named 'studio' is running (refused)"));
    }
}
