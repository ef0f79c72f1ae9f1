//! The typed value of a session.
//!
//! Each struct is written once, in a `facts!` block that names every fact with its default and its bounds; reading,
//! writing and comparing follow from that. A fact that has its default value is not stored, and facts that this version
//! does not know are kept in `extra`, so that they survive.

mod changes;
mod clip;
pub(crate) mod comp;
pub(crate) mod cycle;
mod device;
pub(crate) mod fact;
mod id;
pub(crate) mod json;
mod lane;
pub mod limits;
mod media;
mod metronome;
mod notes;
mod order;
mod played;
mod project;
pub(crate) mod read;
mod repair;
mod send;
mod settings;
mod take;
mod tempo_map;
mod text;
mod timeline;
mod track;
mod values;
pub(crate) mod view;

pub use changes::Change;
pub use clip::{Clip, ClipLoop, Extent, Fade, FadeShape};
pub use comp::{CompEdge, Heard};
pub use device::Device;
pub use fact::{Extra, Fault};
pub use id::{
    ClipId, CompId, ControlId, DeviceId, IdError, LaneId, MarkerId, MediaId, MeterId, NoteId, PointId,
    SendId, TakeId, TempoId, TrackId,
};
pub use lane::{Automation, BYPASS, Lane, ParamTarget, Point, PointShape, SendParam, TrackParam};
pub use media::{Media, MediaOrigin};
pub use metronome::Metronome;
pub use notes::{
    Control, ControlKind, Controls, Entries, Entry, MAX_CHANNEL, MAX_MIDI, Note, Notes, RELEASE,
};
pub use order::OrderKey;
pub use played::{Played, PlayedControl, PlayedNote};
pub use project::{Project, SCHEMA};
pub use read::TextError;
pub use send::Send;
pub use settings::{BusPrecision, RangeSetting, Settings};
pub use take::{COMP_FADE, CompSpan, Take};
pub use text::FORMAT;
pub use timeline::{Marker, MeterPoint, TempoPoint};
pub use track::{Listen, Monitor, Output, PanLaw, Track, TrackKind};
pub use values::{Colour, PointText, RangeText};
