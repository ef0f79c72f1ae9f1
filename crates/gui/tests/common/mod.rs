//! A window on the demo session, driven by the names that screen readers hear.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;

use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use omega_gui::{Theme, View, Window};
use omega_studio::audio_io::{Backend, StreamConfig};
use omega_studio::session::{CreateOptions, EntryKind, Project};
use omega_studio::{Desk, Studio};

/// A window, and the folder of its session.
pub struct Bench {
    /// The window with its input and output.
    pub harness: Harness<'static, Option<Window>>,
    _folder: tempfile::TempDir,
}

/// A session with the demo, the same each time.
pub fn demo(folder: &std::path::Path) -> Studio {
    let mut studio = Studio::create(&folder.join("Demo.omega"), &CreateOptions::seeded("Demo", 1)).unwrap();
    let edits = omega_studio::demo(&studio.project(), studio.root()).unwrap();
    studio.apply("demo", &edits).unwrap();
    studio.save().unwrap();
    studio
}

/// What needs no sound card: a timer in silence.
pub fn timer() -> StreamConfig {
    StreamConfig { backend: Backend::Timer, inputs: 0, ..StreamConfig::default() }
}

impl Bench {
    /// A window of 1280 × 720 points on the demo.
    pub fn new() -> Self {
        Self::sized(1280.0, 720.0)
    }

    /// One of another size.
    pub fn sized(width: f32, height: f32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Some(Desk::new(demo(folder.path()), timer(), || {}).unwrap());
        let show = move |ui: &mut egui::Ui, window: &mut Option<Window>| {
            let ctx = ui.ctx().clone();
            window.get_or_insert_with(|| Window::new(&ctx, desk.take().unwrap(), Theme::Dark)).ui(ui);
        };
        let builder = Harness::builder().with_size(Vec2::new(width, height)).with_step_dt(1.0 / 60.0);
        let mut harness = builder.build_ui_state(show, None);
        harness.run_steps(2);
        Self { harness, _folder: folder }
    }

    pub fn window(&mut self) -> &mut Window {
        self.harness.state_mut().as_mut().unwrap()
    }

    pub fn view(&self) -> &View {
        self.harness.state().as_ref().unwrap().view()
    }

    pub fn project(&mut self) -> Arc<Project> {
        self.window().desk_mut().studio().project()
    }

    /// The steps that undo would undo.
    pub fn steps(&mut self) -> usize {
        let history = self.window().desk_mut().studio().history();
        history.iter().filter(|entry| entry.kind == EntryKind::Edit && !entry.undone).count()
    }

    /// Clicks what is called so.
    pub fn click(&mut self, name: &str) {
        let at = self.harness.get_by_label(name).rect().center();
        self.click_at(at, Modifiers::NONE);
    }

    pub fn click_at(&mut self, at: Pos2, modifiers: Modifiers) {
        self.hold(modifiers);
        self.point(at);
        self.button(at, true, modifiers);
        self.button(at, false, modifiers);
        self.hold(Modifiers::NONE);
        self.harness.run_steps(2);
    }

    /// Holds keys down from here on.
    pub fn hold(&mut self, modifiers: Modifiers) {
        self.harness.event(Event::ModifiersChanged(modifiers));
        self.harness.step();
    }

    pub fn point(&mut self, at: Pos2) {
        self.harness.event(Event::PointerMoved(at));
        self.harness.step();
    }

    pub fn button(&mut self, pos: Pos2, pressed: bool, modifiers: Modifiers) {
        let button = PointerButton::Primary;
        self.harness.event(Event::PointerButton { pos, button, pressed, modifiers });
        self.harness.step();
    }

    /// Drags from one place to another by a few steps.
    pub fn drag(&mut self, from: Pos2, to: Pos2, modifiers: Modifiers) {
        self.hold(modifiers);
        self.point(from);
        self.button(from, true, modifiers);
        for n in 1..=4_u8 {
            self.point(from + (to - from) * (f32::from(n) / 4.0));
        }
        self.button(to, false, modifiers);
        self.hold(Modifiers::NONE);
        self.harness.run_steps(2);
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    pub fn wheel(&mut self, at: Pos2, delta: Vec2, modifiers: Modifiers) {
        self.hold(modifiers);
        self.point(at);
        let (unit, phase) = (MouseWheelUnit::Point, egui::TouchPhase::Move);
        let source = egui::MouseWheelSource::Wheel;
        self.harness.event(Event::MouseWheel { unit, delta, phase, source, modifiers });
        self.harness.run_steps(30);
        self.hold(Modifiers::NONE);
    }
}
