//! `omega open`

use std::path::PathBuf;

use omega_gui::Theme;

use crate::commands::screenshot::Colours;
use crate::failure::Failure;
use crate::output::Output;
use crate::through::Through;

/// Open a session in a window
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega open Song.omega\n  omega open Song.omega --theme light --backend jack\n\nThe hardware is \
                  opened when playing begins for the first time. Needs X11 and a driver for Vulkan; \
                  docs/window.md has the keys."
)]
pub struct Open {
    /// The session
    session: PathBuf,
    #[command(flatten)]
    through: Through,
    /// The colours
    #[arg(long, value_name = "THEME", default_value = "dark")]
    theme: Colours,
}

impl Open {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let studio = output.open(&self.session)?;
        Ok(omega_gui::open(studio, self.through.config(), Theme::from(self.theme))?)
    }
}
