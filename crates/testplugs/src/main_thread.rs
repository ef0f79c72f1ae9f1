//! The main thread of the plugins.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::sync::atomic::Ordering;

use clack_extensions::audio_ports::{
    AudioPortFlags, AudioPortInfo, AudioPortInfoWriter, AudioPortType, PluginAudioPortsImpl,
};
use clack_extensions::latency::{HostLatency, PluginLatencyImpl};
use clack_extensions::log::{HostLog, LogSeverity};
use clack_extensions::note_ports::{NoteDialect, NotePortInfo, NotePortInfoWriter, PluginNotePortsImpl};
use clack_extensions::params::{
    HostParams, ParamDisplayWriter, ParamInfo, ParamInfoFlags, ParamInfoWriter, PluginMainThreadParams,
};
use clack_extensions::preset_discovery::preset_data::Location;
use clack_extensions::preset_discovery::{HostPresetLoad, PluginPresetLoadImpl};
use clack_extensions::render::{PluginRenderImpl, RenderMode};
use clack_extensions::state::{HostState, PluginStateImpl};
use clack_extensions::timer::{HostTimer, PluginTimerImpl, TimerId};
use clack_plugin::events::spaces::CoreEventSpace;
use clack_plugin::prelude::*;
use clack_plugin::stream::{InputStream, OutputStream};
use clack_plugin::utils::Cookie;

use crate::kinds::{Kind, hang};
use crate::{GAIN, LATENCY, Shared, TRIGGER};

/// What every state begins with.
const MAGIC: &[u8; 8] = b"testplug";

/// The main thread of an instance.
pub struct Main<'a> {
    host: HostMainThreadHandle<'a>,
    pub(crate) shared: &'a Shared<'a>,
}

impl<'a> Main<'a> {
    pub(crate) fn new(host: HostMainThreadHandle<'a>, shared: &'a Shared<'a>) -> Result<Self, PluginError> {
        let main = Self { host, shared };
        main.watch("init");
        if let Some(timer) = main.host.get_extension::<HostTimer>() {
            let _ = timer.register_timer(&main.host, 10);
        }
        Ok(main)
    }

    pub(crate) fn watch(&self, call: &str) {
        self.shared.watch.on_main(&self.shared.host, call);
    }

    /// Called from within an activation: here a latency may change.
    pub(crate) fn activating(&self) {
        let shared = self.shared;
        if shared.kind == Kind::Moving && shared.asked.load(Ordering::SeqCst) {
            shared.latency.store(LATENCY, Ordering::SeqCst);
            if let Some(latency) = self.host.get_extension::<HostLatency>() {
                latency.changed(&self.host);
            }
        }
    }
}

impl Drop for Main<'_> {
    fn drop(&mut self) {
        self.watch("destroy");
        self.shared.watch.destroyed();
    }
}

impl<'a> PluginMainThread<'a, Shared<'a>> for Main<'a> {
    fn on_main_thread(&self) {
        self.watch("on_main_thread");
        if self.shared.kind == Kind::Wilful {
            if let Some(state) = self.host.get_extension::<HostState>() {
                state.mark_dirty(&self.host);
            }
            if let Some(log) = self.host.get_extension::<HostLog>() {
                log.log(&self.shared.host, LogSeverity::Info, c"it has a will of its own");
            }
        }
    }
}

impl PluginTimerImpl for Main<'_> {
    fn on_timer(&self, _: TimerId) {
        self.watch("on_timer");
        let ticks = self.shared.ticks.fetch_add(1, Ordering::Relaxed);
        if ticks == 10
            && self.shared.kind == Kind::Flushes
            && let Some(params) = self.host.get_extension::<HostParams>()
        {
            params.request_flush(&self.shared.host);
        }
    }
}

impl PluginLatencyImpl for Main<'_> {
    fn get(&self) -> u32 {
        self.watch("latency.get");
        self.shared.latency.load(Ordering::SeqCst)
    }
}

impl PluginAudioPortsImpl for Main<'_> {
    fn count(&self, input: bool) -> u32 {
        self.watch("audio_ports.count");
        match (self.shared.kind, input) {
            (Kind::Sines, true) => 0,
            (Kind::SideChain, true) | (Kind::TwoOutputs, false) => 2,
            _ => 1,
        }
    }

    fn get(&self, index: u32, input: bool, writer: &mut AudioPortInfoWriter) {
        self.watch("audio_ports.get");
        if index >= PluginAudioPortsImpl::count(self, input) {
            return;
        }
        let channels = self.shared.kind.channels();
        let main = if index == 0 { AudioPortFlags::IS_MAIN } else { AudioPortFlags::empty() };
        writer.set(&AudioPortInfo {
            id: ClapId::new(index),
            name: match (index, input) {
                (0, _) => b"Main",
                (_, true) => b"Side-chain",
                (_, false) => b"Negative",
            },
            channel_count: channels,
            flags: main,
            port_type: AudioPortType::from_channel_count(channels),
            in_place_pair: None,
        });
    }
}

