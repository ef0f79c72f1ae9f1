//! The headless application: joins document, engine, media and hardware.
#![forbid(unsafe_code)]

mod calibrate;
mod demo;
mod desk;
mod files;
mod import;
mod limits;
mod live;
mod plug;
mod plugins;
mod record;
mod render;
mod sound;
mod sources;
mod studio;

pub use calibrate::{
    CalibrateError, CalibrateRequest, Calibration, Hardware, Probe, Reply, Store, StoreError, calibrate,
};
pub use demo::{DEMO_RATE, DemoError, demo};
pub use desk::{
    Desk, Job, MeterLevel, Meters, Overviews, Snapshot, TILE_ENTRIES, TILE_OVERLAP, Tile, TileKey,
};
pub use files::{RenderFiles, RenderFilesError, RenderReport, render_files};
pub use import::{Import, ImportFailure, ImportOutcome, ImportProgress, Imported, import};
pub use limits::use_all_files;
pub use live::{Loads, PlayError, Player, PluginHealth};
pub use plugins::{
    CLAP, PluginHosting, foreign_devices, host_plugins, open_plugin, plugin_presets, scan_plugins,
};
pub use record::{
    KeepError, Kept, RECORDING, RecordRequest, RecordState, RecordStatus, Recorded, StartError, bars_before,
    recorder_config,
};
pub use render::{
    Blocks, LONGEST_TAIL, Progress, QUIET, RenderError, RenderRequest, Rendered, Sink, Tail, render,
};
pub use sound::SoundError;
pub use sources::{InMemory, Offline, Sources, Streaming};
pub use studio::{ImportReport, KeptPlugins, Studio, StudioError, device_params};

// What is built on this crate needs nothing else.
pub use omega_audio_io as audio_io;
pub use omega_dsp::simd::Level;
pub use omega_engine::{LoopRange, RecordRange};
pub use omega_interchange as interchange;
pub use omega_lowering::midi_inputs;
pub use omega_media as media;
pub use omega_plugin as plugin;
pub use omega_processor::{ParamInfo, Taper, Unit};
pub use omega_rt as rt;
pub use omega_session as session;
pub use omega_time as time;
