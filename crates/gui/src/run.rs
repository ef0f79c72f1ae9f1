//! Onto the screen, or into a picture.

use std::sync::{Arc, OnceLock};

use egui_wgpu::{WgpuConfiguration, WgpuSetup};
use omega_studio::audio_io::StreamConfig;
use omega_studio::{Desk, Studio, StudioError};

use crate::offscreen::{Offscreen, Picture, PictureError, still};
use crate::palette::Theme;
use crate::window::Window;
use crate::{graphics, waves};

/// Why the window does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no screen.
    #[error("there is no screen to open a window on: DISPLAY is not set. `omega screenshot` needs none")]
    NoDisplay,
    /// The session.
    #[error(transparent)]
    Studio(#[from] StudioError),
    /// The window.
    #[error(
        "the window does not open: {0}. It needs X11 and a driver for Vulkan; mesa-vulkan-drivers has one that needs no graphics card"
    )]
    Window(String),
    /// The picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Opens a window on a session, and comes back when it is closed. `config` says what is played through.
///
/// # Errors
/// [`OpenError`].
pub fn open(studio: Studio, config: StreamConfig, theme: Theme) -> Result<(), OpenError> {
    if cfg!(target_os = "linux") && std::env::var_os("DISPLAY").is_none_or(|name| name.is_empty()) {
        return Err(OpenError::NoDisplay);
    }
    let name = studio.project().settings().name.clone();
    let ctx: Arc<OnceLock<egui::Context>> = Arc::default();
    let woken = Arc::clone(&ctx);
    let desk = Desk::new(studio, config, move || {
        if let Some(ctx) = woken.get() {
            ctx.request_repaint();
        }
    })?;
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title(format!("{name} – OmegaStudio"))
            .with_app_id("omegastudio")
            .with_inner_size([1280.0, 720.0])
            .with_min_inner_size([900.0, 480.0]),
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: WgpuConfiguration {
            wgpu_setup: WgpuSetup::CreateNew(graphics::setup()),
            ..WgpuConfiguration::default()
        },
        ..eframe::NativeOptions::default()
    };
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        let state = cc.wgpu_render_state.as_ref().ok_or("there are no graphics")?;
        waves::install(state);
        // It is set once: there is one window.
        let _ = ctx.set(cc.egui_ctx.clone());
        Ok(Box::new(App(Window::new(&cc.egui_ctx, desk, theme))))
    });
    eframe::run_native("omegastudio", options, create).map_err(|why| OpenError::Window(why.to_string()))
}

struct App(Window);

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.0.ui(ui);
    }

    fn on_exit(&mut self) {
        // Nobody sees the window any more: who started it from a terminal reads it there.
        if let Err(why) = self.0.desk_mut().close() {
            eprintln!("note: {why}");
        }
    }
}

/// What a picture shows.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// Pixels across and down.
    pub size: [u32; 2],
    /// Pixels of a point.
    pub scale: f32,
    /// The colours.
    pub theme: Theme,
}

/// Frames that are drawn until all pictures are there, at most.
const PATIENCE: usize = 64;

/// Draws a session into a picture, as the window would.
///
/// # Errors
/// [`OpenError`].
pub fn screenshot(studio: Studio, shot: &Shot) -> Result<Picture, OpenError> {
    let screen = Offscreen::new()?;
    let desk = Desk::new(studio, StreamConfig::default(), || {})?;
    let ctx = egui::Context::default();
    let mut window = Window::new(&ctx, desk, shot.theme);
    draw(&screen, &ctx, &mut window, shot).map_err(OpenError::Picture)
}

/// Draws frames until nothing is missing in them; the last one is the picture.
///
/// # Errors
/// [`PictureError`].
pub fn draw(
    screen: &Offscreen,
    ctx: &egui::Context,
    window: &mut Window,
    shot: &Shot,
) -> Result<Picture, PictureError> {
    let mut time = 0.0;
    let mut frame = |window: &mut Window| {
        time += 0.02;
        let mut output = ctx.run_ui(still(shot.size, shot.scale, time), |ui| window.ui(ui));
        screen.take_textures(&mut output);
        output
    };
    // The first frame is for sizes, the following for what is made in the background.
    let mut output = frame(window);
    for _ in 0..PATIENCE {
        window.desk_mut().overviews().wait();
        output.textures_delta.clear();
        output = frame(window);
        if window.is_whole() {
            break;
        }
    }
    screen.draw(ctx, output, shot.size)
}