impl PluginNotePortsImpl for Main<'_> {
    fn count(&self, input: bool) -> u32 {
        self.watch("note_ports.count");
        u32::from(input && self.shared.kind == Kind::Sines)
    }

    fn get(&self, index: u32, _: bool, writer: &mut NotePortInfoWriter) {
        if index == 0 {
            writer.set(&NotePortInfo {
                id: ClapId::new(0),
                name: b"Notes",
                supported_dialects: NoteDialect::Clap.into(),
                preferred_dialect: Some(NoteDialect::Clap),
            });
        }
    }
}

impl PluginMainThreadParams for Main<'_> {
    fn count(&self) -> u32 {
        self.watch("params.count");
        2
    }

    fn get_info(&self, index: u32, info: &mut ParamInfoWriter) {
        self.watch("params.get_info");
        let (id, name, range, flags) = match index {
            0 => (GAIN, b"Gain".as_slice(), (-60.0, 12.0), ParamInfoFlags::IS_MODULATABLE),
            1 => (TRIGGER, b"Trigger".as_slice(), (0.0, 1.0), ParamInfoFlags::IS_STEPPED),
            _ => return,
        };
        info.set(&ParamInfo {
            id: ClapId::new(id),
            flags: flags | ParamInfoFlags::IS_AUTOMATABLE,
            cookie: Cookie::default(),
            name,
            module: b"",
            min_value: range.0,
            max_value: range.1,
            default_value: 0.0,
        });
    }

    fn get_value(&self, id: ClapId) -> Option<f64> {
        self.watch("params.get_value");
        match id.get() {
            GAIN => Some(self.shared.gain_db()),
            TRIGGER => Some(f64::from(u8::from(self.shared.trigger.load(Ordering::Relaxed)))),
            _ => None,
        }
    }

    fn value_to_text(&self, id: ClapId, value: f64, writer: &mut ParamDisplayWriter) -> std::fmt::Result {
        self.watch("params.value_to_text");
        match id.get() {
            GAIN => write!(writer, "{value:.1} dB"),
            TRIGGER => writer.write_str(if value >= 0.5 { "on" } else { "off" }),
            _ => Err(std::fmt::Error),
        }
    }

    fn text_to_value(&self, id: ClapId, text: &CStr) -> Option<f64> {
        self.watch("params.text_to_value");
        let text = text.to_str().ok()?;
        match id.get() {
            GAIN => text.trim_end_matches("dB").trim().parse().ok(),
            TRIGGER => Some(f64::from(u8::from(text == "on"))),
            _ => None,
        }
    }

    fn flush(&self, input: &InputEvents, _: &mut OutputEvents) {
        self.watch("params.flush");
        self.shared.watch.events(input, 1);
        for event in input {
            if let Some(CoreEventSpace::ParamValue(value)) = event.as_core_event()
                && let Some(id) = value.param_id()
            {
                self.shared.set(id.get(), value.value());
            }
        }
    }
}

impl PluginRenderImpl for Main<'_> {
    fn has_hard_realtime_requirement(&self) -> bool {
        self.watch("render.has_hard_realtime_requirement");
        false
    }

    fn set(&self, mode: RenderMode) -> Result<(), PluginError> {
        self.watch("render.set");
        self.shared.offline.store(mode == RenderMode::Offline, Ordering::SeqCst);
        Ok(())
    }
}

impl PluginPresetLoadImpl for Main<'_> {
    fn load_from_location(&self, location: Location, key: Option<&CStr>) -> Result<(), PluginError> {
        self.watch("preset_load.from_location");
        let host = self.host.get_extension::<HostPresetLoad>();
        match crate::presets::gain_of(location, key) {
            Ok(gain) => {
                self.shared.set_gain_db(gain);
                if let Some(presets) = host {
                    presets.loaded(&self.host, location, key);
                }
                Ok(())
            }
            Err(error) => {
                if let Some(presets) = host {
                    presets.on_error(&self.host, location, key, 0, Some(c"there is no gain in it"));
                }
                Err(error)
            }
        }
    }
}

impl PluginStateImpl for Main<'_> {
    fn save(&self, output: &mut OutputStream) -> Result<(), PluginError> {
        self.watch("state.save");
        if self.shared.kind == Kind::HangsInSave && self.shared.trigger.load(Ordering::Relaxed) {
            hang();
        }
        output.write_all(MAGIC)?;
        output.write_all(&self.shared.gain_db().to_le_bytes())?;
        Ok(())
    }

    fn load(&self, input: &mut InputStream) -> Result<(), PluginError> {
        self.watch("state.load");
        let (mut magic, mut gain) = ([0; 8], [0; 8]);
        input.read_exact(&mut magic)?;
        input.read_exact(&mut gain)?;
        if magic != *MAGIC {
            return Err(PluginError::Message("this is no state of mine"));
        }
        self.shared.set_gain_db(f64::from_le_bytes(gain));
        self.shared.trigger.store(false, Ordering::Relaxed);
        Ok(())
    }
}
