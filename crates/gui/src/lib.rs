//! The window: egui and wgpu over the headless application.
//!
//! A frame takes an immutable [`Snapshot`](omega_studio::Snapshot), draws it, and notes what is asked for as
//! [`Intent`]s, which are done afterwards: edits and transport commands through the [`Desk`](omega_studio::Desk). What
//! else there is to remember (where one looks, what is selected) is the [`View`].
//!
//! | module | what it is |
//! |---|---|
//! | `window` | a frame, and what is done after it |
//! | `arrange` | the time line: rows, grid, clips, lanes, ruler, headers, gestures |
//! | `waves` | waveforms: tiles at hand, and the pipeline that draws them |
//! | `transport`, `keys` | the bar at the top, and the keys |
//! | `meter` | ballistics and drawing of meters |
//! | `palette`, `theme`, `icons`, `paint` | the look |
//! | `offscreen`, `run` | into memory, and onto the screen |
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "what is computed here is seen and never heard")]

mod arrange;
mod graphics;
mod icons;
mod keys;
mod meter;
mod offscreen;
mod paint;
mod palette;
mod run;
mod theme;
mod transport;
mod view;
mod waves;
mod window;

pub use offscreen::{Offscreen, Picture, PictureError, still};
pub use palette::{Theme, contrast};
pub use run::{OpenError, Shot, draw, open, screenshot};
pub use view::{Axis, Intent, View};
pub use window::Window;
