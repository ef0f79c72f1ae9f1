//! Waveforms: which tiles a stretch of a clip needs, which of them are there, and what the GPU is to draw of them.

mod gpu;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use egui::{Color32, Rect, Shape};
use omega_studio::session::{Media, MediaId};
use omega_studio::{Overviews, TILE_ENTRIES, Tile, TileKey};

use gpu::{SLOTS, Upload, Uploads};
pub use gpu::{Strip, install};

/// Entries of a tile as a number of frames of level 0.
const ENTRIES: i64 = 1024;
const _: () = assert!(TILE_ENTRIES == 1024, "samples are looked up by this");

/// Channels of a file that are drawn.
pub const MOST_CHANNELS: usize = 2;

/// A stretch of a clip that is to be drawn, in physical pixels of the canvas and frames of the media.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// Which file.
    pub id: &'a MediaId,
    /// Its facts.
    pub media: &'a Media,
    /// Left edge, a whole pixel.
    pub left: f32,
    /// Pixel columns.
    pub columns: u32,
    /// Top and bottom.
    pub rows: (f32, f32),
    /// The frame of the media at the left edge.
    pub first: f64,
    /// Frames per column; negative for a clip that plays backwards.
    pub step: f64,
    /// Linear.
    pub gain: f32,
    /// Of the waveform.
    pub colour: Color32,
}

/// A tile that is there.
struct Held {
    slots: Vec<u32>,
    used: u64,
    /// The samples, where its entries are samples, for who draws them as points.
    samples: Option<Arc<Tile>>,
}

/// The tiles at hand, and the strips of the frame that is being drawn.
#[derive(Default)]
pub struct Waves {
    held: HashMap<TileKey, Option<Held>>,
    free: Vec<u32>,
    given: u32,
    uploads: Uploads,
    strips: Vec<Strip>,
    frame: u64,
}

impl Waves {
    /// Begins a frame: takes what was made in the meantime.
    pub fn begin(&mut self, overviews: &Overviews) {
        self.frame += 1;
        self.strips.clear();
        for (key, tile) in overviews.take_finished() {
            let held = tile.and_then(|tile| self.hold(&key, &tile));
            self.held.insert(key, held);
        }
    }

    /// Gives a tile its slots; the ones that were drawn longest ago make room.
    fn hold(&mut self, key: &TileKey, tile: &Arc<Tile>) -> Option<Held> {
        let mut slots = Vec::new();
        for channel in tile.channels.iter().take(MOST_CHANNELS) {
            let slot = self.slot()?;
            let entries = channel.iter().map(|&(min, max)| pack(min, max)).collect();
            self.uploads.lock().unwrap_or_else(PoisonError::into_inner).push(Upload { slot, entries });
            slots.push(slot);
        }
        let samples = (key.level == 0).then(|| Arc::clone(tile));
        Some(Held { slots, used: self.frame, samples })
    }

