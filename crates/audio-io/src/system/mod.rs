//! The sound systems of a machine: PipeWire, PulseAudio, ALSA; CoreAudio and WASAPI elsewhere. All through cpal, which gives inputs
//! and outputs as two streams with a thread and a clock each: what is captured comes over a [`bridge`](crate::bridge) to the
//! output's thread, which calls.
//!
//! - Blocks have any length, and the callback takes them as they come: collecting them into equal ones
//!   ([`Reblock`](crate::Reblock)) would delay them, and bunch up the work.
//! - cpal's feature `realtime` does nothing on Linux without D-Bus: we promote the threads ourselves, in their first call.
//! - A system that never calls says nothing about it. [`Event::NoCallback`](crate::Event::NoCallback) does.

#[cfg(feature = "system")]
mod choose;
#[cfg(feature = "system")]
mod open;
#[cfg(feature = "system")]
mod side;

use crate::backend::AudioBackend;
use crate::config::{OpenError, StreamConfig, System};
use crate::hardware::{BackendReport, BackendState};
use crate::stream::Prepared;

impl AudioBackend for System {
    fn name(&self) -> &'static str {
        System::name(*self)
    }

    fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
        config.validate()?;
        if let Some(reason) = self.missing() {
            return Err(OpenError::NotBuilt { system: *self, reason });
        }
        self.open(config)
    }

    fn report(&self) -> BackendReport {
        let description = match self {
            Self::PipeWire => "PipeWire",
            Self::PulseAudio => "PulseAudio, or PipeWire by its protocol",
            Self::Alsa => "ALSA: sound cards, and what its configuration leads to",
            Self::CoreAudio => "CoreAudio",
            Self::Wasapi => "WASAPI",
        };
        let offer = match self.missing() {
            Some(reason) => Err(OpenError::NotBuilt { system: *self, reason }),
            None => self.offer(),
        };
        let state = match offer {
            Ok(offer) => BackendState::Available(offer),
            Err(error) => BackendState::Unavailable { reason: error.to_string() },
        };
        BackendReport { name: System::name(*self), description, state }
    }
}

impl System {
    /// What [`missing`](Self::missing) says of a system of another platform.
    pub const ELSEWHERE: &'static str = "it belongs to another platform";

    /// Why this program cannot use the system; `None` if it can.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        let (built, here, reason) = match self {
            Self::PipeWire => (
                cfg!(feature = "pipewire"),
                cfg!(target_os = "linux"),
                "build it with `--features pipewire`, or reach PipeWire by `--backend pulse`, or through `pw-jack`",
            ),
            Self::PulseAudio => (
                cfg!(feature = "pulseaudio"),
                cfg!(target_os = "linux"),
                "build it with `--features pulseaudio`",
            ),
            Self::Alsa => {
                (cfg!(feature = "system"), cfg!(target_os = "linux"), "build it with `--features system`")
            }
            Self::CoreAudio => {
                (cfg!(feature = "system"), cfg!(target_os = "macos"), "build it with `--features system`")
            }
            Self::Wasapi => {
                (cfg!(feature = "system"), cfg!(target_os = "windows"), "build it with `--features system`")
            }
        };
        if !here {
            Some(Self::ELSEWHERE)
        } else if !built {
            Some(reason)
        } else {
            None
        }
    }

    #[cfg(feature = "system")]
    fn open(self, config: &StreamConfig) -> Result<Prepared, OpenError> {
        open::open(self, config)
    }

    #[cfg(feature = "system")]
    fn offer(self) -> Result<crate::hardware::Offer, OpenError> {
        choose::offer(self)
    }

    #[cfg(not(feature = "system"))]
    fn open(self, _: &StreamConfig) -> Result<Prepared, OpenError> {
        self.not_built()
    }

    #[cfg(not(feature = "system"))]
    fn offer(self) -> Result<crate::hardware::Offer, OpenError> {
        self.not_built()
    }

    #[cfg(not(feature = "system"))]
    fn not_built<T>(self) -> Result<T, OpenError> {
        Err(OpenError::NotBuilt { system: self, reason: self.missing().unwrap_or_default() })
    }
}
