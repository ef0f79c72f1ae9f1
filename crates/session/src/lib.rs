//! The document: project, tracks, clips, edits, undo and the folder format.
//!
//! A [`Project`] is an immutable, typed value that is cheap to clone and can be read from any thread.
//! This crate starts no threads and makes no sound.
#![forbid(unsafe_code)]

pub mod document;
pub mod edit;
mod folder;
pub mod model;

pub use document::{
    Applied, ApplyError, Cleaned, CreateError, CreateOptions, Document, EntryId, EntryKind, FileError,
    HistoryEntry, HoldsMedia, MediaError, MergeError, Merged, Notice, OpenError, OpenOptions, SaveError,
    Version,
};
pub use edit::{Edit, EditError};
pub use folder::{Holder, TEXT};
pub use model::{
    Automation, BusPrecision, COMP_FADE, Change, Clip, ClipId, ClipLoop, Colour, CompEdge, CompId, CompSpan,
    Control, ControlId, ControlKind, Controls, Device, DeviceId, Extent, Fade, FadeShape, Fault, Heard, Lane,
    LaneId, Listen, Marker, MarkerId, Media, MediaId, MediaOrigin, MeterId, MeterPoint, Metronome, Monitor,
    Note, NoteId, Notes, OrderKey, Output, PanLaw, ParamTarget, Point, PointId, PointShape, Project,
    RangeSetting, SCHEMA, Send, SendId, SendParam, Settings, Take, TakeId, TempoId, TempoPoint, TextError,
    Track, TrackId, TrackKind, TrackParam,
};
