//! What plugins may ask of us. Every call may come at any time, from any thread, also from a plugin that breaks the rules:
//! all that is shared is atomic or behind a lock, and bounded.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::collections::VecDeque;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clack_extensions::audio_ports::{AudioPortRescanFlags, HostAudioPorts, HostAudioPortsImpl};
use clack_extensions::latency::{HostLatency, HostLatencyImpl};
use clack_extensions::log::{HostLog, HostLogImpl, LogSeverity};
use clack_extensions::note_ports::{HostNotePorts, HostNotePortsImpl, NoteDialects, NotePortRescanFlags};
use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamRescanFlags,
};
use clack_extensions::preset_discovery::preset_data::Location;
use clack_extensions::preset_discovery::{HostPresetLoad, HostPresetLoadImpl};
use clack_extensions::state::{HostState, HostStateImpl};
use clack_extensions::tail::{HostTail, HostTailImpl};
use clack_extensions::thread_check::{HostThreadCheck, HostThreadCheckImpl};
use clack_extensions::timer::{HostTimer, HostTimerImpl, TimerId};
use clack_host::prelude::*;
use clack_host::utils::ClapId;

use super::role::{Role, current};
use crate::model::text;

/// Lines of a plugin's log that wait to be fetched; older ones give way.
const MAX_LINES: usize = 64;
/// Timers of one plugin.
const MAX_TIMERS: usize = 64;
/// The shortest period of a timer.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a plugin has asked for and nobody has looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Deactivate and activate again.
    pub restart: AtomicBool,
    /// `on_main_thread` is to be called.
    pub callback: AtomicBool,
    /// It is to be processed, even where silence would let it rest.
    pub process: AtomicBool,
    /// Its parameters have something to say.
    pub flush: AtomicBool,
    /// It told, where it may, of another latency.
    pub latency: AtomicBool,
    /// Its values or parameters changed by themselves.
    pub rescan: AtomicBool,
    /// Its ports changed.
    pub ports: AtomicBool,
    /// Its state changed by itself.
    pub dirty: AtomicBool,
    /// Lines that could not be kept.
    pub lost_lines: AtomicU32,
    lines: Mutex<VecDeque<String>>,
    /// Why the last preset was not loaded, if the plugin said so.
    preset_error: Mutex<Option<String>>,
    timers: Mutex<Timers>,
}

#[derive(Debug, Default)]
struct Timers {
    next: u32,
    list: Vec<Timer>,
}

#[derive(Debug)]
struct Timer {
    id: u32,
    period: Duration,
    due: Instant,
}

impl Wishes {
    /// Whether that was asked for since the last look.
    pub(crate) fn take(wish: &AtomicBool) -> bool {
        wish.swap(false, Ordering::AcqRel)
    }

    /// Something was asked for that may need another activation.
    pub(crate) fn restarts(&self) -> bool {
        [&self.restart, &self.latency, &self.ports].iter().any(|wish| wish.load(Ordering::Acquire))
    }

    /// What the plugin logged since the last call.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// Why the last preset was not loaded.
    pub(crate) fn take_preset_error(&self) -> Option<String> {
        self.preset_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Timers that are due; each is set anew.
    pub(crate) fn due_timers(&self, now: Instant) -> Vec<TimerId> {
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let due = timers.list.iter_mut().filter(|timer| timer.due <= now);
        due.map(|timer| {
            timer.due = now + timer.period;
            TimerId(timer.id)
        })
        .collect()
    }
}

/// The part of the host that any thread may call.
pub(crate) struct Shared(pub Arc<Wishes>);

/// The part that only the main thread may call.
pub(crate) struct Main<'a>(&'a Shared);

/// The part that only the audio thread may call.
pub(crate) struct Audio;

/// The host.
pub(crate) struct Host;

impl<'a> Main<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self(shared)
    }
}

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = Main<'a>;
    type AudioProcessor<'a> = Audio;

    fn declare_extensions(builder: &mut HostExtensions<Self>, _: &Self::Shared<'_>) {
        builder
            .register::<HostAudioPorts>()
            .register::<HostLatency>()
            .register::<HostLog>()
            .register::<HostNotePorts>()
            .register::<HostParams>()
            .register::<HostPresetLoad>()
            .register::<HostState>()
            .register::<HostTail>()
            .register::<HostThreadCheck>()
            .register::<HostTimer>();
    }
}

