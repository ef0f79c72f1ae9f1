//! The window: takes a snapshot, draws it, and does afterwards what was asked for.

use std::time::Duration;

use egui::{Align2, Rect, Ui, pos2, vec2};
use omega_studio::Desk;

use crate::arrange::Arrange;
use crate::palette::Theme;
use crate::theme::{BODY, font, space};
use crate::view::{Intent, Toast, View};
use crate::{keys, paint, theme, transport};

/// Seconds that a message stays.
const SHOWN: f64 = 5.0;
/// While something moves a frame is drawn this often.
const FRAME: Duration = Duration::from_millis(16);

/// A session in a window.
pub struct Window {
    desk: Desk,
    view: View,
    arrange: Arrange,
    whole: bool,
}

impl Window {
    /// A window on a session, with the fonts and the style of a theme in `ctx`.
    #[must_use]
    pub fn new(ctx: &egui::Context, desk: Desk, chosen: Theme) -> Self {
        theme::apply(ctx, chosen);
        // The window has zoom keys of its own, and pinching zooms the time line.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        Self { desk, view: View::new(chosen), arrange: Arrange::default(), whole: false }
    }

    /// The state of the view.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The state of the view, to be changed.
    pub fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// What lies on the desk.
    pub fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    /// Whether the last frame had all the pictures that belong into it.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Draws a frame, and does what was asked for in it.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.desk.poll();
        for news in self.desk.take_news() {
            self.view.tell(news, true);
        }
        let snapshot = self.desk.snapshot();
        let now = ui.input(|input| input.time);
        let moves = self.view.needles.follow(&snapshot.meters, snapshot.project.tracks().keys(), now);
        keys::act(ui.ctx(), &snapshot, &self.arrange.layout, &mut self.view);
        let all = ui.max_rect();
        let (bar, page) = all.split_top_bottom_at_y(all.top() + transport::HEIGHT);
        self.whole = self.arrange.show(ui, page, &snapshot, self.desk.overviews(), &mut self.view);
        transport::show(ui, bar, &snapshot, &mut self.view);
        self.toasts(ui, now);
        self.act();
        if snapshot.playing || moves || !snapshot.jobs.is_empty() {
            ui.ctx().request_repaint_after(FRAME);
        }
    }

    /// Does what was asked for. What is refused is said.
    fn act(&mut self) {
        let intents = std::mem::take(&mut self.view.intents);
        for intent in intents {
            let done = match intent {
                Intent::Edit(name, edits) => self.desk.apply(&name, &edits).map(drop),
                Intent::Play => self.desk.play(),
                Intent::Stop => {
                    self.desk.stop();
                    Ok(())
                }
                Intent::Locate(frame) => {
                    self.desk.locate(frame);
                    Ok(())
                }
                Intent::Undo => self.desk.undo().map(|done| self.say("Undid", done)),
                Intent::Redo => self.desk.redo().map(|done| self.say("Redid", done)),
                Intent::Save => self.desk.save().map(|()| self.view.tell("Saved", false)),
            };
            if let Err(why) = done {
                self.view.tell(why.to_string(), true);
            }
        }
        let project = self.desk.studio().project();
        self.view.clips.retain(|id| project.clip(id).is_some());
    }

    fn say(&mut self, verb: &str, done: Option<omega_studio::session::Applied>) {
        if let Some(done) = done {
            self.view.tell(format!("{verb} {}", done.name), false);
        }
    }

    /// Messages, the latest lowest.
    fn toasts(&mut self, ui: &Ui, now: f64) {
        let p = self.view.palette;
        self.view.toasts.retain(|toast| toast.until.is_none_or(|until| until > now));
        let mut bottom = ui.max_rect().bottom() - space::M;
        for Toast { text, bad, until } in self.view.toasts.iter_mut().rev() {
            let until = *until.get_or_insert(now + SHOWN);
            let right = ui.max_rect().right() - space::M;
            let galley = paint::line(ui.painter(), text, font(BODY), p.text, 520.0);
            let size = galley.size() + vec2(2.0 * space::M, 2.0 * space::S);
            let rect = Rect::from_min_max(pos2(right - size.x, bottom - size.y), pos2(right, bottom));
            let painter = ui
                .ctx()
                .layer_painter(egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("toasts")));
            painter.rect(rect, 4.0, p.raised, (1.0, p.edge), egui::StrokeKind::Outside);
            let mark = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
            painter.rect_filled(mark, 2.0, if *bad { p.red } else { p.accent });
            let place =
                Align2::LEFT_CENTER.align_size_within_rect(galley.size(), rect.shrink2(vec2(space::M, 0.0)));
            painter.galley(place.min, galley, p.text);
            bottom = rect.top() - space::S;
            ui.ctx().request_repaint_after(Duration::from_secs_f64((until - now).max(0.0) + 0.05));
        }
    }
}
