//! The headless application: joins document, engine, media and hardware.
#![forbid(unsafe_code)]

mod files;
mod import;
mod live;
mod render;
mod sound;
mod sources;

pub use files::{RenderFiles, RenderFilesError, RenderReport, render_files};
pub use import::{Import, ImportFailure, ImportOutcome, ImportProgress, Imported, import};
pub use live::{PlayError, Player};
pub use render::{
    Blocks, LONGEST_TAIL, Progress, QUIET, RenderError, RenderRequest, Rendered, Sink, Tail, render,
};
pub use sound::SoundError;
pub use sources::{InMemory, Offline, Sources, Streaming};
