//! `omega screenshot`

use std::path::PathBuf;

use clap::ValueEnum;
use omega_gui::{OpenError, PictureError, Shot, Theme};

use crate::failure::Failure;
use crate::output::Output;

/// Draw a session into a PNG file, as the window shows it
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega screenshot Song.omega -o song.png\n  omega screenshot Song.omega -o song.png --size 2560x1440 \
                  --scale 2 --theme light\n\nNo screen is needed, but a driver for Vulkan is; a software one will do."
)]
pub struct Screenshot {
    /// The session
    session: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Pixels across and down
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    size: [u32; 2],
    /// Pixels of a point, 0.5 to 4
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    scale: f32,
    /// The colours
    #[arg(long, value_name = "THEME", default_value = "dark")]
    theme: Colours,
}

/// The colours, by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum Colours {
    Dark,
    Light,
}

impl From<Colours> for Theme {
    fn from(colours: Colours) -> Self {
        match colours {
            Colours::Dark => Self::Dark,
            Colours::Light => Self::Light,
        }
    }
}

/// `1280x720`.
fn size(text: &str) -> Result<[u32; 2], String> {
    let sides = text.split_once(['x', 'X', '×']);
    let sides = sides.and_then(|(width, height)| Some([width.parse().ok()?, height.parse().ok()?]));
    sides.ok_or_else(|| "write it like 1280x720".to_owned())
}

impl Screenshot {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        if !(0.5..=4.0).contains(&self.scale) {
            return Err(Failure::usage(format!("--scale {}: give 0.5 to 4 pixels a point", self.scale)));
        }
        let studio = output.read(&self.session)?;
        let shot = Shot { size: self.size, scale: self.scale, theme: self.theme.into() };
        let picture = omega_gui::screenshot(studio, &shot)?;
        picture.write(&self.output).map_err(OpenError::from)?;
        output.say(format_args!("{}: {} × {} pixels", self.output.display(), picture.width, picture.height));
        Ok(())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Studio(error) => error.into(),
            OpenError::Picture(PictureError::Size(..)) => Self::usage(format!("--size: {error}")),
            _ => Self::failed(error),
        }
    }
}
