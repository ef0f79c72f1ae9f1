//! What is printed, and how a session is opened.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use omega_studio::Studio;
use omega_studio::session::OpenOptions;

use crate::failure::Failure;

/// How much is said, and by whom sessions are edited.
pub struct Output {
    /// Only what was asked for.
    pub quiet: bool,
    /// More.
    pub verbose: bool,
    /// Who edits.
    pub author: String,
}

impl Output {
    /// What was asked for, on standard output.
    pub fn print(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(io::stdout().lock(), "{text}")?)
    }

    /// What a script reads, on standard output.
    pub fn json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.print(format_args!("{value:#}"))
    }

    /// What happened, in a line on standard error, unless it is to be quiet.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            // Where nobody reads it there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", plain(text));
        }
    }

    /// A bar on standard error if that is a terminal.
    pub fn bar(&self) -> ProgressBar {
        let shown = !self.quiet && io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        match ProgressStyle::with_template("{bar:40} {percent:>3}% {msg} {eta}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Opens a session for editing.
    pub fn open(&self, path: &Path) -> Result<Studio, Failure> {
        self.told(Studio::open(path, &OpenOptions::new(&self.author))?)
    }

    /// Opens a session for reading: it may be open elsewhere.
    pub fn read(&self, path: &Path) -> Result<Studio, Failure> {
        self.told(Studio::open(path, &OpenOptions::read_only())?)
    }

    fn told(&self, mut studio: Studio) -> Result<Studio, Failure> {
        let notices = studio.document_mut().take_notices();
        for notice in notices.iter().filter(|notice| self.verbose || notice.is_warning()) {
            let kind = if notice.is_warning() { "warning" } else { "note" };
            self.say(format_args!("{kind}: {notice}"));
        }
        Ok(studio)
    }
}

/// A share 0..=1 in thousandths.
pub fn thousandths(share: f32) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000, for a bar")]
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0) as u64;
    thousandths
}

/// A text that others wrote (a name, a path) for a line of a terminal: without what would move the cursor or end the line.
pub fn plain(text: impl std::fmt::Display) -> String {
    text.to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Decibels for people.
pub fn decibels(value: Option<f64>) -> String {
    value.map_or_else(|| "silent".to_owned(), |value| format!("{value:.1}"))
}
