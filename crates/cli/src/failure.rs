//! How a command ends when it does not end well.

use std::io;
use std::process::ExitCode;

use omega_studio::{RenderError, RenderFilesError, StudioError};

/// A reason in words: anything that can be displayed.
pub struct Reason(String);

impl<T: std::fmt::Display> From<T> for Reason {
    fn from(why: T) -> Self {
        Self(why.to_string())
    }
}

/// Why a command ends.
#[derive(Debug)]
pub enum Failure {
    /// It failed: code 1.
    Failed(String),
    /// It was asked for wrongly: code 2.
    Usage(String),
    /// Whoever read what was printed has gone: code 0 and not a word.
    Unread,
    /// All is said already: code 1.
    Told,
    /// It was interrupted, as one asked for: code 130.
    Interrupted(String),
}

impl Failure {
    /// It failed, in words.
    pub fn failed(why: impl Into<Reason>) -> Self {
        Self::Failed(why.into().0)
    }

    /// It was asked for wrongly, in words.
    pub fn usage(why: impl Into<Reason>) -> Self {
        Self::Usage(why.into().0)
    }

    /// Says why, in one line, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Unread => ExitCode::SUCCESS,
            Self::Told => ExitCode::from(1),
            Self::Failed(why) => tell(why, 1),
            Self::Usage(why) => tell(why, 2),
            Self::Interrupted(why) => tell(why, 130),
        }
    }
}

fn tell(why: &str, code: u8) -> ExitCode {
    use io::Write;
    // Names of files and what is in them may hold what moves the cursor.
    let line = crate::output::plain(why.split_whitespace().collect::<Vec<_>>().join(" "));
    // Where nobody reads errors, the code has to do.
    let _ = writeln!(io::stderr(), "error: {line}");
    ExitCode::from(code)
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Unread } else { Self::failed(error) }
    }
}

impl From<StudioError> for Failure {
    fn from(error: StudioError) -> Self {
        match error {
            StudioError::Cancelled
            | StudioError::Render(RenderFilesError::Render(RenderError::Cancelled)) => {
                Self::Interrupted(error.to_string())
            }
            _ => Self::failed(error),
        }
    }
}