    fn slot(&mut self) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        if (self.given as usize) < SLOTS {
            self.given += 1;
            return Some(self.given - 1);
        }
        let oldest = self.held.iter().filter_map(|(key, held)| Some((held.as_ref()?.used, key))).min()?;
        let key = oldest.1.clone();
        self.free.extend(self.held.remove(&key)??.slots);
        self.free.pop()
    }

    /// Draws a stretch with the finest tiles that are there, and asks for better ones. False where something better is on
    /// its way.
    pub fn draw(&mut self, overviews: &Overviews, stretch: &Stretch<'_>) -> bool {
        let frames = stretch.media.frames.0.max(0);
        let top = top_level(frames);
        let level = level_for(stretch.step.abs()).min(top);
        let tile_frames = (TILE_ENTRIES as f64) * f64::from(2.0_f32.powi(i32::from(level)));
        let mut whole = true;
        let (mut column, end) = inside(stretch, frames as f64);
        while column < end {
            // The tile under the middle of this column, and the first column that lies in another.
            let place = stretch.first + stretch.step * (f64::from(column) + 0.5);
            let index = (place / tile_frames).floor().max(0.0);
            let border = if stretch.step > 0.0 { index + 1.0 } else { index } * tile_frames;
            let next = ((border - stretch.first) / stretch.step - 0.5).ceil().clamp(0.0, f64::from(u32::MAX));
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are clamped")]
            let (index, next) = (index as u32, (next as u32).clamp(column + 1, end));
            whole &= self.tile(overviews, stretch, (level, top, index), (column, next));
            column = next;
        }
        whole
    }

    fn tile(
        &mut self,
        overviews: &Overviews,
        stretch: &Stretch<'_>,
        (level, top, index): (u8, u8, u32),
        (column, next): (u32, u32),
    ) -> bool {
        let mut key = TileKey { media: stretch.id.clone(), level, index };
        let wanted = self.held.contains_key(&key);
        if !wanted {
            overviews.request(key.clone(), stretch.media);
        }
        // Until it comes, a coarser one will do; the coarsest is asked for last, so that it comes first.
        while !matches!(self.held.get(&key), Some(Some(_))) {
            if key.level >= top {
                if !self.held.contains_key(&key) {
                    overviews.request(key, stretch.media);
                }
                return wanted;
            }
            (key.level, key.index) = (key.level + 1, key.index / 2);
        }
        let Some(Some(held)) = self.held.get_mut(&key) else { return wanted };
        held.used = self.frame;
        let entry = f64::from(2.0_f32.powi(i32::from(key.level)));
        let start = f64::from(key.index) * TILE_ENTRIES as f64;
        let first = (stretch.first + stretch.step * f64::from(column)) / entry - start;
        #[allow(clippy::cast_possible_truncation, reason = "within a tile")]
        let (first, step) = (first as f32, (stretch.step / entry) as f32);
        let lanes = held.slots.len().max(1);
        for (lane, &slot) in held.slots.iter().enumerate() {
            let (y, room) = lane_of(stretch.rows, lane, lanes);
            self.strips.push(Strip {
                x: stretch.left + column as f32,
                y,
                columns: next - column,
                height: room * stretch.gain,
                room,
                first,
                step,
                slot,
                samples: key.level == 0,
                colour: stretch.colour,
            });
        }
        wanted
    }

    /// Where the samples of a stretch lie, to be drawn as points: column and row in physical pixels. Empty where their
    /// tiles are not there yet.
    #[must_use]
    pub fn samples(&self, stretch: &Stretch<'_>) -> Vec<(f32, f32)> {
        let (column, end) = inside(stretch, stretch.media.frames.0.max(0) as f64);
        let a = stretch.first + stretch.step * f64::from(column);
        let b = stretch.first + stretch.step * f64::from(end);
        #[allow(clippy::cast_possible_truncation, reason = "both lie in the file")]
        let range = a.min(b).ceil() as i64..=a.max(b).floor() as i64;
        let mut points = Vec::new();
        for frame in range {
            let (Ok(index), within) = (u32::try_from(frame / ENTRIES), frame.rem_euclid(ENTRIES)) else {
                continue;
            };
            let key = TileKey { media: stretch.id.clone(), level: 0, index };
            let Some(Some(Held { samples: Some(tile), .. })) = self.held.get(&key) else { continue };
            let lanes = tile.channels.len().clamp(1, MOST_CHANNELS);
            for (lane, channel) in tile.channels.iter().take(MOST_CHANNELS).enumerate() {
                let (y, room) = lane_of(stretch.rows, lane, lanes);
                let Some((value, _)) = usize::try_from(within).ok().and_then(|at| channel.get(at)) else {
                    continue;
                };
                let up = (value * stretch.gain).clamp(-1.0, 1.0) * room;
                #[allow(clippy::cast_possible_truncation, reason = "a place on the screen")]
                let x = ((frame as f64 - stretch.first) / stretch.step) as f32;
                points.push((stretch.left + x, y - up));
            }
        }
        points
    }

    /// The shape that draws all stretches of this frame on the canvas at `rect`.
    pub fn shape(&mut self, rect: Rect) -> Shape {
        gpu::shape(rect, &self.uploads, std::mem::take(&mut self.strips))
    }
}

/// The columns of a stretch that lie in the file.
fn inside(stretch: &Stretch<'_>, frames: f64) -> (u32, u32) {
    let at = |frame: f64| (frame - stretch.first) / stretch.step;
    let (a, b) = (at(0.0), at(frames));
    let clamp = |column: f64| column.clamp(0.0, f64::from(stretch.columns));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the columns")]
    let range = (clamp(a.min(b).floor()) as u32, clamp(a.max(b).ceil()) as u32);
    range
}

/// The line of silence of a channel, and the pixels above and below it.
fn lane_of((top, bottom): (f32, f32), lane: usize, lanes: usize) -> (f32, f32) {
    let height = (bottom - top) / lanes as f32;
    let middle = top + height * (lane as f32 + 0.5);
    (middle, (height / 2.0 - 1.0).max(1.0))
}

/// The level whose entries are the widest that still fit into a column.
fn level_for(frames_per_column: f64) -> u8 {
    let mut level = 0;
    while level < 40 && f64::from(2.0_f32.powi(i32::from(level) + 1)) <= frames_per_column {
        level += 1;
    }
    level
}

/// The level that shows a whole file in one tile.
fn top_level(frames: i64) -> u8 {
    let mut level = 0;
    while level < 40 && (frames >> level) > ENTRIES {
        level += 1;
    }
    level
}

/// Two numbers within full scale, 16 bits each.
fn pack(min: f32, max: f32) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "within 16 bits")]
    let bits = |x: f32| (x.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
    let [a, b] = bits(min).to_le_bytes();
    let [c, d] = bits(max).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
