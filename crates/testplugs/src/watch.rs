//! The watch: what a host must never do, and whether it did.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use clack_extensions::thread_check::HostThreadCheck;
use clack_plugin::events::io::InputEvents;
use clack_plugin::events::spaces::CoreEventSpace;
use clack_plugin::prelude::*;

use crate::{GAIN, TRIGGER};

/// What a plugin is in.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Inactive = 0,
    Active = 1,
    Processing = 2,
}

/// Lines that one instance writes at most.
const MOST: u32 = 50;
/// Nothing has been counted yet.
const UNKNOWN: u64 = u64::MAX;

/// The watch of one instance.
pub struct Watch {
    threads: Option<HostThreadCheck>,
    report: Option<PathBuf>,
    phase: AtomicU8,
    most_frames: AtomicU32,
    steady: AtomicU64,
    lines: Mutex<u32>,
}

impl Watch {
    pub(crate) fn new(host: &HostSharedHandle<'_>, report: Option<PathBuf>) -> Self {
        let threads = host.get_extension::<HostThreadCheck>();
        let watch = Self {
            threads,
            report,
            phase: AtomicU8::new(Phase::Inactive as u8),
            most_frames: AtomicU32::new(0),
            steady: AtomicU64::new(UNKNOWN),
            lines: Mutex::new(0),
        };
        watch.holds(threads.is_some(), "the host does not say which thread is which");
        watch
    }

    /// Reports what does not hold.
    pub(crate) fn holds(&self, truth: bool, what: impl Display) {
        let Some(report) = self.report.as_ref().filter(|_| !truth) else { return };
        let Ok(mut lines) = self.lines.lock() else { return };
        *lines += 1;
        if *lines <= MOST
            && let Ok(mut file) = std::fs::File::options().create(true).append(true).open(report)
        {
            let _ = writeln!(file, "{what}");
        }
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::SeqCst)
    }

    pub(crate) fn on_main(&self, host: &HostSharedHandle<'_>, call: &str) {
        let main = self.threads.and_then(|check| check.is_main_thread(host));
        self.holds(main == Some(true), format_args!("{call}: not on the main thread"));
    }

    pub(crate) fn on_audio(&self, host: &HostSharedHandle<'_>, call: &str) {
        let audio = self.threads.and_then(|check| check.is_audio_thread(host));
        self.holds(audio == Some(true), format_args!("{call}: not on the audio thread"));
    }

    pub(crate) fn activated(&self, config: &PluginAudioConfiguration) {
        self.holds(self.phase() == Phase::Inactive as u8, "activate: active already");
        self.holds(config.sample_rate >= 1000.0, "activate: no such sample rate");
        let (least, most) = (config.min_frames_count, config.max_frames_count);
        self.holds(least >= 1 && least <= most, format_args!("activate: {least} to {most} frames"));
        self.most_frames.store(most, Ordering::SeqCst);
        self.steady.store(UNKNOWN, Ordering::SeqCst);
        self.phase.store(Phase::Active as u8, Ordering::SeqCst);
    }

    pub(crate) fn deactivated(&self) {
        self.holds(self.phase() == Phase::Active as u8, "deactivate: not active, or still processing");
        self.phase.store(Phase::Inactive as u8, Ordering::SeqCst);
    }

    pub(crate) fn started(&self) {
        self.holds(self.phase() == Phase::Active as u8, "start_processing: not active, or started already");
        self.phase.store(Phase::Processing as u8, Ordering::SeqCst);
    }

    pub(crate) fn stopped(&self) {
        self.holds(self.phase() == Phase::Processing as u8, "stop_processing: not started");
        self.phase.store(Phase::Active as u8, Ordering::SeqCst);
    }

    pub(crate) fn was_reset(&self) {
        self.holds(self.phase() != Phase::Inactive as u8, "reset: not active");
    }

    pub(crate) fn destroyed(&self) {
        self.holds(self.phase() == Phase::Inactive as u8, "destroy: still active");
    }

    /// Looks at a whole call of `process`.
    pub(crate) fn processes(&self, process: &Process<'_>, frames: u32, events: &InputEvents<'_>) {
        self.holds(self.phase() == Phase::Processing as u8, "process: not started");
        let most = self.most_frames.load(Ordering::SeqCst);
        self.holds(frames >= 1 && frames <= most, format_args!("process: {frames} frames of {most}"));
        match process.steady_time {
            None => self.holds(false, "process: no steady time"),
            Some(now) => {
                let before = self.steady.swap(now.wrapping_add(frames.into()), Ordering::SeqCst);
                self.holds(
                    before == UNKNOWN || now >= before,
                    format_args!("process: steady time went from {before} back to {now}"),
                );
            }
        }
        match process.transport {
            None => self.holds(false, "process: no transport"),
            Some(transport) => self.holds(
                transport.header.time() == 0
                    && transport.tempo.is_finite()
                    && transport.song_pos_seconds.to_float().is_finite(),
                "process: a transport that cannot be",
            ),
        }
        self.events(events, frames);
    }

    pub(crate) fn events(&self, events: &InputEvents<'_>, frames: u32) {
        let mut last = 0;
        for event in events {
            let time = event.header().time();
            self.holds(time >= last, format_args!("events: frame {time} behind frame {last}"));
            self.holds(time < frames.max(1), format_args!("events: frame {time} of {frames}"));
            last = time;
            let Some(event) = event.as_core_event() else {
                self.holds(false, "events: one of a kind that nobody asked for");
                continue;
            };
            let note = match event {
                CoreEventSpace::ParamValue(value) => {
                    let id = value.param_id().map(ClapId::get);
                    let range = match id {
                        Some(GAIN) => -60.0..=12.0,
                        Some(TRIGGER) => 0.0..=1.0,
                        _ => f64::NAN..=f64::NAN,
                    };
                    let known = range.contains(&value.value());
                    self.holds(known, format_args!("events: parameter {id:?} = {}", value.value()));
                    continue;
                }
                CoreEventSpace::NoteOn(note) => Some((note.pckn(), note.velocity())),
                CoreEventSpace::NoteOff(note) => Some((note.pckn(), note.velocity())),
                CoreEventSpace::NoteChoke(note) => Some((note.pckn(), 0.0)),
                _ => None,
            };
            if let Some((pckn, velocity)) = note {
                let sound = (-1..=127).contains(&pckn.raw_key())
                    && (-1..=15).contains(&pckn.raw_channel())
                    && (0.0..=1.0).contains(&velocity);
                self.holds(sound, format_args!("events: a note that cannot be: {pckn:?}, {velocity}"));
            }
        }
    }
}