impl<'a> SharedHandler<'a> for Shared {
    fn request_restart(&self) {
        self.0.restart.store(true, Ordering::Release);
    }
    fn request_process(&self) {
        self.0.process.store(true, Ordering::Release);
    }
    fn request_callback(&self) {
        self.0.callback.store(true, Ordering::Release);
    }
}
impl<'a> MainThreadHandler<'a> for Main<'a> {}
impl AudioProcessorHandler<'_> for Audio {}

impl HostThreadCheckImpl for Shared {
    fn is_main_thread(&self) -> bool {
        current() == Role::Main
    }
    fn is_audio_thread(&self) -> bool {
        current() == Role::Audio
    }
}

impl HostLogImpl for Shared {
    fn log(&self, severity: LogSeverity, message: &str) {
        // On the audio thread nothing may wait or allocate: a line from there is only counted.
        let lines = if current() == Role::Audio { None } else { self.0.lines.try_lock().ok() };
        let Some(mut lines) = lines else {
            self.0.lost_lines.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if lines.len() == MAX_LINES {
            lines.pop_front();
            self.0.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
        lines.push_back(format!("{severity}: {}", text(message.as_bytes())));
    }
}

impl HostParamsImplShared for Shared {
    fn request_flush(&self) {
        self.0.flush.store(true, Ordering::Release);
    }
}

impl HostParamsImplMainThread for Main<'_> {
    fn rescan(&self, _: ParamRescanFlags) {
        self.0.0.rescan.store(true, Ordering::Release);
    }
    fn clear(&self, _: ClapId, _: ParamClearFlags) {}
}

impl HostPresetLoadImpl for Main<'_> {
    fn on_error(&self, _: Location, _: Option<&CStr>, _: i32, message: Option<&CStr>) {
        let why = message.map(|words| text(words.to_bytes()));
        *self.0.0.preset_error.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Its values are others now.
    fn loaded(&self, _: Location, _: Option<&CStr>) {
        self.0.0.rescan.store(true, Ordering::Release);
    }
}

impl HostStateImpl for Main<'_> {
    fn mark_dirty(&self) {
        self.0.0.dirty.store(true, Ordering::Release);
    }
}

impl HostLatencyImpl for Main<'_> {
    fn changed(&self) {
        self.0.0.latency.store(true, Ordering::Release);
    }
}

impl HostTailImpl for Audio {
    fn changed(&mut self) {}
}

impl HostAudioPortsImpl for Main<'_> {
    fn is_rescan_flag_supported(&self, flag: AudioPortRescanFlags) -> bool {
        flag == AudioPortRescanFlags::NAMES
    }
    fn rescan(&self, _: AudioPortRescanFlags) {
        self.0.0.ports.store(true, Ordering::Release);
    }
}

impl HostNotePortsImpl for Main<'_> {
    fn supported_dialects(&self) -> NoteDialects {
        NoteDialects::CLAP | NoteDialects::MIDI
    }
    fn rescan(&self, _: NotePortRescanFlags) {
        self.0.0.ports.store(true, Ordering::Release);
    }
}

impl HostTimerImpl for Main<'_> {
    fn register_timer(&self, period_ms: u32) -> Result<TimerId, HostError> {
        let mut timers = self.0.0.timers.lock().unwrap_or_else(PoisonError::into_inner);
        if timers.list.len() >= MAX_TIMERS {
            return Err(HostError::Message("there are as many timers as one plugin may have"));
        }
        let (id, period) = (timers.next, Duration::from_millis(period_ms.into()).max(SHORTEST));
        timers.next = timers.next.wrapping_add(1);
        timers.list.push(Timer { id, period, due: Instant::now() + period });
        Ok(TimerId(id))
    }

    fn unregister_timer(&self, timer_id: TimerId) -> Result<(), HostError> {
        let mut timers = self.0.0.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = timers.list.len();
        timers.list.retain(|timer| timer.id != timer_id.0);
        let known = timers.list.len() < before;
        known.then_some(()).ok_or(HostError::Message("there is no such timer"))
    }
}
