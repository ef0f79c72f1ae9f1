//! Small things that everything is painted with.

use std::sync::Arc;

use egui::epaint::Galley;
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, FontId, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
};

use crate::icons::{self, Icon};
use crate::palette::{Palette, veil};
use crate::theme::{CORNER, SMALL, strong};

/// A line of text that ends in … where it does not fit.
pub fn line(painter: &Painter, text: &str, font: FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(width.max(1.0));
    painter.layout_job(job)
}

/// Paints a line of text within `rect`, aligned, ending in … where it does not fit. The place that it takes.
pub fn text(painter: &Painter, rect: Rect, align: Align2, text: &str, font: FontId, colour: Color32) -> Rect {
    let galley = line(painter, text, font, colour, rect.width());
    let place = align.align_size_within_rect(galley.size(), rect);
    painter.galley(place.min, galley, colour);
    place
}

/// What a switch or button shows.
#[derive(Clone, Copy)]
pub enum Face<'a> {
    /// A letter or a word.
    Text(&'a str),
    /// A sign.
    Icon(Icon),
}

/// A switch: its place, what it shows, whether it is on, and what it is called.
pub struct Switch<'a> {
    /// Where.
    pub rect: Rect,
    /// What it shows.
    pub face: Face<'a>,
    /// Whether it is on; `None` for a button, which only does something.
    pub on: Option<bool>,
    /// Its colour while it is on.
    pub colour: Color32,
    /// Its name, for tooltips and screen readers.
    pub name: &'a str,
    /// It can be used.
    pub enabled: bool,
}

impl Switch<'_> {
    /// Paints it and tells what was done with it.
    pub fn show(&self, ui: &Ui, p: &Palette) -> Response {
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(self.rect, ui.scope_id().with(self.name), sense);
        let on = self.on.unwrap_or(false);
        let fill = match (on, response.hovered() && self.enabled, response.is_pointer_button_down_on()) {
            (true, ..) => self.colour,
            (false, _, true) | (false, true, _) => p.hovered,
            _ => p.raised,
        };
        let painter = ui.painter();
        painter.rect_filled(self.rect, CORNER, fill);
        if response.has_focus() {
            painter.rect_stroke(self.rect, CORNER, Stroke::new(1.5, p.accent), StrokeKind::Outside);
        }
        let ink = match (on, self.enabled) {
            (true, _) => p.on_switch,
            (false, true) => p.text,
            (false, false) => veil(p.dim, 0.5),
        };
        match self.face {
            Face::Text(word) => {
                text(painter, self.rect, Align2::CENTER_CENTER, word, strong(SMALL), ink);
            }
            Face::Icon(icon) => icons::draw(painter, self.rect, icon, ink),
        }
        response.widget_info(|| match self.on {
            Some(on) => WidgetInfo::selected(Role::CheckBox, self.enabled, on, self.name),
            None => WidgetInfo::labeled(Role::Button, self.enabled, self.name),
        });
        response.on_hover_text(self.name)
    }
}
